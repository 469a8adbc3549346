//! Open lots: `lot list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, order_conditions};
use super::page::{List, Page, Rows};
use super::value::{At, Number};

/// A lot with what remains of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Lot {
    /// Its number in its account.
    pub id: i64,
    /// Whose.
    pub sleeve: String,
    /// The account's label.
    pub account: String,
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

const LIST: List = List {
    what: "lots",
    noun: "lot",
    columns:
        "l.id, s.name AS sleeve, l.account, l.symbol, l.side, l.opened_ns AS opened_at, l.qty, l.remaining,
        l.entry_price, l.cost, l.cost_left, l.fee_left, l.execution_id",
    rows: Rows::OfSleeves { table: "stockade.lot", alias: "l" },
    key: &[("l.opened_ns", "bigint"), ("l.account", "text"), ("l.id", "bigint")],
    latest_first: true,
};

const OF_ORDER: [&str; 3] = order_conditions!(
    "JOIN stockade.execution x ON x.account = o.account AND x.order_id = o.id
     WHERE x.account = l.account AND x.execution_id = l.execution_id"
);

/// A page of lots by time of opening: those with something remaining, or with `closed` all. Tag,
/// reason and plugin version are those of the opening order.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn lot_page(
    pool: &PgPool,
    filter: &Filter,
    closed: bool,
) -> Result<Page<Lot>, QueryError> {
    let [tag, reason, version] = OF_ORDER;
    LIST.select(filter.at)
        .only(!closed, "l.remaining > 0")
        .and("l.symbol =", filter.symbol.clone())
        .and("l.side =", filter.side.clone())
        .and("l.opened_ns >=", filter.from)
        .and("l.opened_ns <", filter.to)
        .and(tag, filter.tag.clone())
        .and(reason, filter.reason.clone())
        .and(version, filter.plugin_version.clone())
        .page(pool, filter)
        .await
}

/// Lots from the oldest.
///
/// # Errors
/// As [`lot_page`].
pub async fn lot_list(
    pool: &PgPool,
    filter: &Filter,
    closed: bool,
) -> Result<Vec<Lot>, QueryError> {
    Ok(lot_page(pool, filter, closed).await?.rows)
}
