//! Equity curves.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::value::{At, Number};

/// A sleeve's value at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct EquityPoint {
    /// Whose.
    pub sleeve: String,
    /// When.
    pub at: At,
    /// Cash.
    pub cash: Number,
    /// Positions at their marks.
    pub market_value: Number,
    /// `cash + market_value`.
    pub equity: Number,
    /// Initial capital plus added less withdrawn: a change is a flow, not a return.
    pub net_capital: Number,
    /// Realised profit.
    pub realised: Number,
    /// The day key of a session's close, else zero.
    pub session_close: i32,
}

const BODY: &str = "
    SELECT s.name AS sleeve, e.at_ns AS at, e.cash, e.market_value, e.cash + e.market_value AS equity,
           e.net_capital, e.realised, e.session_close
      FROM stockade.equity e
      JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve";

/// All samples, from the earliest.
///
/// # Errors
/// When the database does not answer.
pub async fn equity_curve(pool: &PgPool, filter: &Filter) -> Result<Vec<EquityPoint>, QueryError> {
    points(pool, filter, None).await
}

/// The samples at the close of each session, from the earliest.
///
/// # Errors
/// When the database does not answer.
pub async fn equity_closes(pool: &PgPool, filter: &Filter) -> Result<Vec<EquityPoint>, QueryError> {
    points(pool, filter, Some(0)).await
}

async fn points(
    pool: &PgPool,
    filter: &Filter,
    close_above: Option<i32>,
) -> Result<Vec<EquityPoint>, QueryError> {
    Select::new("the equity curve", BODY)
        .and("e.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .and("e.session_close >", close_above)
        .latest(
            filter.limit,
            "ORDER BY e.at_ns DESC, e.account DESC, e.sleeve DESC, e.session_close DESC",
            "ORDER BY e.at_ns, e.account, e.sleeve, e.session_close",
        )
        .fetch(pool)
        .await
}
