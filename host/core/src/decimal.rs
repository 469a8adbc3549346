//! Money, prices and quantities: exact decimals behind newtypes.
//!
//! Guarantees: no operation here loses a digit silently. [`mul_exact`] refuses where a product has
//! no exact representation, and the only rounding is the named one, half-even. There is no float.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::limits;

/// Why a decimal was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is no plain decimal number.
    #[error("\"{text}\" is not a decimal number of at most 28 digits")]
    Syntax {
        /// What was found.
        text: String,
    },
    /// More decimal places than the quantity allows.
    #[error("{value} has {found} decimal places, at most {allowed} are allowed")]
    Scale {
        /// What was found.
        value: Decimal,
        /// Its decimal places.
        found: u32,
        /// How many are allowed.
        allowed: u32,
    },
    /// Larger than any amount this product is built for.
    #[error("{value} is larger in size than {allowed}")]
    Size {
        /// What was found.
        value: Decimal,
        /// The bound.
        allowed: Decimal,
    },
    /// A product or sum that has no exact 96-bit decimal.
    #[error("{a} and {b} have no exact product or sum in 28 digits")]
    Inexact {
        /// First operand.
        a: Decimal,
        /// Second operand.
        b: Decimal,
    },
}

/// The product of two decimals, or an error where a digit would be lost.
pub fn mul_exact(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    let inexact = || DecimalError::Inexact { a, b };
    if let Some(product) = product_of(a, b) {
        return Ok(product);
    }
    // Trailing zeros are the only digits that may go.
    product_of(trimmed(a), trimmed(b)).ok_or_else(inexact)
}

fn product_of(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (scale, a, b) = (a.scale() + b.scale(), a.mantissa(), b.mantissa());
    // Two factors of 64 bits, which nearly all are, can't overflow: one multiplication.
    let mantissa = match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => i128::from(a) * i128::from(b),
        _ => a.checked_mul(b)?,
    };
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}

/// `value` without trailing zeros: [`Decimal::normalize`], at a division a digit where 64 bits hold
/// the digits.
fn trimmed(value: Decimal) -> Decimal {
    match digits_of(value) {
        Some((digits, scale)) => Decimal::new(digits, scale),
        None => value.normalize(),
    }
}

/// Digits without trailing zeros, and their decimal places; `None` where 64 bits don't hold them.
fn digits_of(value: Decimal) -> Option<(i64, u32)> {
    let mut digits = i64::try_from(value.mantissa()).ok()?;
    if digits == 0 {
        return Some((0, 0));
    }
    let mut scale = value.scale();
    while scale > 0 && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    Some((digits, scale))
}

/// Decimal places up to which digits of 64 bits are brought to the same places in 128.
const ALIGNED_SCALE: u32 = 18;

/// The sum of two decimals of few digits, which nearly all are; `None` says nothing.
fn sum_of(a: Decimal, b: Decimal) -> Option<Decimal> {
    let ((a, a_scale), (b, b_scale)) = (digits_of(a)?, digits_of(b)?);
    let scale = a_scale.max(b_scale);
    if scale > ALIGNED_SCALE {
        return None;
    }
    let aligned = |digits: i64, of: u32| i128::from(digits) * 10_i128.pow(scale - of);
    let sum = i64::try_from(aligned(a, a_scale) + aligned(b, b_scale)).ok()?;
    Some(Decimal::new(sum, scale))
}

/// What two equal decimals have in common, however they are written: for prints.
pub(crate) fn digits_in_bytes(value: Decimal) -> [u8; 20] {
    let value = trimmed(value);
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(&value.mantissa().to_le_bytes());
    bytes[16..].copy_from_slice(&value.scale().to_le_bytes());
    bytes
}

