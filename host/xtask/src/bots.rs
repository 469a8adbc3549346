//! The bots: built for wasm with their own profile and folder, collected in `target/bots`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{languages, process, setup};

const SEALED: &str = "wasm32-unknown-unknown";
const WASI: &str = "wasm32-wasip2";

/// A component to build from a package.
struct Bot {
    package: String,
    target: &'static str,
    features: Vec<String>,
    /// The file's name in `target/bots`.
    file: String,
}

/// Builds every bot of `plugins/` and `tests/fixtures/`.
pub(crate) fn build() -> Result<()> {
    setup::wasm_targets()?;
    let wasm = crate::target().join("wasm");
    let out = crate::target().join("bots");
    fs::create_dir_all(&out).with_context(|| format!("can't make {}", out.display()))?;
    let bots = bots()?;
    // One cargo call for all that share target and features: it is far quicker.
    let plain: Vec<&Bot> =
        bots.iter().filter(|b| b.features.is_empty() && b.target == SEALED).collect();
    compile(&wasm, SEALED, &plain.iter().map(|b| b.package.as_str()).collect::<Vec<_>>(), &[])?;
    for bot in &plain {
        collect(&wasm, &out, bot)?;
    }
    for bot in bots.iter().filter(|b| !b.features.is_empty() || b.target != SEALED) {
        compile(&wasm, bot.target, &[&bot.package], &bot.features)?;
        collect(&wasm, &out, bot)?;
    }
    languages::build(&out)
}

/// What the packages' own metadata says: `[package.metadata.bot]` may name a `target`, and
/// `variants` with their features.
fn bots() -> Result<Vec<Bot>> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps"];
    let text = process::output(&mut process::cargo(&arguments)).context("cargo metadata failed")?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
    let root = crate::root();
    let mut bots = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let inside = |folder: &str| manifest.starts_with(root.join(folder));
        if !inside("plugins") && !inside("tests/fixtures/bots") {
            continue;
        }
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let own = &package["metadata"]["bot"];
        let target = if own["target"] == WASI { WASI } else { SEALED };
        let bot = |features: Vec<String>, file: String| Bot {
            package: name.clone(),
            target,
            features,
            file,
        };
        bots.push(bot(Vec::new(), own["file"].as_str().unwrap_or(&name).to_owned()));
        for (file, features) in own["variants"].as_object().into_iter().flatten() {
            let features = features.as_array().into_iter().flatten();
            bots.push(bot(
                features.filter_map(|f| f.as_str().map(str::to_owned)).collect(),
                file.clone(),
            ));
        }
    }
    Ok(bots)
}

fn compile(wasm: &Path, target: &str, packages: &[&str], features: &[String]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut command =
        process::cargo(&["build", "--quiet", "--lib", "--profile", "bot", "--target", target]);
    for package in packages {
        command.args(["--package", package]);
    }
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    // Flags for the host's own processor mean nothing to wasm.
    command
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", wasm);
    process::run(&mut command)
}

fn collect(wasm: &Path, out: &Path, bot: &Bot) -> Result<()> {
    let built =
        wasm.join(bot.target).join("bot").join(format!("{}.wasm", bot.package.replace('-', "_")));
    let file = out.join(format!("{}.wasm", bot.file));
    let partial = file.with_extension("wasm.partial");
    fs::copy(&built, &partial).with_context(|| format!("can't copy {}", built.display()))?;
    fs::rename(&partial, &file).with_context(|| format!("can't write {}", file.display()))?;
    Ok(())
}
