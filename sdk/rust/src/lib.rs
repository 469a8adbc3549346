//! Writes a stockade bot in Rust: implement [`Strategy`], name it in [`export!`], build for
//! `wasm32-unknown-unknown`. `README.md` beside this crate is the ten-minute path.
//!
//! Guarantees: a list of events means exactly what single calls mean, because the SDK stops after
//! the time stamp at which the strategy first asked for something; money and quantities are exact
//! ([`Decimal`]); the same strategy runs natively under [`testing`], without wasm.
//!
//! It does not keep time, random numbers, files or a network: a bot has none. It does not decide
//! what is allowed either: the host answers each order at once, and again when it arrives.
//!
//! Where to look next: [`Context`] for what a handler can ask, [`testing::Harness`] for tests.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests stop at the first surprise"))]

pub mod bindings;
mod context;
mod decimal;
mod describe;
#[doc(hidden)]
pub mod export;
pub mod indicator;
mod market;
mod params;
mod running;
mod state;
mod strategy;
pub mod testing;
mod window;

pub use bindings::exports::stockade::bot::on_actions::{ActionEvent, ActionKind};
pub use bindings::stockade::bot::types::{
    AssetClass, Bar, BarShape, BarSource, Config, Description, EventKind, InstrumentInfo, Intent,
    LogLevel, OpenOrder, OrderEvent, OrderStatus, OrderType, Param, ParamType, Position, Quote,
    Refusal, SessionEvent, SessionKind, Side, Size, StopLimitPrices, TimeInForce, TimerEvent,
    Trade,
};
pub use context::{Change, Context, Draft, Host};
pub use decimal::{Decimal, ParseDecimalError, Rounding, qty};
pub use params::{Parameters, Value as ParamValue};
pub use running::Running;
pub use state::{Reader, StateError, Writer};
pub use strategy::Strategy;
pub use window::{Overflow, Window};

/// A place in the table of instruments of [`Config`].
pub type Instrument = u32;
/// Nanoseconds since 1970-01-01T00:00:00 UTC.
pub type Timestamp = i64;
/// The host's number of an order.
pub type OrderId = u64;

/// Nanoseconds of one second.
pub const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// Writes a debug line to the bot's log: `debug!(ctx, "close {}", bar.close())`.
#[macro_export]
macro_rules! debug {
    ($ctx:expr, $($message:tt)+) => { $ctx.log($crate::LogLevel::Debug, &format!($($message)+)) };
}

/// Writes an information line to the bot's log.
#[macro_export]
macro_rules! info {
    ($ctx:expr, $($message:tt)+) => { $ctx.log($crate::LogLevel::Info, &format!($($message)+)) };
}

/// Writes a warning to the bot's log.
#[macro_export]
macro_rules! warn {
    ($ctx:expr, $($message:tt)+) => { $ctx.log($crate::LogLevel::Warn, &format!($($message)+)) };
}

/// Writes an error to the bot's log. It stops nothing.
#[macro_export]
macro_rules! error {
    ($ctx:expr, $($message:tt)+) => { $ctx.log($crate::LogLevel::Error, &format!($($message)+)) };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
