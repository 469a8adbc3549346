//! Putting a new version in the place of a running bot, between two calls.

use crate::bot::{Bot, BotConfig, BotError};
use crate::plugin::Plugin;
use crate::snapshot::Snapshot;

/// The new version runs. The old instance is kept as it was at the swap, for a roll-back.
#[derive(Debug)]
pub struct Reloaded {
    /// The new version, with the old one's state.
    pub bot: Bot,
    /// The old one.
    pub previous: Bot,
    /// Its state at the swap.
    pub snapshot: Snapshot,
}

/// The new version was not taken.
#[derive(Debug)]
pub struct Kept {
    /// The old one. It runs on, unless its own `save` struck it: then it is no longer alive and
    /// the cause says so.
    pub bot: Bot,
    /// Why.
    pub cause: BotError,
}

/// Makes a shadow of the new version, then swaps. The new plugin is verified and compiled already;
/// nothing about orders and lots moves, since they are the sleeve's.
#[expect(clippy::result_large_err, reason = "both ways carry a bot; once a reload")]
pub fn reload(old: Bot, new: &Plugin, config: BotConfig) -> Result<Reloaded, Kept> {
    match Bot::start(new, config) {
        Ok(shadow) => swap(old, shadow),
        Err(cause) => Err(Kept { bot: old, cause }),
    }
}

/// Saves the old bot and gives its state to a shadow that has seen nothing yet: the only part of a
/// reload that events have to wait for.
#[expect(clippy::result_large_err, reason = "both ways carry a bot; once a reload")]
pub fn swap(mut old: Bot, mut shadow: Bot) -> Result<Reloaded, Kept> {
    let snapshot = match old.save() {
        Ok(snapshot) => snapshot,
        Err(strike) => return Err(Kept { bot: old, cause: strike.into() }),
    };
    match shadow.restore(&snapshot) {
        Ok(()) => Ok(Reloaded { bot: shadow, previous: old, snapshot }),
        Err(strike) => Err(Kept { bot: old, cause: strike.into() }),
    }
}
