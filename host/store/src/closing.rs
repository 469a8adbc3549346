//! What a session's close keeps of the sleeves: which figures are due, what they are reckoned from,
//! and the versions that are kept.
//!
//! Guarantees: figures are due where a close has none, or where a round trip that ended before it
//! was booked, or taken back, since the sleeve's last version; asked again after they were kept,
//! nothing is due. What a version was reckoned from is read in one snapshot of the database. A
//! version is kept under the lease of its epoch, all of a sleeve's or none, and never changed; one
//! that says what the last one said is not kept a second time.
//!
//! Reckons nothing: that is the caller's.

use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::error::StoreError;
use crate::query::Number;
use crate::store::{Store, limit_rights_here};

// A sleeve's versions know of all its round trips up to the newest of them: a pass keeps them
// together. A session that closed twice (the host was started again after it) closes with its last
// sample.
const DUE: &str = "
    WITH latest AS (
        SELECT DISTINCT ON (f.sleeve, f.day) f.sleeve, f.day, f.at_ns, f.round_trip, f.entry
          FROM stockade.figure f WHERE f.account = $1 ORDER BY f.sleeve, f.day, f.version DESC
    ), known AS (
        SELECT sleeve, max(round_trip) AS round_trip, max(entry) AS entry FROM latest GROUP BY sleeve
    ), changed AS (
        SELECT k.sleeve, least(
            (SELECT min(r.exit_ns) FROM stockade.round_trip r
              WHERE r.account = $1 AND r.sleeve = k.sleeve AND r.id > k.round_trip),
            (SELECT min(r.exit_ns) FROM stockade.round_trip_void v
               JOIN stockade.round_trip r ON r.account = v.account AND r.id = v.round_trip
              WHERE v.account = $1 AND v.entry > k.entry AND r.sleeve = k.sleeve)) AS since
          FROM known k
    ), closing AS (
        SELECT e.sleeve, e.session_close AS day, max(e.at_ns) AS at_ns FROM stockade.equity e
         WHERE e.account = $1 AND e.session_close > 0 GROUP BY e.sleeve, e.session_close
    )
    SELECT c.sleeve, s.name, c.day, c.at_ns
      FROM closing c
      JOIN stockade.sleeve s ON s.account = $1 AND s.id = c.sleeve AND s.kind IN ('bot', 'hand')
      LEFT JOIN latest l ON l.sleeve = c.sleeve AND l.day = c.day
      LEFT JOIN changed g ON g.sleeve = c.sleeve
     WHERE l.day IS NULL OR l.at_ns <> c.at_ns OR g.since <= l.at_ns
     ORDER BY c.sleeve, c.at_ns";

const KNOWN: &str = "
    SELECT greatest(a.market_ns,
               (SELECT max(q.at_ns) FROM stockade.equity q WHERE q.account = $1),
               (SELECT e.at_ns FROM stockade.entry e WHERE e.account = $1 ORDER BY e.id DESC LIMIT 1)),
           coalesce((SELECT max(e.id) FROM stockade.entry e WHERE e.account = $1), 0),
           coalesce((SELECT max(r.id) FROM stockade.round_trip r WHERE r.account = $1), 0)
      FROM stockade.account a WHERE a.account = $1";

// What `equity_periods` finds, with both kinds of ends, so that each close's part can be taken of it.
const SAMPLES: &str = "
    WITH sample AS (
        SELECT e.at_ns, e.cash + e.market_value AS equity, e.net_capital,
               e.session_close <> 0
                   AND e.at_ns = max(e.at_ns) OVER (PARTITION BY e.session_close) AS closes_session,
               e.at_ns / 86400000000000 AS day,
               lead(e.at_ns) OVER following / 86400000000000 AS next_day,
               lead(e.net_capital) OVER following AS next_capital,
               row_number() OVER following AS place
          FROM stockade.equity e WHERE e.account = $1 AND e.sleeve = $2
        WINDOW following AS (ORDER BY e.at_ns, e.session_close)
    )
    SELECT at_ns, equity, coalesce(next_capital - net_capital, 0) AS flow, closes_session,
           next_day IS DISTINCT FROM day AS closes_day, place = 1 AS first
      FROM sample
     WHERE closes_session OR next_day IS DISTINCT FROM day OR next_capital <> net_capital OR place = 1
     ORDER BY place";

const TRIPS: &str = "
    SELECT r.exit_ns, r.net FROM stockade.round_trip r
     WHERE r.account = $1 AND r.sleeve = $2 AND NOT EXISTS (
           SELECT FROM stockade.round_trip_void v WHERE v.account = r.account AND v.round_trip = r.id)
     ORDER BY r.exit_ns, r.id";

const HELD_A_COIN: &str = "
    SELECT EXISTS (SELECT FROM stockade.lot l
            JOIN stockade.instrument i ON i.account = l.account AND i.symbol = l.symbol
           WHERE l.account = $1 AND l.sleeve = $2 AND i.class = 'crypto')";

const KEEP: &str = "
    INSERT INTO stockade.figure (account, sleeve, day, version, at_ns, known_ns, entry, round_trip, epoch, figures)
    SELECT $1, $3, n.day, coalesce(l.version, 0) + 1, n.at_ns, $4, $5, $6, $2, n.figures
      FROM unnest($7::integer[], $8::bigint[], $9::jsonb[]) n (day, at_ns, figures)
      LEFT JOIN LATERAL (SELECT f.* FROM stockade.figure f
           WHERE f.account = $1 AND f.sleeve = $3 AND f.day = n.day ORDER BY f.version DESC LIMIT 1) l ON true
     WHERE l.version IS NULL OR l.at_ns <> n.at_ns OR l.figures <> n.figures";

