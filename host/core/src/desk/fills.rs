//! Booking executions: once each, to the sleeve that caused them.

use std::sync::Arc;

use super::effect::Effects;
use super::restore::Prints;
use super::state::Desk;
use crate::broker::Fill;
use crate::bug::{self, Bug};
use crate::decimal::{Money, Qty, add_exact, of_smallest_units, smallest_units};
use crate::id::{EntryId, LotId, OrderId, SleeveId};
use crate::ledger::{Booking, EntryKind, LedgerAccount, Link, Posting, Trade};
use crate::limits;
use crate::order::{OrderStatus, Side, Size};
use crate::risk::TradingState;
use crate::row::{EntryRow, ExecutionRow, ExecutionSource, LotChangeRow, LotRow, Row};
use crate::time::Timestamp;

/// An entry before it has its number, its legs and its place in the chain.
pub(super) struct Draft {
    /// What it books.
    pub(super) kind: EntryKind,
    /// In words a person understands.
    pub(super) memo: String,
    /// The execution that it books.
    pub(super) execution_id: Option<Arc<str>>,
    /// The activity, correction or line of a file that it books.
    pub(super) source_id: Option<Arc<str>>,
    /// The entry that it corrects.
    pub(super) corrects: Option<EntryId>,
    /// When what it books happened.
    pub(super) effective_at: Timestamp,
    /// New shares for one old share, of a split.
    pub(super) ratio: Option<rust_decimal::Decimal>,
}

/// The legs that book what the broker's rounding of cash adds.
pub(super) fn rounding(amount: Money) -> [Posting; 2] {
    let leg = |account, amount| Posting::money(SleeveId::ROUNDING, account, amount);
    [leg(LedgerAccount::Cash, amount), leg(LedgerAccount::Rounding, -amount)]
}

/// Whether legs sum to zero, to the last digit that can be stored.
fn balance(postings: &[Posting]) -> Result<(), String> {
    let mut sum = Some(0_i128);
    for posting in postings {
        let Some(units) = smallest_units(posting.amount.get()) else {
            return Err(format!(
                "{} of {} is no amount of at most {} decimal places",
                posting.amount,
                posting.account,
                limits::STORED_SCALE
            ));
        };
        sum = sum.and_then(|sum| sum.checked_add(units));
    }
    match sum {
        Some(0) => Ok(()),
        Some(units) => Err(format!("it is off balance by {}", of_smallest_units(units))),
        None => Err("its amounts are beyond what can be summed up".to_owned()),
    }
}

impl Desk {
    /// Books a fill that the broker reports, unless it is known. Gives whether it was new.
    pub(super) fn on_fill(
        &mut self,
        fill: &Fill,
        source: ExecutionSource,
        out: &mut Effects,
    ) -> bool {
        if self.is_dropped_by_a_bug(fill) {
            return false;
        }
        let prints = Prints::new(&fill.execution_id, &fill.broker_order_id, fill.cumulative_qty);
        let before_opening = self.account.opened_at.is_some_and(|opened| fill.at < opened);
        if before_opening || self.is_known(&prints) || !fill.qty.is_positive() {
            return false;
        }
        self.remember(&prints);
        self.reconciliation.executions += 1;
        let client_order_id = fill.client_order_id.as_deref().unwrap_or_default();
        let order = self.owner_of(client_order_id, &fill.broker_order_id);
        let sleeve = order.map(|id| self.orders[&id].sleeve);
        let sleeve = sleeve.or_else(|| {
            // The order is too old to be in memory; its id still names its owner.
            let id = self.our_id(client_order_id)?;
            self.names.get(&id.sleeve).copied()
        });
        if let Some(id) = order {
            self.learn_broker_id(id, &fill.broker_order_id);
        }
        let owner = sleeve.unwrap_or(SleeveId::SUSPENSE);
        if sleeve.is_none() {
            let message = format!(
                "execution {} ({} {} {}) belongs to nobody here: it is in suspense",
                fill.execution_id,
                fill.side.as_str(),
                fill.qty,
                fill.symbol
            );
            Self::alert(out, "warning", message);
        }
        let opened = self.book(owner, order, fill, source, out);
        if let Some(instrument) = self.by_symbol.get(&fill.symbol).copied() {
            self.expect_coin_fee(instrument, fill.side, fill.qty, fill.fee_qty);
        }
        if let Some(id) = order {
            self.fill_order(id, fill, opened, out);
        }
        true
    }

