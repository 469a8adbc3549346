//! What a run of the simulator came to.

use serde::Serialize;

/// What happened in a run, or in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counters {
    /// Starts of the host.
    pub(crate) starts: u64,
    /// Crashes between two effects.
    pub(crate) crashes: u64,
    pub(crate) commits_failed: u64,
    pub(crate) commits_doubtful: u64,
    pub(crate) submits: u64,
    /// Posts refused with proof that they were not taken.
    pub(crate) not_taken: u64,
    /// Posts that nobody knew the end of.
    pub(crate) unknowns: u64,
    /// Of those, posts that landed long after.
    pub(crate) late_posts: u64,
    /// Refusals by the broker.
    pub(crate) refused: u64,
    /// Refusals by the capability.
    pub(crate) refusals: u64,
    pub(crate) cancels: u64,
    pub(crate) lookups: u64,
    pub(crate) snapshots: u64,
    pub(crate) commands: u64,
    /// Executions at the broker.
    pub(crate) executions: u64,
    /// Orders that ended.
    pub(crate) ends: u64,
    pub(crate) abandoned: u64,
    pub(crate) updates_lost: u64,
    pub(crate) updates_doubled: u64,
    pub(crate) updates_late: u64,
    pub(crate) sockets_dropped: u64,
    /// Trades and cancels of somebody else.
    pub(crate) strangers: u64,
    pub(crate) alerts: u64,
    /// Inputs before which the books were asked for executions.
    pub(crate) recalled: u64,
    /// Most requests of any minute, of any seed.
    pub(crate) busiest_minute: usize,
}

macro_rules! add {
    ($to:expr, $from:expr, $($field:ident),+) => { $($to.$field += $from.$field;)+ };
}

impl Counters {
    pub(crate) fn add(&mut self, other: &Self) {
        add!(
            self,
            other,
            starts,
            crashes,
            commits_failed,
            commits_doubtful,
            submits,
            not_taken,
            unknowns,
            late_posts,
            refused,
            refusals,
            cancels,
            lookups,
            snapshots,
            commands,
            executions,
            ends,
            abandoned,
            updates_lost,
            updates_doubled,
            updates_late,
            sockets_dropped,
            strangers,
            alerts,
            recalled
        );
        self.busiest_minute = self.busiest_minute.max(other.busiest_minute);
    }
}

/// A seed that broke an invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    /// The input after which it broke.
    pub(crate) step: u64,
    /// The invariant's name in RELIABILITY section 2, `panic`, or the fault whose promise is broken.
    pub(crate) invariant: String,
    pub(crate) what: String,
    /// The command that repeats it.
    pub(crate) repeat: String,
}

/// What one seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) counters: Counters,
    pub(crate) steps: u64,
    /// The trace's hash: the same for the same seed, always.
    pub(crate) hash: u64,
    pub(crate) failure: Option<Failure>,
}

/// What all seeds came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) seeds: u64,
    pub(crate) passed: u64,
    /// Inputs of all seeds.
    pub(crate) steps: u64,
    pub(crate) counters: Counters,
    pub(crate) failures: Vec<Failure>,
}
