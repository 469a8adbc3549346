//! The market that is replayed: bars of files, bars handed in, or a generated market.

use std::collections::BTreeMap;
use std::ops::Range;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use sha2::{Digest as _, Sha256};
use stockade_exchange::asset::canonical;
use stockade_exchange::market::{Listing, Market};
use stockade_exchange::{Nanos, Sessions, SymbolId};

use super::config::StartError;
use super::history::FeedBar;
use super::time::MINUTE;
use crate::files::{Source, read_bars};

/// A generated market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Symbols with their first price.
    pub symbols: Vec<(String, Decimal)>,
    /// Minutes in which any symbol has a bar.
    pub steps: usize,
    /// Start of the first bar, nanoseconds since the epoch.
    pub start: i64,
    /// Whether stocks keep to New York's sessions.
    pub sessions: Sessions,
}

/// Where the bars come from.
#[derive(Debug, Clone)]
pub enum Feed {
    /// Bar files, merged by time.
    Files(Vec<Source>),
    /// Bars in any order.
    Bars(Vec<FeedBar>),
    /// A seeded market of one-minute bars.
    Generated(Generated),
    /// None yet: bars come by [`super::RunningExchange::push`].
    Pushed(Pushed),
}

/// A market that somebody else watches and hands on, bar by bar. Its accounts are kept as safe as a
/// database keeps its rows: what anybody was told of is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Market time at which a new account is opened, nanoseconds since the epoch.
    pub start: i64,
    /// Market time less the machine's, where the market is the present; `None` where it passes with
    /// the bars alone.
    pub offset: Option<i64>,
}

/// A feed in memory: bars by the time at which they are known, and the steps of the market.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) bars: Vec<FeedBar>,
    /// Bars that become known at the same time, in time order.
    pub(crate) steps: Vec<Range<usize>>,
}

impl Loaded {
    /// Reads or makes a feed.
    ///
    /// # Errors
    /// A file or a symbol that cannot be used, a bar that is there twice.
    pub(crate) fn read(feed: &Feed, seed: u64) -> Result<Self, StartError> {
        let mut bars = match feed {
            Feed::Bars(bars) => bars.clone(),
            Feed::Pushed(_) => Vec::new(),
            Feed::Files(sources) => of_files(sources)?,
            Feed::Generated(market) => generate(market, seed)?,
        };
        for bar in &mut bars {
            let Some(symbol) = canonical(&bar.symbol) else {
                let reason = "it is not a symbol".to_owned();
                return Err(StartError::Symbol { symbol: bar.symbol.clone(), reason });
            };
            bar.crypto = symbol.contains('/');
            bar.symbol = symbol;
        }
        let loaded = Self::new(bars);
        let twice =
            |pair: &&[FeedBar]| pair[0].symbol == pair[1].symbol && pair[0].start == pair[1].start;
        match loaded.bars.windows(2).find(twice) {
            Some(pair) => Err(StartError::Feed(format!(
                "symbol {} has two bars at {}, allowed is one",
                pair[0].symbol,
                super::time::rfc3339(pair[0].start)
            ))),
            None => Ok(loaded),
        }
    }

    /// Sorts the bars and cuts them into steps.
    pub(crate) fn new(mut bars: Vec<FeedBar>) -> Self {
        bars.sort_by(|a, b| (a.end, a.start, &a.symbol).cmp(&(b.end, b.start, &b.symbol)));
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

fn of_files(sources: &[Source]) -> Result<Vec<FeedBar>, StartError> {
    let read = read_bars(sources).map_err(|error| StartError::Feed(error.to_string()))?;
    let mut bars: Vec<FeedBar> = read
        .rows
        .iter()
        .map(|row| FeedBar {
            symbol: read.symbol(row).as_str().to_owned(),
            crypto: false,
            start: row.at,
            end: row.at,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
        })
        .collect();
    set_ends(&mut bars);
    Ok(bars)
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

/// Walks the market once; its symbols are listed in the order in which they are given.
fn generate(market: &Generated, seed: u64) -> Result<Vec<FeedBar>, StartError> {
    let mut listings = Vec::with_capacity(market.symbols.len());
    for (at, (name, price)) in market.symbols.iter().enumerate() {
        let wrong =
            |reason: &str| StartError::Symbol { symbol: name.clone(), reason: reason.to_owned() };
        let cents =
            (price.checked_mul(Decimal::ONE_HUNDRED)).and_then(|cents| cents.round().to_i64());
        listings.push(Listing {
            symbol: SymbolId(u32::try_from(at).map_err(|_| wrong("there are too many"))?),
            cents: cents.ok_or_else(|| wrong("its first price is out of range"))?,
            crypto: canonical(name).is_some_and(|name| name.contains('/')),
        });
    }
    let mut walk = Market::new(seed, &listings, Nanos(market.start), MINUTE, market.sessions);
    let mut bars = Vec::new();
    for _ in 0..market.steps {
        for bar in walk.next_group() {
            let name = usize::try_from(bar.symbol.0).ok().and_then(|at| market.symbols.get(at));
            let Some((name, _)) = name else { continue };
            bars.push(FeedBar {
                symbol: name.clone(),
                crypto: false,
                start: bar.at.0,
                end: bar.end().0,
                open: bar.open,
                high: bar.high,
                low: bar.low,
                close: bar.close,
                volume: bar.volume,
            });
        }
    }
    Ok(bars)
}