    fn is_dropped_by_a_bug(&self, fill: &Fill) -> bool {
        let late_part = bug::is(Bug::LatePartDropped);
        let late = bug::is(Bug::LateFillDropped);
        if !late_part && !late {
            return false;
        }
        let client_order_id = fill.client_order_id.as_deref().unwrap_or_default();
        let order = self.owner_of(client_order_id, &fill.broker_order_id);
        order.and_then(|id| self.orders.get(&id)).is_some_and(|order| {
            let known = fill.cumulative_qty.is_some_and(|qty| qty <= order.filled_qty);
            (late && order.status.is_final()) || (late_part && known)
        })
    }

    /// Books an execution to a sleeve: lots, round trips, one balanced entry. Gives the lot that it
    /// opened.
    pub(super) fn book(
        &mut self,
        sleeve_id: SleeveId,
        order: Option<OrderId>,
        fill: &Fill,
        source: ExecutionSource,
        out: &mut Effects,
    ) -> Option<LotId> {
        let instrument = self.instrument_of(&fill.symbol, out);
        let execution_id: Arc<str> = fill.execution_id.as_str().into();
        let (reason, lot) = match order.map(|id| &self.orders[&id]) {
            Some(order) => (order.reason.clone(), order.lot),
            None => (None, None),
        };
        let fee_qty = if fill.side == Side::Buy { fill.fee_qty } else { Qty::ZERO };
        let mut trade = Trade {
            sleeve: sleeve_id,
            symbol: &fill.symbol,
            side: fill.side,
            qty: fill.qty,
            price: fill.price,
            fee: fill.fee,
            fee_qty,
            at: fill.at,
            execution_id: &execution_id,
            entry: EntryId(self.account.counters.entry),
            reason: reason.as_ref(),
            method: self.sleeves[&sleeve_id].row.lots,
            lot,
        };
        if bug::is(Bug::NewestFirst) {
            trade.method = crate::ledger::LotMethod::Lifo;
        }
        let mut counters = self.account.counters;
        let sleeve = self.sleeve_mut(sleeve_id);
        let holding = sleeve.holdings.entry(instrument).or_default();
        let booking = holding.book(&trade, &mut counters);
        if holding.is_empty() {
            sleeve.holdings.remove(&instrument);
        }
        let realised = add_exact(sleeve.row.realised.get(), booking.net.get());
        self.account.counters = counters;
        match realised {
            Ok(sum) => self.sleeve_mut(sleeve_id).row.realised = Money::new(sum),
            Err(error) => self.refuse_to_book("realised profit", &error),
        }
        self.touched.positions.insert((sleeve_id, instrument));
        let postings = self.legs_of(&trade, &booking, source);
        let memo = if self.settings.restorable {
            let name = &self.sleeves[&sleeve_id].row.name;
            let verb = if fill.side == Side::Buy { "bought" } else { "sold" };
            format!("{name} {verb} {} {} at {}", fill.qty, fill.symbol, fill.price)
        } else {
            String::new()
        };
        let draft = Draft {
            execution_id: Some(execution_id.clone()),
            effective_at: fill.at,
            ..self.draft(EntryKind::Execution, memo)
        };
        let entry = self.post_entry(draft, postings, out);
        out.rows.push(Row::Execution(ExecutionRow {
            execution_id,
            sleeve: sleeve_id,
            order,
            broker_order_id: fill.broker_order_id.as_str().into(),
            symbol: fill.symbol.clone(),
            side: fill.side,
            qty: fill.qty,
            price: fill.price,
            fee: fill.fee,
            fee_qty,
            cumulative_qty: fill.cumulative_qty,
            at: fill.at,
            entry,
            source,
        }));
        self.push_lots(entry, booking.lots, out);
        out.rows.extend(booking.round_trips.into_iter().map(Row::RoundTrip));
        if self.marks[instrument.index()].is_none() {
            self.mark(instrument, fill.price, fill.at);
        }
        self.touched.marks.insert(instrument);
        booking.opened
    }

