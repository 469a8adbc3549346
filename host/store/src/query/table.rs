//! Whole tables, page by page: the export.
//!
//! Guarantees: every row once, in the order of the table's key, read by keyset: a page costs the
//! same however deep it lies. Values come as text as Postgres writes them, numbers without
//! trailing zeros.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row};

use super::filter::QueryError;

/// A table and the columns of its key, after the account.
struct Table {
    name: &'static str,
    key: &'static [(&'static str, &'static str)],
}

const BY_ID: &[(&str, &str)] = &[("id", "bigint")];
const BY_SLEEVE: &[(&str, &str)] = &[("sleeve", "bigint")];

const KNOWN: &[Table] = &[
    Table { name: "account", key: &[] },
    Table { name: "bot", key: BY_SLEEVE },
    Table { name: "bot_event", key: BY_ID },
    Table { name: "break", key: BY_ID },
    Table { name: "entry", key: BY_ID },
    Table {
        name: "equity",
        key: &[("sleeve", "bigint"), ("at_ns", "bigint"), ("session_close", "integer")],
    },
    Table { name: "execution", key: &[("execution_id", "text")] },
    Table { name: "input", key: &[("index", "bigint")] },
    Table { name: "instrument", key: &[("symbol", "text")] },
    Table { name: "lease", key: &[] },
    Table { name: "lot", key: BY_ID },
    Table { name: "mark", key: &[("symbol", "text")] },
    Table { name: "order", key: BY_ID },
    Table { name: "position", key: &[("sleeve", "bigint"), ("symbol", "text")] },
    Table { name: "posting", key: &[("entry", "bigint"), ("leg", "smallint")] },
    Table { name: "refusal", key: BY_ID },
    Table { name: "round_trip", key: BY_ID },
    Table { name: "sleeve", key: BY_ID },
    Table { name: "snapshot", key: BY_SLEEVE },
];

/// The names of the tables that can be exported.
pub const TABLES: &[&str] = &[
    "account",
    "bot",
    "bot_event",
    "break",
    "entry",
    "equity",
    "execution",
    "input",
    "instrument",
    "lease",
    "lot",
    "mark",
    "order",
    "position",
    "posting",
    "refusal",
    "round_trip",
    "sleeve",
    "snapshot",
];

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as Postgres names it.
    pub kind: String,
}

impl Column {
    /// A value of this column, as text, in JSON: whole numbers and switches as such, decimals as
    /// strings, documents as what they are.
    #[must_use]
    pub fn json(&self, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::Null };
        let plain = || Value::String(text.to_owned());
        match self.kind.as_str() {
            "bigint" | "integer" | "smallint" => {
                text.parse::<i64>().map_or_else(|_| plain(), Value::from)
            }
            "boolean" => Value::Bool(text == "true"),
            "jsonb" => serde_json::from_str(text).unwrap_or_else(|_| plain()),
            _ => plain(),
        }
    }
}

/// One page of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePage {
    /// Its rows; each value as text, in the order of [`table_columns`].
    pub rows: Vec<Vec<Option<String>>>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Vec<String>>,
}

fn known(name: &str) -> Result<&'static Table, QueryError> {
    KNOWN.iter().find(|table| table.name == name).ok_or_else(|| QueryError::UnknownTable {
        found: name.to_owned(),
        nearest: KNOWN
            .iter()
            .map(|table| table.name)
            .min_by_key(|table| distance(table, name))
            .unwrap_or("account"),
    })
}

/// Characters that differ in place, and in length: enough to name the likely table.
fn distance(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a.len().max(b.len()) - same
}

/// The columns of a table, in order.
///
/// # Errors
/// When there is no such table, or the database does not answer.
pub async fn table_columns(pool: &PgPool, name: &str) -> Result<Vec<Column>, QueryError> {
    let table = known(name)?;
    let rows = sqlx::query(
        "SELECT column_name::text, data_type::text FROM information_schema.columns
          WHERE table_schema = 'stockade' AND table_name = $1 ORDER BY ordinal_position",
    )
    .bind(table.name)
    .fetch_all(pool)
    .await
    .map_err(|source| QueryError::Database { what: "a table's columns", source })?;
    let column = |row: &sqlx::postgres::PgRow| -> Result<Column, sqlx::Error> {
        Ok(Column { name: row.try_get(0)?, kind: row.try_get(1)? })
    };
    rows.iter()
        .map(column)
        .collect::<Result<_, _>>()
        .map_err(|source| QueryError::Database { what: "a table's columns", source })
}

