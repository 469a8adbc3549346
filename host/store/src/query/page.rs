//! Pages of a list, read by key: never by offset.
//!
//! Guarantees: a page costs what its rows cost, however deep it lies, and does not shift when rows
//! are added: a cursor names the last row that was shown, not how many were. A cursor of another
//! list is refused. Rows that belong to a sleeve are read sleeve by sleeve along the sleeve's own
//! index and merged, so that one index per table serves lists of one sleeve and of all.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgRow;
use sqlx::{Encode, FromRow, PgPool, Postgres, QueryBuilder, Row, Type};

use super::filter::{Filter, QueryError, begin};
use super::past;

/// Where a page ended: its text is what `--after` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    noun: String,
    key: Vec<String>,
}

/// Longest text of a cursor that is read, in bytes: ids of brokers are far shorter.
const CURSOR_BYTES_MAX: usize = 1_024;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.noun)?;
        for part in &self.key {
            f.write_str("/")?;
            for byte in part.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b':' => {
                        write!(f, "{}", char::from(byte))?;
                    }
                    other => write!(f, "_{other:02x}")?,
                }
            }
        }
        Ok(())
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no cursor: one stands below a page that has a next one")]
pub struct CursorError {
    found: String,
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let wrong = || CursorError { found: text.chars().take(80).collect() };
        if text.len() > CURSOR_BYTES_MAX || !text.is_ascii() {
            return Err(wrong());
        }
        let mut parts = text.split('/');
        let noun = parts.next().filter(|noun| !noun.is_empty()).ok_or_else(wrong)?.to_owned();
        let key: Option<Vec<String>> = parts.map(unescape).collect();
        let key = key.filter(|key| !key.is_empty()).ok_or_else(wrong)?;
        Ok(Self { noun, key })
    }
}

fn unescape(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'_' {
            let pair = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    // Postgres takes no zero byte in a text.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Rows of a list in reading order, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// For `--after`; `None` where nothing follows.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub(super) fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(of).collect(), next: self.next }
    }
}

/// A column of a list's order, with its type.
pub(super) type Key = (&'static str, &'static str);

/// A list: what is read, in which order.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    /// For errors.
    pub(super) what: &'static str,
    /// For cursors.
    pub(super) noun: &'static str,
    /// What is selected.
    pub(super) columns: &'static str,
    /// Where from.
    pub(super) rows: Rows,
    /// The order: unique, and the same in both directions.
    pub(super) key: &'static [Key],
    /// Whether pages run from the latest row back, or from the first on.
    pub(super) latest_first: bool,
}

/// Where the rows of a list are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows {
    /// In a table with the columns `account` and `sleeve`, under an alias; `s` is the sleeve.
    OfSleeves { table: &'static str, alias: &'static str },
    /// In these tables, joined.
    Joined(&'static str),
}

/// A list with its conditions.
pub(super) struct Listing {
    list: List,
    builder: QueryBuilder<Postgres>,
    /// Where the moment of a question to the past is bound.
    past: Option<&'static str>,
}

impl List {
    /// Starts its statement, of the past where a moment is given; conditions on its rows follow.
    pub(super) fn select(self, at: Option<i64>) -> Listing {
        let key: Vec<String> =
            self.key.iter().map(|(column, _)| format!("{column}::text")).collect();
        let (columns, key) = (self.columns, key.join(", "));
        let (mut builder, past) = begin(at);
        let columns = past::asking(columns, past);
        builder.push(format!("SELECT {columns}, ARRAY[{key}] AS page_key FROM "));
        match self.rows {
            // The past has no index along a sleeve's time: it is read once, not sleeve by sleeve.
            Rows::OfSleeves { table, alias } if past.is_some() => {
                let tables = format!(
                    "stockade.sleeve s JOIN {table} {alias} \
                     ON {alias}.account = s.account AND {alias}.sleeve = s.id WHERE true"
                );
                builder.push(past::asking(&tables, past));
            }
            Rows::OfSleeves { table, alias } => {
                builder.push(format!(
                    "stockade.sleeve s CROSS JOIN LATERAL (SELECT * FROM {table} {alias} \
                     WHERE {alias}.account = s.account AND {alias}.sleeve = s.id"
                ));
            }
            Rows::Joined(tables) => {
                builder.push(past::asking(tables, past)).push(" WHERE true");
            }
        }
        Listing { list: self, builder, past }
    }
}

impl Listing {
    /// A condition with a value, where there is one; `%` stands for it, else it comes at the end.
    pub(super) fn and<T>(mut self, condition: &str, value: Option<T>) -> Self
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static,
    {
        if let Some(value) = value {
            let condition = past::asking(condition, self.past);
            let (before, after) = condition.split_once('%').unwrap_or((&condition, ""));
            self.builder.push(" AND ").push(before).push(" ").push_bind(value).push(after);
        }
        self
    }

