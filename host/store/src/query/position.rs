//! Positions: `position list --json`.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
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

const BODY: &str = "
    SELECT sleeve, symbol, qty, average_entry, mark, market_value, unrealised, share_of_account_pct FROM (
        SELECT p.account, s.name AS sleeve, s.id, p.symbol, p.qty,
               round(p.cost / p.qty, 12) AS average_entry, m.price AS mark,
               coalesce(round(p.qty * m.price, 12), p.cost) AS market_value,
               coalesce(round(p.qty * m.price, 12), p.cost) - p.cost - p.fee_left AS unrealised,
               round(100 * p.qty / nullif(sum(p.qty) OVER (PARTITION BY p.account, p.symbol), 0), 12)
                   AS share_of_account_pct
          FROM stockade.position p
          JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
          LEFT JOIN stockade.mark m ON m.account = p.account AND m.symbol = p.symbol
         WHERE p.qty <> 0
    ) held";

/// Positions by account, sleeve's age and symbol. `limit` takes the first ones.
///
/// # Errors
/// When the database does not answer.
pub async fn position_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Position>, QueryError> {
    let mut rows = Select::new("positions", BODY)
        .and("account =", filter.account.clone())
        .and("sleeve =", filter.sleeve.clone())
        .and("symbol =", filter.symbol.clone())
        .then("ORDER BY account, id, symbol")
        .fetch(pool)
        .await?;
    if let Some(limit) = filter.limit {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(rows)
}
