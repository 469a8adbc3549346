//! Whole tables, page by page: the export.
//!
//! Guarantees: every row once, in the order of the table's key, all from one moment (a read-only
//! transaction sees none of what is written meanwhile); read by keyset, so a page costs the same
//! however deep it lies. Tables and keys are the catalogue's: a table that a migration adds can be
//! exported without a word here. Values come as text: numbers without trailing zeros, times of the
//! database RFC 3339 in UTC, everything else as Postgres writes it.

use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row, Transaction};

use super::filter::QueryError;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as Postgres names it: `bigint`, `numeric`, `jsonb`, …
    pub kind: String,
    /// All digits of a `numeric`, where they are limited.
    pub precision: Option<i32>,
    /// Digits of a `numeric` behind the point, where they are limited.
    pub scale: Option<i32>,
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
            "json" | "jsonb" => serde_json::from_str(text).unwrap_or_else(|_| plain()),
            _ => plain(),
        }
    }

    /// The expression that gives its text.
    fn text(&self) -> String {
        let quoted = quote(&self.name);
        match self.kind.as_str() {
            "numeric" => format!("trim_scale({quoted})::text"),
            "timestamp with time zone" => {
                format!("to_char({quoted} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
            }
            _ => format!("{quoted}::text"),
        }
    }
}

/// A row: each value as text, in the order of the columns.
pub type TextRow = Vec<Option<String>>;

/// A table that is read from its first row to its last.
#[derive(Debug)]
pub struct TableReader {
    transaction: Transaction<'static, Postgres>,
    columns: Vec<Column>,
    /// Places of the key's columns.
    key: Vec<usize>,
    first: String,
    later: String,
    /// The moment that is asked for; `None` is now.
    at: Option<i64>,
    after: Option<Vec<String>>,
    ended: bool,
}

const WHAT: &str = "a table";

fn database(source: sqlx::Error) -> QueryError {
    QueryError::Database { what: WHAT, source }
}

/// The names of all tables.
///
/// # Errors
/// When the database does not answer.
pub async fn table_names(pool: &PgPool) -> Result<Vec<String>, QueryError> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
          WHERE c.relnamespace = 'stockade'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .map_err(database)
}

impl TableReader {
    /// Opens a table, as it is or as it was at a moment; what is written from now on is not read.
    ///
    /// # Errors
    /// When there is no such table, it keeps no past, or the database does not answer.
    pub async fn open(pool: &PgPool, name: &str, at: Option<i64>) -> Result<Self, QueryError> {
        let names = table_names(pool).await?;
        if !names.iter().any(|known| known == name) {
            return Err(unknown(&names, name));
        }
        if at.is_some() {
            check_past(pool, name).await?;
        }
        let mut transaction = pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(database)?;
        let columns = columns(&mut transaction, name).await?;
        let key = key(&mut transaction, name, &columns).await?;
        let [first, later] =
            [false, true].map(|later| page_sql(name, &columns, &key, later, at.is_some()));
        Ok(Self { transaction, columns, key, first, later, at, after: None, ended: false })
    }

    /// Its columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next rows, at most `size`; none at the end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(&mut self, size: u32) -> Result<Vec<TextRow>, QueryError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let sql = if self.after.is_some() { &self.later } else { &self.first };
        let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
        for value in self.after.iter().flatten() {
            query = query.bind(value.clone());
        }
        query = query.bind(i64::from(size));
        if let Some(at) = self.at {
            query = query.bind(at);
        }
        let found = query.fetch_all(&mut *self.transaction).await.map_err(database)?;
        let width = self.columns.len();
        let rows: Vec<TextRow> = found
            .iter()
            .map(|row| (0..width).map(|place| row.try_get(place)).collect())
            .collect::<Result<_, _>>()
            .map_err(database)?;
        self.ended = rows.len() < usize::try_from(size).unwrap_or(usize::MAX);
        self.after = rows.last().map(|row| {
            self.key.iter().map(|place| row[*place].clone().unwrap_or_default()).collect()
        });
        Ok(rows)
    }
}

/// Whether the table has a function that gives its past.
async fn check_past(pool: &PgPool, name: &str) -> Result<(), QueryError> {
    let kept: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
          WHERE c.relnamespace = 'stockade'::regnamespace AND c.relkind IN ('r', 'p')
            AND to_regprocedure('stockade.' || quote_ident(c.relname || '_at') || '(bigint)') IS NOT NULL
          ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .map_err(database)?;
    if kept.iter().any(|table| table == name) {
        return Ok(());
    }
    Err(QueryError::NoPast { table: name.to_owned(), allowed: kept.join(", ") })
}

fn unknown(names: &[String], found: &str) -> QueryError {
    let nearest = names.iter().min_by_key(|name| distance(name, found));
    QueryError::UnknownTable {
        found: found.to_owned(),
        nearest: nearest.cloned().unwrap_or_default(),
        allowed: names.join(", "),
    }
}

