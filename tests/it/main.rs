//! End-to-end tests: the real program, real PostgreSQL, the real exchange server, real components.
//!
//! Each test has a data folder, a database and an exchange of its own, and a clean environment; no
//! test waits for luck: it waits for a condition that it can see, with a deadline. A test names the
//! faults and invariants that it covers. `cargo xtask test` builds what they need first.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod actions;
mod backtest;
mod bomb;
mod books;
mod bots;
mod commands;
mod containment;
mod crash;
mod database;
mod demo;
mod disk;
mod dividends;
mod documents;
mod figures;
mod flagged;
mod hosts;
mod input;
mod languages;
mod leases;
mod ledger;
mod limits;
mod lists;
mod market;
mod opening;
mod paper;
mod private;
mod program;
mod python;
mod refused;
mod reload;
mod sending;
mod shadow;
mod shaped;
mod stage;
mod start;
mod tax;
mod trust;
mod week;
mod worked;

/// A file that nobody declares is a test that never runs.
#[test]
fn every_file_of_this_binary_is_declared() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
    let declared = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap_or(&name);
        if module != "main" && !declared.lines().any(|line| line == format!("mod {module};")) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "not declared in tests/it/main.rs: {missing:?}");
}
