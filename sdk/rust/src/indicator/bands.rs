//! The mean of the last values, and bands around it.

use super::nearest;
use crate::decimal::{Decimal, Rounding};
use crate::state::{Reader, StateError, Writer};
use crate::window::{Overflow, Window};

/// The simple moving average: the sum of the last `period` values / `period`. To compare two of them
/// without rounding, see [`Window::compare_means`].
#[derive(Clone, Debug)]
pub struct Sma(Window);

impl Sma {
    /// Of this period; 0 counts as 1.
    pub fn new(period: usize) -> Self {
        Self(Window::new(period))
    }

    /// Takes the next value.
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        self.0.push(value)
    }

    /// The average.
    pub fn value(&self) -> Option<Decimal> {
        if self.0.is_full() { mean(&self.0) } else { None }
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    /// Reads what [`Sma::save`] wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.0.restore(from)
    }
}

fn mean(window: &Window) -> Option<Decimal> {
    let count = i64::try_from(window.len()).ok()?;
    window.sum()?.checked_div(count, 9, Rounding::HalfEven)
}

/// The three values of [`Bollinger`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// Mean − width · deviation.
    pub lower: Decimal,
    /// The mean.
    pub middle: Decimal,
    /// Mean + width · deviation.
    pub upper: Decimal,
    /// The deviation of the values from their mean.
    pub deviation: Decimal,
}

/// Bollinger bands: the mean of the last `period` values, and `width` standard deviations below and
/// above; the deviation is that of the whole population, √(Σ(x − mean)² / n). 20 and 2 are usual.
/// (Bollinger, "Bollinger on Bollinger Bands", 2001; StockCharts, ChartSchool.)
#[derive(Clone, Debug)]
pub struct Bollinger {
    window: Window,
    width: Decimal,
    /// Σx², in squared units of the window.
    squares: i128,
}

impl Bollinger {
    /// Of this period and width.
    pub fn new(period: usize, width: Decimal) -> Self {
        Self { window: Window::new(period), width, squares: 0 }
    }

    /// Takes the next value.
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        let scale = self.window.scale();
        let leaving = if self.window.is_full() { self.window.units().next() } else { None };
        let before = self.window.clone();
        self.window.push(value)?;
        let newest = self.window.units().next_back().unwrap_or(0);
        let squares = if self.window.scale() == scale {
            let gone = square(leaving.unwrap_or(0));
            square(newest)
                .zip(gone)
                .and_then(|(new, gone)| self.squares.checked_sub(gone)?.checked_add(new))
        } else {
            sum_of_squares(&self.window)
        };
        match squares {
            Some(squares) => self.squares = squares,
            None => {
                self.window = before;
                return Err(Overflow);
            }
        }
        Ok(())
    }

    /// The bands.
    pub fn value(&self) -> Option<Bands> {
        if !self.window.is_full() {
            return None;
        }
        let deviation = self.deviation()?;
        let middle = mean(&self.window)?;
        let reach = deviation.mul_to(self.width, 9, Rounding::HalfEven)?;
        let (lower, upper) = (middle.checked_sub(reach)?, middle.checked_add(reach)?);
        Some(Bands { lower, middle, upper, deviation })
    }

    /// √(n · Σx² − (Σx)²) / n: everything under the root is a whole number.
    fn deviation(&self) -> Option<Decimal> {
        let count = i128::try_from(self.window.len()).ok()?;
        let sum = self.window.units().try_fold(0i128, |sum, unit| sum.checked_add(unit))?;
        let mut spread = count.checked_mul(self.squares)?.checked_sub(sum.checked_mul(sum)?)?;
        // As many places as fit, so that the root has nine in the end.
        let mut places = u32::from(self.window.scale());
        while places < 12 && spread.checked_mul(100).is_some() {
            spread *= 100;
            places += 1;
        }
        let root = i128::try_from(spread.unsigned_abs().isqrt()).ok()?;
        let missing = places.checked_sub(9);
        match missing {
            Some(more) => {
                let unit = count.checked_mul(10i128.pow(more))?;
                Decimal::from_i128(nearest(root, unit).ok()?, 9)
            }
            None => Decimal::from_i128(nearest(root, count).ok()?, places),
        }
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        self.window.save(out);
    }

    /// Reads what [`Bollinger::save`] wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.window.restore(from)?;
        self.squares = sum_of_squares(&self.window).ok_or(StateError::Malformed)?;
        Ok(())
    }
}

fn square(unit: i128) -> Option<i128> {
    unit.checked_mul(unit)
}

fn sum_of_squares(window: &Window) -> Option<i128> {
    window.units().try_fold(0i128, |sum, unit| sum.checked_add(square(unit)?))
}
