//! Averages that forget slowly.

use super::{decimal, nearest, units};
use crate::decimal::Decimal;
use crate::state::{Reader, StateError, Writer};
use crate::window::Overflow;

/// An average that begins with the mean of `period` values and then moves by `weight` / `of` of the
/// distance to each new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Smooth {
    period: i128,
    weight: i128,
    of: i128,
    count: i128,
    /// Their sum while there are fewer than `period`, then the average; units of 10^-18.
    value: i128,
}

impl Smooth {
    /// The usual exponential one: 2 / (period + 1).
    pub(super) fn exponential(period: u32) -> Self {
        let period = i128::from(period.max(1));
        Self { period, weight: 2, of: period + 1, count: 0, value: 0 }
    }

    /// Wilder's: 1 / period.
    pub(super) fn wilder(period: u32) -> Self {
        let period = i128::from(period.max(1));
        Self { period, weight: 1, of: period, count: 0, value: 0 }
    }

    pub(super) fn push(&mut self, unit: i128) -> Result<(), Overflow> {
        if self.count == self.period {
            let distance = unit.checked_sub(self.value).ok_or(Overflow)?;
            let part = distance.checked_mul(self.weight).ok_or(Overflow)?;
            self.value = self.value.checked_add(nearest(part, self.of)?).ok_or(Overflow)?;
            return Ok(());
        }
        let sum = self.value.checked_add(unit).ok_or(Overflow)?;
        let full = self.count + 1 == self.period;
        self.value = if full { nearest(sum, self.period)? } else { sum };
        self.count += 1;
        Ok(())
    }

    pub(super) fn value(&self) -> Option<i128> {
        (self.count == self.period).then_some(self.value)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.i128(self.period);
        out.i128(self.count);
        out.i128(self.value);
    }

    /// The period of the state must be that of `self`: an average of another one means something
    /// else.
    pub(super) fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let (period, count, value) = (from.i128()?, from.i128()?, from.i128()?);
        if period != self.period || !(0..=period).contains(&count) {
            return Err(StateError::Malformed);
        }
        (self.count, self.value) = (count, value);
        Ok(())
    }
}

/// The exponential moving average: the mean of the first `period` values, then
/// EMA + (value − EMA) · 2 / (period + 1). (StockCharts, ChartSchool, "Moving Averages"; TA-Lib
/// begins in the same way.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ema(Smooth);

impl Ema {
    /// Of this period; 0 counts as 1.
    pub fn new(period: u32) -> Self {
        Self(Smooth::exponential(period))
    }

    /// Takes the next value.
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        self.0.push(units(value)?)
    }

    /// The average.
    pub fn value(&self) -> Option<Decimal> {
        self.0.value().and_then(decimal)
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    /// Reads what [`Ema::save`] of the same period wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.0.restore(from)
    }
}

/// The three values of [`Macd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacdValue {
    /// Fast average − slow average.
    pub line: Decimal,
    /// The average of the line.
    pub signal: Decimal,
    /// Line − signal.
    pub histogram: Decimal,
}

/// Moving average convergence/divergence: EMA(fast) − EMA(slow), its EMA(signal), and the difference
/// of the two; 12, 26 and 9 are usual. (Appel; StockCharts, ChartSchool, "MACD".)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macd {
    fast: Smooth,
    slow: Smooth,
    signal: Smooth,
}

impl Macd {
    /// Of these periods.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        let of = Smooth::exponential;
        Self { fast: of(fast), slow: of(slow), signal: of(signal) }
    }

    /// Takes the next value.
    pub fn push(&mut self, value: Decimal) -> Result<(), Overflow> {
        let unit = units(value)?;
        self.fast.push(unit)?;
        self.slow.push(unit)?;
        match self.line() {
            Some(line) => self.signal.push(line),
            None => Ok(()),
        }
    }

    fn line(&self) -> Option<i128> {
        self.fast.value()?.checked_sub(self.slow.value()?)
    }

    /// The three values, once the signal has one.
    pub fn value(&self) -> Option<MacdValue> {
        let (line, signal) = (self.line()?, self.signal.value()?);
        let histogram = decimal(line.checked_sub(signal)?)?;
        Some(MacdValue { line: decimal(line)?, signal: decimal(signal)?, histogram })
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        self.fast.save(out);
        self.slow.save(out);
        self.signal.save(out);
    }

    /// Reads what [`Macd::save`] of the same periods wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.fast.restore(from)?;
        self.slow.restore(from)?;
        self.signal.restore(from)
    }
}
