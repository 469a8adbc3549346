//! Round trips: `roundtrip list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, order_conditions};
use super::page::{List, Page, Rows};
use super::value::{At, Number, Percent};

/// A lot, or part of one, and the execution that closed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RoundTrip {
    /// Whose.
    pub sleeve: String,
    /// The account's label.
    pub account: String,
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

const LIST: List = List {
    what: "round trips",
    noun: "roundtrip",
    columns: "s.name AS sleeve, r.account, r.symbol, r.side, r.qty, r.entry_ns AS entry_time, r.entry_price,
        r.exit_ns AS exit_time, r.exit_price, r.gross, r.opening_fee, r.closing_fee, r.net,
        round(100 * r.net / nullif(r.cost, 0), 12) AS net_pct, r.exit_reason, r.exit_execution_id",
    rows: Rows::OfSleeves { table: "stockade.round_trip", alias: "r" },
    key: &[("r.exit_ns", "bigint"), ("r.account", "text"), ("r.id", "bigint")],
    latest_first: true,
};

const OF_ALL: List = List {
    rows: Rows::Joined(
        "stockade.round_trip r JOIN stockade.sleeve s ON s.account = r.account AND s.id = r.sleeve",
    ),
    ..LIST
};

/// A correction took none of it back.
const STANDS: &str = "NOT EXISTS (SELECT FROM stockade.round_trip_void v
    WHERE v.account = r.account AND v.round_trip = r.id)";

const OF_ORDER: [&str; 3] = order_conditions!(
    "JOIN stockade.execution x ON x.account = o.account AND x.order_id = o.id
     WHERE x.account = r.account AND x.execution_id = r.exit_execution_id"
);

/// A page of round trips by exit, without those that a correction took back. `from` and `to` narrow the exit; tag and plugin version are
/// those of the closing order.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn round_trip_page(
    pool: &PgPool,
    filter: &Filter,
) -> Result<Page<RoundTrip>, QueryError> {
    let [tag, _, version] = OF_ORDER;
    // All sleeves together have an index of their own; those of one are read along the sleeve's.
    let list = if filter.sleeve.is_none() { OF_ALL } else { LIST };
    list.select(filter.at)
        .only(true, STANDS)
        .and("r.account =", filter.account.clone())
        .and("r.symbol =", filter.symbol.clone())
        .and("r.side =", filter.side.clone())
        .and("r.exit_reason =", filter.reason.clone())
        .and("r.exit_ns >=", filter.from)
        .and("r.exit_ns <", filter.to)
        .and(tag, filter.tag.clone())
        .and(version, filter.plugin_version.clone())
        .page(pool, filter)
        .await
}

/// Round trips from the earliest exit.
///
/// # Errors
/// As [`round_trip_page`].
pub async fn round_trip_list(pool: &PgPool, filter: &Filter) -> Result<Vec<RoundTrip>, QueryError> {
    Ok(round_trip_page(pool, filter).await?.rows)
}
