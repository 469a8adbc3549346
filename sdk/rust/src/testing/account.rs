//! The account of the test harness: cash, positions and orders of one bot.
//!
//! Fills follow the reference behaviour of the backtest: a market order fills in full at the next
//! bar's open of its symbol; a buy limit fills when a later low is below the limit, at the open when
//! that is at or below it; a stop triggers when the high reaches it and fills at the stop or,
//! beyond a gap, at the open; sales mirror this. No fee, no slippage, long only. It is a model to
//! test a strategy with, not the host: of the host's controls it has capital and long-only alone.

use std::cell::{Cell, RefCell};

use crate::{
    Bar, Decimal, Host, Instrument, Intent, LogLevel, OpenOrder, OrderEvent, OrderId, OrderStatus,
    OrderType, Position, Refusal, Rounding, Side, Size, Timestamp,
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
    /// Cash that it holds while open.
    held: Decimal,
}

impl Order {
    fn is_open(&self) -> bool {
        self.status == OrderStatus::Acknowledged
    }
}

/// Cash, positions, orders, log and prices.
#[derive(Debug, Default)]
pub(crate) struct Account {
    cash: Cell<Decimal>,
    positions: RefCell<Vec<Position>>,
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
    pub(crate) fn begin_bars(&self, bars: &[Bar]) {
        self.begin(bars.first().map_or(0, |b| b.at), bars.iter().any(|b| b.warm_up));
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
        seen.iter().rev().find(|b| b.instrument == instrument).map(|b| b.close)
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
            self.book(order.instrument, order.side, order.qty, price);
            events.push(event_of(order, bar.at));
        }
        events
    }

    fn book(&self, instrument: Instrument, side: Side, qty: Decimal, price: Decimal) {
        let value = times(qty, price);
        let mut positions = self.positions.borrow_mut();
        let index =
            positions.iter().position(|p| p.instrument == instrument).unwrap_or_else(|| {
                positions.push(Position {
                    instrument,
                    qty: Decimal::ZERO,
                    available: Decimal::ZERO,
                    cost: Decimal::ZERO,
                });
                positions.len() - 1
            });
        let position = &mut positions[index];
        match side {
            Side::Buy => {
                position.qty += qty;
                position.cost += value;
                self.cash.set(self.cash.get() - value);
            }
            Side::Sell => {
                // The average cost leaves with the shares; lots are the host's affair.
                let left = position.qty - qty;
                let average = position.cost.checked_div(position.qty, SCALE, Rounding::HalfEven);
                position.cost = average.map_or(Decimal::ZERO, |a| times(a, left));
                position.qty = left;
                self.cash.set(self.cash.get() + value);
            }
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
            Side::Sell => self.shares_for(intent.instrument, qty)?,
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

    fn shares_for(&self, instrument: Instrument, qty: Decimal) -> Result<Decimal, Refusal> {
        let available = self.position(instrument).available;
        if qty > available {
            let text = format!("{qty} is more than the {available} that are available");
            return Err(refusal("long_only", text));
        }
        Ok(Decimal::ZERO)
    }

    fn time_of(&self, event: u32) -> Timestamp {
        let bars = self.bars.borrow();
        let index = usize::try_from(event).map_or(bars.len(), |e| self.call.get() + e);
        bars.get(index).map_or(self.at.get(), |bar| bar.at)
    }

    /// Ends an open order.
    fn close(&self, order: OrderId) -> Result<Order, Refusal> {
        let mut orders = self.orders.borrow_mut();
        let open = orders.iter_mut().find(|o| o.id == order);
        let open =
            open.ok_or_else(|| refusal("not_found", format!("there is no order {order}")))?;
        if !open.is_open() {
            return Err(refusal("not_open", format!("order {order} is {:?}", open.status)));
        }
        open.status = OrderStatus::Canceled;
        open.held = Decimal::ZERO;
        Ok(open.clone())
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
        let positions = self.positions.borrow();
        let found = positions.iter().find(|p| p.instrument == instrument);
        let (qty, cost) = found.map_or((Decimal::ZERO, Decimal::ZERO), |p| (p.qty, p.cost));
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
    ) -> Result<OrderId, Refusal> {
        let old = self.refused(self.close(order))?;
        self.submit(
            event,
            &Intent {
                instrument: old.instrument,
                side: old.side,
                size: Size::Qty(qty.unwrap_or(old.qty)),
                order_type: limit.map_or(old.order_type, OrderType::Limit),
                time_in_force: crate::TimeInForce::Gtc,
                extended_hours: false,
                reason: old.reason,
                tag: old.tag,
            },
        )
    }

    fn cancel(&self, _event: u32, order: OrderId) -> Result<(), Refusal> {
        self.refused(self.close(order)).map(|_| ())
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
        warm_up: false,
    }
}

/// What a bar does to an open order; `None` when nothing.
fn fill_price(order: &Order, bar: &Bar) -> Option<Decimal> {
    let buy = order.side == Side::Buy;
    match &order.order_type {
        OrderType::Market => Some(bar.open),
        OrderType::Limit(limit) if buy => {
            (bar.low < *limit || bar.open <= *limit).then(|| bar.open.min(*limit))
        }
        OrderType::Limit(limit) => {
            (bar.high > *limit || bar.open >= *limit).then(|| bar.open.max(*limit))
        }
        OrderType::Stop(stop) if buy => (bar.high >= *stop).then(|| bar.open.max(*stop)),
        OrderType::Stop(stop) => (bar.low <= *stop).then(|| bar.open.min(*stop)),
        // Triggered and filled within one bar, or not at all: enough to test a strategy with.
        OrderType::StopLimit(prices) if buy => {
            let price = bar.open.max(prices.stop);
            (bar.high >= prices.stop && price <= prices.limit).then_some(price)
        }
        OrderType::StopLimit(prices) => {
            let price = bar.open.min(prices.stop);
            (bar.low <= prices.stop && price >= prices.limit).then_some(price)
        }
    }
}
