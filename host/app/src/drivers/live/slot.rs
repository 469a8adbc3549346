//! One bot as the host sees it: which instance it is, what waits for it, the version before it.

use std::collections::{BTreeMap, VecDeque};

use stockade_core::desk::{BotReport, Event, GoodRun, IntentBatch};
use stockade_core::market::Bar;
use stockade_core::row::BotRow;
use stockade_core::{InstrumentId, SleeveId, Symbol, Timestamp};
use stockade_runtime::{EVENTS_PER_CALL_MAX, EventKind, Plugin, Snapshot};
use tokio::sync::oneshot;

use super::shard::{BotEvent, Done, same_kind};
use crate::link;

/// Events that wait for one bot. Money events are few; bars beyond this mean that it can't keep up.
const QUEUE_MAX: usize = 100_000;
/// Time stamps of one call.
const BATCH_MAX: usize = 256;
/// Calls that a new version must survive before the old one is let go.
pub(super) const ROLL_BACK_CALLS: u32 = 16;

#[derive(PartialEq, Eq)]
pub(super) enum Phase {
    /// Its symbols are being subscribed to, since a time of the machine. What comes meanwhile waits.
    Subscribing(Timestamp),
    /// An instance is being made.
    Starting,
    Idle,
    /// A call, save or reload is under way.
    Busy,
}

/// The version before, kept until the new one has proved itself.
pub(super) struct RollBack {
    pub(super) plugin: Plugin,
    pub(super) state: Snapshot,
    /// Events that the new version has handled.
    pub(super) since: Vec<BotEvent>,
    pub(super) calls_left: u32,
}

pub(super) struct Slot {
    pub(super) generation: u64,
    pub(super) plugin: Plugin,
    pub(super) row: BotRow,
    /// Its instruments, and the last bar of each that it was given: none comes twice.
    pub(super) wanted: BTreeMap<InstrumentId, Timestamp>,
    /// Those of its symbols that the account knows.
    pub(super) symbols: Vec<Symbol>,
    pub(super) phase: Phase,
    pub(super) queue: VecDeque<BotEvent>,
    pub(super) next_timer: Option<Timestamp>,
    pub(super) saved_at: Timestamp,
    pub(super) last_event: Timestamp,
    /// The last bar that the instance has seen, by its start: a saved state goes on behind it.
    pub(super) cursor: Timestamp,
    /// What the instance has handled well.
    pub(super) run: GoodRun,
    pub(super) roll_back: Option<RollBack>,
    pub(super) reload: Option<(Plugin, Option<oneshot::Sender<link::Answer>>)>,
    /// The person who waits for the reload that is under way.
    pub(super) answer: Option<oneshot::Sender<link::Answer>>,
    /// The bot that the reload under way is to become.
    pub(super) becoming: Option<Plugin>,
}

impl Slot {
    pub(super) fn push(&mut self, event: BotEvent) {
        if self.queue.len() < QUEUE_MAX {
            self.queue.push_back(event);
        } else if matches!(event, BotEvent::Order(_)) {
            // Money events are never dropped: the oldest bar makes room.
            if let Some(place) = self.queue.iter().position(|e| !matches!(e, BotEvent::Order(_))) {
                self.queue.remove(place);
            }
            self.queue.push_back(event);
        }
    }

    /// Bars of the stream, as far as it wants them and has not been given them.
    pub(super) fn bars(&mut self, bars: &[Bar]) {
        let mut new = Vec::new();
        for bar in bars {
            if let Some(last) = self.wanted.get_mut(&bar.instrument)
                && bar.at > *last
            {
                *last = bar.at;
                new.push(*bar);
            }
        }
        if !new.is_empty() {
            self.push(BotEvent::Bars(new));
        }
    }

    pub(super) fn wants(&self, kind: EventKind, instrument: InstrumentId) -> bool {
        self.wanted.contains_key(&instrument) && self.plugin.description().events.contains(&kind)
    }

    pub(super) fn is_due(&self) -> bool {
        self.phase == Phase::Idle && (!self.queue.is_empty() || self.reload.is_some())
    }

