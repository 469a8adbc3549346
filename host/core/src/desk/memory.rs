//! Which executions the desk knows without asking, and what it must ask for before an input.
//!
//! A desk that is restored remembers the executions of its last while; whatever is older is in the
//! books alone, so that a start costs the same with a thousand executions behind it as with
//! millions. An execution is booked once for ever all the same: a driver asks [`Desk::recall`]
//! before each input, and puts the answer in first. The database's own key is the second witness.

use super::event::{Command, Event};
use super::inquiry::Question;
use super::restore::Prints;
use super::state::Desk;
use crate::broker::{Answer, Fill};
use crate::limits;
use crate::row::{AccountRow, ExecutionKey};
use crate::time::Timestamp;

impl AccountRow {
    /// From when on, by their own times, a desk that is made of this row should get its executions:
    /// what a broker may show again lies later.
    #[must_use]
    pub fn remembers_since(&self) -> Timestamp {
        let seen = if self.has_broker { self.fills_since } else { self.now.market };
        seen.plus(-limits::REMEMBERED_NS)
    }
}

impl ExecutionKey {
    /// The key of a fill that a broker reports.
    pub(super) fn of(fill: &Fill) -> Self {
        Self {
            execution_id: fill.execution_id.clone(),
            broker_order_id: fill.broker_order_id.clone(),
            cumulative_qty: fill.cumulative_qty,
        }
    }

    /// The key of a row of a file.
    pub(super) fn imported(execution_id: &str) -> Self {
        Self {
            execution_id: execution_id.to_owned(),
            broker_order_id: String::new(),
            cumulative_qty: None,
        }
    }
}

impl Desk {
    /// What must be asked of the books before this event is put in: executions that it names and
    /// that are older than what the desk remembers. The answer goes in directly before the event.
    #[must_use]
    pub fn recall(&self, event: &Event) -> Option<Question> {
        let before = self.remembers_since.plus(limits::RECALL_SLACK_NS);
        let old = |at: Timestamp| at < before;
        let of_fills = |fills: &[Fill]| -> Vec<ExecutionKey> {
            fills.iter().filter(|fill| old(fill.at)).map(ExecutionKey::of).collect()
        };
        let mut keys = match event {
            Event::TradeUpdate { update } => of_fills(update.fill.as_slice()),
            Event::Snapshot { answer: Answer::Done { value } } => of_fills(&value.fills),
            Event::Command { command: Command::ImportFills { fills, .. } } => fills
                .iter()
                .filter(|row| old(row.at))
                .map(|row| ExecutionKey::imported(&row.execution_id))
                .collect(),
            _ => return None,
        };
        keys.retain(|key| !self.is_known(&Prints::of(key)));
        (!keys.is_empty()).then_some(Question::Booked { keys })
    }

    /// The books' answer: it holds for the next event.
    pub(super) fn on_booked(&mut self, keys: &[ExecutionKey]) {
        self.recalled = keys.iter().flat_map(|key| Prints::of(key).all()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Rows;
    use crate::time::Now;

    fn key(id: &str) -> ExecutionKey {
        ExecutionKey::imported(id)
    }

    #[test]
    fn what_an_account_remembers_follows_its_broker_or_its_own_time() {
        let now = Now { market: Timestamp(7 * limits::REMEMBERED_NS), machine: Timestamp(0) };
        let slug = crate::id::Slug::new("books").unwrap();
        let rows = |has_broker| {
            let controls = crate::risk::Controls::default();
            Rows::new_account(slug.clone(), "e1".to_owned(), has_broker, controls, now)
        };
        let mut account = rows(true).account;
        account.fills_since = Timestamp(3 * limits::REMEMBERED_NS);
        assert_eq!(account.remembers_since(), Timestamp(2 * limits::REMEMBERED_NS));
        account.has_broker = false;
        assert_eq!(account.remembers_since(), Timestamp(6 * limits::REMEMBERED_NS));
        // A new account has nothing that could be forgotten.
        assert_eq!(rows(true).remembered_since, Timestamp(i64::MIN));
        assert_ne!(Prints::of(&key("a")).all().next(), Prints::of(&key("b")).all().next());
    }
}
