//! Bots: their states, strikes and back-off. The instances themselves live in the runtime.

use super::effect::{Action, Effects};
use super::event::{BotReport, GoodRun, Notice};
use super::state::Desk;
use crate::id::SleeveId;
use crate::limits;
use crate::row::{BotRow, BotState, Row, SnapshotRow};

impl Desk {
    pub(super) fn on_bot(&mut self, id: SleeveId, report: &BotReport, out: &mut Effects) {
        let Some(bot) = self.bots.get(&id) else {
            return;
        };
        let present = bot.generation;
        match report {
            BotReport::Ready { generation } => {
                if *generation == present && bot.state == BotState::Loading {
                    self.set_bot_state(id, BotState::Running, None);
                    self.bot_event(id, present, "started", "gets events".to_owned(), out);
                }
            }
            BotReport::Strike { generation, run, cause } => {
                if *generation == present {
                    self.strike(id, *run, cause, out);
                }
            }
            BotReport::Failed { generation, cause } => {
                if *generation == present {
                    self.strike(id, GoodRun::default(), cause, out);
                }
            }
            BotReport::Reloaded { generation, digest, version, pause_ns } => {
                if *generation > present {
                    let old = bot.digest.clone();
                    let message = format!(
                        "{} to {} (version {version}), pause {} us",
                        short(&old),
                        short(digest),
                        pause_ns / 1_000
                    );
                    self.take_version(id, *generation, digest, version);
                    if let Some(bot) = self.bot_mut(id) {
                        bot.rejected.retain(|other| other != digest);
                    }
                    self.bot_event(id, *generation, "reloaded", message, out);
                }
            }
            BotReport::Set { generation, params, pause_ns, given_back } => {
                if *generation > present {
                    let changed = changed(&bot.params, params);
                    if let Some(bot) = self.bot_mut(id) {
                        bot.generation = *generation;
                        bot.params.clone_from(params);
                    }
                    let (kind, message) = match given_back {
                        None => ("parameters", format!("{changed}, pause {} us", pause_ns / 1_000)),
                        Some(cause) => ("parameters_back", format!("{changed} again: {cause}")),
                    };
                    self.bot_event(id, *generation, kind, message, out);
                }
            }
            BotReport::RolledBack { generation, digest, version, refused_digest, cause } => {
                if *generation >= present {
                    self.take_version(id, *generation, digest, version);
                }
                self.reject(id, refused_digest);
                let message = format!("{} not taken: {cause}", short(refused_digest));
                let bot = self.bots.get(&id).map_or(present, |bot| bot.generation);
                self.bot_event(id, bot, "rolled_back", message, out);
            }
            BotReport::Noted { generation, notice, message } => {
                let name = bot.name.clone();
                self.bot_event(id, *generation, notice.as_str(), message.clone(), out);
                if matches!(notice, Notice::Limit | Notice::Rejected) {
                    Self::alert(out, "warning", format!("bot {name}: {message}"));
                }
            }
            BotReport::Saved { generation, digest, bytes, at } => {
                if *generation == present {
                    let (digest, bytes) = (digest.clone(), bytes.to_vec());
                    out.rows.push(Row::Snapshot(SnapshotRow {
                        sleeve: id,
                        digest,
                        at: *at,
                        bytes,
                    }));
                }
            }
        }
    }

    /// Remembers a version that was not taken. Bytes that could not even be read have no digest.
    fn reject(&mut self, id: SleeveId, digest: &str) {
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let known = |bot: &BotRow| bot.rejected.last().is_some_and(|last| last == digest);
        if !is_digest || self.bots.get(&id).is_none_or(known) {
            return;
        }
        if let Some(bot) = self.bot_mut(id) {
            bot.rejected.retain(|other| other != digest);
            bot.rejected.push(digest.to_owned());
            let over = bot.rejected.len().saturating_sub(limits::REJECTED_VERSIONS_MAX);
            bot.rejected.drain(..over);
        }
    }

    fn take_version(&mut self, id: SleeveId, generation: u64, digest: &str, version: &str) {
        if let Some(bot) = self.bot_mut(id) {
            bot.generation = generation;
            bot.digest = digest.to_owned();
            bot.version = version.to_owned();
        }
    }

    pub(super) fn set_bot_state(&mut self, id: SleeveId, state: BotState, why: Option<&str>) {
        if let Some(bot) = self.bot_mut(id) {
            bot.state = state;
            bot.state_reason = why.map(str::to_owned);
        }
    }

    /// A strike: back off, or quarantine at the last one. Its batch is void already; what it
    /// reserved was never committed. Only a good run of the instance forgives earlier strikes: time
    /// that passed while nothing was handled says nothing about the bot.
    fn strike(&mut self, id: SleeveId, run: GoodRun, cause: &str, out: &mut Effects) {
        let market = self.now.market;
        let Some(bot) = self.bot_mut(id) else { return };
        if !matches!(bot.state, BotState::Running | BotState::Loading) {
            return;
        }
        if run.forgives() {
            bot.strikes.clear();
        }
        bot.strikes.push(market);
        let count = u32::try_from(bot.strikes.len()).unwrap_or(u32::MAX);
        let generation = bot.generation;
        bot.state_reason = Some(cause.to_owned());
        let (kind, message) = if count >= limits::STRIKES_MAX {
            bot.state = BotState::Quarantined;
            ("quarantined", format!("strike {count} of {}: {cause}", limits::STRIKES_MAX))
        } else {
            let wait = limits::BACKOFF_MIN_NS << (count - 1).min(10);
            bot.state = BotState::Suspended;
            bot.suspended_until = Some(market.plus(wait.min(limits::BACKOFF_MAX_NS)));
            ("suspended", format!("strike {count} of {}: {cause}", limits::STRIKES_MAX))
        };
        let name = bot.name.clone();
        self.bot_event(id, generation, kind, message.clone(), out);
        out.actions.push(Action::StopBot { sleeve: id });
        Self::alert(out, "warning", format!("bot {name} is {kind}: {message}"));
    }
}

/// Those of the new parameters that differ, in words.
fn changed(old: &[(String, String)], new: &[(String, String)]) -> String {
    let differs = new.iter().filter(|pair| !old.contains(pair));
    let told: Vec<String> = differs.map(|(name, value)| format!("{name} is {value}")).collect();
    if told.is_empty() { "nothing differs".to_owned() } else { told.join(", ") }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
