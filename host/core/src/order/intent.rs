//! What a bot or a person asks for.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::decimal::{Money, Price, Qty};
use crate::id::{LotId, Symbol};

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Buy.
    Buy,
    /// Sell.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// As the firm JSON and the broker write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }

    /// `qty` with the sign that it has in a position.
    #[must_use]
    pub fn signed(self, qty: Qty) -> Qty {
        match self {
            Self::Buy => qty,
            Self::Sell => -qty,
        }
    }
}

/// The type of an order, with the prices that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderType {
    /// At the market; goes out as a limit at the collar where it can.
    Market,
    /// At `limit_price` or better.
    Limit {
        /// The worst price.
        limit_price: Price,
    },
    /// A market order once `stop_price` is reached.
    Stop {
        /// The trigger.
        stop_price: Price,
    },
    /// A limit order once `stop_price` is reached.
    StopLimit {
        /// The trigger.
        stop_price: Price,
        /// The worst price.
        limit_price: Price,
    },
}

impl OrderType {
    /// As the firm JSON and the broker write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::Stop { .. } => "stop",
            Self::StopLimit { .. } => "stop_limit",
        }
    }

    /// The limit price, where the type has one.
    #[must_use]
    pub const fn limit_price(self) -> Option<Price> {
        match self {
            Self::Limit { limit_price } | Self::StopLimit { limit_price, .. } => Some(limit_price),
            Self::Market | Self::Stop { .. } => None,
        }
    }

    /// The stop price, where the type has one.
    #[must_use]
    pub const fn stop_price(self) -> Option<Price> {
        match self {
            Self::Stop { stop_price } | Self::StopLimit { stop_price, .. } => Some(stop_price),
            Self::Market | Self::Limit { .. } => None,
        }
    }

    /// The same with other prices, of those that the type has.
    #[must_use]
    pub fn repriced(self, limit: Option<Price>, stop: Option<Price>) -> Self {
        match self {
            Self::Market => self,
            Self::Limit { limit_price } => {
                Self::Limit { limit_price: limit.unwrap_or(limit_price) }
            }
            Self::Stop { stop_price } => Self::Stop { stop_price: stop.unwrap_or(stop_price) },
            Self::StopLimit { stop_price, limit_price } => Self::StopLimit {
                stop_price: stop.unwrap_or(stop_price),
                limit_price: limit.unwrap_or(limit_price),
            },
        }
    }
}

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until the session closes.
    #[default]
    Day,
    /// Until it is cancelled.
    Gtc,
    /// What fills at once; the rest is cancelled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// In the opening auction.
    Opg,
    /// In the closing auction.
    Cls,
}

impl TimeInForce {
    /// As the firm JSON and the broker write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Gtc => "gtc",
            Self::Ioc => "ioc",
            Self::Fok => "fok",
            Self::Opg => "opg",
            Self::Cls => "cls",
        }
    }
}

/// How much: a quantity, or an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Shares or coins, above zero.
    Qty(Qty),
    /// Dollars, above zero; market orders only.
    Notional(Money),
}

/// What a bot or a person asks for. Not checked yet: see [`crate::sleeve::admit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What to trade.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How much.
    pub size: Size,
    /// Type and prices.
    #[serde(flatten)]
    pub order_type: OrderType,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Whether it may trade outside the regular session (limit orders, day or gtc).
    pub extended_hours: bool,
    /// Why; becomes the exit reason of round trips that it closes.
    pub reason: Option<Arc<str>>,
    /// The author's own label.
    pub tag: Option<Arc<str>>,
    /// The open lot that it closes first, whatever the sleeve's method.
    #[serde(default)]
    pub lot: Option<LotId>,
}
