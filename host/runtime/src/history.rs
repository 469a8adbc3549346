//! The last bars of each instrument, for `history`. Filled by the driver, read by bots.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};

use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Timestamp};

/// Bars by instrument, the same number of each at most. Shared by all bots of an account.
#[derive(Debug)]
pub struct History {
    cap: usize,
    rings: RwLock<HashMap<InstrumentId, VecDeque<Bar>>>,
}

impl History {
    /// Keeps at most `cap` bars of an instrument.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { cap, rings: RwLock::default() }
    }

    /// Adds bars, oldest first. A bar that is not later than the last one of its instrument is
    /// dropped: it is a repetition.
    pub fn push(&self, bars: &[Bar]) {
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        for bar in bars {
            let ring = rings.entry(bar.instrument).or_default();
            if self.cap == 0 || ring.back().is_some_and(|last| last.at >= bar.at) {
                continue;
            }
            if ring.len() == self.cap {
                ring.pop_front();
            }
            ring.push_back(*bar);
        }
    }

    /// The last `count` bars of an instrument that began before `at`, oldest first.
    #[must_use]
    pub fn before(&self, instrument: InstrumentId, at: Timestamp, count: usize) -> Vec<Bar> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let Some(ring) = rings.get(&instrument) else {
            return Vec::new();
        };
        let end = ring.partition_point(|bar| bar.at < at);
        ring.range(end.saturating_sub(count)..end).copied().collect()
    }
}
