//! How shares change without a trade: splits, fractions paid in cash, other symbols, spin-offs,
//! mergers, shares that arrive. Cost, fees and dates of lots go with them.

use rust_decimal::Decimal;
use std::sync::Arc;

use super::activities::Booked;
use super::effect::Effects;
use super::fills::Draft;
use super::inquiry::HoldingHistory;
use super::replay::Change;
use super::state::{Desk, Mark};
use crate::broker::{Activity, Fill};
use crate::decimal::{Money, Price, Qty, round_half_even};
use crate::id::{EntryId, OrderId, SleeveId, Symbol};
use crate::instrument::Instrument;
use crate::ledger::{EntryKind, LotSide, Posting, share};
use crate::limits;
use crate::order::Side;
use crate::row::{ExecutionSource, LotRow};

impl Desk {
    /// Shares that came or went without a trade are suspense's until somebody assigns them.
    pub(super) fn book_shares(&mut self, activity: &Activity, out: &mut Effects) -> Booked {
        let (Some(symbol), Some(qty)) = (&activity.symbol, activity.qty) else {
            return Booked::Flagged("it names no symbol and quantity".to_owned());
        };
        let known = self.by_symbol.get(symbol).and_then(|id| self.marks[id.index()]);
        let Some(price) = activity.price.or(known.map(|mark| mark.price)) else {
            return Booked::Flagged(format!("no price of {symbol} is known"));
        };
        let symbol = symbol.clone();
        let fill = self.fill_of(activity, &symbol, qty, price);
        if qty.is_negative() {
            return Booked::Flagged(format!(
                "{} {symbol} left the account: whose they were is not known",
                fill.qty
            ));
        }
        self.hold_in_suspense(symbol, qty, price, &activity.id, out);
        let entry = EntryId(self.account.counters.entry - 1);
        Booked::Done(Some(entry), "in suspense: position assign".to_owned())
    }

    /// New shares for old ones, in every sleeve; orders of the symbol are called back, since their
    /// prices are of old shares. Holdings that were traded since the ex-date come with their
    /// history, and are made again. A fraction of the account is sold where the price of it is
    /// known. `None` says that a history was older than the desk: it is asked for again.
    pub(super) fn book_split(
        &mut self,
        activity: &Activity,
        histories: &[HoldingHistory],
        out: &mut Effects,
    ) -> Option<Booked> {
        let (Some(symbol), Some(ratio)) = (activity.symbol.clone(), activity.ratio) else {
            return Some(Booked::Flagged(
                "its ratio is not known: stockade action book".to_owned(),
            ));
        };
        if ratio <= Decimal::ZERO || ratio == Decimal::ONE {
            let why =
                format!("its ratio {ratio} is none: new shares for one old share, above 0, not 1");
            return Some(Booked::Flagged(why));
        }
        // All or none: what one history can't tell must not leave the others split.
        for history in histories {
            match self.replay_late(
                &symbol,
                &Change::Split { at: activity.effective_at, ratio },
                history,
            ) {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(why) => return Some(Booked::Flagged(why)),
            }
        }
        let mut entry = None;
        for history in histories {
            entry = self.split_late(activity, (&symbol, ratio), history, out).or(entry);
        }
        let instrument = self.instrument_of(&symbol, out);
        let late: Vec<SleeveId> = histories.iter().map(|history| history.sleeve).collect();
        let ids: Vec<SleeveId> =
            self.sleeves.keys().copied().filter(|id| !late.contains(id)).collect();
        let (mut postings, mut lots) = (Vec::new(), Vec::new());
        for id in ids {
            let Some(holding) = self.sleeve_mut(id).holdings.get_mut(&instrument) else { continue };
            if holding.qty.is_zero() {
                continue;
            }
            let (cost, before) = (holding.cost, holding.qty);
            lots.extend(holding.split(ratio));
            let after = holding.qty;
            postings.push(Posting::shares(id, &symbol, -cost, -before));
            postings.push(Posting::shares(id, &symbol, cost, after));
            self.touched.positions.insert((id, instrument));
        }
        self.split_mark(instrument, ratio, activity.effective_at);
        if !postings.is_empty() {
            let memo = format!("split of {symbol}: {} for 1", ratio.normalize());
            let draft =
                Draft { ratio: Some(ratio), ..self.draft_of(activity, EntryKind::Split, memo) };
            let booked = self.post_entry(draft, postings, out);
            self.push_lots(booked, lots, out);
            entry = Some(booked);
        }
        if entry.is_none() {
            return Some(Booked::Done(None, "nobody holds the symbol".to_owned()));
        }
        let open: Vec<OrderId> = self
            .open_orders()
            .filter(|order| order.symbol == symbol)
            .map(|order| order.id)
            .collect();
        for id in open {
            // One that can't be cancelled any more has ended.
            let _ = self.cancel(id, out);
        }
        if let Some(price) = activity.price {
            self.sell_fraction(activity, &symbol, Sale::At(price), out);
        }
        Some(Booked::Done(entry, format!("{} for 1", ratio.normalize())))
    }

