//! What a query is narrowed to, and the one way in which it becomes SQL.
//!
//! Guarantees: no value from outside is ever part of a statement's text; all are bound.

use sqlx::postgres::PgRow;
use sqlx::{Encode, FromRow, PgPool, Postgres, QueryBuilder, Type};

use super::page::Cursor;
use super::past;

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The database did not answer it.
    #[error("reading {what} failed")]
    Database {
        /// What was read.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// There is no table of that name.
    #[error("table \"{found}\" is not known, the nearest is \"{nearest}\" (there are {allowed})")]
    UnknownTable {
        /// What was asked for.
        found: String,
        /// The one of the nearest name.
        nearest: String,
        /// All of them.
        allowed: String,
    },
    /// A table whose rows of the past are not kept.
    #[error("table \"{table}\" keeps no past, only what is now: --at is for {allowed}")]
    NoPast {
        /// Which.
        table: String,
        /// Those that keep theirs.
        allowed: String,
    },
    /// More rows than one document takes.
    #[error("more than {allowed} {what}: {instead}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        allowed: i64,
        /// What to do.
        instead: &'static str,
    },
    /// A cursor that belongs to another list.
    #[error("\"{found}\" is no cursor of this list: one starts with \"{allowed}/\" (--after)")]
    Cursor {
        /// What was given.
        found: String,
        /// What this list's begin with.
        allowed: &'static str,
    },
}

/// Narrows a list. Every `None` leaves its part open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The account's label.
    pub account: Option<String>,
    /// The sleeve's name.
    pub sleeve: Option<String>,
    /// The symbol.
    pub symbol: Option<String>,
    /// From this time on, in nanoseconds since 1970.
    pub from: Option<i64>,
    /// Before this time, in nanoseconds since 1970.
    pub to: Option<i64>,
    /// `buy` or `sell`; `long` or `short` of lots, positions and round trips.
    pub side: Option<String>,
    /// The tag of the order behind a row.
    pub tag: Option<String>,
    /// The reason of the order behind a row; of a round trip, its exit reason.
    pub reason: Option<String>,
    /// The version of the plugin that sent the order behind a row.
    pub plugin_version: Option<String>,
    /// At most so many rows, the latest ones.
    pub limit: Option<u32>,
    /// The page behind this one.
    pub after: Option<Cursor>,
    /// As the books were at this moment, in nanoseconds since 1970: what was booked by then, and
    /// nothing that was booked later. `None` is now.
    pub at: Option<i64>,
}

/// The condition that an order stands behind a row: `$link` joins it, `$condition` narrows it.
macro_rules! of_order {
    ($link:literal, $condition:literal) => {
        concat!("EXISTS (SELECT FROM stockade.order o ", $link, " AND ", $condition, ")")
    };
}
pub(super) use of_order;

/// The three conditions on the order behind a row: tag, reason, plugin version.
macro_rules! order_conditions {
    ($link:literal) => {
        [
            $crate::query::filter::of_order!($link, "o.tag = %"),
            $crate::query::filter::of_order!($link, "o.reason = %"),
            $crate::query::filter::of_order!($link, "o.plugin_version = %"),
        ]
    };
}
pub(super) use order_conditions;

/// A statement under construction: a body that ends in a `WHERE`, then conditions.
pub(super) struct Select {
    builder: QueryBuilder<Postgres>,
    what: &'static str,
    reversed: bool,
    /// Where the moment of a question to the past is bound.
    past: Option<&'static str>,
}

/// Begins a statement; of a past one the moment is the first value, `$1`.
pub(super) fn begin(at: Option<i64>) -> (QueryBuilder<Postgres>, Option<&'static str>) {
    let mut builder = QueryBuilder::new("");
    let Some(at) = at else { return (builder, None) };
    builder.push("WITH asked AS (SELECT ").push_bind(at).push("::bigint) ");
    (builder, Some("$1"))
}

impl Select {
    /// Starts from `body`, whose conditions are still to come; of the past where a moment is given. A
    /// body with a `WITH` of its own is no body for that.
    pub(super) fn at(what: &'static str, body: &'static str, at: Option<i64>) -> Self {
        let (mut builder, past) = begin(at);
        builder.push(past::asking(body, past)).push(" WHERE true");
        Self { builder, what, reversed: false, past }
    }

    /// A condition with a value, where there is one; `%` stands for it, else it comes at the end.
    pub(super) fn and<T>(mut self, condition: &'static str, value: Option<T>) -> Self
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

    /// A condition without a value.
    pub(super) fn only(mut self, condition: &'static str) -> Self {
        self.builder.push(" AND ").push(past::asking(condition, self.past));
        self
    }

    /// Further text, such as an order.
    pub(super) fn then(mut self, text: &'static str) -> Self {
        self.builder.push(" ").push(text);
        self
    }

    /// The latest `limit` rows, or all: `down` orders from the latest, `up` from the earliest.
    /// [`Select::fetch`] gives them from the earliest in both cases.
    pub(super) fn latest(
        mut self,
        limit: Option<u32>,
        down: &'static str,
        up: &'static str,
    ) -> Self {
        let Some(limit) = limit else {
            return self.then(up);
        };
        self.builder.push(" ").push(down).push(" LIMIT ").push_bind(i64::from(limit));
        self.reversed = true;
        self
    }

    /// All rows.
    pub(super) async fn fetch<T>(mut self, pool: &PgPool) -> Result<Vec<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let what = self.what;
        let query = self.builder.build_query_as::<T>();
        let mut rows =
            query.fetch_all(pool).await.map_err(|source| QueryError::Database { what, source })?;
        if self.reversed {
            rows.reverse();
        }
        Ok(rows)
    }
}
