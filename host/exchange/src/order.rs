//! Orders, what can be asked of them, and the trade updates they give.
//!
//! The types have Alpaca's words and value sets; `serde` gives Alpaca's spelling (`stop_limit`,
//! `partially_filled`). They hold no rule: those are in `submit`, `matching` and `replace`.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::asset::{AssetClass, SymbolId};
use crate::ids::Id;
use crate::reject::Reject;
use crate::time::Nanos;

/// Gives a closed value set its one spelling, for JSON and for text.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }
        impl $name {
            /// Every value, in the order of the definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word as Alpaca spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
            /// Reads the word; `None` for anything else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
pub(crate) use words;

words! {
    /// Which way an order trades.
    Side { Buy = "buy", Sell = "sell" }
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

    /// `qty` with this side's sign: bought is positive.
    #[must_use]
    pub fn signed(self, qty: Decimal) -> Decimal {
        match self {
            Self::Buy => qty,
            Self::Sell => -qty,
        }
    }
}

words! {
    /// How an order's price is formed.
    OrderType { Market = "market", Limit = "limit", Stop = "stop", StopLimit = "stop_limit" }
}

words! {
    /// How long an order works.
    TimeInForce { Day = "day", Gtc = "gtc", Ioc = "ioc", Fok = "fok", Opg = "opg", Cls = "cls" }
}

words! {
    /// Where an order is in its life. The five final ones: see [`OrderStatus::is_final`].
    OrderStatus {
        /// Taken, and queued until the session opens.
        Accepted = "accepted",
        /// Only ever in the answer of a submit: taken, and not yet at work.
        PendingNew = "pending_new",
        New = "new",
        PartiallyFilled = "partially_filled",
        Filled = "filled",
        Canceled = "canceled",
        Expired = "expired",
        Replaced = "replaced",
        Rejected = "rejected",
        /// A cancel was asked for and has not won yet.
        PendingCancel = "pending_cancel",
    }
}

impl OrderStatus {
    /// True where nothing more can happen to the order.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::Expired | Self::Replaced | Self::Rejected
        )
    }
}

words! {
    /// What a trade update tells.
    EventKind {
        Accepted = "accepted",
        New = "new",
        PartialFill = "partial_fill",
        Fill = "fill",
        Canceled = "canceled",
        Expired = "expired",
        Rejected = "rejected",
        Replaced = "replaced",
        PendingCancel = "pending_cancel",
        /// An execution is taken back.
        TradeBust = "trade_bust",
        /// An execution takes an earlier one's place.
        TradeCorrect = "trade_correct",
    }
}

/// What is asked for. Exactly one of `qty` and `notional`; checked by [`crate::Exchange::submit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// At most 128 characters, unique for ever; made up where absent.
    pub client_order_id: Option<String>,
    /// `SPY`, `BTC/USD` or `BTCUSD`.
    pub symbol: String,
    pub side: Side,
    /// Shares or coins, at most nine decimals.
    pub qty: Option<Decimal>,
    /// US dollars to spend or to receive.
    pub notional: Option<Decimal>,
    #[serde(rename = "type")]
    pub order_type: OrderType,
    pub time_in_force: TimeInForce,
    pub limit_price: Option<Decimal>,
    pub stop_price: Option<Decimal>,
    #[serde(default)]
    pub extended_hours: bool,
}

impl NewOrder {
    /// A market order, good till cancelled.
    #[must_use]
    pub fn market(symbol: &str, side: Side, qty: Decimal) -> Self {
        Self {
            client_order_id: None,
            symbol: symbol.to_owned(),
            side,
            qty: Some(qty),
            notional: None,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
            limit_price: None,
            stop_price: None,
            extended_hours: false,
        }
    }

    /// A limit order, good till cancelled.
    #[must_use]
    pub fn limit(symbol: &str, side: Side, qty: Decimal, price: Decimal) -> Self {
        Self {
            order_type: OrderType::Limit,
            limit_price: Some(price),
            ..Self::market(symbol, side, qty)
        }
    }

    /// A stop order, good till cancelled.
    #[must_use]
    pub fn stop(symbol: &str, side: Side, qty: Decimal, price: Decimal) -> Self {
        Self {
            order_type: OrderType::Stop,
            stop_price: Some(price),
            ..Self::market(symbol, side, qty)
        }
    }

    /// The same with another time in force.
    #[must_use]
    pub fn tif(self, time_in_force: TimeInForce) -> Self {
        Self { time_in_force, ..self }
    }

    /// The same with a client order id.
    #[must_use]
    pub fn client_id(self, id: &str) -> Self {
        Self { client_order_id: Some(id.to_owned()), ..self }
    }
}

