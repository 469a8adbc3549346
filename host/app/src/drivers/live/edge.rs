//! The broker's edge: performs what the desk decided and hands the answers back as inputs.
//!
//! Each request is a task of its own; the host never waits for one. A request is never repeated
//! here: what to do about a doubtful one is the desk's to decide. What would change something at
//! the broker doesn't leave while the lease is in doubt: the desk hears that it was not sent, and
//! decides anew when that has passed.

use std::sync::Arc;

use stockade_core::broker::Answer;
use stockade_core::desk::{Action, Event};
use stockade_venue::alpaca::Alpaca;
use tokio::sync::mpsc;

use super::Incoming;
use super::lease::Lease;

/// An order that the lease held back is looked at again after this, in nanoseconds.
const HELD_BACK_NS: i64 = 500_000_000;

/// The broker's edge.
#[derive(Clone)]
pub(crate) struct Edge {
    alpaca: Arc<Alpaca>,
    lease: Lease,
    inputs: mpsc::Sender<Incoming>,
}

impl Edge {
    pub(crate) const fn new(
        alpaca: Arc<Alpaca>,
        lease: Lease,
        inputs: mpsc::Sender<Incoming>,
    ) -> Self {
        Self { alpaca, lease, inputs }
    }

    /// Performs an action of the broker's; gives back one that is not.
    pub(crate) fn perform(&self, action: Action) -> Option<Action> {
        match action {
            Action::Submit { order, attempt } => self.ask(move |alpaca, lease| async move {
                // Looked at here, in the task that sends: it may have waited for its turn.
                let answer = match held_back(&lease) {
                    Some(why) => Answer::NotTaken { retry_after: HELD_BACK_NS, why },
                    None => alpaca.submit(&order).await,
                };
                Event::Submitted { order: order.order, attempt, answer }
            }),
            Action::Cancel { order, broker_order_id } => {
                self.ask(move |alpaca, lease| async move {
                    let answer = match held_back(&lease) {
                        Some(why) => Answer::NotTaken { retry_after: HELD_BACK_NS, why },
                        None => alpaca.cancel(&broker_order_id).await,
                    };
                    Event::CancelAnswered { order, answer }
                })
            }
            Action::LookUp { order, client_order_id } => self.ask(move |alpaca, _| async move {
                let answer = alpaca.look_up(&client_order_id).await;
                Event::LookedUp { order, answer }
            }),
            Action::Snapshot { since } => self.ask(move |alpaca, _| async move {
                let answer = alpaca.snapshot(since).await;
                Event::Snapshot { answer }
            }),
            other => return Some(other),
        }
        None
    }

    fn ask<F, A>(&self, request: F)
    where
        F: FnOnce(Arc<Alpaca>, Lease) -> A,
        A: Future<Output = Event> + Send + 'static,
    {
        let (answer, inputs) =
            (request(self.alpaca.clone(), self.lease.clone()), self.inputs.clone());
        tokio::spawn(async move {
            // A closed channel means that the host has ended: nobody is left to tell.
            let _ = inputs.send(Incoming::Event(answer.await)).await;
        });
    }
}

fn held_back(lease: &Lease) -> Option<String> {
    (!lease.may_send()).then(|| "the lease is in doubt".to_owned())
}
