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

const fn key(name: &'static str, help: &'static str) -> Key {
    Key { name, help }
}

/// All keys, by name.
pub(crate) const KEYS: &[Key] = &[
    key("account", "label of the account that commands mean (default: the only one)"),
    key("bots.snapshot_interval_seconds", "how often a bot's state is saved (30)"),
    key("data", "data folder (default: the platform's)"),
    key("database_url", "a Postgres of one's own (default: a private one in the data folder)"),
    key("equity.interval_seconds", "how often the equity curve is sampled, in market time (60)"),
    key("limits.deadline_ms", "longest call of a bot in milliseconds, live only (1000)"),
    key("limits.fuel_per_call", "instructions of one call (10000000, interpreted bots 200000000)"),
    key("limits.intents_per_call", "intents of one call (64)"),
    key("limits.log_lines_per_call", "log lines of one call that are kept (100)"),
    key("limits.memory_bytes_max", "memory of a bot in bytes (32 MiB, interpreted bots 256 MiB)"),
    key("limits.snapshot_bytes_max", "a bot's saved state in bytes (1 MiB)"),
    key("log", "what is logged, as in error, info or stockade=debug (info)"),
    key("orders.unknown_quiet_seconds", "how long an unknown order stays quiet before it is given up (60)"),
    key("plugins", "folder of plugins (default: plugins in the data folder)"),
    key("reconcile.interval_seconds", "how often books and broker are compared (60)"),
];

/// The variable that sets a key.
pub(crate) fn variable(name: &str) -> String {
    format!("STOCKADE_{}", name.replace('.', "_").to_ascii_uppercase())
}

/// The known name that is nearest to one that isn't.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
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
