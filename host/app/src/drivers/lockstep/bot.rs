//! A bot in the lockstep loop: evaluated ahead in exact batches.
//!
//! While a bot has no open order and no update waits for it, nothing but bars can change what it
//! sees. It then gets many time stamps in one call and stops after the first at which it asks for
//! something; what it asked for waits here until the loop reaches that time stamp.

use std::sync::Arc;

use stockade_core::desk::{BotRequest, Desk, GoodRun, OrderUpdate};
use stockade_core::market::Bar;
use stockade_core::sleeve::SleeveView;
use stockade_core::{InstrumentId, Now, SleeveId, Timestamp};
use stockade_runtime::{
    ActionEvent, Bars, Call, EventKind, Events, LogLine, Outcome, SessionEvent, Strike,
};

use super::guest::Guest;
use super::market::Market;
use super::shaped::Shaped;
use super::ticks::Ticks;

/// Time stamps of one call: beyond this a call costs no less per bar.
const BATCH_MAX: usize = 64;
/// Twice what a call costs besides its bars, in bars, see [`Pace::batch`]. `stockade bench call` gives
/// about 12: 0.47 µs for a call of one bar, 0.04 µs a bar for one of 64. Near the best length the
/// exact number matters little.
const CALL_COST: usize = 24;
/// Calls that a new version must survive before the old one is let go, as in the live driver.
const ROLL_BACK_CALLS: u32 = 16;

/// What a bot asks for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// In order; all of one time stamp.
    pub(crate) requests: Vec<BotRequest>,
    /// Its state right after it, where states are kept.
    pub(crate) state: Option<Arc<[u8]>>,
}

/// How often a bot asks for something: what is handed over and not handled has to be handed over
/// again, so a bot that asks often gets short lists. What it does never depends on their lengths.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Time stamps between two times that it asked, about.
    usual: usize,
    /// Time stamps since the last time.
    run: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { usual: BATCH_MAX * BATCH_MAX, run: 0 }
    }
}

impl Pace {
    /// Time stamps of the next call, of so many bars each. With a call's cost of c bars and n bars
    /// from question to question, √(2·c·n) bars cost least.
    fn batch(self, width: usize) -> usize {
        (CALL_COST * self.usual.max(self.run) / width.max(1)).isqrt().clamp(1, BATCH_MAX)
    }

    /// It asked for something at the last of so many time stamps.
    fn asked(&mut self, stamps: usize) {
        self.usual = (3 * self.usual + self.run + stamps).div_ceil(4);
        self.run = 0;
    }

    /// It asked for nothing at so many time stamps.
    fn silent(&mut self, stamps: usize) {
        self.run = self.run.saturating_add(stamps);
    }
}

/// When a bot's state is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saves {
    Never,
    /// When it asks for something the first time, to see that it can be; the state is not kept.
    Once,
    /// Whenever it asks for something.
    Always,
}

/// What a bot hears of besides bars; asked at each time stamp.
#[derive(Debug, Clone, Copy)]
struct Hears {
    orders: bool,
    sessions: bool,
    quotes: bool,
    trades: bool,
    timer_period: i64,
}

impl Hears {
    fn of(guest: &dyn Guest) -> Self {
        Self {
            orders: guest.hears(),
            sessions: guest.attends(),
            quotes: guest.watches(EventKind::Quotes),
            trades: guest.watches(EventKind::Trades),
            timer_period: guest.timer_period(),
        }
    }
}

/// How much of a time stamp's quotes and trades a bot has handled.
#[derive(Debug, Default)]
pub(crate) struct Told {
    quotes: usize,
    trades: usize,
}

/// What a bot that failed within its first events goes back to.
pub(crate) enum Former {
    /// Another version of its plugin: this one.
    Version(String),
    /// The same one, with these parameters.
    Params(Vec<(String, String)>),
}

/// The instance before a reload, or before other parameters.
struct Before {
    guest: Box<dyn Guest>,
    digest: Arc<str>,
    former: Former,
    /// The first time stamp that it has not seen.
    group: usize,
    /// Calls that the new one has to survive.
    calls_left: u32,
}

