//! The kinds of value that arguments take, each read once and refused in words.
//!
//! Guarantees: what passes here is in range for the core's own types; nothing panics on input.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp as Instant;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use stockade_core::{Money, Price, Qty, Slug, Symbol, Timestamp};
use stockade_venue::files::Source;

/// Why an argument was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ArgumentError(String);

/// An error of this text.
pub(crate) fn wrong(text: impl Into<String>) -> ArgumentError {
    ArgumentError(text.into())
}

/// A symbol; a slash of a crypto pair is dropped.
pub(crate) fn symbol(text: &str) -> Result<Symbol, ArgumentError> {
    Symbol::new(text).map_err(|error| wrong(error.to_string()))
}

/// The name of a sleeve or bot.
pub(crate) fn slug(text: &str) -> Result<Slug, ArgumentError> {
    Slug::new(text).map_err(|error| wrong(error.to_string()))
}

/// An amount of money, zero or more.
pub(crate) fn amount(text: &str) -> Result<Money, ArgumentError> {
    let amount = Money::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if amount.is_negative() {
        return Err(wrong(format!("amount {amount} is below zero")));
    }
    Ok(amount)
}

/// An amount of money above zero.
pub(crate) fn positive_amount(text: &str) -> Result<Money, ArgumentError> {
    let amount = Money::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if amount.is_positive() {
        Ok(amount)
    } else {
        Err(wrong(format!("amount {amount} is not above zero")))
    }
}

/// A part of the whole, in percent: above 0 to 100.
pub(crate) fn percentage(text: &str) -> Result<Decimal, ArgumentError> {
    let percent = decimal(text)?;
    if percent > Decimal::ZERO && percent <= Decimal::ONE_HUNDRED {
        Ok(percent)
    } else {
        Err(wrong(format!("{percent} percent are not allowed: above 0 to 100")))
    }
}

/// Slippage in hundredths of a percent: 0 to 5000, half of the price.
pub(crate) fn basis_points(text: &str) -> Result<Decimal, ArgumentError> {
    let bps = decimal(text)?;
    if bps >= Decimal::ZERO && bps <= Decimal::from(5_000) {
        Ok(bps)
    } else {
        Err(wrong(format!("{bps} hundredths of a percent are not allowed: 0 to 5000")))
    }
}

/// Dollars a share, zero or more.
pub(crate) fn rate(text: &str) -> Result<Decimal, ArgumentError> {
    let rate = decimal(text)?;
    if rate >= Decimal::ZERO && rate <= Decimal::from(10_000) {
        Ok(rate)
    } else {
        Err(wrong(format!("{rate} dollars a share are not allowed: 0 to 10000")))
    }
}

/// A fee in percent: 0 to 100.
pub(crate) fn fee_percent(text: &str) -> Result<Decimal, ArgumentError> {
    let percent = decimal(text)?;
    if percent >= Decimal::ZERO && percent <= Decimal::ONE_HUNDRED {
        Ok(percent)
    } else {
        Err(wrong(format!("{percent} percent are not allowed: 0 to 100")))
    }
}

/// A text that says something.
pub(crate) fn reason(text: &str) -> Result<String, ArgumentError> {
    if text.trim().is_empty() {
        return Err(wrong("a reason is wanted, not an empty text"));
    }
    Ok(text.to_owned())
}

/// A price above zero.
pub(crate) fn price(text: &str) -> Result<Price, ArgumentError> {
    let price = Price::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if price.is_positive() {
        Ok(price)
    } else {
        Err(wrong(format!("price {price} is not above zero")))
    }
}

/// A quantity above zero.
pub(crate) fn quantity(text: &str) -> Result<Qty, ArgumentError> {
    let qty = Qty::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if qty.is_positive() {
        Ok(qty)
    } else {
        Err(wrong(format!("quantity {qty} is not above zero")))
    }
}

/// A plain decimal.
pub(crate) fn decimal(text: &str) -> Result<Decimal, ArgumentError> {
    stockade_core::decimal::parse(text).map_err(|error| wrong(error.to_string()))
}

/// A time: RFC 3339, or a date, which means its midnight in UTC.
pub(crate) fn time(text: &str) -> Result<Timestamp, ArgumentError> {
    let instant = Instant::from_str(text).or_else(|_| {
        Date::from_str(text)
            .and_then(|date| date.to_zoned(TimeZone::UTC))
            .map(|zoned| zoned.timestamp())
    });
    let instant = instant.map_err(|_| {
        wrong(format!("\"{text}\" is no time: 2026-02-11 or 2026-02-11T14:30:00Z is allowed"))
    })?;
    i64::try_from(instant.as_nanosecond())
        .map(Timestamp)
        .map_err(|_| wrong(format!("\"{text}\" lies outside the years 1678 to 2261")))
}

