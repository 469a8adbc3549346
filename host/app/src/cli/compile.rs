//! `stockade compile`: what a host starts to have a component compiled within limits of its own. Not
//! for people.

use std::path::PathBuf;

use anyhow::anyhow;
use stockade_runtime::EngineConfig;

use crate::failure::Failure;

/// Compile the component on the standard input into a cache
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  stockade compile --cache DIR --seconds 60 --memory-bytes 1073741824"
)]
pub(crate) struct CompileArgs {
    /// The cache's folder
    #[arg(long)]
    cache: PathBuf,
    /// Processor time that it may take
    #[arg(long)]
    seconds: u64,
    /// Address space that it may take
    #[arg(long)]
    memory_bytes: u64,
}

/// Runs it: in this thread alone, for the limits hold for all of the process.
pub(crate) fn run(args: &CompileArgs) -> Result<(), Failure> {
    let config = EngineConfig { cache: Some(args.cache.clone()), ..EngineConfig::default() };
    let limits = (args.seconds, args.memory_bytes);
    stockade_runtime::compile(&config, limits, std::io::stdin().lock())
        .map_err(|why| Failure::Failed(anyhow!(why)))
}
