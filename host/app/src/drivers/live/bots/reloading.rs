//! New versions of running bots: made beside the old one, put in its place between two calls, given
//! back where they fail; and the dry run.
//!
//! A version that was not taken or was given back is not tried again by itself: the desk remembers its
//! digest until a person asks for it by name (`bot reload`).

use std::path::{Path, PathBuf};

use stockade_core::desk::{BotReport, Desk, Event, GoodRun, Notice, Reply};
use stockade_core::row::BotRow;
use stockade_core::{Now, SleeveId, Timestamp};
use stockade_runtime::{Bot, Engine, Plugin, Snapshot};
use tokio::sync::oneshot;

use super::super::Incoming;
use super::super::hand_over::{BotEvent, Start};
use super::super::rehearsal::{Recording, Rehearsal};
use super::super::shaping::Shaping;
use super::super::shard::Work;
use super::super::slot::{Becoming, Phase, ROLL_BACK_CALLS, RollBack, Wanted};
use super::super::used::millis;
use super::starting::shaping;
use super::{Answering, BotMessage, Bots, config};
use crate::link;

/// Niceness of the thread that reads and compiles a file for a person.
const COMPILING_NICE: i32 = 10;

impl Wanted {
    /// Tells the person who waits, if one does.
    pub(crate) fn answer(self, answer: link::Answer) {
        if let Some(person) = self.answer {
            // A person who has gone away needs no answer.
            let _ = person.send(answer);
        }
    }
}

impl Bots {
    /// A file has another version: bots that run an older one are to get it.
    pub(super) fn offer(&mut self, name: &str, plugin: &Plugin, desk: &Desk) -> Vec<Event> {
        let mut notices = Vec::new();
        for (sleeve, slot) in &mut self.slots {
            let runs = slot.row.plugin == name && slot.plugin.digest() != plugin.digest();
            let coming = slot.becoming.as_ref().map(|becoming| &becoming.wanted);
            let comes = coming.is_some_and(|wanted| wanted.plugin.digest() == plugin.digest());
            if !runs || comes {
                continue;
            }
            if is_rejected(desk, *sleeve, plugin) {
                let message = format!(
                    "version {} was not taken before and is not tried again: stockade bot reload {} tries it",
                    plugin.digest(),
                    slot.row.name
                );
                let (generation, notice) = (slot.generation, Notice::Rejected);
                let report = BotReport::Noted { generation, notice, message };
                notices.push(Event::Bot { sleeve: *sleeve, report });
                continue;
            }
            self.reloading.insert(*sleeve);
            slot.want(Wanted { plugin: plugin.clone(), params: None, answer: None });
        }
        notices
    }

    /// Has instances of new versions made, beside the running ones.
    pub(super) fn make_shadows(&mut self, desk: &Desk, now: Now) -> Vec<Event> {
        let mut notices = Vec::new();
        for sleeve in std::mem::take(&mut self.reloading) {
            let Some(slot) = self.slots.get_mut(&sleeve) else {
                continue;
            };
            let runs = matches!(slot.phase, Phase::Idle | Phase::Busy);
            if !runs || slot.becoming.is_some() {
                self.reloading.insert(sleeve);
                continue;
            }
            let Some(wanted) = slot.reload.take() else {
                continue;
            };
            let used = self.used.entry(sleeve).or_default();
            let allowed = self.settings.reloads_per_minute;
            if let Err(found) = used.reload(now.machine, allowed) {
                let message = format!(
                    "{found} reloads in the last minute, at most {allowed} are allowed (bots.reloads_per_minute)"
                );
                if wanted.answer.is_some() {
                    wanted.answer(link::Answer::Failed { message });
                    continue;
                }
                if !std::mem::replace(&mut slot.crowded, true) {
                    let (generation, notice) = (slot.generation, Notice::Crowded);
                    let report = BotReport::Noted { generation, notice, message };
                    notices.push(Event::Bot { sleeve, report });
                }
                // The newest version waits until there is room again.
                slot.reload = Some(wanted);
                self.reloading.insert(sleeve);
                continue;
            }
            slot.crowded = false;
            let plugin = wanted.plugin.clone();
            let mut row = slot.row.clone();
            if let Some(params) = &wanted.params {
                row.params.clone_from(params);
            }
            let other = plugin.description().bars != slot.plugin.description().bars;
            let reshaped = other.then(|| shaping(desk, &row, &plugin));
            let told = reshaped.as_ref().unwrap_or(&slot.shaping).as_ref();
            let told = told.map_or(&self.history, Shaping::history).clone();
            let config = config(&self.settings, desk, &row, &plugin, told);
            slot.becoming = Some(Becoming { wanted, shadow: None, reshaped });
            self.shards.send_long(Work::Shadow(sleeve, plugin, Box::new(config), None));
        }
        notices
    }

