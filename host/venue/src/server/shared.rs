//! What every request and connection of a server has at hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::config::AccountConfig;
use super::connection::Patience;
use super::engine::Engine;
use super::faults::Board;
use super::history::History;
use super::limit::{Budget, Standing};

/// The keys and budgets of one account.
#[derive(Debug)]
struct Keys {
    key_id: String,
    secret: String,
    trading: Mutex<Budget>,
    data: Mutex<Budget>,
}

/// The shared part of a server.
#[derive(Debug)]
pub(crate) struct Shared {
    keys: Vec<Keys>,
    history: History,
    engine: Mutex<Engine>,
    /// What is disturbed now.
    pub(crate) faults: Board,
    one_data_connection: bool,
    patience: Patience,
}

impl Shared {
    /// Puts a server together.
    pub(crate) fn new(
        accounts: &[AccountConfig],
        budget: u32,
        history: History,
        engine: Engine,
        faults: Board,
        (one_data_connection, patience): (bool, Patience),
    ) -> Arc<Self> {
        let keys = accounts
            .iter()
            .map(|account| Keys {
                key_id: account.key_id.clone(),
                secret: account.secret.clone(),
                trading: Mutex::new(Budget::new(budget)),
                data: Mutex::new(Budget::new(budget)),
            })
            .collect();
        let engine = Mutex::new(engine);
        Arc::new(Self { keys, history, engine, faults, one_data_connection, patience })
    }

    /// The engine, for a moment: no await while it is held. A panic elsewhere leaves whole
    /// states only, since the engine changes an account by single calls.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The market's present time.
    pub(crate) fn now(&self) -> i64 {
        self.engine().now()
    }

    /// The bars of the feed.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The account of a key.
    pub(crate) fn authenticate(&self, key_id: &str, secret: &str) -> Option<usize> {
        self.keys.iter().position(|k| k.key_id == key_id && k.secret == secret)
    }

    /// The position of an account's key id.
    pub(crate) fn account(&self, key_id: &str) -> Option<usize> {
        self.keys.iter().position(|k| k.key_id == key_id)
    }

    /// Counts a request.
    pub(crate) fn spend(&self, account: usize, data: bool) -> Standing {
        let keys = &self.keys[account];
        let budget = if data { &keys.data } else { &keys.trading };
        let mut budget = budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.take(Instant::now(), SystemTime::now())
    }

    /// Whether a second data connection of a key is refused.
    pub(crate) const fn one_data_connection(&self) -> bool {
        self.one_data_connection
    }

    /// How long stream clients may take.
    pub(crate) const fn patience(&self) -> Patience {
        self.patience
    }

    /// How long a step waits for its readers.
    pub(crate) const fn slow_client(&self) -> Duration {
        self.patience.send
    }
}
