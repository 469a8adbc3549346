//! One backtest: the loop, and what is kept of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rust_decimal::Decimal;
use stockade_core::desk::{
    BooksAnswer, BotReport, Command, Desk, Event, Past, Question, Reply, Settings,
};
use stockade_core::instrument::Instrument;
use stockade_core::risk::Controls;
use stockade_core::row::{
    BotEventRow, BotRow, ExecutionRow, OrderRow, RefusalRow, RoundTripRow, Row, Rows, SleeveKind,
    SnapshotRow,
};
use stockade_core::{InstrumentId, Money, Now, OrderId, SleeveId, Slug, Symbol, Timestamp};
use stockade_exchange as model;
use stockade_runtime::{
    Bot, BotConfig, BotInstrument, Engine, EngineConfig, History, Limits, Plugin, Snapshot, Trust,
};
use stockade_venue::files::{ActionRow, Bars, Feed};

use super::result::BacktestResult;
use super::warm;
use crate::cli::backtest::{BacktestArgs, CostArgs as Costs, Profile};
use crate::drivers::base::HISTORY_KEPT;
use crate::drivers::lockstep::{
    Beginning, Guest, LocalBot, Lockstep, Made, Maker, Market, Note, Seen, Sink, catch_up,
    first_group, shaped_for,
};
use crate::failure::Failure;

/// One bot of a run.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The bot's and its sleeve's name.
    pub(crate) name: Slug,
    /// The component, compiled; `None` where a strategy of this program stands in its place.
    pub(crate) plugin: Option<Plugin>,
    /// Its capital.
    pub(crate) capital: Money,
    /// Its parameters.
    pub(crate) params: Vec<(String, String)>,
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The bots.
    pub(crate) entries: Vec<Entry>,
    /// The account's capital.
    pub(crate) capital: Money,
    /// Symbols that bots may get; empty means all of the files.
    pub(crate) symbols: Vec<Symbol>,
    /// Which rules hold.
    pub(crate) profile: Profile,
    /// What trading costs.
    pub(crate) costs: Costs,
    /// Bars of each symbol before the first that counts; `None` means as many as each bot asks for.
    pub(crate) warm_up: Option<usize>,
    /// The bots' seed.
    pub(crate) seed: u64,
    /// Whether orders are kept for files of them, which costs time.
    pub(crate) keeps_orders: bool,
}

impl Setup {
    /// A run without costs, of all symbols of the files.
    pub(crate) fn plain(entries: Vec<Entry>, capital: Money, profile: Profile, seed: u64) -> Self {
        let (symbols, costs) = (Vec::new(), Costs::default());
        Self { entries, capital, symbols, profile, costs, warm_up: None, seed, keeps_orders: false }
    }

    /// Reads and compiles the components that the arguments name, each once. What takes seconds to
    /// compile is kept in `cache`.
    pub(super) fn of(args: &BacktestArgs, trust: &Trust, cache: PathBuf) -> Result<Self, Failure> {
        let engine = engine(args, trust, cache)?;
        let mut entries = Vec::new();
        if let Some(file) = &args.plugin {
            let plugin = load(&engine, file)?;
            let name =
                Slug::new(plugin.name()).map_err(|error| Failure::Usage(error.to_string()))?;
            let (plugin, params) = (Some(plugin), Vec::new());
            entries.push(Entry { name, plugin, capital: args.capital, params });
        }
        let mut loaded: BTreeMap<&Path, Plugin> = BTreeMap::new();
        for bot in &args.bots {
            let plugin = match loaded.get(&*bot.file) {
                Some(plugin) => plugin.clone(),
                None => load(&engine, &bot.file)?,
            };
            loaded.insert(&bot.file, plugin.clone());
            let (name, params) = (bot.name.clone(), bot.params.clone());
            entries.push(Entry { name, plugin: Some(plugin), capital: bot.capital, params });
        }
        let (symbols, costs, warm_up) = (args.symbols.clone(), args.costs.clone(), args.warm_up);
        Ok(Self {
            symbols,
            costs,
            warm_up,
            ..Self::plain(entries, args.capital, args.profile, args.seed)
        })
    }

