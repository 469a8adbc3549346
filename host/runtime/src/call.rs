//! One handler call: what goes in, what comes out, and what can go wrong.

use std::fmt;

use stockade_core::Timestamp;
use stockade_core::desk::BotRequest;
use stockade_core::sleeve::{Prices, SleeveView};

use crate::events::Events;
use crate::log::LogLine;

/// What a handler call carries.
pub struct Call<'a> {
    /// The events, one kind, in order. Market events must be of the bot's instruments.
    pub events: Events<'a>,
    /// Whether the past is replayed: intents are refused with `warm_up` and nothing is recorded.
    pub warm_up: bool,
    /// The sleeve as the desk sees it before the first event.
    pub view: &'a SleeveView,
    /// Instruments and last prices, for what the events themselves don't tell.
    pub prices: &'a dyn Prices,
    /// The market's time at which the last event is delivered.
    pub now: Timestamp,
}

/// What a handler call came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How many events were handled, from the first one. At least one of a list that is not empty.
    pub handled: u32,
    /// What was asked for, in order; every request belongs to the time stamp of the last handled
    /// event.
    pub requests: Vec<BotRequest>,
    /// What the bot wrote.
    pub logs: Vec<LogLine>,
    /// Lines beyond the limits.
    pub logs_dropped: u32,
    /// Instructions used.
    pub fuel_used: u64,
    /// Limits that bounded the call without ending it: what was beyond them was dropped or refused.
    pub bounded: Vec<Cause>,
}

/// What an instance uses: of its last call, and as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Instructions of the last call.
    pub fuel: u64,
    /// Bytes of its memories and tables.
    pub memory_bytes: u64,
    /// Host calls of the last call.
    pub host_calls: u64,
    /// Intents of the last call.
    pub intents: u64,
    /// Log lines that the last call asked for.
    pub log_lines: u64,
    /// Handles of host resources that it has made.
    pub handles: u64,
}

/// A call that did not end well. Its requests are void and the instance is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// What happened.
    pub cause: Cause,
    /// What the bot wrote before.
    pub logs: Vec<LogLine>,
    /// Lines beyond the limits.
    pub logs_dropped: u32,
    /// Where the bot was: its own functions, the innermost first, as far as its name section tells.
    pub backtrace: Vec<String>,
}

impl Strike {
    /// Without a word of the bot's.
    #[must_use]
    pub const fn of(cause: Cause) -> Self {
        Self { cause, logs: Vec::new(), logs_dropped: 0, backtrace: Vec::new() }
    }

    /// The cause, and where the bot was.
    #[must_use]
    pub fn told(&self) -> String {
        if self.backtrace.is_empty() {
            return self.cause.to_string();
        }
        format!("{}{BACKTRACE}{}", self.cause, self.backtrace.join(CALLED_BY))
    }
}

/// Between a cause and where the bot was, in [`Strike::told`].
pub const BACKTRACE: &str = " | in ";
/// Between a function and the one that called it, in [`Strike::told`].
pub const CALLED_BY: &str = " < ";

impl From<Cause> for Strike {
    fn from(cause: Cause) -> Self {
        Self::of(cause)
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl std::error::Error for Strike {}

/// Why a call did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The bot trapped.
    #[error("the bot trapped: {what}")]
    Trap {
        /// In the runtime's words.
        what: String,
    },
    /// A limit was broken.
    #[error("{what} {found}, at most {allowed} is allowed (limits.{setting})")]
    Limit {
        /// Of what, in words.
        what: &'static str,
        /// The value found; a lower bound where the exact one is not known.
        found: u64,
        /// The value allowed.
        allowed: u64,
        /// The setting's name.
        setting: &'static str,
    },
    /// The bot broke the contract.
    #[error("the bot broke the contract: {what}")]
    Contract {
        /// How.
        what: String,
    },
    /// `init`, `migrate` or `restore` gave an error.
    #[error("{function} refused: {message}")]
    Refused {
        /// Which function.
        function: &'static str,
        /// The bot's own words, escaped.
        message: String,
    },
    /// The host handed over something that the call can't carry.
    #[error("the call can't be made: {what}")]
    Host {
        /// What.
        what: String,
    },
    /// An earlier call ended badly: there is no instance any more.
    #[error("the instance ended with an earlier strike")]
    Gone,
}
