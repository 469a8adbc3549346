//! The accounts and the market's clock: every change of either goes through here, under one lock.
//!
//! A change is written to the state file, then made, then published, so that nobody hears of
//! anything that a restart would not know. Repeating the file gives the same accounts, because the
//! exchange takes time and chance from its arguments alone.

mod pushed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use stockade_exchange::faults::Fault;
use stockade_exchange::{
    Bar, CancelOutcome, Changes, CloseSize, Exchange, Id, Nanos, NewOrder, Order, Reject, SymbolId,
};
use tokio::sync::watch;

use super::account::{Configurations, Equities};
use super::actions::{CorporateAction, in_order};
use super::answer::Refusal;
use super::config::{ServerConfig, Speed, StartError};
use super::data_message::stream_messages;
use super::faults::Board;
use super::feed::{Feed, Loaded, Pushed};
use super::history::FeedBar;
use super::hub::{Cut, Hub, MarketMessage};
use super::oplog::{Call, Entry, Header, Oplog, OplogError};
use super::time::MINUTE;
use super::wire;
use crate::files::ActionKind;

/// Market time in which a gap of the feed is passed over.
const GAP_MAX: i64 = 15 * MINUTE;
/// Market time between two calls while the market's clock stands: a microsecond.
const CALL_DISTANCE: i64 = 1_000;
/// Trade updates that the fault plan holds back at once.
const HELD_MAX: usize = 1_000;
/// Corporate actions that are announced; beyond it the oldest stay.
const ANNOUNCED_MAX: usize = 1_000_000;

/// One account and what the server keeps beside it.
#[derive(Debug)]
struct Account {
    exchange: Exchange,
    configurations: Configurations,
    equities: Equities,
    /// Trade updates that the fault plan sends late.
    held: Vec<String>,
}

/// What a call gave.
enum Outcome {
    Order(Result<Box<Order>, Reject>),
    Done(Result<(), Reject>),
    Cancels(Vec<CancelOutcome>),
    Booked(Result<(), String>),
}

/// The accounts, the clock and the stream clients.
#[derive(Debug)]
pub(crate) struct Engine {
    accounts: Vec<Account>,
    /// Who listens.
    pub(crate) hub: Hub,
    feed: Arc<Loaded>,
    symbols: BTreeMap<String, SymbolId>,
    next_step: usize,
    ended: watch::Sender<bool>,
    /// Market time of the last step, and when it was taken; no moment while the market stands.
    clock: (i64, Option<Instant>),
    /// No call is ever given an earlier time than the one before.
    last_at: i64,
    speed: Speed,
    skip_gaps: bool,
    log: Oplog,
    faults: Board,
    /// Of the market's symbols, in the order in which they are due.
    actions: Vec<CorporateAction>,
    next_action: usize,
    announced: Vec<CorporateAction>,
    /// Where the market is handed in from outside.
    pushed: Option<Pushed>,
}

impl Engine {
    /// Makes the accounts and brings them to where the state file ends.
    pub(crate) fn new(
        config: &ServerConfig,
        feed: Arc<Loaded>,
        faults: Board,
    ) -> Result<Self, StartError> {
        let pushed = match &config.feed {
            Feed::Pushed(pushed) => Some(pushed.clone()),
            _ => None,
        };
        let start = pushed.as_ref().map_or_else(|| feed.start(), |pushed| pushed.start);
        let mut accounts = Vec::new();
        let mut rules_of = Vec::new();
        for (index, account) in config.accounts.iter().enumerate() {
            let mut rules = config
                .rules
                .clone()
                .unwrap_or_else(|| stockade_exchange::Config::paper(account.cash));
            rules.cash = account.cash;
            let mut kept = rules.clone();
            if pushed.is_some() {
                // It is in the state that the file begins with.
                kept.cash = rust_decimal::Decimal::ZERO;
            }
            rules_of.push((account.key_id.clone(), kept));
            // Every account draws its own ids.
            let seed = config.seed.wrapping_add(u64::try_from(index).unwrap_or(0) << 32);
            accounts.push(Account {
                exchange: Exchange::new(rules, seed, Nanos(start))?,
                configurations: Configurations::default(),
                equities: Equities::new(start, account.cash),
                held: Vec::new(),
            });
        }
        let symbols = list_symbols(&mut accounts, &feed)?;
        let mut actions = in_order(&config.actions);
        actions.retain(|action| action.at >= start && symbols.contains_key(&action.symbol));
        let digest = digest(&feed, &actions);
        let header = Header { version: 1, feed: digest, seed: config.seed, accounts: rules_of };
        let (log, entries) = Oplog::open(config.state_file.as_deref(), &header)?;
        let mut engine = Self {
            accounts,
            hub: Hub::new(),
            feed,
            symbols,
            next_step: 0,
            ended: watch::channel(false).0,
            clock: (start, None),
            last_at: start,
            speed: config.speed,
            skip_gaps: config.skip_gaps,
            log,
            faults,
            actions,
            next_action: 0,
            announced: Vec::new(),
            pushed,
        };
        engine.repeat(entries)?;
        if engine.pushed.is_some() {
            engine.begin_anew(&header)?;
        }
        Ok(engine)
    }

