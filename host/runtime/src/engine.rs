//! The process's one wasmtime engine: its settings, the compile cache and the epoch's ticker.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{Cache, CacheConfig, Config, OptLevel};

use crate::apart::Apart;
use crate::contract;
use crate::host::Host;
use crate::load_error::LoadError;
use crate::trust::Trust;

/// Milliseconds between two ticks of the epoch: how late a deadline can be noticed.
pub(crate) const TICK_MS: u64 = 10;
/// Bytes of native stack that a bot can use. Threads that call bots need more than this.
pub(crate) const STACK_BYTES: u64 = 512 << 10;

/// How the engine is made.
#[derive(Debug, Clone, Default)]
pub struct EngineConfig {
    /// A folder of the host's own for compiled code; none means compile anew each time. Whoever
    /// can write there can run code in this process.
    pub cache: Option<PathBuf>,
    /// How components are compiled in another process, into that folder; none means in this one.
    pub apart: Option<Apart>,
    /// Whether deadlines are watched. Live only: a backtest must not depend on the machine.
    pub deadlines: bool,
    /// Whose components are loaded.
    pub trust: Trust,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Settings that this machine can't run, or a cache folder that can't be used.
    #[error("wasm engine (cache folder {}): {message}", cache.as_ref().map_or_else(|| "none".into(), |p| p.display().to_string()))]
    Settings {
        /// The folder that was asked for.
        cache: Option<PathBuf>,
        /// What the engine says.
        message: String,
    },
    /// The ticker has no thread.
    #[error("thread of the deadline ticker: {source}")]
    Thread {
        /// What the system says.
        source: std::io::Error,
    },
}

/// The engine. Cheap to clone; one a process.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasm: wasmtime::Engine,
    /// Every import of the contract and nothing else.
    pub(crate) sealed: Arc<Linker<Host>>,
    pub(crate) deadlines: bool,
    apart: Option<Arc<Apart>>,
    trust: Arc<Mutex<Arc<Trust>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("deadlines", &self.deadlines).finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes the engine.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let settings = |error: wasmtime::Error| EngineError::Settings {
            cache: config.cache.clone(),
            message: format!("{error:#}"),
        };
        let wasm =
            wasmtime::Engine::new(&settings_of(config).map_err(settings)?).map_err(settings)?;
        let mut sealed = Linker::new(&wasm);
        contract::define(&mut sealed).map_err(settings)?;
        if config.deadlines {
            let weak = wasm.weak();
            let tick = move || {
                // Ends with the last Engine.
                while let Some(engine) = weak.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(Duration::from_millis(TICK_MS));
                }
            };
            let thread = std::thread::Builder::new().name("epoch-ticker".to_owned());
            thread.spawn(tick).map_err(|source| EngineError::Thread { source })?;
        }
        let trust = Arc::new(Mutex::new(Arc::new(config.trust.clone())));
        // Without a cache nothing would come back.
        let apart = config.apart.clone().filter(|_| config.cache.is_some()).map(Arc::new);
        Ok(Self { wasm, sealed: Arc::new(sealed), deadlines: config.deadlines, apart, trust })
    }
}

impl Engine {
    /// Whose components are loaded now.
    pub(crate) fn trust(&self) -> Arc<Trust> {
        // Nothing that holds the lock can panic.
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A component, compiled apart where that is wanted.
    pub(crate) fn component(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        if let Some(apart) = &self.apart {
            apart.compile(bytes)?;
        }
        let failed = |error| LoadError::Compile { message: format!("{error:#}") };
        Component::new(&self.wasm, bytes).map_err(failed)
    }

    /// From now on these rules hold, for every clone. What is loaded already stays loaded.
    pub fn set_trust(&self, trust: Trust) {
        *self.trust.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
    }
}

fn settings_of(config: &EngineConfig) -> wasmtime::Result<Config> {
    let mut settings = Config::new();
    settings
        .wasm_component_model(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(usize::try_from(STACK_BYTES)?)
        .cranelift_opt_level(OptLevel::Speed)
        // The bits of a NaN differ between machines otherwise, and with them a bot's decisions.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        // Nothing that a bot needs, and each a way to claim memory that is counted elsewhere.
        .wasm_memory64(false)
        // Compilation must not take the cores of the order path.
        .parallel_compilation(false);
    if let Some(folder) = &config.cache {
        let mut cache = CacheConfig::new();
        cache.with_directory(folder);
        settings.cache(Some(Cache::new(cache)?));
    }
    Ok(settings)
}
