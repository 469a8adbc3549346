//! What a thread does with an instance: makes it, brings it up to date, hands it events.
//!
//! Catching up is always the same: a fresh instance, the last state, the events since as warm-up;
//! used at the start, after a crash and for a roll-back.

use std::time::Instant;

use stockade_core::Timestamp;
use stockade_core::desk::{BotRequest, OrderUpdate};
use stockade_core::market::{Bar, Quote, Trade};
use stockade_runtime::{
    Bot, BotConfig, Call, Cause, Events, LogLine, Plugin, SessionEvent, Snapshot, Strike, Usage,
};

use super::cost;
use super::sight::Sight;

/// Events of one call in catching up: a call carries at most 4,096 bars.
const CATCH_UP_BATCH: usize = 256;

/// An event on its way to a bot.
#[derive(Debug, Clone)]
pub(crate) enum BotEvent {
    /// All bars of one time stamp that the bot wants.
    Bars(Vec<Bar>),
    /// The same of a time stamp that came too late to act on.
    Missed(Vec<Bar>),
    /// Bars of one time stamp that were built for the bot, and the time with which they were complete.
    Built(Vec<Bar>, Timestamp),
    /// The same, too late to act on.
    BuiltLate(Vec<Bar>, Timestamp),
    Quote(Quote),
    Trade(Trade),
    Order(OrderUpdate),
    Timer(Timestamp),
    Session(SessionEvent),
}

impl BotEvent {
    /// Its bars, where it is of bars.
    pub(crate) fn bars(&self) -> Option<&[Bar]> {
        match self {
            Self::Bars(bars)
            | Self::Missed(bars)
            | Self::Built(bars, _)
            | Self::BuiltLate(bars, _) => Some(bars),
            _ => None,
        }
    }

    /// Whether it is too late to act on.
    pub(crate) const fn is_late(&self) -> bool {
        matches!(self, Self::Missed(_) | Self::BuiltLate(..))
    }

    /// Its time.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Bars(bars)
            | Self::Missed(bars)
            | Self::Built(bars, _)
            | Self::BuiltLate(bars, _) => bars.first().map(|bar| bar.at),
            Self::Quote(quote) => Some(quote.at),
            Self::Trade(trade) => Some(trade.at),
            Self::Order(update) => Some(update.at),
            Self::Timer(at) => Some(*at),
            Self::Session(session) => Some(session.at),
        }
    }

    /// How many events it is as a handler counts them: each bar of a time stamp is one.
    pub(crate) fn count(&self) -> usize {
        self.bars().map_or(1, <[Bar]>::len)
    }
}

/// How to make an instance and bring it up to date.
pub(crate) struct Start {
    pub(crate) plugin: Plugin,
    pub(crate) config: BotConfig,
    /// Its last state.
    pub(crate) state: Option<Snapshot>,
    /// Events since that state; what it asks for meanwhile is void.
    pub(crate) since: Vec<BotEvent>,
    pub(crate) sight: Sight,
}

/// How an instance came to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cause: String,
    /// It was its state that could not be saved.
    pub(crate) unsaved: bool,
    /// Nanoseconds of the machine that the call took.
    pub(crate) cost_ns: i64,
}

impl Ended {
    pub(crate) const fn in_call(cause: String) -> Self {
        Self { cause, unsaved: false, cost_ns: 0 }
    }
}

/// A call that came back.
pub(crate) struct Done {
    /// Events handled.
    pub(crate) handled: usize,
    pub(crate) requests: Vec<BotRequest>,
    /// The state after it, when it asked for something.
    pub(crate) state: Option<Snapshot>,
    /// When the handler returned: from here on its requests are the host's.
    pub(crate) returned: Instant,
    /// What it used.
    pub(crate) usage: Usage,
    /// Limits that bounded it.
    pub(crate) bounded: Vec<Cause>,
    /// What it cost, its save included, in nanoseconds.
    pub(crate) cost_ns: i64,
}

/// Makes an instance and lets it catch up.
pub(crate) fn make(start: Start) -> Result<Bot, String> {
    let mut bot = Bot::start(&start.plugin, start.config).map_err(|error| error.to_string())?;
    if let Some(state) = &start.state {
        bot.restore(state).map_err(|strike| strike.told())?;
    }
    let mut rest = start.since.as_slice();
    while !rest.is_empty() {
        let batch = same_kind(rest).min(CATCH_UP_BATCH);
        let done = call(&mut bot, &rest[..batch], &start.sight, true, &mut Vec::new())
            .map_err(|ended| ended.cause)?;
        rest = &rest[done.handled.max(1)..];
    }
    Ok(bot)
}

