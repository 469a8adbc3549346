//! Walk-forward: in each window of the market the best set of parameters is chosen over its first
//! part, and run over the second, which the choice has not seen. The second parts follow one another
//! without a gap; their runs are chained, each beginning with the cash that the one before ended
//! with.

use std::collections::BTreeMap;
use std::ops::Range;

use rust_decimal::RoundingStrategy;
use serde::Serialize;
use stockade_core::Money;
use stockade_exchange::Nanos;
use stockade_store::query::{At, Number};

use super::goal::best;
use super::result::{BacktestResult, Summary, figures_of};
use super::run::{Setup, run_from};
use super::sweep::{Params, SetResult, jobs, name_of, run_sets};
use super::warm;
use crate::cli::backtest::{BacktestArgs, Goal};
use crate::cli::screen;
use crate::cli::sweep::{Count, WalkForward};
use crate::drivers::lockstep::Market;
use crate::failure::Failure;

/// Most windows: each is a sweep.
const WINDOWS_MAX: usize = 10_000;

/// What came of a walk-forward.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Walked {
    /// The figure that sets were compared by.
    pub(super) by: &'static str,
    /// Every window, in order.
    pub(super) windows: Vec<Window>,
    /// The out-of-sample runs as one.
    pub(super) chained: Summary,
}

/// One window.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Window {
    /// The first and the last time stamp in which the set was chosen.
    in_from: At,
    in_to: At,
    /// Those of the run after it.
    out_from: At,
    out_to: At,
    /// The best set in sample; `None` where no set had the figure.
    params: Option<BTreeMap<String, String>>,
    /// Sets that failed in sample.
    failed: usize,
    /// The best set's results.
    in_sample: Option<Summary>,
    out_of_sample: Option<Summary>,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    goal: Goal,
}

/// The columns of `walk-forward.csv`.
pub(super) const WINDOW_COLUMNS: [&str; 13] = [
    "in_from",
    "in_to",
    "out_from",
    "out_to",
    "params",
    "in_figure",
    "out_figure",
    "in_return",
    "out_return",
    "out_drawdown",
    "out_fills",
    "out_final_equity",
    "failed_sets",
];

impl Window {
    /// A row of the file.
    pub(super) fn cells(&self) -> [String; 13] {
        let figure = |figure: Option<f64>| figure.map(|f| f.to_string()).unwrap_or_default();
        self.row(&|_, value| figure(value), &|at| at.to_string(), &|number| number.to_string())
    }

    /// The same for people.
    pub(super) fn shown(&self) -> [String; 13] {
        self.row(&|goal, value| goal.text(value), &screen::time, &screen::money)
    }

    fn row(
        &self,
        figure: &dyn Fn(Goal, Option<f64>) -> String,
        time: &dyn Fn(At) -> String,
        money: &dyn Fn(Number) -> String,
    ) -> [String; 13] {
        let inside = |goal: Goal| self.in_sample.as_ref().and_then(|summary| goal.of(summary));
        let outside = |goal: Goal| self.out_of_sample.as_ref().and_then(|summary| goal.of(summary));
        let of = |text: &dyn Fn(&Summary) -> String| {
            self.out_of_sample.as_ref().map_or_else(String::new, text)
        };
        [
            time(self.in_from),
            time(self.in_to),
            time(self.out_from),
            time(self.out_to),
            self.name.clone(),
            figure(self.goal, inside(self.goal)),
            figure(self.goal, outside(self.goal)),
            figure(Goal::TotalReturn, inside(Goal::TotalReturn)),
            figure(Goal::TotalReturn, outside(Goal::TotalReturn)),
            figure(Goal::MaxDrawdown, outside(Goal::MaxDrawdown)),
            of(&|summary| summary.fills.to_string()),
            of(&|summary| money(summary.final_equity)),
            self.failed.to_string(),
        ]
    }
}

/// Where a window's parts lie, in time stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    inside: Range<usize>,
    outside: Range<usize>,
}

