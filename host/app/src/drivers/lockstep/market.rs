//! The bars of a run, laid out for the loop: one flat list in the core's words, one in the
//! exchange's, and the bounds of each time stamp.

use std::ops::Range;

use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Price, Qty, Symbol, Timestamp};
use stockade_exchange as model;
use stockade_runtime::Laid;
use stockade_venue::files::{Bars, interval_ns};

/// The interval of a file of one row.
const INTERVAL_DEFAULT_NS: i64 = 60_000_000_000;

/// All bars of a run, by time and then in table order.
pub(crate) struct Market {
    /// In the core's words.
    pub(crate) bars: Vec<Bar>,
    /// The same as they cross to bots.
    pub(crate) laid: Laid,
    /// The same in the exchange's.
    pub(crate) model: Vec<model::Bar>,
    /// Where each time stamp begins; one more at the end.
    bounds: Vec<u32>,
    /// The table of instruments.
    pub(crate) symbols: Vec<Symbol>,
    /// Length of a bar in nanoseconds.
    pub(crate) interval_ns: i64,
}

impl Market {
    /// Lays bars out. `intern` gives the exchange's number of a symbol.
    pub(crate) fn new<E>(
        rows: &Bars,
        mut intern: impl FnMut(&Symbol) -> Result<model::SymbolId, E>,
    ) -> Result<Self, E> {
        let interval = interval_ns(rows).unwrap_or(INTERVAL_DEFAULT_NS);
        let ids = rows.symbols.iter().map(&mut intern).collect::<Result<Vec<_>, E>>()?;
        let mut order: Vec<usize> = (0..rows.rows.len()).collect();
        order.sort_by_key(|i| (rows.rows[*i].at, rows.rows[*i].symbol));
        let mut market = Self {
            bars: Vec::with_capacity(order.len()),
            laid: Laid::default(),
            model: Vec::with_capacity(order.len()),
            bounds: Vec::new(),
            symbols: rows.symbols.clone(),
            interval_ns: interval,
        };
        let mut last = None;
        for index in order {
            let row = &rows.rows[index];
            if last != Some(row.at) {
                market.bounds.push(u32::try_from(market.bars.len()).unwrap_or(u32::MAX));
                last = Some(row.at);
            }
            market.bars.push(Bar {
                instrument: InstrumentId(u32::from(row.symbol)),
                at: Timestamp(row.at),
                open: Price::new(row.open),
                high: Price::new(row.high),
                low: Price::new(row.low),
                close: Price::new(row.close),
                volume: Qty::new(row.volume),
            });
            market.model.push(model::Bar {
                symbol: ids[usize::from(row.symbol)],
                at: model::Nanos(row.at),
                interval,
                open: row.open,
                high: row.high,
                low: row.low,
                close: row.close,
                volume: row.volume,
            });
        }
        market.bounds.push(u32::try_from(market.bars.len()).unwrap_or(u32::MAX));
        market.laid = Laid::new(&market.bars);
        Ok(market)
    }

    /// Number of time stamps.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Where the bars of a time stamp stand.
    pub(crate) fn range(&self, group: usize) -> Range<usize> {
        self.bounds[group] as usize..self.bounds[group + 1] as usize
    }

    /// A time stamp.
    pub(crate) fn at(&self, group: usize) -> Timestamp {
        self.bars[self.range(group).start].at
    }

    /// The time stamp that a bar belongs to, searched from `from` on.
    pub(crate) fn group_of(&self, bar: usize, from: usize) -> usize {
        let bar = u32::try_from(bar).unwrap_or(u32::MAX);
        from + self.bounds[from..].partition_point(|bound| *bound <= bar) - 1
    }
}
