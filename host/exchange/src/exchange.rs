//! The exchange itself: symbols, market data in, time passing, events out.
//!
//! The hot path is [`Exchange::on_bars`] while no order is open: it remembers closes and allocates nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use crate::asset::{Asset, ListingError, SymbolId, canonical};
use crate::calendar::{self, Session};
use crate::config::{Config, ConfigError, Mode, Sessions};
use crate::journal::JournalKind;
use crate::limits::MAX_SYMBOLS;
use crate::lookup::Lookup;
use crate::matching::{Bar, Quote, Trade, is_sound_price, meet_bar, meet_price};
use crate::order::{EventKind, Order, OrderStatus, Side, TimeInForce, TradeUpdate};
use crate::state::{Slot, State, day_end, deadline};
use crate::time::Nanos;

/// One brokerage account and the engine that matches its orders. See the crate's documentation for its calls.
///
/// Time never runs backwards: a call with an earlier time is taken to come now.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(crate) s: State,
    pub(crate) by_symbol: BTreeMap<Arc<str>, SymbolId>,
    pub(crate) by_id: Lookup,
    pub(crate) by_client: Lookup,
    /// Open orders in submission order.
    pub(crate) open: BTreeSet<u32>,
    /// Nothing is released or expires before this.
    pub(crate) next_deadline: Nanos,
    /// The session that is open or next, and since when this is known.
    pub(crate) session: Option<(Nanos, Session)>,
    /// Orders to match and their bars; kept for its memory.
    pub(crate) scratch: Vec<(u32, u32)>,
    /// Where the bars at hand have ended before they came: an order that was sent so many nanoseconds after their beginning does
    /// not meet them.
    pub(crate) ended: Option<i64>,
}

impl Exchange {
    /// An account opened at `at` with the configured cash. `seed` decides ids and chance.
    ///
    /// # Errors
    /// Where a setting is outside its range.
    pub fn new(config: Config, seed: u64, at: Nanos) -> Result<Self, ConfigError> {
        config.check()?;
        let cash = config.cash;
        let mut exchange = Self::around(State::new(config, seed, at));
        exchange.book(at, JournalKind::Deposit, None, Decimal::ZERO, cash, None, None);
        Ok(exchange)
    }

    /// The symbol's id; lists it with usual properties where it is new.
    ///
    /// # Errors
    /// Where the text can't be a symbol or the table is full.
    pub fn intern(&mut self, symbol: &str) -> Result<SymbolId, ListingError> {
        match self.symbol_id(symbol) {
            Some(id) => Ok(id),
            None => self.list_asset(Asset::named(symbol)?),
        }
    }

    /// Lists an asset, or changes the properties of a listed one. Its symbol has to be canonical.
    ///
    /// # Errors
    /// Where the symbol is none or the table is full.
    pub fn list_asset(&mut self, asset: Asset) -> Result<SymbolId, ListingError> {
        if canonical(&asset.symbol).as_deref() != Some(&*asset.symbol) {
            return Err(ListingError::Symbol { found: asset.symbol.chars().take(40).collect() });
        }
        if let Some(&id) = self.by_symbol.get(&asset.symbol) {
            self.s.slots[id.index()].asset = asset;
            return Ok(id);
        }
        let full = ListingError::Full { max: MAX_SYMBOLS };
        let id = SymbolId(u32::try_from(self.s.slots.len()).map_err(|_| full.clone())?);
        if self.s.slots.len() >= MAX_SYMBOLS {
            return Err(full);
        }
        self.by_symbol.insert(Arc::clone(&asset.symbol), id);
        self.s.slots.push(Slot::new(asset));
        Ok(id)
    }

    /// The id of a listed symbol, in either spelling.
    #[must_use]
    pub fn symbol_id(&self, symbol: &str) -> Option<SymbolId> {
        match self.by_symbol.get(symbol) {
            Some(&id) => Some(id),
            None => self.by_symbol.get(canonical(symbol)?.as_str()).copied(),
        }
    }

