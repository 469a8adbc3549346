//! One account's host: the single owner of its desk.
//!
//! A loop takes inputs one by one: step, hand the rows to the writer, hold back what they caused
//! until they are committed. It never waits for a commit, a request or a bot; whatever those end
//! with comes back as an input. After a failed or doubtful commit the desk is thrown away and
//! rebuilt from the tables.

mod streams;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use stockade_core::broker::Answer;
use stockade_core::desk::{
    Action, BooksAnswer, Command, Desk, Effects, Event, Input, Question, Reply, Scope, Settings,
    step,
};
use stockade_core::order::OrderStatus;
use stockade_core::row::{BotRow, BotState, Rows};
use stockade_core::{Symbol, Timestamp};
use stockade_runtime::EventKind;
use stockade_store::{CommitError, Committed, Group, Store, WriterHandle, WriterOptions};
use stockade_venue::alpaca::Subscription;
use tokio::sync::{mpsc, oneshot};

use super::bots::Bots;
use super::clock::Clock;
use super::edge::Edge;
use super::feed::Feeds;
use super::lease::Lease;
use super::outbox::{Held, Outbox};
use super::simulated::Simulated;
use super::tap::Tap;
use super::{Ended, Incoming, Inputs, market};
use crate::drivers::base::{bots_that_run, machine};
use crate::drivers::closing;
use crate::link;

/// Pause before a question to the books is asked again.
const BOOKS_RETRY: Duration = Duration::from_secs(1);

/// A person's request for a comparison is answered within this: two looks with the hold-off between.
const COMPARE_MAX: Duration = Duration::from_secs(20);
/// A new host lets commands that give out capital wait so long for its first sight of the account.
const FIRST_SIGHT_MAX: Duration = Duration::from_secs(15);
/// Between two looks at whether it came.
const FIRST_SIGHT_LOOK: Duration = Duration::from_millis(50);
/// The same while the broker is known not to answer.
const COMPARE_SILENT_MAX: Duration = Duration::from_secs(3);

/// How long a database that has gone away is waited for. Nothing is decided or sent meanwhile, so
/// that waiting costs nothing; a disk that is full or a server that is moved takes a person minutes.
const REOPEN_MAX: Duration = Duration::from_secs(600);
/// Between two tries.
const REOPEN_EVERY: Duration = Duration::from_millis(200);
/// Between two lines about a database that stays away.
const REOPEN_SAYS: Duration = Duration::from_secs(5);
/// A rebuild so soon after the last one is a fault that stays: it waits first.
const REBUILD_SOON: Duration = Duration::from_secs(30);
/// Longest wait before a rebuild.
const REBUILD_PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long orders that are being sent at the stop are waited for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What a host is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<Store>,
    pub(crate) label: String,
    pub(crate) desk: Desk,
    pub(crate) desk_settings: Settings,
    pub(crate) writer: WriterHandle,
    pub(crate) epoch: u64,
    pub(crate) lease: Lease,
    pub(crate) take_over: bool,
    pub(crate) clock: Clock,
    pub(crate) edge: Edge,
    pub(crate) feeds: Feeds,
    pub(crate) bots: Bots,
    /// The broker, where it is one that is simulated here.
    pub(crate) simulated: Option<Simulated>,
    pub(crate) inputs: mpsc::Sender<Incoming>,
    pub(crate) equity_interval_ns: i64,
}

/// Why a snapshot was not read.
fn said<T>(answer: &Answer<T>) -> String {
    match answer {
        Answer::Refused { http, message, .. } => format!("the broker says {http}: {message}"),
        Answer::NotTaken { why, .. } | Answer::Unknown { why } => why.clone(),
        Answer::NotFound | Answer::Done { .. } => "the broker does not know the account".to_owned(),
    }
}

/// What the loop woke up for.
#[expect(
    clippy::large_enum_variant,
    reason = "most wake-ups are of the largest kind: a box for each would only cost"
)]
enum Woken {
    Committed(Result<u64, CommitError>),
    Input(Option<Incoming>),
}

