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

/// RFC 3339 in UTC, to the second: for words to people.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.div_euclid(1_000_000_000);
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to a civil date, by eras of 400 years that begin on a first of March
        // (H. Hinnant, chrono-compatible low-level date algorithms).
        let since = days + 719_468;
        let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let (date, month) =
            (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
        let year = year + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
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

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_time_reads_as_a_date() {
        let at = |seconds: i64| Timestamp(seconds * 1_000_000_000).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_549_895_400), "2019-02-11T14:30:00Z");
        assert_eq!(at(-1), "1969-12-31T23:59:59Z");
        assert_eq!(at(4_102_444_799), "2099-12-31T23:59:59Z");
    }
}