    /// The next events of one kind. Many time stamps go together only while the bot has no open
    /// order, so that a batch means what single calls mean.
    pub(super) fn batch(&mut self, free: bool) -> Vec<BotEvent> {
        let front: &[BotEvent] = self.queue.make_contiguous();
        let same = same_kind(front);
        let mut bars = 0;
        let fits = |event: &&BotEvent| {
            bars += if let BotEvent::Bars(group) = event { group.len() } else { 1 };
            bars <= EVENTS_PER_CALL_MAX
        };
        let most = match front.first() {
            Some(BotEvent::Bars(_)) if !free => 1,
            _ => front.iter().take(BATCH_MAX).take_while(fits).count().max(1),
        };
        self.queue.drain(..same.min(most)).collect()
    }

    pub(super) fn requeue(&mut self, events: Vec<BotEvent>) {
        for event in events.into_iter().rev() {
            self.queue.push_front(event);
        }
    }

    pub(super) fn started(&mut self, sleeve: SleeveId) -> Vec<Event> {
        self.phase = Phase::Idle;
        let generation = self.generation;
        let mut events = vec![Event::Bot { sleeve, report: BotReport::Ready { generation } }];
        if *self.row.digest != **self.plugin.digest() {
            // The file was replaced while the bot was down.
            self.generation += 1;
            let report = BotReport::Reloaded {
                generation: self.generation,
                digest: self.plugin.digest().to_string(),
                version: self.plugin.description().version.clone(),
                pause_ns: 0,
            };
            self.row.digest = self.plugin.digest().to_string();
            events.push(Event::Bot { sleeve, report });
        }
        events
    }

    pub(super) fn called(
        &mut self,
        sleeve: SleeveId,
        mut events: Vec<BotEvent>,
        done: Done,
    ) -> Vec<Event> {
        let rest = events.split_off(done.handled.min(events.len()));
        self.requeue(rest);
        let mut times = events.iter().filter_map(event_time);
        if let Some(first) = times.next() {
            let last = times.next_back().unwrap_or(first);
            self.last_event = self.last_event.max(last);
            self.run.took(events.iter().map(count).sum(), first, last);
        }
        if let Some(at) = events.iter().rev().find_map(bar_time) {
            self.cursor = self.cursor.max(at);
        }
        if let Some(back) = &mut self.roll_back {
            back.since.extend(events);
            back.calls_left -= 1;
            if back.calls_left == 0 {
                self.roll_back = None;
            }
        }
        if done.requests.is_empty() {
            return Vec::new();
        }
        let batch = IntentBatch {
            sleeve,
            generation: self.generation,
            requests: done.requests,
            snapshot: done.state.map(|state| state.to_bytes().into()),
            digest: self.plugin.digest().clone(),
            seen: self.cursor,
        };
        vec![Event::Intents { batch }]
    }

    /// The running version goes on.
    pub(super) fn kept(&self, refused_digest: String, cause: String) -> BotReport {
        BotReport::RolledBack {
            generation: self.generation,
            digest: self.plugin.digest().to_string(),
            version: self.plugin.description().version.clone(),
            refused_digest,
            cause,
        }
    }
}

/// Events as a handler counts them: each bar of a time stamp is one.
fn count(event: &BotEvent) -> usize {
    match event {
        BotEvent::Bars(bars) => bars.len(),
        _ => 1,
    }
}

fn bar_time(event: &BotEvent) -> Option<Timestamp> {
    match event {
        BotEvent::Bars(bars) => bars.first().map(|bar| bar.at),
        _ => None,
    }
}

fn event_time(event: &BotEvent) -> Option<Timestamp> {
    match event {
        BotEvent::Bars(bars) => bars.first().map(|bar| bar.at),
        BotEvent::Quote(quote) => Some(quote.at),
        BotEvent::Trade(trade) => Some(trade.at),
        BotEvent::Order(update) => Some(update.at),
        BotEvent::Timer(at) => Some(*at),
        BotEvent::Session(session) => Some(session.at),
    }
}
