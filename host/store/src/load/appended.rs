//! The rows that are only ever added to: for comparisons, exports and replays. A desk needs none
//! of them.

use std::collections::BTreeMap;

use stockade_core::desk::Event;
use stockade_core::id::{EntryId, InputIndex, LotId, OrderId, RoundTripId, SleeveId};
use stockade_core::ledger::{EntryKind, LedgerAccount, Posting};
use stockade_core::row::{BotEventRow, EntryRow, EquityRow, ExecutionRow, RoundTripRow};
use stockade_core::{Now, Qty};

use super::all;
use super::fields::Fields;
use crate::error::StoreError;
use crate::store::Store;

const INPUTS: &str = "SELECT * FROM stockade.input WHERE account = $1 ORDER BY index";
const ENTRIES: &str = "SELECT * FROM stockade.entry WHERE account = $1 ORDER BY id";
const POSTINGS: &str = "SELECT * FROM stockade.posting WHERE account = $1 ORDER BY entry, leg";
const EXECUTIONS: &str =
    "SELECT * FROM stockade.execution WHERE account = $1 ORDER BY entry, execution_id";
const ROUND_TRIPS: &str = "SELECT * FROM stockade.round_trip WHERE account = $1 ORDER BY id";
const EQUITY: &str =
    "SELECT * FROM stockade.equity WHERE account = $1 ORDER BY sleeve, at_ns, session_close";
const BOT_EVENTS: &str = "SELECT * FROM stockade.bot_event WHERE account = $1 ORDER BY id";

/// An input as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedInput {
    /// Its place in the order of things.
    pub index: InputIndex,
    /// The lease epoch of its transaction.
    pub epoch: u64,
    /// Its times.
    pub now: Now,
    /// What kind of event it was.
    pub kind: String,
    /// The event.
    pub event: Event,
}

/// Opens a connection for reads; the caller's statement is the only one on it.
macro_rules! read_all {
    ($store:expr, $label:expr, $sql:expr, $table:literal, $read:expr) => {{
        let mut connection =
            $store.reads().acquire().await.map_err(StoreError::database("connecting"))?;
        all(&mut connection, $label, $sql, $table, $read).await
    }};
}

impl Store {
    /// All recorded inputs of an account, in order.
    ///
    /// # Errors
    /// A failing database; a row that the core's types don't take. So for the other readers here.
    pub async fn inputs(&self, label: &str) -> Result<Vec<RecordedInput>, StoreError> {
        read_all!(self, label, INPUTS, "input", input)
    }

    /// The journal of an account, in order.
    ///
    /// # Errors
    /// As [`Store::inputs`].
    pub async fn entries(&self, label: &str) -> Result<Vec<EntryRow>, StoreError> {
        let postings = read_all!(self, label, POSTINGS, "posting", posting)?;
        let mut legs: BTreeMap<EntryId, Vec<Posting>> = BTreeMap::new();
        for (entry, posting) in postings {
            legs.entry(entry).or_default().push(posting);
        }
        let mut entries = read_all!(self, label, ENTRIES, "entry", entry)?;
        for entry in &mut entries {
            entry.postings = legs.remove(&entry.id).unwrap_or_default();
        }
        Ok(entries)
    }

    /// All executions of an account, in the journal's order.
    ///
    /// # Errors
    /// As [`Store::inputs`].
    pub async fn executions(&self, label: &str) -> Result<Vec<ExecutionRow>, StoreError> {
        read_all!(self, label, EXECUTIONS, "execution", execution)
    }

    /// All round trips of an account, in order.
    ///
    /// # Errors
    /// As [`Store::inputs`].
    pub async fn round_trips(&self, label: &str) -> Result<Vec<RoundTripRow>, StoreError> {
        read_all!(self, label, ROUND_TRIPS, "round_trip", round_trip)
    }

    /// The equity curves of an account, by sleeve and time.
    ///
    /// # Errors
    /// As [`Store::inputs`].
    pub async fn equity(&self, label: &str) -> Result<Vec<EquityRow>, StoreError> {
        read_all!(self, label, EQUITY, "equity", equity)
    }

    /// What happened to the bots of an account, in order.
    ///
    /// # Errors
    /// As [`Store::inputs`].
    pub async fn bot_events(&self, label: &str) -> Result<Vec<BotEventRow>, StoreError> {
        read_all!(self, label, BOT_EVENTS, "bot_event", bot_event)
    }
}

