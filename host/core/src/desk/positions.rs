//! Shares by hand: orders of people, assignment out of suspense, moves between sleeves, imports.

use rust_decimal::Decimal;
use std::collections::BTreeMap;

use super::command::{Outcome, amount_refusal, done, not_allowed};
use super::effect::Effects;
use super::event::{ImportKind, ImportedFill, Reply};
use super::fills::Draft;
use super::restore::Prints;
use super::state::Desk;
use crate::broker::Fill;
use crate::decimal::{Money, Qty};
use crate::id::{EntryId, SleeveId, Slug, Symbol};
use crate::ledger::{EntryKind, Holding, LedgerAccount, Posting};
use crate::limits;
use crate::risk::Refusal;
use crate::row::{ExecutionKey, ExecutionSource, LotRow, Row};
use crate::time::Timestamp;

impl Desk {
    pub(super) fn submit_by_hand(
        &mut self,
        name: &Slug,
        intent: &crate::order::Intent,
        out: &mut Effects,
    ) -> Outcome {
        let id = self.named(name)?;
        let admission = match self.check(id, intent) {
            Ok(admission) => admission,
            Err(refusal) => {
                out.rows.push(Row::Refusal(crate::row::RefusalRow {
                    sleeve: id,
                    intent_id: crate::id::IntentId(0),
                    at: self.now.market,
                    intent: intent.clone(),
                    code: refusal.code(),
                    message: refusal.to_string(),
                }));
                return Err(refusal);
            }
        };
        let order = self.accept(id, None, intent, &admission, None, out);
        Ok(self.order_reply(order, "accepted"))
    }

    /// Gives shares of suspense to a sleeve, at a cost and date of the owner's books. The sleeve's
    /// capital grows by the cost; suspense's falls by what it carried.
    pub(super) fn assign(
        &mut self,
        symbol: &Symbol,
        qty: Qty,
        to: &Slug,
        cost: Money,
        opened: Timestamp,
        out: &mut Effects,
    ) -> Outcome {
        let target = self.named(to)?;
        let instrument = self.known(symbol)?;
        if cost.is_negative() {
            return Err(amount_refusal(cost));
        }
        if opened > self.now.market {
            let why = format!("it lies after the books' present time {}", self.now.market);
            return Err(not_allowed("opening time", &opened, &why));
        }
        self.check_not_short(target, to, instrument)?;
        let (parts, mut changed) = self.take(SleeveId::SUSPENSE, instrument, symbol, qty)?;
        let fees: Money = parts.iter().map(|lot| lot.fee).sum();
        let carried = parts.iter().map(|lot| lot.cost).sum::<Money>() + fees;
        let lot = LotRow {
            id: crate::id::LotId(self.account.counters.lot),
            sleeve: target,
            symbol: symbol.clone(),
            side: crate::ledger::LotSide::Long,
            opened_at: opened,
            qty,
            remaining: qty,
            entry_price: crate::Price::new(crate::decimal::round_half_even(
                cost.get() / qty.get(),
                limits::LEDGER_SCALE,
            )),
            cost,
            cost_left: cost,
            fee: Money::ZERO,
            fee_left: Money::ZERO,
            execution_id: parts
                .first()
                .map_or_else(|| "assigned".into(), |lot| lot.execution_id.clone()),
        };
        self.account.counters.lot += 1;
        changed.extend(self.give(target, instrument, vec![lot]));
        self.sleeve_mut(SleeveId::SUSPENSE).row.withdrawn += carried;
        self.sleeve_mut(target).row.added += cost;
        let memo = format!("{qty} {symbol} from suspense to {to} at a cost of {cost}");
        let from = (SleeveId::SUSPENSE, carried, fees);
        let entry = self.post_transfer(from, (target, cost), symbol, qty, memo, out);
        self.push_lots(entry, changed, out);
        Ok(done(format!("{to} has {qty} {symbol}")))
    }

    pub(super) fn move_position(
        &mut self,
        from: &Slug,
        to: &Slug,
        symbol: &Symbol,
        qty: Qty,
        out: &mut Effects,
    ) -> Outcome {
        let (source, target) = (self.named(from)?, self.named(to)?);
        if source == target {
            return Err(not_allowed("sleeve", from, "shares move between two different sleeves"));
        }
        let instrument = self.known(symbol)?;
        self.check_not_short(target, to, instrument)?;
        let (mut parts, mut changed) = self.take(source, instrument, symbol, qty)?;
        let carried: Money = parts.iter().map(|lot| lot.cost + lot.fee).sum();
        let fees: Money = parts.iter().map(|lot| lot.fee).sum();
        for lot in &mut parts {
            // The opening fee becomes part of the cost: the receiving sleeve never paid it.
            lot.id = crate::id::LotId(self.account.counters.lot);
            self.account.counters.lot += 1;
            lot.sleeve = target;
            lot.cost += lot.fee;
            lot.cost_left = lot.cost;
            (lot.fee, lot.fee_left) = (Money::ZERO, Money::ZERO);
        }
        changed.extend(self.give(target, instrument, parts));
        self.sleeve_mut(source).row.withdrawn += carried;
        self.sleeve_mut(target).row.added += carried;
        let memo = format!("{qty} {symbol} from {from} to {to}");
        let from = (source, carried, fees);
        let entry = self.post_transfer(from, (target, carried), symbol, qty, memo, out);
        self.push_lots(entry, changed, out);
        Ok(done(format!("{to} has {qty} {symbol} more")))
    }

