//! Open lots: `lot list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::value::{At, Number};

/// A lot with what remains of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Lot {
    /// Whose.
    pub sleeve: String,
    /// Of what.
    pub symbol: String,
    /// `long` or `short`.
    pub side: String,
    /// When it was opened.
    pub opened_at: At,
    /// Quantity at the start.
    pub qty: Number,
    /// What is still open.
    pub remaining: Number,
    /// Price of the opening execution.
    pub entry_price: Number,
    /// Cost at the start.
    pub cost: Number,
    /// Cost of what is still open.
    pub cost_left: Number,
    /// Opening fee of what is still open.
    pub fee_left: Number,
    /// The execution that opened it.
    pub execution_id: String,
}

const BODY: &str = "
    SELECT s.name AS sleeve, l.symbol, l.side, l.opened_ns AS opened_at, l.qty, l.remaining,
           l.entry_price, l.cost, l.cost_left, l.fee_left, l.execution_id
      FROM stockade.lot l
      JOIN stockade.sleeve s ON s.account = l.account AND s.id = l.sleeve";

/// Lots with something remaining, or with `closed` all, from the oldest. `from` and `to` narrow
/// the time of opening.
///
/// # Errors
/// When the database does not answer.
pub async fn lot_list(
    pool: &PgPool,
    filter: &Filter,
    closed: bool,
) -> Result<Vec<Lot>, QueryError> {
    let mut select = Select::new("lots", BODY)
        .and("l.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("l.symbol =", filter.symbol.clone())
        .and("l.opened_ns >=", filter.from)
        .and("l.opened_ns <", filter.to);
    if !closed {
        select = select.only("l.remaining > 0");
    }
    select
        .latest(
            filter.limit,
            "ORDER BY l.opened_ns DESC, l.account DESC, l.id DESC",
            "ORDER BY l.opened_ns, l.account, l.id",
        )
        .fetch(pool)
        .await
}
