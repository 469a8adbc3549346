//! Indicators, one value at a time, the same on every machine.
//!
//! Nothing floats: a [`Window`] is exact, averages that never end ([`Ema`] and what is made of it) are
//! integers of 10^-18, rounded half to even at each step, and what `value` gives is rounded half to
//! even at nine places. So an indicator that was saved and restored goes on to the last digit, and
//! so does one in another language that follows the same formula.
//!
//! `push` takes the next value and refuses one that does not fit 128 bits; `value` is `None` until
//! enough values have been seen. [`Writer`] and [`Reader`] carry them over a reload.

mod bands;
mod range;
mod smooth;
mod volume;

pub use bands::{Bands, Bollinger, Sma};
pub use range::{Atr, Rsi};
pub use smooth::{Ema, Macd, MacdValue};
pub use volume::Vwap;

use crate::decimal::{Decimal, Rounding, divide};
use crate::window::Overflow;

/// Places of the integers that averages are kept in: those of every decimal.
const UNIT_PLACES: u32 = 18;
/// Places of a value that is given out.
const VALUE_PLACES: u32 = 9;

/// A decimal in units of 10^-18. The largest decimal fits.
fn units(value: Decimal) -> Result<i128, Overflow> {
    let places = UNIT_PLACES.checked_sub(u32::from(value.scale)).ok_or(Overflow)?;
    i128::from(value.mantissa).checked_mul(10i128.pow(places)).ok_or(Overflow)
}

/// Units of 10^-18 as a decimal of nine places; `None` where that needs more than 64 bits.
fn decimal(units: i128) -> Option<Decimal> {
    let unit = 10i128.pow(UNIT_PLACES - VALUE_PLACES);
    Decimal::from_i128(divide(units, unit, Rounding::HalfEven)?, VALUE_PLACES)
}

/// `n` / `d`, half to even.
fn nearest(n: i128, d: i128) -> Result<i128, Overflow> {
    divide(n, d, Rounding::HalfEven).ok_or(Overflow)
}

#[cfg(test)]
mod tests;
