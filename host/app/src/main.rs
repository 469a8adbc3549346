//! `stockade`, the binary: parse, carry out, say how it ended.

mod cli;
mod config;
mod drivers;
mod failure;
mod link;
mod report;
mod whole;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    // clap itself ends with 2 on wrong usage, and with 0 after --help and --version.
    let cli = cli::Cli::read();
    let outcome = cli::execute(cli, config::Environment::of_process());
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    if !matches!(failure, Failure::OutputClosed) {
        cli::screen::note(&format!("error: {failure}"));
    }
    ExitCode::from(failure.exit_code())
}
