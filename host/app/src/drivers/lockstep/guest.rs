//! What answers a bot's calls in the loop: a component's instance, or a strategy of this program
//! that a component is measured against.

use std::sync::Arc;

use stockade_runtime::{Bot, Call, EVENTS_PER_CALL_MAX, EventKind, History, Outcome, Strike};

use crate::drivers::shape::Shape;

/// One bot's strategy.
pub(crate) trait Guest {
    /// Hands over events; what it asks for comes back.
    fn call(&mut self, call: &Call<'_>) -> Result<Outcome, Strike>;

    /// Whether it wants to hear of its orders.
    fn hears(&self) -> bool;

    /// Whether it wants to know when sessions begin and end.
    fn attends(&self) -> bool {
        false
    }

    /// Whether it wants quotes, or trades.
    fn watches(&self, _kind: EventKind) -> bool {
        false
    }

    /// The bars that it wants, where they are not those of the feed.
    fn shape(&self) -> Option<Shape> {
        None
    }

    /// What its `history` tells, where it has one.
    fn history(&self) -> Option<&Arc<History>> {
        None
    }

    /// Nanoseconds of market time between its timer events; 0 for none.
    fn timer_period(&self) -> i64 {
        0
    }

    /// Events that one call may carry.
    fn events_max(&self) -> usize {
        EVENTS_PER_CALL_MAX
    }

    /// Its state, as it is stored.
    fn save(&mut self) -> Result<Vec<u8>, Strike>;
}

impl Guest for Bot {
    fn call(&mut self, call: &Call<'_>) -> Result<Outcome, Strike> {
        Self::call(self, call)
    }

    fn hears(&self) -> bool {
        self.plugin().description().events.contains(&EventKind::Orders)
    }

    fn attends(&self) -> bool {
        self.plugin().description().events.contains(&EventKind::Session)
    }

    fn shape(&self) -> Option<Shape> {
        self.plugin().description().bars.map(Shape::of)
    }

    fn history(&self) -> Option<&Arc<History>> {
        Self::history(self)
    }

    fn watches(&self, kind: EventKind) -> bool {
        self.plugin().description().events.contains(&kind)
    }

    fn timer_period(&self) -> i64 {
        self.plugin().description().timer_period
    }

    fn events_max(&self) -> usize {
        self.plugin().events_max()
    }

    fn save(&mut self) -> Result<Vec<u8>, Strike> {
        Self::save(self).map(|snapshot| snapshot.to_bytes())
    }
}
