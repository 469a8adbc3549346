//! The past in memory, for drivers without a database: rows as they are committed, and the answers
//! that they give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::inquiry::{BooksAnswer, ChangeCause, HoldingHistory, HoldingRows, Question, Traded};
use crate::decimal::{Money, Qty};
use crate::id::{EntryId, LotId, OrderId, RoundTripId, SleeveId, Symbol};
use crate::ledger::EntryKind;
use crate::order::Side;
use crate::row::{
    CorrectionRow, EntryRow, ExecutionKey, ExecutionRow, ExecutionSource, LotChangeRow,
    RoundTripRow, Row,
};
use crate::time::Timestamp;

/// All rows that answers are made of.
#[derive(Debug, Clone, Default)]
pub struct Past {
    executions: BTreeMap<Arc<str>, ExecutionRow>,
    corrections: BTreeMap<Arc<str>, CorrectionRow>,
    round_trips: Vec<RoundTripRow>,
    void: BTreeSet<RoundTripId>,
    changes: Vec<LotChangeRow>,
    entries: BTreeMap<EntryId, EntryRow>,
    orders: BTreeMap<OrderId, (Option<Arc<str>>, Option<LotId>)>,
}

impl Past {
    /// Takes a committed row.
    pub fn take(&mut self, row: &Row) {
        match row {
            Row::Execution(row) => {
                drop(self.executions.insert(row.execution_id.clone(), row.clone()));
            }
            Row::Correction(row) => {
                drop(self.corrections.insert(row.execution_id.clone(), row.clone()));
            }
            Row::RoundTrip(row) => self.round_trips.push(row.clone()),
            Row::RoundTripVoid(row) => drop(self.void.insert(row.round_trip)),
            Row::LotChange(row) => self.changes.push(row.clone()),
            Row::Entry(row) => drop(self.entries.insert(row.id, row.clone())),
            Row::Order(row) => drop(self.orders.insert(row.id, (row.reason.clone(), row.lot))),
            _ => {}
        }
    }

    /// Executions that were corrected.
    pub fn corrected(&self) -> impl Iterator<Item = &Arc<str>> {
        self.corrections.keys()
    }

    /// Answers a question.
    #[must_use]
    pub fn answer(&self, question: &Question) -> BooksAnswer {
        match question {
            Question::Held { activity, symbol, before } => {
                let held = self.held(symbol, *before);
                BooksAnswer::Held { activity: activity.clone(), held }
            }
            Question::Traded { activity, symbol, from, until } => {
                let traded = self.traded(symbol.as_ref(), *from, *until);
                BooksAnswer::Traded { activity: activity.clone(), traded }
            }
            Question::Booked { keys } => BooksAnswer::Booked { keys: self.booked(keys) },
            Question::Holding { execution_id } => {
                let owner = self.executions.get(execution_id);
                let history = owner.and_then(|row| self.holding(row.sleeve, &row.symbol));
                let history = history.map(Box::new);
                BooksAnswer::Holding { execution_id: execution_id.clone(), history }
            }
            Question::Holdings { activity, symbol, since } => {
                let sleeves: BTreeSet<SleeveId> = self
                    .executions
                    .values()
                    .filter(|row| row.symbol == *symbol && row.at >= *since)
                    .map(|row| row.sleeve)
                    .collect();
                let histories = sleeves.into_iter().filter_map(|id| self.holding(id, symbol));
                let histories = histories.collect();
                BooksAnswer::Holdings { activity: activity.clone(), histories }
            }
        }
    }

