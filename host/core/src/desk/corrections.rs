//! Trade busts and corrections: an execution that the broker takes back, days later at times.
//!
//! The holding is made again from its history as if the execution had never been (or had been what
//! the broker says now), and the difference is booked: one compensating entry that names the entry
//! it corrects, the lots as they are now, round trips taken back and made anew. Nothing is edited:
//! what was believed before can still be asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::effect::Effects;
use super::fills::Draft;
use super::inquiry::{HoldingEvent, HoldingHistory};
use super::state::Desk;
use crate::broker::{Activity, ActivityKind, Correction, Fill};
use crate::decimal::{Money, Qty, round_half_even};
use crate::id::{EntryId, LotId};
use crate::ledger::{Booking, EntryKind, Holding, LedgerAccount, LotMethod, Posting, Trade};
use crate::limits;
use crate::row::{
    CorrectionRow, Counters, ExecutionKey, ExecutionRow, ExecutionSource, LotRow, RoundTripRow,
    RoundTripVoidRow, Row,
};

/// What a correction is kept under until it is booked.
pub(super) fn correction_id(execution_id: &str) -> Arc<str> {
    format!("correction:{execution_id}").into()
}

impl Desk {
    /// The broker takes an execution back.
    pub(super) fn on_correction(&mut self, correction: &Correction, out: &mut Effects) {
        let id = correction_id(&correction.execution_id);
        let mut activity =
            Activity::new(id, ActivityKind::Correction, correction.at, correction.at);
        activity.takes_back = Some(correction.execution_id.as_str().into());
        activity.symbol = correction.replacement.as_ref().map(|fill| fill.symbol.clone());
        activity.replacement = correction.replacement.clone().map(Box::new);
        self.learn(&activity, out);
    }

    /// Books a correction whose holding's history has come. `Err` says why a person is needed;
    /// `Ok(None)` that the history is older than the desk.
    pub(super) fn correct(
        &mut self,
        activity: &Activity,
        execution_id: &Arc<str>,
        history: &HoldingHistory,
        out: &mut Effects,
    ) -> Result<Option<EntryId>, String> {
        let Some(original) = history.since.iter().find_map(|event| match event {
            HoldingEvent::Trade { execution, .. } if execution.execution_id == *execution_id => {
                Some(execution.as_ref().clone())
            }
            _ => None,
        }) else {
            return Err(format!("execution {execution_id} is corrected already"));
        };
        let sleeve = history.sleeve;
        let instrument = self.instrument_of(&original.symbol, out);
        if !self.is_present(history, instrument) {
            return Ok(None);
        }
        let method = self.sleeves[&sleeve].row.lots;
        let entry = EntryId(self.account.counters.entry);
        // A corrected trade was made when it was made: its lots keep their age.
        let replacement = activity.replacement.as_deref().cloned();
        let replacement = replacement.map(|fill| Fill { at: original.at, ..fill });
        let replacement = replacement.as_ref();
        let mut past = Replay::new(history, method, self.account.counters, entry);
        past.run(history, None)?;
        let mut made = Replay::new(history, method, self.account.counters, entry);
        made.run(history, Some((&original, replacement)))?;
        if past.taken != made.taken {
            return Err(
                "shares of the holding were moved since at a cost that it changes".to_owned()
            );
        }
        let postings = self.difference(&original, replacement, &past, &made);
        let draft = Draft {
            execution_id: replacement.map(|fill| fill.execution_id.as_str().into()),
            source_id: Some(activity.id.clone()),
            corrects: Some(original.entry),
            effective_at: original.at,
            ..self.draft(EntryKind::Correction, memo(&original, replacement))
        };
        let booked = self.post_entry(draft, postings, out);
        assert!(booked == entry, "the entry got another number than its round trips");
        self.put_back(history, instrument, &past, made, out);
        self.replace_execution(&original, replacement, entry, out);
        Ok(Some(entry))
    }

    /// Whether the history ends where the desk is.
    fn is_present(&self, history: &HoldingHistory, instrument: crate::InstrumentId) -> bool {
        let mut open: BTreeMap<LotId, &LotRow> =
            history.before.iter().chain(&history.lots).map(|lot| (lot.id, lot)).collect();
        open.retain(|_, lot| lot.remaining.is_positive());
        let holding = self.sleeves[&history.sleeve].holdings.get(&instrument);
        let ours: BTreeMap<LotId, &LotRow> =
            holding.into_iter().flat_map(Holding::lots).map(|lot| (lot.id, lot)).collect();
        open == ours
    }

