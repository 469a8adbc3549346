//! `bot.toml`: what a plugin's author says of it, beside the component.
//!
//! In the plugins folder it is `NAME.bot.toml` beside `NAME.wasm`. It names the component by its
//! digest, so that a signature of the manifest is one of the component; and it asks for limits and
//! symbols, which can only narrow what the configuration and the deployment allow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stockade_core::Symbol;

use crate::describe::Description;
use crate::limits::Limits;
use crate::load_error::LoadError;

/// Bytes of a manifest at most.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;

/// What a manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name: what `describe` gives.
    pub name: String,
    /// Its version: what `describe` gives.
    pub version: String,
    /// SHA-256 of the component in hex. One that is signed has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The only symbols that it may be deployed on; none given means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<Symbol>,
    /// Limits by name (`fuel`, `memory_bytes`, …): used where they are at or below the host's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// [`LoadError::Manifest`] for what is no manifest, a key or limit that is not known, a limit
    /// of zero, or a digest that is none.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        if text.len() > MANIFEST_BYTES_MAX {
            let what = format!("{} bytes, at most {MANIFEST_BYTES_MAX} are allowed", text.len());
            return Err(LoadError::Manifest { what });
        }
        let manifest: Self = toml::from_str(text).map_err(|error| LoadError::Manifest {
            what: error.to_string().trim_end().to_owned(),
        })?;
        if let Some(digest) = &manifest.digest
            && (digest.len() != 64
                || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        {
            let what =
                format!("digest is \"{digest}\", 64 lower-case hexadecimal digits are allowed");
            return Err(LoadError::Manifest { what });
        }
        let mut limits = Limits::default();
        for (name, value) in &manifest.limits {
            limits.set(name, *value).map_err(|what| LoadError::Manifest { what })?;
        }
        Ok(manifest)
    }

    /// As it is written to a file.
    ///
    /// # Errors
    /// Text that TOML has no form for.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Whether it is about this component.
    pub(crate) fn check_digest(&self, digest: &str) -> Result<(), LoadError> {
        match &self.digest {
            Some(named) if named != digest => Err(LoadError::Manifest {
                what: format!("it names digest {named}, the component has {digest}"),
            }),
            _ => Ok(()),
        }
    }

    /// Whether it is about this plugin.
    pub(crate) fn check_description(&self, found: &Description) -> Result<(), LoadError> {
        let pairs = [("name", &self.name, &found.name), ("version", &self.version, &found.version)];
        for (what, named, found) in pairs {
            if named != found {
                let what = format!("it gives the {what} \"{named}\", describe gives \"{found}\"");
                return Err(LoadError::Manifest { what });
            }
        }
        Ok(())
    }

    /// What the bot gets: what it asks for, within what the host allows.
    ///
    /// # Errors
    /// A limit above the host's: its name, both values and the setting.
    pub(crate) fn narrow(&self, allowed: &Limits) -> Result<Limits, String> {
        let mut limits = allowed.clone();
        for (name, asked) in &self.limits {
            match allowed.get(name) {
                Some(most) if *asked > most => {
                    return Err(format!(
                        "bot.toml asks for {name} {asked}, {most} is allowed (setting limits.{name})"
                    ));
                }
                _ => limits.set(name, *asked)?,
            }
        }
        Ok(limits)
    }

    /// Whether it may be deployed on these.
    ///
    /// # Errors
    /// The first symbol that it does not name.
    pub(crate) fn check_symbols<'a>(
        &self,
        mut symbols: impl Iterator<Item = &'a Symbol>,
    ) -> Result<(), String> {
        if self.symbols.is_empty() {
            return Ok(());
        }
        match symbols.find(|symbol| !self.symbols.contains(symbol)) {
            None => Ok(()),
            Some(symbol) => {
                let named: Vec<&str> = self.symbols.iter().map(Symbol::as_str).collect();
                Err(format!("{symbol} is not in bot.toml's symbols: {}", named.join(", ")))
            }
        }
    }
}
