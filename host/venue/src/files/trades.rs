//! Trades, tick by tick.

use rust_decimal::Decimal;

use super::error::FileError;
use super::field;
use super::line::Lines;
use super::names::Names;
use super::quotes::{in_order, is_suspicious};
use super::source::Source;
use super::table::{Layout, Table};

const LAYOUT: Layout = Layout {
    header: "timestamp,[symbol,]price,size[,exchange][,condition][,suspicious]",
    columns: &[
        ("timestamp", true),
        ("symbol", false),
        ("price", true),
        ("size", true),
        ("exchange", false),
        ("condition", false),
        ("suspicious", false),
    ],
    open: false,
};
const SYMBOL: usize = 1;
const PRICE: usize = 2;
const SIZE: usize = 3;
const SUSPICIOUS: usize = 6;
/// Most rows of one call: about 1.5 GB of memory.
const ROWS_MAX: usize = 20_000_000;

/// A trade of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeRow {
    /// Nanoseconds since 1970 UTC.
    pub at: i64,
    /// At what price.
    pub price: Decimal,
    /// Shares or coins.
    pub size: Decimal,
    /// Place in the feed's symbols.
    pub symbol: u16,
}

/// Reads a file's trades in their order; those that the source marks as suspicious are left out.
pub(super) fn append(
    rows: &mut Vec<TradeRow>,
    names: &mut Names,
    source: &Source,
) -> Result<(), FileError> {
    let mut table = Table::start(Lines::open(&source.path)?, &LAYOUT)?;
    let mut previous = None;
    let own = names.place_of_file(&table, SYMBOL, source)?;
    while table.next()? {
        let symbol = match own {
            Some(symbol) => symbol,
            None => names.place_in(&table, SYMBOL)?,
        };
        let at = in_order(&table, &mut previous)?;
        if rows.len() >= ROWS_MAX {
            let file = source.name();
            return Err(FileError::TooMany { file, what: "rows", allowed: ROWS_MAX });
        }
        let (price, size) = (table.read(PRICE, field::price)?, table.read(SIZE, field::volume)?);
        if !is_suspicious(&table, SUSPICIOUS) {
            rows.push(TradeRow { at, price, size, symbol });
        }
    }
    Ok(())
}