/// The sum of two decimals, or an error where a digit would be lost.
pub fn add_exact(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    if b.is_zero() {
        return Ok(trimmed(a));
    }
    if let Some(sum) = sum_of(a, b) {
        return Ok(sum);
    }
    let inexact = || DecimalError::Inexact { a, b };
    let (a, b) = (trimmed(a), trimmed(b));
    if a.is_zero() || b.is_zero() {
        return Ok(if a.is_zero() { b } else { a });
    }
    let sum = a.checked_add(b).ok_or_else(inexact)?;
    // `checked_add` rescales, and drops digits, where 96 bits don't hold the aligned operands.
    if sum.scale() == a.scale().max(b.scale()) || sum.checked_sub(a) == Some(b) {
        Ok(sum)
    } else {
        Err(inexact())
    }
}

/// The sum of two decimals in the digits that there are; the largest number where it has more.
fn nearest_sum(a: Decimal, b: Decimal) -> Decimal {
    let most = if a.is_sign_negative() { Decimal::MIN } else { Decimal::MAX };
    a.checked_add(b).unwrap_or(most)
}

/// `value` as a whole number of the smallest amounts that the books can hold, of
/// [`limits::STORED_SCALE`] decimal places; `None` where it has more places or is beyond 1.7e20.
#[must_use]
pub fn smallest_units(value: Decimal) -> Option<i128> {
    let scale = limits::STORED_SCALE;
    let value = if value.scale() > scale { trimmed(value) } else { value };
    let missing = scale.checked_sub(value.scale())?;
    value.mantissa().checked_mul(10_i128.pow(missing))
}

/// The amount of so many smallest units; rounded half-even at [`limits::LEDGER_SCALE`] places, or
/// at none, where 28 digits don't hold it.
#[must_use]
pub fn of_smallest_units(units: i128) -> Decimal {
    let scale = limits::STORED_SCALE;
    // Nearly every amount has nine decimals at most.
    if let Some(digits) = billionths_of(units) {
        return Decimal::new(digits, scale / 2);
    }
    [scale, limits::LEDGER_SCALE, 0]
        .into_iter()
        .find_map(|places| {
            let divisor = 10_i128.pow(scale - places);
            let (quotient, rest) = (units.div_euclid(divisor), units.rem_euclid(divisor));
            let up = 2 * rest > divisor || (2 * rest == divisor && quotient % 2 != 0);
            Decimal::try_from_i128_with_scale(quotient + i128::from(up), places).ok()
        })
        .unwrap_or(if units < 0 { Decimal::MIN } else { Decimal::MAX })
}

/// Smallest units as a whole number of billionths, where they are one that 63 bits hold: asked for
/// at each time stamp of a backtest. 10^9 is 2^9 times 5^9, so that two divisions of 64 bits do it,
/// where one of 128 would take longer than all the rest.
fn billionths_of(units: i128) -> Option<i64> {
    const FIVES: u64 = 5_u64.pow(limits::STORED_SCALE / 2);
    let size = units.unsigned_abs();
    let (high, low) =
        (u64::try_from(size >> 41).ok()?, u64::try_from((size >> 9) & 0xFFFF_FFFF).ok()?);
    let low = (high % FIVES) << 32 | low;
    if size.trailing_zeros() < 9 || !low.is_multiple_of(FIVES) {
        return None;
    }
    let whole = u128::from(high / FIVES) << 32 | u128::from(low / FIVES);
    let whole = i64::try_from(whole).ok()?;
    Some(if units < 0 { -whole } else { whole })
}

/// The one rounding of this product: half to even, at `places` decimal places.
#[must_use]
pub fn round_half_even(value: Decimal, places: u32) -> Decimal {
    value.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven)
}

/// `whole * part / of`, exact where it has an exact decimal, else rounded half-even at the
/// ledger's scale ([`limits::LEDGER_SCALE`]). `of` must not be zero.
#[must_use]
pub fn proportion(whole: Decimal, part: Decimal, of: Decimal) -> Decimal {
    debug_assert!(!of.is_zero());
    if part == of {
        return whole;
    }
    let quotient = match mul_exact(whole, part) {
        Ok(product) => product / of,
        // The product needs more than 28 digits: divide first, the rounding below absorbs it.
        Err(_) => whole / of * part,
    };
    round_half_even(quotient, limits::LEDGER_SCALE)
}