/// How many events at the front are of one kind.
pub(crate) fn same_kind(events: &[BotEvent]) -> usize {
    let kind = |event: &BotEvent| std::mem::discriminant(event);
    let Some(first) = events.first().map(kind) else {
        return 0;
    };
    events.iter().take_while(|event| kind(event) == first).count()
}

/// Calls a bot with events of one kind; its state comes with what it asked for.
pub(crate) fn call(
    bot: &mut Bot,
    events: &[BotEvent],
    sight: &Sight,
    warm_up: bool,
    log: &mut Vec<LogLine>,
) -> Result<Done, Ended> {
    let began = Instant::now();
    let took = || i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
    let costly = |ended| Ended { cost_ns: took(), ..ended };
    let mut done = hand_over(bot, events, sight, warm_up, log).map_err(costly)?;
    let asked = !warm_up && !done.requests.is_empty();
    // The state is committed with what it asked for; a save that fails is a strike of its own.
    let unsaved = |strike: Strike| Ended { cause: strike.told(), unsaved: true, cost_ns: took() };
    done.state = if asked { Some(bot.save().map_err(unsaved)?) } else { None };
    let wall_ns = took();
    let state_bytes = done.state.as_ref().map_or(0, |state| state.state.len());
    done.cost_ns = cost::of_call(wall_ns, &done.usage, state_bytes);
    Ok(done)
}

/// The same without its state; the count of bars becomes a count of time stamps again.
pub(crate) fn hand_over(
    bot: &mut Bot,
    events: &[BotEvent],
    sight: &Sight,
    warm_up: bool,
    log: &mut Vec<LogLine>,
) -> Result<Done, Ended> {
    let warm_up = warm_up || events[0].is_late();
    let mut bars = Vec::new();
    let mut orders = Vec::new();
    let mut quotes = Vec::new();
    let mut trades = Vec::new();
    let mut timers = Vec::new();
    let mut sessions = Vec::new();
    for event in events {
        match event {
            BotEvent::Bars(group)
            | BotEvent::Missed(group)
            | BotEvent::Built(group, _)
            | BotEvent::BuiltLate(group, _) => bars.extend_from_slice(group),
            BotEvent::Order(update) => orders.push(update.clone()),
            BotEvent::Quote(quote) => quotes.push(*quote),
            BotEvent::Trade(trade) => trades.push(*trade),
            BotEvent::Timer(at) => timers.push(*at),
            BotEvent::Session(session) => sessions.push(*session),
        }
    }
    let batch = match &events[0] {
        BotEvent::Bars(_) | BotEvent::Missed(_) | BotEvent::Built(..) | BotEvent::BuiltLate(..) => {
            Events::bars(&bars)
        }
        BotEvent::Order(_) => Events::Orders(&orders),
        BotEvent::Quote(_) => Events::Quotes(&quotes),
        BotEvent::Trade(_) => Events::Trades(&trades),
        BotEvent::Timer(_) => Events::Timer(&timers),
        BotEvent::Session(_) => Events::Session(&sessions),
    };
    let (view, prices, now) = (&*sight.view, &sight.prices, sight.now);
    let outcome = match bot.call(&Call { events: batch, warm_up, view, prices, now }) {
        Ok(outcome) => outcome,
        Err(strike) => {
            let cause = strike.told();
            log.extend(strike.logs);
            return Err(Ended::in_call(cause));
        }
    };
    let returned = Instant::now();
    log.extend(outcome.logs);
    let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX);
    let handled = match events[0].bars() {
        Some(_) => groups(events, handled),
        None => handled.min(events.len()),
    };
    Ok(Done {
        handled,
        requests: outcome.requests,
        state: None,
        returned,
        usage: bot.usage(),
        bounded: outcome.bounded,
        cost_ns: 0,
    })
}

fn groups(events: &[BotEvent], bars: usize) -> usize {
    let mut seen = 0;
    events
        .iter()
        .take_while(|event| {
            seen += event.bars().map_or(0, <[Bar]>::len);
            seen <= bars
        })
        .count()
}