    /// An instance of a new version was made, or could not be.
    pub(super) fn shadowed(
        &mut self,
        sleeve: SleeveId,
        digest: &str,
        outcome: Result<Box<Bot>, String>,
        desk: &Desk,
    ) -> Vec<Event> {
        let is = |wanted: &Wanted| **wanted.plugin.digest() == *digest;
        if self.trying.get(&sleeve).is_some_and(is) {
            return self.tried(sleeve, outcome.map(drop), desk);
        }
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        // What came too late for an instance that is gone is dropped.
        let Some(becoming) = slot.becoming.as_mut().filter(|coming| is(&coming.wanted)) else {
            return Vec::new();
        };
        match outcome {
            Ok(bot) => {
                becoming.shadow = Some(bot);
                Vec::new()
            }
            Err(cause) => self.not_taken(sleeve, cause),
        }
    }

    /// The old version goes on.
    fn not_taken(&mut self, sleeve: SleeveId, cause: String) -> Vec<Event> {
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        let Some(becoming) = slot.becoming.take() else {
            return Vec::new();
        };
        if becoming.wanted.params.is_some() {
            let message = format!(
                "the parameters were not taken, the bot goes on with the old ones: {cause}"
            );
            becoming.wanted.answer(link::Answer::Failed { message });
            let (generation, notice) = (slot.generation, Notice::NotSet);
            let report = BotReport::Noted { generation, notice, message: cause };
            return vec![Event::Bot { sleeve, report }];
        }
        let refused = becoming.wanted.plugin.digest().to_string();
        let message = format!("the new version was not taken, the old one runs on: {cause}");
        becoming.wanted.answer(link::Answer::Failed { message });
        vec![Event::Bot { sleeve, report: slot.kept(refused, cause) }]
    }

    /// A version was tried for a bot that does not run: it is the one of the next start.
    fn tried(&mut self, sleeve: SleeveId, outcome: Result<(), String>, desk: &Desk) -> Vec<Event> {
        let (Some(wanted), Some(row)) = (self.trying.remove(&sleeve), desk.bot(sleeve)) else {
            return Vec::new();
        };
        let plugin = wanted.plugin.clone();
        let (digest, version) = (plugin.digest().to_string(), plugin.description().version.clone());
        let (generation, from) = (row.generation, row.digest.clone());
        if let Err(cause) = outcome {
            let message = format!("the new version was not taken: {cause}");
            wanted.answer(link::Answer::Failed { message });
            let report = BotReport::RolledBack {
                generation,
                digest: from,
                version: row.version.clone(),
                refused_digest: digest,
                cause,
            };
            return vec![Event::Bot { sleeve, report }];
        }
        let report = report(row.name.as_str(), from, digest.clone(), 0, false);
        wanted.answer(link::Answer::Host(link::HostReply::Reloaded(report)));
        self.plugins.insert(row.plugin.clone(), plugin);
        let report =
            BotReport::Reloaded { generation: generation + 1, digest, version, pause_ns: 0 };
        vec![Event::Bot { sleeve, report }]
    }

    /// A strike: a new version inside its roll-back window gives way to the old one, which catches
    /// up with what the new one has handled and then gets the events of the failed call itself. What
    /// the new one asked for stands; what the old one would ask for meanwhile is void.
    pub(super) fn struck(
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
        let by_params = back.params.clone();
        if let Some(params) = back.params {
            slot.row.params = params;
        }
        slot.requeue(events);
        slot.generation += 1;
        if back.plugin.description().bars != slot.plugin.description().bars {
            let shaping = shaping(desk, &slot.row, &back.plugin);
            slot.shaping = shaping.map(|shaping| shaping.begin_at(desk.now().market));
        }
        slot.plugin = back.plugin.clone();
        slot.row.digest = slot.plugin.digest().to_string();
        slot.phase = Phase::Starting;
        slot.run = GoodRun::default();
        slot.recording = Recording::from(back.state.clone());
        let generation = slot.generation;
        let told = slot.shaping.as_ref().map_or(&self.history, Shaping::history).clone();
        let start = Start {
            config: config(&self.settings, desk, &slot.row, &back.plugin, told),
            state: Some(back.state),
            since: back.since,
            plugin: back.plugin,
            sight,
        };
        let cause = format!("struck within its first events: {cause}");
        let report = match by_params {
            Some(params) => {
                BotReport::Set { generation, params, pause_ns: 0, given_back: Some(cause) }
            }
            None => BotReport::RolledBack {
                generation,
                digest: start.plugin.digest().to_string(),
                version: start.plugin.description().version.clone(),
                refused_digest: refused,
                cause,
            },
        };
        self.good.insert(sleeve, start.plugin.clone());
        self.shards.send_long(Work::Start(sleeve, generation, Box::new(start)));
        vec![Event::Bot { sleeve, report }]
    }