    /// The mark of old shares is one of new shares: once, also where sleeves book the same split
    /// each for themselves.
    pub(super) fn split_mark(
        &mut self,
        instrument: crate::InstrumentId,
        ratio: Decimal,
        at: crate::time::Timestamp,
    ) {
        if let Some(mark) = self.marks[instrument.index()]
            && mark.at < at
        {
            let price = round_half_even(mark.price.get() / ratio, limits::LEDGER_SCALE);
            self.set_mark(instrument, Mark { price: Price::new(price), at, stored: false });
        }
        self.touched.marks.insert(instrument);
    }

    /// The broker paid for the fraction of a share that it does not keep.
    pub(super) fn book_cash_in_lieu(&mut self, activity: &Activity, out: &mut Effects) -> Booked {
        let Some(symbol) = activity.symbol.clone() else {
            return Booked::Flagged("it names no symbol".to_owned());
        };
        let sale = match activity.price {
            Some(price) => Sale::At(price),
            None => Sale::For(activity.net_amount),
        };
        match self.sell_fraction(activity, &symbol, sale, out) {
            Some(entry) => Booked::Done(Some(entry), "fractions sold".to_owned()),
            None => Booked::Flagged(format!("the account holds no fraction of {symbol}")),
        }
    }

    /// Sells what the account holds beyond whole shares, shared over the sleeves' own fractions.
    fn sell_fraction(
        &mut self,
        activity: &Activity,
        symbol: &Symbol,
        sale: Sale,
        out: &mut Effects,
    ) -> Option<EntryId> {
        let instrument = self.by_symbol.get(symbol).copied()?;
        let whole = self.total_qty(instrument).get();
        let fraction = whole - whole.floor();
        let held: Vec<(SleeveId, Decimal)> = self
            .sleeves
            .values()
            .filter_map(|sleeve| Some((sleeve.row.id, sleeve.holdings.get(&instrument)?.qty.get())))
            .map(|(id, qty)| (id, qty - qty.floor()))
            .filter(|(_, part)| *part > Decimal::ZERO)
            .collect();
        if fraction.is_zero() || held.is_empty() {
            return None;
        }
        let price = match sale {
            Sale::At(price) => price,
            Sale::For(amount) => {
                // Times a quantity from outside, it must be an amount that can be stored.
                Price::new(round_half_even(amount.get() / fraction, limits::PRICE_SCALE_MAX))
            }
        };
        let weights: Vec<Decimal> = held.iter().map(|(_, part)| *part).collect();
        let mut last = None;
        for ((sleeve, _), part) in held.iter().zip(share(fraction, &weights, limits::QTY_SCALE_MAX))
        {
            if part.is_zero() {
                continue;
            }
            let mut fill = self.fill_of(activity, symbol, Qty::new(-part), price);
            fill.execution_id = format!("{}:{sleeve}", activity.id);
            self.book(*sleeve, None, &fill, ExecutionSource::Action, out);
            last = Some(EntryId(self.account.counters.entry - 1));
        }
        last
    }

