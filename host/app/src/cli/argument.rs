//! The kinds of value that arguments take, each read once and refused in words.
//!
//! Guarantees: what passes here is in range for the core's own types; nothing panics on input.

use std::fmt;
use std::path::PathBuf;
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

fn wrong(text: impl Into<String>) -> ArgumentError {
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
        return Err(wrong(format!("{amount} is negative, an amount is zero or more")));
    }
    Ok(amount)
}

/// A price above zero.
pub(crate) fn price(text: &str) -> Result<Price, ArgumentError> {
    let price = Price::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if price.is_positive() { Ok(price) } else { Err(wrong(format!("price {price} is not above zero"))) }
}

/// A quantity above zero.
pub(crate) fn quantity(text: &str) -> Result<Qty, ArgumentError> {
    let qty = Qty::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if qty.is_positive() { Ok(qty) } else { Err(wrong(format!("quantity {qty} is not above zero"))) }
}

/// A plain decimal.
pub(crate) fn decimal(text: &str) -> Result<Decimal, ArgumentError> {
    stockade_core::decimal::parse(text).map_err(|error| wrong(error.to_string()))
}

/// A time: RFC 3339, or a date, which means its midnight in UTC.
pub(crate) fn time(text: &str) -> Result<Timestamp, ArgumentError> {
    let instant = Instant::from_str(text).or_else(|_| {
        Date::from_str(text).and_then(|date| date.to_zoned(TimeZone::UTC)).map(|zoned| zoned.timestamp())
    });
    let instant = instant.map_err(|_| {
        wrong(format!("\"{text}\" is no time: 2026-02-11 or 2026-02-11T14:30:00Z is allowed"))
    })?;
    i64::try_from(instant.as_nanosecond())
        .map(Timestamp)
        .map_err(|_| wrong(format!("\"{text}\" lies outside the years 1678 to 2261")))
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

/// A parameter of a backtest: one value, or a range to sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamRange {
    /// The parameter.
    pub(crate) name: String,
    /// Its values, in order; one, unless it is a sweep.
    pub(crate) values: Vec<String>,
}

/// Most values of one swept parameter: a sweep multiplies them.
const SWEEP_VALUES_MAX: usize = 10_000;

impl FromStr for ParamRange {
    type Err = ArgumentError;
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let (name, value) = assignment(text)?;
        let Some((from, rest)) = value.split_once("..") else {
            return Ok(Self { name, values: vec![value] });
        };
        let (to, step) = rest.split_once(':').unwrap_or((rest, "1"));
        let (from, to, step) = (decimal(from)?, decimal(to)?, decimal(step)?);
        if step <= Decimal::ZERO || to < from {
            return Err(wrong(format!("\"{value}\" is no range: A..B:STEP with A <= B and STEP > 0")));
        }
        let mut values = Vec::new();
        let mut at = from;
        while at <= to {
            if values.len() == SWEEP_VALUES_MAX {
                return Err(wrong(format!("\"{value}\" has more than {SWEEP_VALUES_MAX} values")));
            }
            values.push(at.normalize().to_string());
            at = at
                .checked_add(step)
                .ok_or_else(|| wrong(format!("\"{value}\" leaves the range of a decimal")))?;
        }
        Ok(Self { name, values })
    }
}

/// One bot of a backtest with several: `NAME=FILE,capital=AMOUNT[,K=V…]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BotSpec {
    /// Its name.
    pub(crate) name: Slug,
    /// Its component.
    pub(crate) file: PathBuf,
    /// Its capital.
    pub(crate) capital: Money,
    /// Its parameters.
    pub(crate) params: Vec<(String, String)>,
}

impl FromStr for BotSpec {
    type Err = ArgumentError;
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let shape = || wrong(format!("\"{text}\" is no NAME=FILE,capital=AMOUNT[,K=V]"));
        let (name, rest) = text.split_once('=').ok_or_else(shape)?;
        let mut parts = rest.split(',');
        let file = parts.next().filter(|file| !file.is_empty()).ok_or_else(shape)?;
        let mut capital = None;
        let mut params = Vec::new();
        for part in parts {
            let (key, value) = assignment(part)?;
            if key == "capital" {
                capital = Some(amount(&value)?);
            } else {
                params.push((key, value));
            }
        }
        let capital = capital.ok_or_else(shape)?;
        Ok(Self { name: slug(name)?, file: file.into(), capital, params })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn forty_digits_are_refused_in_words() {
        let digits = "1".repeat(40);
        for error in [quantity(&digits).unwrap_err(), price(&digits).unwrap_err(), amount(&digits).unwrap_err()] {
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
    fn sweeps_list_their_values() {
        let range: ParamRange = "fast=5..7".parse().unwrap();
        assert_eq!(range.values, ["5", "6", "7"]);
        let range: ParamRange = "k=1..2:0.5".parse().unwrap();
        assert_eq!(range.values, ["1", "1.5", "2"]);
        let one: ParamRange = "k=abc".parse().unwrap();
        assert_eq!(one.values, ["abc"]);
        for bad in ["k=2..1", "k=1..2:0", "k=0..100000:1", "nothing", "=1"] {
            assert!(bad.parse::<ParamRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn several_bots_each_with_capital() {
        let spec: BotSpec = "a=x.wasm,capital=5000,fast=3".parse().unwrap();
        assert_eq!(spec.params, [("fast".to_owned(), "3".to_owned())]);
        assert_eq!(spec.capital.to_string(), "5000");
        assert!("a=x.wasm".parse::<BotSpec>().is_err());
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
