//! What a handler can ask: its money, its positions, its orders, and the past.
//!
//! A [`Context`] lives for one event. Answers of the host that can't change during a call are
//! asked for once a call; an order that was asked for makes the next question go to the host again.
//! Market values come from the event in hand and the events before it, so they mean the same in a
//! batch as in single calls.

use crate::bindings::stockade::bot::types as wit;
use crate::{
    Bar, Decimal, Instrument, InstrumentInfo, Intent, LogLevel, OpenOrder, OrderId, OrderType,
    Position, Refusal, Side, Size, TimeInForce, Timestamp,
};

/// The host as a handler sees it: the capital capability, the log and the past. The component and
/// the test harness each have one.
pub trait Host {
    /// Cash of the sleeve.
    fn cash(&self) -> Decimal;
    /// Cash that no order holds.
    fn buying_power(&self) -> Decimal;
    /// The position in an instrument.
    fn position(&self, instrument: Instrument) -> Position;
    /// Open orders.
    fn open_orders(&self) -> Vec<OpenOrder>;
    /// Asks for an order on behalf of the event with this index in the list of the call.
    fn submit(&self, event: u32, intent: &Intent) -> Result<OrderId, Refusal>;
    /// Asks to put an order in the place of another.
    fn replace(
        &self,
        event: u32,
        order: OrderId,
        qty: Option<Decimal>,
        limit: Option<Decimal>,
        stop: Option<Decimal>,
    ) -> Result<OrderId, Refusal>;
    /// Asks to cancel an order.
    fn cancel(&self, event: u32, order: OrderId) -> Result<(), Refusal>;
    /// Writes to the bot's log.
    fn log(&self, level: LogLevel, message: &str);
    /// The last bars before the event with this index, oldest first.
    fn history(&self, event: u32, instrument: Instrument, count: u32) -> Vec<Bar>;
}

/// Answers of the host that hold until something is asked for.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    positions: Vec<Position>,
    open_orders: Option<Vec<OpenOrder>>,
}

impl Answers {
    pub(crate) fn forget(&mut self) {
        self.positions.clear();
        self.open_orders = None;
    }
}

/// What a handler can ask while it has an event in hand.
///
/// It can't outlive its call: a strategy that keeps it does not compile.
///
/// ```compile_fail
/// fn keep<'a>(kept: &mut Option<&'a stockade_sdk::Context<'a>>, ctx: &stockade_sdk::Context<'_>) {
///     *kept = Some(ctx);
/// }
/// ```
pub struct Context<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) instruments: &'a [InstrumentInfo],
    pub(crate) marks: &'a mut [Option<Decimal>],
    pub(crate) answers: &'a mut Answers,
    pub(crate) event: u32,
    pub(crate) at: Timestamp,
    pub(crate) warm_up: bool,
    pub(crate) asked: bool,
}

impl Context<'_> {
    /// Remembers a price.
    pub(crate) fn mark(&mut self, instrument: Instrument, price: Decimal) {
        let slot = usize::try_from(instrument).ok().and_then(|i| self.marks.get_mut(i));
        if let Some(slot) = slot {
            *slot = Some(price);
        }
    }

    /// The time of the event in hand, the only time there is.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// True while the past is replayed: orders are refused with the code `warm_up`.
    pub fn is_warm_up(&self) -> bool {
        self.warm_up
    }

    /// The instruments of the configuration.
    pub fn instruments(&self) -> &[InstrumentInfo] {
        self.instruments
    }

    /// Cash of the sleeve.
    pub fn cash(&self) -> Decimal {
        self.host.cash()
    }

    /// Cash that no order holds.
    pub fn buying_power(&self) -> Decimal {
        self.host.buying_power()
    }

    /// The position in an instrument; zero when there is none.
    pub fn position(&mut self, instrument: Instrument) -> Position {
        let known = self.answers.positions.iter().find(|p| p.instrument == instrument);
        if let Some(position) = known {
            return *position;
        }
        let position = self.host.position(instrument);
        self.answers.positions.push(Position { instrument, ..position });
        position
    }

    /// Open orders, those asked for in this call included.
    pub fn open_orders(&mut self) -> &[OpenOrder] {
        let host = self.host;
        self.answers.open_orders.get_or_insert_with(|| host.open_orders())
    }

    /// True when an order in the instrument is open.
    pub fn has_open_order(&mut self, instrument: Instrument) -> bool {
        self.open_orders().iter().any(|o| o.instrument == instrument)
    }

    /// The last close or trade that the bot has seen, the event in hand included.
    pub fn price(&self, instrument: Instrument) -> Option<Decimal> {
        usize::try_from(instrument).ok().and_then(|i| self.marks.get(i).copied().flatten())
    }

    /// Market value of a position at [`Context::price`]; `None` without a price.
    pub fn market_value(&mut self, instrument: Instrument) -> Option<Decimal> {
        let qty = self.position(instrument).qty;
        if qty.is_zero() {
            return Some(Decimal::ZERO);
        }
        qty.mul_to(self.price(instrument)?, VALUE_SCALE, crate::Rounding::HalfEven)
    }

    /// Market value minus cost of a position; `None` without a price.
    pub fn unrealised(&mut self, instrument: Instrument) -> Option<Decimal> {
        let cost = self.position(instrument).cost;
        self.market_value(instrument)?.checked_sub(cost)
    }

    /// Cash and the market value of every position; `None` while one of them has no price.
    pub fn equity(&mut self) -> Option<Decimal> {
        let mut equity = self.cash();
        for info in self.instruments {
            equity = equity.checked_add(self.market_value(info.id)?)?;
        }
        Some(equity)
    }

    /// The last `count` bars before the event in hand, oldest first, as far as the host holds them.
    pub fn history(&self, instrument: Instrument, count: u32) -> Vec<Bar> {
        self.host.history(self.event, instrument, count)
    }

    /// A purchase to complete and submit; without more a market order, good till cancelled.
    pub fn buy(&mut self, instrument: Instrument, qty: Decimal) -> Draft<'_> {
        self.draft(instrument, Side::Buy, Size::Qty(qty))
    }

    /// A sale to complete and submit; without more a market order, good till cancelled.
    pub fn sell(&mut self, instrument: Instrument, qty: Decimal) -> Draft<'_> {
        self.draft(instrument, Side::Sell, Size::Qty(qty))
    }

    /// A purchase for an amount of dollars: a market order for the day, which is all that brokers
    /// take for shares.
    pub fn buy_for(&mut self, instrument: Instrument, dollars: Decimal) -> Draft<'_> {
        self.draft(instrument, Side::Buy, Size::Notional(dollars)).time_in_force(TimeInForce::Day)
    }

    fn draft(&mut self, instrument: Instrument, side: Side, size: Size) -> Draft<'_> {
        let intent = Intent {
            instrument,
            side,
            size,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
            extended_hours: false,
            reason: None,
            tag: None,
            lot: None,
        };
        Draft {
            host: self.host,
            answers: self.answers,
            asked: &mut self.asked,
            event: self.event,
            intent,
        }
    }

    /// Asks to cancel an open order.
    pub fn cancel(&mut self, order: OrderId) -> Result<(), Refusal> {
        self.ask();
        self.host.cancel(self.event, order)
    }

    /// An order to put in the place of an open one, which is cancelled; to complete and submit.
    pub fn replace(&mut self, order: OrderId) -> Change<'_> {
        Change {
            host: self.host,
            answers: self.answers,
            asked: &mut self.asked,
            event: self.event,
            order,
            qty: None,
            limit: None,
            stop: None,
        }
    }

    fn ask(&mut self) {
        self.asked = true;
        self.answers.forget();
    }

    /// Writes to the bot's log; the macros [`crate::info!`] and its siblings format.
    pub fn log(&self, level: LogLevel, message: &str) {
        self.host.log(level, message);
    }
}

