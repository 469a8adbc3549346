//! The market that is replayed: bars of files, bars handed in, or a generated market.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

use super::history::FeedBar;
use super::time::MINUTE;

/// A generated market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Symbols with their first price.
    pub symbols: Vec<(String, Decimal)>,
    /// Bars of each symbol.
    pub bars: usize,
    /// Start of the first bar, nanoseconds since the epoch.
    pub start: i64,
}

/// Where the bars come from.
#[derive(Debug, Clone)]
pub enum Feed {
    /// Bar files, merged by time. Each may carry a symbol: `FILE:SYMBOL`.
    Files(Vec<PathBuf>),
    /// Bars in any order.
    Bars(Vec<FeedBar>),
    /// A seeded market of one-minute bars.
    Generated(Generated),
}

/// A feed in memory: bars by the time at which they are known, and the steps of the market.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) bars: Vec<FeedBar>,
    /// Bars that become known at the same time, in time order.
    pub(crate) steps: Vec<Range<usize>>,
}

impl Loaded {
    /// Sorts the bars and cuts them into steps.
    pub(crate) fn new(mut bars: Vec<FeedBar>) -> Self {
        bars.sort_by(|a, b| (a.end, &a.symbol, a.start).cmp(&(b.end, &b.symbol, b.start)));
        let mut steps = Vec::new();
        let mut first = 0;
        for n in 1..=bars.len() {
            if n == bars.len() || bars[n].end != bars[first].end {
                steps.push(first..n);
                first = n;
            }
        }
        Self { bars, steps }
    }

    /// When the market's clock starts: the start of the earliest bar.
    pub(crate) fn start(&self) -> i64 {
        self.bars.iter().map(|b| b.start).min().unwrap_or(0)
    }

    /// The time of a step.
    pub(crate) fn end_of(&self, step: usize) -> Option<i64> {
        let range = self.steps.get(step)?;
        Some(self.bars[range.start].end)
    }

    /// The bars of a step.
    pub(crate) fn bars_of(&self, step: usize) -> &[FeedBar] {
        self.steps.get(step).map_or(&[], |range| &self.bars[range.clone()])
    }

    /// What tells this feed from another.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for bar in &self.bars {
            hash.update(format!(
                "{} {} {} {} {} {} {} {}\n",
                bar.symbol, bar.start, bar.end, bar.open, bar.high, bar.low, bar.close, bar.volume
            ));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The length of a series' bars: the smallest distance of two starts, a minute for a lone bar.
pub(crate) fn interval_of(starts: &[i64]) -> i64 {
    let gaps = starts.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.filter(|gap| *gap > 0).min().unwrap_or(MINUTE)
}

/// Sets the end of every bar from the interval of its symbol; bars are in time order.
pub(crate) fn set_ends(bars: &mut [FeedBar]) {
    let mut starts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for bar in &*bars {
        starts.entry(bar.symbol.clone()).or_default().push(bar.start);
    }
    let intervals: BTreeMap<String, i64> =
        starts.into_iter().map(|(symbol, starts)| (symbol, interval_of(&starts))).collect();
    for bar in bars {
        bar.end = bar.start + intervals.get(&bar.symbol).copied().unwrap_or(MINUTE);
    }
}
