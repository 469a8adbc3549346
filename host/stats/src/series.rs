//! The input of the figures: a series of equities or returns, and the options of the reckoning.

use std::fmt::{self, Display, Write as _};

/// Equities or returns, one per period, in time order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Series<'a> {
    /// Equities; the first is the base, so N+1 of them give N returns.
    Equity(&'a [f64]),
    /// Simple returns: 0.01 is one per cent.
    Returns(&'a [f64]),
}

/// Why a series has no returns.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeriesError {
    /// A value is infinite or not a number.
    #[error("value {index} of the series is not a finite number")]
    NotFinite {
        /// Its place, from 0.
        index: usize,
    },
    /// An equity at or below zero, over which no return exists.
    #[error("equity {equity} at place {index} is not above 0: no return exists over it")]
    NoBase {
        /// Its place, from 0.
        index: usize,
        /// The equity.
        equity: f64,
    },
}

impl Series<'_> {
    /// The simple returns of the series.
    pub fn returns(&self) -> Result<Vec<f64>, SeriesError> {
        match self {
            Series::Equity(equity) => returns_of(equity),
            Series::Returns(returns) => {
                check_finite(returns)?;
                Ok(returns.to_vec())
            }
        }
    }
}

/// Simple returns of equities: one fewer than the equities. Only the last equity may be zero or
/// below, because no return starts from it.
pub fn returns_of(equity: &[f64]) -> Result<Vec<f64>, SeriesError> {
    check_finite(equity)?;
    equity
        .windows(2)
        .enumerate()
        .map(|(index, pair)| {
            if pair[0] > 0.0 {
                Ok(pair[1] / pair[0] - 1.0)
            } else {
                Err(SeriesError::NoBase { index, equity: pair[0] })
            }
        })
        .collect()
}

fn check_finite(values: &[f64]) -> Result<(), SeriesError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(SeriesError::NotFinite { index }),
        None => Ok(()),
    }
}

/// The float nearest to a decimal (or anything that prints as one); `None` where it is no finite
/// number. The one door through which amounts come into this crate.
#[must_use]
pub fn value(decimal: impl Display) -> Option<f64> {
    let mut text = ShortText { bytes: [0; SHORT], len: 0 };
    let number: f64 = match write!(text, "{decimal}") {
        Ok(()) => std::str::from_utf8(text.bytes.get(..text.len)?).ok()?.parse().ok()?,
        Err(fmt::Error) => decimal.to_string().parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// A decimal of 28 digits with its sign and point fits twice.
const SHORT: usize = 64;

/// Text without an allocation: a sleeve has tens of thousands of amounts.
struct ShortText {
    bytes: [u8; SHORT],
    len: usize,
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// How figures are reckoned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    periods: f64,
    rf: f64,
    window: Option<usize>,
}

/// Why options were not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// Periods a year must be a positive number.
    #[error("periods a year is {found}, it must be a number above 0 (--periods)")]
    Periods {
        /// What was given.
        found: f64,
    },
    /// The risk-free rate must be a number above -1.
    #[error("risk-free rate is {found}, it must be a number above -1; 0.02 is 2 % (--rf)")]
    RiskFree {
        /// What was given.
        found: f64,
    },
    /// A window needs two returns for a deviation.
    #[error("rolling window is {found}, it must be at least 2 (--window)")]
    Window {
        /// What was given.
        found: usize,
    },
}

impl Options {
    /// Trading days of a year, for a sleeve that trades equities.
    pub const PERIODS_EQUITY: f64 = 252.0;
    /// Days of a year, for a sleeve that trades crypto.
    pub const PERIODS_CRYPTO: f64 = 365.0;

    /// `periods` a year, `rf` the yearly risk-free rate (0.02 is 2 %), `window` in returns.
    pub fn new(periods: f64, rf: f64, window: Option<usize>) -> Result<Self, OptionsError> {
        if !(periods.is_finite() && periods > 0.0) {
            return Err(OptionsError::Periods { found: periods });
        }
        if !(rf.is_finite() && rf > -1.0) {
            return Err(OptionsError::RiskFree { found: rf });
        }
        if let Some(found) = window.filter(|window| *window < 2) {
            return Err(OptionsError::Window { found });
        }
        Ok(Self { periods, rf, window })
    }

    /// Periods a year.
    #[must_use]
    pub const fn periods(&self) -> f64 {
        self.periods
    }

    /// The yearly risk-free rate.
    #[must_use]
    pub const fn rf(&self) -> f64 {
        self.rf
    }

    /// The rolling window, in returns.
    #[must_use]
    pub const fn window(&self) -> Option<usize> {
        self.window
    }

    /// The risk-free return of one period: (1+rf)^(1/n)-1.
    pub(crate) fn rf_per_period(&self) -> f64 {
        if self.rf == 0.0 {
            return 0.0;
        }
        (1.0 + self.rf).powf(1.0 / self.periods) - 1.0
    }
}

impl Default for Options {
    /// 252 periods a year, no risk-free rate, no rolling windows.
    fn default() -> Self {
        Self { periods: Self::PERIODS_EQUITY, rf: 0.0, window: None }
    }
}
