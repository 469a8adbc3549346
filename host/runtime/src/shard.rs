//! Threads that own bots and run their calls.
//!
//! A bot lives on one thread; commands go in, replies come out, both through bounded channels.
//! Sending a command never waits: a full queue is an error that the caller answers by keeping the
//! events. A panic of the host on a shard ends that thread and is reported as
//! [`ShardReply::Died`]; whoever drives the pool must end the process then.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use stockade_core::SleeveId;
use tokio::sync::mpsc::Sender;

use crate::bot::Bot;
use crate::call::{Call, Cause, Strike};
use crate::reload::reload;
use crate::shard_message::{OwnedCall, ShardError, ShardReply, StartRequest};

/// Commands that a shard has not looked at yet, at most: several for each bot that fits on it.
const COMMANDS_MAX: usize = 8_192;
/// Native stack of a shard: a bot's own, and the host's below it.
const STACK_BYTES: usize = 4 << 20;

enum Command {
    Start(Box<StartRequest>),
    Call {
        sleeve: SleeveId,
        generation: u64,
        call: Box<OwnedCall>,
    },
    Save {
        sleeve: SleeveId,
        generation: u64,
    },
    Reload(Box<StartRequest>),
    RollBack {
        sleeve: SleeveId,
        generation: u64,
    },
    Confirm {
        sleeve: SleeveId,
    },
    Stop {
        sleeve: SleeveId,
    },
}

/// The shards.
#[derive(Debug)]
pub struct ShardPool {
    shards: Vec<Shard>,
    homes: HashMap<SleeveId, usize>,
}

#[derive(Debug)]
struct Shard {
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
    bots: usize,
}

impl ShardPool {
    /// Starts `threads` shards (at least one). Replies go to `replies`.
    pub fn new(threads: usize, replies: &Sender<ShardReply>) -> Result<Self, ShardError> {
        let mut shards = Vec::with_capacity(threads.max(1));
        for shard in 0..threads.max(1) {
            let (commands, inbox) = sync_channel(COMMANDS_MAX);
            let worker = Worker {
                shard,
                replies: replies.clone(),
                bots: HashMap::new(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("shard-{shard}"))
                .stack_size(STACK_BYTES)
                .spawn(move || worker.run(&inbox))
                .map_err(|error| ShardError::Thread {
                    shard,
                    message: error.to_string(),
                })?;
            shards.push(Shard {
                commands: Some(commands),
                thread: Some(thread),
                bots: 0,
            });
        }
        Ok(Self {
            shards,
            homes: HashMap::new(),
        })
    }

    /// Makes an instance, in the place of the sleeve's old one. Answer: `Started` or `Failed`.
    pub fn start(&mut self, request: StartRequest) -> Result<(), ShardError> {
        let sleeve = request.sleeve;
        let home = match self.homes.get(&sleeve) {
            Some(home) => *home,
            None => {
                let least = self
                    .shards
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, shard)| shard.bots);
                least.map_or(0, |(index, _)| index)
            }
        };
        self.send(home, Command::Start(Box::new(request)))?;
        if self.homes.insert(sleeve, home).is_none() {
            self.shards[home].bots += 1;
        }
        Ok(())
    }

    /// Hands over events. Answer: `Called`, `Struck` or `Stale`.
    pub fn call(
        &self,
        sleeve: SleeveId,
        generation: u64,
        call: OwnedCall,
    ) -> Result<(), ShardError> {
        self.to(
            sleeve,
            Command::Call {
                sleeve,
                generation,
                call: Box::new(call),
            },
        )
    }

    /// Asks for the state. Answer: `Saved`, `Struck` or `Stale`.
    pub fn save(&self, sleeve: SleeveId, generation: u64) -> Result<(), ShardError> {
        self.to(sleeve, Command::Save { sleeve, generation })
    }

    /// Puts a new version in the place of the running instance. Answer: `Reloaded`, `Kept`, or
    /// `Stale` when there is no instance to take the state of.
    pub fn reload(&self, request: StartRequest) -> Result<(), ShardError> {
        self.to(request.sleeve, Command::Reload(Box::new(request)))
    }

    /// Puts the instance from before the last reload to work again, as `generation`. Answer:
    /// `RolledBack`, or `Stale` when there is none.
    pub fn roll_back(&self, sleeve: SleeveId, generation: u64) -> Result<(), ShardError> {
        self.to(sleeve, Command::RollBack { sleeve, generation })
    }

    /// Ends the roll-back window: the instance from before the last reload goes. No answer.
    pub fn confirm(&self, sleeve: SleeveId) -> Result<(), ShardError> {
        self.to(sleeve, Command::Confirm { sleeve })
    }

    /// Drops the sleeve's instances. No answer; what is still waiting before it is done first.
    pub fn stop(&mut self, sleeve: SleeveId) -> Result<(), ShardError> {
        self.to(sleeve, Command::Stop { sleeve })?;
        if let Some(home) = self.homes.remove(&sleeve) {
            self.shards[home].bots -= 1;
        }
        Ok(())
    }

    fn to(&self, sleeve: SleeveId, command: Command) -> Result<(), ShardError> {
        let home = self
            .homes
            .get(&sleeve)
            .ok_or(ShardError::Unknown { sleeve })?;
        self.send(*home, command)
    }

    fn send(&self, shard: usize, command: Command) -> Result<(), ShardError> {
        let commands = self.shards[shard]
            .commands
            .as_ref()
            .ok_or(ShardError::Ended { shard })?;
        commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => ShardError::Full {
                shard,
                allowed: COMMANDS_MAX,
            },
            TrySendError::Disconnected(_) => ShardError::Ended { shard },
        })
    }
}

