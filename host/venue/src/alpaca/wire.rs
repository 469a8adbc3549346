//! Alpaca's JSON of orders, fills, account and assets, read into the core's reports.
//!
//! Guarantees: members and words that this version doesn't know are accepted; a report whose known
//! members can't be read is an error that names the member, never a guess and never a panic.
//! Numbers may be strings or JSON numbers.

use serde::Deserialize;
use serde_json::value::RawValue;
use stockade_core::broker::{
    BrokerStatus, Correction, Fill, OrderReport, PositionReport, TradeUpdate,
};
use stockade_core::id::{NameError, Symbol};
use stockade_core::instrument::{AssetClass, Instrument};
use stockade_core::order::Side;
use stockade_core::{Money, Timestamp};

use super::number::{self, NumberError, required};

/// Why a report of the wire was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Not the JSON that was expected.
    #[error("the answer is not the JSON expected for {what}: {source}")]
    Json {
        /// What was expected.
        what: &'static str,
        /// The reader's words.
        source: serde_json::Error,
    },
    /// A number that can't be taken.
    #[error("{what}: {source}")]
    Number {
        /// What was read.
        what: &'static str,
        /// The number's fault.
        source: NumberError,
    },
    /// A symbol that can't be one.
    #[error("{what}: {source}")]
    Symbol {
        /// What was read.
        what: &'static str,
        /// The symbol's fault.
        source: NameError,
    },
    /// Not a time.
    #[error("{what}: \"{found}\" is no RFC 3339 time between 1678 and 2261")]
    Time {
        /// What was read.
        what: &'static str,
        /// What was found.
        found: String,
    },
    /// A word where only a few make sense.
    #[error("{what}: {field} is \"{found}\", allowed are {allowed}")]
    Word {
        /// What was read.
        what: &'static str,
        /// Which member.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A report about something else than what was asked for.
    #[error("the answer is about {field} \"{found}\", asked was \"{asked}\"")]
    Mismatch {
        /// Which member.
        field: &'static str,
        /// What was found.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// A list that goes on beyond any sane length.
    #[error("{what} has more than {allowed} items")]
    Long {
        /// What was read.
        what: &'static str,
        /// The bound.
        allowed: usize,
    },
    /// A page that doesn't lead to the next one.
    #[error("{what}: a full page of {size} brought nothing new, so the rest can't be reached")]
    Stuck {
        /// What was read.
        what: &'static str,
        /// The page's size.
        size: usize,
    },
}

/// Reads JSON text.
pub(crate) fn json<'a, T: Deserialize<'a>>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<T, WireError> {
    serde_json::from_slice(bytes).map_err(|source| WireError::Json { what, source })
}

/// Adds what was read to a number's fault.
pub(crate) fn of<T>(what: &'static str, value: Result<T, NumberError>) -> Result<T, WireError> {
    value.map_err(|source| WireError::Number { what, source })
}

pub(crate) fn symbol(what: &'static str, text: &str) -> Result<Symbol, WireError> {
    Symbol::new(text).map_err(|source| WireError::Symbol { what, source })
}

/// An RFC 3339 time with any offset and up to nine decimal places.
pub(crate) fn time(what: &'static str, text: &str) -> Result<Timestamp, WireError> {
    let bad = || WireError::Time { what, found: text.chars().take(40).collect() };
    let parsed: jiff::Timestamp = text.parse().map_err(|_| bad())?;
    i64::try_from(parsed.as_nanosecond()).map(Timestamp).map_err(|_| bad())
}

/// RFC 3339 in UTC, as query parameters take it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    // Every i64 of nanoseconds lies within jiff's years, so the fallback is never seen.
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or(jiff::Timestamp::MIN).to_string()
}

