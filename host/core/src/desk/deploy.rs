//! Deployments of bots by people: deploy, set, start, stop, release, remove.

use super::command::{Outcome, done, join, not_allowed, not_found};
use super::effect::{Action, Effects};
use super::event::{Command, Reply};
use super::state::Desk;
use crate::id::{SleeveId, Slug, Symbol};
use crate::ledger::LotMethod;
use crate::limits;
use crate::risk::Refusal;
use crate::row::{BotRow, BotState, SleeveKind};

impl Desk {
    pub(super) fn deploy(&mut self, command: &Command, out: &mut Effects) -> Outcome {
        let Command::BotDeploy {
            name,
            sleeve,
            capital,
            plugin,
            digest,
            version,
            params,
            symbols,
            seed,
        } = command
        else {
            unreachable!("called for BotDeploy alone")
        };
        if symbols.is_empty() || symbols.len() > limits::SYMBOLS_PER_BOT_MAX {
            let why = format!("it needs 1 to {} symbols", limits::SYMBOLS_PER_BOT_MAX);
            return Err(not_allowed("bot", name, &why));
        }
        if self.bots.values().any(|b| b.name == *name && b.state != BotState::Retired) {
            return Err(Refusal::Exists { what: "bot".to_owned(), name: name.to_string() });
        }
        self.check_symbols(symbols)?;
        let id = match sleeve {
            None => self.create_sleeve(name, SleeveKind::Bot, *capital, LotMethod::Fifo, out)?,
            Some(sleeve) => {
                let id = self.named(sleeve)?;
                let taken = self.bots.get(&id).is_some_and(|b| b.state != BotState::Retired);
                if taken || !self.sleeves[&id].is_flat() {
                    return Err(not_allowed(
                        "sleeve",
                        sleeve,
                        "it has a bot, positions or open orders",
                    ));
                }
                if capital.is_positive() {
                    self.add_capital(sleeve, *capital, out)?;
                }
                self.sleeve_mut(id).row.kind = SleeveKind::Bot;
                id
            }
        };
        let sleeve = self.sleeve_mut(id);
        sleeve.row.controls.symbols = Some(symbols.clone());
        sleeve.forget_controls();
        let generation = self.bots.get(&id).map_or(0, |b| b.generation);
        let bot = BotRow {
            sleeve: id,
            name: name.clone(),
            plugin: plugin.clone(),
            digest: digest.clone(),
            version: version.clone(),
            params: params.clone(),
            symbols: symbols.clone(),
            seed: *seed,
            generation,
            state: BotState::Loading,
            state_reason: None,
            strikes: Vec::new(),
            suspended_until: None,
            created_at: self.now.market,
            rejected: Vec::new(),
        };
        self.bots.insert(id, bot);
        self.touched.bots.insert(id);
        self.bot_event(
            id,
            generation,
            "deployed",
            format!("plugin {plugin} version {version}"),
            out,
        );
        if self.is_ready() {
            self.start_bot(id, "deployed", out);
        }
        let message = format!("bot {name} has {capital} and trades {}", join(symbols));
        Ok(Reply::Done { message, order: None, sleeve: Some(id), booked: None, known: None })
    }

    /// A broker that was seen has said what it trades: a symbol that it did not name would be waited
    /// for in vain.
    fn check_symbols(&self, symbols: &[Symbol]) -> Result<(), Refusal> {
        if !self.account.has_broker || !self.is_ready() {
            return Ok(());
        }
        symbols.iter().try_for_each(|symbol| self.known(symbol).map(drop))
    }

    pub(super) fn bot_named(&self, name: &Slug) -> Result<SleeveId, Refusal> {
        let bot = self.bots.values().find(|b| b.name == *name && b.state != BotState::Retired);
        bot.map(|b| b.sleeve).ok_or_else(|| not_found("bot", name))
    }

    pub(super) fn set_params(
        &mut self,
        name: &Slug,
        params: &[(String, String)],
        out: &mut Effects,
    ) -> Outcome {
        let id = self.bot_named(name)?;
        let Some(bot) = self.bot_mut(id) else {
            return Err(not_found("bot", name));
        };
        for (key, value) in params {
            match bot.params.iter_mut().find(|(known, _)| known == key) {
                Some(pair) => pair.1.clone_from(value),
                None => bot.params.push((key.clone(), value.clone())),
            }
        }
        // One that a driver could not change in place starts anew.
        if matches!(bot.state, BotState::Running | BotState::Loading) {
            out.actions.push(Action::StopBot { sleeve: id });
            self.start_bot(id, "parameters changed", out);
        }
        Ok(done(format!("bot {name} has new parameters")))
    }

    pub(super) fn bot_start(&mut self, name: &Slug, release: bool, out: &mut Effects) -> Outcome {
        let id = self.bot_named(name)?;
        let state = self.bots[&id].state;
        match state {
            BotState::Running | BotState::Loading => {
                return Err(not_allowed("bot", name, "it runs already"));
            }
            BotState::Quarantined if !release => {
                return Err(not_allowed("bot", name, "it is in quarantine: stockade bot release"));
            }
            BotState::Stopped | BotState::Suspended if release => {
                return Err(not_allowed("bot", name, "it is not in quarantine"));
            }
            _ => {}
        }
        if let Some(bot) = self.bot_mut(id) {
            bot.strikes.clear();
        }
        self.start_bot(id, if release { "released" } else { "started by a person" }, out);
        let generation = self.bots[&id].generation;
        let kind = if release { "released" } else { "starting" };
        self.bot_event(id, generation, kind, "by a person".to_owned(), out);
        Ok(done(format!("bot {name} starts")))
    }

    pub(super) fn bot_stop(&mut self, name: &Slug, state: BotState, out: &mut Effects) -> Outcome {
        let id = self.bot_named(name)?;
        if state == BotState::Retired {
            if !self.sleeves[&id].is_flat() {
                let why = "its sleeve has positions or open orders";
                return Err(not_allowed("bot", name, why));
            }
            self.sleeve_mut(id).row.kind = SleeveKind::Hand;
        }
        if self.bots[&id].state == state {
            return Err(not_allowed("bot", name, "it is stopped already"));
        }
        self.set_bot_state(id, state, Some("by a person"));
        let generation = self.bots[&id].generation;
        let (kind, text) = match state {
            BotState::Retired => ("retired", "removed; its sleeve stays, traded by hand"),
            _ => ("stopped", "by a person"),
        };
        self.bot_event(id, generation, kind, text.to_owned(), out);
        out.actions.push(Action::StopBot { sleeve: id });
        Ok(done(format!("bot {name} is {kind}")))
    }
}
