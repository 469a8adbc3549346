//! What the machine needs: the wasm targets, and PostgreSQL's binaries.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

const WASM_TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// Adds the wasm targets through rustup, where they are missing.
pub(crate) fn wasm_targets() -> Result<()> {
    let missing: Vec<&str> =
        WASM_TARGETS.into_iter().filter(|target| !has_target(target)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("rustup");
    command.args(["target", "add"]).args(&missing).current_dir(crate::root());
    process::run(&mut command)
}

fn has_target(target: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", target];
    let folder = process::output(Command::new("rustc").args(arguments).current_dir(crate::root()));
    folder.is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Finds PostgreSQL's server binaries, or installs Debian's package where this may be done.
pub(crate) fn postgres() -> Result<()> {
    if has_postgres() {
        return Ok(());
    }
    let can_install = process::output(Command::new("id").arg("-u"))
        .is_some_and(|id| id.trim() == "0")
        && process::output(Command::new("apt-get").arg("--version")).is_some();
    if can_install {
        process::run(Command::new("apt-get").args(["update", "-q"]))?;
        let mut command = Command::new("apt-get");
        command.args(["install", "-y", "-q", "--no-install-recommends", "postgresql"]);
        process::run(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    if !has_postgres() {
        bail!(
            "PostgreSQL's server binaries are missing: install the package postgresql (Debian, Ubuntu), \
             postgresql-server (Fedora) or postgresql@17 (Homebrew), or set STOCKADE_PG_BIN to their folder"
        );
    }
    Ok(())
}

fn has_postgres() -> bool {
    let given =
        std::env::var_os("STOCKADE_PG_BIN").is_some_and(|d| Path::new(&d).join("initdb").exists());
    let on_path = process::output(Command::new("initdb").arg("--version")).is_some();
    let configured = process::output(Command::new("pg_config").arg("--bindir"))
        .is_some_and(|folder| Path::new(folder.trim()).join("initdb").exists());
    let packaged =
        ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"].iter().any(|folder| {
            let versions = std::fs::read_dir(folder).into_iter().flatten().flatten();
            versions.into_iter().any(|version| version.path().join("bin/initdb").exists())
        });
    given || on_path || configured || packaged || Path::new("/usr/local/pgsql/bin/initdb").exists()
}

/// Whether the real market data that some tests read is there.
pub(crate) fn has_test_data() -> bool {
    let beside = || crate::root().join("../shared/data");
    std::env::var_os("STOCKADE_TEST_DATA").map_or_else(beside, Into::into).is_dir()
}

/// Ends the temporary clusters that tests have shared; their folders are removed by the next run.
pub(crate) fn stop_test_clusters() {
    let folders = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for folder in
        folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("stockade-test-"))
    {
        let pid_file = folder.path().join("postgres/data/postmaster.pid");
        let Ok(text) = std::fs::read_to_string(pid_file) else {
            continue;
        };
        if let Some(pid) = text.lines().next() {
            // A fast shutdown; a cluster that has ended by itself needs none.
            let _ = process::output(Command::new("kill").args(["-INT", pid.trim()]));
        }
    }
}
