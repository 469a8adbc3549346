//! One backtest: the loop, and what is kept of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rust_decimal::Decimal;
use stockade_core::desk::{
    BooksAnswer, BotReport, Command, Desk, Event, Question, Reply, Settings,
};
use stockade_core::instrument::Instrument;
use stockade_core::risk::Controls;
use stockade_core::row::{
    BotEventRow, BotRow, ExecutionRow, RoundTripRow, Row, Rows, SleeveKind, SnapshotRow,
};
use stockade_core::{InstrumentId, Money, Now, SleeveId, Slug, Symbol, Timestamp};
use stockade_exchange as model;
use stockade_runtime::{
    Bot, BotConfig, BotInstrument, Engine, EngineConfig, Limits, Package, Plugin, Snapshot, Trust,
};
use stockade_venue::files::Bars;

use super::result::BacktestResult;
use crate::cli::backtest::{BacktestArgs, Profile};
use crate::drivers::lockstep::{
    Beginning, Guest, LocalBot, Lockstep, Made, Maker, Market, Note, Sink,
};
use crate::failure::Failure;

/// One bot of a run.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The bot's and its sleeve's name.
    pub(crate) name: Slug,
    /// The component and what is beside it.
    pub(crate) component: Arc<Package>,
    /// The plugin's name: the file's stem.
    pub(crate) stem: String,
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
    /// Fee of each execution.
    pub(crate) fee: Money,
    /// How much worse than its price an order fills.
    pub(crate) slippage_bps: Decimal,
    /// Largest part of a bar's volume, as a share of 1.
    pub(crate) max_participation: Option<Decimal>,
    /// The bots' seed.
    pub(crate) seed: u64,
    /// Whose components are loaded.
    pub(crate) trust: Trust,
}

impl Setup {
    /// Reads the components that the arguments name.
    pub(super) fn of(
        args: &BacktestArgs,
        params: Vec<(String, String)>,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        let mut entries = Vec::new();
        if let Some(file) = &args.plugin {
            let stem = stem(file)?;
            let name = Slug::new(&stem).map_err(|error| Failure::Usage(error.to_string()))?;
            entries.push(Entry {
                name,
                component: read(file)?,
                stem,
                capital: args.capital,
                params,
            });
        }
        for bot in &args.bots {
            let (component, stem) = (read(&bot.file)?, stem(&bot.file)?);
            let (name, params) = (bot.name.clone(), bot.params.clone());
            entries.push(Entry { name, component, stem, capital: bot.capital, params });
        }
        Ok(Self {
            entries,
            capital: args.capital,
            symbols: args.symbols.clone(),
            profile: args.profile,
            fee: args.fee,
            slippage_bps: args.slippage_bps,
            max_participation: args.max_participation.map(|percent| percent / Decimal::ONE_HUNDRED),
            seed: args.seed,
            trust: trust.clone(),
        })
    }
}

fn read(file: &Path) -> Result<Arc<Package>, Failure> {
    crate::cli::plugin::read(file).map(Into::into)
}

fn stem(file: &Path) -> Result<String, Failure> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.ok_or_else(|| Failure::Usage(format!("{} names no file", file.display())))
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
pub(super) struct Kept {
    pub(super) executions: Vec<ExecutionRow>,
    pub(super) round_trips: Vec<RoundTripRow>,
    pub(super) refusals: u64,
    keeps: States,
    /// The last state of each bot: what it goes on from after a strike.
    states: BTreeMap<SleeveId, SnapshotRow>,
    /// Strikes, the first [`STRIKES_KEPT_MAX`].
    pub(super) strikes: Vec<BotEventRow>,
}

/// Strikes that a result names: the first tells most, the rest how often.
const STRIKES_KEPT_MAX: usize = 1_000;

