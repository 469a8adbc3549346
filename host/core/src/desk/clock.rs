//! Time and market data: marks, sessions, days, timers.

use super::effect::{Action, Effects};
use super::state::{Desk, Mark};
use crate::decimal::Price;
use crate::id::{InstrumentId, OrderId, SleeveId};
use crate::limits;
use crate::market::{Bar, MarketEvent};
use crate::order::OrderStatus;
use crate::row::{BotState, EquityRow, Row, SleeveKind};
use crate::time::{Now, Session, Timestamp};

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400 * limits::NANOS_PER_SECOND;

impl Desk {
    /// Takes the input's times; neither clock goes back.
    pub(super) fn advance(&mut self, now: Now) {
        self.now.market = self.now.market.max(now.market);
        self.now.machine = self.now.machine.max(now.machine);
        if self.now.market >= self.day_ends {
            self.begin_day();
        }
    }

    pub(super) fn on_market(&mut self, event: &MarketEvent) {
        match event {
            MarketEvent::Bars { bars } => self.on_bars(bars),
            MarketEvent::Trade(trade) => self.mark(trade.instrument, trade.price, trade.at),
            MarketEvent::Quote(quote) => {
                // A crossed or one-sided quote is no price (RELIABILITY M2).
                if quote.bid.is_positive() && quote.ask >= quote.bid {
                    let mid = (quote.bid.get() + quote.ask.get()) / rust_decimal::Decimal::TWO;
                    self.mark(quote.instrument, Price::new(mid), quote.at);
                }
            }
        }
    }

    pub(super) fn on_bars(&mut self, bars: &[Bar]) {
        for bar in bars {
            self.mark(bar.instrument, bar.close, bar.at);
        }
    }

    pub(super) fn mark(&mut self, id: InstrumentId, price: Price, at: Timestamp) {
        if !price.is_positive() {
            return;
        }
        let known = self.marks.get(id.index());
        if known.is_some_and(|slot| slot.is_none_or(|mark| mark.at <= at)) {
            self.set_mark(id, Mark { price, at, stored: false });
        }
    }

    /// Takes the broker's calendar; days that it doesn't name are kept.
    pub(super) fn learn_sessions(&mut self, sessions: &[Session]) {
        for session in sessions {
            match self.sessions.binary_search_by_key(&session.day, |s| s.day) {
                Ok(place) => self.sessions[place] = *session,
                Err(place) => self.sessions.insert(place, *session),
            }
        }
        let keep = 60;
        if self.sessions.len() > keep {
            let surplus = self.sessions.len() - keep;
            let past = self.sessions.iter().take_while(|s| s.close < self.now.market).count();
            self.sessions.drain(..surplus.min(past));
        }
        self.begin_day();
    }

    /// Whether the regular session of equities is open.
    #[must_use]
    pub fn is_session_open(&self) -> bool {
        self.open_session().is_some()
    }

    /// The day key of the regular session that is open. Asked at each time stamp: sessions are in
    /// order and don't overlap.
    #[must_use]
    pub fn open_session(&self) -> Option<u32> {
        let at = self.now.market;
        let next = self.sessions.partition_point(|session| session.close <= at);
        self.sessions.get(next).filter(|session| session.open <= at).map(|session| session.day)
    }

    /// When the present day ends: nothing but prices and inputs changes anything before.
    #[must_use]
    pub const fn day_ends(&self) -> Timestamp {
        self.day_ends
    }

    /// The day key of the session that a time belongs to, or that ended last before it.
    #[must_use]
    pub fn session_day(&self, at: Timestamp) -> Option<u32> {
        self.sessions.iter().rev().find(|s| s.open <= at).map(|s| s.day)
    }

    /// Finds the day that the market's time belongs to: a session with what comes before it, or a
    /// UTC day where no calendar is known.
    fn begin_day(&mut self) {
        let at = self.now.market;
        if let Some(session) = self.sessions.iter().find(|s| at < s.close) {
            (self.day, self.day_ends) = (session.day, session.close);
        } else {
            let number = at.0.div_euclid(DAY_NS);
            self.day = u32::try_from(number.max(0)).unwrap_or(0);
            self.day_ends = Timestamp((number + 1).saturating_mul(DAY_NS));
        }
        self.begin_losses();
    }

    /// Sets the equity that today's loss is measured from, at the first look of a day where no limit
    /// had it set at the day's begin.
    pub(super) fn day_start(&mut self, id: SleeveId) {
        let sleeve = &self.sleeves[&id];
        if sleeve.row.day != self.day {
            let equity = self.equity(id);
            let day = self.day;
            let sleeve = self.sleeve_mut(id);
            sleeve.row.day = day;
            sleeve.row.day_start_equity = equity;
        }
    }