    /// What the books of the sleeve gain by the holding made anew.
    fn difference(
        &self,
        original: &ExecutionRow,
        replacement: Option<&Fill>,
        past: &Replay,
        made: &Replay,
    ) -> Vec<Posting> {
        let sleeve = original.sleeve;
        let old = self.cash_legs(original, &fill_of(original));
        let new = replacement.map_or([Money::ZERO; 3], |fill| self.cash_legs(original, fill));
        let [cash, fees, rounding] = [0, 1, 2].map(|at| new[at] - old[at]);
        let mut postings = vec![
            Posting::money(sleeve, LedgerAccount::Cash, cash),
            Posting::shares(
                sleeve,
                &original.symbol,
                made.holding.cost - past.holding.cost,
                made.holding.qty - past.holding.qty,
            ),
            Posting::money(sleeve, LedgerAccount::Realised, past.gross() - made.gross()),
            Posting::money(sleeve, LedgerAccount::Fees, fees),
        ];
        postings.extend(super::fills::rounding(rounding));
        postings
    }

    /// Cash, whole fee and the broker's rounding of an execution.
    fn cash_legs(&self, original: &ExecutionRow, fill: &Fill) -> [Money; 3] {
        let execution_id: Arc<str> = fill.execution_id.as_str().into();
        let trade = trade_of(original, fill, &execution_id, original.entry, LotMethod::Fifo);
        let legs = self.legs_of(&trade, &Booking::default(), original.source);
        let sum = |pick: &dyn Fn(&Posting) -> bool| -> Money {
            legs.iter().filter(|leg| pick(leg)).map(|leg| leg.amount).sum()
        };
        let ours = |leg: &Posting| leg.sleeve == original.sleeve;
        [
            sum(&|leg| ours(leg) && leg.account == LedgerAccount::Cash),
            sum(&|leg| ours(leg) && leg.account == LedgerAccount::Fees),
            sum(&|leg| !ours(leg) && leg.account == LedgerAccount::Cash),
        ]
    }

    /// Puts the holding made anew in the place of the one that stands.
    fn put_back(
        &mut self,
        history: &HoldingHistory,
        instrument: crate::InstrumentId,
        past: &Replay,
        made: Replay,
        out: &mut Effects,
    ) {
        let (at, entry) = (self.now.market, made.entry);
        self.account.counters = Counters { entry: self.account.counters.entry, ..made.counters };
        let mut lots = Vec::new();
        let stood: BTreeMap<LotId, &LotRow> =
            history.before.iter().chain(&history.lots).map(|lot| (lot.id, lot)).collect();
        for (id, lot) in &made.lots {
            if stood.get(id).is_none_or(|stood| *stood != lot) {
                lots.push(lot.clone());
            }
        }
        for lot in history.lots.iter().filter(|lot| !made.lots.contains_key(&lot.id)) {
            // Opened by what is taken back: it holds nothing.
            lots.push(LotRow {
                remaining: Qty::ZERO,
                cost_left: Money::ZERO,
                fee_left: Money::ZERO,
                ..lot.clone()
            });
        }
        self.push_lots(entry, lots, out);
        let mut stay: Vec<&RoundTripRow> = Vec::new();
        for trip in &made.round_trips {
            let same = |old: &&RoundTripRow| {
                RoundTripRow { id: trip.id, entry: trip.entry, ..(*old).clone() } == *trip
            };
            if let Some(old) =
                history.round_trips.iter().filter(|old| !stay.contains(old)).find(same)
            {
                stay.push(old);
                continue;
            }
            let id = crate::id::RoundTripId(self.account.counters.round_trip);
            self.account.counters.round_trip += 1;
            out.rows.push(Row::RoundTrip(RoundTripRow { id, entry, ..trip.clone() }));
        }
        for old in history.round_trips.iter().filter(|old| !stay.contains(old)) {
            let void = RoundTripVoidRow { round_trip: old.id, entry, at };
            out.rows.push(Row::RoundTripVoid(void));
        }
        let sleeve = self.sleeve_mut(history.sleeve);
        sleeve.row.realised += made.net() - past.net();
        let holding = sleeve.holdings.entry(instrument).or_default();
        let (selling, buying) = (holding.selling, holding.buying);
        *holding = made.holding;
        (holding.selling, holding.buying) = (selling, buying);
        let (short, offered) = (holding.qty.is_negative(), holding.available().is_negative());
        if holding.is_empty() {
            sleeve.holdings.remove(&instrument);
        }
        self.touched.positions.insert((history.sleeve, instrument));
        if short || offered {
            let why = format!(
                "a correction by the broker took shares of {} that were sold or offered",
                self.instruments[instrument.index()].symbol
            );
            self.reduce_only(history.sleeve, &why, out);
        }
    }

