//! Many runs over the same bars: one for each set of parameters, on all cores.
//!
//! The market and the compiled component are shared; everything else is a run's own. The order of
//! results is that of the sets, however the threads take turns. A set that fails is named and leaves
//! the others alone.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;

use super::goal::best;
use super::result::Summary;
use super::run::{Setup, run_from};
use crate::cli::backtest::{BacktestArgs, Goal};
use crate::cli::screen;
use crate::cli::sweep::ParamRange;
use crate::drivers::lockstep::Market;
use crate::failure::Failure;

/// Most runs of one sweep: beyond this a sweep belongs on more than one machine.
const RUNS_MAX: usize = 100_000;

/// The parameters of one run, in the order of the command line.
pub(crate) type Params = Vec<(String, String)>;

/// What came of one set.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SetResult {
    /// Its parameters.
    pub(crate) params: BTreeMap<String, String>,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// Its result, where it ran to the end.
    #[serde(flatten)]
    pub(crate) summary: Option<Summary>,
}

impl SetResult {
    /// The figure that it is compared by; `None` where it failed.
    pub(super) fn figure(&self, goal: Goal) -> Option<f64> {
        let sound = self.error.is_none();
        self.summary.as_ref().filter(|_| sound).and_then(|summary| goal.of(summary))
    }
}

/// Every combination of values, the last parameter's changing fastest.
pub(super) fn sets_of(params: &[ParamRange]) -> Result<Vec<Params>, Failure> {
    let mut sets: Vec<Params> = vec![Vec::new()];
    for param in params {
        if sets.len().saturating_mul(param.values.len()) > RUNS_MAX {
            return Err(Failure::Usage(format!(
                "the sweep has more than {RUNS_MAX} runs: use fewer values of --param"
            )));
        }
        let extended = sets.iter().flat_map(|set| {
            param.values.iter().map(|value| {
                let mut set = set.clone();
                set.push((param.name.clone(), value.clone()));
                set
            })
        });
        sets = extended.collect();
    }
    Ok(sets)
}

/// A set for people.
pub(super) fn name_of(params: &[(String, String)]) -> String {
    params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// How many runs go on at once.
pub(super) fn jobs(args: &BacktestArgs) -> usize {
    let cores = std::thread::available_parallelism();
    args.jobs.or(cores.ok()).map_or(1, NonZeroUsize::get)
}

/// Runs all sets over a market from a time stamp on, `jobs` at once; results in the order of the sets.
pub(crate) fn run_sets(
    setup: &Setup,
    (market, from): (&Market, usize),
    sets: &[Params],
    jobs: usize,
) -> Vec<SetResult> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(sets.len()));
    // On stderr, and only where that is a terminal.
    let progress = ProgressBar::new(u64::try_from(sets.len()).unwrap_or(u64::MAX));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(sets.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(params) = sets.get(index) else {
                        return;
                    };
                    let result = run_set(setup, (market, from), params);
                    progress.inc(1);
                    results.lock().expect("no run panics with the lock held").push((index, result));
                }
            });
        }
    });
    progress.finish_and_clear();
    let mut results = results.into_inner().expect("all workers have ended");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn run_set(
    setup: &Setup,
    (market, from): (&Market, usize),
    params: &[(String, String)],
) -> SetResult {
    let ran = run_from(&setup.with_params(params), market, from);
    let (summary, error) = match ran {
        Ok(result) => {
            let error = result.summary.clean().err().map(|failure| failure.to_string());
            (Some(result.summary), error)
        }
        Err(failure) => (None, Some(failure.to_string())),
    };
    SetResult { params: params.iter().cloned().collect(), error, summary }
}

/// Runs a sweep, prints and writes it.
pub(super) fn sweep(
    args: &BacktestArgs,
    setup: &Setup,
    market: &Market,
    sets: &[Params],
) -> Result<(), Failure> {
    let results = run_sets(setup, (market, 0), sets, jobs(args));
    if let Some(folder) = &args.out {
        super::files::write_sweep(folder, &args.params, sets, &results, args.by)
            .map_err(Failure::Failed)?;
    }
    if args.json {
        screen::json(&results)?;
    } else {
        print(sets, &results, args.by)?;
    }
    note_failed(sets, &results)
}

