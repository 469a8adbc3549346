//! The writer's loop: takes what is queued, hands it to the connection, answers.
//!
//! While one transaction runs, the next one is made ready: its groups are joined and, once there are
//! enough of them, encoded. An idle connection never waits: whatever is there goes out at once.

use std::pin::Pin;

use tokio::sync::mpsc;

use super::commit::{Ended, commit};
use super::fault::CommitError;
use super::joined::Joined;
use super::session::Session;
use super::{Job, Progress, WriterOptions};
use crate::rows::Statements;

/// A transaction in flight, and what it gives back: the connection, and where the writer ended. No
/// task of its own: who waits for its commit would be woken over there, by another thread.
type Flight = Pin<Box<dyn Future<Output = (Box<Session>, Result<(), Ended>)> + Send>>;

pub(crate) struct Task {
    options: WriterOptions,
    progress: Progress,
    account: std::sync::Arc<str>,
    epoch: u64,
    statements: Statements,
    /// The connection, while nothing is in flight.
    idle: Option<Box<Session>>,
    /// The sequence of the next transaction, if the one in flight is a single one.
    next: u64,
    ready: Option<Joined>,
    joining: Joined,
}

/// What the loop woke up for.
enum Woken {
    Queued(Option<Job>),
    /// A transaction is in flight and a whole one waits behind it.
    Leisure,
    Landed(Box<Session>, Result<(), Ended>),
}

impl Task {
    pub(crate) fn new(session: Session, options: WriterOptions, progress: Progress) -> Self {
        Self {
            options,
            progress,
            account: session.account(),
            epoch: session.epoch(),
            statements: Statements::default(),
            next: session.sequence() + 1,
            idle: Some(Box::new(session)),
            ready: None,
            joining: Joined::default(),
        }
    }

    /// Runs until every handle is dropped or a group fails.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut flight: Option<Flight> = None;
        let mut open = true;
        loop {
            if flight.is_none() {
                flight = self.take_off();
            }
            if flight.is_none() && !open {
                return;
            }
            match self.wake(&mut flight, &mut queue, open).await {
                Woken::Leisure => self.prepare(),
                Woken::Queued(Some(job)) => {
                    self.joining.push(job);
                    while self.has_room()
                        && let Ok(job) = queue.try_recv()
                    {
                        self.joining.push(job);
                    }
                }
                Woken::Queued(None) => open = false,
                Woken::Landed(session, Ok(())) => {
                    flight = None;
                    self.next = session.sequence() + 1;
                    self.idle = Some(session);
                }
                Woken::Landed(_, Err(ended)) => return self.refuse_rest(ended, queue).await,
            }
        }
    }

    /// Waits for the transaction in flight or for another group, whatever there is room for. The
    /// transaction is only looked at: nothing of the database is cancelled here.
    async fn wake(
        &self,
        flight: &mut Option<Flight>,
        queue: &mut mpsc::Receiver<Job>,
        open: bool,
    ) -> Woken {
        let takes = open && self.has_room();
        let Some(running) = flight else { return Woken::Queued(queue.recv().await) };
        // The transaction leaves, or lands, before anything else.
        tokio::select! {
            biased;
            (session, outcome) = running => Woken::Landed(session, outcome),
            () = std::future::ready(()), if self.is_worth_encoding() => Woken::Leisure,
            job = queue.recv(), if takes => Woken::Queued(job),
        }
    }

    fn has_room(&self) -> bool {
        !self.joining.is_full()
    }

    /// Sends what is ready, or else what has been joined so far.
    fn take_off(&mut self) -> Option<Flight> {
        if self.ready.is_none() && self.joining.is_empty() {
            return None;
        }
        let mut session = self.idle.take()?;
        let joined = self.ready.take().unwrap_or_else(|| std::mem::take(&mut self.joining));
        self.next = session.sequence() + 2;
        let (options, progress) = (self.options, self.progress.clone());
        Some(Box::pin(async move {
            let outcome = commit(&mut session, joined, options, &progress).await;
            (session, outcome)
        }))
    }

    /// Whether a whole transaction waits behind the one in flight.
    fn is_worth_encoding(&self) -> bool {
        self.idle.is_none() && self.ready.is_none() && self.joining.is_full()
    }

    /// Encodes what was joined.
    fn prepare(&mut self) {
        let mut joined = std::mem::take(&mut self.joining);
        joined.encode(&mut self.statements, &self.account, self.epoch, self.next);
        self.ready = Some(joined);
    }

    /// Answers everything that is still waiting: none of it was tried.
    async fn refuse_rest(self, ended: Ended, mut queue: mpsc::Receiver<Job>) {
        queue.close();
        let behind = || Err(CommitError::Behind { group: ended.group });
        let ready = self.ready.into_iter().flat_map(Joined::into_jobs);
        for job in ready.chain(self.joining.into_jobs()) {
            job.answer(behind());
        }
        while let Some(job) = queue.recv().await {
            job.answer(behind());
        }
        // Said last: whoever hears it finds every ticket answered.
        self.progress.ended(ended.error);
    }
}
