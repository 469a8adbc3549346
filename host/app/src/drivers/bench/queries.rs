//! How long a page of a list takes with a million executions in the books, wherever it lies.
//!
//! The books are made by the database itself, in its own types and under its CHECKs, without the
//! triggers that look at single entries: that they balance is what is inserted. Half of the
//! executions open lots and half close them; ten thousand lots stay open.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use stockade_core::Slug;
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_store::query::{
    Filter, Page, PgPool, QueryError, execution_page, journal_page, lot_page, round_trip_page,
    sleeve_show,
};
use stockade_store::{Cluster, Store};

use super::figure::{Figure, millis, percentile};
use super::place::Place;
use crate::cli::screen;
use crate::drivers::base;
use crate::failure::Failure;

/// Executions in the books.
const EXECUTIONS: i64 = 1_000_000;
/// Executions of one transaction while they are made.
const BATCH: i64 = 100_000;
/// Lots that stay open.
const OPEN_LOTS: i64 = 10_000;
/// Samples of each query.
const SAMPLES: u32 = 200;
/// Rows of a page: what a screen shows.
const PAGE: u32 = 200;
const LABEL: &str = "bench";

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let settings = place.settings("queries")?;
    let base = base::open(&settings).await?;
    let measured = on(&base.store, &settings.data).await;
    base.close().await?;
    Ok(measured?)
}

async fn on(store: &Store, data: &std::path::Path) -> Result<Vec<Figure>> {
    // A second handle adopts the running cluster.
    let cluster = Cluster::open(data).await?;
    let began = Instant::now();
    fill(store, &cluster.url(), EXECUTIONS, OPEN_LOTS).await?;
    screen::note(&format!("{EXECUTIONS} executions made in {} s", began.elapsed().as_secs()));
    let pool = store.reads();
    let mut figures = Vec::new();
    for (name, of) in QUERIES {
        figures.push(one(pool, name, *of).await?);
    }
    Ok(figures)
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
enum Query {
    /// Round trips of one sleeve.
    TripsOfSleeve,
    /// Round trips of all sleeves.
    Trips,
    /// Executions of one sleeve.
    Executions,
    /// Open lots.
    Lots,
    /// The journal.
    Journal,
    /// One sleeve.
    Sleeve,
}

const QUERIES: &[(&str, Query)] = &[
    ("queries-roundtrip-page", Query::TripsOfSleeve),
    ("queries-roundtrip-page-all", Query::Trips),
    ("queries-execution-page", Query::Executions),
    ("queries-lot-page", Query::Lots),
    ("queries-journal-page", Query::Journal),
    ("queries-sleeve-show", Query::Sleeve),
];

/// Pages of a list follow each other, so that deep ones are measured too.
async fn one(pool: &PgPool, name: &'static str, query: Query) -> Result<Figure> {
    let mut samples = Vec::new();
    let mut filter = Filter { limit: Some(PAGE), ..Filter::default() };
    for turn in 0..SAMPLES {
        let sleeve = format!("sleeve-{:02}", turn % 100);
        if matches!(query, Query::TripsOfSleeve | Query::Executions) && turn % 10 == 0 {
            filter.sleeve = Some(sleeve.clone());
            filter.after = None;
        }
        let began = Instant::now();
        let next = match query {
            Query::TripsOfSleeve | Query::Trips => next(round_trip_page(pool, &filter).await)?,
            Query::Executions => next(execution_page(pool, &filter).await)?,
            Query::Lots => next(lot_page(pool, &filter, false).await)?,
            Query::Journal => next(journal_page(pool, &filter).await)?,
            Query::Sleeve => {
                sleeve_show(pool, Some(LABEL), &sleeve, None)
                    .await?
                    .context("a sleeve of the books")?;
                None
            }
        };
        samples.push(began.elapsed());
        filter.after = next;
    }
    let [median, tail] = [50, 99].map(|part| millis(percentile(&mut samples, part)));
    Ok(Figure::new(name, (tail, "ms, 99th"), ("the same query's median", median), SAMPLES.into()))
}

fn next<T>(page: Result<Page<T>, QueryError>) -> Result<Option<stockade_store::query::Cursor>> {
    let page = page?;
    ensure!(!page.rows.is_empty(), "a page is empty: it measures nothing");
    Ok(page.next)
}

/// A hundred sleeves with so many executions; the last `open` of those that buy are not sold.
async fn fill(store: &Store, url: &str, executions: i64, open: i64) -> Result<Duration> {
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
    let mut first = 1;
    while first <= executions {
        let last = (first + BATCH - 1).min(executions);
        for sql in BOOKS {
            sqlx::query(*sql).bind(LABEL).bind(first).bind(last).execute(&mut connection).await?;
        }
        first = last + 1;
    }
    sqlx::query(LOTS).bind(LABEL).bind(executions / 2).bind(open).execute(&mut connection).await?;
    sqlx::query(POSITIONS).bind(LABEL).execute(&mut connection).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
    connection.close().await?;
    Ok(began.elapsed())
}

/// Execution n is the purchase (odd) or sale (even) of the pair (n + 1) / 2. Pairs take turns with
/// the sleeves, and each hundred of them with the symbols.
const BOOKS: &[&str] = &[
    "INSERT INTO stockade.execution (account, execution_id, epoch, sleeve, broker_order_id, symbol,
         side, qty, price, fee, at_ns, entry, source, fee_qty)
     SELECT $1, 'bench-' || n, 1, 10 + (n + 1) / 2 % 100, 'broker-' || n,
            'S' || lpad(((n + 1) / 200 % 50)::text, 2, '0'),
            CASE n % 2 WHEN 1 THEN 'buy' ELSE 'sell' END, 1, 100 + n % 7, 0.01,
            1700000000000000000 + n * 1000000, n, 'import', 0
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
     SELECT account, entry / 2, sleeve, symbol, 'long', entry / 2, 1, at_ns - 1000000, cost, at_ns, price,
            price - cost, fee, fee, price - cost - 2 * fee, cost, 'target', execution_id, entry
       FROM (SELECT *, 100 + (entry - 1) % 7 AS cost FROM stockade.execution
              WHERE account = $1 AND entry BETWEEN $2 AND $3 AND side = 'sell') sold",
];

