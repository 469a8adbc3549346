//! `stockade pack`: a core module becomes a component.

use std::path::PathBuf;

use super::plugin;
use super::screen;
use crate::failure::Failure;

/// Make a component of a core module that was built for wasm32-unknown-unknown
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  stockade pack target/wasm32-unknown-unknown/bot/my_bot.wasm -o my-bot.wasm"
)]
pub(crate) struct PackArgs {
    /// The module
    #[arg(value_name = "IN.wasm")]
    input: PathBuf,
    /// The component
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
}

/// Runs it.
pub(crate) fn run(args: &PackArgs) -> Result<(), Failure> {
    let module = plugin::read(&args.input)?.component;
    let component = stockade_runtime::pack(&module)
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.input.display())))?;
    crate::whole::write(&args.output, &component)?;
    screen::line(&format!("{}: {} bytes", args.output.display(), component.len()))
}
