//! `stockade new`: a project for a bot, complete with SDK and contract.
//!
//! Everything it writes is part of this binary. A project builds with one command and passes its own
//! test with one command, wherever it lies.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::screen;
use crate::failure::Failure;

/// What the templates are made of, listed by the build script.
mod files {
    include!(concat!(env!("OUT_DIR"), "/project_files.rs"));
}

/// Longest name: it is a file's stem, and the sleeve's name by default.
const NAME_LENGTH_MAX: usize = 40;

/// The contract's release that the SDKs of Python and JavaScript are built with.
const RELEASE: &str = "1.0/";

/// Words that are no name of a package in one of the languages.
const TAKEN: [&str; 12] = [
    "bot",
    "build",
    "pack",
    "stockade",
    "stockade-sdk",
    "test",
    "wit",
    "core",
    "std",
    "alloc",
    "decimal",
    "random",
];

/// Write a new bot: a project that builds and passes its own test
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade new dip-buyer --lang python")]
pub(crate) struct NewArgs {
    /// Of the bot, its file and its folder: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is written in
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder to make (default: NAME, here)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What a bot can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Rust,
    Python,
    #[value(name = "javascript")]
    JavaScript,
}

#[derive(Debug, Serialize)]
struct Written {
    name: String,
    folder: String,
    test: &'static str,
    build: &'static str,
    component: String,
}

/// A file of the new project.
struct File {
    path: String,
    bytes: Vec<u8>,
}

/// Runs it.
pub(crate) fn run(args: &NewArgs) -> Result<(), Failure> {
    let name = args.name.as_str();
    check(name).map_err(Failure::Usage)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(name));
    if folder.exists() {
        return Err(Failure::Usage(format!("{} is there already", folder.display())));
    }
    for file in project(args.lang, name) {
        write(&folder, &file)?;
    }
    let (test, build) = match args.lang {
        Language::Rust => ("cargo test", "cargo bot"),
        Language::Python => ("python3 -m unittest", "python3 build.py"),
        Language::JavaScript => ("npm test", "npm run build"),
    };
    let written = Written {
        name: name.to_owned(),
        folder: folder.display().to_string(),
        test,
        build,
        component: folder.join(format!("{name}.wasm")).display().to_string(),
    };
    if args.json {
        return screen::json(&written);
    }
    let Written { folder, component, .. } = &written;
    screen::line(&format!("{folder}: `{test}` tests it, `{build}` builds {component}"))
}

fn check(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(allowed)
        && !name.ends_with('-')
        && !name.contains("--");
    if !fits {
        return Err(format!(
            "\"{name}\" is no name for a bot: lower-case letters, digits and single hyphens, a letter first"
        ));
    }
    if name.len() > NAME_LENGTH_MAX {
        let length = name.len();
        return Err(format!(
            "\"{name}\" has {length} characters, at most {NAME_LENGTH_MAX} are allowed"
        ));
    }
    if TAKEN.contains(&name) {
        return Err(format!("\"{name}\" means something else in a project: take another name"));
    }
    Ok(())
}

/// All files of a project.
fn project(language: Language, name: &str) -> Vec<File> {
    let mut files = Vec::new();
    let template = match language {
        Language::Rust => files::TEMPLATE_RUST,
        Language::Python => files::TEMPLATE_PYTHON,
        Language::JavaScript => files::TEMPLATE_JAVASCRIPT,
    };
    for (path, bytes) in template {
        let path = filled(path, name).replace("gitignore", ".gitignore");
        let bytes = filled(&String::from_utf8_lossy(bytes), name).into_bytes();
        files.push(File { path, bytes });
    }
    let mut copy = |from: &[(&str, &[u8])], wanted: &str, to: &str| {
        for (path, bytes) in from {
            if let Some(rest) = path.strip_prefix(wanted) {
                files.push(File { path: format!("{to}{rest}"), bytes: bytes.to_vec() });
            }
        }
    };
    match language {
        Language::Rust => {
            copy(files::SDK_RUST, "", "stockade/sdk/rust/");
            copy(files::WIT, "", "stockade/wit/");
        }
        Language::Python => {
            copy(files::SDK_PYTHON, "stockade_sdk/", "stockade_sdk/");
            copy(files::SDK_PYTHON, "requirements.txt", "requirements.txt");
            copy(files::WIT, RELEASE, "wit/");
        }
        Language::JavaScript => {
            copy(files::SDK_JAVASCRIPT, "stockade-sdk/", "stockade-sdk/");
            copy(files::SDK_JAVASCRIPT, "package-lock.json", "package-lock.json");
            copy(files::WIT, RELEASE, "wit/");
        }
    }
    if let Some(lock) = files.iter_mut().find(|file| file.path == "package-lock.json") {
        let text = String::from_utf8_lossy(&lock.bytes).into_owned();
        lock.bytes = text
            .replace("\"name\": \"stockade-sdk\"", &format!("\"name\": \"{name}\""))
            .into_bytes();
    }
    files
}

/// A text of a template with the bot's name in it.
fn filled(text: &str, name: &str) -> String {
    let class: String =
        name.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    text.replace("{{name}}", name)
        .replace("{{module}}", &name.replace('-', "_"))
        .replace("{{class}}", &class)
}

fn write(folder: &Path, file: &File) -> Result<(), Failure> {
    let path = folder.join(&file.path);
    let failed = |error: std::io::Error| {
        Failure::Failed(
            anyhow::Error::new(error).context(format!("can't write {}", path.display())),
        )
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(&path, &file.bytes).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["dip-buyer", "a", "x9"] {
            assert_eq!(check(name), Ok(()));
        }
        for name in ["", "Dip", "9x", "a_b", "-a", "a-", "a--b", "a/../b", "ü", "bot"] {
            assert!(check(name).is_err(), "{name}");
        }
        assert!(check(&"a".repeat(41)).is_err_and(|text| text.contains("at most 40")));
    }

    #[test]
    fn a_project_is_whole_and_speaks_of_its_bot() {
        for (language, needed) in [
            (
                Language::Rust,
                [
                    "src/lib.rs",
                    "stockade/sdk/rust/src/lib.rs",
                    "stockade/wit/1.0/bot.wit",
                    ".cargo/config.toml",
                ],
            ),
            (
                Language::Python,
                ["dip_buyer.py", "stockade_sdk/component.py", "wit/bot.wit", "requirements.txt"],
            ),
            (
                Language::JavaScript,
                ["bot.js", "stockade-sdk/component.js", "wit/bot.wit", "package-lock.json"],
            ),
        ] {
            let files = project(language, "dip-buyer");
            for path in needed.into_iter().chain(["README.md", ".gitignore"]) {
                assert!(files.iter().any(|file| file.path == path), "{language:?} {path}");
            }
            for file in &files {
                let text = String::from_utf8_lossy(&file.bytes);
                assert!(!text.contains("{{name}}") && !file.path.contains('{'), "{}", file.path);
            }
        }
    }
}
