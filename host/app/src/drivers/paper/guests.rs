//! Instances of bots: made of a file of the plugins folder, given their last state, and brought up
//! to date with the bars since.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use stockade_core::desk::Desk;
use stockade_core::market::Bar;
use stockade_core::row::BotRow;
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, SleeveId, Timestamp};
use stockade_runtime::{
    Bot, BotConfig, BotInstrument, Call, Engine, EngineConfig, Events, Plugin, Snapshot,
};

use crate::cli::plugin;
use crate::config::Settings;
use crate::drivers::lockstep::{Guest, Market};

/// Bars of one call while it catches up; a time stamp is never divided.
const CATCH_UP_BARS: usize = 1_024;

/// An instance, and what it was made of.
pub(super) struct Made {
    pub(super) guest: Box<dyn Guest>,
    pub(super) digest: String,
    pub(super) version: String,
    /// Bars of each symbol that it wants to have seen before its first event.
    pub(super) warm_up_bars: usize,
}

/// Makes instances.
pub(super) trait Maker {
    /// Makes one for a bot; `state` is what its last instance saved.
    fn make(
        &mut self,
        row: &BotRow,
        instruments: Vec<BotInstrument>,
        state: Option<&[u8]>,
    ) -> Result<Made>;
}

/// Components of the plugins folder. A file is read when an instance of it is made.
pub(super) struct PluginFolder {
    engine: Engine,
    folder: PathBuf,
    settings: Settings,
}

impl PluginFolder {
    pub(super) fn new(settings: &Settings, folder: PathBuf) -> Result<Self> {
        let cache = Some(settings.data.join("cache"));
        let engine = Engine::new(&EngineConfig { cache, deadlines: false })?;
        Ok(Self { engine, folder, settings: settings.clone() })
    }
}

impl Maker for PluginFolder {
    fn make(
        &mut self,
        row: &BotRow,
        instruments: Vec<BotInstrument>,
        state: Option<&[u8]>,
    ) -> Result<Made> {
        let path = self.folder.join(format!("{}.wasm", row.plugin));
        let bytes = plugin::read(&path).map_err(|failure| anyhow!("{failure}"))?;
        let loaded = Plugin::load(&self.engine, &bytes, &row.plugin)
            .with_context(|| path.display().to_string())?;
        let config = BotConfig {
            params: row.params.clone(),
            seed: row.seed,
            instruments,
            limits: self.settings.limits.of(loaded.tier()),
            history: None,
        };
        let mut bot = Bot::start(&loaded, config)?;
        if let Some(state) = state {
            bot.restore(&Snapshot::from_bytes(state)?)?;
        }
        Ok(Made {
            guest: Box::new(bot),
            digest: loaded.digest().to_string(),
            version: loaded.description().version.clone(),
            warm_up_bars: usize::try_from(loaded.description().warm_up_bars)?,
        })
    }
}

/// The places in the desk's table of what a bot gets, sorted.
pub(super) fn wanted(desk: &Desk, row: &BotRow) -> Vec<InstrumentId> {
    let mut ids: Vec<InstrumentId> =
        row.symbols.iter().filter_map(|symbol| desk.find(symbol)).collect();
    ids.sort_unstable();
    ids
}

/// A bot's instruments, in its own order.
pub(super) fn instruments(desk: &Desk, ids: &[InstrumentId]) -> Vec<BotInstrument> {
    let known = ids.iter().filter_map(|id| Some((*id, desk.instrument(*id)?)));
    known
        .map(|(id, known)| BotInstrument { id, symbol: known.symbol.clone(), class: known.class })
        .collect()
}

/// The time stamp from which a bot without a state catches up: the first after it was deployed,
/// less its warm-up.
pub(super) fn first_group(
    market: &Market,
    deployed: Timestamp,
    ids: &[InstrumentId],
    warm_up_bars: usize,
) -> usize {
    let mut first = groups_until(market, deployed);
    let mut missing: Vec<usize> = vec![warm_up_bars; ids.len()];
    while first > 0 && missing.iter().any(|left| *left > 0) {
        first -= 1;
        for bar in &market.bars[market.range(first)] {
            if let Ok(place) = ids.binary_search(&bar.instrument) {
                missing[place] = missing[place].saturating_sub(1);
            }
        }
    }
    first
}

/// How many time stamps are not after `at`.
pub(super) fn groups_until(market: &Market, at: Timestamp) -> usize {
    let (mut low, mut high) = (0, market.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if market.at(middle) <= at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Gives a bot the bars of `groups`; what it asks for meanwhile is void.
pub(super) fn catch_up(
    guest: &mut dyn Guest,
    groups: std::ops::Range<usize>,
    ids: &[InstrumentId],
    market: &Market,
    desk: &Desk,
    sleeve: SleeveId,
) -> Result<()> {
    let Some(view) = desk.view(sleeve) else {
        return Ok(());
    };
    let mut bars: Vec<Bar> = Vec::new();
    let last = groups.end;
    for group in groups {
        let mine = market.bars[market.range(group)]
            .iter()
            .filter(|bar| ids.binary_search(&bar.instrument).is_ok());
        bars.extend(mine.copied());
        if bars.len() < CATCH_UP_BARS && group + 1 < last {
            continue;
        }
        let mut rest = bars.as_slice();
        while !rest.is_empty() {
            let call = Call {
                events: Events::Bars(rest),
                warm_up: true,
                view: &view,
                prices: desk,
                now: market.at(group),
            };
            let handled = usize::try_from(guest.call(&call)?.handled)?;
            rest = rest.get(handled.max(1)..).unwrap_or_default();
        }
        bars.clear();
    }
    Ok(())
}