    /// Time passed: retries, lookups, comparisons, back-offs.
    pub(super) fn on_timer(&mut self, out: &mut Effects) {
        if !self.started || self.refused {
            return;
        }
        self.look_unknown_up(out);
        self.ask_cancels_again(out);
        self.claim_waiting(out);
        self.resume_bots(out);
        let machine = self.now.machine;
        if self.reconciliation.next_at.is_some_and(|at| machine >= at) {
            self.reconciliation.next_at = None;
            self.request_snapshot(out);
        }
    }

    /// Machine nanoseconds between two lookups of one order.
    pub(super) fn lookup_step(&self) -> i64 {
        self.settings.unknown_quiet_ns / i64::from(limits::LOOKUPS_MIN)
    }

    fn look_unknown_up(&mut self, out: &mut Effects) {
        let machine = self.now.machine;
        let step = self.lookup_step();
        let due = |order: &&crate::row::OrderRow| {
            order.status == OrderStatus::Unknown
                && machine.since(order.claimed_at) >= step.saturating_mul(i64::from(order.lookups))
                // One lookup at a time: its answer may take as long as the broker likes.
                && self.not_before.get(&order.id).is_none_or(|at| machine >= *at)
        };
        let ids: Vec<OrderId> = self.open_orders().filter(due).map(|order| order.id).collect();
        for id in ids {
            self.look_up(id, out);
        }
    }

    /// Cancels can be lost, and asking twice does no harm: they are asked for until the order ends,
    /// at longer intervals once a person was told.
    fn ask_cancels_again(&mut self, out: &mut Effects) {
        let machine = self.now.machine;
        let often =
            |order: &crate::row::OrderRow| order.cancel_attempts < limits::CANCEL_ATTEMPTS_MAX;
        let retry = self.settings.cancel_retry_ns;
        let due = |order: &&crate::row::OrderRow| {
            let wait = if often(order) { retry } else { 6 * retry };
            order.cancel_requested
                && matches!(order.status, OrderStatus::Acknowledged | OrderStatus::PartiallyFilled)
                && machine.since(order.claimed_at) >= wait
        };
        let ids: Vec<OrderId> = self.open_orders().filter(due).map(|order| order.id).collect();
        for id in ids {
            let order = &self.orders[&id];
            let attempts = order.cancel_attempts;
            if attempts == limits::CANCEL_ATTEMPTS_MAX {
                let message =
                    format!("order {id} ({}) is alive after {attempts} cancels", order.symbol);
                Self::alert(out, "serious", message);
            }
            if !often(order) {
                self.look_up(id, out);
            }
            self.update_order(id, |order| order.claimed_at = machine);
            self.send_cancel(id, out);
        }
    }

    fn resume_bots(&mut self, out: &mut Effects) {
        if !self.is_ready() {
            return;
        }
        let market = self.now.market;
        let due = |state: BotState, until: Option<Timestamp>| {
            state == BotState::Suspended && until.is_some_and(|until| market >= until)
        };
        let ids: Vec<SleeveId> = self
            .bots
            .values()
            .filter(|b| due(b.state, b.suspended_until))
            .map(|b| b.sleeve)
            .collect();
        for id in ids {
            self.start_bot(id, "back-off is over", out);
        }
    }

    /// One equity row per sleeve, and the marks they rest on.
    pub(super) fn on_sample(&mut self, session_close: Option<u32>, out: &mut Effects) {
        for index in 0..self.marks.len() {
            if let Ok(index) = u32::try_from(index) {
                self.push_mark(InstrumentId(index), out);
            }
        }
        for (id, sleeve) in &self.sleeves {
            if sleeve.row.retired || sleeve.row.kind == SleeveKind::Rounding {
                continue;
            }
            out.rows.push(Row::Equity(EquityRow {
                sleeve: *id,
                at: self.now.market,
                cash: sleeve.row.cash,
                market_value: self.value_of(sleeve),
                exposure: self.exposure_of(sleeve),
                net_capital: sleeve.net_capital(),
                realised: sleeve.row.realised,
                session_close,
            }));
        }
    }

    /// Puts the bots to work after a comparison: at the host's start all of them, later those that
    /// were deployed meanwhile.
    pub(super) fn start_bots(&mut self, out: &mut Effects) {
        let first = !std::mem::replace(&mut self.bots_started, true);
        let waits = |state| state == BotState::Loading || (first && state == BotState::Running);
        let ids: Vec<SleeveId> =
            self.bots.values().filter(|b| waits(b.state)).map(|b| b.sleeve).collect();
        for id in ids {
            self.start_bot(id, "the host started", out);
        }
    }

    pub(super) fn start_bot(&mut self, id: SleeveId, why: &str, out: &mut Effects) {
        let Some(bot) = self.bot_mut(id) else { return };
        bot.state = BotState::Loading;
        bot.state_reason = Some(why.to_owned());
        bot.suspended_until = None;
        bot.generation += 1;
        let generation = bot.generation;
        out.actions.push(Action::StartBot { sleeve: id, generation });
    }
}
