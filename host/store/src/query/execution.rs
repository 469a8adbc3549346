//! Executions: `execution list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
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

const BODY: &str = "
    SELECT e.execution_id, e.account, s.name AS sleeve, e.order_id, e.broker_order_id, e.symbol,
           e.side, e.qty, e.price, e.fee, e.at_ns AS at, e.entry, e.source
      FROM stockade.execution e
      JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve";

/// Executions from the earliest.
///
/// # Errors
/// When the database does not answer.
pub async fn execution_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Execution>, QueryError> {
    Select::new("executions", BODY)
        .and("e.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("e.symbol =", filter.symbol.clone())
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .latest(
            filter.limit,
            "ORDER BY e.at_ns DESC, e.account DESC, e.entry DESC, e.execution_id DESC",
            "ORDER BY e.at_ns, e.account, e.entry, e.execution_id",
        )
        .fetch(pool)
        .await
}