    /// The new version was put in the old one's place, or was not.
    pub(super) fn reloaded(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        outcome: Result<(Snapshot, i64), String>,
        now: Timestamp,
    ) -> Vec<Event> {
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        slot.phase = Phase::Idle;
        let (state, pause_ns) = match outcome {
            Ok(outcome) => outcome,
            Err(cause) => return self.not_taken(sleeve, cause),
        };
        let Some(Becoming { wanted, reshaped, .. }) = slot.becoming.take() else {
            return Vec::new();
        };
        if let Some(reshaped) = reshaped {
            slot.shaping = reshaped.map(|shaping| shaping.begin_at(now));
        }
        let old = std::mem::replace(&mut slot.plugin, wanted.plugin.clone());
        let from = old.digest().to_string();
        slot.generation = generation;
        slot.run = GoodRun::default();
        slot.row.digest = slot.plugin.digest().to_string();
        slot.recording = Recording::from(state.clone());
        let params = wanted.params.clone();
        let before = params.clone().map(|new| std::mem::replace(&mut slot.row.params, new));
        slot.roll_back = Some(RollBack {
            plugin: old,
            state,
            params: before,
            since: Vec::new(),
            calls_left: ROLL_BACK_CALLS,
        });
        self.used.entry(sleeve).or_default().reloads += 1;
        let name = slot.row.name.as_str();
        let (answer, report) = if let Some(params) = params {
            let pause_ms = millis(pause_ns);
            let message =
                format!("bot {name} goes on with its new parameters, pause {pause_ms} ms");
            let (order, booked, known) = (None, None, None);
            let reply = Reply::Done { message, order, sleeve: Some(sleeve), booked, known };
            let report = BotReport::Set { generation, params, pause_ns, given_back: None };
            (link::Answer::Reply(reply), report)
        } else {
            let (digest, version) =
                (slot.plugin.digest().to_string(), slot.plugin.description().version.clone());
            let told = report(name, from, digest.clone(), pause_ns, false);
            let report = BotReport::Reloaded { generation, digest, version, pause_ns };
            (link::Answer::Host(link::HostReply::Reloaded(told)), report)
        };
        // Told once its rows are committed.
        self.answers.extend(wanted.answer.map(|person| (person, answer)));
        vec![Event::Bot { sleeve, report }]
    }

