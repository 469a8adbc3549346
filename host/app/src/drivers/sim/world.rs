//! The world of one seed: virtual time, the queue of what will happen, and the host with its crashes.
//!
//! One thread. Nothing reads a clock; two runs of a seed do the same things in the same order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use rust_decimal::Decimal;
use stockade_core::broker::{BrokerSnapshot, BudgetReport, TradeUpdate};
use stockade_core::bug::{self, Bug};
use stockade_core::desk::{Action, Desk, Effects, Event, Input, Settings, step};
use stockade_core::limits::NANOS_PER_SECOND;
use stockade_core::risk::Controls;
use stockade_core::row::{AccountRow, Row, Rows};
use stockade_core::{Now, SleeveId, Slug, Symbol, Timestamp};
use stockade_exchange::{Config, Exchange, Sessions};

use super::broker::Broker;
use super::check::{self, Checked, Checks, Violation};
use super::faults::Faults;
use super::network::Request;
use super::random::Random;
use super::report::Counters;
use super::tables::{Tables, encode};
use super::trace::Trace;

/// A millisecond, in nanoseconds.
pub(crate) const MS: i64 = 1_000_000;
/// What a forgetful life remembers beyond the last balanced comparison, in nanoseconds: less than the
/// broker is asked for again.
const FORGETFUL_NS: i64 = 10 * NANOS_PER_SECOND;
/// Steps of one seed, at most: a liveness phase that doesn't end is a failure, not a hang.
const LIVENESS_STEPS_MAX: u64 = 50_000;
/// The liveness phase, in seconds of virtual time (I20).
const LIVENESS_S: i64 = 600;

/// What will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The market moves.
    Tick,
    /// A person does something.
    Person,
    /// The host starts.
    Start,
    /// A request is at the broker.
    Reach(Box<Request>),
    /// A snapshot has read one part and reads the next.
    Part { life: u64, part: u8, snapshot: Box<BrokerSnapshot> },
    /// Something reaches the host, if it still lives the same life.
    Input { life: u64, event: Box<Event> },
    /// The timer.
    Timer { life: u64 },
    /// The host connects the account stream.
    Connect { life: u64 },
    /// The host notices that the socket is dead.
    Noticed { life: u64, socket: u64 },
    /// A message of the account stream.
    Update { socket: u64, update: Box<TradeUpdate> },
    /// A bot is called.
    Call { life: u64, sleeve: SleeveId, generation: u64 },
}

struct Entry {
    at: i64,
    sequence: u64,
    what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) desk: Desk,
    /// Instances of bots: sleeve and generation.
    pub(crate) bots: BTreeMap<SleeveId, u64>,
    /// Whether the desk was told that the stream is up.
    pub(crate) told_up: bool,
    /// When the present socket was connected, by the market's time.
    pub(crate) connected_at: Timestamp,
    /// Whether a snapshot was taken that began after that.
    pub(crate) gap_read: bool,
}

/// The world.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    /// The machine's time, in nanoseconds.
    pub(crate) now: i64,
    market_ahead: i64,
    queue: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    pub(crate) tables: Tables,
    pub(crate) broker: Broker,
    pub(crate) host: Option<Host>,
    pub(crate) life: u64,
    epoch: u64,
    pub(crate) checks: Checks,
    pub(crate) counters: Counters,
    pub(crate) trace: Trace,
    settings: Settings,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) cents: Vec<i64>,
    pub(crate) steps: u64,
    /// No faults, no intents, no persons.
    pub(crate) quiet: bool,
    /// Every group of rows that was committed, where somebody wants them.
    pub(crate) recording: Option<Vec<Vec<Row>>>,
    out: Effects,
}

impl World {
    /// The world of a seed, with nothing started.
    pub(crate) fn new(seed: u64, trace: Trace) -> Result<Self, Violation> {
        let mut random = Random::new(seed);
        let faults = Faults::draw(&mut random);
        let exchange = make_exchange(&mut random, seed)?;
        let start = exchange.now().0;
        let market_ahead = random.between(-2_000, 2_000) * MS;
        let controls = if random.chance(500) { Controls::default() } else { Controls::live() };
        let settings = Settings { budgeted: random.chance(500), ..Settings::default() };
        let label = Slug::new("main").map_err(check::broken)?;
        let at = Timestamp(start);
        let now = Now { market: at, machine: Timestamp(start - market_ahead) };
        let rows = Rows::new_account(label, format!("e{seed}"), true, controls, now);
        let tables = Tables::new(&rows).map_err(check::broken)?;
        let symbols = ["AAPL", "MSFT", "BTC/USD"].map(super::super::model::symbol).to_vec();
        Ok(Self {
            random,
            faults,
            now: start - market_ahead,
            market_ahead,
            queue: BinaryHeap::new(),
            sequence: 0,
            tables,
            broker: Broker::new(exchange),
            host: None,
            life: 0,
            epoch: 0,
            checks: Checks::default(),
            counters: Counters::default(),
            trace,
            settings,
            symbols,
            cents: vec![15_000, 40_000, 6_000_000],
            steps: 0,
            quiet: false,
            recording: None,
            out: Effects::default(),
        })
    }

