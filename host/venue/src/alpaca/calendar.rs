//! Sessions from the broker's calendar, whose hours are New York's.

use jiff::civil::{Date, Time};
use jiff::{Span, tz::TimeZone};
use stockade_core::Timestamp;
use stockade_core::time::Session;

use super::wire::{WireDay, WireError};

const EXCHANGE_ZONE: &str = "America/New_York";
/// Days that a calendar request looks back, for sessions of orders that are still open.
const DAYS_BACK: i32 = 7;
/// Days that it looks ahead: over any run of holidays.
const DAYS_AHEAD: i32 = 14;

/// The first and last day of a calendar request around a time, as `YYYY-MM-DD`.
pub(crate) fn around(at: Timestamp) -> (String, String) {
    let now = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or(jiff::Timestamp::MIN);
    // A day's error at midnight doesn't matter here, so UTC will do.
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |days: i32| today.saturating_add(Span::new().days(days)).to_string();
    (day(-DAYS_BACK), day(DAYS_AHEAD))
}

/// A day as text: `YYYY-MM-DD`, or a time that begins with one.
pub(crate) fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// A day's first moment at the exchange.
pub(crate) fn first_moment(day: Date) -> Option<Timestamp> {
    let zoned = day.to_zoned(TimeZone::get(EXCHANGE_ZONE).ok()?).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok().map(Timestamp)
}

/// The day of a moment at the exchange.
pub(crate) fn day_of(at: Timestamp) -> Option<Date> {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).ok()?;
    Some(at.to_zoned(TimeZone::get(EXCHANGE_ZONE).ok()?).date())
}

/// A time written as digits of New York's clock, as activity ids begin: `20260716093012123`.
pub(crate) fn local_digits(digits: &str) -> Option<Timestamp> {
    if digits.len() != 17 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (whole, millis) = digits.split_at(14);
    let whole = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    let zoned = whole.to_zoned(TimeZone::get(EXCHANGE_ZONE).ok()?).ok()?;
    let millis: i64 = millis.parse().ok()?;
    let nanos = i64::try_from(zoned.timestamp().as_nanosecond()).ok()?;
    Some(Timestamp(nanos.checked_add(millis * 1_000_000)?))
}

pub(crate) fn session(day: &WireDay) -> Result<Session, WireError> {
    let found = || format!("{} {} {}", day.date, day.open, day.close);
    let bad =
        || WireError::Time { what: "a calendar day", found: found().chars().take(40).collect() };
    let date: Date = day.date.parse().map_err(|_| bad())?;
    let zone = TimeZone::get(EXCHANGE_ZONE).map_err(|_| bad())?;
    let at = |hours: &str| {
        let time = Time::strptime("%H:%M", hours).map_err(|_| bad())?;
        let zoned = date.to_datetime(time).to_zoned(zone.clone()).map_err(|_| bad())?;
        i64::try_from(zoned.timestamp().as_nanosecond()).map(Timestamp).map_err(|_| bad())
    };
    let number = |n: i8| u32::try_from(n).map_err(|_| bad());
    let year = u32::try_from(date.year()).map_err(|_| bad())?;
    Ok(Session {
        day: year * 10_000 + number(date.month())? * 100 + number(date.day())?,
        open: at(&day.open)?,
        close: at(&day.close)?,
    })
}
