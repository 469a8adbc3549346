//! What a bot's calls cost, and which threads it runs on because of it.
//!
//! A call holds up every other bot of its thread. A bot that is slow on average moves to the slow
//! lane, whose threads have a lower priority: there it holds up its like. It comes back once it has
//! been quick for long. Cost is machine time, cut at what the work that was counted can have taken:
//! a bot whose thread had to wait for a processor is not slow for that.

use stockade_runtime::Usage;

/// Which threads a bot runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lane {
    #[default]
    Quick,
    /// Threads of lower priority.
    Slow,
}

impl Lane {
    /// As people read it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Slow => "slow",
        }
    }
}

/// Mean cost of a call from which on a bot is slow, in nanoseconds. Ten bots just below it hold an
/// event up by half of what a bot may be held up in all (5 ms).
const SLOW_NS: i64 = 250_000;
/// Mean cost below which a slow bot is quick again.
const QUICK_NS: i64 = 50_000;
/// Calls in the slow lane before it can come back: it does not go back and forth.
const SLOW_CALLS_MIN: u32 = 256;
/// The mean moves by so much of a call's distance from it: a single call of 2 ms is slow at once.
const SHARE: i64 = 8;
/// Nanoseconds that one call of many events may take in the quick lane.
const BATCH_NS: i64 = 1_000_000;
/// Nanoseconds that an instruction, a host call, a byte of state and the call itself take at most.
const INSTRUCTION_NS: i64 = 4;
const HOST_CALL_NS: i64 = 2_000;
const STATE_BYTE_NS: i64 = 4;
const CALL_NS: i64 = 20_000;

/// The cost of one bot's calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) lane: Lane,
    /// Mean of a call, recent ones counting most.
    pub(crate) mean_ns: i64,
    /// The same of one event.
    event_ns: i64,
    calls_in_lane: u32,
}

impl Cost {
    /// Counts a call; whether the bot belongs to the other lane from now on.
    pub(crate) fn took(&mut self, ns: i64, events: usize) -> bool {
        let events = i64::try_from(events.max(1)).unwrap_or(i64::MAX);
        self.mean_ns += (ns - self.mean_ns) / SHARE;
        self.event_ns += (ns / events - self.event_ns) / SHARE;
        self.calls_in_lane = self.calls_in_lane.saturating_add(1);
        let other = match self.lane {
            Lane::Quick if self.mean_ns >= SLOW_NS => Lane::Slow,
            Lane::Slow if self.mean_ns < QUICK_NS && self.calls_in_lane >= SLOW_CALLS_MIN => {
                Lane::Quick
            }
            _ => return false,
        };
        (self.lane, self.calls_in_lane) = (other, 0);
        true
    }

    /// How many events of one time a call may carry, so that it does not hold the others up.
    pub(crate) fn batch_max(&self, most: usize) -> usize {
        match self.lane {
            Lane::Slow => most,
            Lane::Quick => {
                let fit = BATCH_NS / self.event_ns.max(1);
                usize::try_from(fit).unwrap_or(most).clamp(1, most)
            }
        }
    }
}

/// The cost of a call that took `wall_ns` of the machine's time and did what was counted.
pub(crate) fn of_call(wall_ns: i64, usage: &Usage, state_bytes: usize) -> i64 {
    let counted =
        |count: u64, each: i64| i64::try_from(count).unwrap_or(i64::MAX / 8).saturating_mul(each);
    let bytes = u64::try_from(state_bytes).unwrap_or(u64::MAX);
    let most = counted(usage.fuel, INSTRUCTION_NS)
        .saturating_add(counted(usage.host_calls, HOST_CALL_NS))
        .saturating_add(counted(bytes, STATE_BYTE_NS))
        .saturating_add(CALL_NS);
    wall_ns.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_that_is_slow_on_average_changes_lanes_and_comes_back_late() {
        let mut cost = Cost::default();
        assert!(!(0..1_000).any(|_| cost.took(200_000, 1)), "below the limit");
        assert!((0..20).any(|_| cost.took(400_000, 1)), "above it");
        assert_eq!(cost.lane, Lane::Slow);
        let back = (1..=1_000).find(|_| cost.took(1_000, 1));
        assert_eq!((back, cost.lane), (Some(SLOW_CALLS_MIN), Lane::Quick));
        assert!(cost.took(10_000_000, 1), "one call of a whole budget is enough");
    }

    #[test]
    fn a_call_of_many_events_fits_the_quick_lane() {
        let mut cost = Cost::default();
        assert_eq!(cost.batch_max(256), 256);
        for _ in 0..100 {
            cost.took(100_000, 1);
        }
        assert!((8..=12).contains(&cost.batch_max(256)), "{}", cost.batch_max(256));
    }

    #[test]
    fn waiting_for_a_processor_costs_nothing() {
        let idle = Usage { fuel: 500, host_calls: 2, ..Usage::default() };
        assert_eq!(of_call(8_000_000, &idle, 0), 500 * 4 + 2 * 2_000 + 20_000);
        let busy = Usage { fuel: 10_000_000, ..Usage::default() };
        assert_eq!(of_call(8_000_000, &busy, 0), 8_000_000);
    }
}
