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
/// day of its own: where it lies on the day of the first end, it takes the value before that day.
/// Where several periods end on one day, the last value at or before each instant counts.
pub fn align(points: &[Point], ends: &[i64]) -> Result<Vec<f64>, BenchmarkError> {
    let closes = ends.get(1..).unwrap_or_default();
    let daily = closes.windows(2).all(|pair| day_of(pair[0]) < day_of(pair[1]));
    let first_day = closes.first().copied().map(day_of);
    let wanted = |(place, end): (usize, &i64)| {
        let usable = if daily {
            let day = day_of(*end);
            let last = if place == 0 && first_day == Some(day) { day - 1 } else { day };
            points.partition_point(|point| day_of(point.at) <= last)
        } else {
            points.partition_point(|point| point.at <= *end)
        };
        let at = Instant(*end);
        let found = usable.checked_sub(1).and_then(|last| points.get(last));
        let found = found.filter(|point| day_of(*end) - day_of(point.at) <= AGE_MAX_DAYS);
        let point = found.ok_or(BenchmarkError::Missing { at })?;
        if point.value.is_finite() && point.value > 0.0 {
            Ok(point.value)
        } else {
            Err(BenchmarkError::NotPositive { at: Instant(point.at), value: point.value })
        }
    };
    ends.iter().enumerate().map(wanted).collect()
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
