//! Performance figures: what a series of equities or returns, and a list of round trips, say.
//!
//! Guarantees: values equal those of empyrical-reloaded 0.7.1 (and of quantstats 0.0.86 where the
//! two agree) to 1e-9; a figure that its data cannot give is `None` with a reason in
//! [`Figures::why`]; no number that leaves this crate is infinite or "not a number".
//! This is the only crate of the host with floating point, so everything that needs it for a
//! picture is here too ([`picture`]).
//! It does no IO and holds no money: amounts stay decimals elsewhere and come in through [`value`].

mod calendar;
mod drawdown;
mod figures;
mod flow;
mod moments;
mod monthly;
pub mod picture;
mod rolling;
mod series;
mod trips;

pub use calendar::Instant;
pub use drawdown::{Drawdown, drawdowns, maximum_drawdown};
pub use figures::{Figures, Request, figures};
pub use flow::{CashFlow, FlowError, Valuation, money_weighted, time_weighted};
pub use monthly::{MonthReturn, YearReturns, monthly_returns, yearly};
pub use rolling::Rolling;
pub use series::{Options, OptionsError, Series, SeriesError, returns_of, value};
