//! The trading interface's objects: decimals as strings, ids as UUIDs, times in RFC 3339.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use stockade_exchange::{AssetClass, Bar, Extra, Id, Nanos, Order, Reject, SymbolId, TradeUpdate};

use super::answer::Refusal;
use super::history::FeedBar;

/// A decimal without trailing zeros.
pub(crate) fn decimal(value: Decimal) -> String {
    value.normalize().to_string()
}

/// The same, or null.
pub(crate) fn decimal_or_null(value: Option<Decimal>) -> Value {
    value.map_or(Value::Null, |value| Value::from(decimal(value)))
}

/// The word for an asset class.
pub(crate) fn class(class: AssetClass) -> &'static str {
    class.as_str()
}

/// An id of a path or parameter.
///
/// # Errors
/// 422 when it is not a UUID.
pub(crate) fn id(name: &str, text: &str) -> Result<Id, Refusal> {
    text.parse().map_err(|error| Refusal::invalid(format!("invalid {name}: {error}")))
}

/// Nanoseconds as the exchange takes them.
pub(crate) const fn nanos(at: i64) -> Nanos {
    Nanos(at)
}

fn time(at: Option<Nanos>) -> Value {
    at.map_or(Value::Null, |at| Value::from(at.rfc3339()))
}

fn text(id: Option<Id>) -> Value {
    id.map_or(Value::Null, |id| Value::from(id.to_string()))
}

/// An order.
pub(crate) fn order(order: &Order) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("id", json!(order.id.to_string()));
    put("client_order_id", json!(&*order.client_order_id));
    put("created_at", json!(order.created_at.rfc3339()));
    put("updated_at", json!(order.updated_at.rfc3339()));
    put("submitted_at", json!(order.submitted_at.rfc3339()));
    put("filled_at", time(order.filled_at));
    put("expired_at", time(order.expired_at));
    put("expires_at", time(order.expires_at));
    put("canceled_at", time(order.canceled_at));
    put("failed_at", time(order.failed_at));
    put("replaced_at", time(order.replaced_at));
    put("replaced_by", text(order.replaced_by));
    put("replaces", text(order.replaces));
    put("asset_id", json!(order.asset_id.to_string()));
    put("symbol", json!(&*order.symbol));
    put("asset_class", json!(class(order.asset_class)));
    put("notional", decimal_or_null(order.notional));
    put("qty", decimal_or_null(order.qty));
    put("filled_qty", json!(decimal(order.filled_qty)));
    put("filled_avg_price", decimal_or_null(order.filled_avg_price));
    put("order_class", json!(""));
    put("order_type", json!(order.order_type.as_str()));
    put("type", json!(order.order_type.as_str()));
    put("side", json!(order.side.as_str()));
    put("time_in_force", json!(order.time_in_force.as_str()));
    put("limit_price", decimal_or_null(order.limit_price));
    put("stop_price", decimal_or_null(order.stop_price));
    put("status", json!(order.status.as_str()));
    put("extended_hours", json!(order.extended_hours));
    for absent in ["legs", "trail_price", "trail_percent", "hwm", "ratio_qty", "subtag", "source"] {
        put(absent, Value::Null);
    }
    Value::Object(members)
}

/// A message of the account stream.
pub(crate) fn trade_update(update: &TradeUpdate) -> Value {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
    put("event", json!(update.event.as_str()));
    put("event_id", json!(update.event_id.to_string()));
    put("at", json!(update.at.rfc3339()));
    put("timestamp", json!(update.at.rfc3339()));
    put("order", order(&update.order));
    if let Some(execution) = update.execution_id {
        put("execution_id", json!(execution.to_string()));
        if let Some(previous) = update.previous_execution_id {
            put("previous_execution_id", json!(previous.to_string()));
        }
        put("price", decimal_or_null(update.price));
        put("qty", decimal_or_null(update.qty));
        put("position_qty", decimal_or_null(update.position_qty));
    }
    json!({"stream": "trade_updates", "data": data})
}

/// A bar as the exchange takes it.
pub(crate) fn bar(symbol: SymbolId, bar: &FeedBar) -> Bar {
    Bar {
        symbol,
        at: Nanos(bar.start),
        interval: bar.end - bar.start,
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        let extra = reject.extra().into_iter().map(|(name, value)| {
            let value = match value {
                Extra::Text(text) => Value::from(text),
                Extra::List(texts) => Value::from(texts),
            };
            (name.to_owned(), value)
        });
        Self::with_extra(reject.http(), reject.code(), reject.to_string(), extra.collect())
    }
}
