//! One transaction from its first try to its answer.

use stockade_core::row::Row;

use super::fault::{CommitError, Fault};
use super::joined::Joined;
use super::session::{Failure, Session};
use super::{Progress, WriterOptions};
use crate::limits;
use crate::rows::{EncodeError, Encoded};

/// Tries of one transaction whose connection was lost before its commit.
const LOST_RETRIES_MAX: u32 = 3;

/// Where and why a writer ended.
pub(super) struct Ended {
    /// The first group that was not committed.
    pub(super) group: u64,
    pub(super) error: CommitError,
}

/// Commits the groups together; where that fails for the fault of one, one at a time.
pub(super) async fn commit(
    session: &mut Session,
    mut joined: Joined,
    options: WriterOptions,
    progress: &Progress,
) -> Result<(), Ended> {
    let made = joined.take_encoded(session.sequence() + 1);
    let failure = match commit_rows(session, made, joined.rows(), options).await {
        Ok(()) => {
            joined.into_jobs().for_each(|job| progress.committed(job));
            return Ok(());
        }
        Err(failure) => failure,
    };
    let alone = match &failure {
        Failure::Encode(_) => true,
        Failure::Fault(fault) => fault.blames_a_group(),
    };
    if alone && joined.len() > 1 {
        return commit_alone(session, joined, options, progress).await;
    }
    // Nothing of these groups was committed, or that is unknown of all of them.
    let mut first = None;
    for job in joined.into_jobs() {
        let error = error_of(session, &failure, job.number);
        first.get_or_insert(Ended { group: job.number, error: error.clone() });
        job.answer(Err(error));
    }
    first.map_or(Ok(()), Err)
}

async fn commit_alone(
    session: &mut Session,
    joined: Joined,
    options: WriterOptions,
    progress: &Progress,
) -> Result<(), Ended> {
    let mut jobs = joined.into_jobs();
    for job in jobs.by_ref() {
        let done = commit_rows(session, None, job.rows.iter(), options).await;
        let Err(failure) = done else {
            progress.committed(job);
            continue;
        };
        let group = job.number;
        let error = error_of(session, &failure, group);
        tracing::error!(group, %error, "a group was refused");
        job.answer(Err(error.clone()));
        jobs.for_each(|job| job.answer(Err(CommitError::Behind { group })));
        return Err(Ended { group, error });
    }
    Ok(())
}

fn error_of(session: &Session, failure: &Failure, group: u64) -> CommitError {
    match failure {
        Failure::Encode(source) => CommitError::Encode { group, source: source.clone() },
        Failure::Fault(fault) => fault.answer(group, session.epoch()),
    }
}

/// One transaction, again after conflicts and after a connection that was lost before it. The
/// statement may have been made ahead; a second try makes it anew.
async fn commit_rows<'r>(
    session: &mut Session,
    mut made: Option<Result<Encoded, EncodeError>>,
    rows: impl Iterator<Item = &'r Row> + Clone,
    options: WriterOptions,
) -> Result<(), Failure> {
    let (mut conflicts, mut losses) = (0, 0);
    loop {
        let encoded = made.take().unwrap_or_else(|| session.encode(rows.clone()));
        let message = match session.commit(encoded.map_err(Failure::Encode)?).await {
            Ok(()) => return Ok(()),
            Err(Fault::Conflict { .. }) if conflicts < limits::CONFLICT_RETRIES_MAX => {
                conflicts += 1;
                continue;
            }
            Err(Fault::Doubt { message }) => message,
            Err(fault) => return Err(Failure::Fault(fault)),
        };
        tracing::warn!(%message, "the connection was lost at a commit; reading the outcome back");
        match session.read_back(options.reconnect_for).await {
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
