//! The loop as a host: it waits for a bot, replays, answers people between two time stamps, and
//! ends when it is told to or when it may.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use stockade_core::desk::Event;
use stockade_core::row::BotState;
use tokio::sync::mpsc;

use super::Incoming;
use super::session::Session;
use crate::cli::screen;

/// A replay begins once no command has come for this long, so that several bots can be deployed
/// before its first bar.
const QUIET: Duration = Duration::from_secs(2);

impl Session {
    /// Replays to the end, then ends or serves on. Gives how it went.
    pub(super) fn run(
        mut self,
        mut inputs: mpsc::Receiver<Incoming>,
        until_end: bool,
    ) -> Result<()> {
        let outcome = self.replay(&mut inputs, until_end);
        // A desk whose commit failed has nothing more to say.
        let ended = if outcome.is_ok() {
            self.lockstep.put(Event::Sample { session_close: None })
        } else {
            Ok(())
        };
        let Self { lockstep, opening, .. } = self;
        opening.runtime.block_on(lockstep.sink.writer.close());
        outcome.and(ended)
    }

    fn replay(&mut self, inputs: &mut mpsc::Receiver<Incoming>, until_end: bool) -> Result<()> {
        if self.place < self.market.len() && !self.wait_for_bots(inputs)? {
            return Ok(());
        }
        while self.place < self.market.len() {
            while let Ok(incoming) = inputs.try_recv() {
                if !self.take(incoming)? {
                    return Ok(());
                }
            }
            self.tick()?;
        }
        self.finish()?;
        if until_end {
            return Ok(());
        }
        screen::note("the replay has ended; commands are still served, ctrl-C ends the host");
        while let Some(incoming) = inputs.blocking_recv() {
            if !self.take(incoming)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Serves commands until a bot runs and no more come. `false`: told to end.
    fn wait_for_bots(&mut self, inputs: &mut mpsc::Receiver<Incoming>) -> Result<bool> {
        if self.is_any_running() && self.matched {
            return Ok(true);
        }
        if !self.is_any_running() {
            screen::note(&format!(
                "the replay of {} time stamps waits for its first bot: stockade bot deploy NAME --plugin P --capital \
                 AMOUNT --symbols {}",
                self.market.len() - self.place,
                self.market
                    .symbols
                    .iter()
                    .map(|symbol| symbol.as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            ));
        }
        let mut heard = Instant::now();
        loop {
            let left = QUIET.saturating_sub(heard.elapsed());
            if self.is_any_running() && left.is_zero() {
                return Ok(true);
            }
            let wait = if self.is_any_running() { left } else { Duration::from_secs(3600) };
            let next = self
                .opening
                .runtime
                .block_on(async { tokio::time::timeout(wait, inputs.recv()).await });
            match next {
                Ok(Some(incoming)) => {
                    if !self.take(incoming)? {
                        return Ok(false);
                    }
                    heard = Instant::now();
                }
                Ok(None) => return Ok(false),
                Err(_elapsed) => {}
            }
        }
    }

    fn is_any_running(&self) -> bool {
        self.lockstep.desk.bots().any(|bot| bot.state == BotState::Running)
    }

    /// One message from outside. `false`: it is time to end.
    fn take(&mut self, incoming: Incoming) -> Result<bool> {
        match incoming {
            Incoming::Stop => Ok(false),
            Incoming::LeaseLost(why) => {
                bail!("the lease of account {} is lost: {why}", self.opening.label)
            }
            Incoming::Folder(event) => {
                self.on_folder(event)?;
                Ok(true)
            }
            Incoming::Request(task, answer) => {
                let reply = self.answer(task)?;
                // A person who has gone away needs no answer.
                let _ = answer.send(reply);
                Ok(true)
            }
        }
    }
}
