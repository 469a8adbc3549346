//! What the desk asks of the books: the past, which it does not keep in memory.
//!
//! A question is an action like any other: it is asked when the rows before it are committed, so
//! that its answer knows of everything that the desk knew. The answer comes back as
//! [`super::Event::Books`] and is a money input. The store answers in SQL, the simulator from its
//! rows.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::decimal::{Money, Qty};
use crate::id::{EntryId, LotId, SleeveId, Symbol};
use crate::ledger::EntryKind;
use crate::order::Side;
use crate::row::{CorrectionRow, ExecutionKey, ExecutionRow, LotChangeRow, LotRow, RoundTripRow};
use crate::time::Timestamp;

/// A question about the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// Who held how much of a symbol: the sum of all that became effective before a time.
    Held {
        /// The activity that wants to know.
        activity: Arc<str>,
        /// Of what.
        symbol: Symbol,
        /// Before when.
        before: Timestamp,
    },
    /// What each sleeve traded, from a time up to another (not included).
    Traded {
        /// The activity that wants to know.
        activity: Arc<str>,
        /// Of what; `None` for everything.
        symbol: Option<Symbol>,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Which of these executions are booked, by id or by broker order and cumulative quantity.
    Booked {
        /// Executions that the desk does not remember.
        keys: Vec<ExecutionKey>,
    },
    /// Everything that happened to the holding of an execution.
    Holding {
        /// The execution.
        execution_id: Arc<str>,
    },
    /// Everything that happened to the holdings of a symbol that were traded since a time.
    Holdings {
        /// The activity that wants to know.
        activity: Arc<str>,
        /// Of what.
        symbol: Symbol,
        /// From when.
        since: Timestamp,
    },
}

/// What the books say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum BooksAnswer {
    /// To [`Question::Held`]: sleeves that held something, by number.
    Held {
        /// The activity that wanted to know.
        activity: Arc<str>,
        /// Signed quantities, none of them zero.
        held: Vec<(SleeveId, Qty)>,
    },
    /// To [`Question::Traded`].
    Traded {
        /// The activity that wanted to know.
        activity: Arc<str>,
        /// One per sleeve and side that traded, by sleeve.
        traded: Vec<Traded>,
    },
    /// To [`Question::Booked`].
    Booked {
        /// Those that are booked, as they are booked.
        keys: Vec<ExecutionKey>,
    },
    /// To [`Question::Holding`]; `None` where no such execution is booked.
    Holding {
        /// The execution.
        execution_id: Arc<str>,
        /// What happened to its holding.
        history: Option<Box<HoldingHistory>>,
    },
    /// To [`Question::Holdings`], by sleeve.
    Holdings {
        /// The activity that wanted to know.
        activity: Arc<str>,
        /// What happened to each.
        histories: Vec<HoldingHistory>,
    },
}

/// What a sleeve traded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traded {
    /// Which.
    pub sleeve: SleeveId,
    /// Bought or sold.
    pub side: Side,
    /// How many executions.
    pub executions: u64,
    /// How much in all.
    pub qty: Qty,
    /// At what value in all.
    pub value: Money,
}

/// What happened to a sleeve's holding of a symbol, from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingHistory {
    /// The sleeve.
    pub sleeve: SleeveId,
    /// Everything, in the order in which it happened. What stands in the place of a corrected
    /// execution has that one's place; a split that was learnt of late has its ex-date's.
    pub events: Vec<HoldingEvent>,
    /// Round trips that nothing has taken back.
    pub round_trips: Vec<RoundTripRow>,
    /// Every lot, as it is now: an answer whose open lots are not the desk's is older than the
    /// desk, and asked for again.
    pub lots: Vec<LotRow>,
}

