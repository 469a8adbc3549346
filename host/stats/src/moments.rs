//! The figures of one list of returns, each as a plain function of it.
//!
//! Every function answers `Err(reason)` where its data cannot give the figure; the reason is text
//! for a person. The formulas are those of FIGURES in the product's documentation. Windows of a
//! series are samples like the series itself, so a sample is reckoned in few passes.

use crate::drawdown::NOISE;

/// A figure, or why there is none.
pub(crate) type Figure = Result<f64, &'static str>;

pub(crate) const NO_RETURN: &str = "not enough data: no return";
pub(crate) const ONE_RETURN: &str = "not enough data: fewer than two returns";
const NO_VARIANCE: &str = "the returns do not vary";
const NO_DOWNSIDE: &str = "no return is below the risk-free rate";
pub(crate) const NO_DRAWDOWN: &str = "there was no drawdown";
const NO_BENCHMARK: &str = "no benchmark was given";
const FLAT_BENCHMARK: &str = "the benchmark does not vary";
const TOO_LARGE: &str = "the value is too large to be a number";
const BELOW_ZERO: &str = "the equity ended below zero: it has no growth rate";

/// The risk-free return of one period, and the periods a year.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) rf: f64,
    pub(crate) periods: f64,
}

/// Returns with what several figures need of them.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    returns: &'a [f64],
    benchmark: Option<&'a [f64]>,
    rate: Rate,
    mean: f64,
    /// Differences at and below this are what rounding left.
    noise: f64,
    /// Whether the returns differ by more than that.
    varies: bool,
    /// prod(1+r).
    growth: f64,
    /// The deepest fall below a peak, the start being one.
    deepest: f64,
}

impl<'a> Sample<'a> {
    /// `benchmark` has as many returns.
    pub(crate) fn new(returns: &'a [f64], benchmark: Option<&'a [f64]>, rate: Rate) -> Self {
        let (low, high) = range(returns);
        let noise = 8.0 * f64::EPSILON * (1.0 + low.abs().max(high.abs()));
        let (growth, deepest) = growth_and_fall(returns);
        Self {
            returns,
            benchmark,
            rate,
            mean: mean(returns),
            noise,
            varies: high - low > noise,
            growth,
            deepest,
        }
    }

