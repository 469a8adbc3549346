//! The figure by which sets of parameters are compared.

use stockade_stats::picture::{Scale, Unit};
use stockade_stats::value;

use super::result::Summary;
use crate::cli::backtest::Goal;

impl Goal {
    /// Its value; `None` where the run's data can't give it.
    pub(super) fn of(self, summary: &Summary) -> Option<f64> {
        let figures = &summary.figures;
        match self {
            Self::TotalReturn => figures.total_return,
            Self::AnnualReturn => figures.annual_return,
            Self::Sharpe => figures.sharpe,
            Self::Sortino => figures.sortino,
            Self::Calmar => figures.calmar,
            Self::Omega => figures.omega,
            Self::MaxDrawdown => figures.max_drawdown,
            Self::WinRate => figures.win_rate,
            Self::ProfitFactor => figures.profit_factor,
            Self::Expectancy => figures.expectancy,
            Self::FinalEquity => value(summary.final_equity.0),
        }
    }

    /// Its key among the figures.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::TotalReturn => "total_return",
            Self::AnnualReturn => "annual_return",
            Self::Sharpe => "sharpe",
            Self::Sortino => "sortino",
            Self::Calmar => "calmar",
            Self::Omega => "omega",
            Self::MaxDrawdown => "max_drawdown",
            Self::WinRate => "win_rate",
            Self::ProfitFactor => "profit_factor",
            Self::Expectancy => "expectancy",
            Self::FinalEquity => "final_equity",
        }
    }

    /// How pictures write it.
    pub(super) const fn scale(self) -> Scale {
        let unit = match self {
            Self::TotalReturn | Self::AnnualReturn | Self::MaxDrawdown | Self::WinRate => {
                Unit::Percent
            }
            _ => Unit::Plain,
        };
        // A drawdown is below zero at its best, and the rest of these never is.
        let signed = !matches!(
            self,
            Self::MaxDrawdown
                | Self::WinRate
                | Self::ProfitFactor
                | Self::Omega
                | Self::FinalEquity
        );
        Scale { unit, signed }
    }

    /// Its value for people.
    pub(super) fn text(self, value: Option<f64>) -> String {
        match (value, self.scale().unit) {
            (None, _) => "not enough data".to_owned(),
            (Some(value), Unit::Percent) => format!("{:.2} %", value * 100.0),
            (Some(value), Unit::Plain) => format!("{value:.2}"),
        }
    }
}

/// The place of the best of some values, the first of equals; `None` where there is none.
pub(super) fn best(values: impl IntoIterator<Item = Option<f64>>) -> Option<usize> {
    let known = values.into_iter().enumerate();
    let known = known.filter_map(|(place, value)| Some((place, value.filter(|v| !v.is_nan())?)));
    let best = known.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn the_first_of_the_largest_is_the_best() {
        assert_eq!(best([None, Some(1.0), Some(2.0), Some(2.0), Some(f64::NAN)]), Some(2));
        assert_eq!(best([None, None]), None);
        assert_eq!(best([Some(-3.0), Some(-1.0)]), Some(1));
    }
}
