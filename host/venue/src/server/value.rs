//! One value for the two encodings of the market data interface.
//!
//! A data message is JSON text for one client and msgpack for the next. Building it once as a
//! [`Value`] keeps the two alike. JSON numbers carry every digit of the decimal; msgpack has only
//! binary floating point for fractions, as Alpaca's own stream has, so a decimal of up to 15
//! significant digits comes back unchanged when it is read as the shortest decimal.

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::time;

/// A market data value before it is encoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// JSON null, msgpack nil.
    Null,
    /// A whole number.
    Int(i64),
    /// A price, a size or an average.
    Number(Decimal),
    /// Nanoseconds since the epoch: RFC 3339 text, or a msgpack timestamp.
    Time(i64),
    /// Text.
    Text(Cow<'static, str>),
    /// An array.
    List(Vec<Value>),
    /// An object; the members keep their order.
    Map(Vec<(Cow<'static, str>, Value)>),
}

impl Value {
    /// Text from anything that owns or borrows it for ever.
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// An object from its members.
    pub(crate) fn map<const N: usize>(members: [(&'static str, Value); N]) -> Self {
        Self::Map(members.into_iter().map(|(k, v)| (Cow::Borrowed(k), v)).collect())
    }

    /// A quantity: a whole number where it is one, as the data feeds of equities send it.
    pub(crate) fn size(qty: Decimal) -> Self {
        match qty.is_integer().then(|| qty.to_i64()).flatten() {
            Some(whole) => Self::Int(whole),
            None => Self::Number(qty),
        }
    }

    /// The JSON text.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::with_capacity(128);
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Int(n) => drop(write!(out, "{n}")),
            Self::Number(d) => drop(write!(out, "{}", d.normalize())),
            Self::Time(t) => drop(write!(out, "\"{}\"", time::rfc3339(*t))),
            Self::Text(text) => write_json_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (n, (key, value)) in members.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    write_json_text(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// The msgpack bytes.
    pub(crate) fn to_msgpack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        // Writing to a vector cannot fail: it has no error of its own.
        if rmpv::encode::write_value(&mut out, &self.to_rmpv()).is_err() {
            out.clear();
        }
        out
    }

    fn to_rmpv(&self) -> rmpv::Value {
        match self {
            Self::Null => rmpv::Value::Nil,
            Self::Int(n) => rmpv::Value::from(*n),
            Self::Number(d) => rmpv::Value::F64(nearest_float(*d)),
            Self::Time(t) => rmpv::Value::Ext(-1, msgpack_timestamp(*t)),
            Self::Text(text) => rmpv::Value::from(text.as_ref()),
            Self::List(items) => rmpv::Value::Array(items.iter().map(Self::to_rmpv).collect()),
            Self::Map(members) => rmpv::Value::Map(
                members.iter().map(|(k, v)| (rmpv::Value::from(k.as_ref()), v.to_rmpv())).collect(),
            ),
        }
    }
}

fn write_json_text(text: &str, out: &mut String) {
    // serde_json knows the escapes; text always has a JSON form.
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// The float whose shortest decimal form is the decimal, up to 15 significant digits.
fn nearest_float(d: Decimal) -> f64 {
    d.normalize().to_string().parse().unwrap_or(0.0)
}

/// The payload of msgpack extension -1: 32, 64 or 96 bits, the smallest that holds the time.
fn msgpack_timestamp(nanos: i64) -> Vec<u8> {
    let seconds = nanos.div_euclid(1_000_000_000);
    let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
    match (u32::try_from(seconds), u64::try_from(seconds)) {
        (Ok(short), _) if rest == 0 => short.to_be_bytes().to_vec(),
        // An i64 of nanoseconds never reaches the 34 bits that this form has for seconds.
        (_, Ok(long)) => ((u64::from(rest) << 34) | long).to_be_bytes().to_vec(),
        _ => {
            let mut out = rest.to_be_bytes().to_vec();
            out.extend_from_slice(&seconds.to_be_bytes());
            out
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn bar() -> Value {
        Value::map([
            ("T", Value::text("b")),
            ("S", Value::text("A\"B")),
            ("c", Value::Number(Decimal::new(1_709_700, 4))),
            ("v", Value::size(Decimal::new(4_988_163_513, 8))),
            ("n", Value::size(Decimal::new(619_925, 0))),
            ("t", Value::Time(1_549_895_400_000_000_000)),
            ("x", Value::List(vec![Value::Null])),
        ])
    }

    #[test]
    fn json_keeps_every_digit() {
        assert_eq!(
            bar().to_json(),
            r#"{"T":"b","S":"A\"B","c":170.97,"v":49.88163513,"n":619925,"t":"2019-02-11T14:30:00Z","x":[null]}"#
        );
        let long = Value::Number(Decimal::from_i128_with_scale(12_345_678_901_234_567_890_123, 9));
        assert_eq!(long.to_json(), "12345678901234.567890123");
    }

    #[test]
    fn msgpack_has_floats_and_timestamps() {
        let bytes = bar().to_msgpack();
        let read = rmpv::decode::read_value(&mut bytes.as_slice()).unwrap();
        assert_eq!(read["c"].as_f64().unwrap(), 170.97);
        assert_eq!(read["v"].as_f64().unwrap().to_string(), "49.88163513");
        assert_eq!(read["n"].as_i64().unwrap(), 619_925);
        assert_eq!(read["t"].as_ext().unwrap(), (-1, 1_549_895_400_u32.to_be_bytes().as_slice()));
    }

    #[test]
    fn timestamps_take_the_smallest_form_that_holds_them() {
        assert_eq!(msgpack_timestamp(1_000_000_001).len(), 8);
        assert_eq!(msgpack_timestamp(1_000_000_001), ((1_u64 << 34) | 1).to_be_bytes());
        assert_eq!(msgpack_timestamp(-1).len(), 12);
        assert_eq!(msgpack_timestamp(0), [0, 0, 0, 0]);
    }
}
