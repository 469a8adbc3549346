//! Figures as a session's close kept them.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::past;
use super::value::At;

/// The figures of a sleeve as of a session's close.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct KeptFigures {
    /// Whose.
    pub sleeve: String,
    /// The session's day key, yyyymmdd.
    pub day: i32,
    /// The session's close: nothing later counts.
    pub at: At,
    /// Up to when the books were read: a correction that was booked later is not in them.
    pub known_at: At,
    /// 1 is what was believed at the close; each later one replaces what was believed before it.
    pub version: i32,
    /// The figures, as `figures --json` prints them.
    pub figures: Value,
}

const BODY: &str = "
    SELECT s.name AS sleeve, f.day, f.at_ns AS at, f.known_ns AS known_at, f.version, f.figures
      FROM stockade.figure f
      JOIN stockade.sleeve s ON s.account = f.account AND s.id = f.sleeve";

/// What was believed last: a version that no later one replaces.
const LAST: &str = "NOT EXISTS (SELECT FROM stockade.figure n WHERE n.account = f.account \
                    AND n.sleeve = f.sleeve AND n.day = f.day AND n.version > f.version)";

/// The kept figures, from the earliest session: of each session the last version, or with `at` the
/// one that was believed then.
///
/// # Errors
/// When the database does not answer.
pub async fn figure_history(
    pool: &PgPool,
    filter: &Filter,
) -> Result<Vec<KeptFigures>, QueryError> {
    Select::at("the kept figures", BODY, filter.at)
        .and("f.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("f.at_ns >=", filter.from)
        .and("f.at_ns <", filter.to)
        .only(LAST)
        .latest(filter.limit, "ORDER BY f.at_ns DESC, f.sleeve DESC", "ORDER BY f.at_ns, f.sleeve")
        .fetch(pool)
        .await
}

// Nothing that figures are reckoned from came between: no sample, no round trip, none taken back.
const STANDING: &str = "
    SELECT s.name AS sleeve, f.day, f.at_ns AS at, f.known_ns AS known_at, f.version, f.figures
      FROM stockade.figure f
      JOIN stockade.sleeve s ON s.account = f.account AND s.id = f.sleeve
     WHERE f.account = $1 AND s.name = $2
       AND NOT EXISTS (SELECT FROM stockade.figure n WHERE n.account = f.account AND n.sleeve = f.sleeve
              AND (n.at_ns > f.at_ns OR n.day = f.day AND n.version > f.version))
       AND NOT EXISTS (SELECT FROM stockade.equity e WHERE e.account = f.account AND e.sleeve = f.sleeve
              AND (e.at_ns > f.at_ns OR e.at_ns = f.at_ns AND e.session_close > f.day))
       AND NOT EXISTS (SELECT FROM stockade.round_trip r WHERE r.account = f.account
              AND r.sleeve = f.sleeve AND r.id > f.round_trip)
       AND NOT EXISTS (SELECT FROM stockade.round_trip_void v
              JOIN stockade.round_trip r ON r.account = v.account AND r.id = v.round_trip
             WHERE v.account = f.account AND v.entry > f.entry AND r.sleeve = f.sleeve)";

/// The kept figures that are still a sleeve's figures, or with `at` were at that moment: nothing
/// that they are reckoned from came since.
///
/// # Errors
/// When the database does not answer.
pub async fn figures_standing(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<Option<KeptFigures>, QueryError> {
    let query = sqlx::query_as(past::statement(STANDING, at, "$3"));
    past::bound(query.bind(account).bind(sleeve), at)
        .fetch_optional(pool)
        .await
        .map_err(|source| QueryError::Database { what: "the kept figures", source })
}
