//! The life of orders: acceptance, claim, answers, reports, ends.

use std::sync::Arc;

use super::budget::RequestClass;
use super::effect::{Action, Effects, OrderUpdate};
use super::restore::broker_print;
use super::state::Desk;
use crate::broker::{Answer, BrokerOrder, BrokerStatus, OrderReport};
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty};
use crate::id::{IntentId, LotId, OrderId, SleeveId};
use crate::limits;
use crate::order::{ClientOrderId, Intent, OrderStatus, Side, Size, client_order_id, order_named};
use crate::risk::Refusal;
use crate::row::{OrderRow, SleeveKind};
use crate::sleeve::Admission;

/// What of an order can still be filled; for a notional order, what its rest is at the worst price.
pub(super) fn open_qty(order: &OrderRow) -> Qty {
    if order.status.is_final() {
        return Qty::ZERO;
    }
    let left = match order.size {
        Size::Qty(qty) => qty - order.filled_qty,
        Size::Notional(amount) => {
            let rest = (amount - order.filled_value).get();
            let qty = rest / order.worst_price.get();
            Qty::new(qty.round_dp_with_strategy(
                limits::QTY_SCALE_MAX,
                rust_decimal::RoundingStrategy::ToPositiveInfinity,
            ))
        }
    };
    if left.is_negative() { Qty::ZERO } else { left }
}

/// The cash that an order holds: its rest at the worst price.
fn reservation(order: &OrderRow) -> Money {
    if order.status.is_final() || order.side == Side::Sell {
        return Money::ZERO;
    }
    if bug::is(Bug::UnknownReleased) && order.status == OrderStatus::Unknown {
        return Money::ZERO;
    }
    if bug::is(Bug::ReservationKept) && !order.reserved.is_zero() {
        return order.reserved;
    }
    let held = match order.size {
        Size::Qty(_) => order.worst_price.value_of(open_qty(order)),
        Size::Notional(amount) => amount - order.filled_value,
    };
    if held.is_negative() { Money::ZERO } else { held }
}

/// The cash that a buy holds while it waits for the end of another (RELIABILITY I21: of two legs
/// the larger). Its quantity is in all, so that what the other fills is taken off: at worst the
/// other fills as much as it can and this one the rest, or the other nothing and this one all.
/// `alone` is what it holds by itself.
pub(super) fn held_behind(
    before: &OrderRow,
    size: Size,
    worst_price: Price,
    alone: Money,
) -> Money {
    let (Size::Qty(qty), Size::Qty(_)) = (size, before.size) else {
        return alone;
    };
    if before.side == Side::Sell || before.status.is_final() {
        return alone;
    }
    let rest = (qty - before.filled_qty).max(Qty::ZERO);
    let open = open_qty(before);
    let beyond = (rest - open).max(Qty::ZERO);
    let other = before.worst_price.value_of(open);
    let worst = worst_price.value_of(rest).max(other + worst_price.value_of(beyond));
    (worst - before.reserved).max(Money::ZERO)
}

impl Desk {
    /// Changes an order; what it holds in its sleeve follows. The one place where reservations and
    /// offered quantities move.
    pub(super) fn update_order(&mut self, id: OrderId, change: impl FnOnce(&mut OrderRow)) {
        let order = self.order_mut(id);
        let open_before = open_qty(order);
        change(order);
        let (sleeve, side) = (order.sleeve, order.side);
        let open_change = open_qty(order) - open_before;
        self.hold_again(id);
        if side == Side::Buy {
            let is_behind = |other: &&OrderId| {
                let other = &self.orders[*other];
                other.replaces == Some(id) && other.status == OrderStatus::Accepted
            };
            let behind: Vec<OrderId> =
                self.sleeves[&sleeve].open.iter().filter(is_behind).copied().collect();
            behind.into_iter().for_each(|other| self.hold_again(other));
        }
        if open_change.is_zero() {
            self.sleeve_mut(sleeve);
            return;
        }
        let instrument = self.by_symbol[&self.orders[&id].symbol];
        let sleeve = self.sleeve_mut(sleeve);
        let holding = sleeve.holdings.entry(instrument).or_default();
        match side {
            Side::Buy => holding.buying += open_change,
            Side::Sell => holding.selling += open_change,
        }
        if holding.is_empty() {
            sleeve.holdings.remove(&instrument);
        }
    }

