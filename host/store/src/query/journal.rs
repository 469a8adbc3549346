//! The journal: balanced entries with their legs.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;

use super::filter::{Filter, QueryError, Select};
use super::value::{At, Number};

/// One leg of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Whose.
    pub sleeve: String,
    /// `cash`, `position`, `capital`, `realised`, `fees` or `rounding`.
    pub ledger: String,
    /// The symbol of a position.
    pub symbol: Option<String>,
    /// Debit positive, credit negative.
    pub amount: Number,
}

/// A balanced entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number in its account.
    pub id: i64,
    /// The account's label.
    pub account: String,
    /// When, by the market's time.
    pub at: At,
    /// What it books.
    pub kind: String,
    /// In words.
    pub memo: String,
    /// The execution that it books.
    pub execution_id: Option<String>,
    /// Its legs; they sum to zero.
    pub postings: Vec<Leg>,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: i64,
    account: String,
    at: At,
    kind: String,
    memo: String,
    execution_id: Option<String>,
    postings: Json<Vec<Leg>>,
}

// A sleeve or symbol narrows the entries, not their legs: an entry is only whole with all of them.
const BODY: &str = "
    SELECT e.id, e.account, e.at_ns AS at, e.kind, e.memo, e.execution_id,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('sleeve', s.name, 'ledger', p.ledger,
                       'symbol', p.symbol, 'amount', trim_scale(p.amount)::text) ORDER BY p.leg), '[]'::jsonb)
              FROM stockade.posting p
              JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
             WHERE p.account = e.account AND p.entry = e.id) AS postings
      FROM stockade.entry e";

/// Entries in the order of the journal.
///
/// # Errors
/// When the database does not answer.
pub async fn journal_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Entry>, QueryError> {
    let rows: Vec<Stored> = Select::new("the journal", BODY)
        .and("e.account =", filter.account.clone())
        .and(
            "e.id IN (SELECT p.entry FROM stockade.posting p JOIN stockade.sleeve s
                ON s.account = p.account AND s.id = p.sleeve
                WHERE p.account = e.account AND s.name = %)",
            filter.sleeve.clone(),
        )
        .and(
            "e.id IN (SELECT p.entry FROM stockade.posting p
                WHERE p.account = e.account AND p.symbol = %)",
            filter.symbol.clone(),
        )
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .latest(filter.limit, "ORDER BY e.account DESC, e.id DESC", "ORDER BY e.account, e.id")
        .fetch(pool)
        .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

impl From<Stored> for Entry {
    fn from(row: Stored) -> Self {
        Self {
            id: row.id,
            account: row.account,
            at: row.at,
            kind: row.kind,
            memo: row.memo,
            execution_id: row.execution_id,
            postings: row.postings.0,
        }
    }
}
