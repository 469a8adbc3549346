//! A plugin as it describes itself, and what a deployment of it needs.

use serde::Serialize;
use stockade_core::instrument::AssetClass;
use stockade_core::{InstrumentId, Symbol};
use stockade_runtime::{
    Bot, BotConfig, BotInstrument, Description, Engine, EngineConfig, Manifest, Package, Plugin,
    Signed, Tier, Trust,
};

use crate::cli::context::failed;
use crate::config::Settings;
use crate::failure::Failure;

/// A plugin as it describes itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Inspected {
    #[serde(flatten)]
    pub(crate) description: Description,
    pub(crate) digest: String,
    pub(crate) bytes: usize,
    interpreted: bool,
    /// Whose signature it has.
    pub(crate) signed: Signed,
    /// What its author says of it.
    pub(crate) manifest: Option<Manifest>,
    #[serde(skip)]
    plugin: Plugin,
}

/// Checks, compiles and describes; slow, and not for a thread that has other work.
pub(crate) fn inspect(package: &Package, stem: &str, trust: Trust) -> Result<Inspected, String> {
    let config = EngineConfig { trust, ..EngineConfig::default() };
    let engine = Engine::new(&config).map_err(|error| error.to_string())?;
    let plugin = Plugin::load(&engine, package, stem).map_err(|error| error.to_string())?;
    Ok(Inspected {
        description: plugin.description().clone(),
        digest: plugin.digest().to_string(),
        bytes: plugin.size(),
        interpreted: plugin.tier() == Tier::Interpreted,
        signed: plugin.signed(),
        manifest: plugin.manifest().cloned(),
        plugin,
    })
}

impl Inspected {
    /// Makes an instance and throws it away: a deployment whose parameters don't fit, or whose
    /// `init` refuses them, ends here and not in a strike.
    pub(crate) async fn try_start(
        &self,
        settings: &Settings,
        params: Vec<(String, String)>,
        symbols: &[Symbol],
        seed: u64,
    ) -> Result<(), Failure> {
        // The classes that the broker gives them are not known here.
        let instruments = (0..)
            .zip(symbols)
            .map(|(id, symbol)| BotInstrument {
                id: InstrumentId(id),
                symbol: symbol.clone(),
                class: AssetClass::Equity,
            })
            .collect();
        let limits = settings.limits.of(self.plugin.tier(), self.plugin.name(), None);
        let config = BotConfig { params, seed, instruments, limits, history: None };
        let plugin = self.plugin.clone();
        let started = tokio::task::spawn_blocking(move || Bot::start(&plugin, config).map(drop));
        let name = &self.description.name;
        started
            .await
            .map_err(failed)?
            .map_err(|error| Failure::Usage(format!("plugin \"{name}\": {error}")))
    }

    /// The symbols of a deployment: those that were named, else those that the plugin asks for.
    pub(crate) fn symbols(&self, named: Vec<Symbol>) -> Result<Vec<Symbol>, Failure> {
        let Description { name, symbols: own, .. } = &self.description;
        let any = own.is_empty();
        if named.is_empty() {
            if any {
                let text =
                    format!("plugin \"{name}\" takes any symbols: name them (--symbols A,B)");
                return Err(Failure::Usage(text));
            }
            return Ok(own.clone());
        }
        match named.iter().find(|symbol| !any && !own.contains(symbol)) {
            Some(symbol) => Err(Failure::Usage(format!(
                "plugin \"{name}\" does not ask for {symbol}, but for {}",
                spoken(own)
            ))),
            None => Ok(named),
        }
    }
}

/// Symbols on one line.
pub(crate) fn spoken(symbols: &[Symbol]) -> String {
    if symbols.is_empty() {
        return "any".to_owned();
    }
    let symbols: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    symbols.join(", ")
}

/// A name of the contract (an event's kind, a parameter's type) as it is written.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
