//! Moments and dates: nanoseconds since the epoch, the civil calendar, RFC 3339 both ways, New York's offset.
//!
//! Time here comes only from calls; nothing reads a clock. Dates are those of the Gregorian calendar.

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z. Covers the years 1678 to 2261.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub i64);

/// A day of the civil calendar: days since 1970-01-01. Text is `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(pub i32);

impl Nanos {
    /// Later than everything.
    pub const MAX: Self = Self(i64::MAX);

    /// This moment moved by `nanos`; stays at the end of the range where it would leave it.
    #[must_use]
    pub const fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The date in UTC.
    #[must_use]
    pub fn utc_date(self) -> Date {
        date_of_nanos(self.0)
    }

    /// The date in New York.
    #[must_use]
    pub fn new_york_date(self) -> Date {
        date_of_nanos(self.0.saturating_add(self.new_york_offset()))
    }

    /// New York's offset from UTC at this moment, in nanoseconds: −5 h or −4 h.
    #[must_use]
    pub fn new_york_offset(self) -> i64 {
        let (year, _, _) = date_of_nanos(self.0.saturating_sub(5 * HOUR)).ymd();
        let (start, end) = daylight_saving(year);
        // It starts at 2:00 standard time and ends at 2:00 daylight time.
        let from = start.midnight_utc().plus(7 * HOUR);
        let to = end.midnight_utc().plus(6 * HOUR);
        if self >= from && self < to { -4 * HOUR } else { -5 * HOUR }
    }

    /// `2019-02-11T14:30:00Z`, with as many of nine decimals as are needed in threes.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let date = self.utc_date();
        let rest = self.0.rem_euclid(DAY);
        format!("{date}T{}Z", time_text(rest))
    }

    /// The same moment as New York's local time with its offset: `2019-02-11T09:30:00-05:00`.
    #[must_use]
    pub fn rfc3339_new_york(self) -> String {
        let offset = self.new_york_offset();
        let local = self.0.saturating_add(offset);
        format!(
            "{}T{}-{:02}:00",
            date_of_nanos(local),
            time_text(local.rem_euclid(DAY)),
            -offset / HOUR
        )
    }

    /// Reads RFC 3339 (`Z` or an offset, 0 to 9 decimals) or a bare date, which is midnight UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date = Date::parse(text.get(..10)?)?;
        let midnight = date.midnight_utc();
        let rest = &text[10..];
        if rest.is_empty() {
            return Some(midnight);
        }
        if !matches!(rest.as_bytes()[0], b'T' | b't' | b' ') {
            return None;
        }
        let (clock, tail) = rest.get(1..9).zip(rest.get(9..))?;
        let bytes = clock.as_bytes();
        if bytes[2] != b':' || bytes[5] != b':' {
            return None;
        }
        let (h, m, s) = (number(&clock[..2])?, number(&clock[3..5])?, number(&clock[6..])?);
        let (decimals, zone) = match tail.strip_prefix('.') {
            None => (0, tail),
            Some(tail) => {
                let len = tail.bytes().take_while(u8::is_ascii_digit).count();
                if len == 0 || len > 9 {
                    return None;
                }
                let scale = 10_i64.pow(u32::try_from(9 - len).ok()?);
                (number(&tail[..len])? * scale, &tail[len..])
            }
        };
        if h > 23 || m > 59 || s > 59 {
            return None;
        }
        let local = h * HOUR + m * MINUTE + s * SECOND + decimals;
        midnight.0.checked_add(local)?.checked_sub(zone_offset(zone)?).map(Self)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Offset of `Z`, `+hh:mm` or `-hh:mm` in nanoseconds.
fn zone_offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if zone.len() != 6 || zone.as_bytes()[3] != b':' {
        return None;
    }
    let (h, m) = (number(zone.get(1..3)?)?, number(zone.get(4..6)?)?);
    (h < 24 && m < 60).then_some(sign * (h * HOUR + m * MINUTE))
}