/// One account's host.
pub(crate) struct Host {
    parts: Parts,
    outbox: Outbox,
    out: Effects,
    /// People who wait for a comparison: its count when they asked.
    comparing: Vec<(u64, Timestamp, oneshot::Sender<link::Answer>)>,
    account_stream: bool,
    /// Why the last snapshot could not be read.
    silent: Option<String>,
    began: tokio::time::Instant,
    data_stream: bool,
    /// Whether a data stream has ever been up: from then on the broker may still count the
    /// connection that was lost, for a minute or two, and answers 406 to the next one.
    data_was_up: bool,
    session_open: bool,
    sampled_at: Timestamp,
    refused: Option<String>,
    /// Symbols that people have named.
    named: BTreeSet<Symbol>,
    /// How far the present writer has come.
    committed: Committed,
    /// When it was last rebuilt, and the wait before the next time.
    rebuilt: Option<(tokio::time::Instant, Duration)>,
    /// The end that was asked for, and until when orders on their way are waited for.
    stopping: Option<(Ended, tokio::time::Instant)>,
    /// The pass that keeps figures.
    closing: Arc<tokio::sync::Mutex<()>>,
    /// The host that sees the market through this one's streams.
    tap: Option<Tap>,
}

impl Host {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            committed: parts.writer.committed(),
            parts,
            outbox: Outbox::default(),
            out: Effects::default(),
            comparing: Vec::new(),
            account_stream: false,
            silent: None,
            began: tokio::time::Instant::now(),
            data_stream: false,
            data_was_up: false,
            session_open: false,
            sampled_at: Timestamp(0),
            refused: None,
            named: BTreeSet::new(),
            rebuilt: None,
            stopping: None,
            closing: Arc::default(),
            tap: None,
        }
    }

    /// Runs until it is told to stop, or must.
    pub(crate) async fn run(mut self, mut inputs: impl Inputs) -> Result<Ended> {
        let started = Event::Started { epoch: self.parts.epoch, take_over: self.parts.take_over };
        self.put(started, None).await?;
        // Of closes that an earlier host did not live to keep.
        self.outbox.hold(Held::Figures);
        loop {
            // What is committed goes out before anything else is looked at. Both sides may be
            // dropped while they wait: nothing is lost.
            let woken = tokio::select! {
                biased;
                outcome = self.committed.next() => Woken::Committed(outcome),
                incoming = inputs.next() => Woken::Input(incoming),
            };
            match woken {
                Woken::Committed(Ok(group)) => self.outbox.committed(group),
                Woken::Committed(Err(error)) => self.rebuild(error).await?,
                Woken::Input(Some(incoming)) => self.take(incoming).await?,
                Woken::Input(None) => bail!("every sender of inputs is gone"),
            }
            self.release();
            if let Some(why) = self.refused.take() {
                bail!("{why}");
            }
            if let Some(ended) = self.drained() {
                return self.close(ended).await;
            }
            let notices = self.parts.bots.pump(&self.parts.desk, self.parts.clock.now());
            self.put_all(notices).await?;
        }
    }

    async fn take(&mut self, incoming: Incoming) -> Result<()> {
        match incoming {
            Incoming::Event(event) => {
                match &event {
                    Event::Snapshot { answer: Answer::Done { value } } => {
                        self.silent = None;
                        self.parts.clock.see(value.began);
                    }
                    Event::Snapshot { answer } => self.silent = Some(said(answer)),
                    Event::Instruments { instruments } => {
                        if let Some(simulated) = &self.parts.simulated {
                            simulated.list(instruments.iter().map(|found| &found.symbol))?;
                        }
                    }
                    _ => {}
                }
                self.put(event, None).await?;
                self.answer_comparisons();
                self.feed_wanted();
            }
            Incoming::Account(message) => self.on_account(message).await?,
            Incoming::Market(feed, message) => self.on_market(feed, message).await?,
            Incoming::Missed(missed) => self.on_missed(missed).await?,
            Incoming::Tap(message) => self.on_tap(message),
            Incoming::Prices(bars) => {
                for market in market::bars(&self.parts.desk, &bars) {
                    self.put(Event::Market { market }, None).await?;
                }
            }
            Incoming::Bot(reply) => {
                let new_version = reply.brings_a_version();
                let events =
                    self.parts.bots.on_reply(reply, &self.parts.desk, self.parts.clock.now());
                self.put_all(events).await?;
                for (person, answer) in self.parts.bots.answers() {
                    self.outbox.hold(Held::Answer(person, answer));
                }
                if new_version {
                    self.feed_wanted();
                }
            }
            Incoming::Request(request, answer) => self.on_request(request, answer).await?,
            Incoming::Tick => self.tick().await?,
            Incoming::LeaseLost(why) => {
                bail!("the lease of account {} is lost: {why}", self.parts.label)
            }
            Incoming::Stop(ended) => self.stop(ended).await?,
        }
        Ok(())
    }

    /// From now on no bot decides anything; what is being sent is still answered and booked.
    async fn stop(&mut self, ended: Ended) -> Result<()> {
        // A replay waits for its first reader, and one whose stream is down may have gone on.
        let too_early = ended == Ended::ReplayOver && !self.data_stream;
        if self.stopping.is_none() && !too_early {
            self.stopping = Some((ended, tokio::time::Instant::now() + DRAIN_MAX));
            let saves = self.parts.bots.close().await;
            self.put_all(saves).await?;
        }
        Ok(())
    }

    /// The end that was asked for, once no order is on its way, or none is waited for any longer:
    /// the next start finds such an order at the broker.
    fn drained(&self) -> Option<Ended> {
        let (ended, until) = self.stopping?;
        let sending =
            self.parts.desk.open_orders().any(|order| order.status == OrderStatus::Sending);
        (!sending || tokio::time::Instant::now() > until).then_some(ended)
    }

    /// One input: step, rows to the writer, actions and reply into the outbox.
    async fn put(&mut self, event: Event, reply: Option<oneshot::Sender<Reply>>) -> Result<()> {
        let now = self.parts.clock.now();
        if let Some(question) = self.parts.desk.recall(&event) {
            let answer = self.recalled(&question).await?;
            let event = Event::Books { answer };
            step(&mut self.parts.desk, Input { now, event }, &mut self.out);
        }
        step(&mut self.parts.desk, Input { now, event }, &mut self.out);
        if !self.out.rows.is_empty() {
            let rows = std::mem::take(&mut self.out.rows);
            self.outbox.hand_over();
            // A writer that has ended says why by itself: nothing of this is ever released.
            let _ = self.parts.writer.hand_over(Group { rows }).await;
        }
        for action in self.out.actions.drain(..) {
            self.outbox.hold(Held::Action(action));
        }
        if let (Some(sender), Some(answer)) = (reply, self.out.reply.take()) {
            self.outbox.hold(Held::Reply(sender, answer));
        }
        self.out.clear();
        Ok(())
    }

    /// What the books know of executions that are older than the desk's memory. Nothing can be
    /// decided without it, so a database that is on its way back is waited for.
    async fn recalled(&self, question: &Question) -> Result<BooksAnswer> {
        let until = tokio::time::Instant::now() + REOPEN_MAX;
        loop {
            let error = match self.parts.store.answer(&self.parts.label, question).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if tokio::time::Instant::now() > until {
                return Err(anyhow!(error).context("the database did not come back"));
            }
            tracing::warn!(account = %self.parts.label, %error, "the books are waited for");
            tokio::time::sleep(REOPEN_EVERY).await;
        }
    }

    async fn put_all(&mut self, events: Vec<Event>) -> Result<()> {
        for event in events {
            self.put(event, None).await?;
        }
        Ok(())
    }

    fn release(&mut self) {
        while let Some(held) = self.outbox.release() {
            match held {
                Held::Reply(sender, reply) => {
                    // A person who has gone away needs no answer.
                    let _ = sender.send(reply);
                }
                Held::Answer(sender, answer) => {
                    let _ = sender.send(answer);
                }
                Held::Figures => self.keep_figures(),
                Held::Action(action) => {
                    if let Some(action) = self.parts.edge.perform(action) {
                        self.perform(action);
                    }
                }
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Notify { sleeve, update } => self.parts.bots.notify(sleeve, update),
            // A host that ends starts nothing.
            Action::StartBot { .. } if self.stopping.is_some() => {}
            Action::StartBot { sleeve, generation } => {
                self.parts.bots.start(&self.parts.desk, sleeve, generation, self.parts.clock.now());
                self.feed_wanted();
                self.read_for_starts();
            }
            Action::StopBot { sleeve } => self.parts.bots.stop(sleeve),
            Action::ReadBooks { question } => self.ask_books(question),
            Action::Refuse { why } => self.refused = Some(why),
            Action::Alert { severity, message } => match severity.as_str() {
                "serious" => tracing::error!(account = %self.parts.label, "{message}"),
                _ => tracing::warn!(account = %self.parts.label, "{message}"),
            },
            Action::Submit { .. }
            | Action::Cancel { .. }
            | Action::LookUp { .. }
            | Action::Snapshot { .. } => {
                unreachable!("the edge performs these")
            }
        }
    }

    /// Keeps the figures that are due, beside everything else and one pass at a time. What is not
    /// kept now is due at the next close or start.
    fn keep_figures(&self) {
        let (store, label) = (self.parts.store.clone(), self.parts.label.clone());
        let (epoch, one_at_a_time) = (self.parts.epoch, self.closing.clone());
        tokio::spawn(async move {
            let _pass = one_at_a_time.lock().await;
            match closing::keep(&store, &label, epoch).await {
                Ok(versions) => tracing::info!(account = %label, versions, "figures kept"),
                Err(error) => {
                    tracing::warn!(account = %label, "figures wait for the next close: {error:#}");
                }
            }
        });
    }

    /// Asks the books; a question that can't be answered is asked again, since what waits for it is
    /// money.
    fn ask_books(&self, question: Question) {
        let (store, label) = (self.parts.store.clone(), self.parts.label.clone());
        let inputs = self.parts.inputs.clone();
        tokio::spawn(async move {
            loop {
                match store.answer(label.as_str(), &question).await {
                    Ok(answer) => {
                        // A closed channel means that the host has ended.
                        let _ = inputs.send(Incoming::Event(Event::Books { answer })).await;
                        return;
                    }
                    Err(error) => tracing::error!(%error, "a question to the books waits"),
                }
                tokio::time::sleep(BOOKS_RETRY).await;
                if inputs.is_closed() {
                    return;
                }
            }
        });
    }

    async fn tick(&mut self) -> Result<()> {
        if let Some(simulated) = &self.parts.simulated {
            simulated.pass()?;
        }
        self.put(Event::Timer, None).await?;
        self.read_for_starts();
        let saves = self.parts.bots.timer(self.parts.clock.now());
        self.put_all(saves).await?;
        self.answer_comparisons();
        self.watch_session().await
    }

    /// Reads what starting bots need, once what they miss by it comes by a stream.
    fn read_for_starts(&mut self) {
        let Parts { bots, feeds, clock, .. } = &mut self.parts;
        bots.read_for_starts(&|symbol| feeds.is_confirmed(symbol), clock.now());
    }

    /// Subscribes to what bots want and sleeves hold.
    fn feed_wanted(&mut self) {
        let desk = &self.parts.desk;
        let mut symbols: Vec<Symbol> =
            market::wanted(desk.bots().map(|bot| bot.symbols.as_slice()));
        for sleeve in desk.sleeves() {
            for (id, _) in desk.holdings(sleeve.id) {
                symbols.push(desk.instruments()[id.index()].symbol.clone());
            }
        }
        symbols.extend(desk.open_orders().map(|order| order.symbol.clone()));
        symbols.extend(self.named.iter().cloned());
        let mut wanted = Subscription {
            bars: symbols,
            quotes: self.parts.bots.wanting(EventKind::Quotes),
            trades: self.parts.bots.wanting(EventKind::Trades),
        };
        if let Some(tap) = &self.tap {
            tap.add_to(&mut wanted);
        }
        self.parts.feeds.want(desk, wanted);
    }

    async fn on_request(
        &mut self,
        request: link::Task,
        answer: oneshot::Sender<link::Answer>,
    ) -> Result<()> {
        match request {
            link::Task::Command(command) => self.on_command(*command, answer).await,
            link::Task::Host(link::HostRequest::Health) => {
                let health = self.health();
                let _ = answer
                    .send(link::Answer::Host(link::HostReply::Health { accounts: vec![health] }));
                Ok(())
            }
            link::Task::Host(link::HostRequest::Bots { bot }) => {
                let bots = self.parts.bots.uses(&self.parts.desk, bot.as_ref());
                let _ = answer.send(link::Answer::Host(link::HostReply::Bots { bots }));
                Ok(())
            }
            link::Task::Host(link::HostRequest::Reconcile) => {
                let count = self.parts.desk.reconciliation().count;
                self.comparing.push((count, machine(), answer));
                self.put(Event::Command { command: Command::Reconcile }, None).await
            }
            link::Task::Host(link::HostRequest::Trust) => {
                let reply = self.on_trust().await?;
                let _ = answer.send(reply);
                Ok(())
            }
            link::Task::Host(link::HostRequest::Shadow { .. }) => {
                let message = "an account has one shadow, and that has none".to_owned();
                let _ = answer.send(link::Answer::Failed { message });
                Ok(())
            }
            link::Task::Host(link::HostRequest::Reload { bot, dry_run, file }) => {
                let found =
                    self.parts.desk.bots().find(|row| row.name == bot).map(|row| row.sleeve);
                match found {
                    Some(sleeve) => {
                        let how = (dry_run, file);
                        self.parts.bots.reload_by_hand(sleeve, how, answer, &self.parts.desk)
                    }
                    None => {
                        let (what, name) = ("bot".to_owned(), bot.to_string());
                        let _ = answer.send(link::Answer::NotFound { what, name });
                    }
                }
                Ok(())
            }
        }
    }

    /// Keys or bans have changed: what is banned stops.
    async fn on_trust(&mut self) -> Result<link::Answer> {
        let banned = match self.parts.bots.on_trust() {
            Ok(banned) => banned,
            Err(failure) => return Ok(link::Answer::Failed { message: failure.to_string() }),
        };
        let mut stopped = Vec::new();
        for name in bots_that_run(&self.parts.desk, &banned) {
            stopped.push(name.to_string());
            self.put(Event::Command { command: Command::BotStop { name } }, None).await?;
        }
        Ok(link::Answer::Host(link::HostReply::Trusted { stopped }))
    }

    async fn on_command(
        &mut self,
        command: Command,
        answer: oneshot::Sender<link::Answer>,
    ) -> Result<()> {
        let answer = match self.set_in_place(&command, answer) {
            Some(answer) => answer,
            None => return Ok(()),
        };
        if self.is_too_early(&command) {
            let inputs = self.parts.inputs.clone();
            tokio::spawn(async move {
                tokio::time::sleep(FIRST_SIGHT_LOOK).await;
                let again = Incoming::Request(link::Task::Command(Box::new(command)), answer);
                // A closed channel means that the host has ended; so does the dropped answer.
                let _ = inputs.send(again).await;
            });
            return Ok(());
        }
        let new = self.unknown_symbols(&command);
        if !new.is_empty() {
            self.look_symbols_up(new, command, answer);
            return Ok(());
        }
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let reply = receiver.await.map_or_else(
                |_| link::Answer::Failed {
                    message: "the books were rebuilt before it was committed: it was not done"
                        .to_owned(),
                },
                link::Answer::Reply,
            );
            let _ = answer.send(reply);
        });
        self.put(Event::Command { command }, Some(sender)).await?;
        self.feed_wanted();
        Ok(())
    }

    /// Other parameters for a bot that runs are put in place first and booked then, as a new version
    /// is. Gives the way to the person back where the command is the desk's.
    fn set_in_place(
        &mut self,
        command: &Command,
        answer: oneshot::Sender<link::Answer>,
    ) -> Option<oneshot::Sender<link::Answer>> {
        let Command::BotSet { name, params } = command else {
            return Some(answer);
        };
        let runs = |row: &&BotRow| {
            row.name == *name && matches!(row.state, BotState::Running | BotState::Loading)
        };
        match self.parts.desk.bots().find(runs).map(|row| row.sleeve) {
            Some(sleeve) => self.parts.bots.set_by_hand((sleeve, params), answer),
            None => Some(answer),
        }
    }

    /// Whether a command gives out capital of an account that this host is about to see for the first
    /// time.
    fn is_too_early(&self, command: &Command) -> bool {
        let gives = matches!(
            command,
            Command::SleeveCreate { .. }
                | Command::BotDeploy { .. }
                | Command::CapitalAdd { .. }
                | Command::CapitalAllocate { .. }
        );
        gives
            && self.parts.desk.account().opened_at.is_none()
            && self.silent.is_none()
            && self.began.elapsed() < FIRST_SIGHT_MAX
    }

    /// A symbol that a person names may be new to the account, or have no price yet because no bot
    /// watches it: the broker is asked once, the symbol is watched from now on, and the command
    /// comes again.
    fn look_symbols_up(
        &mut self,
        symbols: Vec<Symbol>,
        command: Command,
        answer: oneshot::Sender<link::Answer>,
    ) {
        let (assets, inputs) = (self.parts.feeds.assets(), self.parts.inputs.clone());
        let now = self.parts.clock.now().market;
        self.named.extend(symbols.iter().cloned());
        tokio::spawn(async move {
            let Some(event) = assets.instruments(&symbols).await else {
                let message = "the broker's asset list can't be read: nothing was done".to_owned();
                let _ = answer.send(link::Answer::Failed { message });
                return;
            };
            let _ = inputs.send(Incoming::Event(event)).await;
            let bars = assets.last_bars(&symbols, now).await;
            if !bars.is_empty() {
                let _ = inputs.send(Incoming::Prices(bars)).await;
            }
            let again = Incoming::Request(link::Task::Command(Box::new(command)), answer);
            let _ = inputs.send(again).await;
        });
    }

    fn unknown_symbols(&self, command: &Command) -> Vec<Symbol> {
        use stockade_core::sleeve::Prices;
        let named: Vec<Symbol> = match command {
            Command::OrderSubmit { intent, .. } => vec![intent.symbol.clone()],
            Command::BotDeploy { symbols, .. } => symbols.clone(),
            _ => Vec::new(),
        };
        let desk = &self.parts.desk;
        let priced = |symbol: &Symbol| desk.find(symbol).is_some_and(|id| desk.last(id).is_some());
        let new = |symbol: &Symbol| self.parts.feeds.is_new(symbol) || !self.named.contains(symbol);
        named.into_iter().filter(|symbol| !priced(symbol) && new(symbol)).collect()
    }

    fn health(&self) -> link::AccountHealth {
        let desk = &self.parts.desk;
        let ready = desk.is_ready() && self.parts.lease.may_send();
        let limited = (!ready).then(|| {
            if desk.is_ready() {
                "the lease could not be renewed in time: nothing is sent"
            } else if self.account_stream {
                "the account is being compared"
            } else {
                "the account stream is down"
            }
            .to_owned()
        });
        let compared = desk.reconciliation();
        link::AccountHealth {
            account: self.parts.label.clone(),
            ready,
            limited,
            account_stream: self.account_stream,
            data_stream: self.data_stream,
            latency_ms: None,
            cash: compared.at.map(|_| stockade_store::query::Number(compared.cash_broker.get())),
            buying_power: None,
        }
    }

    fn answer_comparisons(&mut self) {
        let count = self.parts.desk.reconciliation().count;
        let now = machine();
        let silent = !self.account_stream || self.silent.is_some();
        let limit = if silent { COMPARE_SILENT_MAX } else { COMPARE_MAX };
        let limit = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
        let due = |asked: u64, at: Timestamp| count > asked || now.since(at) > limit;
        let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.comparing)
            .into_iter()
            .partition(|(asked, at, _)| due(*asked, *at));
        self.comparing = waiting;
        for (asked, _, answer) in ready {
            let reply = if count > asked {
                link::Answer::Host(link::HostReply::Compared(self.comparison()))
            } else {
                link::Answer::Failed { message: self.not_compared() }
            };
            let _ = answer.send(reply);
        }
    }

    /// Why there is no new comparison, as far as it is known.
    fn not_compared(&self) -> String {
        let why = self.silent.clone().or_else(|| self.health().limited);
        let why = why.unwrap_or_else(|| "its answers don't agree with each other yet".to_owned());
        let last = self.parts.desk.reconciliation().at.map_or_else(
            || "there was none before".to_owned(),
            |at| format!("the last one is of {at}"),
        );
        format!("the broker was not compared: {why}; {last} (stockade account health)")
    }

    /// The last comparison, as the command line shows it.
    fn comparison(&self) -> link::Comparison {
        super::comparison::of(&self.parts.desk, &self.parts.label)
    }

    /// Throws the desk away and rebuilds it from the tables.
    async fn rebuild(&mut self, error: CommitError) -> Result<()> {
        tracing::error!(account = %self.parts.label, %error, "a commit failed: the books are read again");
        if let CommitError::Fenced { .. } = error {
            return Err(anyhow!(error));
        }
        // What the earlier desk decided and had not committed is never done.
        self.outbox = Outbox::default();
        self.parts.bots.stop_all();
        self.pause_before_rebuild().await;
        let (writer, rows) = self.reopen().await?;
        self.committed = writer.committed();
        self.parts.writer = writer;
        let rows = rows.with_context(|| format!("account {} has no rows", self.parts.label))?;
        self.parts.desk = Desk::restore(rows, self.parts.desk_settings)?;
        self.put(Event::Started { epoch: self.parts.epoch, take_over: true }, None).await?;
        if let CommitError::Constraint { constraint, .. } = &error {
            // What broke a rule of the books must not go on: a person looks first.
            let why = format!("the database refused a row ({constraint})");
            let command = Command::Halt { scope: Scope::Account, reducing: false, why };
            self.put(Event::Command { command }, None).await?;
        }
        self.put(Event::AccountStream { up: self.account_stream }, None).await
    }

    /// A database that refuses what every start writes (its disk is full) would be asked without
    /// end: each time it waits longer.
    async fn pause_before_rebuild(&mut self) {
        let now = tokio::time::Instant::now();
        let pause = match self.rebuilt {
            Some((at, pause)) if now - at < REBUILD_SOON => {
                tokio::time::sleep(pause).await;
                (pause * 2).min(REBUILD_PAUSE_MAX)
            }
            _ => REOPEN_EVERY,
        };
        self.rebuilt = Some((tokio::time::Instant::now(), pause));
    }

    /// A new writer and the rows; a database that is on its way back is waited for.
    async fn reopen(&self) -> Result<(WriterHandle, Option<Rows>)> {
        let until = tokio::time::Instant::now() + REOPEN_MAX;
        let mut says = tokio::time::Instant::now();
        let (store, label, epoch) = (&self.parts.store, &self.parts.label, self.parts.epoch);
        loop {
            let spawned = WriterHandle::spawn(store, label, epoch, WriterOptions::default()).await;
            let error = match spawned {
                Ok(writer) => match store.account_load(label).await {
                    Ok(rows) => return Ok((writer, rows)),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if tokio::time::Instant::now() > until {
                return Err(anyhow!(error).context("the database did not come back"));
            }
            if tokio::time::Instant::now() >= says {
                says += REOPEN_SAYS;
                tracing::warn!(account = %label, %error, "the database is waited for: nothing is decided or sent");
            }
            tokio::time::sleep(REOPEN_EVERY).await;
        }
    }

    /// Samples the curve, and waits for the last commit.
    async fn close(mut self, ended: Ended) -> Result<Ended> {
        self.put(Event::Sample { session_close: None }, None).await?;
        let last = Group { rows: Vec::new() };
        self.parts.writer.commit(last).await?;
        self.parts.writer.close().await;
        self.parts.store.lease_release(&self.parts.label, self.parts.epoch).await?;
        Ok(ended)
    }
}
