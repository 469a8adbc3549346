//! Single values: exact or refused.

use rust_decimal::Decimal;
use serde::Serialize;
use stockade_core::Timestamp;

use crate::limits;

/// Why a row can't be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The column would round it.
    #[error("{value} has {found} decimal places, the database holds {allowed}")]
    Scale {
        /// The value.
        value: Decimal,
        /// Its decimal places.
        found: u32,
        /// How many are held.
        allowed: u32,
    },
    /// A number beyond the column.
    #[error("{value} is beyond {allowed}, the highest that the database's column holds")]
    Size {
        /// The value.
        value: u64,
        /// The highest.
        allowed: u64,
    },
    /// A row of another account.
    #[error("a row of account \"{found}\" came to the writer of account \"{expected}\"")]
    OtherAccount {
        /// The row's.
        found: String,
        /// The writer's.
        expected: String,
    },
    /// No JSON or no argument could be made of it.
    #[error("a value can't be encoded: {message}")]
    Encoding {
        /// What the encoder said.
        message: String,
    },
}

impl EncodeError {
    pub(crate) fn encoding(error: impl std::fmt::Display) -> Self {
        Self::Encoding { message: error.to_string() }
    }
}

pub(crate) type Encoded<T> = Result<T, EncodeError>;

pub(crate) fn decimal(value: Decimal) -> Encoded<Decimal> {
    let value = value.normalize();
    if value.scale() > limits::DECIMAL_SCALE {
        return Err(EncodeError::Scale {
            value,
            found: value.scale(),
            allowed: limits::DECIMAL_SCALE,
        });
    }
    Ok(value)
}

pub(crate) fn decimal_if(value: Option<Decimal>) -> Encoded<Option<Decimal>> {
    value.map(decimal).transpose()
}

pub(crate) fn big(value: u64) -> Encoded<i64> {
    i64::try_from(value).map_err(|_| EncodeError::Size { value, allowed: u64::MAX >> 1 })
}

pub(crate) fn int(value: u32) -> Encoded<i32> {
    i32::try_from(value).map_err(|_| EncodeError::Size {
        value: u64::from(value),
        allowed: u64::from(u32::MAX >> 1),
    })
}

pub(crate) fn small(value: usize) -> Encoded<i16> {
    i16::try_from(value).map_err(|_| EncodeError::Size {
        value: u64::try_from(value).unwrap_or(u64::MAX),
        allowed: u64::from(u16::MAX >> 1),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "every column's expression gives a result")]
pub(crate) fn time(value: Timestamp) -> Encoded<i64> {
    Ok(value.0)
}

#[expect(clippy::unnecessary_wraps, reason = "every column's expression gives a result")]
pub(crate) fn time_if(value: Option<Timestamp>) -> Encoded<Option<i64>> {
    Ok(value.map(|time| time.0))
}

#[expect(clippy::unnecessary_wraps, reason = "every column's expression gives a result")]
pub(crate) fn text(value: &str) -> Encoded<String> {
    Ok(value.replace('\0', "\u{fffd}"))
}

pub(crate) fn text_if<T: AsRef<str>>(value: Option<&T>) -> Encoded<Option<String>> {
    value.map(|value| text(value.as_ref())).transpose()
}

/// The word that the core's own serialisation has for a value of a closed list.
pub(crate) fn word(value: &impl Serialize) -> Encoded<String> {
    let json = serde_json::to_string(value).map_err(EncodeError::encoding)?;
    Ok(json.trim_matches('"').to_owned())
}

/// JSON as text; PostgreSQL's jsonb refuses the escape of NUL.
pub(crate) fn json(value: &impl Serialize) -> Encoded<String> {
    let text = serde_json::to_string(value).map_err(EncodeError::encoding)?;
    if !text.contains("\\u0000") {
        return Ok(text);
    }
    let mut tree = serde_json::from_str(&text).map_err(EncodeError::encoding)?;
    without_nul(&mut tree);
    Ok(tree.to_string())
}

fn without_nul(tree: &mut serde_json::Value) {
    match tree {
        serde_json::Value::String(text) => *text = text.replace('\0', "\u{fffd}"),
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_nul),
        serde_json::Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (name, mut value) in old {
                without_nul(&mut value);
                fields.insert(name.replace('\0', "\u{fffd}"), value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn no_digit_is_rounded_away() {
        let held = Decimal::from_i128_with_scale(1, 18);
        assert_eq!(decimal(held).unwrap(), held);
        let lost = Decimal::from_i128_with_scale(1, 19);
        assert!(matches!(decimal(lost), Err(EncodeError::Scale { found: 19, .. })));
        // Trailing zeros are no digits.
        let zeros = Decimal::from_i128_with_scale(10, 19);
        assert_eq!(decimal(zeros).unwrap(), held);
    }

    #[test]
    fn nul_never_reaches_the_database() {
        assert_eq!(text("a\0b").unwrap(), "a\u{fffd}b");
        let value = serde_json::json!({"a\0": ["x\0y", {"z": "\\u0000"}]});
        let clean = json(&value).unwrap();
        let read: serde_json::Value = serde_json::from_str(&clean).unwrap();
        assert_eq!(read, serde_json::json!({"a\u{fffd}": ["x\u{fffd}y", {"z": "\\u0000"}]}));
    }

    #[test]
    fn numbers_beyond_the_column_are_refused() {
        assert!(big(u64::MAX).is_err());
        assert!(int(u32::MAX).is_err());
        assert!(small(40_000).is_err());
        assert_eq!(big(1 << 62).unwrap(), 1 << 62);
    }
}
