//! The bars of a run, laid out for the loop: one flat list in the core's words, one in the
//! exchange's, and the bounds of each time stamp.

use std::ops::Range;
use std::sync::Arc;

use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Price, Qty, Symbol, Timestamp};
use stockade_exchange as model;
use stockade_runtime::Laid;
use stockade_venue::files::{ActionKind, ActionRow, Bars, QuoteRow, TradeRow, interval_ns};

use super::ticks::Ticks;

/// The interval of a file of one row.
const INTERVAL_DEFAULT_NS: i64 = 60_000_000_000;

/// All bars of a run, by time and then in table order.
pub(crate) struct Market {
    /// In the core's words.
    pub(crate) bars: Arc<Vec<Bar>>,
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
    /// Quotes and trades, where there are any: then a bar stands at its end.
    pub(crate) ticks: Option<Box<Ticks>>,
    /// Splits and dividends, each with the time stamp before which it happens, in order.
    actions: Vec<(usize, ActionRow)>,
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
            bars: Arc::default(),
            laid: Laid::default(),
            model: Vec::with_capacity(order.len()),
            bounds: Vec::new(),
            symbols: rows.symbols.clone(),
            interval_ns: interval,
            ticks: None,
            actions: Vec::new(),
        };
        let mut bars = Vec::with_capacity(order.len());
        let mut last = None;
        for index in order {
            let row = &rows.rows[index];
            if last != Some(row.at) {
                market.bounds.push(u32::try_from(bars.len()).unwrap_or(u32::MAX));
                last = Some(row.at);
            }
            bars.push(Bar {
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
        market.bounds.push(u32::try_from(bars.len()).unwrap_or(u32::MAX));
        market.laid = Laid::new(&bars);
        market.bars = Arc::new(bars);
        Ok(market)
    }

    /// Gives every bar's instrument another place in the table.
    pub(crate) fn place(&mut self, places: &[InstrumentId]) {
        for bar in Arc::make_mut(&mut self.bars) {
            bar.instrument = places[bar.instrument.index()];
        }
        // They cross to bots under the same places.
        self.laid = Laid::new(&self.bars);
    }

    /// A market of some of the time stamps.
    pub(crate) fn part(&self, groups: Range<usize>) -> Self {
        let bounds = &self.bounds[groups.start..=groups.end];
        let first = bounds.first().copied().unwrap_or(0);
        let bars = first as usize..bounds.last().copied().unwrap_or(first) as usize;
        Self {
            bars: Arc::new(self.bars[bars.clone()].to_vec()),
            laid: self.laid.part(bars.clone()),
            model: self.model[bars].to_vec(),
            bounds: bounds.iter().map(|bound| bound - first).collect(),
            symbols: self.symbols.clone(),
            interval_ns: self.interval_ns,
            ticks: self.ticks.as_ref().map(|ticks| Box::new(ticks.part(groups.clone()))),
            actions: self
                .actions
                .iter()
                .filter(|(group, _)| groups.contains(group))
                .map(|(group, action)| (group - groups.start, action.clone()))
                .collect(),
        }
    }

    /// The same with quotes and trades between the bars: then a bar comes at its end, so that
    /// nothing is known before its time.
    pub(crate) fn with_ticks(mut self, quotes: &[QuoteRow], trades: &[TradeRow]) -> Self {
        if quotes.is_empty() && trades.is_empty() {
            return self;
        }
        let ends: Vec<Timestamp> =
            (0..self.len()).map(|group| self.at(group).plus(self.interval_ns)).collect();
        let (ticks, bounds) = Ticks::between(&ends, &self.bounds, quotes, trades);
        self.ticks = Some(Box::new(ticks));
        self.bounds = bounds;
        self
    }

    /// The same with corporate actions of its symbols; those before its first and after its last time
    /// stamp are left out.
    pub(crate) fn with_actions(mut self, rows: &[ActionRow]) -> Self {
        let begins = self.at(0).0 - if self.ticks.is_some() { self.interval_ns } else { 0 };
        for row in rows {
            if !self.symbols.contains(&row.symbol) || row.at <= begins {
                continue;
            }
            // Bars stand at their start, or at their end where there are ticks: one that ends as an
            // action happens is still of before.
            let before = |at: i64| if self.ticks.is_some() { at <= row.at } else { at < row.at };
            let (mut low, mut high) = (0, self.len());
            while low < high {
                let middle = low + (high - low) / 2;
                if before(self.at(middle).0) { low = middle + 1 } else { high = middle }
            }
            if low < self.len() {
                self.actions.push((low, row.clone()));
            }
        }
        // Cash is paid on the shares of before a split of the same moment.
        self.actions.sort_by_key(|(group, row)| (*group, row.at, row.kind == ActionKind::Split));
        self
    }

    /// Whether there is any corporate action.
    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What happens before a time stamp.
    pub(crate) fn actions_at(&self, group: usize) -> impl Iterator<Item = &ActionRow> {
        let first = self.actions.partition_point(|(at, _)| *at < group);
        let of = self.actions[first..].iter().take_while(move |(at, _)| *at == group);
        of.map(|(_, row)| row)
    }

    /// The first time stamp after `group` before which something happens; the end where nothing
    /// does. Nobody looks beyond it.
    pub(crate) fn next_action(&self, group: usize) -> usize {
        let next = self.actions.partition_point(|(at, _)| *at <= group);
        self.actions.get(next).map_or(self.len(), |(at, _)| *at)
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
        match &self.ticks {
            None => self.bars[self.range(group).start].at,
            Some(ticks) => ticks.times[group],
        }
    }

    /// The time stamp that a bar belongs to, searched from `from` on.
    pub(crate) fn group_of(&self, bar: usize, from: usize) -> usize {
        let bar = u32::try_from(bar).unwrap_or(u32::MAX);
        from + self.bounds[from..].partition_point(|bound| *bound <= bar) - 1
    }
}