    /// The same with another capital of account and first bot.
    pub(super) fn with_capital(&self, capital: Money) -> Self {
        let mut setup = self.clone();
        setup.capital = capital;
        if let Some(entry) = setup.entries.first_mut() {
            entry.capital = capital;
        }
        setup
    }

    /// The same with these parameters of the first bot.
    pub(super) fn with_params(&self, params: &[(String, String)]) -> Self {
        let mut setup = self.clone();
        if let Some(entry) = setup.entries.first_mut() {
            entry.params.extend_from_slice(params);
        }
        setup
    }
}

/// Bytes of a component that takes seconds to compile.
const LARGE_BYTES: u64 = 4 << 20;

fn engine(args: &BacktestArgs, trust: &Trust, cache: PathBuf) -> Result<Engine, Failure> {
    let files = args.plugin.iter().chain(args.bots.iter().map(|bot| &bot.file));
    let is_large = |file: &PathBuf| std::fs::metadata(file).is_ok_and(|m| m.len() >= LARGE_BYTES);
    let config = |cache| EngineConfig { trust: trust.clone(), cache, ..EngineConfig::default() };
    if files.into_iter().any(is_large)
        // A folder that can't be written costs time and no result.
        && let Ok(engine) = Engine::new(&config(Some(cache)))
    {
        return Ok(engine);
    }
    Engine::new(&config(None)).map_err(|error| Failure::Failed(error.into()))
}

fn load(engine: &Engine, file: &Path) -> Result<Plugin, Failure> {
    let package = crate::cli::plugin::read(file)?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.ok_or_else(|| Failure::Usage(format!("{} names no file", file.display())))?;
    Plugin::load(engine, &package, &stem)
        .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

/// Whether the states of bots are kept, to go on from after a strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum States {
    #[default]
    Kept,
    /// A run in which no bot is struck reads none: the first strike ends it, and it begins again with
    /// states kept. That each bot's state can be saved is tried with its first intent and at the end.
    Tried,
}

/// A bot was struck in a run that keeps no states.
#[derive(Debug, thiserror::Error)]
#[error("a bot was struck, and its state was not kept")]
struct Struck;

/// What of the rows the results need.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(super) executions: Vec<ExecutionRow>,
    pub(super) round_trips: Vec<RoundTripRow>,
    pub(super) refusals: u64,
    keeps: States,
    /// The last state of each bot: what it goes on from after a strike.
    states: BTreeMap<SleeveId, SnapshotRow>,
    /// Strikes, the first [`STRIKES_KEPT_MAX`].
    pub(super) strikes: Vec<BotEventRow>,
    /// Orders as they ended, and intents that were refused, where files are written of them.
    pub(super) orders: BTreeMap<OrderId, OrderRow>,
    pub(super) refused: Vec<RefusalRow>,
    keeps_orders: bool,
    /// Everything that a split, a dividend or a fee is shared out by, where there can be any.
    past: Option<Past>,
}

/// Strikes that a result names: the first tells most, the rest how often.
const STRIKES_KEPT_MAX: usize = 1_000;