    pub(crate) const fn returns(&self) -> &'a [f64] {
        self.returns
    }

    pub(crate) fn total_return(&self) -> Figure {
        self.some()?;
        finite(self.growth - 1.0)
    }

    pub(crate) fn annual_return(&self) -> Figure {
        self.some()?;
        if self.growth < 0.0 {
            return Err(BELOW_ZERO);
        }
        finite(self.growth.powf(self.rate.periods / count(self.returns)) - 1.0)
    }

    pub(crate) fn annual_volatility(&self) -> Figure {
        finite(self.deviation()? * self.rate.periods.sqrt())
    }

    pub(crate) fn sharpe(&self) -> Figure {
        let deviation = self.deviation()?;
        if deviation == 0.0 {
            return Err(NO_VARIANCE);
        }
        finite((self.mean - self.rate.rf) / deviation * self.rate.periods.sqrt())
    }

    pub(crate) fn downside_risk(&self) -> Figure {
        self.some()?;
        let (rf, noise) = (self.rate.rf, self.noise);
        let squares = sum(self.returns, |r| {
            let below = (r - rf).min(0.0);
            if below > -noise { 0.0 } else { below * below }
        });
        finite((squares / count(self.returns)).sqrt() * self.rate.periods.sqrt())
    }

    pub(crate) fn sortino(&self) -> Figure {
        self.two()?;
        let risk = self.downside_risk()?;
        if risk == 0.0 {
            return Err(NO_DOWNSIDE);
        }
        finite((self.mean - self.rate.rf) * self.rate.periods / risk)
    }

    pub(crate) fn max_drawdown(&self) -> Figure {
        self.some()?;
        finite(if self.deepest > -NOISE { 0.0 } else { self.deepest })
    }

    pub(crate) fn calmar(&self) -> Figure {
        let drawdown = self.max_drawdown()?;
        if drawdown == 0.0 {
            return Err(NO_DRAWDOWN);
        }
        finite(self.annual_return()? / drawdown.abs())
    }

    pub(crate) fn omega(&self) -> Figure {
        self.two()?;
        let (mut gains, mut losses) = (0.0, 0.0);
        for r in self.returns {
            let excess = r - self.rate.rf;
            if excess > 0.0 {
                gains += excess;
            } else if excess <= -self.noise {
                losses -= excess;
            }
        }
        if losses == 0.0 {
            return Err(NO_DOWNSIDE);
        }
        finite(gains / losses)
    }

    pub(crate) fn beta(&self) -> Figure {
        let benchmark = self.benchmark.ok_or(NO_BENCHMARK)?;
        self.two()?;
        let centre = mean(benchmark);
        let covariance = sum_of_pairs(self.returns, benchmark, |r, b| (b - centre) * r);
        let variance = sum(benchmark, |b| (b - centre) * (b - centre));
        // The reference's bound for "no variance", on the mean square.
        if variance / count(benchmark) < 1.0e-30 {
            return Err(FLAT_BENCHMARK);
        }
        finite(covariance / variance)
    }

    pub(crate) fn alpha(&self) -> Figure {
        self.alpha_of(self.beta()?)
    }

    /// Alpha where beta is known already.
    pub(crate) fn alpha_of(&self, beta: f64) -> Figure {
        let benchmark = self.benchmark.ok_or(NO_BENCHMARK)?;
        let Rate { rf, periods } = self.rate;
        let excess = self.mean - rf - beta * (mean(benchmark) - rf);
        finite((1.0 + excess).powf(periods) - 1.0)
    }

    /// The 5th percentile, linear between the two neighbours.
    pub(crate) fn var_95(&self) -> Figure {
        self.some()?;
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
        self.some()?;
        let sorted = self.sorted();
        finite(mean(&sorted[..=(sorted.len() - 1) / 20]))
    }

    /// The sample deviation (divisor N-1), exactly zero where the values differ by rounding alone:
    /// dividing by what e[t]/e[t-1]-1 leaves of it would print an arbitrary large number.
    fn deviation(&self) -> Figure {
        self.two()?;
        if !self.varies {
            return Ok(0.0);
        }
        let centre = self.mean;
        let squares = sum(self.returns, |r| (r - centre) * (r - centre));
        finite((squares / (count(self.returns) - 1.0)).sqrt())
    }

    fn some(&self) -> Result<(), &'static str> {
        if self.returns.is_empty() { Err(NO_RETURN) } else { Ok(()) }
    }

    fn two(&self) -> Result<(), &'static str> {
        if self.returns.len() < 2 { Err(ONE_RETURN) } else { Ok(()) }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.returns.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values, |value| value) / count(values)
}

pub(crate) fn finite(value: f64) -> Figure {
    if value.is_finite() { Ok(value) } else { Err(TOO_LARGE) }
}

pub(crate) fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

/// prod(1+r), and the deepest fall below a peak, the start being one. One division a peak: below the
/// same peak the lowest value is the deepest fall.
fn growth_and_fall(returns: &[f64]) -> (f64, f64) {
    let (mut wealth, mut peak, mut trough, mut deepest) = (1.0_f64, 1.0_f64, 1.0_f64, 0.0_f64);
    for r in returns {
        wealth *= 1.0 + r;
        if wealth > peak {
            deepest = deepest.min(trough / peak - 1.0);
            (peak, trough) = (wealth, wealth);
        } else if wealth < trough {
            trough = wealth;
        }
    }
    (wealth, deepest.min(trough / peak - 1.0))
}

/// Partial sums that do not wait for each other: a float sum in order is one long chain.
const LANES: usize = 4;

fn sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(*value);
        }
    }
    rest.iter().fold((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]), |sum, value| sum + term(*value))
}

fn sum_of_pairs(left: &[f64], right: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let ((lefts, left_rest), (rights, right_rest)) =
        (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (left, right) in lefts.iter().zip(rights) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += term(*left, *right);
        }
    }
    let rest = left_rest.iter().zip(right_rest);
    rest.fold((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]), |sum, (l, r)| sum + term(*l, *r))
}

/// The lowest and the highest value; infinities where there is none.
fn range(values: &[f64]) -> (f64, f64) {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    for chunk in chunks {
        for ((low, high), value) in low.iter_mut().zip(&mut high).zip(chunk) {
            *low = if *value < *low { *value } else { *low };
            *high = if *value > *high { *value } else { *high };
        }
    }
    let low = low.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    let high = high.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}
