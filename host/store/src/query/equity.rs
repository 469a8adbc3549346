//! Equity curves, and what of them figures are reckoned from.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::past;
use super::value::{At, Number};

/// A sleeve's value at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct EquityPoint {
    /// Whose.
    pub sleeve: String,
    /// When.
    pub at: At,
    /// Cash.
    pub cash: Number,
    /// Positions at their marks.
    pub market_value: Number,
    /// `cash + market_value`.
    pub equity: Number,
    /// Positions at their marks, short ones counted positive.
    pub exposure: Number,
    /// Initial capital plus added less withdrawn: a change is a flow, not a return.
    pub net_capital: Number,
    /// Realised profit.
    pub realised: Number,
    /// The day key of a session's close, else zero.
    pub session_close: i32,
}

const BODY: &str = "
    SELECT s.name AS sleeve, e.at_ns AS at, e.cash, e.market_value, e.cash + e.market_value AS equity,
           e.exposure, e.net_capital, e.realised, e.session_close
      FROM stockade.equity e
      JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve";

/// All samples, from the earliest.
///
/// # Errors
/// When the database does not answer.
pub async fn equity_curve(pool: &PgPool, filter: &Filter) -> Result<Vec<EquityPoint>, QueryError> {
    points(pool, filter, None).await
}

/// The samples at the close of each session, from the earliest.
///
/// # Errors
/// When the database does not answer.
pub async fn equity_closes(pool: &PgPool, filter: &Filter) -> Result<Vec<EquityPoint>, QueryError> {
    points(pool, filter, Some(0)).await
}

async fn points(
    pool: &PgPool,
    filter: &Filter,
    close_above: Option<i32>,
) -> Result<Vec<EquityPoint>, QueryError> {
    Select::at("the equity curve", BODY, filter.at)
        .and("e.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .and("e.session_close >", close_above)
        .latest(
            filter.limit,
            "ORDER BY e.at_ns DESC, e.account DESC, e.sleeve DESC, e.session_close DESC",
            "ORDER BY e.at_ns, e.account, e.sleeve, e.session_close",
        )
        .fetch(pool)
        .await
}

/// What a sleeve was worth at the end of a period, or just before capital moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct EquityPeriod {
    /// When.
    pub at: At,
    /// Its equity then.
    pub equity: Number,
    /// Capital added (above zero) or withdrawn before the next sample: no return.
    pub flow: Number,
    /// Whether a period ends here: a session's close, or a day's last sample.
    pub closes_period: bool,
}

// The window's frame is the whole sleeve: each sample knows the next one. A session that closes
// twice (the host was started again after it) closes with its last sample.
const PERIODS: &str = "
    WITH sample AS (
        SELECT e.at_ns, e.cash + e.market_value AS equity, e.net_capital,
               e.session_close <> 0
                   AND e.at_ns = max(e.at_ns) OVER (PARTITION BY e.session_close) AS closes_session,
               e.at_ns / 86400000000000 AS day,
               lead(e.at_ns) OVER following / 86400000000000 AS next_day,
               lead(e.net_capital) OVER following AS next_capital,
               row_number() OVER following AS place
          FROM stockade.equity e
          JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve
         WHERE e.account = $1 AND s.name = $2
        WINDOW following AS (ORDER BY e.at_ns, e.session_close)
    ), period AS (
        SELECT at_ns AS at, equity, coalesce(next_capital - net_capital, 0) AS flow,
               CASE WHEN $3 OR NOT EXISTS (SELECT FROM sample WHERE closes_session)
                    THEN next_day IS DISTINCT FROM day
                    ELSE closes_session END AS closes_period,
               place = 1 OR next_day IS NULL AS outermost, place
          FROM sample
    )
    SELECT at, equity, flow, closes_period
      FROM period
     WHERE closes_period OR flow <> 0 OR outermost
     ORDER BY place";

/// A sleeve's periods, from the earliest, with the valuations between them at which capital moved;
/// the first sample and the last are there in any case.
///
/// A period ends with a session; where there was none, or with `by_day`, with the last sample of
/// each day (UTC). With `at` those that were known then.
///
/// # Errors
/// When the database does not answer.
pub async fn equity_periods(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    by_day: bool,
    at: Option<i64>,
) -> Result<Vec<EquityPeriod>, QueryError> {
    let query = sqlx::query_as(past::statement(PERIODS, at, "$4"));
    past::bound(query.bind(account).bind(sleeve).bind(by_day), at)
        .fetch_all(pool)
        .await
        .map_err(|source| QueryError::Database { what: "the equity curve", source })
}
