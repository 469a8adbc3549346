//! A joined group of rows, sorted by table.

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use std::collections::BTreeMap;
use std::sync::Arc;

use stockade_core::Symbol;
use stockade_core::id::{BreakId, LotId, OrderId, SleeveId};
use stockade_core::instrument::Instrument;
use stockade_core::row::{
    AccountRow, ActivityRow, BotEventRow, BotRow, BreakRow, CorrectionRow, EntryRow, EquityRow,
    ExecutionRow, InputRow, LotChangeRow, LotRow, MarkRow, OrderChangeRow, OrderRow, PositionRow,
    RefusalRow, RoundTripRow, RoundTripVoidRow, Row, SleeveRow, SnapshotRow,
};

use super::appended::{self, Leg};
use super::keyed;
use super::table::{Form, Mode, Shape, Statements, Table};
use super::value::{EncodeError, big};

/// A statement and its arguments.
pub(crate) type Encoded = (Arc<str>, PgArguments);

/// Rows by table; of keyed kinds the last one of each key.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    account: Option<&'a AccountRow>,
    instruments: BTreeMap<&'a Symbol, &'a Instrument>,
    sleeves: BTreeMap<SleeveId, &'a SleeveRow>,
    positions: BTreeMap<(SleeveId, &'a Symbol), &'a PositionRow>,
    lots: BTreeMap<LotId, &'a LotRow>,
    orders: BTreeMap<OrderId, &'a OrderRow>,
    marks: BTreeMap<&'a Symbol, &'a MarkRow>,
    breaks: BTreeMap<BreakId, &'a BreakRow>,
    bots: BTreeMap<SleeveId, &'a BotRow>,
    snapshots: BTreeMap<SleeveId, &'a SnapshotRow>,
    activities: BTreeMap<&'a str, &'a ActivityRow>,
    round_trips: Vec<&'a RoundTripRow>,
    round_trip_voids: Vec<&'a RoundTripVoidRow>,
    lot_changes: Vec<&'a LotChangeRow>,
    order_changes: Vec<&'a OrderChangeRow>,
    corrections: Vec<&'a CorrectionRow>,
    prices: Vec<&'a MarkRow>,
    executions: Vec<&'a ExecutionRow>,
    entries: Vec<&'a EntryRow>,
    legs: Vec<Leg>,
    equity: Vec<&'a EquityRow>,
    inputs: Vec<&'a InputRow>,
    refusals: Vec<&'a RefusalRow>,
    bot_events: Vec<&'a BotEventRow>,
}

impl<'a> Batch<'a> {
    /// Takes rows in order.
    pub(crate) fn new(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut batch = Self::default();
        for row in rows {
            batch.push(row);
        }
        batch
    }

    fn push(&mut self, row: &'a Row) {
        match row {
            Row::Account(row) => self.account = Some(row),
            Row::Instrument(row) => drop(self.instruments.insert(&row.symbol, row)),
            Row::Sleeve(row) => drop(self.sleeves.insert(row.id, row)),
            Row::Position(row) => drop(self.positions.insert((row.sleeve, &row.symbol), row)),
            Row::Lot(row) => drop(self.lots.insert(row.id, row)),
            Row::RoundTrip(row) => self.round_trips.push(row),
            Row::Order(row) => drop(self.orders.insert(row.id, row)),
            Row::Execution(row) => self.executions.push(row),
            Row::Entry(row) => {
                self.entries.push(row);
                let legs = row.postings.iter().cloned().enumerate();
                self.legs.extend(legs.map(|(leg, posting)| Leg { entry: row.id, leg, posting }));
            }
            Row::Mark(row) => drop(self.marks.insert(&row.symbol, row)),
            Row::Price(row) => self.prices.push(row),
            Row::LotChange(row) => self.lot_changes.push(row),
            Row::OrderChange(row) => self.order_changes.push(row),
            Row::RoundTripVoid(row) => self.round_trip_voids.push(row),
            Row::Correction(row) => self.corrections.push(row),
            Row::Activity(row) => drop(self.activities.insert(&row.activity.id, row)),
            Row::Equity(row) => self.equity.push(row),
            Row::Input(row) => self.inputs.push(row),
            Row::Refusal(row) => self.refusals.push(row),
            Row::Break(row) => drop(self.breaks.insert(row.id, row)),
            Row::Bot(row) => drop(self.bots.insert(row.sleeve, row)),
            Row::Snapshot(row) => drop(self.snapshots.insert(row.sleeve, row)),
            Row::BotEvent(row) => self.bot_events.push(row),
        }
    }

