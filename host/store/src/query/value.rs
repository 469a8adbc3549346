//! The values of the firm JSON: decimals, percentages and times, each with its own spelling.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A decimal; in JSON a plain string without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Number(pub Decimal);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.normalize(), f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Decimal as Deserialize>::deserialize(deserializer).map(Self)
    }
}

/// A percentage; in JSON a number with two decimals. For reading alone, never for books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Percent(pub Decimal);

impl Percent {
    /// `part` of `whole` in percent; `None` where there is no whole.
    #[must_use]
    pub fn of(part: Decimal, whole: Decimal) -> Option<Self> {
        let ratio = part.checked_div(whole)?;
        Some(Self(ratio.checked_mul(Decimal::ONE_HUNDRED)?))
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rounded = stockade_core::decimal::round_half_even(self.0, 2);
        match rounded.normalize().to_f64() {
            Some(number) => serializer.serialize_f64(number),
            None => serializer.serialize_none(),
        }
    }
}

/// A time in nanoseconds since 1970; in JSON RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct At(pub i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(instant) => fmt::Display::fmt(&instant, f),
            // Every i64 of nanoseconds lies inside jiff's range.
            Err(_) => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        i64::try_from(instant.as_nanosecond()).map(Self).map_err(serde::de::Error::custom)
    }
}