/// A session's close whose figures are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueClose {
    /// The day's key, yyyymmdd.
    pub day: i32,
    /// The close, in nanoseconds since 1970.
    pub at: i64,
}

/// A sleeve's worth at a time that may matter to its figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct ClosingSample {
    /// When, in nanoseconds since 1970.
    #[sqlx(rename = "at_ns")]
    pub at: i64,
    /// What it was worth.
    pub equity: Number,
    /// Capital added (above zero) or withdrawn before the next sample.
    pub flow: Number,
    /// Whether a session ends with it.
    pub closes_session: bool,
    /// Whether no later sample has the same day (UTC).
    pub closes_day: bool,
    /// Whether it is the base.
    pub first: bool,
}

/// A sleeve whose figures are due, with all that they are reckoned from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueSleeve {
    sleeve: i64,
    /// Its name.
    pub name: String,
    /// Which closes, from the earliest.
    pub closes: Vec<DueClose>,
    /// Its curve, from the earliest.
    pub samples: Vec<ClosingSample>,
    /// End and net profit of each round trip that nothing took back, from the earliest.
    pub round_trips: Vec<(i64, Number)>,
    /// Whether it has ever held a coin.
    pub trades_crypto: bool,
}

/// The figures that are due, sleeve by sleeve, in one snapshot of the database.
#[derive(Debug)]
pub struct Due {
    transaction: Transaction<'static, Postgres>,
    label: String,
    known: (i64, i64, i64),
    waiting: std::collections::VecDeque<(i64, String, Vec<DueClose>)>,
}

fn asking() -> impl FnOnce(sqlx::Error) -> StoreError {
    StoreError::database("asking which figures are due")
}

impl Due {
    /// The next sleeve.
    ///
    /// # Errors
    /// A failing database.
    pub async fn next(&mut self) -> Result<Option<DueSleeve>, StoreError> {
        let Some((sleeve, name, closes)) = self.waiting.pop_front() else {
            return Ok(None);
        };
        let connection: &mut PgConnection = &mut self.transaction;
        let label = self.label.as_str();
        let samples = sqlx::query_as(SAMPLES).bind(label).bind(sleeve);
        let samples = samples.fetch_all(&mut *connection).await.map_err(asking())?;
        let round_trips = sqlx::query_as(TRIPS).bind(label).bind(sleeve);
        let round_trips = round_trips.fetch_all(&mut *connection).await.map_err(asking())?;
        let trades_crypto = sqlx::query_scalar(HELD_A_COIN).bind(label).bind(sleeve);
        let trades_crypto = trades_crypto.fetch_one(connection).await.map_err(asking())?;
        Ok(Some(DueSleeve { sleeve, name, closes, samples, round_trips, trades_crypto }))
    }
}

impl Store {
    /// Which figures of an account are due.
    ///
    /// # Errors
    /// A failing database.
    pub async fn figures_due(&self, label: &str) -> Result<Due, StoreError> {
        let mut transaction = self
            .reads()
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(asking())?;
        let rows: Vec<(i64, String, i32, i64)> =
            sqlx::query_as(DUE).bind(label).fetch_all(&mut *transaction).await.map_err(asking())?;
        let mut waiting = std::collections::VecDeque::<(i64, String, Vec<DueClose>)>::new();
        for (sleeve, name, day, at) in rows {
            match waiting.back_mut() {
                Some((last, _, closes)) if *last == sleeve => closes.push(DueClose { day, at }),
                _ => waiting.push_back((sleeve, name, vec![DueClose { day, at }])),
            }
        }
        let known = sqlx::query_as(KNOWN).bind(label).fetch_optional(&mut *transaction);
        let known = known.await.map_err(asking())?.unwrap_or_default();
        Ok(Due { transaction, label: label.to_owned(), known, waiting })
    }

    /// Keeps the figures of a sleeve's closes, each as JSON, under the lease of `epoch`. Gives how
    /// many versions are new.
    ///
    /// # Errors
    /// A lease that another holder has; a failing database. Nothing is kept then.
    pub async fn figures_keep(
        &self,
        due: &Due,
        sleeve: &DueSleeve,
        epoch: u64,
        figures: Vec<(DueClose, Value)>,
    ) -> Result<u64, StoreError> {
        let keeping = || StoreError::database("keeping figures");
        let epoch = crate::rows::big(epoch)?;
        let (known_at, entry, round_trip) = due.known;
        let days: Vec<i32> = figures.iter().map(|(close, _)| close.day).collect();
        let times: Vec<i64> = figures.iter().map(|(close, _)| close.at).collect();
        let values: Vec<Json<Value>> = figures.into_iter().map(|(_, value)| Json(value)).collect();
        let mut transaction = self.control().begin().await.map_err(keeping())?;
        limit_rights_here(&mut transaction).await.map_err(keeping())?;
        let fenced = sqlx::query("SELECT stockade.fence($1, $2)").bind(&due.label).bind(epoch);
        fenced.execute(&mut *transaction).await.map_err(keeping())?;
        let kept = sqlx::query(KEEP)
            .bind(&due.label)
            .bind(epoch)
            .bind(sleeve.sleeve)
            .bind(known_at)
            .bind(entry)
            .bind(round_trip)
            .bind(days)
            .bind(times)
            .bind(values)
            .execute(&mut *transaction)
            .await
            .map_err(keeping())?;
        transaction.commit().await.map_err(keeping())?;
        Ok(kept.rows_affected())
    }
}
