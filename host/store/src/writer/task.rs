//! The writer's loop: takes what is queued, commits it, answers.

use tokio::sync::mpsc;

use stockade_core::row::Row;

use super::fault::{CommitError, Fault};
use super::session::{Failure, Session};
use super::{Job, WriterOptions};
use crate::limits;

/// Tries of one transaction whose connection was lost before its commit.
const LOST_RETRIES_MAX: u32 = 3;

pub(crate) struct Task {
    session: Session,
    options: WriterOptions,
}

impl Task {
    pub(crate) const fn new(session: Session, options: WriterOptions) -> Self {
        Self { session, options }
    }

    /// Runs until every handle is dropped or a group fails.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(job) => job,
                None => match queue.recv().await {
                    Some(job) => job,
                    None => return,
                },
            };
            let mut jobs = vec![first];
            held = join(&mut jobs, &mut queue);
            if let Err(failed) = self.commit_joined(jobs).await {
                return refuse_rest(failed, held, &mut queue).await;
            }
        }
    }

    /// Commits the groups together; where that fails for the fault of one, one at a time. The
    /// error is the number of the group at which the writer ends.
    async fn commit_joined(&mut self, jobs: Vec<Job>) -> Result<(), u64> {
        let together = self.commit_rows(jobs.iter().flat_map(|job| &job.rows)).await;
        let failure = match together {
            Ok(()) => {
                jobs.into_iter().for_each(|job| answer(job, Ok(())));
                return Ok(());
            }
            Err(failure) => failure,
        };
        let alone = match &failure {
            Failure::Encode(_) => true,
            Failure::Fault(fault) => fault.blames_a_group(),
        };
        if alone && jobs.len() > 1 {
            return self.commit_alone(jobs).await;
        }
        // Nothing of these groups was committed, or that is unknown of all of them.
        let first = jobs.first().map_or(0, |job| job.number);
        for job in jobs {
            let error = self.error(&failure, job.number);
            answer(job, Err(error));
        }
        Err(first)
    }

    async fn commit_alone(&mut self, jobs: Vec<Job>) -> Result<(), u64> {
        let mut jobs = jobs.into_iter();
        for job in jobs.by_ref() {
            let done = self.commit_rows(job.rows.iter()).await;
            let Err(failure) = done else {
                answer(job, Ok(()));
                continue;
            };
            let number = job.number;
            let error = self.error(&failure, number);
            tracing::error!(group = number, %error, "a group was refused");
            answer(job, Err(error));
            jobs.for_each(|job| answer(job, Err(CommitError::Behind { group: number })));
            return Err(number);
        }
        Ok(())
    }

    fn error(&self, failure: &Failure, group: u64) -> CommitError {
        match failure {
            Failure::Encode(source) => CommitError::Encode { group, source: source.clone() },
            Failure::Fault(fault) => fault.answer(group, self.session.epoch()),
        }
    }

    /// One transaction, again after conflicts and after a connection that was lost before it.
    async fn commit_rows<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r Row> + Clone,
    ) -> Result<(), Failure> {
        let (mut conflicts, mut losses) = (0, 0);
        loop {
            let message = match self.session.commit(rows.clone()).await {
                Ok(()) => return Ok(()),
                Err(Failure::Fault(Fault::Conflict { .. }))
                    if conflicts < limits::CONFLICT_RETRIES_MAX =>
                {
                    conflicts += 1;
                    continue;
                }
                Err(Failure::Fault(Fault::Doubt { message })) => message,
                Err(failure) => return Err(failure),
            };
            tracing::warn!(%message, "the connection was lost at a commit; reading the outcome back");
            match self.session.read_back(self.options.reconnect_for).await {
                Ok(true) => return Ok(()),
                Ok(false) if losses < LOST_RETRIES_MAX => losses += 1,
                // Known not to have happened, and not worth another try.
                Ok(false) => {
                    let code = "08006".to_owned();
                    return Err(Failure::Fault(Fault::Refused { code, message }));
                }
                Err(last) => {
                    let message = format!("{message}; then {last}");
                    return Err(Failure::Fault(Fault::Doubt { message }));
                }
            }
        }
    }
}

/// Takes what is queued, as far as one transaction may go; gives back the group that was one too
/// many.
fn join(jobs: &mut Vec<Job>, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
    let (mut rows, mut executions) = (0, 0);
    for job in jobs.iter() {
        rows += job.rows.len();
        executions += executions_of(job);
    }
    while let Ok(job) = queue.try_recv() {
        rows += job.rows.len();
        executions += executions_of(&job);
        if rows > limits::ROWS_PER_COMMIT_MAX || executions > limits::EXECUTIONS_PER_COMMIT_MAX {
            return Some(job);
        }
        jobs.push(job);
    }
    None
}

fn executions_of(job: &Job) -> usize {
    job.rows.iter().filter(|row| matches!(row, Row::Execution(_))).count()
}

/// Answers everything that is still queued: none of it was tried.
async fn refuse_rest(failed: u64, held: Option<Job>, queue: &mut mpsc::Receiver<Job>) {
    queue.close();
    let behind = || Err(CommitError::Behind { group: failed });
    if let Some(job) = held {
        answer(job, behind());
    }
    while let Some(job) = queue.recv().await {
        answer(job, behind());
    }
}

fn answer(job: Job, outcome: Result<(), CommitError>) {
    // Whoever asked may have stopped waiting; the commit stands all the same.
    drop(job.done.send(outcome));
}
