//! Everything that reconciliation compares, read whole or not at all.
//!
//! Guarantees: every page of every list is read, lists that shift between pages are read with an
//! overlap and counted once, and one part that fails makes the whole fail. Positions are read
//! before activities, orders and fills, so that no position reflects a fill, split or the like that
//! is missing here; activities before fills, so that no fee comes without its trades.
//! Orders that were sent before the overlap and ended since without a fill are in no list that the
//! broker offers; they have to be looked up one by one.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use stockade_core::Timestamp;
use stockade_core::broker::{
    Answer, BrokerSnapshot, Correction, Fill, OrderReport, PositionReport,
};
use stockade_core::limits::NANOS_PER_SECOND;

use super::classify::{self, Failure, answer};
use super::client::Alpaca;
use super::wire::{self, FillItem, WireError, WireFill, WireOrder, WirePosition};

/// How far before the asked time lists are read: items surface late (RELIABILITY W20).
pub const OVERLAP_NS: i64 = 300 * NANOS_PER_SECOND;
/// Orders of one page: the broker's maximum.
const ORDERS_PAGE: usize = 500;
/// Activities of one page: the broker's maximum.
pub(crate) const ACTIVITIES_PAGE: usize = 100;
/// How far before the last order of a page the next one begins. Equal times then meet again
/// rather than fall between two pages.
const PAGE_OVERLAP_NS: i64 = 1_000_000;
/// Pages of one list: beyond it something else than a list is being read.
pub(crate) const PAGES_MAX: usize = 1_000;
/// Orders that are read one by one because a fill names them and no list holds them.
const STRAY_ORDERS_MAX: usize = 100;

impl Alpaca {
    /// Account, positions, sessions, open orders, orders and fills since `since` (less the
    /// overlap). Never `NotFound`: an account without an answer is unknown.
    pub async fn snapshot(&self, since: Timestamp) -> Answer<BrokerSnapshot> {
        match self.try_snapshot(since.plus(-OVERLAP_NS)).await {
            Err(Failure::NotFound) => {
                answer(Err(Failure::unknown("a part of the account was not found")))
            }
            result => answer(result),
        }
    }

    async fn try_snapshot(&self, since: Timestamp) -> Result<BrokerSnapshot, Failure> {
        let began = self.try_clock().await?.at;
        let account = self.try_account().await?;
        let positions = self.positions().await?;
        let activities = self.account_activities(since).await?;
        let mut orders = Orders::default();
        self.orders(&mut orders, "open", None).await?;
        self.orders(&mut orders, "all", Some(since)).await?;
        let (mut fills, corrections) = self.fills(since).await?;
        self.stray_orders(&mut orders, &fills).await?;
        for fill in &mut fills {
            fill.client_order_id = orders.client_order_id(&fill.broker_order_id);
        }
        let sessions = self.try_sessions(began).await?;
        Ok(BrokerSnapshot {
            account_id: account.id,
            cash: account.cash,
            equity: account.equity,
            buying_power: account.buying_power,
            trading_blocked: account.trading_blocked,
            positions,
            orders: orders.list,
            fills,
            since,
            began,
            sessions,
            corrections,
            activities,
        })
    }

    async fn positions(&self) -> Result<Vec<PositionReport>, Failure> {
        let body = self.get_trading(&["v2", "positions"]).await?;
        let positions: Vec<WirePosition<'_>> = classify::read("the positions", &body)?;
        let reports: Result<Vec<_>, WireError> =
            positions.into_iter().map(WirePosition::report).collect();
        Ok(reports?)
    }

    async fn orders(
        &self,
        orders: &mut Orders,
        status: &str,
        since: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let mut after = since;
        let mut walked = HashSet::new();
        for _ in 0..PAGES_MAX {
            let mut url = self.trading(&["v2", "orders"])?;
            url.query_pairs_mut()
                .append_pair("status", status)
                .append_pair("direction", "asc")
                .append_pair("limit", &ORDERS_PAGE.to_string());
            if let Some(after) = after {
                url.query_pairs_mut().append_pair("after", &wire::rfc3339(after));
            }
            let body = classify::success(&self.rest, self.rest.get(url).await)?;
            let page: Vec<&RawValue> = classify::read("the orders", &body)?;
            let mut last = None;
            let mut news = false;
            for raw in &page {
                let place = orders.take(raw)?;
                news |= walked.insert(place.id);
                last = last.max(place.submitted_at);
            }
            if page.len() < ORDERS_PAGE {
                return Ok(());
            }
            after = last.map(|at| at.plus(-PAGE_OVERLAP_NS));
            if !news || after.is_none() {
                return Err(WireError::Stuck { what: "the orders", size: ORDERS_PAGE }.into());
            }
        }
        Err(WireError::Long { what: "the orders", allowed: PAGES_MAX * ORDERS_PAGE }.into())
    }

