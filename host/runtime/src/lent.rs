//! What is lent to a handler call: the view, prices as of each event, and what was asked so far.
//!
//! An answer here is a promise that the desk checks again when the batch arrives. Prices are those
//! at the time stamp of the event that an intent belongs to, so that a batch of events means
//! exactly what single calls mean.

use std::collections::HashMap;
use std::sync::Arc;

use stockade_core::desk::BotRequest;
use stockade_core::instrument::{AssetClass, Instrument};
use stockade_core::order::{Intent, OrderStatus, OrderType, Side, Size};
use stockade_core::risk::{Refusal, TradingState};
use stockade_core::sleeve::{Admission, Buffered, OrderView, Prices, SleeveView, admit};
use stockade_core::{InstrumentId, IntentId, Money, Price, Qty, SleeveId, Symbol, Timestamp};

use crate::contract::types as wit;
use crate::wire::Laid;

/// The host's side of the `capital` resource. Its number is that of the call it was lent to.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Lease;

/// An instrument of a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotInstrument {
    /// Its place in the desk's table.
    pub id: InstrumentId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Its class.
    pub class: AssetClass,
}

/// The bot's own table of instruments: the numbers that the bot knows are places in it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) items: Vec<BotInstrument>,
    places: HashMap<InstrumentId, u32>,
    symbols: HashMap<Symbol, InstrumentId>,
    /// Whether an instrument's place is its number in the desk's table.
    same: bool,
}

impl Table {
    pub(crate) fn new(items: Vec<BotInstrument>) -> Self {
        let places = items.iter().zip(0_u32..).map(|(item, place)| (item.id, place)).collect();
        let symbols = items.iter().map(|item| (item.symbol.clone(), item.id)).collect();
        let same = items.iter().zip(0_u32..).all(|(item, place)| item.id.0 == place);
        Self { items, places, symbols, same }
    }

    /// Whether bars that are laid out under the desk's numbers are right for this bot as they are.
    pub(crate) fn takes(&self, laid: &Laid) -> bool {
        self.same && usize::try_from(laid.instruments()).is_ok_and(|n| n <= self.items.len())
    }

    pub(crate) fn place(&self, id: InstrumentId) -> Option<u32> {
        // A bot has all instruments, or few: where it has all, an instrument's place is its number.
        match self.items.get(id.index()) {
            Some(item) if item.id == id => Some(id.0),
            _ => self.places.get(&id).copied(),
        }
    }

    pub(crate) fn place_of_symbol(&self, symbol: &Symbol) -> Option<u32> {
        self.symbols.get(symbol).and_then(|id| self.place(*id))
    }

    pub(crate) fn at(&self, place: u32) -> Option<&BotInstrument> {
        usize::try_from(place).ok().and_then(|place| self.items.get(place))
    }
}

/// What an event says of time and price.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) at: Timestamp,
    pub(crate) price: Option<(InstrumentId, Price)>,
}

/// What is known of an instrument besides the events of the call.
#[derive(Debug, Clone, Default)]
struct Known {
    instrument: Option<Instrument>,
    last: Option<(Price, Timestamp)>,
}

/// An order that this call asked for.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) id: IntentId,
    pub(crate) intent: Intent,
    pub(crate) instrument: InstrumentId,
    pub(crate) qty: Qty,
}

/// The state of the call in hand.
#[derive(Debug)]
pub(crate) struct Lent {
    table: Arc<Table>,
    known: Vec<Known>,
    view: SleeveView,
    /// Times and prices of the events, unless they are bars.
    marks: Vec<Mark>,
    /// The bars of the call.
    bars: Option<Laid>,
    now: Timestamp,
    pub(crate) warm_up: bool,
    buffered: Buffered,
    /// The event index of each request.
    asked: Vec<u32>,
    own: Vec<Own>,
    next_intent: u64,
}

/// Prices as they were at an event of the call.
struct AsOf<'a> {
    lent: &'a Lent,
    /// Events up to the end of the event's time stamp.
    end: usize,
}