    /// The safety phase for `steps` inputs, then the liveness phase.
    pub(crate) fn run(&mut self, steps: u64) -> Checked {
        self.trace.line(self.now, || format!("faults {:?}", self.faults.on()));
        for place in 0..self.symbols.len() {
            self.quote(place);
        }
        self.schedule(0, Happening::Start);
        self.schedule(MS, Happening::Tick);
        self.schedule(3_000 * MS, Happening::Person);
        while self.steps < steps {
            self.next()?;
        }
        self.quiet = true;
        self.faults = Faults::default();
        self.trace.line(self.now, || "liveness phase".to_owned());
        let (end, most) =
            (self.now + LIVENESS_S * NANOS_PER_SECOND, self.steps + LIVENESS_STEPS_MAX);
        while self.now < end {
            self.next()?;
            if self.steps > most {
                return Err(Violation::new(
                    "I20",
                    format!("more than {LIVENESS_STEPS_MAX} steps without a fault"),
                ));
            }
        }
        self.counters.busiest_minute = self.broker.busiest_minute;
        check::at_rest(self)
    }

    fn next(&mut self) -> Checked {
        let Some(Reverse(entry)) = self.queue.pop() else {
            return Err(Violation::new("I20", "nothing will ever happen again".to_owned()));
        };
        self.now = self.now.max(entry.at);
        self.happen(entry.what)
    }

    pub(crate) fn schedule(&mut self, after: i64, what: Happening) {
        let entry = Entry { at: self.now + after, sequence: self.sequence, what };
        self.sequence += 1;
        self.queue.push(Reverse(entry));
    }

    /// Schedules an input of the present life.
    pub(crate) fn schedule_input(&mut self, after: i64, event: Event) {
        let life = self.life;
        self.schedule(after, Happening::Input { life, event: Box::new(event) });
    }

    /// The broker's time.
    pub(crate) const fn market(&self) -> Timestamp {
        Timestamp(self.now + self.market_ahead)
    }

    fn happen(&mut self, what: Happening) -> Checked {
        match what {
            Happening::Tick => self.tick(),
            Happening::Person => self.person(),
            Happening::Start => self.start(),
            Happening::Reach(request) => self.reach(*request),
            Happening::Part { life, part, snapshot } => {
                self.read_part(life, part, *snapshot);
                Ok(())
            }
            Happening::Input { life, event } if life == self.life => self.take(*event),
            Happening::Timer { life } if life == self.life => {
                self.schedule(NANOS_PER_SECOND, Happening::Timer { life });
                self.take(Event::Timer)
            }
            Happening::Connect { life } if life == self.life => self.connect(),
            Happening::Noticed { life, socket } if life == self.life => self.notice(socket),
            Happening::Update { socket, update } if self.broker.socket == Some(socket) => {
                self.take(Event::TradeUpdate { update: *update })
            }
            Happening::Call { life, sleeve, generation } if life == self.life => {
                self.call_bot(sleeve, generation)
            }
            // Of a life that is over, or a socket that is dead.
            _ => Ok(()),
        }
    }

