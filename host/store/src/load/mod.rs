//! Rows back out of the tables: all that a desk is rebuilt from, in one snapshot of the database.

pub(crate) mod appended;
mod fields;
pub(crate) mod keyed;

pub use appended::RecordedInput;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use stockade_core::Timestamp;
use stockade_core::id::SleeveId;
use stockade_core::limits::CLOSED_ORDERS_KEPT_MAX;
use stockade_core::row::{ExecutionKey, Rows, SnapshotRow};

use crate::error::StoreError;
use crate::store::Store;
pub(crate) use fields::Fields;

const ACCOUNT: &str = "SELECT * FROM stockade.account WHERE account = $1";
const INSTRUMENTS: &str = "SELECT * FROM stockade.instrument WHERE account = $1 ORDER BY symbol";
const SLEEVES: &str = "SELECT * FROM stockade.sleeve WHERE account = $1 ORDER BY id";
const POSITIONS: &str =
    "SELECT * FROM stockade.position WHERE account = $1 AND qty <> 0 ORDER BY sleeve, symbol";
const LOTS: &str = "SELECT * FROM stockade.lot WHERE account = $1 AND remaining > 0 ORDER BY id";
const ORDERS: &str = "\
SELECT * FROM (
    (SELECT * FROM stockade.order WHERE account = $1
        AND status IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled'))
    UNION ALL
    (SELECT * FROM stockade.order WHERE account = $1
        AND status NOT IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')
        ORDER BY id DESC LIMIT $2)
) AS o ORDER BY id";
// Sleeve by sleeve along an index: what is older costs nothing. A split is booked once by the same
// kind of id, but is no execution.
const EXECUTIONS: &str = "\
SELECT execution_id, broker_order_id, cumulative_qty FROM (
    SELECT x.execution_id, x.broker_order_id, x.cumulative_qty, x.entry FROM stockade.sleeve s
    CROSS JOIN LATERAL (SELECT * FROM stockade.execution x
        WHERE x.account = s.account AND x.sleeve = s.id AND x.at_ns >= $2) x
    WHERE s.account = $1
    UNION ALL
    SELECT execution_id, '', NULL, id FROM stockade.entry
    WHERE account = $1 AND kind = 'split' AND effective_ns >= $2 AND execution_id IS NOT NULL
) AS known ORDER BY entry, execution_id";
const MARKS: &str = "SELECT * FROM stockade.mark WHERE account = $1 ORDER BY symbol";
const BREAKS: &str =
    "SELECT * FROM stockade.break WHERE account = $1 AND resolved_ns IS NULL ORDER BY id";
const BOTS: &str = "SELECT * FROM stockade.bot WHERE account = $1 ORDER BY sleeve";
const ACTIVITIES: &str = "SELECT * FROM stockade.activity WHERE account = $1 AND state IN ('pending', 'flagged') ORDER BY id";
const SETTLED: &str = "\
SELECT id FROM stockade.activity WHERE account = $1 AND state NOT IN ('pending', 'flagged')
UNION ALL SELECT execution_id FROM stockade.correction WHERE account = $1 ORDER BY id";
const SNAPSHOT: &str = "SELECT * FROM stockade.snapshot WHERE account = $1 AND sleeve = $2";

impl Store {
    /// Everything that `Desk::restore` needs, as of one moment; `None` when there is no such
    /// account.
    ///
    /// # Errors
    /// A failing database; a row that the core's types don't take.
    pub async fn account_load(&self, label: &str) -> Result<Option<Rows>, StoreError> {
        let loading = || StoreError::database("loading the account");
        let mut transaction = self
            .reads()
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(loading())?;
        let rows = load(&mut transaction, label).await?;
        transaction.commit().await.map_err(loading())?;
        Ok(rows)
    }

    /// A bot's last saved state.
    ///
    /// # Errors
    /// A failing database; a row that the core's types don't take.
    pub async fn snapshot_load(
        &self,
        label: &str,
        sleeve: SleeveId,
    ) -> Result<Option<SnapshotRow>, StoreError> {
        sqlx::query(SNAPSHOT)
            .bind(label)
            .bind(crate::rows::big(sleeve.0)?)
            .fetch_optional(self.reads())
            .await
            .map_err(StoreError::database("loading a snapshot"))?
            .map(|row| keyed::snapshot(&Fields::new("snapshot", &row)))
            .transpose()
    }
}

async fn load(connection: &mut PgConnection, label: &str) -> Result<Option<Rows>, StoreError> {
    let account = sqlx::query(ACCOUNT)
        .bind(label)
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::database("loading the account"))?;
    let Some(account) = account else {
        return Ok(None);
    };
    let account = keyed::account(&Fields::new("account", &account))?;
    let remembered_since = account.remembers_since();
    Ok(Some(Rows {
        account,
        instruments: all(connection, label, INSTRUMENTS, "instrument", keyed::instrument).await?,
        sleeves: all(connection, label, SLEEVES, "sleeve", keyed::sleeve).await?,
        positions: all(connection, label, POSITIONS, "position", keyed::position).await?,
        lots: all(connection, label, LOTS, "lot", keyed::lot).await?,
        orders: orders(connection, label).await?,
        executions: executions(connection, label, remembered_since).await?,
        remembered_since,
        marks: all(connection, label, MARKS, "mark", keyed::mark).await?,
        breaks: all(connection, label, BREAKS, "break", keyed::break_row).await?,
        bots: all(connection, label, BOTS, "bot", keyed::bot).await?,
        activities: all(connection, label, ACTIVITIES, "activity", keyed::activity).await?,
        settled: all(connection, label, SETTLED, "activity", |row| row.shared("id")).await?,
    }))
}

/// Rows as they arrive, so that the answer and what is made of it are not held twice.
pub(crate) async fn all<T>(
    connection: &mut PgConnection,
    label: &str,
    sql: &'static str,
    table: &'static str,
    read: impl Fn(&Fields<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut stream = sqlx::query(sql).bind(label).fetch(connection);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(StoreError::database("loading rows"))? {
        rows.push(read(&Fields::new(table, &row))?);
    }
    Ok(rows)
}

async fn orders(
    connection: &mut PgConnection,
    label: &str,
) -> Result<Vec<stockade_core::row::OrderRow>, StoreError> {
    let kept = i64::try_from(CLOSED_ORDERS_KEPT_MAX).unwrap_or(i64::MAX);
    let rows: Vec<PgRow> = sqlx::query(ORDERS)
        .bind(label)
        .bind(kept)
        .fetch_all(connection)
        .await
        .map_err(StoreError::database("loading orders"))?;
    rows.iter().map(|row| keyed::order(&Fields::new("order", row))).collect()
}

async fn executions(
    connection: &mut PgConnection,
    label: &str,
    since: Timestamp,
) -> Result<Vec<ExecutionKey>, StoreError> {
    let mut stream = sqlx::query(EXECUTIONS).bind(label).bind(since.0).fetch(connection);
    let mut keys = Vec::new();
    let loading = || StoreError::database("loading executions");
    while let Some(row) = stream.try_next().await.map_err(loading())? {
        keys.push(execution_key(&Fields::new("execution", &row))?);
    }
    Ok(keys)
}

pub(crate) fn execution_key(row: &Fields<'_>) -> Result<ExecutionKey, StoreError> {
    Ok(ExecutionKey {
        execution_id: row.get("execution_id")?,
        broker_order_id: row.get("broker_order_id")?,
        cumulative_qty: row.decimal_if("cumulative_qty")?.map(stockade_core::Qty::new),
    })
}

/// How a column is read; only here so that `fields` needs no import of the trait.
fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, sqlx::Error>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(name)
}