impl Prices for AsOf<'_> {
    fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.lent.table.symbols.get(symbol).copied()
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.lent.known(id)?.instrument.as_ref()
    }

    fn last(&self, id: InstrumentId) -> Option<(Price, Timestamp)> {
        let mut marks = (0..self.end).rev().filter_map(|event| self.lent.mark(event));
        let of_event = marks.find_map(|mark| match mark.price {
            Some((instrument, price)) if instrument == id => Some((price, mark.at)),
            _ => None,
        });
        of_event.or_else(|| self.lent.known(id)?.last)
    }
}

impl Lent {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self {
            known: vec![Known::default(); table.items.len()],
            table,
            view: nothing(),
            marks: Vec::new(),
            bars: None,
            now: Timestamp(0),
            warm_up: false,
            buffered: Buffered::default(),
            asked: Vec::new(),
            own: Vec::new(),
            next_intent: 0,
        }
    }

    /// Takes what a call carries, besides its events. Copies only what changed since the last one.
    pub(crate) fn open(
        &mut self,
        view: &SleeveView,
        prices: &dyn Prices,
        now: Timestamp,
        warm_up: bool,
    ) {
        if self.view.sleeve != view.sleeve || self.view.version != view.version {
            self.view.clone_from(view);
        }
        for (known, item) in self.known.iter_mut().zip(&self.table.items) {
            let instrument = prices.instrument(item.id);
            if known.instrument.as_ref() != instrument {
                known.instrument = instrument.cloned();
            }
            known.last = prices.last(item.id);
        }
        (self.now, self.warm_up) = (now, warm_up);
        self.next_intent = self.view.next_intent.0;
        self.clear();
    }

    /// Forgets the events and requests of the call.
    pub(crate) fn clear(&mut self) {
        self.marks.clear();
        self.bars = None;
        self.buffered = Buffered::default();
        self.asked.clear();
        self.own.clear();
    }

    /// Takes the bars of the call.
    pub(crate) fn take_bars(&mut self, bars: Laid) {
        self.bars = Some(bars);
    }

    /// Takes what an event of another kind says.
    pub(crate) fn take_mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// How many events the call has.
    pub(crate) fn count(&self) -> usize {
        self.bars.as_ref().map_or(self.marks.len(), Laid::len)
    }

    /// What an event says of time and price.
    fn mark(&self, event: usize) -> Option<Mark> {
        let Some(bars) = &self.bars else {
            return self.marks.get(event).copied();
        };
        let (place, price) = bars.close(event)?;
        let price = self.table.at(place).map(|item| (item.id, price));
        Some(Mark { at: bars.at(event)?, price })
    }

    /// The time of an event.
    pub(crate) fn at(&self, event: u32) -> Option<Timestamp> {
        let event = usize::try_from(event).ok()?;
        match &self.bars {
            Some(bars) => bars.at(event),
            None => self.marks.get(event).map(|mark| mark.at),
        }
    }

    /// The bars of an instrument in this call before a time.
    pub(crate) fn bars_before(&self, place: u32, at: Timestamp) -> Vec<wit::Bar> {
        let bars = (0..self.count()).filter_map(|event| self.bars.as_ref()?.get(event));
        bars.filter(|bar| bar.instrument == place && bar.at < at.0).collect()
    }

    /// The requests, if each belongs to the time stamp of the last handled event.
    pub(crate) fn finish(&mut self, handled: u32) -> Result<Vec<BotRequest>, String> {
        let last = handled.checked_sub(1).and_then(|last| self.at(last));
        for event in &self.asked {
            let same = *event < handled && self.at(*event) == last;
            if !same {
                return Err(format!(
                    "it asked for something at event {event} and went on to a later time: \
                     it says that {handled} events are handled"
                ));
            }
        }
        Ok(std::mem::take(&mut self.buffered.requests))
    }

    pub(crate) fn view(&self) -> &SleeveView {
        &self.view
    }

    pub(crate) fn own(&self) -> &[Own] {
        &self.own
    }

    pub(crate) fn buying_power(&self) -> Money {
        self.buffered.buying_power(&self.view)
    }

    /// The position in an instrument: quantity, what can be sold, cost.
    pub(crate) fn position(&self, id: InstrumentId) -> (Qty, Qty, Money) {
        let held = self.view.position(id);
        let selling = |own: &&Own| own.instrument == id && own.intent.side == Side::Sell;
        let sold: Qty = self.own.iter().filter(selling).map(|own| own.qty).sum();
        let (qty, available, cost) =
            held.map_or((Qty::ZERO, Qty::ZERO, Money::ZERO), |p| (p.qty, p.available, p.cost));
        let free = available - sold;
        (qty, if free.is_negative() { Qty::ZERO } else { free }, cost)
    }

    fn known(&self, id: InstrumentId) -> Option<&Known> {
        let place = self.table.place(id)?;
        usize::try_from(place).ok().and_then(|place| self.known.get(place))
    }

    /// Whether there is such an event.
    pub(crate) fn has_event(&self, event: u32) -> bool {
        usize::try_from(event).is_ok_and(|event| event < self.count())
    }

    /// The market's time at which an event of the call is delivered: as far before `now` as its
    /// time stamp is before the last one.
    pub(crate) fn time_of(&self, event: u32) -> Timestamp {
        let last = self.count().checked_sub(1).and_then(|last| u32::try_from(last).ok());
        match (self.at(event), last.and_then(|last| self.at(last))) {
            (Some(at), Some(last)) => self.now.plus(at.since(last)),
            _ => self.now,
        }
    }

    fn as_of(&self, event: u32) -> AsOf<'_> {
        let Some(at) = self.at(event) else {
            return AsOf { lent: self, end: 0 };
        };
        let first = usize::try_from(event).unwrap_or(usize::MAX);
        let later = |event: &usize| self.mark(*event).is_some_and(|mark| mark.at > at);
        let end = (first..self.count()).find(later).unwrap_or_else(|| self.count());
        AsOf { lent: self, end }
    }

    fn take_id(&mut self) -> IntentId {
        let id = IntentId(self.next_intent);
        self.next_intent = self.next_intent.saturating_add(1);
        id
    }

    /// Admits an intent and keeps it, or records why not. `invalid` is what the conversion of its
    /// numbers found.
    pub(crate) fn submit(
        &mut self,
        event: u32,
        intent: Intent,
        invalid: Option<Refusal>,
    ) -> Result<IntentId, Refusal> {
        if self.warm_up {
            return Err(Refusal::WarmUp);
        }
        let verdict = match invalid {
            Some(refusal) => Err(refusal),
            None => {
                let now = self.time_of(event);
                admit(&self.view, &self.as_of(event), now, &self.buffered, &intent)
            }
        };
        let intent_id = self.take_id();
        self.asked.push(event);
        match verdict {
            Ok(admission) => {
                self.keep(intent_id, &intent, &admission);
                self.buffered.submit(intent_id, intent, &admission);
                Ok(intent_id)
            }
            Err(refusal) => {
                let kept = refusal.clone();
                self.buffered.requests.push(BotRequest::Refused { intent_id, intent, refusal });
                Err(kept)
            }
        }
    }

    fn keep(&mut self, id: IntentId, intent: &Intent, admission: &Admission) {
        let (instrument, qty) = (admission.instrument, admission.qty);
        self.own.push(Own { id, intent: intent.clone(), instrument, qty });
    }

    /// Asks for a cancel of one of the sleeve's orders.
    pub(crate) fn cancel(&mut self, event: u32, order: u64) -> Result<(), Refusal> {
        if self.warm_up {
            return Err(Refusal::WarmUp);
        }
        self.old(order)?;
        self.asked.push(event);
        self.buffered.requests.push(BotRequest::Cancel { intent_id: IntentId(order) });
        Ok(())
    }

    /// Asks to put another order in the place of one. The new one is admitted as if the old one
    /// still held its cash; a sale against what the old one gives back.
    pub(crate) fn replace(
        &mut self,
        event: u32,
        order: u64,
        qty: Option<Qty>,
        limit_price: Option<Price>,
        stop_price: Option<Price>,
    ) -> Result<IntentId, Refusal> {
        if self.warm_up {
            return Err(Refusal::WarmUp);
        }
        let old = self.old(order)?;
        let mut intent = old.intent;
        if let Some(qty) = qty {
            intent.size = Size::Qty(qty);
        }
        intent.order_type = repriced(order, intent.order_type, limit_price, stop_price)?;
        let mut view = None;
        if intent.side == Side::Sell {
            let view: &mut SleeveView = view.insert(self.view.clone());
            let position = view.positions.iter_mut().find(|p| p.instrument == old.instrument);
            if let Some(position) = position {
                position.available += old.qty;
            }
        }
        let view = view.as_ref().unwrap_or(&self.view);
        let now = self.time_of(event);
        let admission = admit(view, &self.as_of(event), now, &self.buffered, &intent)?;
        let new_intent_id = self.take_id();
        self.asked.push(event);
        self.keep(new_intent_id, &intent, &admission);
        self.buffered.hold(intent.side, &admission);
        let intent_id = IntentId(order);
        self.buffered.requests.push(BotRequest::Replace {
            intent_id,
            new_intent_id,
            qty,
            limit_price,
            stop_price,
        });
        Ok(new_intent_id)
    }

    /// The order with this number, as an intent, with what is still open of it. An order of
    /// another sleeve is as unknown as one that does not exist.
    fn old(&self, order: u64) -> Result<Own, Refusal> {
        if let Some(own) = self.own.iter().find(|own| own.id.0 == order) {
            return Ok(own.clone());
        }
        let name = order.to_string();
        let unknown = || Refusal::NotFound { what: "order".to_owned(), name: name.clone() };
        let found = self.view.orders.iter().find(|o| o.intent_id.0 == order).ok_or_else(unknown)?;
        if found.status.is_final() {
            return Err(Refusal::NotOpen { name, status: found.status.as_str().to_owned() });
        }
        let place = self.table.place(found.instrument).ok_or_else(unknown)?;
        let symbol = self.table.at(place).ok_or_else(unknown)?.symbol.clone();
        Ok(as_own(found, symbol))
    }
}

