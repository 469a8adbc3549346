//! Time stamps at which nothing can happen but prices: taken many at once.
//!
//! A bot that was evaluated ahead is known to ask for nothing until a later time stamp. Where no
//! order is open, nothing waits, and neither a day nor the calendar ends, each time stamp until then
//! changes marks, and what sleeves are worth with them, and nothing else. It is what [`Lockstep::tick`]
//! comes to at such a time stamp, without asking everybody each time.

use std::ops::Range;

use stockade_core::desk::{Desk, observe};
use stockade_core::row::BotState;
use stockade_core::{Now, Timestamp};
use stockade_exchange as model;

use super::{LocalBot, Lockstep, Market, Sink};

/// Time stamps that are taken at once where no bot bounds them.
const QUIET_MAX: usize = 64;

impl<S: Sink> Lockstep<S> {
    /// The first time stamp from `group` on at which more than prices can change; `group` itself
    /// where that is now.
    pub(crate) fn quiet_until(&self, group: usize, market: &Market) -> usize {
        let Some(idle_until) = self.exchange.idle_until() else {
            return group;
        };
        if market.ticks.is_some() || market.actions_at(group).next().is_some() {
            return group;
        }
        let waits = !self.actions.is_empty() || !self.notes.is_empty();
        if waits || self.desk.bots().any(|bot| bot.state == BotState::Suspended) {
            return group;
        }
        let silent = self.bots.iter().map(LocalBot::silent_until);
        let mut end = silent.fold(group + QUIET_MAX, usize::min).min(market.next_action(group));
        let until = self.desk.day_ends().min(self.calendar_until);
        let is_inside =
            |at: Timestamp| at < until && model::Nanos(at.0).plus(market.interval_ns) < idle_until;
        while end > group && !is_inside(market.at(end - 1)) {
            end -= 1;
        }
        end.max(group)
    }

    /// Takes the time stamps of a range that [`Lockstep::quiet_until`] gave; `each` sees the desk
    /// after each of them.
    pub(crate) fn pass_quietly(
        &mut self,
        groups: Range<usize>,
        market: &Market,
        mut each: impl FnMut(&Desk, usize),
    ) -> anyhow::Result<()> {
        let Some(last) = groups.clone().next_back() else {
            return Ok(());
        };
        let bars = market.range(groups.start).start..market.range(last).end;
        for group in groups {
            let at = market.at(group);
            self.now = Now { market: at.max(self.now.market), machine: at.max(self.now.machine) };
            observe(&mut self.desk, self.now, &market.bars[market.range(group)]);
            each(&self.desk, group);
        }
        let end = model::Nanos(market.at(last).0).plus(market.interval_ns);
        self.exchange.on_quiet_bars(&market.model[bars], end);
        self.follow_sessions()
    }
}
