//! A made-up market: seeded random walks with a trend and a volatility of their own per symbol, as bars.
//!
//! Prices are integer cents inside, so that every bar is exact, positive and sound. Stocks have bars in New York's regular
//! sessions only (unless sessions are switched off), crypto always.

use rust_decimal::Decimal;

use crate::asset::SymbolId;
use crate::calendar;
use crate::config::Sessions;
use crate::limits::MAX_SYMBOLS;
use crate::matching::Bar;
use crate::rng::Rng;
use crate::time::{MINUTE, Nanos, SECOND};

/// Highest price of the walk, in cents: one million dollars.
const MAX_CENTS: i64 = 100_000_000;

/// A symbol of the made-up market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    pub symbol: SymbolId,
    /// Price to start at, in cents; brought into 1 to 100,000,000.
    pub cents: i64,
    /// Trades around the clock.
    pub crypto: bool,
}

#[derive(Clone, Debug)]
struct Walk {
    symbol: SymbolId,
    crypto: bool,
    cents: i64,
    /// Typical move within a bar, in millionths of the price.
    volatility: i64,
    /// Mean move of a bar, in millionths; changes now and then.
    trend: i64,
    trend_left: u64,
    rng: Rng,
}

/// An endless source of bars in order of time, and within a time stamp in order of the listings.
#[derive(Clone, Debug)]
pub struct Market {
    walks: Vec<Walk>,
    sessions: Sessions,
    interval: i64,
    /// Start of the next group of bars.
    at: Nanos,
    group: Vec<Bar>,
    given: usize,
}

impl Market {
    /// A market from `start` on, one bar every `interval` nanoseconds (at least a second). A symbol's walk depends on the seed and on
    /// its place in the list only.
    #[must_use]
    pub fn new(
        seed: u64,
        listings: &[Listing],
        start: Nanos,
        interval: i64,
        sessions: Sessions,
    ) -> Self {
        let mut rng = Rng::new(seed);
        let walk = |listing: &Listing| {
            let mut rng = Rng::new(rng.next_u64());
            Walk {
                symbol: listing.symbol,
                crypto: listing.crypto,
                cents: listing.cents.clamp(1, MAX_CENTS),
                volatility: rng.between(200, 1500),
                trend: 0,
                trend_left: 0,
                rng,
            }
        };
        Self {
            walks: listings.iter().take(MAX_SYMBOLS).map(walk).collect(),
            sessions,
            interval: interval.max(SECOND),
            at: start,
            group: Vec::new(),
            given: 0,
        }
    }

    /// All bars of the next time stamp that has any; empty only for a market without symbols.
    pub fn next_group(&mut self) -> &[Bar] {
        self.group.clear();
        self.given = 0;
        while self.group.is_empty() && !self.walks.is_empty() {
            let end = self.at.plus(self.interval);
            let open =
                self.sessions == Sessions::Always || calendar::overlaps_session(self.at, end);
            for walk in self.walks.iter_mut().filter(|walk| open || walk.crypto) {
                self.group.push(walk.bar(self.at, self.interval));
            }
            self.at = if self.group.is_empty() { self.before_next_session() } else { end };
        }
        &self.group
    }

    /// The last step of the grid that isn't after the next opening, and at least one step on.
    fn before_next_session(&self) -> Nanos {
        let open = calendar::next_open(self.at).open;
        let steps = (open.0 - self.at.0).max(self.interval) / self.interval;
        self.at.plus(steps * self.interval)
    }
}

impl Iterator for Market {
    type Item = Bar;

    fn next(&mut self) -> Option<Bar> {
        if self.given >= self.group.len() {
            self.next_group();
        }
        let bar = self.group.get(self.given).copied();
        self.given += 1;
        bar
    }
}

impl Walk {
    fn bar(&mut self, at: Nanos, interval: i64) -> Bar {
        if self.trend_left == 0 {
            self.trend_left = self.rng.below(240) + 60;
            let strength = self.volatility / 8;
            self.trend = self.rng.between(-strength, strength);
        }
        self.trend_left -= 1;
        // One bar in fifty opens with a gap.
        let gap = if self.rng.permille(20) { self.volatility } else { self.volatility / 10 };
        let open = self.step(gap, 0);
        let (mut high, mut low) = (open, open);
        for _ in 0..4 {
            let cents = self.step(self.volatility / 2, self.trend / 4);
            high = high.max(cents);
            low = low.min(cents);
        }
        let volume = self.rng.between(100, 100_000) * (interval / MINUTE).clamp(1, 1440);
        let price = |cents: i64| Decimal::new(cents, 2);
        Bar {
            symbol: self.symbol,
            at,
            interval,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(self.cents),
            volume: Decimal::from(volume),
        }
    }

    /// Moves the price by `trend` ± `spread` millionths, at least by chance a cent, and gives it.
    fn step(&mut self, spread: i64, trend: i64) -> i64 {
        let millionths = trend + self.rng.between(-spread, spread);
        let wanted = self.cents * millionths;
        // The rest of the division decides by chance, so that cheap prices move too and none drifts by rounding.
        let lucky = self.rng.between(0, 999_999) < wanted.rem_euclid(1_000_000);
        let moved = wanted.div_euclid(1_000_000) + i64::from(lucky);
        self.cents = (self.cents + moved).clamp(1, MAX_CENTS);
        self.cents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listings() -> [Listing; 3] {
        let listing =
            |at: u32, cents: i64, crypto: bool| Listing { symbol: SymbolId(at), cents, crypto };
        [listing(0, 25_000, false), listing(1, 3, false), listing(2, 4_000_000, true)]
    }

    #[test]
    fn bars_are_sound_and_repeat_with_the_seed() {
        let start = Nanos::parse("2019-02-15T20:58:00Z").unwrap();
        let market = |seed| Market::new(seed, &listings(), start, MINUTE, Sessions::Calendar);
        let bars: Vec<Bar> = market(5).take(20_000).collect();
        assert_eq!(bars, market(5).take(20_000).collect::<Vec<_>>());
        assert_ne!(bars, market(6).take(20_000).collect::<Vec<_>>());
        assert!(
            bars.iter().all(|b| b.is_sound() && b.volume > Decimal::ZERO && b.close.scale() <= 2)
        );
        assert!(bars.windows(2).all(|w| (w[0].at, w[0].symbol) < (w[1].at, w[1].symbol)));
        let closes: std::collections::BTreeSet<Decimal> =
            bars.iter().filter(|b| b.symbol.0 == 0).map(|b| b.close).collect();
        assert!(closes.len() > 50, "the walk moves");
    }

    #[test]
    fn stocks_keep_to_sessions() {
        let start = Nanos::parse("2019-02-15T20:58:00Z").unwrap();
        let stocks = &listings()[..2];
        let mut market = Market::new(1, stocks, start, MINUTE, Sessions::Calendar);
        for text in ["2019-02-15T20:58:00Z", "2019-02-15T20:59:00Z", "2019-02-19T14:30:00Z"] {
            let group = market.next_group();
            assert_eq!((group.len(), group[0].at.rfc3339().as_str()), (2, text));
        }
        let mut daily = Market::new(
            1,
            stocks,
            Nanos::parse("2019-02-15").unwrap(),
            1440 * MINUTE,
            Sessions::Calendar,
        );
        let days: Vec<String> =
            (0..2).map(|_| daily.next_group()[0].at.utc_date().to_string()).collect();
        assert_eq!(days, ["2019-02-15", "2019-02-19"]);
        assert!(Market::new(1, &[], start, MINUTE, Sessions::Calendar).next().is_none());
    }
}
