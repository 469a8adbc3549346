//! The last values of a series with their exact sum.
//!
//! Nothing is rounded, so a window that was saved and restored goes on exactly, and two languages
//! agree to the last digit. Values and sum are 64-bit integers for as long as they fit, and 128-bit
//! ones from then on: [`Window::push`] refuses a value that would not fit those. Means are compared,
//! never computed, since a mean may have no exact decimal.

use core::cmp::Ordering;

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
    /// Places that all values share; it only grows.
    scale: u8,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Narrow(Ring<i64>),
    Wide(Ring<i128>),
}

/// Values in a circle.
#[derive(Clone, Debug)]
struct Ring<T> {
    units: Vec<T>,
    /// The place of the oldest value, once the ring is full.
    oldest: usize,
    sum: T,
}

/// The arithmetic of a ring; `None` where a result does not fit.
trait Unit: Copy {
    fn plus(self, other: Self) -> Option<Self>;
    fn minus(self, other: Self) -> Option<Self>;
}

macro_rules! unit {
    ($integer:ty) => {
        impl Unit for $integer {
            #[inline]
            fn plus(self, other: Self) -> Option<Self> {
                self.checked_add(other)
            }

            #[inline]
            fn minus(self, other: Self) -> Option<Self> {
                self.checked_sub(other)
            }
        }
    };
}

unit!(i64);
unit!(i128);

impl<T: Unit> Ring<T> {
    /// Takes a value in and lets the oldest go when `capacity` is reached. On `None` nothing changes.
    #[inline]
    fn push(&mut self, unit: T, capacity: usize) -> Option<()> {
        if self.units.len() < capacity {
            self.sum = self.sum.plus(unit)?;
            self.units.push(unit);
            return Some(());
        }
        let oldest = self.units.get_mut(self.oldest)?;
        // In this order a full window of equal values never leaves the range of its sum.
        self.sum = self.sum.minus(*oldest)?.plus(unit)?;
        *oldest = unit;
        self.oldest += 1;
        if self.oldest == capacity {
            self.oldest = 0;
        }
        Some(())
    }

    /// A value by age, the oldest first.
    fn get(&self, age: usize) -> Option<T> {
        let place = self.oldest + age;
        let wrapped = place.checked_sub(self.units.len()).unwrap_or(place);
        self.units.get(wrapped).copied()
    }
}

impl Ring<i64> {
    fn widen(&self) -> Ring<i128> {
        let units = self.units.iter().copied().map(i128::from).collect();
        Ring { units, oldest: self.oldest, sum: i128::from(self.sum) }
    }
}

impl Window {
    /// An empty window of `capacity` values; a capacity of 0 counts as 1.
    pub fn new(capacity: usize) -> Self {
        let ring = Ring { units: Vec::new(), oldest: 0, sum: 0 };
        Self { capacity: capacity.max(1), scale: 0, values: Values::Narrow(ring) }
    }

