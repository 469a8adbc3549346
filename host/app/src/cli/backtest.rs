//! `stockade backtest`: a component against files of bars.

use std::path::PathBuf;

use rust_decimal::Decimal;
use stockade_core::{Money, Symbol};
use stockade_venue::files::Source;

use super::argument;
use super::sweep::{BotSpec, ParamRange};

/// Run a component against files of bars
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["plugin", "bots"]),
    after_help = "Example:\n  stockade backtest --plugin sma-cross.wasm --bars aapl_1m.csv.gz --capital 100000 --param fast=5..15:5"
)]
pub(crate) struct BacktestArgs {
    /// The component
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Option<PathBuf>,
    /// One of several bots that share the account
    #[arg(long = "bot", value_name = "NAME=FILE,capital=AMOUNT[,K=V]", conflicts_with = "params")]
    pub(crate) bots: Vec<BotSpec>,
    /// Files of bars
    #[arg(long, value_name = "FILE[:SYMBOL]", num_args = 1.., value_parser = argument::source, required = true)]
    pub(crate) bars: Vec<Source>,
    /// Capital of the account
    #[arg(long, value_name = "AMOUNT", value_parser = argument::positive_amount)]
    pub(crate) capital: Money,
    /// Symbols that the bots get (default: those that they ask for, or all of the files)
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = argument::symbol)]
    pub(crate) symbols: Vec<Symbol>,
    /// A parameter, or a range of it to sweep
    #[arg(long = "param", value_name = "K=V|K=A..B:STEP")]
    pub(crate) params: Vec<ParamRange>,
    /// Which of the host's rules hold
    #[arg(long, value_enum, default_value_t = Profile::Reference)]
    pub(crate) profile: Profile,
    /// Fee of each execution
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = argument::amount)]
    pub(crate) fee: Money,
    /// How much worse than the bar's price an order fills, in hundredths of a percent (0 to 5000)
    #[arg(long, value_name = "BPS", default_value = "0", value_parser = argument::basis_points)]
    pub(crate) slippage_bps: Decimal,
    /// Largest part of a bar's volume that an order may fill, in percent (above 0 to 100)
    #[arg(long, value_name = "PERCENT", value_parser = argument::percentage)]
    pub(crate) max_participation: Option<Decimal>,
    /// Folder for equity.csv, fills.csv, roundtrips.csv, summary.json and report.html; of a sweep for
    /// sweep.csv
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed that the bots get
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which rules a backtest applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// The sleeve's own capital alone, so that results compare with other systems
    Reference,
    /// All rules of the live host: collar, sessions, every control
    Live,
}
