//! The start of an instance: subscribe, read, sort out, hand over.
//!
//! Guarantees: between the last bar of history and the first of the stream none is missing and none
//! is there twice. What comes while an instance is being made waits for it.

use stockade_core::desk::{BotReport, Desk, Event, GoodRun, OrderUpdate};
use stockade_core::market::{Bar, MarketEvent};
use stockade_core::row::BotRow;
use stockade_core::sleeve::Prices;
use stockade_core::{Now, SleeveId, Symbol};
use stockade_runtime::{Bot, EventKind, Plugin};

use super::super::catch_up::{self, Beginning};
use super::super::cost::Lane;
use super::super::hand_over::{BotEvent, Start};
use super::super::prepare::{Prepared, prepare};
use super::super::rehearsal::Recording;
use super::super::shaping::{Read, Shaping};
use super::super::shard::Work;
use super::super::slot::{NEVER, Phase, Slot};
use super::super::{Incoming, market};
use super::reloading::is_rejected;
use super::{BotMessage, Bots, MINUTE_NS, config};

/// How long the broker may take to confirm a bot's symbols, in machine nanoseconds: a bot that
/// trades on a timer should not wait for ever for a stream that is down.
const CONFIRMED_MAX_NS: i64 = 10 * 1_000_000_000;

impl Bots {
    /// Begins to make an instance: its symbols are to be subscribed to first.
    pub(crate) fn start(&mut self, desk: &Desk, sleeve: SleeveId, generation: u64, now: Now) {
        let Some(row) = desk.bot(sleeve).cloned() else {
            return;
        };
        let Some(plugin) = self.version_of(desk, &row) else {
            let file = self.folder.join(format!("{}.wasm", row.plugin));
            if self.plugins.contains_key(&row.plugin) {
                self.fail(sleeve, generation, rejected(&row));
            } else if let Some(cause) = self.refused.get(&row.plugin) {
                self.fail(sleeve, generation, cause.clone());
            } else if file.is_file() {
                // It is being compiled: the bot starts when it is there.
                self.waiting.insert(sleeve, generation);
            } else {
                self.fail(sleeve, generation, format!("there is no {}", file.display()));
            }
            return;
        };
        let wanted =
            row.symbols.iter().filter_map(|symbol| Some((desk.find(symbol)?, NEVER))).collect();
        let name = Some(row.name.as_str());
        let limits = self.settings.limits.of(plugin.tier(), plugin.name(), name);
        let mut kept = self.slots.remove(&sleeve).map(|slot| slot.queue).unwrap_or_default();
        let shaping = shaping(desk, &row, &plugin);
        if shaping.is_some() {
            // Built ones can't be sorted among the stream's; history has all of them.
            kept.retain(|event| event.bars().is_none());
        }
        let timer = plugin.description().timer_period;
        let slot = Slot {
            generation,
            plugin: plugin.clone(),
            row: row.clone(),
            wanted,
            symbols: row
                .symbols
                .iter()
                .filter(|symbol| desk.find(symbol).is_some())
                .cloned()
                .collect(),
            phase: Phase::Subscribing(now.machine),
            queue: kept,
            next_timer: (timer > 0).then(|| now.market.plus(timer)),
            saved_at: now.machine,
            last_event: now.market,
            cursor: now.market.plus(-MINUTE_NS),
            run: GoodRun::default(),
            roll_back: None,
            reload: None,
            becoming: None,
            crowded: false,
            lane: self.used.get(&sleeve).map_or(Lane::Quick, |used| used.cost.lane),
            queue_max: usize::try_from(limits.queue).unwrap_or(usize::MAX),
            dropped: 0,
            waiting_since: None,
            view: None,
            seeing: None,
            recording: Recording::default(),
            shaping,
        };
        self.slots.insert(sleeve, slot);
    }

    /// The version that a bot starts with: the file's, unless that was not taken before; then the one
    /// that ran last.
    fn version_of(&self, desk: &Desk, row: &BotRow) -> Option<Plugin> {
        let taken = |plugin: &&Plugin| !is_rejected(desk, row.sleeve, plugin);
        let of_file = self.plugins.get(&row.plugin)?;
        let good = self.good.get(&row.sleeve).filter(|good| good.name() == row.plugin);
        Some(of_file).filter(taken).or_else(|| good.filter(taken)).cloned()
    }

    /// An instance was made, or could not be.
    pub(super) fn started(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        outcome: Result<Box<Bot>, String>,
    ) -> Vec<Event> {
        let Some(slot) = self.slots.get_mut(&sleeve).filter(|s| s.generation == generation) else {
            return Vec::new();
        };
        let bot = match outcome {
            Ok(bot) => bot,
            Err(cause) => {
                let changed = *slot.row.digest != **slot.plugin.digest();
                // A version that came while the bot was down, and can't be started.
                let refused = slot.plugin.digest().to_string();
                let report = BotReport::RolledBack {
                    generation,
                    digest: slot.row.digest.clone(),
                    version: slot.row.version.clone(),
                    refused_digest: refused,
                    cause: cause.clone(),
                };
                self.slots.remove(&sleeve);
                let rejected = changed.then_some(Event::Bot { sleeve, report });
                let failed = BotReport::Failed { generation, cause };
                return rejected
                    .into_iter()
                    .chain([Event::Bot { sleeve, report: failed }])
                    .collect();
            }
        };
        self.used.entry(sleeve).or_default().limits = Some(bot.limits().clone());
        slot.queue_max = usize::try_from(bot.limits().queue).unwrap_or(usize::MAX);
        self.good.insert(sleeve, slot.plugin.clone());
        self.shards.send(slot.lane, sleeve, Work::Adopt(sleeve, generation, bot));
        let events = slot.started(sleeve);
        if slot.generation != generation {
            let renumber = Work::Renumber(sleeve, slot.generation);
            self.shards.send(slot.lane, sleeve, renumber);
        }
        events
    }

