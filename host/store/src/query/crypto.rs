//! Whether a sleeve trades round the clock.

use sqlx::PgPool;

use super::filter::QueryError;
use super::past;

const HELD_A_COIN: &str = "
    SELECT EXISTS (SELECT FROM stockade.lot l
            JOIN stockade.sleeve s ON s.account = l.account AND s.id = l.sleeve
            JOIN stockade.instrument i ON i.account = l.account AND i.symbol = l.symbol
           WHERE l.account = $1 AND s.name = $2 AND i.class = 'crypto')";

/// Whether a sleeve has ever held a coin, or with `at` had by then: its year then has 365 days.
///
/// # Errors
/// When the database does not answer.
pub async fn trades_crypto(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<bool, QueryError> {
    let query = sqlx::query_as(past::statement(HELD_A_COIN, at, "$3"));
    let (found,): (bool,) = past::bound(query.bind(account).bind(sleeve), at)
        .fetch_one(pool)
        .await
        .map_err(|source| QueryError::Database { what: "a sleeve's instruments", source })?;
    Ok(found)
}