impl Drop for ShardPool {
    /// Lets each shard finish what is waiting, and waits for it. The receiver of the replies must
    /// still be read, or be dropped before.
    fn drop(&mut self) {
        for shard in &mut self.shards {
            shard.commands = None;
        }
        for shard in &mut self.shards {
            if let Some(thread) = shard.thread.take()
                && thread.join().is_err()
            {
                // Reported as `Died` already.
                tracing::error!("a shard ended with a panic of the host");
            }
        }
    }
}

/// Reports the end of a shard that a panic ends.
struct Sentinel {
    shard: usize,
    replies: Sender<ShardReply>,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self
                .replies
                .blocking_send(ShardReply::Died { shard: self.shard });
        }
    }
}

struct Seat {
    generation: u64,
    bot: Bot,
    previous: Option<Bot>,
}

struct Worker {
    shard: usize,
    replies: Sender<ShardReply>,
    bots: HashMap<SleeveId, Seat>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Command>) {
        let _sentinel = Sentinel {
            shard: self.shard,
            replies: self.replies.clone(),
        };
        while let Ok(command) = inbox.recv() {
            if let Some(reply) = self.perform(command)
                && self.replies.blocking_send(reply).is_err()
            {
                // Nobody listens any more: the host ends.
                return;
            }
        }
    }

    fn perform(&mut self, command: Command) -> Option<ShardReply> {
        match command {
            Command::Start(request) => Some(self.start(*request)),
            Command::Call {
                sleeve,
                generation,
                call,
            } => Some(self.call(sleeve, generation, &call)),
            Command::Save { sleeve, generation } => Some(self.save(sleeve, generation)),
            Command::Reload(request) => Some(self.reload(*request)),
            Command::RollBack { sleeve, generation } => Some(self.roll_back(sleeve, generation)),
            Command::Confirm { sleeve } => {
                if let Some(seat) = self.bots.get_mut(&sleeve) {
                    seat.previous = None;
                }
                None
            }
            Command::Stop { sleeve } => {
                self.bots.remove(&sleeve);
                None
            }
        }
    }

    fn start(&mut self, request: StartRequest) -> ShardReply {
        let StartRequest {
            sleeve,
            generation,
            plugin,
            config,
            snapshot,
        } = request;
        let begin = Instant::now();
        self.bots.remove(&sleeve);
        let made = Bot::start(&plugin, config).and_then(|mut bot| {
            if let Some(snapshot) = &snapshot {
                bot.restore(snapshot)?;
            }
            Ok(bot)
        });
        match made {
            Ok(mut bot) => {
                let logs = bot.take_start_logs();
                self.bots.insert(
                    sleeve,
                    Seat {
                        generation,
                        bot,
                        previous: None,
                    },
                );
                ShardReply::Started {
                    sleeve,
                    generation,
                    logs,
                    took: begin.elapsed(),
                }
            }
            Err(error) => ShardReply::Failed {
                sleeve,
                generation,
                error,
            },
        }
    }

    fn seat(&mut self, sleeve: SleeveId, generation: u64) -> Option<&mut Seat> {
        self.bots
            .get_mut(&sleeve)
            .filter(|seat| seat.generation == generation)
    }

    fn call(&mut self, sleeve: SleeveId, generation: u64, call: &OwnedCall) -> ShardReply {
        let Some(seat) = self.seat(sleeve, generation) else {
            return ShardReply::Stale { sleeve, generation };
        };
        let begin = Instant::now();
        let borrowed = Call {
            events: call.events.as_events(),
            warm_up: call.warm_up,
            view: &call.view,
            prices: &*call.prices,
            now: call.now,
        };
        let called = seat.bot.call(&borrowed).and_then(|outcome| {
            let save = call.save && !outcome.requests.is_empty();
            let snapshot = if save { Some(seat.bot.save()?) } else { None };
            Ok((outcome, snapshot))
        });
        match called {
            Ok((outcome, snapshot)) => {
                let took = begin.elapsed();
                ShardReply::Called {
                    sleeve,
                    generation,
                    outcome,
                    snapshot,
                    took,
                }
            }
            Err(strike) => ShardReply::Struck {
                sleeve,
                generation,
                strike,
            },
        }
    }

    fn save(&mut self, sleeve: SleeveId, generation: u64) -> ShardReply {
        let Some(seat) = self.seat(sleeve, generation) else {
            return ShardReply::Stale { sleeve, generation };
        };
        match seat.bot.save() {
            Ok(snapshot) => ShardReply::Saved {
                sleeve,
                generation,
                snapshot,
            },
            Err(strike) => ShardReply::Struck {
                sleeve,
                generation,
                strike,
            },
        }
    }

    fn reload(&mut self, request: StartRequest) -> ShardReply {
        let StartRequest {
            sleeve,
            generation,
            plugin,
            config,
            ..
        } = request;
        let begin = Instant::now();
        let Some(seat) = self.bots.remove(&sleeve).filter(|seat| seat.bot.is_alive()) else {
            return ShardReply::Stale { sleeve, generation };
        };
        let old = seat.generation;
        let (reply, seat) = match reload(seat.bot, &plugin, config) {
            Ok(done) => {
                let (digest, version) = (
                    plugin.digest().clone(),
                    plugin.description().version.clone(),
                );
                let pause = begin.elapsed();
                let reply = ShardReply::Reloaded {
                    sleeve,
                    generation,
                    digest,
                    version,
                    pause,
                };
                (
                    reply,
                    Seat {
                        generation,
                        bot: done.bot,
                        previous: Some(done.previous),
                    },
                )
            }
            Err(kept) => {
                let (alive, cause) = (kept.bot.is_alive(), kept.cause);
                let refused = plugin.digest().clone();
                let reply = ShardReply::Kept {
                    sleeve,
                    generation: old,
                    refused,
                    alive,
                    cause,
                };
                (
                    reply,
                    Seat {
                        generation: old,
                        bot: kept.bot,
                        previous: seat.previous,
                    },
                )
            }
        };
        self.bots.insert(sleeve, seat);
        reply
    }

    fn roll_back(&mut self, sleeve: SleeveId, generation: u64) -> ShardReply {
        let previous = self
            .bots
            .get_mut(&sleeve)
            .and_then(|seat| seat.previous.take());
        let Some(bot) = previous else {
            return ShardReply::Stale { sleeve, generation };
        };
        let (digest, version) = (
            bot.plugin().digest().clone(),
            bot.plugin().description().version.clone(),
        );
        self.bots.insert(
            sleeve,
            Seat {
                generation,
                bot,
                previous: None,
            },
        );
        ShardReply::RolledBack {
            sleeve,
            generation,
            digest,
            version,
        }
    }
}

impl From<Cause> for Strike {
    fn from(cause: Cause) -> Self {
        Self::of(cause)
    }
}
