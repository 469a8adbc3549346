//! Intents that were refused.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::value::At;

/// An intent that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Refusal {
    /// The account's label.
    pub account: String,
    /// Whose.
    pub sleeve: String,
    /// What its bot called it.
    pub intent_id: i64,
    /// When, by the market's time.
    pub at: At,
    /// The stable reason code.
    pub code: String,
    /// The reason with its numbers.
    pub message: String,
    /// What was asked for.
    pub intent: Value,
}

const BODY: &str = "
    SELECT r.account, s.name AS sleeve, r.intent_id, r.at_ns AS at, r.code, r.message, r.intent
      FROM stockade.refusal r
      JOIN stockade.sleeve s ON s.account = r.account AND s.id = r.sleeve";

/// Refusals from the earliest.
///
/// # Errors
/// When the database does not answer.
pub async fn refusal_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Refusal>, QueryError> {
    Select::new("refusals", BODY)
        .and("r.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("r.intent->>'symbol' =", filter.symbol.clone())
        .and("r.at_ns >=", filter.from)
        .and("r.at_ns <", filter.to)
        .latest(filter.limit, "ORDER BY r.id DESC", "ORDER BY r.id")
        .fetch(pool)
        .await
}
