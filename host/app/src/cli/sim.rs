//! `stockade sim`: the fault simulator.

use super::screen::{self, Screen};
use crate::drivers::sim;
use crate::failure::Failure;

/// Search for a sequence of faults that breaks an invariant
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true).args(["seeds", "seed"]),
    after_help = "Example:\n  stockade sim --seeds 500"
)]
pub(crate) struct SimArgs {
    /// How many seeds to run, from --first on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// The first of several seeds
    #[arg(long, value_name = "S", default_value_t = 1, conflicts_with = "seed")]
    pub(crate) first: u64,
    /// The one seed to run, with its trace on stderr
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Steps of each seed
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) steps: u64,
    /// A mistake to make on purpose: it has to be found
    #[cfg(feature = "seeded-bugs")]
    #[arg(long, value_name = "NAME")]
    pub(crate) bug: Option<String>,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs it. A broken invariant ends with exit code 1.
pub(crate) fn run(args: &SimArgs) -> Result<(), Failure> {
    #[cfg(feature = "seeded-bugs")]
    switch_on(args.bug.as_deref())?;
    let report = match args.seed {
        Some(seed) => one(seed, args.steps),
        None => {
            let told = |failure: &sim::Failure| {
                screen::note(&format!(
                    "seed {} step {}: {}: {}\n  {}",
                    failure.seed, failure.step, failure.invariant, failure.what, failure.repeat
                ));
            };
            sim::run(args.first, args.seeds.unwrap_or(1), args.steps, told)
        }
    };
    if args.json {
        screen::json(&report)?;
    } else {
        show(&report)?;
    }
    match report.failures.len() {
        0 => Ok(()),
        broken => Err(Failure::Failed(anyhow::anyhow!(
            "{broken} of {} seeds broke an invariant",
            report.seeds
        ))),
    }
}

#[cfg(feature = "seeded-bugs")]
fn switch_on(name: Option<&str>) -> Result<(), Failure> {
    use stockade_core::bug::{self, Bug};
    let Some(name) = name else { return Ok(()) };
    let known = || {
        let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.as_str()).collect();
        Failure::Usage(format!("--bug \"{name}\" is none of {}", names.join(", ")))
    };
    bug::set(Some(Bug::parse(name).ok_or_else(known)?));
    Ok(())
}

fn one(seed: u64, steps: u64) -> sim::Report {
    let outcome = sim::run_seed(seed, steps, true);
    sim::Report {
        seeds: 1,
        passed: u64::from(outcome.failure.is_none()),
        steps: outcome.steps,
        counters: outcome.counters,
        failures: outcome.failure.into_iter().collect(),
    }
}

fn show(report: &sim::Report) -> Result<(), Failure> {
    let mut rows = Screen::new(&["WHAT", ">COUNT"], "");
    let counted =
        serde_json::to_value(report.counters).map_err(|error| Failure::Failed(error.into()))?;
    for (name, count) in
        [("seeds", report.seeds), ("passed", report.passed), ("steps", report.steps)]
    {
        rows.row([name.to_owned(), count.to_string()]);
    }
    for (name, count) in counted.as_object().into_iter().flatten() {
        rows.row([name.replace('_', " "), count.to_string()]);
    }
    rows.print()?;
    for failure in &report.failures {
        screen::line(&format!(
            "seed {} step {}: {}: {}\n  {}",
            failure.seed, failure.step, failure.invariant, failure.what, failure.repeat
        ))?;
    }
    Ok(())
}
