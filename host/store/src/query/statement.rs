//! What a statement is made of: balances of the ledger at two times, and everything between.
//!
//! Guarantees: all parts are of one moment (one read-only transaction), so that a host that trades
//! meanwhile can't tear them; a time belongs to an entry: when what it books happened, or when it was
//! booked ([`StatementBasis`]). Kinds of entries and ledgers are given as they are stored: one that is
//! not known here is not lost.

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow, PgPool, Postgres, SqlSafeStr as _, SqlStr, Transaction};

use super::filter::QueryError;
use super::past;
use super::value::{At, Number};

/// Entries of one statement: more don't make a document that anybody reads.
const ENTRIES_MAX: i64 = 250_000;

/// Which day of an entry puts it into a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementBasis {
    /// When what it books happened: the trade, the ex-date, the transfer. A correction belongs to
    /// the day on which it was booked: it takes back nothing that was written for an earlier period.
    #[default]
    Trade,
    /// When it was booked.
    Booking,
}

impl StatementBasis {
    /// A text with the entry's day (`DAY`) and the round trip's (`CLOSED`) in their places.
    fn dated(self, text: &str) -> String {
        let (day, closed) = match self {
            Self::Trade => (
                "CASE e.kind WHEN 'correction' THEN e.at_ns ELSE e.effective_ns END",
                "CASE e.kind WHEN 'correction' THEN e.at_ns ELSE r.exit_ns END",
            ),
            Self::Booking => ("e.at_ns", "e.at_ns"),
        };
        text.replace("DAY", day).replace("CLOSED", closed)
    }
}

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
    /// By which of its days an entry belongs to the period.
    pub basis: StatementBasis,
    /// What was booked by this moment, and nothing that was booked later; `None` is now.
    pub at: Option<i64>,
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
    /// The day by which it belongs to the period.
    pub at: At,
    /// When it was booked.
    pub booked_at: At,
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
    /// Whether it is an execution of a file: such a one is the market of its time, all there is to
    /// know of it. Marks follow the market, and not our own executions.
    pub of_file: bool,
}

/// A split of a symbol before the period's end: what was seen before it is in old shares.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatementSplit {
    /// Of what.
    pub symbol: String,
    /// When.
    pub at: At,
    /// New shares for one old share.
    pub ratio: Number,
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

/// Everything that a statement is made of. Balances, positions and prices are those of all
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
    /// Splits before the period's end.
    pub splits: Vec<StatementSplit>,
    /// Breaks that are open.
    pub open_breaks: i64,
    /// Entries whose day lies at or after the period's end.
    pub later: i64,
}

#[derive(sqlx::FromRow)]
struct StoredEntry {
    id: i64,
    at: At,
    booked_at: At,
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
        let (at, booked_at) = (row.at, row.booked_at);
        Self { id: row.id, at, booked_at, kind: row.kind, memo: row.memo, legs, trade }
    }
}

// DAY and CLOSED: see StatementBasis::dated. A name in quotes is the table as it is, whatever moment
// is asked for: names of sleeves and reasons of orders never change, and their past costs a sum.

const BALANCES: &str = r#"
    SELECT s.name AS sleeve, p.ledger, p.symbol,
           coalesce(sum(p.amount) FILTER (WHERE DAY < $2), 0) AS opening,
           coalesce(sum(p.amount), 0) AS closing,
           coalesce(sum(p.qty) FILTER (WHERE DAY < $2), 0) AS opening_qty,
           coalesce(sum(p.qty), 0) AS closing_qty
      FROM stockade.posting p
      JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
      JOIN stockade."sleeve" s ON s.account = p.account AND s.id = p.sleeve
     WHERE p.account = $1 AND DAY < $3
     GROUP BY s.id, s.name, p.ledger, p.symbol ORDER BY s.id, p.ledger, p.symbol"#;

