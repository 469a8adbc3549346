//! Market data, and the pure question whether and at which price it meets an order.
//!
//! Against a bar: a market order trades at the open. A buy limit trades at the open when that is at or below the limit,
//! else at the limit when the low is below it; a price that only touches the limit does not trade. A buy stop is reached when the
//! open or the high is at or above it, and trades at the stop or, beyond a gap, at the open. Sells are mirrored.
//! A stop-limit whose stop is reached inside the bar trades at its stop where the limit allows that price; otherwise it
//! is a limit order from the next bar on, since the path inside a bar is unknown.
//! Against a single price (quote or trade): it trades at that price where its limits allow.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::asset::SymbolId;
use crate::limits::MAX_PRICE;
use crate::order::{Order, OrderType, Side};
use crate::time::Nanos;

/// A bar. Prices in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    pub symbol: SymbolId,
    /// Start of its interval.
    pub at: Nanos,
    /// Length of its interval in nanoseconds.
    pub interval: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// Shares or coins.
    pub volume: Decimal,
}

/// Best bid and offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub symbol: SymbolId,
    pub at: Nanos,
    pub bid: Decimal,
    pub bid_size: Decimal,
    pub ask: Decimal,
    pub ask_size: Decimal,
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    pub symbol: SymbolId,
    pub at: Nanos,
    pub price: Decimal,
    pub size: Decimal,
}

/// What market data does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meet {
    Nothing,
    /// The stop of a stop-limit is reached; its limit is not.
    Triggered,
    /// It trades at this price. `taker`: slippage applies.
    Trades {
        price: Decimal,
        taker: bool,
    },
}

impl Bar {
    /// End of its interval.
    #[must_use]
    pub const fn end(&self) -> Nanos {
        self.at.plus(self.interval)
    }

    /// Whether it can be matched against: low ≤ open, close ≤ high, low > 0, and below the largest price.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.low > Decimal::ZERO
            && self.high <= MAX_PRICE
            && self.low <= self.open
            && self.open <= self.high
            && self.low <= self.close
            && self.close <= self.high
    }
}

/// Whether a price can be matched against.
pub(crate) fn is_sound_price(price: Decimal) -> bool {
    price > Decimal::ZERO && price <= MAX_PRICE
}

/// Whether the bar meets the order, and where.
pub(crate) fn meet_bar(order: &Order, bar: &Bar) -> Meet {
    let far = match order.side {
        Side::Buy => bar.low,
        Side::Sell => bar.high,
    };
    match kind(order) {
        OrderType::Market => Meet::Trades { price: bar.open, taker: true },
        OrderType::Limit => limit(order, bar.open, far),
        OrderType::Stop => match stop_reached(order, bar) {
            Some(price) => Meet::Trades { price, taker: true },
            None => Meet::Nothing,
        },
        OrderType::StopLimit => match stop_reached(order, bar) {
            None => Meet::Nothing,
            Some(price) if price == bar.open => match limit(order, bar.open, far) {
                Meet::Nothing => Meet::Triggered,
                met => met,
            },
            Some(price) if allows(order, price) => Meet::Trades { price, taker: false },
            Some(_) => Meet::Triggered,
        },
    }
}

/// Whether one price meets the order.
pub(crate) fn meet_price(order: &Order, price: Decimal) -> Meet {
    let reached = order.stop_price.is_none_or(|stop| match order.side {
        Side::Buy => price >= stop,
        Side::Sell => price <= stop,
    });
    match kind(order) {
        OrderType::Market => Meet::Trades { price, taker: true },
        OrderType::Limit if allows(order, price) => Meet::Trades { price, taker: false },
        OrderType::Stop if reached => Meet::Trades { price, taker: true },
        OrderType::StopLimit if reached && allows(order, price) => {
            Meet::Trades { price, taker: false }
        }
        OrderType::StopLimit if reached => Meet::Triggered,
        _ => Meet::Nothing,
    }
}

/// The order's type now: a stop-limit whose stop was reached is a limit.
fn kind(order: &Order) -> OrderType {
    match order.order_type {
        OrderType::StopLimit if order.triggered => OrderType::Limit,
        other => other,
    }
}

fn allows(order: &Order, price: Decimal) -> bool {
    order.limit_price.is_none_or(|limit| match order.side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    })
}

/// `far` is the bar's extreme in the order's favour.
fn limit(order: &Order, open: Decimal, far: Decimal) -> Meet {
    if allows(order, open) {
        return Meet::Trades { price: open, taker: false };
    }
    let Some(price) = order.limit_price else {
        return Meet::Nothing;
    };
    let through = match order.side {
        Side::Buy => far < price,
        Side::Sell => far > price,
    };
    if through { Meet::Trades { price, taker: false } } else { Meet::Nothing }
}

/// The price at which the bar reaches the stop: the open beyond a gap, else the stop.
fn stop_reached(order: &Order, bar: &Bar) -> Option<Decimal> {
    let stop = order.stop_price?;
    match order.side {
        Side::Buy if bar.open >= stop => Some(bar.open),
        Side::Buy if bar.high >= stop => Some(stop),
        Side::Sell if bar.open <= stop => Some(bar.open),
        Side::Sell if bar.low <= stop => Some(stop),
        _ => None,
    }
}
