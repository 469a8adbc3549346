//! Instances of bots: made, given their last state, brought up to date with the bars since, and put
//! to work; at a bot's start and whenever its back-off is over, in every driver of the loop.

use anyhow::{Result, anyhow, bail};
use stockade_core::desk::{BotReport, Desk, Event, OrderUpdate};
use stockade_core::market::Bar;
use stockade_core::row::{BotRow, SnapshotRow};
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, Qty, SleeveId, Timestamp};
use stockade_runtime::{BotInstrument, Call, Events, Trust};

use super::{Guest, LocalBot, Lockstep, Market, Shaped, Sink};

/// Bars of one call while it catches up; a time stamp is never divided.
const CATCH_UP_BARS: usize = 1_024;

/// An instance, and what it was made of.
pub(crate) struct Made {
    pub(crate) guest: Box<dyn Guest>,
    pub(crate) digest: String,
    pub(crate) version: String,
    /// Bars of each symbol that it wants to have seen before its first event.
    pub(crate) warm_up_bars: usize,
}

/// Makes instances.
pub(crate) trait Maker {
    /// Makes one for a bot; `state` is what its last instance saved.
    fn make(
        &mut self,
        row: &BotRow,
        instruments: Vec<BotInstrument>,
        state: Option<&[u8]>,
    ) -> Result<Made>;

    /// From now on these rules say whose components are loaded. One that loads none ignores it.
    fn trust(&mut self, _trust: Trust) {}
}

/// What an instance begins with.
pub(crate) struct Beginning<'a> {
    /// What makes it.
    pub(crate) maker: &'a mut dyn Maker,
    /// The bars.
    pub(crate) market: &'a Market,
    /// The first time stamp that it gets as live.
    pub(crate) place: usize,
    /// What its last instance saved.
    pub(crate) state: Option<SnapshotRow>,
    /// Whether what it writes is kept.
    pub(crate) lines: bool,
}

impl<S: Sink> Lockstep<S> {
    /// Puts a bot to work. One that can't be made is reported to the desk.
    pub(crate) fn start_bot(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        beginning: Beginning<'_>,
    ) -> Result<()> {
        self.bots.retain(|bot| bot.sleeve != sleeve);
        let begun = beginning.place > 0;
        let (bot, version) = match self.instance(sleeve, generation, beginning) {
            Ok(made) => made,
            Err(error) => {
                let report = BotReport::Failed { generation, cause: format!("{error:#}") };
                return self.put(Event::Bot { sleeve, report });
            }
        };
        let digest = bot.digest.to_string();
        let known = self.desk.bot(sleeve).map(|row| row.digest.clone());
        // In the order of the sleeves, so that a restart asks the bots in the same order.
        let place = self.bots.partition_point(|other| other.sleeve < sleeve);
        self.bots.insert(place, bot);
        self.put(Event::Bot { sleeve, report: BotReport::Ready { generation } })?;
        if known.is_some_and(|known| known != digest) {
            // The file was replaced since the bot was deployed.
            let generation = generation + 1;
            self.bots[place].generation = generation;
            let report = BotReport::Reloaded { generation, digest, version, pause_ns: 0 };
            self.put(Event::Bot { sleeve, report })?;
        }
        if begun {
            for update in self.standing_orders(sleeve) {
                self.bots[place].notify(update);
            }
        }
        Ok(())
    }

    /// Makes an instance and brings it up to the next time stamp.
    fn instance(
        &self,
        sleeve: SleeveId,
        generation: u64,
        beginning: Beginning<'_>,
    ) -> Result<(LocalBot, String)> {
        let Beginning { maker, market, place, state, lines } = beginning;
        let desk = &self.desk;
        let row = desk.bot(sleeve).cloned().ok_or_else(|| anyhow!("sleeve {sleeve} has no bot"))?;
        if let Some(symbol) = row.symbols.iter().find(|symbol| !market.symbols.contains(symbol)) {
            bail!("the replayed files hold no bars of {symbol}");
        }
        let ids = wanted(desk, &row);
        let bytes = state.as_ref().map(|state| state.bytes.as_slice());
        let Made { mut guest, digest, version, warm_up_bars } = self.make(maker, &row, bytes)?;
        let shaped = shaped_for(&*guest, market, desk, &ids);
        let seen = Seen { market, shaped: shaped.as_ref() };
        let from = match &state {
            Some(state) => groups_until(market, state.at),
            None => first_group(seen, row.created_at, &ids, warm_up_bars),
        };
        catch_up(&mut *guest, from..place.max(from), &ids, seen, desk, sleeve)?;
        let bot = LocalBot::new(sleeve, generation, digest.into(), guest, ids, market);
        let bot = bot.shaped(shaped);
        Ok((bot.saving().keeping(lines).from(place.max(from)), version))
    }

    /// Makes an instance for a bot, with a state.
    pub(crate) fn make(
        &self,
        maker: &mut dyn Maker,
        row: &BotRow,
        state: Option<&[u8]>,
    ) -> Result<Made> {
        let ids = wanted(&self.desk, row);
        maker.make(row, instruments(&self.desk, &ids), state)
    }

