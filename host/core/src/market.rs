//! Market data as it reaches the core.

use serde::{Deserialize, Serialize};

use crate::decimal::{Price, Qty};
use crate::id::InstrumentId;
use crate::time::Timestamp;

/// A bar: prices of one interval of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// The instrument's place in the desk's table.
    pub instrument: InstrumentId,
    /// The start of the interval.
    pub at: Timestamp,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares or coins traded.
    pub volume: Qty,
}

/// The best bid and ask of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The instrument's place in the desk's table.
    pub instrument: InstrumentId,
    /// When.
    pub at: Timestamp,
    /// Best bid.
    pub bid: Price,
    /// Shares bid for.
    pub bid_size: Qty,
    /// Best ask.
    pub ask: Price,
    /// Shares offered.
    pub ask_size: Qty,
}

/// A trade print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// The instrument's place in the desk's table.
    pub instrument: InstrumentId,
    /// When.
    pub at: Timestamp,
    /// At what price.
    pub price: Price,
    /// How much.
    pub size: Qty,
}

/// A market event. Never a row: what a decision used of it is stored with the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MarketEvent {
    /// All bars of one time stamp, in table order.
    Bars {
        /// At least one, all with the same `at`.
        bars: Vec<Bar>,
    },
    /// A quote.
    Quote(Quote),
    /// A trade print.
    Trade(Trade),
}