/// Runs it, prints and writes it.
pub(super) fn run(
    args: &BacktestArgs,
    walk: WalkForward,
    setup: &Setup,
    market: &Market,
    sets: &[Params],
) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let parts = parts_of(&starts(market, walk.count), market.len(), walk, args.anchored)?;
    let mut windows = Vec::with_capacity(parts.len());
    let mut chain: Option<BacktestResult> = None;
    let mut capital = setup.capital;
    for place in &parts {
        let (window, ran) = one(args, setup, market, sets, place, capital)?;
        if let Some(ran) = ran {
            capital = cents(ran.summary.final_equity);
            match &mut chain {
                Some(chain) => append(chain, ran),
                None => chain = Some(ran),
            }
        }
        windows.push(window);
        if !capital.is_positive() {
            screen::note("nothing is left to go on with: the walk ends early");
            break;
        }
    }
    let Some(mut chain) = chain else {
        return Err(Failure::Failed(anyhow::anyhow!(
            "no set had a {} in any of {} windows: longer parts (--walk-forward) or another figure (--by) may give one",
            args.by.key(),
            windows.len()
        )));
    };
    settle(&mut chain, setup.capital);
    chain.summary.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let walked = Walked { by: args.by.key(), windows, chained: chain.summary.clone() };
    if let Some(folder) = &args.out {
        super::files::write_walk(folder, &walked, &chain).map_err(Failure::Failed)?;
    }
    if args.json {
        screen::json(&walked)?;
    } else {
        print(&walked)?;
    }
    walked.chained.clean()
}

/// Chooses a set in sample and runs it out of sample.
fn one(
    args: &BacktestArgs,
    setup: &Setup,
    market: &Market,
    sets: &[Params],
    parts: &Parts,
    capital: Money,
) -> Result<(Window, Option<BacktestResult>), Failure> {
    let setup = setup.with_capital(capital);
    let (inside, from) = part(&setup, market, &parts.inside)?;
    let results = run_sets(&setup, (&inside, from), sets, jobs(args));
    drop(inside);
    let failed = results.iter().filter(|result| result.error.is_some()).count();
    if failed == results.len() {
        super::sweep::note_failed(sets, &results)?;
    }
    let best = best(results.iter().map(|result| result.figure(args.by)));
    let at = |group: usize| At(market.at(group).0);
    let mut window = Window {
        in_from: at(parts.inside.start),
        in_to: at(parts.inside.end - 1),
        out_from: at(parts.outside.start),
        out_to: at(parts.outside.end - 1),
        params: None,
        failed,
        in_sample: None,
        out_of_sample: None,
        name: String::new(),
        goal: args.by,
    };
    let Some(best) = best else { return Ok((window, None)) };
    let SetResult { params, summary, .. } = results[best].clone();
    (window.params, window.in_sample) = (Some(params), summary);
    window.name = name_of(&sets[best]);
    let (outside, from) = part(&setup, market, &parts.outside)?;
    let ran = run_from(&setup.with_params(&sets[best]), &outside, from)?;
    window.out_of_sample = Some(ran.summary.clone());
    Ok((window, Some(ran)))
}

/// A part of the market with what bots see before it, and where the part begins in that.
fn part(setup: &Setup, market: &Market, groups: &Range<usize>) -> Result<(Market, usize), Failure> {
    let first = warm::before(setup, market, groups.start)?;
    Ok((market.part(first..groups.end), groups.start - first))
}

/// The first time stamp of each day or time stamp.
fn starts(market: &Market, count: Count) -> Vec<usize> {
    match count {
        Count::Bars => (0..market.len()).collect(),
        Count::Days => {
            let day = |group: &usize| Nanos(market.at(*group).0).new_york_date();
            let mut starts: Vec<usize> = (0..market.len()).collect();
            starts.dedup_by_key(|group| day(group));
            starts
        }
    }
}

