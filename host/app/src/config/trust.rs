//! `trust.toml` in the data folder: the keys that are trusted and the digests that are banned.
//!
//! `stockade plugin trust` and `stockade plugin ban` write it; nobody else does.

use std::path::{Path, PathBuf};

use stockade_runtime::Trust;

use crate::failure::Failure;
use crate::whole;

const FILE: &str = "trust.toml";

/// Where it is.
fn path(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Reads it; where there is none, nobody is trusted and nothing banned.
pub(super) fn read(data: &Path) -> Result<Trust, Failure> {
    let path = path(data);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Trust::default()),
        Err(error) => {
            return Err(Failure::Usage(format!("{} can't be read: {error}", path.display())));
        }
    };
    toml::from_str(&text).map_err(|error| {
        Failure::Usage(format!("{} is not valid: {}", path.display(), error.to_string().trim_end()))
    })
}

/// Writes it, whole or not at all.
///
/// # Errors
/// A data folder that can't be written.
pub(crate) fn write(data: &Path, trust: &Trust) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| Failure::Failed(error);
    std::fs::create_dir_all(data).map_err(|error| failed(error.into()))?;
    let text = toml::to_string(trust).map_err(|error| failed(error.into()))?;
    Ok(whole::write(&path(data), text.as_bytes())?)
}
