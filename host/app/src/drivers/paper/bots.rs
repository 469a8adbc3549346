//! The bots of a replay: made, brought up to date, put to work, replaced by a newer version.

use std::io::Write;

use anyhow::{Result, anyhow};
use rust_decimal::Decimal;
use stockade_core::desk::{BotReport, Event, OrderUpdate};
use stockade_core::{Qty, SleeveId, Slug};
use stockade_store::query::{At, Number};

use super::guests::{self, Made};
use super::session::Session;
use crate::drivers::lockstep::LocalBot;
use crate::link::{Answer, HostReply, ReloadReport};

impl Session {
    /// Puts a bot to work from the next time stamp on.
    pub(super) fn start_bot(&mut self, sleeve: SleeveId, generation: u64) -> Result<()> {
        self.lockstep.bots.retain(|bot| bot.sleeve != sleeve);
        let (bot, version) = match self.instance(sleeve, generation) {
            Ok(made) => made,
            Err(error) => {
                let report = BotReport::Failed { generation, cause: format!("{error:#}") };
                return self.lockstep.put(Event::Bot { sleeve, report });
            }
        };
        let digest = bot.digest.to_string();
        let known = self.lockstep.desk.bot(sleeve).map(|row| row.digest.clone());
        // In the order of the sleeves, so that a restart asks the bots in the same order.
        let place = self.lockstep.bots.partition_point(|other| other.sleeve < sleeve);
        self.lockstep.bots.insert(place, bot);
        self.lockstep.put(Event::Bot { sleeve, report: BotReport::Ready { generation } })?;
        if known.is_some_and(|known| known != digest) {
            // The file was replaced since the bot was deployed.
            let generation = generation + 1;
            self.lockstep.bots[place].generation = generation;
            let report = BotReport::Reloaded { generation, digest, version, pause_ns: 0 };
            self.lockstep.put(Event::Bot { sleeve, report })?;
        }
        if self.place > 0 {
            for update in self.standing_orders(sleeve) {
                self.lockstep.bots[place].notify(update);
            }
        }
        Ok(())
    }

    /// Makes an instance and brings it up to the next time stamp.
    fn instance(&mut self, sleeve: SleeveId, generation: u64) -> Result<(LocalBot, String)> {
        let desk = &self.lockstep.desk;
        let row = desk.bot(sleeve).cloned().ok_or_else(|| anyhow!("sleeve {sleeve} has no bot"))?;
        let ids = guests::wanted(desk, &row);
        let loading = self.opening.store.snapshot_load(self.opening.label.as_str(), sleeve);
        let state = self.opening.runtime.block_on(loading)?;
        let bytes = state.as_ref().map(|state| state.bytes.as_slice());
        let Made { mut guest, digest, version, warm_up_bars } =
            self.maker.make(&row, guests::instruments(desk, &ids), bytes)?;
        let from = match &state {
            Some(state) => guests::groups_until(&self.market, state.at),
            None => guests::first_group(&self.market, row.created_at, &ids, warm_up_bars),
        };
        guests::catch_up(
            &mut *guest,
            from..self.place.max(from),
            &ids,
            &self.market,
            desk,
            sleeve,
        )?;
        let bot = LocalBot::new(sleeve, generation, digest.into(), guest, ids, &self.market);
        Ok((bot.keeping_from(self.place.max(from)), version))
    }

    /// The present orders of a sleeve: the end of catching up.
    fn standing_orders(&self, sleeve: SleeveId) -> Vec<OrderUpdate> {
        let desk = &self.lockstep.desk;
        let orders = desk.open_orders().filter(|order| order.sleeve == sleeve);
        let update = |order: &stockade_core::row::OrderRow| OrderUpdate {
            intent_id: order.intent_id,
            symbol: order.symbol.clone(),
            side: order.side,
            status: Some(order.status),
            reason: order.end_reason.clone(),
            filled_qty: order.filled_qty,
            last_qty: Qty::ZERO,
            last_price: None,
            at: desk.now().market,
        };
        orders.map(update).collect()
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
        let ids = guests::wanted(&self.lockstep.desk, &row);
        let made =
            self.maker.make(&row, guests::instruments(&self.lockstep.desk, &ids), Some(&state));
        let made = match made {
            Ok(made) => made,
            Err(error) => {
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
            self.lockstep.bots[place].replace(made.guest, generation, made.digest.as_str().into());
            let report = BotReport::Reloaded {
                generation,
                digest: made.digest,
                version: made.version,
                pause_ns,
            };
            self.lockstep.put(Event::Bot { sleeve: row.sleeve, report })?;
        }
        let report = ReloadReport { bot: name.to_string(), from, to, pause_ms, dry_run };
        Ok(Answer::Host(HostReply::Reloaded(report)))
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
