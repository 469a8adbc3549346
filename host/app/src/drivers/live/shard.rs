//! Threads that own the bots' instances. The host sends work and gets replies; it never waits.
//!
//! A bot lives on one thread from its start to its end. Catching up is always the same: a fresh
//! instance, the last state, the events since as warm-up; used at the start, after a crash, after a
//! reload and for a roll-back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Instant;

use stockade_core::desk::{BotRequest, OrderUpdate};
use stockade_core::instrument::Instrument;
use stockade_core::market::{Bar, Quote, Trade};
use stockade_core::sleeve::{Prices, SleeveView};
use stockade_core::{InstrumentId, Price, SleeveId, Symbol, Timestamp};
use stockade_runtime::{
    Bot, BotConfig, Call, Events, LogLine, Plugin, SessionEvent, Snapshot, Strike,
};
use tokio::sync::mpsc;

use super::Incoming;

/// Events of one call in catching up: a call carries at most 4,096 bars.
const CATCH_UP_BATCH: usize = 256;

/// An event on its way to a bot.
#[derive(Debug, Clone)]
pub(crate) enum BotEvent {
    /// All bars of one time stamp that the bot wants.
    Bars(Vec<Bar>),
    Quote(Quote),
    Trade(Trade),
    Order(OrderUpdate),
    Timer(Timestamp),
    Session(SessionEvent),
}

/// Last prices at the time of a call.
#[derive(Debug, Clone)]
pub(crate) struct PriceTable {
    pub(crate) instruments: Arc<[Instrument]>,
    pub(crate) places: Arc<BTreeMap<Symbol, InstrumentId>>,
    pub(crate) last: Vec<Option<(Price, Timestamp)>>,
}

impl Prices for PriceTable {
    fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.places.get(symbol).copied()
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())
    }

    fn last(&self, id: InstrumentId) -> Option<(Price, Timestamp)> {
        self.last.get(id.index()).copied().flatten()
    }
}

/// What a call sees of the world.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) view: SleeveView,
    pub(crate) prices: PriceTable,
    pub(crate) now: Timestamp,
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

/// Work for a shard.
pub(crate) enum Work {
    Start(SleeveId, u64, Box<Start>),
    /// Events of one kind.
    Call(SleeveId, u64, Vec<BotEvent>, Box<Sight>),
    Save(SleeveId, u64),
    /// Puts another plugin's instance in the place of the running one, with its state.
    Reload(SleeveId, u64, Box<Start>),
    /// The running instance counts as this generation from now on.
    Renumber(SleeveId, u64),
    Stop(SleeveId),
}

/// How work ended.
pub(crate) enum ShardReply {
    Started(SleeveId, u64, Result<(), String>),
    /// Events as they were sent, how many time stamps or events of them are done, what was asked.
    Called {
        sleeve: SleeveId,
        generation: u64,
        events: Vec<BotEvent>,
        outcome: Result<Done, Ended>,
        log: Vec<LogLine>,
    },
    Saved(SleeveId, u64, Result<Snapshot, String>),
    Reloaded {
        sleeve: SleeveId,
        generation: u64,
        /// The old instance's last state, and how long nobody took events.
        outcome: Result<(Snapshot, i64), String>,
    },
}

/// How an instance came to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cause: String,
    /// It was its state that could not be saved.
    pub(crate) unsaved: bool,
}

impl Ended {
    fn in_call(cause: String) -> Self {
        Self { cause, unsaved: false }
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
}

impl ShardReply {
    /// When the handler returned, of a call that asked for something.
    pub(crate) fn asked(&self) -> Option<Instant> {
        match self {
            Self::Called { outcome: Ok(done), .. } if !done.requests.is_empty() => {
                Some(done.returned)
            }
            _ => None,
        }
    }

    /// Whether an instance runs from now on.
    pub(crate) const fn is_start(&self) -> bool {
        matches!(self, Self::Started(_, _, Ok(())))
    }
}

/// The threads.
pub(crate) struct Shards {
    threads: Vec<std_mpsc::Sender<Work>>,
}

impl Shards {
    /// Starts so many threads; replies go to the host.
    pub(crate) fn new(count: usize, replies: &mpsc::Sender<Incoming>) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        for index in 0..count.max(1) {
            let (sender, work) = std_mpsc::channel();
            let replies = replies.clone();
            std::thread::Builder::new()
                .name(format!("bots-{index}"))
                .spawn(move || run(&work, &replies))?;
            threads.push(sender);
        }
        Ok(Self { threads })
    }

    /// Hands work to the thread of its bot.
    pub(crate) fn send(&self, sleeve: SleeveId, work: Work) {
        let count = u64::try_from(self.threads.len()).unwrap_or(1);
        let index = usize::try_from(sleeve.0 % count).unwrap_or(0);
        // A thread ends only with a panic, which ends the process.
        self.threads[index].send(work).expect("the bots' threads run as long as the host");
    }
}

fn run(work: &std_mpsc::Receiver<Work>, replies: &mpsc::Sender<Incoming>) {
    let mut bots: BTreeMap<SleeveId, (u64, Bot)> = BTreeMap::new();
    while let Ok(item) = work.recv() {
        let Some(reply) = perform(item, &mut bots) else {
            continue;
        };
        let message = Incoming::Bot(super::bots::BotMessage::Shard(reply));
        if replies.blocking_send(message).is_err() {
            return;
        }
    }
}