    /// The execution's row in its new form, and its order.
    fn replace_execution(
        &mut self,
        original: &ExecutionRow,
        replacement: Option<&Fill>,
        entry: EntryId,
        out: &mut Effects,
    ) {
        self.executions.insert(super::restore::settled(&original.execution_id));
        if let Some(fill) = replacement {
            let key = ExecutionKey {
                execution_id: fill.execution_id.clone(),
                broker_order_id: String::new(),
                cumulative_qty: None,
            };
            self.remember(&super::restore::Prints::of(&key));
            out.rows.push(Row::Execution(ExecutionRow {
                execution_id: fill.execution_id.as_str().into(),
                side: fill.side,
                qty: fill.qty,
                price: fill.price,
                fee: fill.fee,
                fee_qty: fill.fee_qty,
                at: fill.at,
                entry,
                source: ExecutionSource::Activity,
                ..original.clone()
            }));
        }
        out.rows.push(Row::Correction(CorrectionRow {
            execution_id: original.execution_id.clone(),
            replacement: replacement.map(|fill| fill.execution_id.as_str().into()),
            entry,
            at: self.now.market,
        }));
        if let Some(id) = original.order.filter(|id| self.orders.contains_key(id)) {
            let (qty, value) = replacement
                .map_or((Qty::ZERO, Money::ZERO), |fill| (fill.qty, fill.price.value_of(fill.qty)));
            let (qty, value) = (qty - original.qty, value - original.price.value_of(original.qty));
            self.update_order(id, |order| {
                order.filled_qty += qty;
                order.filled_value += value;
                order.broker_filled_qty += qty;
            });
            self.notify(id, Qty::ZERO, None, out);
        }
        let what = memo(original, replacement);
        Self::alert(
            out,
            "serious",
            format!("{what}: sleeve {}", self.sleeves[&original.sleeve].row.name),
        );
    }
}

fn memo(original: &ExecutionRow, replacement: Option<&Fill>) -> String {
    let ExecutionRow { side, qty, symbol, price, execution_id, .. } = original;
    let was = format!("{} of {qty} {symbol} at {price} ({execution_id})", side.as_str());
    match replacement {
        None => format!("the broker took back the {was}"),
        Some(fill) => format!("the broker corrected the {was} to {} at {}", fill.qty, fill.price),
    }
}