impl Sink for Kept {
    fn commit(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        if let Some(past) = &mut self.past {
            rows.iter().for_each(|row| past.take(row));
        }
        for row in rows.drain(..) {
            match row {
                Row::Execution(row) => self.executions.push(row),
                Row::RoundTrip(row) => self.round_trips.push(row),
                Row::Refusal(row) => {
                    self.refusals += 1;
                    if self.keeps_orders {
                        self.refused.push(row);
                    }
                }
                Row::Order(row) if self.keeps_orders => {
                    drop(self.orders.insert(row.id, *row));
                }
                Row::Snapshot(row) => drop(self.states.insert(row.sleeve, row)),
                Row::BotEvent(row) if matches!(row.kind.as_str(), "suspended" | "quarantined") => {
                    if self.keeps == States::Tried {
                        return Err(Struck.into());
                    }
                    if self.strikes.len() < STRIKES_KEPT_MAX {
                        self.strikes.push(row);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn answer(&mut self, question: &Question) -> Result<BooksAnswer> {
        let past = self.past.as_ref();
        // Only activities of the account ask, and they come where there is a past.
        let past = past.with_context(|| format!("a run without a past is asked {question:?}"))?;
        Ok(past.answer(question))
    }
}

/// Lays files of any kind out for runs: once, however many runs there are.
pub(crate) fn lay_out_feed(feed: &Feed, actions: &[ActionRow]) -> Result<Market, Failure> {
    if feed.bars.rows.is_empty() && !feed.has_ticks() {
        return Err(Failure::Usage("the files hold no bars, quotes or trades".to_owned()));
    }
    let market = lay_out(&feed.bars)?.with_ticks(&feed.quotes, &feed.trades);
    Ok(market.with_actions(actions))
}

/// The same for bars alone.
pub(crate) fn lay_out(bars: &Bars) -> Result<Market, Failure> {
    // Any new exchange numbers symbols in the order in which it hears of them.
    let config = model::Config::reference(Decimal::ZERO);
    let exchange = model::Exchange::new(config, 0, model::Nanos(0));
    let mut exchange = exchange.map_err(|error| Failure::Failed(error.into()))?;
    Market::new(bars, |symbol| exchange.intern(symbol.as_str()))
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// Runs one setup over a market.
pub(crate) fn run_once(setup: &Setup, market: &Market) -> Result<BacktestResult, Failure> {
    run_from(setup, market, 0)
}

/// The same from a time stamp on; what lies before it is there for bots that warm up.
pub(crate) fn run_from(
    setup: &Setup,
    market: &Market,
    from: usize,
) -> Result<BacktestResult, Failure> {
    let from = warm::first_live(setup, market, from)?;
    let deploy = |prepared: &mut Prepared<'_>| prepared.deploy(setup);
    match run_with(setup, (market, from), States::Tried, deploy) {
        Err(Failure::Failed(error)) if error.is::<Struck>() => {
            run_with(setup, (market, from), States::Kept, deploy)
        }
        outcome => outcome,
    }
}

fn run_with(
    setup: &Setup,
    (market, from): (&Market, usize),
    states: States,
    deploy: impl FnOnce(&mut Prepared<'_>) -> Result<(), Failure>,
) -> Result<BacktestResult, Failure> {
    let began = Instant::now();
    let mut prepared = Prepared::new(setup, market, from).map_err(Failure::Failed)?;
    prepared.lockstep.sink.keeps = states;
    deploy(&mut prepared)?;
    let looped = Instant::now();
    let curve = prepared.replay().map_err(Failure::Failed)?;
    let loop_seconds = looped.elapsed();
    let mut result = BacktestResult::new(prepared.lockstep, (market, from), curve);
    result.summary.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let nanos = loop_seconds.as_nanos().max(1);
    let rate = u128::from(result.summary.bars) * 1_000_000_000 / nanos;
    result.summary.bars_per_second = u64::try_from(rate).unwrap_or(u64::MAX);
    Ok(result)
}

/// The same with a strategy of this program in the place of the first entry's component.
pub(crate) fn run_native(
    setup: &Setup,
    market: &Market,
    guest: Box<dyn Guest>,
) -> Result<BacktestResult, Failure> {
    run_with(setup, (market, 0), States::Tried, |prepared| {
        let entry =
            setup.entries.first().context("a run without a bot").map_err(Failure::Failed)?;
        let symbols = prepared.market.symbols.clone();
        prepared.deploy_one(setup, entry, (&symbols, 0), ("native", "1"), |_| Ok(guest))
    })
}

/// The same with a maker's instances, after a strike too.
#[cfg(test)]
pub(crate) fn run_made(
    setup: &Setup,
    market: &Market,
    guest: Box<dyn Guest>,
    maker: Box<dyn Maker>,
) -> Result<BacktestResult, Failure> {
    run_with(setup, (market, 0), States::Kept, |prepared| {
        prepared.maker = maker;
        let symbols = prepared.market.symbols.clone();
        prepared.deploy_one(setup, &setup.entries[0], (&symbols, 0), ("walker", "1"), |_| Ok(guest))
    })
}

/// What holds in a profile: the desk's settings, the account's controls, the exchange's rules.
pub(crate) fn rules(profile: Profile, capital: Money) -> (Settings, Controls, model::Config) {
    match profile {
        Profile::Reference => {
            (Settings::reference(), Controls::default(), model::Config::reference(capital.get()))
        }
        Profile::Live => {
            let settings = Settings { budgeted: false, ..Settings::default() };
            (settings, Controls::live(), model::Config::paper(capital.get()))
        }
    }
}

/// Desk, exchange and market, before the first bar.
struct Prepared<'a> {
    lockstep: Lockstep<Kept>,
    market: &'a Market,
    /// What instances are made of.
    maker: Box<dyn Maker>,
    /// The first time stamp that counts.
    from: usize,
}

/// The equity of some sleeves together.
fn worth(desk: &Desk, sleeves: &[SleeveId]) -> Money {
    sleeves.iter().map(|id| desk.equity(*id)).reduce(|sum, equity| sum + equity).unwrap_or_default()
}

/// The plugins of a run, by the names of its bots.
#[derive(Default)]
struct Plugins(BTreeMap<Slug, Plugin>);

impl Maker for Plugins {
    fn make(
        &mut self,
        row: &BotRow,
        instruments: Vec<BotInstrument>,
        state: Option<&[u8]>,
    ) -> Result<Made> {
        let plugin = self.0.get(&row.name);
        let plugin = plugin.with_context(|| format!("bot {} has no component", row.name))?;
        let mut bot =
            Bot::start(plugin, config(row.params.clone(), row.seed, instruments, plugin))?;
        if let Some(state) = state {
            bot.restore(&Snapshot::from_bytes(state)?)?;
        }
        Ok(Made {
            guest: Box::new(bot),
            digest: plugin.digest().to_string(),
            version: plugin.description().version.clone(),
            warm_up_bars: usize::try_from(plugin.description().warm_up_bars)?,
        })
    }
}

fn config(
    params: Vec<(String, String)>,
    seed: u64,
    instruments: Vec<BotInstrument>,
    plugin: &Plugin,
) -> BotConfig {
    // Nothing but the capital refuses in a backtest: neither does the rate of a live market.
    let limits = Limits { intents_per_second: u32::MAX, ..Limits::of(plugin.tier()) };
    let history = Some(Arc::new(History::new(HISTORY_KEPT)));
    BotConfig { params, seed, instruments, limits, history }
}

impl<'a> Prepared<'a> {
    fn new(setup: &Setup, market: &'a Market, from: usize) -> Result<Self> {
        let (settings, controls, mut config) = rules(setup.profile, setup.capital);
        setup.costs.set(&mut config);
        let start = market.at(from);
        let mut exchange = model::Exchange::new(config, setup.seed, model::Nanos(start.0 - 1))?;
        for symbol in &market.symbols {
            // The numbers that the market's bars have.
            exchange.intern(symbol.as_str())?;
        }
        let now = Now { market: Timestamp(start.0 - 1), machine: Timestamp(0) };
        let label = Slug::new("backtest").expect("a literal slug");
        let rows = Rows::new_account(label, "backtest".to_owned(), true, controls, now);
        // Its files are what it is run again from, and its results are all that is kept.
        let tells = market.has_actions() || setup.costs.regulatory_fees;
        // What happens beside orders is shared out by what the books know of the past.
        let keeps_orders = setup.keeps_orders;
        let restorable = tells || keeps_orders;
        let settings = Settings { record_inputs: false, restorable, ..settings };
        let desk = Desk::restore(rows, settings)?;
        let past = tells.then(Past::default);
        let kept = Kept { past, keeps_orders, ..Kept::default() };
        let mut lockstep = Lockstep::new(desk, exchange, kept, now.market).telling(tells);
        let instruments: Vec<Instrument> = market
            .symbols
            .iter()
            .map(|symbol| crate::drivers::model::instrument_of(&lockstep.exchange, symbol))
            .collect();
        lockstep.put(Event::Instruments { instruments })?;
        lockstep.start(1)?;
        let maker = Box::new(Plugins::default());
        Ok(Self { lockstep, market, maker, from })
    }

    /// Gives each bot its sleeve and makes its instance.
    fn deploy(&mut self, setup: &Setup) -> Result<(), Failure> {
        let mut plugins = Plugins::default();
        for entry in &setup.entries {
            let plugin = entry
                .plugin
                .clone()
                .with_context(|| format!("bot {} has no component", entry.name))
                .map_err(Failure::Failed)?;
            let symbols = warm::symbols_of(setup, self.market, &plugin)?;
            let warm_up = warm::bars_of(setup, &plugin);
            let (digest, version) =
                (plugin.digest().to_string(), plugin.description().version.clone());
            self.deploy_one(
                setup,
                entry,
                (&symbols, warm_up),
                (&digest, &version),
                |instruments| {
                    let config = config(entry.params.clone(), setup.seed, instruments, &plugin);
                    let bot = Bot::start(&plugin, config)
                        .map_err(|error| Failure::Usage(format!("bot {}: {error}", entry.name)))?;
                    Ok(Box::new(bot))
                },
            )?;
            plugins.0.insert(entry.name.clone(), plugin);
        }
        self.maker = Box::new(plugins);
        Ok(())
    }

    fn deploy_one(
        &mut self,
        setup: &Setup,
        entry: &Entry,
        (symbols, warm_up): (&[Symbol], usize),
        (digest, version): (&str, &str),
        make: impl FnOnce(Vec<BotInstrument>) -> Result<Box<dyn Guest>, Failure>,
    ) -> Result<(), Failure> {
        let command = Command::BotDeploy {
            name: entry.name.clone(),
            sleeve: None,
            capital: entry.capital,
            plugin: entry.plugin.as_ref().map_or("native", Plugin::name).to_owned(),
            digest: digest.to_owned(),
            version: version.to_owned(),
            params: entry.params.clone(),
            symbols: symbols.to_vec(),
            seed: setup.seed,
        };
        match self.lockstep.command(command).map_err(Failure::Failed)? {
            Reply::Done { .. } => {}
            Reply::Refused { refusal } => return Err(Failure::refused(&refusal)),
        }
        self.instance(entry, digest, (symbols, warm_up), make)
    }

    fn instance(
        &mut self,
        entry: &Entry,
        digest: &str,
        (symbols, warm_up): (&[Symbol], usize),
        make: impl FnOnce(Vec<BotInstrument>) -> Result<Box<dyn Guest>, Failure>,
    ) -> Result<(), Failure> {
        let wanted = self.lockstep.notes.drain(..).find_map(|note| match note {
            Note::StartBot(sleeve, generation) => Some((sleeve, generation)),
            _ => None,
        });
        let (sleeve, generation) = wanted
            .with_context(|| format!("bot {} was not started", entry.name))
            .map_err(Failure::Failed)?;
        let place = |symbol: &Symbol| self.market.symbols.iter().position(|s| s == symbol);
        let mut ids: Vec<InstrumentId> = symbols
            .iter()
            .filter_map(place)
            .filter_map(|i| u32::try_from(i).ok())
            .map(InstrumentId)
            .collect();
        ids.sort_unstable();
        let desk = &self.lockstep.desk;
        let instruments = ids.iter().map(|id| {
            let known = &desk.instruments()[id.index()];
            BotInstrument { id: *id, symbol: known.symbol.clone(), class: known.class }
        });
        let mut guest = make(instruments.collect())?;
        let (market, from) = (self.market, self.from);
        let shaped = shaped_for(&*guest, market, &self.lockstep.desk, &ids);
        if warm_up > 0 {
            let begun = Timestamp(market.at(from).0 - 1);
            let seen = Seen { market, shaped: shaped.as_ref() };
            let first = first_group(seen, begun, &ids, warm_up);
            catch_up(&mut *guest, first..from, &ids, seen, &self.lockstep.desk, sleeve)
                .with_context(|| format!("bot {} failed in its warm-up", entry.name))
                .map_err(Failure::Failed)?;
        }
        let bot = LocalBot::new(sleeve, generation, digest.into(), guest, ids, market);
        let bot = if from > 0 { bot.from(from) } else { bot }.shaped(shaped);
        self.lockstep.bots.push(match self.lockstep.sink.keeps {
            States::Kept => bot.saving(),
            States::Tried => bot.saving_once(),
        });
        self.lockstep
            .put(Event::Bot { sleeve, report: BotReport::Ready { generation } })
            .map_err(Failure::Failed)
    }

    /// Every time stamp, then the end. Gives the equity of all bots' sleeves after each.
    fn replay(&mut self) -> Result<Vec<(Timestamp, Money)>> {
        let sleeves: Vec<_> = self
            .lockstep
            .desk
            .sleeves()
            .filter(|sleeve| matches!(sleeve.kind, SleeveKind::Bot))
            .map(|sleeve| sleeve.id)
            .collect();
        let mut curve = Vec::with_capacity(self.market.len() - self.from + 1);
        let capital = worth(&self.lockstep.desk, &sleeves);
        curve.push((Timestamp(self.market.at(self.from).0 - 1), capital));
        let mut group = self.from;
        while group < self.market.len() {
            let quiet = self.lockstep.quiet_until(group, self.market);
            if quiet > group {
                let market = self.market;
                self.lockstep.pass_quietly(group..quiet, market, |desk, group| {
                    curve.push((market.at(group), worth(desk, &sleeves)));
                })?;
                group = quiet;
                continue;
            }
            self.lockstep.tick(group, self.market)?;
            self.heed_notes(group + 1)?;
            curve.push((self.market.at(group), worth(&self.lockstep.desk, &sleeves)));
            group += 1;
        }
        self.lockstep.finish()?;
        if let Some((_, equity)) = curve.last_mut() {
            // The last day's fees are in it.
            *equity = worth(&self.lockstep.desk, &sleeves);
        }
        self.heed_notes(self.market.len())?;
        if self.lockstep.sink.keeps == States::Tried {
            let bots = &mut self.lockstep.bots;
            bots.iter_mut().try_for_each(|bot| bot.save().map(drop).map_err(|_| Struck))?;
        }
        Ok(curve)
    }

    /// Makes the instances that the desk wants: of bots whose back-off is over.
    fn heed_notes(&mut self, place: usize) -> Result<()> {
        for note in std::mem::take(&mut self.lockstep.notes) {
            match note {
                Note::StartBot(sleeve, generation) => {
                    let beginning = Beginning {
                        maker: &mut *self.maker,
                        market: self.market,
                        place,
                        state: self.lockstep.sink.states.get(&sleeve).cloned(),
                        lines: false,
                    };
                    self.lockstep.start_bot(sleeve, generation, beginning)?;
                }
                Note::Refuse(why) => return Err(anyhow!("{why}")),
                // Nobody watches a backtest: its result tells.
                Note::Alert(..) => {}
            }
        }
        Ok(())
    }
}
