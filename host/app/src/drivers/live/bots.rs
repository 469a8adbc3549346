//! The bots of an account, as the host sees them: which instance is which, what waits for each, and
//! what to do when one ends, is replaced or fails.
//!
//! Decides nothing about money. An instance gets one call at a time; its events wait in order and
//! none is lost. The desk decides who runs: strikes, back-off and quarantine are its states.

mod reloading;
mod starting;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use stockade_core::desk::{BotReport, Desk, Event, GoodRun, Notice, OrderUpdate};
use stockade_core::market::{Bar, MarketEvent};
use stockade_core::row::BotRow;
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, Now, SleeveId, Slug, Symbol, Timestamp};
use stockade_exchange::{Nanos, calendar};
use stockade_runtime::{
    BotConfig, BotInstrument, Cause, Engine, EngineConfig, EventKind, Folder, FolderEvent, History,
    Plugin, SessionEvent, SessionKind, Snapshot,
};
use stockade_store::Store;
use stockade_venue::alpaca::Alpaca;
use tokio::sync::{mpsc, oneshot};

use super::Incoming;
use super::cost::Lane;
use super::hand_over::{BotEvent, Done, Ended};
use super::prepare::Prepared;
use super::shaping::Shaping;
use super::shard::{ShardReply, Shards, Work};
use super::sight::{PriceTable, Sight};
use super::slot::{NEVER, Phase, Slot, Wanted};
use super::used::Used;
use crate::config::Settings;
use crate::drivers::base::HISTORY_KEPT;
use crate::failure::Failure;
use crate::link;

/// Length of a bar, in nanoseconds.
pub(super) const MINUTE_NS: i64 = 60 * 1_000_000_000;
/// Events of the plugins folder that wait for the host.
const FOLDER_EVENTS_MAX: usize = 64;
/// Threads that run bots: one is left for the host and the database.
const SHARDS_MAX: usize = 8;

/// What reaches the host about its bots.
pub(crate) enum BotMessage {
    Shard(ShardReply),
    /// What an instance needs for its start was read.
    Prepared(SleeveId, u64, Box<Result<Prepared, String>>),
    /// Something happened in the plugins folder.
    Folder(FolderEvent),
    /// A person asked for a bot's file to be read again: what is in it.
    Reread {
        sleeve: SleeveId,
        dry_run: bool,
        loaded: Result<Plugin, String>,
        /// The last committed state, where the bot does not run.
        state: Option<Snapshot>,
        answer: Answering,
    },
}

impl BotMessage {
    /// Whether a bot may want other events from now on.
    pub(crate) const fn brings_a_version(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::Shard(ShardReply::Reloaded { .. }))
    }
}

/// Where the answer to a person goes.
pub(crate) type Answering = oneshot::Sender<link::Answer>;

/// All bots of an account.
pub(crate) struct Bots {
    settings: Settings,
    store: Arc<Store>,
    alpaca: Arc<Alpaca>,
    label: Slug,
    inputs: mpsc::Sender<Incoming>,
    shards: Shards,
    plugins: BTreeMap<String, Plugin>,
    /// Files that can't be loaded, and why.
    refused: BTreeMap<String, String>,
    slots: BTreeMap<SleeveId, Slot>,
    folder: PathBuf,
    engine: Engine,
    watch: Folder,
    /// Whether real money is traded.
    live: bool,
    /// Bots whose plugin is not loaded yet, with their generations.
    waiting: BTreeMap<SleeveId, u64>,
    prices: Option<PriceTable>,
    /// Whether a price has changed since.
    repriced: bool,
    history: Arc<History>,
    used: BTreeMap<SleeveId, Used>,
    /// The version of each bot that last ran well.
    good: BTreeMap<SleeveId, Plugin>,
    /// Versions that are tried for bots that don't run.
    trying: BTreeMap<SleeveId, Wanted>,
    /// Running bots that a new version waits for.
    reloading: BTreeSet<SleeveId>,
    /// What people are told once it is committed.
    answers: Vec<(Answering, link::Answer)>,
    /// The close of the session under way.
    closes: Option<Timestamp>,
}

