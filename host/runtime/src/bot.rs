//! A bot: one Store, one instance. Calls go in, requests come out; any fault ends the instance.

use std::sync::Arc;

use stockade_core::InstrumentId;
use wasmtime::component::Resource;
use wasmtime::{Store, Trap};

use crate::backtrace;
use crate::call::{Call, Cause, Outcome, Strike, Usage};
use crate::contract::{Crossing, Prepared, World, actions, types as wit};
use crate::convert;
use crate::engine::{Engine, STACK_BYTES, TICK_MS};
use crate::events::{Bars, EVENTS_PER_CALL_MAX, Events};
use crate::history::History;
use crate::host::Host;
pub use crate::lent::BotInstrument;
use crate::lent::{Mark, Table};
use crate::limits::Limits;
use crate::log::{LogLevel, LogLine, clip, escape};
use crate::params::{self, ParamError};
use crate::plugin::Plugin;
use crate::snapshot::Snapshot;
use crate::wire::Laid;

/// Bytes of a cause's text that are kept.
const CAUSE_BYTES_MAX: usize = 500;
/// Bytes that the host adds to a state on its way out of the bot.
const SAVE_SLACK: usize = 64;

/// How a bot is made.
#[derive(Debug, Clone, Default)]
pub struct BotConfig {
    /// Names and values; defaults are filled in.
    pub params: Vec<(String, String)>,
    /// Its only randomness.
    pub seed: u64,
    /// Its instruments, in the order of its table.
    pub instruments: Vec<BotInstrument>,
    /// What it may use.
    pub limits: Limits,
    /// Bars for its `history`.
    pub history: Option<Arc<History>>,
}

/// Why there is no bot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BotError {
    /// A parameter does not fit the schema.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// Its manifest does not allow this deployment, or asks for what the host does not allow.
    #[error("{what}")]
    Manifest {
        /// What does not fit.
        what: String,
    },
    /// It could not be made, or its `init` or `restore` ended badly.
    #[error(transparent)]
    Strike(#[from] Strike),
}

/// A running instance.
#[derive(Debug)]
pub struct Bot {
    plugin: Plugin,
    live: Option<Live>,
    leases: u32,
    scratch: Scratch,
    start_logs: Vec<LogLine>,
    limits: Arc<Limits>,
    usage: Usage,
    history: Option<Arc<History>>,
}

/// Lists for the bot, kept so that a call allocates nothing.
#[derive(Debug, Default)]
struct Scratch {
    bars: Laid,
    quotes: Vec<wit::Quote>,
    trades: Vec<wit::Trade>,
    orders: Vec<wit::OrderEvent>,
    timers: Vec<wit::TimerEvent>,
    sessions: Vec<wit::SessionEvent>,
    actions: Vec<actions::ActionEvent>,
}

impl Bot {
    /// Makes an instance and calls `init`.
    pub fn start(plugin: &Plugin, config: BotConfig) -> Result<Self, BotError> {
        let params = params::check(&plugin.description().params, &config.params)?;
        let mut limits = config.limits;
        if let Some(manifest) = plugin.manifest() {
            manifest
                .check_symbols(config.instruments.iter().map(|item| &item.symbol))
                .and_then(|()| manifest.narrow(&limits))
                .map(|narrowed| limits = narrowed)
                .map_err(|what| BotError::Manifest { what })?;
        }
        let table = Arc::new(Table::new(config.instruments));
        let instruments = table.items.iter().zip(0_u32..).map(|(item, id)| wit::InstrumentInfo {
            id,
            symbol: item.symbol.to_string(),
            class: convert::class_out(item.class),
        });
        let init = wit::Config { instruments: instruments.collect(), params, seed: config.seed };
        let limits = Arc::new(limits);
        let history = config.history.clone();
        let host = Host::new(limits.clone(), table, config.history, config.seed);
        let mut live = Live::new(plugin.engine(), plugin.pre(), host)?;
        live.init(&init)?;
        let (start_logs, _) = live.store.data_mut().log.take();
        let plugin = plugin.clone();
        let (scratch, usage) = (Scratch::default(), Usage::default());
        let live = Some(live);
        Ok(Self { plugin, live, leases: 0, scratch, start_logs, limits, usage, history })
    }

    /// What it was made of.
    #[must_use]
    pub const fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What its `history` tells.
    #[must_use]
    pub const fn history(&self) -> Option<&Arc<History>> {
        self.history.as_ref()
    }

