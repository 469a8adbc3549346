//! `stockade demo`: the tour.

use std::path::PathBuf;

/// The tour: three bots on one account, a hostile one, a reload, a crash, a reconciliation
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade demo --seconds 60 --out tour")]
pub(crate) struct DemoArgs {
    /// About how long it takes
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(20..=3600))]
    pub(crate) seconds: u64,
    /// Empty folder for all that the tour leaves (default: a new one among the temporary files)
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Folder of the bots' components (default: found beside the program)
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
    /// Seed of the market
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// One JSON document at the end instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}