    /// A condition without a value, where it holds.
    pub(super) fn only(mut self, wanted: bool, condition: &'static str) -> Self {
        if wanted {
            self.builder.push(" AND ").push(past::asking(condition, self.past));
        }
        self
    }

    /// The page that the filter asks for. Account and sleeve are conditions of this, where rows
    /// are those of sleeves.
    pub(super) async fn page<T>(
        mut self,
        pool: &PgPool,
        filter: &Filter,
    ) -> Result<Page<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let list = self.list;
        if let Some(cursor) = &filter.after {
            self.after(cursor)?;
        }
        let backward = list.latest_first && (filter.limit.is_some() || filter.after.is_some());
        // One more than asked for tells whether a page follows.
        let limit = filter.limit.map(|limit| i64::from(limit) + 1);
        if let Rows::OfSleeves { alias, .. } = list.rows {
            if self.past.is_none() {
                if let Some(limit) = limit {
                    self.order(backward);
                    self.builder.push(" LIMIT ").push_bind(limit);
                }
                self.builder.push(format!(") {alias} WHERE true"));
            }
            self = self
                .and("s.account =", filter.account.clone())
                .and("s.name =", filter.sleeve.clone());
        }
        self.order(backward);
        if let Some(limit) = limit {
            self.builder.push(" LIMIT ").push_bind(limit);
        }
        let found: Vec<Keyed<T>> = self
            .builder
            .build_query_as()
            .fetch_all(pool)
            .await
            .map_err(|source| QueryError::Database { what: list.what, source })?;
        Ok(cut(list, found, filter.limit, backward))
    }

    fn order(&mut self, backward: bool) {
        let direction = if backward { " DESC" } else { "" };
        let key: Vec<String> =
            self.list.key.iter().map(|(column, _)| format!("{column}{direction}")).collect();
        self.builder.push(" ORDER BY ").push(key.join(", "));
    }

    fn after(&mut self, cursor: &Cursor) -> Result<(), QueryError> {
        let list = self.list;
        let fits = |((_, kind), value): (&Key, &String)| *kind == "text" || is_number(value);
        if cursor.noun != list.noun
            || cursor.key.len() != list.key.len()
            || !list.key.iter().zip(&cursor.key).all(fits)
        {
            return Err(QueryError::Cursor { found: cursor.to_string(), allowed: list.noun });
        }
        let side = if list.latest_first { "<" } else { ">" };
        // An index that holds only the first column of the order can still begin there.
        let (first, kind) = list.key[0];
        self.builder.push(format!(" AND {first} {side}= "));
        self.builder.push_bind(cursor.key[0].clone()).push(format!("::text::{kind}"));
        let names: Vec<&str> = list.key.iter().map(|(column, _)| *column).collect();
        self.builder.push(format!(" AND ({}) {side} (", names.join(", ")));
        for (place, ((_, kind), value)) in list.key.iter().zip(&cursor.key).enumerate() {
            self.builder.push(if place == 0 { "" } else { ", " });
            self.builder.push_bind(value.clone()).push(format!("::text::{kind}"));
        }
        self.builder.push(")");
        Ok(())
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

fn cut<T>(list: List, mut found: Vec<Keyed<T>>, limit: Option<u32>, backward: bool) -> Page<T> {
    let mut next = None;
    if let Some(limit) = limit {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if found.len() > limit {
            found.truncate(limit);
            next = found
                .last()
                .map(|last| Cursor { noun: list.noun.to_owned(), key: last.key.clone() });
        }
    }
    let mut rows: Vec<T> = found.into_iter().map(|keyed| keyed.row).collect();
    if backward {
        rows.reverse();
    }
    Page { rows, next }
}

/// A row with its place in the order.
struct Keyed<T> {
    row: T,
    key: Vec<String>,
}

impl<'r, T: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Keyed<T> {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { row: T::from_row(row)?, key: row.try_get("page_key")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for key in [vec!["1770820200000000000", "paper", "12"], vec!["a/b_c %\u{fc}", ""]] {
            let key = key.into_iter().map(str::to_owned).collect();
            let cursor = Cursor { noun: "lot".to_owned(), key };
            let text = cursor.to_string();
            assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b'%'), "{text}");
            assert_eq!(text.parse(), Ok(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let long = format!("lot/{}", "1".repeat(2_000));
        for text in
            ["", "lot", "/1", "lot/_0", "lot/_zz", "lot/_00", "lot/_ff", "l\u{f6}t/1", &long]
        {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
