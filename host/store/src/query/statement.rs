//! What a statement is made of: balances of the ledger at two times, and everything between.
//!
//! Guarantees: all parts are of one moment (one read-only transaction), so that a host that trades
//! meanwhile can't tear them; a time belongs to an entry, which is when the books changed. Kinds of
//! entries and ledgers are given as they are stored: one that is not known here is not lost.

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgPool, Postgres, Transaction};

use super::filter::QueryError;
use super::value::{At, Number};

/// Entries of one statement: more don't make a document that anybody reads.
const ENTRIES_MAX: i64 = 250_000;

/// What a statement is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementScope {
    /// The account's label.
    pub account: String,
    /// The sleeve's name; `None` for the whole account.
    pub sleeve: Option<String>,
    /// From this time on, in nanoseconds since 1970.
    pub from: i64,
    /// Before this time.
    pub to: i64,
}

/// A ledger of a sleeve at both ends of the period.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LedgerBalance {
    /// Whose.
    pub sleeve: String,
    /// `cash`, `position`, `capital`, …
    pub ledger: String,
    /// The symbol of a position.
    pub symbol: Option<String>,
    /// The sum of its postings before the period.
    pub opening: Number,
    /// The sum of its postings before the period's end.
    pub closing: Number,
    /// Shares of a position before the period.
    pub opening_qty: Number,
    /// Shares of a position before the period's end.
    pub closing_qty: Number,
}

/// A leg of an entry, of the sleeves that the statement is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLeg {
    /// Whose.
    pub sleeve: String,
    /// Which ledger.
    pub ledger: String,
    /// The symbol of a position.
    pub symbol: Option<String>,
    /// Debit positive, credit negative.
    pub amount: Number,
}

/// An entry of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    /// Its number.
    pub id: i64,
    /// When it was booked.
    pub at: At,
    /// What it books.
    pub kind: String,
    /// In words.
    pub memo: String,
    /// Its legs.
    pub legs: Vec<StatementLeg>,
    /// The execution that it books.
    pub trade: Option<StatementTrade>,
}

/// An execution of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementTrade {
    /// The broker's id.
    pub execution_id: String,
    /// Whose.
    pub sleeve: String,
    /// When it happened.
    pub at: At,
    /// Of what.
    pub symbol: String,
    /// `buy` or `sell`.
    pub side: String,
    /// How much.
    pub qty: Number,
    /// At what price.
    pub price: Number,
    /// The order's reason.
    pub reason: Option<String>,
}

/// A round trip that an execution of the period closed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatementTrip {
    /// Whose.
    pub sleeve: String,
    /// Of what.
    pub symbol: String,
    /// `long` or `short`.
    pub side: String,
    /// How much was closed.
    pub qty: Number,
    /// When its lot was opened.
    pub entry_time: At,
    /// At what price.
    pub entry_price: Number,
    /// When it was closed.
    pub exit_time: At,
    /// At what price.
    pub exit_price: Number,
    /// Profit of the prices alone.
    pub gross: Number,
    /// Both shares of fees.
    pub fees: Number,
    /// `gross - fees`.
    pub net: Number,
    /// Why.
    pub exit_reason: Option<String>,
}

/// A price of a symbol at an end of the period.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatementPrice {
    /// Of what.
    pub symbol: String,
    /// The price.
    pub price: Number,
    /// When it was seen.
    pub at: At,
}

/// A sample of a sleeve's worth, the last one before an end of the period.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatementSample {
    /// Whose.
    pub sleeve: String,
    /// When.
    pub at: At,
    /// Its cash then.
    pub cash: Number,
    /// Its positions at their marks then.
    pub market_value: Number,
}

/// A sleeve of the account, as its row says now.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatementSleeve {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: String,
    /// Its cash.
    pub cash: Number,
}

/// Everything that a statement is made of. Balances, positions, prices and samples are those of all
/// sleeves of the account, since the last page ties them together; entries and round trips are
/// those of the scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatementRows {
    /// The market's time of the account's last input.
    pub market_time: At,
    /// Whether the account has a broker.
    pub has_broker: bool,
    /// Its sleeves.
    pub sleeves: Vec<StatementSleeve>,
    /// Ledgers that were ever posted to.
    pub balances: Vec<LedgerBalance>,
    /// All cash of the account before the period's end, not by way of its sleeves.
    pub account_cash: Number,
    /// All positions of the account at cost before the period's end, the same way.
    pub account_cost: Number,
    /// Entries of the period, in the order of the journal.
    pub entries: Vec<StatementEntry>,
    /// Round trips that were closed in it.
    pub trips: Vec<StatementTrip>,
    /// The last marks before the period.
    pub opening_marks: Vec<StatementPrice>,
    /// The last marks before its end.
    pub closing_marks: Vec<StatementPrice>,
    /// Last executions' prices before the period.
    pub opening_prices: Vec<StatementPrice>,
    /// Last executions' prices before its end.
    pub closing_prices: Vec<StatementPrice>,
    /// Last samples before the period.
    pub opening_samples: Vec<StatementSample>,
    /// Last samples before its end.
    pub closing_samples: Vec<StatementSample>,
    /// Breaks that are open now.
    pub open_breaks: i64,
}

