//! The account of the test harness: cash, positions and orders of one bot.
//!
//! Fills follow the reference behaviour of the backtest: a market order fills in full at the next
//! bar's open of its symbol; a buy limit fills when a later low is below the limit, at the open when
//! that is at or below it; a stop triggers when the high reaches it and fills at the stop or,
//! beyond a gap, at the open; sales mirror this. A purchase opens a lot, and a sale closes the lot
//! that it names, then the oldest. No fee, no slippage, long only. It is a model to test a strategy
//! with, not the host: of the host's controls it has capital and long-only alone.

use std::cell::{Cell, RefCell};

use crate::{
    Bar, Decimal, Host, Instrument, Intent, LogLevel, OpenOrder, OrderEvent, OrderId, OrderStatus,
    OrderType, Position, Refusal, Rounding, Side, Size, StopLimitPrices, Timestamp,
};

/// Places of quantities and money.
const SCALE: u8 = 9;

/// An order that the bot asked for and got.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The number that `submit` answered.
    pub id: OrderId,
    /// The event that led to it.
    pub at: Timestamp,
    /// What it is for.
    pub instrument: Instrument,
    /// Buy or sell.
    pub side: Side,
    /// Shares or coins.
    pub qty: Decimal,
    /// With its prices.
    pub order_type: OrderType,
    /// Open, filled or canceled.
    pub status: OrderStatus,
    /// The price of the fill.
    pub price: Option<Decimal>,
    /// When it was filled.
    pub filled_at: Option<Timestamp>,
    /// As the bot gave it.
    pub reason: Option<String>,
    /// As the bot gave it.
    pub tag: Option<String>,
    /// The lot that a sale names, or that a filled purchase opened.
    pub lot: Option<u64>,
    /// Cash that it holds while open.
    held: Decimal,
}

impl Order {
    fn is_open(&self) -> bool {
        self.status == OrderStatus::Acknowledged
    }
}

/// What a purchase opened and sales have not closed.
#[derive(Clone, Debug)]
struct Lot {
    id: u64,
    instrument: Instrument,
    qty: Decimal,
    cost: Decimal,
}

/// Cash, lots, orders, log and prices.
#[derive(Debug, Default)]
pub(crate) struct Account {
    cash: Cell<Decimal>,
    /// Oldest first.
    lots: RefCell<Vec<Lot>>,
    lots_opened: Cell<u64>,
    orders: RefCell<Vec<Order>>,
    refusals: RefCell<Vec<Refusal>>,
    log: RefCell<Vec<(LogLevel, String)>>,
    /// Every bar that was handed over, oldest first; the last ones belong to the call in flight.
    bars: RefCell<Vec<Bar>>,
    /// Where the list of the call in flight begins in `bars`.
    call: Cell<usize>,
    warm_up: Cell<bool>,
    at: Cell<Timestamp>,
}

impl Default for Decimal {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Account {
    pub(crate) fn new(cash: Decimal) -> Self {
        let account = Self::default();
        account.cash.set(cash);
        account
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.orders.borrow().clone()
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refusals.borrow().clone()
    }

    pub(crate) fn log_lines(&self) -> Vec<(LogLevel, String)> {
        self.log.borrow().clone()
    }

    pub(crate) fn has_open_orders(&self) -> bool {
        self.orders.borrow().iter().any(Order::is_open)
    }

    /// Prepares a call with events other than bars.
    pub(crate) fn begin(&self, at: Timestamp, warm_up: bool) {
        self.call.set(self.bars.borrow().len());
        self.at.set(at);
        self.warm_up.set(warm_up);
    }

    /// Prepares a call with these bars.
    pub(crate) fn begin_bars(&self, bars: &[Bar], warm_up: bool) {
        self.begin(bars.first().map_or(0, |b| b.at), warm_up);
        self.bars.borrow_mut().extend_from_slice(bars);
    }

    /// Ends a call with bars of which so many were handled.
    pub(crate) fn end_bars(&self, handled: usize) {
        self.bars.borrow_mut().truncate(self.call.get() + handled);
    }