fn input(f: &Fields<'_>) -> Result<RecordedInput, StoreError> {
    Ok(RecordedInput {
        index: InputIndex(f.big("index")?),
        epoch: f.big("epoch")?,
        now: Now { market: f.time("market_ns")?, machine: f.time("machine_ns")? },
        kind: f.get("kind")?,
        event: f.json("body")?,
    })
}

pub(crate) fn entry(f: &Fields<'_>) -> Result<EntryRow, StoreError> {
    Ok(EntryRow {
        id: EntryId(f.big("id")?),
        at: f.time("at_ns")?,
        kind: f.word::<EntryKind>("kind")?,
        memo: f.get("memo")?,
        execution_id: f.shared_if("execution_id")?,
        source_id: f.shared_if("source_id")?,
        corrects: f.big_if("corrects")?.map(EntryId),
        effective_at: f.time("effective_ns")?,
        ratio: f.decimal_if("ratio")?,
        postings: Vec::new(),
        link: f.link("link")?,
    })
}

pub(crate) fn posting(f: &Fields<'_>) -> Result<(EntryId, Posting), StoreError> {
    let kind: &str = f.get("ledger")?;
    let account = match (kind, f.symbol_if("symbol")?) {
        ("cash", None) => LedgerAccount::Cash,
        ("position", Some(symbol)) => LedgerAccount::Position(symbol),
        ("capital", None) => LedgerAccount::Capital,
        ("realised", None) => LedgerAccount::Realised,
        ("fees", None) => LedgerAccount::Fees,
        ("dividends", None) => LedgerAccount::Dividends,
        ("interest", None) => LedgerAccount::Interest,
        ("rounding", None) => LedgerAccount::Rounding,
        (other, _) => {
            return Err(f.bad("ledger", format!("\"{other}\" is no account of the ledger")));
        }
    };
    let sleeve = SleeveId(f.big("sleeve")?);
    let posting = Posting { sleeve, account, amount: f.money("amount")?, qty: f.qty("qty")? };
    Ok((EntryId(f.big("entry")?), posting))
}

pub(crate) fn execution(f: &Fields<'_>) -> Result<ExecutionRow, StoreError> {
    Ok(ExecutionRow {
        execution_id: f.shared("execution_id")?,
        sleeve: SleeveId(f.big("sleeve")?),
        order: f.big_if("order_id")?.map(OrderId),
        broker_order_id: f.shared("broker_order_id")?,
        symbol: f.symbol("symbol")?,
        side: f.word("side")?,
        qty: f.qty("qty")?,
        price: f.price("price")?,
        fee: f.money("fee")?,
        fee_qty: f.qty("fee_qty")?,
        cumulative_qty: f.decimal_if("cumulative_qty")?.map(Qty::new),
        at: f.time("at_ns")?,
        entry: EntryId(f.big("entry")?),
        source: f.word("source")?,
    })
}

pub(crate) fn round_trip(f: &Fields<'_>) -> Result<RoundTripRow, StoreError> {
    Ok(RoundTripRow {
        id: RoundTripId(f.big("id")?),
        sleeve: SleeveId(f.big("sleeve")?),
        symbol: f.symbol("symbol")?,
        side: f.word("side")?,
        lot: LotId(f.big("lot")?),
        qty: f.qty("qty")?,
        entry_time: f.time("entry_ns")?,
        entry_price: f.price("entry_price")?,
        exit_time: f.time("exit_ns")?,
        exit_price: f.price("exit_price")?,
        gross: f.money("gross")?,
        opening_fee: f.money("opening_fee")?,
        closing_fee: f.money("closing_fee")?,
        net: f.money("net")?,
        cost: f.money("cost")?,
        exit_reason: f.shared_if("exit_reason")?,
        exit_execution_id: f.shared("exit_execution_id")?,
        entry: EntryId(f.big("entry")?),
    })
}

fn equity(f: &Fields<'_>) -> Result<EquityRow, StoreError> {
    Ok(EquityRow {
        sleeve: SleeveId(f.big("sleeve")?),
        at: f.time("at_ns")?,
        cash: f.money("cash")?,
        market_value: f.money("market_value")?,
        exposure: f.money("exposure")?,
        net_capital: f.money("net_capital")?,
        realised: f.money("realised")?,
        session_close: Some(f.int("session_close")?).filter(|day| *day != 0),
    })
}

fn bot_event(f: &Fields<'_>) -> Result<BotEventRow, StoreError> {
    Ok(BotEventRow {
        sleeve: SleeveId(f.big("sleeve")?),
        generation: f.big("generation")?,
        at: f.time("at_ns")?,
        kind: f.get("kind")?,
        message: f.get("message")?,
    })
}
