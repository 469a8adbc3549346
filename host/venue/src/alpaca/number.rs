//! Exact decimals from what the wire carries: strings, JSON numbers, exponents.
//!
//! Guarantees: a number is taken with every digit it has, or refused with its text; nothing passes
//! through a float. The two roundings here are named and touch only figures that no money is booked
//! from: means that the broker itself has rounded, and prices of market data.

use rust_decimal::Decimal;
use serde_json::value::RawValue;
use stockade_core::decimal::{self, Money, Price, Qty};
use stockade_core::limits;

/// Decimal places that the ledger's columns hold.
const FACT_SCALE_MAX: u32 = 18;
/// Largest power of ten in an exponent form; beyond it no amount of this product is meant.
const EXPONENT_MAX: i32 = 40;
/// Longest text of a number, in bytes.
const TEXT_LEN_MAX: usize = 80;

/// Why a number of the wire was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NumberError {
    /// No decimal number at all (`NaN`, `null`, a list), or one of more than 28 digits.
    #[error("{field} is {found}, not a decimal number of at most 28 digits")]
    Syntax {
        /// Which member of the report.
        field: &'static str,
        /// What was found.
        found: String,
    },
    /// The member is absent or null.
    #[error("{field} is missing")]
    Missing {
        /// Which member of the report.
        field: &'static str,
    },
    /// A fill of nothing.
    #[error("{field} is zero, a fill needs one above it")]
    Zero {
        /// Which member of the report.
        field: &'static str,
    },
    /// More decimal places than the ledger's columns hold.
    #[error("{field} is {found}, which has more than {allowed} decimal places")]
    Scale {
        /// Which member of the report.
        field: &'static str,
        /// What was found.
        found: Decimal,
        /// How many are allowed.
        allowed: u32,
    },
    /// Larger than any amount this product is built for.
    #[error("{field} is {found}, larger in size than {allowed}")]
    Size {
        /// Which member of the report.
        field: &'static str,
        /// What was found.
        found: Decimal,
        /// The bound.
        allowed: u64,
    },
}

/// Reads a decimal from plain or exponent text, exactly; `None` where it is none.
pub(crate) fn parse_text(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return decimal::parse(text).ok();
    };
    let mantissa = decimal::parse(mantissa).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    if exponent.abs() > EXPONENT_MAX {
        return mantissa.is_zero().then_some(Decimal::ZERO);
    }
    let scale = i32::try_from(mantissa.scale()).ok()? - exponent;
    if scale >= 0 {
        let scale = u32::try_from(scale).ok()?;
        Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok()
    } else {
        let shift = 10_i128.checked_pow(scale.unsigned_abs())?;
        let digits = mantissa.mantissa().checked_mul(shift)?;
        Decimal::try_from_i128_with_scale(digits, 0).ok()
    }
}

/// The decimal of a JSON value, string or number; `Ok(None)` for null and absent.
pub(crate) fn optional(
    field: &'static str,
    raw: Option<&RawValue>,
) -> Result<Option<Decimal>, NumberError> {
    let Some(json) = raw.map(RawValue::get).filter(|json| *json != "null") else {
        return Ok(None);
    };
    let value = if json.starts_with('"') {
        let text: Option<String> = serde_json::from_str(json).ok();
        text.as_deref().and_then(parse_text)
    } else {
        parse_text(json)
    };
    let found = || json.chars().take(TEXT_LEN_MAX).collect();
    value.map(Some).ok_or_else(|| NumberError::Syntax { field, found: found() })
}

fn fact(
    field: &'static str,
    raw: Option<&RawValue>,
    allowed: u64,
) -> Result<Option<Decimal>, NumberError> {
    let Some(found) = optional(field, raw)?.map(|value| value.normalize()) else {
        return Ok(None);
    };
    if found.abs() > Decimal::from(allowed) {
        return Err(NumberError::Size { field, found, allowed });
    }
    if found.scale() > FACT_SCALE_MAX {
        let allowed = FACT_SCALE_MAX;
        return Err(NumberError::Scale { field, found, allowed });
    }
    Ok(Some(found))
}

/// A quantity, exact.
pub(crate) fn qty(field: &'static str, raw: Option<&RawValue>) -> Result<Option<Qty>, NumberError> {
    Ok(fact(field, raw, limits::QTY_MAX)?.map(Qty::new))
}

/// The quantity of a fill: exact and above zero. Activities of sales may print it negative.
pub(crate) fn filled(field: &'static str, raw: Option<&RawValue>) -> Result<Qty, NumberError> {
    let qty = required(field, qty(field, raw)?)?;
    if qty.is_zero() {
        return Err(NumberError::Zero { field });
    }
    Ok(qty.abs())
}

/// A price, exact.
pub(crate) fn price(
    field: &'static str,
    raw: Option<&RawValue>,
) -> Result<Option<Price>, NumberError> {
    Ok(fact(field, raw, limits::PRICE_MAX)?.map(Price::new))
}

/// An amount of money, exact.
pub(crate) fn money(
    field: &'static str,
    raw: Option<&RawValue>,
) -> Result<Option<Money>, NumberError> {
    Ok(fact(field, raw, limits::MONEY_MAX)?.map(Money::new))
}

/// A mean price that the broker has rounded already, at the ledger's scale. Its text may be
/// longer than 28 digits; the rest of the digits says nothing.
pub(crate) fn mean(
    field: &'static str,
    raw: Option<&RawValue>,
) -> Result<Option<Price>, NumberError> {
    let value = match raw.and_then(|raw| shortened(raw.get())).and_then(|t| parse_text(&t)) {
        Some(value) => Some(value),
        None => optional(field, raw)?,
    };
    let rounded = value.map(|value| decimal::round_half_even(value, limits::LEDGER_SCALE));
    bounded(field, rounded, limits::PRICE_MAX).map(|value| value.map(Price::new))
}

/// A price or size of market data, rounded half-even at nine decimal places: a feed computes in
/// floats and prints their noise.
pub(crate) fn of_market(
    field: &'static str,
    raw: Option<&RawValue>,
    allowed: u64,
) -> Result<Decimal, NumberError> {
    let value = required(field, optional(field, raw)?)?;
    let rounded = decimal::round_half_even(value, limits::PRICE_SCALE_MAX).normalize();
    let value = bounded(field, Some(rounded), allowed)?;
    required(field, value)
}

/// The text of a plain number without the digits that lie beyond the columns' scale.
fn shortened(json: &str) -> Option<String> {
    let text = json.trim_matches('"');
    let (whole, fraction) = text.split_once('.')?;
    let plain = fraction.bytes().all(|b| b.is_ascii_digit());
    let kept = fraction.get(..usize::try_from(FACT_SCALE_MAX).ok()?)?;
    plain.then(|| format!("{whole}.{kept}"))
}

fn bounded(
    field: &'static str,
    value: Option<Decimal>,
    allowed: u64,
) -> Result<Option<Decimal>, NumberError> {
    match value {
        Some(found) if found.abs() > Decimal::from(allowed) => {
            Err(NumberError::Size { field, found, allowed })
        }
        value => Ok(value),
    }
}

/// The value, or an error that names the member.
pub(crate) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, NumberError> {
    value.ok_or(NumberError::Missing { field })
}