/// Characters that differ in place, and in length: enough to name the likely table.
fn distance(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a.len().max(b.len()) - same
}

async fn columns(
    transaction: &mut Transaction<'static, Postgres>,
    name: &str,
) -> Result<Vec<Column>, QueryError> {
    let rows = sqlx::query(
        "SELECT column_name::text, data_type::text, numeric_precision::integer, numeric_scale::integer
           FROM information_schema.columns
          WHERE table_schema = 'stockade' AND table_name = $1 ORDER BY ordinal_position",
    )
    .bind(name)
    .fetch_all(&mut **transaction)
    .await
    .map_err(database)?;
    let column = |row: &PgRow| -> Result<Column, sqlx::Error> {
        Ok(Column {
            name: row.try_get(0)?,
            kind: row.try_get(1)?,
            precision: row.try_get(2)?,
            scale: row.try_get(3)?,
        })
    };
    rows.iter().map(column).collect::<Result<_, _>>().map_err(database)
}

/// Places of the primary key's columns, in its order.
async fn key(
    transaction: &mut Transaction<'static, Postgres>,
    name: &str,
    columns: &[Column],
) -> Result<Vec<usize>, QueryError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT a.attname::text FROM pg_index i
           CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
          WHERE i.indrelid = to_regclass('stockade.' || quote_ident($1)) AND i.indisprimary
          ORDER BY k.place",
    )
    .bind(name)
    .fetch_all(&mut **transaction)
    .await
    .map_err(database)?;
    let places: Vec<usize> = names
        .iter()
        .filter_map(|name| columns.iter().position(|column| column.name == *name))
        .collect();
    if places.is_empty() {
        return Err(database(sqlx::Error::ColumnNotFound(format!("primary key of {name}"))));
    }
    Ok(places)
}

/// The statement of one page: only names of the catalogue are part of it. Of the past the moment is
/// the last value.
fn page_sql(name: &str, columns: &[Column], key: &[usize], later: bool, past: bool) -> String {
    let list: Vec<String> = columns.iter().map(Column::text).collect();
    // Qualified: a bare name in ORDER BY would mean the column of the result, which is text.
    let order: Vec<String> =
        key.iter().map(|place| format!("t.{}", quote(&columns[*place].name))).collect();
    let order = order.join(", ");
    let last = if later { key.len() } else { 0 } + 1;
    let table = match past {
        true => format!("{}(${})", quote(&format!("{name}_at")), last + 1),
        false => quote(name),
    };
    let mut sql = format!("SELECT {} FROM stockade.{table} t", list.join(", "));
    let mut bound = 0;
    if later {
        let binds: Vec<String> = key
            .iter()
            .map(|place| {
                bound += 1;
                format!("${bound}::text::{}", columns[*place].kind)
            })
            .collect();
        sql.push_str(&format!(" WHERE ({order}) > ({})", binds.join(", ")));
    }
    sql.push_str(&format!(" ORDER BY {order} LIMIT ${last}"));
    sql
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str) -> Column {
        Column { name: name.to_owned(), kind: kind.to_owned(), precision: None, scale: None }
    }

    #[test]
    fn an_unknown_table_names_the_nearest() {
        let names = ["entry".to_owned(), "execution".to_owned()];
        let text = unknown(&names, "executions").to_string();
        assert_eq!(
            text,
            "table \"executions\" is not known, the nearest is \"execution\" (there are entry, execution)"
        );
    }

    #[test]
    fn values_keep_their_kind_in_json() {
        let column = |kind: &str| column("x", kind);
        assert_eq!(column("bigint").json(Some("7")), Value::from(7));
        assert_eq!(column("numeric").json(Some("7.5")), Value::from("7.5"));
        assert_eq!(column("boolean").json(Some("true")), Value::from(true));
        assert_eq!(column("jsonb").json(Some("[1]")), serde_json::json!([1]));
        assert_eq!(column("text").json(None), Value::Null);
    }

    #[test]
    fn a_page_starts_after_the_key_of_the_last() {
        let columns = [column("account", "text"), column("id", "bigint"), column("qty", "numeric")];
        assert_eq!(
            page_sql("lot", &columns, &[0, 1], true, false),
            "SELECT \"account\"::text, \"id\"::text, trim_scale(\"qty\")::text FROM stockade.\"lot\" t \
             WHERE (t.\"account\", t.\"id\") > ($1::text::text, $2::text::bigint) ORDER BY t.\"account\", t.\"id\" LIMIT $3"
        );
        assert_eq!(
            page_sql("lot", &columns, &[1], false, true),
            "SELECT \"account\"::text, \"id\"::text, trim_scale(\"qty\")::text FROM stockade.\"lot_at\"($2) t \
             ORDER BY t.\"id\" LIMIT $1"
        );
    }
}
