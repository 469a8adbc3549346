//! A bot in the lockstep loop: evaluated ahead in exact batches.
//!
//! While a bot has no open order and no update waits for it, nothing but bars can change what it
//! sees. It then gets many time stamps in one call and stops after the first at which it asks for
//! something; what it asked for waits here until the loop reaches that time stamp.

use stockade_core::desk::{BotRequest, Desk, OrderUpdate};
use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Now, SleeveId};
use stockade_runtime::{Bot, Call, Events, Strike};

use super::market::Market;

/// Time stamps of one call: beyond this a call costs no less per bar.
const BATCH: usize = 64;

/// A bot and how far it has been evaluated.
pub(crate) struct LocalBot {
    /// Its sleeve.
    pub(crate) sleeve: SleeveId,
    /// Its generation.
    pub(crate) generation: u64,
    /// The digest of its component.
    pub(crate) digest: std::sync::Arc<str>,
    bot: Bot,
    /// The instruments it gets; `None` means all.
    wanted: Option<Vec<InstrumentId>>,
    /// The first time stamp that it has not seen.
    horizon: usize,
    /// What it asked for, and at which time stamp.
    asked: Option<(usize, Vec<BotRequest>)>,
    updates: Vec<OrderUpdate>,
    scratch: Vec<Bar>,
    /// Where each bar of `scratch` stands in the market.
    places: Vec<usize>,
}

impl LocalBot {
    /// Takes a bot that has seen nothing yet. `wanted` is sorted.
    pub(crate) fn new(
        sleeve: SleeveId,
        generation: u64,
        digest: std::sync::Arc<str>,
        bot: Bot,
        wanted: Vec<InstrumentId>,
        market: &Market,
    ) -> Self {
        let all = wanted.len() == market.symbols.len();
        Self {
            sleeve,
            generation,
            digest,
            bot,
            wanted: (!all).then_some(wanted),
            horizon: 0,
            asked: None,
            updates: Vec::new(),
            scratch: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Tells it what became of an order.
    pub(crate) fn notify(&mut self, update: OrderUpdate) {
        self.updates.push(update);
    }

    /// What it asks for on hearing of its orders.
    pub(crate) fn hear(&mut self, desk: &Desk, now: Now) -> Result<Vec<BotRequest>, Strike> {
        let mut requests = Vec::new();
        while !self.updates.is_empty() {
            let Some(view) = desk.view(self.sleeve) else { break };
            let outcome = self.bot.call(Call {
                events: Events::Orders(&self.updates),
                warm_up: false,
                view: &view,
                prices: desk,
                now: now.market,
            })?;
            let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX);
            self.updates.drain(..handled.min(self.updates.len()));
            requests.extend(outcome.requests);
            if !requests.is_empty() {
                // The rest is heard after what it asked for has been taken.
                break;
            }
        }
        Ok(requests)
    }

    /// Whether updates wait.
    pub(crate) fn has_updates(&self) -> bool {
        !self.updates.is_empty()
    }

    /// What it asks for at a time stamp; evaluates it as far ahead as may be.
    pub(crate) fn ask(&mut self, group: usize, market: &Market, desk: &Desk, now: Now) -> Result<Vec<BotRequest>, Strike> {
        if self.horizon <= group {
            self.evaluate(group, market, desk, now)?;
        }
        match self.asked.take() {
            Some((at, requests)) if at == group => Ok(requests),
            other => {
                self.asked = other;
                Ok(Vec::new())
            }
        }
    }

    fn evaluate(&mut self, group: usize, market: &Market, desk: &Desk, now: Now) -> Result<(), Strike> {
        let ahead = if desk.open_order_count(self.sleeve) == 0 { BATCH } else { 1 };
        let end = (group + ahead).min(market.len());
        let (first, last) = (market.range(group).start, market.range(end - 1).end);
        self.horizon = end;
        let bars: &[Bar] = match &self.wanted {
            None => &market.bars[first..last],
            Some(wanted) => {
                self.scratch.clear();
                self.places.clear();
                for (place, bar) in market.bars[first..last].iter().enumerate() {
                    if wanted.binary_search(&bar.instrument).is_ok() {
                        self.scratch.push(*bar);
                        self.places.push(first + place);
                    }
                }
                &self.scratch
            }
        };
        if bars.is_empty() {
            return Ok(());
        }
        let Some(view) = desk.view(self.sleeve) else { return Ok(()) };
        let outcome = self.bot.call(Call {
            events: Events::Bars(bars),
            warm_up: false,
            view: &view,
            prices: desk,
            now: now.market,
        })?;
        let handled = usize::try_from(outcome.handled).unwrap_or(usize::MAX).min(bars.len());
        if handled < bars.len() || !outcome.requests.is_empty() {
            let place = handled.saturating_sub(1);
            let place = if self.wanted.is_some() { self.places[place] } else { first + place };
            let at = market.group_of(place, group);
            self.horizon = at + 1;
            if !outcome.requests.is_empty() {
                self.asked = Some((at, outcome.requests));
            }
        }
        Ok(())
    }
}
