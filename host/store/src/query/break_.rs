//! Breaks: `break list --json`.

use serde::Serialize;
use sqlx::PgPool;
use stockade_core::desk::class_name;

use super::filter::{Filter, QueryError, Select};
use super::page::{List, Page, Rows};
use super::value::{At, Number};

/// A class of differences in words, read off its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ClassName(&'static str);

impl From<String> for ClassName {
    fn from(class: String) -> Self {
        Self(class_name(&class))
    }
}

impl std::fmt::Display for ClassName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// A difference that reconciliation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Break {
    /// Its number in its account.
    pub id: i64,
    /// The account's label.
    pub account: String,
    /// Its class, such as `D38`.
    pub class: String,
    /// The class in words.
    #[sqlx(rename = "class", try_from = "String")]
    pub class_name: ClassName,
    /// `info`, `warning` or `serious`.
    pub severity: String,
    /// The symbol, where it has one.
    pub symbol: Option<String>,
    /// `open`, `accepted` (still there, as a person has accepted it) or `resolved`.
    pub state: String,
    /// Seconds of the market's time from finding to resolution, or to the account's last input.
    pub age_seconds: i64,
    /// What our books said.
    pub ours: Number,
    /// What the broker said.
    pub broker: Number,
    /// What was found, in words.
    pub evidence: String,
    /// What was done about it.
    pub action: String,
    /// When it was found.
    pub opened_at: At,
    /// When it ended.
    pub resolved_at: Option<At>,
}

macro_rules! columns {
    () => {
        "b.id, b.account, b.class, b.severity, b.symbol,
         CASE WHEN b.resolved_ns IS NOT NULL THEN 'resolved'
              WHEN b.action LIKE 'accepted: %' THEN 'accepted' ELSE 'open' END AS state,
         greatest(coalesce(b.resolved_ns, a.market_ns) - b.opened_ns, 0) / 1000000000 AS age_seconds,
         b.ours, b.broker, b.evidence, b.action, b.opened_ns AS opened_at,
         b.resolved_ns AS resolved_at"
    };
}

macro_rules! tables {
    () => {
        "stockade.break b JOIN stockade.account a ON a.account = b.account"
    };
}

const BODY: &str = concat!("SELECT ", columns!(), " FROM ", tables!());

const LIST: List = List {
    what: "breaks",
    noun: "break",
    columns: columns!(),
    rows: Rows::Joined(tables!()),
    key: &[("b.account", "text"), ("b.id", "bigint")],
    latest_first: true,
};

/// A page of breaks by number: the open ones, or with `resolved` all; of the past those that were
/// known then, as they stood. A sleeve narrows to the
/// symbols that it has ever had a lot of.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn break_page(
    pool: &PgPool,
    filter: &Filter,
    resolved: bool,
) -> Result<Page<Break>, QueryError> {
    LIST.select(filter.at)
        .only(!resolved, "b.resolved_ns IS NULL")
        .and("b.account =", filter.account.clone())
        .and("b.symbol =", filter.symbol.clone())
        .and(
            "EXISTS (SELECT FROM stockade.lot l
                JOIN stockade.sleeve s ON s.account = l.account AND s.id = l.sleeve
                WHERE l.account = b.account AND l.symbol = b.symbol AND s.name = %)",
            filter.sleeve.clone(),
        )
        .and("b.opened_ns >=", filter.from)
        .and("b.opened_ns <", filter.to)
        .page(pool, filter)
        .await
}

/// Breaks by number.
///
/// # Errors
/// As [`break_page`].
pub async fn break_list(
    pool: &PgPool,
    filter: &Filter,
    resolved: bool,
) -> Result<Vec<Break>, QueryError> {
    Ok(break_page(pool, filter, resolved).await?.rows)
}

/// One break by its number; with `at` as it stood then.
///
/// # Errors
/// When the database does not answer.
pub async fn break_show(
    pool: &PgPool,
    account: Option<&str>,
    id: i64,
    at: Option<i64>,
) -> Result<Option<Break>, QueryError> {
    let rows: Vec<Break> = Select::at("a break", BODY, at)
        .and("b.account =", account.map(str::to_owned))
        .and("b.id =", Some(id))
        .then("ORDER BY b.account")
        .fetch(pool)
        .await?;
    Ok(rows.into_iter().next())
}
