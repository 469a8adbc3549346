//! The simulator's database: rows as bytes, kept by key or appended, all of a group or none.
//!
//! What comes back has been through encoding and [`Desk::restore`], as after any start of the host.
//!
//! [`Desk::restore`]: stockade_core::desk::Desk::restore

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stockade_core::desk::{BooksAnswer, HoldingHistory, HoldingRows, Question, Traded};
use stockade_core::id::{BreakId, EntryId, LotId, RoundTripId};
use stockade_core::order::Side;
use stockade_core::row::{
    ActivityState, CorrectionRow, EntryRow, ExecutionKey, ExecutionRow, ExecutionSource,
    LotChangeRow, OrderRow, RoundTripRow, Row, Rows,
};
use stockade_core::{Money, OrderId, Qty, SleeveId, Symbol};

/// The key of a row that replaces the one before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Account,
    Instrument(Symbol),
    Sleeve(SleeveId),
    Position(SleeveId, Symbol),
    Lot(LotId),
    Order(OrderId),
    Mark(Symbol),
    Break(BreakId),
    Bot(SleeveId),
    Snapshot(SleeveId),
    Activity(Arc<str>),
}

/// Why bytes made no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("a row can't be read back: {0}")]
    Decode(#[from] serde_json::Error),
    #[error("there is no account row")]
    NoAccount,
}

/// All tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    kept: BTreeMap<Key, Vec<u8>>,
    executions: Vec<Vec<u8>>,
    corrections: Vec<CorrectionRow>,
    round_trips: Vec<RoundTripRow>,
    void: BTreeSet<RoundTripId>,
    changes: Vec<LotChangeRow>,
    entries: BTreeMap<EntryId, EntryRow>,
}

impl Tables {
    /// The tables of a new account.
    pub(crate) fn new(rows: &Rows) -> Result<Self, TableError> {
        let mut tables = Self::default();
        let group = rows.to_rows().into_iter().map(|row| encode(&row).map(|bytes| (row, bytes)));
        tables.commit(&group.collect::<Result<Vec<_>, _>>()?);
        Ok(tables)
    }

    /// Takes a group of rows with their bytes.
    pub(crate) fn commit(&mut self, group: &[(Row, Vec<u8>)]) {
        for (row, bytes) in group {
            if let Some(key) = key_of(row) {
                self.kept.insert(key, bytes.clone());
                continue;
            }
            match row {
                Row::Execution(_) => self.executions.push(bytes.clone()),
                Row::Correction(row) => self.corrections.push(row.clone()),
                Row::RoundTrip(row) => self.round_trips.push(row.clone()),
                Row::RoundTripVoid(row) => drop(self.void.insert(row.round_trip)),
                Row::LotChange(row) => self.changes.push(row.clone()),
                Row::Entry(row) => drop(self.entries.insert(row.id, row.clone())),
                _ => {}
            }
        }
    }

    /// An order as it was last committed.
    pub(crate) fn order(&self, id: OrderId) -> Result<Option<OrderRow>, TableError> {
        let Some(bytes) = self.kept.get(&Key::Order(id)) else {
            return Ok(None);
        };
        match serde_json::from_slice(bytes)? {
            Row::Order(order) => Ok(Some(*order)),
            _ => Ok(None),
        }
    }

    /// What the books say of the past.
    pub(crate) fn answer(&self, question: &Question) -> Result<BooksAnswer, TableError> {
        let mut executions = Vec::new();
        for bytes in &self.executions {
            if let Row::Execution(row) = serde_json::from_slice(bytes)? {
                executions.push(row);
            }
        }
        Ok(match question {
            Question::Held { activity, symbol, before } => {
                let mut held: BTreeMap<SleeveId, Qty> = BTreeMap::new();
                for entry in self.entries.values().filter(|entry| entry.effective_at < *before) {
                    for leg in &entry.postings {
                        if leg.account.symbol() == Some(symbol) {
                            *held.entry(leg.sleeve).or_default() += leg.qty;
                        }
                    }
                }
                let held = held.into_iter().filter(|(_, qty)| !qty.is_zero()).collect();
                BooksAnswer::Held { activity: activity.clone(), held }
            }
            Question::Traded { activity, symbol, from, until } => {
                let gone = |id: &str| self.corrections.iter().any(|row| &*row.execution_id == id);
                let mut traded: BTreeMap<(SleeveId, Side), Traded> = BTreeMap::new();
                for row in executions.into_iter().filter(|row| {
                    symbol.as_ref().is_none_or(|symbol| *symbol == row.symbol)
                        && (*from..*until).contains(&row.at)
                        && matches!(row.source, ExecutionSource::Stream | ExecutionSource::Activity)
                        && !gone(&row.execution_id)
                }) {
                    let nothing = Traded {
                        sleeve: row.sleeve,
                        side: row.side,
                        executions: 0,
                        qty: Qty::ZERO,
                        value: Money::ZERO,
                    };
                    let sum = traded.entry((row.sleeve, row.side)).or_insert(nothing);
                    sum.executions += 1;
                    sum.qty += row.qty;
                    sum.value += row.price.value_of(row.qty);
                }
                let traded = traded.into_values().collect();
                BooksAnswer::Traded { activity: activity.clone(), traded }
            }
            Question::Holding { execution_id } => {
                let history = self.holding(executions, execution_id)?.map(Box::new);
                BooksAnswer::Holding { execution_id: execution_id.clone(), history }
            }
        })
    }