/// One lot a pair, closed; then the open ones, of as many executions that are not in the journal.
const LOTS: &str = "
    INSERT INTO stockade.lot (account, id, sleeve, symbol, side, opened_ns, qty, remaining, entry_price,
        cost, cost_left, fee, fee_left, execution_id)
    SELECT $1, n, 10 + n % 100, 'S' || lpad((n / 100 % 50)::text, 2, '0'), 'long',
           1700000000000000000 + n * 2000000, 1, held, 100, 100, 100 * held, 0, 0, 'bench-' || 2 * n - 1
      FROM generate_series(1, $2::bigint + $3::bigint) n,
           LATERAL (SELECT CASE WHEN n > $2::bigint THEN 1 ELSE 0 END AS held) h";

const POSITIONS: &str = "
    INSERT INTO stockade.position
    SELECT account, sleeve, symbol, sum(remaining), sum(cost_left), 0 FROM stockade.lot
     WHERE account = $1 AND remaining > 0 GROUP BY account, sleeve, symbol";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use stockade_store::testing::TestDatabase;

    #[tokio::test]
    async fn the_books_balance_and_every_query_finds_its_rows() {
        let database = TestDatabase::new().await;
        fill(&database.store, &database.url, 4_000, 300).await.unwrap();
        let pool = database.store.reads();
        let off: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT e.id FROM stockade.entry e LEFT JOIN stockade.posting p
                 ON p.account = e.account AND p.entry = e.id
              GROUP BY e.account, e.id, e.legs HAVING sum(p.amount) <> 0 OR count(*) <> e.legs) off",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        assert_eq!(off, 0);
        for (name, query) in QUERIES {
            one(pool, name, *query).await.unwrap();
        }
        // Pages after pages give every round trip once, the same as the whole list.
        let mut filter = Filter { limit: Some(333), ..Filter::default() };
        let mut pages = Vec::new();
        loop {
            let page = round_trip_page(pool, &filter).await.unwrap();
            pages.push(page.rows);
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        pages.reverse();
        let whole = round_trip_page(pool, &Filter::default()).await.unwrap();
        assert_eq!((pages.concat(), 2_000), (whole.rows.clone(), whole.rows.len()));
    }
}
