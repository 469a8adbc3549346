//! The price that was paid on average.

use super::nearest;
use crate::Bar;
use crate::decimal::Decimal;
use crate::state::{Reader, StateError, Writer};
use crate::window::Overflow;

/// The volume-weighted average price since it was last reset, usually at the session's open:
/// Σ(typical price · volume) / Σ volume, with the typical price (high + low + close) / 3.
/// (StockCharts, ChartSchool, "VWAP".)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vwap {
    /// Σ(high + low + close) · volume, in units of 10^-`value_scale`.
    value: i128,
    value_scale: u8,
    /// Σ volume, in units of 10^-`volume_scale`.
    volume: i128,
    volume_scale: u8,
}

impl Vwap {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes the next bar.
    pub fn push(&mut self, bar: &Bar) -> Result<(), Overflow> {
        let typical = i128::from(bar.high) + i128::from(bar.low) + i128::from(bar.close);
        let value = typical.checked_mul(i128::from(bar.volume)).ok_or(Overflow)?;
        let scale = bar.price_scale.checked_add(bar.volume_scale).ok_or(Overflow)?;
        let (value, value_scale) = add((self.value, self.value_scale), (value, scale))?;
        let (volume, volume_scale) =
            add((self.volume, self.volume_scale), (i128::from(bar.volume), bar.volume_scale))?;
        *self = Self { value, value_scale, volume, volume_scale };
        Ok(())
    }

    /// The price; `None` before anything was traded.
    pub fn value(&self) -> Option<Decimal> {
        if self.volume <= 0 {
            return None;
        }
        let (mut value, mut volume) = (self.value, self.volume.checked_mul(3)?);
        let up = 9 + i32::from(self.volume_scale) - i32::from(self.value_scale);
        let factor = 10i128.checked_pow(up.unsigned_abs())?;
        if up >= 0 {
            // What does not fit with nine more places loses them from both.
            while value.checked_mul(factor).is_none() {
                (value, volume) = (value / 10, volume / 10);
            }
            value *= factor;
        } else {
            volume = volume.checked_mul(factor)?;
        }
        Decimal::from_i128(nearest(value, volume).ok()?, 9)
    }

    /// Writes it into a state.
    pub fn save(&self, out: &mut Writer) {
        out.i128(self.value);
        out.u8(self.value_scale);
        out.i128(self.volume);
        out.u8(self.volume_scale);
    }

    /// Reads what [`Vwap::save`] wrote.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let (value, value_scale) = (from.i128()?, from.u8()?);
        let (volume, volume_scale) = (from.i128()?, from.u8()?);
        if value_scale > 2 * Decimal::MAX_SCALE || volume_scale > Decimal::MAX_SCALE {
            return Err(StateError::Malformed);
        }
        *self = Self { value, value_scale, volume, volume_scale };
        Ok(())
    }
}

/// The sum of two numbers at the larger of their scales.
fn add(a: (i128, u8), b: (i128, u8)) -> Result<(i128, u8), Overflow> {
    let scale = a.1.max(b.1);
    let at = |(number, own): (i128, u8)| {
        let factor = 10i128.checked_pow(u32::from(scale - own))?;
        number.checked_mul(factor)
    };
    let sum = at(a).zip(at(b)).and_then(|(a, b)| a.checked_add(b));
    sum.map(|sum| (sum, scale)).ok_or(Overflow)
}