impl Bots {
    pub(crate) fn new(
        settings: &Settings,
        (folder, live): (Option<&Path>, bool),
        store: Arc<Store>,
        alpaca: Arc<Alpaca>,
        label: Slug,
        inputs: mpsc::Sender<Incoming>,
    ) -> Result<Self> {
        let folder: PathBuf = folder.map_or_else(|| settings.plugins.clone(), Path::to_path_buf);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("can't make {}", folder.display()))?;
        let (cache, apart) = (Some(settings.data.join("cache")), settings.compiling()?);
        let engine = Engine::new(&EngineConfig {
            deadlines: true,
            apart,
            cache,
            trust: settings.trust(live)?,
        })?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shards = Shards::new((cores - 1).clamp(1, SHARDS_MAX), &inputs)?;
        let (events, mut folder_events) = mpsc::channel(FOLDER_EVENTS_MAX);
        let watched = Folder::watch(&engine, &folder, events)?;
        let to_host = inputs.clone();
        tokio::spawn(async move {
            while let Some(event) = folder_events.recv().await {
                if to_host.send(Incoming::Bot(BotMessage::Folder(event))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            settings: settings.clone(),
            store,
            alpaca,
            label,
            inputs,
            shards,
            plugins: BTreeMap::new(),
            refused: BTreeMap::new(),
            slots: BTreeMap::new(),
            folder,
            engine,
            watch: watched,
            live,
            waiting: BTreeMap::new(),
            prices: None,
            repriced: false,
            history: Arc::new(History::new(HISTORY_KEPT)),
            used: BTreeMap::new(),
            good: BTreeMap::new(),
            trying: BTreeMap::new(),
            reloading: BTreeSet::new(),
            answers: Vec::new(),
            closes: None,
        })
    }

    fn fail(&self, sleeve: SleeveId, generation: u64, cause: String) {
        let inputs = self.inputs.clone();
        let event = Event::Bot { sleeve, report: BotReport::Failed { generation, cause } };
        tokio::spawn(async move {
            let _ = inputs.send(Incoming::Event(event)).await;
        });
    }

    /// Reads keys and bans again, and every plugin by them; gives the digests that are banned.
    pub(crate) fn on_trust(&mut self) -> Result<BTreeSet<String>, Failure> {
        let trust = self.settings.trust(self.live)?;
        let banned = trust.banned.clone();
        self.engine.set_trust(trust);
        // What was refused may load now: a bot that starts meanwhile waits for the answer.
        self.refused.clear();
        self.watch.again();
        self.plugins.retain(|_, plugin| !banned.contains(&**plugin.digest()));
        self.good.retain(|_, plugin| !banned.contains(&**plugin.digest()));
        Ok(banned)
    }

    pub(crate) fn stop(&mut self, sleeve: SleeveId) {
        self.waiting.remove(&sleeve);
        let Some(slot) = self.slots.remove(&sleeve) else {
            return;
        };
        self.shards.send(slot.lane, sleeve, Work::Stop(sleeve));
        let becoming = slot.becoming.map(|becoming| becoming.wanted);
        for wanted in slot.reload.into_iter().chain(becoming) {
            let message = "the bot was stopped meanwhile: the new version is put to work at its \
                           next start";
            wanted.answer(link::Answer::Failed { message: message.to_owned() });
        }
    }

    pub(crate) fn stop_all(&mut self) {
        let sleeves: Vec<SleeveId> = self.slots.keys().copied().collect();
        for sleeve in sleeves {
            self.stop(sleeve);
        }
    }

    /// Tells a bot what became of an order.
    pub(crate) fn notify(&mut self, sleeve: SleeveId, update: OrderUpdate) {
        if update.status.is_none() {
            self.used.entry(sleeve).or_default().refused += 1;
        }
        if let Some(slot) = self.slots.get_mut(&sleeve)
            && slot.plugin.description().events.contains(&EventKind::Orders)
        {
            slot.push(BotEvent::Order(update));
        }
    }

    /// Hands market data to the bots that want it.
    pub(crate) fn market(&mut self, event: &MarketEvent) {
        self.repriced = true;
        if let MarketEvent::Bars { bars } = event {
            self.follow_session(bars);
            self.history.push(bars);
        }
        for slot in self.slots.values_mut() {
            match event {
                MarketEvent::Bars { bars } => slot.bars(bars),
                MarketEvent::Trade(trade) if slot.shaping.is_some() => {
                    slot.trade(trade);
                    if slot.wants(EventKind::Trades, trade.instrument) {
                        slot.push(BotEvent::Trade(*trade));
                    }
                }
                MarketEvent::Quote(quote) if slot.wants(EventKind::Quotes, quote.instrument) => {
                    slot.push(BotEvent::Quote(*quote));
                }
                MarketEvent::Trade(trade) if slot.wants(EventKind::Trades, trade.instrument) => {
                    slot.push(BotEvent::Trade(*trade));
                }
                _ => {}
            }
        }
    }

    /// Once the market has gone on beyond a session's close, the bars that it ends are complete.
    fn follow_session(&mut self, bars: &[Bar]) {
        let Some(at) = bars.first().map(|bar| bar.at) else {
            return;
        };
        if let Some(close) = self.closes.filter(|close| *close <= at) {
            self.slots.values_mut().for_each(|slot| slot.close(close));
            self.closes = None;
        }
        if self.closes.is_none() {
            let session = calendar::session_at(Nanos(at.0));
            self.closes = session.map(|session| Timestamp(session.close.0));
        }
    }

    /// What `history` tells a bot.
    fn history_of(&self, shaping: Option<&Shaping>) -> Arc<History> {
        shaping.map_or(&self.history, Shaping::history).clone()
    }

    /// Hands over bars that ended while the stream was down, as far as a bot was not given them: it
    /// catches up with them.
    pub(crate) fn missed(&mut self, bars: &[Bar]) {
        self.repriced = true;
        self.history.push(bars);
        for slot in self.slots.values_mut() {
            slot.missed(bars);
        }
    }

    /// The symbols of the bots that want events of a kind.
    pub(crate) fn wanting(&self, kind: EventKind) -> Vec<Symbol> {
        let builds = |slot: &Slot| {
            kind == EventKind::Trades && slot.shaping.as_ref().is_some_and(Shaping::is_of_trades)
        };
        let wants = |slot: &&Slot| slot.plugin.description().events.contains(&kind) || builds(slot);
        self.slots.values().filter(wants).flat_map(|slot| slot.symbols.iter().cloned()).collect()
    }

    /// The last bar of an instrument that the bot furthest behind was given.
    pub(crate) fn seen(&self, instrument: InstrumentId) -> Option<Timestamp> {
        let given = self.slots.values().filter_map(|slot| slot.wanted.get(&instrument));
        given.filter(|at| **at > NEVER).min().copied()
    }

    /// Tells the bots that a session begins or has ended.
    pub(crate) fn session(&mut self, open: bool, day: u32, at: Timestamp) {
        let kind = if open { SessionKind::Open } else { SessionKind::Close };
        for slot in self.slots.values_mut() {
            if slot.plugin.description().events.contains(&EventKind::Session) {
                slot.push(BotEvent::Session(SessionEvent { at, kind, day }));
            }
        }
    }

    /// Timer events, and saves that are due. Gives what people should know.
    pub(crate) fn timer(&mut self, now: Now) -> Vec<Event> {
        let interval = super::seconds(self.settings.snapshot_interval_seconds);
        let mut notices = Vec::new();
        for (sleeve, slot) in &mut self.slots {
            while let Some(at) = slot.next_timer
                && now.market >= at
            {
                let period = slot.plugin.description().timer_period.max(1);
                // Periods that were slept through give one event, not thousands.
                let missed = now.market.since(at) / period;
                slot.next_timer = Some(at.plus((missed + 1) * period));
                slot.push(BotEvent::Timer(at));
            }
            if slot.phase == Phase::Idle && now.machine.since(slot.saved_at) >= interval {
                slot.saved_at = now.machine;
                slot.phase = Phase::Busy;
                self.shards.send(slot.lane, *sleeve, Work::Save(*sleeve, slot.generation));
            }
            if slot.dropped > 0 {
                let allowed = u64::try_from(slot.queue_max).unwrap_or(u64::MAX);
                let found = allowed.saturating_add(slot.dropped);
                let (what, setting) = ("events that wait:", "queue");
                let cause = Cause::Limit { what, found, allowed, setting };
                let used = self.used.entry(*sleeve).or_default();
                used.dropped += std::mem::take(&mut slot.dropped);
                notices.extend(limit(*sleeve, slot.generation, used, &cause, now.machine));
            }
        }
        notices
    }

    /// Gives every idle bot its next events, and new versions their way.
    pub(crate) fn pump(&mut self, desk: &Desk, now: Now) -> Vec<Event> {
        let notices = self.make_shadows(desk, now);
        let mut sleeves = Vec::new();
        for (sleeve, slot) in &mut self.slots {
            if !slot.queue.is_empty() {
                slot.waiting_since.get_or_insert(now.machine);
            }
            if slot.is_due() {
                sleeves.push(*sleeve);
            }
        }
        for sleeve in sleeves {
            let Some(slot) = self.slots.get_mut(&sleeve) else {
                continue;
            };
            let shadow = slot.becoming.as_mut().and_then(|becoming| becoming.shadow.take());
            if let Some(shadow) = shadow {
                slot.phase = Phase::Busy;
                let swap = Work::Swap(sleeve, slot.generation + 1, shadow);
                self.shards.send(slot.lane, sleeve, swap);
                continue;
            }
            let Some(sight) = self.sight(desk, sleeve, now.market) else {
                continue;
            };
            let (Some(slot), used) =
                (self.slots.get_mut(&sleeve), self.used.entry(sleeve).or_default())
            else {
                continue;
            };
            slot.phase = Phase::Busy;
            let since = slot.waiting_since.take().unwrap_or(now.machine);
            used.waited(now.machine.since(since), slot.queue.len());
            let events = slot.batch(desk.open_order_count(sleeve) == 0, &used.cost);
            slot.waiting_since = (!slot.queue.is_empty()).then_some(now.machine);
            slot.seeing = Some(sight.clone());
            let call = Work::Call(sleeve, slot.generation, events, sight);
            self.shards.send(slot.lane, sleeve, call);
        }
        notices
    }

    fn sight(&mut self, desk: &Desk, sleeve: SleeveId, now: Timestamp) -> Option<Sight> {
        let grown = |table: &PriceTable| table.len() != desk.instruments().len();
        if self.repriced || self.prices.as_ref().is_none_or(grown) {
            self.prices = Some(PriceTable::of(desk, self.prices.as_ref()));
            self.repriced = false;
        }
        let prices = self.prices.clone()?;
        let slot = self.slots.get_mut(&sleeve)?;
        let version = desk.view_version(sleeve);
        if slot.view.as_ref().is_none_or(|view| view.version != version) {
            slot.view = Some(Arc::new(desk.view(sleeve)?));
        }
        Some(Sight { view: slot.view.clone()?, prices, now })
    }

    /// What a shard or the folder tells; gives what the desk must know.
    pub(crate) fn on_reply(&mut self, message: BotMessage, desk: &Desk, now: Now) -> Vec<Event> {
        match message {
            BotMessage::Folder(event) => self.on_folder(event, desk, now),
            BotMessage::Prepared(sleeve, generation, prepared) => {
                self.on_prepared(sleeve, generation, *prepared, desk)
            }
            BotMessage::Shard(reply) => self.on_shard(reply, desk, now),
            BotMessage::Reread { sleeve, dry_run, loaded, state, answer } => {
                self.on_reread(sleeve, dry_run, loaded, state, answer, desk);
                Vec::new()
            }
        }
    }

    fn on_folder(&mut self, event: FolderEvent, desk: &Desk, now: Now) -> Vec<Event> {
        match event {
            FolderEvent::Added { plugin, .. } | FolderEvent::Changed { plugin, .. } => {
                let name = plugin.name().to_owned();
                tracing::info!(plugin = %name, digest = %plugin.digest(), "loaded");
                self.refused.remove(&name);
                self.plugins.insert(name.clone(), plugin.clone());
                let notices = self.offer(&name, &plugin, desk);
                for (sleeve, generation) in self.waiting_for(&name, desk) {
                    self.start(desk, sleeve, generation, now);
                }
                notices
            }
            FolderEvent::Removed { path } => {
                let name = stem(&path);
                tracing::info!(plugin = %name, "the file is gone; bots that run it go on");
                self.plugins.remove(&name);
                self.refused.remove(&name);
                Vec::new()
            }
            FolderEvent::Failed { path, error } => {
                let name = stem(&path);
                self.refused.insert(name.clone(), error.to_string());
                tracing::error!(plugin = %name, %error, "not loaded");
                let running = self.slots.iter().filter(|(_, slot)| slot.row.plugin == name);
                let report = |(sleeve, slot): (&SleeveId, &Slot)| Event::Bot {
                    sleeve: *sleeve,
                    report: slot.kept("the new file".to_owned(), error.to_string()),
                };
                let mut events: Vec<Event> = running.map(report).collect();
                for (sleeve, generation) in self.waiting_for(&name, desk) {
                    let cause = error.to_string();
                    events.push(Event::Bot {
                        sleeve,
                        report: BotReport::Failed { generation, cause },
                    });
                }
                events
            }
        }
    }

    /// Takes the bots that wait for a plugin.
    fn waiting_for(&mut self, plugin: &str, desk: &Desk) -> Vec<(SleeveId, u64)> {
        let is = |sleeve: &SleeveId| desk.bot(*sleeve).is_some_and(|row| row.plugin == plugin);
        self.waiting.extract_if(.., |sleeve, _| is(sleeve)).collect()
    }

    fn on_shard(&mut self, reply: ShardReply, desk: &Desk, now: Now) -> Vec<Event> {
        match reply {
            ShardReply::Started(sleeve, generation, outcome) => {
                self.started(sleeve, generation, outcome)
            }
            ShardReply::Shadowed(sleeve, digest, outcome) => {
                self.shadowed(sleeve, &digest, outcome, desk)
            }
            ShardReply::Left(sleeve, generation, bot) => self.left(sleeve, generation, bot),
            ShardReply::Called { sleeve, generation, events, outcome, log } => {
                self.keep_log(sleeve, &log);
                if self.current(sleeve, generation).is_none() {
                    return Vec::new();
                }
                match outcome {
                    Ok(done) => self.called(sleeve, events, done, now),
                    Err(ended) => self.ended(sleeve, events, ended, desk),
                }
            }
            ShardReply::Saved(sleeve, generation, outcome) => {
                self.saved(sleeve, generation, outcome)
            }
            ShardReply::Reloaded { sleeve, generation, outcome } => {
                self.reloaded(sleeve, generation, outcome, now.market)
            }
        }
    }

    /// A call has come back: the bot is idle again, in its own lane or on its way there.
    fn called(
        &mut self,
        sleeve: SleeveId,
        events: Vec<BotEvent>,
        done: Done,
        now: Now,
    ) -> Vec<Event> {
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        let used = self.used.entry(sleeve).or_default();
        let handled = events.iter().take(done.handled).map(BotEvent::count).sum();
        used.called(&done, handled);
        slot.phase = Phase::Idle;
        if slot.lane != used.cost.lane {
            slot.phase = Phase::Busy;
            self.shards.send(slot.lane, sleeve, Work::Leave(sleeve, slot.generation));
        }
        let bounded = done.bounded.iter();
        let mut notices: Vec<Event> = bounded
            .filter_map(|cause| limit(sleeve, slot.generation, used, cause, now.machine))
            .collect();
        notices.extend(slot.called(sleeve, events, done));
        notices
    }

    fn ended(
        &mut self,
        sleeve: SleeveId,
        events: Vec<BotEvent>,
        ended: Ended,
        desk: &Desk,
    ) -> Vec<Event> {
        let used = self.used.entry(sleeve).or_default();
        used.strikes += 1;
        // Where it lives from its next start on.
        used.took(ended.cost_ns, events.len());
        // The slot stays busy: nothing is handed to an instance that is gone.
        if let Some(slot) = self.slots.get_mut(&sleeve).filter(|_| ended.unsaved) {
            slot.run = GoodRun::default();
        }
        self.struck(sleeve, events, ended.cause, desk)
    }

    fn saved(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        outcome: Result<Snapshot, String>,
    ) -> Vec<Event> {
        let used = self.used.entry(sleeve).or_default();
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        if slot.generation != generation {
            return Vec::new();
        }
        let report = match outcome {
            Ok(state) => {
                slot.phase = Phase::Idle;
                used.saved(state.state.len());
                slot.recording.state(&state);
                let (digest, at) = (slot.plugin.digest().to_string(), slot.cursor);
                BotReport::Saved { generation, digest, bytes: state.to_bytes().into(), at }
            }
            Err(cause) => {
                used.strikes += 1;
                // Whatever it has handled since its last state is lost with it.
                slot.run = GoodRun::default();
                BotReport::Strike { generation, run: slot.run, cause }
            }
        };
        vec![Event::Bot { sleeve, report }]
    }

    /// An instance has left its lane: it goes on in the other one.
    fn left(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        bot: Box<stockade_runtime::Bot>,
    ) -> Vec<Event> {
        let used = self.used.entry(sleeve).or_default();
        let (lane, mean_us) = (used.cost.lane, used.cost.mean_ns / 1_000);
        let Some(slot) = self.current(sleeve, generation) else {
            return Vec::new();
        };
        slot.lane = lane;
        slot.phase = Phase::Idle;
        self.shards.send(lane, sleeve, Work::Adopt(sleeve, generation, bot));
        let what = match lane {
            Lane::Slow => "it runs among the slow bots from now on",
            Lane::Quick => "it runs among the quick bots again",
        };
        let message = format!("a call costs {mean_us} us on average: {what}");
        let report = BotReport::Noted { generation, notice: Notice::Lane, message };
        vec![Event::Bot { sleeve, report }]
    }

    fn current(&mut self, sleeve: SleeveId, generation: u64) -> Option<&mut Slot> {
        self.slots.get_mut(&sleeve).filter(|slot| slot.generation == generation)
    }

    /// The end of all instances, without a last word: each has its last committed state.
    pub(crate) async fn close(&mut self) -> Vec<Event> {
        self.stop_all();
        Vec::new()
    }
}

/// What people are told of a limit that bounded a bot.
fn limit(
    sleeve: SleeveId,
    generation: u64,
    used: &mut Used,
    cause: &Cause,
    now: Timestamp,
) -> Option<Event> {
    let message = used.note(cause, now)?;
    let report = BotReport::Noted { generation, notice: Notice::Limit, message };
    Some(Event::Bot { sleeve, report })
}

fn config(
    settings: &Settings,
    desk: &Desk,
    row: &BotRow,
    plugin: &Plugin,
    history: Arc<History>,
) -> BotConfig {
    let instruments = row
        .symbols
        .iter()
        .filter_map(|symbol: &Symbol| {
            let id = desk.find(symbol)?;
            Some(BotInstrument { id, symbol: symbol.clone(), class: desk.instrument(id)?.class })
        })
        .collect();
    let limits = settings.limits.of(plugin.tier(), plugin.name(), Some(row.name.as_str()));
    BotConfig {
        params: row.params.clone(),
        seed: row.seed,
        instruments,
        limits,
        history: Some(history),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