/// The new version has survived a call.
fn outlived(before: &mut Option<Before>) {
    if let Some(kept) = before {
        kept.calls_left -= 1;
        if kept.calls_left == 0 {
            *before = None;
        }
    }
}

/// A bot and how far it has been evaluated.
pub(crate) struct LocalBot {
    /// Its sleeve.
    pub(crate) sleeve: SleeveId,
    /// Its generation.
    pub(crate) generation: u64,
    /// The digest of its component.
    pub(crate) digest: Arc<str>,
    /// What it wrote, where it is kept; the driver takes it out.
    pub(crate) log: Vec<LogLine>,
    /// When it is saved, and whether what it writes is kept.
    saves: Saves,
    lines: bool,
    /// The version before, while the present one has not proved itself.
    before: Option<Before>,
    guest: Box<dyn Guest>,
    hears: Hears,
    /// What the instance has handled well.
    run: GoodRun,
    /// The instruments it gets; `None` means all.
    wanted: Option<Vec<InstrumentId>>,
    /// Its bars, where they are not the run's own.
    shaped: Option<Shaped>,
    pace: Pace,
    /// The first time stamp that it has not seen.
    horizon: usize,
    /// The first time stamp that may go together with others.
    single_until: usize,
    /// What it asked for, and at which time stamp.
    asked: Option<(usize, Asked)>,
    updates: Vec<OrderUpdate>,
    sessions: Vec<SessionEvent>,
    timers: Vec<Timestamp>,
    actions: Vec<ActionEvent>,
    next_timer: Option<Timestamp>,
    /// Its sleeve as it was last looked at.
    view: Option<SleeveView>,
    scratch: Vec<Bar>,
    /// Where each bar of `scratch` stands in the market.
    places: Vec<usize>,
}

/// The sleeve as it is: looked at again only where it has changed.
fn look<'a>(
    view: &'a mut Option<SleeveView>,
    desk: &Desk,
    sleeve: SleeveId,
) -> Option<&'a SleeveView> {
    let version = desk.view_version(sleeve);
    if view.as_ref().is_none_or(|view| view.version != version) {
        *view = desk.view(sleeve);
    }
    view.as_ref()
}