    fn start(&mut self) -> Checked {
        // Every other life forgets what the broker is still asked for, and must ask the books.
        let forgets = self.epoch % 2 == 1;
        let since = |account: &AccountRow| match forgets {
            true => account.fills_since.plus(-FORGETFUL_NS),
            false => account.remembers_since(),
        };
        let rows = self.tables.load(since).map_err(check::broken)?;
        let desk = Desk::restore(rows, self.settings)
            .map_err(|error| Violation::new("I31", error.to_string()))?;
        self.trace.line(self.now, || "the host starts".to_owned());
        self.epoch += 1;
        self.counters.starts += 1;
        let (epoch, life) = (self.epoch, self.life);
        let (connected_at, bots) = (Timestamp(i64::MAX), BTreeMap::new());
        self.host = Some(Host { desk, bots, told_up: false, connected_at, gap_read: false });
        self.take(Event::Started { epoch, take_over: false })?;
        let instruments = self.broker.exchange.assets().map(super::super::model::listed).collect();
        if self.life == life {
            self.take(Event::Instruments { instruments })?;
        }
        if self.life == life {
            let after = self.random.between(100, 3_000) * MS;
            self.schedule(after, Happening::Connect { life });
            self.schedule(NANOS_PER_SECOND, Happening::Timer { life });
        }
        Ok(())
    }

    /// The process dies: what it held in memory and on the wire is gone, what it had sent is not.
    pub(crate) fn crash(&mut self, why: &str) {
        self.trace.line(self.now, || format!("the host ends: {why}"));
        self.host = None;
        self.life += 1;
        self.broker.socket = None;
        let down = if self.random.chance(50) {
            self.random.between(60, 900)
        } else {
            self.random.between(1, 20)
        };
        let after = if self.quiet { NANOS_PER_SECOND } else { down * NANOS_PER_SECOND };
        self.schedule(after, Happening::Start);
    }

    fn connect(&mut self) -> Checked {
        let socket = self.sequence;
        self.broker.socket = Some(socket);
        let at = self.market();
        if let Some(host) = &mut self.host {
            (host.connected_at, host.gap_read) = (at, false);
        }
        self.take(Event::AccountStream { up: true })
    }

    /// Cuts the account stream at the broker's side; the host notices later.
    pub(crate) fn drop_socket(&mut self) {
        let Some(socket) = self.broker.socket.take() else {
            return;
        };
        self.counters.sockets_dropped += 1;
        let (life, after) = (self.life, self.random.between(0, 8_000) * MS);
        self.schedule(after, Happening::Noticed { life, socket });
    }

    fn notice(&mut self, socket: u64) -> Checked {
        if self.broker.socket.is_some_and(|present| present != socket) {
            return Ok(());
        }
        let life = self.life;
        self.take(Event::AccountStream { up: false })?;
        if self.life == life {
            let after = self.random.between(200, 15_000) * MS;
            self.schedule(after, Happening::Connect { life });
        }
        Ok(())
    }

    /// One input of the desk: step, commit, act, with a crash anywhere between.
    pub(crate) fn take(&mut self, event: Event) -> Checked {
        if let Some(question) = self.host.as_ref().and_then(|host| host.desk.recall(&event))
            && !bug::is(Bug::NothingRecalled)
        {
            let (life, answer) = (self.life, self.tables.answer(&question));
            self.counters.recalled += 1;
            self.take(Event::Books { answer })?;
            if self.life != life {
                return Ok(());
            }
        }
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        self.steps += 1;
        let seen = check::Seen::before(&event, host);
        self.trace.event(self.now, &event);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let back = if self.random.chance(self.faults.clock_back) { 5_000 * MS } else { 0 };
        let market = Timestamp(self.now + self.market_ahead - back);
        let now = Now { market, machine: Timestamp(self.now - back) };
        let ends = matches!(event, Event::AccountStream { up: false });
        if let Event::AccountStream { up } = &event {
            (host.told_up, host.gap_read) = (*up, false);
        }
        if let Event::Snapshot { answer: stockade_core::broker::Answer::Done { value } } = &event
            && value.began >= host.connected_at
        {
            host.gap_read = true;
        }
        step(&mut host.desk, Input { now, event }, &mut out);
        if ends {
            host.connected_at = Timestamp(i64::MAX);
        }
        let done = self.settle(&seen, &mut out);
        self.out = out;
        done
    }

    fn settle(&mut self, seen: &check::Seen, out: &mut Effects) -> Checked {
        let life = self.life;
        if bug::is(Bug::ActBeforeCommit) {
            self.perform_all(out, life)?;
        }
        if !self.commit(seen, out)? {
            return Ok(());
        }
        check::after_step(self, seen, out)?;
        if self.random.chance(self.faults.crash) {
            self.counters.crashes += 1;
            self.crash("after a commit");
            return Ok(());
        }
        if bug::is(Bug::ActBeforeCommit) {
            return Ok(());
        }
        self.perform_all(out, life)
    }

