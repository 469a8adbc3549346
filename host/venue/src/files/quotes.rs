//! Quotes: out of bars of bid and ask, each row of which gives the bid and ask at its interval's end,
//! and tick by tick.

use rust_decimal::Decimal;
use stockade_core::Symbol;

use super::bars::{Order, check_range};
use super::error::{FileError, Problem};
use super::field;
use super::line::Lines;
use super::names::{Names, file_place};
use super::source::Source;
use super::table::{Layout, Table};

const LAYOUT: Layout = Layout {
    header: "timestamp,[symbol,]bid_open,bid_high,bid_low,bid_close,bid_size,\
             ask_open,ask_high,ask_low,ask_close,ask_size",
    columns: &[
        ("timestamp", true),
        ("symbol", false),
        ("bid_open", true),
        ("bid_high", true),
        ("bid_low", true),
        ("bid_close", true),
        ("bid_size", true),
        ("ask_open", true),
        ("ask_high", true),
        ("ask_low", true),
        ("ask_close", true),
        ("ask_size", true),
    ],
    open: false,
};
const TIMESTAMP: usize = 0;
const SYMBOL: usize = 1;
const BID: usize = 2;
const ASK: usize = 7;
/// Most rows of one call: about 2 GB of memory.
const ROWS_MAX: usize = 20_000_000;

/// A quote of one symbol. A crossed one (bid above ask) is a fact of the market and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteRow {
    /// Nanoseconds since 1970 UTC: the start of the interval, as for bars.
    pub at: i64,
    /// The bid at the interval's end.
    pub bid: Decimal,
    /// Shares bid for.
    pub bid_size: Decimal,
    /// The ask at the interval's end.
    pub ask: Decimal,
    /// Shares offered.
    pub ask_size: Decimal,
    /// Place in [`Quotes::symbols`].
    pub symbol: u16,
    file: u16,
    line: u32,
}

/// Quotes in time order; those of one time in the order of `symbols`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotes {
    /// In the order in which the files name them.
    pub symbols: Vec<Symbol>,
    /// Sorted by time, then by place of the symbol; no symbol has two quotes at one time.
    pub rows: Vec<QuoteRow>,
}

/// Reads quotes out of all files and merges them in time order.
pub fn read_quotes(sources: &[Source]) -> Result<Quotes, FileError> {
    let mut names = Names::default();
    let mut rows = Vec::new();
    for (place, source) in sources.iter().enumerate() {
        let file = file_place(place, source)?;
        append(&mut rows, &mut names, source, file)?;
    }
    rows.sort_by_key(|row: &QuoteRow| (row.at, row.symbol, row.file));
    let quotes = Quotes { symbols: names.symbols, rows };
    quotes.check_overlap(sources)?;
    Ok(quotes)
}

impl Quotes {
    /// The symbol of a row.
    #[must_use]
    pub fn symbol(&self, row: &QuoteRow) -> &Symbol {
        &self.symbols[usize::from(row.symbol)]
    }

    fn check_overlap(&self, sources: &[Source]) -> Result<(), FileError> {
        for pair in self.rows.windows(2) {
            if (pair[0].at, pair[0].symbol) == (pair[1].at, pair[1].symbol) {
                return Err(FileError::InTwoFiles {
                    file: sources[usize::from(pair[1].file)].name(),
                    line: u64::from(pair[1].line),
                    symbol: self.symbol(&pair[1]).to_string(),
                    at: field::time_text(pair[1].at),
                    other: sources[usize::from(pair[0].file)].name(),
                    other_line: u64::from(pair[0].line),
                });
            }
        }
        Ok(())
    }
}

pub(super) fn append(
    rows: &mut Vec<QuoteRow>,
    names: &mut Names,
    source: &Source,
    file: u16,
) -> Result<(), FileError> {
    let mut table = Table::start(Lines::open(&source.path)?, &LAYOUT)?;
    let mut order = Order::default();
    let mut sides = Sides::default();
    let own = names.place_of_file(&table, SYMBOL, source)?;
    while table.next()? {
        let symbol = match own {
            Some(symbol) => symbol,
            None => names.place_in(&table, SYMBOL)?,
        };
        let at = table.read(TIMESTAMP, field::time)?;
        order
            .check(at, symbol, || names.name(symbol))
            .map_err(|problem| table.refuse(TIMESTAMP, problem))?;
        if rows.len() >= ROWS_MAX {
            return Err(too_many(source));
        }
        let (bid, ask) = (side_of(&table, BID)?, side_of(&table, ASK)?);
        let Some(((bid, bid_size), (ask, ask_size))) = sides.take(symbol, bid, ask) else {
            continue;
        };
        let line = u32::try_from(table.line()).unwrap_or(u32::MAX);
        rows.push(QuoteRow { at, bid, bid_size, ask, ask_size, symbol, file, line });
    }
    Ok(())
}

