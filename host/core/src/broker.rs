//! What a broker reports and what is asked of it, free of any wire format.
//!
//! Reports are facts: the core records them always and refuses none.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::decimal::{Money, Price, Qty};
use crate::id::{OrderId, Symbol};
use crate::order::{OrderType, Side, Size, TimeInForce};
use crate::time::{Session, Timestamp};

/// The broker's state of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokerStatus {
    /// Alive: new, accepted, `pending_new`, held, `pending_cancel`, `pending_replace` and the like.
    Open,
    /// Some of it filled, the rest alive.
    PartiallyFilled,
    /// All filled.
    Filled,
    /// Cancelled.
    Canceled,
    /// Expired.
    Expired,
    /// Replaced by another broker order.
    Replaced,
    /// Refused after acceptance.
    Rejected,
    /// A word that this version doesn't know; kept raw, the order is polled.
    Other(String),
}

/// An order as the broker reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReport {
    /// The broker's id.
    pub broker_order_id: String,
    /// The id that came with the order.
    pub client_order_id: String,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Ordered quantity; `None` for a notional order.
    pub qty: Option<Qty>,
    /// Filled so far, cumulative.
    pub filled_qty: Qty,
    /// Mean price of the fills, as the broker rounds it.
    pub filled_avg_price: Option<Price>,
    /// Its limit price.
    pub limit_price: Option<Price>,
    /// Its state.
    pub status: BrokerStatus,
    /// When the broker took it.
    pub submitted_at: Timestamp,
    /// The order that took its place.
    pub replaced_by: Option<String>,
}

/// One fill at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The broker's id of the execution: the key that makes booking idempotent.
    pub execution_id: String,
    /// The broker order that filled.
    pub broker_order_id: String,
    /// The client order id, where the report carries it (the stream does, activities don't).
    pub client_order_id: Option<String>,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How much, above zero.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// Commission in the account's currency; zero where none is reported.
    pub fee: Money,
    /// Fee in coins, taken from what was bought; zero where none is reported.
    #[serde(default)]
    pub fee_qty: Qty,
    /// The order's filled quantity after this fill, where reported: the second witness.
    pub cumulative_qty: Option<Qty>,
    /// When.
    pub at: Timestamp,
}

/// A trade bust or correction: the broker takes an execution back, days later at times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The execution that is taken back.
    pub execution_id: String,
    /// What stands in its place; `None` for a bust.
    pub replacement: Option<Fill>,
    /// When the broker took it back.
    pub at: Timestamp,
}

/// What kind of activity the broker reports, beside fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// Cash for shares held, or tax withheld from it (then negative).
    Dividend,
    /// Interest received, or paid for borrowed cash (then negative).
    Interest,
    /// A fee of the broker or a regulator, negative; a day after the trades at times.
    Fee,
    /// A fee in coins.
    CryptoFee,
    /// New shares for old ones.
    Split,
    /// Cash for the fraction of a share that a split or merger left.
    CashInLieu,
    /// Cash that came or went.
    Cash,
    /// Shares that came or went without a trade.
    Shares,
    /// The symbol has another name.
    SymbolChange,
    /// Shares of another company for shares held.
    SpinOff,
    /// Shares that became cash, or shares of another company.
    Merger,
    /// A trade bust or correction.
    Correction,
    /// A word that this version doesn't know: a person decides.
    Other,
}

/// Something that happened to the account, not to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The broker's id, or one made of the line of a file.
    pub id: Arc<str>,
    /// What kind.
    pub kind: ActivityKind,
    /// The broker's own words for its kind: type and sub-type.
    pub code: String,
    /// The symbol that it concerns.
    pub symbol: Option<Symbol>,
    /// The day that it belongs to, as the time of its first moment at the exchange: the trade date
    /// of a fee, the ex-date of a dividend or split where the broker tells, else the day it was paid.
    pub effective_at: Timestamp,
    /// Cash that came (positive) or went.
    pub net_amount: Money,
    /// Shares or coins that came (positive) or went.
    pub qty: Option<Qty>,
    /// Cash per share.
    pub per_share: Option<Price>,
    /// The price of a sale in lieu.
    pub price: Option<Price>,
    /// New shares for one old share.
    pub ratio: Option<rust_decimal::Decimal>,
    /// The symbol that takes the old one's place, or that is received.
    pub new_symbol: Option<Symbol>,
    /// How much of the cost goes with what a spin-off gives, in percent: a person says it.
    #[serde(default)]
    pub cost_share_pct: Option<rust_decimal::Decimal>,
    /// In the broker's words.
    pub description: String,
    /// The earlier activity, or the execution, that this one takes back.
    pub takes_back: Option<Arc<str>>,
    /// The execution that takes the place of the one taken back.
    #[serde(default)]
    pub replacement: Option<Box<Fill>>,
    /// When the broker booked it: one from before the account's opening is in the opening's cash.
    pub at: Timestamp,
}