    /// A person gives a bot that runs, or begins to, other parameters: it goes on with its state, its
    /// orders and its positions. Gives the way to the person back where there is no such bot.
    pub(crate) fn set_by_hand(
        &mut self,
        (sleeve, params): (SleeveId, &[(String, String)]),
        answer: Answering,
    ) -> Option<Answering> {
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Some(answer);
        };
        if slot.reload.is_some() || slot.becoming.is_some() {
            let message = format!(
                "another version of bot {} is being put in place: nothing was changed, try again in a moment",
                slot.row.name
            );
            let _ = answer.send(link::Answer::Failed { message });
            return None;
        }
        let mut all = slot.row.params.clone();
        for (name, value) in params {
            match all.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.clone_from(value),
                None => all.push((name.clone(), value.clone())),
            }
        }
        let plugin = slot.plugin.clone();
        slot.want(Wanted { plugin, params: Some(all), answer: Some(answer) });
        self.reloading.insert(sleeve);
        None
    }

    /// What people are to be told once everything so far is committed.
    pub(crate) fn answers(&mut self) -> Vec<(Answering, link::Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// A person asks for the file to be put to work now, or to be tried: it is read afresh, beside
    /// the host.
    pub(crate) fn reload_by_hand(
        &mut self,
        sleeve: SleeveId,
        (dry_run, file): (bool, Option<PathBuf>),
        answer: Answering,
        desk: &Desk,
    ) {
        let Some(row) = desk.bot(sleeve) else {
            return;
        };
        // Only what is tried can lie elsewhere.
        let own = || self.folder.join(format!("{}.wasm", row.plugin));
        let file = file.filter(|_| dry_run).unwrap_or_else(own);
        let (engine, inputs) = (self.engine.clone(), self.inputs.clone());
        let (store, label) = (self.store.clone(), self.label.clone());
        let (runs, name) = (self.slots.contains_key(&sleeve), row.plugin.clone());
        tokio::spawn(async move {
            let mut loaded = read(engine, &file, name).await;
            let mut state = None;
            if !runs {
                match store.snapshot_load(label.as_str(), sleeve).await {
                    Ok(None) => {}
                    Ok(Some(row)) => match Snapshot::from_bytes(&row.bytes) {
                        Ok(found) => state = Some(found),
                        Err(error) => loaded = Err(format!("its last state: {error}")),
                    },
                    Err(error) => loaded = Err(format!("its last state can't be read: {error}")),
                }
            }
            let message = BotMessage::Reread { sleeve, dry_run, loaded, state, answer };
            // A closed channel means that the host has ended.
            let _ = inputs.send(Incoming::Bot(message)).await;
        });
    }

    pub(super) fn on_reread(
        &mut self,
        sleeve: SleeveId,
        dry_run: bool,
        loaded: Result<Plugin, String>,
        state: Option<Snapshot>,
        answer: Answering,
        desk: &Desk,
    ) {
        let failed = |message: String| link::Answer::Failed { message };
        let Some(row) = desk.bot(sleeve) else {
            let _ = answer.send(failed("the bot was removed meanwhile".to_owned()));
            return;
        };
        let plugin = match loaded {
            Ok(plugin) => plugin,
            Err(cause) => {
                let _ = answer.send(failed(format!("bot {} goes on as it is: {cause}", row.name)));
                return;
            }
        };
        let running = self.slots.get(&sleeve).and_then(|slot| slot.shaping.as_ref());
        let told = self.history_of(running);
        let made_of = config(&self.settings, desk, row, &plugin, told);
        let slot = self.slots.get_mut(&sleeve);
        if dry_run {
            let to = plugin.digest().to_string();
            let recording = match slot {
                Some(slot) => slot.recording.clone(),
                None => state.map(Recording::from).unwrap_or_default(),
            };
            let report = report(row.name.as_str(), row.digest.clone(), to, 0, true);
            let rehearsal = Rehearsal { plugin, config: made_of, recording, report, answer };
            self.shards.send_long(Work::Rehearse(Box::new(rehearsal)));
            return;
        }
        let wanted = Wanted { plugin: plugin.clone(), params: None, answer: Some(answer) };
        match slot {
            Some(slot) => {
                self.plugins.insert(row.plugin.clone(), plugin);
                slot.want(wanted);
                self.reloading.insert(sleeve);
            }
            None => {
                self.trying.insert(sleeve, wanted);
                let shadow = Work::Shadow(sleeve, plugin, Box::new(made_of), state);
                self.shards.send_long(shadow);
            }
        }
    }
}

/// Whether a version was not taken before.
pub(super) fn is_rejected(desk: &Desk, sleeve: SleeveId, plugin: &Plugin) -> bool {
    let rejects = |row: &BotRow| row.rejected.iter().any(|digest| **digest == **plugin.digest());
    desk.bot(sleeve).is_some_and(rejects)
}

fn report(bot: &str, from: String, to: String, pause_ns: i64, dry_run: bool) -> link::ReloadReport {
    let (bot, pause_ms) = (bot.to_owned(), millis(pause_ns));
    link::ReloadReport { bot, from, to, pause_ms, dry_run, rehearsal: None }
}

/// Reads and compiles a file on a thread of low priority: seconds of it must not take a processor
/// from an event.
async fn read(engine: Engine, file: &Path, name: String) -> Result<Plugin, String> {
    let (sender, read) = oneshot::channel();
    let file = file.to_owned();
    let load = move || {
        // Where the system does not allow it, compiling only competes more.
        let _ = rustix::process::setpriority_process(None, COMPILING_NICE);
        let loaded = if file.is_file() {
            stockade_runtime::load_file_as(&engine, &file, &name).map_err(|error| error.to_string())
        } else {
            Err(format!("there is no {}", file.display()))
        };
        let _ = sender.send(loaded);
    };
    let thread = std::thread::Builder::new().name("reading-plugin".to_owned()).spawn(load);
    thread.map_err(|error| format!("there is no thread to read it: {error}"))?;
    read.await.unwrap_or_else(|_| Err("reading it ended without a word".to_owned()))
}
