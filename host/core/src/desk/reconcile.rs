//! The comparison with the broker: at the start, after a gap, on a timer.
//!
//! A snapshot first books what happened meanwhile, then ends orders by evidence, then compares.
//! Absence is not evidence: an order that a list doesn't hold is looked up, never ended; a
//! difference that may be a race is read again after the hold-off, and only a second look makes it
//! a break.

use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

use super::breaks::is_accepted;
use super::budget::RequestClass;
use super::effect::{Action, Effects};
use super::state::{Desk, Mark};
use crate::broker::{BrokerSnapshot, BrokerStatus};
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty, round_half_even};
use crate::id::{BreakId, InstrumentId, OrderId, SleeveId, Symbol};
use crate::ledger::{EntryKind, LedgerAccount, LotSide, Posting};
use crate::limits::{self, NANOS_PER_SECOND};
use crate::order::{ClientOrderId, OrderStatus};
use crate::row::{BreakRow, ExecutionSource, LotRow, Row};
use crate::time::Timestamp;

/// A snapshot that was asked for and never answered is asked for again after this long, in machine
/// nanoseconds.
const SNAPSHOT_LOST_NS: i64 = 60 * NANOS_PER_SECOND;
/// Orders of another host count as recent for this long, in market nanoseconds.
const RECENT_NS: i64 = 24 * 3600 * NANOS_PER_SECOND;

/// An order that was given up can turn up with a fill for this long, in machine nanoseconds: ten
/// times what it waited for evidence.
const GIVEN_UP_LATELY_NS: i64 = 600 * NANOS_PER_SECOND;
/// Where shares come from that the account held when it was opened.
const OPENING: &str = "opening";

/// What of one symbol was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolComparison {
    /// Which.
    pub symbol: Symbol,
    /// All sleeves but suspense.
    pub sleeves: Qty,
    /// Suspense.
    pub suspense: Qty,
    /// The broker.
    pub broker: Qty,
}

/// The last comparison with the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Whether a comparison came to its end since the start and since the stream was last down.
    pub ready: bool,
    /// When the last one ended, by the market's time.
    pub at: Option<Timestamp>,
    /// Whether it found no difference but accepted ones.
    pub balanced: bool,
    /// Cash of all our sleeves.
    pub cash_ours: Money,
    /// Cash at the broker.
    pub cash_broker: Money,
    /// Every symbol that either side holds.
    pub symbols: Vec<SymbolComparison>,
    /// How many have ended since the start.
    pub count: u64,
    pub(super) asked_at: Option<Timestamp>,
    /// When the last snapshot came, by the machine's time.
    pub(super) read_at: Option<Timestamp>,
    pub(super) again: bool,
    /// Whether the snapshot on its way began before the stream came up: it can't show the gap.
    pub(super) too_early: bool,
    pub(super) next_at: Option<Timestamp>,
    pub(super) suspected: Option<Vec<Difference>>,
    /// Executions booked since the last balanced comparison: bounds the broker's rounding.
    pub(super) executions: i64,
    /// Coins bought since the last comparison, whose fee may have been taken in coins.
    pub(super) coins_bought: BTreeMap<InstrumentId, Qty>,
}

/// A difference between our books and the broker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    class: &'static str,
    pub(super) symbol: Option<Symbol>,
    ours: Decimal,
    broker: Decimal,
}

impl Difference {
    /// What the broker has more.
    pub(super) fn size(&self) -> Decimal {
        self.broker - self.ours
    }
}

impl Desk {
    /// Asks for a snapshot, unless one is on its way; then another follows it.
    pub(super) fn request_snapshot(&mut self, out: &mut Effects) {
        if !self.account.has_broker || !self.started {
            return;
        }
        let machine = self.now.machine;
        let asked = self.reconciliation.asked_at;
        if asked.is_some_and(|at| machine.since(at) < SNAPSHOT_LOST_NS) {
            self.reconciliation.again = true;
            return;
        }
        self.reconciliation.asked_at = Some(machine);
        self.reconciliation.again = false;
        // Account, positions, orders twice, fills, other activities, clock, calendar.
        for _ in 0..8 {
            self.budget.spend(machine, RequestClass::Reconcile);
        }
        let earliest = self.account.opened_at.unwrap_or(self.account.fills_since);
        let since = self
            .account
            .fills_since
            .plus(if bug::is(Bug::NoOverlap) { 0 } else { -self.settings.overlap_ns })
            .max(earliest);
        out.actions.push(Action::Snapshot { since });
    }