impl Activity {
    /// One of this kind with nothing in it.
    #[must_use]
    pub fn new(id: Arc<str>, kind: ActivityKind, effective_at: Timestamp, at: Timestamp) -> Self {
        Self {
            id,
            kind,
            code: String::new(),
            symbol: None,
            effective_at,
            net_amount: Money::ZERO,
            qty: None,
            per_share: None,
            price: None,
            ratio: None,
            new_symbol: None,
            cost_share_pct: None,
            description: String::new(),
            takes_back: None,
            replacement: None,
            at,
        }
    }
}

/// A message of the account stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeUpdate {
    /// The event's name as the broker writes it (`new`, `fill`, `canceled`, …).
    pub event: String,
    /// The order after the event.
    pub order: OrderReport,
    /// The execution, where the event is one.
    pub fill: Option<Fill>,
    /// The bust or correction, where the event is one.
    #[serde(default)]
    pub correction: Option<Correction>,
}

/// What the host asks the broker to do with a new order. Made only by the desk, from an approved
/// order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerOrder {
    /// The order that it serves.
    pub order: OrderId,
    /// Its idempotency key and its owner.
    pub client_order_id: String,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How much.
    pub size: Size,
    /// Type and prices as sent: a market order has become a limit at the collar.
    pub order_type: OrderType,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Whether it may trade outside the regular session.
    pub extended_hours: bool,
}

/// How a request to the broker ended. A time-out or a cut connection is [`Answer::Unknown`] and
/// never anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer<T> {
    /// The broker did it; its answer.
    Done {
        /// What it answered.
        value: T,
    },
    /// The broker refused, for certain (a definitive body).
    Refused {
        /// HTTP status.
        http: u16,
        /// The broker's code, zero where none.
        code: u32,
        /// The broker's message.
        message: String,
    },
    /// The broker doesn't know the thing asked for (404). For an order this is no evidence yet.
    NotFound,
    /// Proof that the request was not taken: 429, or a connection that never carried a byte.
    NotTaken {
        /// Machine nanoseconds to wait before the next try.
        retry_after: i64,
        /// Why.
        why: String,
    },
    /// Nobody knows: time-out, reset, 5xx, garbage.
    Unknown {
        /// What happened.
        why: String,
    },
}

/// The request budget as the broker's headers give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// Requests allowed a minute.
    pub limit: u32,
    /// Requests left in the present window.
    pub remaining: u32,
    /// Machine nanoseconds until the window ends.
    pub resets_in: i64,
}

/// A position as the broker reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionReport {
    /// What.
    pub symbol: Symbol,
    /// Signed quantity.
    pub qty: Qty,
    /// Mean entry price by the broker's method.
    pub average_entry: Price,
    /// The broker's present price, where it has one.
    pub current_price: Option<Price>,
}

/// Everything that reconciliation compares, read in one go. Parts that could not be read in full
/// make the whole thing an [`Answer::Unknown`]: an empty list is never taken for a failed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerSnapshot {
    /// The broker's id of the account; the ledger is pinned to it.
    pub account_id: String,
    /// Cash as the broker prints it.
    pub cash: Money,
    /// Equity as the broker prints it.
    pub equity: Money,
    /// Buying power as the broker prints it.
    pub buying_power: Money,
    /// Whether the broker blocks trading.
    pub trading_blocked: bool,
    /// Every position.
    pub positions: Vec<PositionReport>,
    /// Every open order, and every order updated since `since`.
    pub orders: Vec<OrderReport>,
    /// Every fill since `since`.
    pub fills: Vec<Fill>,
    /// Every bust and correction since `since`.
    #[serde(default)]
    pub corrections: Vec<Correction>,
    /// Every other activity since `since`.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// From when orders and fills were read (with overlap).
    pub since: Timestamp,
    /// The broker's clock when the reading began.
    pub began: Timestamp,
    /// Present and coming sessions.
    pub sessions: Vec<Session>,
}
