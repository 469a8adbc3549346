//! Checks that need Python: an unmodified public client against the exchange.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process;

/// What the conformance script needs, pinned.
const PACKAGES: [&str; 1] = ["alpaca-py==0.44.0"];

/// The Python of a virtual environment with the client, in `target/python`; `None` where there is
/// no Python.
pub(crate) fn environment() -> Result<Option<PathBuf>> {
    if process::output(Command::new("python3").arg("--version")).is_none() {
        return Ok(None);
    }
    let folder = crate::target().join("python");
    let python = folder.join("bin/python");
    if has_packages(&python) {
        return Ok(Some(python));
    }
    process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    process::run(&mut install)?;
    Ok(Some(python))
}

fn has_packages(python: &Path) -> bool {
    let listed = process::output(Command::new(python).args([
        "-m",
        "pip",
        "freeze",
        "--disable-pip-version-check",
    ]));
    listed.is_some_and(|list| {
        PACKAGES.iter().all(|package| list.lines().any(|line| line == *package))
    })
}