    /// Holds for an order what it can cost now.
    fn hold_again(&mut self, id: OrderId) {
        let order = &self.orders[&id];
        let mut held = reservation(order);
        let before = order.replaces.and_then(|other| self.orders.get(&other));
        if let Some(before) = before
            && order.status == OrderStatus::Accepted
            && !held.is_zero()
        {
            held = held_behind(before, order.size, order.worst_price, held);
        }
        let (sleeve, change) = (order.sleeve, held - order.reserved);
        if change.is_zero() {
            return;
        }
        self.order_mut(id).reserved = held;
        let sleeve = self.sleeve_mut(sleeve);
        sleeve.row.reserved += change;
        if bug::is(Bug::ReservationTwice) && change.is_negative() {
            sleeve.row.reserved += change;
        }
    }

    /// Makes an order of an admitted intent and, where nothing is in its way, claims it at once.
    pub(super) fn accept(
        &mut self,
        sleeve_id: SleeveId,
        intent_id: Option<IntentId>,
        intent: &Intent,
        admission: &Admission,
        replaces: Option<OrderId>,
        out: &mut Effects,
    ) -> OrderId {
        let id = OrderId(self.account.counters.order);
        self.account.counters.order += 1;
        let now = self.now;
        let intent_id = intent_id.unwrap_or(IntentId(IntentId::BY_HAND | id.0));
        let sleeve = self.sleeve_mut(sleeve_id);
        sleeve.open.insert(id);
        sleeve.accepted.push_back(now.market);
        let recent =
            (now.market, intent.symbol.clone(), intent.side, intent.size, intent.order_type);
        sleeve.recent.push_back(recent);
        while sleeve.recent.len() > limits::OPEN_ORDERS_PER_SLEEVE_MAX {
            sleeve.recent.pop_front();
        }
        while sleeve
            .accepted
            .front()
            .is_some_and(|at| now.market.since(*at) >= 60 * limits::NANOS_PER_SECOND)
        {
            sleeve.accepted.pop_front();
        }
        let (era, account) = (&self.account.era, &self.account.label);
        let client_order_id = client_order_id(era, account, &self.sleeves[&sleeve_id].row.name, id);
        let order = OrderRow {
            id,
            sleeve: sleeve_id,
            intent_id,
            client_order_id: client_order_id.into(),
            broker_order_id: None,
            symbol: intent.symbol.clone(),
            side: intent.side,
            size: intent.size,
            order_type: intent.order_type,
            sent_type: admission.sent_type,
            time_in_force: admission.time_in_force,
            extended_hours: intent.extended_hours,
            reason: intent.reason.clone(),
            tag: intent.tag.clone(),
            // Final until the update below, so that its holds are counted once.
            status: OrderStatus::Rejected,
            decision_price: admission.decision_price,
            worst_price: admission.worst_price,
            reserved: Money::ZERO,
            filled_qty: Qty::ZERO,
            filled_value: Money::ZERO,
            broker_filled_qty: Qty::ZERO,
            epoch: 0,
            attempt: 0,
            cancel_requested: false,
            cancel_attempts: 0,
            replaces,
            end_reason: None,
            lot: intent.lot,
            plugin_version: self.bots.get(&sleeve_id).map(|bot| bot.version.as_str().into()),
            changes: 0,
            overfilled: false,
            lookups: 0,
            accepted_at: now.market,
            claimed_at: now.machine,
            updated_at: now.market,
        };
        self.orders.insert(id, order);
        self.update_order(id, |order| order.status = OrderStatus::Accepted);
        self.touched.account = true;
        self.notify(id, Qty::ZERO, None, out);
        self.try_claim(id, out);
        id
    }