/// One thing that happened to a holding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum HoldingEvent {
    /// An execution that nothing has taken back.
    Trade {
        /// It.
        execution: Box<ExecutionRow>,
        /// The reason of its order.
        reason: Option<Arc<str>>,
        /// The lot that its order names.
        lot: Option<LotId>,
    },
    /// A split.
    Split {
        /// New shares for one old share.
        ratio: Decimal,
    },
    /// An entry that is neither: a transfer, an action. It changed these lots.
    Other {
        /// The lots as it left them.
        lots: Vec<LotRow>,
    },
}

/// All rows of one holding: what a [`HoldingHistory`] is made of.
#[derive(Debug, Default)]
pub struct HoldingRows {
    /// Its executions, each with what its order says of reason and lot.
    pub executions: Vec<(ExecutionRow, Option<Arc<str>>, Option<LotId>)>,
    /// Corrections of them.
    pub corrections: Vec<CorrectionRow>,
    /// Its lots as each entry left them, with what the entry says.
    pub changes: Vec<(LotChangeRow, ChangeCause)>,
    /// Its round trips that nothing has taken back.
    pub round_trips: Vec<RoundTripRow>,
}

/// The entry that changed a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeCause {
    /// What it booked.
    pub kind: EntryKind,
    /// When that happened.
    pub effective_at: Timestamp,
    /// New shares for one old share, of a split.
    pub ratio: Option<Decimal>,
}

/// The order of events: when they happened, then the journal's.
type Place = (Timestamp, EntryId);

impl HoldingRows {
    /// The holding's history; `None` where it has no execution.
    #[must_use]
    pub fn history(self) -> Option<HoldingHistory> {
        let sleeve = self.executions.first()?.0.sleeve;
        let place = self.places();
        let gone: BTreeSet<&str> = self.corrections.iter().map(|row| &*row.execution_id).collect();
        let mut events: Vec<(Place, HoldingEvent)> = Vec::new();
        for (execution, reason, lot) in self.executions {
            if !gone.contains(&*execution.execution_id) {
                let at = place[&execution.execution_id];
                let execution = Box::new(execution);
                events.push((at, HoldingEvent::Trade { execution, reason, lot }));
            }
        }
        let mut lots: BTreeMap<LotId, LotRow> = BTreeMap::new();
        let mut others: BTreeMap<EntryId, (ChangeCause, Vec<LotRow>)> = BTreeMap::new();
        let mut changes = self.changes;
        changes.sort_by_key(|(change, _)| change.entry);
        for (change, cause) in changes {
            if !matches!(cause.kind, EntryKind::Execution | EntryKind::Correction) {
                let other = others.entry(change.entry).or_insert((cause, Vec::new()));
                other.1.push(change.lot.clone());
            }
            lots.insert(change.lot.id, change.lot);
        }
        for (entry, (cause, lots)) in others {
            let event = match cause.ratio {
                Some(ratio) => HoldingEvent::Split { ratio },
                None => HoldingEvent::Other { lots },
            };
            events.push(((cause.effective_at, entry), event));
        }
        events.sort_by_key(|(at, _)| *at);
        let mut round_trips = self.round_trips;
        round_trips.sort_by_key(|trip| trip.id);
        Some(HoldingHistory {
            sleeve,
            events: events.into_iter().map(|(_, event)| event).collect(),
            round_trips,
            lots: lots.into_values().collect(),
        })
    }

    /// Each execution's place: its own, or that of the one that it replaced.
    fn places(&self) -> BTreeMap<Arc<str>, Place> {
        let of = |row: &ExecutionRow| (row.at, row.entry);
        let mut place: BTreeMap<Arc<str>, Place> =
            self.executions.iter().map(|(row, ..)| (row.execution_id.clone(), of(row))).collect();
        let mut corrections: Vec<&CorrectionRow> = self.corrections.iter().collect();
        corrections.sort_by_key(|row| row.entry);
        for row in corrections {
            if let (Some(at), Some(new)) = (place.get(&row.execution_id).copied(), &row.replacement)
            {
                place.insert(new.clone(), at);
            }
        }
        place
    }
}
