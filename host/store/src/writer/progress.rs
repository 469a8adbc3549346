//! How far a writer has come, for an owner who hands over many groups.

use tokio::sync::watch;

use super::Job;
use super::fault::CommitError;

/// What is known of a writer's commits.
#[derive(Debug, Default)]
struct State {
    /// The last group that is committed, and with it all before it.
    group: u64,
    /// Why the writer ended: nothing after `group` is committed, or that is unknown.
    ended: Option<CommitError>,
}

/// The writer's end.
#[derive(Debug, Clone)]
pub(super) struct Progress(watch::Sender<State>);

/// The owner's end. Groups are numbered from 1 for each writer.
#[derive(Debug, Clone)]
pub struct Committed(watch::Receiver<State>);

pub(super) fn channel() -> (Progress, Committed) {
    let (sender, receiver) = watch::channel(State::default());
    (Progress(sender), Committed(receiver))
}

impl Progress {
    /// A group is committed.
    pub(super) fn committed(&self, job: Job) {
        self.0.send_modify(|state| state.group = job.number);
        job.answer(Ok(()));
    }

    /// The writer ends with this.
    pub(super) fn ended(&self, error: CommitError) {
        self.0.send_modify(|state| state.ended = Some(error));
    }
}

impl Committed {
    /// Waits for news; gives the last group that is committed, all before it included. Nothing is
    /// lost when the future is dropped.
    ///
    /// # Errors
    /// Why the writer ended; [`CommitError::Ended`] when it ended without an error.
    pub async fn next(&mut self) -> Result<u64, CommitError> {
        let changed = self.0.changed().await;
        let state = self.0.borrow_and_update();
        match (&state.ended, changed) {
            (Some(error), _) => Err(error.clone()),
            (None, Ok(())) => Ok(state.group),
            (None, Err(_)) => Err(CommitError::Ended),
        }
    }
}