    fn fill_of(&self, activity: &Activity, symbol: &Symbol, qty: Qty, price: Price) -> Fill {
        Fill {
            execution_id: activity.id.to_string(),
            broker_order_id: String::new(),
            client_order_id: None,
            symbol: symbol.clone(),
            side: if qty.is_negative() { Side::Sell } else { Side::Buy },
            qty: qty.abs(),
            price,
            fee: Money::ZERO,
            fee_qty: Qty::ZERO,
            cumulative_qty: None,
            at: activity.effective_at,
        }
    }

    /// Every lot goes on under another symbol, with its cost, fees and date.
    pub(super) fn book_symbol_change(&mut self, activity: &Activity, out: &mut Effects) -> Booked {
        let (Some(from), Some(to)) = (activity.symbol.clone(), activity.new_symbol.clone()) else {
            return Booked::Flagged("the old or the new symbol is not known".to_owned());
        };
        if self.open_orders().any(|order| order.symbol == from) {
            return Booked::Flagged(format!("orders of {from} are open"));
        }
        let memo = format!("{from} is {to} now");
        match self.exchange_shares(activity, &from, &to, Decimal::ONE, Money::ZERO, memo, out) {
            Some(entry) => Booked::Done(Some(entry), format!("{from} is {to}")),
            None => Booked::Done(None, "nobody holds the symbol".to_owned()),
        }
    }

    /// Shares of another company come beside those that were held when the day began; a part of the
    /// cost goes with them. Holdings that were traded since come with their history, and are made
    /// again. `None` says that a history was older than the desk: it is asked for again.
    pub(super) fn book_spin_off(
        &mut self,
        activity: &Activity,
        histories: &[HoldingHistory],
        out: &mut Effects,
    ) -> Option<Booked> {
        let (Some(from), Some(symbol), Some(ratio), Some(cost_share_pct)) = (
            activity.symbol.clone(),
            activity.new_symbol.clone(),
            activity.ratio,
            activity.cost_share_pct,
        ) else {
            return Some(Booked::Flagged(
                "its terms are not known: stockade action book".to_owned(),
            ));
        };
        let terms = SpinOff { ratio, cost_share_pct };
        // All or none, as with a split.
        for history in histories {
            match self.replay_late(
                &from,
                &Change::SpinOff { at: activity.effective_at, terms },
                history,
            ) {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(why) => return Some(Booked::Flagged(why)),
            }
        }
        let mut entry = None;
        for history in histories {
            entry = self.spin_off_late(activity, (&from, &symbol), terms, history, out).or(entry);
        }
        let old = self.instrument_of(&from, out);
        let late: Vec<SleeveId> = histories.iter().map(|history| history.sleeve).collect();
        let ids: Vec<SleeveId> =
            self.sleeves.keys().copied().filter(|id| !late.contains(id)).collect();
        let (mut postings, mut lots) = (Vec::new(), Vec::new());
        for id in ids {
            let Some(holding) = self.sleeves[&id].holdings.get(&old) else { continue };
            let mut parts: Vec<LotRow> = holding.lots().cloned().collect();
            let received = terms.of(&mut parts);
            if received.is_empty() {
                continue;
            }
            self.set_lots_of(id, old, &parts);
            lots.extend(parts);
            let moved: Money = received.iter().map(|part| part.cost).sum();
            let came: Qty = received.iter().map(|part| part.qty).sum();
            lots.extend(self.receive(id, &symbol, &received, out));
            postings.push(Posting::shares(id, &from, -moved, Qty::ZERO));
            postings.push(Posting::shares(id, &symbol, moved, came));
        }
        if !postings.is_empty() {
            let memo = format!("spin-off: {} {symbol} for each {from}", ratio.normalize());
            let draft = self.draft_of(activity, EntryKind::Action, memo);
            let booked = self.post_entry(draft, postings, out);
            self.push_lots(booked, lots, out);
            entry = Some(booked);
        }
        let note =
            entry.map_or("nobody held the symbol".to_owned(), |_| format!("{symbol} received"));
        Some(Booked::Done(entry, note))
    }