fn side(what: &'static str, text: &str) -> Result<Side, WireError> {
    match text {
        "buy" | "buy_to_cover" => Ok(Side::Buy),
        "sell" | "sell_short" => Ok(Side::Sell),
        _ => Err(WireError::Word {
            what,
            field: "side",
            found: text.chars().take(40).collect(),
            allowed: "buy and sell",
        }),
    }
}

fn status(word: &str) -> BrokerStatus {
    match word {
        "new"
        | "accepted"
        | "pending_new"
        | "accepted_for_bidding"
        | "held"
        | "pending_cancel"
        | "pending_replace"
        | "pending_review"
        | "stopped"
        | "suspended"
        | "calculated"
        | "done_for_day" => BrokerStatus::Open,
        "partially_filled" => BrokerStatus::PartiallyFilled,
        "filled" => BrokerStatus::Filled,
        "canceled" => BrokerStatus::Canceled,
        "expired" => BrokerStatus::Expired,
        "replaced" => BrokerStatus::Replaced,
        "rejected" => BrokerStatus::Rejected,
        other => BrokerStatus::Other(other.chars().take(40).collect()),
    }
}

/// An order.
#[derive(Debug, Deserialize)]
pub(crate) struct WireOrder<'a> {
    pub(crate) id: String,
    client_order_id: Option<String>,
    symbol: Option<String>,
    side: Option<String>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    notional: Option<&'a RawValue>,
    #[serde(borrow)]
    filled_qty: Option<&'a RawValue>,
    #[serde(borrow)]
    filled_avg_price: Option<&'a RawValue>,
    #[serde(borrow)]
    limit_price: Option<&'a RawValue>,
    status: String,
    submitted_at: Option<String>,
    created_at: Option<String>,
    replaced_by: Option<String>,
    order_class: Option<String>,
}

const ORDER: &str = "an order";

impl WireOrder<'_> {
    /// Whether it is an order of several legs, which has neither symbol nor side of its own and
    /// no place in the core: the host never sends one.
    pub(crate) fn is_multi_leg(&self) -> bool {
        self.order_class.as_deref() == Some("mleg") && self.side.as_deref().unwrap_or("").is_empty()
    }

    /// When it was sent, where that can be read.
    pub(crate) fn submitted_at(&self) -> Option<Timestamp> {
        let text = self.submitted_at.as_ref().or(self.created_at.as_ref())?;
        time(ORDER, text).ok()
    }

    /// The amount of money that it was given for, which the core's report doesn't carry.
    pub(crate) fn notional(&self) -> Result<Option<Money>, WireError> {
        of(ORDER, number::money("notional", self.notional))
    }

    pub(crate) fn report(self) -> Result<OrderReport, WireError> {
        let at = self.submitted_at.or(self.created_at);
        let at = of(ORDER, required("submitted_at", at))?;
        let filled_qty = of(ORDER, number::qty("filled_qty", self.filled_qty))?;
        Ok(OrderReport {
            symbol: symbol(ORDER, self.symbol.as_deref().unwrap_or_default())?,
            side: side(ORDER, self.side.as_deref().unwrap_or_default())?,
            qty: of(ORDER, number::qty("qty", self.qty))?,
            filled_qty: filled_qty.unwrap_or_default(),
            filled_avg_price: of(ORDER, number::mean("filled_avg_price", self.filled_avg_price))?,
            limit_price: of(ORDER, number::price("limit_price", self.limit_price))?,
            status: status(&self.status),
            submitted_at: time(ORDER, &at)?,
            broker_order_id: self.id,
            client_order_id: self.client_order_id.unwrap_or_default(),
            replaced_by: self.replaced_by,
        })
    }
}

/// The data of a `trade_updates` message.
#[derive(Debug, Deserialize)]
pub(crate) struct WireTradeUpdate<'a> {
    event: String,
    timestamp: Option<String>,
    at: Option<String>,
    execution_id: Option<String>,
    previous_execution_id: Option<String>,
    previous_id: Option<String>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    commission: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) order: WireOrder<'a>,
}

