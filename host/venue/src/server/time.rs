//! Times of the interface: RFC 3339, query parameters, New York's wall clock.
//!
//! Times are nanoseconds since the epoch everywhere else. Nothing here reads a clock.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

/// Nanoseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds in an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// RFC 3339 in UTC with as many fractional digits as the time has.
pub(crate) fn rfc3339(nanos: i64) -> String {
    timestamp(nanos).to_string()
}

/// The instant; an `i64` of nanoseconds always fits.
pub(crate) fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}

/// Nanoseconds of an instant; saturates outside of the years 1678 to 2262.
pub(crate) fn nanos(instant: Timestamp) -> i64 {
    let wide = instant.as_nanosecond();
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

/// New York's time zone. The zone database is part of the program, so this does not fail on a
/// machine without one; UTC stands in if it were ever missing.
pub(crate) fn new_york() -> TimeZone {
    TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC)
}

/// The wall clock of New York at an instant.
pub(crate) fn in_new_york(nanos: i64) -> Zoned {
    timestamp(nanos).to_zoned(new_york())
}

/// RFC 3339 with New York's offset, as the clock endpoint gives it.
pub(crate) fn rfc3339_new_york(nanos: i64) -> String {
    let zoned = in_new_york(nanos);
    zoned.timestamp().display_with_offset(zoned.offset()).to_string()
}

/// A query parameter: RFC 3339 with any offset, a bare date (midnight UTC) or epoch seconds.
///
/// # Errors
/// The text itself when it is none of these.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    // A plus sign that was not percent-encoded reaches us as a space.
    let text = text.trim().replacen(' ', "+", usize::from(text.len() > 19));
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(nanos(instant));
    }
    if let Ok(date) = text.parse::<Date>()
        && let Ok(midnight) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(nanos(midnight.timestamp()));
    }
    match text.parse::<i64>() {
        Ok(seconds) => Ok(seconds.saturating_mul(SECOND)),
        Err(_) => Err(text),
    }
}

/// Midnight in New York of the day that holds the instant.
pub(crate) fn new_york_midnight(nanos_at: i64) -> i64 {
    in_new_york(nanos_at).start_of_day().map_or(nanos_at, |z| nanos(z.timestamp()))
}

/// The instant of a wall clock minute (minutes after midnight) of a New York date.
pub(crate) fn new_york_at(date: Date, minute: i16) -> i64 {
    let Ok(midnight) = date.at(0, 0, 0, 0).checked_add(i64::from(minute).minutes()) else {
        return 0;
    };
    midnight.to_zoned(new_york()).map_or(0, |z| nanos(z.timestamp()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn times_are_read_in_every_form_that_clients_send() {
        let want = 1_549_895_400 * SECOND;
        assert_eq!(parse("2019-02-11T14:30:00Z").unwrap(), want);
        assert_eq!(parse("2019-02-11T14:30:00+00:00").unwrap(), want);
        assert_eq!(parse("2019-02-11T14:30:00 00:00").unwrap(), want);
        assert_eq!(parse("2019-02-11T09:30:00-05:00").unwrap(), want);
        assert_eq!(parse("1549895400").unwrap(), want);
        assert_eq!(parse("2019-02-11").unwrap(), want - 14 * HOUR - 30 * MINUTE);
        assert!(parse("yesterday").is_err());
    }

    #[test]
    fn new_york_follows_summer_time() {
        assert_eq!(rfc3339_new_york(1_549_895_400 * SECOND), "2019-02-11T09:30:00-05:00");
        let summer = parse("2019-07-01T13:30:00Z").unwrap();
        assert_eq!(rfc3339_new_york(summer), "2019-07-01T09:30:00-04:00");
        assert_eq!(new_york_at(in_new_york(summer).date(), 570), summer);
        assert_eq!(rfc3339(new_york_midnight(summer)), "2019-07-01T04:00:00Z");
    }
}
