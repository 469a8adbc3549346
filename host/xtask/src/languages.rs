//! Bots in Python and JavaScript: their tools in `target/sdk`, pinned by lock files with hashes, and
//! their components in `target/bots`. What has not changed is not built again.
//!
//! Where a language is missing on the machine its bots are skipped, aloud.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The release of the contract that the SDKs speak.
const WIT: &str = "wit/1.0";

/// A language that a bot can be written in, besides Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
}

/// A bot: the folder of its sources, and where in it the strategy is.
struct Bot {
    language: Language,
    file: &'static str,
    folder: &'static str,
    strategy: &'static str,
    /// With WASI, where the language's tools can do both.
    wasi: bool,
}

const BOTS: [Bot; 5] = [
    Bot {
        language: Language::Python,
        file: "sma-cross-py",
        folder: "plugins/sma-cross-py",
        strategy: "sma_cross:SmaCross",
        wasi: false,
    },
    Bot {
        language: Language::JavaScript,
        file: "sma-cross-js",
        folder: "plugins/sma-cross-js",
        strategy: "sma-cross.js",
        wasi: false,
    },
    Bot {
        language: Language::Python,
        file: "faults-py",
        folder: "tests/fixtures/python",
        strategy: "faults:Faults",
        wasi: false,
    },
    Bot {
        language: Language::JavaScript,
        file: "faults-js",
        folder: "tests/fixtures/javascript",
        strategy: "faults.js",
        wasi: false,
    },
    Bot {
        language: Language::JavaScript,
        file: "faults-js-wasi",
        folder: "tests/fixtures/javascript",
        strategy: "faults-wasi.js",
        wasi: true,
    },
];

/// Tests of SDKs and bots that run in the language itself: folder and arguments.
const TESTS: [(Language, &str); 4] = [
    (Language::Python, "sdk/python/tests"),
    (Language::Python, "plugins/sma-cross-py"),
    (Language::JavaScript, "sdk/javascript/tests"),
    (Language::JavaScript, "plugins/sma-cross-js"),
];

impl Language {
    const ALL: [Self; 2] = [Self::Python, Self::JavaScript];

    fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Python => "python3",
            Self::JavaScript => "node",
        }
    }

    pub(crate) fn is_there(self) -> bool {
        let has = |program: &str| process::output(Command::new(program).arg("--version")).is_some();
        has(self.program()) && (self != Self::JavaScript || has("npm"))
    }

    fn sdk(self) -> PathBuf {
        crate::root().join(match self {
            Self::Python => "sdk/python",
            Self::JavaScript => "sdk/javascript",
        })
    }

    /// The files that pin the tools.
    fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["requirements.txt"],
            Self::JavaScript => &["package.json", "package-lock.json"],
        }
    }

    /// The folder of the tools, installed.
    fn tools(self) -> Result<PathBuf> {
        let folder = crate::target().join("sdk").join(self.program());
        let locks: Vec<PathBuf> = self.locks().iter().map(|lock| self.sdk().join(lock)).collect();
        // The stamp that a project's own build writes: the last lock file, as it is.
        let wanted = locks.last().map(fs::read_to_string).transpose().context("no lock file")?;
        let wanted = wanted.unwrap_or_default();
        let stamp = folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(folder);
        }
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        match self {
            Self::Python => {
                process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
                let mut install = Command::new(folder.join("bin/python"));
                install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
                install.args(["--require-hashes", "-r"]).arg(&locks[0]);
                process::run(&mut install)?;
            }
            Self::JavaScript => {
                for lock in &locks {
                    let name = lock.file_name().unwrap_or_default();
                    fs::copy(lock, folder.join(name)).context("can't copy a lock file")?;
                }
                let mut install = Command::new("npm");
                install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
                process::run(install.current_dir(&folder))?;
            }
        }
        fs::write(&stamp, wanted).context("can't write the stamp of the tools")?;
        Ok(folder)
    }
}

/// Where the installed tools are, for the tests of the templates.
pub(crate) fn environment() -> Result<BTreeMap<&'static str, PathBuf>> {
    let mut found = BTreeMap::new();
    for language in Language::ALL.into_iter().filter(|language| language.is_there()) {
        let variable = match language {
            Language::Python => "STOCKADE_SDK_PYTHON",
            Language::JavaScript => "STOCKADE_SDK_NODE",
        };
        found.insert(variable, language.tools()?);
    }
    Ok(found)
}

/// Builds every bot whose inputs have changed.
pub(crate) fn build(out: &Path) -> Result<()> {
    for language in Language::ALL {
        if !language.is_there() {
            println!("SKIPPED the bots in {}: there is no {}", language.name(), language.program());
            continue;
        }
        let tools = language.tools()?;
        for bot in BOTS.iter().filter(|bot| bot.language == language) {
            build_one(bot, &tools, out)?;
        }
    }
    Ok(())
}

fn build_one(bot: &Bot, tools: &Path, out: &Path) -> Result<()> {
    let root = crate::root();
    let (source, sdk, wit) = (root.join(bot.folder), bot.language.sdk(), root.join(WIT));
    let mut inputs = Vec::new();
    for folder in [&source, &sdk, &wit] {
        files(folder, &mut inputs)?;
    }
    inputs.sort();
    let wanted = digest(&inputs)?;
    let component = out.join(format!("{}.wasm", bot.file));
    let stamp = out.join(format!("{}.inputs", bot.file));
    if component.is_file() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let mut command = match bot.language {
        Language::Python => {
            let mut command = Command::new(tools.join("bin/python"));
            command.args(["-m", "stockade_sdk.build", bot.strategy]).arg("--path").arg(&source);
            command.env("PYTHONPATH", &sdk).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        }
        Language::JavaScript => {
            let mut command = Command::new("node");
            command.arg(sdk.join("stockade-sdk/build.mjs")).arg(source.join(bot.strategy));
            command.arg("--modules").arg(tools.join("node_modules"));
            if bot.wasi {
                command.arg("--wasi");
            }
            command
        }
    };
    process::run(
        command.arg("--output").arg(&component).arg("--wit").arg(&wit).current_dir(&root),
    )?;
    fs::write(&stamp, wanted).with_context(|| format!("can't write {}", stamp.display()))
}

/// Runs the tests that need no wasm.
pub(crate) fn test() -> Result<()> {
    for (language, folder) in TESTS {
        if !language.is_there() {
            println!("SKIPPED {folder}: there is no {}", language.program());
            continue;
        }
        let mut command = Command::new(language.program());
        match language {
            Language::Python => command
                .args(["-m", "unittest", "discover", "--quiet"])
                .env("PYTHONPATH", language.sdk())
                .env("PYTHONDONTWRITEBYTECODE", "1"),
            Language::JavaScript => command.args(["--test", "--test-reporter=dot"]),
        };
        process::run(command.current_dir(crate::root().join(folder)))?;
    }
    Ok(())
}

/// Every file under a folder, but what tools leave there.
fn files(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("can't list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "__pycache__" || name == "node_modules" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() { files(&path, into)? } else { into.push(path) }
    }
    Ok(())
}

fn digest(files: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        (file, bytes).hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