impl LocalBot {
    /// Takes a bot that has seen nothing yet. `wanted` is sorted.
    pub(crate) fn new(
        sleeve: SleeveId,
        generation: u64,
        digest: Arc<str>,
        guest: Box<dyn Guest>,
        wanted: Vec<InstrumentId>,
        market: &Market,
    ) -> Self {
        let all = wanted.len() == market.symbols.len();
        Self {
            sleeve,
            generation,
            digest,
            log: Vec::new(),
            hears: Hears::of(&*guest),
            saves: Saves::Never,
            lines: false,
            before: None,
            guest,
            run: GoodRun::default(),
            wanted: (!all).then_some(wanted),
            shaped: None,
            pace: Pace::default(),
            horizon: 0,
            single_until: 0,
            asked: None,
            updates: Vec::new(),
            sessions: Vec::new(),
            timers: Vec::new(),
            actions: Vec::new(),
            next_timer: None,
            view: None,
            scratch: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The same, with its state kept whenever it asks for something.
    pub(crate) const fn saving(mut self) -> Self {
        self.saves = Saves::Always;
        self
    }

    /// The same, with its state saved when it asks for something the first time, and kept nowhere.
    pub(crate) const fn saving_once(mut self) -> Self {
        self.saves = Saves::Once;
        self
    }

    /// The same, with what it writes kept or not.
    pub(crate) const fn keeping(mut self, lines: bool) -> Self {
        self.lines = lines;
        self
    }

    /// The same, with bars of its own.
    pub(crate) fn shaped(mut self, shaped: Option<Shaped>) -> Self {
        self.shaped = shaped;
        self
    }

    /// The same, from a time stamp on. Where an instance ended before it in a call of many time
    /// stamps, nobody knows at which: this one gets them one by one.
    pub(crate) const fn from(mut self, group: usize) -> Self {
        self.horizon = group;
        self.single_until = group + BATCH_MAX;
        self
    }

    /// Puts another strategy in its place, which has the old one's state; the old one, which was
    /// this, stays until the new one has proved itself. What the old one was evaluated ahead
    /// for is in the state, and what it asked for there stands.
    pub(crate) fn replace(
        &mut self,
        guest: Box<dyn Guest>,
        generation: u64,
        digest: Arc<str>,
        former: Former,
    ) {
        self.hears = Hears::of(&*guest);
        let guest = std::mem::replace(&mut self.guest, guest);
        let digest = std::mem::replace(&mut self.digest, digest);
        let (group, calls_left) = (self.horizon, ROLL_BACK_CALLS);
        self.before = Some(Before { guest, digest, former, group, calls_left });
        self.generation = generation;
        self.run = GoodRun::default();
    }

    /// Goes back to the version before, if it is still there: it catches up with the bars before
    /// `group`, and gets the rest anew. Gives what it went back to.
    pub(crate) fn roll_back(
        &mut self,
        group: usize,
        market: &Market,
        desk: &Desk,
    ) -> anyhow::Result<Option<Former>> {
        let Some(mut before) = self.before.take() else {
            return Ok(None);
        };
        let all: Vec<InstrumentId>;
        let ids = match &self.wanted {
            Some(wanted) => wanted,
            None => {
                let count = u32::try_from(market.symbols.len())?;
                all = (0..count).map(InstrumentId).collect();
                &all
            }
        };
        let missed = before.group..group.max(before.group);
        let horizon = missed.end;
        let seen = super::Seen { market, shaped: self.shaped.as_ref() };
        if super::instance::catch_up(&mut *before.guest, missed, ids, seen, desk, self.sleeve)
            .is_err()
        {
            return Ok(None);
        }
        (self.guest, self.digest) = (before.guest, before.digest);
        self.hears = Hears::of(&*self.guest);
        self.generation += 1;
        self.run = GoodRun::default();
        if group > before.group {
            // The new one was evaluated ahead of what was taken.
            self.asked = None;
        }
        self.horizon = horizon;
        Ok(Some(before.former))
    }

    /// What its instance has handled well.
    pub(crate) const fn run(&self) -> GoodRun {
        self.run
    }

    /// Its state, as of the last event that it was given.
    pub(crate) fn save(&mut self) -> Result<Vec<u8>, Strike> {
        // A state that can't be saved loses what was handled since the last one.
        self.guest.save().inspect_err(|_| self.run = GoodRun::default())
    }

    /// What a call asked for; its lines and its state beside it, where they are kept.
    fn taken(&mut self, outcome: Outcome) -> Result<Asked, Strike> {
        let requests = outcome.requests;
        if self.lines {
            self.log.extend(outcome.logs);
        }
        if self.saves == Saves::Never || requests.is_empty() {
            return Ok(Asked { requests, state: None });
        }
        let state = self.save()?.into();
        if self.saves == Saves::Once {
            self.saves = Saves::Never;
            return Ok(Asked { requests, state: None });
        }
        Ok(Asked { requests, state: Some(state) })
    }

    /// Tells it what became of an order, if it wants to hear of it.
    pub(crate) fn notify(&mut self, update: OrderUpdate) {
        if self.hears.orders {
            self.updates.push(update);
        }
    }

    /// Tells it that a session begins or has ended, if it wants to know.
    pub(crate) fn attend(&mut self, event: SessionEvent) {
        if self.hears.sessions {
            self.sessions.push(event);
        }
    }

    /// Tells it of a corporate action, if it is of one of its instruments.
    pub(crate) fn happened(&mut self, event: &ActionEvent) {
        let mine = |wanted: &Vec<InstrumentId>| wanted.binary_search(&event.instrument).is_ok();
        if self.wanted.as_ref().is_none_or(mine) {
            self.actions.push(event.clone());
        }
    }

    /// Its timer, where one is due; periods without a time stamp give one event, not many.
    pub(crate) fn tick(&mut self, at: Timestamp) {
        let period = self.hears.timer_period;
        if period <= 0 {
            return;
        }
        match self.next_timer {
            Some(due) if at >= due => {
                self.timers.push(due);
                self.next_timer = Some(due.plus((at.since(due) / period + 1) * period));
            }
            Some(_) => {}
            None => self.next_timer = Some(at.plus(period)),
        }
    }

    /// What it asks for on hearing of corporate actions, timers, sessions and its orders.
    pub(crate) fn hear(&mut self, desk: &Desk, now: Now) -> Result<Asked, Strike> {
        while self.hears_something() {
            let Some(view) = look(&mut self.view, desk, self.sleeve) else {
                break;
            };
            let events = if !self.actions.is_empty() {
                Events::Actions(&self.actions)
            } else if !self.timers.is_empty() {
                Events::Timer(&self.timers)
            } else if !self.sessions.is_empty() {
                Events::Session(&self.sessions)
            } else {
                Events::Orders(&self.updates)
            };
            let (kind, prices, now) = (std::mem::discriminant(&events), desk, now.market);
            let outcome = self.guest.call(&Call { events, warm_up: false, view, prices, now })?;
            let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX);
            if kind == std::mem::discriminant(&Events::Actions(&[])) {
                self.actions.drain(..handled.min(self.actions.len()));
            } else if kind == std::mem::discriminant(&Events::Timer(&[])) {
                self.timers.drain(..handled.min(self.timers.len()));
            } else if kind == std::mem::discriminant(&Events::Session(&[])) {
                self.sessions.drain(..handled.min(self.sessions.len()));
            } else {
                self.updates.drain(..handled.min(self.updates.len()));
            }
            self.run.took(handled, now, now);
            outlived(&mut self.before);
            let asked = self.taken(outcome)?;
            if !asked.requests.is_empty() {
                // The rest is heard after what it asked for has been taken.
                return Ok(asked);
            }
        }
        Ok(Asked::default())
    }

    /// Hands over what is left of the quotes and then of the trades of a time stamp; `None` where
    /// nothing is.
    pub(crate) fn watch(
        &mut self,
        ticks: &Ticks,
        group: usize,
        told: &mut Told,
        desk: &Desk,
        now: Now,
    ) -> Result<Option<Asked>, Strike> {
        let mine = |id: InstrumentId| {
            self.wanted.as_ref().is_none_or(|wanted| wanted.binary_search(&id).is_ok())
        };
        let most = self.guest.events_max();
        let (mut quotes, mut trades) = (Vec::new(), Vec::new());
        if self.hears.quotes {
            let of = ticks.quotes_of(group).iter().filter(|quote| mine(quote.instrument));
            quotes.extend(of.skip(told.quotes).take(most).copied());
        }
        if quotes.is_empty() && self.hears.trades {
            let of = ticks.trades_of(group).iter().filter(|trade| mine(trade.instrument));
            trades.extend(of.skip(told.trades).take(most).copied());
        }
        let events = match (quotes.as_slice(), trades.as_slice()) {
            ([], []) => return Ok(None),
            ([], trades) => Events::Trades(trades),
            (quotes, _) => Events::Quotes(quotes),
        };
        let Some(view) = look(&mut self.view, desk, self.sleeve) else {
            return Ok(None);
        };
        let at = now.market;
        let outcome =
            self.guest.call(&Call { events, warm_up: false, view, prices: desk, now: at })?;
        let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX);
        match events {
            Events::Trades(trades) => told.trades += handled.min(trades.len()),
            _ => told.quotes += handled.min(quotes.len()),
        }
        self.run.took(handled, at, at);
        outlived(&mut self.before);
        self.taken(outcome).map(Some)
    }

