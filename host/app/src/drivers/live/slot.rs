//! One bot as the host sees it: which instance it is, what waits for it, the version before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stockade_core::desk::{BotReport, Event, GoodRun, IntentBatch};
use stockade_core::market::{Bar, Trade};
use stockade_core::row::BotRow;
use stockade_core::sleeve::SleeveView;
use stockade_core::{InstrumentId, SleeveId, Symbol, Timestamp};
use stockade_runtime::{Bot, EVENTS_PER_CALL_MAX, EventKind, Plugin, Snapshot};

use super::bots::Answering;
use super::cost::{Cost, Lane};
use super::hand_over::{BotEvent, Done, same_kind};
use super::rehearsal::Recording;
use super::shaping::Shaping;
use super::sight::Sight;
use crate::link;

/// Time stamps of one call.
const BATCH_MAX: usize = 256;
/// Calls that a new version must survive before the old one is let go.
pub(super) const ROLL_BACK_CALLS: u32 = 16;

/// The last bar of an instrument of which none was given.
pub(super) const NEVER: Timestamp = Timestamp(i64::MIN);

/// Parameters by name.
type Params = Vec<(String, String)>;

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
    /// The parameters before, where it was those that changed.
    pub(super) params: Option<Params>,
    /// Events that the new version has handled.
    pub(super) since: Vec<BotEvent>,
    pub(super) calls_left: u32,
}

/// A version that is to take the running one's place.
pub(super) struct Wanted {
    pub(super) plugin: Plugin,
    /// All parameters of the running version, where it is those that are to change.
    pub(super) params: Option<Params>,
    /// The person who waits for it.
    pub(super) answer: Option<Answering>,
}

/// A version on its way there.
pub(super) struct Becoming {
    pub(super) wanted: Wanted,
    /// Its instance, once it is made.
    pub(super) shadow: Option<Box<Bot>>,
    /// Its bars, where the version describes others.
    pub(super) reshaped: Option<Option<Shaping>>,
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
    /// A version that is to take its place.
    pub(super) reload: Option<Wanted>,
    /// The same, being made.
    pub(super) becoming: Option<Becoming>,
    /// The lane that the instance lives in.
    pub(super) lane: Lane,
    /// Events that may wait.
    pub(super) queue_max: usize,
    /// Market events that had to make room since it was last told.
    pub(super) dropped: u64,
    /// Since when the oldest event waits, in the machine's time.
    pub(super) waiting_since: Option<Timestamp>,
    /// The sleeve as it was last looked at.
    pub(super) view: Option<Arc<SleeveView>>,
    /// What the call under way sees.
    pub(super) seeing: Option<Sight>,
    pub(super) recording: Recording,
    /// Where it describes bars of its own.
    pub(super) shaping: Option<Shaping>,
    /// Whether people were told that there are too many new versions.
    pub(super) crowded: bool,
}

impl Slot {
    /// An event that waits from now on. Beyond the limit the oldest of the market makes room: what
    /// became of an order is never dropped.
    pub(super) fn push(&mut self, event: BotEvent) {
        if self.queue.len() >= self.queue_max {
            self.dropped += 1;
            let oldest = self.queue.iter().position(|e| !matches!(e, BotEvent::Order(_)));
            match (oldest, &event) {
                (Some(place), _) => drop(self.queue.remove(place)),
                (None, BotEvent::Order(_)) => {}
                (None, _) => return,
            }
        }
        self.queue.push_back(event);
    }

    /// From now on this version is to take its place, and none that was wanted before.
    pub(super) fn want(&mut self, wanted: Wanted) {
        if let Some(before) = self.reload.replace(wanted) {
            let message = "a newer version came meanwhile".to_owned();
            before.answer(link::Answer::Failed { message });
        }
    }

    /// Bars of the stream, as far as it wants them and has not been given them.
    pub(super) fn bars(&mut self, bars: &[Bar]) {
        let new = self.new_of(bars);
        self.take(new, false);
    }