/// Reads a plain decimal: digits, one point, a sign. No exponent, at most 28 significant digits.
pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
    let syntax = || DecimalError::Syntax { text: text.chars().take(80).collect() };
    let digits = text.trim_start_matches(['-', '+']);
    let plain = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().any(|b| b.is_ascii_digit())
        && text.len() - digits.len() <= 1;
    if !plain {
        return Err(syntax());
    }
    Decimal::from_str_exact(text).map_err(|_| syntax())
}

macro_rules! decimal_newtype {
    ($(#[$doc:meta])* $name:ident, $scale:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Decimal);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// Takes a decimal that is known to be sane: a fact from the broker, or computed here.
            #[must_use]
            pub const fn new(value: Decimal) -> Self {
                Self(value)
            }

            /// Takes a decimal from outside: scale and size are checked.
            pub fn checked(value: Decimal) -> Result<Self, DecimalError> {
                let value = value.normalize();
                if value.scale() > $scale {
                    return Err(DecimalError::Scale { value, found: value.scale(), allowed: $scale });
                }
                let allowed = Decimal::from($max);
                if value.abs() > allowed {
                    return Err(DecimalError::Size { value, allowed });
                }
                Ok(Self(value))
            }

            /// The decimal itself.
            #[must_use]
            pub const fn get(self) -> Decimal {
                self.0
            }

            /// Whether it is zero.
            #[must_use]
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// Whether it is above zero.
            #[must_use]
            pub fn is_positive(self) -> bool {
                self.0.is_sign_positive() && !self.0.is_zero()
            }

            /// Whether it is below zero.
            #[must_use]
            pub fn is_negative(self) -> bool {
                self.0.is_sign_negative() && !self.0.is_zero()
            }

            /// Its size without the sign.
            #[must_use]
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.normalize(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.normalize())
            }
        }

        impl FromStr for $name {
            type Err = DecimalError;
            fn from_str(text: &str) -> Result<Self, DecimalError> {
                Self::checked(parse(text)?)
            }
        }

        impl std::ops::Add for $name {
            type Output = Self;
            /// Exact within the limits of what comes from outside. Beyond 28 digits it is as near as
            /// they come, and nothing that rests on it is booked: every entry is checked.
            fn add(self, other: Self) -> Self {
                Self(add_exact(self.0, other.0).unwrap_or_else(|_| nearest_sum(self.0, other.0)))
            }
        }

        impl std::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                self + -other
            }
        }

        impl std::ops::Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl std::ops::SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, |a, b| a + b)
            }
        }
    };
}

decimal_newtype!(
    /// A price of one share or coin, in the account's currency. From outside: at most nine
    /// decimal places.
    Price,
    limits::PRICE_SCALE_MAX,
    limits::PRICE_MAX
);
decimal_newtype!(
    /// A signed quantity of shares or coins. From outside: at most nine decimal places.
    Qty,
    limits::QTY_SCALE_MAX,
    limits::QTY_MAX
);
decimal_newtype!(
    /// An amount of the account's currency. From outside: at most nine decimal places.
    Money,
    limits::MONEY_SCALE_MAX,
    limits::MONEY_MAX
);

impl Price {
    /// The value of `qty` at this price.
    pub fn times(self, qty: Qty) -> Result<Money, DecimalError> {
        mul_exact(self.0, qty.0).map(Money)
    }

    /// The value of `qty` at this price, rounded half-even at the ledger's scale where there is
    /// no exact one that can be stored. For marks and facts, which are never refused.
    #[must_use]
    pub fn value_of(self, qty: Qty) -> Money {
        let exact = self.times(qty).map(Money::get).ok();
        let exact = exact
            .map(|value| if value.scale() > limits::STORED_SCALE { trimmed(value) } else { value });
        Money(exact.filter(|value| value.scale() <= limits::STORED_SCALE).unwrap_or_else(|| {
            let nearest = self.0.checked_mul(qty.0).unwrap_or(Decimal::MAX);
            round_half_even(nearest, limits::LEDGER_SCALE)
        }))
    }
}

impl Money {
    /// Rounded half-even to cents.
    #[must_use]
    pub fn to_cents(self) -> Self {
        Self(round_half_even(self.0, 2))
    }
}

#[cfg(test)]
mod tests;