const TOTALS: &str = "
    SELECT coalesce(sum(p.amount) FILTER (WHERE DAY < $2 AND p.ledger = 'cash'), 0),
           coalesce(sum(p.amount) FILTER (WHERE DAY < $2 AND p.ledger = 'position'), 0),
           count(DISTINCT e.id) FILTER (WHERE DAY >= $2)
      FROM stockade.entry e
      JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id
     WHERE e.account = $1";

const SLEEVES: &str = "
    SELECT name, kind, cash FROM stockade.sleeve WHERE account = $1
     ORDER BY (kind IN ('house', 'suspense', 'rounding')), id";

const BREAKS: &str = "
    SELECT count(*) FROM stockade.break WHERE account = $1 AND resolved_ns IS NULL";

const ENTRIES: &str = r#"
    SELECT e.id, DAY AS at, e.at_ns AS booked_at, e.kind, e.memo, coalesce(l.legs, '[]'::jsonb) AS legs,
           x.execution_id, s.name AS trade_sleeve, x.at_ns AS trade_at, x.symbol, x.side, x.qty,
           x.price, o.reason
      FROM stockade.entry e
      CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('sleeve', z.name, 'ledger', p.ledger, 'symbol', p.symbol,
                   'amount', trim_scale(p.amount)::text) ORDER BY p.leg) AS legs
          FROM stockade.posting p
          JOIN stockade."sleeve" z ON z.account = p.account AND z.id = p.sleeve
         WHERE p.account = e.account AND p.entry = e.id AND ($2::text IS NULL OR z.name = $2)
      ) l
      LEFT JOIN stockade.execution x
        ON x.account = e.account AND x.execution_id = e.execution_id AND x.entry = e.id
      LEFT JOIN stockade."sleeve" s ON s.account = x.account AND s.id = x.sleeve
      LEFT JOIN stockade."order" o ON o.account = x.account AND o.id = x.order_id
     WHERE e.account = $1 AND DAY >= $3 AND DAY < $4
       AND ($2::text IS NULL OR l.legs IS NOT NULL OR s.name = $2)
     ORDER BY DAY, e.id LIMIT $5"#;

// A round trip that was taken back before the period's end is none.
const TRIPS: &str = r#"
    SELECT s.name AS sleeve, r.symbol, r.side, r.qty, r.entry_ns AS entry_time, r.entry_price,
           r.exit_ns AS exit_time, r.exit_price, r.gross, r.opening_fee + r.closing_fee AS fees,
           r.net, r.exit_reason
      FROM stockade.round_trip r
      JOIN stockade."sleeve" s ON s.account = r.account AND s.id = r.sleeve
      JOIN stockade.entry e ON e.account = r.account AND e.id = r.entry
     WHERE r.account = $1 AND ($2::text IS NULL OR s.name = $2)
       AND CLOSED >= $3 AND CLOSED < $4
       AND NOT EXISTS (SELECT FROM stockade.round_trip_void v
            WHERE v.account = r.account AND v.round_trip = r.id AND v.at_ns < $4)
     ORDER BY CLOSED, r.id"#;

const MARKS: &str = "
    SELECT DISTINCT ON (m.symbol) m.symbol, m.price, m.at_ns AS at, false AS of_file FROM stockade.price m
     WHERE m.account = $1 AND m.at_ns < $2 ORDER BY m.symbol, m.at_ns DESC";

const PRICES: &str = "
    SELECT DISTINCT ON (x.symbol) x.symbol, x.price, x.at_ns AS at, x.source IN ('import', 'opening') AS of_file
      FROM stockade.execution x
      JOIN stockade.entry e ON e.account = x.account AND e.id = x.entry
     WHERE x.account = $1 AND DAY < $2
     ORDER BY x.symbol, x.at_ns DESC, x.entry DESC";

