//! Bars that ended while a data stream was away.
//!
//! Guarantees: bots that run get each bar once and in order, whether the stream stays up or not.
//! When a stream is back and confirmed, the bars since the last one are read from the broker's
//! history; what the stream brings meanwhile is held and follows. A missed bar that ended more than
//! a bar's length ago comes marked as warm-up: what a bot would ask for at a past price is void, as
//! in every way of catching up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use stockade_core::broker::Answer;
use stockade_core::{Symbol, Timestamp};
use stockade_venue::alpaca::{Alpaca, Feed, HistoryRequest, SymbolBar};
use tokio::sync::mpsc;

use super::Incoming;
use super::bots::MINUTE_NS;

/// Bars of one reading, over all symbols.
const BARS_MAX: usize = 200_000;
/// A history that can't be read is asked for again so long; meanwhile the bars of the stream wait.
const READ_MAX: Duration = Duration::from_secs(60);
/// Between two tries.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// One stream's bars, and what of them is missing.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// The stream has been away since it was last whole.
    broken: bool,
    /// The reading under way: the answer of an earlier one is void.
    reading: Option<u64>,
    readings: u64,
    /// What the stream has brought since it is back.
    held: Vec<SymbolBar>,
    /// The last bar of each symbol that was handed on; of a new one, what it was confirmed after.
    last: BTreeMap<Symbol, Timestamp>,
}

/// What has to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(super) number: u64,
    /// Each with the last bar before the gap.
    pub(super) after: BTreeMap<Symbol, Timestamp>,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Missed {
    pub(super) feed: Feed,
    number: u64,
    after: BTreeMap<Symbol, Timestamp>,
    bars: Vec<SymbolBar>,
    /// The market's time of the reading.
    now: Timestamp,
}

/// The bars of a gap and those that waited behind it, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Too old to act on.
    pub(super) past: Vec<SymbolBar>,
    pub(super) present: Vec<SymbolBar>,
}

impl Gap {
    /// The stream is away.
    pub(super) fn down(&mut self) {
        self.broken = true;
        self.reading = None;
        // They are complete: the reading after this brings them.
        self.held.clear();
    }

    /// The broker has answered for the bars of these. `seen` tells what the bots themselves were
    /// given last: one that started without its stream may be behind.
    pub(super) fn confirmed(
        &mut self,
        bars: &[Symbol],
        now: Timestamp,
        seen: impl Fn(&Symbol) -> Option<Timestamp>,
    ) -> Option<Reading> {
        self.last.retain(|symbol, _| bars.contains(symbol));
        for symbol in bars {
            self.last.entry(symbol.clone()).or_insert_with(|| now.plus(-MINUTE_NS));
        }
        if !self.broken || self.reading.is_some() || bars.is_empty() {
            return None;
        }
        self.readings += 1;
        self.reading = Some(self.readings);
        let after = self.last.iter().map(|(symbol, last)| {
            let last = seen(symbol).map_or(*last, |seen| seen.min(*last));
            (symbol.clone(), last)
        });
        Some(Reading { number: self.readings, after: after.collect() })
    }

    /// Bars of the stream: given back unless they wait.
    pub(super) fn take(&mut self, bars: Vec<SymbolBar>) -> Vec<SymbolBar> {
        if self.reading.is_some() {
            self.held.extend(bars);
            return Vec::new();
        }
        self.handed_on(&bars);
        bars
    }

    fn handed_on(&mut self, bars: &[SymbolBar]) {
        for bar in bars {
            if let Some(last) = self.last.get_mut(&bar.symbol) {
                *last = bar.at.max(*last);
            }
        }
    }

    /// What was read, and what waited for it.
    pub(super) fn fill(&mut self, missed: Missed) -> Filled {
        if self.reading != Some(missed.number) {
            return Filled::default();
        }
        (self.broken, self.reading) = (false, None);
        let held = std::mem::take(&mut self.held);
        let mut bars: Vec<SymbolBar> = missed
            .bars
            .into_iter()
            .filter(|bar| missed.after.get(&bar.symbol).is_some_and(|after| bar.at > *after))
            .collect();
        let read: BTreeSet<(Symbol, Timestamp)> =
            bars.iter().map(|bar| (bar.symbol.clone(), bar.at)).collect();
        let new = |bar: &SymbolBar| !read.contains(&(bar.symbol.clone(), bar.at));
        bars.extend(held.into_iter().filter(new));
        bars.sort_by_key(|bar| bar.at);
        self.handed_on(&bars);
        let fresh = missed.now.plus(-2 * MINUTE_NS);
        let (past, present) = bars.into_iter().partition(|bar| bar.at < fresh);
        Filled { past, present }
    }
}

/// Reads a gap beside the host, which hears of it by an input.
pub(super) async fn read(
    alpaca: Arc<Alpaca>,
    feed: Feed,
    reading: Reading,
    inputs: mpsc::Sender<Incoming>,
) {
    let until = tokio::time::Instant::now() + READ_MAX;
    let Reading { number, after } = reading;
    let found = loop {
        match bars(&alpaca, &after).await {
            Ok(found) => break Some(found),
            Err(why) if tokio::time::Instant::now() > until => {
                tracing::error!(?feed, %why, "bars that ended while the stream was down stay missing");
                break None;
            }
            Err(why) => tracing::warn!(?feed, %why, "the bars since the stream went down wait"),
        }
        tokio::time::sleep(READ_AGAIN).await;
        if inputs.is_closed() {
            return;
        }
    };
    let (now, bars) = found.unwrap_or_default();
    let missed = Missed { feed, number, after, bars, now };
    // A closed channel means that the host has ended.
    let _ = inputs.send(Incoming::Missed(missed)).await;
}

