//! `stockade plugin`: components in the plugins folder.
//!
//! A plugin is checked, compiled and asked to describe itself before anything is said of it or
//! done with it; nothing of it runs beyond that.

mod inspected;
mod signing;
mod trusting;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use stockade_core::Symbol;
use stockade_runtime::{
    Description, Manifest, PLUGIN_BYTES_MAX, Package, Signed, Trust, manifest_path, signature_path,
};

use super::context::failed;
use super::screen::{self, Screen, text_or_dash};
use crate::config::Settings;
use crate::failure::Failure;
use crate::whole;
pub(crate) use inspected::Inspected;
use inspected::{inspect, spoken, word};
use signing::{KeyArgs, SignArgs};
use trusting::{BanArgs, TrustArgs};

const SUFFIX: &str = "wasm";

/// Components in the plugins folder
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PluginCommand {
    /// What a component is, wants and takes
    #[command(after_help = "Example:\n  stockade plugin inspect sma-cross.wasm --json")]
    Inspect {
        /// The component
        file: PathBuf,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// The plugins that can be deployed
    #[command(after_help = "Example:\n  stockade plugin list --json")]
    List {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Put a component into the folder; bots that run an older one are reloaded
    #[command(after_help = "Example:\n  stockade plugin add sma-cross.wasm")]
    Add {
        /// The component; its name without .wasm becomes the plugin's
        file: PathBuf,
    },
    /// Make a key that plugins can be signed with
    #[command(after_help = "Example:\n  stockade plugin key -o my.key")]
    Key(KeyArgs),
    /// Sign a component: writes NAME.bot.toml and NAME.bot.toml.sig beside it
    #[command(after_help = "Example:\n  stockade plugin sign sma-cross.wasm --key my.key")]
    Sign(SignArgs),
    /// Trust a key: components that it signed count as signed
    #[command(
        after_help = "Example:\n  stockade plugin trust ed25519:3d40…\n  stockade plugin trust my.pub.pem"
    )]
    Trust(TrustArgs),
    /// Never load a component again; bots that run it are stopped
    #[command(after_help = "Example:\n  stockade plugin ban 9f86d081884c7d65…")]
    Ban(BanArgs),
    /// Take a component out of the folder; running bots go on
    #[command(after_help = "Example:\n  stockade plugin remove sma-cross")]
    Remove {
        /// The plugin's name
        name: String,
    },
}

/// Runs it.
pub(crate) async fn run(settings: &Settings, command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::Inspect { file, json } => {
            let plugin = of_file(settings, &file).await?;
            if json { screen::json(&plugin) } else { show(&plugin) }
        }
        PluginCommand::List { json } => list(settings, json).await,
        PluginCommand::Add { file } => add(settings, &file).await,
        PluginCommand::Key(args) => signing::key(&args),
        PluginCommand::Sign(args) => signing::sign(&args).await,
        PluginCommand::Trust(args) => trusting::trust(settings, args).await,
        PluginCommand::Ban(args) => trusting::ban(settings, args).await,
        PluginCommand::Remove { name } => {
            let path = path_of(settings, &name)?;
            std::fs::remove_file(&path).map_err(|error| about(&path, "can't be removed", error))?;
            // What was beside it would be taken for the next one's.
            beside(&manifest_path(&path), None)?;
            beside(&signature_path(&path), None)?;
            screen::line(&format!("plugin \"{name}\" removed"))
        }
    }
}

/// The plugin of that name in the folder.
pub(crate) async fn of_folder(settings: &Settings, name: &str) -> Result<Inspected, Failure> {
    of_file(settings, &path_of(settings, name)?).await
}

fn path_of(settings: &Settings, name: &str) -> Result<PathBuf, Failure> {
    let path = settings.plugins.join(format!("{name}.{SUFFIX}"));
    // A name with a slash in it could lead out of the folder.
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    if plain && path.is_file() {
        return Ok(path);
    }
    Err(Failure::NotFound { what: "plugin", name: name.to_owned() })
}

/// The plugin in a file.
pub(crate) async fn of_file(settings: &Settings, path: &Path) -> Result<Inspected, Failure> {
    inspected(read(path)?, path, settings.trust(false)?).await
}

async fn inspected(package: Package, path: &Path, trust: Trust) -> Result<Inspected, Failure> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let shown = path.display().to_string();
    let loaded = tokio::task::spawn_blocking(move || inspect(&package, &stem, trust));
    loaded.await.map_err(failed)?.map_err(|text| Failure::Usage(format!("{shown}: {text}")))
}

/// Reads a component and what is beside it, never more than one can be.
pub(crate) fn read(path: &Path) -> Result<Package, Failure> {
    let found = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !found.is_file() {
        let text = format!("{} is no regular file: a component is one", path.display());
        return Err(Failure::Usage(text));
    }
    let allowed = u64::try_from(PLUGIN_BYTES_MAX).unwrap_or(u64::MAX);
    if found.len() > allowed {
        return Err(Failure::Usage(format!(
            "{} has {} bytes, a component has at most {allowed}",
            path.display(),
            found.len()
        )));
    }
    Package::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{} can't be read: {error}", path.display()))
}

