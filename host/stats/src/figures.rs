//! All figures of one series and its round trips, in the shape that `figures --json` prints.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::drawdown::{Drawdown, maximum_drawdown};
use crate::moments::{Figure, NO_DRAWDOWN, NO_RETURN, Rate, Sample};
use crate::rolling::Rolling;
use crate::series::{Options, Series, SeriesError};
use crate::trips::Trips;

/// What figures are wanted of.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The sleeve's (or account's) series, time weighted.
    pub series: Series<'a>,
    /// A benchmark with as many returns.
    pub benchmark: Option<Series<'a>>,
    /// Net profit of each round trip, in money.
    pub round_trips: &'a [f64],
    /// Periods a year, risk-free rate, rolling window.
    pub options: Options,
}

/// The figures. Each key that is `None` has its reason in `why`; all rates are fractions
/// (0.01 is one per cent).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Number of returns.
    pub returns: usize,
    /// Number of round trips.
    pub round_trips: usize,
    /// Periods a year that were reckoned with.
    pub periods: f64,
    /// Yearly risk-free rate that was reckoned with.
    pub rf: f64,
    /// prod(1+r)-1.
    pub total_return: Option<f64>,
    /// (1+total)^(n/N)-1.
    pub annual_return: Option<f64>,
    /// Sample deviation, a year.
    pub annual_volatility: Option<f64>,
    /// Mean excess return by deviation, a year.
    pub sharpe: Option<f64>,
    /// Root mean square of the returns below the risk-free rate, a year; divisor all returns.
    pub downside_risk: Option<f64>,
    /// Mean excess return by downside risk.
    pub sortino: Option<f64>,
    /// Deepest fall below a peak, negative or zero.
    pub max_drawdown: Option<f64>,
    /// Annual return by the size of the maximum drawdown.
    pub calmar: Option<f64>,
    /// Gains by losses against the risk-free rate.
    pub omega: Option<f64>,
    /// Covariance with the benchmark by its variance.
    pub beta: Option<f64>,
    /// Mean excess over beta times the benchmark's, compounded to a year.
    pub alpha: Option<f64>,
    /// 5th percentile of the returns.
    pub var_95: Option<f64>,
    /// Mean of the returns at and below that.
    pub cvar_95: Option<f64>,
    /// Round trips with a profit, of all.
    pub win_rate: Option<f64>,
    /// Round trips with a profit, of those that did not break even.
    pub win_rate_decided: Option<f64>,
    /// Sum of profits by sum of losses.
    pub profit_factor: Option<f64>,
    /// Mean net profit of a round trip, in money.
    pub expectancy: Option<f64>,
    /// The expectancy in units of the mean loss.
    pub expectancy_in_losses: Option<f64>,
    /// When the maximum drawdown was; `None` where there was none.
    pub drawdown: Option<Drawdown>,
    /// The same figures over each window; empty lists where no window was asked for.
    pub rolling: Rolling,
    /// Reasons: by key, why it is `None` (or, for `rolling`, empty).
    pub why: BTreeMap<String, String>,
}

/// The keys that a refused series leaves without a value.
const OF_RETURNS: [&str; 15] = [
    "returns",
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "downside_risk",
    "sortino",
    "max_drawdown",
    "calmar",
    "omega",
    "beta",
    "alpha",
    "var_95",
    "cvar_95",
    "drawdown",
];

/// Reckons all figures. Never fails: what cannot be given is `None` with its reason.
#[must_use]
pub fn figures(request: &Request<'_>) -> Figures {
    let text = |error: SeriesError| error.to_string();
    let returns = request.series.returns().map_err(text);
    let benchmark = request.benchmark.map(|series| series.returns().map_err(text));
    reckon(returns, benchmark, request.round_trips, &request.options)
}

