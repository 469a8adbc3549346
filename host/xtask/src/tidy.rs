//! Rules about the tree, each with its reason: licences, file sizes, words that must not stand in a
//! published repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// A file beyond this is more than one thing.
const LINES_MAX: usize = 800;
/// A tracked file beyond this is data, and belongs elsewhere.
const BYTES_MAX: u64 = 1_000_000;
/// Left-overs of work in progress, with what stands in their place.
const LEFT_OVERS: [(&str, &str); 3] = [
    ("#[ignore", "a test runs, or it is deleted"),
    ("FIXME", "mend it, or write it in an issue"),
    ("XXX", "mend it, or write it in an issue"),
];

/// Checks all rules and names every breach.
pub(crate) fn check() -> Result<()> {
    let mut breaches = Vec::new();
    for file in sources()? {
        check_file(&file, &mut breaches)?;
    }
    check_licences(&mut breaches)?;
    check_pure(&mut breaches)?;
    if breaches.is_empty() {
        return Ok(());
    }
    bail!("tidy found:\n  {}", breaches.join("\n  "));
}

fn sources() -> Result<Vec<PathBuf>> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(crate::root());
    let Some(list) = process::output(&mut git) else {
        // An unpacked archive has no index; the other checks still run.
        return Ok(Vec::new());
    };
    Ok(list.lines().map(|line| crate::root().join(line)).filter(|path| path.is_file()).collect())
}

fn check_file(file: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let name = file.strip_prefix(crate::root()).unwrap_or(file).display().to_string();
    let bytes = fs::metadata(file).with_context(|| format!("can't look at {name}"))?.len();
    if bytes > BYTES_MAX {
        breaches.push(format!("{name}: {bytes} bytes, at most {BYTES_MAX} are tracked"));
    }
    if file.extension().is_none_or(|extension| extension != "rs") {
        return Ok(());
    }
    let text = fs::read_to_string(file).with_context(|| format!("can't read {name}"))?;
    let lines = text.lines().count();
    if lines > LINES_MAX {
        breaches.push(format!("{name}: {lines} lines, at most {LINES_MAX} (is it one thing?)"));
    }
    if name.ends_with("xtask/src/tidy.rs") {
        return Ok(());
    }
    for (word, instead) in LEFT_OVERS {
        if let Some(line) = text.lines().position(|line| line.contains(word)) {
            breaches.push(format!("{name}:{}: {word:?}: {instead}", line + 1));
        }
    }
    Ok(())
}

/// The pure crates stay pure: their manifests name nothing that does IO, and no float stands in
/// the core.
fn check_pure(breaches: &mut Vec<String>) -> Result<()> {
    for name in ["core", "exchange"] {
        let folder = crate::root().join("host").join(name);
        let manifest =
            fs::read_to_string(folder.join("Cargo.toml")).context("a manifest of host")?;
        for banned in ["tokio", "sqlx", "wasmtime", "reqwest", "rand", "chrono", "jiff"] {
            if manifest.lines().any(|line| line.starts_with(&format!("{banned}."))) {
                breaches.push(format!("host/{name} names {banned}: it is pure"));
            }
        }
        let mut folders = vec![folder.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in
                fs::read_dir(&folder).with_context(|| format!("can't list {}", folder.display()))?
            {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(word) = impure(&fs::read_to_string(&path)?) {
                    breaches.push(format!("{}: {word}: the crate is pure", path.display()));
                }
            }
        }
    }
    Ok(())
}

fn impure(text: &str) -> Option<&'static str> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let words =
        ["f64", "f32", "std::fs", "std::net", "std::time", "std::thread", "async fn", "HashMap"];
    words.into_iter().find(|word| text.lines().filter(code).any(|line| line.contains(word)))
}

/// Nothing under the GPL family is linked.
fn check_licences(breaches: &mut Vec<String>) -> Result<()> {
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let text = process::output(&mut process::cargo(&arguments))
        .context("cargo metadata --locked failed")?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        let file = package["license_file"].as_str().unwrap_or_default();
        // A choice ("MIT OR GPL-2.0") may be taken; anything else of the family may not.
        let choices: Vec<&str> = licence.split(" OR ").collect();
        if choices.iter().all(|choice| choice.contains("GPL")) {
            breaches.push(format!("{name} is under {licence:?}: the GPL family can't be linked"));
        }
        if licence.is_empty() && file.is_empty() {
            breaches.push(format!("{name} names no licence"));
        }
    }
    Ok(())
}
