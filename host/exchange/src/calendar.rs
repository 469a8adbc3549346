//! The New York Stock Exchange's trading days, opening and closing times, by rule, 1998 to 2030 and beyond.
//!
//! Holidays and early closes follow the published rules; closures that no rule gives are a table. Later closures
//! that are not known yet are not in it. Late opens (2002-09-11) and closes by minutes are left out.

use serde::{Deserialize, Serialize};

use crate::time::{Date, Nanos};

/// One trading day's regular session, from `open` (inclusive) to `close` (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub date: Date,
    pub open: Nanos,
    pub close: Nanos,
    /// Closes at 13:00 instead of 16:00.
    pub early_close: bool,
}

impl Session {
    /// Start of the extended hours: 4:00.
    #[must_use]
    pub fn extended_open(&self) -> Nanos {
        self.date.at_new_york(4, 0)
    }

    /// End of the extended hours: 20:00, or 17:00 after an early close.
    #[must_use]
    pub fn extended_close(&self) -> Nanos {
        self.date.at_new_york(if self.early_close { 17 } else { 20 }, 0)
    }
}

/// 2250-01-01, well inside the range of [`Nanos`].
const LATEST: Nanos = Nanos(102_268 * crate::time::DAY);

/// Closures that follow no rule: attacks, storms, days of mourning.
const CLOSURES: [(i32, u32, u32); 10] = [
    (2001, 9, 11),
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),
    (2007, 1, 2),
    (2012, 10, 29),
    (2012, 10, 30),
    (2018, 12, 5),
    (2025, 1, 9),
];

/// Early closes that follow no rule.
const EARLY: [(i32, u32, u32); 2] = [(1999, 12, 31), (2003, 12, 26)];

/// The session of `date`, `None` on weekends and holidays.
#[must_use]
pub fn session(date: Date) -> Option<Session> {
    if is_closed(date) {
        return None;
    }
    let early_close = is_early(date);
    let close = date.at_new_york(if early_close { 13 } else { 16 }, 0);
    Some(Session { date, open: date.at_new_york(9, 30), close, early_close })
}

/// The session that is open at `at`.
#[must_use]
pub fn session_at(at: Nanos) -> Option<Session> {
    session(at.new_york_date()).filter(|s| at >= s.open && at < s.close)
}

/// The first session that closes after `at`: the one that is open, or the next.
#[must_use]
pub fn current_or_next(at: Nanos) -> Session {
    // Times near the end of the range have no later session to find.
    let at = at.min(LATEST);
    let mut date = at.new_york_date();
    loop {
        if let Some(found) = session(date)
            && found.close > at
        {
            return found;
        }
        date = date.plus(1);
    }
}

/// The first session that opens after `at`.
#[must_use]
pub fn next_open(at: Nanos) -> Session {
    let mut found = current_or_next(at);
    while found.open <= at {
        found = current_or_next(found.close);
    }
    found
}

/// All sessions from `from` to `to`, both included, at most 40 years of them.
#[must_use]
pub fn sessions(from: Date, to: Date) -> Vec<Session> {
    let to = to.min(from.plus(40 * 366));
    (from.0..=to.0).filter_map(|day| session(Date(day))).collect()
}

/// Whether `[start, end)` touches the regular session of any day that it touches.
#[must_use]
pub(crate) fn overlaps_session(start: Nanos, end: Nanos) -> bool {
    let session = current_or_next(start);
    session.open < end || (session.open <= start && start < session.close)
}

fn is_closed(date: Date) -> bool {
    let (year, month, day) = date.ymd();
    let weekday = date.weekday();
    if weekday == 0 || weekday == 6 || CLOSURES.contains(&(year, month, day)) {
        return true;
    }
    // New Year's on a Saturday is not moved to Friday, since that closes the old year.
    let new_year = (month, day) == (1, 1) || ((month, day) == (1, 2) && weekday == 1);
    let juneteenth = year >= 2022 && observed(date, 6, 19);
    new_year
        || date == Date::nth_weekday(year, 1, 1, 3)
        || date == Date::nth_weekday(year, 2, 1, 3)
        || date == easter(year).plus(-2)
        || date == Date::last_weekday(year, 5, 1)
        || juneteenth
        || observed(date, 7, 4)
        || date == Date::nth_weekday(year, 9, 1, 1)
        || date == Date::nth_weekday(year, 11, 4, 4)
        || observed(date, 12, 25)
}

/// Whether the holiday is kept on `date`: on its day, the Friday before a Saturday, the Monday after a Sunday.
fn observed(date: Date, month: u32, day: u32) -> bool {
    let is_day = |d: Date| {
        let (_, m, n) = d.ymd();
        (m, n) == (month, day)
    };
    match date.weekday() {
        1 => is_day(date) || is_day(date.plus(-1)),
        5 => is_day(date) || is_day(date.plus(1)),
        _ => is_day(date),
    }
}

