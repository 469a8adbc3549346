//! How long a page of a list takes with a million executions in the books, wherever it lies.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use stockade_store::query::{
    Filter, Page, PgPool, QueryError, execution_page, journal_page, lot_page, round_trip_page,
    sleeve_show,
};
use stockade_store::{Cluster, Store};

use super::figure::{Figure, millis, percentile};
use super::made::{LABEL, Size, fill};
use super::place::Place;
use crate::cli::screen;
use crate::drivers::base;
use crate::failure::Failure;

/// Samples of each query.
const SAMPLES: u32 = 200;
/// Rows of a page: what a screen shows.
const PAGE: u32 = 200;

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
    fill(store, &cluster.url(), Size::MILLION).await?;
    screen::note(&format!("a million executions made in {} s", began.elapsed().as_secs()));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use stockade_store::testing::TestDatabase;

    #[tokio::test]
    async fn the_books_balance_and_every_query_finds_its_rows() {
        let database = TestDatabase::new().await;
        let size = Size { executions: 4_000, open_lots: 300, symbols: 50 };
        fill(&database.store, &database.url, size).await.unwrap();
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