    /// What a sleeve receives of a spin-off, as lots of its own.
    pub(super) fn receive(
        &mut self,
        id: SleeveId,
        symbol: &Symbol,
        received: &[Received],
        out: &mut Effects,
    ) -> Vec<LotRow> {
        let new = self.instrument_of(symbol, out);
        let lots = received
            .iter()
            .map(|part| self.new_lot(&part.of, id, symbol, part.qty, part.cost))
            .collect();
        self.give(id, new, lots)
    }

    /// Shares become cash, shares of another company, or both. Cash alone is a sale.
    pub(super) fn book_merger(
        &mut self,
        activity: &Activity,
        cash_per_share: Price,
        shares: Option<&(Symbol, Decimal)>,
        out: &mut Effects,
    ) -> Booked {
        let Some(from) = activity.symbol.clone() else {
            return Booked::Flagged("it names no symbol".to_owned());
        };
        if let Some((to, ratio)) = shares {
            if !cash_per_share.is_zero() {
                return Booked::Flagged(
                    "cash beside shares is booked as two: the broker's shares as a merger, its cash as a dividend".to_owned(),
                );
            }
            let memo = format!("merger: {} {to} for each {from}", ratio.normalize());
            return match self.exchange_shares(activity, &from, to, *ratio, Money::ZERO, memo, out) {
                Some(entry) => Booked::Done(Some(entry), format!("{from} became {to}")),
                None => Booked::Done(None, "nobody holds the symbol".to_owned()),
            };
        }
        let instrument = self.instrument_of(&from, out);
        let held: Vec<(SleeveId, Qty)> = self
            .sleeves
            .values()
            .filter_map(|sleeve| Some((sleeve.row.id, sleeve.holdings.get(&instrument)?.qty)))
            .filter(|(_, qty)| !qty.is_zero())
            .collect();
        let mut last = None;
        for (sleeve, qty) in held {
            let mut fill = self.fill_of(activity, &from, -qty, cash_per_share);
            fill.execution_id = format!("{}:{sleeve}", activity.id);
            self.book(sleeve, None, &fill, ExecutionSource::Action, out);
            last = Some(EntryId(self.account.counters.entry - 1));
        }
        let note = if last.is_some() { "sold for cash" } else { "nobody holds the symbol" };
        Booked::Done(last, note.to_owned())
    }