    /// The last close of an instrument up to an event of the call in flight.
    fn price(&self, instrument: Instrument, event: u32) -> Option<Decimal> {
        let bars = self.bars.borrow();
        let end = usize::try_from(event).map_or(bars.len(), |e| self.call.get() + e + 1);
        let seen = &bars[..end.min(bars.len())];
        seen.iter().rev().find(|b| b.instrument == instrument).map(Bar::close)
    }

    /// Fills what the bars of one time stamp fill and tells what happened.
    pub(crate) fn fill(&self, bars: &[Bar]) -> Vec<OrderEvent> {
        let mut events = Vec::new();
        for order in self.orders.borrow_mut().iter_mut().filter(|o| o.is_open()) {
            let bar = bars.iter().find(|b| b.instrument == order.instrument);
            let Some((bar, price)) = bar.and_then(|b| Some((b, fill_price(order, b)?))) else {
                continue;
            };
            order.status = OrderStatus::Filled;
            order.price = Some(price);
            order.filled_at = Some(bar.at);
            order.held = Decimal::ZERO;
            self.book(order, price);
            events.push(event_of(order, bar.at));
        }
        events
    }

    fn book(&self, order: &mut Order, price: Decimal) {
        let value = times(order.qty, price);
        match order.side {
            Side::Buy => {
                let id = self.lots_opened.get() + 1;
                self.lots_opened.set(id);
                order.lot = Some(id);
                let (instrument, qty) = (order.instrument, order.qty);
                self.lots.borrow_mut().push(Lot { id, instrument, qty, cost: value });
                self.cash.set(self.cash.get() - value);
            }
            Side::Sell => {
                self.close_lots(order);
                self.cash.set(self.cash.get() + value);
            }
        }
    }

    /// Closes the lot that a sale names, then the oldest.
    fn close_lots(&self, order: &Order) {
        let mut lots = self.lots.borrow_mut();
        let mut left = order.qty;
        while left.is_positive() {
            let named = lots.iter().position(|lot| Some(lot.id) == order.lot);
            let oldest = || lots.iter().position(|lot| lot.instrument == order.instrument);
            let Some(at) = named.or_else(oldest) else { return };
            let lot = &mut lots[at];
            if lot.qty <= left {
                left -= lot.qty;
                lots.remove(at);
                continue;
            }
            // The cost leaves in proportion.
            let rest = lot.qty - left;
            let unit = lot.cost.checked_div(lot.qty, SCALE, Rounding::HalfEven);
            lot.cost = unit.map_or(Decimal::ZERO, |unit| times(unit, rest));
            lot.qty = rest;
            left = Decimal::ZERO;
        }
    }

    fn selling(&self, instrument: Instrument) -> Decimal {
        let orders = self.orders.borrow();
        let open = orders
            .iter()
            .filter(|o| o.is_open() && o.instrument == instrument && o.side == Side::Sell);
        open.fold(Decimal::ZERO, |sum, o| sum + o.qty)
    }

    fn admit(&self, event: u32, intent: &Intent) -> Result<Order, Refusal> {
        if self.warm_up.get() {
            return Err(refusal("warm_up", "the past is being replayed".into()));
        }
        let last = self.price(intent.instrument, event);
        let last = last.ok_or_else(|| refusal("no_price", "no bar of it was seen yet".into()))?;
        let price = match &intent.order_type {
            OrderType::Market => last,
            OrderType::Limit(price) | OrderType::Stop(price) => *price,
            OrderType::StopLimit(prices) => prices.limit,
        };
        let qty = match intent.size {
            Size::Qty(qty) => qty,
            Size::Notional(dollars) => dollars
                .checked_div(price, SCALE, Rounding::Down)
                .ok_or_else(|| refusal("invalid_quantity", format!("{dollars} dollars")))?,
        };
        if !qty.is_positive() || qty.scale > Decimal::MAX_SCALE {
            return Err(refusal("invalid_quantity", format!("{qty} is not above zero")));
        }
        if !price.is_positive() || price.scale > Decimal::MAX_SCALE {
            return Err(refusal("invalid_price", format!("{price} is not above zero")));
        }
        let held = match intent.side {
            Side::Buy => self.capital_for(qty, price)?,
            Side::Sell => self.shares_for(intent, qty)?,
        };
        let id = u64::try_from(self.orders.borrow().len()).expect("less than 2^64 orders") + 1;
        Ok(Order {
            id,
            at: self.time_of(event),
            instrument: intent.instrument,
            side: intent.side,
            qty,
            order_type: intent.order_type,
            status: OrderStatus::Acknowledged,
            price: None,
            filled_at: None,
            reason: intent.reason.clone(),
            tag: intent.tag.clone(),
            lot: intent.lot,
            held,
        })
    }

