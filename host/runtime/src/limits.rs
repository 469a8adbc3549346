//! What a bot may use. Every limit has a name that is also its setting: `limits.<name>`.

use serde::{Deserialize, Serialize};

/// Which defaults a bot gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Compiled languages: Rust, C, Go.
    #[default]
    Compiled,
    /// Languages that bring an interpreter: Python, JavaScript.
    Interpreted,
}

/// The limits of one bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Instructions (wasmtime's fuel) of one handler call, `save` or `restore`. Exact: the same
    /// call uses the same on every machine.
    pub fuel: u64,
    /// Instructions of instantiation and `init` (each), and of `describe`.
    pub start_fuel: u64,
    /// Milliseconds of machine time of one call. Live only, behind the fuel.
    pub deadline_ms: u64,
    /// Bytes of all linear memories and tables together.
    pub memory_bytes: u64,
    /// Core instances.
    pub instances: u32,
    /// Linear memories.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
    /// Log lines kept of one call; more are counted and dropped.
    pub log_lines: u32,
    /// Bytes of the log lines kept of one call; more are counted and dropped.
    pub log_bytes: u32,
    /// Orders, replacements and cancels asked for in one call.
    pub intents_per_call: u32,
    /// Orders and replacements asked for in a second of market time, on average: a bucket of so many
    /// that fills up by as many each second. Cancels are always taken.
    pub intents_per_second: u32,
    /// Bytes of the bot's state.
    pub snapshot_bytes: u32,
    /// Bytes that one host call can carry from the bot to the host.
    pub host_bytes: u32,
    /// Host calls of one call; a list in an answer counts one more for each 16 items.
    pub host_calls: u32,
    /// Handles of host resources that the bot made (wasi streams and pollables).
    pub handles: u32,
    /// Events that wait for the bot. Beyond it the oldest of the market makes room; what became of an
    /// order is never dropped. Live only.
    pub queue: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(Tier::Compiled)
    }
}

/// The limits by name, which is also the setting's after `limits.`.
macro_rules! by_name {
    ($($name:ident),+) => {
        impl Limits {
            /// The names of all limits.
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// A limit by its name.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => Some(u64::from(self.$name)),)+
                    _ => None,
                }
            }

            /// Sets a limit by its name.
            ///
            /// # Errors
            /// A name that is none, or a value of zero or beyond what the limit can be, in words.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), String> {
                if value == 0 {
                    return Err(format!("limit {name} is 0, a number above 0 is allowed"));
                }
                match name {
                    $(stringify!($name) => {
                        self.$name = value.try_into().map_err(|_| {
                            format!("limit {name} is {value}, at most {} is allowed", u32::MAX)
                        })?;
                    })+
                    _ => {
                        return Err(format!(
                            "\"{name}\" is no limit: {} are",
                            Self::NAMES.join(", ")
                        ));
                    }
                }
                Ok(())
            }
        }
    };
}

by_name!(
    fuel,
    start_fuel,
    deadline_ms,
    memory_bytes,
    instances,
    memories,
    tables,
    log_lines,
    log_bytes,
    intents_per_call,
    intents_per_second,
    snapshot_bytes,
    host_bytes,
    host_calls,
    handles,
    queue
);

impl Limits {
    /// The defaults of a tier.
    #[must_use]
    pub const fn of(tier: Tier) -> Self {
        let (fuel, start_fuel, memory_bytes, deadline_ms) = match tier {
            Tier::Compiled => (10_000_000, 100_000_000, 32 << 20, 1_000),
            Tier::Interpreted => (200_000_000, 4_000_000_000, 256 << 20, 5_000),
        };
        Self {
            fuel,
            start_fuel,
            deadline_ms,
            memory_bytes,
            instances: 64,
            memories: 8,
            tables: 32,
            log_lines: 64,
            log_bytes: 16 << 10,
            intents_per_call: 64,
            intents_per_second: 64,
            snapshot_bytes: 1 << 20,
            host_bytes: 256 << 10,
            host_calls: 10_000,
            handles: 256,
            queue: 10_000,
        }
    }
}