    /// The present orders of a sleeve: the end of catching up.
    fn standing_orders(&self, sleeve: SleeveId) -> Vec<OrderUpdate> {
        let orders = self.desk.open_orders().filter(|order| order.sleeve == sleeve);
        let update = |order: &stockade_core::row::OrderRow| OrderUpdate {
            intent_id: order.intent_id,
            symbol: order.symbol.clone(),
            side: order.side,
            status: Some(order.status),
            reason: order.end_reason.clone(),
            filled_qty: order.filled_qty,
            last_qty: Qty::ZERO,
            last_price: None,
            lot: None,
            at: self.desk.now().market,
        };
        orders.map(update).collect()
    }
}

/// The places in the desk's table of what a bot gets, sorted.
pub(crate) fn wanted(desk: &Desk, row: &BotRow) -> Vec<InstrumentId> {
    let mut ids: Vec<InstrumentId> =
        row.symbols.iter().filter_map(|symbol| desk.find(symbol)).collect();
    ids.sort_unstable();
    ids
}

/// A bot's instruments, in its own order.
pub(crate) fn instruments(desk: &Desk, ids: &[InstrumentId]) -> Vec<BotInstrument> {
    let known = ids.iter().filter_map(|id| Some((*id, desk.instrument(*id)?)));
    known
        .map(|(id, known)| BotInstrument { id, symbol: known.symbol.clone(), class: known.class })
        .collect()
}

/// The bars that a bot sees: a run's own, or built out of them.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// The run's.
    pub(crate) market: &'a Market,
    /// The bot's own, where it asks for some.
    pub(crate) shaped: Option<&'a Shaped>,
}

impl<'a> Seen<'a> {
    /// Where those of a time stamp end.
    fn end(self, group: usize) -> usize {
        match self.shaped {
            Some(shaped) => shaped.range(group).end,
            None => self.market.range(group).end,
        }
    }

    /// Lays them out for a bot's `history`.
    pub(crate) fn lay(self, guest: &dyn Guest) {
        if let Some(history) = guest.history() {
            history.lay(self.shaped.map_or(&self.market.bars, |shaped| &shaped.bars));
        }
    }

    /// Those of a time stamp.
    pub(crate) fn bars(self, group: usize) -> &'a [Bar] {
        match self.shaped {
            Some(shaped) => &shaped.bars[shaped.range(group)],
            None => &self.market.bars[self.market.range(group)],
        }
    }
}

/// The bars that a bot asks for, where they are not the run's own.
pub(crate) fn shaped_for(
    guest: &dyn Guest,
    market: &Market,
    desk: &Desk,
    ids: &[InstrumentId],
) -> Option<Shaped> {
    let class = |id: &InstrumentId| Some((*id, desk.instrument(*id)?.class));
    guest.shape().map(|shape| Shaped::of(market, shape, ids.iter().filter_map(class)))
}

/// The time stamp from which a bot without a state catches up: the first after it was deployed,
/// less its warm-up.
pub(crate) fn first_group(
    seen: Seen<'_>,
    deployed: Timestamp,
    ids: &[InstrumentId],
    warm_up_bars: usize,
) -> usize {
    let mut first = groups_until(seen.market, deployed);
    let mut missing: Vec<usize> = vec![warm_up_bars; ids.len()];
    while first > 0 && missing.iter().any(|left| *left > 0) {
        first -= 1;
        for bar in seen.bars(first) {
            if let Ok(place) = ids.binary_search(&bar.instrument) {
                missing[place] = missing[place].saturating_sub(1);
            }
        }
    }
    first
}

/// How many time stamps are not after `at`.
pub(crate) fn groups_until(market: &Market, at: Timestamp) -> usize {
    let (mut low, mut high) = (0, market.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if market.at(middle) <= at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Gives a bot the bars of `groups`; what it asks for meanwhile is void.
pub(crate) fn catch_up(
    guest: &mut dyn Guest,
    groups: std::ops::Range<usize>,
    ids: &[InstrumentId],
    seen: Seen<'_>,
    desk: &Desk,
    sleeve: SleeveId,
) -> Result<()> {
    let Some(view) = desk.view(sleeve) else {
        return Ok(());
    };
    let mut bars: Vec<Bar> = Vec::new();
    let last = groups.end;
    seen.lay(guest);
    for group in groups {
        let mine = seen.bars(group).iter().filter(|bar| ids.binary_search(&bar.instrument).is_ok());
        bars.extend(mine.copied());
        if bars.len() < CATCH_UP_BARS && group + 1 < last {
            continue;
        }
        if let Some(history) = guest.history() {
            history.give(seen.end(group));
        }
        let mut rest = bars.as_slice();
        while !rest.is_empty() {
            let call = Call {
                events: Events::bars(rest),
                warm_up: true,
                view: &view,
                prices: desk,
                now: seen.market.at(group),
            };
            let handled = usize::try_from(guest.call(&call)?.handled)?;
            rest = rest.get(handled.max(1)..).unwrap_or_default();
        }
        bars.clear();
    }
    Ok(())
}
