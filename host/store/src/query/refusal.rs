//! Intents that were refused.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::filter::{Filter, QueryError};
use super::page::{List, Page, Rows};
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

const LIST: List = List {
    what: "refusals",
    noun: "refusal",
    columns: "r.account, s.name AS sleeve, r.intent_id, r.at_ns AS at, r.code, r.message, r.intent",
    rows: Rows::Joined(
        "stockade.refusal r JOIN stockade.sleeve s ON s.account = r.account AND s.id = r.sleeve",
    ),
    key: &[("r.account", "text"), ("r.id", "bigint")],
    latest_first: true,
};

/// A page of refusals, in the order in which they were recorded. Side, tag and reason are those of
/// the intent, the plugin version is the bot's at that time; `code` is the reason code of the refusal.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn refusal_page(
    pool: &PgPool,
    filter: &Filter,
    code: Option<&str>,
) -> Result<Page<Refusal>, QueryError> {
    LIST.select(filter.at)
        .and("r.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("r.intent->>'symbol' =", filter.symbol.clone())
        .and("r.intent->>'side' =", filter.side.clone())
        .and("r.intent->>'tag' =", filter.tag.clone())
        .and("r.intent->>'reason' =", filter.reason.clone())
        .and("r.code =", code.map(str::to_owned))
        .and("r.at_ns >=", filter.from)
        .and("r.at_ns <", filter.to)
        .and(
            "(SELECT c.body->>'version' FROM stockade.change c WHERE c.account = r.account
                AND c.relation = 'bot' AND c.key = r.sleeve::text AND c.at_ns <= r.at_ns
                ORDER BY c.number DESC LIMIT 1) =",
            filter.plugin_version.clone(),
        )
        .page(pool, filter)
        .await
}

/// Refusals from the earliest.
///
/// # Errors
/// As [`refusal_page`].
pub async fn refusal_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Refusal>, QueryError> {
    Ok(refusal_page(pool, filter, None).await?.rows)
}
