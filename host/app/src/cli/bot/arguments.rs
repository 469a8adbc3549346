//! The arguments of `stockade bot`.

use clap::{Args, Subcommand};
use stockade_core::{Money, Slug, Symbol};

use crate::cli::argument::{self, assignment};

/// Running deployments of plugins
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BotCommand {
    /// Deploy a plugin as a bot with capital of its own
    #[command(
        after_help = "Example:\n  stockade bot deploy dip --plugin mean-reversion --capital 10000 --symbols AAPL,MSFT --param window=20"
    )]
    Deploy(Box<DeployArgs>),
    /// All bots
    #[command(after_help = "Example:\n  stockade bot list --json")]
    List {
        /// Retired ones too
        #[arg(long)]
        all: bool,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// One bot, with what happened to it
    #[command(after_help = "Example:\n  stockade bot show dip")]
    Show(Named),
    /// Change parameters; a bot that runs goes on with them, its state, orders and positions
    #[command(after_help = "Example:\n  stockade bot set dip --param window=30")]
    Set {
        /// Which
        #[arg(value_parser = argument::slug)]
        name: Slug,
        /// A parameter
        #[arg(long = "param", value_name = "K=V", required = true, value_parser = assignment)]
        params: Vec<(String, String)>,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Start a stopped bot
    #[command(after_help = "Example:\n  stockade bot start dip")]
    Start(Named),
    /// Stop a bot; its orders and positions stay
    #[command(after_help = "Example:\n  stockade bot stop dip")]
    Stop(Named),
    /// Read the plugin's file again and put it to work in place
    #[command(after_help = "Example:\n  stockade bot reload dip --dry-run")]
    Reload {
        /// Which
        #[arg(value_parser = argument::slug)]
        name: Slug,
        /// Try the new version on the events that the running one got lately, show where it asks for
        /// something else, and throw it away
        #[arg(long)]
        dry_run: bool,
        /// The file to try (default: the plugin's in the folder)
        #[arg(long, value_name = "FILE", requires = "dry_run")]
        file: Option<std::path::PathBuf>,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a quarantined bot run again
    #[command(after_help = "Example:\n  stockade bot release dip")]
    Release(Named),
    /// What happened to a bot, and what it logged
    #[command(after_help = "Example:\n  stockade bot logs dip --limit 50")]
    Logs {
        /// Which
        #[arg(value_parser = argument::slug)]
        name: Slug,
        /// At most so many of each, the latest
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// One JSON document instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Retire a bot; its sleeve and history stay
    #[command(after_help = "Example:\n  stockade bot remove dip")]
    Remove(Named),
}

/// A bot's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct Named {
    /// Which
    #[arg(value_parser = argument::slug)]
    pub(crate) name: Slug,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A deployment.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeployArgs {
    /// Its name, and its sleeve's
    #[arg(value_parser = argument::slug)]
    pub(crate) name: Slug,
    /// The plugin's name: its file in the plugins folder without .wasm
    #[arg(long, value_name = "P")]
    pub(crate) plugin: String,
    /// Its capital
    #[arg(long, value_name = "AMOUNT", value_parser = argument::amount, required_unless_present = "sleeve")]
    pub(crate) capital: Option<Money>,
    /// What it gets and may trade (default: what the plugin asks for)
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = argument::symbol)]
    pub(crate) symbols: Vec<Symbol>,
    /// A parameter
    #[arg(long = "param", value_name = "K=V", value_parser = assignment)]
    pub(crate) params: Vec<(String, String)>,
    /// An existing flat sleeve to take
    #[arg(long, value_name = "S", value_parser = argument::slug)]
    pub(crate) sleeve: Option<Slug>,
    /// In shadow: it sees the live market, its intents are checked, recorded and simulated, and
    /// nothing is ever sent
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Its seed (default: made of its name)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The reply as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