    /// Asks for fills that the broker counts and nobody has shown yet. They may show late, so that a
    /// snapshot just read is followed by another only after the hold-off.
    pub(super) fn request_missing(&mut self, out: &mut Effects) {
        let again_at = self.reconciliation.read_at.map(|at| at.plus(self.settings.hold_off_ns));
        match again_at {
            Some(at) if self.now.machine < at => {
                let next = self.reconciliation.next_at.map_or(at, |next| next.min(at));
                self.reconciliation.next_at = Some(next);
            }
            _ => self.request_snapshot(out),
        }
    }

    /// The snapshot could not be read in full: nothing is known, it is asked for again.
    pub(super) fn on_snapshot_failed(&mut self) {
        self.reconciliation.asked_at = None;
        self.reconciliation.too_early = false;
        self.reconciliation.next_at = Some(self.now.machine.plus(self.settings.hold_off_ns));
    }

    pub(super) fn on_snapshot(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) {
        self.reconciliation.asked_at = None;
        self.reconciliation.read_at = Some(self.now.machine);
        if self.refused || !self.is_our_account(snapshot, out) || self.is_taken(snapshot, out) {
            return;
        }
        self.learn_sessions(&snapshot.sessions);
        if self.account.opened_at.is_none() {
            self.open_account(snapshot, out);
            if self.account.opened_at.is_none() {
                return;
            }
        }
        self.book_missed(snapshot, out);
        for correction in &snapshot.corrections {
            self.on_correction(correction, out);
        }
        for activity in &snapshot.activities {
            self.learn(activity, out);
        }
        self.ask_again(out);
        self.end_by_evidence(snapshot, out);
        self.compare(snapshot, out);
        if self.is_fill_missing() {
            self.request_missing(out);
        }
        if self.reconciliation.again {
            self.request_snapshot(out);
        }
    }

    fn is_our_account(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) -> bool {
        match &self.account.broker_account_id {
            Some(pinned) if *pinned != snapshot.account_id => {
                let why = format!(
                    "the ledger of account \"{}\" belongs to broker account {pinned}, the keys open {}",
                    self.account.label, snapshot.account_id
                );
                self.refuse(why, out);
                false
            }
            _ => true,
        }
    }

    /// Another host's orders on the account: two private databases can't see each other's lease.
    fn is_taken(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) -> bool {
        if self.take_over || self.reconciliation.count > 0 {
            return false;
        }
        let recent = |at: Timestamp| snapshot.began.since(at) < RECENT_NS;
        let foreign = snapshot.orders.iter().find_map(|order| {
            let id = ClientOrderId::parse(&order.client_order_id)?;
            let alive = matches!(order.status, BrokerStatus::Open | BrokerStatus::PartiallyFilled);
            (id.era != self.account.era && (alive || recent(order.submitted_at)))
                .then_some((id, order))
        });
        let Some((id, order)) = foreign else {
            return false;
        };
        let why = format!(
            "another stockade host trades this account: order {} of its sleeve \"{}\" (account \"{}\", era {}) \
             is open or recent; stop that host, or start with --take-over",
            order.broker_order_id, id.sleeve, id.account, id.era
        );
        self.refuse(why, out);
        true
    }

    fn refuse(&mut self, why: String, out: &mut Effects) {
        self.refused = true;
        out.actions.push(Action::Refuse { why });
    }

    /// First sight of the account: its cash goes to house, its positions to suspense.
    fn open_account(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) {
        if snapshot.fills.iter().any(|fill| fill.at >= snapshot.began) {
            // A fill while the account was being read: which side of the opening it is on can't
            // be known, so it is read again.
            self.request_snapshot(out);
            return;
        }
        self.account.broker_account_id = Some(snapshot.account_id.clone());
        self.account.opened_at = Some(snapshot.began);
        self.account.fills_since = snapshot.began;
        self.touched.account = true;
        self.sleeve_mut(SleeveId::HOUSE).row.initial_capital = snapshot.cash;
        let leg = Posting::money;
        let memo = format!("cash of {} at the opening", snapshot.account_id);
        let postings = vec![
            leg(SleeveId::HOUSE, LedgerAccount::Cash, snapshot.cash),
            leg(SleeveId::HOUSE, LedgerAccount::Capital, -snapshot.cash),
        ];
        self.post(EntryKind::Opening, memo, postings, out);
        for position in &snapshot.positions {
            self.hold_in_suspense(
                position.symbol.clone(),
                position.qty,
                position.average_entry,
                OPENING,
                out,
            );
        }
    }

