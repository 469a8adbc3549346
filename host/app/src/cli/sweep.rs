//! The arguments of a backtest that hold several things: a range of values, a bot with its capital.

use std::path::PathBuf;
use std::str::FromStr;

use rust_decimal::Decimal;
use stockade_core::{Money, Slug};

use super::argument::{ArgumentError, assignment, decimal, positive_amount, slug, wrong};

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
            return Err(wrong(format!(
                "\"{value}\" is no range: A..B:STEP with A <= B and STEP > 0"
            )));
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
                capital = Some(positive_amount(&value)?);
            } else {
                params.push((key, value));
            }
        }
        let capital = capital.ok_or_else(shape)?;
        Ok(Self { name: slug(name)?, file: file.into(), capital, params })
    }
}

/// What a walk-forward counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Days that have bars.
    Days,
    /// Time stamps.
    Bars,
}

/// Lengths of the two parts of a walk-forward's window: `60d:20d`, `2000b:500b`; days where no
/// letter says what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalkForward {
    /// What is counted.
    pub(crate) count: Count,
    /// In which the best set is chosen.
    pub(crate) inside: usize,
    /// Over which it is run.
    pub(crate) outside: usize,
}

impl FromStr for WalkForward {
    type Err = ArgumentError;
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let shape = || {
            let allowed = "60d:20d (days) or 2000b:500b (time stamps), both above 0";
            wrong(format!("\"{text}\" is no walk-forward: {allowed}"))
        };
        let (inside, outside) = text.split_once(':').ok_or_else(shape)?;
        let part = |text: &str| -> Result<(Option<Count>, usize), ArgumentError> {
            let (count, digits) = match text.strip_suffix('d') {
                Some(digits) => (Some(Count::Days), digits),
                None => match text.strip_suffix('b') {
                    Some(digits) => (Some(Count::Bars), digits),
                    None => (None, text),
                },
            };
            let number = digits.parse().ok().filter(|number| *number > 0).ok_or_else(shape)?;
            Ok((count, number))
        };
        let ((first, inside), (second, outside)) = (part(inside)?, part(outside)?);
        let count = match (first, second) {
            (Some(one), Some(other)) if one != other => return Err(shape()),
            (one, other) => one.or(other).unwrap_or(Count::Days),
        };
        Ok(Self { count, inside, outside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn walk_forwards_count_days_or_time_stamps() {
        let days: WalkForward = "60:20d".parse().unwrap();
        assert_eq!(days, WalkForward { count: Count::Days, inside: 60, outside: 20 });
        let bars: WalkForward = "2000b:500b".parse().unwrap();
        assert_eq!(bars, WalkForward { count: Count::Bars, inside: 2000, outside: 500 });
        for bad in ["60", "0:5", "5d:5b", "a:b", "5:-1", ":"] {
            assert!(bad.parse::<WalkForward>().is_err(), "{bad}");
        }
    }

    #[test]
    fn several_bots_each_with_capital() {
        let spec: BotSpec = "a=x.wasm,capital=5000,fast=3".parse().unwrap();
        assert_eq!(spec.params, [("fast".to_owned(), "3".to_owned())]);
        assert_eq!(spec.capital.to_string(), "5000");
        assert!("a=x.wasm".parse::<BotSpec>().is_err());
    }
}
