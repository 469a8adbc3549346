//! msgpack frames of the data streams, turned into the JSON that the other frames carry.
//!
//! A float is printed with the shortest digits that mean it, which are the digits that the feed
//! put in; a msgpack timestamp becomes RFC 3339. Then one reader serves both forms.

use rmpv::Value;
use std::fmt::Write as _;
use stockade_core::Timestamp;

use super::wire::rfc3339;

/// Nesting that a frame may have: a list of maps of lists.
const DEPTH_MAX: usize = 8;
/// The type number of msgpack's timestamp extension.
const TIMESTAMP: i8 = -1;

/// The frame as JSON text; `None` where it is no msgpack.
pub(crate) fn to_json(mut frame: &[u8]) -> Option<String> {
    let value = rmpv::decode::read_value_with_max_depth(&mut frame, DEPTH_MAX).ok()?;
    let mut out = String::new();
    write_value(&mut out, &value)?;
    Some(out)
}

fn write_value(out: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Boolean(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Integer(number) => write!(out, "{number}").ok()?,
        Value::F32(number) => write_float(out, number.is_finite(), number)?,
        Value::F64(number) => write_float(out, number.is_finite(), number)?,
        Value::String(text) => out.push_str(&serde_json::to_string(text.as_str()?).ok()?),
        Value::Binary(bytes) => {
            let text = std::str::from_utf8(bytes).ok()?;
            out.push_str(&serde_json::to_string(text).ok()?);
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item)?;
            }
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (i, (name, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(name.as_str()?).ok()?);
                out.push(':');
                write_value(out, member)?;
            }
            out.push('}');
        }
        Value::Ext(TIMESTAMP, bytes) => write!(out, "\"{}\"", rfc3339(timestamp(bytes)?)).ok()?,
        Value::Ext(..) => out.push_str("null"),
    }
    Some(())
}

/// JSON has no word for infinity; null is refused later, by the member's name.
fn write_float(out: &mut String, finite: bool, number: &dyn std::fmt::Display) -> Option<()> {
    if finite {
        return write!(out, "{number}").ok();
    }
    out.push_str("null");
    Some(())
}

/// msgpack's three forms of a time: 32 bits of seconds; 30 of nanoseconds and 34 of seconds; 32 of
/// nanoseconds and 64 of seconds.
fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let (seconds, nanos) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (i64::try_from(both & 0x3_FFFF_FFFF).ok()?, i64::try_from(both >> 34).ok()?)
        }
        12 => {
            let (nanos, seconds) = bytes.split_at(4);
            let nanos = u32::from_be_bytes(nanos.try_into().ok()?);
            (i64::from_be_bytes(seconds.try_into().ok()?), i64::from(nanos))
        }
        _ => return None,
    };
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp)
}
