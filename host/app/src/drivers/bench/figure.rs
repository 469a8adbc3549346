//! A measured figure, as JSON and as a line of a table.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Serialize;
use stockade_core::decimal::round_half_even;
use stockade_store::query::Number;

use crate::cli::screen::{self, Screen};

/// One figure with its baseline.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    name: &'static str,
    value: Number,
    unit: &'static str,
    /// What it was measured against, in the same run.
    baseline: &'static str,
    baseline_value: Option<Number>,
    /// `value / baseline_value`.
    ratio: Option<Number>,
    /// Samples.
    n: u64,
}

impl Figure {
    /// A value with what it is measured against.
    pub(super) fn new(
        name: &'static str,
        (value, unit): (Decimal, &'static str),
        (baseline, baseline_value): (&'static str, Decimal),
        n: u64,
    ) -> Self {
        let ratio =
            value.checked_div(baseline_value).map(|ratio| Number(round_half_even(ratio, 3)));
        Self {
            name,
            value: Number(value),
            unit,
            baseline,
            baseline_value: Some(Number(baseline_value)),
            ratio,
            n,
        }
    }

    /// A value that its own target is enough for.
    pub(super) fn alone(
        name: &'static str,
        (value, unit): (Decimal, &'static str),
        what: &'static str,
        n: u64,
    ) -> Self {
        Self {
            name,
            value: Number(value),
            unit,
            baseline: what,
            baseline_value: None,
            ratio: None,
            n,
        }
    }
}

/// Figures for people.
pub(super) fn table(figures: &[Figure]) -> Screen {
    let headings = ["NAME", ">VALUE", "UNIT", ">BASELINE", ">RATIO", ">N", "MEASURED AGAINST"];
    let mut table = Screen::new(&headings, "nothing was measured");
    let dash = || "-".to_owned();
    for figure in figures {
        table.row([
            figure.name.to_owned(),
            screen::quantity(figure.value),
            figure.unit.to_owned(),
            figure.baseline_value.map_or_else(dash, screen::quantity),
            figure.ratio.map_or_else(dash, |ratio| ratio.to_string()),
            screen::quantity(Number(figure.n.into())),
            figure.baseline.to_owned(),
        ]);
    }
    table
}

/// So many in so long, a second.
pub(super) fn per_second(count: u64, took: Duration) -> Decimal {
    let nanos = Decimal::from(took.as_nanos().max(1));
    round_half_even(Decimal::from(count) * Decimal::from(1_000_000_000_u64) / nanos, 0)
}

/// In milliseconds, to a microsecond.
pub(super) fn millis(took: Duration) -> Decimal {
    Decimal::new(i64::try_from(took.as_micros()).unwrap_or(i64::MAX), 3)
}

/// The sample below which so many of a hundred lie.
pub(super) fn percentile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    let place = (samples.len() * percent).div_ceil(100).saturating_sub(1);
    samples.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples: Vec<Duration> = (1..=200).rev().map(Duration::from_micros).collect();
        assert_eq!(percentile(&mut samples, 50), Duration::from_micros(100));
        assert_eq!(percentile(&mut samples, 99), Duration::from_micros(198));
        assert_eq!(percentile(&mut [], 50), Duration::ZERO);
    }

    #[test]
    fn rates_and_ratios_are_exact() {
        assert_eq!(per_second(500_000, Duration::from_millis(250)), Decimal::from(2_000_000));
        assert_eq!(millis(Duration::from_micros(1_234)).to_string(), "1.234");
        let figure = Figure::new("x", (Decimal::from(3), "s"), ("y", Decimal::from(8)), 1);
        let json = serde_json::to_value(&figure).expect("it is plain data");
        assert_eq!(json["ratio"], "0.375");
        let nothing = Figure::new("x", (Decimal::from(3), "s"), ("y", Decimal::ZERO), 1);
        assert!(nothing.ratio.is_none());
    }
}
