//! Actions that wait for their rows.
//!
//! Commit before effect: what an input caused is held back until the group that carries its rows
//! is committed, and released in the order in which it was decided.

use std::collections::VecDeque;

use stockade_core::desk::{Action, Reply};
use tokio::sync::oneshot;

use crate::link;

/// Something to do once a group is committed.
pub(crate) enum Held {
    /// For an edge.
    Action(Action),
    /// The answer to a person.
    Reply(oneshot::Sender<Reply>, Reply),
    /// The same, of the host's own.
    Answer(oneshot::Sender<link::Answer>, link::Answer),
    /// The figures of a session's close: reckoned from rows, so that those come first.
    Figures,
}

/// The queue of one writer. Groups are numbered from 1 in the order in which they are handed to it.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: VecDeque<(u64, Held)>,
    handed: u64,
    committed: u64,
}

impl Outbox {
    /// The number of the next group.
    pub(crate) fn hand_over(&mut self) -> u64 {
        self.handed += 1;
        self.handed
    }

    /// Holds something back until everything handed over so far is committed.
    pub(crate) fn hold(&mut self, held: Held) {
        self.queue.push_back((self.handed, held));
    }

    /// A group is committed, and with it all before it.
    pub(crate) fn committed(&mut self, group: u64) {
        self.committed = self.committed.max(group);
    }

    /// The next thing that may be done.
    pub(crate) fn release(&mut self) -> Option<Held> {
        let (group, _) = self.queue.front()?;
        if *group > self.committed {
            return None;
        }
        self.queue.pop_front().map(|(_, held)| held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(text: &str) -> Held {
        Held::Action(Action::Alert { severity: "info".to_owned(), message: text.to_owned() })
    }

    fn released(outbox: &mut Outbox) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(Held::Action(Action::Alert { message, .. })) = outbox.release() {
            texts.push(message);
        }
        texts
    }

    #[test]
    fn nothing_leaves_before_its_rows_are_committed() {
        let mut outbox = Outbox::default();
        outbox.hold(alert("needs no rows"));
        let first = outbox.hand_over();
        outbox.hold(alert("first"));
        let second = outbox.hand_over();
        outbox.hold(alert("second"));
        assert_eq!(released(&mut outbox), ["needs no rows"]);
        outbox.committed(first);
        assert_eq!(released(&mut outbox), ["first"]);
        outbox.committed(second);
        assert_eq!(released(&mut outbox), ["second"]);
    }
}
