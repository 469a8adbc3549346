//! The market's time for a live host.
//!
//! A broker whose clock runs with the machine's is trading now: market time is the machine's time
//! with the broker's offset. A broker whose clock is elsewhere replays the past at its own pace:
//! market time then comes from its events alone.

use stockade_core::{Now, Timestamp};

use crate::drivers::base::machine;

/// A broker's clock within this of the machine's is the present, in nanoseconds.
const PRESENT_NS: i64 = 600 * 1_000_000_000;

/// The two clocks of the host.
pub(crate) struct Clock {
    /// Broker's time less machine's time, where the broker's is the present.
    offset: Option<i64>,
    seen: Timestamp,
}

impl Clock {
    /// Begins with what the broker's clock says.
    pub(crate) fn new(broker: Timestamp) -> Self {
        let offset = broker.since(machine());
        let present = offset.abs() < PRESENT_NS;
        Self { offset: present.then_some(offset), seen: broker }
    }

    /// Whether the broker replays the past.
    pub(crate) const fn is_replay(&self) -> bool {
        self.offset.is_none()
    }

    /// Broker's time less machine's time, where the broker's is the present.
    pub(crate) const fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// An event of the market carries this time.
    pub(crate) fn see(&mut self, at: Timestamp) {
        // A time from the future is a broken feed, not the market's (RELIABILITY M8).
        if self.offset.is_none_or(|offset| at.since(machine().plus(offset)) < PRESENT_NS) {
            self.seen = self.seen.max(at);
        }
    }

    /// Both times, for an input.
    pub(crate) fn now(&self) -> Now {
        let machine = machine();
        let market = self.offset.map_or(self.seen, |offset| machine.plus(offset).max(self.seen));
        Now { market, machine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_moves_with_its_events_alone() {
        let begin = Timestamp(1_000_000_000);
        let mut clock = Clock::new(begin);
        assert!(clock.is_replay());
        assert_eq!(clock.now().market, begin);
        clock.see(begin.plus(60));
        clock.see(begin);
        assert_eq!(clock.now().market, begin.plus(60));
    }

    #[test]
    fn the_present_goes_on_between_events() {
        let clock = Clock::new(machine().plus(5_000_000_000));
        assert!(!clock.is_replay());
        let now = clock.now();
        assert!(now.market.since(now.machine) >= 4_000_000_000);
    }
}