    fn repeat(&mut self, entries: Vec<Entry>) -> Result<(), StartError> {
        for entry in entries {
            match entry {
                Entry::Step(_) => drop(self.take_step()),
                Entry::Finish => self.take_finish(),
                Entry::Call { account, at, call } if account < self.accounts.len() => {
                    self.last_at = at;
                    drop(self.take_call(account, at, &call));
                }
                Entry::Call { .. } => {}
                Entry::State { account, state } => self.take_state(account, *state)?,
                Entry::Listed(symbols) => self.take_listed(&symbols),
                Entry::Bars(bars) => self.take_bars(&bars),
                Entry::Passed(at) => self.take_passed(at),
            }
            // Whoever listened then has heard it, or fills the gap by asking.
            for account in &mut self.accounts {
                drop(account.exchange.drain_events());
            }
        }
        Ok(())
    }

    /// The market's present time.
    pub(crate) fn now(&self) -> i64 {
        let (market, taken) = self.clock;
        let still = market.max(self.last_at);
        if let Some(now) = self.pushed.as_ref().and_then(pushed::present) {
            return still.max(now);
        }
        let (Speed::Times(times), Some(taken)) = (self.speed, taken) else {
            return still;
        };
        let Some(next) = self.feed.end_of(self.next_step).filter(|_| !self.finished()) else {
            return still;
        };
        let passed = i64::try_from(taken.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let passed = passed.saturating_mul(i64::from(times.max(1)));
        market.saturating_add(passed).min(next - 1).max(self.last_at)
    }

    /// When the next step is due at a speed that is tied to real time; `None` when it is at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (Speed::Times(times), (market, Some(taken))) = (self.speed, self.clock) else {
            return None;
        };
        let gap = (self.feed.end_of(self.next_step)? - market).max(0);
        let gap = if self.skip_gaps { gap.min(GAP_MAX) } else { gap };
        let real = u64::try_from(gap).unwrap_or(0) / u64::from(times.max(1));
        Some(taken + Duration::from_nanos(real))
    }

    /// Starts the market's clock now.
    pub(crate) fn start_clock(&mut self) {
        self.clock.1 = Some(Instant::now());
    }

    /// Whether the last bar has passed.
    pub(crate) fn finished(&self) -> bool {
        *self.ended.borrow()
    }

    /// The same, to wait for.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// How many accounts there are.
    pub(crate) fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Steps taken and steps in all.
    pub(crate) fn progress(&self) -> (usize, usize) {
        (self.next_step, self.feed.steps.len())
    }

    /// The account's exchange, to look at.
    pub(crate) fn exchange(&self, account: usize) -> &Exchange {
        &self.accounts[account].exchange
    }

    /// The account's settings.
    pub(crate) fn configurations(&self, account: usize) -> &Configurations {
        &self.accounts[account].configurations
    }

    /// The account's equity over time.
    pub(crate) fn equities(&self, account: usize) -> &Equities {
        &self.accounts[account].equities
    }

    /// Takes the next step of the market, or ends it. `false` when it had ended before.
    ///
    /// # Errors
    /// When the state file cannot be written; the market stays where it is then.
    pub(crate) fn step(&mut self) -> Result<bool, OplogError> {
        if self.finished() {
            return Ok(false);
        }
        if self.next_step >= self.feed.steps.len() {
            self.log.append(&Entry::Finish)?;
            self.take_finish();
            self.publish_all();
            return Ok(false);
        }
        self.log.append(&Entry::Step(self.next_step))?;
        let messages = self.take_step();
        self.publish_all();
        self.publish_market(&messages);
        Ok(true)
    }

    fn take_step(&mut self) -> Vec<MarketMessage> {
        let feed = Arc::clone(&self.feed);
        let (Some(end), known) = (feed.end_of(self.next_step), feed.bars_of(self.next_step)) else {
            return Vec::new();
        };
        let begin = known.iter().map(|bar| bar.start).min().unwrap_or(end);
        self.take_actions(begin);
        let bars: Vec<Bar> = known.iter().filter_map(|bar| self.exchange_bar(bar)).collect();
        for account in &mut self.accounts {
            // The exchange takes bars of one start at a time; a feed can mix minutes and hours.
            for group in bars.chunk_by(|a, b| a.at == b.at) {
                account.exchange.on_bars(group);
            }
            account.exchange.advance(Nanos(end));
            account.equities.note(end, &account.exchange);
        }
        self.next_step += 1;
        self.clock = (end, self.clock.1.map(|_| Instant::now()));
        self.last_at = self.last_at.max(end);
        known.iter().flat_map(stream_messages).collect()
    }

    /// Carries out what is due before a bar that starts at `begin`, for every account.
    fn take_actions(&mut self, begin: i64) {
        while let Some(action) = self.actions.get(self.next_action).filter(|a| a.at <= begin) {
            let action = action.clone();
            self.next_action += 1;
            for account in &mut self.accounts {
                let exchange = &mut account.exchange;
                let at = Nanos(begin.max(self.last_at));
                let booked = match action.kind {
                    ActionKind::Dividend => exchange.dividend(&action.symbol, action.value, at),
                    ActionKind::Split => exchange.split(&action.symbol, action.value, at),
                };
                if let Err(error) = booked {
                    tracing::warn!(%error, "a corporate action is left out");
                }
            }
            self.announce(action);
        }
    }

    fn announce(&mut self, action: CorporateAction) {
        if self.announced.len() < ANNOUNCED_MAX && !self.announced.contains(&action) {
            self.announced.push(action);
        }
    }

    /// What has been announced, in the order of the announcements.
    pub(crate) fn announced(&self) -> &[CorporateAction] {
        &self.announced
    }

    fn exchange_bar(&self, bar: &FeedBar) -> Option<Bar> {
        let symbol = *self.symbols.get(&bar.symbol)?;
        Some(wire::bar(symbol, bar))
    }

    fn take_finish(&mut self) {
        let at = self.now();
        for account in &mut self.accounts {
            account.exchange.finish(Nanos(at));
        }
        self.ended.send_replace(true);
    }

    /// `POST /v2/orders`.
    pub(crate) fn submit(&mut self, account: usize, order: NewOrder) -> Result<Order, Refusal> {
        if self.accounts[account].configurations.suspend_trade {
            return Err(Refusal::forbidden("new orders are rejected by user request"));
        }
        self.call(account, Call::Submit(order))?.order()
    }

    /// `PATCH /v2/orders/{id}`.
    pub(crate) fn replace(
        &mut self,
        account: usize,
        id: Id,
        changes: Changes,
    ) -> Result<Order, Refusal> {
        self.call(account, Call::Replace(id, changes))?.order()
    }

    /// `DELETE /v2/orders/{id}`.
    pub(crate) fn cancel(&mut self, account: usize, id: Id) -> Result<(), Refusal> {
        match self.call(account, Call::Cancel(id))? {
            Outcome::Done(result) => result.map_err(Refusal::from),
            _ => Err(Refusal::internal("cancel gave no outcome")),
        }
    }

    /// `DELETE /v2/orders`.
    pub(crate) fn cancel_all(&mut self, account: usize) -> Result<Vec<CancelOutcome>, Refusal> {
        match self.call(account, Call::CancelAll)? {
            Outcome::Cancels(outcomes) => Ok(outcomes),
            _ => Err(Refusal::internal("cancel of all gave no outcome")),
        }
    }

    /// `DELETE /v2/positions/{symbol}`.
    pub(crate) fn close(
        &mut self,
        account: usize,
        symbol: String,
        size: CloseSize,
    ) -> Result<Order, Refusal> {
        let (qty, percentage) = match size {
            CloseSize::All => (None, None),
            CloseSize::Qty(qty) => (Some(qty), None),
            CloseSize::Percentage(share) => (None, Some(share)),
        };
        self.call(account, Call::Close { symbol, qty, percentage })?.order()
    }

    /// Money or shares that come from outside of trading.
    pub(crate) fn book(&mut self, account: usize, call: Call) -> Result<(), Refusal> {
        match self.call(account, call)? {
            Outcome::Booked(result) => result.map_err(Refusal::invalid),
            _ => Err(Refusal::internal("the booking gave no outcome")),
        }
    }

    /// `PATCH /v2/account/configurations`.
    pub(crate) fn configure(
        &mut self,
        account: usize,
        configurations: Configurations,
    ) -> Result<(), Refusal> {
        self.call(account, Call::Configure(configurations)).map(drop)
    }

    fn call(&mut self, account: usize, call: Call) -> Result<Outcome, Refusal> {
        // No two calls have the same time, so that lists by time have an order.
        let at = self.now().max(self.last_at.saturating_add(CALL_DISTANCE));
        let entry = Entry::Call { account, at, call };
        let kept = self.log.append(&entry).and_then(|()| self.keep());
        kept.map_err(|error| Refusal::internal(error.to_string()))?;
        let Entry::Call { call, .. } = entry else {
            return Err(Refusal::internal("a call is not a call"));
        };
        self.last_at = at;
        let outcome = self.take_call(account, at, &call);
        self.publish(account);
        Ok(outcome)
    }

    fn take_call(&mut self, account: usize, at: i64, call: &Call) -> Outcome {
        if let Some(action) = self.action_of(at, call) {
            self.announce(action);
        }
        let account = &mut self.accounts[account];
        let exchange = &mut account.exchange;
        let at = Nanos(at);
        let boxed = |result: Result<Order, Reject>| Outcome::Order(result.map(Box::new));
        match call {
            Call::Submit(order) => boxed(exchange.submit(order.clone(), at)),
            Call::Replace(id, changes) => boxed(exchange.replace(*id, changes.clone(), at)),
            Call::Cancel(id) => Outcome::Done(exchange.cancel(*id, at)),
            Call::CancelAll => Outcome::Cancels(exchange.cancel_all(at)),
            Call::Close { symbol, qty, percentage } => {
                let size = match (qty, percentage) {
                    (Some(qty), _) => CloseSize::Qty(*qty),
                    (None, Some(share)) => CloseSize::Percentage(*share),
                    (None, None) => CloseSize::All,
                };
                boxed(exchange.close_position(symbol, size, at))
            }
            Call::Deposit { amount } => {
                Outcome::Booked(exchange.deposit(*amount, at).map_err(|e| e.to_string()))
            }
            Call::Dividend { symbol, per_share } => Outcome::Booked(
                exchange.dividend(symbol, *per_share, at).map_err(|e| e.to_string()),
            ),
            Call::Split { symbol, ratio } => {
                Outcome::Booked(exchange.split(symbol, *ratio, at).map_err(|e| e.to_string()))
            }
            Call::Bust { execution } => {
                Outcome::Booked(exchange.bust(*execution, at).map_err(|e| e.to_string()))
            }
            Call::Correct { execution, qty, price } => Outcome::Booked(
                exchange.correct(*execution, *qty, *price, at).map_err(|e| e.to_string()),
            ),
            Call::Configure(configurations) => {
                account.configurations = configurations.clone();
                Outcome::Done(Ok(()))
            }
        }
    }

    /// The corporate action of a call that gives one, on its day.
    fn action_of(&self, at: i64, call: &Call) -> Option<CorporateAction> {
        let (symbol, kind, value) = match call {
            Call::Dividend { symbol, per_share } => (symbol, ActionKind::Dividend, *per_share),
            Call::Split { symbol, ratio } => (symbol, ActionKind::Split, *ratio),
            _ => return None,
        };
        self.symbols.contains_key(symbol).then(|| {
            let at = Nanos(at).new_york_date().at_new_york(0, 0).0;
            CorporateAction { at, symbol: symbol.clone(), kind, value }
        })
    }

    fn publish_all(&mut self) {
        for account in 0..self.accounts.len() {
            self.publish(account);
            self.release(account);
        }
    }

    /// Sends what happened to an account to those who listen, as the fault plan lets it.
    fn publish(&mut self, account: usize) {
        let number = account;
        let account = &mut self.accounts[number];
        for update in account.exchange.drain_events() {
            let text = wire::trade_update(&update).to_string();
            match self.faults.next_update(&update) {
                Fault::Drop => {}
                Fault::Duplicate => {
                    self.hub.publish_trade(number, &text);
                    self.hub.publish_trade(number, &text);
                }
                Fault::Reorder if account.held.len() < HELD_MAX => account.held.push(text),
                Fault::Delay { ms } | Fault::Hold { ms } => {
                    self.hub.publish_trade_late(number, &text, Duration::from_millis(ms));
                }
                Fault::Reorder | Fault::Disconnect => self.hub.cut_trade(number, Cut::Fault),
                _ => {
                    self.hub.publish_trade(number, &text);
                    for late in account.held.drain(..) {
                        self.hub.publish_trade(number, &late);
                    }
                }
            }
        }
    }

    /// Sends what was held back and nothing later has overtaken.
    fn release(&mut self, account: usize) {
        let held = std::mem::take(&mut self.accounts[account].held);
        for late in held {
            self.hub.publish_trade(account, &late);
        }
    }

    fn publish_market(&self, messages: &[MarketMessage]) {
        match self.faults.next_market() {
            // A bar after its successor is none, so market data that comes out of turn is lost.
            Fault::Drop | Fault::Reorder | Fault::Delay { .. } => {}
            Fault::Duplicate => {
                self.hub.publish(messages);
                self.hub.publish(messages);
            }
            Fault::Disconnect => self.hub.cut_data(Cut::Fault),
            _ => self.hub.publish(messages),
        }
    }

    /// Lets go of the state file; changes are refused from now on.
    pub(crate) fn let_go(&mut self) {
        self.log.close();
    }
}

