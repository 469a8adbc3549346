//! Groups that go into one transaction.

use stockade_core::row::Row;

use super::Job;
use crate::limits;
use crate::rows::{Batch, EncodeError, Encoded, Mode, Statements};

/// Groups in the order in which they were handed over, and their statement once it is made.
#[derive(Default)]
pub(super) struct Joined {
    jobs: Vec<Job>,
    rows: usize,
    executions: usize,
    encoded: Option<(u64, Result<Encoded, EncodeError>)>,
}

impl Joined {
    pub(super) fn push(&mut self, job: Job) {
        self.rows += job.rows.len();
        self.executions += executions(&job.rows);
        self.jobs.push(job);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether it is a whole transaction.
    pub(super) const fn is_full(&self) -> bool {
        self.rows >= limits::ROWS_PER_COMMIT_MAX
            || self.executions >= limits::EXECUTIONS_PER_COMMIT_MAX
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> + Clone {
        self.jobs.iter().flat_map(|job| &job.rows)
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Makes the statement ahead of its turn: it holds for this sequence alone.
    pub(super) fn encode(
        &mut self,
        statements: &mut Statements,
        account: &str,
        epoch: u64,
        sequence: u64,
    ) {
        let batch = Batch::new(self.rows());
        let encoded = batch.encode(Mode::Write, statements, account, epoch, sequence);
        self.encoded = Some((sequence, encoded));
    }

    /// The statement that was made ahead, if it was made for this sequence.
    pub(super) fn take_encoded(&mut self, sequence: u64) -> Option<Result<Encoded, EncodeError>> {
        let (made_for, encoded) = self.encoded.take()?;
        (made_for == sequence).then_some(encoded)
    }

    pub(super) fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.jobs.into_iter()
    }
}

fn executions(rows: &[Row]) -> usize {
    rows.iter().filter(|row| matches!(row, Row::Execution(_))).count()
}
