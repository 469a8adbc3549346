//! Trade busts and corrections: an execution that the broker takes back, days later at times; and
//! splits that were learnt of late.
//!
//! The holding is made again from its history as if the execution had never been (or had been what
//! the broker says now), and the difference is booked: one compensating entry that names the entry
//! it corrects, the lots as they are now, round trips taken back and made anew. Nothing is edited:
//! what was believed before can still be asked for.

use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::actions::SpinOff;
use super::effect::Effects;
use super::fills::Draft;
use super::inquiry::{HoldingEvent, HoldingHistory};
use super::replay::{Change, Replay, compare, fill_of, trade_of};
use super::state::Desk;
use crate::broker::{Activity, ActivityKind, Correction, Fill};
use crate::decimal::{Money, Qty};
use crate::id::{EntryId, LotId, SleeveId, Symbol};
use crate::ledger::{Booking, EntryKind, Holding, LedgerAccount, LotMethod, Posting};
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
        let Some(original) = history.events.iter().find_map(|event| match event {
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
        // A corrected trade was made when it was made: its lots keep their age.
        let replacement = activity.replacement.as_deref().cloned();
        let replacement = replacement.map(|fill| Fill { at: original.at, ..fill });
        let replacement = replacement.as_ref();
        let method = self.sleeves[&sleeve].row.lots;
        let change = Change::Execution { original: &original, replacement };
        let (past, made) = compare(history, method, self.account.counters, &change)?;
        let mut postings = self.cash_difference(&original, replacement);
        postings.extend(difference(history.sleeve, &original.symbol, &past, &made));
        let draft = Draft {
            execution_id: replacement.map(|fill| fill.execution_id.as_str().into()),
            source_id: Some(activity.id.clone()),
            corrects: Some(original.entry),
            effective_at: original.at,
            ..self.draft(EntryKind::Correction, memo(&original, replacement))
        };
        let entry = self.post_entry(draft, postings, out);
        assert!(entry == made.entry, "the entry got another number than its round trips");
        self.put_back(history, instrument, &past, made, out);
        self.replace_execution(&original, replacement, entry, out);
        Ok(Some(entry))
    }

    /// A holding that was traded since a change that was learnt of late: as it is, and as it is
    /// with it. `Ok(None)` says that the history is older than the desk.
    pub(super) fn replay_late(
        &self,
        symbol: &Symbol,
        change: &Change<'_>,
        history: &HoldingHistory,
    ) -> Result<Option<(Replay, Replay)>, String> {
        let known = self.by_symbol.get(symbol);
        if !known.is_some_and(|instrument| self.is_present(history, *instrument)) {
            return Ok(None);
        }
        let method = self.sleeves[&history.sleeve].row.lots;
        compare(history, method, self.account.counters, change).map(Some)
    }

    /// Books a split that was learnt of late.
    pub(super) fn split_late(
        &mut self,
        activity: &Activity,
        (symbol, ratio): (&Symbol, Decimal),
        history: &HoldingHistory,
        out: &mut Effects,
    ) -> Option<EntryId> {
        let (past, made) = self
            .replay_late(symbol, &Change::Split { at: activity.effective_at, ratio }, history)
            .ok()??;
        let instrument = self.instrument_of(symbol, out);
        let postings = difference(history.sleeve, symbol, &past, &made);
        let name = &self.sleeves[&history.sleeve].row.name;
        let ratio_text = ratio.normalize();
        let memo =
            format!("split of {symbol}: {ratio_text} for 1, learnt of after trades of {name}");
        let draft = Draft {
            source_id: Some(format!("{}:{}", activity.id, history.sleeve).into()),
            effective_at: activity.effective_at,
            ratio: Some(ratio),
            ..self.draft(EntryKind::Split, memo)
        };
        let entry = self.post_entry(draft, postings, out);
        self.put_back(history, instrument, &past, made, out);
        Some(entry)
    }

    /// Books a spin-off that was learnt of late: what was sold since cost less, and what came for it stays with who
    /// held on the day.
    pub(super) fn spin_off_late(
        &mut self,
        activity: &Activity,
        (from, symbol): (&Symbol, &Symbol),
        terms: SpinOff,
        history: &HoldingHistory,
        out: &mut Effects,
    ) -> Option<EntryId> {
        let (past, made) = self
            .replay_late(from, &Change::SpinOff { at: activity.effective_at, terms }, history)
            .ok()??;
        if made.received.is_empty() {
            return None;
        }
        let sleeve = history.sleeve;
        let instrument = self.instrument_of(from, out);
        let received = made.received.clone();
        let moved: Money = received.iter().map(|part| part.cost).sum();
        let came: Qty = received.iter().map(|part| part.qty).sum();
        // Apart from what went: what was sold since had its part of that, and cost less.
        let of_sold = moved + made.holding.cost - past.holding.cost;
        let postings = vec![
            Posting::shares(sleeve, from, -moved, Qty::ZERO),
            Posting::shares(sleeve, from, of_sold, Qty::ZERO),
            Posting::shares(sleeve, symbol, moved, came),
            Posting::money(sleeve, LedgerAccount::Realised, past.gross() - made.gross()),
        ];
        let name = &self.sleeves[&sleeve].row.name;
        let memo = format!("spin-off of {from}: {came} {symbol}, learnt of after trades of {name}");
        let draft = Draft {
            source_id: Some(format!("{}:{sleeve}", activity.id).into()),
            effective_at: activity.effective_at,
            ..self.draft(EntryKind::Action, memo)
        };
        let entry = self.post_entry(draft, postings, out);
        assert!(entry == made.entry, "the entry got another number than its round trips");
        self.put_back(history, instrument, &past, made, out);
        let lots = self.receive(sleeve, symbol, &received, out);
        self.push_lots(entry, lots, out);
        Some(entry)
    }

    /// Whether the history ends where the desk is.
    fn is_present(&self, history: &HoldingHistory, instrument: crate::InstrumentId) -> bool {
        let open: BTreeMap<LotId, &LotRow> = history
            .lots
            .iter()
            .filter(|lot| lot.remaining.is_positive())
            .map(|lot| (lot.id, lot))
            .collect();
        let holding = self.sleeves[&history.sleeve].holdings.get(&instrument);
        let ours: BTreeMap<LotId, &LotRow> =
            holding.into_iter().flat_map(Holding::lots).map(|lot| (lot.id, lot)).collect();
        open == ours
    }

    /// What of cash and fees an execution in another form changes.
    fn cash_difference(&self, original: &ExecutionRow, replacement: Option<&Fill>) -> Vec<Posting> {
        let old = self.cash_legs(original, &fill_of(original));
        let new = replacement.map_or([Money::ZERO; 3], |fill| self.cash_legs(original, fill));
        let [cash, fees, rounding] = [0, 1, 2].map(|at| new[at] - old[at]);
        let mut postings = vec![
            Posting::money(original.sleeve, LedgerAccount::Cash, cash),
            Posting::money(original.sleeve, LedgerAccount::Fees, fees),
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
            history.lots.iter().map(|lot| (lot.id, lot)).collect();
        for (id, lot) in &made.lots {
            if stood.get(id).is_none_or(|stood| *stood != lot) {
                lots.push(lot.clone());
            }
        }
        // Opened by what is taken back: it holds nothing.
        let gone = |lot: &&LotRow| !made.lots.contains_key(&lot.id) && lot.remaining.is_positive();
        for lot in history.lots.iter().filter(gone) {
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
        self.executions.insert(super::restore::settled(&original.execution_id), ());
        if let Some(fill) = replacement {
            let key = ExecutionKey::imported(&fill.execution_id);
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

/// What the position and its profit gain by the holding made anew.
fn difference(sleeve: SleeveId, symbol: &Symbol, past: &Replay, made: &Replay) -> Vec<Posting> {
    let cost = made.holding.cost - past.holding.cost;
    vec![
        Posting::shares(sleeve, symbol, cost, made.holding.qty - past.holding.qty),
        Posting::money(sleeve, LedgerAccount::Realised, past.gross() - made.gross()),
    ]
}
