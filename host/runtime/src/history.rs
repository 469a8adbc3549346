//! The last bars of each instrument, for `history`. Filled by the driver, read by bots.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Timestamp};

/// Bars by instrument, the same number of each at most. Shared by all bots of an account; of a run
/// whose bars are all known beforehand, one of each bot.
#[derive(Debug)]
pub struct History {
    cap: usize,
    rings: RwLock<HashMap<InstrumentId, VecDeque<Bar>>>,
    /// All bars of a run.
    run: OnceLock<Run>,
    /// How many of those have been given.
    given: AtomicUsize,
}

/// The bars of a run.
#[derive(Debug)]
struct Run {
    bars: Arc<Vec<Bar>>,
    /// Where those of an instrument stand; made with the first question.
    places: OnceLock<HashMap<InstrumentId, Vec<usize>>>,
}

impl Run {
    fn before(
        &self,
        given: usize,
        instrument: InstrumentId,
        at: Timestamp,
        count: usize,
    ) -> Vec<Bar> {
        let places = self.places.get_or_init(|| {
            let mut places: HashMap<InstrumentId, Vec<usize>> = HashMap::new();
            for (place, bar) in self.bars.iter().enumerate() {
                places.entry(bar.instrument).or_default().push(place);
            }
            places
        });
        let Some(places) = places.get(&instrument) else {
            return Vec::new();
        };
        let end = places.partition_point(|place| *place < given && self.bars[*place].at < at);
        let last = &places[end.saturating_sub(count)..end];
        last.iter().map(|place| self.bars[*place]).collect()
    }
}

impl History {
    /// Keeps at most `cap` bars of an instrument.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        let (run, given) = (OnceLock::new(), AtomicUsize::new(0));
        Self { cap, rings: RwLock::default(), run, given }
    }

    /// From now on it tells of these, which lie there in the order in which they are given, those of
    /// an instrument by time: as far as [`History::give`] says that they were. Once is enough.
    pub fn lay(&self, bars: &Arc<Vec<Bar>>) {
        self.run.get_or_init(|| Run { bars: bars.clone(), places: OnceLock::new() });
    }

    /// So many of the bars that were laid have been given, from the first one on.
    pub fn give(&self, count: usize) {
        self.given.store(count, Ordering::Relaxed);
    }

    /// Adds bars from before those that it has, oldest first.
    pub fn add_older(&self, bars: &[Bar]) {
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        for bar in bars.iter().rev() {
            let ring = rings.entry(bar.instrument).or_default();
            if ring.len() < self.cap && ring.front().is_none_or(|first| bar.at < first.at) {
                ring.push_front(*bar);
            }
        }
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
        if let Some(run) = self.run.get() {
            let given = self.given.load(Ordering::Relaxed);
            return run.before(given, instrument, at, count.min(self.cap));
        }
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let Some(ring) = rings.get(&instrument) else {
            return Vec::new();
        };
        let end = ring.partition_point(|bar| bar.at < at);
        ring.range(end.saturating_sub(count)..end).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use stockade_core::{Price, Qty};

    use super::*;

    fn bar(instrument: u32, at: i64) -> Bar {
        let price = Price::new(Decimal::ONE);
        Bar {
            instrument: InstrumentId(instrument),
            at: Timestamp(at),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Qty::new(Decimal::ONE),
        }
    }

    fn times(history: &History, instrument: u32, at: i64, count: usize) -> Vec<i64> {
        let bars = history.before(InstrumentId(instrument), Timestamp(at), count);
        bars.iter().map(|bar| bar.at.0).collect()
    }

    #[test]
    fn what_was_read_later_is_put_before_what_came_first() {
        let history = History::new(4);
        history.push(&[bar(0, 5), bar(0, 6)]);
        history.add_older(&[bar(0, 1), bar(0, 3), bar(0, 4), bar(0, 5), bar(1, 2)]);
        assert_eq!(times(&history, 0, 9, 9), [3, 4, 5, 6], "no more than are kept, none twice");
        assert_eq!(times(&history, 1, 9, 9), [2]);
        history.push(&[bar(0, 7)]);
        assert_eq!(times(&history, 0, 7, 2), [5, 6]);
    }

    /// Nothing that was not given yet, although all bars are there.
    #[test]
    fn a_run_tells_of_what_was_given_alone() {
        let history = History::new(3);
        let bars: Vec<Bar> = (1..=6).flat_map(|at| [bar(0, at), bar(1, at)]).collect();
        history.lay(&Arc::new(bars));
        assert!(times(&history, 0, 9, 9).is_empty());
        history.give(4);
        assert_eq!(times(&history, 0, 9, 9), [1, 2]);
        assert_eq!(times(&history, 0, 2, 9), [1], "before the event in hand");
        history.give(12);
        assert_eq!(times(&history, 1, 9, 9), [4, 5, 6]);
        assert!(times(&history, 2, 9, 9).is_empty());
    }
}
