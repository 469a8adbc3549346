//! Why a request was refused: Alpaca's status, code, message and extra members for each reason.
//!
//! Codes and texts are those collected from the real service; a sub-code stands for many reasons there, so the
//! text matters. The display is the `message` member.

use rust_decimal::Decimal;

use crate::ids::Id;
use crate::limits::{MAX_CLIENT_ID, MAX_OPEN_ORDERS};
use crate::order::{OrderStatus, TimeInForce};

/// An extra member of an error body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extra {
    Text(String),
    List(Vec<String>),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("insufficient buying power")]
    BuyingPower { buying_power: Decimal, cost_basis: Decimal },
    #[error(
        "insufficient qty available for order (requested: {requested}, available: {available})"
    )]
    Quantity {
        symbol: String,
        requested: Decimal,
        available: Decimal,
        existing: Decimal,
        held: Decimal,
        related: Vec<Id>,
    },
    #[error("insufficient balance for {coin} (requested: {requested}, available: {available})")]
    Balance { coin: String, requested: Decimal, available: Decimal, balance: Decimal },
    #[error("potential wash trade detected. use complex orders")]
    WashTrade { existing: Id, market_or_stop: bool },
    #[error("client_order_id must be unique")]
    DuplicateClientId,
    #[error("client_order_id must be no more than {MAX_CLIENT_ID} characters")]
    ClientIdTooLong,
    #[error("qty must be > 0")]
    QtyNotPositive,
    #[error("qty or notional is required")]
    QtyOrNotional,
    #[error("only one of qty or notional is accepted")]
    QtyAndNotional,
    #[error("notional amount must be >= 1.00")]
    NotionalTooSmall,
    #[error("notional amount must be limited to 2 decimal places")]
    NotionalDecimals,
    #[error("{field} {value} is out of range or has too many decimal places")]
    Unreadable { field: &'static str, value: Decimal },
    #[error("limit orders require a limit price")]
    MissingLimit,
    #[error("stop orders require a stop price")]
    MissingStop,
    #[error("{order_type} orders must not have a {field}")]
    NeedlessPrice { order_type: &'static str, field: &'static str },
    #[error("{field} must be > 0")]
    PriceNotPositive { field: &'static str },
    #[error(
        "invalid {field} {price}. sub-penny increment does not fulfill minimum pricing criteria"
    )]
    SubPenny { field: &'static str, price: Decimal },
    #[error("stop orders must be DAY or GTC orders")]
    StopTif,
    #[error("asset {symbol:?} not found")]
    AssetNotFound { symbol: String },
    #[error("asset {symbol} is not active")]
    NotActive { symbol: String },
    #[error("asset {symbol} is not tradable")]
    NotTradable { symbol: String },
    #[error("asset {symbol:?} is not fractionable")]
    NotFractionable { symbol: String },
    #[error("fractional orders must be DAY orders")]
    FractionalTif,
    #[error("fractional orders cannot be sold short")]
    FractionalShort,
    #[error("notional orders must be market orders")]
    NotionalType,
    #[error("account is not allowed to short")]
    ShortNotAllowed,
    #[error("asset {symbol:?} cannot be sold short")]
    NotShortable { symbol: String },
    #[error("invalid order type for crypto order")]
    CryptoType,
    #[error("invalid crypto time_in_force")]
    CryptoTif,
    #[error("qty must be >= {min} with increments of {increment}")]
    CryptoIncrement { min: Decimal, increment: Decimal },
    #[error("cost basis must be >= minimal amount of order {minimum}")]
    CostBasis { minimum: Decimal },
    #[error("extended hours order must be DAY or GTC limit orders")]
    ExtendedHours,
    #[error("stop price must be {} current price", if *.buy { "greater than" } else { "less than" })]
    StopSide { buy: bool, market_price: Decimal, stop_price: Decimal },
    #[error("{tif} orders are not accepted at this time")]
    AuctionWindow { tif: TimeInForce },
    #[error("too many open orders: {open}, allowed are {MAX_OPEN_ORDERS}")]
    TooManyOrders { open: usize },
    #[error("order not found for {id}")]
    OrderNotFound { id: String },
    #[error("position does not exist")]
    PositionNotFound,
    #[error("order is already in {:?} state", .status.as_str())]
    NotCancelable { status: OrderStatus },
    #[error("order is not open")]
    NotOpen { status: OrderStatus },
    #[error("unable to replace order, order isn't sent to exchange yet.")]
    NotSent { status: OrderStatus },
    #[error("order parameters are not changed")]
    Unchanged,
    #[error("notional orders cannot be replaced")]
    ReplaceNotional,
    #[error("cannot change qty of a fractional order")]
    ReplaceFractional,
    #[error("percentage must be between 0 and 100")]
    Percentage,
}

impl Reject {
    /// The HTTP status.
    #[must_use]
    pub const fn http(&self) -> u16 {
        match self {
            Self::BuyingPower { .. }
            | Self::Quantity { .. }
            | Self::Balance { .. }
            | Self::WashTrade { .. }
            | Self::NotFractionable { .. }
            | Self::ShortNotAllowed
            | Self::CostBasis { .. }
            | Self::AuctionWindow { .. }
            | Self::TooManyOrders { .. }
            | Self::Unchanged => 403,
            Self::OrderNotFound { .. } | Self::PositionNotFound => 404,
            _ => 422,
        }
    }

    /// Alpaca's code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self.http() {
            403 => 40_310_000,
            404 => 40_410_000,
            _ => match self {
                Self::DuplicateClientId
                | Self::ClientIdTooLong
                | Self::QtyNotPositive
                | Self::QtyOrNotional
                | Self::QtyAndNotional
                | Self::Unreadable { .. }
                | Self::MissingLimit
                | Self::MissingStop
                | Self::NeedlessPrice { .. }
                | Self::PriceNotPositive { .. }
                | Self::NotActive { .. }
                | Self::CryptoType
                | Self::CryptoIncrement { .. }
                | Self::Percentage => 40_010_001,
                _ => 42_210_000,
            },
        }
    }

    /// Members of the body beside `code` and `message`.
    #[must_use]
    pub fn extra(&self) -> Vec<(&'static str, Extra)> {
        let text = |value: &dyn ToString| Extra::Text(value.to_string());
        match self {
            Self::BuyingPower { buying_power, cost_basis } => {
                vec![("buying_power", text(buying_power)), ("cost_basis", text(cost_basis))]
            }
            Self::Quantity { symbol, available, existing, held, related, .. } => vec![
                ("symbol", text(symbol)),
                ("available", text(available)),
                ("existing_qty", text(existing)),
                ("held_for_orders", text(held)),
                ("related_orders", Extra::List(related.iter().map(ToString::to_string).collect())),
            ],
            Self::Balance { coin, available, balance, .. } => {
                vec![
                    ("symbol", text(coin)),
                    ("available", text(available)),
                    ("balance", text(balance)),
                ]
            }
            Self::WashTrade { existing, market_or_stop } => {
                let reason = if *market_or_stop { "market/stop" } else { "limit" };
                vec![
                    ("existing_order_id", text(existing)),
                    ("reject_reason", Extra::Text(format!("opposite side {reason} order exists"))),
                ]
            }
            Self::StopSide { market_price, stop_price, .. } => {
                vec![("market_price", text(market_price)), ("stop_price", text(stop_price))]
            }
            _ => Vec::new(),
        }
    }
}
