//! The lockstep loop: exchange, desk and bots in one thread, time stamp by time stamp.
//!
//! The backtest and `run --paper-exchange` are this loop with different sinks for the rows. Order
//! of things at a time stamp (COMMANDS, reference behaviour): orders match against the bars; fills
//! are booked; bots hear of their orders; bots get the bars; what they ask for is checked and sent;
//! equity is sampled.

mod bot;
mod guest;
mod happened;
mod instance;
mod market;
mod quiet;
mod shaped;
mod ticks;

pub(crate) use bot::{Asked, Former, LocalBot, Told};
pub(crate) use guest::Guest;
pub(crate) use instance::{Beginning, Made, Maker, Seen, catch_up, first_group, shaped_for};
pub(crate) use market::Market;
pub(crate) use shaped::Shaped;

use std::collections::VecDeque;

use anyhow::{Result, bail};
use stockade_core::broker::{Answer, BrokerOrder};
use stockade_core::desk::{
    Action, BooksAnswer, BotReport, Command, Desk, Effects, Event, Input, IntentBatch, Question,
    Reply, observe, step,
};
use stockade_core::row::{BotState, Row};
use stockade_core::{Now, SleeveId, Timestamp};
use stockade_exchange as model;
use stockade_runtime::{SessionEvent, SessionKind, Strike};

use super::model as translate;

/// Rounds of "hear, ask, hear again" at one time stamp: a bot that answers every update with an
/// order would never end it.
const ROUNDS_MAX: usize = 64;

/// Where rows go.
pub(crate) trait Sink {
    /// Commits the rows of one input. What they caused happens only after this has returned.
    fn commit(&mut self, rows: &mut Vec<Row>) -> Result<()>;

    /// The exchange is about to be asked for something. A driver whose exchange outlives it writes
    /// this down first.
    fn before(&mut self, _request: ExchangeRequest<'_>, _at: Timestamp) -> Result<()> {
        Ok(())
    }

    /// Asks the books about the past.
    fn answer(&mut self, question: &Question) -> Result<BooksAnswer>;
}

