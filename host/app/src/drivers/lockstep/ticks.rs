//! Quotes and trades between the bars of a run.
//!
//! A symbol's orders trade at the finest of what there is of it on a day: at quotes, else at trades,
//! else at bars; the coarser kinds give last prices and are handed to bots, and meet no order. Each moment
//! with a quote, a trade or a bar's end is a time stamp of its own; at one moment bars come first,
//! since what they tell is of before it.

use std::collections::BTreeMap;
use std::ops::Range;

use stockade_core::market::{MarketEvent, Quote, Trade};
use stockade_core::{InstrumentId, Price, Qty, Timestamp};
use stockade_exchange as model;
use stockade_venue::files::{QuoteRow, TradeRow};

/// What a symbol's orders trade at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finest {
    Bars,
    Trades,
    Quotes,
}

/// All quotes and trades of a run, by time and then in table order.
#[derive(Debug, Clone)]
pub(crate) struct Ticks {
    /// Every time stamp, those of bars' ends too.
    pub(super) times: Vec<Timestamp>,
    quotes: Vec<Quote>,
    trades: Vec<Trade>,
    /// Where each time stamp begins in both; one more at the end.
    bounds: Vec<(u32, u32)>,
    /// By day of New York and symbol, where it is not bars.
    finest: BTreeMap<(model::time::Date, u32), Finest>,
}

impl Ticks {
    /// Puts quotes and trades between bars that end at `ends`. Gives the bounds of the bars at the
    /// new time stamps too.
    pub(super) fn between(
        ends: &[Timestamp],
        bounds: &[u32],
        quotes: &[QuoteRow],
        trades: &[TradeRow],
    ) -> (Self, Vec<u32>) {
        let mut times: Vec<Timestamp> = ends.to_vec();
        times.extend(quotes.iter().map(|row| Timestamp(row.at)));
        times.extend(trades.iter().map(|row| Timestamp(row.at)));
        times.sort_unstable();
        times.dedup();
        let day = |at: i64, symbol: u16| (model::Nanos(at).new_york_date(), u32::from(symbol));
        let of_trades = trades.iter().map(|row| (day(row.at, row.symbol), Finest::Trades));
        let of_quotes = quotes.iter().map(|row| (day(row.at, row.symbol), Finest::Quotes));
        // Of one day the last counts: quotes before trades.
        let finest = of_trades.chain(of_quotes).collect();
        let narrow = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let (mut of_bars, mut of_ticks) = (Vec::new(), Vec::new());
        let (mut bar, mut quote, mut trade) = (0, 0, 0);
        for time in &times {
            of_bars.push(bounds[bar]);
            of_ticks.push((narrow(quote), narrow(trade)));
            bar += usize::from(ends.get(bar) == Some(time));
            quote += quotes[quote..].iter().take_while(|row| row.at == time.0).count();
            trade += trades[trade..].iter().take_while(|row| row.at == time.0).count();
        }
        of_bars.push(bounds[bar]);
        of_ticks.push((narrow(quote), narrow(trade)));
        let ticks = Self {
            times,
            quotes: quotes.iter().map(quote_of).collect(),
            trades: trades.iter().map(trade_of).collect(),
            bounds: of_ticks,
            finest,
        };
        (ticks, of_bars)
    }

    /// Those of some of the time stamps.
    pub(super) fn part(&self, groups: Range<usize>) -> Self {
        let bounds = &self.bounds[groups.start..=groups.end];
        let (quote, trade) = bounds.first().copied().unwrap_or_default();
        let (last_quote, last_trade) = bounds.last().copied().unwrap_or_default();
        Self {
            times: self.times[groups].to_vec(),
            quotes: self.quotes[quote as usize..last_quote as usize].to_vec(),
            trades: self.trades[trade as usize..last_trade as usize].to_vec(),
            bounds: bounds.iter().map(|(q, t)| (q - quote, t - trade)).collect(),
            finest: self.finest.clone(),
        }
    }