    /// Puts shares that nobody owns into suspense, at a price.
    pub(super) fn hold_in_suspense(
        &mut self,
        symbol: Symbol,
        qty: Qty,
        price: crate::Price,
        why: &str,
        out: &mut Effects,
    ) {
        let instrument = self.instrument_of(&symbol, out);
        let id = crate::id::LotId(self.account.counters.lot);
        self.account.counters.lot += 1;
        let side = if qty.is_negative() { LotSide::Short } else { LotSide::Long };
        // A mean may have more places than a price.
        let price = Price::new(round_half_even(price.get(), limits::PRICE_SCALE_MAX));
        let cost = price.value_of(qty.abs());
        let lot = LotRow {
            id,
            sleeve: SleeveId::SUSPENSE,
            symbol: symbol.clone(),
            side,
            opened_at: self.now.market,
            qty: qty.abs(),
            remaining: qty.abs(),
            entry_price: price,
            cost,
            cost_left: cost,
            fee: Money::ZERO,
            fee_left: Money::ZERO,
            execution_id: source(why, &symbol).into(),
        };
        let signed = if qty.is_negative() { -cost } else { cost };
        let sleeve = self.sleeve_mut(SleeveId::SUSPENSE);
        sleeve.row.added += signed;
        sleeve.holdings.entry(instrument).or_default().add(lot.clone());
        self.touched.positions.insert((SleeveId::SUSPENSE, instrument));
        let memo = format!("{qty} {symbol} at {price} into suspense ({why})");
        let postings = vec![
            Posting::shares(SleeveId::SUSPENSE, &symbol, signed, qty),
            Posting::money(SleeveId::SUSPENSE, LedgerAccount::Capital, -signed),
        ];
        let entry = self.post(EntryKind::Opening, memo, postings, out);
        self.push_lots(entry, vec![lot], out);
        if self.marks[instrument.index()].is_none() {
            let at = self.now.market;
            self.set_mark(instrument, Mark { price, at, stored: false });
        }
        self.touched.marks.insert(instrument);
    }

    /// Books the fills that the stream did not bring. The order reports of the same snapshot say
    /// whose they are.
    fn book_missed(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) {
        let names: BTreeMap<&str, &str> = snapshot
            .orders
            .iter()
            .map(|order| (order.broker_order_id.as_str(), order.client_order_id.as_str()))
            .collect();
        let mut fills: Vec<_> = snapshot.fills.iter().collect();
        fills.sort_by(|a, b| (a.at, &a.execution_id).cmp(&(b.at, &b.execution_id)));
        let mut postponed = false;
        for fill in fills {
            let mut fill = fill.clone();
            if fill.client_order_id.is_none() {
                fill.client_order_id =
                    names.get(fill.broker_order_id.as_str()).map(|id| (*id).to_owned());
            }
            if fill.client_order_id.is_none() && self.may_be_ours(&fill) {
                postponed = true;
                continue;
            }
            self.on_fill(&fill, ExecutionSource::Activity, out);
        }
        if !postponed {
            self.account.fills_since = self.account.fills_since.max(snapshot.began);
        }
    }

    /// Whether a fill of a broker order that nobody knows may be of an order that was sent and not
    /// found yet: lists lag behind fills (RELIABILITY R11). It is read again until that is known.
    /// So with an order that was given up not long ago: it may turn up after all.
    fn may_be_ours(&self, fill: &crate::broker::Fill) -> bool {
        let machine = self.now.machine;
        let in_doubt = |order: &crate::row::OrderRow| match order.status {
            OrderStatus::Sending | OrderStatus::Unknown => true,
            OrderStatus::Abandoned => machine.since(order.claimed_at) < GIVEN_UP_LATELY_NS,
            _ => false,
        };
        self.by_broker_id(&fill.broker_order_id).is_none()
            && self.orders.values().any(|order| {
                in_doubt(order)
                    && order.broker_order_id.is_none()
                    && (&order.symbol, order.side) == (&fill.symbol, fill.side)
            })
    }

    fn is_fill_missing(&self) -> bool {
        self.open_orders().any(|order| order.broker_filled_qty > order.filled_qty)
    }