/// The complete bars since the earliest of these times, and the broker's time. The broker's clock
/// is read first: what ends later comes by the stream.
async fn bars(
    alpaca: &Alpaca,
    after: &BTreeMap<Symbol, Timestamp>,
) -> Result<(Timestamp, Vec<SymbolBar>), String> {
    let now = match alpaca.clock().await {
        Answer::Done { value } => value.at,
        other => return Err(format!("the broker's clock can't be read: {other:?}")),
    };
    let from = after.values().min().copied().unwrap_or(now).plus(1);
    let to = now.plus(-MINUTE_NS);
    if from > to {
        return Ok((now, Vec::new()));
    }
    let request = HistoryRequest {
        symbols: after.keys().cloned().collect(),
        timeframe: "1Min".to_owned(),
        from,
        to,
        bars_max: BARS_MAX,
    };
    match alpaca.history_bars(&request).await {
        Answer::Done { value } => Ok((now, value)),
        other => Err(format!("the broker's bars from {from} to {to} can't be read: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use stockade_core::{Price, Qty};

    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).unwrap()
    }

    fn bar(name: &str, minute: i64) -> SymbolBar {
        let price = Price::new(Decimal::ONE);
        SymbolBar {
            symbol: symbol(name),
            at: Timestamp(minute * MINUTE_NS),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Qty::new(Decimal::ONE),
        }
    }

    fn of(bars: &[SymbolBar]) -> Vec<(&str, i64)> {
        bars.iter().map(|bar| (bar.symbol.as_str(), bar.at.0 / MINUTE_NS)).collect()
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp(minute * MINUTE_NS)
    }

    fn missed(reading: Reading, bars: Vec<SymbolBar>, now: i64) -> Missed {
        let Reading { number, after } = reading;
        Missed { feed: Feed::Stock, number, after, bars, now: at(now) }
    }

    /// Confirmed for two symbols, of which both have had the bar of minute 5.
    fn running() -> Gap {
        let mut gap = Gap::default();
        assert_eq!(gap.confirmed(&[symbol("A"), symbol("B")], at(5), |_| None), None);
        assert_eq!(gap.take(vec![bar("A", 5), bar("B", 5)]).len(), 2);
        gap
    }

    #[test]
    fn a_gap_is_filled_once_in_order_and_before_what_came_meanwhile() {
        let mut gap = running();
        gap.down();
        let reading = gap.confirmed(&[symbol("A"), symbol("B")], at(9), |_| None).unwrap();
        assert_eq!(gap.confirmed(&[symbol("A"), symbol("B")], at(9), |_| None), None);
        assert!(gap.take(vec![bar("A", 9), bar("B", 9)]).is_empty());
        // The broker knows some bars from before, and one that the stream has brought as well.
        let read = [("A", 5), ("A", 6), ("A", 8), ("A", 9), ("B", 7), ("B", 8)];
        let read = read.iter().map(|(name, minute)| bar(name, *minute)).collect();
        let filled = gap.fill(missed(reading, read, 10));
        assert_eq!(of(&filled.past), [("A", 6), ("B", 7)]);
        assert_eq!(of(&filled.present), [("A", 8), ("B", 8), ("A", 9), ("B", 9)]);
        assert_eq!(gap.take(vec![bar("A", 10)]).len(), 1);
        assert_eq!(gap.confirmed(&[symbol("A")], at(11), |_| None), None, "it is whole");
    }

    #[test]
    fn a_stream_that_breaks_again_is_read_again_from_the_same_bar() {
        let mut gap = running();
        gap.down();
        let first = gap.confirmed(&[symbol("A")], at(8), |_| None).unwrap();
        assert!(gap.take(vec![bar("A", 8)]).is_empty());
        gap.down();
        let second = gap.confirmed(&[symbol("A")], at(12), |_| None).unwrap();
        assert_eq!(second.after[&symbol("A")], at(5));
        assert_eq!(gap.fill(missed(first, vec![bar("A", 6)], 8)), Filled::default());
        let read = (6..12).map(|minute| bar("A", minute)).collect();
        let filled = gap.fill(missed(second, read, 12));
        assert_eq!(of(&filled.past), [("A", 6), ("A", 7), ("A", 8), ("A", 9)]);
        assert_eq!(of(&filled.present), [("A", 10), ("A", 11)]);
    }

    #[test]
    fn a_bot_that_is_behind_is_brought_up_and_a_history_that_fails_lets_the_stream_go_on() {
        let mut gap = Gap::default();
        gap.down();
        let seen = |name: &Symbol| (name.as_str() == "A").then(|| at(2));
        let reading = gap.confirmed(&[symbol("A"), symbol("B")], at(9), seen).unwrap();
        let after: Vec<Timestamp> = reading.after.values().copied().collect();
        assert_eq!(after, [at(2), at(8)]);
        assert!(gap.take(vec![bar("B", 9)]).is_empty());
        let filled = gap.fill(missed(reading, Vec::new(), 0));
        assert_eq!(of(&filled.present), [("B", 9)]);
    }
}
