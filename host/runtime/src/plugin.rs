//! A plugin: checked, compiled and described; ready to make bots of.

use std::sync::Arc;

use wasmtime::component::Linker;

use crate::bot::Live;
use crate::bytes;
use crate::contract::Prepared;
use crate::describe::Description;
use crate::engine::Engine;
use crate::events::EVENTS_PER_CALL_MAX;
use crate::host::Host;
use crate::lent::Table;
use crate::limits::{Limits, Tier};
use crate::load_error::LoadError;
use crate::manifest::Manifest;
use crate::package::Package;
use crate::trust::Signed;
use crate::wasi;

/// Bytes from which on a component is taken to bring an interpreter.
const INTERPRETER_BYTES: usize = 4 << 20;

/// Events of one call where an interpreter handles them: a bar takes up to 130,000 instructions
/// there (the moving averages in JavaScript), a thousandth of what a call has by default.
const EVENTS_INTERPRETED_MAX: usize = 512;

/// A compiled component. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    engine: Engine,
    digest: Arc<str>,
    size: usize,
    description: Description,
    manifest: Option<Manifest>,
    signed: Signed,
    pre: Prepared,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Inner { digest, description, .. } = &*self.0;
        f.debug_struct("Plugin").field("name", &description.name).field("digest", digest).finish()
    }
}

impl Plugin {
    /// Checks whether it may be loaded, and that it can be; compiles and describes. `stem` is the name of the file without its ending. Takes
    /// tens of milliseconds for a small component and seconds for an interpreter: not for a thread
    /// that has events to handle.
    pub fn load(engine: &Engine, package: &Package, stem: &str) -> Result<Self, LoadError> {
        let (manifest, signed) = engine.trust().check(package)?;
        let bytes = package.component.as_slice();
        let checked = bytes::check(bytes)?;
        let component = engine.component(&checked.component)?;
        let link = |error: wasmtime::Error| LoadError::Link {
            release: checked.release.to_string(),
            message: format!("{error:#}"),
        };
        let mut linker: Linker<Host> = Linker::clone(&engine.sealed);
        if checked.wasi {
            wasi::define(&mut linker, &component, &engine.wasm).map_err(link)?;
        }
        let pre = linker
            .instantiate_pre(&component)
            .and_then(|pre| Prepared::new(pre, checked.release))
            .map_err(link)?;
        let limits = Arc::new(Limits::of(tier_of(bytes.len())));
        let table = Arc::new(Table::default());
        let mut live = Live::new(engine, &pre, Host::new(limits, table, None, 0))
            .map_err(|strike| LoadError::Describe { cause: strike.cause })?;
        let raw = live.describe().map_err(|strike| LoadError::Describe { cause: strike.cause })?;
        let description = Description::read(raw)?;
        if description.name != stem {
            return Err(LoadError::Name { found: description.name, stem: stem.to_owned() });
        }
        if let Some(manifest) = &manifest {
            manifest.check_description(&description)?;
        }
        let digest = bytes::digest(bytes).into();
        let size = bytes.len();
        Ok(Self(Arc::new(Inner {
            engine: engine.clone(),
            digest,
            size,
            description,
            manifest,
            signed,
            pre,
        })))
    }

    /// SHA-256 of exactly the bytes that were loaded, in hex.
    #[must_use]
    pub fn digest(&self) -> &Arc<str> {
        &self.0.digest
    }

    /// Bytes that were loaded.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// What its author says of it.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.0.manifest.as_ref()
    }

    /// Whose it is.
    #[must_use]
    pub fn signed(&self) -> Signed {
        self.0.signed
    }

    /// The name: the file's stem.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.description.name
    }

    /// Which defaults its bots get where nothing is configured: large components bring an
    /// interpreter.
    #[must_use]
    pub fn tier(&self) -> Tier {
        tier_of(self.0.size)
    }

    /// Events of one call that its default fuel is enough for.
    #[must_use]
    pub fn events_max(&self) -> usize {
        match self.tier() {
            Tier::Compiled => EVENTS_PER_CALL_MAX,
            Tier::Interpreted => EVENTS_INTERPRETED_MAX,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn pre(&self) -> &Prepared {
        &self.0.pre
    }
}

const fn tier_of(size: usize) -> Tier {
    if size >= INTERPRETER_BYTES { Tier::Interpreted } else { Tier::Compiled }
}