    /// What it wrote while it started.
    pub fn take_start_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.start_logs)
    }

    /// Whether an instance is there: no call has struck it.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.live.is_some()
    }

    /// Hands over events. After an error the instance is gone and its requests are void.
    pub fn call(&mut self, call: &Call<'_>) -> Result<Outcome, Strike> {
        let count = call.events.len();
        if count == 0 {
            return Ok(Outcome::default());
        }
        let live = self.live.as_mut().ok_or(Strike::of(Cause::Gone))?;
        if count > EVENTS_PER_CALL_MAX {
            let what = format!("{count} events, at most {EVENTS_PER_CALL_MAX} are allowed");
            return Err(Strike::of(Cause::Host { what }));
        }
        self.leases = self.leases.wrapping_add(1);
        let result = live.call(call, self.leases, &mut self.scratch);
        let host = live.store.data_mut();
        let beyond = host.log.breach();
        let (logs, logs_dropped) = host.log.take();
        match result {
            Ok(mut outcome) => {
                outcome.bounded.extend(beyond.into_iter().chain(host.bounded.take()));
                let lines = u64::try_from(logs.len()).unwrap_or(u64::MAX);
                self.usage = host.usage(outcome.fuel_used, lines + u64::from(logs_dropped));
                (outcome.logs, outcome.logs_dropped) = (logs, logs_dropped);
                Ok(outcome)
            }
            Err(strike) => {
                // Where it is the host's fault the bot has not been called.
                if !matches!(strike.cause, Cause::Host { .. }) {
                    self.live = None;
                }
                Err(Strike { logs, logs_dropped, ..strike })
            }
        }
    }

    /// What it uses, as of the last call that ended well.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// What it may use: the host's limits, narrowed by its manifest.
    #[must_use]
    pub const fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The bot's state.
    pub fn save(&mut self) -> Result<Snapshot, Strike> {
        let mut live = self.live.take().ok_or(Strike::of(Cause::Gone))?;
        let state = live.save()?;
        self.live = Some(live);
        Ok(Snapshot { schema: self.plugin.description().state_schema, state })
    }

    /// Gives it a state, after `start` and before the first event. One of another format is first
    /// migrated, by the bot itself.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), Strike> {
        let mut live = self.live.take().ok_or(Strike::of(Cause::Gone))?;
        if snapshot.schema == self.plugin.description().state_schema {
            live.restore(&snapshot.state)?;
        } else {
            let state = live.migrate(snapshot)?;
            live.restore(&state)?;
        }
        self.live = Some(live);
        Ok(())
    }
}

/// A Store with its instance.
pub(crate) struct Live {
    store: Store<Host>,
    world: Box<dyn World>,
    deadlines: bool,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    pub(crate) fn new(engine: &Engine, pre: &Prepared, host: Host) -> Result<Self, Strike> {
        let mut store = Store::new(&engine.wasm, host);
        store.limiter(|host| &mut host.memory);
        let fuel = store.data().limits.start_fuel;
        begin(&mut store, fuel, engine.deadlines);
        match pre.instantiate(&mut store) {
            Ok(world) => Ok(Self { store, world, deadlines: engine.deadlines }),
            Err(error) => Err(strike(&mut store, &error, fuel)),
        }
    }

    pub(crate) fn describe(&mut self) -> Result<wit::Description, Strike> {
        self.run(true, |world, store| world.describe(store))
    }

    fn init(&mut self, config: &wit::Config) -> Result<(), Strike> {
        self.run(true, |world, store| world.init(store, config))?
            .map_err(|message| self.refused("init", &message))
    }

    fn save(&mut self) -> Result<Vec<u8>, Strike> {
        self.state_of(|world, store| world.save(store))
    }

    /// Runs a call that answers with a state.
    fn state_of(
        &mut self,
        f: impl FnOnce(&dyn World, &mut Store<Host>) -> wasmtime::Result<Vec<u8>>,
    ) -> Result<Vec<u8>, Strike> {
        let allowed = self.store.data().limits.snapshot_bytes;
        let room = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_add(SAVE_SLACK);
        let begun = self.begin(false);
        self.store.set_hostcall_fuel(room);
        let saved = f(&*self.world, &mut self.store);
        self.store.set_hostcall_fuel(host_bytes(&self.store));
        let too_long = |found: u64| Cause::Limit {
            what: "bytes of state:",
            found,
            allowed: u64::from(allowed),
            setting: "snapshot_bytes",
        };
        match saved {
            Ok(state) if state.len() > usize::try_from(allowed).unwrap_or(usize::MAX) => {
                Err(Strike::of(too_long(u64::try_from(state.len()).unwrap_or(u64::MAX))))
            }
            Ok(state) => Ok(state),
            Err(error) if is_copy_limit(&error) => {
                Err(Strike::of(too_long(u64::from(allowed).saturating_add(1))))
            }
            Err(error) => Err(strike(&mut self.store, &error, begun)),
        }
    }