    async fn fills(&self, since: Timestamp) -> Result<(Vec<Fill>, Vec<Correction>), Failure> {
        let (mut fills, mut corrections) = (Vec::new(), Vec::new());
        let path = ["v2", "account", "activities", "FILL"];
        self.activity_pages(&path, &[], since, |raw| {
            let item: WireFill<'_> = wire::json("the activities", raw.get().as_bytes())?;
            match item.item()? {
                FillItem::Fill(fill) => fills.push(fill),
                FillItem::Correction(correction) => corrections.push(correction),
            }
            Ok(())
        })
        .await?;
        Ok((fills, corrections))
    }

    /// Walks a list of activities from its oldest on, each once.
    pub(crate) async fn activity_pages(
        &self,
        path: &[&str],
        extra: &[(&str, &str)],
        since: Timestamp,
        mut take: impl FnMut(&RawValue) -> Result<(), WireError>,
    ) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut url = self.trading(path)?;
            url.query_pairs_mut()
                .append_pair("direction", "asc")
                .append_pair("page_size", &ACTIVITIES_PAGE.to_string())
                .append_pair("after", &wire::rfc3339(since))
                .extend_pairs(extra);
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("page_token", token);
            }
            let body = classify::success(&self.rest, self.rest.get(url).await)?;
            let page: Vec<&RawValue> = classify::read("the activities", &body)?;
            let mut news = false;
            for raw in &page {
                let item: WireId = wire::json("the activities", raw.get().as_bytes())?;
                token = Some(item.id.clone());
                if seen.insert(item.id) {
                    news = true;
                    take(raw)?;
                }
            }
            if page.len() < ACTIVITIES_PAGE {
                return Ok(());
            }
            if !news {
                let (what, size) = ("the activities", ACTIVITIES_PAGE);
                return Err(WireError::Stuck { what, size }.into());
            }
        }
        let allowed = PAGES_MAX * ACTIVITIES_PAGE;
        Err(WireError::Long { what: "the activities", allowed }.into())
    }

    /// Orders that a fill names but that were sent before the overlap and are closed.
    async fn stray_orders(&self, orders: &mut Orders, fills: &[Fill]) -> Result<(), Failure> {
        let mut asked = HashSet::new();
        for id in fills.iter().map(|fill| &fill.broker_order_id) {
            let known = orders.places.contains_key(id) || !asked.insert(id);
            if known || asked.len() > STRAY_ORDERS_MAX {
                continue;
            }
            match self.get_trading(&["v2", "orders", id]).await {
                Ok(body) => {
                    let raw: &RawValue = classify::read("an order", &body)?;
                    orders.take(raw)?;
                }
                // The fill stands without its order: it is booked to suspense.
                Err(Failure::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}

/// What every activity has.
#[derive(serde::Deserialize)]
struct WireId {
    id: String,
}

/// The orders met so far; a later sight of one replaces an earlier one.
#[derive(Debug, Default)]
struct Orders {
    list: Vec<OrderReport>,
    places: HashMap<String, Option<usize>>,
}

struct Sight {
    id: String,
    submitted_at: Option<Timestamp>,
}

impl Orders {
    fn take(&mut self, raw: &RawValue) -> Result<Sight, WireError> {
        let order: WireOrder<'_> = wire::json("an order", raw.get().as_bytes())?;
        let id = order.id.clone();
        if order.is_multi_leg() {
            tracing::warn!(broker_order_id = id, "an order of several legs is left out");
            let submitted_at = order.submitted_at();
            self.places.insert(id.clone(), None);
            return Ok(Sight { id, submitted_at });
        }
        let report = order.report()?;
        let submitted_at = Some(report.submitted_at);
        match self.places.get(&id).copied().flatten() {
            Some(place) => {
                if let Some(slot) = self.list.get_mut(place) {
                    *slot = report;
                }
            }
            None => {
                self.places.insert(id.clone(), Some(self.list.len()));
                self.list.push(report);
            }
        }
        Ok(Sight { id, submitted_at })
    }

    fn client_order_id(&self, broker_order_id: &str) -> Option<String> {
        let place = self.places.get(broker_order_id).copied().flatten()?;
        let id = &self.list.get(place)?.client_order_id;
        (!id.is_empty()).then(|| id.clone())
    }
}
