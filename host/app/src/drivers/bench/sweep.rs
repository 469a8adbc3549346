//! A sweep's runs a second on two cores, against the same sweep on one: what threads that share the
//! market and the compiled component gain.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::figure::{Figure, per_second};
use super::place::Place;
use super::{SEED, backtest, market};
use crate::drivers::backtest::{Params, SetResult, Setup, lay_out, run_sets};
use crate::drivers::lockstep::Market;
use crate::failure::Failure;

/// Sets of a sweep: twenty values of one parameter times ten of the other.
const FAST: usize = 20;
const SLOW: usize = 10;
/// One-minute bars of each run.
const BARS: usize = 20_000;
/// Sweeps of each kind, in turns; the middle one counts.
const RUNS: usize = 3;

/// Measures both in turns.
pub(super) fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let market = lay_out(&market::bars(&place.folder("sweep")?, SEED, "BENCH", BARS)?)?;
    let setup = backtest::setup(place, 100_000)?;
    let sets = sets();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (alone, took) = timed(&setup, &market, &sets, 1)?;
        one.push(took);
        let (together, took) = timed(&setup, &market, &sets, 2)?;
        two.push(took);
        agree(&alone, &together)?;
    }
    let rate = |mut times: Vec<Duration>| {
        times.sort_unstable();
        let count = u64::try_from(sets.len()).unwrap_or(u64::MAX);
        per_second(count, times.get(times.len() / 2).copied().unwrap_or_default())
    };
    Ok(vec![Figure::new(
        "sweep",
        (rate(two), "runs/s"),
        ("the same sweep on one core", rate(one)),
        u64::try_from(sets.len()).unwrap_or(u64::MAX),
    )])
}

fn sets() -> Vec<Params> {
    let set = |fast: usize, slow: usize| {
        vec![("fast".to_owned(), fast.to_string()), ("slow".to_owned(), slow.to_string())]
    };
    let slow = |fast| (0..SLOW).map(move |step| set(fast, 30 + 10 * step));
    (1..=FAST).flat_map(slow).collect()
}

fn timed(
    setup: &Setup,
    market: &Market,
    sets: &[Params],
    jobs: usize,
) -> anyhow::Result<(Vec<SetResult>, Duration)> {
    let began = Instant::now();
    let results = run_sets(setup, (market, 0), sets, jobs);
    let took = began.elapsed();
    for result in &results {
        ensure!(result.error.is_none(), "a set failed: {result:?}");
    }
    Ok((results, took))
}

/// A sweep that gives something else on two cores is no sweep.
fn agree(alone: &[SetResult], together: &[SetResult]) -> anyhow::Result<()> {
    let of = |result: &SetResult| {
        let summary = result.summary.as_ref();
        (result.params.clone(), summary.map(|summary| (summary.fills, summary.final_equity.0)))
    };
    let fills: u64 = alone.iter().filter_map(|r| Some(r.summary.as_ref()?.fills)).sum();
    ensure!(fills > 0, "the sweep has no fill: it measures nothing");
    ensure!(alone.iter().map(of).eq(together.iter().map(of)), "one core and two cores differ");
    Ok(())
}
