//! Every key of the configuration, with what it means.
//!
//! A key `a.b_c` is `b_c` of table `a` in the file and `STOCKADE_A_B_C` in the environment.

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its dotted name.
    pub(crate) name: &'static str,
    /// What it means, with unit and default.
    pub(crate) help: &'static str,
}

impl Key {
    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("STOCKADE_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

const fn key(name: &'static str, help: &'static str) -> Key {
    Key { name, help }
}

/// All keys, by name.
pub(crate) const KEYS: &[Key] = &[
    key("account", "label of the account that commands mean (default: the only one)"),
    key(
        "bots.compile_memory_mib",
        "memory that compiling a component may take, 64 to 65536 (3072)",
    ),
    key(
        "bots.compile_seconds",
        "seconds of processor time that compiling a component may take, 1 to 3600 (120)",
    ),
    key("bots.reloads_per_minute", "reloads of one bot in a minute (100)"),
    key(
        "bots.require_signature",
        "whether plugins need the signature of a trusted key, true or false (true with --live, else false)",
    ),
    key("bots.snapshot_interval_seconds", "how often a bot's state is saved (30)"),
    key("data", "data folder (default: the platform's)"),
    key("database_url", "a Postgres of one's own (default: a private one in the data folder)"),
    key("equity.interval_seconds", "how often the equity curve is sampled, in market time (60)"),
    key(
        "lease.ttl_seconds",
        "how long a live host's lease on its account lasts without renewal, 4 to 600 (20)",
    ),
    key(
        "limits.deadline_ms",
        "longest call in milliseconds, live only (1000, interpreted bots 5000)",
    ),
    key("limits.fuel", "instructions of one call (10000000, interpreted bots 200000000)"),
    key("limits.handles", "handles of host resources that a bot has made (256)"),
    key("limits.host_bytes", "bytes that one host call carries from the bot (262144)"),
    key("limits.host_calls", "host calls of one call (10000)"),
    key("limits.instances", "core instances of a bot (64)"),
    key(
        "limits.intents_per_call",
        "intents of one call, at most 64 (64); each limit can be set for the bots of a plugin, as in \
         [limits.plugin.NAME], and for a bot, as in [limits.bot.NAME]",
    ),
    key("limits.intents_per_second", "intents a second of the market, on average (64)"),
    key("limits.log_bytes", "bytes of log lines of one call that are kept (16384)"),
    key("limits.log_lines", "log lines of one call that are kept (64)"),
    key("limits.memories", "linear memories of a bot (8)"),
    key("limits.memory_bytes", "memory of a bot in bytes (33554432, interpreted bots 268435456)"),
    key("limits.queue", "events that wait for a bot, live only (10000)"),
    key("limits.snapshot_bytes", "a bot's saved state in bytes (1048576)"),
    key(
        "limits.start_fuel",
        "instructions of a bot's start (100000000, interpreted bots 4000000000)",
    ),
    key("limits.tables", "tables of a bot (32)"),
    key("log", "what is logged, as in error, info or stockade=debug (info for hosts, else warn)"),
    key(
        "orders.unknown_quiet_seconds",
        "how long an unknown order stays quiet before it is given up (60)",
    ),
    key("plugins", "folder of plugins (default: plugins in the data folder)"),
    key("reconcile.interval_seconds", "how often books and broker are compared (60)"),
    key(
        "shadow.cash",
        "cash of a shadow account in US dollars; a higher value is paid in at the next start (1000000)",
    ),
];

/// The known name that is nearest to one that isn't.
pub(crate) fn nearest<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known.into_iter().min_by_key(|name| distance(found, name))
}

/// Levenshtein's distance: insertions, deletions and substitutions between two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
