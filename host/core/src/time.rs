//! Two clocks, both given from outside: market time and machine time.
//!
//! Market time comes from events and the broker's clock and drives sessions, staleness, rates and
//! back-off; machine time drives time-outs. The core never reads either.

use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970-01-01T00:00:00 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time `nanos` later.
    #[must_use]
    pub const fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds since `earlier`; negative when it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time of an input on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Now {
    /// The market's time: of the event in hand, or the broker's clock.
    pub market: Timestamp,
    /// The machine's time, for time-outs alone.
    pub machine: Timestamp,
}

/// One trading session of the equity market, as the broker's calendar gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// The day's key: year * 10,000 + month * 100 + day, of the exchange's own calendar.
    pub day: u32,
    /// When the regular session opens.
    pub open: Timestamp,
    /// When it closes.
    pub close: Timestamp,
}
