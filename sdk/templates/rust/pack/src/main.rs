//! `cargo bot` builds the bot and puts it beside `Cargo.toml`, under the name that it describes.
//! `cargo bot --wasi` builds it with WASI, for code that needs Rust's clock, output or randomness.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const NAME: &str = "{{name}}";

fn main() -> ExitCode {
    let wasi = std::env::args().any(|argument| argument == "--wasi");
    let target = if wasi { "wasm32-wasip2" } else { "wasm32-unknown-unknown" };
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| project.join("target"), PathBuf::from);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--lib", "--package", NAME, "--target", target])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(&project)
        // Flags for this machine's processor mean nothing to wasm.
        .env_remove("RUSTFLAGS")
        .status();
    if !built.is_ok_and(|status| status.success()) {
        eprintln!("the bot was not built; is the target there? rustup target add {target}");
        return ExitCode::FAILURE;
    }
    let from = folder.join(target).join("release").join(format!("{}.wasm", NAME.replace('-', "_")));
    let to = project.join(format!("{NAME}.wasm"));
    if let Err(error) = std::fs::copy(&from, &to) {
        eprintln!("can't copy {} to {}: {error}", from.display(), to.display());
        return ExitCode::FAILURE;
    }
    println!("{NAME}.wasm");
    ExitCode::SUCCESS
}
