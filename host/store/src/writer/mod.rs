//! The writer: one task, one connection, one account, one epoch.
//!
//! Guarantees:
//! - groups are committed whole and in the order in which they were handed over; what waits while
//!   a commit runs is joined into the next one, which is made ready meanwhile (group commit: no
//!   timer);
//! - each transaction locks the lease against a change of hands, checks the epoch and stamps it;
//! - an answer `Ok` means committed on disk; an error says whether nothing was committed or the
//!   outcome is unknown. After a lost connection the outcome is read back, never assumed;
//! - a group that the database refuses is found by retrying the joined groups one at a time. The
//!   groups before it are committed. Those after it are not: their rows were computed on top of
//!   what was refused. The writer has then ended; the desk must be rebuilt from the tables.
//!
//! No future of the database is cancelled: the task is never aborted, limits are the server's.

mod commit;
mod fault;
mod joined;
mod progress;
mod session;
mod task;

pub use fault::CommitError;
pub use progress::Committed;

use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

use stockade_core::row::Row;

use crate::error::StoreError;
use crate::limits;
use crate::store::Store;
use progress::Progress;
use session::Session;
use task::Task;

/// Rows to commit together.
#[derive(Debug, Default)]
pub struct Group {
    /// In order: of rows with one key the last one wins.
    pub rows: Vec<Row>,
}

/// Settings of a writer.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    /// How long the database is looked for after a lost connection.
    pub reconnect_for: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { reconnect_for: limits::RECONNECT_FOR }
    }
}

/// A group on its way through the queue.
#[derive(Debug)]
struct Job {
    number: u64,
    rows: Vec<Row>,
    /// Nobody, where the group was handed over without a ticket.
    done: Option<oneshot::Sender<Result<(), CommitError>>>,
}

impl Job {
    fn answer(self, outcome: Result<(), CommitError>) {
        if let Some(done) = self.done {
            // Whoever asked may have stopped waiting; the commit stands all the same.
            drop(done.send(outcome));
        }
    }
}

/// The way to a writer. The writer ends when it is dropped and everything queued is committed.
#[derive(Debug)]
pub struct WriterHandle {
    queue: mpsc::Sender<Job>,
    next: u64,
    progress: Committed,
    task: tokio::task::JoinHandle<()>,
}

/// A group that was handed over: waits for its outcome.
#[derive(Debug)]
pub struct Ticket {
    /// The group's number, as errors name it; counted from 1.
    pub number: u64,
    done: oneshot::Receiver<Result<(), CommitError>>,
}

impl Ticket {
    /// The outcome, once it is known.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn outcome(self) -> Result<(), CommitError> {
        self.done.await.unwrap_or(Err(CommitError::Ended))
    }
}

impl WriterHandle {
    /// Starts the writer of an account under a lease. Earlier writers of the account, this or
    /// another process's, lose their connections: a transaction of theirs that is still on its way
    /// is over when this returns.
    ///
    /// # Errors
    /// A database that can't be reached.
    pub async fn spawn(
        store: &Store,
        account: &str,
        epoch: u64,
        options: WriterOptions,
    ) -> Result<Self, StoreError> {
        let session = Session::open(store, account, epoch).await?;
        let (queue, jobs) = mpsc::channel(limits::GROUPS_QUEUED_MAX);
        let (progress, committed) = progress::channel();
        let task = tokio::spawn(Task::new(session, options, progress).run(jobs));
        Ok(Self { queue, next: 1, progress: committed, task })
    }

    /// Hands a group over and gives the ticket for its outcome; waits only while the queue is
    /// full. Groups are committed in the order of these calls.
    ///
    /// # Errors
    /// [`CommitError::Ended`] when the writer has ended: nothing of the group was committed.
    pub async fn submit(&mut self, group: Group) -> Result<Ticket, CommitError> {
        let (done, outcome) = oneshot::channel();
        let number = self.queue(group, Some(done)).await?;
        Ok(Ticket { number, done: outcome })
    }

    /// As [`WriterHandle::submit`], without a ticket: [`WriterHandle::committed`] tells of it. Gives
    /// the group's number.
    ///
    /// # Errors
    /// As [`WriterHandle::submit`].
    pub async fn hand_over(&mut self, group: Group) -> Result<u64, CommitError> {
        self.queue(group, None).await
    }

    async fn queue(
        &mut self,
        group: Group,
        done: Option<oneshot::Sender<Result<(), CommitError>>>,
    ) -> Result<u64, CommitError> {
        let number = self.next;
        self.next += 1;
        let job = Job { number, rows: group.rows, done };
        self.queue.send(job).await.map_err(|_| CommitError::Ended)?;
        Ok(number)
    }

    /// How far the commits have come: for one owner of many groups, who needs no ticket for each.
    #[must_use]
    pub fn committed(&self) -> Committed {
        self.progress.clone()
    }

    /// Commits a group and waits for its outcome.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&mut self, group: Group) -> Result<(), CommitError> {
        self.submit(group).await?.outcome().await
    }

    /// Commits what is queued and ends the writer.
    pub async fn close(self) {
        drop(self.queue);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the writer's task failed");
        }
    }
}
