//! The bars of a run in the shape that a bot asks for: built once, when it begins, by the builder that
//! is used live. Each stands at the time stamp with which it is complete.

use std::ops::Range;
use std::sync::Arc;

use stockade_core::instrument::AssetClass;
use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Timestamp};
use stockade_exchange::{Nanos, calendar};

use super::Market;
use crate::drivers::shape::{Builder, Shape, Source};

/// Bars of one length for one bot.
pub(crate) struct Shaped {
    /// By time stamp, then by time and in table order.
    pub(crate) bars: Arc<Vec<Bar>>,
    /// Where each time stamp's begin; one more at the end.
    bounds: Vec<u32>,
}

impl Shaped {
    /// Builds them out of a market.
    pub(crate) fn of(
        market: &Market,
        shape: Shape,
        instruments: impl IntoIterator<Item = (InstrumentId, AssetClass)>,
    ) -> Self {
        let instruments: Vec<(InstrumentId, AssetClass)> = instruments.into_iter().collect();
        let mine = |id: InstrumentId| instruments.iter().any(|(mine, _)| *mine == id);
        let mut builder = Builder::new(shape.length, instruments.iter().copied());
        let (mut bars, mut bounds) = (Vec::new(), Vec::with_capacity(market.len() + 1));
        let mut closes: Option<Timestamp> = None;
        let mut group_bars = Vec::new();
        for group in 0..market.len() {
            bounds.push(narrow(bars.len()));
            let at = market.at(group);
            if let Some(close) = closes.filter(|close| *close <= at) {
                builder.complete(close, &mut bars);
                closes = None;
            }
            if closes.is_none() {
                let session = calendar::session_at(Nanos(at.0));
                closes = session.map(|session| Timestamp(session.close.0));
            }
            match (shape.source, &market.ticks) {
                (Source::Minutes, _) => {
                    group_bars.clear();
                    let of = market.bars[market.range(group)].iter();
                    group_bars.extend(of.filter(|bar| mine(bar.instrument)).copied());
                    builder.bars(&group_bars, market.interval_ns, &mut bars);
                }
                (Source::Trades, Some(ticks)) => {
                    for trade in ticks.trades_of(group).iter().filter(|t| mine(t.instrument)) {
                        builder.trade(trade, &mut bars);
                    }
                }
                (Source::Trades, None) => {}
            }
        }
        bounds.push(narrow(bars.len()));
        Self { bars: Arc::new(bars), bounds }
    }

    /// Where the bars of a time stamp stand.
    pub(crate) fn range(&self, group: usize) -> Range<usize> {
        self.bounds[group] as usize..self.bounds[group + 1] as usize
    }

    /// The time stamp that a bar belongs to, searched from `from` on.
    pub(super) fn group_of(&self, bar: usize, from: usize) -> usize {
        let bar = narrow(bar);
        from + self.bounds[from..].partition_point(|bound| *bound <= bar) - 1
    }
}

fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