    fn end_by_evidence(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) {
        for report in &snapshot.orders {
            self.on_report(report, out);
        }
        let listed: BTreeSet<&str> =
            snapshot.orders.iter().map(|o| o.client_order_id.as_str()).collect();
        let missing: Vec<OrderId> = self
            .open_orders()
            .filter(|order| order.status != OrderStatus::Accepted)
            .filter(|order| !listed.contains(&*order.client_order_id))
            .map(|order| order.id)
            .collect();
        for id in missing {
            // The list was begun before the order went out, or the broker doesn't have it: the
            // lookup tells.
            let order = &self.orders[&id];
            match order.status {
                OrderStatus::Unknown => {
                    self.absent.insert(id);
                    self.look_up(id, out);
                }
                OrderStatus::Acknowledged | OrderStatus::PartiallyFilled
                    if bug::is(Bug::AbsenceCancels) =>
                {
                    self.end(id, OrderStatus::Canceled, Some("not in the list"), out);
                }
                OrderStatus::Acknowledged | OrderStatus::PartiallyFilled => self.look_up(id, out),
                _ => {}
            }
        }
    }

    fn differences(&self, snapshot: &BrokerSnapshot) -> (Vec<Difference>, Vec<SymbolComparison>) {
        let mut at_broker: BTreeMap<&Symbol, Qty> =
            snapshot.positions.iter().map(|position| (&position.symbol, position.qty)).collect();
        let held = |sleeves: &mut dyn Iterator<Item = &super::state::Sleeve>, id| -> Qty {
            sleeves.filter_map(|s| s.holdings.get(&id)).map(|h| h.qty).sum()
        };
        let mut compared = Vec::new();
        for (symbol, id) in &self.by_symbol {
            let ours = |s: &&super::state::Sleeve| s.row.id != SleeveId::SUSPENSE;
            let sleeves = held(&mut self.sleeves.values().filter(ours), *id);
            let suspense = held(&mut self.sleeves.values().filter(|s| !ours(s)), *id);
            let broker = at_broker.remove(symbol).unwrap_or(Qty::ZERO);
            if !(sleeves.is_zero() && suspense.is_zero() && broker.is_zero()) {
                compared.push(SymbolComparison {
                    symbol: symbol.clone(),
                    sleeves,
                    suspense,
                    broker,
                });
            }
        }
        for (symbol, broker) in at_broker {
            let (sleeves, suspense) = (Qty::ZERO, Qty::ZERO);
            compared.push(SymbolComparison { symbol: symbol.clone(), sleeves, suspense, broker });
        }
        let mut found = Vec::new();
        for line in &compared {
            let ours = line.sleeves + line.suspense;
            if ours != line.broker {
                found.push(Difference {
                    class: position_class(ours, line.broker),
                    symbol: Some(line.symbol.clone()),
                    ours: ours.get(),
                    broker: line.broker.get(),
                });
            }
        }
        let (ours, broker) = (self.total_cash(), snapshot.cash);
        if ours != broker {
            let (ours, broker) = (ours.get(), broker.get());
            found.push(Difference { class: "D47", symbol: None, ours, broker });
        }
        (found, compared)
    }

    fn compare(&mut self, snapshot: &BrokerSnapshot, out: &mut Effects) {
        let too_early = std::mem::take(&mut self.reconciliation.too_early);
        let (mut found, symbols) = self.differences(snapshot);
        self.reconciliation.symbols = symbols;
        self.reconciliation.cash_broker = snapshot.cash;
        let machine = self.now.machine;
        let mut accepted: Vec<BreakId> = Vec::new();
        found.retain(|difference| match self.accepted_break(difference) {
            Some(id) => {
                accepted.push(id);
                false
            }
            None => true,
        });
        accepted.extend(self.await_coin_fees(&mut found, out));
        let conclusive = self.is_conclusive(snapshot, &found);
        if conclusive && self.is_broker_rounding(&found) {
            self.book_rounding(&found[0], out);
            found.clear();
            let cash = self.breaks.values().filter(|b| b.symbol.is_none() && is_accepted(b));
            accepted.extend(cash.map(|b| b.id));
        }
        self.reconciliation.cash_ours = self.total_cash();
        if !found.is_empty() && !conclusive {
            self.reconciliation.suspected = Some(found);
            self.reconciliation.next_at = Some(machine.plus(self.settings.hold_off_ns));
            return;
        }
        self.reconciliation.coins_bought.clear();
        self.reconciliation.suspected = None;
        self.reconciliation.at = Some(self.now.market);
        self.reconciliation.balanced = found.is_empty();
        self.reconciliation.count += 1;
        self.reconciliation.next_at = Some(machine.plus(self.settings.reconcile_interval_ns));
        if found.is_empty() {
            self.reconciliation.executions = 0;
        }
        self.settle_breaks(&found, &accepted, out);
        if !self.reconciliation.ready && !too_early {
            self.reconciliation.ready = true;
            self.start_bots(out);
        }
        self.claim_waiting(out);
    }

