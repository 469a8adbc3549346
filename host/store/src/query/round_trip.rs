//! Round trips: `roundtrip list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::value::{At, Number, Percent};

/// A lot, or part of one, and the execution that closed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RoundTrip {
    /// Whose.
    pub sleeve: String,
    /// Of what.
    pub symbol: String,
    /// `long` or `short`.
    pub side: String,
    /// Quantity closed.
    pub qty: Number,
    /// When the lot was opened.
    pub entry_time: At,
    /// At what price.
    pub entry_price: Number,
    /// When this part was closed.
    pub exit_time: At,
    /// At what price.
    pub exit_price: Number,
    /// Profit of the prices alone.
    pub gross: Number,
    /// Its share of the opening fee.
    pub opening_fee: Number,
    /// Its share of the closing fee.
    pub closing_fee: Number,
    /// `gross - opening_fee - closing_fee`.
    pub net: Number,
    /// `net` over the cost of what was closed.
    pub net_pct: Option<Percent>,
    /// The closing intent's reason.
    pub exit_reason: Option<String>,
    /// The closing execution.
    pub exit_execution_id: String,
}

const BODY: &str = "
    SELECT s.name AS sleeve, r.symbol, r.side, r.qty, r.entry_ns AS entry_time, r.entry_price,
           r.exit_ns AS exit_time, r.exit_price, r.gross, r.opening_fee, r.closing_fee, r.net,
           round(100 * r.net / nullif(r.cost, 0), 12) AS net_pct, r.exit_reason, r.exit_execution_id
      FROM stockade.round_trip r
      JOIN stockade.sleeve s ON s.account = r.account AND s.id = r.sleeve";

/// Round trips from the earliest exit. `from` and `to` narrow the exit.
///
/// # Errors
/// When the database does not answer.
pub async fn round_trip_list(pool: &PgPool, filter: &Filter) -> Result<Vec<RoundTrip>, QueryError> {
    Select::new("round trips", BODY)
        .and("r.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("r.symbol =", filter.symbol.clone())
        .and("r.exit_ns >=", filter.from)
        .and("r.exit_ns <", filter.to)
        .latest(
            filter.limit,
            "ORDER BY r.exit_ns DESC, r.account DESC, r.id DESC",
            "ORDER BY r.exit_ns, r.account, r.id",
        )
        .fetch(pool)
        .await
}
