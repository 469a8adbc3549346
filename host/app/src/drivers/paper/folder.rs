//! The plugins folder of a replay: instances are made of its files.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use stockade_core::row::BotRow;
use stockade_runtime::{
    Bot, BotConfig, BotInstrument, Engine, EngineConfig, Folder, FolderEvent, History, Plugin,
    Snapshot, Trust,
};
use tokio::sync::mpsc;

use crate::cli::plugin;
use crate::config::Settings;
use crate::drivers::base::HISTORY_KEPT;
use crate::drivers::lockstep::{Made, Maker};

/// Components of the plugins folder. A file is read when an instance of it is made.
pub(super) struct PluginFolder {
    engine: Engine,
    folder: PathBuf,
    settings: Settings,
}

impl PluginFolder {
    pub(super) fn new(settings: &Settings, folder: PathBuf) -> Result<Self> {
        let cache = Some(settings.data.join("cache"));
        let trust = settings.trust(false)?;
        let engine = Engine::new(&EngineConfig {
            apart: settings.compiling()?,
            cache,
            deadlines: false,
            trust,
        })?;
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("can't make {}", folder.display()))?;
        Ok(Self { engine, folder, settings: settings.clone() })
    }

    /// Watches the folder until the watch is dropped.
    pub(super) fn watch(&self, events: mpsc::Sender<FolderEvent>) -> Result<Folder> {
        Ok(Folder::watch(&self.engine, &self.folder, events)?)
    }
}

impl Maker for PluginFolder {
    fn trust(&mut self, trust: Trust) {
        self.engine.set_trust(trust);
    }

    fn make(
        &mut self,
        row: &BotRow,
        instruments: Vec<BotInstrument>,
        state: Option<&[u8]>,
    ) -> Result<Made> {
        let path = self.folder.join(format!("{}.wasm", row.plugin));
        let package = plugin::read(&path).map_err(|failure| anyhow!("{failure}"))?;
        let loaded = Plugin::load(&self.engine, &package, &row.plugin)
            .with_context(|| path.display().to_string())?;
        let config = BotConfig {
            params: row.params.clone(),
            seed: row.seed,
            instruments,
            limits: self.settings.limits.of(loaded.tier(), loaded.name(), Some(row.name.as_str())),
            history: Some(Arc::new(History::new(HISTORY_KEPT))),
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
