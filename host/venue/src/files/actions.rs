//! Corporate actions from a file.

use std::path::Path;

use rust_decimal::Decimal;
use stockade_core::{Symbol, limits};

use super::error::{FileError, Problem};
use super::field;
use super::line::Lines;
use super::table::{Layout, Table};

const LAYOUT: Layout = Layout {
    header: "timestamp,symbol,kind,value",
    columns: &[
        ("timestamp", true),
        ("symbol", true),
        ("kind", true),
        ("value", true),
        ("new_symbol", false),
    ],
    open: true,
};
const TIME: usize = 0;
const SYMBOL: usize = 1;
const KIND: usize = 2;
const VALUE: usize = 3;
const NEW_SYMBOL: usize = 4;
/// Actions of one file: a century of quarterly dividends of every listed company.
const ACTIONS_MAX: usize = 2_000_000;

/// What a row of an actions file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// `value` is dollars a share, of shares before a split of the same day.
    Dividend,
    /// `value` is new shares for one old share.
    Split,
}

impl ActionKind {
    /// As it is written in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Dividend => "dividend",
        }
    }
}

/// What a row of a file of reports may be beside that: what a market can't follow by itself, and
/// books can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportKind {
    /// A split or a dividend.
    Action(ActionKind, Decimal),
    /// The symbol has another name: that of the column `new_symbol`, where it is there.
    SymbolChange(Option<Symbol>),
    /// Shares of another company for those held; a person says on which terms.
    SpinOff,
    /// Shares that became cash or others; a person says on which terms.
    Merger,
}

impl ReportKind {
    /// As it is written in the file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Action(kind, _) => kind.as_str(),
            Self::SymbolChange(_) => "symbol-change",
            Self::SpinOff => "spin-off",
            Self::Merger => "merger",
        }
    }
}

/// A row of a file of reports, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// The first moment of its day, in nanoseconds since 1970 UTC.
    pub at: i64,
    /// Of what.
    pub symbol: Symbol,
    /// What it is.
    pub kind: ReportKind,
}

/// A row of an actions file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRow {
    /// The ex-date's first moment, in nanoseconds since 1970 UTC.
    pub at: i64,
    /// Of what.
    pub symbol: Symbol,
    /// What it is.
    pub kind: ActionKind,
    /// Above zero; see [`ActionKind`].
    pub value: Decimal,
}

/// Reads and checks a whole file of what a market follows, plain or gzipped.
///
/// # Errors
/// [`FileError`], with line, column and value.
pub fn read_actions(path: &Path) -> Result<Vec<ActionRow>, FileError> {
    rows(path, |table| {
        Ok(ActionRow {
            at: table.read(TIME, field::time)?,
            symbol: table.read(SYMBOL, super::fills::symbol_of)?,
            kind: table.read(KIND, kind_of)?,
            value: table.read(VALUE, value_of)?,
        })
    })
}

/// Reads and checks a whole file of what books follow, plain or gzipped.
///
/// # Errors
/// [`FileError`], with line, column and value.
pub fn read_reports(path: &Path) -> Result<Vec<ReportRow>, FileError> {
    rows(path, |table| {
        Ok(ReportRow {
            at: table.read(TIME, field::time)?,
            symbol: table.read(SYMBOL, super::fills::symbol_of)?,
            kind: report_of(table)?,
        })
    })
}

fn report_of(table: &Table) -> Result<ReportKind, FileError> {
    if let Ok(kind) = kind_of(table.text(KIND)) {
        return Ok(ReportKind::Action(kind, table.read(VALUE, value_of)?));
    }
    let new_symbol = || match table.text(NEW_SYMBOL) {
        b"" => Ok(None),
        _ => table.read(NEW_SYMBOL, super::fills::symbol_of).map(Some),
    };
    let kinds = [ReportKind::SymbolChange(new_symbol()?), ReportKind::SpinOff, ReportKind::Merger];
    let is = |kind: &ReportKind| table.text(KIND).eq_ignore_ascii_case(kind.as_str().as_bytes());
    let kind = kinds.into_iter().find(is);
    let kind = kind.ok_or_else(|| table.refuse(KIND, Problem::NotAReport))?;
    // Terms in a column that says nothing of them would be lost.
    if table.text(VALUE).is_empty() {
        Ok(kind)
    } else {
        Err(table.refuse(VALUE, Problem::NotEmpty))
    }
}

