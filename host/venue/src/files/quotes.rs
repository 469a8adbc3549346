//! Quotes out of bars of bid and ask: each row gives the bid and ask at its interval's end.

use rust_decimal::Decimal;
use stockade_core::Symbol;

use super::bars::{Order, check_range};
use super::error::FileError;
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

fn append(
    rows: &mut Vec<QuoteRow>,
    names: &mut Names,
    source: &Source,
    file: u16,
) -> Result<(), FileError> {
    let mut table = Table::start(Lines::open(&source.path)?, &LAYOUT)?;
    let mut order = Order::default();
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
            return Err(FileError::TooMany {
                file: source.name(),
                what: "rows",
                allowed: ROWS_MAX,
            });
        }
        let (bid, bid_size) = side_of(&table, BID)?;
        let (ask, ask_size) = side_of(&table, ASK)?;
        rows.push(QuoteRow {
            at,
            bid,
            bid_size,
            ask,
            ask_size,
            symbol,
            file,
            line: u32::try_from(table.line()).unwrap_or(u32::MAX),
        });
    }
    Ok(())
}

/// Close and size of the side whose open is in column `first`.
fn side_of(table: &Table, first: usize) -> Result<(Decimal, Decimal), FileError> {
    let mut prices = [Decimal::ZERO; 4];
    for (offset, price) in prices.iter_mut().enumerate() {
        *price = table.read(first + offset, field::price)?;
    }
    check_range(prices)
        .map_err(|(high, problem)| table.refuse(first + if high { 1 } else { 2 }, problem))?;
    Ok((prices[3], table.read(first + 4, field::volume)?))
}
