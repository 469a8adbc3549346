//! Fills to import, one at a time: a file of any length takes no more memory than a line.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use rust_decimal::Decimal;
use stockade_core::{Symbol, limits};

use super::error::{FileError, Problem};
use super::field;
use super::line::Lines;
use super::table::{Layout, Table};

const LAYOUT: Layout = Layout {
    header: "time,symbol,side,qty,price,fee[,execution_id]",
    columns: &[
        ("time", true),
        ("symbol", true),
        ("side", true),
        ("qty", true),
        ("price", true),
        ("fee", true),
        ("execution_id", false),
    ],
    open: false,
};
const TIME: usize = 0;
const SYMBOL: usize = 1;
const SIDE: usize = 2;
const QTY: usize = 3;
const PRICE: usize = 4;
const FEE: usize = 5;
const EXECUTION_ID: usize = 6;
/// Longest execution id, in characters: Alpaca's have 55.
const EXECUTION_ID_MAX: usize = 128;
/// Fills of one time that are remembered to tell equal ones apart.
const EQUAL_TIMES_MAX: usize = 1_000_000;

/// What a row of a fills file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FillSide {
    /// Shares bought.
    Buy,
    /// Shares sold.
    Sell,
    /// A split: `qty` is new shares for one old share; price and fee are zero.
    Split,
}

impl FillSide {
    /// As it is written in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
            Self::Split => "split",
        }
    }
}

/// A row of a fills file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillRow {
    /// The line in the file, from 1.
    pub line: u64,
    /// Nanoseconds since 1970 UTC; never before the row above.
    pub at: i64,
    /// The symbol in stockade's spelling.
    pub symbol: Symbol,
    /// What it is.
    pub side: FillSide,
    /// Above zero, at most nine decimal places; for a split the new shares for one old.
    pub qty: Decimal,
    /// Above zero; zero for a split.
    pub price: Decimal,
    /// Not below zero; an empty field is zero.
    pub fee: Decimal,
    /// The broker's id, where the file gives one.
    pub execution_id: Option<String>,
    /// How many rows of the same content are above this one.
    pub repeat: u32,
}

impl FillRow {
    /// What makes this fill this fill: the same for the same row of the same file, however its
    /// numbers are spelled, so that a second import books nothing.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.execution_id {
            Some(id) => id.clone(),
            None => format!(
                "{}|{}|{}|{}|{}|{}|{}",
                self.at,
                self.symbol,
                self.side.as_str(),
                self.qty.normalize(),
                self.price.normalize(),
                self.fee.normalize(),
                self.repeat
            ),
        }
    }

    fn content(&self) -> Content {
        (self.symbol.clone(), self.side, self.qty, self.price, self.fee)
    }
}

/// What two fills of one time have in common when only their count tells them apart.
type Content = (Symbol, FillSide, Decimal, Decimal, Decimal);

/// The rows of a fills file, in time order. After the first error it ends.
pub struct FillReader {
    table: Table,
    previous: Option<i64>,
    /// How often each content came at the time in hand, of rows without an id.
    equal_times: HashMap<Content, u32>,
    done: bool,
}

impl FillReader {
    /// Opens a file and reads its header.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::start(Lines::open(path)?)
    }

    /// Reads from anything, plain or gzipped; `file` is its name in messages.
    pub fn of(file: &str, input: impl Read + 'static) -> Result<Self, FileError> {
        Self::start(Lines::of(file.to_owned(), input)?)
    }

    fn start(lines: Lines) -> Result<Self, FileError> {
        Ok(Self {
            table: Table::start(lines, &LAYOUT)?,
            previous: None,
            equal_times: HashMap::new(),
            done: false,
        })
    }

    fn row(&mut self) -> Result<Option<FillRow>, FileError> {
        if !self.table.next()? {
            return Ok(None);
        }
        let table = &self.table;
        let at = table.read(TIME, field::time)?;
        if let Some(previous) = self.previous.filter(|previous| *previous > at) {
            let previous = field::time_text(previous);
            return Err(table.refuse(TIME, Problem::Unsorted { previous }));
        }
        let side = table.read(SIDE, side_of)?;
        let (price, fee) = match side {
            FillSide::Split => (table.read(PRICE, nothing)?, table.read(FEE, nothing)?),
            _ => (table.read(PRICE, field::price)?, table.read(FEE, fee_of)?),
        };
        let mut row = FillRow {
            line: table.line(),
            at,
            symbol: table.read(SYMBOL, symbol_of)?,
            side,
            qty: table.read(QTY, qty_of)?,
            price,
            fee,
            execution_id: table.read(EXECUTION_ID, execution_id_of)?,
            repeat: 0,
        };
        self.count_repeats(&mut row)?;
        Ok(Some(row))
    }

    fn count_repeats(&mut self, row: &mut FillRow) -> Result<(), FileError> {
        if self.previous != Some(row.at) {
            self.equal_times.clear();
        }
        self.previous = Some(row.at);
        if row.execution_id.is_some() {
            return Ok(());
        }
        if self.equal_times.len() >= EQUAL_TIMES_MAX {
            return Err(FileError::TooMany {
                file: self.table.file().to_owned(),
                what: "fills without an execution_id at one time",
                allowed: EQUAL_TIMES_MAX,
            });
        }
        let count = self.equal_times.entry(row.content()).or_insert(0);
        row.repeat = *count;
        *count += 1;
        Ok(())
    }
}

impl Iterator for FillReader {
    type Item = Result<FillRow, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let row = self.row().transpose();
        self.done = !matches!(row, Some(Ok(_)));
        row
    }
}

fn side_of(text: &[u8]) -> Result<FillSide, Problem> {
    let is = |side: FillSide| text.eq_ignore_ascii_case(side.as_str().as_bytes());
    let sides = [FillSide::Buy, FillSide::Sell, FillSide::Split];
    sides.into_iter().find(|side| is(*side)).ok_or(Problem::NotASide)
}

pub(super) fn symbol_of(text: &[u8]) -> Result<Symbol, Problem> {
    let text = std::str::from_utf8(text).map_err(|_| Problem::NotASymbol)?;
    Symbol::new(text).map_err(|_| Problem::NotASymbol)
}

fn qty_of(text: &[u8]) -> Result<Decimal, Problem> {
    let qty = field::decimal(text)?;
    if qty.is_zero() || qty.is_sign_negative() {
        return Err(Problem::NotPositive);
    }
    field::bounded(qty, limits::QTY_SCALE_MAX, limits::QTY_MAX)
}

fn fee_of(text: &[u8]) -> Result<Decimal, Problem> {
    if text.is_empty() {
        return Ok(Decimal::ZERO);
    }
    field::bounded(field::volume(text)?, limits::MONEY_SCALE_MAX, limits::MONEY_MAX)
}

/// A split has neither price nor fee: empty or zero.
fn nothing(text: &[u8]) -> Result<Decimal, Problem> {
    let value = if text.is_empty() { Decimal::ZERO } else { field::decimal(text)? };
    if value.is_zero() { Ok(Decimal::ZERO) } else { Err(Problem::NotZeroInSplit) }
}

fn execution_id_of(text: &[u8]) -> Result<Option<String>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let problem = Problem::NotAnId { allowed: EXECUTION_ID_MAX };
    match std::str::from_utf8(text) {
        Ok(id) if id.chars().count() <= EXECUTION_ID_MAX && !id.chars().any(char::is_control) => {
            Ok(Some(id.to_owned()))
        }
        _ => Err(problem),
    }
}