impl WireTradeUpdate<'_> {
    /// The update. A fill, bust or correction whose own members can't be read is left out and its
    /// fault returned beside: the order's filled quantity, or the list of activities, still says
    /// that one is missing.
    pub(crate) fn update(self) -> Result<(TradeUpdate, Option<WireError>), WireError> {
        let order = self.order.report()?;
        let told = Told {
            execution_id: self.execution_id.as_deref(),
            previous: self.previous_execution_id.as_deref().or(self.previous_id.as_deref()),
            time: self.timestamp.as_deref().or(self.at.as_deref()),
            price: self.price,
            qty: self.qty,
            commission: self.commission,
        };
        let (mut fill, mut correction, mut fault) = (None, None, None);
        match Execution::of(&self.event) {
            Some(Execution::Fill) => match told.fill(&order) {
                Ok(read) => fill = Some(Fill { cumulative_qty: Some(order.filled_qty), ..read }),
                Err(error) => fault = Some(error),
            },
            Some(kind) => match told.correction(kind, || told.fill(&order)) {
                Ok(read) => correction = Some(read),
                Err(error) => fault = Some(error),
            },
            None => {}
        }
        Ok((TradeUpdate { event: self.event, order, fill, correction }, fault))
    }
}

/// What the broker says of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Execution {
    /// It happened.
    Fill,
    /// An earlier one is taken back.
    Bust,
    /// Another takes an earlier one's place.
    Correct,
}

impl Execution {
    /// The word of an event or an activity; `None` for one that is about no execution.
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "fill" | "partial_fill" => Some(Self::Fill),
            "trade_bust" => Some(Self::Bust),
            "trade_correct" => Some(Self::Correct),
            _ => None,
        }
    }
}

/// The members of an update that tell of an execution.
struct Told<'a> {
    execution_id: Option<&'a str>,
    previous: Option<&'a str>,
    time: Option<&'a str>,
    price: Option<&'a RawValue>,
    qty: Option<&'a RawValue>,
    commission: Option<&'a RawValue>,
}

impl Told<'_> {
    const WHAT: &'static str = "a trade update";

    fn at(&self) -> Result<Timestamp, WireError> {
        time(Self::WHAT, of(Self::WHAT, required("timestamp", self.time))?)
    }

    fn fill(&self, order: &OrderReport) -> Result<Fill, WireError> {
        let id = self.execution_id.filter(|id| !id.is_empty());
        let price = number::price("price", self.price).and_then(|v| required("price", v));
        let fee = of(Self::WHAT, number::money("commission", self.commission))?;
        Ok(Fill {
            execution_id: of(Self::WHAT, required("execution_id", id))?.to_owned(),
            broker_order_id: order.broker_order_id.clone(),
            client_order_id: Some(order.client_order_id.clone()),
            symbol: order.symbol.clone(),
            side: order.side,
            qty: of(Self::WHAT, number::filled("qty", self.qty))?,
            price: of(Self::WHAT, price)?,
            fee: fee.unwrap_or_default(),
            cumulative_qty: None,
            at: self.at()?,
            fee_qty: stockade_core::Qty::ZERO,
        })
    }

    fn correction(
        &self,
        kind: Execution,
        fill: impl FnOnce() -> Result<Fill, WireError>,
    ) -> Result<Correction, WireError> {
        let replacement = if kind == Execution::Correct { Some(fill()?) } else { None };
        taken_back(Self::WHAT, kind, self.previous, self.execution_id, replacement, self.at()?)
    }
}

/// The part of an activity's id that is the execution's: `20260716093012123::<execution id>`.
pub(crate) fn execution_of(id: &str) -> &str {
    id.split_once("::").map_or(id, |(_, id)| id)
}

