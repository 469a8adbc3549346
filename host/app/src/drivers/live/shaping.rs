//! Bars of the length that a bot describes, built of what its slot gets, by the builder that the loop
//! uses.
//!
//! Guarantees: what comes out is whole, in order for each instrument and comes once, over starts too:
//! a start builds silently what the state has seen, and what was under way then goes on. `history`
//! tells of the same bars.

use std::collections::BTreeMap;
use std::sync::Arc;

use stockade_core::instrument::AssetClass;
use stockade_core::market::{Bar, Trade};
use stockade_core::{InstrumentId, Timestamp};
use stockade_runtime::{History, Plugin};

use super::bots::MINUTE_NS;
use crate::drivers::base::HISTORY_KEPT;
use crate::drivers::shape::{Builder, Shape, Source};

/// The bars of one bot.
pub(super) struct Shaping {
    shape: Shape,
    instruments: Vec<(InstrumentId, AssetClass)>,
    builder: Builder,
    /// The last bar of each instrument that came out.
    given: BTreeMap<InstrumentId, Timestamp>,
    /// A bar that began before is not whole.
    whole_from: Timestamp,
    /// Whether what the stream brings is built: before, it waits for the bars of history.
    ready: bool,
    history: Arc<History>,
}

/// What a start has read.
pub(super) struct Read {
    /// One-minute bars by time stamp: the last of each instrument has ended.
    pub(super) minutes: Vec<Vec<Bar>>,
    /// From when on none is missing.
    pub(super) from: Timestamp,
    /// The last one that the state has seen, where there is a state.
    pub(super) seen: Option<Timestamp>,
    /// Bars of each instrument that a bot without a state wants to have seen.
    pub(super) warm_up: usize,
}

impl Shaping {
    /// For a bot that describes its bars; `None` where it takes the stream's.
    pub(super) fn of(
        plugin: &Plugin,
        instruments: impl Iterator<Item = (InstrumentId, AssetClass)>,
    ) -> Option<Self> {
        let shape = Shape::of(plugin.description().bars?);
        Some(Self::new(shape, instruments.collect()))
    }

    fn new(shape: Shape, instruments: Vec<(InstrumentId, AssetClass)>) -> Self {
        Self {
            shape,
            builder: Builder::new(shape.length, instruments.iter().copied()),
            instruments,
            given: BTreeMap::new(),
            whole_from: Timestamp(i64::MIN),
            ready: false,
            history: Arc::new(History::new(HISTORY_KEPT)),
        }
    }

    /// How long its bars are.
    pub(super) const fn length(&self) -> i64 {
        self.shape.length
    }

    /// What its bot's `history` tells.
    pub(super) const fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Whether they are built of trades.
    pub(super) fn is_of_trades(&self) -> bool {
        self.shape.source == Source::Trades
    }

    /// Whether what comes is built, rather than waiting.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Begins in the middle of the stream, without history: the first whole bar is the next one.
    pub(super) const fn begin_at(mut self, now: Timestamp) -> Self {
        (self.whole_from, self.ready) = (now, true);
        self
    }

    /// Builds what a start has read; gives the bars that the bot is to see as warm-up.
    pub(super) fn begin(&mut self, read: Read) -> Vec<Vec<Bar>> {
        let Read { minutes, from, seen, warm_up } = read;
        // Before the window of the state's last bar, nothing is asked whether it is whole.
        self.whole_from = from;
        self.ready = true;
        let until = minutes.last().map_or(from, |group| group[0].at.plus(MINUTE_NS));
        let whole_minutes = self.shape.length % MINUTE_NS == 0;
        let mut built: Vec<Bar> = Vec::new();
        let mut open = seen;
        for group in &minutes {
            if let Some(seen) = open.filter(|seen| group[0].at > *seen) {
                self.pass_over(seen);
                open = None;
            }
            let mut out = Vec::new();
            self.builder.bars(group, MINUTE_NS, &mut out);
            let out = self.out(out);
            if open.is_none() {
                built.extend(out);
            }
        }
        if let Some(seen) = open {
            self.pass_over(seen);
        }
        if self.is_of_trades() {
            // What is under way has seen minutes, and would see their trades again.
            self.builder = Builder::new(self.shape.length, self.instruments.iter().copied());
            self.whole_from = until;
            if !whole_minutes {
                self.given.clear();
                return Vec::new();
            }
        }
        if seen.is_none() {
            keep_last(&mut built, warm_up);
        }
        grouped(built)
    }

