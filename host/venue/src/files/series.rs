//! Equities and round trips: what `figures` reads. Their numbers are reckoned with, never booked,
//! so exponents are read and digits beyond the 28th are rounded.

use std::path::Path;

use rust_decimal::Decimal;

use super::error::{FileError, Problem};
use super::field;
use super::line::Lines;
use super::table::{Layout, Table};

const EQUITY: Layout = Layout {
    header: "timestamp,equity",
    columns: &[("timestamp", true), ("equity", true)],
    open: true,
};
const ROUND_TRIPS: Layout = Layout {
    header: "net_pnl (more columns are allowed)",
    columns: &[("net_pnl", true)],
    open: true,
};
/// Most rows of one file.
const ROWS_MAX: usize = 20_000_000;

/// One equity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EquityRow {
    /// Nanoseconds since 1970 UTC; rows are in time order, no time twice.
    pub at: i64,
    /// The equity; it can be zero or below.
    pub equity: Decimal,
}

/// Reads an equity file.
pub fn read_equity(path: &Path) -> Result<Vec<EquityRow>, FileError> {
    equity_of(Lines::open(path)?)
}

/// Reads the net profits out of a file of round trips.
pub fn read_round_trips(path: &Path) -> Result<Vec<Decimal>, FileError> {
    round_trips_of(Lines::open(path)?)
}

pub(crate) fn equity_of(lines: Lines) -> Result<Vec<EquityRow>, FileError> {
    let mut table = Table::start(lines, &EQUITY)?;
    let mut rows: Vec<EquityRow> = Vec::new();
    while table.next()? {
        let at = table.read(0, field::time)?;
        if let Some(previous) = rows.last().map(|row| row.at).filter(|previous| *previous >= at) {
            let problem = if previous == at {
                Problem::Duplicate { symbol: "this file".to_owned() }
            } else {
                Problem::Unsorted { previous: field::time_text(previous) }
            };
            return Err(table.refuse(0, problem));
        }
        room(&table, rows.len())?;
        rows.push(EquityRow { at, equity: table.read(1, field::rough_decimal)? });
    }
    Ok(rows)
}

pub(crate) fn round_trips_of(lines: Lines) -> Result<Vec<Decimal>, FileError> {
    let mut table = Table::start(lines, &ROUND_TRIPS)?;
    let mut net = Vec::new();
    while table.next()? {
        room(&table, net.len())?;
        net.push(table.read(0, field::rough_decimal)?);
    }
    Ok(net)
}

fn room(table: &Table, rows: usize) -> Result<(), FileError> {
    if rows < ROWS_MAX {
        return Ok(());
    }
    Err(FileError::TooMany { file: table.file().to_owned(), what: "rows", allowed: ROWS_MAX })
}
