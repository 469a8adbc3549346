//! Everything that a sleeve's history gives, from one function: the figures, returns weighted by
//! time and by money, the table of drawdowns and the returns by month.
//!
//! What it gives is what `figures --json` prints of the history and what a session's close keeps.

use serde::{Deserialize, Serialize};

use crate::benchmark::align;
use crate::calendar::Instant;
use crate::drawdown::drawdowns;
use crate::figures::{Figures, reckon};
use crate::flow::{Valuation, cash_flows, money_weighted, period_ends, time_weighted};
use crate::monthly::{YearReturns, monthly_returns, yearly};
use crate::picture::Point;
use crate::series::Options;

/// Drawdowns in the table, the deepest ones: more are noise to a reader, and a long history has
/// thousands.
pub const DRAWDOWNS_MAX: usize = 100;

/// What is known of a sleeve (or of an account, or of a file).
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// What it was worth, in time order; the first is the base.
    pub valuations: &'a [Valuation],
    /// Prices or equities to compare with, in time order; see [`align`] for which of them count.
    pub benchmark: Option<&'a [Point]>,
    /// Net profit of each round trip, in money.
    pub round_trips: &'a [f64],
    /// Periods a year, risk-free rate, rolling window.
    pub options: Options,
}

/// All that a history gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// The figures; their `why` has the reasons of the keys below too.
    #[serde(flatten)]
    pub figures: Figures,
    /// The base's time.
    pub from: Option<Instant>,
    /// The end of the last period.
    pub to: Option<Instant>,
    /// prod(1+r)-1 over sub-periods between movements of capital: the total return.
    pub time_weighted_return: Option<f64>,
    /// The yearly rate, of 365 days, at which all movements of capital are worth nothing (XIRR).
    pub money_weighted_return: Option<f64>,
    /// The deepest drawdowns, deepest first, the earlier of equals first.
    pub drawdowns: Vec<DatedDrawdown>,
    /// Returns by month, a row a year.
    pub monthly: Vec<YearReturns>,
}

/// A drawdown with its dates. Lengths count periods.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DatedDrawdown {
    /// Equity at the trough / equity at the peak - 1: negative.
    pub depth: f64,
    /// When the peak was.
    pub start: Instant,
    /// When the equity was lowest.
    pub trough: Instant,
    /// When it was at the peak again; `None` where it still is below.
    pub recovery: Option<Instant>,
    /// Periods from the peak to the recovery, or to the end.
    pub length: usize,
    /// Periods from the trough to the recovery.
    pub recovery_length: Option<usize>,
}

/// Reckons all of it. Never fails: what cannot be given is `None` with its reason.
#[must_use]
pub fn performance(history: &History<'_>) -> Performance {
    let ends = period_ends(history.valuations);
    let returns = time_weighted(history.valuations).map_err(|error| error.to_string());
    let benchmark = history.benchmark.map(|points| {
        let values = align(points, &ends).map_err(|error| error.to_string())?;
        Ok(values.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect())
    });
    let known = returns.clone().unwrap_or_default();
    let mut figures = reckon(returns, benchmark, history.round_trips, &history.options);
    let money_weighted_return = money_weighted(&cash_flows(history.valuations))
        .map_err(|error| figures.because("money_weighted_return", error.to_string()))
        .ok();
    if let Some(reason) = figures.why.get("total_return").cloned() {
        figures.because("time_weighted_return", reason);
    }
    let since_base = ends.get(1..).unwrap_or_default();
    Performance {
        from: ends.first().copied().map(Instant),
        to: since_base.last().copied().map(Instant),
        time_weighted_return: figures.total_return,
        money_weighted_return,
        drawdowns: dated(&known, &ends),
        monthly: yearly(&monthly_returns(&known, since_base)),
        figures,
    }
}

fn dated(returns: &[f64], ends: &[i64]) -> Vec<DatedDrawdown> {
    let mut found = drawdowns(returns);
    found.retain(|drawdown| drawdown.depth.is_finite());
    found.sort_by(|a, b| a.depth.total_cmp(&b.depth));
    found.truncate(DRAWDOWNS_MAX);
    let at = |place: usize| ends.get(place).copied().map(Instant);
    let dated = found.iter().filter_map(|drawdown| {
        Some(DatedDrawdown {
            depth: drawdown.depth,
            start: at(drawdown.start)?,
            trough: at(drawdown.trough)?,
            recovery: drawdown.recovery.and_then(at),
            length: drawdown.length,
            recovery_length: drawdown.recovery.map(|place| place - drawdown.trough),
        })
    });
    dated.collect()
}
