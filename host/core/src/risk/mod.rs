//! Pre-trade controls: their settings, their reasons, and the checks.

mod controls;
mod refusal;

pub use controls::{CONTROL_NAMES, Controls, TradingState};
pub use refusal::Refusal;