/// What the loop asks of the exchange: with the bars, all that its state depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExchangeRequest<'a> {
    /// A new order.
    Submit(&'a BrokerOrder),
    /// A cancel, by the broker's id.
    Cancel(&'a str),
    /// The end of the market.
    Finish,
}

/// What a driver is told.
pub(crate) enum Note {
    /// A bot's instance is wanted.
    StartBot(SleeveId, u64),
    /// The desk must not trade.
    Refuse(String),
    /// For people.
    Alert(String, String),
}

/// Exchange, desk and bots.
pub(crate) struct Lockstep<S> {
    /// The account's desk.
    pub(crate) desk: Desk,
    /// The broker.
    pub(crate) exchange: model::Exchange,
    /// The bots, by sleeve.
    pub(crate) bots: Vec<LocalBot>,
    /// Where rows go.
    pub(crate) sink: S,
    /// What the loop can't do itself.
    pub(crate) notes: Vec<Note>,
    now: Now,
    out: Effects,
    actions: VecDeque<Action>,
    updates: Vec<model::TradeUpdate>,
    /// The session that is open, by its day's key.
    session: Option<u32>,
    /// From when the calendar must be read again.
    calendar_until: Timestamp,
    /// Activities of the exchange that the desk has been told of; `None` where the run has none but
    /// fills.
    told: Option<usize>,
}

impl<S: Sink> Lockstep<S> {
    pub(crate) fn new(desk: Desk, exchange: model::Exchange, sink: S, at: Timestamp) -> Self {
        // Neither clock of the desk goes back.
        let now = Now { market: at, machine: at.max(desk.now().machine) };
        Self {
            desk,
            exchange,
            bots: Vec::new(),
            sink,
            notes: Vec::new(),
            now,
            out: Effects::default(),
            actions: VecDeque::new(),
            updates: Vec::new(),
            session: None,
            calendar_until: Timestamp(i64::MIN),
            told: None,
        }
    }

    /// The same, with the desk told of what happens to the account beside fills.
    pub(crate) fn telling(mut self, tells: bool) -> Self {
        self.told = tells.then_some(0);
        self
    }

    /// Starts the desk and compares it with the broker, until orders can be sent.
    pub(crate) fn start(&mut self, epoch: u64) -> Result<()> {
        self.put(Event::Started { epoch, take_over: false })?;
        self.put(Event::AccountStream { up: true })?;
        for _ in 0..10 {
            if self.desk.is_ready() {
                return Ok(());
            }
            self.pass(60_000_000_000)?;
        }
        bail!("the comparison with the exchange did not end: {:?}", self.desk.reconciliation())
    }

    /// A person's command.
    pub(crate) fn command(&mut self, command: Command) -> Result<Reply> {
        self.put(Event::Command { command })?;
        self.out.reply.take().ok_or_else(|| anyhow::anyhow!("a command got no answer"))
    }

    /// Puts one input in, commits its rows, then does what it caused, to the end.
    pub(crate) fn put(&mut self, event: Event) -> Result<()> {
        self.take(event)?;
        self.settle()
    }

    fn take(&mut self, event: Event) -> Result<()> {
        if let Some(question) = self.desk.recall(&event) {
            let answer = self.sink.answer(&question)?;
            let event = Event::Books { answer };
            step(&mut self.desk, Input { now: self.now, event }, &mut self.out);
        }
        step(&mut self.desk, Input { now: self.now, event }, &mut self.out);
        if !self.out.rows.is_empty() {
            self.sink.commit(&mut self.out.rows)?;
            self.out.rows.clear();
        }
        self.actions.extend(self.out.actions.drain(..));
        Ok(())
    }

    /// Performs what waits, and what follows from it.
    fn settle(&mut self) -> Result<()> {
        loop {
            self.drain_exchange()?;
            let Some(action) = self.actions.pop_front() else {
                return Ok(());
            };
            let at = self.now.market;
            match action {
                Action::Submit { order, attempt } => {
                    self.sink.before(ExchangeRequest::Submit(&order), at)?;
                    let answer = translate::submit(&mut self.exchange, &order, at);
                    self.take(Event::Submitted { order: order.order, attempt, answer })?;
                }
                Action::Cancel { order, broker_order_id } => {
                    self.sink.before(ExchangeRequest::Cancel(&broker_order_id), at)?;
                    let answer = translate::cancel(&mut self.exchange, &broker_order_id, at);
                    self.take(Event::CancelAnswered { order, answer })?;
                }
                Action::LookUp { order, client_order_id } => {
                    let answer = translate::look_up(&self.exchange, &client_order_id);
                    self.take(Event::LookedUp { order, answer })?;
                }
                Action::Snapshot { since } => {
                    let value = translate::snapshot(&self.exchange, since, at);
                    self.take(Event::Snapshot { answer: Answer::Done { value } })?;
                }
                Action::ReadBooks { question } => {
                    let answer = self.sink.answer(&question)?;
                    self.take(Event::Books { answer })?;
                }
                Action::Notify { sleeve, update } => {
                    if let Some(bot) = self.bots.iter_mut().find(|bot| bot.sleeve == sleeve) {
                        bot.notify(update);
                    }
                }
                Action::StartBot { sleeve, generation } => {
                    self.notes.push(Note::StartBot(sleeve, generation))
                }
                Action::StopBot { sleeve } => {
                    self.bots.retain(|bot| bot.sleeve != sleeve);
                }
                Action::Refuse { why } => self.notes.push(Note::Refuse(why)),
                Action::Alert { severity, message } => {
                    self.notes.push(Note::Alert(severity, message))
                }
            }
        }
    }

    fn drain_exchange(&mut self) -> Result<()> {
        if !self.exchange.has_events() {
            return Ok(());
        }
        let mut updates = std::mem::take(&mut self.updates);
        self.exchange.drain_events_into(&mut updates);
        for update in updates.drain(..) {
            self.take(Event::TradeUpdate { update: translate::trade_update(&update) })?;
        }
        self.updates = updates;
        Ok(())
    }

    /// One time stamp.
    pub(crate) fn tick(&mut self, group: usize, market: &Market) -> Result<()> {
        let (at, range) = (market.at(group), market.range(group));
        self.now = Now { market: at.max(self.now.market), machine: at.max(self.now.machine) };
        if market.has_actions() {
            self.happen(group, market)?;
        }
        if let Some(ticks) = &market.ticks {
            ticks.meet(group, &market.model[range], &mut self.exchange);
            self.exchange.advance(model::Nanos(at.0));
        } else {
            self.exchange.on_bars(&market.model[range]);
            // Sessions end, and day orders with them, after the bars that end then.
            self.exchange.advance(model::Nanos(at.0).plus(market.interval_ns));
        }
        if self.exchange.has_events() {
            self.settle()?;
        }
        self.learn_fees()?;
        self.decide(group, market)
    }

    /// The second half of a time stamp: what the bots make of it.
    pub(crate) fn decide(&mut self, group: usize, market: &Market) -> Result<()> {
        observe(&mut self.desk, self.now, &market.bars[market.range(group)]);
        if let Some(ticks) = &market.ticks {
            for market in ticks.events(group) {
                self.take(Event::Market { market })?;
            }
        }
        self.follow_sessions()?;
        self.hear(group, market)?;
        let mut index = 0;
        while let Some(bot) = self.bots.get_mut(index) {
            let sleeve = bot.sleeve;
            match bot.ask(group, market, &self.desk, self.now) {
                Ok(asked) if asked.requests.is_empty() => {}
                Ok(asked) => self.intents(index, asked)?,
                Err(strike) => self.strike(index, &strike, group, market)?,
            }
            if let Some(ticks) = &market.ticks {
                self.watch(sleeve, ticks, group, market)?;
            }
            // One that was stopped meanwhile has left its place to the next.
            if self.bots.get(index).is_some_and(|bot| bot.sleeve == sleeve) {
                index += 1;
            }
        }
        self.hear(group + 1, market)?;
        if self.desk.bots().any(|bot| bot.state == BotState::Suspended) {
            // Back-offs end with the market's time; the driver is asked for the instances.
            self.put(Event::Timer)?;
        }
        Ok(())
    }

    /// Keeps the desk's calendar ahead of the market, and tells bots of sessions and timers.
    fn follow_sessions(&mut self) -> Result<()> {
        let at = self.now.market;
        if at >= self.calendar_until {
            let sessions = translate::sessions(at);
            // Read again well before the last known session.
            let ahead = sessions.len().saturating_sub(3);
            self.calendar_until = sessions.get(ahead).map_or(at, |session| session.close);
            self.take(Event::Sessions { sessions })?;
        }
        for bot in &mut self.bots {
            bot.tick(at);
        }
        let open = self.desk.open_session();
        if open == self.session {
            return Ok(());
        }
        let changes = [
            self.session.filter(|day| open != Some(*day)).map(|day| (SessionKind::Close, day)),
            open.filter(|day| self.session != Some(*day)).map(|day| (SessionKind::Open, day)),
        ];
        self.session = open;
        for bot in &mut self.bots {
            for (kind, day) in changes.into_iter().flatten() {
                bot.attend(SessionEvent { at, kind, day });
            }
        }
        Ok(())
    }

    /// Lets bots hear of their orders until nothing more comes of it.
    fn hear(&mut self, group: usize, market: &Market) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let Some(index) = self.bots.iter().position(LocalBot::hears_something) else {
                return Ok(());
            };
            let heard = self.bots[index].hear(&self.desk, self.now);
            match heard {
                Ok(asked) if asked.requests.is_empty() => {}
                Ok(asked) => self.intents(index, asked)?,
                Err(strike) => self.strike(index, &strike, group, market)?,
            }
        }
        Ok(())
    }

    /// Hands a bot the quotes and trades of a time stamp that it wants.
    fn watch(
        &mut self,
        sleeve: SleeveId,
        ticks: &ticks::Ticks,
        group: usize,
        market: &Market,
    ) -> Result<()> {
        let mut told = Told::default();
        for _ in 0..ROUNDS_MAX {
            let Some(index) = self.bots.iter().position(|bot| bot.sleeve == sleeve) else {
                return Ok(());
            };
            match self.bots[index].watch(ticks, group, &mut told, &self.desk, self.now) {
                Ok(None) => return Ok(()),
                Ok(Some(asked)) if asked.requests.is_empty() => {}
                Ok(Some(asked)) => self.intents(index, asked)?,
                Err(strike) => return self.strike(index, &strike, group, market),
            }
        }
        Ok(())
    }

    fn intents(&mut self, index: usize, asked: Asked) -> Result<()> {
        let bot = &self.bots[index];
        let batch = IntentBatch {
            sleeve: bot.sleeve,
            generation: bot.generation,
            requests: asked.requests,
            snapshot: asked.state,
            digest: bot.digest.clone(),
            seen: self.now.market,
        };
        self.put(Event::Intents { batch })
    }

    /// A strike; a new version inside its roll-back window gives way to the one before. `group` is
    /// the first time stamp whose outcome was not taken.
    fn strike(
        &mut self,
        index: usize,
        strike: &Strike,
        group: usize,
        market: &Market,
    ) -> Result<()> {
        let bot = &mut self.bots[index];
        let (sleeve, refused_digest) = (bot.sleeve, bot.digest.to_string());
        let cause = format!("struck within its first events: {strike}");
        let report = match bot.roll_back(group, market, &self.desk)? {
            Some(Former::Version(version)) => BotReport::RolledBack {
                generation: bot.generation,
                digest: bot.digest.to_string(),
                version,
                refused_digest,
                cause,
            },
            Some(Former::Params(params)) => BotReport::Set {
                generation: bot.generation,
                params,
                pause_ns: 0,
                given_back: Some(cause),
            },
            None => BotReport::Strike {
                generation: bot.generation,
                run: bot.run(),
                cause: strike.to_string(),
            },
        };
        self.put(Event::Bot { sleeve, report })
    }

    /// After the last bar: what is open is cancelled.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.end_day()?;
        self.sink.before(ExchangeRequest::Finish, self.now.market)?;
        self.exchange.finish(translate::nanos(self.now.market));
        self.settle()
    }

    /// Lets machine time pass: waits of the desk come to their end.
    pub(crate) fn pass(&mut self, nanos: i64) -> Result<()> {
        self.now.machine = self.now.machine.plus(nanos);
        self.put(Event::Timer)
    }

    /// The time of the last input.
    pub(crate) const fn now(&self) -> Now {
        self.now
    }
}
