//! The last values of a series with their exact sum.
//!
//! Nothing is rounded, so a window that was saved and restored goes on exactly, and two languages
//! agree to the last digit. Sums are held in 128 bits: [`Window::push`] refuses a value that would
//! not fit. Means are compared, never computed, since a mean may have no exact decimal.

use core::cmp::Ordering;
use std::collections::VecDeque;

use crate::decimal::Decimal;
use crate::state::{Reader, StateError, Writer};

/// A value that the window's 128-bit sum can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl core::fmt::Display for Overflow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the sum of the window does not fit 128 bits")
    }
}

impl core::error::Error for Overflow {}

/// The last `capacity` values and their sum.
#[derive(Clone, Debug)]
pub struct Window {
    capacity: usize,
    /// Places that all of `units` share; it only grows.
    scale: u8,
    units: VecDeque<i128>,
    sum: i128,
}

impl Window {
    /// An empty window of `capacity` values; a capacity of 0 counts as 1.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), scale: 0, units: VecDeque::new(), sum: 0 }
    }

    /// Takes a value in and lets the oldest go when the window is full. On an error nothing
    /// changes.
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        if value.scale > self.scale {
            self.widen(value.scale)?;
        }
        let unit = scaled(i128::from(value.mantissa), self.scale - value.scale).ok_or(Overflow)?;
        let leaving = if self.is_full() { self.units.front().copied().unwrap_or(0) } else { 0 };
        let sum =
            self.sum.checked_sub(leaving).and_then(|s| s.checked_add(unit)).ok_or(Overflow)?;
        if self.is_full() {
            self.units.pop_front();
        }
        self.units.push_back(unit);
        self.sum = sum;
        Ok(())
    }

    fn widen(&mut self, scale: u8) -> Result<(), Overflow> {
        let factor = 10i128.checked_pow(u32::from(scale - self.scale)).ok_or(Overflow)?;
        let sum = self.sum.checked_mul(factor).ok_or(Overflow)?;
        let units: Option<VecDeque<i128>> =
            self.units.iter().map(|u| u.checked_mul(factor)).collect();
        self.units = units.ok_or(Overflow)?;
        self.sum = sum;
        self.scale = scale;
        Ok(())
    }

    /// True once `capacity` values have been seen.
    pub fn is_full(&self) -> bool {
        self.units.len() == self.capacity
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// True before the first value.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The sum of the values; `None` where it does not fit 64 bits.
    pub fn sum(&self) -> Option<Decimal> {
        Decimal::from_i128(self.sum, u32::from(self.scale))
    }

    /// The values as multiples of 10^-[`Window::scale`], oldest first.
    pub fn units(&self) -> impl Iterator<Item = i128> + '_ {
        self.units.iter().copied()
    }

    /// The places of [`Window::units`].
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// How the mean of this window compares with the mean of another, exactly; `None` while one
    /// of them is empty or when the comparison does not fit 128 bits.
    pub fn compare_means(&self, other: &Self) -> Option<Ordering> {
        let scale = self.scale.max(other.scale);
        let cross = |a: &Self, b: &Self| {
            let count = i128::try_from(b.units.len()).ok()?;
            product(scaled(a.sum, scale - a.scale)?, count)
        };
        if self.is_empty() || other.is_empty() {
            return None;
        }
        Some(cross(self, other)?.cmp(&cross(other, self)?))
    }

    /// Writes the values into a state.
    pub fn save(&self, out: &mut Writer) {
        out.u8(self.scale);
        out.count(self.units.len());
        for unit in &self.units {
            out.i128(*unit);
        }
    }

    /// Reads what [`Window::save`] wrote. The capacity is that of `self`: of a longer series the
    /// newest values stay.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let scale = from.u8()?;
        let mut units = VecDeque::new();
        for _ in 0..from.count()? {
            if units.len() == self.capacity {
                units.pop_front();
            }
            units.push_back(from.i128()?);
        }
        let sum = units.iter().try_fold(0i128, |sum, u| sum.checked_add(*u));
        self.sum = sum.ok_or(StateError::Malformed)?;
        self.units = units;
        self.scale = scale;
        Ok(())
    }
}

/// `value` · 10^`places`. Nearly every price of a series has the same places.
fn scaled(value: i128, places: u8) -> Option<i128> {
    if places == 0 {
        return Some(value);
    }
    10i128.checked_pow(u32::from(places))?.checked_mul(value)
}

/// The product. Small factors, which are nearly all, spare wasm the 128-bit multiplication.
fn product(a: i128, b: i128) -> Option<i128> {
    match (i32::try_from(a), i32::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(i64::from(a) * i64::from(b))),
        _ => a.checked_mul(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::qty;

    fn window(capacity: usize, values: &[&str]) -> Window {
        let mut window = Window::new(capacity);
        for value in values {
            window.push(qty(value)).expect("fits");
        }
        window
    }

    #[test]
    fn keeps_the_newest_and_their_exact_sum() {
        let w = window(3, &["1", "0.1", "0.22", "0.003"]);
        assert!(w.is_full());
        assert_eq!(w.sum(), Some(qty("0.323")));
        assert_eq!(w.units().collect::<Vec<_>>(), [100, 220, 3]);
        assert!(Window::new(3).sum() == Some(Decimal::ZERO));
    }

    #[test]
    fn means_compare_without_division() {
        let thirds = window(3, &["1", "1", "2"]);
        assert_eq!(thirds.compare_means(&window(1, &["1.333333333"])), Some(Ordering::Greater));
        assert_eq!(
            thirds.compare_means(&window(6, &["1", "1", "1", "1", "2", "2"])),
            Some(Ordering::Equal)
        );
        assert_eq!(thirds.compare_means(&Window::new(3)), None);
    }

    #[test]
    fn refuses_what_does_not_fit_and_stays_as_it_was() {
        let mut w = window(100, &["1"]);
        assert_eq!(w.push(Decimal::new(i64::MAX, 255)), Err(Overflow));
        assert_eq!(w.sum(), Some(Decimal::ONE));
        let mut big = window(100, &["0.000000000000000001"]);
        let pushed = (0..100).take_while(|_| big.push(Decimal::new(i64::MAX, 0)).is_ok()).count();
        assert!(pushed < 100, "the sum has to overflow");
        assert_eq!(big.len(), pushed + 1);
    }

    #[test]
    fn restores_into_the_same_series() {
        let mut saved = Writer::new();
        window(4, &["1.5", "2", "3", "4"]).save(&mut saved);
        let bytes = saved.finish();
        let mut short = Window::new(2);
        let mut reader = Reader::new(&bytes).expect("intact");
        short.restore(&mut reader).expect("restores");
        assert_eq!(short.sum(), Some(qty("7")));
    }
}
