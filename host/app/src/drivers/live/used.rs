//! What each bot has used since the host began, for people: `bot show` and `top`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rust_decimal::Decimal;
use stockade_core::Timestamp;
use stockade_core::desk::BotRequest;
use stockade_runtime::{Cause, Limits, Usage};
use stockade_store::query::Number;

use super::cost::Cost;
use super::hand_over::Done;
use crate::link::LimitUse;

/// Between two notices of the same limit, in machine nanoseconds: a bot that reaches it at each event
/// must not fill the books.
const NOTICE_NS: i64 = 60 * 1_000_000_000;
const MINUTE_NS: i64 = 60 * 1_000_000_000;

/// One bot's use.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) cost: Cost,
    pub(crate) calls: u64,
    pub(crate) events: u64,
    pub(crate) busy_ns: i64,
    pub(crate) worst_ns: i64,
    pub(crate) lag_ns: i64,
    pub(crate) lag_worst_ns: i64,
    pub(crate) queue_worst: usize,
    pub(crate) intents: u64,
    pub(crate) refused: u64,
    pub(crate) strikes: u64,
    pub(crate) reloads: u64,
    pub(crate) dropped: u64,
    state_bytes: usize,
    state_bytes_worst: usize,
    last: Usage,
    peak: Usage,
    /// What it may use, since it was last started.
    pub(crate) limits: Option<Arc<Limits>>,
    /// By setting: when people were last told, and how often it was reached since.
    noted: BTreeMap<&'static str, (Timestamp, u64)>,
    /// Reloads of the last minute, in machine time.
    recent: VecDeque<Timestamp>,
}

impl Used {
    /// A call that ended well, of so many events; whether the bot changes lanes.
    pub(crate) fn called(&mut self, done: &Done, events: usize) -> bool {
        self.calls += 1;
        self.events += u64::try_from(events).unwrap_or_default();
        let refused = |request: &&BotRequest| matches!(request, BotRequest::Refused { .. });
        let refused = done.requests.iter().filter(refused).count();
        self.refused += u64::try_from(refused).unwrap_or_default();
        self.intents += u64::try_from(done.requests.len()).unwrap_or_default();
        self.last = done.usage;
        self.peak = Usage {
            fuel: self.peak.fuel.max(done.usage.fuel),
            memory_bytes: self.peak.memory_bytes.max(done.usage.memory_bytes),
            host_calls: self.peak.host_calls.max(done.usage.host_calls),
            intents: self.peak.intents.max(done.usage.intents),
            log_lines: self.peak.log_lines.max(done.usage.log_lines),
            handles: self.peak.handles.max(done.usage.handles),
        };
        if let Some(state) = &done.state {
            self.saved(state.state.len());
        }
        self.took(done.cost_ns, events)
    }

    /// A call that took so long; whether the bot changes lanes.
    pub(crate) fn took(&mut self, ns: i64, events: usize) -> bool {
        self.busy_ns = self.busy_ns.saturating_add(ns);
        self.worst_ns = self.worst_ns.max(ns);
        self.cost.took(ns, events)
    }

    /// A state of so many bytes.
    pub(crate) fn saved(&mut self, bytes: usize) {
        self.state_bytes = bytes;
        self.state_bytes_worst = self.state_bytes_worst.max(bytes);
    }

    /// Events that waited so long and so many.
    pub(crate) fn waited(&mut self, ns: i64, queue: usize) {
        self.lag_ns = ns;
        self.lag_worst_ns = self.lag_worst_ns.max(ns);
        self.queue_worst = self.queue_worst.max(queue);
    }

