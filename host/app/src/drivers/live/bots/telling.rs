//! What people are told of bots: their logs, and what each uses.

use std::path::Path;

use stockade_core::desk::Desk;
use stockade_core::row::{BotRow, BotState};
use stockade_core::{SleeveId, Slug, Timestamp};
use stockade_runtime::{LogLevel, LogLine};

use super::super::used::{Used, millis};
use super::Bots;
use crate::link;

/// Bots that are told of at once: an answer is one line of the link.
const BOTS_TOLD_MAX: usize = 1_000;

impl Bots {
    pub(super) fn keep_log(&self, sleeve: SleeveId, lines: &[LogLine]) {
        let Some(slot) = self.slots.get(&sleeve) else {
            return;
        };
        if lines.is_empty() {
            return;
        }
        if let Err(error) =
            append_log(&self.settings.bot_log(slot.row.name.as_str()), slot.last_event, lines)
        {
            // A full log disk is no reason to stop trading.
            tracing::warn!(%error, bot = %slot.row.name, "log lines are lost");
        }
    }

    /// What the busiest bots are and use, or one with its limits; retired ones are gone.
    pub(crate) fn uses(&self, desk: &Desk, named: Option<&Slug>) -> Vec<link::BotUse> {
        let wanted = |row: &&BotRow| {
            row.state != BotState::Retired && named.is_none_or(|name| row.name == *name)
        };
        let busy = |row: &&BotRow| self.used.get(&row.sleeve).map_or(0, |used| used.busy_ns);
        let mut rows: Vec<&BotRow> = desk.bots().filter(wanted).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(busy(row)), row.sleeve));
        rows.truncate(BOTS_TOLD_MAX);
        rows.into_iter().map(|row| self.use_of(row, named.is_some())).collect()
    }

    fn use_of(&self, row: &BotRow, with_limits: bool) -> link::BotUse {
        let nothing = Used::default();
        let used = self.used.get(&row.sleeve).unwrap_or(&nothing);
        let slot = self.slots.get(&row.sleeve);
        let queue = slot.map_or(0, |slot| slot.queue.len());
        link::BotUse {
            bot: row.name.to_string(),
            account: self.label.to_string(),
            plugin: row.plugin.clone(),
            version: row.version.clone(),
            digest: row.digest.clone(),
            generation: row.generation,
            state: word(row.state).to_owned(),
            lane: slot.map_or(used.cost.lane, |slot| slot.lane).as_str().to_owned(),
            calls: used.calls,
            events: used.events,
            busy_ms: millis(used.busy_ns),
            mean_ms: millis(used.cost.mean_ns),
            worst_ms: millis(used.worst_ns),
            memory_bytes: used.memory_bytes(),
            lag_ms: millis(used.lag_ns),
            lag_worst_ms: millis(used.lag_worst_ns),
            queue,
            dropped: used.dropped,
            intents: used.intents,
            refused: used.refused,
            strikes: used.strikes,
            reloads: used.reloads,
            limits: if with_limits { used.limits(queue) } else { Vec::new() },
        }
    }
}

const fn word(state: BotState) -> &'static str {
    match state {
        BotState::Loading => "loading",
        BotState::Running => "running",
        BotState::Suspended => "suspended",
        BotState::Quarantined => "quarantined",
        BotState::Stopped => "stopped",
        BotState::Retired => "retired",
    }
}

fn append_log(path: &Path, at: Timestamp, lines: &[LogLine]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    for line in lines {
        writeln!(file, "{} {} {}", stockade_store::query::At(at.0), level(line), line.text)?;
    }
    Ok(())
}

const fn level(line: &LogLine) -> &'static str {
    match line.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
