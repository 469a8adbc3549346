//! The bots of a replay: made, brought up to date, put to work, replaced by a newer version.

use std::io::Write;

use anyhow::Result;
use rust_decimal::Decimal;
use stockade_core::desk::{BotReport, Event, Reply};
use stockade_core::row::{BotRow, BotState};
use stockade_core::{SleeveId, Slug};
use stockade_runtime::FolderEvent;
use stockade_store::query::{At, Number};

use super::session::Session;
use crate::drivers::lockstep::{Beginning, Former};
use crate::link::{Answer, HostReply, ReloadReport};

impl Session {
    /// Puts a bot to work from the next time stamp on.
    pub(super) fn start_bot(&mut self, sleeve: SleeveId, generation: u64) -> Result<()> {
        let loading = self.opening.store.snapshot_load(self.opening.label.as_str(), sleeve);
        let state = self.opening.runtime.block_on(loading)?;
        let beginning = Beginning {
            maker: &mut *self.maker,
            market: &self.market,
            place: self.place,
            state,
            lines: true,
        };
        self.lockstep.start_bot(sleeve, generation, beginning)
    }

    /// A file of the plugins folder has changed: the bots that run it get the new version, as by
    /// hand; one that is not taken is noted with each of them.
    pub(super) fn on_folder(&mut self, event: FolderEvent) -> Result<()> {
        let (path, refused) = match event {
            FolderEvent::Added { path, plugin } | FolderEvent::Changed { path, plugin } => {
                (path, Ok(plugin.digest().to_string()))
            }
            // Running bots are left alone.
            FolderEvent::Removed { .. } => return Ok(()),
            FolderEvent::Failed { path, error } => (path, Err(error.to_string())),
        };
        let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let runs = |row: &&BotRow| row.plugin == *stem && row.state == BotState::Running;
        let running: Vec<BotRow> = self.lockstep.desk.bots().filter(runs).cloned().collect();
        for row in running {
            match &refused {
                Ok(digest) if *digest == row.digest => {}
                Ok(_) => {
                    if let Answer::Failed { message } = self.reload(&row.name, false)? {
                        tracing::error!(bot = %row.name, "{message}");
                    }
                }
                Err(cause) => self.refuse(&row, "the new file".to_owned(), cause.clone())?,
            }
        }
        self.heed_notes()
    }

    /// Notes that a bot's running version goes on.
    fn refuse(&mut self, row: &BotRow, refused_digest: String, cause: String) -> Result<()> {
        let report = BotReport::RolledBack {
            generation: row.generation,
            digest: row.digest.clone(),
            version: row.version.clone(),
            refused_digest,
            cause,
        };
        self.lockstep.put(Event::Bot { sleeve: row.sleeve, report })
    }

    /// Reads a bot's file again and puts the new version in the old one's place, with its state.
    pub(super) fn reload(&mut self, name: &Slug, dry_run: bool) -> Result<Answer> {
        let began = std::time::Instant::now();
        let row = self.lockstep.desk.bots().find(|row| row.name == *name).cloned();
        let Some(row) = row else {
            return Ok(Answer::NotFound { what: "bot".to_owned(), name: name.to_string() });
        };
        let failed = |message: String| Ok(Answer::Failed { message });
        let Some(place) = self.lockstep.bots.iter().position(|bot| bot.sleeve == row.sleeve) else {
            return failed(format!("bot {name} does not run"));
        };
        let state = match self.lockstep.bots[place].save() {
            Ok(state) => state,
            Err(strike) => {
                let run = self.lockstep.bots[place].run();
                let (generation, cause) = (row.generation, strike.to_string());
                let report = BotReport::Strike { generation, run, cause };
                self.lockstep.put(Event::Bot { sleeve: row.sleeve, report })?;
                return failed(format!("the running version could not save its state: {strike}"));
            }
        };
        let made = match self.lockstep.make(&mut *self.maker, &row, Some(&state)) {
            Ok(made) => made,
            Err(error) => {
                if !dry_run {
                    self.refuse(&row, "the new file".to_owned(), format!("{error:#}"))?;
                }
                return failed(format!(
                    "the new version was not taken, the old one runs on: {error:#}"
                ));
            }
        };
        let pause_ns = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let pause_ms =
            Number(if dry_run { Decimal::ZERO } else { Decimal::new(pause_ns / 1_000, 3) });
        let (from, to) = (row.digest, made.digest.clone());
        if !dry_run {
            let generation = row.generation + 1;
            let digest = made.digest.as_str().into();
            let former = Former::Version(row.version);
            self.lockstep.bots[place].replace(made.guest, generation, digest, former);
            let report = BotReport::Reloaded {
                generation,
                digest: made.digest,
                version: made.version,
                pause_ns,
            };
            self.lockstep.put(Event::Bot { sleeve: row.sleeve, report })?;
        }
        let bot = name.to_string();
        let report = ReloadReport { bot, from, to, pause_ms, dry_run, rehearsal: None };
        Ok(Answer::Host(HostReply::Reloaded(report)))
    }