    fn booked(&self, keys: &[ExecutionKey]) -> Vec<ExecutionKey> {
        let ids: BTreeSet<&str> = keys.iter().map(|key| key.execution_id.as_str()).collect();
        let parts: BTreeSet<(&str, Qty)> = keys
            .iter()
            .filter(|key| !key.broker_order_id.is_empty())
            .filter_map(|key| Some((key.broker_order_id.as_str(), key.cumulative_qty?)))
            .collect();
        let same = |row: &&ExecutionRow| {
            let part = row.cumulative_qty.map(|qty| (&*row.broker_order_id, qty));
            ids.contains(&*row.execution_id) || part.is_some_and(|part| parts.contains(&part))
        };
        let of_execution = |row: &ExecutionRow| ExecutionKey {
            execution_id: row.execution_id.to_string(),
            broker_order_id: row.broker_order_id.to_string(),
            cumulative_qty: row.cumulative_qty,
        };
        let splits = self.entries.values().filter(|entry| entry.kind == EntryKind::Split);
        let splits = splits.filter_map(|entry| entry.execution_id.as_deref());
        let splits = splits.filter(|id| ids.contains(id)).map(ExecutionKey::imported);
        self.executions.values().filter(same).map(of_execution).chain(splits).collect()
    }

    fn held(&self, symbol: &Symbol, before: Timestamp) -> Vec<(SleeveId, Qty)> {
        let mut held: BTreeMap<SleeveId, Qty> = BTreeMap::new();
        for entry in self.entries.values().filter(|entry| entry.effective_at < before) {
            for leg in entry.postings.iter().filter(|leg| leg.account.symbol() == Some(symbol)) {
                *held.entry(leg.sleeve).or_default() += leg.qty;
            }
        }
        held.into_iter().filter(|(_, qty)| !qty.is_zero()).collect()
    }

    fn traded(&self, symbol: Option<&Symbol>, from: Timestamp, until: Timestamp) -> Vec<Traded> {
        let counts = |row: &&ExecutionRow| {
            symbol.is_none_or(|symbol| *symbol == row.symbol)
                && (from..until).contains(&row.at)
                && row.source.is_trade()
                && !self.corrections.contains_key(&row.execution_id)
        };
        let mut traded: BTreeMap<(SleeveId, Side), Traded> = BTreeMap::new();
        for row in self.executions.values().filter(counts) {
            let (sleeve, side) = (row.sleeve, row.side);
            let (qty, value) = (Qty::ZERO, Money::ZERO);
            let nothing = Traded { sleeve, side, executions: 0, qty, value };
            let sum = traded.entry((sleeve, side)).or_insert(nothing);
            sum.executions += 1;
            sum.qty += row.qty;
            sum.value += row.price.value_of(row.qty);
        }
        traded.into_values().collect()
    }

    fn holding(&self, sleeve: SleeveId, symbol: &Symbol) -> Option<HoldingHistory> {
        let mut rows = HoldingRows::default();
        for row in self.executions.values() {
            if (row.sleeve, &row.symbol) == (sleeve, symbol) {
                let order = row.order.and_then(|id| self.orders.get(&id)).cloned();
                let (reason, lot) = order.unwrap_or_default();
                rows.executions.push((row.clone(), reason, lot));
                rows.corrections.extend(self.corrections.get(&row.execution_id).cloned());
            }
        }
        for change in &self.changes {
            if (change.lot.sleeve, &change.lot.symbol) == (sleeve, symbol)
                && let Some(entry) = self.entries.get(&change.entry)
            {
                let EntryRow { kind, effective_at, ratio, .. } = *entry;
                rows.changes.push((change.clone(), ChangeCause { kind, effective_at, ratio }));
            }
        }
        let of = |trip: &&RoundTripRow| {
            (trip.sleeve, &trip.symbol) == (sleeve, symbol) && !self.void.contains(&trip.id)
        };
        rows.round_trips = self.round_trips.iter().filter(of).cloned().collect();
        rows.history()
    }
}

impl ExecutionSource {
    /// Whether it is a trade at a market: of the broker, or of a file of fills.
    #[must_use]
    pub const fn is_trade(self) -> bool {
        matches!(self, Self::Stream | Self::Activity | Self::Import)
    }
}
