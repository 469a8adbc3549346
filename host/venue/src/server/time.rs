//! Times of the interface: query parameters and days. The civil calendar is the exchange's own.
//!
//! Times are nanoseconds since the epoch. Nothing here reads a clock.

use stockade_exchange::Nanos;
use stockade_exchange::time::Date;

/// Nanoseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds in an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// RFC 3339 in UTC with as many fractional digits as the time has.
pub(crate) fn rfc3339(nanos: i64) -> String {
    Nanos(nanos).rfc3339()
}

/// A query parameter: RFC 3339 with any offset, a bare date (midnight UTC) or epoch seconds.
///
/// # Errors
/// The text itself when it is none of these.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    // A plus sign that was not percent-encoded reaches us as a space.
    let text = text.trim().replacen(' ', "+", usize::from(text.len() > 19));
    if let Some(Nanos(nanos)) = Nanos::parse(&text) {
        return Ok(nanos);
    }
    match text.parse::<i64>() {
        Ok(seconds) => Ok(seconds.saturating_mul(SECOND)),
        Err(_) => Err(text),
    }
}

/// The date of an instant: New York's for equities, UTC's for crypto.
pub(crate) fn date(nanos: i64, crypto: bool) -> Date {
    if crypto { Nanos(nanos).utc_date() } else { Nanos(nanos).new_york_date() }
}

/// Midnight at the start of a date: New York's for equities, UTC's for crypto.
pub(crate) fn midnight(date: Date, crypto: bool) -> i64 {
    if crypto { date.midnight_utc().0 } else { date.at_new_york(0, 0).0 }
}

/// Minutes after midnight on New York's clocks.
pub(crate) fn new_york_minutes(nanos: i64) -> i64 {
    let local = nanos.saturating_add(Nanos(nanos).new_york_offset());
    local.rem_euclid(24 * HOUR) / MINUTE
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
        let summer = parse("2019-07-01T13:30:00Z").unwrap();
        assert_eq!(new_york_minutes(summer), 570);
        assert_eq!(new_york_minutes(1_549_895_400 * SECOND), 570);
        assert_eq!(rfc3339(midnight(date(summer, false), false)), "2019-07-01T04:00:00Z");
        assert_eq!(rfc3339(midnight(date(summer, true), true)), "2019-07-01T00:00:00Z");
    }
}