impl Outcome {
    fn order(self) -> Result<Order, Refusal> {
        match self {
            Self::Order(Ok(order)) => Ok(*order),
            Self::Order(Err(reject)) => Err(reject.into()),
            _ => Err(Refusal::internal("the call gave no order")),
        }
    }
}

/// What tells this market from another: its bars, and its corporate actions where it has some.
fn digest(feed: &Loaded, actions: &[CorporateAction]) -> String {
    let mut digest = feed.digest();
    if !actions.is_empty() {
        let mut hash = Sha256::new();
        for CorporateAction { at, symbol, kind, value } in actions {
            hash.update(format!("{at} {symbol} {} {value}\n", kind.as_str()));
        }
        digest.extend(hash.finalize().iter().map(|byte| format!("{byte:02x}")));
    }
    digest
}

/// Lists the feed's symbols with every account, in the same order, so that ids agree.
fn list_symbols(
    accounts: &mut [Account],
    feed: &Loaded,
) -> Result<BTreeMap<String, SymbolId>, StartError> {
    let mut symbols = BTreeMap::new();
    for bar in &feed.bars {
        if symbols.contains_key(&bar.symbol) {
            continue;
        }
        for account in &mut *accounts {
            let listed = account.exchange.intern(&bar.symbol).map_err(|error| {
                StartError::Symbol { symbol: bar.symbol.clone(), reason: error.to_string() }
            })?;
            symbols.insert(bar.symbol.clone(), listed);
        }
    }
    Ok(symbols)
}