/// Names the sets that failed; a sweep of which none ran has failed itself.
pub(super) fn note_failed(sets: &[Params], results: &[SetResult]) -> Result<(), Failure> {
    let failed: Vec<String> = sets
        .iter()
        .zip(results)
        .filter_map(|(set, result)| Some(format!("{}: {}", name_of(set), result.error.as_ref()?)))
        .collect();
    let Some(first) = failed.first() else { return Ok(()) };
    if failed.len() == results.len() {
        let text = format!("all {} sets failed; the first: {first}", failed.len());
        return Err(Failure::Failed(anyhow::anyhow!(text)));
    }
    screen::note(&format!("{} of {} sets failed:", failed.len(), results.len()));
    for line in failed.iter().take(FAILED_SHOWN) {
        screen::note(&format!("  {line}"));
    }
    if failed.len() > FAILED_SHOWN {
        screen::note(&format!(
            "  and {} more (--json or --out name all)",
            failed.len() - FAILED_SHOWN
        ));
    }
    Ok(())
}

/// Failed sets that a screen names.
const FAILED_SHOWN: usize = 20;

/// One line per set; of many the best, by the figure that they are compared by.
fn print(sets: &[Params], results: &[SetResult], goal: Goal) -> Result<(), Failure> {
    let headings =
        ["", "PARAMETERS", ">EQUITY", ">RETURN", ">SHARPE", ">DRAWDOWN", ">FILLS", "FAILED"];
    let mut table = screen::Screen::new(&headings, "no run");
    let best = best(results.iter().map(|result| result.figure(goal)));
    let mut order: Vec<usize> = (0..results.len()).collect();
    let shown = usize::try_from(screen::ROWS_SHOWN).unwrap_or(usize::MAX);
    if order.len() > shown {
        // A sort that keeps the order of equals; sets without the figure come last.
        let figure = |place: &usize| results[*place].figure(goal);
        order
            .sort_by(|a, b| figure(b).partial_cmp(&figure(a)).unwrap_or(std::cmp::Ordering::Equal));
        order.truncate(shown);
        screen::note(&format!("the best {shown} of {} sets by {}", results.len(), goal.key()));
    }
    for place in order {
        let (result, name) = (&results[place], name_of(&sets[place]));
        let mark = if best == Some(place) { "best" } else { "" };
        let error = result.error.clone().unwrap_or_default();
        let error: String = error.chars().take(60).collect();
        let of = |text: &dyn Fn(&Summary) -> String| {
            result.summary.as_ref().map_or_else(String::new, text)
        };
        table.row([
            mark.to_owned(),
            name,
            of(&|summary| screen::money(summary.final_equity)),
            of(&|summary| Goal::TotalReturn.text(summary.figures.total_return)),
            of(&|summary| Goal::Sharpe.text(summary.figures.sharpe)),
            of(&|summary| Goal::MaxDrawdown.text(summary.figures.max_drawdown)),
            of(&|summary| summary.fills.to_string()),
            error,
        ]);
    }
    table.print()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_every_combination_in_order() {
        let range = |text: &str| text.parse::<ParamRange>().unwrap();
        let sets = sets_of(&[range("a=1..2"), range("k=x"), range("b=5..15:5")]).unwrap();
        let names: Vec<String> = sets.iter().map(|set| name_of(set)).collect();
        assert_eq!(names.len(), 6);
        assert_eq!(names[0], "a=1 k=x b=5");
        assert_eq!(names[1], "a=1 k=x b=10");
        assert_eq!(names[5], "a=2 k=x b=15");
        assert_eq!(sets_of(&[]).unwrap(), [Vec::new()]);
        let many = [range("a=1..1000"), range("b=1..1000")];
        assert!(sets_of(&many).unwrap_err().to_string().contains("more than 100000 runs"));
    }
}