fn perform(work: Work, bots: &mut BTreeMap<SleeveId, (u64, Bot)>) -> Option<ShardReply> {
    match work {
        Work::Start(sleeve, generation, start) => {
            bots.remove(&sleeve);
            let outcome = make(*start).map(|bot| {
                bots.insert(sleeve, (generation, bot));
            });
            Some(ShardReply::Started(sleeve, generation, outcome))
        }
        Work::Call(sleeve, generation, events, sight) => {
            let Some((present, bot)) = bots.get_mut(&sleeve) else {
                // It died outside of a call, such as in the save before a reload that failed.
                let ended = Ended::in_call("its instance has ended".to_owned());
                let (outcome, log) = (Err(ended), Vec::new());
                return Some(ShardReply::Called { sleeve, generation, events, outcome, log });
            };
            if *present != generation {
                return None;
            }
            let mut log = bot.take_start_logs();
            let outcome = call(bot, &events, &sight, false, &mut log);
            if outcome.is_err() {
                bots.remove(&sleeve);
            }
            Some(ShardReply::Called { sleeve, generation, events, outcome, log })
        }
        Work::Save(sleeve, generation) => {
            let Some((present, bot)) = bots.get_mut(&sleeve) else {
                return Some(ShardReply::Saved(
                    sleeve,
                    generation,
                    Err("its instance has ended".to_owned()),
                ));
            };
            let outcome = bot.save().map_err(|strike| strike.to_string());
            if outcome.is_err() {
                let present = *present;
                bots.remove(&sleeve);
                return Some(ShardReply::Saved(sleeve, present, outcome));
            }
            Some(ShardReply::Saved(sleeve, generation, outcome))
        }
        Work::Reload(sleeve, generation, start) => {
            let (present, old) = bots.remove(&sleeve)?;
            let (kept, outcome) = swap(old, *start);
            let generation_now = if outcome.is_ok() { generation } else { present };
            if kept.is_alive() {
                bots.insert(sleeve, (generation_now, kept));
            }
            Some(ShardReply::Reloaded { sleeve, generation, outcome })
        }
        Work::Renumber(sleeve, generation) => {
            if let Some((present, _)) = bots.get_mut(&sleeve) {
                *present = generation;
            }
            None
        }
        Work::Stop(sleeve) => {
            bots.remove(&sleeve);
            None
        }
    }
}

fn make(start: Start) -> Result<Bot, String> {
    let mut bot = Bot::start(&start.plugin, start.config).map_err(|error| error.to_string())?;
    if let Some(state) = &start.state {
        bot.restore(state).map_err(|error| error.to_string())?;
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

/// Puts the new version in the old one's place; the old one goes on where anything of it fails.
fn swap(old: Bot, start: Start) -> (Bot, Result<(Snapshot, i64), String>) {
    let began = Instant::now();
    match stockade_runtime::reload(old, &start.plugin, start.config) {
        Ok(reloaded) => {
            let pause = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
            (reloaded.bot, Ok((reloaded.snapshot, pause)))
        }
        Err(kept) => (kept.bot, Err(kept.cause.to_string())),
    }
}

/// How many events at the front are of one kind.
pub(crate) fn same_kind(events: &[BotEvent]) -> usize {
    let kind = |event: &BotEvent| std::mem::discriminant(event);
    let Some(first) = events.first().map(kind) else {
        return 0;
    };
    events.iter().take_while(|event| kind(event) == first).count()
}

/// Calls a bot with events of one kind; the count of bars becomes a count of time stamps again.
fn call(
    bot: &mut Bot,
    events: &[BotEvent],
    sight: &Sight,
    warm_up: bool,
    log: &mut Vec<LogLine>,
) -> Result<Done, Ended> {
    let mut bars = Vec::new();
    let mut orders = Vec::new();
    let mut quotes = Vec::new();
    let mut trades = Vec::new();
    let mut timers = Vec::new();
    let mut sessions = Vec::new();
    for event in events {
        match event {
            BotEvent::Bars(group) => bars.extend_from_slice(group),
            BotEvent::Order(update) => orders.push(update.clone()),
            BotEvent::Quote(quote) => quotes.push(*quote),
            BotEvent::Trade(trade) => trades.push(*trade),
            BotEvent::Timer(at) => timers.push(*at),
            BotEvent::Session(session) => sessions.push(*session),
        }
    }
    let batch = match &events[0] {
        BotEvent::Bars(_) => Events::bars(&bars),
        BotEvent::Order(_) => Events::Orders(&orders),
        BotEvent::Quote(_) => Events::Quotes(&quotes),
        BotEvent::Trade(_) => Events::Trades(&trades),
        BotEvent::Timer(_) => Events::Timer(&timers),
        BotEvent::Session(_) => Events::Session(&sessions),
    };
    let (view, prices, now) = (&sight.view, &sight.prices, sight.now);
    let outcome = match bot.call(&Call { events: batch, warm_up, view, prices, now }) {
        Ok(outcome) => outcome,
        Err(strike) => {
            let cause = strike.to_string();
            log.extend(strike.logs);
            return Err(Ended::in_call(cause));
        }
    };
    let returned = Instant::now();
    log.extend(outcome.logs);
    let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX);
    let handled = match &events[0] {
        BotEvent::Bars(_) => groups(events, handled),
        _ => handled.min(events.len()),
    };
    let asked = !warm_up && !outcome.requests.is_empty();
    // The state is committed with what it asked for; a save that fails is a strike of its own.
    let unsaved = |strike: Strike| Ended { cause: strike.to_string(), unsaved: true };
    let state = if asked { Some(bot.save().map_err(unsaved)?) } else { None };
    Ok(Done { handled, requests: outcome.requests, state, returned })
}

fn groups(events: &[BotEvent], bars: usize) -> usize {
    let mut seen = 0;
    events
        .iter()
        .take_while(|event| {
            if let BotEvent::Bars(group) = event {
                seen += group.len();
            }
            seen <= bars
        })
        .count()
}
