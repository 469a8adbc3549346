//! The broker seen by a god: the exchange's model, what it tells, and what the desk can't have seen yet.
//!
//! The truth is the exchange's own journal; nothing here comes from the core's books.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;
use stockade_core::broker::{
    Answer, BrokerOrder, BrokerSnapshot, Fill, OrderReport, PositionReport,
};
use stockade_core::limits::NANOS_PER_SECOND;
use stockade_core::{Money, Price, Qty, Symbol, Timestamp};
use stockade_exchange::{self as exchange, Exchange, JournalKind};

use super::super::model;

/// How long the broker's own reads may lag behind its writes, in seconds (R11).
pub(crate) const READ_LAG_S: i64 = 30;
/// What activities that name executions in their own way put before the id.
const RENAMED: &str = "act::";

/// An execution at the broker.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    /// Cash it moved, its fee included.
    pub(crate) cash: Decimal,
    /// Its fee, positive.
    pub(crate) fee: Decimal,
    pub(crate) symbol: Symbol,
    /// Signed.
    pub(crate) qty: Decimal,
    /// Whether the ledger has it.
    pub(crate) booked: bool,
}

/// The broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) exchange: Exchange,
    /// The account stream's socket, while it lives.
    pub(crate) socket: Option<u64>,
    /// When each client order id landed, by the machine's time.
    pub(crate) landed: BTreeMap<String, i64>,
    pub(crate) executions: BTreeMap<String, Execution>,
    /// Cash that the ledger can't know yet.
    pub(crate) unseen_cash: Decimal,
    /// Quantities that the ledger can't know yet.
    pub(crate) unseen_qty: BTreeMap<Symbol, Decimal>,
    journal_read: usize,
    requests: VecDeque<i64>,
    /// Most requests of any minute.
    pub(crate) busiest_minute: usize,
}

