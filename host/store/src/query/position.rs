//! Positions: `position list --json`.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::filter::{Filter, QueryError, order_conditions};
use super::page::{List, Page, Rows};
use super::value::{Number, Percent};

/// How much of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Of what.
    pub symbol: String,
    /// Signed quantity.
    pub qty: Number,
}

/// What a sleeve holds of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Position {
    /// Whose.
    pub sleeve: String,
    /// The account's label.
    pub account: String,
    /// Of what.
    pub symbol: String,
    /// Signed quantity.
    pub qty: Number,
    /// Cost over quantity, rounded at twelve decimals.
    pub average_entry: Number,
    /// The last known price.
    pub mark: Option<Number>,
    /// Quantity at the mark; at cost where there is no mark yet.
    pub market_value: Number,
    /// `market_value` less cost less opening fees not yet realised.
    pub unrealised: Number,
    /// Its part of what all sleeves of the account hold of the symbol, suspense included.
    pub share_of_account_pct: Option<Percent>,
}

const LIST: List = List {
    what: "positions",
    noun: "position",
    columns: "held.sleeve, held.account, held.symbol, held.qty, held.average_entry, held.mark, held.market_value,
        held.unrealised, held.share_of_account_pct",
    rows: Rows::Joined(
        "(SELECT p.account, s.name AS sleeve, s.id, p.symbol, p.qty,
                 round(p.cost / p.qty, 12) AS average_entry, m.price AS mark,
                 coalesce(round(p.qty * m.price, 12), p.cost) AS market_value,
                 coalesce(round(p.qty * m.price, 12), p.cost) - p.cost - p.fee_left AS unrealised,
                 round(100 * p.qty / nullif(sum(p.qty) OVER (PARTITION BY p.account, p.symbol), 0), 12)
                     AS share_of_account_pct
            FROM stockade.position p
            JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
            LEFT JOIN stockade.mark m ON m.account = p.account AND m.symbol = p.symbol
           WHERE p.qty <> 0) held",
    ),
    key: &[("held.account", "text"), ("held.id", "bigint"), ("held.symbol", "text")],
    latest_first: false,
};

const OF_ORDER: [&str; 3] = order_conditions!(
    "JOIN stockade.execution x ON x.account = o.account AND x.order_id = o.id
     JOIN stockade.lot l ON l.account = x.account AND l.execution_id = x.execution_id
     WHERE l.account = held.account AND l.sleeve = held.id AND l.symbol = held.symbol
       AND l.remaining > 0"
);

/// A page of positions by account, sleeve's age and symbol. Tag, reason and plugin version are
/// those of an order that opened a lot of it; times are those of the opening of such a lot.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn position_page(pool: &PgPool, filter: &Filter) -> Result<Page<Position>, QueryError> {
    let [tag, reason, version] = OF_ORDER;
    LIST.select(filter.at)
        .and("held.account =", filter.account.clone())
        .and("held.sleeve =", filter.sleeve.clone())
        .and("held.symbol =", filter.symbol.clone())
        .and("CASE WHEN held.qty < 0 THEN 'short' ELSE 'long' END =", filter.side.clone())
        .and(
            "EXISTS (SELECT FROM stockade.lot l WHERE l.account = held.account
                AND l.sleeve = held.id AND l.symbol = held.symbol AND l.remaining > 0
                AND l.opened_ns <@ %::int8range)",
            span(filter),
        )
        .and(tag, filter.tag.clone())
        .and(reason, filter.reason.clone())
        .and(version, filter.plugin_version.clone())
        .page(pool, filter)
        .await
}

/// The times that a filter asks for as one range, so that one lot must lie in it.
fn span(filter: &Filter) -> Option<String> {
    let bound = |time: Option<i64>| time.map(|time| time.to_string()).unwrap_or_default();
    (filter.from.is_some() || filter.to.is_some())
        .then(|| format!("[{},{})", bound(filter.from), bound(filter.to)))
}

/// Positions by account, sleeve's age and symbol.
///
/// # Errors
/// As [`position_page`].
pub async fn position_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Position>, QueryError> {
    Ok(position_page(pool, filter).await?.rows)
}