    fn migrate(&mut self, snapshot: &Snapshot) -> Result<Vec<u8>, Strike> {
        let mut refused = None;
        let state = self.state_of(|world, store| {
            let answer = world.migrate(store, snapshot.schema, &snapshot.state)?;
            Ok(answer.unwrap_or_else(|message| {
                refused = Some(message);
                Vec::new()
            }))
        })?;
        match refused {
            Some(message) => Err(self.refused("migrate", &message)),
            None => Ok(state),
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Strike> {
        let restored = self.run(true, |world, store| world.restore(store, state))?;
        restored.map_err(|message| self.refused("restore", &message))
    }

    fn refused(&mut self, function: &'static str, message: &str) -> Strike {
        let (logs, logs_dropped) = self.store.data_mut().log.take();
        let message = escape(clip(message, CAUSE_BYTES_MAX));
        let cause = Cause::Refused { function, message };
        Strike { logs, logs_dropped, ..Strike::of(cause) }
    }

    /// Sets the limits of a call; gives its fuel.
    fn begin(&mut self, start: bool) -> u64 {
        let limits = &self.store.data().limits;
        let fuel = if start { limits.start_fuel } else { limits.fuel };
        begin(&mut self.store, fuel, self.deadlines);
        fuel
    }

    fn run<R>(
        &mut self,
        start: bool,
        f: impl FnOnce(&dyn World, &mut Store<Host>) -> wasmtime::Result<R>,
    ) -> Result<R, Strike> {
        let fuel = self.begin(start);
        f(&*self.world, &mut self.store).map_err(|error| strike(&mut self.store, &error, fuel))
    }

    fn call(
        &mut self,
        call: &Call<'_>,
        lease: u32,
        scratch: &mut Scratch,
    ) -> Result<Outcome, Strike> {
        let fuel = self.begin(false);
        let host = self.store.data_mut();
        host.lent.open(call.view, call.prices, call.now, call.warm_up);
        host.wasi.now = call.now;
        let crossing = scratch.fill(host, &call.events)?;
        host.lease = Some(lease);
        let capital = Resource::new_borrow(lease);
        let handled = self.world.handle(&mut self.store, capital, &crossing, call.warm_up);
        let host = self.store.data_mut();
        host.lease = None;
        let handled = match handled {
            Ok(handled) => handled,
            Err(error) => return Err(struck(&mut self.store, &error, fuel)),
        };
        let count = call.events.len();
        let within = usize::try_from(handled).is_ok_and(|handled| (1..=count).contains(&handled));
        if !within {
            let what = format!("it says that it handled {handled} of {count} events");
            return Err(Cause::Contract { what }.into());
        }
        let requests =
            self.store.data_mut().lent.finish(handled).map_err(|what| Cause::Contract { what })?;
        let left = self.store.get_fuel().unwrap_or(0);
        let fuel_used = fuel.saturating_sub(left);
        Ok(Outcome { handled, requests, fuel_used, ..Outcome::default() })
    }
}

impl Scratch {
    /// Notes times and prices of the events with the host, and gives them in the contract's types.
    fn fill<'a>(&'a mut self, host: &mut Host, events: &Events<'_>) -> Result<Crossing<'a>, Cause> {
        let table = host.table.clone();
        let place = |id: InstrumentId| table.place(id).ok_or_else(|| unknown(&format!("{id:?}")));
        let lent = &mut host.lent;
        match events {
            Events::Bars(bars) => {
                let laid = self.lay(bars, &table)?;
                lent.take_bars(laid.clone());
                Ok(Crossing::Bars(laid))
            }
            Events::Quotes(quotes) => {
                self.quotes.clear();
                for quote in *quotes {
                    lent.take_mark(Mark { at: quote.at, price: None });
                    self.quotes.push(convert::quote_out(quote, place(quote.instrument)?));
                }
                Ok(Crossing::Quotes(&self.quotes))
            }
            Events::Trades(trades) => {
                self.trades.clear();
                for trade in *trades {
                    let price = Some((trade.instrument, trade.price));
                    lent.take_mark(Mark { at: trade.at, price });
                    self.trades.push(convert::trade_out(trade, place(trade.instrument)?));
                }
                Ok(Crossing::Trades(&self.trades))
            }
            Events::Orders(updates) => {
                self.orders.clear();
                for update in *updates {
                    let place = table.place_of_symbol(&update.symbol);
                    let place = place.ok_or_else(|| unknown(update.symbol.as_str()))?;
                    lent.take_mark(Mark { at: update.at, price: None });
                    self.orders.push(order_out(update, place));
                }
                Ok(Crossing::Orders(&self.orders))
            }
            Events::Timer(times) => {
                times.iter().for_each(|at| lent.take_mark(Mark { at: *at, price: None }));
                self.timers = times.iter().map(|at| convert::timer_out(*at)).collect();
                Ok(Crossing::Timers(&self.timers))
            }
            Events::Session(sessions) => {
                sessions.iter().for_each(|e| lent.take_mark(Mark { at: e.at, price: None }));
                self.sessions = sessions.iter().map(convert::session_out).collect();
                Ok(Crossing::Sessions(&self.sessions))
            }
            Events::Actions(actions) => {
                self.actions.clear();
                for action in *actions {
                    lent.take_mark(Mark { at: action.at, price: None });
                    self.actions.push(convert::action_out(action, place(action.instrument)?));
                }
                Ok(Crossing::Actions(&self.actions))
            }
        }
    }

    /// Bars as they cross: as they were laid out, where that is right for this bot.
    fn lay(&mut self, bars: &Bars<'_>, table: &Table) -> Result<Laid, Cause> {
        if let Some(laid) = bars.crossing()
            && table.takes(&laid)
        {
            return Ok(laid);
        }
        let mut stranger = None;
        self.bars.refill(bars, |bar| {
            table.place(bar.instrument).unwrap_or_else(|| {
                stranger.get_or_insert(bar.instrument);
                u32::MAX
            })
        });
        match stranger {
            Some(id) => Err(unknown(&format!("{id:?}"))),
            None => Ok(self.bars.clone()),
        }
    }
}

fn order_out(update: &stockade_core::desk::OrderUpdate, instrument: u32) -> wit::OrderEvent {
    wit::OrderEvent {
        at: update.at.0,
        order: update.intent_id.0,
        instrument,
        side: convert::side_out(update.side),
        status: convert::status_out(update.status),
        reason: update.reason.as_deref().map(str::to_owned),
        filled: convert::decimal_out(update.filled_qty.get()),
        last_qty: convert::decimal_out(update.last_qty.get()),
        last_price: update.last_price.map(|price| convert::decimal_out(price.get())),
        lot: update.lot.map(|lot| lot.0),
    }
}

fn unknown(name: &str) -> Cause {
    Cause::Host { what: format!("an event of {name}, which is none of the bot's instruments") }
}

fn host_bytes(store: &Store<Host>) -> usize {
    usize::try_from(store.data().limits.host_bytes).unwrap_or(usize::MAX)
}

/// Sets the limits of a call into the bot.
fn begin(store: &mut Store<Host>, fuel: u64, deadlines: bool) {
    store.data_mut().begin();
    store.set_fuel(fuel).expect("the engine counts fuel");
    let ticks =
        if deadlines { store.data().limits.deadline_ms / TICK_MS + 1 } else { u64::MAX / 2 };
    store.set_epoch_deadline(ticks);
    store.set_hostcall_fuel(host_bytes(store));
}

fn strike(store: &mut Store<Host>, error: &wasmtime::Error, fuel: u64) -> Strike {
    let (logs, logs_dropped) = store.data_mut().log.take();
    Strike { logs, logs_dropped, ..struck(store, error, fuel) }
}

/// What an error of a call means, and where the bot was.
fn struck(store: &mut Store<Host>, error: &wasmtime::Error, fuel: u64) -> Strike {
    let backtrace = backtrace::of(error);
    Strike { backtrace, ..Strike::of(cause(store, error, fuel)) }
}

/// wasmtime's own word for it; its type is private. A test holds it to this.
fn is_copy_limit(error: &wasmtime::Error) -> bool {
    error.chain().any(|e| e.to_string().contains("fuel allocated for hostcalls has been exhausted"))
}

/// What an error of a call means.
fn cause(store: &mut Store<Host>, error: &wasmtime::Error, fuel: u64) -> Cause {
    let host = store.data_mut();
    if let Some(cause) = host.breach.take().or_else(|| host.memory.breach.take()) {
        return cause;
    }
    let limits = &host.limits;
    let limit =
        |what, allowed, setting| Cause::Limit { what, found: allowed + 1, allowed, setting };
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            let setting = if fuel == limits.fuel { "fuel" } else { "start_fuel" };
            limit("instructions of one call: more than", fuel, setting)
        }
        Some(Trap::Interrupt) => {
            limit("milliseconds of one call: more than", limits.deadline_ms, "deadline_ms")
        }
        Some(Trap::StackOverflow) => {
            let what = format!("call stack exhausted (the host gives {STACK_BYTES} bytes)");
            Cause::Trap { what }
        }
        _ if is_copy_limit(error) => {
            limit("bytes of one host call:", u64::from(limits.host_bytes), "host_bytes")
        }
        _ => {
            // The SDKs write what was thrown, or panicked, as the last error before the trap; with
            // WASI a language's own words may follow on its standard error.
            let last = host.log.lines.iter().rfind(|line| line.level == LogLevel::Error);
            let words = last.map_or_else(String::new, |line| format!("{}; ", line.text));
            let trap = escape(&backtrace::cause_alone(error));
            Cause::Trap { what: clip(&format!("{words}{trap}"), CAUSE_BYTES_MAX).to_owned() }
        }
    }
}