/// The figures of returns that were found, or else for a reason weren't.
pub(crate) fn reckon(
    returns: Result<Vec<f64>, String>,
    benchmark: Option<Result<Vec<f64>, String>>,
    round_trips: &[f64],
    options: &Options,
) -> Figures {
    let mut figures = Figures {
        periods: options.periods(),
        rf: options.rf(),
        round_trips: round_trips.len(),
        ..Figures::default()
    };
    let returns = returns.unwrap_or_else(|reason| {
        for key in OF_RETURNS {
            figures.because(key, reason.clone());
        }
        Vec::new()
    });
    figures.returns = returns.len();
    let benchmark = figures.benchmark_of(benchmark, returns.len());
    let rate = Rate { rf: options.rf_per_period(), periods: options.periods() };
    figures.of_returns(&Sample::new(&returns, benchmark.as_deref(), rate));
    figures.of_trips(round_trips);
    match options.window() {
        Some(window) if window <= returns.len() => {
            figures.rolling = Rolling::of(&returns, benchmark.as_deref(), rate, window);
        }
        None => figures.because("rolling", "no window was asked for"),
        Some(window) => {
            let found = returns.len();
            figures.because(
                "rolling",
                format!("not enough data: the window is {window}, the series has {found} returns"),
            );
        }
    }
    figures
}

impl Figures {
    fn of_returns(&mut self, sample: &Sample<'_>) {
        self.total_return = self.take("total_return", sample.total_return());
        self.annual_return = self.take("annual_return", sample.annual_return());
        self.annual_volatility = self.take("annual_volatility", sample.annual_volatility());
        self.sharpe = self.take("sharpe", sample.sharpe());
        self.downside_risk = self.take("downside_risk", sample.downside_risk());
        self.sortino = self.take("sortino", sample.sortino());
        self.max_drawdown = self.take("max_drawdown", sample.max_drawdown());
        self.calmar = self.take("calmar", sample.calmar());
        self.omega = self.take("omega", sample.omega());
        self.beta = self.take("beta", sample.beta());
        self.alpha = self.take("alpha", sample.alpha());
        self.var_95 = self.take("var_95", sample.var_95());
        self.cvar_95 = self.take("cvar_95", sample.cvar_95());
        self.drawdown = maximum_drawdown(sample.returns());
        if self.drawdown.is_none() {
            let none = if sample.returns().is_empty() { NO_RETURN } else { NO_DRAWDOWN };
            self.take("drawdown", Err(none));
        }
    }

    /// The benchmark's returns, if it has as many as the series.
    fn benchmark_of(
        &mut self,
        benchmark: Option<Result<Vec<f64>, String>>,
        wanted: usize,
    ) -> Option<Vec<f64>> {
        let reason = match benchmark? {
            Err(reason) => format!("the benchmark: {reason}"),
            Ok(other) if other.len() != wanted => {
                format!("the benchmark has {} returns, the series has {wanted}", other.len())
            }
            Ok(other) => return Some(other),
        };
        self.because("beta", reason.clone());
        self.because("alpha", reason);
        None
    }

    fn of_trips(&mut self, net: &[f64]) {
        let trips = Trips { net };
        self.win_rate = self.take("win_rate", trips.win_rate());
        self.win_rate_decided = self.take("win_rate_decided", trips.win_rate_decided());
        self.profit_factor = self.take("profit_factor", trips.profit_factor());
        self.expectancy = self.take("expectancy", trips.expectancy());
        self.expectancy_in_losses = self.take("expectancy_in_losses", trips.expectancy_in_losses());
    }

    /// A reason that is there already is the better one.
    fn take(&mut self, key: &str, figure: Figure) -> Option<f64> {
        let why = &mut self.why;
        figure
            .map_err(|reason| {
                why.entry(key.to_owned()).or_insert_with(|| reason.to_owned());
            })
            .ok()
    }

    /// Notes why a key has no value.
    pub(crate) fn because(&mut self, key: &str, reason: impl Into<String>) {
        self.why.insert(key.to_owned(), reason.into());
    }
}
