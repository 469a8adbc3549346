//! `cargo xtask test`: everything that must hold before a change lands.

use std::time::Instant;

use anyhow::Result;

use crate::{bots, languages, process, python, setup, tidy};

/// Runs every check; more arguments go to `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let began = Instant::now();
    setup::postgres()?;
    setup::wasm_targets()?;
    process::run(&mut process::cargo(&["fmt", "--all", "--check"]))?;
    tidy::check()?;
    bots::build()?;
    languages::test()?;
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    process::run(&mut process::cargo(&clippy))?;
    // The end-to-end tests run the program itself. `cargo test` builds it for the app's own tests of
    // the command line before any test runs; a build of its own would compile wasmtime a second
    // time, since features are unified over the packages that are built together.
    let mut test = process::cargo(&["test", "--workspace", "--no-fail-fast"]);
    test.args(arguments).env("STOCKADE_BOTS", crate::target().join("bots"));
    // Tests make their own clusters and accounts: nothing of the caller's environment counts.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let foreign = ["ALPACA_", "APCA_", "PG"].iter().any(|prefix| name.starts_with(prefix));
        if foreign || name == "DATABASE_URL" {
            test.env_remove(name);
        }
    }
    // A test's own word is hidden while it passes, so a skip is said here.
    if !setup::has_test_data() {
        println!(
            "SKIPPED the tests on real market data: there is no ../shared/data (STOCKADE_TEST_DATA)"
        );
    }
    match python::environment()? {
        Some(python) => {
            test.env("STOCKADE_PYTHON", python);
        }
        None => println!("SKIPPED alpaca-py against the exchange: there is no python3"),
    }
    test.envs(languages::environment()?);
    process::run(&mut test)?;
    // The simulator must be able to fail: each bug that is built in by this feature is found. All
    // packages are named, or wasmtime would be built again with fewer features.
    let bugs = [
        "test",
        "--workspace",
        "--bin",
        "stockade",
        "--features",
        "stockade-app/seeded-bugs",
        "every_seeded_bug_is_found",
    ];
    process::run(&mut process::cargo(&bugs))?;
    setup::stop_test_clusters();
    println!("all checks passed in {} s", began.elapsed().as_secs());
    Ok(())
}
