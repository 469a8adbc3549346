//! The simulator's database: rows as bytes, kept by key or appended, all of a group or none.
//!
//! What comes back has been through encoding and [`Desk::restore`], as after any start of the host.
//!
//! [`Desk::restore`]: stockade_core::desk::Desk::restore

use std::collections::BTreeMap;
use std::sync::Arc;

use stockade_core::desk::{BooksAnswer, Past, Question};
use stockade_core::id::{BreakId, LotId};
use stockade_core::row::{AccountRow, ActivityState, ExecutionKey, OrderRow, Row, Rows};
use stockade_core::{OrderId, SleeveId, Symbol, Timestamp};

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
    past: Past,
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
            self.past.take(row);
            if let Row::Execution(_) = row {
                self.executions.push(bytes.clone());
            } else if let Some(key) = key_of(row) {
                self.kept.insert(key, bytes.clone());
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
    pub(crate) fn answer(&self, question: &Question) -> BooksAnswer {
        self.past.answer(question)
    }

    /// Everything that a desk is made of; executions since a time that the account's row gives.
    pub(crate) fn load(
        &self,
        since: impl Fn(&AccountRow) -> Timestamp,
    ) -> Result<Rows, TableError> {
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
        let account = account.ok_or(TableError::NoAccount)?;
        let remembered_since = since(&account);
        let mut executions = Vec::new();
        for bytes in &self.executions {
            if let Row::Execution(row) = serde_json::from_slice(bytes)?
                && row.at >= remembered_since
            {
                executions.push(ExecutionKey {
                    execution_id: row.execution_id.to_string(),
                    broker_order_id: row.broker_order_id.to_string(),
                    cumulative_qty: row.cumulative_qty,
                });
            }
        }
        settled.extend(self.past.corrected().cloned());
        Ok(Rows {
            account,
            instruments,
            sleeves,
            positions,
            lots,
            orders,
            executions,
            remembered_since,
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