    /// All lots of a symbol become lots of another, at their cost and date.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is exchanged for what, at which ratio, and why"
    )]
    fn exchange_shares(
        &mut self,
        activity: &Activity,
        from: &Symbol,
        to: &Symbol,
        ratio: Decimal,
        cash: Money,
        memo: String,
        out: &mut Effects,
    ) -> Option<EntryId> {
        debug_assert!(cash.is_zero());
        let old = self.instrument_of(from, out);
        let class = self.instruments[old.index()].class;
        let new = match self.by_symbol.get(to) {
            Some(id) => *id,
            None => {
                let instrument = Instrument {
                    symbol: to.clone(),
                    class,
                    ..self.instruments[old.index()].clone()
                };
                out.rows.push(crate::row::Row::Instrument(instrument.clone()));
                self.add_instrument(instrument)
            }
        };
        let (mut postings, mut lots) = (Vec::new(), Vec::new());
        let ids: Vec<SleeveId> = self.sleeves.keys().copied().collect();
        for id in ids {
            let Some(holding) = self.sleeves[&id].holdings.get(&old).filter(|h| !h.qty.is_zero())
            else {
                continue;
            };
            let parts: Vec<LotRow> = holding.lots().cloned().collect();
            let (qty, cost) = (holding.qty, holding.cost);
            let method = self.sleeves[&id].row.lots;
            let sleeve = self.sleeve_mut(id);
            let (_, closed) = sleeve.holdings.entry(old).or_default().take(qty.abs(), method);
            if sleeve.holdings.get(&old).is_some_and(crate::ledger::Holding::is_empty) {
                sleeve.holdings.remove(&old);
            }
            lots.extend(closed);
            let weights: Vec<Decimal> = parts.iter().map(|lot| lot.remaining.get()).collect();
            let whole = round_half_even(qty.abs().get() * ratio, limits::QTY_SCALE_MAX);
            let mut received = Vec::new();
            for (lot, part) in parts.iter().zip(share(whole, &weights, limits::QTY_SCALE_MAX)) {
                let mut new_lot = self.new_lot(lot, id, to, Qty::new(part), lot.cost_left);
                (new_lot.fee, new_lot.fee_left) = (lot.fee_left, lot.fee_left);
                received.push(new_lot);
            }
            received.retain(|lot| lot.qty.is_positive());
            lots.extend(self.give(id, new, received));
            self.touched.positions.insert((id, old));
            let came = if qty.is_negative() { Qty::new(-whole) } else { Qty::new(whole) };
            postings.push(Posting::shares(id, from, -cost, -qty));
            postings.push(Posting::shares(id, to, cost, came));
        }
        if let Some(mark) = self.marks[old.index()] {
            let price = round_half_even(mark.price.get() / ratio, limits::LEDGER_SCALE);
            if self.marks[new.index()].is_none() {
                self.mark(new, Price::new(price), mark.at);
            }
            self.touched.marks.insert(new);
        }
        if postings.is_empty() {
            return None;
        }
        let draft = self.draft_of(activity, EntryKind::Action, memo);
        let entry = self.post_entry(draft, postings, out);
        self.push_lots(entry, lots, out);
        Some(entry)
    }

    /// A lot that comes of another: its date and its origin.
    fn new_lot(
        &mut self,
        of: &LotRow,
        sleeve: SleeveId,
        symbol: &Symbol,
        qty: Qty,
        cost: Money,
    ) -> LotRow {
        let id = crate::id::LotId(self.account.counters.lot);
        self.account.counters.lot += 1;
        let unit = if qty.is_zero() { Decimal::ZERO } else { cost.get() / qty.get() };
        LotRow {
            id,
            sleeve,
            symbol: symbol.clone(),
            qty,
            remaining: qty,
            entry_price: Price::new(round_half_even(unit, limits::LEDGER_SCALE)),
            cost,
            cost_left: cost,
            fee: Money::ZERO,
            fee_left: Money::ZERO,
            ..of.clone()
        }
    }

    /// Puts changed lots in the place of the ones held.
    fn set_lots_of(&mut self, id: SleeveId, instrument: crate::InstrumentId, lots: &[LotRow]) {
        self.touched.positions.insert((id, instrument));
        let holding = self.sleeve_mut(id).holdings.entry(instrument).or_default();
        let (selling, buying) = (holding.selling, holding.buying);
        *holding = crate::ledger::Holding::from_lots(lots.to_vec());
        (holding.selling, holding.buying) = (selling, buying);
    }
}

/// The terms of a spin-off.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpinOff {
    /// New shares for each share held.
    ratio: Decimal,
    /// How much of the cost goes with them, in percent.
    cost_share_pct: Decimal,
}

/// What came for a lot.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// The lot, as it is since.
    of: LotRow,
    /// How many shares came.
    pub(super) qty: Qty,
    /// Their cost, which was the lot's.
    pub(super) cost: Money,
}

impl SpinOff {
    /// Takes its part of the cost of long lots; gives what comes for each.
    pub(super) fn of(self, lots: &mut [LotRow]) -> Vec<Received> {
        let mut received = Vec::new();
        for lot in lots.iter_mut().filter(|lot| lot.side == LotSide::Long) {
            let part = lot.cost_left.get() * self.cost_share_pct / Decimal::ONE_HUNDRED;
            let cost = Money::new(round_half_even(part, limits::LEDGER_SCALE));
            let qty = lot.remaining.get() * self.ratio;
            let qty = Qty::new(round_half_even(qty, limits::QTY_SCALE_MAX));
            if qty.is_zero() {
                continue;
            }
            lot.cost -= cost;
            lot.cost_left -= cost;
            received.push(Received { of: lot.clone(), qty, cost });
        }
        received
    }
}

/// What a fraction is sold for.
#[derive(Clone, Copy)]
enum Sale {
    /// At a price a share.
    At(Price),
    /// For an amount in all.
    For(Money),
}

/// The id of an activity that a file or a person brings.
#[must_use]
pub fn file_activity_id(parts: &[&str]) -> Arc<str> {
    format!("action:{}", parts.join(":")).into()
}