/// What a replacement changes; absent keeps the old value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The new order's whole quantity. Absent: what the old one had left.
    pub qty: Option<Decimal>,
    pub limit_price: Option<Decimal>,
    pub stop_price: Option<Decimal>,
    pub time_in_force: Option<TimeInForce>,
    pub client_order_id: Option<String>,
}

/// An order as the account sees it. Clones are cheap (texts are shared).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: Id,
    pub client_order_id: Arc<str>,
    /// Position in submission order, from 0.
    pub seq: u64,
    pub symbol_id: SymbolId,
    /// `SPY`, `BTC/USD`.
    pub symbol: Arc<str>,
    pub asset_id: Id,
    pub asset_class: AssetClass,
    /// Absent for ever in a notional order.
    pub qty: Option<Decimal>,
    pub notional: Option<Decimal>,
    /// Cumulative.
    pub filled_qty: Decimal,
    /// Weighted mean of all executions, nine decimals; absent before the first.
    pub filled_avg_price: Option<Decimal>,
    pub order_type: OrderType,
    pub side: Side,
    pub time_in_force: TimeInForce,
    pub limit_price: Option<Decimal>,
    pub stop_price: Option<Decimal>,
    pub extended_hours: bool,
    pub status: OrderStatus,
    pub created_at: Nanos,
    pub updated_at: Nanos,
    pub submitted_at: Nanos,
    pub filled_at: Option<Nanos>,
    pub expired_at: Option<Nanos>,
    pub canceled_at: Option<Nanos>,
    pub failed_at: Option<Nanos>,
    pub replaced_at: Option<Nanos>,
    /// When it will expire by itself; absent where it never does.
    pub expires_at: Option<Nanos>,
    pub replaced_by: Option<Id>,
    pub replaces: Option<Id>,
    /// Dollars traded so far: the sum of quantity × price, not rounded.
    pub filled_value: Decimal,
    /// Price at which an open buy holds buying power.
    pub(crate) hold_price: Decimal,
    /// A stop that has been reached.
    pub(crate) triggered: bool,
    /// Whether this order draws a partial fill first; decided at its first match.
    pub(crate) partial_drawn: bool,
    /// When a queued order goes to work.
    pub(crate) release_at: Option<Nanos>,
    /// A tick may still fill it before its cancel wins.
    pub(crate) cancel_after_tick: bool,
}

impl Order {
    /// Shares or coins not yet traded; `None` for a notional order.
    #[must_use]
    pub fn remaining(&self) -> Option<Decimal> {
        self.qty.map(|qty| qty - self.filled_qty)
    }
}

/// One message of the account stream. `seq` rises by one; `execution_id` recognises a repeated fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeUpdate {
    pub seq: u64,
    /// Unique per event.
    pub event_id: Id,
    pub event: EventKind,
    pub at: Nanos,
    /// On executions only, as `price`, `qty` and `position_qty`.
    pub execution_id: Option<Id>,
    /// The execution that is taken back.
    #[serde(default)]
    pub previous_execution_id: Option<Id>,
    pub price: Option<Decimal>,
    /// This execution's quantity, positive.
    pub qty: Option<Decimal>,
    /// The account's position after it, signed.
    pub position_qty: Option<Decimal>,
    /// Dollars charged for this execution; zero unless the configuration has a fee.
    pub fee: Decimal,
    /// The order after the event; filled quantity and average price are cumulative.
    pub order: Order,
}

/// One line of a cancel of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelOutcome {
    pub id: Id,
    /// 200, or why not.
    pub result: Result<(), Reject>,
}

/// How much of a position to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseSize {
    All,
    Qty(Decimal),
    /// 0 to 100.
    Percentage(Decimal),
}

/// Which orders a list holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    #[default]
    Open,
    Closed,
    All,
}

/// Order of a list by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    Asc,
    #[default]
    Desc,
}

/// A list of orders as `GET /v2/orders` asks for it. The default gives the 50 newest open ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderQuery {
    pub status: StatusFilter,
    /// 1 to 500; others are brought into that range.
    pub limit: usize,
    /// Submitted after this, exclusive.
    pub after: Option<Nanos>,
    /// Submitted before this, exclusive.
    pub until: Option<Nanos>,
    pub direction: Direction,
    /// Empty: all.
    pub symbols: Vec<String>,
    pub side: Option<Side>,
    /// Only orders submitted after this one, by submission order.
    pub after_order_id: Option<Id>,
    /// Only orders submitted before this one.
    pub before_order_id: Option<Id>,
}

impl Default for OrderQuery {
    fn default() -> Self {
        Self {
            status: StatusFilter::Open,
            limit: 50,
            after: None,
            until: None,
            direction: Direction::Desc,
            symbols: Vec::new(),
            side: None,
            after_order_id: None,
            before_order_id: None,
        }
    }
}