fn is_early(date: Date) -> bool {
    let (year, month, day) = date.ymd();
    let weekday = date.weekday();
    if EARLY.contains(&(year, month, day)) || date == Date::nth_weekday(year, 11, 4, 4).plus(1) {
        return true;
    }
    match (month, day) {
        // Since 2013 also a Wednesday; before, the Friday after a Thursday holiday instead.
        (7, 3) => matches!(weekday, 1 | 2 | 4) || (weekday == 3 && year >= 2013),
        (7, 5) => weekday == 5 && year < 2013,
        (12, 24) => (1..=4).contains(&weekday),
        _ => false,
    }
}

/// Easter Sunday (the anonymous Gregorian computus).
fn easter(year: i32) -> Date {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let first = Date::new(year, (n / 31).unsigned_abs(), 1).unwrap_or(Date(0));
    first.plus(n % 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn closed_days() {
        for text in [
            "2019-02-16",
            "2019-02-17",
            "2019-02-18",
            "2001-09-11",
            "2001-09-14",
            "2012-10-29",
            "2012-10-30",
            "2004-06-11",
            "2007-01-02",
            "2018-12-05",
            "2025-01-09",
            "2024-03-29",
            "2019-04-19",
            "1998-04-10",
            "2022-06-20",
            "2027-06-18",
            "2026-07-03",
            "2021-07-05",
            "2021-12-24",
            "2022-12-26",
            "2023-01-02",
            "1999-12-24",
            "2030-12-25",
            "1998-01-19",
        ] {
            assert_eq!(session(date(text)), None, "{text}");
        }
    }

    #[test]
    fn open_days() {
        for text in [
            "2001-09-10",
            "2001-09-17",
            "2012-10-31",
            "2019-02-15",
            "2021-12-31",
            "2010-12-31",
            "2021-06-18",
            "2019-06-19",
            "2018-10-08",
        ] {
            let s = session(date(text)).unwrap();
            assert!(!s.early_close, "{text}");
            assert_eq!(s.close.0 - s.open.0, 390 * crate::time::MINUTE, "{text}");
        }
    }

    #[test]
    fn early_closes() {
        for text in [
            "2024-07-03",
            "2019-07-03",
            "2002-07-05",
            "2001-07-03",
            "2018-11-23",
            "2018-12-24",
            "2003-12-26",
            "1999-12-31",
        ] {
            let s = session(date(text)).unwrap();
            assert!(s.early_close, "{text}");
            assert_eq!(s.close, s.date.at_new_york(13, 0), "{text}");
        }
        assert!(!session(date("2002-07-03")).unwrap().early_close);
        assert!(!session(date("2026-07-02")).unwrap().early_close);
    }

    #[test]
    fn years_have_as_many_sessions_as_the_exchange_had() {
        for (year, days) in [
            (1998, 252),
            (2001, 248),
            (2012, 250),
            (2018, 251),
            (2019, 252),
            (2020, 253),
            (2022, 251),
            (2024, 252),
        ] {
            let (from, to) = (Date::new(year, 1, 1).unwrap(), Date::new(year, 12, 31).unwrap());
            assert_eq!(sessions(from, to).len(), days, "{year}");
        }
    }

    #[test]
    fn the_clock_follows_daylight_saving() {
        assert_eq!(session(date("2019-03-08")).unwrap().open.rfc3339(), "2019-03-08T14:30:00Z");
        assert_eq!(session(date("2019-03-11")).unwrap().open.rfc3339(), "2019-03-11T13:30:00Z");
        assert_eq!(session(date("2019-11-04")).unwrap().close.rfc3339(), "2019-11-04T21:00:00Z");
        let friday_close = session(date("2019-02-15")).unwrap().close;
        assert_eq!(session_at(friday_close), None);
        assert!(session_at(friday_close.plus(-1)).is_some());
        assert_eq!(current_or_next(friday_close).date, date("2019-02-19"));
        assert_eq!(next_open(session(date("2019-02-19")).unwrap().open).date, date("2019-02-20"));
    }

    #[test]
    fn bars_of_a_day_and_of_an_hour_touch_the_session() {
        let day = crate::time::DAY;
        let at = |text: &str| Nanos::parse(text).unwrap();
        assert!(overlaps_session(at("2019-02-15T00:00:00Z"), at("2019-02-15T00:00:00Z").plus(day)));
        assert!(overlaps_session(at("2019-02-15T14:00:00Z"), at("2019-02-15T15:00:00Z")));
        assert!(!overlaps_session(at("2019-02-15T14:29:00Z"), at("2019-02-15T14:30:00Z")));
        assert!(!overlaps_session(
            at("2019-02-16T00:00:00Z"),
            at("2019-02-16T00:00:00Z").plus(day)
        ));
    }
}