fn fill_of(row: &ExecutionRow) -> Fill {
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

fn trade_of<'a>(
    original: &'a ExecutionRow,
    fill: &Fill,
    execution_id: &'a Arc<str>,
    entry: EntryId,
    method: LotMethod,
) -> Trade<'a> {
    Trade {
        sleeve: original.sleeve,
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

/// A holding played again from its history.
struct Replay {
    holding: Holding,
    method: LotMethod,
    counters: Counters,
    entry: EntryId,
    /// Every lot that was there at some time, as it is at the end.
    lots: BTreeMap<LotId, LotRow>,
    round_trips: Vec<RoundTripRow>,
    /// Cost and fees of what left without a trade.
    taken: Vec<(Qty, Money, Money)>,
}

impl Replay {
    fn new(
        history: &HoldingHistory,
        method: LotMethod,
        counters: Counters,
        entry: EntryId,
    ) -> Self {
        let mut before = history.before.clone();
        before.sort_by_key(|lot| (lot.opened_at, lot.id));
        Self {
            lots: before.iter().map(|lot| (lot.id, lot.clone())).collect(),
            holding: Holding::from_lots(before),
            method,
            counters,
            entry,
            round_trips: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn gross(&self) -> Money {
        self.round_trips.iter().map(|trip| trip.gross).sum()
    }

    fn net(&self) -> Money {
        self.round_trips.iter().map(|trip| trip.net).sum()
    }

    /// Plays everything; `change` names the execution that is taken back, and what stands in its
    /// place.
    fn run(
        &mut self,
        history: &HoldingHistory,
        change: Option<(&ExecutionRow, Option<&Fill>)>,
    ) -> Result<(), String> {
        // How the lots stood in the past: what a move took, and a split made, is told against it.
        let mut stood: BTreeMap<LotId, LotRow> =
            history.before.iter().map(|lot| (lot.id, lot.clone())).collect();
        let mut past = Self::new(history, self.method, self.counters, self.entry);
        for event in &history.since {
            match event {
                HoldingEvent::Trade { execution, reason, lot } => {
                    past.trade(
                        history,
                        execution,
                        &fill_of(execution),
                        execution.entry,
                        (reason, *lot),
                    );
                    stood = past.lots.clone();
                    match change.filter(|(gone, _)| gone.execution_id == execution.execution_id) {
                        None => {
                            let fill = fill_of(execution);
                            self.trade(history, execution, &fill, execution.entry, (reason, *lot));
                        }
                        Some((_, Some(fill))) => {
                            self.trade(history, execution, fill, self.entry, (reason, *lot));
                        }
                        Some((_, None)) => {}
                    }
                }
                HoldingEvent::Other { kind, lots, .. } => {
                    self.other(*kind, &stood, lots)?;
                    past.holding = Holding::default();
                    for lot in lots {
                        past.lots.insert(lot.id, lot.clone());
                    }
                    let mut open: Vec<LotRow> = past
                        .lots
                        .values()
                        .filter(|lot| lot.remaining.is_positive())
                        .cloned()
                        .collect();
                    open.sort_by_key(|lot| (lot.opened_at, lot.id));
                    past.holding = Holding::from_lots(open);
                    stood = past.lots.clone();
                }
            }
        }
        Ok(())
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

    /// A split, or shares that came or went without a trade.
    fn other(
        &mut self,
        kind: EntryKind,
        stood: &BTreeMap<LotId, LotRow>,
        lots: &[LotRow],
    ) -> Result<(), String> {
        if kind == EntryKind::Split {
            let sum = |lots: &mut dyn Iterator<Item = &LotRow>| -> Qty {
                lots.map(|lot| lot.remaining).sum()
            };
            let before = sum(&mut stood.values());
            let after = sum(&mut lots.iter());
            if before.is_zero() || self.holding.qty.is_zero() {
                return Ok(());
            }
            let whole = round_half_even(
                self.holding.qty.abs().get() * after.get() / before.get(),
                limits::QTY_SCALE_MAX,
            );
            let ratio: Decimal = whole / self.holding.qty.abs().get();
            for lot in self.holding.split(ratio) {
                self.lots.insert(lot.id, lot);
            }
            return Ok(());
        }
        for lot in lots {
            let stood = stood.get(&lot.id);
            let before = stood.map_or(Qty::ZERO, |lot| lot.remaining);
            let moved = lot.remaining - before;
            if moved.is_positive() {
                let cost = lot.cost_left - stood.map_or(Money::ZERO, |lot| lot.cost_left);
                let fee = lot.fee_left - stood.map_or(Money::ZERO, |lot| lot.fee_left);
                let part = LotRow {
                    qty: moved,
                    remaining: moved,
                    cost,
                    cost_left: cost,
                    fee,
                    fee_left: fee,
                    ..lot.clone()
                };
                let row = self.holding.take_in(part, self.method);
                self.lots.insert(row.id, row);
            } else if moved.is_negative() {
                if self.holding.qty.abs() < moved.abs() {
                    return Err(
                        "more shares of the holding were moved since than it leaves".to_owned()
                    );
                }
                let (parts, changed) = self.holding.take(moved.abs(), self.method);
                for part in parts {
                    self.taken.push((part.qty, part.cost, part.fee));
                }
                for lot in changed {
                    self.lots.insert(lot.id, lot);
                }
            } else if stood.is_some_and(|stood| stood != lot) {
                return Err(format!("lot {} was changed by hand since", lot.id));
            }
        }
        Ok(())
    }
}
