//! Markets made for tests: bars with known prices, in a week of 2019, and settings of an exchange.

use rust_decimal::Decimal;
use stockade_exchange::Sessions;
use stockade_exchange::rng::Rng;
use stockade_venue::server::{Feed, FeedBar, Generated, ServerConfig, Speed};

/// Nanoseconds of a minute.
pub(crate) const MINUTE: i64 = 60_000_000_000;
/// 2019-02-11T14:30:00Z, a Monday: New York's opening bell.
pub(crate) const OPEN: i64 = 1_549_895_400_000_000_000;
/// Minutes of a session.
pub(crate) const SESSION_MINUTES: i64 = 390;

/// A decimal of a test.
pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A bar with all four prices the same, `minute` minutes after the opening bell.
pub(crate) fn flat(symbol: &str, minute: i64, price: &str) -> FeedBar {
    let price = dec(price);
    let start = OPEN + minute * MINUTE;
    FeedBar {
        symbol: symbol.to_owned(),
        crypto: symbol.contains('/'),
        start,
        end: start + MINUTE,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Decimal::from(1_000_000),
    }
}

/// An exchange that moves only when it is told to, without partial fills.
pub(crate) fn manual(bars: Vec<FeedBar>, cash: u64) -> ServerConfig {
    let mut config = ServerConfig::new(Feed::Bars(bars));
    config.speed = Speed::Manual;
    config.accounts[0].cash = Decimal::from(cash);
    let mut rules = stockade_exchange::Config::paper(Decimal::from(cash));
    rules.partial_fill_permille = 0;
    config.rules = Some(rules);
    config
}

/// A seeded market of several symbols with so many minutes, inside New York's sessions.
pub(crate) fn generated(symbols: &[(&str, u32)], steps: usize, seed: u64) -> ServerConfig {
    let symbols =
        symbols.iter().map(|(name, price)| ((*name).to_owned(), Decimal::from(*price))).collect();
    let market = Generated { symbols, steps, start: OPEN, sessions: Sessions::Calendar };
    let mut config = ServerConfig::new(Feed::Generated(market));
    config.speed = Speed::Manual;
    config.seed = seed;
    config
}

/// A wave around 100 that crosses moving averages again and again; the seed makes its noise.
pub(crate) fn wave(symbol: &str, minutes: i64, seed: u64) -> Vec<FeedBar> {
    let mut rng = Rng::new(seed);
    let mut bars: Vec<FeedBar> = Vec::new();
    for minute in 0..minutes {
        let phase = minute.rem_euclid(12);
        let height = if phase < 6 { phase } else { 12 - phase };
        let cents = 10_000 + height * 10 + rng.between(0, 4);
        let day = minute / SESSION_MINUTES;
        let at = day * 1_440 + minute % SESSION_MINUTES;
        let mut bar = flat(symbol, at, "100");
        bar.close = Decimal::new(cents, 2);
        bar.open = bars.last().map_or(bar.close, |last| last.close);
        bar.high = bar.open.max(bar.close);
        bar.low = bar.open.min(bar.close);
        bars.push(bar);
    }
    bars
}

/// Bars of one symbol as a file's text.
pub(crate) fn csv(bars: &[FeedBar]) -> String {
    let mut text = "timestamp,open,high,low,close,volume\n".to_owned();
    for bar in bars {
        let at = stockade_exchange::Nanos(bar.start).rfc3339();
        text.push_str(&format!(
            "{at},{},{},{},{},{}\n",
            bar.open, bar.high, bar.low, bar.close, bar.volume
        ));
    }
    text
}
