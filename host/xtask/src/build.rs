//! The release build, and the commands that run it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{bots, process, setup};

/// Builds the bots and the host; gives the program.
pub(crate) fn host() -> Result<PathBuf> {
    setup::postgres()?;
    bots::build()?;
    process::run(&mut process::cargo(&["build", "--release", "--package", "stockade-app"]))?;
    Ok(crate::target().join("release/stockade"))
}

/// Builds, then runs one of the program's commands on the bots that were built.
pub(crate) fn run(command: &str, arguments: &[String]) -> Result<()> {
    let program = host()?;
    let bots = crate::target().join("bots");
    let mut run = Command::new(program);
    run.arg(command).arg("--plugins").arg(bots).args(arguments).current_dir(crate::root());
    process::run(&mut run)
}
