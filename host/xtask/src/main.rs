//! Developer commands: `cargo xtask build | bots | demo | test | bench | tidy`.
//!
//! They do all set-up themselves: the wasm targets, the bots, PostgreSQL where it is missing and can
//! be installed. Nothing outside the clone is read or written but the toolchain's own folders.

mod bots;
mod build;
mod languages;
mod process;
mod python;
mod setup;
mod suite;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  build   the host (target/release/stockade) and the bots (target/bots)
  bots    the bots alone
  demo    build, then the tour; more arguments go to `stockade demo`
  test    formatting, clippy, tidy, every test with real PostgreSQL and the real exchange server
  bench   build, then `stockade bench`; more arguments go to it
  tidy    rules about the tree: licences, sizes, words";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = match command.as_str() {
        "build" => build::host().map(|_| ()),
        "bots" => bots::build(),
        "demo" => build::run("demo", rest),
        "bench" => build::run("bench", rest),
        "test" => suite::run(rest),
        "tidy" => tidy::check(),
        other => {
            eprintln!("unknown command {other:?}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The clone's own folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("host/xtask is two levels down").to_path_buf()
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