fn about(path: &Path, what: &str, error: std::io::Error) -> Failure {
    failed(anyhow::Error::new(error).context(format!("{} {what}", path.display())))
}

async fn list(settings: &Settings, json: bool) -> Result<(), Failure> {
    let mut files = match std::fs::read_dir(&settings.plugins) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(about(&settings.plugins, "can't be read", error)),
    };
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX));
    files.sort();
    let mut found = Vec::with_capacity(files.len());
    for path in files {
        let name =
            path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        found.push(match of_file(settings, &path).await {
            Ok(plugin) => Listed {
                name,
                version: Some(plugin.description.version),
                digest: Some(plugin.digest),
                symbols: plugin.description.symbols,
                signed: Some(plugin.signed),
                problem: None,
            },
            Err(failure) => Listed {
                name,
                version: None,
                digest: None,
                symbols: Vec::new(),
                signed: None,
                problem: Some(failure.to_string()),
            },
        });
    }
    if json {
        return screen::json(&found);
    }
    let mut screen = Screen::new(
        &["PLUGIN", "VERSION", "SYMBOLS", "DIGEST", "SIGNED", "PROBLEM"],
        "no plugins yet: stockade plugin add FILE",
    );
    for plugin in &found {
        let digest: Option<String> =
            plugin.digest.as_ref().map(|digest| digest.chars().take(12).collect());
        screen.row([
            plugin.name.clone(),
            text_or_dash(plugin.version.as_deref()),
            if plugin.problem.is_some() { String::new() } else { spoken(&plugin.symbols) },
            text_or_dash(digest.as_deref()),
            plugin.signed.map(whose).unwrap_or_default(),
            plugin.problem.clone().unwrap_or_default(),
        ]);
    }
    screen.print()
}

/// A file of the folder.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    version: Option<String>,
    digest: Option<String>,
    symbols: Vec<Symbol>,
    signed: Option<Signed>,
    problem: Option<String>,
}

/// Checks a component and copies it; the folder never shows half a file.
async fn add(settings: &Settings, file: &Path) -> Result<(), Failure> {
    let package = read(file)?;
    let plugin = inspected(package.clone(), file, settings.trust(false)?).await?;
    let folder = &settings.plugins;
    std::fs::create_dir_all(folder).map_err(|error| about(folder, "can't be made", error))?;
    let Description { name, version, .. } = &plugin.description;
    let target = folder.join(format!("{name}.{SUFFIX}"));
    let replaced = target.is_file();
    // The folder reads all three again whenever one of them changes.
    beside(&manifest_path(&target), package.manifest.as_deref().map(str::as_bytes))?;
    beside(&signature_path(&target), package.signature.as_deref())?;
    whole::write(&target, &package.component)?;
    let done = if replaced { "replaced" } else { "added" };
    screen::line(&format!("plugin \"{name}\" {version} {done}: {}", plugin.digest))
}

/// The symbols and limits of a manifest, on one line.
fn asks(manifest: &Manifest) -> String {
    let symbols = (!manifest.symbols.is_empty()).then(|| spoken(&manifest.symbols));
    let limits = manifest.limits.iter().map(|(name, value)| format!("{name} {value}"));
    symbols.into_iter().chain(limits).collect::<Vec<_>>().join("; ")
}

/// Puts a file beside a component, or takes it away.
fn beside(path: &Path, bytes: Option<&[u8]>) -> Result<(), Failure> {
    if let Some(bytes) = bytes {
        return Ok(whole::write(path, bytes)?);
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(about(path, "can't be removed", error))
        }
        _ => Ok(()),
    }
}

fn whose(signed: Signed) -> String {
    match signed {
        Signed::No => "no".to_owned(),
        Signed::Unchecked => "by a key that nobody trusts yet".to_owned(),
        Signed::By(key) => key.to_string(),
    }
}

fn show(plugin: &Inspected) -> Result<(), Failure> {
    let about = &plugin.description;
    let events: Vec<String> = about.events.iter().map(word).collect();
    screen::pairs(&[
        ("plugin", about.name.clone()),
        ("version", about.version.clone()),
        ("digest", plugin.digest.clone()),
        ("bytes", plugin.bytes.to_string()),
        ("symbols", spoken(&about.symbols)),
        ("events", events.join(", ")),
        ("warm-up", format!("{} bars", about.warm_up_bars)),
        ("signed", whose(plugin.signed)),
        ("asks for", plugin.manifest.as_ref().map(asks).unwrap_or_default()),
    ])?;
    screen::line("")?;
    let headings = ["PARAMETER", "TYPE", "DEFAULT", ">MINIMUM", ">MAXIMUM", "HELP"];
    let mut screen = Screen::new(&headings, "no parameters");
    for param in &about.params {
        screen.row([
            param.name.clone(),
            word(param.kind),
            text_or_dash(param.default.as_deref()),
            text_or_dash(param.minimum.as_deref()),
            text_or_dash(param.maximum.as_deref()),
            param.help.clone(),
        ]);
    }
    screen.print()
}