    /// A difference is real when it was seen twice the same, with nothing under way that could
    /// explain it (RELIABILITY R13). Cash alone is the same where its difference is: trades of one
    /// symbol against each other, between the readings of cash and of positions, show nowhere else.
    fn is_conclusive(&self, snapshot: &BrokerSnapshot, found: &[Difference]) -> bool {
        let raced = snapshot.fills.iter().any(|fill| fill.at >= snapshot.began);
        let missing = self.is_fill_missing();
        let unknown = self
            .open_orders()
            .any(|order| matches!(order.status, OrderStatus::Sending | OrderStatus::Unknown));
        let same = match (self.reconciliation.suspected.as_deref(), found) {
            (Some([before]), [now]) if before.class == "D47" && now.class == "D47" => {
                before.size() == now.size()
            }
            (before, now) => before == Some(now),
        };
        same && !raced && !missing && !unknown
    }

    /// A cash difference of at most a cent for each execution since the last balance, with every
    /// position right, is the broker's own rounding.
    fn is_broker_rounding(&self, found: &[Difference]) -> bool {
        let [found] = found else { return false };
        if found.class != "D47" {
            return false;
        }
        let most = Decimal::new(self.reconciliation.executions, 2);
        (found.size() - self.accepted_cash().get()).abs() <= most
    }

    fn book_rounding(&mut self, found: &Difference, out: &mut Effects) {
        let amount = Money::new(found.size()) - self.accepted_cash();
        let memo = "the broker's rounding of cash".to_owned();
        self.post(EntryKind::Adjustment, memo, super::fills::rounding(amount).to_vec(), out);
        let evidence = format!("{amount} after {} executions", self.reconciliation.executions);
        self.open_break(found, "info", evidence, "booked as rounding", true, out);
    }

    /// Keeps a break for each difference, and ends those that are gone. `accepted` are still there
    /// as a person accepted them.
    fn settle_breaks(&mut self, found: &[Difference], accepted: &[BreakId], out: &mut Effects) {
        let still = |row: &BreakRow| {
            accepted.contains(&row.id)
                || found
                    .iter()
                    .any(|d| d.symbol == row.symbol && d.ours == row.ours && d.broker == row.broker)
        };
        let gone: Vec<BreakId> =
            self.breaks.values().filter(|row| !still(row)).map(|row| row.id).collect();
        for id in gone {
            if let Some(mut row) = self.breaks.remove(&id) {
                row.resolved_at = Some(self.now.market);
                row.action = "gone at a later comparison".to_owned();
                out.rows.push(Row::Break(row));
            }
        }
        for difference in found {
            let known = self.breaks.values().any(|b| {
                b.symbol == difference.symbol
                    && b.ours == difference.ours
                    && b.broker == difference.broker
            });
            if !known {
                let evidence = format!("seen twice, at {}", self.now.market);
                let action = if difference.symbol.is_some() { "symbol frozen" } else { "alert" };
                self.open_break(difference, "serious", evidence, action, false, out);
                let what = difference.symbol.as_ref().map_or("cash", |s| s.as_str());
                let message = format!(
                    "{what}: our books say {}, the broker {}",
                    difference.ours, difference.broker
                );
                Self::alert(out, "serious", message);
            }
        }
    }

    pub(super) fn open_break(
        &mut self,
        found: &Difference,
        severity: &str,
        evidence: String,
        action: &str,
        resolved: bool,
        out: &mut Effects,
    ) -> BreakId {
        let id = BreakId(self.account.counters.break_id);
        self.account.counters.break_id += 1;
        self.touched.account = true;
        let row = BreakRow {
            id,
            class: found.class.to_owned(),
            severity: severity.to_owned(),
            symbol: found.symbol.clone(),
            ours: found.ours,
            broker: found.broker,
            evidence,
            action: action.to_owned(),
            opened_at: self.now.market,
            resolved_at: resolved.then_some(self.now.market),
        };
        if !resolved {
            self.breaks.insert(id, row.clone());
        }
        out.rows.push(Row::Break(row));
        id
    }
}

/// What a lot in suspense names as where it came from.
fn source(why: &str, symbol: &Symbol) -> String {
    format!("{why}:{symbol}")
}

/// The same, of shares that the account held when it was opened.
pub(super) fn opening_source(symbol: &Symbol) -> String {
    source(OPENING, symbol)
}

fn position_class(ours: Qty, broker: Qty) -> &'static str {
    if ours.is_zero() {
        "D35"
    } else if broker.is_zero() {
        "D36"
    } else if ours.is_negative() != broker.is_negative() {
        "D34"
    } else if broker.abs() > ours.abs() {
        "D32"
    } else {
        "D33"
    }
}
