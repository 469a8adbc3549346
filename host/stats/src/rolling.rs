//! The figures over each window of consecutive returns.

use serde::{Deserialize, Serialize};

use crate::moments::{Rate, Sample};

/// One value per window: the first belongs to return number `window`, so N returns give
/// N - window + 1 values. A window that cannot give its figure has `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// Total return of each window.
    #[serde(default)]
    pub total_return: Vec<Option<f64>>,
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
    /// `benchmark` has as many returns; `window` is at least two.
    ///
    /// Each window is reckoned afresh: sums carried from window to window would keep the rounding
    /// of a large return long after it has left.
    pub(crate) fn of(
        returns: &[f64],
        benchmark: Option<&[f64]>,
        rate: Rate,
        window: usize,
    ) -> Self {
        let mut rolling = Self::default();
        for (place, part) in returns.windows(window).enumerate() {
            let other = benchmark.and_then(|benchmark| benchmark.get(place..place + window));
            let sample = Sample::new(part, other, rate);
            rolling.total_return.push(sample.total_return().ok());
            rolling.annual_return.push(sample.annual_return().ok());
            rolling.annual_volatility.push(sample.annual_volatility().ok());
            rolling.sharpe.push(sample.sharpe().ok());
            rolling.downside_risk.push(sample.downside_risk().ok());
            rolling.sortino.push(sample.sortino().ok());
            rolling.max_drawdown.push(sample.max_drawdown().ok());
            if other.is_some() {
                let beta = sample.beta().ok();
                rolling.beta.push(beta);
                rolling.alpha.push(beta.and_then(|beta| sample.alpha_of(beta).ok()));
            }
        }
        rolling
    }
}