/// A bust or correction. One that names no earlier execution can be a bust of the one that it
/// bears the id of, and nothing else.
pub(crate) fn taken_back(
    what: &'static str,
    kind: Execution,
    previous: Option<&str>,
    own: Option<&str>,
    replacement: Option<Fill>,
    at: Timestamp,
) -> Result<Correction, WireError> {
    let own = own.filter(|_| kind == Execution::Bust);
    let id = previous.filter(|id| !id.is_empty()).or(own.filter(|id| !id.is_empty()));
    let id = of(what, required("previous_execution_id", id))?;
    Ok(Correction { execution_id: execution_of(id).to_owned(), replacement, at })
}

/// A FILL activity.
#[derive(Debug, Deserialize)]
pub(crate) struct WireFill<'a> {
    pub(crate) id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    execution_type: Option<String>,
    previous_execution_id: Option<String>,
    previous_id: Option<String>,
    transaction_time: String,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    cum_qty: Option<&'a RawValue>,
    #[serde(borrow)]
    commission: Option<&'a RawValue>,
    side: String,
    symbol: String,
    order_id: String,
}

/// What a FILL activity tells.
#[derive(Debug)]
pub(crate) enum FillItem {
    /// An execution.
    Fill(Fill),
    /// That an earlier one is not as it was told.
    Correction(Correction),
}

impl WireFill<'_> {
    const WHAT: &'static str = "a FILL activity";

    pub(crate) fn item(self) -> Result<FillItem, WireError> {
        let word = self.execution_type.as_deref().or(self.kind.as_deref());
        let kind = word.and_then(Execution::of).unwrap_or(Execution::Fill);
        if kind == Execution::Fill {
            return Ok(FillItem::Fill(self.fill()?));
        }
        let previous = self.previous_execution_id.clone().or(self.previous_id.clone());
        let (own, at) = (self.id.clone(), time(Self::WHAT, &self.transaction_time)?);
        let replacement = match kind {
            Execution::Correct => Some(Fill { cumulative_qty: None, ..self.fill()? }),
            _ => None,
        };
        let (previous, own) = (previous.as_deref(), Some(own.as_str()));
        let correction = taken_back(Self::WHAT, kind, previous, own, replacement, at)?;
        Ok(FillItem::Correction(correction))
    }

    fn fill(self) -> Result<Fill, WireError> {
        let price = number::price("price", self.price).and_then(|v| required("price", v));
        let fee = of(Self::WHAT, number::money("commission", self.commission))?;
        Ok(Fill {
            execution_id: execution_of(&self.id).to_owned(),
            broker_order_id: self.order_id,
            client_order_id: None,
            symbol: symbol(Self::WHAT, &self.symbol)?,
            side: side(Self::WHAT, &self.side)?,
            qty: of(Self::WHAT, number::filled("qty", self.qty))?,
            price: of(Self::WHAT, price)?,
            fee: fee.unwrap_or_default(),
            cumulative_qty: of(Self::WHAT, number::qty("cum_qty", self.cum_qty))?,
            at: time(Self::WHAT, &self.transaction_time)?,
            fee_qty: stockade_core::Qty::ZERO,
        })
    }
}

/// The account.
#[derive(Debug, Deserialize)]
pub(crate) struct WireAccount<'a> {
    id: String,
    #[serde(borrow)]
    cash: Option<&'a RawValue>,
    #[serde(borrow)]
    equity: Option<&'a RawValue>,
    #[serde(borrow)]
    buying_power: Option<&'a RawValue>,
    trading_blocked: Option<bool>,
    account_blocked: Option<bool>,
    trade_suspended_by_user: Option<bool>,
}

/// The account as it goes into a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountReport {
    /// The broker's id of the account.
    pub id: String,
    /// Cash as the broker prints it.
    pub cash: Money,
    /// Equity as the broker prints it.
    pub equity: Money,
    /// Buying power as the broker prints it.
    pub buying_power: Money,
    /// Whether the broker or its owner blocks trading.
    pub trading_blocked: bool,
}

