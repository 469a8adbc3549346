//! Why an intent or a command was refused: a closed list of reasons, each with its numbers.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decimal::{Money, Price, Qty};
use crate::id::{OrderId, Symbol};
use crate::order::Side;

/// A reason. [`Refusal::code`] is stable; the text carries the value found, the value allowed and
/// the setting that changes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the message of each variant says what its fields are")]
pub enum Refusal {
    #[error("{symbol} is not an instrument of this account")]
    UnknownInstrument { symbol: String },
    #[error("{symbol} can't be traded at the broker now")]
    NotTradable { symbol: Symbol },
    #[error("quantity {found} is not allowed: {why}")]
    InvalidQuantity { found: Decimal, why: String },
    #[error("price {found} is not allowed: {why}")]
    InvalidPrice { found: Decimal, why: String },
    #[error("{found} is not allowed: {why}")]
    InvalidOrder { found: String, why: String },
    #[error("{symbol} has no price yet")]
    NoPrice { symbol: Symbol },
    #[error(
        "the last price of {symbol} is {age_ms} ms old, at most {allowed_ms} ms are allowed (stale_price_ms)"
    )]
    StalePrice { symbol: Symbol, age_ms: i64, allowed_ms: i64 },
    #[error("the order can cost {needed}, the sleeve's buying power is {available} (capital)")]
    Capital { needed: Money, available: Money },
    #[error(
        "{asked} can't be allocated: {available} of the account is free at factor {factor} (allocation_factor)"
    )]
    AllocationSum { asked: Money, available: Money, factor: Decimal },
    #[error("{symbol} is not among the sleeve's symbols ({allowed}) (symbols)")]
    SymbolNotAllowed { symbol: Symbol, allowed: String },
    #[error("the order's value is {found}, at most {allowed} is allowed (max_order_notional)")]
    MaxOrderNotional { found: Money, allowed: Money },
    #[error(
        "the position in {symbol} could become {found}, at most {allowed} is allowed ({setting})"
    )]
    MaxPosition { symbol: Symbol, found: Decimal, allowed: Decimal, setting: String },
    #[error("{found} orders in the last minute, at most {allowed} are allowed (order_rate)")]
    OrderRate { found: u32, allowed: u32 },
    #[error(
        "{side:?} limit {found} is beyond the collar {allowed} around the last price {last} (price_collar_pct)"
    )]
    PriceCollar { side: Side, found: Price, allowed: Price, last: Price },
    #[error(
        "the same order was accepted {age_ms} ms ago, {allowed_ms} ms must lie between (duplicate_window_ms)"
    )]
    DuplicateWindow { age_ms: i64, allowed_ms: i64 },
    #[error(
        "order {order} of sleeve {sleeve} is open on the other side of {symbol} (opposite_order_open)"
    )]
    OppositeOrderOpen { symbol: Symbol, order: OrderId, sleeve: String },
    #[error(
        "a sale of {found} {symbol}, the sleeve owns {available} that are not offered yet (long_only)"
    )]
    LongOnly { symbol: Symbol, found: Qty, available: Qty },
    #[error("sleeve {sleeve} has {available} {symbol} that are not offered, {found} are asked for")]
    Shares { sleeve: String, symbol: Symbol, found: Qty, available: Qty },
    #[error("fill {execution_id} of {symbol} is not booked, nor any row with it: {why}")]
    Fill { execution_id: String, symbol: Symbol, why: String },
    #[error("the market for {symbol} is closed (market_hours)")]
    MarketClosed { symbol: Symbol },
    #[error("the sleeve lost {found} today, at most {allowed} is allowed (daily_loss)")]
    DailyLoss { found: Money, allowed: Money },
    #[error("{scope} is halted: {why} (stockade risk resume)")]
    Halted { scope: String, why: String },
    #[error("{scope} may only reduce positions: {why} (stockade risk resume)")]
    Reducing { scope: String, why: String },
    #[error("the comparison with the broker is not complete: {why}")]
    Reconciling { why: String },
    #[error("{symbol} is frozen by break {break_id} (stockade break show {break_id})")]
    SymbolFrozen { symbol: Symbol, break_id: u64 },
    #[error(
        "{qty} {symbol} in suspense belong to nobody: no new risk in it until they are assigned (stockade position assign)"
    )]
    Suspense { symbol: Symbol, qty: Qty },
    #[error(
        "the history leaves {found} {symbol} to the sleeve, 0 to {allowed} are allowed: so many are in suspense from \
         the account's opening (stockade reconcile)"
    )]
    OpeningQty { symbol: Symbol, found: Qty, allowed: Qty },
    #[error("{found} open orders, at most {allowed} are allowed")]
    OpenOrders { found: usize, allowed: usize },
    #[error("{found} intents in one call, at most {allowed} are allowed (limits.intents_per_call)")]
    IntentsPerCall { found: usize, allowed: usize },
    #[error(
        "{found} intents in a row, the bucket holds {allowed} and gets {allowed} more each second of the market \
         (limits.intents_per_second)"
    )]
    IntentsPerSecond { found: u64, allowed: u64 },
    #[error("{what} \"{name}\" is not known")]
    NotFound { what: String, name: String },
    #[error("order {name} is not open: {status}")]
    NotOpen { name: String, status: String },
    #[error("{what} \"{name}\" exists already")]
    Exists { what: String, name: String },
    #[error("{what} \"{name}\" can't do that: {why}")]
    NotAllowed { what: String, name: String, why: String },
    #[error("{asked} can't be withdrawn: {available} is free (cash less reservations)")]
    Withdrawal { asked: Money, available: Money },
    #[error("the bot's instance {found} is not the present one {present}")]
    StaleGeneration { found: u64, present: u64 },
    #[error("warm-up: intents are not taken yet")]
    WarmUp,
    #[error("{name} is not a setting: {nearest}")]
    UnknownSetting { name: String, nearest: String },
}

