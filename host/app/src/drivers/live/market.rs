//! Market data on its way in: symbols become places in the desk's table, and the last bars of each
//! are kept for `history`.

use stockade_core::desk::Desk;
use stockade_core::market::{Bar, MarketEvent, Quote, Trade};
use stockade_core::sleeve::Prices;
use stockade_core::{Symbol, Timestamp};
use stockade_venue::alpaca::{SymbolBar, SymbolQuote, SymbolTrade};

/// A bar of the stream, under its place in the table. `None` for a symbol that nobody asked for.
pub(crate) fn bar(desk: &Desk, bar: &SymbolBar) -> Option<Bar> {
    Some(Bar {
        instrument: desk.find(&bar.symbol)?,
        at: bar.at,
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
    })
}

/// Bars of the stream as events: one for each time stamp, in table order.
pub(crate) fn bars(desk: &Desk, incoming: &[SymbolBar]) -> Vec<MarketEvent> {
    let mut known: Vec<Bar> = incoming.iter().filter_map(|b| bar(desk, b)).collect();
    known.sort_by_key(|bar| (bar.at, bar.instrument));
    let mut events = Vec::new();
    for group in known.chunk_by(|a, b| a.at == b.at) {
        events.push(MarketEvent::Bars { bars: group.to_vec() });
    }
    events
}

pub(crate) fn quote(desk: &Desk, quote: &SymbolQuote) -> Option<MarketEvent> {
    Some(MarketEvent::Quote(Quote {
        instrument: desk.find(&quote.symbol)?,
        at: quote.at,
        bid: quote.bid,
        bid_size: quote.bid_size,
        ask: quote.ask,
        ask_size: quote.ask_size,
    }))
}

pub(crate) fn trade(desk: &Desk, trade: &SymbolTrade) -> Option<MarketEvent> {
    Some(MarketEvent::Trade(Trade {
        instrument: desk.find(&trade.symbol)?,
        at: trade.at,
        price: trade.price,
        size: trade.size,
    }))
}

/// The time that the market has reached with an event: a bar is complete at its interval's end.
pub(crate) fn reached(event: &MarketEvent, interval_ns: i64) -> Timestamp {
    match event {
        MarketEvent::Bars { bars } => {
            bars.first().map_or(Timestamp::default(), |b| b.at.plus(interval_ns))
        }
        MarketEvent::Quote(quote) => quote.at,
        MarketEvent::Trade(trade) => trade.at,
    }
}

/// Symbols that a list of bots wants, each once, in order.
pub(crate) fn wanted<'a>(bots: impl Iterator<Item = &'a [Symbol]>) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = bots.flatten().cloned().collect();
    symbols.sort();
    symbols.dedup();
    symbols
}