#[derive(sqlx::FromRow)]
struct StoredEntry {
    id: i64,
    at: At,
    kind: String,
    memo: String,
    legs: Json<Vec<StatementLeg>>,
    execution_id: Option<String>,
    trade_sleeve: Option<String>,
    trade_at: Option<At>,
    symbol: Option<String>,
    side: Option<String>,
    qty: Option<Number>,
    price: Option<Number>,
    reason: Option<String>,
}

impl From<StoredEntry> for StatementEntry {
    fn from(row: StoredEntry) -> Self {
        let trade = (|| {
            Some(StatementTrade {
                execution_id: row.execution_id?,
                sleeve: row.trade_sleeve?,
                at: row.trade_at?,
                symbol: row.symbol?,
                side: row.side?,
                qty: row.qty?,
                price: row.price?,
                reason: row.reason,
            })
        })();
        let legs = row.legs.0;
        Self { id: row.id, at: row.at, kind: row.kind, memo: row.memo, legs, trade }
    }
}

const BALANCES: &str = "
    SELECT s.name AS sleeve, p.ledger, p.symbol,
           coalesce(sum(p.amount) FILTER (WHERE e.at_ns < $2), 0) AS opening,
           coalesce(sum(p.amount), 0) AS closing,
           coalesce(sum(p.qty) FILTER (WHERE e.at_ns < $2), 0) AS opening_qty,
           coalesce(sum(p.qty), 0) AS closing_qty
      FROM stockade.posting p
      JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
      JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
     WHERE p.account = $1 AND e.at_ns < $3
     GROUP BY s.id, s.name, p.ledger, p.symbol ORDER BY s.id, p.ledger, p.symbol";

const TOTALS: &str = "
    SELECT coalesce(sum(p.amount) FILTER (WHERE p.ledger = 'cash'), 0),
           coalesce(sum(p.amount) FILTER (WHERE p.ledger = 'position'), 0)
      FROM stockade.entry e
      JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id
     WHERE e.account = $1 AND e.at_ns < $2";

const ENTRIES: &str = "
    SELECT e.id, e.at_ns AS at, e.kind, e.memo, coalesce(l.legs, '[]'::jsonb) AS legs,
           x.execution_id, s.name AS trade_sleeve, x.at_ns AS trade_at, x.symbol, x.side, x.qty,
           x.price, o.reason
      FROM stockade.entry e
      CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('sleeve', z.name, 'ledger', p.ledger, 'symbol', p.symbol,
                   'amount', trim_scale(p.amount)::text) ORDER BY p.leg) AS legs
          FROM stockade.posting p
          JOIN stockade.sleeve z ON z.account = p.account AND z.id = p.sleeve
         WHERE p.account = e.account AND p.entry = e.id AND ($2::text IS NULL OR z.name = $2)
      ) l
      LEFT JOIN stockade.execution x
        ON x.account = e.account AND x.execution_id = e.execution_id AND x.entry = e.id
      LEFT JOIN stockade.sleeve s ON s.account = x.account AND s.id = x.sleeve
      LEFT JOIN stockade.order o ON o.account = x.account AND o.id = x.order_id
     WHERE e.account = $1 AND e.at_ns >= $3 AND e.at_ns < $4
       AND ($2::text IS NULL OR l.legs IS NOT NULL OR s.name = $2)
     ORDER BY e.id LIMIT $5";

// A round trip that was taken back before the period's end is none.
const TRIPS: &str = "
    SELECT s.name AS sleeve, r.symbol, r.side, r.qty, r.entry_ns AS entry_time, r.entry_price,
           r.exit_ns AS exit_time, r.exit_price, r.gross, r.opening_fee + r.closing_fee AS fees,
           r.net, r.exit_reason
      FROM stockade.round_trip r
      JOIN stockade.sleeve s ON s.account = r.account AND s.id = r.sleeve
      JOIN stockade.entry e ON e.account = r.account AND e.id = r.entry
     WHERE r.account = $1 AND ($2::text IS NULL OR s.name = $2)
       AND e.at_ns >= $3 AND e.at_ns < $4
       AND NOT EXISTS (SELECT FROM stockade.round_trip_void v
            WHERE v.account = r.account AND v.round_trip = r.id AND v.at_ns < $4)
     ORDER BY r.id";

const MARKS: &str = "
    SELECT DISTINCT ON (m.symbol) m.symbol, m.price, m.at_ns AS at FROM (
        SELECT symbol, price, at_ns FROM stockade.price WHERE account = $1 AND at_ns < $2
        UNION ALL
        SELECT symbol, price, at_ns FROM stockade.mark WHERE account = $1 AND at_ns < $2
    ) m ORDER BY m.symbol, m.at_ns DESC";

