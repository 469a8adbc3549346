//! Which symbols a bot gets, and the bars that it sees before the first one that counts.

use stockade_core::instrument::AssetClass;
use stockade_core::{InstrumentId, Symbol, Timestamp};
use stockade_runtime::Plugin;

use super::run::Setup;
use crate::drivers::lockstep::{Market, Seen, Shaped, first_group};
use crate::drivers::shape::Shape;
use crate::failure::Failure;

/// The symbols of the files that a bot gets.
pub(super) fn symbols_of(
    setup: &Setup,
    market: &Market,
    plugin: &Plugin,
) -> Result<Vec<Symbol>, Failure> {
    let all = &market.symbols;
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

/// Bars of warm-up that a bot gets.
pub(super) fn bars_of(setup: &Setup, plugin: &Plugin) -> usize {
    let asked = usize::try_from(plugin.description().warm_up_bars).unwrap_or(usize::MAX);
    setup.warm_up.unwrap_or(asked)
}

/// The most that any bot of a run gets.
pub(super) fn most(setup: &Setup) -> usize {
    let plugins = setup.entries.iter().filter_map(|entry| entry.plugin.as_ref());
    plugins.map(|plugin| bars_of(setup, plugin)).max().unwrap_or(0)
}

/// The first time stamp from `from` on before which every bot has its bars of warm-up.
pub(super) fn first_live(setup: &Setup, market: &Market, from: usize) -> Result<usize, Failure> {
    let mut live = from;
    for plugin in setup.entries.iter().filter_map(|entry| entry.plugin.as_ref()) {
        let bars = bars_of(setup, plugin);
        let symbols = symbols_of(setup, market, plugin)?;
        let place = |symbol: &Symbol| market.symbols.iter().position(|s| s == symbol);
        let ids: Vec<u32> =
            symbols.iter().filter_map(place).filter_map(|i| u32::try_from(i).ok()).collect();
        if bars == 0 {
            continue;
        }
        let shaped = plugin.description().bars.map(|asked| {
            let class = |id: &u32| {
                let symbol = &market.symbols[usize::try_from(*id).unwrap_or(0)];
                (InstrumentId(*id), class_of(symbol))
            };
            Shaped::of(market, Shape::of(asked), ids.iter().map(class))
        });
        live = live.max(ready(Seen { market, shaped: shaped.as_ref() }, &ids, bars));
    }
    if live < market.len() {
        return Ok(live);
    }
    Err(Failure::Usage(format!(
        "the files hold {} time stamps: too few for {} bars of warm-up of each symbol and a bar after them (--warm-up)",
        market.len(),
        most(setup)
    )))
}

/// The first time stamp that is needed for the warm-up of a run from `from` on.
pub(super) fn before(setup: &Setup, market: &Market, from: usize) -> Result<usize, Failure> {
    let bars = most(setup);
    if bars == 0 || from == 0 {
        return Ok(from);
    }
    let mut ids = Vec::new();
    for plugin in setup.entries.iter().filter_map(|entry| entry.plugin.as_ref()) {
        let symbols = symbols_of(setup, market, plugin)?;
        let place = |symbol: &Symbol| market.symbols.iter().position(|s| s == symbol);
        let places = symbols.iter().filter_map(place).filter_map(|i| u32::try_from(i).ok());
        ids.extend(places.map(InstrumentId));
    }
    ids.sort_unstable();
    ids.dedup();
    let seen = Seen { market, shaped: None };
    Ok(first_group(seen, Timestamp(market.at(from).0 - 1), &ids, bars))
}

/// The class that the exchange of a run gives a symbol.
fn class_of(symbol: &Symbol) -> AssetClass {
    match stockade_exchange::Asset::named(symbol.as_str()) {
        Ok(asset) if asset.class == stockade_exchange::AssetClass::Crypto => AssetClass::Crypto,
        _ => AssetClass::Equity,
    }
}

/// How many time stamps hold so many bars of each of these.
fn ready(seen: Seen<'_>, ids: &[u32], bars: usize) -> usize {
    let market = seen.market;
    let mut missing: Vec<(InstrumentId, usize)> =
        ids.iter().map(|id| (InstrumentId(*id), bars)).collect();
    missing.retain(|(_, left)| *left > 0);
    let mut group = 0;
    while !missing.is_empty() && group < market.len() {
        for bar in seen.bars(group) {
            if let Some((_, left)) = missing.iter_mut().find(|(id, _)| *id == bar.instrument) {
                *left -= 1;
            }
        }
        missing.retain(|(_, left)| *left > 0);
        group += 1;
    }
    if missing.is_empty() { group } else { market.len() }
}
