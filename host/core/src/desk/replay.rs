//! A holding made again from its history, as it was or with a change: an execution taken back, a
//! split that was learnt of late.
//!
//! The desk books the difference between the two. A history that does not lead to the lots that
//! stand is refused: nothing is booked on a guess.

use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::actions::{Received, SpinOff};
use super::inquiry::{HoldingEvent, HoldingHistory};
use crate::broker::Fill;
use crate::decimal::{Money, Qty};
use crate::id::{EntryId, LotId, SleeveId};
use crate::ledger::{Holding, LotMethod, Trade};
use crate::row::{Counters, ExecutionRow, LotRow, RoundTripRow};
use crate::time::Timestamp;

/// What is made otherwise.
pub(super) enum Change<'a> {
    /// An execution never was, or was another.
    Execution { original: &'a ExecutionRow, replacement: Option<&'a Fill> },
    /// There was a split, before the first trade of its day.
    Split { at: Timestamp, ratio: Decimal },
    /// There was a spin-off, before the first trade of its day.
    SpinOff { at: Timestamp, terms: SpinOff },
}

/// A holding that is being played.
pub(super) struct Replay {
    pub(super) holding: Holding,
    method: LotMethod,
    pub(super) counters: Counters,
    /// The entry that books the difference: what is made otherwise is its work.
    pub(super) entry: EntryId,
    /// Every lot that was there at some time, as it is at the end.
    pub(super) lots: BTreeMap<LotId, LotRow>,
    pub(super) round_trips: Vec<RoundTripRow>,
    /// Quantity, cost and fees of what left without a trade.
    taken: Vec<(Qty, Money, Money)>,
    /// What a spin-off gave.
    pub(super) received: Vec<Received>,
}

impl Change<'_> {
    /// From when on it is otherwise, where that is a day and not an execution.
    const fn day(&self) -> Option<Timestamp> {
        match self {
            Self::Execution { .. } => None,
            Self::Split { at, .. } | Self::SpinOff { at, .. } => Some(*at),
        }
    }
}

/// The holding as it was, and as it is with a change.
///
/// # Errors
/// Why it can't be told: a history that does not lead to what stands; shares that were moved at a
/// cost that the change would make another.
pub(super) fn compare(
    history: &HoldingHistory,
    method: LotMethod,
    counters: Counters,
    change: &Change<'_>,
) -> Result<(Replay, Replay), String> {
    let entry = EntryId(counters.entry);
    let new = || Replay {
        holding: Holding::default(),
        method,
        counters,
        entry,
        lots: BTreeMap::new(),
        round_trips: Vec::new(),
        taken: Vec::new(),
        received: Vec::new(),
    };
    let (mut past, mut made) = (new(), new());
    let mut pending = true;
    for event in &history.events {
        let stood = past.lots.clone();
        past.play(history, event, &stood)?;
        if let (Some(at), HoldingEvent::Trade { execution, .. }) = (change.day(), event)
            && pending
            && execution.at >= at
        {
            made.changed(change);
            pending = false;
        }
        match (change, event) {
            (
                Change::Execution { original, replacement },
                HoldingEvent::Trade { execution, reason, lot },
            ) if original.execution_id == execution.execution_id => {
                if let Some(fill) = replacement {
                    made.trade(history, execution, fill, entry, (reason, *lot));
                }
            }
            _ => made.play(history, event, &stood)?,
        }
    }
    if pending {
        made.changed(change);
    }
    let stands = |lots: &mut dyn Iterator<Item = &LotRow>| -> BTreeMap<LotId, LotRow> {
        let open = lots.filter(|lot| lot.remaining.is_positive());
        open.map(|lot| (lot.id, lot.clone())).collect()
    };
    if stands(&mut past.holding.lots()) != stands(&mut history.lots.iter()) {
        return Err("what was booked out of its order in time can't be made again".to_owned());
    }
    if past.taken != made.taken {
        return Err("shares of the holding were moved since at a cost that it changes".to_owned());
    }
    Ok((past, made))
}

impl Replay {
    pub(super) fn gross(&self) -> Money {
        self.round_trips.iter().map(|trip| trip.gross).sum()
    }

    pub(super) fn net(&self) -> Money {
        self.round_trips.iter().map(|trip| trip.net).sum()
    }

    /// Plays one event; `stood` are the lots of the past before it.
    fn play(
        &mut self,
        history: &HoldingHistory,
        event: &HoldingEvent,
        stood: &BTreeMap<LotId, LotRow>,
    ) -> Result<(), String> {
        match event {
            HoldingEvent::Trade { execution, reason, lot } => {
                let fill = fill_of(execution);
                self.trade(history, execution, &fill, execution.entry, (reason, *lot));
                Ok(())
            }
            HoldingEvent::Split { ratio } => {
                self.split(*ratio);
                Ok(())
            }
            HoldingEvent::Other { lots } => self.moved(stood, lots),
        }
    }

