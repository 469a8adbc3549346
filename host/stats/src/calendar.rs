//! Days, months and years of the proleptic Gregorian calendar, UTC: what monthly returns, dates of
//! drawdowns and the labels of pictures need of one. No time zones, no clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

pub(crate) const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Civil {
    /// The day on which an instant lies, in nanoseconds since 1970.
    pub(crate) fn of(at: i64) -> Self {
        // Days since 0000-03-01, so that a leap day is the last of its year.
        let days = day_of(at) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let narrow = |value: i64| u8::try_from(value).expect("a day or month fits a byte");
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: narrow(month),
            day: narrow(of_year - (153 * shifted + 2) / 5 + 1),
        }
    }

    pub(crate) fn day_key(&self) -> (i64, u8, u8) {
        (self.year, self.month, self.day)
    }

    pub(crate) fn month_key(&self) -> (i64, u8, u8) {
        (self.year, self.month, 0)
    }

    pub(crate) fn year_key(&self) -> (i64, u8, u8) {
        (self.year, 0, 0)
    }
}

/// Days since 1970.
pub(crate) fn day_of(at: i64) -> i64 {
    at.div_euclid(NANOS_PER_DAY)
}

/// An instant in nanoseconds since 1970, UTC; its text and JSON are RFC 3339 (no leap seconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub i64);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day } = Civil::of(self.0);
        let (seconds, nanos) = (
            self.0.rem_euclid(NANOS_PER_DAY) / NANOS_PER_SECOND,
            self.0.rem_euclid(NANOS_PER_SECOND),
        );
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if nanos > 0 {
            write!(f, ".{}", format!("{nanos:09}").trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("\"{text}\" is no time such as 2026-02-11T14:30:00Z"))
        })
    }
}

/// Reads what [`Instant`] writes, and nothing else.
fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let digits = fraction.get(..fraction.len().min(9))?;
    let nanos = format!("{digits:0<9}").parse::<i64>().ok()?;
    // The inverse of `Civil::of`: months counted from March.
    let shifted = (month + 9).rem_euclid(12);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let year = year - i64::from(month <= 2);
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365_i64.checked_mul(year)?.checked_add(leaps + of_year - 719_468)?;
    let of_day = ((hour * 60 + minute) * 60 + second) * NANOS_PER_SECOND + nanos;
    let at = days.checked_mul(NANOS_PER_DAY)?.checked_add(of_day)?;
    (Instant(at).to_string() == text).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::Instant;

    #[test]
    fn instants_are_written_and_read_as_rfc_3339() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_770_820_200_250_000_000, "2026-02-11T14:30:00.25Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(Instant(at).to_string(), text);
            let json = serde_json::to_string(&Instant(at)).expect("it is text");
            assert_eq!(
                serde_json::from_str::<Instant>(&json).expect("what was written"),
                Instant(at)
            );
        }
        for wrong in ["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-02-11", "x", "é"] {
            assert!(serde_json::from_value::<Instant>(wrong.into()).is_err(), "{wrong}");
        }
    }
}