    fn perform_all(&mut self, out: &mut Effects, life: u64) -> Checked {
        for action in out.actions.drain(..) {
            self.perform(action)?;
            if self.life == life && self.random.chance(self.faults.crash) {
                self.counters.crashes += 1;
                self.crash("between two actions");
            }
            if self.life != life {
                break;
            }
        }
        Ok(())
    }

    /// Commits a group. Gives whether the host goes on: after a failed or doubtful commit it starts again.
    fn commit(&mut self, seen: &check::Seen, out: &mut Effects) -> Result<bool, Violation> {
        if out.rows.is_empty() {
            return Ok(true);
        }
        if self.random.chance(self.faults.crash) {
            self.counters.crashes += 1;
            self.crash("before a commit");
            return Ok(false);
        }
        if self.random.chance(self.faults.commit_fails) {
            self.counters.commits_failed += 1;
            self.crash("a commit failed");
            return Ok(false);
        }
        let doubtful = self.random.chance(self.faults.commit_doubtful);
        if doubtful {
            self.counters.commits_doubtful += 1;
            if self.random.chance(500) {
                self.crash("a doubtful commit was not taken");
                return Ok(false);
            }
        }
        let rows = std::mem::take(&mut out.rows);
        let mut group = Vec::with_capacity(rows.len());
        for row in rows {
            let bytes = encode(&row).map_err(check::broken)?;
            self.trace.bytes(&bytes);
            group.push((row, bytes));
        }
        self.tables.commit(&group);
        check::committed(self, seen, &group)?;
        if let Some(recording) = &mut self.recording {
            recording.push(group.into_iter().map(|(row, _)| row).collect());
        }
        if doubtful && self.random.chance(500) {
            self.crash("a doubtful commit was taken");
            return Ok(false);
        }
        Ok(true)
    }

    fn perform(&mut self, action: Action) -> Checked {
        self.trace.action(self.now, &action);
        match action {
            Action::Submit { order, attempt } => {
                check::before_submit(self, &order, attempt)?;
                self.submit(order, attempt);
            }
            Action::Cancel { order, broker_order_id } => self.cancel(order, broker_order_id),
            Action::LookUp { order, client_order_id } => self.look_up(order, client_order_id),
            Action::Snapshot { since } => self.snapshot(since),
            Action::StartBot { sleeve, generation } => self.start_bot(sleeve, generation),
            Action::StopBot { sleeve } => {
                if let Some(host) = &mut self.host {
                    host.bots.remove(&sleeve);
                }
            }
            Action::ReadBooks { question } => {
                let answer = self.tables.answer(&question);
                self.schedule_input(MS, Event::Books { answer });
            }
            Action::Refuse { why } => {
                return Err(Violation::new(
                    "D1",
                    format!("refused to trade its own account: {why}"),
                ));
            }
            Action::Alert { .. } => self.counters.alerts += 1,
            Action::Notify { .. } => {}
        }
        Ok(())
    }

    /// Tells the desk how much of the request budget is left, as the headers do.
    pub(crate) fn tell_budget(&mut self, used: usize) {
        if !self.settings.budgeted || !self.random.chance(150) {
            return;
        }
        let remaining = u32::try_from(200usize.saturating_sub(used)).unwrap_or(0);
        let report = BudgetReport { limit: 200, remaining, resets_in: 30 * NANOS_PER_SECOND };
        self.schedule_input(MS, Event::Budget { report });
    }
}

fn make_exchange(random: &mut Random, seed: u64) -> Result<Exchange, Violation> {
    let mut config = Config::paper(Decimal::from(200_000));
    config.partial_fill_permille = u32::try_from(random.below(700)).unwrap_or(0);
    config.cancel_race_permille = u32::try_from(random.below(500)).unwrap_or(0);
    config.sessions = if random.chance(400) { Sessions::Always } else { Sessions::Calendar };
    if random.chance(200) {
        config.fee_bps = Decimal::new(random.between(1, 30), 1);
    }
    // A Tuesday; one run in four sees the session close.
    let (hour, minute) = if random.chance(250) { (15, 57) } else { (10, 5) };
    let day = stockade_exchange::time::Date::new(2026, 3, 10)
        .ok_or_else(|| Violation::new("setup", "no such day".to_owned()))?;
    let at = day.at_new_york(hour, minute);
    let mut exchange = Exchange::new(config, seed, at).map_err(check::broken)?;
    for name in ["AAPL", "MSFT", "BTC/USD"] {
        exchange.intern(name).map_err(check::broken)?;
    }
    Ok(exchange)
}