    /// What people are told of a limit that was reached, unless they were told a moment ago.
    pub(crate) fn note(&mut self, cause: &Cause, now: Timestamp) -> Option<String> {
        let Cause::Limit { setting, .. } = cause else {
            return None;
        };
        let (told, more) = self.noted.entry(setting).or_insert((Timestamp(i64::MIN), 0));
        if told.0 > i64::MIN && now.since(*told) < NOTICE_NS {
            *more += 1;
            return None;
        }
        *told = now;
        let since = std::mem::take(more);
        Some(if since > 0 {
            format!("{cause}; {since} times more since the last notice")
        } else {
            cause.to_string()
        })
    }

    /// Takes a reload into account.
    ///
    /// # Errors
    /// Where there were too many in the last minute: how many.
    pub(crate) fn reload(&mut self, now: Timestamp, allowed: u64) -> Result<(), usize> {
        while self.recent.front().is_some_and(|at| now.since(*at) >= MINUTE_NS) {
            self.recent.pop_front();
        }
        if u64::try_from(self.recent.len()).is_ok_and(|found| found >= allowed) {
            return Err(self.recent.len());
        }
        self.recent.push_back(now);
        Ok(())
    }

    /// Each limit with what is used of it.
    pub(crate) fn limits(&self, queue: usize) -> Vec<LimitUse> {
        let Some(limits) = &self.limits else {
            return Vec::new();
        };
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let (last, peak) = (&self.last, &self.peak);
        let worst_ms = u64::try_from(self.worst_ns / 1_000_000).unwrap_or_default();
        let of = |name: &str| match name {
            "fuel" => Some((last.fuel, peak.fuel)),
            "deadline_ms" => Some((worst_ms, worst_ms)),
            "memory_bytes" => Some((last.memory_bytes, peak.memory_bytes)),
            "host_calls" => Some((last.host_calls, peak.host_calls)),
            "intents_per_call" => Some((last.intents, peak.intents)),
            "log_lines" => Some((last.log_lines, peak.log_lines)),
            "handles" => Some((last.handles, peak.handles)),
            "snapshot_bytes" => Some((number(self.state_bytes), number(self.state_bytes_worst))),
            "queue" => Some((number(queue), number(self.queue_worst))),
            _ => None,
        };
        let line = |name: &&str| LimitUse {
            limit: (*name).to_owned(),
            allowed: limits.get(name).unwrap_or_default(),
            used: of(name).map(|(now, _)| now),
            peak: of(name).map(|(_, peak)| peak),
        };
        Limits::NAMES.iter().map(line).collect()
    }

    /// Bytes of its memory.
    pub(crate) const fn memory_bytes(&self) -> u64 {
        self.last.memory_bytes
    }
}

/// Nanoseconds as milliseconds with three decimals.
pub(crate) fn millis(ns: i64) -> Number {
    Number(Decimal::new(ns / 1_000, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_of_once_a_minute() {
        let mut used = Used::default();
        let (what, setting) = ("log lines of one call:", "log_lines");
        let cause = Cause::Limit { what, found: 65, allowed: 64, setting };
        let text = "log lines of one call: 65, at most 64 is allowed (limits.log_lines)";
        assert_eq!(used.note(&cause, Timestamp(0)).as_deref(), Some(text));
        assert_eq!(used.note(&cause, Timestamp(1)), None);
        assert_eq!(used.note(&cause, Timestamp(NOTICE_NS - 1)), None);
        let later = used.note(&cause, Timestamp(NOTICE_NS)).unwrap_or_default();
        assert_eq!(later, format!("{text}; 2 times more since the last notice"));
        assert_eq!(used.note(&Cause::Gone, Timestamp(0)), None);
    }

    #[test]
    fn reloads_are_counted_over_a_minute() {
        let mut used = Used::default();
        for second in 0..3 {
            assert_eq!(used.reload(Timestamp(second * 1_000_000_000), 3), Ok(()));
        }
        assert_eq!(used.reload(Timestamp(59_999_999_999), 3), Err(3));
        assert_eq!(used.reload(Timestamp(MINUTE_NS), 3), Ok(()));
        assert_eq!(used.reload(Timestamp(MINUTE_NS), 3), Err(3));
    }
}
