//! `stockade backtest`: a component against files of bars.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use rust_decimal::Decimal;
use stockade_core::{Money, Symbol};
use stockade_venue::files::Source;

use super::argument;
use super::sweep::{BotSpec, ParamRange, WalkForward};
use crate::drivers::stored::Timeframe;

/// What `backtest --help` says beyond its arguments.
const HELP: &str = "\
Data: orders of a symbol trade at the finest of what the files hold of it on a day. At quotes: market and stop orders at the \
other side (purchases at the ask, sales at the bid), a stop once that side reaches it, a limit order once the other \
side allows it, at that side. Else at trades: at the next trade's price, a limit where it allows that price. Else at \
bars, by the reference rules. Orders fill in full; with --max-participation up to that part of the bar's volume, the \
trade's size or the quote's size. Marks are the last trade's price, the middle of the last quote or the last close, \
whichever is latest. With quotes or trades a bar comes at its end, and each moment is a time stamp of its own.

Corporate actions (--actions) happen before the first time stamp of their day: a split changes lots and cancels the \
symbol's open orders, whose prices are of old shares; a dividend pays cash to whoever held before its day.

Sweeps: each --param K=A..B:STEP gives a parameter many values; every combination is a run of its own, on all cores \
(--jobs), and a set that fails is named and leaves the others alone. --out gets sweep.csv, sweep.json and sweep.html, \
a heat map of two swept parameters or a curve of one.

Walk-forward: --walk-forward 60d:20d takes the best set of 60 days (by --by), runs it over the 20 days after them, goes \
on by 20 days, and so on; the out-of-sample runs are chained, each beginning with the cash that the one before ended \
with. d counts days with bars, b time stamps.

Costs: fees are charged on each execution and rounded together to cents; --regulatory-fees charges REG, TAF and CAT at \
the end of each day, as Alpaca does. --slippage-bps, --half-spread and --impact-bps worsen what takes liquidity \
(market and stop orders), never a limit order's price: price x (1 + bps/10000), then + half spread, then \
x (1 + impact/10000 x (quantity / bar's volume)^2), for purchases; sales mirrored.

Examples:
  stockade backtest --plugin sma-cross.wasm --bars aapl_1m.csv.gz --capital 100000
  stockade backtest --plugin sma-cross.wasm --bars aapl_1m.csv.gz --capital 100000 --param fast=5..50:5 --param slow=20..100:20 --out sweep
  stockade backtest --plugin sma-cross.wasm --bars spy_1h.csv.gz --capital 100000 --param fast=5..20:5 --walk-forward 60d:20d --by sharpe";

/// Run a component against files of bars
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["plugin", "bots"]),
    after_help = HELP
)]
pub(crate) struct BacktestArgs {
    /// The component
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Option<PathBuf>,
    /// One of several bots that share the account
    #[arg(long = "bot", value_name = "NAME=FILE,capital=AMOUNT[,K=V]", conflicts_with = "params")]
    pub(crate) bots: Vec<BotSpec>,
    /// Files of bars, of bid and ask (bars or ticks) or of trades, told apart by their headers
    #[arg(long, value_name = "FILE[:SYMBOL]", num_args = 1.., value_parser = argument::source, required_unless_present = "stored")]
    pub(crate) bars: Vec<Source>,
    /// Symbols whose imported bars are used (import bars)
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = argument::symbol)]
    pub(crate) stored: Vec<Symbol>,
    /// Length of the imported bars
    #[arg(long, value_name = "LENGTH", default_value = "1m")]
    pub(crate) timeframe: Timeframe,
    /// File of splits and dividends: timestamp,symbol,kind,value
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: Option<PathBuf>,
    /// Capital of the account
    #[arg(long, value_name = "AMOUNT", value_parser = argument::positive_amount)]
    pub(crate) capital: Money,
    /// Symbols that the bots get (default: those that they ask for, or all of the files)
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = argument::symbol)]
    pub(crate) symbols: Vec<Symbol>,
    /// A parameter, or a range of it to sweep
    #[arg(long = "param", value_name = "K=V|K=A..B:STEP")]
    pub(crate) params: Vec<ParamRange>,
    /// Runs at once of a sweep (default: one a core)
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Figure that sets are compared by
    #[arg(long, value_enum, value_name = "FIGURE", default_value_t = Goal::TotalReturn)]
    pub(crate) by: Goal,
    /// Days (d) or time stamps (b) to choose the best set in, and to run it over after them
    #[arg(long, value_name = "IN:OUT", conflicts_with = "bots")]
    pub(crate) walk_forward: Option<WalkForward>,
    /// Every choice of a walk-forward looks at everything from the first bar on
    #[arg(long, requires = "walk_forward")]
    pub(crate) anchored: bool,
    /// Bars of each symbol that the bots see, marked as warm-up, before the first that counts
    /// (default: as many as each bot asks for)
    #[arg(long, value_name = "N")]
    pub(crate) warm_up: Option<usize>,
    /// Which of the host's rules hold
    #[arg(long, value_enum, default_value_t = Profile::Reference)]
    pub(crate) profile: Profile,
    #[command(flatten)]
    pub(crate) costs: CostArgs,
    /// Folder for equity.csv, fills.csv, roundtrips.csv, summary.json and report.html; of a sweep for
    /// sweep.csv, sweep.json and sweep.html
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed that the bots get
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// What trading costs.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Costs")]
pub(crate) struct CostArgs {
    /// Fee of each execution
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = argument::amount)]
    pub(crate) fee: Money,
    /// Fee of each share of an execution; coins pay none
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = argument::rate)]
    pub(crate) fee_per_share: Decimal,
    /// Fee in percent of each execution's value (0 to 100)
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = argument::fee_percent)]
    pub(crate) fee_percent: Decimal,
    /// Regulators' fees on stocks, as Alpaca charges them at the end of each day
    #[arg(long)]
    pub(crate) regulatory_fees: bool,
    /// How much worse than its price an order fills, in hundredths of a percent (0 to 5000)
    #[arg(long, value_name = "BPS", default_value = "0", value_parser = argument::basis_points)]
    pub(crate) slippage_bps: Decimal,
    /// Half of the spread between bid and ask, in dollars a share; not against quotes, which have their own
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = argument::rate)]
    pub(crate) half_spread: Decimal,
    /// How much worse an order fills that takes a bar's whole volume, in hundredths of a percent (0
    /// to 5000); a part of it costs by its square
    #[arg(long, value_name = "BPS", default_value = "0", value_parser = argument::basis_points)]
    pub(crate) impact_bps: Decimal,
    /// Largest part of a bar's volume that an order may fill, in percent (above 0 to 100)
    #[arg(long, value_name = "PERCENT", value_parser = argument::percentage)]
    pub(crate) max_participation: Option<Decimal>,
}

/// The figure that sets of parameters are compared by; more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Goal {
    TotalReturn,
    AnnualReturn,
    Sharpe,
    Sortino,
    Calmar,
    Omega,
    MaxDrawdown,
    WinRate,
    ProfitFactor,
    Expectancy,
    FinalEquity,
}

/// Which rules a backtest applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// The sleeve's own capital alone, so that results compare with other systems
    Reference,
    /// All rules of the live host: collar, sessions, every control
    Live,
}
