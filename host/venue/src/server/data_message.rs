//! Market data messages made from bars.
//!
//! The feed is bars alone. The last trade and the quote of a moment are both the close of the
//! last bar: the price that an order meets here until the next bar. There is no made-up spread.

use super::history::{FeedBar, Row};
use super::hub::MarketMessage;
use super::value::Value;

/// What the streams carry for one bar: bar, trade and quote.
pub(crate) fn stream_messages(bar: &FeedBar) -> [MarketMessage; 3] {
    let message = |channel: &'static str, letter: &'static str, value: Value| {
        let mut members =
            vec![("T".into(), Value::text(letter)), ("S".into(), Value::text(bar.symbol.clone()))];
        if let Value::Map(rest) = value {
            members.extend(rest);
        }
        MarketMessage {
            channel,
            symbol: bar.symbol.clone(),
            crypto: bar.crypto,
            value: Value::Map(members),
        }
    };
    [
        message("trades", "t", trade(bar)),
        message("quotes", "q", quote(bar)),
        message("bars", "b", Row::of(bar).value()),
    ]
}

/// The last trade as of a bar.
pub(crate) fn trade(bar: &FeedBar) -> Value {
    let id = Value::Int(bar.end / 1_000_000_000);
    let (at, price) = (Value::Time(bar.end), Value::Number(bar.close));
    if bar.crypto {
        return Value::map([
            ("t", at),
            ("p", price),
            ("s", Value::size(bar.volume)),
            ("i", id),
            ("tks", Value::text("B")),
        ]);
    }
    Value::map([
        ("t", at),
        ("x", Value::text("V")),
        ("p", price),
        ("s", Value::size(bar.volume)),
        ("c", Value::List(vec![Value::text("@")])),
        ("i", id),
        ("z", Value::text("C")),
    ])
}

/// The quote as of a bar: both sides at the close.
pub(crate) fn quote(bar: &FeedBar) -> Value {
    let (at, price) = (Value::Time(bar.end), Value::Number(bar.close));
    let size = Value::size(bar.volume);
    if bar.crypto {
        return Value::map([
            ("t", at),
            ("bp", price.clone()),
            ("bs", size.clone()),
            ("ap", price),
            ("as", size),
        ]);
    }
    Value::map([
        ("t", at),
        ("ax", Value::text("V")),
        ("ap", price.clone()),
        ("as", size.clone()),
        ("bx", Value::text("V")),
        ("bp", price),
        ("bs", size),
        ("c", Value::List(vec![Value::text("R")])),
        ("z", Value::text("C")),
    ])
}
