//! The figures of one list of returns, each as a plain function of it.
//!
//! Every function answers `Err(reason)` where its data cannot give the figure; the reason is text
//! for a person. The formulas are those of FIGURES in the product's documentation.

use crate::drawdown::NOISE;

/// A figure, or why there is none.
pub(crate) type Figure = Result<f64, &'static str>;

pub(crate) const NO_RETURN: &str = "not enough data: no return";
pub(crate) const ONE_RETURN: &str = "not enough data: fewer than two returns";
const NO_VARIANCE: &str = "the returns do not vary";
const NO_DOWNSIDE: &str = "no return is below the risk-free rate";
const NO_DRAWDOWN: &str = "there was no drawdown";
const FLAT_BENCHMARK: &str = "the benchmark does not vary";
const TOO_LARGE: &str = "the value is too large to be a number";
const BELOW_ZERO: &str = "the equity ended below zero: it has no growth rate";

/// Returns and the risk-free return of one period.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) returns: &'a [f64],
    pub(crate) rf: f64,
    pub(crate) periods: f64,
}

impl Sample<'_> {
    pub(crate) fn total_return(&self) -> Figure {
        if self.returns.is_empty() {
            return Err(NO_RETURN);
        }
        finite(self.growth() - 1.0)
    }

    pub(crate) fn annual_return(&self) -> Figure {
        if self.returns.is_empty() {
            return Err(NO_RETURN);
        }
        let growth = self.growth();
        if growth < 0.0 {
            return Err(BELOW_ZERO);
        }
        finite(growth.powf(self.periods / count(self.returns)) - 1.0)
    }

    pub(crate) fn annual_volatility(&self) -> Figure {
        finite(deviation(self.returns)? * self.periods.sqrt())
    }

    pub(crate) fn sharpe(&self) -> Figure {
        let deviation = deviation(self.returns)?;
        if deviation == 0.0 {
            return Err(NO_VARIANCE);
        }
        finite((mean(self.returns) - self.rf) / deviation * self.periods.sqrt())
    }

    pub(crate) fn downside_risk(&self) -> Figure {
        if self.returns.is_empty() {
            return Err(NO_RETURN);
        }
        let noise = rounding_noise(self.returns);
        let squares = self.returns.iter().map(|r| {
            let below = (r - self.rf).min(0.0);
            if below > -noise { 0.0 } else { below * below }
        });
        let squares: f64 = squares.sum();
        finite((squares / count(self.returns)).sqrt() * self.periods.sqrt())
    }

    pub(crate) fn sortino(&self) -> Figure {
        if self.returns.len() < 2 {
            return Err(ONE_RETURN);
        }
        let risk = self.downside_risk()?;
        if risk == 0.0 {
            return Err(NO_DOWNSIDE);
        }
        finite((mean(self.returns) - self.rf) * self.periods / risk)
    }

    pub(crate) fn max_drawdown(&self) -> Figure {
        if self.returns.is_empty() {
            return Err(NO_RETURN);
        }
        let (mut wealth, mut peak, mut deepest) = (1.0_f64, 1.0_f64, 0.0_f64);
        for r in self.returns {
            wealth *= 1.0 + r;
            peak = peak.max(wealth);
            deepest = deepest.min(wealth / peak - 1.0);
        }
        finite(if deepest > -NOISE { 0.0 } else { deepest })
    }

    pub(crate) fn calmar(&self) -> Figure {
        let drawdown = self.max_drawdown()?;
        if drawdown == 0.0 {
            return Err(NO_DRAWDOWN);
        }
        finite(self.annual_return()? / drawdown.abs())
    }

    pub(crate) fn omega(&self) -> Figure {
        if self.returns.len() < 2 {
            return Err(ONE_RETURN);
        }
        let noise = rounding_noise(self.returns);
        let (mut gains, mut losses) = (0.0, 0.0);
        for r in self.returns {
            let excess = r - self.rf;
            if excess > 0.0 {
                gains += excess;
            } else if excess <= -noise {
                losses -= excess;
            }
        }
        if losses == 0.0 {
            return Err(NO_DOWNSIDE);
        }
        finite(gains / losses)
    }

    pub(crate) fn beta(&self, benchmark: &[f64]) -> Figure {
        if self.returns.len() < 2 {
            return Err(ONE_RETURN);
        }
        let centre = mean(benchmark);
        let (mut covariance, mut variance) = (0.0, 0.0);
        for (r, b) in self.returns.iter().zip(benchmark) {
            covariance += (b - centre) * r;
            variance += (b - centre) * (b - centre);
        }
        // The reference's bound for "no variance", on the mean square.
        if variance / count(benchmark) < 1.0e-30 {
            return Err(FLAT_BENCHMARK);
        }
        finite(covariance / variance)
    }

    pub(crate) fn alpha(&self, benchmark: &[f64]) -> Figure {
        let beta = self.beta(benchmark)?;
        let excess = mean(self.returns) - self.rf - beta * (mean(benchmark) - self.rf);
        finite((1.0 + excess).powf(self.periods) - 1.0)
    }

    /// The 5th percentile, linear between the two neighbours.
    pub(crate) fn var_95(&self) -> Figure {
        if self.returns.is_empty() {
            return Err(NO_RETURN);
        }
        let sorted = self.sorted();
        // 5 % of the way from the first to the last, in twentieths so that no float is truncated.
        let steps = sorted.len() - 1;
        let (below, rest) = (steps / 20, steps % 20);
        let low = sorted[below];
        if rest == 0 {
            return finite(low);
        }
        let part = f64::from(u8::try_from(rest).expect("a remainder of 20 fits a byte")) / 20.0;
        finite(low + (sorted[below + 1] - low) * part)
    }

    /// The mean of the int(0.05 * (N-1)) + 1 lowest returns.
    pub(crate) fn cvar_95(&self) -> Figure {
        if self.returns.is_empty() {
            return Err(NO_RETURN);
        }
        let sorted = self.sorted();
        finite(mean(&sorted[..=(sorted.len() - 1) / 20]))
    }

    fn growth(&self) -> f64 {
        self.returns.iter().map(|r| 1.0 + r).product()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.returns.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values)
}

/// The sample deviation (divisor N-1), exactly zero where the values differ by rounding alone.
fn deviation(values: &[f64]) -> Figure {
    if values.len() < 2 {
        return Err(ONE_RETURN);
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if high - low <= rounding_noise(values) {
        return Ok(0.0);
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    finite((squares / (count(values) - 1.0)).sqrt())
}

/// What e[t]/e[t-1]-1 leaves of rounding: dividing by it would print an arbitrary large number.
fn rounding_noise(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    8.0 * f64::EPSILON * (1.0 + largest)
}

pub(crate) fn finite(value: f64) -> Figure {
    if value.is_finite() { Ok(value) } else { Err(TOO_LARGE) }
}

pub(crate) fn count(values: &[f64]) -> f64 {
    values.len() as f64
}
