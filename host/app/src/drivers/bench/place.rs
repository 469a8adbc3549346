//! Where a benchmark works: a folder of its own, and the components that it measures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use stockade_runtime::{Engine, EngineConfig, Plugin};
use stockade_store::Cluster;

use crate::cli::bench::BenchArgs;
use crate::cli::plugin;
use crate::config::Settings;
use crate::drivers::exchange::Signals;
use crate::failure::Failure;

/// The component that stands for a small bot.
pub(super) const BOT: &str = "sma-cross";

/// A folder that is removed at the end, and settings that know nothing else.
pub(super) struct Place {
    folder: Folder,
    settings: Settings,
    plugins: Option<PathBuf>,
}

/// Removed with what is in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder of temporary files, where leftovers belong.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Place {
    pub(super) fn new(settings: &Settings, args: &BenchArgs) -> Result<Self> {
        let name = format!("stockade-bench-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0)
            .with_context(|| format!("can't make {}", folder.0.display()))?;
        open_to_all(&folder.0)?;
        let apart = settings.apart(folder.0.join("data"));
        let beside = std::env::current_exe().ok();
        let beside = beside.as_deref().and_then(Path::parent);
        let candidates = [
            args.plugins.clone(),
            beside.map(|folder| folder.join("bots")),
            beside.and_then(Path::parent).map(|folder| folder.join("bots")),
            Some(settings.plugins.clone()),
        ];
        let holds = |folder: &PathBuf| folder.join(format!("{BOT}.wasm")).is_file();
        let plugins = candidates.into_iter().flatten().find(holds);
        Ok(Self { folder, settings: apart, plugins })
    }

    /// A folder of its own for a part.
    pub(super) fn folder(&self, part: &str) -> Result<PathBuf> {
        let folder = self.folder.0.join(part);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("can't make {}", folder.display()))?;
        open_to_all(&folder)?;
        Ok(folder)
    }

    /// Settings with a data folder of its own for a part.
    pub(super) fn settings(&self, part: &str) -> Result<Settings> {
        Ok(self.settings.apart(self.folder(part)?))
    }

    /// Measures with a private Postgres in a part's folder; a signal stops that too.
    pub(super) async fn guarded<T>(
        &self,
        part: &str,
        measured: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let signals = Signals::listen()?;
        tokio::select! {
            outcome = measured => return outcome,
            () = signals.wait() => {}
        }
        // What was measured is dropped with its connections; nobody uses the cluster any more.
        let cluster = Cluster::open(&self.folder(part)?).await.map_err(anyhow::Error::new)?;
        cluster.stop().await.map_err(anyhow::Error::new)?;
        Err(Failure::Failed(anyhow!("a signal ended the measurement of {part}")))
    }

    /// Where the components are.
    pub(super) fn plugins(&self) -> Result<&Path, Failure> {
        self.plugins.as_deref().ok_or(Failure::NotFound { what: "plugin", name: BOT.to_owned() })
    }

    /// The component's bytes.
    pub(super) fn component(&self) -> Result<Vec<u8>, Failure> {
        self.component_of(BOT)
    }

    /// The bytes of another component, from the same folder.
    pub(super) fn component_of(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let file = self.plugins()?.join(format!("{name}.wasm"));
        if !file.is_file() {
            return Err(Failure::NotFound { what: "plugin", name: name.to_owned() });
        }
        Ok(plugin::read(&file)?.component)
    }

    /// The component, ready to make bots of, without a compile cache.
    pub(super) fn plugin(&self) -> Result<Plugin, Failure> {
        self.plugin_of(BOT)
    }

    /// Another component, ready to make bots of.
    pub(super) fn plugin_of(&self, name: &str) -> Result<Plugin, Failure> {
        let engine = Engine::new(&EngineConfig::default());
        let engine = engine.map_err(|error| Failure::Failed(error.into()))?;
        Plugin::load(&engine, &self.component_of(name)?.into(), name)
            .map_err(|error| Failure::Usage(format!("{name}: {error}")))
    }
}

/// A private Postgres of root's runs under another user, who has to enter.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    if let Err(error) = std::fs::set_permissions(folder, mode) {
        bail!("{}: its mode can't be set: {error}", folder.display());
    }
    Ok(())
}
