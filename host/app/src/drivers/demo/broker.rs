//! The broker, as the tour asks it over HTTP: with the client that the host trades with.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use stockade_core::broker::{Answer, BrokerSnapshot, OrderReport};
use stockade_core::{Symbol, Timestamp};
use stockade_venue::alpaca::{
    AccountConfig, Alpaca, HistoryRequest, RestLimits, SymbolBar, accounts,
};

/// Bars read at once: all of a tour.
const BARS_MAX: usize = 10_000;

/// A client of the paper exchange.
pub(super) struct Broker {
    alpaca: Alpaca,
    /// The label that the host gives the account.
    pub(super) label: String,
}

impl Broker {
    /// The account that these variables describe.
    pub(super) fn of(variables: &[(String, String)]) -> Result<Self> {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let account: AccountConfig = accounts(lookup, false)?
            .into_iter()
            .next()
            .context("the tour's keys describe no account")?;
        let alpaca = Alpaca::new(&account, RestLimits::default(), Arc::new(|_| {}))?;
        Ok(Self { alpaca, label: account.label.to_string() })
    }

    /// The market's time.
    pub(super) async fn market_time(&self) -> Result<Timestamp> {
        Ok(done("the clock", self.alpaca.clock().await)?.at)
    }

    /// An order by the id that the host gave it; `None` where the broker doesn't know it.
    pub(super) async fn order(&self, client_order_id: &str) -> Result<Option<OrderReport>> {
        match self.alpaca.look_up(client_order_id).await {
            Answer::NotFound => Ok(None),
            other => done("an order", other).map(Some),
        }
    }

    /// Account, positions, orders and fills since a time.
    pub(super) async fn snapshot(&self, since: Timestamp) -> Result<BrokerSnapshot> {
        done("the account", self.alpaca.snapshot(since).await)
    }

    /// Every bar of these symbols between two times.
    pub(super) async fn bars(
        &self,
        symbols: &[&str],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SymbolBar>> {
        let symbols =
            symbols.iter().map(|symbol| Symbol::new(symbol)).collect::<Result<Vec<_>, _>>()?;
        let request =
            HistoryRequest { symbols, timeframe: "1Min".to_owned(), from, to, bars_max: BARS_MAX };
        done("bars", self.alpaca.history_bars(&request).await)
    }
}

fn done<T>(what: &str, answer: Answer<T>) -> Result<T> {
    match answer {
        Answer::Done { value } => Ok(value),
        Answer::Refused { http, message, .. } => {
            bail!("the broker refused {what} ({http}: {message})")
        }
        Answer::NotFound => bail!("the broker doesn't know {what}"),
        Answer::NotTaken { why, .. } | Answer::Unknown { why } => {
            bail!("the broker did not give {what}: {why}")
        }
    }
}
