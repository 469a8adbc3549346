//! Executions: `execution list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, order_conditions};
use super::page::{List, Page, Rows};
use super::value::{At, Number};

/// A fill at the broker, booked once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Execution {
    /// The broker's id, or `import:…`.
    pub execution_id: String,
    /// The account's label.
    pub account: String,
    /// Whose.
    pub sleeve: String,
    /// The order; `None` for a trade that was not ours and for imports.
    pub order_id: Option<i64>,
    /// The broker's order.
    pub broker_order_id: String,
    /// Of what.
    pub symbol: String,
    /// `buy` or `sell`.
    pub side: String,
    /// How much.
    pub qty: Number,
    /// At what price.
    pub price: Number,
    /// Its fee.
    pub fee: Number,
    /// When.
    pub at: At,
    /// The entry that books it.
    pub entry: i64,
    /// `stream`, `activity`, `import` or `opening`.
    pub source: String,
}

const LIST: List = List {
    what: "executions",
    noun: "execution",
    columns: "e.execution_id, e.account, s.name AS sleeve, e.order_id, e.broker_order_id, e.symbol,
        e.side, e.qty, e.price, e.fee, e.at_ns AS at, e.entry, e.source",
    rows: Rows::OfSleeves { table: "stockade.execution", alias: "e" },
    key: &[
        ("e.at_ns", "bigint"),
        ("e.account", "text"),
        ("e.entry", "bigint"),
        ("e.execution_id", "text"),
    ],
    latest_first: true,
};

const OF_ORDER: [&str; 3] = order_conditions!("WHERE o.account = e.account AND o.id = e.order_id");

/// A page of executions, by time.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn execution_page(pool: &PgPool, filter: &Filter) -> Result<Page<Execution>, QueryError> {
    let [tag, reason, version] = OF_ORDER;
    LIST.select()
        .and("e.symbol =", filter.symbol.clone())
        .and("e.side =", filter.side.clone())
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .and(tag, filter.tag.clone())
        .and(reason, filter.reason.clone())
        .and(version, filter.plugin_version.clone())
        .page(pool, filter)
        .await
}

/// Executions from the earliest.
///
/// # Errors
/// As [`execution_page`].
pub async fn execution_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Execution>, QueryError> {
    Ok(execution_page(pool, filter).await?.rows)
}
