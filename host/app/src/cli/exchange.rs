//! `stockade exchange`: the paper exchange as a server.

use std::net::SocketAddr;
use std::path::PathBuf;

use stockade_core::{Money, Symbol};
use stockade_venue::files::Source;

use super::argument::{self, KeyPair, Speed};

/// Serve a paper exchange that speaks Alpaca's API
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  stockade exchange --bars aapl_1m.csv.gz --speed 60 --key PKTEST:secret"
)]
pub(crate) struct ExchangeArgs {
    /// Files of bars to replay; without any, a seeded market is generated
    #[arg(long, value_name = "FILE[:SYMBOL]", num_args = 1.., value_parser = argument::source)]
    pub(crate) bars: Vec<Source>,
    /// Symbols of the generated market
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = argument::symbol, conflicts_with = "bars")]
    pub(crate) symbols: Vec<Symbol>,
    /// Minutes that the generated market has
    #[arg(long, value_name = "N", default_value_t = 1_950, value_parser = argument::minutes, conflicts_with = "bars")]
    pub(crate) minutes: usize,
    /// Where to listen; port 0 takes a free one, the address is printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8181")]
    pub(crate) listen: SocketAddr,
    /// How many times the market's own pace, or max
    #[arg(long, value_name = "N|max", default_value = "1")]
    pub(crate) speed: Speed,
    /// Cash of each account at the start
    #[arg(long, value_name = "AMOUNT", default_value = "100000", value_parser = argument::amount)]
    pub(crate) cash: Money,
    /// A key pair that is let in; each has an account of its own
    #[arg(long = "key", value_name = "ID:SECRET")]
    pub(crate) keys: Vec<KeyPair>,
    /// Seed of the generated market and of the faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// A file of dividends and splits of the market: timestamp,symbol,kind,value
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: Option<PathBuf>,
    /// Charge REG, TAF and CAT fees at the end of each day of trades
    #[arg(long)]
    pub(crate) fees: bool,
    /// A file that says which faults to make
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// A file in which accounts and market survive the process; a restart with it goes on there
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
}
