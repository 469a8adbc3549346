//! What Postgres does without us: bare commits and bare inserts, as baselines.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rust_decimal::Decimal;
use sqlx::{Connection as _, PgConnection};

/// A connection to the cluster that is measured, with a table of its own.
pub(super) struct Bare {
    connection: PgConnection,
    next: i64,
}

impl Bare {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let mut connection =
            PgConnection::connect(url).await.context("the baseline's connection")?;
        let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut connection).await?;
        anyhow::ensure!(fsync == "on", "fsync is {fsync}: a commit would measure nothing");
        sqlx::raw_sql(
            "CREATE SCHEMA bare;
             CREATE TABLE bare.line (id bigint PRIMARY KEY, at_ns bigint NOT NULL, symbol text NOT NULL,
                 qty numeric(38,18) NOT NULL, price numeric(38,18) NOT NULL, body text NOT NULL)",
        )
        .execute(&mut connection)
        .await?;
        Ok(Self { connection, next: 0 })
    }

    /// One row in one commit.
    pub(super) async fn one(&mut self) -> Result<Duration> {
        self.next += 1;
        let began = Instant::now();
        sqlx::query("INSERT INTO bare.line VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(self.next)
            .bind(self.next)
            .bind("BENCH")
            .bind(Decimal::TEN)
            .bind(Decimal::ONE_HUNDRED)
            .bind("one row")
            .execute(&mut self.connection)
            .await?;
        Ok(began.elapsed())
    }

    /// So many rows through UNNEST, so many in a commit.
    pub(super) async fn many(&mut self, rows: u64, commit: u64) -> Result<Duration> {
        let began = Instant::now();
        let mut left = rows;
        while left > 0 {
            let count = left.min(commit);
            left -= count;
            let first = self.next + 1;
            self.next += i64::try_from(count)?;
            let ids: Vec<i64> = (first..=self.next).collect();
            let size = usize::try_from(count)?;
            sqlx::query(
                "INSERT INTO bare.line SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::numeric[], \
                 $5::numeric[], $6::text[])",
            )
            .bind(&ids)
            .bind(&ids)
            .bind(vec!["BENCH"; size])
            .bind(vec![Decimal::TEN; size])
            .bind(vec![Decimal::ONE_HUNDRED; size])
            .bind(vec!["one of many rows"; size])
            .execute(&mut self.connection)
            .await?;
        }
        Ok(began.elapsed())
    }

    /// Ends the connection.
    pub(super) async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }
}
