//! The broker's edge: performs what the desk decided and hands the answers back as inputs.
//!
//! Each request is a task of its own; the host never waits for one. A request is never repeated
//! here: what to do about a doubtful one is the desk's to decide.

use std::sync::Arc;

use stockade_core::desk::{Action, Event};
use stockade_venue::alpaca::Alpaca;
use tokio::sync::mpsc;

use super::Incoming;

/// The broker's edge.
#[derive(Clone)]
pub(crate) struct Edge {
    alpaca: Arc<Alpaca>,
    inputs: mpsc::Sender<Incoming>,
}

impl Edge {
    pub(crate) const fn new(alpaca: Arc<Alpaca>, inputs: mpsc::Sender<Incoming>) -> Self {
        Self { alpaca, inputs }
    }

    /// Performs an action of the broker's; gives back one that is not.
    pub(crate) fn perform(&self, action: Action) -> Option<Action> {
        match action {
            Action::Submit { order, attempt } => self.ask(move |alpaca| async move {
                let answer = alpaca.submit(&order).await;
                Event::Submitted { order: order.order, attempt, answer }
            }),
            Action::Cancel { order, broker_order_id } => self.ask(move |alpaca| async move {
                let answer = alpaca.cancel(&broker_order_id).await;
                Event::CancelAnswered { order, answer }
            }),
            Action::LookUp { order, client_order_id } => self.ask(move |alpaca| async move {
                let answer = alpaca.look_up(&client_order_id).await;
                Event::LookedUp { order, answer }
            }),
            Action::Snapshot { since } => self.ask(move |alpaca| async move {
                let answer = alpaca.snapshot(since).await;
                Event::Snapshot { answer }
            }),
            other => return Some(other),
        }
        None
    }

    fn ask<F, A>(&self, request: F)
    where
        F: FnOnce(Arc<Alpaca>) -> A,
        A: Future<Output = Event> + Send + 'static,
    {
        let (answer, inputs) = (request(self.alpaca.clone()), self.inputs.clone());
        tokio::spawn(async move {
            // A closed channel means that the host has ended: nobody is left to tell.
            let _ = inputs.send(Incoming::Event(answer.await)).await;
        });
    }
}
