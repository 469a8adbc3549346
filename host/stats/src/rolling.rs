//! The figures over each window of consecutive returns.

use serde::{Deserialize, Serialize};

use crate::moments::{Figure, Sample};

/// One value per window: the first belongs to return number `window`, so N returns give
/// N - window + 1 values. A window that cannot give its figure has `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// Annual return of each window.
    pub annual_return: Vec<Option<f64>>,
    /// Annual volatility of each window.
    pub annual_volatility: Vec<Option<f64>>,
    /// Sharpe ratio of each window.
    pub sharpe: Vec<Option<f64>>,
    /// Downside risk of each window.
    pub downside_risk: Vec<Option<f64>>,
    /// Sortino ratio of each window.
    pub sortino: Vec<Option<f64>>,
    /// Maximum drawdown of each window; its start counts as a peak.
    pub max_drawdown: Vec<Option<f64>>,
    /// Beta of each window; empty without a benchmark.
    pub beta: Vec<Option<f64>>,
    /// Alpha of each window; empty without a benchmark.
    pub alpha: Vec<Option<f64>>,
}

impl Rolling {
    /// `benchmark` has as many returns as `whole`; `window` is at least two.
    pub(crate) fn of<'a>(whole: &Sample<'a>, benchmark: Option<&[f64]>, window: usize) -> Self {
        let over = |figure: fn(&Sample<'a>) -> Figure| -> Vec<Option<f64>> {
            whole
                .returns
                .windows(window)
                .map(|returns| figure(&Sample { returns, ..*whole }).ok())
                .collect()
        };
        let paired = |figure: fn(&Sample<'a>, &[f64]) -> Figure| -> Vec<Option<f64>> {
            let Some(benchmark) = benchmark else {
                return Vec::new();
            };
            whole
                .returns
                .windows(window)
                .zip(benchmark.windows(window))
                .map(|(returns, other)| figure(&Sample { returns, ..*whole }, other).ok())
                .collect()
        };
        Self {
            annual_return: over(Sample::annual_return),
            annual_volatility: over(Sample::annual_volatility),
            sharpe: over(Sample::sharpe),
            downside_risk: over(Sample::downside_risk),
            sortino: over(Sample::sortino),
            max_drawdown: over(Sample::max_drawdown),
            beta: paired(Sample::beta),
            alpha: paired(Sample::alpha),
        }
    }
}