/// Places of a market value: what the host keeps for money.
const VALUE_SCALE: u8 = 9;

/// An order in the making. Nothing happens before [`Draft::submit`].
#[must_use = "a draft does nothing until it is submitted"]
pub struct Draft<'a> {
    host: &'a dyn Host,
    answers: &'a mut Answers,
    asked: &'a mut bool,
    event: u32,
    intent: Intent,
}

impl Draft<'_> {
    /// At the market.
    pub fn market(mut self) -> Self {
        self.intent.order_type = OrderType::Market;
        self
    }

    /// At this price or better.
    pub fn limit(mut self, price: Decimal) -> Self {
        self.intent.order_type = OrderType::Limit(price);
        self
    }

    /// At the market once this price is reached.
    pub fn stop(mut self, price: Decimal) -> Self {
        self.intent.order_type = OrderType::Stop(price);
        self
    }

    /// At `limit` or better once `stop` is reached.
    pub fn stop_limit(mut self, stop: Decimal, limit: Decimal) -> Self {
        self.intent.order_type = OrderType::StopLimit(wit::StopLimitPrices { stop, limit });
        self
    }

    /// How long the order lives.
    pub fn time_in_force(mut self, time_in_force: TimeInForce) -> Self {
        self.intent.time_in_force = time_in_force;
        self
    }

    /// Also outside of regular hours.
    pub fn extended_hours(mut self) -> Self {
        self.intent.extended_hours = true;
        self
    }

    /// Becomes the exit reason of the round trips that the order closes. At most 64 characters.
    pub fn reason(mut self, text: &str) -> Self {
        self.intent.reason = Some(text.into());
        self
    }

    /// For a sale: the lot that it closes first, by the number in the [`crate::OrderEvent`] of
    /// its purchase.
    pub fn lot(mut self, lot: u64) -> Self {
        self.intent.lot = Some(lot);
        self
    }

    /// A label of your own. At most 64 characters.
    pub fn tag(mut self, text: &str) -> Self {
        self.intent.tag = Some(text.into());
        self
    }

    /// Asks for the order. The answer is its number, or why it was refused; the final word is the
    /// `on_order` event.
    pub fn submit(self) -> Result<OrderId, Refusal> {
        *self.asked = true;
        self.answers.forget();
        self.host.submit(self.event, &self.intent)
    }
}

/// A change of an open order in the making. Nothing happens before [`Change::submit`].
#[must_use = "a change does nothing until it is submitted"]
pub struct Change<'a> {
    host: &'a dyn Host,
    answers: &'a mut Answers,
    asked: &'a mut bool,
    event: u32,
    order: OrderId,
    qty: Option<Decimal>,
    limit: Option<Decimal>,
    stop: Option<Decimal>,
}

impl Change<'_> {
    /// Another quantity, in all.
    pub fn qty(mut self, qty: Decimal) -> Self {
        self.qty = Some(qty);
        self
    }

    /// Another limit, of an order that has one.
    pub fn limit(mut self, price: Decimal) -> Self {
        self.limit = Some(price);
        self
    }

    /// Another stop, of an order that has one.
    pub fn stop(mut self, price: Decimal) -> Self {
        self.stop = Some(price);
        self
    }

    /// Asks for it. The answer is the new order's number, or why it was refused.
    pub fn submit(self) -> Result<OrderId, Refusal> {
        *self.asked = true;
        self.answers.forget();
        self.host.replace(self.event, self.order, self.qty, self.limit, self.stop)
    }
}
