//! The journal: balanced entries with their legs.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;

use super::filter::{Filter, QueryError, order_conditions};
use super::page::{List, Page, Rows};
use super::value::{At, Number};

/// One leg of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Whose.
    pub sleeve: String,
    /// `cash`, `position`, `capital`, `realised`, `fees`, `rounding`, …
    pub ledger: String,
    /// The symbol of a position.
    pub symbol: Option<String>,
    /// Debit positive, credit negative.
    pub amount: Number,
    /// Shares that come (positive) or go, of a position.
    pub qty: Option<Number>,
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

const LIST: List = List {
    what: "the journal",
    noun: "entry",
    columns: "e.id, e.account, e.at_ns AS at, e.kind, e.memo, e.execution_id,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('sleeve', s.name, 'ledger', p.ledger,
                    'symbol', p.symbol, 'amount', trim_scale(p.amount)::text,
                    'qty', CASE WHEN p.ledger = 'position' THEN trim_scale(p.qty)::text END) ORDER BY p.leg), '[]'::jsonb)
           FROM stockade.posting p
           JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
          WHERE p.account = e.account AND p.entry = e.id) AS postings",
    rows: Rows::Joined("stockade.entry e"),
    key: &[("e.account", "text"), ("e.id", "bigint")],
    latest_first: true,
};

const OF_ORDER: [&str; 3] = order_conditions!(
    "JOIN stockade.execution x ON x.account = o.account AND x.order_id = o.id
     WHERE x.account = e.account AND x.execution_id = e.execution_id"
);

/// A page of the journal. A sleeve or symbol narrows the entries, not their legs: an entry is only
/// whole with all of them. Side, tag, reason and plugin version are those of its execution.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn journal_page(pool: &PgPool, filter: &Filter) -> Result<Page<Entry>, QueryError> {
    let [tag, reason, version] = OF_ORDER;
    // Their LIMIT keeps these subqueries with their entry: joined, they would read every posting.
    let page: Page<Stored> = LIST
        .select(filter.at)
        .and("e.account =", filter.account.clone())
        .and(
            "(SELECT true FROM stockade.posting p WHERE p.account = e.account AND p.entry = e.id
                AND p.sleeve = (SELECT z.id FROM stockade.sleeve z
                    WHERE z.account = e.account AND z.name = %) LIMIT 1)",
            filter.sleeve.clone(),
        )
        .and(
            "(SELECT true FROM stockade.posting p WHERE p.account = e.account AND p.entry = e.id
                AND p.symbol = % LIMIT 1)",
            filter.symbol.clone(),
        )
        .and(
            "(SELECT true FROM stockade.execution x WHERE x.account = e.account
                AND x.execution_id = e.execution_id AND x.side = % LIMIT 1)",
            filter.side.clone(),
        )
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .and(tag, filter.tag.clone())
        .and(reason, filter.reason.clone())
        .and(version, filter.plugin_version.clone())
        .page(pool, filter)
        .await?;
    Ok(page.map(Entry::from))
}

/// Entries in the order of the journal.
///
/// # Errors
/// As [`journal_page`].
pub async fn journal_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Entry>, QueryError> {
    Ok(journal_page(pool, filter).await?.rows)
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
