//! The desk's state, and the bookkeeping of what an input touched.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use super::budget::Budget;
use super::effect::{Action, Effects};
use super::order_table::OrderTable;
use super::print_map::{PrintMap, PrintSet};
use super::reconcile::Reconciliation;
use super::worth::Worth;
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty};
use crate::id::{BreakId, InstrumentId, IntentId, OrderId, SleeveId, Slug, Symbol};
use crate::instrument::Instrument;
use crate::ledger::Holding;
use crate::limits::NANOS_PER_SECOND;
use crate::order::{OrderStatus, OrderType, Side, Size};
use crate::risk::{Controls, TradingState};
use crate::row::{
    AccountRow, ActivityRow, BotRow, BreakRow, OrderChangeRow, OrderRow, PositionRow, Row,
    SleeveKind, SleeveRow,
};
use crate::sleeve::Prices;
use crate::time::{Now, Session, Timestamp};

/// How a driver wants the desk to behave; not stored, the same at every restore of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Market orders go out as limits at the collar (live), or stay market orders (reference).
    pub market_as_limit: bool,
    /// Whether the broker refuses an order that could trade with an open one of the same sleeve
    /// (FACTS section 4), so that it is refused here first.
    pub wash_trades: bool,
    /// Whether the broker has a request budget.
    pub budgeted: bool,
    /// How long an order may be unknown before it can be abandoned, in machine nanoseconds.
    pub unknown_quiet_ns: i64,
    /// Time between two comparisons with the broker, in machine nanoseconds.
    pub reconcile_interval_ns: i64,
    /// Time after a difference before it is looked at again, in machine nanoseconds.
    pub hold_off_ns: i64,
    /// Overlap when fills are read again, in market nanoseconds.
    pub overlap_ns: i64,
    /// An accepted order that has not been sent for this long is given up, in market nanoseconds.
    pub accepted_max_ns: i64,
    /// Time after which a cancel without effect is asked for again, in machine nanoseconds.
    pub cancel_retry_ns: i64,
    /// Whether inputs are recorded with what they caused. A run that can be repeated from its files
    /// has no use for it.
    pub record_inputs: bool,
    /// Whether rows are written from which a desk can be restored and the past be asked: accounts,
    /// sleeves, orders, lots, entries with their chain. A run that keeps its results alone does
    /// without; executions, round trips, refusals, bots' states and events come out all the same.
    pub restorable: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            market_as_limit: true,
            wash_trades: true,
            budgeted: true,
            unknown_quiet_ns: 60 * NANOS_PER_SECOND,
            reconcile_interval_ns: 60 * NANOS_PER_SECOND,
            hold_off_ns: 5 * NANOS_PER_SECOND,
            overlap_ns: 300 * NANOS_PER_SECOND,
            accepted_max_ns: 300 * NANOS_PER_SECOND,
            cancel_retry_ns: 10 * NANOS_PER_SECOND,
            record_inputs: true,
            restorable: true,
        }
    }
}

impl Settings {
    /// The profile `reference`: market orders stay market orders, no budget.
    #[must_use]
    pub fn reference() -> Self {
        Self { market_as_limit: false, wash_trades: false, budgeted: false, ..Self::default() }
    }
}

/// The last price of an instrument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) price: Price,
    pub(super) at: Timestamp,
    pub(super) stored: bool,
}

/// A sleeve with everything that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Sleeve {
    pub(super) row: SleeveRow,
    pub(super) holdings: BTreeMap<InstrumentId, Holding>,
    pub(super) open: BTreeSet<OrderId>,
    /// Market times of accepted orders inside the last minute.
    pub(super) accepted: VecDeque<Timestamp>,
    /// Accepted orders inside the duplicate window.
    pub(super) recent: VecDeque<(Timestamp, Symbol, Side, Size, OrderType)>,
    pub(super) version: u64,
    /// What views call it: a name never changes.
    pub(super) scope: String,
    /// Its controls and the account's together, once somebody asked.
    controls: OnceLock<Arc<Controls>>,
}

impl Sleeve {
    pub(super) fn new(row: SleeveRow) -> Self {
        Self {
            scope: format!("sleeve {}", row.name),
            row,
            controls: OnceLock::new(),
            holdings: BTreeMap::new(),
            open: BTreeSet::new(),
            accepted: VecDeque::new(),
            recent: VecDeque::new(),
            version: 0,
        }
    }

    /// The controls that hold for it: its own and the account's.
    pub(super) fn controls(&self, account: &Controls) -> &Arc<Controls> {
        self.controls.get_or_init(|| Arc::new(self.row.controls.and(account)))
    }