    /// Bars of a time stamp: handed on, or built into those that the bot describes.
    fn take(&mut self, new: Vec<Bar>, late: bool) {
        let Some(at) = new.first().map(|bar| bar.at) else {
            return;
        };
        match self.shaping.as_mut().filter(|shaping| shaping.is_ready()) {
            Some(shaping) => {
                let built = shaping.minutes(&new);
                self.built(built, at, late);
            }
            None if late => self.push(BotEvent::Missed(new)),
            None => self.push(BotEvent::Bars(new)),
        }
    }

    fn built(&mut self, groups: Vec<Vec<Bar>>, at: Timestamp, late: bool) {
        for group in groups {
            self.push(match late {
                true => BotEvent::BuiltLate(group, at),
                false => BotEvent::Built(group, at),
            });
        }
    }

    /// A trade of one of its instruments, where its bars are built of trades.
    pub(super) fn trade(&mut self, trade: &Trade) {
        if self.wanted.contains_key(&trade.instrument)
            && let Some(shaping) = &mut self.shaping
            && shaping.is_of_trades()
            && shaping.is_ready()
        {
            let built = shaping.trade(trade);
            self.built(built, trade.at, false);
        }
    }

    /// A session has ended, and the market has gone on.
    pub(super) fn close(&mut self, close: Timestamp) {
        if let Some(shaping) = self.shaping.as_mut().filter(|shaping| shaping.is_ready()) {
            let built = shaping.close(close);
            self.built(built, close, false);
        }
    }

    /// Builds what has waited for the bars of history.
    pub(super) fn build_what_waits(&mut self) {
        for event in std::mem::take(&mut self.queue) {
            match event {
                BotEvent::Bars(bars) => self.take(bars, false),
                BotEvent::Missed(bars) => self.take(bars, true),
                other => self.queue.push_back(other),
            }
        }
    }

    /// Bars that the stream has not brought, under the same rule.
    pub(super) fn missed(&mut self, bars: &[Bar]) {
        let new = self.new_of(bars);
        self.take(new, true);
    }

    fn new_of(&mut self, bars: &[Bar]) -> Vec<Bar> {
        let mut new = Vec::new();
        for bar in bars {
            if let Some(last) = self.wanted.get_mut(&bar.instrument)
                && bar.at > *last
            {
                *last = bar.at;
                new.push(*bar);
            }
        }
        new
    }

    pub(super) fn wants(&self, kind: EventKind, instrument: InstrumentId) -> bool {
        self.wanted.contains_key(&instrument) && self.plugin.description().events.contains(&kind)
    }

    pub(super) fn is_due(&self) -> bool {
        let shadow = self.becoming.as_ref().is_some_and(|becoming| becoming.shadow.is_some());
        self.phase == Phase::Idle && (!self.queue.is_empty() || shadow)
    }

    /// The next events of one kind. Many time stamps go together only while the bot has no open
    /// order, so that a batch means what single calls mean.
    pub(super) fn batch(&mut self, free: bool, cost: &Cost) -> Vec<BotEvent> {
        let front: &[BotEvent] = self.queue.make_contiguous();
        let same = same_kind(front);
        let mut bars = 0;
        let fits = |event: &&BotEvent| {
            bars += event.count();
            bars <= EVENTS_PER_CALL_MAX
        };
        let most = match front.first() {
            Some(BotEvent::Bars(_) | BotEvent::Built(..)) if !free => 1,
            _ => {
                let most = cost.batch_max(BATCH_MAX);
                front.iter().take(most).take_while(fits).count().max(1)
            }
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
        if let Some(sight) = self.seeing.take() {
            self.recording.call(&events, &sight, &done.requests);
        }
        if let Some(state) = &done.state {
            self.recording.state(state);
        }
        let mut times = events.iter().filter_map(BotEvent::at);
        if let Some(first) = times.next() {
            let last = times.next_back().unwrap_or(first);
            self.last_event = self.last_event.max(last);
            self.run.took(events.iter().map(BotEvent::count).sum(), first, last);
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

fn bar_time(event: &BotEvent) -> Option<Timestamp> {
    match event {
        BotEvent::Bars(bars) | BotEvent::Missed(bars) => bars.first().map(|bar| bar.at),
        BotEvent::Built(_, at) | BotEvent::BuiltLate(_, at) => Some(*at),
        _ => None,
    }
}
