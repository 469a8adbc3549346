//! Why a file was not taken: always with its name, and where it applies line, column and value.

use rust_decimal::Decimal;
use stockade_core::id::NameError;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be opened or read.
    #[error("{file} can't be read")]
    Read {
        /// The file as it was named.
        file: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It ended, or was cut, before it had a header line.
    #[error("{file} is empty: its first line must be the header {expected}")]
    Empty {
        /// The file as it was named.
        file: String,
        /// The header that is needed.
        expected: &'static str,
    },
    /// Its header has a column that is not known, is missing one, or has one twice.
    #[error("{file} line 1: {fault} \"{column}\"; the header must be {expected}")]
    Header {
        /// The file as it was named.
        file: String,
        /// `missing column`, `unknown column` or `repeated column`.
        fault: &'static str,
        /// The column.
        column: String,
        /// The header that is needed.
        expected: &'static str,
    },
    /// A value of a row.
    #[error("{file} line {line}, column {column}: \"{value}\" {problem}")]
    Value {
        /// The file as it was named.
        file: String,
        /// The line, from 1, the header included.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// The text that was found, cut to 80 characters.
        value: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A row has too few or too many fields.
    #[error("{file} line {line} has {found} fields, the header has {expected}")]
    Fields {
        /// The file as it was named.
        file: String,
        /// The line, from 1.
        line: u64,
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A line that is not UTF-8 or never ends.
    #[error("{file} line {line} {fault}")]
    Line {
        /// The file as it was named.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// No usable symbol: neither a column, nor the file's name, nor `FILE:SYMBOL`.
    #[error("{file} has no symbol column and its name gives none; name it with FILE:SYMBOL")]
    Symbol {
        /// The file as it was named.
        file: String,
        /// Why the name gives none.
        #[source]
        source: NameError,
    },
    /// `FILE:SYMBOL` for a file with symbols of its own.
    #[error("{file} has a symbol column: it can't be named as {symbol}")]
    SymbolTwice {
        /// The file as it was named.
        file: String,
        /// The symbol after the colon.
        symbol: String,
    },
    /// Two files have the same bar.
    #[error(
        "{file} line {line}, column timestamp: {symbol} at {at} is in {other} line {other_line} too"
    )]
    InTwoFiles {
        /// The later file.
        file: String,
        /// Its line.
        line: u64,
        /// The symbol.
        symbol: String,
        /// The time, RFC 3339.
        at: String,
        /// The earlier file.
        other: String,
        /// Its line.
        other_line: u64,
    },
    /// More rows, files or symbols than fit.
    #[error("{file} has more than {allowed} {what}")]
    TooMany {
        /// The file where the bound was met.
        file: String,
        /// Rows, files or symbols.
        what: &'static str,
        /// The bound.
        allowed: usize,
    },
}

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a number at all.
    #[error("is not a decimal number (digits, at most one point, no exponent)")]
    NotANumber,
    /// A number that 28 digits can't hold.
    #[error("has more than 28 significant digits")]
    TooManyDigits,
    /// More decimal places than this column allows.
    #[error("has {found} decimal places, at most {allowed} are allowed")]
    TooManyPlaces {
        /// Places found.
        found: u32,
        /// Places allowed.
        allowed: u32,
    },
    /// Larger than anything this product is built for.
    #[error("is larger than {allowed}")]
    TooLarge {
        /// The bound.
        allowed: Decimal,
    },
    /// Zero or below, where only a positive number has a meaning.
    #[error("is not above 0")]
    NotPositive,
    /// Below zero, where that has no meaning.
    #[error("is below 0")]
    Negative,
    /// Not a time.
    #[error("is not an RFC 3339 time such as 2019-02-11T14:30:00Z")]
    NotATime,
    /// Earlier than the row before.
    #[error("is before {previous} of the row above: rows must be in time order")]
    Unsorted {
        /// The time of the row before.
        previous: String,
    },
    /// The same symbol at the same time again.
    #[error("is there twice for {symbol}")]
    Duplicate {
        /// The symbol (or `the file`, where rows have none).
        symbol: String,
    },
    /// A high below another price of its bar.
    #[error("is a high below the {other} {price}")]
    HighBelow {
        /// Which price.
        other: &'static str,
        /// Its value.
        price: Decimal,
    },
    /// A low above another price of its bar.
    #[error("is a low above the {other} {price}")]
    LowAbove {
        /// Which price.
        other: &'static str,
        /// Its value.
        price: Decimal,
    },
    /// Not a symbol.
    #[error(
        "is no symbol (1 to 24 of A-Z and 0-9, with single '.' or '-' inside, or a pair such as BTC/USD)"
    )]
    NotASymbol,
    /// A price or fee of a split.
    #[error("must be empty or 0 in a split")]
    NotZeroInSplit,
    /// Not a side.
    #[error("is no side: buy, sell or split")]
    NotASide,
    /// Not a corporate action.
    #[error("is no corporate action: dividend or split")]
    NotAnAction,
    /// Nothing that books follow.
    #[error("is none of dividend, split, symbol-change, spin-off and merger")]
    NotAReport,
    /// A column that has no meaning for such a row.
    #[error("has no meaning here: leave it empty (a person gives the terms: stockade action book)")]
    NotEmpty,
    /// A file that goes on for too long.
    #[error("is in a row beyond the {allowed} that a file may have")]
    TooManyRows {
        /// The most allowed.
        allowed: usize,
    },
    /// An execution id that is empty after all or too long.
    #[error("is no execution id: at most {allowed} printable characters")]
    NotAnId {
        /// The longest allowed.
        allowed: usize,
    },
}