    /// Gives a running bot other parameters, with its state. `None` where it does not run.
    pub(super) fn set_params(
        &mut self,
        name: &Slug,
        params: &[(String, String)],
    ) -> Result<Option<Answer>> {
        let began = std::time::Instant::now();
        let row = self.lockstep.desk.bots().find(|row| row.name == *name).cloned();
        let place = row
            .as_ref()
            .and_then(|row| self.lockstep.bots.iter().position(|bot| bot.sleeve == row.sleeve));
        let (Some(mut row), Some(place)) = (row, place) else {
            return Ok(None);
        };
        let before = (row.digest.clone(), row.generation);
        let old = row.params.clone();
        for (name, value) in params {
            match row.params.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.clone_from(value),
                None => row.params.push((name.clone(), value.clone())),
            }
        }
        let kept = |cause: String| {
            let message = format!(
                "the parameters were not taken, the bot goes on with the old ones: {cause}"
            );
            Ok(Some(Answer::Failed { message }))
        };
        let state = match self.lockstep.bots[place].save() {
            Ok(state) => state,
            Err(strike) => {
                let (run, cause) = (self.lockstep.bots[place].run(), strike.to_string());
                let report = BotReport::Strike { generation: before.1, run, cause };
                self.lockstep.put(Event::Bot { sleeve: row.sleeve, report })?;
                return kept(strike.to_string());
            }
        };
        let made = match self.lockstep.make(&mut *self.maker, &row, Some(&state)) {
            Ok(made) if made.digest == before.0 => made,
            Ok(_) => return kept("its file has another version: reload it first".to_owned()),
            Err(error) => return kept(format!("{error:#}")),
        };
        let pause_ns = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let (sleeve, generation) = (row.sleeve, before.1 + 1);
        let digest = made.digest.as_str().into();
        let former = Former::Params(old);
        self.lockstep.bots[place].replace(made.guest, generation, digest, former);
        let report = BotReport::Set { generation, params: row.params, pause_ns, given_back: None };
        self.lockstep.put(Event::Bot { sleeve, report })?;
        let pause_ms = Number(Decimal::new(pause_ns / 1_000, 3));
        let message = format!("bot {name} goes on with its new parameters, pause {pause_ms} ms");
        let (order, booked, known) = (None, None, None);
        let reply = Reply::Done { message, order, sleeve: Some(sleeve), booked, known };
        Ok(Some(Answer::Reply(reply)))
    }

    /// Puts what the bots wrote into their files.
    pub(super) fn keep_logs(&mut self) {
        let at = At(self.lockstep.now().market.0);
        for bot in &mut self.lockstep.bots {
            if bot.log.is_empty() {
                continue;
            }
            let Some(row) = self.lockstep.desk.bot(bot.sleeve) else {
                continue;
            };
            let path = self.opening.settings.bot_log(row.name.as_str());
            let mut text = Vec::new();
            for line in bot.log.drain(..) {
                // Writing into memory can't fail.
                let level = format!("{:?}", line.level).to_lowercase();
                let _ = writeln!(text, "{at} {level} {}", line.text);
            }
            if let Err(error) = append(&path, &text) {
                // A full log disk is no reason to stop trading.
                tracing::warn!(%error, bot = %row.name, "log lines are lost");
            }
        }
    }
}

fn append(path: &std::path::Path, text: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(text)
}
