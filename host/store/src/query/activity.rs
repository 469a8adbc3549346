//! What the broker, or a file, reported beside fills, and what became of it.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError};
use super::page::{List, Page, Rows};
use super::value::{At, Number};

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Activity {
    /// The account's label.
    pub account: String,
    /// Its id: the broker's, or one made of a file's line.
    pub id: String,
    /// `dividend`, `split`, `fee` and so on.
    pub kind: String,
    /// The symbol, where it has one.
    pub symbol: Option<String>,
    /// The day that it belongs to.
    pub effective: At,
    /// Cash as it was reported; zero where only a rate was.
    pub net_amount: Number,
    /// `pending`, `booked`, `flagged` or `ignored`.
    pub state: String,
    /// Cash that its entry moved, the sum over all sleeves.
    pub booked: Option<Number>,
    /// Why, in words.
    pub note: String,
    /// The entry that books it.
    pub entry: Option<i64>,
    /// When it was learnt of, by the market's time.
    pub at: At,
}

const LIST: List = List {
    what: "activities",
    noun: "activity",
    columns: "a.account, a.id, a.kind, a.symbol, a.effective_ns AS effective, a.net_amount, a.state, a.note, \
              a.entry, a.at_ns AS at, (SELECT sum(p.amount) FROM stockade.posting p
                WHERE p.account = a.account AND p.entry = a.entry AND p.ledger = 'cash') AS booked",
    rows: Rows::Joined("stockade.activity a"),
    key: &[("a.account", "text"), ("a.effective_ns", "bigint"), ("a.id", "text")],
    latest_first: true,
};

/// A page of activities, in the order of their days; of one state alone where it is named. A sleeve
/// narrows to those whose entry moved something of it; the past shows what was known of each then.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn activity_page(
    pool: &PgPool,
    filter: &Filter,
    state: Option<&str>,
) -> Result<Page<Activity>, QueryError> {
    LIST.select(filter.at)
        .and("a.account =", filter.account.clone())
        .and(
            "EXISTS (SELECT FROM stockade.posting p
                JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
                WHERE p.account = a.account AND p.entry = a.entry AND s.name = %)",
            filter.sleeve.clone(),
        )
        .and("a.symbol =", filter.symbol.clone())
        .and("a.effective_ns >=", filter.from)
        .and("a.effective_ns <", filter.to)
        .and("a.state =", state.map(str::to_owned))
        .page(pool, filter)
        .await
}