    /// What was complete by then has been given.
    fn pass_over(&mut self, seen: Timestamp) {
        let mut out = Vec::new();
        self.builder.complete(seen, &mut out);
        drop(self.out(out));
    }

    /// The bars of one time stamp of the stream; gives those that are complete now, by their own.
    pub(super) fn minutes(&mut self, bars: &[Bar]) -> Vec<Vec<Bar>> {
        if self.is_of_trades() {
            return Vec::new();
        }
        let mut out = Vec::new();
        self.builder.bars(bars, MINUTE_NS, &mut out);
        grouped(self.out(out))
    }

    /// A trade.
    pub(super) fn trade(&mut self, trade: &Trade) -> Vec<Vec<Bar>> {
        let mut out = Vec::new();
        self.builder.trade(trade, &mut out);
        grouped(self.out(out))
    }

    /// A session has ended, and the market has gone on.
    pub(super) fn close(&mut self, close: Timestamp) -> Vec<Vec<Bar>> {
        let mut out = Vec::new();
        self.builder.complete(close, &mut out);
        grouped(self.out(out))
    }

    /// What may be given of what is complete.
    fn out(&mut self, mut bars: Vec<Bar>) -> Vec<Bar> {
        bars.retain(|bar| {
            let last = self.given.entry(bar.instrument).or_insert(Timestamp(i64::MIN));
            let new = bar.at > *last;
            *last = bar.at.max(*last);
            new && bar.at >= self.whole_from
        });
        self.history.push(&bars);
        bars
    }
}

/// The last `most` bars of each instrument.
fn keep_last(bars: &mut Vec<Bar>, most: usize) {
    let mut left: BTreeMap<InstrumentId, usize> = BTreeMap::new();
    bars.reverse();
    bars.retain(|bar| {
        let count = left.entry(bar.instrument).or_default();
        *count += 1;
        *count <= most
    });
    bars.reverse();
}

