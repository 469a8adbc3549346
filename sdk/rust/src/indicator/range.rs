//! Wilder's indicators of movement.

use super::smooth::Smooth;
use super::{decimal, nearest, units};
use crate::Bar;
use crate::decimal::Decimal;
use crate::state::{Reader, StateError, Writer};
use crate::window::Overflow;

/// The relative strength index: 100 · gain / (gain + loss), where gain and loss are Wilder's averages
/// of the rises and the falls from value to value. A series that has not moved gives 50. (Wilder, "New
/// Concepts in Technical Trading Systems", 1978; StockCharts, ChartSchool, "RSI".)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rsi {
    last: Option<Decimal>,
    gain: Smooth,
    loss: Smooth,
}

impl Rsi {
    /// Of this period, usually 14: it has a value after one value more.
    pub fn new(period: u32) -> Self {
        Self { last: None, gain: Smooth::wilder(period), loss: Smooth::wilder(period) }
    }

    /// Takes the next value.
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        if let Some(last) = self.last {
            let change = units(value)?.checked_sub(units(last)?).ok_or(Overflow)?;
            self.gain.push(change.max(0))?;
            self.loss.push((-change).max(0))?;
        }
        self.last = Some(value);
        Ok(())
    }

    /// From 0 to 100.
    pub fn value(&self) -> Option<Decimal> {
        let (mut gain, mut loss) = (self.gain.value()?, self.loss.value()?);
        if gain == 0 && loss == 0 {
            return Some(Decimal::from(50));
        }
        // Two huge averages lose the same places, so that the quotient fits.
        while gain.max(loss) > i128::MAX / 10i128.pow(12) {
            (gain, loss) = (gain / 10, loss / 10);
        }
        let part = gain.checked_mul(100 * 10i128.pow(9))?;
        Decimal::from_i128(nearest(part, gain.checked_add(loss)?).ok()?, 9)
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        out.optional_decimal(self.last);
        self.gain.save(out);
        self.loss.save(out);
    }

    /// Reads what [`Rsi::save`] of the same period wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.last = from.optional_decimal()?;
        self.gain.restore(from)?;
        self.loss.restore(from)
    }
}

/// The average true range: Wilder's average of the true ranges, each the largest of high − low,
/// |high − last close| and |low − last close|; that of the first bar is high − low. (Wilder, 1978;
/// StockCharts, ChartSchool, "Average True Range".)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atr {
    close: Option<Decimal>,
    range: Smooth,
}

impl Atr {
    /// Of this period, usually 14.
    pub fn new(period: u32) -> Self {
        Self { close: None, range: Smooth::wilder(period) }
    }

    /// Takes the next bar.
    pub fn push(&mut self, bar: &Bar) -> Result<(), Overflow> {
        let (high, low) = (units(bar.high())?, units(bar.low())?);
        let distance = |a: i128, b: i128| a.checked_sub(b).map(i128::abs).ok_or(Overflow);
        let mut range = distance(high, low)?;
        if let Some(close) = self.close {
            let close = units(close)?;
            range = range.max(distance(high, close)?).max(distance(low, close)?);
        }
        self.range.push(range)?;
        self.close = Some(bar.close());
        Ok(())
    }

    /// The average.
    pub fn value(&self) -> Option<Decimal> {
        self.range.value().and_then(decimal)
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        out.optional_decimal(self.close);
        self.range.save(out);
    }

    /// Reads what [`Atr::save`] of the same period wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.close = from.optional_decimal()?;
        self.range.restore(from)
    }
}