    /// Moves shares at cost. What the source carried includes their opening fees, which leave with
    /// them: for the source it is as if they had never been paid.
    pub(super) fn post_transfer(
        &mut self,
        (from, carried, fees): (SleeveId, Money, Money),
        (to, cost): (SleeveId, Money),
        symbol: &Symbol,
        qty: Qty,
        memo: String,
        out: &mut Effects,
    ) -> EntryId {
        let postings = vec![
            Posting::shares(from, symbol, fees - carried, -qty),
            Posting::money(from, LedgerAccount::Fees, -fees),
            Posting::money(from, LedgerAccount::Capital, carried),
            Posting::shares(to, symbol, cost, qty),
            Posting::money(to, LedgerAccount::Capital, -cost),
        ];
        self.post(EntryKind::Transfer, memo, postings, out)
    }

    pub(super) fn known(&self, symbol: &Symbol) -> Result<crate::InstrumentId, Refusal> {
        let missing = || Refusal::UnknownInstrument { symbol: symbol.to_string() };
        self.by_symbol.get(symbol).copied().ok_or_else(missing)
    }

    /// Shares that come to a sleeve that is short of them would close its lots without a price.
    pub(super) fn check_not_short(
        &self,
        id: SleeveId,
        name: &Slug,
        instrument: crate::InstrumentId,
    ) -> Result<(), Refusal> {
        let holding = self.sleeves[&id].holdings.get(&instrument);
        if holding.is_some_and(|h| h.qty.is_negative()) {
            let why = "it is short of the symbol: shares can't be given to it";
            return Err(not_allowed("sleeve", name, why));
        }
        Ok(())
    }

    /// Takes shares that are not offered out of a sleeve: the parts, and the lots that changed.
    pub(super) fn take(
        &mut self,
        id: SleeveId,
        instrument: crate::InstrumentId,
        symbol: &Symbol,
        qty: Qty,
    ) -> Result<(Vec<LotRow>, Vec<LotRow>), Refusal> {
        let free =
            self.sleeves[&id].holdings.get(&instrument).map_or(Qty::ZERO, Holding::available);
        if !qty.is_positive() || qty > free {
            let sleeve = self.sleeves[&id].row.name.to_string();
            return Err(Refusal::Shares {
                sleeve,
                symbol: symbol.clone(),
                found: qty,
                available: free,
            });
        }
        let sleeve = self.sleeve_mut(id);
        let method = sleeve.row.lots;
        let holding = sleeve.holdings.entry(instrument).or_default();
        let taken = holding.take(qty, method);
        if holding.is_empty() {
            sleeve.holdings.remove(&instrument);
        }
        self.touched.positions.insert((id, instrument));
        Ok(taken)
    }

    /// Gives lots to a sleeve; what changed of its own.
    pub(super) fn give(
        &mut self,
        id: SleeveId,
        instrument: crate::InstrumentId,
        lots: Vec<LotRow>,
    ) -> Vec<LotRow> {
        self.touched.positions.insert((id, instrument));
        let sleeve = self.sleeve_mut(id);
        let method = sleeve.row.lots;
        let holding = sleeve.holdings.entry(instrument).or_default();
        lots.into_iter().map(|lot| holding.take_in(lot, method)).collect()
    }

