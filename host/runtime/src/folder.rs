//! The plugins folder: what appears, changes or goes there.
//!
//! One thread of low priority watches, reads and compiles, so that neither touches the order path.
//! The system's notices only wake it; what counts is what it then finds, so that a lost notice
//! costs a second at most. Each file is read once and the digest is of exactly those bytes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use notify::Watcher;
use tokio::sync::mpsc::Sender;

use crate::engine::Engine;
use crate::load_error::LoadError;
use crate::package::{Package, manifest_path, signature_path};
use crate::plugin::Plugin;
use crate::settle::{Settle, Stamp, Stamps, Step};

/// The ending of a plugin's file.
const ENDING: &str = "wasm";
/// Files looked at, at most.
const FILES_MAX: usize = 1_024;
/// How often the folder is looked at when nothing is heard of it.
const POLL: Duration = Duration::from_secs(1);
/// How often while a file is settling.
const POLL_BUSY: Duration = Duration::from_millis(50);
/// The niceness of the thread: below everything that trades.
const NICE: i32 = 10;

/// What happened in the folder.
#[derive(Debug)]
pub enum FolderEvent {
    /// A plugin is available.
    Added {
        /// Its file.
        path: PathBuf,
        /// The plugin.
        plugin: Plugin,
    },
    /// A file has other bytes now.
    Changed {
        /// Its file.
        path: PathBuf,
        /// The new version.
        plugin: Plugin,
    },
    /// A file is gone. Running bots are left alone.
    Removed {
        /// Its file.
        path: PathBuf,
    },
    /// A file can't be loaded. What was loaded of it before stays.
    Failed {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: FolderError,
    },
}

/// Why a file or folder was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// Of what.
        path: PathBuf,
        /// What it says.
        source: std::io::Error,
    },
    /// Its bytes are no plugin.
    #[error("{}: {source}", path.display())]
    Load {
        /// Of what.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
}

/// The watch. Ends when dropped.
#[derive(Debug)]
pub struct Folder {
    wake: SyncSender<()>,
    again: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Folder {
    /// Watches `folder`, which must exist. Everything that is there already comes as `Added`.
    pub fn watch(
        engine: &Engine,
        folder: &Path,
        events: Sender<FolderEvent>,
    ) -> Result<Self, FolderError> {
        let io = |source| FolderError::Io { path: folder.to_path_buf(), source };
        std::fs::read_dir(folder).map_err(io)?;
        let (wake, inbox) = sync_channel(1);
        let watcher = watcher(folder, wake.clone());
        let ended = Arc::new(AtomicBool::new(false));
        let again = Arc::new(AtomicBool::new(false));
        let watch = Watch {
            again: again.clone(),
            ended: ended.clone(),
            engine: engine.clone(),
            folder: folder.to_path_buf(),
            events,
            settle: Settle::default(),
            loaded: HashMap::new(),
            begin: Instant::now(),
        };
        let run = move || {
            // Held as long as the thread looks.
            let _watcher = watcher;
            watch.run(&inbox);
        };
        std::thread::Builder::new().name("plugins".to_owned()).spawn(run).map_err(io)?;
        Ok(Self { wake, again, ended })
    }

    /// Reads every file again: the rules by which they are loaded have changed.
    pub fn again(&self) {
        self.again.store(true, Ordering::Release);
        self.look();
    }

    /// Looks now. Not needed for correctness.
    pub fn look(&self) {
        let _ = self.wake.try_send(());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Full means that the thread is about to look up anyway.
        let _ = self.wake.try_send(());
    }
}

/// Reads and loads one file: the plugin's name is the file's stem.
pub fn load_file(engine: &Engine, path: &Path) -> Result<Plugin, FolderError> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    load_file_as(engine, path, &stem)
}

/// Reads and loads a file of any name as the plugin `name`: one that describes itself as another is
/// refused.
pub fn load_file_as(engine: &Engine, path: &Path, name: &str) -> Result<Plugin, FolderError> {
    let io = |source| FolderError::Io { path: path.to_path_buf(), source };
    let load = |source| FolderError::Load { path: path.to_path_buf(), source };
    let package = Package::read(path).map_err(io)?;
    Plugin::load(engine, &package, name).map_err(load)
}