const PRICES: &str = "
    SELECT DISTINCT ON (x.symbol) x.symbol, x.price, x.at_ns AS at
      FROM stockade.execution x
      JOIN stockade.entry e ON e.account = x.account AND e.id = x.entry
     WHERE x.account = $1 AND e.at_ns < $2
     ORDER BY x.symbol, x.at_ns DESC, x.entry DESC";

const SAMPLES: &str = "
    SELECT s.name AS sleeve, q.at_ns AS at, q.cash, q.market_value
      FROM stockade.sleeve s
      CROSS JOIN LATERAL (SELECT * FROM stockade.equity q
        WHERE q.account = s.account AND q.sleeve = s.id AND q.at_ns < $2
        ORDER BY q.at_ns DESC, q.session_close DESC LIMIT 1) q
     WHERE s.account = $1 ORDER BY s.id";

struct Reading {
    transaction: Transaction<'static, Postgres>,
    scope: StatementScope,
}

fn failed(source: sqlx::Error) -> QueryError {
    QueryError::Database { what: "a statement", source }
}

/// Reads everything that a statement of the scope is made of.
///
/// # Errors
/// When the database does not answer, there is no such account, or the period holds more than
/// 250,000 entries.
pub async fn statement_rows(
    pool: &PgPool,
    scope: &StatementScope,
) -> Result<StatementRows, QueryError> {
    let transaction =
        pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    let mut reading = Reading { transaction, scope: scope.clone() };
    let mut rows = StatementRows::default();
    reading.account(&mut rows).await.map_err(failed)?;
    reading.activity(&mut rows).await?;
    reading.prices(&mut rows).await.map_err(failed)?;
    Ok(rows)
}

impl Reading {
    async fn account(&mut self, rows: &mut StatementRows) -> Result<(), sqlx::Error> {
        let (account, from, to) = (&self.scope.account, self.scope.from, self.scope.to);
        (rows.market_time, rows.has_broker) =
            sqlx::query_as("SELECT market_ns, has_broker FROM stockade.account WHERE account = $1")
                .bind(account)
                .fetch_one(&mut *self.transaction)
                .await?;
        rows.sleeves = sqlx::query_as(
            "SELECT name, kind, cash FROM stockade.sleeve WHERE account = $1
             ORDER BY (kind IN ('house', 'suspense', 'rounding')), id",
        )
        .bind(account)
        .fetch_all(&mut *self.transaction)
        .await?;
        rows.balances = sqlx::query_as(BALANCES)
            .bind(account)
            .bind(from)
            .bind(to)
            .fetch_all(&mut *self.transaction)
            .await?;
        (rows.account_cash, rows.account_cost) =
            sqlx::query_as(TOTALS).bind(account).bind(to).fetch_one(&mut *self.transaction).await?;
        rows.open_breaks = sqlx::query_scalar(
            "SELECT count(*) FROM stockade.break WHERE account = $1 AND resolved_ns IS NULL",
        )
        .bind(account)
        .fetch_one(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn activity(&mut self, rows: &mut StatementRows) -> Result<(), QueryError> {
        let scope = &self.scope;
        let entries: Vec<StoredEntry> = sqlx::query_as(ENTRIES)
            .bind(&scope.account)
            .bind(&scope.sleeve)
            .bind(scope.from)
            .bind(scope.to)
            .bind(ENTRIES_MAX + 1)
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(failed)?;
        if i64::try_from(entries.len()).is_ok_and(|found| found > ENTRIES_MAX) {
            return Err(QueryError::TooMany {
                what: "entries of a statement",
                allowed: ENTRIES_MAX,
                instead: "narrow its period (--from, --to), or export the tables",
            });
        }
        rows.entries = entries.into_iter().map(StatementEntry::from).collect();
        rows.trips = sqlx::query_as(TRIPS)
            .bind(&scope.account)
            .bind(&scope.sleeve)
            .bind(scope.from)
            .bind(scope.to)
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn prices(&mut self, rows: &mut StatementRows) -> Result<(), sqlx::Error> {
        let (account, from, to) = (&self.scope.account, self.scope.from, self.scope.to);
        let connection = &mut *self.transaction;
        rows.opening_marks =
            sqlx::query_as(MARKS).bind(account).bind(from).fetch_all(&mut *connection).await?;
        rows.closing_marks =
            sqlx::query_as(MARKS).bind(account).bind(to).fetch_all(&mut *connection).await?;
        rows.opening_prices =
            sqlx::query_as(PRICES).bind(account).bind(from).fetch_all(&mut *connection).await?;
        rows.closing_prices =
            sqlx::query_as(PRICES).bind(account).bind(to).fetch_all(&mut *connection).await?;
        rows.opening_samples =
            sqlx::query_as(SAMPLES).bind(account).bind(from).fetch_all(&mut *connection).await?;
        rows.closing_samples =
            sqlx::query_as(SAMPLES).bind(account).bind(to).fetch_all(&mut *connection).await?;
        Ok(())
    }
}