    /// Books the fills of a file that are not known yet.
    pub(super) fn import(
        &mut self,
        name: &Slug,
        opening: bool,
        fills: &[ImportedFill],
        out: &mut Effects,
    ) -> Outcome {
        if self.account.has_broker && opening {
            return self.import_opening(name, fills, out);
        }
        let id = self.named(name)?;
        if self.account.has_broker {
            let why = "its fills come from the broker; --opening brings history from before stockade, and position \
                       assign gives shares of suspense to a sleeve with their cost and date";
            return Err(not_allowed("sleeve", name, why));
        }
        self.check_import(id, fills)?;
        let source = if opening { ExecutionSource::Opening } else { ExecutionSource::Import };
        let (mut booked, mut known, mut ignored) = (0u64, 0u64, 0u64);
        for row in fills {
            let prints = Prints::of(&ExecutionKey::imported(&row.execution_id));
            if self.is_known(&prints) {
                known += 1;
                continue;
            }
            if matches!(row.kind, ImportKind::Split { .. }) && !self.holds_any(id, &row.symbol) {
                ignored += 1;
                continue;
            }
            self.remember(&prints);
            booked += 1;
            match &row.kind {
                ImportKind::Trade { side, qty, price, fee } => {
                    let fill = Fill {
                        execution_id: row.execution_id.clone(),
                        broker_order_id: String::new(),
                        client_order_id: None,
                        symbol: row.symbol.clone(),
                        side: *side,
                        qty: *qty,
                        price: *price,
                        fee: *fee,
                        fee_qty: Qty::ZERO,
                        cumulative_qty: None,
                        at: row.at,
                    };
                    self.book(id, None, &fill, source, out);
                    let instrument = self.instrument_of(&row.symbol, out);
                    self.mark(instrument, *price, row.at);
                }
                ImportKind::Split { ratio } => self.split(id, row, *ratio, out),
            }
        }
        let mut message = format!("{booked} booked, {known} known already");
        if ignored > 0 {
            message.push_str(&format!(", {ignored} splits of symbols that {name} does not hold"));
        }
        Ok(Reply::Done {
            message,
            order: None,
            sleeve: Some(id),
            booked: Some(booked),
            known: Some(known),
        })
    }

    fn holds_any(&self, id: SleeveId, symbol: &Symbol) -> bool {
        let instrument = self.by_symbol.get(symbol);
        instrument
            .is_some_and(|at| self.sleeves[&id].holdings.get(at).is_some_and(|h| !h.qty.is_zero()))
    }

    /// Looks at every row before the first is booked: none lies in the future, and no quantity or
    /// value grows beyond what the books can hold.
    fn check_import(&self, id: SleeveId, fills: &[ImportedFill]) -> Result<(), Refusal> {
        let refuse = |row: &ImportedFill, why: String| Refusal::Fill {
            execution_id: row.execution_id.clone(),
            symbol: row.symbol.clone(),
            why,
        };
        let mut held: BTreeMap<&Symbol, Decimal> = BTreeMap::new();
        for row in fills {
            if row.at > self.now.market {
                let why = format!(
                    "its time {} lies after the books' present time {}",
                    row.at, self.now.market
                );
                return Err(refuse(row, why));
            }
            let before = held.entry(&row.symbol).or_insert_with(|| {
                let instrument = self.by_symbol.get(&row.symbol);
                let holding = instrument.and_then(|at| self.sleeves[&id].holdings.get(at));
                holding.map_or(Decimal::ZERO, |holding| holding.qty.get())
            });
            let (after, value) = match &row.kind {
                ImportKind::Trade { side, qty, price, .. } => {
                    let after = before.checked_add(side.signed(*qty).get());
                    (after, price.get().checked_mul(qty.get()))
                }
                ImportKind::Split { ratio } => (before.checked_mul(*ratio), Some(Decimal::ZERO)),
            };
            let (most, dearest) =
                (Decimal::from(limits::QTY_MAX), Decimal::from(limits::MONEY_MAX));
            match after.filter(|after| after.abs() <= most) {
                Some(after) => *before = after,
                None => {
                    let why = format!("the sleeve's quantity would grow beyond {most}");
                    return Err(refuse(row, why));
                }
            }
            if value.is_none_or(|value| value > dearest) {
                return Err(refuse(row, format!("its value is beyond {dearest}")));
            }
        }
        Ok(())
    }

    pub(super) fn split(
        &mut self,
        id: SleeveId,
        row: &ImportedFill,
        ratio: Decimal,
        out: &mut Effects,
    ) {
        let instrument = self.instrument_of(&row.symbol, out);
        let sleeve = self.sleeve_mut(id);
        let Some(holding) = sleeve.holdings.get_mut(&instrument) else {
            return;
        };
        let (cost, before) = (holding.cost, holding.qty);
        let lots = holding.split(ratio);
        let after = holding.qty;
        self.touched.positions.insert((id, instrument));
        self.split_mark(instrument, ratio, row.at);
        let postings = vec![
            Posting::shares(id, &row.symbol, -cost, -before),
            Posting::shares(id, &row.symbol, cost, after),
        ];
        let draft = Draft {
            execution_id: Some(row.execution_id.as_str().into()),
            effective_at: row.at,
            ratio: Some(ratio),
            ..self.draft(EntryKind::Split, format!("split of {}: {ratio} for 1", row.symbol))
        };
        let entry = self.post_entry(draft, postings, out);
        self.push_lots(entry, lots, out);
    }
}