impl WireAccount<'_> {
    pub(crate) fn report(self) -> Result<AccountReport, WireError> {
        let amount = |field, raw| {
            let amount = number::money(field, raw).and_then(|v| required(field, v));
            of("the account", amount)
        };
        Ok(AccountReport {
            cash: amount("cash", self.cash)?,
            equity: amount("equity", self.equity)?,
            buying_power: amount("buying_power", self.buying_power)?,
            trading_blocked: [
                self.trading_blocked,
                self.account_blocked,
                self.trade_suspended_by_user,
            ]
            .contains(&Some(true)),
            id: self.id,
        })
    }
}

/// A position.
#[derive(Debug, Deserialize)]
pub(crate) struct WirePosition<'a> {
    symbol: String,
    side: Option<String>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    avg_entry_price: Option<&'a RawValue>,
    #[serde(borrow)]
    current_price: Option<&'a RawValue>,
}

impl WirePosition<'_> {
    pub(crate) fn report(self) -> Result<PositionReport, WireError> {
        const WHAT: &str = "a position";
        let qty = number::qty("qty", self.qty).and_then(|v| required("qty", v));
        let qty = of(WHAT, qty)?;
        let entry = number::mean("avg_entry_price", self.avg_entry_price);
        let entry = entry.and_then(|v| required("avg_entry_price", v));
        Ok(PositionReport {
            symbol: symbol(WHAT, &self.symbol)?,
            // A short one is printed negative; the side decides where it is not.
            qty: if self.side.as_deref() == Some("short") { -qty.abs() } else { qty },
            average_entry: of(WHAT, entry)?,
            current_price: of(WHAT, number::mean("current_price", self.current_price))?,
        })
    }
}

/// An asset.
#[derive(Debug, Deserialize)]
pub(crate) struct WireAsset<'a> {
    class: String,
    pub(crate) symbol: String,
    status: Option<String>,
    tradable: Option<bool>,
    fractionable: Option<bool>,
    #[serde(borrow)]
    min_order_size: Option<&'a RawValue>,
    #[serde(borrow)]
    price_increment: Option<&'a RawValue>,
}

impl WireAsset<'_> {
    /// The instrument; `None` for a class that stockade doesn't trade.
    pub(crate) fn instrument(&self) -> Result<Option<Instrument>, WireError> {
        const WHAT: &str = "an asset";
        let class = match self.class.as_str() {
            "us_equity" => AssetClass::Equity,
            "crypto" => AssetClass::Crypto,
            _ => return Ok(None),
        };
        let active = self.status.as_deref().is_none_or(|status| status == "active");
        let increment = of(WHAT, number::price("price_increment", self.price_increment))?;
        Ok(Some(Instrument {
            symbol: symbol(WHAT, &self.symbol)?,
            class,
            tradable: self.tradable == Some(true) && active,
            fractionable: self.fractionable == Some(true),
            price_increment: increment.filter(|step| step.is_positive()),
            min_qty: of(WHAT, number::qty("min_order_size", self.min_order_size))?,
        }))
    }
}

/// The clock.
#[derive(Debug, Deserialize)]
pub(crate) struct WireClock {
    pub(crate) timestamp: String,
    pub(crate) is_open: bool,
    pub(crate) next_open: String,
    pub(crate) next_close: String,
}

/// A day of the calendar.
#[derive(Debug, Deserialize)]
pub(crate) struct WireDay {
    pub(crate) date: String,
    pub(crate) open: String,
    pub(crate) close: String,
}

/// An error's body.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRefusal {
    code: Option<serde_json::Value>,
    pub(crate) message: String,
}

impl WireRefusal {
    /// The broker's code; zero where there is none, or one that is no small number.
    pub(crate) fn code(&self) -> u32 {
        let code = self.code.as_ref().and_then(serde_json::Value::as_u64);
        code.and_then(|code| u32::try_from(code).ok()).unwrap_or(0)
    }
}
