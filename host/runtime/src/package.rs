//! A plugin's files: the component, its manifest and the manifest's signature.
//!
//! Each file is read once, and what is checked, compiled and named by its digest are those bytes.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::bytes::PLUGIN_BYTES_MAX;
use crate::manifest::MANIFEST_BYTES_MAX;

/// Bytes of a signature's file at most: 128 digits and an end of line.
const SIGNATURE_BYTES_MAX: usize = 256;

/// The bytes of a plugin's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// The component.
    pub component: Vec<u8>,
    /// `NAME.bot.toml`, where there is one.
    pub manifest: Option<String>,
    /// `NAME.bot.toml.sig`, where there is one.
    pub signature: Option<Vec<u8>>,
}

impl From<Vec<u8>> for Package {
    /// A component alone.
    fn from(component: Vec<u8>) -> Self {
        Self { component, ..Self::default() }
    }
}

impl Package {
    /// Reads `NAME.wasm` and what is beside it. A component that is longer than one can be is cut
    /// one byte beyond that: loading it says so.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(path: &Path) -> io::Result<Self> {
        let component = read(path, PLUGIN_BYTES_MAX)?;
        let manifest = optional(&manifest_path(path), MANIFEST_BYTES_MAX)?;
        let manifest = manifest
            .map(String::from_utf8)
            .transpose()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let signature = optional(&signature_path(path), SIGNATURE_BYTES_MAX)?;
        Ok(Self { component, manifest, signature })
    }
}

/// Where the manifest of a component is.
#[must_use]
pub fn manifest_path(component: &Path) -> PathBuf {
    component.with_extension("bot.toml")
}

/// Where the signature of a component's manifest is.
#[must_use]
pub fn signature_path(component: &Path) -> PathBuf {
    component.with_extension("bot.toml.sig")
}

fn optional(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    match read(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