impl Refusal {
    /// The stable code, as in JSON and in the reference.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownInstrument { .. } => "unknown_instrument",
            Self::NotTradable { .. } => "not_tradable",
            Self::InvalidQuantity { .. } => "invalid_quantity",
            Self::InvalidPrice { .. } => "invalid_price",
            Self::InvalidOrder { .. } => "invalid_order",
            Self::NoPrice { .. } => "no_price",
            Self::StalePrice { .. } => "stale_price",
            Self::Capital { .. } => "capital",
            Self::AllocationSum { .. } => "allocation_sum",
            Self::SymbolNotAllowed { .. } => "symbol_not_allowed",
            Self::MaxOrderNotional { .. } => "max_order_notional",
            Self::MaxPosition { .. } => "max_position",
            Self::OrderRate { .. } => "order_rate",
            Self::PriceCollar { .. } => "price_collar",
            Self::DuplicateWindow { .. } => "duplicate_window",
            Self::OppositeOrderOpen { .. } => "opposite_order_open",
            Self::LongOnly { .. } => "long_only",
            Self::Shares { .. } => "shares",
            Self::Fill { .. } => "fill",
            Self::MarketClosed { .. } => "market_closed",
            Self::DailyLoss { .. } => "daily_loss",
            Self::Halted { .. } => "halted",
            Self::Reducing { .. } => "reducing",
            Self::Reconciling { .. } => "reconciling",
            Self::SymbolFrozen { .. } => "symbol_frozen",
            Self::Suspense { .. } => "suspense",
            Self::OpeningQty { .. } => "opening_qty",
            Self::OpenOrders { .. } => "open_orders",
            Self::IntentsPerCall { .. } => "intents_per_call",
            Self::IntentsPerSecond { .. } => "intents_per_second",
            Self::NotFound { .. } => "not_found",
            Self::NotOpen { .. } => "not_open",
            Self::Exists { .. } => "exists",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Withdrawal { .. } => "withdrawal",
            Self::StaleGeneration { .. } => "stale_generation",
            Self::WarmUp => "warm_up",
            Self::UnknownSetting { .. } => "unknown_setting",
        }
    }
}
