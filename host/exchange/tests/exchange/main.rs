//! The exchange through its public calls: each matching rule, each refusal, and what must hold whatever is asked.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod account;
mod costs;
mod paper;
mod properties;
mod reference;
mod rejects;

use rust_decimal::Decimal;
use stockade_exchange::{Bar, Config, EventKind, Exchange, Nanos, SymbolId, TradeUpdate};

/// A decimal from its text.
fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A moment from its text.
fn t(text: &str) -> Nanos {
    Nanos::parse(text).unwrap()
}

const MINUTE: i64 = 60_000_000_000;

/// A Monday's opening.
const OPEN: &str = "2019-02-11T14:30:00Z";

fn minute(n: i64) -> Nanos {
    t(OPEN).plus(n * MINUTE)
}

/// A one-minute bar from `open high low close`.
fn bar(symbol: SymbolId, at: Nanos, prices: &str) -> Bar {
    let p: Vec<Decimal> = prices.split_whitespace().map(d).collect();
    Bar {
        symbol,
        at,
        interval: MINUTE,
        open: p[0],
        high: p[1],
        low: p[2],
        close: p[3],
        volume: d("1000"),
    }
}

/// Paper rules without chance.
fn plain_paper() -> Config {
    Config { partial_fill_permille: 0, ..Config::paper(d("100000")) }
}

/// A paper account at Monday's opening with a last price of 100 for SPY.
fn paper_at_100(config: Config) -> (Exchange, SymbolId) {
    let mut x = Exchange::new(config, 1, minute(-60)).unwrap();
    let spy = x.intern("SPY").unwrap();
    x.on_bar(&bar(spy, minute(0), "100 100 100 100"));
    x.advance(minute(1));
    (x, spy)
}

fn kinds(events: &[TradeUpdate]) -> Vec<EventKind> {
    events.iter().map(|e| e.event).collect()
}

/// `quantity@price` of the executions among the events.
fn fills(events: &[TradeUpdate]) -> Vec<String> {
    let fill = |e: &TradeUpdate| Some(format!("{}@{}", e.qty?.normalize(), e.price?.normalize()));
    events.iter().filter_map(fill).collect()
}