/// The system's notices, where it gives any; the poll is enough without.
fn watcher(folder: &Path, wake: SyncSender<()>) -> Option<notify::RecommendedWatcher> {
    let notice = move |event: notify::Result<notify::Event>| {
        // Our own reading of the folder is an event too: waking on it would never end.
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        // Full means that a look is due already.
        let _ = wake.try_send(());
    };
    let watcher = notify::recommended_watcher(notice).and_then(|mut watcher| {
        watcher.watch(folder, notify::RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watcher
        .inspect_err(
            |error| tracing::warn!(%error, "no notices of the plugins folder: it is polled"),
        )
        .ok()
}

struct Watch {
    again: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    engine: Engine,
    folder: PathBuf,
    events: Sender<FolderEvent>,
    settle: Settle,
    /// Digests of what was loaded.
    loaded: HashMap<PathBuf, Arc<str>>,
    begin: Instant,
}

impl Watch {
    fn run(mut self, inbox: &Receiver<()>) {
        // Where the system does not allow it, compiling only competes more.
        let _ = rustix::process::setpriority_process(None, NICE);
        loop {
            if self.look().is_none() {
                return;
            }
            let wait = if self.settle.is_waiting() { POLL_BUSY } else { POLL };
            let heard = inbox.recv_timeout(wait);
            let over = self.ended.load(Ordering::Acquire) || self.events.is_closed();
            if over || heard == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// `None` when nobody listens any more.
    fn look(&mut self) -> Option<()> {
        let found = match files(&self.folder) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), %error, "plugins folder");
                return Some(());
            }
        };
        if self.again.swap(false, Ordering::AcqRel) {
            self.settle.again();
        }
        for step in self.settle.look(self.begin.elapsed(), &found) {
            let event = match step {
                Step::Gone(path) => {
                    self.loaded.remove(&path).map(|_| FolderEvent::Removed { path })
                }
                Step::Read(path) => self.read(path),
            };
            if let Some(event) = event {
                self.events.blocking_send(event).ok()?;
            }
        }
        Some(())
    }

    fn read(&mut self, path: PathBuf) -> Option<FolderEvent> {
        match load_file(&self.engine, &path) {
            Ok(plugin) => {
                let before = self.loaded.insert(path.clone(), plugin.digest().clone());
                match before {
                    None => Some(FolderEvent::Added { path, plugin }),
                    Some(digest) if digest == *plugin.digest() => None,
                    Some(_) => Some(FolderEvent::Changed { path, plugin }),
                }
            }
            Err(error) => {
                let unfinished = match &error {
                    FolderError::Load { source, .. } => source.may_be_unfinished(),
                    FolderError::Io { .. } => true,
                };
                if unfinished && self.settle.unfinished(self.begin.elapsed(), &path) {
                    return None;
                }
                if let FolderError::Load { source: LoadError::Banned { .. }, .. } = error {
                    // Once it is banned no more it is new.
                    self.loaded.remove(&path);
                }
                Some(FolderEvent::Failed { path, error })
            }
        }
    }
}

fn files(folder: &Path) -> std::io::Result<BTreeMap<PathBuf, Stamps>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let plugin = path.extension().is_some_and(|ending| ending == ENDING);
        if !plugin || found.len() >= FILES_MAX {
            continue;
        }
        // A file that went between the two looks is simply not there.
        if let Ok(data) = std::fs::metadata(&path)
            && data.is_file()
        {
            let beside = |path: PathBuf| std::fs::metadata(path).ok().map(|data| stamp(&data));
            let stamps =
                [Some(stamp(&data)), beside(manifest_path(&path)), beside(signature_path(&path))];
            found.insert(path, stamps);
        }
    }
    Ok(found)
}

fn stamp(data: &std::fs::Metadata) -> Stamp {
    Stamp { size: data.len(), modified: data.modified().ok(), inode: inode(data) }
}

#[cfg(unix)]
fn inode(data: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}