    /// How many quotes and trades there are from a time stamp on.
    pub(crate) fn count_from(&self, group: usize) -> (usize, usize) {
        let (quote, trade) = self.bounds[group];
        (self.quotes.len() - quote as usize, self.trades.len() - trade as usize)
    }

    /// The quotes of a time stamp.
    pub(crate) fn quotes_of(&self, group: usize) -> &[Quote] {
        &self.quotes[self.bounds[group].0 as usize..self.bounds[group + 1].0 as usize]
    }

    /// The trades of a time stamp.
    pub(crate) fn trades_of(&self, group: usize) -> &[Trade] {
        &self.trades[self.bounds[group].1 as usize..self.bounds[group + 1].1 as usize]
    }

    /// Every price of a symbol from a time stamp on: trades, or the middle between bid and ask where
    /// there are none.
    pub(crate) fn prices_of(&self, symbol: usize, group: usize) -> Vec<(i64, Price)> {
        let (quote, trade) = self.bounds[group];
        let trades = self.trades[trade as usize..].iter();
        let trades: Vec<(i64, Price)> = trades
            .filter(|trade| trade.instrument.index() == symbol)
            .map(|trade| (trade.at.0, trade.price))
            .collect();
        if !trades.is_empty() {
            return trades;
        }
        let middle = |quote: &Quote| {
            Price::new((quote.bid.get() + quote.ask.get()) / rust_decimal::Decimal::TWO)
        };
        let quotes = self.quotes[quote as usize..].iter();
        quotes
            .filter(|quote| quote.instrument.index() == symbol && quote.bid <= quote.ask)
            .map(|quote| (quote.at.0, middle(quote)))
            .collect()
    }

    /// What the desk hears of at a time stamp beside its bars.
    pub(super) fn events(&self, group: usize) -> impl Iterator<Item = MarketEvent> {
        let trades = self.trades_of(group).iter().map(|trade| MarketEvent::Trade(*trade));
        trades.chain(self.quotes_of(group).iter().map(|quote| MarketEvent::Quote(*quote)))
    }

    /// Lets a time stamp's market data meet the exchange's orders.
    pub(super) fn meet(&self, group: usize, bars: &[model::Bar], exchange: &mut model::Exchange) {
        let day = model::Nanos(self.times[group].0).new_york_date();
        let finest = |symbol: model::SymbolId| {
            self.finest.get(&(day, symbol.0)).copied().unwrap_or(Finest::Bars)
        };
        if !bars.is_empty() {
            let (met, seen): (Vec<model::Bar>, Vec<model::Bar>) =
                bars.iter().partition(|bar| finest(bar.symbol) == Finest::Bars);
            exchange.on_ended_bars(&met);
            exchange.on_closes(&seen);
        }
        // At one moment a trade is of before the quote that follows from it.
        for trade in self.trades_of(group) {
            let trade = model::Trade {
                symbol: model::SymbolId(trade.instrument.0),
                at: model::Nanos(trade.at.0),
                price: trade.price.get(),
                size: trade.size.get(),
            };
            if finest(trade.symbol) == Finest::Trades {
                exchange.on_trade(&trade);
            } else {
                exchange.on_print(&trade);
            }
        }
        for quote in self.quotes_of(group) {
            exchange.on_quote(&model::Quote {
                symbol: model::SymbolId(quote.instrument.0),
                at: model::Nanos(quote.at.0),
                bid: quote.bid.get(),
                bid_size: quote.bid_size.get(),
                ask: quote.ask.get(),
                ask_size: quote.ask_size.get(),
            });
        }
    }
}

fn quote_of(row: &QuoteRow) -> Quote {
    Quote {
        instrument: InstrumentId(u32::from(row.symbol)),
        at: Timestamp(row.at),
        bid: Price::new(row.bid),
        bid_size: Qty::new(row.bid_size),
        ask: Price::new(row.ask),
        ask_size: Qty::new(row.ask_size),
    }
}

fn trade_of(row: &TradeRow) -> Trade {
    Trade {
        instrument: InstrumentId(u32::from(row.symbol)),
        at: Timestamp(row.at),
        price: Price::new(row.price),
        size: Qty::new(row.size),
    }
}