    /// The canonical symbol of an id of this exchange.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> Option<&Arc<str>> {
        self.s.slots.get(id.index()).map(|slot| &slot.asset.symbol)
    }

    /// Settings in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.s.config
    }

    /// The latest time seen.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.s.now
    }

    /// All bars of one time stamp, at most one per symbol. Open orders meet them in submission order; then the closes
    /// become the last prices. Call [`Exchange::advance`] with the bars' end after it, not before. Bars of unknown
    /// symbols are left out, and bars that are not sound only change nothing.
    pub fn on_bars(&mut self, bars: &[Bar]) {
        let Some(first) = bars.first() else { return };
        if self.open.is_empty() && first.at < self.s.day_end {
            self.s.now = self.s.now.max(first.at);
        } else {
            self.match_bars(bars, first);
        }
        self.remember(bars);
    }

    /// Until when nothing comes of bars but last prices, and of time nothing at all; `None` where an
    /// order is open or an event waits.
    #[must_use]
    pub fn idle_until(&self) -> Option<Nanos> {
        let idle = self.open.is_empty() && self.s.events.is_empty();
        idle.then(|| self.s.day_end.min(self.next_deadline))
    }

    /// The bars of many time stamps at once, in order, and the time `end` at which the last of them
    /// ends, which has to lie before [`Exchange::idle_until`].
    pub fn on_quiet_bars(&mut self, bars: &[Bar], end: Nanos) {
        debug_assert!(self.idle_until().is_some_and(|until| end < until), "an order may trade");
        self.s.now = self.s.now.max(end);
        self.remember(bars);
    }

    /// Closes become last prices.
    fn remember(&mut self, bars: &[Bar]) {
        for bar in bars {
            if let Some(slot) = self.s.slots.get_mut(bar.symbol.index())
                && bar.close.is_sign_positive()
                && !bar.close.is_zero()
            {
                slot.last = bar.close;
                slot.last_at = bar.end();
            }
        }
    }

    /// One bar.
    pub fn on_bar(&mut self, bar: &Bar) {
        self.on_bars(std::slice::from_ref(bar));
    }

    /// Best bid and offer: remembered, and met by the symbol's open orders. A quote that is crossed or without a price is left out.
    pub fn on_quote(&mut self, quote: &Quote) {
        self.roll(quote.at);
        let Some(slot) = self.s.slots.get_mut(quote.symbol.index()) else {
            return;
        };
        if !is_sound_price(quote.bid) || !is_sound_price(quote.ask) || quote.bid > quote.ask {
            return;
        }
        (slot.bid, slot.ask, slot.quote_at) = (quote.bid, quote.ask, quote.at);
        slot.met_quote = true;
        self.match_ticks(quote.symbol, (quote.bid, quote.bid_size), (quote.ask, quote.ask_size));
        self.s.slots[quote.symbol.index()].met_quote = false;
    }

    /// A trade: the last price, and met by the symbol's open orders.
    pub fn on_trade(&mut self, trade: &Trade) {
        if self.on_print(trade) {
            let met = (trade.price, trade.size);
            self.match_ticks(trade.symbol, met, met);
        }
    }

    /// A trade that is the last price and meets no order: where quotes are what orders trade at. Whether its price can be one.
    pub fn on_print(&mut self, trade: &Trade) -> bool {
        self.roll(trade.at);
        let sound = is_sound_price(trade.price);
        if let Some(slot) = self.s.slots.get_mut(trade.symbol.index()).filter(|_| sound) {
            (slot.last, slot.last_at) = (trade.price, trade.at);
            return true;
        }
        false
    }

    /// The same for bars that come when they have ended, between quotes and trades of other symbols: an order that was sent
    /// while a bar was under way does not meet it.
    pub fn on_ended_bars(&mut self, bars: &[Bar]) {
        self.on_late_bars(bars, 0);
    }

    /// The same, but for orders that were sent within `grace` nanoseconds of a bar's beginning: news of the bar before takes that
    /// long to come, and the answer to it meets this one.
    pub fn on_late_bars(&mut self, bars: &[Bar], grace: i64) {
        self.ended = Some(grace);
        self.on_bars(bars);
        self.ended = None;
    }

    /// When the last price of a symbol was made: the end of its bar, or the time of its trade.
    #[must_use]
    pub fn last_at(&self, symbol: SymbolId) -> Option<Nanos> {
        let at = self.s.slots.get(symbol.index())?.last_at;
        (at != Nanos(i64::MIN)).then_some(at)
    }

    /// Whether time alone changes something by `at`: an order is released or expires, or a day ends.
    #[must_use]
    pub fn is_due(&self, at: Nanos) -> bool {
        at >= self.next_deadline || at >= self.s.day_end
    }

    /// Bars whose closes are last prices and that meet no order: where quotes or trades are what orders trade at.
    pub fn on_closes(&mut self, bars: &[Bar]) {
        if let Some(end) = bars.iter().map(Bar::end).max() {
            self.roll(end);
        }
        for bar in bars {
            // A trade since the bar's beginning is as late a price as its close, or later.
            let known = self.s.slots.get(bar.symbol.index()).is_some_and(|s| s.last_at > bar.at);
            if !known {
                self.remember(std::slice::from_ref(bar));
            }
        }
    }

    /// Lets time pass: queued orders go to work, orders expire.
    pub fn advance(&mut self, now: Nanos) {
        self.roll(now);
    }

    /// After the last bar: cancels day orders (in reference mode every open order) and reports closed from then on.
    pub fn finish(&mut self, at: Nanos) {
        self.roll(at);
        self.s.closed = true;
        let all = self.s.config.mode == Mode::Reference;
        for index in self.open.iter().copied().collect::<Vec<_>>() {
            if all || self.s.orders[index as usize].time_in_force != TimeInForce::Gtc {
                self.end_order(index, OrderStatus::Canceled, self.s.now);
            }
        }
    }

    /// Everything that happened since the last call, in order.
    pub fn drain_events(&mut self) -> Vec<TradeUpdate> {
        std::mem::take(&mut self.s.events)
    }

    /// The same, appended to `out`.
    pub fn drain_events_into(&mut self, out: &mut Vec<TradeUpdate>) {
        out.append(&mut self.s.events);
    }

    /// Whether anything is there to drain.
    #[must_use]
    pub const fn has_events(&self) -> bool {
        !self.s.events.is_empty()
    }

    /// Whether the symbol's orders can trade by themselves during `[start, end]`: always, or in a session.
    pub(crate) fn in_session(&mut self, symbol: SymbolId, start: Nanos, end: Nanos) -> bool {
        if !self.has_sessions(symbol) {
            return true;
        }
        let session = self.session_from(start);
        session.open <= start || session.open < end
    }

    /// Whether sessions matter to the symbol.
    pub(crate) fn has_sessions(&self, symbol: SymbolId) -> bool {
        let config = &self.s.config;
        let crypto = self.s.slots.get(symbol.index()).is_some_and(|slot| slot.asset.is_crypto());
        config.mode == Mode::Paper && config.sessions == Sessions::Calendar && !crypto
    }

    /// The session that is open at `at` or comes next.
    pub(crate) fn session_from(&mut self, at: Nanos) -> Session {
        if let Some((since, session)) = self.session
            && at >= since
            && at < session.close
        {
            return session;
        }
        let session = calendar::current_or_next(at);
        self.session = Some((at, session));
        session
    }

    /// Matches open orders with bars of one time stamp.
    fn match_bars(&mut self, bars: &[Bar], first: &Bar) {
        // A bar of a day starts at midnight, before the session inside it.
        let session = self.session_from(first.at);
        let inside = session.open < first.end();
        let at = if inside && self.s.config.mode == Mode::Paper {
            first.at.max(session.open)
        } else {
            first.at
        };
        self.roll(at);
        let mut pairs = std::mem::take(&mut self.scratch);
        for (place, bar) in (0_u32..).zip(bars) {
            let share = self.s.config.max_participation;
            let Some(slot) = self.s.slots.get_mut(bar.symbol.index()) else {
                continue;
            };
            if slot.open.is_empty() || !bar.is_sound() {
                continue;
            }
            slot.volume_left = share
                .map(|share| (bar.volume.max(Decimal::ZERO) * share).min(crate::limits::MAX_QTY));
            slot.volume = Some(bar.volume.max(Decimal::ZERO));
            pairs.extend(slot.open.iter().map(|&index| (index, place)));
        }
        if bars.len() > 1 {
            pairs.sort_unstable();
        }
        for &(index, place) in &pairs {
            self.match_bar(index, &bars[place as usize]);
        }
        for bar in bars {
            if let Some(slot) = self.s.slots.get_mut(bar.symbol.index()) {
                (slot.volume_left, slot.volume) = (None, None);
            }
        }
        pairs.clear();
        self.scratch = pairs;
    }

    fn match_bar(&mut self, index: u32, bar: &Bar) {
        let Some(order) = self.at_work(index) else {
            return;
        };
        let late = |grace: i64| order.submitted_at.0.saturating_sub(bar.at.0) > grace;
        if self.ended.is_some_and(late) {
            return;
        }
        let (tif, extended) = (order.time_in_force, order.extended_hours);
        let has_sessions = self.has_sessions(bar.symbol);
        if !self.in_session(bar.symbol, bar.at, bar.end()) && !extended {
            return;
        }
        let at = self.s.now;
        let order = &self.s.orders[index as usize];
        let met = match tif {
            // With sessions it trades when its session closes, see `roll`.
            TimeInForce::Cls if has_sessions => return,
            TimeInForce::Cls => meet_price(order, bar.close),
            TimeInForce::Opg | TimeInForce::Ioc | TimeInForce::Fok => meet_price(order, bar.open),
            TimeInForce::Day | TimeInForce::Gtc => meet_bar(order, bar),
        };
        self.execute(index, met, at);
        self.after_tick(index, at);
    }

    /// Both sides are a price and how much of it there is.
    fn match_ticks(&mut self, symbol: SymbolId, bid: (Decimal, Decimal), ask: (Decimal, Decimal)) {
        if self.s.slots[symbol.index()].open.is_empty() {
            return;
        }
        let at = self.s.now;
        let regular = self.in_session(symbol, at, at);
        let has_sessions = self.has_sessions(symbol);
        let share = self.s.config.max_participation;
        // What may be taken of each side.
        let mut left =
            [bid.1, ask.1].map(|size| share.map(|share| size.max(Decimal::ZERO) * share));
        for index in self.s.slots[symbol.index()].open.clone() {
            let Some(order) = self.at_work(index) else {
                continue;
            };
            if (!regular && !order.extended_hours)
                || (has_sessions && order.time_in_force == TimeInForce::Cls)
            {
                continue;
            }
            let (price, side) = match order.side {
                Side::Buy => (ask.0, 1),
                Side::Sell => (bid.0, 0),
            };
            let met = meet_price(order, price);
            self.s.slots[symbol.index()].volume_left = left[side];
            self.execute(index, met, at);
            left[side] = self.s.slots[symbol.index()].volume_left.take();
            self.after_tick(index, at);
        }
    }

    /// The order, where market data may meet it.
    fn at_work(&self, index: u32) -> Option<&Order> {
        let order = &self.s.orders[index as usize];
        let waits =
            order.status.is_final() || order.status == OrderStatus::Accepted || self.s.closed;
        (!waits).then_some(order)
    }

    /// An order that doesn't wait ends with its first tick, and so does one whose cancel was overtaken.
    fn after_tick(&mut self, index: u32, at: Nanos) {
        let order = &self.s.orders[index as usize];
        let waits = matches!(order.time_in_force, TimeInForce::Day | TimeInForce::Gtc)
            && !order.cancel_after_tick;
        if !waits && !order.status.is_final() {
            self.end_order(index, OrderStatus::Canceled, at);
        }
    }

    /// Moves time to `at`, doing on the way what is due.
    pub(crate) fn roll(&mut self, at: Nanos) {
        if at >= self.next_deadline && !self.s.closed {
            self.pass_deadlines(at);
        }
        self.s.now = self.s.now.max(at);
        if at >= self.s.day_end {
            self.charge_regulatory_fees();
            self.s.last_equity = self.equity();
            for slot in &mut self.s.slots {
                slot.lastday = slot.last;
            }
            self.s.day_end = day_end(at);
        }
    }

    /// Releases and expires orders, each at its own time, in order of time and then of submission.
    fn pass_deadlines(&mut self, at: Nanos) {
        let mut due = Vec::new();
        for &index in &self.open {
            let order = &self.s.orders[index as usize];
            let release =
                order.release_at.filter(|&t| order.status == OrderStatus::Accepted && t <= at);
            due.extend(release.map(|t| (t, index, false)));
            due.extend(order.expires_at.filter(|&t| t <= at).map(|t| (t, index, true)));
        }
        due.sort_unstable();
        for (time, index, expires) in due {
            let time = time.max(self.s.now);
            self.s.now = time;
            if expires {
                self.expire(index, time);
            } else {
                let order = &mut self.s.orders[index as usize];
                order.status = OrderStatus::New;
                order.updated_at = time;
                self.emit(EventKind::New, index, time);
            }
        }
        self.refresh_deadline();
    }

    /// The end of an order's time. A closing order trades at the session's last price.
    fn expire(&mut self, index: u32, at: Nanos) {
        let order = &self.s.orders[index as usize];
        if order.status.is_final() {
            return;
        }
        if order.time_in_force == TimeInForce::Cls {
            let slot = &self.s.slots[order.symbol_id.index()];
            let session = calendar::session(at.new_york_date());
            if is_sound_price(slot.last) && session.is_some_and(|s| slot.last_at > s.open) {
                let met = meet_price(order, slot.last);
                self.execute(index, met, at);
            }
        }
        if !self.s.orders[index as usize].status.is_final() {
            self.end_order(index, OrderStatus::Expired, at);
        }
    }

    /// Notes that the order exists, for matching and for time.
    pub(crate) fn track(&mut self, index: u32) {
        let order = &self.s.orders[index as usize];
        self.next_deadline = self.next_deadline.min(deadline(order));
        self.open.insert(index);
        self.s.slots[order.symbol_id.index()].open.push(index);
    }
}