    /// Claims an accepted order and asks for it to be sent, unless something is in its way.
    pub(super) fn try_claim(&mut self, id: OrderId, out: &mut Effects) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        if order.status != OrderStatus::Accepted || !self.is_ready() {
            return;
        }
        let waits_for_other = order
            .replaces
            .and_then(|other| self.orders.get(&other))
            .is_some_and(|other| !other.status.is_final());
        let too_early = self.not_before.get(&id).is_some_and(|at| self.now.machine < *at);
        if waits_for_other || too_early {
            return;
        }
        if self.now.market.since(order.accepted_at) > self.settings.accepted_max_ns {
            self.end(id, OrderStatus::Expired, Some("not sent in time"), out);
            return;
        }
        if !self.budget.spend(self.now.machine, RequestClass::New) {
            return;
        }
        self.not_before.remove(&id);
        let (epoch, machine) = (self.epoch, self.now.machine);
        self.update_order(id, |order| {
            order.status = OrderStatus::Sending;
            order.epoch = epoch;
            order.attempt += 1;
            order.claimed_at = machine;
        });
        let order = &self.orders[&id];
        let attempt = order.attempt;
        let order = BrokerOrder {
            order: id,
            client_order_id: order.client_order_id.to_string(),
            symbol: order.symbol.clone(),
            side: order.side,
            size: order.size,
            order_type: order.sent_type,
            time_in_force: order.time_in_force,
            extended_hours: order.extended_hours,
        };
        out.actions.push(Action::Submit { order, attempt });
    }

    /// Claims what waits, oldest first.
    pub(super) fn claim_waiting(&mut self, out: &mut Effects) {
        if !self.is_ready() {
            return;
        }
        let waiting: Vec<OrderId> = self
            .open_orders()
            .filter(|o| o.status == OrderStatus::Accepted)
            .map(|o| o.id)
            .collect();
        for id in waiting {
            self.try_claim(id, out);
        }
    }

    /// Puts an order into a final state; the first end stands.
    pub(super) fn end(
        &mut self,
        id: OrderId,
        status: OrderStatus,
        why: Option<&str>,
        out: &mut Effects,
    ) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        if order.status.is_final() || !order.status.may_become(status) {
            return;
        }
        let sleeve = order.sleeve;
        self.update_order(id, |order| {
            order.status = status;
            order.end_reason = why.map(Arc::from);
        });
        self.ending.remove(&id);
        self.absent.remove(&id);
        self.not_before.remove(&id);
        self.sleeve_mut(sleeve).open.remove(&id);
        self.closed.push_back(id);
        while self.closed.len() > limits::CLOSED_ORDERS_KEPT_MAX {
            if let Some(old) = self.closed.pop_front()
                && let Some(order) = self.orders.remove(&old)
                && let Some(broker_id) = order.broker_order_id
            {
                self.by_broker_id.remove(broker_print(&broker_id));
            }
        }
        self.notify(id, Qty::ZERO, None, out);
        self.after_end(id, sleeve, status, out);
    }

    /// A replacement goes out when the order before it has ended; if that one was filled, there is
    /// nothing to replace.
    fn after_end(
        &mut self,
        ended: OrderId,
        sleeve: SleeveId,
        status: OrderStatus,
        out: &mut Effects,
    ) {
        let next: Vec<OrderId> = self.sleeves[&sleeve]
            .open
            .iter()
            .filter(|id| {
                // One that went out already stands for itself: what it replaced was given up, and
                // has ended a second time.
                let order = &self.orders[*id];
                order.replaces == Some(ended) && order.status == OrderStatus::Accepted
            })
            .copied()
            .collect();
        for id in next {
            if status == OrderStatus::Filled {
                self.end(
                    id,
                    OrderStatus::Canceled,
                    Some("the order to be replaced was filled"),
                    out,
                );
                continue;
            }
            match self.size_left(id, ended) {
                Some(size) => self.update_order(id, |order| order.size = size),
                None => {
                    let why = "the order to be replaced had filled as much";
                    self.end(id, OrderStatus::Canceled, Some(why), out);
                    continue;
                }
            }
            self.try_claim(id, out);
        }
    }

    /// What a replacement is still for: its size is in all, so what the order before it filled is
    /// taken off. `None` where nothing that the broker takes is left.
    fn size_left(&self, id: OrderId, ended: OrderId) -> Option<Size> {
        let before = &self.orders[&ended];
        match self.orders[&id].size {
            Size::Qty(qty) => {
                let left = qty - before.filled_qty;
                left.is_positive().then_some(Size::Qty(left))
            }
            Size::Notional(amount) => {
                let left = (amount - before.filled_value).get();
                let cents = left.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::ToZero);
                (cents >= rust_decimal::Decimal::ONE).then_some(Size::Notional(Money::new(cents)))
            }
        }
    }

    /// Tells the order's bot where it is.
    pub(super) fn notify(
        &self,
        id: OrderId,
        last_qty: Qty,
        last_price: Option<Price>,
        out: &mut Effects,
    ) {
        self.notify_opened(id, last_qty, last_price, None, out);
    }

    /// The same, with the lot that a fill opened.
    pub(super) fn notify_opened(
        &self,
        id: OrderId,
        last_qty: Qty,
        last_price: Option<Price>,
        lot: Option<LotId>,
        out: &mut Effects,
    ) {
        let order = &self.orders[&id];
        if self.sleeves[&order.sleeve].row.kind != SleeveKind::Bot {
            return;
        }
        out.actions.push(Action::Notify {
            sleeve: order.sleeve,
            update: OrderUpdate {
                intent_id: order.intent_id,
                symbol: order.symbol.clone(),
                side: order.side,
                status: Some(order.status),
                reason: order.end_reason.clone(),
                filled_qty: order.filled_qty,
                last_qty,
                last_price,
                lot,
                at: self.now.market,
            },
        });
    }

    /// The answer to a submit.
    pub(super) fn on_submitted(
        &mut self,
        id: OrderId,
        attempt: u32,
        answer: &Answer<OrderReport>,
        out: &mut Effects,
    ) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        if let Answer::Done { value } = answer {
            self.on_report(value, out);
            return;
        }
        // Other evidence has overtaken this answer, or it belongs to an earlier claim.
        if order.status != OrderStatus::Sending || order.attempt != attempt {
            return;
        }
        match answer {
            Answer::Done { .. } => {}
            Answer::Refused { http, code, message } => {
                let why = format!("broker: {http} {code} {message}");
                self.end(id, OrderStatus::Rejected, Some(&why), out);
            }
            Answer::NotTaken { retry_after, .. } => {
                let at = self.now.machine.plus(*retry_after);
                self.not_before.insert(id, at);
                self.update_order(id, |order| order.status = OrderStatus::Accepted);
            }
            Answer::Unknown { .. } if bug::is(Bug::TimeoutRejects) => {
                self.end(id, OrderStatus::Rejected, Some("timed out"), out);
            }
            Answer::NotFound | Answer::Unknown { .. } => self.become_unknown(id, out),
        }
    }

    /// Nobody knows whether the broker has it: it keeps its reservation and is looked up.
    pub(super) fn become_unknown(&mut self, id: OrderId, out: &mut Effects) {
        let machine = self.now.machine;
        self.update_order(id, |order| {
            order.status = OrderStatus::Unknown;
            order.claimed_at = machine;
            order.lookups = 0;
        });
        self.notify(id, Qty::ZERO, None, out);
        self.look_up(id, out);
    }

    pub(super) fn look_up(&mut self, id: OrderId, out: &mut Effects) {
        self.budget.spend(self.now.machine, RequestClass::Reconcile);
        let next = self.now.machine.plus(self.lookup_step());
        self.not_before.insert(id, next);
        let client_order_id = self.orders[&id].client_order_id.to_string();
        out.actions.push(Action::LookUp { order: id, client_order_id });
    }

    /// The answer to a lookup. "Not found" is evidence only after the quiet window, together with
    /// a complete list that doesn't hold the order (RELIABILITY R3, R11).
    pub(super) fn on_looked_up(
        &mut self,
        id: OrderId,
        answer: &Answer<OrderReport>,
        out: &mut Effects,
    ) {
        match answer {
            Answer::Done { value } => self.on_report(value, out),
            Answer::NotFound => {
                let Some(order) = self.orders.get(&id) else {
                    return;
                };
                if order.status != OrderStatus::Unknown {
                    return;
                }
                self.update_order(id, |order| order.lookups += 1);
                if bug::is(Bug::UnknownResent) {
                    self.update_order(id, |order| order.status = OrderStatus::Accepted);
                    self.try_claim(id, out);
                    return;
                }
                if bug::is(Bug::AbandonedAtOnce) {
                    self.end(id, OrderStatus::Abandoned, Some("not found"), out);
                    return;
                }
                let order = &self.orders[&id];
                let quiet =
                    self.now.machine.since(order.claimed_at) >= self.settings.unknown_quiet_ns;
                if !quiet || order.lookups < limits::LOOKUPS_MIN {
                    return;
                }
                if self.absent.contains(&id) {
                    let why = "no evidence that the broker ever had it";
                    self.end(id, OrderStatus::Abandoned, Some(why), out);
                } else {
                    self.request_snapshot(out);
                }
            }
            Answer::Refused { .. } | Answer::NotTaken { .. } | Answer::Unknown { .. } => {}
        }
    }

    /// Asks for a cancel.
    pub(super) fn cancel(&mut self, id: OrderId, out: &mut Effects) -> Result<(), Refusal> {
        let not_open =
            |status: &str| Refusal::NotOpen { name: id.to_string(), status: status.to_owned() };
        let Some(order) = self.orders.get(&id) else {
            return Err(Refusal::NotFound { what: "order".to_owned(), name: id.to_string() });
        };
        if order.status.is_final() {
            return Err(not_open(order.status.as_str()));
        }
        if order.status == OrderStatus::Accepted {
            self.end(id, OrderStatus::Canceled, Some("cancelled before it was sent"), out);
            return Ok(());
        }
        let again = order.cancel_requested && order.cancel_attempts > 0;
        self.update_order(id, |order| order.cancel_requested = true);
        if !again {
            self.send_cancel(id, out);
        }
        Ok(())
    }

    /// Sends the cancel once the broker's id is known.
    pub(super) fn send_cancel(&mut self, id: OrderId, out: &mut Effects) {
        let Some(broker_order_id) = self.orders[&id].broker_order_id.clone() else {
            return;
        };
        if !self.budget.spend(self.now.machine, RequestClass::Cancel) {
            return;
        }
        let machine = self.now.machine;
        self.update_order(id, |order| {
            order.cancel_attempts += 1;
            order.claimed_at = machine;
        });
        let broker_order_id = broker_order_id.to_string();
        out.actions.push(Action::Cancel { order: id, broker_order_id });
    }

    /// The answer to a cancel. "Done" is no end; a refusal means that something else ended it, so
    /// the order is looked up.
    pub(super) fn on_cancel_answered(
        &mut self,
        id: OrderId,
        answer: &Answer<()>,
        out: &mut Effects,
    ) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        if order.status.is_final() {
            return;
        }
        match answer {
            Answer::Done { .. } => {}
            Answer::Refused { .. } | Answer::NotFound => self.look_up(id, out),
            // The timer asks again.
            Answer::NotTaken { .. } | Answer::Unknown { .. } => {}
        }
    }

    /// A report of one order. Its fills have been booked before.
    pub(super) fn on_report(&mut self, report: &OrderReport, out: &mut Effects) {
        let Some(id) = self.owner_of(&report.client_order_id, &report.broker_order_id) else {
            return;
        };
        self.learn_broker_id(id, &report.broker_order_id);
        self.absent.remove(&id);
        self.learn_filled_qty(id, report.filled_qty);
        let target = match &report.status {
            BrokerStatus::Open | BrokerStatus::PartiallyFilled | BrokerStatus::Other(_) => {
                self.report_alive(id, out);
                return;
            }
            BrokerStatus::Filled => OrderStatus::Filled,
            BrokerStatus::Canceled => OrderStatus::Canceled,
            BrokerStatus::Expired => OrderStatus::Expired,
            BrokerStatus::Replaced => OrderStatus::Replaced,
            BrokerStatus::Rejected => OrderStatus::Rejected,
        };
        self.end_when_complete(id, target, out);
    }

    fn learn_filled_qty(&mut self, id: OrderId, filled: Qty) {
        if self.orders[&id].broker_filled_qty < filled {
            self.update_order(id, |order| order.broker_filled_qty = filled);
        }
    }

    fn report_alive(&mut self, id: OrderId, out: &mut Effects) {
        let order = &self.orders[&id];
        let missing = order.broker_filled_qty > order.filled_qty;
        match order.status {
            OrderStatus::Sending | OrderStatus::Unknown => {
                let status = if order.filled_qty.is_positive() {
                    OrderStatus::PartiallyFilled
                } else {
                    OrderStatus::Acknowledged
                };
                self.update_order(id, |order| order.status = status);
                self.notify(id, Qty::ZERO, None, out);
            }
            OrderStatus::Abandoned => self.revive(id, out),
            _ => {}
        }
        let order = &self.orders[&id];
        if order.cancel_requested && order.cancel_attempts == 0 && !order.status.is_final() {
            self.send_cancel(id, out);
        }
        if missing {
            self.request_missing(out);
        }
    }

    /// Evidence for an order that was given up (RELIABILITY R4): it lives again, holds its
    /// reservation again, and is cancelled where it opens risk.
    pub(super) fn revive(&mut self, id: OrderId, out: &mut Effects) {
        let order = &self.orders[&id];
        let (sleeve, side, symbol) = (order.sleeve, order.side, order.symbol.clone());
        self.closed.retain(|other| *other != id);
        self.sleeve_mut(sleeve).open.insert(id);
        self.update_order(id, |order| {
            order.status = OrderStatus::Acknowledged;
            order.end_reason = None;
        });
        let message = format!("order {id} ({symbol}) was given up and is alive at the broker");
        Self::alert(out, "serious", message);
        self.notify(id, Qty::ZERO, None, out);
        // What it was to sell may be offered by another order since.
        let oversold = self
            .by_symbol
            .get(&symbol)
            .and_then(|instrument| self.sleeves[&sleeve].holdings.get(instrument))
            .is_some_and(|holding| holding.available().is_negative());
        if side == Side::Buy || oversold {
            self.update_order(id, |order| order.cancel_requested = true);
            self.send_cancel(id, out);
        }
    }

    /// Ends an order once all fills that the broker counts are booked; asks for them until then.
    pub(super) fn end_when_complete(
        &mut self,
        id: OrderId,
        target: OrderStatus,
        out: &mut Effects,
    ) {
        let order = &self.orders[&id];
        if order.status == OrderStatus::Abandoned && target != OrderStatus::Filled {
            return;
        }
        if order.status.is_final() {
            return;
        }
        if order.filled_qty < order.broker_filled_qty && !bug::is(Bug::EndsIncomplete) {
            self.ending.insert(id, target);
            if matches!(self.orders[&id].status, OrderStatus::Sending | OrderStatus::Unknown) {
                self.update_order(id, |order| order.status = OrderStatus::Acknowledged);
            }
            self.request_missing(out);
            return;
        }
        let why = (target != OrderStatus::Filled).then_some("by the broker's report");
        let asked = self.orders[&id].cancel_requested && target == OrderStatus::Canceled;
        self.end(id, target, if asked { Some("cancelled as asked") } else { why }, out);
    }

    pub(super) fn learn_broker_id(&mut self, id: OrderId, broker_order_id: &str) {
        if broker_order_id.is_empty() || self.orders[&id].broker_order_id.is_some() {
            return;
        }
        let broker_id: Arc<str> = broker_order_id.into();
        self.by_broker_id.insert(broker_print(&broker_id), id);
        self.order_mut(id).broker_order_id = Some(broker_id);
    }

    /// The order with this id of the broker's.
    pub(super) fn by_broker_id(&self, broker_order_id: &str) -> Option<OrderId> {
        let id = self.by_broker_id.get(broker_print(broker_order_id))?;
        let known = self.orders.get(&id)?.broker_order_id.as_deref();
        (known == Some(broker_order_id)).then_some(id)
    }

    /// The order that a report is about, by the broker's id or by our own.
    pub(super) fn owner_of(&self, client_order_id: &str, broker_order_id: &str) -> Option<OrderId> {
        if let Some(id) = self.by_broker_id(broker_order_id) {
            return Some(id);
        }
        // Its text is one that was written here, or it is another's.
        let id = order_named(client_order_id, &self.account.era)?;
        let order = self.orders.get(&id)?;
        (*order.client_order_id == *client_order_id).then_some(id)
    }

    /// A client order id of this account and era.
    pub(super) fn our_id(&self, client_order_id: &str) -> Option<ClientOrderId> {
        let id = ClientOrderId::parse(client_order_id)?;
        (id.era == self.account.era && id.account == self.account.label).then_some(id)
    }
}
