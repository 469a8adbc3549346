//! The requests that the desk's actions ask for, each answered in the core's words.

use reqwest::Url;
use serde::Serialize;
use serde_json::value::RawValue;
use stockade_core::broker::{Answer, BrokerOrder, OrderReport};
use stockade_core::order::Size;
use stockade_core::time::Session;
use stockade_core::{Money, Timestamp};

use super::announcements::Announcements;
use super::calendar;
use super::classify::{self, Failure, answer};
use super::config::{AccountConfig, Endpoints};
use super::rest::{ClientError, Notify, Rest, RestLimits};
use super::symbols::SymbolTable;
use super::wire::{self, AccountReport, WireAccount, WireClock, WireDay, WireError, WireOrder};

/// A client of one account at Alpaca, or at the paper exchange. Clones share their connections.
#[derive(Clone)]
pub struct Alpaca {
    pub(crate) rest: Rest,
    pub(crate) endpoints: Endpoints,
    pub(crate) symbols: SymbolTable,
    pub(crate) announcements: Announcements,
}

/// The broker's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The market's time now.
    pub at: Timestamp,
    /// Whether the regular session is open.
    pub is_open: bool,
    /// When the next session opens.
    pub next_open: Timestamp,
    /// When the present or next session closes.
    pub next_close: Timestamp,
}

/// The body of a new order: decimals as strings, what doesn't apply left out.
#[derive(Serialize)]
struct NewOrder<'a> {
    symbol: &'a str,
    side: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    time_in_force: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    qty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notional: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<String>,
    client_order_id: &'a str,
    extended_hours: bool,
}