fn number(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn time_text(nanos_of_day: i64) -> String {
    let (h, m, s) = (nanos_of_day / HOUR, nanos_of_day / MINUTE % 60, nanos_of_day / SECOND % 60);
    let clock = format!("{h:02}:{m:02}:{s:02}");
    match nanos_of_day % SECOND {
        0 => clock,
        n if n % 1_000_000 == 0 => format!("{clock}.{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{clock}.{:06}", n / 1_000),
        n => format!("{clock}.{n:09}"),
    }
}

fn date_of_nanos(nanos: i64) -> Date {
    // The whole range is ±106,752 days.
    Date(i32::try_from(nanos.div_euclid(DAY)).unwrap_or(0))
}

/// First and last day of daylight saving time in New York (rules of 1987 and of 2007).
fn daylight_saving(year: i32) -> (Date, Date) {
    if year >= 2007 {
        (Date::nth_weekday(year, 3, 0, 2), Date::nth_weekday(year, 11, 0, 1))
    } else {
        (Date::nth_weekday(year, 4, 0, 1), Date::last_weekday(year, 10, 0))
    }
}

impl Date {
    /// A date from year, month 1 to 12 and day; `None` where there is no such day or it is outside 1678 to 2261.
    #[must_use]
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1678..=2261).contains(&year)
            || !(1..=12).contains(&month)
            || day == 0
            || day > days_in_month(year, month)
        {
            return None;
        }
        Some(Self::from_civil(year, month, day))
    }

    /// Howard Hinnant's days-from-civil; the arguments name an existing day.
    fn from_civil(year: i32, month: u32, day: u32) -> Self {
        let (month, day) = (month.cast_signed(), day.cast_signed());
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Self(era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468)
    }

    /// Year, month 1 to 12, day.
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i32::from(month <= 2);
        (year, month.unsigned_abs(), day.unsigned_abs())
    }

    /// 0 is Sunday.
    #[must_use]
    pub fn weekday(self) -> u32 {
        (self.0 + 4).rem_euclid(7).unsigned_abs()
    }

    /// The date `days` later.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Midnight UTC at its start.
    #[must_use]
    pub fn midnight_utc(self) -> Nanos {
        Nanos(i64::from(self.0).saturating_mul(DAY))
    }

    /// The moment when New York's clocks show `hour`:`minute` on this date.
    #[must_use]
    pub fn at_new_york(self, hour: u32, minute: u32) -> Nanos {
        let local = self.midnight_utc().plus(i64::from(hour) * HOUR + i64::from(minute) * MINUTE);
        // Trading hours are never within the hour that changes, so a standard-time guess finds the offset.
        local.plus(-local.plus(5 * HOUR).new_york_offset())
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' || !text.is_ascii() {
            return None;
        }
        let (y, m, d) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?);
        Self::new(i32::try_from(y).ok()?, u32::try_from(m).ok()?, u32::try_from(d).ok()?)
    }

    /// The `n`-th (from 1) `weekday` of the month.
    pub(crate) fn nth_weekday(year: i32, month: u32, weekday: u32, n: u32) -> Self {
        let first = Self::from_civil(year, month, 1);
        let ahead = (weekday + 7 - first.weekday()) % 7 + 7 * (n - 1);
        first.plus(ahead.cast_signed())
    }

    pub(crate) fn last_weekday(year: i32, month: u32, weekday: u32) -> Self {
        let last = Self::from_civil(year, month, days_in_month(year, month));
        last.plus(-(((last.weekday() + 7 - weekday) % 7).cast_signed()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_agree_for_every_day() {
        let mut expected = Date::new(1690, 1, 1).unwrap();
        while expected < Date::new(2200, 1, 1).unwrap() {
            let (y, m, d) = expected.ymd();
            assert_eq!(Date::new(y, m, d), Some(expected));
            expected = expected.plus(1);
        }
        assert_eq!(Date::new(1970, 1, 1), Some(Date(0)));
        assert_eq!(Date::new(2019, 2, 29), None);
        assert_eq!(Date::new(2024, 2, 29).unwrap().weekday(), 4);
    }

    #[test]
    fn text_both_ways() {
        for text in
            ["2019-02-11T14:30:00Z", "1999-12-31T23:59:59.123Z", "2019-02-11T14:30:00.000000001Z"]
        {
            assert_eq!(Nanos::parse(text).unwrap().rfc3339(), text);
        }
        let same = Nanos::parse("2019-02-11T14:30:00Z");
        assert_eq!(Nanos::parse("2019-02-11T09:30:00-05:00"), same);
        assert_eq!(Nanos::parse("2019-02-11 15:30:00.0+01:00"), same);
        assert_eq!(same.unwrap().rfc3339_new_york(), "2019-02-11T09:30:00-05:00");
        for bad in [
            "",
            "2019-02-11T",
            "2019-02-11T14:30",
            "2019-13-01",
            "2019-02-11T24:00:00Z",
            "2019-02-11T14:30:00",
            "2019-02-11T14:30:00.Z",
            "2019-02-11T14:30:00+1:00",
            "٢٠١٩-02-11",
            "2019-02-11T1é:30:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(Nanos::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn new_york_changes_its_clocks() {
        for (text, hours) in [
            ("2019-03-10T06:59:59Z", -5), // second Sunday of March since 2007
            ("2019-03-10T07:00:00Z", -4),
            ("2019-11-03T05:59:59Z", -4),
            ("2019-11-03T06:00:00Z", -5),
            ("2006-04-02T06:59:59Z", -5), // first Sunday of April before
            ("2006-04-02T07:00:00Z", -4),
            ("2006-10-29T05:59:59Z", -4),
            ("2006-10-29T06:00:00Z", -5),
            ("2020-01-01T03:00:00Z", -5),
        ] {
            assert_eq!(Nanos::parse(text).unwrap().new_york_offset(), hours * HOUR, "{text}");
        }
        let open = Date::new(2019, 7, 1).unwrap().at_new_york(9, 30);
        assert_eq!(open.rfc3339(), "2019-07-01T13:30:00Z");
        assert_eq!(
            Nanos::parse("2019-07-02T03:00:00Z").unwrap().new_york_date(),
            Date::new(2019, 7, 1).unwrap()
        );
    }
}