impl Broker {
    pub(crate) const fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            socket: None,
            landed: BTreeMap::new(),
            executions: BTreeMap::new(),
            unseen_cash: Decimal::ZERO,
            unseen_qty: BTreeMap::new(),
            journal_read: 0,
            requests: VecDeque::new(),
            busiest_minute: 0,
        }
    }

    /// Counts a request; gives how many the last minute had.
    pub(crate) fn count_request(&mut self, machine: i64, number: usize) -> usize {
        for _ in 0..number {
            self.requests.push_back(machine);
        }
        while self.requests.front().is_some_and(|at| machine - at >= 60 * NANOS_PER_SECOND) {
            self.requests.pop_front();
        }
        self.busiest_minute = self.busiest_minute.max(self.requests.len());
        self.requests.len()
    }

    /// Takes what the journal has new. Movements that are no execution belong to the opening.
    pub(crate) fn read_journal(&mut self) {
        for line in self.exchange.journal().iter().skip(self.journal_read) {
            self.journal_read += 1;
            let (Some(id), Some(symbol)) = (line.execution_id, &line.symbol) else {
                continue;
            };
            let found = self.executions.entry(id.to_string()).or_insert_with(|| Execution {
                cash: Decimal::ZERO,
                fee: Decimal::ZERO,
                symbol: model::symbol(symbol),
                qty: Decimal::ZERO,
                booked: false,
            });
            found.cash += line.cash_delta;
            found.qty += line.qty_delta;
            if line.kind == JournalKind::Fee {
                found.fee -= line.cash_delta;
            }
            self.unseen_cash += line.cash_delta;
            *self.unseen_qty.entry(found.symbol.clone()).or_default() += line.qty_delta;
        }
    }

    /// The ledger has booked an execution. Gives false where the broker never had it, or it was booked before.
    pub(crate) fn booked(&mut self, execution_id: &str) -> bool {
        let id = execution_id.strip_prefix(RENAMED).unwrap_or(execution_id);
        let Some(found) = self.executions.get_mut(id) else {
            return false;
        };
        if std::mem::replace(&mut found.booked, true) {
            return false;
        }
        self.unseen_cash -= found.cash;
        *self.unseen_qty.entry(found.symbol.clone()).or_default() -= found.qty;
        true
    }

    /// Everything so far belongs to the opening of the ledger.
    pub(crate) fn opened(&mut self) {
        self.read_journal();
        for found in self.executions.values_mut() {
            found.booked = true;
        }
        self.unseen_cash = Decimal::ZERO;
        self.unseen_qty.clear();
    }

    /// Executions that the ledger hasn't booked.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = (&String, &Execution)> {
        self.executions.iter().filter(|(_, found)| !found.booked)
    }

    /// The order that a client order id names.
    pub(crate) fn order(&self, client_order_id: &str) -> Option<&exchange::Order> {
        self.exchange.order_by_client_id(client_order_id)
    }

    /// Takes a post. One whose id is taken is looked up, as the venue's client does.
    pub(crate) fn submit(
        &mut self,
        order: &BrokerOrder,
        machine: i64,
        at: Timestamp,
    ) -> Answer<OrderReport> {
        let known = self.landed.contains_key(&order.client_order_id);
        let answer = model::submit(&mut self.exchange, order, at);
        match &answer {
            Answer::Done { .. } => {
                self.landed.insert(order.client_order_id.clone(), machine);
                answer
            }
            Answer::Refused { .. } if known => {
                model::look_up(&self.exchange, &order.client_order_id)
            }
            _ => answer,
        }
    }

    /// Account and cash: the first part of a snapshot.
    pub(crate) fn snapshot_account(&self, since: Timestamp, at: Timestamp) -> BrokerSnapshot {
        let account = self.exchange.account();
        BrokerSnapshot {
            account_id: account.account_number,
            cash: Money::new(account.cash),
            equity: Money::new(account.equity),
            buying_power: Money::new(account.buying_power),
            trading_blocked: false,
            positions: Vec::new(),
            orders: Vec::new(),
            fills: Vec::new(),
            since,
            began: at,
            sessions: model::sessions(at),
            activities: Vec::new(),
            corrections: Vec::new(),
        }
    }

    /// Positions as they were at `at`.
    pub(crate) fn snapshot_positions(&self, at: Timestamp) -> Vec<PositionReport> {
        let mut held: BTreeMap<Symbol, Decimal> = BTreeMap::new();
        for line in self.exchange.journal().iter().take_while(|line| line.at.0 <= at.0) {
            if let Some(symbol) = &line.symbol {
                *held.entry(model::symbol(symbol)).or_default() += line.qty_delta;
            }
        }
        let report = |(symbol, qty): (Symbol, Decimal)| {
            let price =
                self.exchange.position(symbol.as_str()).map(|position| position.current_price);
            PositionReport {
                symbol,
                qty: Qty::new(qty),
                average_entry: Price::new(price.unwrap_or(Decimal::ONE)),
                current_price: price.map(Price::new),
            }
        };
        held.into_iter().filter(|(_, qty)| !qty.is_zero()).map(report).collect()
    }

    /// Open orders, and those updated since; `hidden` hides what landed lately.
    pub(crate) fn snapshot_orders(
        &self,
        since: Timestamp,
        hidden: impl Fn(&str) -> bool,
    ) -> Vec<OrderReport> {
        let query = exchange::OrderQuery {
            status: exchange::StatusFilter::All,
            limit: 500,
            direction: exchange::Direction::Asc,
            ..exchange::OrderQuery::default()
        };
        let mut page = query;
        let mut orders = Vec::new();
        loop {
            let found = self.exchange.orders(&page);
            let full = found.len() == page.limit;
            page.after_order_id = found.last().map(|order| order.id);
            let wanted = found
                .into_iter()
                .filter(|order| !order.status.is_final() || order.updated_at.0 >= since.0);
            orders
                .extend(wanted.filter(|order| !hidden(&order.client_order_id)).map(model::report));
            if !full {
                return orders;
            }
        }
    }

    /// Fills since; `hidden` hides what shows late.
    pub(crate) fn snapshot_fills(
        &self,
        since: Timestamp,
        renamed: bool,
        hidden: impl Fn(&Fill) -> bool,
    ) -> Vec<Fill> {
        let fills = model::fills(&self.exchange, since).into_iter().filter(|fill| !hidden(fill));
        let finish = |mut fill: Fill| {
            // Fees are activities of their own; the venue adds them to their fill.
            let fee =
                self.executions.get(&fill.execution_id).map_or(Decimal::ZERO, |found| found.fee);
            fill.fee = Money::new(fee);
            if renamed {
                fill.execution_id.insert_str(0, RENAMED);
            }
            fill
        };
        fills.map(finish).collect()
    }
}
