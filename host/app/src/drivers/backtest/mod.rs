//! `stockade backtest`: components against files of bars, in one thread, deterministic.
//!
//! The lockstep loop with a sink that keeps what the results need and drops the rest. One data
//! set can be run with many parameters: a sweep lists each with its result.

mod files;
mod result;
mod run;

use anyhow::Context;
use stockade_runtime::Trust;

use crate::cli::backtest::BacktestArgs;
use crate::cli::screen;
use crate::config::Settings;
use crate::failure::Failure;

pub(crate) use result::Summary;
#[cfg(test)]
pub(crate) use run::run_made;
pub(crate) use run::{Entry, Setup, rules, run_native, run_once};

/// Most runs of one sweep: beyond this a sweep belongs on more than one machine.
const RUNS_MAX: usize = 100_000;

/// Runs what the arguments ask for and prints the result.
pub(crate) fn run(settings: &Settings, args: &BacktestArgs) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let bars = stockade_venue::files::read_bars(&args.bars)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let setups = setups(args, &settings.trust(false)?)?;
    if setups.len() > 1 {
        return sweep(args, &bars, &setups);
    }
    let setup =
        setups.into_iter().next().context("no run is asked for").map_err(Failure::Failed)?;
    let mut result = run_once(&setup, &bars)?;
    result.summary.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(folder) = &args.out {
        files::write(folder, &result).map_err(Failure::Failed)?;
    }
    if args.json {
        screen::json(&result.summary)?
    } else {
        result.summary.print()?
    }
    result.summary.clean()
}

/// One setup per combination of parameters, in the order of the command line.
fn setups(args: &BacktestArgs, trust: &Trust) -> Result<Vec<Setup>, Failure> {
    let mut combinations: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for param in &args.params {
        let extended = combinations.iter().flat_map(|chosen| {
            param.values.iter().map(|value| {
                let mut chosen = chosen.clone();
                chosen.push((param.name.clone(), value.clone()));
                chosen
            })
        });
        combinations = extended.collect();
        if combinations.len() > RUNS_MAX {
            return Err(Failure::Usage(format!(
                "the sweep has more than {RUNS_MAX} runs: use fewer values of --param"
            )));
        }
    }
    combinations.into_iter().map(|params| Setup::of(args, params, trust)).collect()
}

/// Runs all setups on all cores; each run is in one thread of its own.
fn sweep(
    args: &BacktestArgs,
    bars: &stockade_venue::files::Bars,
    setups: &[Setup],
) -> Result<(), Failure> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = std::sync::Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(setups.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(setup) = setups.get(index) else {
                        return;
                    };
                    let outcome = run_once(setup, bars).map(|result| result.summary);
                    results
                        .lock()
                        .expect("no run panics with the lock held")
                        .push((index, outcome));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("all workers have ended");
    results.sort_by_key(|(index, _)| *index);
    let summaries: Vec<Summary> =
        results.into_iter().map(|(_, outcome)| outcome).collect::<Result<_, Failure>>()?;
    if let Some(folder) = &args.out {
        files::write_sweep(folder, setups, &summaries).map_err(Failure::Failed)?;
    }
    if args.json {
        screen::json(&summaries)?
    } else {
        result::print_sweep(setups, &summaries)?
    }
    summaries.iter().try_for_each(Summary::clean)
}
