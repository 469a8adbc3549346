//! Corporate actions of a file: `timestamp,symbol,kind,value`, other columns ignored.

use std::path::Path;

use rust_decimal::Decimal;
use stockade_core::Symbol;

use super::error::{FileError, Problem};
use super::field;
use super::line::Lines;
use super::table::{Layout, Table};

const LAYOUT: Layout = Layout {
    header: "timestamp,symbol,kind,value",
    columns: &[("timestamp", true), ("symbol", true), ("kind", true), ("value", true)],
    open: true,
};
const TIME: usize = 0;
const SYMBOL: usize = 1;
const KIND: usize = 2;
const VALUE: usize = 3;
/// Rows of a file: a century of quarterly dividends of 2,500 symbols.
const ROWS_MAX: usize = 1_000_000;

/// What happened to a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// Cash for each share.
    Dividend,
    /// New shares for each old one.
    Split,
}

impl ActionKind {
    /// As it is written in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dividend => "dividend",
            Self::Split => "split",
        }
    }
}

/// A row, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRow {
    /// Nanoseconds since 1970 UTC: the first moment of the ex-date in New York.
    pub at: i64,
    /// The symbol in stockade's spelling.
    pub symbol: Symbol,
    /// What.
    pub kind: ActionKind,
    /// Dollars a share, or new shares for one old share; above zero.
    pub value: Decimal,
}

/// Reads every row.
///
/// # Errors
/// What is wrong, by line and column.
pub fn read_actions(path: &Path) -> Result<Vec<ActionRow>, FileError> {
    let mut table = Table::start(Lines::open(path)?, &LAYOUT)?;
    let mut rows = Vec::new();
    while table.next()? {
        let symbol = std::str::from_utf8(table.text(SYMBOL)).ok();
        let symbol = symbol.and_then(|text| Symbol::new(text).ok());
        let kind = match table.text(KIND) {
            b"dividend" => ActionKind::Dividend,
            b"split" => ActionKind::Split,
            _ => return Err(table.refuse(KIND, Problem::NotAnAction)),
        };
        rows.push(ActionRow {
            at: table.read(TIME, field::time)?,
            symbol: symbol.ok_or_else(|| table.refuse(SYMBOL, Problem::NotASymbol))?,
            kind,
            value: table.read(VALUE, field::price)?,
        });
        if rows.len() > ROWS_MAX {
            return Err(table.refuse(TIME, Problem::TooManyRows { allowed: ROWS_MAX }));
        }
    }
    Ok(rows)
}