// Sleeves that book a split each for themselves book the same one.
const SPLITS: &str = "
    SELECT DISTINCT ON (p.symbol, e.effective_ns) p.symbol, e.effective_ns AS at, e.ratio
      FROM stockade.entry e
      JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id AND p.ledger = 'position'
     WHERE e.account = $1 AND e.kind = 'split' AND e.ratio IS NOT NULL AND DAY < $2
     ORDER BY p.symbol, e.effective_ns, e.id";

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
    /// One of the texts, for the scope's basis and moment; the moment is bound last, as `place`.
    fn text(&self, text: &'static str, place: &str) -> SqlStr {
        let dated = self.scope.basis.dated(text);
        let place = self.scope.at.map(|_| place);
        // Made of our own text alone.
        AssertSqlSafe(past::asking(&dated, place).into_owned()).into_sql_str()
    }

    fn bound<'q, T>(
        &self,
        query: QueryAs<'q, Postgres, T, PgArguments>,
    ) -> QueryAs<'q, Postgres, T, PgArguments> {
        past::bound(query, self.scope.at)
    }

    async fn account(&mut self, rows: &mut StatementRows) -> Result<(), sqlx::Error> {
        let (account, from, to) = (self.scope.account.clone(), self.scope.from, self.scope.to);
        let text = "SELECT market_ns, has_broker FROM stockade.account WHERE account = $1";
        (rows.market_time, rows.has_broker) =
            sqlx::query_as(text).bind(&account).fetch_one(&mut *self.transaction).await?;
        let sleeves = self.bound(sqlx::query_as(self.text(SLEEVES, "$2")).bind(&account));
        rows.sleeves = sleeves.fetch_all(&mut *self.transaction).await?;
        let balances = sqlx::query_as(self.text(BALANCES, "$4")).bind(&account).bind(from).bind(to);
        rows.balances = self.bound(balances).fetch_all(&mut *self.transaction).await?;
        let totals = sqlx::query_as(self.text(TOTALS, "$3")).bind(&account).bind(to);
        (rows.account_cash, rows.account_cost, rows.later) =
            self.bound(totals).fetch_one(&mut *self.transaction).await?;
        let breaks = self.bound(sqlx::query_as(self.text(BREAKS, "$2")).bind(&account));
        (rows.open_breaks,) = breaks.fetch_one(&mut *self.transaction).await?;
        Ok(())
    }

    async fn activity(&mut self, rows: &mut StatementRows) -> Result<(), QueryError> {
        let scope = self.scope.clone();
        let query = sqlx::query_as(self.text(ENTRIES, "$6"))
            .bind(&scope.account)
            .bind(&scope.sleeve)
            .bind(scope.from)
            .bind(scope.to)
            .bind(ENTRIES_MAX + 1);
        let entries: Vec<StoredEntry> =
            self.bound(query).fetch_all(&mut *self.transaction).await.map_err(failed)?;
        if i64::try_from(entries.len()).is_ok_and(|found| found > ENTRIES_MAX) {
            return Err(QueryError::TooMany {
                what: "entries of a statement",
                allowed: ENTRIES_MAX,
                instead: "narrow its period (--from, --to), or export the tables",
            });
        }
        rows.entries = entries.into_iter().map(StatementEntry::from).collect();
        let query = sqlx::query_as(self.text(TRIPS, "$5"))
            .bind(&scope.account)
            .bind(&scope.sleeve)
            .bind(scope.from)
            .bind(scope.to);
        rows.trips = self.bound(query).fetch_all(&mut *self.transaction).await.map_err(failed)?;
        Ok(())
    }

    async fn prices(&mut self, rows: &mut StatementRows) -> Result<(), sqlx::Error> {
        let (from, to) = (self.scope.from, self.scope.to);
        rows.opening_marks = self.before(MARKS, from).await?;
        rows.closing_marks = self.before(MARKS, to).await?;
        rows.opening_prices = self.before(PRICES, from).await?;
        rows.closing_prices = self.before(PRICES, to).await?;
        rows.splits = self.before(SPLITS, to).await?;
        Ok(())
    }

    /// What was seen before an end of the period.
    async fn before<T>(&mut self, text: &'static str, end: i64) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = sqlx::query_as(self.text(text, "$3")).bind(self.scope.account.clone());
        self.bound(query.bind(end)).fetch_all(&mut *self.transaction).await
    }
}