fn rows<T>(path: &Path, row: fn(&Table) -> Result<T, FileError>) -> Result<Vec<T>, FileError> {
    let mut table = Table::start(Lines::open(path)?, &LAYOUT)?;
    let mut rows = Vec::new();
    while table.next()? {
        if rows.len() >= ACTIONS_MAX {
            let file = table.file().to_owned();
            return Err(FileError::TooMany { file, what: "actions", allowed: ACTIONS_MAX });
        }
        rows.push(row(&table)?);
    }
    Ok(rows)
}

fn kind_of(text: &[u8]) -> Result<ActionKind, Problem> {
    let kinds = [ActionKind::Split, ActionKind::Dividend];
    let is = |kind: &ActionKind| text.eq_ignore_ascii_case(kind.as_str().as_bytes());
    kinds.into_iter().find(is).ok_or(Problem::NotAnAction)
}

fn value_of(text: &[u8]) -> Result<Decimal, Problem> {
    let value = field::decimal(text)?;
    if value.is_zero() || value.is_sign_negative() {
        return Err(Problem::NotPositive);
    }
    field::bounded(value, limits::PRICE_SCALE_MAX, limits::PRICE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<ActionRow>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).expect("it is written");
        read_actions(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_read_and_other_columns_left_out() {
        let rows = read(
            "timestamp,symbol,kind,value,previous_close\n2014-06-09T04:00:00Z,AAPL,split,7,645.57\n",
        );
        let rows = rows.expect("it is right");
        assert_eq!((rows[0].kind, rows[0].value), (ActionKind::Split, Decimal::from(7)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |row: &str| {
            read(&format!("timestamp,symbol,kind,value\n{row}\n")).expect_err("it is wrong")
        };
        assert!(wrong("2014-06-09T04:00:00Z,AAPL,merger,7").contains("line 2, column kind"));
        assert!(wrong("2014-06-09T04:00:00Z,AAPL,split,0").contains("line 2, column value"));
        assert!(wrong("2014-06-09T04:00:00Z,AAPL,split,-7").contains("\"-7\""));
        assert!(wrong("yesterday,AAPL,split,7").contains("column timestamp"));
    }

    #[test]
    fn books_follow_more_than_a_market_does() {
        let read = |text: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a.csv");
            std::fs::write(&path, format!("timestamp,symbol,kind,value,new_symbol\n{text}"))
                .expect("it is written");
            read_reports(&path).map_err(|error| error.to_string())
        };
        let day = "2022-06-09T04:00:00Z";
        let rows = read(&format!(
            "{day},FB,symbol-change,,META\n{day},OLD,symbol-change,,\n{day},GE,spin-off,,\n\
             {day},TWTR,Merger,,\n{day},AAPL,dividend,0.23,\n"
        ));
        let kinds: Vec<ReportKind> =
            rows.expect("it is right").into_iter().map(|r| r.kind).collect();
        let meta = Symbol::new("META").expect("a symbol");
        assert_eq!(
            kinds,
            [
                ReportKind::SymbolChange(Some(meta)),
                ReportKind::SymbolChange(None),
                ReportKind::SpinOff,
                ReportKind::Merger,
                ReportKind::Action(ActionKind::Dividend, Decimal::new(23, 2)),
            ]
        );
        let wrong = |row: &str| read(&format!("{day},{row}\n")).expect_err("it is wrong");
        assert!(wrong("GE,spin-off,3,").contains("line 2, column value"));
        assert!(wrong("GE,spinoff,,").contains("spin-off"));
        assert!(wrong("FB,symbol-change,,no symbol").contains("column new_symbol"));
    }
}
