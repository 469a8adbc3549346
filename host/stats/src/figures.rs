//! All figures of one series and its round trips, in the shape that `figures --json` prints.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::drawdown::{Drawdown, maximum_drawdown};
use crate::moments::{Figure, NO_RETURN, Sample};
use crate::rolling::Rolling;
use crate::series::{Options, Series};
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

/// Reckons all figures. Never fails: what cannot be given is `None` with its reason.
#[must_use]
pub fn figures(request: &Request<'_>) -> Figures {
    let options = &request.options;
    let mut figures = Figures {
        periods: options.periods(),
        rf: options.rf(),
        round_trips: request.round_trips.len(),
        ..Figures::default()
    };
    let returns = request.series.returns().unwrap_or_else(|error| {
        figures.why.insert("returns".to_owned(), error.to_string());
        Vec::new()
    });
    figures.returns = returns.len();
    let sample =
        Sample { returns: &returns, rf: options.rf_per_period(), periods: options.periods() };
    figures.of_returns(&sample);
    let benchmark = figures.benchmark_of(request, &sample);
    figures.of_benchmark(&sample, benchmark.as_deref());
    figures.of_trips(request.round_trips);
    figures.of_windows(&sample, benchmark.as_deref(), options.window());
    figures
}

impl Figures {
    fn of_returns(&mut self, sample: &Sample<'_>) {
        // A series that was refused gives its own reason for every figure.
        let refused = self.why.get("returns").cloned();
        let why = &mut self.why;
        let mut take = |key: &str, figure: Figure| match figure {
            Ok(value) => Some(value),
            Err(reason) => {
                let reason = refused.as_deref().unwrap_or(reason);
                why.insert(key.to_owned(), reason.to_owned());
                None
            }
        };
        self.total_return = take("total_return", sample.total_return());
        self.annual_return = take("annual_return", sample.annual_return());
        self.annual_volatility = take("annual_volatility", sample.annual_volatility());
        self.sharpe = take("sharpe", sample.sharpe());
        self.downside_risk = take("downside_risk", sample.downside_risk());
        self.sortino = take("sortino", sample.sortino());
        self.max_drawdown = take("max_drawdown", sample.max_drawdown());
        self.calmar = take("calmar", sample.calmar());
        self.omega = take("omega", sample.omega());
        self.var_95 = take("var_95", sample.var_95());
        self.cvar_95 = take("cvar_95", sample.cvar_95());
        self.drawdown = maximum_drawdown(sample.returns);
        if self.drawdown.is_none() {
            let reason =
                if sample.returns.is_empty() { NO_RETURN } else { "there was no drawdown" };
            take("drawdown", Err(reason));
        }
    }

    /// The benchmark's returns, if it has as many as the series.
    fn benchmark_of(&mut self, request: &Request<'_>, sample: &Sample<'_>) -> Option<Vec<f64>> {
        let reason = match request.benchmark.map(|series| series.returns()) {
            None => "no benchmark was given".to_owned(),
            Some(Err(error)) => format!("the benchmark: {error}"),
            Some(Ok(other)) if other.len() != sample.returns.len() => format!(
                "the benchmark has {} returns, the series has {}",
                other.len(),
                sample.returns.len()
            ),
            Some(Ok(other)) => return Some(other),
        };
        for key in ["beta", "alpha"] {
            self.why.insert(key.to_owned(), reason.clone());
        }
        None
    }

    fn of_benchmark(&mut self, sample: &Sample<'_>, benchmark: Option<&[f64]>) {
        let Some(benchmark) = benchmark else { return };
        self.beta = self.take("beta", sample.beta(benchmark));
        self.alpha = self.take("alpha", sample.alpha(benchmark));
    }

    fn of_trips(&mut self, net: &[f64]) {
        let trips = Trips { net };
        self.win_rate = self.take("win_rate", trips.win_rate());
        self.win_rate_decided = self.take("win_rate_decided", trips.win_rate_decided());
        self.profit_factor = self.take("profit_factor", trips.profit_factor());
        self.expectancy = self.take("expectancy", trips.expectancy());
        self.expectancy_in_losses = self.take("expectancy_in_losses", trips.expectancy_in_losses());
    }

    fn of_windows(
        &mut self,
        sample: &Sample<'_>,
        benchmark: Option<&[f64]>,
        window: Option<usize>,
    ) {
        let reason = match window {
            None => "no window was asked for".to_owned(),
            Some(window) if window > sample.returns.len() => format!(
                "not enough data: the window is {window}, the series has {} returns",
                sample.returns.len()
            ),
            Some(window) => {
                self.rolling = Rolling::of(sample, benchmark, window);
                return;
            }
        };
        self.why.insert("rolling".to_owned(), reason);
    }

    fn take(&mut self, key: &str, figure: Figure) -> Option<f64> {
        match figure {
            Ok(value) => Some(value),
            Err(reason) => {
                self.why.insert(key.to_owned(), reason.to_owned());
                None
            }
        }
    }
}
