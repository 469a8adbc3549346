//! What people ask of a replay, and what the desk leaves to its driver.

use anyhow::{Result, bail};
use stockade_core::desk::Command;
use stockade_store::query::Number;

use super::session::Session;
use crate::drivers::base;
use crate::drivers::live::comparison;
use crate::drivers::lockstep::Note;
use crate::link::{AccountHealth, Answer, HostReply, HostRequest, Task};

impl Session {
    /// Answers a request. What it changes is committed before.
    pub(super) fn answer(&mut self, task: Task) -> Result<Answer> {
        let reply = match task {
            Task::Command(command) => self.on_command(*command)?,
            Task::Host(HostRequest::Health) => {
                Answer::Host(HostReply::Health { accounts: vec![self.health()] })
            }
            Task::Host(HostRequest::Bots { .. }) => Answer::Failed {
                message:
                    "a replay in lockstep counts nothing of its bots: they all run in one thread"
                        .to_owned(),
            },
            Task::Host(HostRequest::Reconcile) => {
                self.compare()?;
                let compared = comparison::of(&self.lockstep.desk, self.opening.label.as_str());
                Answer::Host(HostReply::Compared(compared))
            }
            Task::Host(HostRequest::Shadow { .. }) => Answer::Failed {
                message: "a replay in lockstep has no shadow: all of it is simulated; deploy the bot without --shadow, or \
                          replay with stockade exchange and run against that"
                    .to_owned(),
            },
            Task::Host(HostRequest::Trust) => self.on_trust()?,
            Task::Host(HostRequest::Reload { bot, dry_run, .. }) => self.reload(&bot, dry_run)?,
        };
        self.heed_notes()?;
        Ok(reply)
    }

    /// Keys or bans have changed: what is banned stops.
    fn on_trust(&mut self) -> Result<Answer> {
        let trust = match self.opening.settings.trust(false) {
            Ok(trust) => trust,
            Err(failure) => return Ok(Answer::Failed { message: failure.to_string() }),
        };
        let names = base::bots_that_run(&self.lockstep.desk, &trust.banned);
        self.maker.trust(trust);
        let mut stopped = Vec::new();
        for name in names {
            stopped.push(name.to_string());
            self.lockstep.command(Command::BotStop { name })?;
        }
        Ok(Answer::Host(HostReply::Trusted { stopped }))
    }

    fn on_command(&mut self, command: Command) -> Result<Answer> {
        if let Command::BotSet { name, params } = &command
            && let Some(answer) = self.set_params(name, params)?
        {
            return Ok(answer);
        }
        let named: &[stockade_core::Symbol] = match &command {
            Command::BotDeploy { symbols, .. } => symbols,
            Command::OrderSubmit { intent, .. } => std::slice::from_ref(&intent.symbol),
            _ => &[],
        };
        if let Some(symbol) = named.iter().find(|symbol| !self.market.symbols.contains(symbol)) {
            return Ok(Answer::Failed {
                message: format!("the replayed files hold no bars of {symbol}"),
            });
        }
        Ok(Answer::Reply(self.lockstep.command(command)?))
    }

    fn health(&self) -> AccountHealth {
        let (desk, account) = (&self.lockstep.desk, self.lockstep.exchange.account());
        AccountHealth {
            account: self.opening.label.to_string(),
            ready: desk.is_ready(),
            limited: (!desk.is_ready()).then(|| "the account is being compared".to_owned()),
            account_stream: true,
            data_stream: true,
            latency_ms: None,
            cash: Some(Number(account.cash)),
            buying_power: Some(Number(account.buying_power)),
        }
    }

    /// Does what the desk has left to its driver.
    pub(super) fn heed_notes(&mut self) -> Result<()> {
        loop {
            let notes = std::mem::take(&mut self.lockstep.notes);
            if notes.is_empty() {
                break;
            }
            for note in notes {
                match note {
                    Note::StartBot(sleeve, generation) => self.start_bot(sleeve, generation)?,
                    Note::Refuse(why) => bail!("{why}"),
                    Note::Alert(severity, message) => match severity.as_str() {
                        "serious" => tracing::error!(account = %self.opening.label, "{message}"),
                        _ => tracing::warn!(account = %self.opening.label, "{message}"),
                    },
                }
            }
        }
        self.keep_logs();
        Ok(())
    }
}
