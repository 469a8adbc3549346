//! `stockade exchange`: the paper exchange as a server.

use std::net::SocketAddr;
use std::path::PathBuf;

use stockade_core::{Money, Symbol};
use stockade_venue::files::Source;

use super::argument::{self, KeyPair, Speed};

/// Serve a paper exchange that speaks Alpaca's API
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "A fault plan (--faults) is a JSON document; every key may be left out, rates are in permille:\n  {\"seed\": 7, \"rest\": {\"drop_before\": 5, \"drop_after\": 5, \"delay\": 20, \"delay_ms\": 800, \"status_429\": 5, \"status_500\": 5,\n   \"status_503\": 5, \"status_504_after\": 5, \"garbage\": 1, \"truncate\": 1, \"empty_list\": 1, \"not_found\": 1,\n   \"sites\": [\"submit_order\"]}, \"trade_updates\": {\"drop\": 5, \"delay\": 5, \"delay_ms\": 500, \"duplicate\": 5, \"reorder\": 5,\n   \"disconnect\": 1}, \"market_data\": {\"drop\": 5}, \"fill_hold\": 5, \"fill_hold_ms\": 900}\n\nExample:\n  stockade exchange --bars aapl_1m.csv.gz --speed 60 --key PKTEST:secret"
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