fn too_many(source: &Source) -> FileError {
    FileError::TooMany { file: source.name(), what: "rows", allowed: ROWS_MAX }
}

/// A price and how much of it there is.
type Side = (Decimal, Decimal);

/// The last bid and ask of each symbol: a side that a row leaves empty is as it was.
#[derive(Default)]
struct Sides(Vec<(Option<Side>, Option<Side>)>);

impl Sides {
    /// Takes a row's sides; gives both as they are now, once both have been seen.
    fn take(&mut self, symbol: u16, bid: Option<Side>, ask: Option<Side>) -> Option<(Side, Side)> {
        let place = usize::from(symbol);
        if self.0.len() <= place {
            self.0.resize(place + 1, (None, None));
        }
        let (last_bid, last_ask) = &mut self.0[place];
        (*last_bid, *last_ask) = (bid.or(*last_bid), ask.or(*last_ask));
        last_bid.zip(*last_ask)
    }
}

/// Close and size of the side whose open is in column `first`; `None` where it is empty throughout.
fn side_of(table: &Table, first: usize) -> Result<Option<Side>, FileError> {
    if (first..first + 4).all(|column| table.text(column).is_empty()) {
        return Ok(None);
    }
    let mut prices = [Decimal::ZERO; 4];
    for (offset, price) in prices.iter_mut().enumerate() {
        *price = table.read(first + offset, field::price)?;
    }
    check_range(prices)
        .map_err(|(high, problem)| table.refuse(first + if high { 1 } else { 2 }, problem))?;
    Ok(Some((prices[3], table.read(first + 4, field::volume)?)))
}

const TICKS: Layout = Layout {
    header: "timestamp,[symbol,]bid_price,bid_size,ask_price,ask_size[,exchange][,suspicious]",
    columns: &[
        ("timestamp", true),
        ("symbol", false),
        ("bid_price", true),
        ("bid_size", true),
        ("ask_price", true),
        ("ask_size", true),
        ("exchange", false),
        ("condition", false),
        ("suspicious", false),
    ],
    open: false,
};
const SUSPICIOUS: usize = 8;

/// Quotes tick by tick. A row may have one side alone; the other is as it was. Rows of one symbol at
/// one time are one quote, the last; suspicious ones are left out.
pub(super) fn append_ticks(
    rows: &mut Vec<QuoteRow>,
    names: &mut Names,
    source: &Source,
    file: u16,
) -> Result<(), FileError> {
    let mut table = Table::start(Lines::open(&source.path)?, &TICKS)?;
    let mut previous = None;
    let mut sides = Sides::default();
    let own = names.place_of_file(&table, SYMBOL, source)?;
    let first = rows.len();
    while table.next()? {
        let symbol = match own {
            Some(symbol) => symbol,
            None => names.place_in(&table, SYMBOL)?,
        };
        let at = in_order(&table, &mut previous)?;
        if rows.len() >= ROWS_MAX {
            return Err(too_many(source));
        }
        if is_suspicious(&table, SUSPICIOUS) {
            continue;
        }
        let (bid, ask) = (tick_of(&table, 2)?, tick_of(&table, 4)?);
        let Some(((bid, bid_size), (ask, ask_size))) = sides.take(symbol, bid, ask) else {
            continue;
        };
        let line = u32::try_from(table.line()).unwrap_or(u32::MAX);
        let row = QuoteRow { at, bid, bid_size, ask, ask_size, symbol, file, line };
        let same = |last: &&mut QuoteRow| (last.at, last.symbol) == (at, symbol);
        match rows[first..].last_mut().filter(same) {
            Some(last) => *last = row,
            None => rows.push(row),
        }
    }
    Ok(())
}

/// Price and size of a side; `None` where it is empty.
fn tick_of(table: &Table, first: usize) -> Result<Option<Side>, FileError> {
    if table.text(first).is_empty() {
        return Ok(None);
    }
    Ok(Some((table.read(first, field::price)?, table.read(first + 1, field::volume)?)))
}

/// A row's time; ticks may share one.
pub(super) fn in_order(table: &Table, previous: &mut Option<i64>) -> Result<i64, FileError> {
    let at = table.read(TIMESTAMP, field::time)?;
    if let Some(before) = previous.filter(|before| *before > at) {
        let previous = field::time_text(before);
        return Err(table.refuse(TIMESTAMP, Problem::Unsorted { previous }));
    }
    *previous = Some(at);
    Ok(at)
}

/// Whether the source itself doubts a row.
pub(super) fn is_suspicious(table: &Table, column: usize) -> bool {
    table.text(column) == b"1"
}
