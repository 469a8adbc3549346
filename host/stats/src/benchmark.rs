//! Which values of a benchmark stand beside the periods of a sleeve.

use crate::calendar::{Instant, day_of};
use crate::picture::Point;

/// The oldest value that still counts, in days: a long weekend with holidays around it. Beyond it
/// the benchmark has a gap, and returns over one would be compared with the wrong periods.
const AGE_MAX_DAYS: i64 = 7;

/// Why a benchmark is of no use.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BenchmarkError {
    /// It has no value that early, or none for too long.
    #[error("not enough data: it has no value at {at} or in the {AGE_MAX_DAYS} days before")]
    Missing {
        /// When one was needed.
        at: Instant,
    },
    /// A value from which no return exists.
    #[error("its value {value} at {at} is not above 0")]
    NotPositive {
        /// When.
        at: Instant,
        /// What was found.
        value: f64,
    },
}

/// The benchmark's value at the base and at the end of each period, as many as `ends`.
///
/// Where the periods end on different days (UTC), the last value of the day or of the days before
/// counts: a daily bar carries the start of its day, an equity its end. The base then counts as a
/// day of its own: where it lies on the day of the first end, it takes the value before that day,
/// or, where the benchmark begins on that day too, the one at its instant (else the next one), as
/// long as a later one of the day is left for the end.
/// Where several periods end on one day, the last value at or before each instant counts.
pub fn align(points: &[Point], ends: &[i64]) -> Result<Vec<f64>, BenchmarkError> {
    let closes = ends.get(1..).unwrap_or_default();
    let daily = closes.windows(2).all(|pair| day_of(pair[0]) < day_of(pair[1]));
    let first_day = closes.first().copied().map(day_of);
    let up_to = |day: i64| points.partition_point(|point| day_of(point.at) <= day);
    let fresh = |usable: usize, end: i64| {
        let found = usable.checked_sub(1).and_then(|last| points.get(last));
        found.filter(|point| day_of(end) - day_of(point.at) <= AGE_MAX_DAYS)
    };
    let wanted = |(place, end): (usize, &i64)| {
        let day = day_of(*end);
        let found = match (daily, place == 0 && first_day == Some(day)) {
            (false, _) => fresh(points.partition_point(|point| point.at <= *end), *end),
            (true, false) => fresh(up_to(day), *end),
            (true, true) => {
                let before = up_to(day - 1);
                fresh(before, *end).or_else(|| of_the_day(&points[before..up_to(day)], *end))
            }
        };
        let point = found.ok_or(BenchmarkError::Missing { at: Instant(*end) })?;
        if point.value.is_finite() && point.value > 0.0 {
            Ok(point.value)
        } else {
            Err(BenchmarkError::NotPositive { at: Instant(point.at), value: point.value })
        }
    };
    ends.iter().enumerate().map(wanted).collect()
}

/// The value of a day at an instant, else the first after it; never the day's last.
fn of_the_day(points: &[Point], at: i64) -> Option<&Point> {
    let place = points.partition_point(|point| point.at <= at).saturating_sub(1);
    points.get(place).filter(|_| place + 1 < points.len())
}

#[cfg(test)]
mod tests {
    use super::{BenchmarkError, align};
    use crate::calendar::{Instant, NANOS_PER_DAY};
    use crate::picture::Point;

    const HOUR: i64 = NANOS_PER_DAY / 24;

    fn bars(days: &[i64]) -> Vec<Point> {
        days.iter()
            .map(|day| Point { at: day * NANOS_PER_DAY, value: 100.0 + *day as f64 })
            .collect()
    }

    #[test]
    fn daily_periods_take_the_value_of_their_day() {
        // Friday to Monday: the weekend has none; the base lies on the first close's day.
        let points = bars(&[0, 1, 2, 5, 6]);
        let close = |day: i64| day * NANOS_PER_DAY + 20 * HOUR;
        let ends = [close(1) - 6 * HOUR, close(1), close(2), close(5), close(6)];
        assert_eq!(align(&points, &ends), Ok(vec![100.0, 101.0, 102.0, 105.0, 106.0]));
        // The day before, the base has a value of its own.
        assert_eq!(align(&points, &[close(0), close(1)]), Ok(vec![100.0, 101.0]));
    }

    /// Books whose prices begin with the sleeve itself.
    #[test]
    fn a_benchmark_that_begins_with_the_base_has_a_value_of_that_day() {
        let close = |day: i64| day * NANOS_PER_DAY + 20 * HOUR;
        let point = |at: i64, value: f64| Point { at, value };
        let points = [
            point(14 * HOUR, 10.0),
            point(15 * HOUR, 11.0),
            point(20 * HOUR, 12.0),
            point(close(1), 13.0),
        ];
        let of = |base: i64| align(&points, &[base, close(0), close(1)]);
        assert_eq!(of(15 * HOUR + 1), Ok(vec![11.0, 12.0, 13.0]));
        assert_eq!(of(13 * HOUR), Ok(vec![10.0, 12.0, 13.0]));
        // One value of the day is the end's.
        assert!(align(&points[2..], &[13 * HOUR, close(0), close(1)]).is_err());
    }

    #[test]
    fn periods_within_a_day_take_the_value_at_their_instant() {
        let points: Vec<Point> = (0..4_u8)
            .map(|n| Point { at: i64::from(n) * HOUR, value: f64::from(n) + 1.0 })
            .collect();
        assert_eq!(align(&points, &[0, HOUR + 1, 3 * HOUR]), Ok(vec![1.0, 2.0, 4.0]));
    }

    #[test]
    fn a_benchmark_that_starts_late_ends_early_or_is_worth_nothing_is_refused() {
        let ends = [0, NANOS_PER_DAY, 20 * NANOS_PER_DAY];
        let missing = |at: i64| Err(BenchmarkError::Missing { at: Instant(at) });
        assert_eq!(align(&bars(&[1, 2, 20]), &ends), missing(0));
        assert_eq!(align(&bars(&[0, 1, 2]), &ends), missing(20 * NANOS_PER_DAY));
        assert_eq!(align(&[], &ends), missing(0));
        let worthless = [Point { at: 0, value: 0.0 }];
        let refused = BenchmarkError::NotPositive { at: Instant(0), value: 0.0 };
        assert_eq!(align(&worthless, &[0, NANOS_PER_DAY]), Err(refused));
    }
}
