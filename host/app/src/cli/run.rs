//! `stockade run`: the host itself.

use std::path::PathBuf;
use stockade_venue::files::Source;

use super::argument;

/// Trade: hold the account, run the bots, keep the books.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade run --paper-exchange bars_1m/*.csv.gz --until-end")]
pub(crate) struct RunArgs {
    /// Folder of plugins (default: plugins in the data folder)
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
    /// Replay these bars on a paper exchange inside this process, in lockstep
    #[arg(long, value_name = "FILE[:SYMBOL]", num_args = 1.., value_parser = argument::source)]
    pub(crate) paper_exchange: Vec<Source>,
    /// End once the replay has ended and everything is booked
    #[arg(long)]
    pub(crate) until_end: bool,
    /// Take the account over although another host seems to hold it
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Trade real money: use the live keys
    #[arg(long, conflicts_with = "paper_exchange")]
    pub(crate) live: bool,
}