impl Alpaca {
    /// A client for an account; connects nowhere yet.
    ///
    /// # Errors
    /// Where TLS, HTTP or the keys can't be set up.
    pub fn new(
        account: &AccountConfig,
        limits: RestLimits,
        notify: Notify,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            rest: Rest::new(&account.credentials, limits, notify)?,
            endpoints: account.endpoints.clone(),
            symbols: SymbolTable::default(),
            announcements: Announcements::default(),
        })
    }

    /// The same client with spellings that another one learns.
    #[must_use]
    pub fn with_symbols(mut self, symbols: SymbolTable) -> Self {
        self.symbols = symbols;
        self
    }

    /// The broker's spellings that [`Alpaca::assets`] has learned; the data streams need them.
    #[must_use]
    pub const fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    /// Posts a new order, once, whatever happens.
    ///
    /// `Refused` covers a 401 too: the broker checks keys before it looks at a request, so the
    /// order is certainly not there. A refusal because of the client order id is looked up, and is
    /// `Done` only where symbol, side and size agree with what was asked.
    pub async fn submit(&self, order: &BrokerOrder) -> Answer<OrderReport> {
        answer(self.try_submit(order).await)
    }

    async fn try_submit(&self, order: &BrokerOrder) -> Result<OrderReport, Failure> {
        let body = self.body(order)?;
        let outcome = self.rest.post(self.trading(&["v2", "orders"])?, body).await;
        match classify::posted(&self.rest, outcome) {
            Ok(body) => {
                let (report, _) = read_order(&body)?;
                // A sick answer proves nothing about this order.
                agree("client_order_id", &report.client_order_id, &order.client_order_id)?;
                agree("symbol", report.symbol.as_str(), order.symbol.as_str())?;
                agree("side", report.side.as_str(), order.side.as_str())?;
                Ok(report)
            }
            Err(refused) if refused.is_duplicate_id() => self.adopt(order).await,
            Err(failure) => Err(failure),
        }
    }

    /// The order that already bears the client order id, if it is the one that was to be sent.
    async fn adopt(&self, order: &BrokerOrder) -> Result<OrderReport, Failure> {
        let found = self.find(&order.client_order_id).await;
        let (report, notional) = found.map_err(|failure| {
            let why = format!("client order id refused as used, its lookup gave {failure:?}");
            Failure::Unknown { why }
        })?;
        let same_size = match order.size {
            Size::Qty(qty) => report.qty == Some(qty),
            Size::Notional(money) => report.qty.is_none() && notional == Some(money),
        };
        if report.symbol == order.symbol && report.side == order.side && same_size {
            return Ok(report);
        }
        let id = &report.broker_order_id;
        Err(Failure::unknown(format!(
            "client order id refused as used, by broker order {id}, which is another order"
        )))
    }

    /// Asks for a cancel; `Done` means that it was asked for.
    pub async fn cancel(&self, broker_order_id: &str) -> Answer<()> {
        let request = async {
            let url = self.trading(&["v2", "orders", broker_order_id])?;
            let outcome = self.rest.delete(url).await;
            classify::success(&self.rest, outcome).map(drop)
        };
        answer(request.await)
    }

    /// Looks an order up by its client order id.
    pub async fn look_up(&self, client_order_id: &str) -> Answer<OrderReport> {
        answer(self.find(client_order_id).await.map(|(report, _)| report))
    }

    async fn find(&self, client_order_id: &str) -> Result<(OrderReport, Option<Money>), Failure> {
        let mut url = self.trading(&["v2", "orders:by_client_order_id"])?;
        url.query_pairs_mut().append_pair("client_order_id", client_order_id);
        let body = classify::success(&self.rest, self.rest.get(url).await)?;
        let found = read_order(&body)?;
        agree("client_order_id", &found.0.client_order_id, client_order_id)?;
        Ok(found)
    }

    /// The broker's clock.
    pub async fn clock(&self) -> Answer<Clock> {
        answer(self.try_clock().await)
    }

    pub(crate) async fn try_clock(&self) -> Result<Clock, Failure> {
        let body = self.get_trading(&["v2", "clock"]).await?;
        let clock: WireClock = classify::read("the clock", &body)?;
        let time = |text: &str| wire::time("the clock", text);
        Ok(Clock {
            at: time(&clock.timestamp)?,
            is_open: clock.is_open,
            next_open: time(&clock.next_open)?,
            next_close: time(&clock.next_close)?,
        })
    }

    /// The account as the broker prints it.
    pub async fn account(&self) -> Answer<AccountReport> {
        answer(self.try_account().await)
    }

    pub(crate) async fn try_account(&self) -> Result<AccountReport, Failure> {
        let body = self.get_trading(&["v2", "account"]).await?;
        let account: WireAccount<'_> = classify::read("the account", &body)?;
        Ok(account.report()?)
    }

    /// The regular sessions of the days around `at`: a week back, two weeks ahead.
    pub async fn sessions(&self, at: Timestamp) -> Answer<Vec<Session>> {
        answer(self.try_sessions(at).await)
    }

    pub(crate) async fn try_sessions(&self, at: Timestamp) -> Result<Vec<Session>, Failure> {
        let mut url = self.trading(&["v2", "calendar"])?;
        let (start, end) = calendar::around(at);
        url.query_pairs_mut().append_pair("start", &start).append_pair("end", &end);
        let body = classify::success(&self.rest, self.rest.get(url).await)?;
        let days: Vec<WireDay> = classify::read("the calendar", &body)?;
        let sessions: Result<Vec<_>, WireError> = days.iter().map(calendar::session).collect();
        Ok(sessions?)
    }

    pub(crate) async fn get_trading(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        classify::success(&self.rest, self.rest.get(self.trading(path)?).await)
    }

    pub(crate) fn trading(&self, path: &[&str]) -> Result<Url, Failure> {
        address(&self.endpoints.trading, path)
    }

    pub(crate) fn data(&self, path: &[&str]) -> Result<Url, Failure> {
        address(&self.endpoints.data, path)
    }

    fn body(&self, order: &BrokerOrder) -> Result<Vec<u8>, Failure> {
        let (qty, notional) = match order.size {
            Size::Qty(qty) => (Some(qty.to_string()), None),
            Size::Notional(money) => (None, Some(money.to_string())),
        };
        let body = NewOrder {
            symbol: &self.symbols.wire(&order.symbol),
            side: order.side.as_str(),
            kind: order.order_type.as_str(),
            time_in_force: order.time_in_force.as_str(),
            qty,
            notional,
            limit_price: order.order_type.limit_price().map(|price| price.to_string()),
            stop_price: order.order_type.stop_price().map(|price| price.to_string()),
            client_order_id: &order.client_order_id,
            extended_hours: order.extended_hours,
        };
        serde_json::to_vec(&body).map_err(|error| not_written(&error))
    }
}

/// An address below a root. Segments are encoded, so an id can't lead elsewhere.
fn address(root: &str, path: &[&str]) -> Result<Url, Failure> {
    let mut url = Url::parse(root).map_err(|error| not_written(&error))?;
    match url.path_segments_mut() {
        Ok(mut segments) => {
            segments.pop_if_empty().extend(path);
        }
        Err(()) => return Err(not_written(&"the base address can't have a path")),
    }
    Ok(url)
}

fn not_written(why: &dyn std::fmt::Display) -> Failure {
    Failure::NotTaken { retry_after: 0, why: why.to_string() }
}

fn agree(field: &'static str, found: &str, asked: &str) -> Result<(), WireError> {
    if found == asked {
        return Ok(());
    }
    let short = |text: &str| text.chars().take(128).collect();
    Err(WireError::Mismatch { field, found: short(found), asked: short(asked) })
}

fn read_order(body: &[u8]) -> Result<(OrderReport, Option<Money>), WireError> {
    let raw: &RawValue = wire::json("an order", body)?;
    let order: WireOrder<'_> = wire::json("an order", raw.get().as_bytes())?;
    let notional = order.notional()?;
    Ok((order.report()?, notional))
}
