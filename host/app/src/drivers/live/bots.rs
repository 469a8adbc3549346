//! The bots of an account, as the host sees them: which instance is which, what waits for each, and
//! what to do when one ends, is replaced or fails.
//!
//! Decides nothing about money. An instance gets one call at a time; its events wait in order and
//! none is lost. The desk decides who runs: strikes, back-off and quarantine are its states.

mod starting;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use stockade_core::desk::{BotReport, Desk, Event, GoodRun, OrderUpdate};
use stockade_core::market::MarketEvent;
use stockade_core::row::BotRow;
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, Now, SleeveId, Slug, Symbol, Timestamp};
use stockade_runtime::{
    BotConfig, BotInstrument, Engine, EngineConfig, EventKind, Folder, FolderEvent, History,
    LogLevel, LogLine, Plugin, SessionEvent, SessionKind, Snapshot,
};
use stockade_store::Store;
use stockade_venue::alpaca::Alpaca;
use tokio::sync::{mpsc, oneshot};

use super::Incoming;
use super::prepare::Prepared;
use super::shard::{BotEvent, PriceTable, ShardReply, Shards, Sight, Start, Work};
use super::slot::{Phase, ROLL_BACK_CALLS, RollBack, Slot};
use crate::config::Settings;
use crate::failure::Failure;
use crate::link;

