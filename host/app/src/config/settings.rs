//! The settings, typed, from all their sources.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use stockade_core::Slug;
use stockade_runtime::{Apart, Trust};
use stockade_venue::alpaca::{AccountConfig, accounts};

use super::environment::Environment;
use super::file;
use super::key::{KEYS, nearest};
use super::trust;
use super::value::{LimitSettings, Sourced, Values};
use crate::failure::Failure;

/// Longest path of a Unix socket, in bytes, on every system that runs this.
const SOCKET_PATH_MAX: usize = 100;
const FILE: &str = "stockade.toml";
const CONFIG_VARIABLE: &str = "STOCKADE_CONFIG";
/// The folder of PostgreSQL's programs; the store reads it where it looks for them.
const PROGRAMS_VARIABLE: &str = "STOCKADE_PG_BIN";

/// What the command line says of the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--data`.
    pub(crate) data: Option<PathBuf>,
    /// `--database-url`.
    pub(crate) database_url: Option<String>,
    /// `--account`.
    pub(crate) account: Option<String>,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
}

/// All settings of one invocation.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The data folder; it may not exist yet.
    pub(crate) data: PathBuf,
    /// A Postgres of the user's own; `None` is the private one in the data folder.
    pub(crate) database_url: Option<String>,
    /// The account that was named.
    pub(crate) account: Option<Slug>,
    /// Folder of plugins.
    pub(crate) plugins: PathBuf,
    /// What is logged, where it was said.
    pub(crate) log: Option<String>,
    /// How long an order of unknown outcome stays quiet before it is given up, in seconds.
    pub(crate) unknown_quiet_seconds: u64,
    /// Between two comparisons with the broker, in seconds.
    pub(crate) reconcile_interval_seconds: u64,
    /// Between two savings of a bot's state, in seconds.
    pub(crate) snapshot_interval_seconds: u64,
    /// Seconds of processor time that compiling a component may take.
    pub(crate) compile_seconds: u64,
    /// Memory that it may take, in MiB.
    pub(crate) compile_memory_mib: u64,
    /// Reloads of one bot in a minute.
    pub(crate) reloads_per_minute: u64,
    /// Between two samples of the equity curve, in seconds of market time.
    pub(crate) equity_interval_seconds: u64,
    /// How long a live host's lease lasts without renewal, in seconds.
    pub(crate) lease_ttl_seconds: u64,
    /// Cash that is paid into the simulated broker of a shadow account, in whole US dollars.
    pub(crate) shadow_cash: u64,
    /// Whether plugins need a signature, where it was said.
    pub(crate) require_signature: Option<bool>,
    /// What a bot may use.
    pub(crate) limits: LimitSettings,
    /// The environment, for what belongs to other sources (keys, home folder).
    pub(crate) environment: Environment,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data", &self.data)
            .field("own_database", &self.database_url.is_some())
            .field("account", &self.account)
            .field("plugins", &self.plugins)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// [`Failure::Usage`] when a key is not known, or a value is not what its key takes.
    pub(crate) fn load(flags: Flags, environment: Environment) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        let from_environment = of_environment(&environment)?;
        let data_known = flags
            .data
            .clone()
            .or_else(|| from_environment.get("data").map(|value| PathBuf::from(&value.text)));
        let default_data = data_known.clone().unwrap_or_else(|| platform_data(&environment));
        if let Some(path) = config_path(&flags, &environment, &default_data)? {
            for (name, text) in file::read(&path)? {
                values.insert(name, Sourced { text, source: path.display().to_string() });
            }
        }
        values.extend(from_environment);
        let values = Values(values);
        let data = match data_known {
            Some(data) => data,
            None => values.text("data").map_or(default_data, PathBuf::from),
        };
        // Children and the compile cache need a path that holds wherever they stand.
        let data = std::path::absolute(&data).unwrap_or(data);
        let account = match flags.account {
            Some(label) => Some(named("--account", &label)?),
            None => values.0.get("account").map(|v| named(&v.source, &v.text)).transpose()?,
        };
        Ok(Self {
            database_url: flags
                .database_url
                .or_else(|| values.text("database_url").map(str::to_owned))
                .or_else(|| environment.get("DATABASE_URL").map(str::to_owned)),
            account,
            plugins: values.text("plugins").map_or_else(|| data.join("plugins"), PathBuf::from),
            log: values.text("log").map(str::to_owned),
            unknown_quiet_seconds: values.number("orders.unknown_quiet_seconds", 60)?,
            reconcile_interval_seconds: values.number("reconcile.interval_seconds", 60)?,
            snapshot_interval_seconds: values.number("bots.snapshot_interval_seconds", 30)?,
            compile_seconds: values.number_within("bots.compile_seconds", 120, 1..=3_600)?,
            compile_memory_mib: values.number_within(
                "bots.compile_memory_mib",
                3_072,
                64..=65_536,
            )?,
            reloads_per_minute: values.number("bots.reloads_per_minute", 100)?,
            equity_interval_seconds: values.number("equity.interval_seconds", 60)?,
            lease_ttl_seconds: values.number_within("lease.ttl_seconds", 20, 4..=600)?,
            shadow_cash: values.number_within("shadow.cash", 1_000_000, 1..=1_000_000_000_000)?,
            require_signature: values.truth("bots.require_signature")?,
            limits: values.limits()?,
            data,
            environment,
        })
    }

    /// The accounts with keys in the environment, live ones only with `live`.
    ///
    /// # Errors
    /// [`Failure::Usage`] for the first variable that is wrong.
    pub(crate) fn accounts(&self, live: bool) -> Result<Vec<AccountConfig>, Failure> {
        let lookup = |name: &str| self.environment.get(name).map(str::to_owned);
        accounts(lookup, live).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The same settings for a data folder of its own with its private Postgres: what the tour,
    /// the benchmarks and the simulator work in. No database of the user's is in reach.
    pub(crate) fn apart(&self, data: PathBuf) -> Self {
        Self { plugins: data.join("plugins"), data, database_url: None, ..self.clone() }
    }

    /// The socket of the running host: in the data folder, or, where that path is longer than a
    /// socket's can be, under a name made of it in the folder of temporary files.
    pub(crate) fn socket(&self) -> PathBuf {
        let socket = self.data.join("stockade.sock");
        let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        if data.as_os_str().len() + "/stockade.sock".len() <= SOCKET_PATH_MAX {
            return socket;
        }
        let digest = Sha256::digest(data.as_os_str().as_encoded_bytes());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = self.environment.get("TMPDIR").unwrap_or("/tmp");
        Path::new(folder).join(format!("stockade-{name}.sock"))
    }

    /// Whose components are loaded: `trust.toml` in the data folder, and the setting. `live` is real
    /// money, which wants signatures unless the setting says otherwise.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a file that can't be read or is not valid.
    pub(crate) fn trust(&self, live: bool) -> Result<Trust, Failure> {
        let trust = trust::read(&self.data)?;
        Ok(Trust { require_signature: self.require_signature.unwrap_or(live), ..trust })
    }

    /// How components are compiled apart: by this program, into the cache of the data folder.
    ///
    /// # Errors
    /// [`Failure`] where this program's own file is not known.
    pub(crate) fn compiling(&self) -> Result<Option<Apart>, Failure> {
        let (seconds, memory_bytes) = (self.compile_seconds, self.compile_memory_mib << 20);
        let mut arguments = vec!["compile".into(), "--cache".into()];
        arguments.push(self.data.join("cache").into_os_string());
        for (flag, value) in [("--seconds", seconds), ("--memory-bytes", memory_bytes)] {
            arguments.extend([flag.into(), value.to_string().into()]);
        }
        // A file that was replaced meanwhile is another program: this way it is always this one.
        let own = PathBuf::from("/proc/self/exe");
        let program = if own.exists() { own } else { std::env::current_exe()? };
        Ok(Some(Apart { program, arguments, seconds, memory_bytes }))
    }

    /// Where a bot's log lines are kept.
    pub(crate) fn bot_log(&self, bot: &str) -> PathBuf {
        self.data.join("logs").join(format!("{bot}.log"))
    }
}