impl Sink for Kept {
    fn commit(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        for row in rows.drain(..) {
            match row {
                Row::Execution(row) => self.executions.push(row),
                Row::RoundTrip(row) => self.round_trips.push(row),
                Row::Refusal(_) => self.refusals += 1,
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
        // Only activities of the account and corrections ask, and a replayed market has none.
        Err(anyhow!("a backtest keeps no past that could answer {question:?}"))
    }
}

/// Runs one setup over bars that have been read.
pub(crate) fn run_once(setup: &Setup, bars: &Bars) -> Result<BacktestResult, Failure> {
    let deploy = |prepared: &mut Prepared| prepared.deploy(setup);
    match run_with(setup, bars, States::Tried, deploy) {
        Err(Failure::Failed(error)) if error.is::<Struck>() => {
            run_with(setup, bars, States::Kept, deploy)
        }
        outcome => outcome,
    }
}

fn run_with(
    setup: &Setup,
    bars: &Bars,
    states: States,
    deploy: impl FnOnce(&mut Prepared) -> Result<(), Failure>,
) -> Result<BacktestResult, Failure> {
    if bars.rows.is_empty() {
        return Err(Failure::Usage("the files hold no bars".to_owned()));
    }
    let began = Instant::now();
    let mut prepared = Prepared::new(setup, bars).map_err(Failure::Failed)?;
    prepared.lockstep.sink.keeps = states;
    deploy(&mut prepared)?;
    let looped = Instant::now();
    let curve = prepared.replay().map_err(Failure::Failed)?;
    let loop_seconds = looped.elapsed();
    let Prepared { lockstep, market, .. } = prepared;
    let mut result = BacktestResult::new(setup, lockstep, &market, curve);
    result.summary.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let nanos = loop_seconds.as_nanos().max(1);
    let rate = u128::from(result.summary.bars) * 1_000_000_000 / nanos;
    result.summary.bars_per_second = u64::try_from(rate).unwrap_or(u64::MAX);
    Ok(result)
}

/// The same with a strategy of this program in the place of the first entry's component.
pub(crate) fn run_native(
    setup: &Setup,
    bars: &Bars,
    guest: Box<dyn Guest>,
) -> Result<BacktestResult, Failure> {
    run_with(setup, bars, States::Tried, |prepared| {
        let entry =
            setup.entries.first().context("a run without a bot").map_err(Failure::Failed)?;
        let symbols = prepared.market.symbols.clone();
        prepared.deploy_one(setup, entry, &symbols, ("native", "1"), |_| Ok(guest))
    })
}

/// The same with a maker's instances, after a strike too.
#[cfg(test)]
pub(crate) fn run_made(
    setup: &Setup,
    bars: &Bars,
    guest: Box<dyn Guest>,
    maker: Box<dyn Maker>,
) -> Result<BacktestResult, Failure> {
    run_with(setup, bars, States::Kept, |prepared| {
        prepared.maker = maker;
        let symbols = prepared.market.symbols.clone();
        prepared.deploy_one(setup, &setup.entries[0], &symbols, ("walker", "1"), |_| Ok(guest))
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
struct Prepared {
    lockstep: Lockstep<Kept>,
    market: Market,
    engine: Engine,
    /// What instances are made of.
    maker: Box<dyn Maker>,
    start: Timestamp,
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
    BotConfig { params, seed, instruments, limits: Limits::of(plugin.tier()), history: None }
}

impl Prepared {
    fn new(setup: &Setup, bars: &Bars) -> Result<Self> {
        let (settings, controls, mut config) = rules(setup.profile, setup.capital);
        config.slippage_bps = setup.slippage_bps;
        config.fee_per_execution = setup.fee.get();
        config.max_participation = setup.max_participation;
        let start = Timestamp(bars.rows.iter().map(|row| row.at).min().unwrap_or(0));
        let mut exchange = model::Exchange::new(config, setup.seed, model::Nanos(start.0 - 1))?;
        let market = Market::new(bars, |symbol| exchange.intern(symbol.as_str()))?;
        let now = Now { market: Timestamp(start.0 - 1), machine: Timestamp(0) };
        let label = Slug::new("backtest").expect("a literal slug");
        let rows = Rows::new_account(label, "backtest".to_owned(), true, controls, now);
        // Its files are what it is run again from, and its results are all that is kept.
        let settings = Settings { record_inputs: false, restorable: false, ..settings };
        let desk = Desk::restore(rows, settings)?;
        let mut lockstep = Lockstep::new(desk, exchange, Kept::default(), now.market);
        let instruments: Vec<Instrument> = market
            .symbols
            .iter()
            .map(|symbol| crate::drivers::model::instrument_of(&lockstep.exchange, symbol))
            .collect();
        lockstep.put(Event::Instruments { instruments })?;
        lockstep.start(1)?;
        let engine =
            Engine::new(&EngineConfig { trust: setup.trust.clone(), ..EngineConfig::default() })?;
        let maker = Box::new(Plugins::default());
        Ok(Self { lockstep, market, engine, maker, start })
    }

    /// Gives each bot its sleeve and makes its instance.
    fn deploy(&mut self, setup: &Setup) -> Result<(), Failure> {
        let mut plugins = Plugins::default();
        for entry in &setup.entries {
            let plugin = Plugin::load(&self.engine, &entry.component, &entry.stem)
                .map_err(|error| Failure::Usage(format!("{}: {error}", entry.stem)))?;
            let symbols = self.symbols_of(setup, &plugin)?;
            let (digest, version) =
                (plugin.digest().to_string(), plugin.description().version.clone());
            self.deploy_one(setup, entry, &symbols, (&digest, &version), |instruments| {
                let config = config(entry.params.clone(), setup.seed, instruments, &plugin);
                let bot = Bot::start(&plugin, config)
                    .map_err(|error| Failure::Usage(format!("bot {}: {error}", entry.name)))?;
                Ok(Box::new(bot))
            })?;
            plugins.0.insert(entry.name.clone(), plugin);
        }
        self.maker = Box::new(plugins);
        Ok(())
    }

    fn deploy_one(
        &mut self,
        setup: &Setup,
        entry: &Entry,
        symbols: &[Symbol],
        (digest, version): (&str, &str),
        make: impl FnOnce(Vec<BotInstrument>) -> Result<Box<dyn Guest>, Failure>,
    ) -> Result<(), Failure> {
        let command = Command::BotDeploy {
            name: entry.name.clone(),
            sleeve: None,
            capital: entry.capital,
            plugin: entry.stem.clone(),
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
        self.instance(entry, digest, symbols, make)
    }

    fn symbols_of(&self, setup: &Setup, plugin: &Plugin) -> Result<Vec<Symbol>, Failure> {
        let all = &self.market.symbols;
        let wanted = &plugin.description().symbols;
        let chosen: Vec<Symbol> = if !setup.symbols.is_empty() {
            setup.symbols.clone()
        } else if wanted.is_empty() {
            all.clone()
        } else {
            all.iter().filter(|symbol| wanted.contains(symbol)).cloned().collect()
        };
        let missing = chosen.iter().find(|symbol| !all.contains(symbol));
        if let Some(symbol) = missing {
            return Err(Failure::Usage(format!("the files hold no bars of {symbol}")));
        }
        if chosen.is_empty() {
            let wanted: Vec<&str> = wanted.iter().map(Symbol::as_str).collect();
            let wanted = wanted.join(", ");
            return Err(Failure::Usage(format!(
                "the files hold none of the symbols that the bot wants ({wanted})"
            )));
        }
        Ok(chosen)
    }

    fn instance(
        &mut self,
        entry: &Entry,
        digest: &str,
        symbols: &[Symbol],
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
        let guest = make(instruments.collect())?;
        let bot = LocalBot::new(sleeve, generation, digest.into(), guest, ids, &self.market);
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
        let mut curve = Vec::with_capacity(self.market.len() + 1);
        let capital = worth(&self.lockstep.desk, &sleeves);
        curve.push((Timestamp(self.start.0 - 1), capital));
        let mut group = 0;
        while group < self.market.len() {
            let quiet = self.lockstep.quiet_until(group, &self.market);
            if quiet > group {
                let market = &self.market;
                self.lockstep.pass_quietly(group..quiet, market, |desk, group| {
                    curve.push((market.at(group), worth(desk, &sleeves)));
                })?;
                group = quiet;
                continue;
            }
            self.lockstep.tick(group, &self.market)?;
            self.heed_notes(group + 1)?;
            curve.push((self.market.at(group), worth(&self.lockstep.desk, &sleeves)));
            group += 1;
        }
        self.lockstep.finish()?;
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
                        market: &self.market,
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