    /// Whether anything but bars waits for it.
    pub(crate) fn hears_something(&self) -> bool {
        let quiet = self.updates.is_empty() && self.sessions.is_empty() && self.timers.is_empty();
        !(quiet && self.actions.is_empty())
    }

    /// The first time stamp from here on at which it can ask for something.
    pub(crate) fn silent_until(&self) -> usize {
        match &self.asked {
            _ if self.hears_something() => 0,
            Some((at, _)) => *at,
            None => self.horizon,
        }
    }

    /// What it asks for at a time stamp; evaluates it as far ahead as may be.
    pub(crate) fn ask(
        &mut self,
        group: usize,
        market: &Market,
        desk: &Desk,
        now: Now,
    ) -> Result<Asked, Strike> {
        if self.horizon <= group {
            self.evaluate(group, market, desk, now)?;
        }
        match self.asked.take() {
            Some((at, asked)) if at == group => Ok(asked),
            other => {
                self.asked = other;
                Ok(Asked::default())
            }
        }
    }

    /// Lets its `history` tell of the bars before a place.
    fn give(&mut self, place: usize, market: &Market) {
        let Some(history) = self.guest.history() else {
            return;
        };
        history.lay(self.shaped.as_ref().map_or(&market.bars, |shaped| &shaped.bars));
        history.give(place);
    }

