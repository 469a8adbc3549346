//! The lockstep loop: exchange, desk and bots in one thread, time stamp by time stamp.
//!
//! The backtest and `run --paper-exchange` are this loop with different sinks for the rows. Order
//! of things at a time stamp (COMMANDS, reference behaviour): orders match against the bars; fills
//! are booked; bots hear of their orders; bots get the bars; what they ask for is checked and sent;
//! equity is sampled.

mod bot;
mod market;

pub(crate) use bot::LocalBot;
pub(crate) use market::Market;

use std::collections::VecDeque;

use anyhow::{Result, bail};
use stockade_core::broker::Answer;
use stockade_core::desk::{
    Action, BotReport, Command, Desk, Effects, Event, Input, IntentBatch, Reply, step,
};
use stockade_core::market::MarketEvent;
use stockade_core::row::Row;
use stockade_core::{Now, SleeveId, Timestamp};
use stockade_exchange as model;

use super::model as translate;

/// Rounds of "hear, ask, hear again" at one time stamp: a bot that answers every update with an
/// order would never end it.
const ROUNDS_MAX: usize = 64;

/// Where rows go.
pub(crate) trait Sink {
    /// Commits the rows of one input. What they caused happens only after this has returned.
    fn commit(&mut self, rows: &mut Vec<Row>) -> Result<()>;
}

/// What a driver is told.
pub(crate) enum Note {
    /// A bot's instance is wanted.
    StartBot(SleeveId, u64),
    /// A bot's instance is to stop.
    StopBot(SleeveId),
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
}

impl<S: Sink> Lockstep<S> {
    pub(crate) fn new(desk: Desk, exchange: model::Exchange, sink: S, at: Timestamp) -> Self {
        Self {
            desk,
            exchange,
            bots: Vec::new(),
            sink,
            notes: Vec::new(),
            now: Now { market: at, machine: at },
            out: Effects::default(),
            actions: VecDeque::new(),
            updates: Vec::new(),
        }
    }

    /// Starts the desk and compares it with the broker, until orders can be sent.
    pub(crate) fn start(&mut self, epoch: u64) -> Result<()> {
        self.put(Event::Started { epoch, take_over: false })?;
        self.put(Event::AccountStream { up: true })?;
        for _ in 0..10 {
            if self.desk.is_ready() {
                return Ok(());
            }
            self.now.machine = self.now.machine.plus(60_000_000_000);
            self.put(Event::Timer)?;
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
            let Some(action) = self.actions.pop_front() else { return Ok(()) };
            let at = self.now.market;
            match action {
                Action::Submit { order, attempt } => {
                    let answer = translate::submit(&mut self.exchange, &order, at);
                    self.take(Event::Submitted { order: order.order, attempt, answer })?;
                }
                Action::Cancel { order, broker_order_id } => {
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
                Action::Notify { sleeve, update } => {
                    if let Some(bot) = self.bots.iter_mut().find(|bot| bot.sleeve == sleeve) {
                        bot.notify(update);
                    }
                }
                Action::StartBot { sleeve, generation } => self.notes.push(Note::StartBot(sleeve, generation)),
                Action::StopBot { sleeve } => {
                    self.bots.retain(|bot| bot.sleeve != sleeve);
                    self.notes.push(Note::StopBot(sleeve));
                }
                Action::Refuse { why } => self.notes.push(Note::Refuse(why)),
                Action::Alert { severity, message } => self.notes.push(Note::Alert(severity, message)),
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
        self.exchange.on_bars(&market.model[range.clone()]);
        // Sessions end, and day orders with them, after the bars that end then.
        self.exchange.advance(model::Nanos(at.0).plus(market.interval_ns));
        if self.exchange.has_events() {
            self.settle()?;
        }
        let bars = market.bars[range].to_vec();
        self.take(Event::Market { market: MarketEvent::Bars { bars } })?;
        self.hear()?;
        for index in 0..self.bots.len() {
            let Some(bot) = self.bots.get_mut(index) else { break };
            match bot.ask(group, market, &self.desk, self.now) {
                Ok(requests) if requests.is_empty() => {}
                Ok(requests) => self.intents(index, requests)?,
                Err(strike) => self.strike(index, &strike)?,
            }
        }
        self.hear()
    }

    /// Lets bots hear of their orders until nothing more comes of it.
    fn hear(&mut self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let Some(index) = self.bots.iter().position(LocalBot::has_updates) else { return Ok(()) };
            let heard = self.bots[index].hear(&self.desk, self.now);
            match heard {
                Ok(requests) if requests.is_empty() => {}
                Ok(requests) => self.intents(index, requests)?,
                Err(strike) => self.strike(index, &strike)?,
            }
        }
        Ok(())
    }

    fn intents(&mut self, index: usize, requests: Vec<stockade_core::desk::BotRequest>) -> Result<()> {
        let bot = &self.bots[index];
        let batch = IntentBatch {
            sleeve: bot.sleeve,
            generation: bot.generation,
            requests,
            snapshot: None,
            digest: bot.digest.clone(),
        };
        self.put(Event::Intents { batch })
    }

    fn strike(&mut self, index: usize, strike: &stockade_runtime::Strike) -> Result<()> {
        let bot = &self.bots[index];
        let (sleeve, generation) = (bot.sleeve, bot.generation);
        let report = BotReport::Strike { generation, cause: strike.to_string() };
        self.put(Event::Bot { sleeve, report })
    }

    /// After the last bar: what is open is cancelled.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.exchange.finish(translate::nanos(self.now.market));
        self.settle()
    }

    /// The time of the last input.
    pub(crate) const fn now(&self) -> Now {
        self.now
    }
}