    /// The legs of an execution, the broker's rounding of its cash among them.
    pub(super) fn legs_of(
        &self,
        trade: &Trade<'_>,
        booking: &Booking,
        source: ExecutionSource,
    ) -> Vec<Posting> {
        let value = trade.price.value_of(trade.qty);
        let cash = match trade.side {
            Side::Buy => -value - trade.fee,
            Side::Sell => value - trade.fee,
        };
        let sleeve = trade.sleeve;
        let moved = trade.side.signed(trade.moved());
        let mut postings = vec![
            Posting::money(sleeve, LedgerAccount::Cash, cash),
            Posting::shares(sleeve, trade.symbol, booking.cost_change, moved),
            Posting::money(sleeve, LedgerAccount::Realised, -booking.gross),
            Posting::money(sleeve, LedgerAccount::Fees, trade.whole_fee()),
        ];
        let rounds = self.account.has_broker && !bug::is(Bug::RoundingForgotten);
        if rounds && source != ExecutionSource::Opening {
            // The broker rounds the trade and its fee each by itself.
            let rounded = (cash + trade.fee).to_cents() + (-trade.fee).to_cents();
            postings.extend(rounding(rounded - cash));
        }
        postings
    }

    /// An entry that happens now.
    pub(super) fn draft(&self, kind: EntryKind, memo: String) -> Draft {
        Draft {
            kind,
            memo,
            execution_id: None,
            source_id: None,
            corrects: None,
            effective_at: self.now.market,
            ratio: None,
        }
    }

    /// Writes a balanced entry that happens now; see [`Self::post_entry`].
    pub(super) fn post(
        &mut self,
        kind: EntryKind,
        memo: String,
        postings: Vec<Posting>,
        out: &mut Effects,
    ) -> EntryId {
        let draft = self.draft(kind, memo);
        self.post_entry(draft, postings, out)
    }

    /// Writes a balanced entry, chains it to the journal, and moves what the sleeves keep of cash,
    /// fees and income by it. Legs that move nothing are left out.
    ///
    /// An amount that can't be stored (more than [`limits::STORED_SCALE`] decimal places), a sum that
    /// 28 digits don't hold, an entry off balance: nothing of the input is booked, and this host does
    /// not go on. Facts are never rounded into the books, and never lost: the broker, or the file,
    /// still has them.
    pub(super) fn post_entry(
        &mut self,
        draft: Draft,
        mut postings: Vec<Posting>,
        out: &mut Effects,
    ) -> EntryId {
        let id = EntryId(self.account.counters.entry);
        self.account.counters.entry += 1;
        self.touched.account = true;
        if let Err(why) = balance(&postings) {
            self.refuse_to_book(&format!("entry {id} \"{}\"", draft.memo), &why);
            return id;
        }
        for posting in &postings {
            let row = &mut self.sleeve_mut(posting.sleeve).row;
            let (sum, amount) = match posting.account {
                LedgerAccount::Cash => (&mut row.cash, posting.amount),
                LedgerAccount::Fees => (&mut row.fees, posting.amount),
                LedgerAccount::Dividends => (&mut row.dividends, -posting.amount),
                LedgerAccount::Interest => (&mut row.interest, -posting.amount),
                _ => continue,
            };
            match add_exact(sum.get(), amount.get()) {
                Ok(exact) => *sum = Money::new(exact),
                Err(error) => {
                    self.refuse_to_book(posting.account.kind(), &error);
                    return id;
                }
            }
        }
        if !self.settings.restorable {
            return id;
        }
        postings.retain(|posting| !posting.amount.is_zero() || !posting.qty.is_zero());
        let Draft { kind, memo, execution_id, source_id, corrects, effective_at, ratio } = draft;
        let mut entry = EntryRow {
            id,
            at: self.now.market,
            kind,
            memo,
            execution_id,
            source_id,
            corrects,
            effective_at,
            ratio,
            postings,
            link: Link::default(),
        };
        entry.link = self.account.link.next(self.account.label.as_str(), &entry);
        self.account.link = entry.link;
        out.rows.push(Row::Entry(entry));
        id
    }

