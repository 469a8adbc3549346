//! Answers to what the desk asks of the past (`stockade_core::desk::Question`).

use sqlx::PgConnection;
use std::sync::Arc;

use stockade_core::desk::{
    BooksAnswer, ChangeCause, HoldingHistory, HoldingRows, Question, Traded,
};
use stockade_core::id::{EntryId, LotId, SleeveId};
use stockade_core::row::{CorrectionRow, ExecutionKey, LotChangeRow};
use stockade_core::{Symbol, Timestamp};

use crate::error::StoreError;
use crate::load::{Fields, appended, execution_key, keyed};
use crate::store::Store;

const HELD: &str = "\
SELECT p.sleeve, sum(p.qty) AS qty FROM stockade.posting p
JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
WHERE p.account = $1 AND p.ledger = 'position' AND p.symbol = $2 AND e.effective_ns < $3
GROUP BY p.sleeve HAVING sum(p.qty) <> 0 ORDER BY p.sleeve";
const TRADED: &str = "\
SELECT x.sleeve, x.side, count(*) AS executions, sum(x.qty) AS qty, sum(x.qty * x.price)::numeric(38,18) AS value
FROM stockade.execution x
WHERE x.account = $1 AND ($2::text IS NULL OR x.symbol = $2) AND x.at_ns >= $3 AND x.at_ns < $4
    AND x.source IN ('stream', 'activity', 'import')
    AND NOT EXISTS (SELECT FROM stockade.correction c WHERE c.account = x.account AND c.execution_id = x.execution_id)
GROUP BY x.sleeve, x.side ORDER BY x.sleeve, x.side";
// By id, and by broker order: of our own orders along them, of the others along their own index.
const BOOKED: &str = "\
SELECT x.execution_id, x.broker_order_id, x.cumulative_qty FROM stockade.execution x
WHERE x.account = $1 AND x.execution_id = ANY($2)
UNION
SELECT x.execution_id, x.broker_order_id, x.cumulative_qty FROM stockade.order o
JOIN stockade.execution x ON x.account = o.account AND x.order_id = o.id
WHERE o.account = $1 AND o.broker_order_id = ANY($3) AND x.broker_order_id = o.broker_order_id
UNION
SELECT x.execution_id, x.broker_order_id, x.cumulative_qty FROM stockade.execution x
WHERE x.account = $1 AND x.order_id IS NULL AND x.broker_order_id <> '' AND x.broker_order_id = ANY($3)
UNION
SELECT e.execution_id, '', NULL FROM stockade.entry e
WHERE e.account = $1 AND e.kind = 'split' AND e.execution_id = ANY($2)";
const OWNER: &str =
    "SELECT sleeve, symbol FROM stockade.execution WHERE account = $1 AND execution_id = $2";
const TRADERS: &str = "\
SELECT DISTINCT sleeve FROM stockade.execution WHERE account = $1 AND symbol = $2 AND at_ns >= $3 ORDER BY sleeve";
const EXECUTIONS: &str = "\
SELECT x.*, o.reason, o.lot FROM stockade.execution x
LEFT JOIN stockade.order o ON o.account = x.account AND o.id = x.order_id
WHERE x.account = $1 AND x.sleeve = $2 AND x.symbol = $3 ORDER BY x.entry";
const CORRECTIONS: &str = "\
SELECT c.* FROM stockade.correction c
JOIN stockade.execution x ON x.account = c.account AND x.execution_id = c.execution_id
WHERE c.account = $1 AND x.sleeve = $2 AND x.symbol = $3 ORDER BY c.entry";
const CHANGES: &str = "\
SELECT c.*, c.lot AS id, e.kind, e.effective_ns, e.ratio FROM stockade.lot_change c
JOIN stockade.entry e ON e.account = c.account AND e.id = c.entry
WHERE c.account = $1 AND c.sleeve = $2 AND c.symbol = $3 ORDER BY c.entry";
const ROUND_TRIPS: &str = "\
SELECT t.* FROM stockade.round_trip t
WHERE t.account = $1 AND t.sleeve = $2 AND t.symbol = $3
    AND NOT EXISTS (SELECT FROM stockade.round_trip_void v WHERE v.account = t.account AND v.round_trip = t.id)
ORDER BY t.id";

impl Store {
    /// Asks the books, in one snapshot of the database.
    ///
    /// # Errors
    /// A failing database; a row that the core's types don't take.
    pub async fn answer(
        &self,
        label: &str,
        question: &Question,
    ) -> Result<BooksAnswer, StoreError> {
        let asking = || StoreError::database("asking the books");
        let mut transaction = self
            .reads()
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(asking())?;
        let answer = match question {
            Question::Held { activity, symbol, before } => {
                let held = held(&mut transaction, label, symbol, *before).await?;
                BooksAnswer::Held { activity: activity.clone(), held }
            }
            Question::Traded { activity, symbol, from, until } => {
                let span = (*from, *until);
                let traded = traded(&mut transaction, label, symbol.as_ref(), span).await?;
                BooksAnswer::Traded { activity: activity.clone(), traded }
            }
            Question::Booked { keys } => {
                let keys = booked(&mut transaction, label, keys).await?;
                BooksAnswer::Booked { keys }
            }
            Question::Holding { execution_id } => {
                let history = match owner(&mut transaction, label, execution_id).await? {
                    Some((sleeve, symbol)) => {
                        holding(&mut transaction, label, sleeve, &symbol).await?.map(Box::new)
                    }
                    None => None,
                };
                BooksAnswer::Holding { execution_id: execution_id.clone(), history }
            }
            Question::Holdings { activity, symbol, since } => {
                let sleeves: Vec<i64> = sqlx::query_scalar(TRADERS)
                    .bind(label)
                    .bind(symbol.as_str())
                    .bind(since.0)
                    .fetch_all(&mut *transaction)
                    .await
                    .map_err(asking())?;
                let mut histories = Vec::new();
                for sleeve in sleeves {
                    histories
                        .extend(holding(&mut transaction, label, sleeve, symbol.as_str()).await?);
                }
                BooksAnswer::Holdings { activity: activity.clone(), histories }
            }
        };
        transaction.commit().await.map_err(asking())?;
        Ok(answer)
    }
}