    /// Its own controls or the account's are others now.
    pub(super) fn forget_controls(&mut self) {
        self.controls = OnceLock::new();
        self.version += 1;
    }

    pub(super) fn net_capital(&self) -> Money {
        self.row.initial_capital + self.row.added - self.row.withdrawn
    }

    pub(super) fn free_cash(&self) -> Money {
        self.row.cash - self.row.reserved
    }

    pub(super) fn is_flat(&self) -> bool {
        self.open.is_empty() && self.holdings.values().all(|h| h.qty.is_zero())
    }
}

/// What the present input touched: written as rows once, at its end.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) account: bool,
    pub(super) sleeves: Few<SleeveId>,
    pub(super) positions: Few<(SleeveId, InstrumentId)>,
    pub(super) orders: Few<OrderId>,
    pub(super) bots: Few<SleeveId>,
    pub(super) marks: Few<InstrumentId>,
}

/// A set of mostly few things, put in order when it is read. Keeps its memory.
#[derive(Debug)]
pub(super) struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord + Copy> Few<T> {
    pub(super) fn insert(&mut self, item: T) {
        if self.0.last() != Some(&item) {
            self.0.push(item);
        }
    }

    pub(super) fn contains(&self, item: &T) -> bool {
        self.0.contains(item)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order, each once.
    pub(super) fn sorted(&mut self) -> &[T] {
        self.0.sort_unstable();
        self.0.dedup();
        &self.0
    }
}

impl Touched {
    /// Whether there is nothing to write: so with every market event.
    pub(super) fn is_empty(&self) -> bool {
        !self.account
            && self.sleeves.is_empty()
            && self.positions.is_empty()
            && self.orders.is_empty()
            && self.bots.is_empty()
            && self.marks.is_empty()
    }

    /// Whether something is written whose past is dated by the account's row: a state or a setting.
    pub(super) fn is_dated(&self) -> bool {
        !(self.sleeves.is_empty() && self.bots.is_empty())
    }

    fn clear(&mut self) {
        self.account = false;
        self.sleeves.0.clear();
        self.positions.0.clear();
        self.orders.0.clear();
        self.bots.0.clear();
        self.marks.0.clear();
    }
}

/// One account: its sleeves, orders, books and bots. Changed by [`super::step`] alone.
#[derive(Debug)]
pub struct Desk {
    pub(super) settings: Settings,
    pub(super) account: AccountRow,
    pub(super) instruments: Vec<Instrument>,
    pub(super) by_symbol: BTreeMap<Symbol, InstrumentId>,
    pub(super) marks: Vec<Option<Mark>>,
    pub(super) sleeves: BTreeMap<SleeveId, Sleeve>,
    pub(super) names: BTreeMap<Slug, SleeveId>,
    pub(super) orders: OrderTable,
    pub(super) closed: VecDeque<OrderId>,
    /// Orders whose broker's id is known, by its print.
    pub(super) by_broker_id: PrintMap<OrderId>,
    /// Ends that the broker reported while fills are still missing.
    pub(super) ending: BTreeMap<OrderId, OrderStatus>,
    /// Orders that the last complete order list did not hold.
    pub(super) absent: BTreeSet<OrderId>,
    /// When an accepted order may be claimed again, and an unknown one looked up again, by the
    /// machine's time.
    pub(super) not_before: BTreeMap<OrderId, Timestamp>,
    /// Executions that are known: those since `remembers_since`, and whatever was booked since the
    /// restore. See [`Desk::recall`].
    pub(super) executions: PrintSet,
    /// Older executions are in the books alone.
    pub(super) remembers_since: Timestamp,
    /// Older executions that the books were asked for, for the next event.
    pub(super) recalled: BTreeSet<u128>,
    pub(super) bots: BTreeMap<SleeveId, BotRow>,
    pub(super) breaks: BTreeMap<BreakId, BreakRow>,
    /// Activities that are not at their end.
    pub(super) activities: BTreeMap<Arc<str>, ActivityRow>,
    /// The activity whose question is with the books.
    pub(super) asked: Option<Arc<str>>,
    /// Activities that the books could not answer yet.
    pub(super) unanswered: BTreeSet<Arc<str>>,
    pub(super) sessions: Vec<Session>,
    pub(super) budget: Budget,
    pub(super) epoch: u64,
    pub(super) started: bool,
    pub(super) take_over: bool,
    pub(super) refused: bool,
    pub(super) bots_started: bool,
    pub(super) stream_up: bool,
    pub(super) reconciliation: Reconciliation,
    pub(super) day: u32,
    pub(super) day_ends: Timestamp,
    pub(super) now: Now,
    pub(super) touched: Touched,
    /// Sleeves whose day began with a price, which writes no rows.
    pub(super) owed: Vec<SleeveId>,
    pub(super) worth: Worth,
    /// Why the present input can't be booked; see [`Desk::post_entry`].
    pub(super) unbookable: Option<String>,
}

impl Desk {
    /// The account's row.
    #[must_use]
    pub const fn account(&self) -> &AccountRow {
        &self.account
    }

    /// The time of the last input.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Whether orders that add risk can be sent: started, compared with the broker, stream up.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.started
            && !self.refused
            && (!self.account.has_broker
                || (self.stream_up && self.reconciliation.ready)
                || (bug::is(Bug::RiskWhileDown) && self.bots_started))
    }

    /// All instruments, in table order: the index is the [`InstrumentId`].
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// All bots.
    pub fn bots(&self) -> impl Iterator<Item = &BotRow> {
        self.bots.values()
    }

    /// A bot by its sleeve.
    #[must_use]
    pub fn bot(&self, sleeve: SleeveId) -> Option<&BotRow> {
        self.bots.get(&sleeve)
    }

    /// A sleeve's row, by name.
    #[must_use]
    pub fn sleeve(&self, name: &Slug) -> Option<&SleeveRow> {
        self.names.get(name).and_then(|id| self.sleeves.get(id)).map(|s| &s.row)
    }

    /// All sleeves' rows, by number.
    pub fn sleeves(&self) -> impl Iterator<Item = &SleeveRow> {
        self.sleeves.values().map(|s| &s.row)
    }

    /// What a sleeve holds.
    pub fn holdings(&self, sleeve: SleeveId) -> impl Iterator<Item = (InstrumentId, &Holding)> {
        self.sleeves
            .get(&sleeve)
            .into_iter()
            .flat_map(|s| s.holdings.iter().map(|(id, h)| (*id, h)))
    }

    /// An order that is open or was closed lately.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&OrderRow> {
        self.orders.get(&id)
    }

    /// All orders that are not final.
    pub fn open_orders(&self) -> impl Iterator<Item = &OrderRow> {
        let ids = self.sleeves.values().flat_map(|s| s.open.iter());
        ids.filter_map(|id| self.orders.get(id))
    }

    /// Number of orders of a sleeve that are not final.
    #[must_use]
    pub fn open_order_count(&self, sleeve: SleeveId) -> usize {
        self.sleeves.get(&sleeve).map_or(0, |s| s.open.len())
    }

    /// Breaks that are open.
    pub fn breaks(&self) -> impl Iterator<Item = &BreakRow> {
        self.breaks.values()
    }

    /// The last comparison with the broker.
    #[must_use]
    pub const fn reconciliation(&self) -> &Reconciliation {
        &self.reconciliation
    }

    /// Quantity of a symbol over all sleeves, suspense included: what the broker should hold.
    #[must_use]
    pub fn total_qty(&self, id: InstrumentId) -> Qty {
        self.sleeves.values().filter_map(|s| s.holdings.get(&id)).map(|h| h.qty).sum()
    }

    /// Cash over all sleeves, house, suspense and rounding included: what the broker should hold.
    #[must_use]
    pub fn total_cash(&self) -> Money {
        self.sleeves.values().map(|s| s.row.cash).sum()
    }

    pub(super) fn sleeve_mut(&mut self, id: SleeveId) -> &mut Sleeve {
        self.touched.sleeves.insert(id);
        let sleeve = self.sleeves.get_mut(&id).expect("sleeves are never removed");
        sleeve.version += 1;
        sleeve
    }

    pub(super) fn order_mut(&mut self, id: OrderId) -> &mut OrderRow {
        self.touched.orders.insert(id);
        let now = self.now.market;
        let order = self.orders.get_mut(&id).expect("an order that was found a moment ago");
        order.updated_at = now;
        order
    }

    pub(super) fn bot_mut(&mut self, id: SleeveId) -> Option<&mut BotRow> {
        let bot = self.bots.get_mut(&id)?;
        self.touched.bots.insert(id);
        Some(bot)
    }

    /// The state that holds for a sleeve: the stricter of its own and the account's.
    pub(super) fn trading_state(&self, sleeve: &SleeveRow) -> (TradingState, String) {
        let state = sleeve.state.and(self.account.state);
        let reason = if self.account.state >= sleeve.state {
            self.account.state_reason.clone()
        } else {
            sleeve.state_reason.clone()
        };
        (state, reason.unwrap_or_default())
    }

    pub(super) fn add_instrument(&mut self, instrument: Instrument) -> InstrumentId {
        if let Some(id) = self.by_symbol.get(&instrument.symbol) {
            self.instruments[id.index()] = instrument;
            return *id;
        }
        let next =
            u32::try_from(self.instruments.len()).expect("bounded by limits::INSTRUMENTS_MAX");
        let id = InstrumentId(next);
        self.by_symbol.insert(instrument.symbol.clone(), id);
        self.instruments.push(instrument);
        self.marks.push(None);
        self.worth.add_instrument();
        id
    }

    /// The place of a symbol; a fact may name one that nobody has heard of.
    pub(super) fn instrument_of(&mut self, symbol: &Symbol, out: &mut Effects) -> InstrumentId {
        if let Some(id) = self.by_symbol.get(symbol) {
            return *id;
        }
        let instrument = Instrument::equity(symbol.clone());
        out.rows.push(Row::Instrument(instrument.clone()));
        self.add_instrument(instrument)
    }

    pub(super) fn alert(out: &mut Effects, severity: &str, message: String) {
        out.actions.push(Action::Alert { severity: severity.to_owned(), message });
    }

    /// Writes a row for each thing that the input touched.
    pub(super) fn flush(&mut self, out: &mut Effects) {
        if self.touched.is_empty() {
            return;
        }
        let mut touched = std::mem::take(&mut self.touched);
        if self.settings.restorable {
            self.push_rows(&mut touched, out);
        }
        touched.clear();
        self.touched = touched;
    }

    fn push_rows(&mut self, touched: &mut Touched, out: &mut Effects) {
        for id in touched.sleeves.sorted() {
            out.rows.push(Row::Sleeve(Box::new(self.sleeves[id].row.clone())));
        }
        for (sleeve, id) in touched.positions.sorted() {
            let holding = self.sleeves[sleeve].holdings.get(id);
            out.rows.push(Row::Position(PositionRow {
                sleeve: *sleeve,
                symbol: self.instruments[id.index()].symbol.clone(),
                qty: holding.map_or(Qty::ZERO, |h| h.qty),
                cost: holding.map_or(Money::ZERO, |h| h.cost),
                fee_left: holding.map_or(Money::ZERO, |h| h.fee_left),
            }));
        }
        for id in touched.orders.sorted() {
            if let Some(order) = self.orders.get_mut(id) {
                order.changes += 1;
                out.rows.push(Row::OrderChange(OrderChangeRow {
                    order: *id,
                    change: order.changes,
                    at: order.updated_at,
                    status: order.status,
                    reserved: order.reserved,
                    filled_qty: order.filled_qty,
                    filled_value: order.filled_value,
                }));
                out.rows.push(Row::Order(Box::new(order.clone())));
            }
        }
        for id in touched.bots.sorted() {
            out.rows.push(Row::Bot(Box::new(self.bots[id].clone())));
        }
        for id in touched.marks.sorted() {
            self.push_mark(*id, out);
        }
        if touched.account {
            out.rows.push(Row::Account(Box::new(self.account.clone())));
        }
    }

    pub(super) fn push_mark(&mut self, id: InstrumentId, out: &mut Effects) {
        let symbol = &self.instruments[id.index()].symbol;
        if let Some(mark) = &mut self.marks[id.index()]
            && !mark.stored
        {
            mark.stored = true;
            let (price, at) = (mark.price, mark.at);
            let row = crate::row::MarkRow { symbol: symbol.clone(), price, at };
            out.rows.push(Row::Price(row.clone()));
            out.rows.push(Row::Mark(row));
        }
    }

    /// A sleeve row with nothing in it.
    pub(super) fn blank_sleeve(&self, id: SleeveId, name: Slug, kind: SleeveKind) -> SleeveRow {
        SleeveRow {
            id,
            name,
            kind,
            state: TradingState::Active,
            state_reason: None,
            initial_capital: Money::ZERO,
            added: Money::ZERO,
            withdrawn: Money::ZERO,
            cash: Money::ZERO,
            reserved: Money::ZERO,
            realised: Money::ZERO,
            fees: Money::ZERO,
            dividends: Money::ZERO,
            interest: Money::ZERO,
            lots: crate::ledger::LotMethod::Fifo,
            controls: crate::risk::Controls::default(),
            day: 0,
            day_start_equity: Money::ZERO,
            next_intent: IntentId(1),
            created_at: self.now.market,
            retired: false,
        }
    }
}

impl Prices for Desk {
    fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.by_symbol.get(symbol).copied()
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())
    }

    fn last(&self, id: InstrumentId) -> Option<(Price, Timestamp)> {
        self.marks.get(id.index()).copied().flatten().map(|mark| (mark.price, mark.at))
    }
}