    /// The present input leaves nothing behind, see [`super::step`]. The first reason stands.
    fn refuse_to_book(&mut self, what: &str, why: &dyn std::fmt::Display) {
        let label = &self.account.label;
        self.unbookable.get_or_insert_with(|| {
            format!("account {label}: {what} can't be booked: {why}; nothing of the input was kept")
        });
    }

    /// Writes lots as an entry left them.
    pub(super) fn push_lots(&self, entry: EntryId, lots: Vec<LotRow>, out: &mut Effects) {
        if !self.settings.restorable {
            return;
        }
        let at = self.now.market;
        for lot in lots {
            out.rows.push(Row::LotChange(LotChangeRow { entry, at, lot: lot.clone() }));
            out.rows.push(Row::Lot(lot));
        }
    }

    /// Lets an order know of its fill.
    fn fill_order(&mut self, id: OrderId, fill: &Fill, opened: Option<LotId>, out: &mut Effects) {
        if self.orders[&id].status == OrderStatus::Abandoned {
            self.revive(id, out);
        }
        let before = self.orders[&id].status;
        let value = fill.price.value_of(fill.qty);
        let order = &self.orders[&id];
        let too_much = match order.size {
            Size::Qty(qty) => order.filled_qty + fill.qty > qty,
            Size::Notional(amount) => order.filled_value + value > amount.max(order.reserved),
        };
        let too_dear = order.side == Side::Buy && fill.price > order.worst_price;
        let late = before.is_final();
        self.update_order(id, |order| {
            order.filled_qty += fill.qty;
            order.filled_value += value;
            order.broker_filled_qty = order.broker_filled_qty.max(order.filled_qty);
            order.overfilled |= too_much || too_dear;
            if !late {
                order.status = OrderStatus::PartiallyFilled;
            }
        });
        let order = &self.orders[&id];
        let (sleeve, symbol) = (order.sleeve, order.symbol.clone());
        if too_much || too_dear {
            let found = if too_much { "its quantity" } else { "its reservation" };
            let why = format!("order {id} ({symbol}) filled beyond {found}");
            self.reduce_only(sleeve, &why, out);
        }
        if late {
            let message =
                format!("order {id} ({symbol}) was {} and filled all the same", before.as_str());
            Self::alert(out, "serious", message);
        }
        self.notify_opened(id, fill.qty, Some(fill.price), opened, out);
        self.finish_if_filled(id, out);
    }

    fn finish_if_filled(&mut self, id: OrderId, out: &mut Effects) {
        let order = &self.orders[&id];
        let all = match order.size {
            Size::Qty(qty) => order.filled_qty >= qty,
            Size::Notional(_) => false,
        };
        if all {
            self.end(id, OrderStatus::Filled, None, out);
        } else if let Some(target) = self.ending.get(&id).copied() {
            self.end_when_complete(id, target, out);
        }
    }

    /// Lets a sleeve only reduce from now on.
    pub(super) fn reduce_only(&mut self, id: SleeveId, why: &str, out: &mut Effects) {
        let sleeve = self.sleeve_mut(id);
        if sleeve.row.state == TradingState::Active {
            sleeve.row.state = TradingState::Reducing;
            sleeve.row.state_reason = Some(why.to_owned());
        }
        let message = format!("sleeve {} may only reduce: {why}", sleeve.row.name);
        Self::alert(out, "warning", message);
    }
}
