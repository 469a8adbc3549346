//! What the tour gives at its end: `demo --json`.

use serde::Serialize;
use stockade_store::query::{At, Holding, Number, Sleeve};

use crate::link::Comparison;

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    /// How long it took, in seconds.
    pub(super) seconds: u64,
    /// Market events: bars that the broker published.
    pub(super) events: usize,
    /// Orders in the books.
    pub(super) orders: usize,
    /// Executions in the books.
    pub(super) executions: usize,
    /// Every sleeve.
    pub(super) sleeves: Vec<Sleeve>,
    /// The account, as the broker says.
    pub(super) account: Account,
    /// Books and broker side by side.
    pub(super) reconcile: Comparison,
    /// Bots that were stopped.
    pub(super) contained: Vec<Contained>,
    /// Bots that were replaced while they ran.
    pub(super) reloads: Vec<Reload>,
    /// The end of the first host.
    pub(super) crash: Crash,
    /// The folder with everything.
    pub(super) out: String,
}

/// The account at the broker.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    pub(super) cash: Number,
    pub(super) equity: Number,
    pub(super) positions: Vec<Holding>,
}

/// A bot that was stopped.
#[derive(Debug, Serialize)]
pub(super) struct Contained {
    pub(super) bot: String,
    pub(super) cause: String,
    pub(super) state: String,
}

/// A bot that was replaced while it ran.
#[derive(Debug, Serialize)]
pub(super) struct Reload {
    pub(super) bot: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) pause_ms: Number,
}

/// A kill and the recovery from it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Crash {
    /// By the machine's clock.
    pub(super) killed_at: At,
    /// From the start of the new host until it could trade.
    pub(super) recovered_ms: u64,
}