    fn holding(
        &self,
        executions: Vec<ExecutionRow>,
        execution_id: &str,
    ) -> Result<Option<HoldingHistory>, TableError> {
        let owner = executions.iter().find(|row| &*row.execution_id == execution_id);
        let Some((sleeve, symbol)) = owner.map(|row| (row.sleeve, row.symbol.clone())) else {
            return Ok(None);
        };
        let mut rows = HoldingRows::default();
        for row in executions {
            if (row.sleeve, &row.symbol) == (sleeve, &symbol) {
                let order = row.order.map(|id| self.order(id)).transpose()?.flatten();
                rows.executions.push((row, order.and_then(|order| order.reason)));
            }
        }
        let ids: BTreeSet<&str> =
            rows.executions.iter().map(|(row, _)| &*row.execution_id).collect();
        rows.corrections = self
            .corrections
            .iter()
            .filter(|row| ids.contains(&*row.execution_id))
            .cloned()
            .collect();
        let of = |lot: &stockade_core::row::LotRow| (lot.sleeve, &lot.symbol) == (sleeve, &symbol);
        for change in self.changes.iter().filter(|change| of(&change.lot)) {
            let kind = self.entries.get(&change.entry).map(|entry| entry.kind);
            rows.changes.extend(kind.map(|kind| (change.clone(), kind)));
        }
        rows.round_trips = self
            .round_trips
            .iter()
            .filter(|trip| (trip.sleeve, &trip.symbol) == (sleeve, &symbol))
            .filter(|trip| !self.void.contains(&trip.id))
            .cloned()
            .collect();
        Ok(rows.since(execution_id))
    }

    /// Everything that a desk is made of.
    pub(crate) fn load(&self) -> Result<Rows, TableError> {
        let mut account = None;
        let (mut instruments, mut sleeves, mut positions, mut lots) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut orders, mut marks, mut breaks, mut bots) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut activities, mut settled) = (Vec::new(), Vec::new());
        for bytes in self.kept.values() {
            match serde_json::from_slice(bytes)? {
                Row::Account(row) => account = Some(*row),
                Row::Instrument(row) => instruments.push(row),
                Row::Sleeve(row) => sleeves.push(*row),
                Row::Position(row) if !row.qty.is_zero() => positions.push(row),
                Row::Lot(row) if !row.remaining.is_zero() => lots.push(row),
                Row::Order(row) => orders.push(*row),
                Row::Mark(row) => marks.push(row),
                Row::Break(row) if row.resolved_at.is_none() => breaks.push(row),
                Row::Bot(row) => bots.push(*row),
                Row::Activity(row) => match row.state {
                    ActivityState::Pending | ActivityState::Flagged => activities.push(*row),
                    ActivityState::Booked | ActivityState::Ignored => settled.push(row.activity.id),
                },
                _ => {}
            }
        }
        let mut executions = Vec::new();
        for bytes in &self.executions {
            if let Row::Execution(row) = serde_json::from_slice(bytes)? {
                executions.push(ExecutionKey {
                    execution_id: row.execution_id.to_string(),
                    broker_order_id: row.broker_order_id.to_string(),
                    cumulative_qty: row.cumulative_qty,
                });
            }
        }
        settled.extend(self.corrections.iter().map(|row| row.execution_id.clone()));
        let account = account.ok_or(TableError::NoAccount)?;
        Ok(Rows {
            account,
            instruments,
            sleeves,
            positions,
            lots,
            orders,
            executions,
            marks,
            breaks,
            bots,
            activities,
            settled,
        })
    }
}

/// A row's bytes. Of an input only its place is kept: the desk never reads it back.
pub(crate) fn encode(row: &Row) -> Result<Vec<u8>, TableError> {
    match row {
        Row::Input(input) => {
            Ok(format!("{} {} {}", input.index, input.kind, input.now.market.0).into_bytes())
        }
        other => Ok(serde_json::to_vec(other)?),
    }
}

fn key_of(row: &Row) -> Option<Key> {
    Some(match row {
        Row::Account(_) => Key::Account,
        Row::Instrument(row) => Key::Instrument(row.symbol.clone()),
        Row::Sleeve(row) => Key::Sleeve(row.id),
        Row::Position(row) => Key::Position(row.sleeve, row.symbol.clone()),
        Row::Lot(row) => Key::Lot(row.id),
        Row::Order(row) => Key::Order(row.id),
        Row::Mark(row) => Key::Mark(row.symbol.clone()),
        Row::Break(row) => Key::Break(row.id),
        Row::Bot(row) => Key::Bot(row.sleeve),
        Row::Snapshot(row) => Key::Snapshot(row.sleeve),
        Row::Activity(row) => Key::Activity(row.activity.id.clone()),
        Row::RoundTrip(_)
        | Row::Execution(_)
        | Row::Entry(_)
        | Row::Equity(_)
        | Row::Input(_)
        | Row::Refusal(_)
        | Row::Price(_)
        | Row::LotChange(_)
        | Row::OrderChange(_)
        | Row::RoundTripVoid(_)
        | Row::Correction(_)
        | Row::BotEvent(_) => return None,
    })
}