    /// The statement for a commit with this sequence.
    pub(crate) fn encode(
        &self,
        mode: Mode,
        statements: &mut Statements,
        account: &str,
        epoch: u64,
        sequence: u64,
    ) -> Result<Encoded, EncodeError> {
        if let Some(row) = self.account.filter(|row| row.label.as_str() != account) {
            let (found, expected) = (row.label.to_string(), account.to_owned());
            return Err(EncodeError::OtherAccount { found, expected });
        }
        let mut writing = Writing::default();
        self.write(&mut writing);
        let form = if writing.most > 1 { Form::Many } else { Form::One };
        let mut arguments = PgArguments::default();
        arguments.add(account.to_owned()).map_err(EncodeError::encoding)?;
        arguments.add(big(epoch)?).map_err(EncodeError::encoding)?;
        arguments.add(big(sequence)?).map_err(EncodeError::encoding)?;
        for part in &writing.parts {
            (part.bind)(form, &mut arguments)?;
        }
        let shapes = writing.parts.iter().map(|part| part.shape);
        Ok((statements.get(mode, form, writing.mask, shapes), arguments))
    }

    fn write<'b>(&'b self, writing: &mut Writing<'b>) {
        writing.table(&keyed::ACCOUNT, self.account);
        writing.table(&keyed::INSTRUMENT, self.instruments.values().copied());
        writing.table(&keyed::SLEEVE, self.sleeves.values().copied());
        writing.table(&keyed::POSITION, self.positions.values().copied());
        writing.table(&keyed::LOT, self.lots.values().copied());
        writing.table(&keyed::ORDER, self.orders.values().copied());
        writing.table(&keyed::MARK, self.marks.values().copied());
        writing.table(&keyed::BREAK, self.breaks.values().copied());
        writing.table(&keyed::BOT, self.bots.values().copied());
        writing.table(&keyed::SNAPSHOT, self.snapshots.values().copied());
        writing.table(&keyed::ACTIVITY, self.activities.values().copied());
        writing.table(&appended::ENTRY, self.entries.iter().copied());
        writing.table(&appended::POSTING, &self.legs);
        writing.table(&appended::EXECUTION, self.executions.iter().copied());
        writing.table(&appended::ROUND_TRIP, self.round_trips.iter().copied());
        writing.table(&appended::ROUND_TRIP_VOID, self.round_trip_voids.iter().copied());
        writing.table(&appended::LOT_CHANGE, self.lot_changes.iter().copied());
        writing.table(&appended::ORDER_CHANGE, self.order_changes.iter().copied());
        writing.table(&appended::CORRECTION, self.corrections.iter().copied());
        writing.table(&appended::PRICE, self.prices.iter().copied());
        writing.table(&appended::EQUITY, self.equity.iter().copied());
        writing.table(&appended::INPUT, self.inputs.iter().copied());
        writing.table(&appended::REFUSAL, self.refusals.iter().copied());
        writing.table(&appended::BOT_EVENT, self.bot_events.iter().copied());
    }
}

/// A statement in the making.
#[derive(Default)]
struct Writing<'b> {
    parts: Vec<Part<'b>>,
    mask: u32,
    seen: u32,
    /// Rows of the table that has most.
    most: usize,
}

/// Binds the rows of a table, whose kind is forgotten.
type BindPart<'b> = Box<dyn Fn(Form, &mut PgArguments) -> Result<(), EncodeError> + 'b>;

/// What of a table is written.
struct Part<'b> {
    shape: Shape,
    bind: BindPart<'b>,
}

impl<'b> Writing<'b> {
    fn table<R>(&mut self, table: &'static Table<R>, rows: impl IntoIterator<Item = &'b R>) {
        let bit = 1 << self.seen;
        self.seen += 1;
        let rows: Vec<&'b R> = rows.into_iter().collect();
        if rows.is_empty() {
            return;
        }
        self.mask |= bit;
        self.most = self.most.max(rows.len());
        let bind = Box::new(move |form, arguments: &mut _| (table.bind)(form, &rows, arguments));
        self.parts.push(Part { shape: table.shape(), bind });
    }
}
