//! The writer's connection: opened so that it is the only one that can still write under the
//! epoch, and so that what it last committed is known.

use sqlx::{AssertSqlSafe, PgConnection};
use std::sync::Arc;
use std::time::Duration;

use stockade_core::row::Row;

use super::fault::Fault;
use crate::error::StoreError;
use crate::limits;
use crate::rows::{Batch, EncodeError, Encoded, Mode, Statements, big};
use crate::store::{Store, limit_rights};

/// Ends the account's other writers. Whoever holds the lease is entitled to: their epochs are over,
/// or they are this writer's own lost connections.
const END_OTHERS: &str = "\
SELECT count(*) FROM (
    SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_stat_activity
    WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()
) AS others WHERE NOT ended";

/// Waits for a transaction of the epoch that is still on its way, and reads how far it came.
const SEQUENCE: &str =
    "SELECT sequence FROM stockade.lease WHERE account = $1 AND epoch = $2 FOR UPDATE";

/// The epoch that has the account now.
const PRESENT: &str = "SELECT epoch FROM stockade.lease WHERE account = $1";

/// A connection and what it has committed.
pub(crate) struct Session {
    store: Store,
    account: Arc<str>,
    epoch: u64,
    connection: PgConnection,
    statements: Statements,
    sequence: u64,
}

/// Why nothing was sent, or what the database said.
pub(crate) enum Failure {
    Encode(EncodeError),
    Fault(Fault),
}

impl Session {
    pub(crate) async fn open(store: &Store, account: &str, epoch: u64) -> Result<Self, StoreError> {
        let opening = StoreError::database("starting the writer");
        let (connection, sequence) = connect(store, account, epoch).await.map_err(opening)?;
        Ok(Self {
            store: store.clone(),
            account: account.into(),
            epoch,
            connection,
            statements: Statements::default(),
            sequence,
        })
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn account(&self) -> Arc<str> {
        self.account.clone()
    }

    /// Of the last commit that is known to have happened.
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The next transaction's statement.
    pub(crate) fn encode<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r Row>,
    ) -> Result<Encoded, EncodeError> {
        let next = self.sequence + 1;
        let batch = Batch::new(rows);
        batch.encode(Mode::Write, &mut self.statements, &self.account, self.epoch, next)
    }

    /// One transaction, in one round trip. The statement was made for the next sequence.
    pub(crate) async fn commit(&mut self, (sql, arguments): Encoded) -> Result<(), Fault> {
        let done =
            sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut self.connection).await;
        match done {
            Ok(done) if done.rows_affected() == 0 => Err(self.fenced().await),
            Ok(_) => {
                self.sequence += 1;
                Ok(())
            }
            Err(error) => Err(Fault::of(&error)),
        }
    }

    /// The statement wrote nothing, for certain: its lease is over. By whose epoch is a word for the
    /// reader; zero where nobody answers or nobody has it.
    async fn fenced(&mut self) -> Fault {
        let now = sqlx::query_scalar::<_, i64>(PRESENT)
            .bind(&*self.account)
            .fetch_optional(&mut self.connection)
            .await;
        Fault::Fenced { now: now.ok().flatten().unwrap_or(0).unsigned_abs() }
    }

    /// After a doubtful commit: connects anew and reads whether it happened. An error means that
    /// the database didn't come back within `patience`.
    pub(crate) async fn read_back(&mut self, patience: Duration) -> Result<bool, String> {
        let started = tokio::time::Instant::now();
        loop {
            match connect(&self.store, &self.account, self.epoch).await {
                Ok((connection, sequence)) => {
                    // The old connection is in doubt: dropped, never used again.
                    self.connection = connection;
                    let happened = sequence > self.sequence;
                    self.sequence = sequence;
                    return Ok(happened);
                }
                Err(error) if started.elapsed() >= patience => return Err(error.to_string()),
                Err(error) => tracing::debug!(%error, "the database is not back yet"),
            }
            tokio::time::sleep(limits::RECONNECT_EVERY).await;
        }
    }
}

async fn connect(
    store: &Store,
    account: &str,
    epoch: u64,
) -> Result<(PgConnection, u64), sqlx::Error> {
    let name = format!("stockade writer {account}");
    let mut connection = store.connect_writer(&name).await?;
    let left: i64 = sqlx::query_scalar(END_OTHERS).bind(&name).fetch_one(&mut connection).await?;
    if left > 0 {
        return Err(sqlx::Error::Protocol(format!(
            "{left} earlier writers of the account don't end"
        )));
    }
    limit_rights(&mut connection).await?;
    let epoch = big(epoch).map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
    let sequence: Option<i64> = sqlx::query_scalar(SEQUENCE)
        .bind(account)
        .bind(epoch)
        .fetch_optional(&mut connection)
        .await?;
    Ok((connection, sequence.unwrap_or(0).unsigned_abs()))
}