/// At most `size` rows of a table, after the page that gave `after`.
///
/// # Errors
/// When there is no such table, or the database does not answer.
pub async fn table_page(
    pool: &PgPool,
    name: &str,
    columns: &[Column],
    after: Option<&[String]>,
    size: u32,
) -> Result<TablePage, QueryError> {
    let table = known(name)?;
    let what = "a table";
    let sql = page_sql(table, columns, after.is_some());
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in after.unwrap_or_default() {
        query = query.bind(value.clone());
    }
    let found = query
        .bind(i64::from(size))
        .fetch_all(pool)
        .await
        .map_err(|source| QueryError::Database { what, source })?;
    let mut rows = Vec::with_capacity(found.len());
    let mut next = None;
    for row in &found {
        let values: Vec<Option<String>> = (0..columns.len())
            .map(|index| row.try_get(index))
            .collect::<Result<_, _>>()
            .map_err(|source| QueryError::Database { what, source })?;
        next = Some(key_of(table, columns, &values));
        rows.push(values);
    }
    if rows.len() < usize::try_from(size).unwrap_or(usize::MAX) {
        next = None;
    }
    Ok(TablePage { rows, next })
}

fn key_names(table: &Table) -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::once(("account", "text")).chain(table.key.iter().copied())
}

/// The statement of one page: only names of this file and of the catalogue are part of it.
fn page_sql(table: &Table, columns: &[Column], later: bool) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|column| {
            let quoted = quote(&column.name);
            if column.kind == "numeric" {
                format!("trim_scale({quoted})::text")
            } else {
                format!("{quoted}::text")
            }
        })
        .collect();
    // Qualified: a bare name in ORDER BY would mean the column of the result, which is text.
    let key: Vec<String> =
        key_names(table).map(|(column, _)| format!("t.{}", quote(column))).collect();
    let mut sql = format!("SELECT {} FROM stockade.{} t", list.join(", "), quote(table.name));
    let mut bound = 0;
    if later {
        let binds: Vec<String> = key_names(table)
            .map(|(_, kind)| {
                bound += 1;
                format!("${bound}::text::{kind}")
            })
            .collect();
        sql.push_str(&format!(" WHERE ({}) > ({})", key.join(", "), binds.join(", ")));
    }
    sql.push_str(&format!(" ORDER BY {} LIMIT ${}", key.join(", "), bound + 1));
    sql
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn key_of(table: &Table, columns: &[Column], values: &[Option<String>]) -> Vec<String> {
    key_names(table)
        .map(|(name, _)| {
            let place = columns.iter().position(|column| column.name == name);
            place.and_then(|place| values[place].clone()).unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_names_is_the_list_of_tables() {
        let names: Vec<&str> = KNOWN.iter().map(|table| table.name).collect();
        assert_eq!(names, TABLES);
    }

    #[test]
    fn an_unknown_table_names_the_nearest() {
        let Err(error) = known("executions") else { panic!("executions is no table") };
        assert_eq!(
            error.to_string(),
            "table \"executions\" is not known, the nearest is \"execution\""
        );
    }

    #[test]
    fn values_keep_their_kind_in_json() {
        let column = |kind: &str| Column { name: "x".to_owned(), kind: kind.to_owned() };
        assert_eq!(column("bigint").json(Some("7")), Value::from(7));
        assert_eq!(column("numeric").json(Some("7.5")), Value::from("7.5"));
        assert_eq!(column("boolean").json(Some("true")), Value::from(true));
        assert_eq!(column("jsonb").json(Some("[1]")), serde_json::json!([1]));
        assert_eq!(column("text").json(None), Value::Null);
    }

    #[test]
    fn a_page_starts_after_the_key_of_the_last() {
        let column =
            |name: &str, kind: &str| Column { name: name.to_owned(), kind: kind.to_owned() };
        let columns = [column("account", "text"), column("id", "bigint"), column("qty", "numeric")];
        let table = known("lot").expect("a table");
        assert_eq!(
            page_sql(table, &columns, true),
            "SELECT \"account\"::text, \"id\"::text, trim_scale(\"qty\")::text FROM stockade.\"lot\" t \
             WHERE (t.\"account\", t.\"id\") > ($1::text::text, $2::text::bigint) ORDER BY t.\"account\", t.\"id\" LIMIT $3"
        );
    }
}