    /// Takes a value in and lets the oldest go when the window is full. On an error nothing
    /// changes.
    #[inline]
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        let taken = value.units(self.scale).and_then(|unit| match &mut self.values {
            Values::Narrow(ring) => ring.push(unit, self.capacity),
            Values::Wide(ring) => ring.push(i128::from(unit), self.capacity),
        });
        if taken.is_some() { Ok(()) } else { self.push_any(value) }
    }

    /// The same for a value with more places, or one that needs more bits.
    fn push_any(&mut self, value: Decimal) -> Result<(), Overflow> {
        let scale = self.scale.max(value.scale);
        let mut wide = match &self.values {
            Values::Narrow(ring) => ring.widen(),
            Values::Wide(ring) => ring.clone(),
        };
        if scale > self.scale {
            let factor = 10i128.checked_pow(u32::from(scale - self.scale)).ok_or(Overflow)?;
            for number in wide.units.iter_mut().chain([&mut wide.sum]) {
                *number = number.checked_mul(factor).ok_or(Overflow)?;
            }
        }
        let unit = scaled(i128::from(value.mantissa), scale - value.scale).ok_or(Overflow)?;
        wide.push(unit, self.capacity).ok_or(Overflow)?;
        self.values = narrowed(wide);
        self.scale = scale;
        Ok(())
    }

    /// True once `capacity` values have been seen.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity
    }

    /// How many values it holds.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Narrow(ring) => ring.units.len(),
            Values::Wide(ring) => ring.units.len(),
        }
    }

    /// True before the first value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum of the values; `None` where it does not fit 64 bits.
    pub fn sum(&self) -> Option<Decimal> {
        Decimal::from_i128(self.total(), u32::from(self.scale))
    }

    fn total(&self) -> i128 {
        match &self.values {
            Values::Narrow(ring) => i128::from(ring.sum),
            Values::Wide(ring) => ring.sum,
        }
    }

    /// The values as multiples of 10^-[`Window::scale`], oldest first.
    pub fn units(&self) -> impl DoubleEndedIterator<Item = i128> + '_ {
        (0..self.len()).filter_map(|age| match &self.values {
            Values::Narrow(ring) => ring.get(age).map(i128::from),
            Values::Wide(ring) => ring.get(age),
        })
    }

    /// The places of [`Window::units`].
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// How the mean of this window compares with the mean of another, exactly; `None` while one
    /// of them is empty or when the comparison does not fit 128 bits.
    #[inline]
    pub fn compare_means(&self, other: &Self) -> Option<Ordering> {
        if let (Values::Narrow(a), Values::Narrow(b)) = (&self.values, &other.values)
            && self.scale == other.scale
            && let (Some(x), Some(y)) =
                (product(a.sum, b.units.len()), product(b.sum, a.units.len()))
            && !a.units.is_empty()
            && !b.units.is_empty()
        {
            return Some(x.cmp(&y));
        }
        self.compare_any(other)
    }

    fn compare_any(&self, other: &Self) -> Option<Ordering> {
        let scale = self.scale.max(other.scale);
        let cross = |a: &Self, b: &Self| {
            scaled(a.total(), scale - a.scale)?.checked_mul(i128::try_from(b.len()).ok()?)
        };
        if self.is_empty() || other.is_empty() {
            return None;
        }
        Some(cross(self, other)?.cmp(&cross(other, self)?))
    }

    /// Writes the values into a state.
    pub fn save(&self, out: &mut Writer) {
        out.u8(self.scale);
        out.count(self.len());
        for unit in self.units() {
            out.i128(unit);
        }
    }

    /// Reads what [`Window::save`] wrote. The capacity is that of `self`: of a longer series the
    /// newest values stay.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let scale = from.u8()?;
        let mut units = Vec::new();
        for _ in 0..from.count()? {
            units.push(from.i128()?);
        }
        units.drain(..units.len().saturating_sub(self.capacity));
        let sum = units.iter().try_fold(0i128, |sum, unit| sum.checked_add(*unit));
        let sum = sum.ok_or(StateError::Malformed)?;
        self.values = narrowed(Ring { units, oldest: 0, sum });
        self.scale = scale;
        Ok(())
    }
}

/// The same in 64 bits where that fits.
fn narrowed(wide: Ring<i128>) -> Values {
    let units: Option<Vec<i64>> = wide.units.iter().map(|unit| i64::try_from(*unit).ok()).collect();
    match (units, i64::try_from(wide.sum)) {
        (Some(units), Ok(sum)) => Values::Narrow(Ring { units, oldest: wide.oldest, sum }),
        _ => Values::Wide(wide),
    }
}

/// `value` · 10^`places`.
fn scaled(value: i128, places: u8) -> Option<i128> {
    10i128.checked_pow(u32::from(places))?.checked_mul(value)
}

/// `sum` · `count`, where both are so small that it can't overflow: nearly always. An overflow check
/// of the multiplication itself would cost wasm a 128-bit one.
#[inline]
fn product(sum: i64, count: usize) -> Option<i64> {
    const SUM_MAX: i64 = i64::MAX >> 20;
    let count = u32::try_from(count).ok().filter(|count| *count < 1 << 20)?;
    (-SUM_MAX..=SUM_MAX).contains(&sum).then(|| sum * i64::from(count))
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
    fn narrow_and_wide_agree_with_plain_sums() {
        // Places and sizes change, so that both kinds of arithmetic and the ways between are taken.
        let values: Vec<Decimal> = (0..400i64)
            .map(|i| match i % 97 {
                13 => Decimal::new(i64::MAX - i, 0),
                50 => Decimal::new(i64::MIN + i, 1),
                _ => Decimal::new(i * 7_919 % 10_007 - 5_000, u8::try_from(i % 4).expect("small")),
            })
            .collect();
        let (mut short, mut long) = (Window::new(5), Window::new(40));
        let mut wide = 0;
        for end in 1..=values.len() {
            short.push(values[end - 1]).expect("fits");
            long.push(values[end - 1]).expect("fits");
            let sum = |count: usize| {
                let newest = &values[end.saturating_sub(count)..end];
                let units = newest
                    .iter()
                    .map(|v| i128::from(v.mantissa) * 10i128.pow(3 - u32::from(v.scale)));
                units.sum::<i128>()
            };
            let of = |w: &Window| w.units().sum::<i128>() * 10i128.pow(3 - u32::from(w.scale()));
            assert_eq!((of(&short), of(&long)), (sum(5), sum(40)), "after {end}");
            let counts = (i128::try_from(end.min(5)), i128::try_from(end.min(40)));
            let (few, many) = (counts.0.expect("small"), counts.1.expect("small"));
            let order = (sum(5) * many).cmp(&(sum(40) * few));
            assert_eq!(short.compare_means(&long), Some(order), "after {end}");
            wide += usize::from(matches!(short.values, Values::Wide(_)));
        }
        assert!(wide > 0 && wide < values.len(), "both kinds are there: {wide}");
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
