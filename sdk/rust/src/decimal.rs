//! Exact decimal arithmetic on the contract's own `decimal` record.
//!
//! A value is `mantissa` / 10^`scale`; values that the host sends have a scale of at most
//! [`Decimal::MAX_SCALE`]. Arithmetic goes through 128 bits and never rounds unless a function
//! names a [`Rounding`]. The `checked_` functions answer `None` where a result does not fit; the
//! operators panic there, which ends the call as a trap and drops what the call asked for.
//! Comparison is of the value (`1.0 == 1.00`) and is right for every pair of records, also for
//! those that no arithmetic accepts. There is no exponent syntax, no NaN and no infinity.

use core::cmp::Ordering;
use core::fmt;
use core::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use core::str::FromStr;

pub use crate::bindings::stockade::bot::types::Decimal;

/// What to do with the digits that don't fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Toward zero.
    Down,
    /// Away from zero.
    Up,
    /// To the nearest; a tie goes to the even digit.
    HalfEven,
}

/// Text that is not a decimal of at most 18 places and 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDecimalError;

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a decimal with at most 18 places and 64 bits")
    }
}

impl core::error::Error for ParseDecimalError {}

/// A decimal from a literal: `qty("10.5")`. For text from outside use [`str::parse`].
///
/// # Panics
///
/// When the literal is no decimal; in a `const` this is a compile error.
pub const fn qty(literal: &str) -> Decimal {
    match parse(literal.as_bytes()) {
        Some(value) => value,
        None => panic!("not a decimal literal"),
    }
}

impl Decimal {
    /// The largest scale that crosses to the host.
    pub const MAX_SCALE: u8 = 18;
    /// 0.
    pub const ZERO: Self = Self::new(0, 0);
    /// 1.
    pub const ONE: Self = Self::new(1, 0);

    /// `mantissa` / 10^`scale`, unchecked.
    pub const fn new(mantissa: i64, scale: u8) -> Self {
        Self { mantissa, scale }
    }

    /// A 128-bit mantissa as a decimal: trailing zeros go where the value would not fit otherwise.
    pub fn from_i128(mut mantissa: i128, mut scale: u32) -> Option<Self> {
        loop {
            if let (Ok(m), Ok(s)) = (i64::try_from(mantissa), u8::try_from(scale))
                && s <= Self::MAX_SCALE
            {
                return Some(Self::new(m, s));
            }
            if scale == 0 || mantissa % 10 != 0 {
                return None;
            }
            mantissa /= 10;
            scale -= 1;
        }
    }

    /// The value as a multiple of 10^-`scale`; `None` where that is no whole number of 64 bits.
    #[inline]
    pub fn units(self, scale: u8) -> Option<i64> {
        if scale == self.scale {
            return Some(self.mantissa);
        }
        let (from, to) = (u32::from(self.scale), u32::from(scale));
        if from < to {
            return self.mantissa.checked_mul(10i64.checked_pow(to - from)?);
        }
        let unit = 10i64.checked_pow(from - to)?;
        (self.mantissa % unit == 0).then_some(self.mantissa / unit)
    }

    /// True for zero of any scale.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// True above zero.
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// True below zero.
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The same value with the smallest scale.
    #[must_use]
    pub const fn normalized(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The value without its sign; `None` for the one mantissa that has no opposite.
    pub fn checked_abs(self) -> Option<Self> {
        Some(Self::new(self.mantissa.checked_abs()?, self.scale))
    }

    /// The sum.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (a, b, scale) = align(self, other)?;
        Self::from_i128(a.checked_add(b)?, scale)
    }

    /// The difference.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let (a, b, scale) = align(self, other)?;
        Self::from_i128(a.checked_sub(b)?, scale)
    }

    /// The exact product; `None` where it needs more than 64 bits or 18 places.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let product = i128::from(self.mantissa) * i128::from(other.mantissa);
        Self::from_i128(product, u32::from(self.scale) + u32::from(other.scale))
    }

    /// The product rounded to `scale` places, for products with too many digits to be exact.
    pub fn mul_to(self, other: Self, scale: u8, rounding: Rounding) -> Option<Self> {
        let product = i128::from(self.mantissa) * i128::from(other.mantissa);
        let places = u32::from(self.scale) + u32::from(other.scale);
        rescale(product, places, scale, rounding)
    }

    /// The quotient rounded to `scale` places; `None` for a zero divisor or a result that does
    /// not fit. `Decimal::from(7).checked_div(2, 0, Rounding::Down)` is 3.
    pub fn checked_div(
        self,
        divisor: impl Into<Self>,
        scale: u8,
        rounding: Rounding,
    ) -> Option<Self> {
        let divisor = divisor.into();
        let up = u32::from(scale) + u32::from(divisor.scale);
        let down = u32::from(self.scale);
        let (mut n, mut d) = (i128::from(self.mantissa), i128::from(divisor.mantissa));
        if up >= down {
            n = n.checked_mul(power(up - down)?)?;
        } else {
            d = d.checked_mul(power(down - up)?)?;
        }
        Self::from_i128(divide(n, d, rounding)?, u32::from(scale))
    }

    /// The value with at most `scale` places.
    pub fn round(self, scale: u8, rounding: Rounding) -> Option<Self> {
        if self.scale <= scale {
            return Some(self);
        }
        rescale(i128::from(self.mantissa), u32::from(self.scale), scale, rounding)
    }

    /// The nearest float, to look at: money never goes through it.
    #[expect(clippy::cast_precision_loss, reason = "a view that is documented as inexact")]
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 / 10f64.powi(i32::from(self.scale))
    }
}

