//! Large books for measurements, made by the database itself.
//!
//! A year of trading up to the clean stop, so that the last hour, which a start remembers, is as full
//! as any other. In its own types and under its CHECKs, without the triggers that look at single entries: that they
//! balance is what is inserted. Half of the executions open lots and half close them.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Postgres};
use stockade_core::Slug;
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_store::Store;

use crate::drivers::base;

/// The account that is made.
pub(super) const LABEL: &str = "bench";
/// Nanoseconds from one execution to the next: a million of them are a year.
const APART_NS: i64 = 31_536_000_000;
/// Executions of one transaction while they are made.
const BATCH: i64 = 100_000;

/// How large books are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Executions, half of which open lots that the other half close.
    pub(super) executions: i64,
    /// Lots that stay open, of as many executions that are not in the journal.
    pub(super) open_lots: i64,
    /// Symbols that each of the hundred sleeves trades.
    pub(super) symbols: i64,
}

impl Size {
    /// A million executions, and ten thousand positions of one lot each.
    pub(super) const MILLION: Self =
        Self { executions: 1_000_000, open_lots: 10_000, symbols: 100 };
}

/// Makes them: a hundred sleeves.
pub(super) async fn fill(store: &Store, url: &str, size: Size) -> Result<Duration> {
    let Size { executions, open_lots, symbols } = size;
    let began = Instant::now();
    let now = stockade_core::Now::default();
    let rows = Rows::new_account(Slug::new(LABEL)?, base::era(), false, Controls::default(), now);
    store.account_create(&rows.account, &rows.to_rows()).await?;
    // Filling takes seconds a statement, and nobody wants to be told.
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    let mut connection = options.connect().await.context("the connection that fills")?;
    sqlx::raw_sql(
        "SET session_replication_role = replica; SET synchronous_commit = off;
         INSERT INTO stockade.sleeve SELECT (s).* FROM (
             SELECT jsonb_populate_record(z, jsonb_build_object('id', 9 + n, 'kind', 'hand',
                 'name', 'sleeve-' || lpad((n - 1)::text, 2, '0'))) AS s
               FROM stockade.sleeve z, generate_series(1, 100) n WHERE z.kind = 'house') made",
    )
    .execute(&mut connection)
    .await?;
    sqlx::query(INSTRUMENTS).bind(LABEL).bind(symbols).execute(&mut connection).await?;
    sqlx::query(MARKS).bind(LABEL).execute(&mut connection).await?;
    let mut first = 1;
    while first <= executions {
        let last = (first + BATCH - 1).min(executions);
        for sql in BOOKS {
            let query = spaced(sql).bind(LABEL).bind(first).bind(last);
            let query = if sql.contains("$4") { query.bind(symbols) } else { query };
            query.execute(&mut connection).await?;
        }
        first = last + 1;
    }
    spaced(LOTS)
        .bind(LABEL)
        .bind(executions / 2)
        .bind(open_lots)
        .bind(symbols)
        .execute(&mut connection)
        .await?;
    sqlx::query(POSITIONS).bind(LABEL).execute(&mut connection).await?;
    spaced(ACCOUNT).bind(LABEL).bind(executions).execute(&mut connection).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
    connection.close().await?;
    Ok(began.elapsed())
}

/// A statement whose times lie that far apart.
fn spaced(sql: &str) -> Query<'static, Postgres, PgArguments> {
    // Made of our own text alone.
    sqlx::query(AssertSqlSafe(sql.replace("APART", &APART_NS.to_string())))
}