    /// Where its bars of a time stamp stand.
    fn range(&self, group: usize, market: &Market) -> std::ops::Range<usize> {
        self.shaped.as_ref().map_or_else(|| market.range(group), |shaped| shaped.range(group))
    }

    fn evaluate(
        &mut self,
        group: usize,
        market: &Market,
        desk: &Desk,
        now: Now,
    ) -> Result<(), Strike> {
        // Sessions and timers fall between bars: a bot that gets them is not evaluated ahead.
        let alone = !self.hears.sessions && self.hears.timer_period == 0;
        let free = alone && market.ticks.is_none() && desk.open_order_count(self.sleeve) == 0;
        let range = self.range(group, market);
        let ahead =
            if free && group >= self.single_until { self.pace.batch(range.len()) } else { 1 };
        let first = range.start;
        // A split or dividend changes what it holds.
        let mut end = (group + ahead).min(market.next_action(group));
        let most = self.guest.events_max();
        while end > group + 1 && self.range(end - 1, market).end - first > most {
            end -= (end - group).div_ceil(2);
        }
        let last = self.range(end - 1, market).end;
        self.horizon = end;
        self.give(last, market);
        let bars: Bars<'_> = match (&self.shaped, &self.wanted) {
            (Some(shaped), _) => (&shaped.bars[first..last]).into(),
            (None, None) => Bars::laid(&market.bars[first..last], &market.laid, first),
            (None, Some(wanted)) => {
                self.scratch.clear();
                self.places.clear();
                for (place, bar) in market.bars[first..last].iter().enumerate() {
                    if wanted.binary_search(&bar.instrument).is_ok() {
                        self.scratch.push(*bar);
                        self.places.push(first + place);
                    }
                }
                self.scratch.as_slice().into()
            }
        };
        if bars.is_empty() {
            return Ok(());
        }
        let Some(view) = look(&mut self.view, desk, self.sleeve) else {
            return Ok(());
        };
        let outcome = self.guest.call(&Call {
            events: Events::Bars(bars),
            warm_up: false,
            view,
            prices: desk,
            now: now.market,
        })?;
        let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX).min(bars.len());
        if let Some(taken) = bars.get(..handled).filter(|taken| !taken.is_empty()) {
            self.run.took(handled, taken[0].at, taken[handled - 1].at);
        }
        outlived(&mut self.before);
        if handled < bars.len() || !outcome.requests.is_empty() {
            let place = handled.saturating_sub(1);
            let at = match (&self.shaped, &self.wanted) {
                (Some(shaped), _) => shaped.group_of(first + place, group),
                (None, None) => market.group_of(first + place, group),
                (None, Some(_)) => market.group_of(self.places[place], group),
            };
            self.horizon = at + 1;
            self.give(self.range(at, market).end, market);
            self.pace.asked(at + 1 - group);
            let asked = self.taken(outcome)?;
            if !asked.requests.is_empty() {
                self.asked = Some((at, asked));
            }
        } else {
            self.pace.silent(end - group);
            if self.lines {
                self.log.extend(outcome.logs);
            }
        }
        Ok(())
    }
}