/// 10^`exponent`, as far as 128 bits go.
fn power(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// Both mantissas at the greater of the two scales.
fn align(a: Decimal, b: Decimal) -> Option<(i128, i128, u32)> {
    let (x, y) = (i128::from(a.mantissa), i128::from(b.mantissa));
    let (p, q) = (u32::from(a.scale), u32::from(b.scale));
    match p.cmp(&q) {
        Ordering::Equal => Some((x, y, p)),
        Ordering::Less => Some((x.checked_mul(power(q - p)?)?, y, q)),
        Ordering::Greater => Some((x, y.checked_mul(power(p - q)?)?, p)),
    }
}

fn rescale(mantissa: i128, from: u32, to: u8, rounding: Rounding) -> Option<Decimal> {
    let to = u32::from(to);
    if from <= to {
        return Decimal::from_i128(mantissa, from);
    }
    let rounded = match power(from - to) {
        Some(unit) => divide(mantissa, unit, rounding)?,
        // The unit is larger than every mantissa, so nothing but an upward step is left.
        None if rounding == Rounding::Up => mantissa.signum(),
        None => 0,
    };
    Decimal::from_i128(rounded, to)
}

/// `n` / `d`, rounded to a whole number.
pub(crate) fn divide(n: i128, d: i128, rounding: Rounding) -> Option<i128> {
    let quotient = n.checked_div(d)?;
    let remainder = n.checked_rem(d)?;
    if remainder == 0 {
        return Some(quotient);
    }
    let away = match rounding {
        Rounding::Down => false,
        Rounding::Up => true,
        Rounding::HalfEven => {
            let rest = d.unsigned_abs() - remainder.unsigned_abs();
            match remainder.unsigned_abs().cmp(&rest) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => quotient % 2 != 0,
            }
        }
    };
    let step = if (n < 0) == (d < 0) { 1 } else { -1 };
    quotient.checked_add(if away { step } else { 0 })
}

const fn parse(text: &[u8]) -> Option<Decimal> {
    let (negative, mut i) = match text {
        [b'-', ..] => (true, 1),
        [b'+', ..] => (false, 1),
        _ => (false, 0),
    };
    let (mut mantissa, mut scale, mut digits, mut point) = (0i64, 0u8, 0usize, false);
    while i < text.len() {
        let digit = match text[i] {
            b'0'..=b'9' => (text[i] - b'0') as i64,
            b'.' if !point => {
                point = true;
                i += 1;
                continue;
            }
            _ => return None,
        };
        if point {
            if scale == Decimal::MAX_SCALE {
                return None;
            }
            scale += 1;
        }
        // Counted downwards, because the lowest mantissa has no positive twin.
        mantissa = match mantissa.checked_mul(10) {
            Some(m) => match m.checked_sub(digit) {
                Some(m) => m,
                None => return None,
            },
            None => return None,
        };
        digits += 1;
        i += 1;
    }
    if digits == 0 {
        return None;
    }
    if negative {
        return Some(Decimal::new(mantissa, scale));
    }
    match mantissa.checked_neg() {
        Some(m) => Some(Decimal::new(m, scale)),
        None => None,
    }
}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        parse(text.as_bytes()).ok_or(ParseDecimalError)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::from(self.scale);
        let mut digits = format!("{:0>1$}", self.mantissa.unsigned_abs(), places + 1);
        if places > 0 {
            digits.insert(digits.len() - places, '.');
        }
        f.pad_integral(self.mantissa >= 0, "", &digits)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        if let Some((a, b, _)) = align(*self, *other) {
            return a.cmp(&b);
        }
        // Scaling up overflowed 128 bits, so the value with fewer places is far larger.
        let larger = if self.scale < other.scale { Ordering::Greater } else { Ordering::Less };
        if self.mantissa > 0 { larger } else { larger.reverse() }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::new(value, 0)
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        Self::new(i64::from(value), 0)
    }
}

impl From<u32> for Decimal {
    fn from(value: u32) -> Self {
        Self::new(i64::from(value), 0)
    }
}

impl Add for Decimal {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("the sum fits a decimal")
    }
}

impl Sub for Decimal {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect("the difference fits a decimal")
    }
}

impl Mul for Decimal {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.checked_mul(other).expect("the product fits a decimal")
    }
}

impl Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self::new(self.mantissa.checked_neg().expect("the opposite fits a decimal"), self.scale)
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Decimal {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
