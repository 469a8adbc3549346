//! Returns by month and year.

use serde::{Deserialize, Serialize};

use crate::calendar::Civil;

/// The return of one month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MonthReturn {
    /// The year.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: u8,
    /// prod(1+r)-1 over the periods that end in it, UTC.
    pub value: f64,
}

/// The returns of one year, a row of the matrix year x month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct YearReturns {
    /// The year.
    pub year: i64,
    /// January to December; `None` where no period ends in the month.
    pub months: [Option<f64>; 12],
    /// prod(1+r)-1 over the periods that end in the year.
    pub total: f64,
}

/// Returns by month, in time order. `ends` gives when each period ends, in nanoseconds since 1970;
/// a month with a value that is not finite is left out.
#[must_use]
pub fn monthly_returns(returns: &[f64], ends: &[i64]) -> Vec<MonthReturn> {
    let mut months: Vec<MonthReturn> = Vec::new();
    for (r, end) in returns.iter().zip(ends) {
        let Civil { year, month, .. } = Civil::of(*end);
        match months.last_mut().filter(|last| (last.year, last.month) == (year, month)) {
            Some(last) => last.value = (1.0 + last.value) * (1.0 + r) - 1.0,
            None => months.push(MonthReturn { year, month, value: *r }),
        }
    }
    months.retain(|month| month.value.is_finite());
    months
}

/// The same as a matrix: a row for each year that has a month.
#[must_use]
pub fn yearly(months: &[MonthReturn]) -> Vec<YearReturns> {
    let mut years: Vec<YearReturns> = Vec::new();
    for MonthReturn { year, month, value } in months.iter().copied() {
        if years.last().is_none_or(|last| last.year != year) {
            years.push(YearReturns { year, months: [None; 12], total: 0.0 });
        }
        let Some(row) = years.last_mut() else { continue };
        let place = usize::from(month).checked_sub(1);
        let Some(cell) = place.and_then(|place| row.months.get_mut(place)) else { continue };
        *cell = Some(value);
        row.total = (1.0 + row.total) * (1.0 + value) - 1.0;
    }
    years.retain(|year| year.total.is_finite());
    years
}

#[cfg(test)]
mod tests {
    use super::{MonthReturn, monthly_returns, yearly};
    use crate::calendar::NANOS_PER_DAY;

    #[test]
    fn periods_belong_to_the_month_of_their_end() {
        // 1970-01-31, 02-01, 02-28, 1971-03-01
        let ends = [30, 31, 58, 424].map(|day| day * NANOS_PER_DAY);
        let months = monthly_returns(&[0.1, 0.1, -0.5, 0.2], &ends);
        let found: Vec<(i64, u8)> = months.iter().map(|m| (m.year, m.month)).collect();
        assert_eq!(found, [(1970, 1), (1970, 2), (1971, 3)]);
        assert!((months[1].value - (1.1 * 0.5 - 1.0)).abs() < 1e-15);
        let years = yearly(&months);
        assert_eq!(years.len(), 2);
        assert_eq!((years[0].months[0], years[0].months[2]), (Some(0.1), None));
        assert!((years[0].total - (1.1 * 1.1 * 0.5 - 1.0)).abs() < 1e-15);
        assert_eq!(years[1].months[2], Some(0.2));
    }

    #[test]
    fn a_month_that_is_none_is_left_out() {
        let wrong = MonthReturn { year: 1970, month: 13, value: 0.1 };
        assert_eq!(yearly(&[wrong])[0].months, [None; 12]);
        assert!(monthly_returns(&[f64::INFINITY], &[0]).is_empty());
        assert!(monthly_returns(&[], &[]).is_empty());
    }
}