    /// Reads state and history of the bots whose symbols are subscribed to: what ends later comes
    /// by the stream.
    pub(crate) fn read_for_starts(&mut self, is_confirmed: &dyn Fn(&Symbol) -> bool, now: Now) {
        for (sleeve, slot) in &mut self.slots {
            let Phase::Subscribing(since) = slot.phase else {
                continue;
            };
            let open = slot.symbols.iter().find(|symbol| !is_confirmed(symbol));
            if let Some(symbol) = open {
                if now.machine.since(since) < CONFIRMED_MAX_NS {
                    continue;
                }
                tracing::warn!(bot = %slot.row.name, %symbol, "starts without its data stream: bars of the start may be missing");
            }
            slot.phase = Phase::Starting;
            let (store, alpaca, label, inputs) =
                (self.store.clone(), self.alpaca.clone(), self.label.clone(), self.inputs.clone());
            let (sleeve, generation) = (*sleeve, slot.generation);
            let (row, plugin) = (slot.row.clone(), slot.plugin.clone());
            let length = slot.shaping.as_ref().map(Shaping::length);
            tokio::spawn(async move {
                let prepared = prepare(&store, &alpaca, &label, (&row, &plugin), length).await;
                let prepared = Box::new(prepared.map_err(|error| format!("{error:#}")));
                let message = BotMessage::Prepared(sleeve, generation, prepared);
                let _ = inputs.send(Incoming::Bot(message)).await;
            });
        }
    }

    pub(super) fn on_prepared(
        &mut self,
        sleeve: SleeveId,
        generation: u64,
        prepared: Result<Prepared, String>,
        desk: &Desk,
    ) -> Vec<Event> {
        let Some(sight) = self.sight(desk, sleeve, desk.now().market) else {
            return Vec::new();
        };
        let Some(slot) = self.slots.get_mut(&sleeve) else {
            return Vec::new();
        };
        if slot.generation != generation {
            return Vec::new();
        }
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(cause) => {
                self.slots.remove(&sleeve);
                return vec![Event::Bot {
                    sleeve,
                    report: BotReport::Failed { generation, cause },
                }];
            }
        };
        slot.cursor = prepared.cursor.unwrap_or(slot.cursor);
        let history: Vec<Bar> =
            prepared.bars.iter().filter_map(|found| market::bar(desk, found)).collect();
        self.history.add_older(&history);
        let warm_up = usize::try_from(slot.plugin.description().warm_up_bars).unwrap_or(0);
        let beginning =
            if prepared.state.is_some() { Beginning::State } else { Beginning::New { warm_up } };
        let beginning = match beginning {
            // Bars of its own are counted once they are built.
            Beginning::New { .. } if slot.shaping.is_some() => {
                Beginning::New { warm_up: usize::MAX }
            }
            other => other,
        };
        let sorted = catch_up::sort(beginning, history, &mut slot.queue);
        for bar in sorted.warm_up.iter().chain(&sorted.missed).flatten() {
            if let Some(last) = slot.wanted.get_mut(&bar.instrument) {
                *last = bar.at.max(*last);
            }
        }
        if let Some(bars) = sorted.warm_up.last() {
            slot.cursor = slot.cursor.max(bars[0].at);
        }
        let seen_before = match &mut slot.shaping {
            Some(shaping) => shaping.begin(Read {
                minutes: sorted.warm_up,
                from: prepared.from,
                seen: prepared.cursor,
                warm_up,
            }),
            None => sorted.warm_up,
        };
        slot.build_what_waits();
        let mut since: Vec<BotEvent> = seen_before.into_iter().map(BotEvent::Bars).collect();
        if slot.plugin.description().events.contains(&EventKind::Orders) {
            since.extend(standing_orders(desk, sleeve));
        }
        let told = slot.shaping.as_ref().map_or(&self.history, Shaping::history).clone();
        let start = Start {
            plugin: slot.plugin.clone(),
            config: config(&self.settings, desk, &slot.row, &slot.plugin, told),
            state: prepared.state,
            since,
            sight,
        };
        self.shards.send_long(Work::Start(sleeve, generation, Box::new(start)));
        // The desk hears of a bar before any bot acts on it.
        let missed = sorted.missed.into_iter();
        missed.map(|bars| Event::Market { market: MarketEvent::Bars { bars } }).collect()
    }
}

/// How a version's bars are built, where it describes some.
pub(super) fn shaping(desk: &Desk, row: &BotRow, plugin: &Plugin) -> Option<Shaping> {
    let ids = row.symbols.iter().filter_map(|symbol| desk.find(symbol));
    Shaping::of(plugin, ids.filter_map(|id| Some((id, desk.instrument(id)?.class))))
}

/// Why a bot does not start with the only version that there is.
fn rejected(row: &BotRow) -> String {
    format!(
        "the file {}.wasm holds a version that was not taken before, and the one that ran is gone: stockade bot reload {} \
         tries it again",
        row.plugin, row.name
    )
}

/// The present orders of a sleeve, as the end of catching up.
fn standing_orders(desk: &Desk, sleeve: SleeveId) -> Vec<BotEvent> {
    let orders = desk.open_orders().filter(|order| order.sleeve == sleeve);
    orders
        .map(|order| {
            BotEvent::Order(OrderUpdate {
                intent_id: order.intent_id,
                symbol: order.symbol.clone(),
                side: order.side,
                status: Some(order.status),
                reason: order.end_reason.clone(),
                filled_qty: order.filled_qty,
                last_qty: stockade_core::Qty::ZERO,
                last_price: None,
                lot: None,
                at: desk.now().market,
            })
        })
        .collect()
}
