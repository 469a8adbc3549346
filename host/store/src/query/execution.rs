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
    /// `stream`, `activity`, `import`, `opening` or `action`.
    pub source: String,
    /// What stands in its place since the broker took it back: an execution's id, or `bust`. It
    /// counts in no sum then.
    pub corrected_by: Option<String>,
}

const LIST: List = List {
    what: "executions",
    noun: "execution",
    columns: "e.execution_id, e.account, s.name AS sleeve, e.order_id, e.broker_order_id, e.symbol,
        e.side, e.qty, e.price, e.fee, e.at_ns AS at, e.entry, e.source,
        (SELECT coalesce(c.replacement, 'bust') FROM stockade.correction c
          WHERE c.account = e.account AND c.execution_id = e.execution_id) AS corrected_by",
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
    LIST.select(filter.at)
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

/// What is booked under an execution id: a fill, or a split of a file.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct KnownFill {
    /// The id.
    pub execution_id: String,
    /// Whose.
    pub sleeve: String,
    /// Of what.
    pub symbol: String,
    /// `buy`, `sell` or `split`.
    pub side: String,
    /// How much; of a split new shares for one old.
    pub qty: Number,
    /// At what price; zero for a split.
    pub price: Number,
    /// Its fee.
    pub fee: Number,
    /// When.
    pub at: At,
}

/// Ids that one question asks for.
const IDS_ASKED: usize = 10_000;

/// What is booked under these execution ids; ids that nothing is booked under are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn known_fills(
    pool: &PgPool,
    account: &str,
    ids: &[String],
) -> Result<Vec<KnownFill>, sqlx::Error> {
    let mut known = Vec::new();
    for ids in ids.chunks(IDS_ASKED) {
        let mut found: Vec<KnownFill> = sqlx::query_as(
            "SELECT e.execution_id, s.name AS sleeve, e.symbol, e.side, e.qty, e.price, e.fee, e.at_ns AS at
               FROM stockade.execution e JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve
              WHERE e.account = $1 AND e.execution_id = ANY($2)
             UNION ALL
             SELECT DISTINCT e.execution_id, s.name, p.symbol, 'split',
                    split_part(split_part(e.memo, ': ', 2), ' ', 1)::numeric, 0::numeric, 0::numeric, e.effective_ns
               FROM stockade.entry e
               JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id AND p.symbol IS NOT NULL
               JOIN stockade.sleeve s ON s.account = e.account AND s.id = p.sleeve
              WHERE e.account = $1 AND e.kind = 'split' AND e.execution_id = ANY($2)",
        )
        .bind(account)
        .bind(ids)
        .fetch_all(pool)
        .await?;
        known.append(&mut found);
    }
    Ok(known)
}

/// How far a sleeve's books have come with a symbol, by the times of what they book.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BookedUntil {
    /// Which symbol.
    pub symbol: String,
    /// Its last split.
    pub split: Option<At>,
    /// Its last trade.
    pub trade: Option<At>,
}

/// The last split and the last trade of each symbol in the books of a sleeve.
///
/// # Errors
/// When the database does not answer.
pub async fn booked_until(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
) -> Result<Vec<BookedUntil>, sqlx::Error> {
    sqlx::query_as(
        "SELECT symbol, max(at_ns) FILTER (WHERE is_split) AS split, max(at_ns) FILTER (WHERE NOT is_split) AS trade
           FROM (SELECT e.symbol, false AS is_split, e.at_ns
                   FROM stockade.execution e JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve
                  WHERE e.account = $1 AND s.name = $2
                  UNION ALL
                 SELECT p.symbol, true, e.effective_ns
                   FROM stockade.entry e
                   JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id AND p.symbol IS NOT NULL
                   JOIN stockade.sleeve s ON s.account = e.account AND s.id = p.sleeve
                  WHERE e.account = $1 AND e.kind = 'split' AND s.name = $2) booked
          GROUP BY symbol",
    )
    .bind(account)
    .bind(sleeve)
    .fetch_all(pool)
    .await
}

/// Executions from the earliest.
///
/// # Errors
/// As [`execution_page`].
pub async fn execution_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Execution>, QueryError> {
    Ok(execution_page(pool, filter).await?.rows)
}