/// One group for each time stamp; they stay in the order in which they were complete.
fn grouped(bars: Vec<Bar>) -> Vec<Vec<Bar>> {
    bars.chunk_by(|a, b| a.at == b.at).map(<[Bar]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use stockade_core::{Price, Qty};

    use super::*;

    const DAY: i64 = 17_938 * 86_400 * 1_000_000_000;

    fn at(minute: i64) -> Timestamp {
        Timestamp(DAY + minute * MINUTE_NS)
    }

    fn bar(instrument: u32, minute: i64) -> Bar {
        let price = Price::new(Decimal::from(minute));
        Bar {
            instrument: InstrumentId(instrument),
            at: at(minute),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Qty::new(Decimal::ONE),
        }
    }

    fn fives() -> Shaping {
        let shape = Shape { length: 5 * MINUTE_NS, source: Source::Minutes };
        let pairs = [0, 1].map(|id| (InstrumentId(id), AssetClass::Crypto));
        Shaping::new(shape, pairs.to_vec())
    }

    fn minutes(range: std::ops::Range<i64>, of: &[u32]) -> Vec<Vec<Bar>> {
        range.map(|minute| of.iter().map(|id| bar(*id, minute)).collect()).collect()
    }

    /// Instrument and minute of the begin of each, and its volume.
    fn told(groups: &[Vec<Bar>]) -> Vec<(u32, i64, String)> {
        let of = |bar: &Bar| {
            (bar.instrument.0, (bar.at.0 - DAY) / MINUTE_NS, bar.volume.get().to_string())
        };
        groups.iter().flatten().map(of).collect()
    }

    #[test]
    fn a_new_bot_is_warmed_up_with_whole_bars_and_goes_on_with_the_one_under_way() {
        let mut shaping = fives();
        // From the middle of a bar on.
        let read = Read { minutes: minutes(2..18, &[0]), from: at(2), seen: None, warm_up: 9 };
        let built = shaping.begin(read);
        assert_eq!(told(&built), [(0, 5, "5".into()), (0, 10, "5".into())]);
        assert!(shaping.minutes(&[bar(0, 18)]).is_empty());
        assert_eq!(told(&shaping.minutes(&[bar(0, 19)])), [(0, 15, "5".into())]);
        let known = shaping.history().before(InstrumentId(0), at(99), 9);
        assert_eq!(known.len(), 3);
        let few = Read { minutes: minutes(0..18, &[0]), from: at(0), seen: None, warm_up: 1 };
        assert_eq!(told(&fives().begin(few)), [(0, 10, "5".into())]);
    }

    /// Whatever minute the state was saved at, each bar comes once: before it or after it.
    #[test]
    fn a_state_sees_each_bar_once_over_a_start() {
        // The second instrument does not trade in the last minute of a bar.
        let all: Vec<Vec<Bar>> = (0..40)
            .map(|minute| {
                let both = minute % 5 != 4;
                [0, 1].iter().filter(|id| both || **id == 0).map(|id| bar(*id, minute)).collect()
            })
            .collect();
        let whole = {
            let mut shaping = fives().begin_at(at(0));
            all.iter().flat_map(|group| told(&shaping.minutes(group))).collect::<Vec<_>>()
        };
        assert_eq!(whole.len(), 15, "{whole:?}");
        for saved in 3..39_usize {
            for now in [saved, (saved + 7).min(39)] {
                let mut before = fives().begin_at(at(0));
                let mut seen: Vec<_> =
                    all[..=saved].iter().flat_map(|group| told(&before.minutes(group))).collect();
                let mut after = fives();
                let from = saved.saturating_sub(10);
                let (minutes, seen_until) = (all[from..=now].to_vec(), all[saved][0].at);
                let read =
                    Read { minutes, from: all[from][0].at, seen: Some(seen_until), warm_up: 0 };
                seen.extend(told(&after.begin(read)));
                for group in &all[now + 1..] {
                    seen.extend(told(&after.minutes(group)));
                }
                assert_eq!(seen, whole, "saved at {saved}, started at {now}");
            }
        }
    }

    /// Bars of trades are warmed up with minutes where they are whole ones; the first of trades alone
    /// is whole.
    #[test]
    fn bars_of_trades_begin_with_the_first_whole_one() {
        let trade = |second: i64| Trade {
            instrument: InstrumentId(0),
            at: Timestamp(DAY + second * 1_000_000_000),
            price: Price::new(Decimal::from(second)),
            size: Qty::new(Decimal::TEN),
        };
        for (seconds, warm) in [(120, 2), (10, 0)] {
            let shape = Shape { length: seconds * 1_000_000_000, source: Source::Trades };
            let mut shaping = Shaping::new(shape, vec![(InstrumentId(0), AssetClass::Crypto)]);
            // Minutes 0 to 4 have ended: the bar of minute 4 is under way where bars have two.
            let read = Read { minutes: minutes(0..5, &[0]), from: at(0), seen: None, warm_up: 9 };
            assert_eq!(shaping.begin(read).len(), warm);
            assert!(shaping.minutes(&[bar(0, 5)]).is_empty(), "minutes are none of its bars");
            let mut given = Vec::new();
            for second in (301..620).step_by(3) {
                given.extend(told(&shaping.trade(&trade(second))));
            }
            let first = given.first().map(|(_, minute, _)| *minute);
            let whole = if seconds == 120 { 6 } else { 5 };
            assert_eq!(first, Some(whole), "{given:?}");
            let volume = if seconds == 120 { "400" } else { "40" };
            assert_eq!(given[1].2, volume, "{given:?}");
        }
    }
}
