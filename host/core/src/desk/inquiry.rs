//! What the desk asks of the books: the past, which it does not keep in memory.
//!
//! A question is an action like any other: it is asked when the rows before it are committed, so
//! that its answer knows of everything that the desk knew. The answer comes back as
//! [`super::Event::Books`] and is a money input. The store answers in SQL, the simulator from its
//! rows.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::decimal::{Money, Qty};
use crate::id::{EntryId, LotId, SleeveId, Symbol};
use crate::ledger::EntryKind;
use crate::order::Side;
use crate::row::{CorrectionRow, ExecutionRow, LotChangeRow, LotRow, RoundTripRow};
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
    /// Everything that happened to a holding since an execution of it was booked.
    Holding {
        /// The execution.
        execution_id: Arc<str>,
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
    /// To [`Question::Holding`]; `None` where no such execution is booked.
    Holding {
        /// The execution.
        execution_id: Arc<str>,
        /// What happened since.
        history: Option<Box<HoldingHistory>>,
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

/// What happened to a sleeve's holding of a symbol from an execution on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingHistory {
    /// The sleeve.
    pub sleeve: SleeveId,
    /// The holding's open lots as they stood before the first of `since`.
    pub before: Vec<LotRow>,
    /// Everything since, in the order of the journal, the execution itself among it. What stands in
    /// the place of a corrected execution has that one's place.
    pub since: Vec<HoldingEvent>,
    /// Round trips closed since, that nothing has taken back.
    pub round_trips: Vec<RoundTripRow>,
    /// Every lot that an entry since then has changed, as it is now: an answer whose open lots are
    /// not the desk's is older than the desk, and asked for again.
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
    /// An entry that is no execution: split, transfer, action. It changed these lots.
    Other {
        /// The entry.
        entry: EntryId,
        /// Its kind.
        kind: EntryKind,
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
    /// Its lots as each entry left them, with the kind of the entry.
    pub changes: Vec<(LotChangeRow, EntryKind)>,
    /// Its round trips that nothing has taken back.
    pub round_trips: Vec<RoundTripRow>,
}

impl HoldingRows {
    /// The history since an execution of the holding; `None` where it is not among them.
    #[must_use]
    pub fn since(self, execution_id: &str) -> Option<HoldingHistory> {
        let place = self.places();
        let mut from = *place.get(execution_id)?;
        // What an earlier correction changed after that place was not so when it was booked: the
        // history begins before all of it.
        while let Some(earlier) = self
            .corrections
            .iter()
            .filter(|row| row.entry >= from)
            .filter_map(|row| place.get(&*row.execution_id))
            .min()
            .filter(|at| **at < from)
        {
            from = *earlier;
        }
        let mut before: BTreeMap<LotId, LotRow> = BTreeMap::new();
        let mut lots: BTreeMap<LotId, LotRow> = BTreeMap::new();
        let mut others: BTreeMap<EntryId, (EntryKind, Vec<LotRow>)> = BTreeMap::new();
        let mut changes = self.changes;
        changes.sort_by_key(|(change, _)| change.entry);
        for (change, kind) in changes {
            if change.entry < from {
                before.insert(change.lot.id, change.lot);
                continue;
            }
            if !matches!(kind, EntryKind::Execution | EntryKind::Correction) {
                let other = others.entry(change.entry).or_insert((kind, Vec::new()));
                other.1.push(change.lot.clone());
            }
            lots.insert(change.lot.id, change.lot);
        }
        let gone: BTreeSet<&str> = self.corrections.iter().map(|row| &*row.execution_id).collect();
        let mut events: Vec<(EntryId, HoldingEvent)> = others
            .into_iter()
            .map(|(entry, (kind, lots))| (entry, HoldingEvent::Other { entry, kind, lots }))
            .collect();
        let mut sleeve = None;
        for (execution, reason, lot) in self.executions {
            let at = place[&execution.execution_id];
            if at < from || gone.contains(&*execution.execution_id) {
                continue;
            }
            sleeve = Some(execution.sleeve);
            let execution = Box::new(execution);
            events.push((at, HoldingEvent::Trade { execution, reason, lot }));
        }
        events.sort_by_key(|(at, _)| *at);
        let mut round_trips = self.round_trips;
        round_trips.retain(|trip| trip.entry >= from);
        round_trips.sort_by_key(|trip| trip.id);
        Some(HoldingHistory {
            sleeve: sleeve?,
            before: before.into_values().filter(|lot| lot.remaining.is_positive()).collect(),
            since: events.into_iter().map(|(_, event)| event).collect(),
            round_trips,
            lots: lots.into_values().collect(),
        })
    }

    /// Each execution's place in the journal: its entry's, or that of the one that it replaced.
    fn places(&self) -> BTreeMap<Arc<str>, EntryId> {
        let mut place: BTreeMap<Arc<str>, EntryId> =
            self.executions.iter().map(|(row, ..)| (row.execution_id.clone(), row.entry)).collect();
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