/// The windows: each begins one outer part after the one before; the last may be cut short.
fn parts_of(
    starts: &[usize],
    end: usize,
    walk: WalkForward,
    anchored: bool,
) -> Result<Vec<Parts>, Failure> {
    let unit = match walk.count {
        Count::Days => "days",
        Count::Bars => "time stamps",
    };
    let at = |place: usize| starts.get(place).copied().unwrap_or(end);
    let mut parts = Vec::new();
    let mut place = 0;
    while place + walk.inside < starts.len() {
        let (middle, last) = (at(place + walk.inside), at(place + walk.inside + walk.outside));
        let first = if anchored { 0 } else { at(place) };
        parts.push(Parts { inside: first..middle, outside: middle..last });
        place += walk.outside;
        if parts.len() > WINDOWS_MAX {
            return Err(Failure::Usage(format!(
                "the walk-forward has more than {WINDOWS_MAX} windows: a longer second part of --walk-forward gives fewer"
            )));
        }
    }
    if parts.is_empty() {
        return Err(Failure::Usage(format!(
            "the files hold {} {unit}: too few for {} in sample and one after them (--walk-forward)",
            starts.len(),
            walk.inside
        )));
    }
    Ok(parts)
}

/// An account begins with whole cents: what is less is left out.
fn cents(equity: Number) -> Money {
    Money::new(equity.0.round_dp_with_strategy(2, RoundingStrategy::ToNegativeInfinity))
}

/// Puts a run behind those before it.
fn append(chain: &mut BacktestResult, ran: BacktestResult) {
    // Its first point is the capital, which the run before it ended with.
    chain.curve.extend(ran.curve.into_iter().skip(1));
    chain.executions.extend(ran.executions);
    chain.round_trips.extend(ran.round_trips);
    for (symbol, points) in ran.closes {
        match chain.closes.iter_mut().find(|(known, _)| *known == symbol) {
            Some((_, all)) => all.extend(points),
            None => chain.closes.push((symbol, points)),
        }
    }
    let (all, one) = (&mut chain.summary, ran.summary);
    all.bars += one.bars;
    all.quotes += one.quotes;
    all.trades += one.trades;
    all.orders += one.orders;
    all.fills += one.fills;
    all.refusals += one.refusals;
    all.end = one.end;
    all.final_equity = one.final_equity;
    all.cash = one.cash;
    all.realised = Number(all.realised.0 + one.realised.0);
    all.fees = Number(all.fees.0 + one.fees.0);
    all.strikes.extend(one.strikes);
}

/// The sums and figures of the whole chain.
fn settle(chain: &mut BacktestResult, capital: Money) {
    let summary = &mut chain.summary;
    summary.initial_capital = Number(capital.get());
    let profit = summary.final_equity.0 - capital.get();
    summary.unrealised = Number(profit - summary.realised.0);
    summary.figures = figures_of(&chain.curve, &chain.round_trips, chain.round_the_clock);
    summary.bars_per_second = 0;
}

fn print(walked: &Walked) -> Result<(), Failure> {
    let headings =
        ["OUT OF SAMPLE FROM", "TO", "BEST SET BEFORE IT", ">IN", ">OUT", ">RETURN", ">EQUITY"];
    let mut table = screen::Screen::new(&headings, "no window");
    for window in &walked.windows {
        let [_, _, from, to, name, inside, outside, _, out_return, _, _, equity, _] =
            window.shown();
        table.row([from, to, name, inside, outside, out_return, equity]);
    }
    table.print()?;
    screen::line(&format!("\nThe out-of-sample runs as one (sets compared by {}):", walked.by))?;
    walked.chained.print()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    fn walk(inside: usize, outside: usize) -> WalkForward {
        WalkForward { count: Count::Days, inside, outside }
    }

    #[test]
    fn second_parts_follow_one_another_without_a_gap() {
        // Six days of three time stamps.
        let starts = [0, 3, 6, 9, 12, 15];
        let parts = parts_of(&starts, 18, walk(2, 3), false).unwrap();
        let wanted =
            [Parts { inside: 0..6, outside: 6..15 }, Parts { inside: 9..15, outside: 15..18 }];
        assert_eq!(parts, wanted);
        let anchored = parts_of(&starts, 18, walk(2, 3), true).unwrap();
        assert_eq!(anchored[1], Parts { inside: 0..15, outside: 15..18 });
        let error = parts_of(&starts, 18, walk(6, 1), false).unwrap_err().to_string();
        assert!(error.contains("hold 6 days") && error.contains("6 in sample"), "{error}");
    }

    #[test]
    fn a_run_begins_with_whole_cents() {
        let equity = Number(Decimal::new(100_019, 3));
        assert_eq!(cents(equity), Money::new(Decimal::new(10_001, 2)));
    }
}