fn as_own(order: &OrderView, symbol: Symbol) -> Own {
    let open = order.qty - order.filled;
    let intent = Intent {
        symbol,
        side: order.side,
        size: Size::Qty(order.qty),
        order_type: order.order_type,
        // A view does not carry it; the desk takes the old order's own.
        time_in_force: stockade_core::order::TimeInForce::Day,
        extended_hours: false,
        reason: None,
        tag: None,
        lot: None,
    };
    Own { id: order.intent_id, intent, instrument: order.instrument, qty: open }
}

fn repriced(
    order: u64,
    old: OrderType,
    limit: Option<Price>,
    stop: Option<Price>,
) -> Result<OrderType, Refusal> {
    let has_none = |what| {
        Err(Refusal::NotAllowed {
            what: "order".to_owned(),
            name: order.to_string(),
            why: format!("a {} order has no {what} price to change", old.as_str()),
        })
    };
    if limit.is_some() && old.limit_price().is_none() {
        return has_none("limit");
    }
    if stop.is_some() && old.stop_price().is_none() {
        return has_none("stop");
    }
    Ok(old.repriced(limit, stop))
}

/// The view of a sleeve that has nothing: before the first call.
fn nothing() -> SleeveView {
    SleeveView {
        sleeve: SleeveId(0),
        name: String::new(),
        version: 0,
        cash: Money::ZERO,
        reserved: Money::ZERO,
        positions: Vec::new(),
        orders: Vec::new(),
        state: TradingState::Halted,
        state_reason: "no call is in hand".to_owned(),
        controls: Default::default(),
        pricing: stockade_core::sleeve::Pricing {
            collar_pct: rust_decimal::Decimal::ZERO,
            market_as_limit: true,
        },
        next_intent: IntentId(0),
        accepted: Vec::new(),
    }
}

/// Status of an order that this call asked for.
pub(crate) const OWN_STATUS: OrderStatus = OrderStatus::Accepted;