/// A moment of the past: RFC 3339, or a date, which means the end of that day in UTC.
pub(crate) fn moment(text: &str) -> Result<Timestamp, ArgumentError> {
    let Ok(date) = Date::from_str(text) else { return time(text) };
    // Of a text with a time of day the date is the beginning alone.
    if Instant::from_str(text).is_ok() {
        return time(text);
    }
    let next =
        date.tomorrow().map_err(|error| wrong(format!("\"{text}\" is too late: {error}")))?;
    time(&next.to_string()).map(|midnight| midnight.plus(-1))
}

/// `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, String), ArgumentError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(wrong(format!("\"{text}\" is no NAME=VALUE"))),
    }
}

/// A key pair `ID:SECRET`; the secret is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyPair {
    /// The key id.
    pub(crate) id: String,
    /// The secret key.
    pub(crate) secret: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for KeyPair {
    type Err = ArgumentError;
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        match text.split_once(':') {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
            }
            _ => Err(wrong("a key is given as ID:SECRET")),
        }
    }
}

/// A file of market data: `FILE` or `FILE:SYMBOL`.
pub(crate) fn source(text: &str) -> Result<Source, ArgumentError> {
    Source::parse(text).map_err(|error| wrong(error.to_string()))
}

/// Longest generated market, in minutes with bars: about five years of sessions.
const MINUTES_MAX: usize = 500_000;

/// The length of a generated market.
pub(crate) fn minutes(text: &str) -> Result<usize, ArgumentError> {
    match text.parse() {
        Ok(minutes @ 1..=MINUTES_MAX) => Ok(minutes),
        _ => Err(wrong(format!("\"{text}\" is no number of minutes: 1 to {MINUTES_MAX}"))),
    }
}

/// How fast a replay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// As fast as the consumers take it.
    Max,
    /// So many times the market's own pace.
    Times(u32),
}

impl FromStr for Speed {
    type Err = ArgumentError;
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(times) if times > 0 => Ok(Self::Times(times)),
            _ => Err(wrong(format!("\"{text}\" is no speed: \"max\" or a whole number from 1 up"))),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Times(times) => write!(f, "{times}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_digits_are_refused_in_words() {
        let digits = "1".repeat(40);
        for error in [
            quantity(&digits).unwrap_err(),
            price(&digits).unwrap_err(),
            amount(&digits).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains("is not a decimal number of at most 28 digits"), "{text}");
        }
        assert!(quantity(&"1".repeat(20)).unwrap_err().to_string().contains("larger in size"));
        assert!(quantity("0").is_err() && quantity("-1").is_err() && quantity("1e3").is_err());
        assert!(price("0.0000000001").unwrap_err().to_string().contains("decimal places"));
    }

    #[test]
    fn times_are_dates_or_rfc_3339() {
        assert_eq!(time("1970-01-02").unwrap().0, 86_400_000_000_000);
        assert_eq!(time("1970-01-01T00:00:01.5Z").unwrap().0, 1_500_000_000);
        assert_eq!(time("1970-01-01T01:00:00+01:00").unwrap().0, 0);
        assert!(time("yesterday").is_err());
        assert!(time("9000-01-01").unwrap_err().to_string().contains("outside"));
    }

    #[test]
    fn files_may_name_their_symbol() {
        assert_eq!(source("dir/x.csv").unwrap().symbol, None);
        assert_eq!(source("dir/x.csv:aapl").unwrap().symbol.unwrap().as_str(), "AAPL");
        assert!(source("dir/x.csv:a b").unwrap_err().to_string().contains("is no symbol"));
    }

    #[test]
    fn a_secret_is_never_printed() {
        let key: KeyPair = "PKX:topsecret".parse().unwrap();
        assert!(!format!("{key:?}").contains("topsecret"));
        assert!("PKX".parse::<KeyPair>().is_err());
        assert_eq!("max".parse::<Speed>().unwrap(), Speed::Max);
        assert_eq!("120".parse::<Speed>().unwrap(), Speed::Times(120));
        assert!("0".parse::<Speed>().is_err());
    }
}
