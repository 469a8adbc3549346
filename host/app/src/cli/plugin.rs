//! `stockade plugin`: components in the plugins folder.
//!
//! A plugin is checked, compiled and asked to describe itself before anything is said of it or
//! done with it; nothing of it runs beyond that.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use stockade_core::Symbol;
use stockade_runtime::{Engine, EngineConfig, PLUGIN_BYTES_MAX, Plugin};

use super::context::failed;
use super::screen::{self, Screen, text_or_dash};
use crate::config::Settings;
use crate::failure::Failure;

/// What a plugin says of symbols when the deployment names them.
const ANY: &str = "any";
const SUFFIX: &str = "wasm";

/// Components in the plugins folder
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PluginCommand {
    /// What a component is, wants and takes
    #[command(after_help = "Example:\n  stockade plugin inspect sma-cross.wasm --json")]
    Inspect {
        /// The component
        file: PathBuf,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// The plugins that can be deployed
    #[command(after_help = "Example:\n  stockade plugin list --json")]
    List {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Put a component into the folder; bots that run an older one are reloaded
    #[command(after_help = "Example:\n  stockade plugin add sma-cross.wasm")]
    Add {
        /// The component; its name without .wasm becomes the plugin's
        file: PathBuf,
    },
    /// Take a component out of the folder; running bots go on
    #[command(after_help = "Example:\n  stockade plugin remove sma-cross")]
    Remove {
        /// The plugin's name
        name: String,
    },
}

/// A plugin as it describes itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Inspected {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) digest: String,
    bytes: usize,
    symbols: Vec<String>,
    events: Vec<String>,
    params: Vec<InspectedParam>,
    warm_up_bars: u32,
    timer_period_ns: i64,
    state_schema: u32,
    #[serde(skip)]
    plugin: PluginHandle,
}

/// A parameter that a plugin takes.
#[derive(Debug, Clone, Serialize)]
struct InspectedParam {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    default: Option<String>,
    minimum: Option<String>,
    maximum: Option<String>,
    help: String,
}