    /// Makes what a change of a day makes.
    fn changed(&mut self, change: &Change<'_>) {
        match change {
            Change::Execution { .. } => {}
            Change::Split { ratio, .. } => self.split(*ratio),
            Change::SpinOff { terms, .. } => {
                let mut lots: Vec<LotRow> = self.holding.lots().cloned().collect();
                self.received = terms.of(&mut lots);
                self.lots.extend(lots.iter().map(|lot| (lot.id, lot.clone())));
                self.holding = Holding::from_lots(lots);
            }
        }
    }

    fn split(&mut self, ratio: Decimal) {
        for lot in self.holding.split(ratio) {
            self.lots.insert(lot.id, lot);
        }
    }

    fn trade(
        &mut self,
        history: &HoldingHistory,
        row: &ExecutionRow,
        fill: &Fill,
        entry: EntryId,
        (reason, lot): (&Option<Arc<str>>, Option<LotId>),
    ) {
        let execution_id: Arc<str> = fill.execution_id.as_str().into();
        let mut trade = trade_of(row, fill, &execution_id, entry, self.method);
        (trade.reason, trade.lot) = (reason.as_ref(), lot);
        // A lot that this execution opened keeps its number.
        let known = history.lots.iter().find(|lot| lot.execution_id == row.execution_id);
        let next = self.counters.lot;
        if let Some(lot) = known.filter(|lot| !self.lots.contains_key(&lot.id)) {
            self.counters.lot = lot.id.0;
        }
        let booking = self.holding.book(&trade, &mut self.counters);
        self.counters.lot = self.counters.lot.max(next);
        for lot in booking.lots {
            self.lots.insert(lot.id, lot);
        }
        self.round_trips.extend(booking.round_trips);
    }

    /// Shares that came or went without a trade.
    fn moved(&mut self, stood: &BTreeMap<LotId, LotRow>, lots: &[LotRow]) -> Result<(), String> {
        for lot in lots {
            let stood = stood.get(&lot.id);
            let before = stood.map_or(Qty::ZERO, |lot| lot.remaining);
            let moved = lot.remaining - before;
            if moved.is_positive() {
                let cost = lot.cost_left - stood.map_or(Money::ZERO, |lot| lot.cost_left);
                let fee = lot.fee_left - stood.map_or(Money::ZERO, |lot| lot.fee_left);
                let mut part = lot.clone();
                if stood.is_some() {
                    (part.qty, part.remaining) = (moved, moved);
                    (part.cost, part.cost_left) = (cost, cost);
                    (part.fee, part.fee_left) = (fee, fee);
                }
                let row = self.holding.take_in(part, self.method);
                self.lots.insert(row.id, row);
            } else if moved.is_negative() {
                if self.holding.qty.abs() < moved.abs() {
                    return Err("more shares were moved since than it leaves".to_owned());
                }
                let (parts, changed) = self.holding.take(moved.abs(), self.method);
                self.taken.extend(parts.into_iter().map(|part| (part.qty, part.cost, part.fee)));
                for lot in changed {
                    self.lots.insert(lot.id, lot);
                }
            } else if stood.is_some_and(|stood| stood != lot) {
                return Err(format!("lot {} was changed by a corporate action since", lot.id));
            }
        }
        Ok(())
    }
}

/// An execution as it was filled.
pub(super) fn fill_of(row: &ExecutionRow) -> Fill {
    Fill {
        execution_id: row.execution_id.to_string(),
        broker_order_id: row.broker_order_id.to_string(),
        client_order_id: None,
        symbol: row.symbol.clone(),
        side: row.side,
        qty: row.qty,
        price: row.price,
        fee: row.fee,
        fee_qty: row.fee_qty,
        cumulative_qty: row.cumulative_qty,
        at: row.at,
    }
}

/// A fill as the ledger takes it, in the place of an execution.
pub(super) fn trade_of<'a>(
    original: &'a ExecutionRow,
    fill: &Fill,
    execution_id: &'a Arc<str>,
    entry: EntryId,
    method: LotMethod,
) -> Trade<'a> {
    let sleeve: SleeveId = original.sleeve;
    Trade {
        sleeve,
        symbol: &original.symbol,
        side: fill.side,
        qty: fill.qty,
        price: fill.price,
        fee: fill.fee,
        fee_qty: fill.fee_qty,
        at: fill.at,
        execution_id,
        entry,
        reason: None,
        method,
        lot: None,
    }
}