/// The `STOCKADE_…` variables by key.
fn of_environment(environment: &Environment) -> Result<BTreeMap<String, Sourced>, Failure> {
    let known: Vec<(String, &str)> = KEYS.iter().map(|key| (key.variable(), key.name)).collect();
    let mut values = BTreeMap::new();
    for name in environment.names_with("STOCKADE_") {
        if name == CONFIG_VARIABLE || name == PROGRAMS_VARIABLE {
            continue;
        }
        let Some((_, key)) = known.iter().find(|(variable, _)| variable == name) else {
            let hint = nearest(name, known.iter().map(|(variable, _)| variable.as_str()));
            return Err(Failure::Usage(format!(
                "environment: \"{name}\" is not a known variable, the nearest is \"{}\"",
                hint.unwrap_or_default()
            )));
        };
        if let Some(text) = environment.get(name) {
            values.insert(
                (*key).to_owned(),
                Sourced { text: text.to_owned(), source: name.to_owned() },
            );
        }
    }
    Ok(values)
}

/// The file that was named, else one in the working folder, else one in the data folder.
fn config_path(
    flags: &Flags,
    environment: &Environment,
    data: &Path,
) -> Result<Option<PathBuf>, Failure> {
    let named =
        flags.config.clone().or_else(|| environment.get(CONFIG_VARIABLE).map(PathBuf::from));
    if let Some(path) = named {
        if path.is_file() {
            return Ok(Some(path));
        }
        return Err(Failure::Usage(format!("{} is no file (--config)", path.display())));
    }
    Ok([PathBuf::from(FILE), data.join(FILE)].into_iter().find(|path| path.is_file()))
}

fn named(source: &str, label: &str) -> Result<Slug, Failure> {
    Slug::new(label).map_err(|error| Failure::Usage(format!("{source}: {error}")))
}

/// Where this platform keeps data: the system's state folder for root, else the user's own.
fn platform_data(environment: &Environment) -> PathBuf {
    if is_root() {
        return PathBuf::from("/var/lib/stockade");
    }
    if let Some(folder) = environment.get("XDG_DATA_HOME") {
        return PathBuf::from(folder).join("stockade");
    }
    let home = PathBuf::from(environment.get("HOME").unwrap_or("."));
    if cfg!(target_os = "macos") {
        return home.join("Library/Application Support/stockade");
    }
    home.join(".local/share/stockade")
}

/// Whether this process runs as root: its own entry in `/proc` belongs to its user.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}