/// Length of a bar, in nanoseconds.
pub(super) const MINUTE_NS: i64 = 60 * 1_000_000_000;
/// Events of the plugins folder that wait for the host.
const FOLDER_EVENTS_MAX: usize = 64;
/// Bars of each instrument kept for the bots' `history`.
const HISTORY_KEPT: usize = 2_000;
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
        answer: Answering,
    },
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
    history: Arc<History>,
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
        let cache = Some(settings.data.join("cache"));
        let engine =
            Engine::new(&EngineConfig { deadlines: true, cache, trust: settings.trust(live)? })?;
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
            history: Arc::new(History::new(HISTORY_KEPT)),
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
        self.watch.again();
        self.plugins.retain(|_, plugin| !banned.contains(&**plugin.digest()));
        Ok(banned)
    }

    pub(crate) fn stop(&mut self, sleeve: SleeveId) {
        self.waiting.remove(&sleeve);
        self.slots.remove(&sleeve);
        self.shards.send(sleeve, Work::Stop(sleeve));
    }

    pub(crate) fn stop_all(&mut self) {
        let sleeves: Vec<SleeveId> = self.slots.keys().copied().collect();
        for sleeve in sleeves {
            self.stop(sleeve);
        }
    }

    /// Tells a bot what became of an order.
    pub(crate) fn notify(&mut self, sleeve: SleeveId, update: OrderUpdate) {
        if let Some(slot) = self.slots.get_mut(&sleeve)
            && slot.plugin.description().events.contains(&EventKind::Orders)
        {
            slot.push(BotEvent::Order(update));
        }
    }

    /// Hands market data to the bots that want it.
    pub(crate) fn market(&mut self, event: MarketEvent) {
        self.prices = None;
        if let MarketEvent::Bars { bars } = &event {
            self.history.push(bars);
        }
        for slot in self.slots.values_mut() {
            match &event {
                MarketEvent::Bars { bars } => slot.bars(bars),
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

    /// Tells the bots that a session begins or has ended.
    pub(crate) fn session(&mut self, open: bool, day: u32, at: Timestamp) {
        let kind = if open { SessionKind::Open } else { SessionKind::Close };
        for slot in self.slots.values_mut() {
            if slot.plugin.description().events.contains(&EventKind::Session) {
                slot.push(BotEvent::Session(SessionEvent { at, kind, day }));
            }
        }
    }

    /// Timer events, and saves that are due.
    pub(crate) fn timer(&mut self, now: Now) -> Vec<Event> {
        let interval = super::seconds(self.settings.snapshot_interval_seconds);
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
                self.shards.send(*sleeve, Work::Save(*sleeve, slot.generation));
            }
        }
        Vec::new()
    }

    /// Gives every idle bot its next events.
    pub(crate) fn pump(&mut self, desk: &Desk, now: Now) {
        let sleeves: Vec<SleeveId> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.is_due())
            .map(|(sleeve, _)| *sleeve)
            .collect();
        for sleeve in sleeves {
            let Some(sight) = self.sight(desk, sleeve, now.market) else {
                continue;
            };
            let Some(slot) = self.slots.get_mut(&sleeve) else {
                continue;
            };
            slot.phase = Phase::Busy;
            if let Some((plugin, answer)) = slot.reload.take() {
                slot.answer = answer;
                slot.becoming = Some(plugin.clone());
                let config = config(&self.settings, desk, &slot.row, &plugin, &self.history);
                let start = Start { plugin, config, state: None, since: Vec::new(), sight };
                self.shards
                    .send(sleeve, Work::Reload(sleeve, slot.generation + 1, Box::new(start)));
                continue;
            }
            let events = slot.batch(desk.open_order_count(sleeve) == 0);
            self.shards.send(sleeve, Work::Call(sleeve, slot.generation, events, Box::new(sight)));
        }
    }

    fn sight(&mut self, desk: &Desk, sleeve: SleeveId, now: Timestamp) -> Option<Sight> {
        let prices = self.prices.get_or_insert_with(|| price_table(desk));
        if prices.instruments.len() != desk.instruments().len() {
            *prices = price_table(desk);
        }
        Some(Sight { view: desk.view(sleeve)?, prices: prices.clone(), now })
    }

    /// What a shard or the folder tells; gives what the desk must know.
    pub(crate) fn on_reply(&mut self, message: BotMessage, desk: &Desk, now: Now) -> Vec<Event> {
        match message {
            BotMessage::Folder(event) => self.on_folder(event, desk, now),
            BotMessage::Prepared(sleeve, generation, prepared) => {
                self.on_prepared(sleeve, generation, *prepared, desk)
            }
            BotMessage::Shard(reply) => self.on_shard(reply, desk),
            BotMessage::Reread { sleeve, dry_run, loaded, answer } => {
                self.on_reread(sleeve, dry_run, loaded, answer, desk);
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
                for slot in self.slots.values_mut() {
                    if slot.row.plugin == name && slot.plugin.digest() != plugin.digest() {
                        slot.reload = Some((plugin.clone(), None));
                    }
                }
                for (sleeve, generation) in self.waiting_for(&name, desk) {
                    self.start(desk, sleeve, generation, now);
                }
                Vec::new()
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

    fn on_shard(&mut self, reply: ShardReply, desk: &Desk) -> Vec<Event> {
        match reply {
            ShardReply::Started(sleeve, generation, outcome) => {
                let Some(slot) = self.current(sleeve, generation) else {
                    return Vec::new();
                };
                match outcome {
                    Ok(()) => {
                        let events = slot.started(sleeve);
                        let present = slot.generation;
                        if present != generation {
                            self.shards.send(sleeve, Work::Renumber(sleeve, present));
                        }
                        events
                    }
                    Err(cause) => {
                        self.slots.remove(&sleeve);
                        vec![Event::Bot { sleeve, report: BotReport::Failed { generation, cause } }]
                    }
                }
            }
            ShardReply::Called { sleeve, generation, events, outcome, log } => {
                self.keep_log(sleeve, &log);
                let Some(slot) = self.current(sleeve, generation) else {
                    return Vec::new();
                };
                slot.phase = Phase::Idle;
                match outcome {
                    Ok(done) => slot.called(sleeve, events, done),
                    Err(ended) => {
                        if ended.unsaved {
                            slot.run = GoodRun::default();
                        }
                        self.struck(sleeve, events, ended.cause, desk)
                    }
                }
            }
            ShardReply::Saved(sleeve, generation, outcome) => {
                let Some(slot) = self.current(sleeve, generation) else {
                    return Vec::new();
                };
                slot.phase = Phase::Idle;
                let report = match outcome {
                    Ok(state) => {
                        let (digest, at) = (slot.plugin.digest().to_string(), slot.cursor);
                        BotReport::Saved { generation, digest, bytes: state.to_bytes().into(), at }
                    }
                    Err(cause) => {
                        // Whatever it has handled since its last state is lost with it.
                        slot.run = GoodRun::default();
                        BotReport::Strike { generation, run: slot.run, cause }
                    }
                };
                vec![Event::Bot { sleeve, report }]
            }
            ShardReply::Reloaded { sleeve, generation, outcome } => {
                self.reloaded(sleeve, generation, outcome)
            }
        }
    }

    fn current(&mut self, sleeve: SleeveId, generation: u64) -> Option<&mut Slot> {
        self.slots.get_mut(&sleeve).filter(|slot| slot.generation == generation)
    }

    /// A strike: a new version inside its roll-back window gives way to the old one, which catches
    /// up with what the new one has handled and then gets the events of the failed call itself. What
    /// the new one asked for stands; what the old one would ask for meanwhile is void.
    fn struck(
        &mut self,
        sleeve: SleeveId,
        events: Vec<BotEvent>,
        cause: String,
        desk: &Desk,
    ) -> Vec<Event> {
        let Some(sight) = self.sight(desk, sleeve, desk.now().market) else {
            return Vec::new();
        };
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        let Some(back) = slot.roll_back.take() else {
            let (generation, run) = (slot.generation, slot.run);
            return vec![Event::Bot {
                sleeve,
                report: BotReport::Strike { generation, run, cause },
            }];
        };
        let refused = slot.plugin.digest().to_string();
        slot.requeue(events);
        slot.generation += 1;
        slot.plugin = back.plugin.clone();
        slot.row.digest = slot.plugin.digest().to_string();
        slot.phase = Phase::Starting;
        slot.run = GoodRun::default();
        let generation = slot.generation;
        let start = Start {
            config: config(&self.settings, desk, &slot.row, &back.plugin, &self.history),
            state: Some(back.state),
            since: back.since,
            plugin: back.plugin,
            sight,
        };
        let report = BotReport::RolledBack {
            generation,
            digest: start.plugin.digest().to_string(),
            version: start.plugin.description().version.clone(),
            refused_digest: refused,
            cause: format!("struck within its first events: {cause}"),
        };
        self.shards.send(sleeve, Work::Start(sleeve, generation, Box::new(start)));
        vec![Event::Bot { sleeve, report }]
    }

    fn reloaded(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        outcome: Result<(Snapshot, i64), String>,
    ) -> Vec<Event> {
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        slot.phase = Phase::Idle;
        let Some(new) = slot.becoming.take() else {
            return Vec::new();
        };
        let answer = slot.answer.take();
        match outcome {
            Ok((state, pause_ns)) => {
                let old = std::mem::replace(&mut slot.plugin, new);
                let from = old.digest().to_string();
                slot.generation = generation;
                slot.run = GoodRun::default();
                slot.row.digest = slot.plugin.digest().to_string();
                slot.roll_back = Some(RollBack {
                    plugin: old,
                    state,
                    since: Vec::new(),
                    calls_left: ROLL_BACK_CALLS,
                });
                let (digest, version) =
                    (slot.plugin.digest().to_string(), slot.plugin.description().version.clone());
                if let Some(answer) = answer {
                    let report = link::ReloadReport {
                        bot: slot.row.name.to_string(),
                        from,
                        to: digest.clone(),
                        pause_ms: stockade_store::query::Number(rust_decimal::Decimal::new(
                            pause_ns / 1_000,
                            3,
                        )),
                        dry_run: false,
                    };
                    let _ = answer.send(link::Answer::Host(link::HostReply::Reloaded(report)));
                }
                vec![Event::Bot {
                    sleeve,
                    report: BotReport::Reloaded { generation, digest, version, pause_ns },
                }]
            }
            Err(cause) => {
                if let Some(answer) = answer {
                    let message =
                        format!("the new version was not taken, the old one runs on: {cause}");
                    let _ = answer.send(link::Answer::Failed { message });
                }
                let report = slot.kept(new.digest().to_string(), cause);
                vec![Event::Bot { sleeve, report }]
            }
        }
    }

    /// A person asks for the file to be put to work now: it is read afresh, beside the host.
    pub(crate) fn reload_by_hand(
        &mut self,
        sleeve: SleeveId,
        dry_run: bool,
        answer: Answering,
        desk: &Desk,
    ) {
        let Some(row) = desk.bot(sleeve) else {
            return;
        };
        if !self.slots.contains_key(&sleeve) {
            let state = format!("{:?}", row.state).to_lowercase();
            let message = format!(
                "bot {} is {state}: nothing of it runs that could be reloaded (stockade bot start)",
                row.name
            );
            let _ = answer.send(link::Answer::Failed { message });
            return;
        }
        let file = self.folder.join(format!("{}.wasm", row.plugin));
        let (engine, inputs) = (self.engine.clone(), self.inputs.clone());
        tokio::task::spawn_blocking(move || {
            let loaded = if file.is_file() {
                stockade_runtime::load_file(&engine, &file).map_err(|error| error.to_string())
            } else {
                Err(format!("there is no {}", file.display()))
            };
            let message = BotMessage::Reread { sleeve, dry_run, loaded, answer };
            // A closed channel means that the host has ended.
            let _ = inputs.blocking_send(Incoming::Bot(message));
        });
    }

    fn on_reread(
        &mut self,
        sleeve: SleeveId,
        dry_run: bool,
        loaded: Result<Plugin, String>,
        answer: Answering,
        desk: &Desk,
    ) {
        let failed = |message: String| link::Answer::Failed { message };
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            let _ = answer.send(failed("the bot was stopped meanwhile".to_owned()));
            return;
        };
        let plugin = match loaded {
            Ok(plugin) => plugin,
            Err(cause) => {
                let message = format!("bot {} goes on as it is: {cause}", slot.row.name);
                let _ = answer.send(failed(message));
                return;
            }
        };
        if !dry_run {
            self.plugins.insert(slot.row.plugin.clone(), plugin.clone());
        }
        if dry_run {
            // The new version is made beside the running one and thrown away.
            let made = stockade_runtime::Bot::start(
                &plugin,
                config(&self.settings, desk, &slot.row, &plugin, &self.history),
            );
            let reply = match made {
                Ok(_) => link::Answer::Host(link::HostReply::Reloaded(link::ReloadReport {
                    bot: slot.row.name.to_string(),
                    from: slot.plugin.digest().to_string(),
                    to: plugin.digest().to_string(),
                    pause_ms: stockade_store::query::Number(rust_decimal::Decimal::ZERO),
                    dry_run: true,
                })),
                Err(error) => failed(error.to_string()),
            };
            let _ = answer.send(reply);
            return;
        }
        slot.reload = Some((plugin, Some(answer)));
    }

    fn keep_log(&self, sleeve: SleeveId, lines: &[LogLine]) {
        let Some(slot) = self.slots.get(&sleeve) else {
            return;
        };
        if lines.is_empty() {
            return;
        }
        if let Err(error) =
            append_log(&self.settings.bot_log(slot.row.name.as_str()), slot.last_event, lines)
        {
            // A full log disk is no reason to stop trading.
            tracing::warn!(%error, bot = %slot.row.name, "log lines are lost");
        }
    }

    /// The last states of idle bots, for an orderly end. A bot in a call keeps its last one.
    pub(crate) async fn close(&mut self) -> Vec<Event> {
        self.stop_all();
        Vec::new()
    }
}

fn price_table(desk: &Desk) -> PriceTable {
    let instruments: Arc<[_]> = desk.instruments().into();
    let places =
        desk.instruments().iter().filter_map(|i| Some((i.symbol.clone(), desk.find(&i.symbol)?)));
    let places = Arc::new(places.collect());
    let count = u32::try_from(instruments.len()).unwrap_or(u32::MAX);
    let last = (0..count).map(|id| desk.last(InstrumentId(id))).collect();
    PriceTable { instruments, places, last }
}

fn config(
    settings: &Settings,
    desk: &Desk,
    row: &BotRow,
    plugin: &Plugin,
    history: &Arc<History>,
) -> BotConfig {
    let instruments = row
        .symbols
        .iter()
        .filter_map(|symbol: &Symbol| {
            let id = desk.find(symbol)?;
            Some(BotInstrument { id, symbol: symbol.clone(), class: desk.instrument(id)?.class })
        })
        .collect();
    let limits = settings.limits.of(plugin.tier());
    BotConfig {
        params: row.params.clone(),
        seed: row.seed,
        instruments,
        limits,
        history: Some(history.clone()),
    }
}

fn append_log(path: &Path, at: Timestamp, lines: &[LogLine]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    for line in lines {
        writeln!(file, "{} {} {}", stockade_store::query::At(at.0), level(line), line.text)?;
    }
    Ok(())
}

const fn level(line: &LogLine) -> &'static str {
    match line.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