async fn held(
    connection: &mut PgConnection,
    label: &str,
    symbol: &Symbol,
    before: Timestamp,
) -> Result<Vec<(SleeveId, stockade_core::Qty)>, StoreError> {
    let rows = sqlx::query(HELD)
        .bind(label)
        .bind(symbol.as_str())
        .bind(before.0)
        .fetch_all(connection)
        .await
        .map_err(StoreError::database("asking who held a symbol"))?;
    rows.iter()
        .map(|row| {
            let f = Fields::new("posting", row);
            Ok((SleeveId(f.big("sleeve")?), f.qty("qty")?))
        })
        .collect()
}

async fn traded(
    connection: &mut PgConnection,
    label: &str,
    symbol: Option<&Symbol>,
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<Traded>, StoreError> {
    let rows = sqlx::query(TRADED)
        .bind(label)
        .bind(symbol.map(Symbol::as_str))
        .bind(from.0)
        .bind(until.0)
        .fetch_all(connection)
        .await
        .map_err(StoreError::database("asking who traded"))?;
    rows.iter()
        .map(|row| {
            let f = Fields::new("execution", row);
            Ok(Traded {
                sleeve: SleeveId(f.big("sleeve")?),
                side: f.word("side")?,
                executions: f.big("executions")?,
                qty: f.qty("qty")?,
                value: f.money("value")?,
            })
        })
        .collect()
}

async fn booked(
    connection: &mut PgConnection,
    label: &str,
    keys: &[ExecutionKey],
) -> Result<Vec<ExecutionKey>, StoreError> {
    let ids: Vec<&str> = keys.iter().map(|key| key.execution_id.as_str()).collect();
    let orders = keys.iter().filter(|key| key.cumulative_qty.is_some());
    let orders: Vec<&str> = orders.map(|key| key.broker_order_id.as_str()).collect();
    let rows = sqlx::query(BOOKED)
        .bind(label)
        .bind(ids)
        .bind(orders)
        .fetch_all(connection)
        .await
        .map_err(StoreError::database("asking which executions are booked"))?;
    rows.iter().map(|row| execution_key(&Fields::new("execution", row))).collect()
}

async fn owner(
    connection: &mut PgConnection,
    label: &str,
    execution_id: &str,
) -> Result<Option<(i64, String)>, StoreError> {
    sqlx::query_as(OWNER)
        .bind(label)
        .bind(execution_id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::database("asking whose an execution is"))
}

async fn holding(
    connection: &mut PgConnection,
    label: &str,
    sleeve: i64,
    symbol: &str,
) -> Result<Option<HoldingHistory>, StoreError> {
    let mut rows = HoldingRows::default();
    macro_rules! each {
        ($sql:expr, $table:literal, $list:expr, $read:expr) => {
            for row in sqlx::query($sql)
                .bind(label)
                .bind(sleeve)
                .bind(symbol)
                .fetch_all(&mut *connection)
                .await
                .map_err(StoreError::database("asking for the history of a holding"))?
            {
                $list.push($read(&Fields::new($table, &row))?);
            }
        };
    }
    each!(EXECUTIONS, "execution", rows.executions, |f: &Fields<'_>| {
        let lot = f.big_if("lot")?.map(LotId);
        Ok::<_, StoreError>((appended::execution(f)?, f.shared_if("reason")?, lot))
    });
    each!(CORRECTIONS, "correction", rows.corrections, correction);
    each!(CHANGES, "lot_change", rows.changes, |f: &Fields<'_>| {
        let lot = keyed::lot(f)?;
        let change = LotChangeRow { entry: EntryId(f.big("entry")?), at: f.time("at_ns")?, lot };
        let (kind, ratio) = (f.word("kind")?, f.decimal_if("ratio")?);
        let cause = ChangeCause { kind, effective_at: f.time("effective_ns")?, ratio };
        Ok::<_, StoreError>((change, cause))
    });
    each!(ROUND_TRIPS, "round_trip", rows.round_trips, appended::round_trip);
    Ok(rows.history())
}

fn correction(f: &Fields<'_>) -> Result<CorrectionRow, StoreError> {
    Ok(CorrectionRow {
        execution_id: f.shared("execution_id")?,
        replacement: f.get::<Option<String>>("replacement")?.map(Arc::from),
        entry: EntryId(f.big("entry")?),
        at: f.time("at_ns")?,
    })
}