    fn capital_for(&self, qty: Decimal, price: Decimal) -> Result<Decimal, Refusal> {
        let free = self.buying_power();
        let needed = qty.mul_to(price, SCALE, Rounding::Up).filter(|needed| *needed <= free);
        needed.ok_or_else(|| {
            refusal("capital", format!("{qty} at {price} is more than the {free} that are free"))
        })
    }

    fn shares_for(&self, intent: &Intent, qty: Decimal) -> Result<Decimal, Refusal> {
        let available = self.position(intent.instrument).available;
        if qty > available {
            let text = format!("{qty} is more than the {available} that are available");
            return Err(refusal("long_only", text));
        }
        if let Some(lot) = intent.lot {
            let lots = self.lots.borrow();
            let open = lots.iter().find(|l| l.id == lot && l.instrument == intent.instrument);
            let left = open.map_or(Decimal::ZERO, |l| l.qty);
            if qty > left {
                let text = format!("{qty} is more than the {left} that are left of lot {lot}");
                return Err(refusal("not_allowed", text));
            }
        }
        Ok(Decimal::ZERO)
    }

    fn time_of(&self, event: u32) -> Timestamp {
        let bars = self.bars.borrow();
        let index = usize::try_from(event).map_or(bars.len(), |e| self.call.get() + e);
        bars.get(index).map_or(self.at.get(), |bar| bar.at)
    }

    /// An open order.
    fn open(&self, order: OrderId) -> Result<Order, Refusal> {
        let orders = self.orders.borrow();
        let open = orders.iter().find(|o| o.id == order);
        let open =
            open.ok_or_else(|| refusal("not_found", format!("there is no order {order}")))?;
        if !open.is_open() {
            return Err(refusal("not_open", format!("order {order} is {:?}", open.status)));
        }
        Ok(open.clone())
    }

    /// Ends an open order.
    fn close(&self, order: OrderId) -> Result<(), Refusal> {
        self.open(order)?;
        let mut orders = self.orders.borrow_mut();
        for open in orders.iter_mut().filter(|o| o.id == order) {
            open.status = OrderStatus::Canceled;
            open.held = Decimal::ZERO;
        }
        Ok(())
    }

    fn refused<T>(&self, answer: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &answer {
            self.refusals.borrow_mut().push(refusal.clone());
        }
        answer
    }
}

impl Host for Account {
    fn cash(&self) -> Decimal {
        self.cash.get()
    }

    fn buying_power(&self) -> Decimal {
        self.orders.borrow().iter().fold(self.cash.get(), |free, order| free - order.held)
    }

    fn position(&self, instrument: Instrument) -> Position {
        let lots = self.lots.borrow();
        let mine = lots.iter().filter(|lot| lot.instrument == instrument);
        let sum = |(qty, cost), lot: &Lot| (qty + lot.qty, cost + lot.cost);
        let (qty, cost) = mine.fold((Decimal::ZERO, Decimal::ZERO), sum);
        Position { instrument, qty, available: qty - self.selling(instrument), cost }
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        let orders = self.orders.borrow();
        let open = orders.iter().filter(|o| o.is_open());
        open.map(|o| OpenOrder {
            order: o.id,
            instrument: o.instrument,
            side: o.side,
            qty: o.qty,
            filled: Decimal::ZERO,
            order_type: o.order_type,
            status: o.status,
        })
        .collect()
    }

    fn submit(&self, event: u32, intent: &Intent) -> Result<OrderId, Refusal> {
        let order = self.refused(self.admit(event, intent))?;
        let id = order.id;
        self.orders.borrow_mut().push(order);
        Ok(id)
    }

