//! `stockade bench`: measured figures, each with its baseline of the same run.

use std::path::PathBuf;

/// Measure
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade bench backtest --json")]
pub(crate) struct BenchArgs {
    /// What to measure: call, backtest, sweep, latency, booking, memory, queries, … (default: all there is)
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Folder of the bots' components (default: found beside the program)
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