/// Execution n is the purchase (odd) or sale (even) of the pair (n + 1) / 2. Pairs take turns with
/// the sleeves, and each hundred of them with the symbols.
const BOOKS: &[&str] = &[
    "INSERT INTO stockade.execution (account, execution_id, epoch, sleeve, broker_order_id, symbol,
         side, qty, price, fee, at_ns, entry, source, fee_qty)
     SELECT $1, 'bench-' || n, 1, 10 + (n + 1) / 2 % 100, 'broker-' || n,
            'S' || lpad(((n + 1) / 200 % $4::bigint)::text, 5, '0'),
            CASE n % 2 WHEN 1 THEN 'buy' ELSE 'sell' END, 1, 100 + n % 7, 0.01,
            1700000000000000000 + n * APART, n, 'import', 0
       FROM generate_series($2::bigint, $3::bigint) n",
    "INSERT INTO stockade.entry (account, id, epoch, at_ns, kind, memo, execution_id, legs,
         effective_ns, link)
     SELECT account, entry, 1, at_ns, 'execution', 'bench', execution_id,
            CASE side WHEN 'buy' THEN 3 ELSE 4 END,
            at_ns, decode(repeat('00', 32), 'hex')
       FROM stockade.execution WHERE account = $1 AND entry BETWEEN $2 AND $3",
    "INSERT INTO stockade.posting (account, entry, leg, sleeve, ledger, symbol, amount, qty)
     SELECT x.account, x.entry, leg, x.sleeve, ledger, CASE ledger WHEN 'position' THEN x.symbol END, amount,
            CASE WHEN ledger <> 'position' THEN 0 WHEN x.side = 'buy' THEN x.qty ELSE -x.qty END
       FROM stockade.execution x, LATERAL (SELECT 100 + (x.entry - 1) % 7 AS cost) bought,
            LATERAL (VALUES
                (0, 'cash', CASE x.side WHEN 'buy' THEN -x.price ELSE x.price END - x.fee),
                (1, 'position', CASE x.side WHEN 'buy' THEN x.price ELSE -cost END),
                (2, 'fees', x.fee),
                (3, 'realised', CASE x.side WHEN 'sell' THEN cost - x.price END)) v (leg, ledger, amount)
      WHERE x.account = $1 AND x.entry BETWEEN $2 AND $3 AND amount IS NOT NULL",
    "INSERT INTO stockade.round_trip (account, id, sleeve, symbol, side, lot, qty, entry_ns, entry_price,
         exit_ns, exit_price, gross, opening_fee, closing_fee, net, cost, exit_reason, exit_execution_id, entry)
     SELECT account, entry / 2, sleeve, symbol, 'long', entry / 2, 1, at_ns - APART, cost, at_ns, price,
            price - cost, fee, fee, price - cost - 2 * fee, cost, 'target', execution_id, entry
       FROM (SELECT *, 100 + (entry - 1) % 7 AS cost FROM stockade.execution
              WHERE account = $1 AND entry BETWEEN $2 AND $3 AND side = 'sell') sold",
];

/// One lot a pair, closed; then the open ones, of as many executions that are not in the journal,
/// from all of the time.
const LOTS: &str = "
    INSERT INTO stockade.lot (account, id, sleeve, symbol, side, opened_ns, qty, remaining, entry_price,
        cost, cost_left, fee, fee_left, execution_id)
    SELECT $1, n, 10 + n % 100, 'S' || lpad((n / 100 % $4::bigint)::text, 5, '0'), 'long',
           1700000000000000000 + place * 2 * APART, 1, held, 100, 100, 100 * held, 0, 0, 'bench-' || 2 * n - 1
      FROM generate_series(1, $2::bigint + $3::bigint) n,
           LATERAL (SELECT CASE WHEN n > $2::bigint THEN 1 ELSE 0 END AS held,
                           CASE WHEN n > $2::bigint THEN (n - $2::bigint) * $2::bigint / $3::bigint ELSE n END AS place) h";

const INSTRUMENTS: &str = "
    INSERT INTO stockade.instrument (account, symbol, class, tradable, fractionable)
    SELECT $1, 'S' || lpad((n - 1)::text, 5, '0'), 'equity', true, true FROM generate_series(1, $2::bigint) n";

const MARKS: &str = "
    INSERT INTO stockade.mark (account, symbol, price, at_ns)
    SELECT account, symbol, 101, 1700000000000000000 FROM stockade.instrument WHERE account = $1";

/// Stopped in good order: the fills were read up to the last one.
const ACCOUNT: &str = "
    UPDATE stockade.account
       SET market_ns = 1700000000000000000 + ($2::bigint + 1) * APART,
           fills_since_ns = 1700000000000000000 + ($2::bigint + 1) * APART
     WHERE account = $1";

const POSITIONS: &str = "
    INSERT INTO stockade.position
    SELECT account, sleeve, symbol, sum(remaining), sum(cost_left), 0 FROM stockade.lot
     WHERE account = $1 AND remaining > 0 GROUP BY account, sleeve, symbol";