    fn replace(
        &self,
        event: u32,
        order: OrderId,
        qty: Option<Decimal>,
        limit: Option<Decimal>,
        stop: Option<Decimal>,
    ) -> Result<OrderId, Refusal> {
        let old = self.refused(self.open(order))?;
        let order_type = self.refused(repriced(&old, limit, stop))?;
        self.refused(self.close(order))?;
        self.submit(
            event,
            &Intent {
                instrument: old.instrument,
                side: old.side,
                size: Size::Qty(qty.unwrap_or(old.qty)),
                order_type,
                time_in_force: crate::TimeInForce::Gtc,
                extended_hours: false,
                reason: old.reason,
                tag: old.tag,
                lot: old.lot,
            },
        )
    }

    fn cancel(&self, _event: u32, order: OrderId) -> Result<(), Refusal> {
        self.refused(self.close(order))
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.log.borrow_mut().push((level, message.into()));
    }

    fn history(&self, event: u32, instrument: Instrument, count: u32) -> Vec<Bar> {
        let bars = self.bars.borrow();
        let end = usize::try_from(event).map_or(bars.len(), |e| self.call.get() + e);
        let before = &bars[..end.min(bars.len())];
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let newest = before.iter().rev().filter(|b| b.instrument == instrument).take(count);
        let mut found: Vec<Bar> = newest.copied().collect();
        found.reverse();
        found
    }
}

fn times(qty: Decimal, price: Decimal) -> Decimal {
    qty.mul_to(price, SCALE, Rounding::HalfEven).expect("the value of a test order fits")
}

fn refusal(code: &str, message: String) -> Refusal {
    Refusal { code: code.into(), message }
}

fn event_of(order: &Order, at: Timestamp) -> OrderEvent {
    OrderEvent {
        at,
        order: order.id,
        instrument: order.instrument,
        side: order.side,
        status: order.status,
        reason: None,
        filled: order.qty,
        last_qty: order.qty,
        last_price: order.price,
        lot: order.lot.filter(|_| order.side == Side::Buy),
    }
}

/// The type of a changed order; a price that it does not have can't be changed.
fn repriced(
    old: &Order,
    limit: Option<Decimal>,
    stop: Option<Decimal>,
) -> Result<OrderType, Refusal> {
    let none = |what: &str| {
        Err(refusal("not_allowed", format!("order {} has no {what} price to change", old.id)))
    };
    Ok(match old.order_type {
        OrderType::Market | OrderType::Stop(_) if limit.is_some() => return none("limit"),
        OrderType::Market | OrderType::Limit(_) if stop.is_some() => return none("stop"),
        OrderType::Market => OrderType::Market,
        OrderType::Limit(price) => OrderType::Limit(limit.unwrap_or(price)),
        OrderType::Stop(price) => OrderType::Stop(stop.unwrap_or(price)),
        OrderType::StopLimit(prices) => OrderType::StopLimit(StopLimitPrices {
            stop: stop.unwrap_or(prices.stop),
            limit: limit.unwrap_or(prices.limit),
        }),
    })
}

/// What a bar does to an open order; `None` when nothing.
fn fill_price(order: &Order, bar: &Bar) -> Option<Decimal> {
    let buy = order.side == Side::Buy;
    let (open, high, low) = (bar.open(), bar.high(), bar.low());
    match &order.order_type {
        OrderType::Market => Some(open),
        OrderType::Limit(limit) if buy => {
            (low < *limit || open <= *limit).then(|| open.min(*limit))
        }
        OrderType::Limit(limit) => (high > *limit || open >= *limit).then(|| open.max(*limit)),
        OrderType::Stop(stop) if buy => (high >= *stop).then(|| open.max(*stop)),
        OrderType::Stop(stop) => (low <= *stop).then(|| open.min(*stop)),
        // Triggered and filled within one bar, or not at all: enough to test a strategy with.
        OrderType::StopLimit(prices) if buy => {
            let price = open.max(prices.stop);
            (high >= prices.stop && price <= prices.limit).then_some(price)
        }
        OrderType::StopLimit(prices) => {
            let price = open.min(prices.stop);
            (low <= prices.stop && price >= prices.limit).then_some(price)
        }
    }
}
