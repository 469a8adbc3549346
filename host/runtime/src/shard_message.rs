//! What goes to a shard and what comes back.

use std::sync::Arc;
use std::time::Duration;

use stockade_core::sleeve::{Prices, SleeveView};
use stockade_core::{SleeveId, Timestamp};

use crate::bot::{BotConfig, BotError};
use crate::call::{Outcome, Strike};
use crate::events::OwnedEvents;
use crate::log::LogLine;
use crate::plugin::Plugin;
use crate::snapshot::Snapshot;

/// A handler call that can go to another thread.
pub struct OwnedCall {
    /// The events.
    pub events: OwnedEvents,
    /// Whether the past is replayed.
    pub warm_up: bool,
    /// The sleeve as the desk sees it.
    pub view: Arc<SleeveView>,
    /// Instruments and last prices.
    pub prices: Arc<dyn Prices + Send + Sync>,
    /// The market's time at which the last event is delivered.
    pub now: Timestamp,
    /// Whether to save the bot's state after a call that asked for something.
    pub save: bool,
}

/// What an instance is made of.
#[derive(Debug)]
pub struct StartRequest {
    /// Whose.
    pub sleeve: SleeveId,
    /// The instance's generation.
    pub generation: u64,
    /// What of.
    pub plugin: Plugin,
    /// How.
    pub config: BotConfig,
    /// The state to begin with. A reload takes it from the running instance.
    pub snapshot: Option<Snapshot>,
}

/// What a shard has to say.
#[derive(Debug)]
pub enum ShardReply {
    /// An instance is ready.
    Started {
        /// Whose.
        sleeve: SleeveId,
        /// Its generation.
        generation: u64,
        /// What it wrote while it started.
        logs: Vec<LogLine>,
        /// Machine time that it took.
        took: Duration,
    },
    /// No instance could be made.
    Failed {
        /// Whose.
        sleeve: SleeveId,
        /// The generation asked for.
        generation: u64,
        /// Why.
        error: BotError,
    },
    /// A call ended well.
    Called {
        /// Whose.
        sleeve: SleeveId,
        /// The instance's generation.
        generation: u64,
        /// What it came to.
        outcome: Outcome,
        /// The state after it, where something was asked for and saving was wanted.
        snapshot: Option<Snapshot>,
        /// Machine time that it took.
        took: Duration,
    },
    /// A call or a save ended badly; the instance is gone and what it asked for is void.
    Struck {
        /// Whose.
        sleeve: SleeveId,
        /// The instance's generation.
        generation: u64,
        /// Why.
        strike: Strike,
    },
    /// The state that was asked for.
    Saved {
        /// Whose.
        sleeve: SleeveId,
        /// The instance's generation.
        generation: u64,
        /// The state.
        snapshot: Snapshot,
    },
    /// A new version runs.
    Reloaded {
        /// Whose.
        sleeve: SleeveId,
        /// The new generation.
        generation: u64,
        /// The new digest.
        digest: Arc<str>,
        /// The new version.
        version: String,
        /// Machine time for which the bot got no events.
        pause: Duration,
    },
    /// A new version was not taken.
    Kept {
        /// Whose.
        sleeve: SleeveId,
        /// The generation that stays.
        generation: u64,
        /// The digest that was refused.
        refused: Arc<str>,
        /// Whether the old instance runs on; it does not if its own `save` ended badly.
        alive: bool,
        /// Why.
        cause: BotError,
    },
    /// The instance from before the last reload runs again, with its state of that time.
    RolledBack {
        /// Whose.
        sleeve: SleeveId,
        /// The generation that it has now.
        generation: u64,
        /// Its digest.
        digest: Arc<str>,
        /// Its version.
        version: String,
    },
    /// A command for an instance that is not there, or no longer. Nothing was done.
    Stale {
        /// Whose.
        sleeve: SleeveId,
        /// The generation that was meant.
        generation: u64,
    },
    /// The host itself failed on a shard. Its bots are gone; the process must end.
    Died {
        /// Which shard.
        shard: usize,
    },
}

/// Why a command was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The shard has too much to do.
    #[error("shard {shard} has {allowed} commands waiting: keep the events and try again")]
    Full {
        /// Which.
        shard: usize,
        /// How many can wait.
        allowed: usize,
    },
    /// The shard is gone.
    #[error("shard {shard} has ended")]
    Ended {
        /// Which.
        shard: usize,
    },
    /// No bot of this sleeve was started here.
    #[error("sleeve {sleeve} has no bot on any shard")]
    Unknown {
        /// Which.
        sleeve: SleeveId,
    },
    /// The system gave no thread.
    #[error("thread of shard {shard}: {message}")]
    Thread {
        /// Which.
        shard: usize,
        /// What the system says.
        message: String,
    },
}
