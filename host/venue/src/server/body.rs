//! Request bodies: exact numbers, in JSON numbers or strings, with unknown members ignored.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use stockade_exchange::{Changes, NewOrder, OrderType, Side, TimeInForce};

use super::answer::Refusal;

/// The body of `POST /v2/orders`, before its words and numbers are read.
#[derive(Deserialize)]
struct OrderBody {
    symbol: Option<String>,
    side: Option<String>,
    #[serde(alias = "order_type")]
    r#type: Option<String>,
    time_in_force: Option<String>,
    qty: Option<Box<RawValue>>,
    notional: Option<Box<RawValue>>,
    limit_price: Option<Box<RawValue>>,
    stop_price: Option<Box<RawValue>>,
    extended_hours: Option<bool>,
    client_order_id: Option<String>,
    order_class: Option<String>,
}

/// The body of `PATCH /v2/orders/{id}`.
#[derive(Deserialize)]
struct ChangesBody {
    qty: Option<Box<RawValue>>,
    limit_price: Option<Box<RawValue>>,
    stop_price: Option<Box<RawValue>>,
    time_in_force: Option<String>,
    client_order_id: Option<String>,
}

/// The body of `PATCH /v2/account/configurations`; absent members keep their value.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConfigurationsBody {
    /// Blocks new orders.
    pub(crate) suspend_trade: Option<bool>,
    /// Only long positions.
    pub(crate) no_shorting: Option<bool>,
    /// Whether fractions of shares trade.
    pub(crate) fractional_trading: Option<bool>,
    /// `all` or `none`.
    pub(crate) trade_confirm_email: Option<String>,
    /// `1`, `2` or `4`.
    pub(crate) max_margin_multiplier: Option<String>,
    /// Taken and given back; there are no such symbols here.
    pub(crate) ptp_no_exception_entry: Option<bool>,
}

/// Reads an order.
///
/// # Errors
/// 400 for text that is not such JSON, 422 for a member without sense.
pub(crate) fn new_order(bytes: &[u8]) -> Result<NewOrder, Refusal> {
    let body: OrderBody = parse(bytes)?;
    match body.order_class.as_deref() {
        None | Some("" | "simple") => {}
        Some(other) => {
            let text =
                format!("order_class \"{other}\" is not offered by this exchange, only simple");
            return Err(Refusal::invalid(text));
        }
    }
    Ok(NewOrder {
        client_order_id: body.client_order_id.filter(|id| !id.is_empty()),
        symbol: body.symbol.ok_or_else(|| Refusal::invalid("symbol is required"))?,
        side: word("side", body.side, Side::parse)?,
        qty: decimal("qty", body.qty.as_deref())?,
        notional: decimal("notional", body.notional.as_deref())?,
        order_type: word("type", body.r#type, OrderType::parse)?,
        time_in_force: word("time_in_force", body.time_in_force, TimeInForce::parse)?,
        limit_price: decimal("limit_price", body.limit_price.as_deref())?,
        stop_price: decimal("stop_price", body.stop_price.as_deref())?,
        extended_hours: body.extended_hours.unwrap_or(false),
    })
}

/// Reads the changes of a replacement.
///
/// # Errors
/// As [`new_order`].
pub(crate) fn changes(bytes: &[u8]) -> Result<Changes, Refusal> {
    let body: ChangesBody = parse(bytes)?;
    let time_in_force = match body.time_in_force {
        None => None,
        given => Some(word("time_in_force", given, TimeInForce::parse)?),
    };
    Ok(Changes {
        qty: decimal("qty", body.qty.as_deref())?,
        limit_price: decimal("limit_price", body.limit_price.as_deref())?,
        stop_price: decimal("stop_price", body.stop_price.as_deref())?,
        time_in_force,
        client_order_id: body.client_order_id.filter(|id| !id.is_empty()),
    })
}

/// Reads a body of JSON.
///
/// # Errors
/// 400 for text that is not JSON, 422 for JSON of another shape.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            Refusal::invalid(format!("request body format is invalid: {error}"))
        } else {
            Refusal::malformed(format!("request body is not valid JSON: {error}"))
        }
    })
}

fn word<T>(name: &str, given: Option<String>, read: fn(&str) -> Option<T>) -> Result<T, Refusal> {
    let given = given.ok_or_else(|| Refusal::invalid(format!("{name} is required")))?;
    read(&given).ok_or_else(|| Refusal::invalid(format!("invalid {name} \"{given}\"")))
}

fn decimal(name: &str, raw: Option<&RawValue>) -> Result<Option<Decimal>, Refusal> {
    let Some(raw) = raw.map(RawValue::get) else {
        return Ok(None);
    };
    let text = match raw.as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b'"') => serde_json::from_str::<String>(raw).unwrap_or_default(),
        _ => raw.to_owned(),
    };
    number(&text).map(Some).ok_or_else(|| Refusal::invalid(format!("invalid {name} {raw}")))
}

/// An exact decimal out of plain or exponent notation; `None` where digits would be lost.
pub(crate) fn number(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if text.len() > 64 || !text.bytes().any(|b| b.is_ascii_digit()) || text.contains('_') {
        return None;
    }
    if let Ok(value) = Decimal::from_str_exact(text) {
        return Some(value);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let mantissa = Decimal::from_str_exact(mantissa).ok()?;
    let exponent = i32::from_str(exponent.strip_prefix('+').unwrap_or(exponent)).ok()?;
    let ten = Decimal::TEN;
    match exponent {
        0 => Some(mantissa),
        1..=28 => (0..exponent).try_fold(mantissa, |value, _| value.checked_mul(ten)),
        -28..=-1 => {
            let scale = mantissa.scale().checked_add(exponent.unsigned_abs())?;
            Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn numbers_and_strings_give_the_same_order() {
        let text = br#"{"symbol":"SPY","side":"buy","type":"limit","time_in_force":"day","qty":"2.0","limit_price":"150.25"}"#;
        let numbers = br#"{"symbol":"SPY","side":"buy","type":"limit","time_in_force":"day","qty":2.0,"limit_price":150.25,"x":{"y":[1]},"order_class":"simple","notional":null}"#;
        assert_eq!(new_order(text).unwrap(), new_order(numbers).unwrap());
    }

    #[test]
    fn exponents_are_exact_and_lost_digits_are_refused() {
        assert_eq!(number("1e-9").unwrap().to_string(), "0.000000001");
        assert_eq!(number("1.5E+3").unwrap(), Decimal::from(1500));
        for bad in [
            "",
            "NaN",
            "1e99",
            "1e-40",
            "0x10",
            "1_000",
            "1.2.3",
            "e5",
            "123456789012345678901234567890.5",
        ] {
            assert!(number(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn bad_bodies_name_what_is_wrong() {
        let message = |body: &[u8]| {
            let refusal = new_order(body).unwrap_err();
            (refusal.status.as_u16(), refusal.body()["message"].as_str().unwrap().to_owned())
        };
        assert_eq!(
            message(br#"{"symbol":"SPY","side":"hold"}"#),
            (422, "invalid side \"hold\"".into())
        );
        assert_eq!(message(br#"{"side":"buy"}"#), (422, "symbol is required".into()));
        assert_eq!(message(b"{").0, 400);
        assert_eq!(message(br#"{"symbol":5}"#).0, 422);
        let qty =
            br#"{"symbol":"SPY","side":"buy","qty":true,"type":"market","time_in_force":"day"}"#;
        assert_eq!(message(qty), (422, "invalid qty true".into()));
        let class = br#"{"symbol":"SPY","side":"buy","order_class":"bracket"}"#;
        assert!(message(class).1.contains("bracket"));
    }
}
