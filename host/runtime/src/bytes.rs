//! The bytes of a plugin: digest, packing, and everything that can be said before compiling.

use std::borrow::Cow;

use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmparser::{CanonicalFunction, Encoding, Parser, Payload};

use crate::contract::{RELEASES, Release, Version, spoken};
use crate::load_error::{LoadError, Problem};
use crate::wasi;

/// Bytes of a plugin at most: a Python bot has 18 MB.
pub const PLUGIN_BYTES_MAX: usize = 64 << 20;

const PACKAGE: &str = "stockade:bot/";
const IMPORTS: [&str; 3] = ["types", "capital", "host"];

/// Whether bytes are a component or a core module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A component.
    Component,
    /// A core module that carries the contract's types: packed on load.
    CoreModule,
}

/// What is known of bytes without running them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256 of the bytes, in hex.
    pub digest: String,
    /// How many bytes.
    pub size: usize,
    /// Component or core module.
    pub kind: Kind,
    /// Whether it imports WASI.
    pub wasi: bool,
    /// The contract's version as it names it.
    pub contract: Option<String>,
    /// Everything that it imports.
    pub imports: Vec<String>,
    /// Everything that it exports.
    pub exports: Vec<String>,
    /// Everything that does not fit, in words. Empty: it can be loaded.
    pub problems: Vec<String>,
}

/// SHA-256 in hex.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a component of a core module that carries the contract's types; a component is given
/// back as it is.
pub fn pack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    match kind(bytes)? {
        Kind::Component => Ok(Cow::Borrowed(bytes)),
        Kind::CoreModule => {
            // A truncated module must be named as such, and not as one without types.
            scan(bytes)?;
            let pack = |error: String| LoadError::Pack { message: error };
            let component = wit_component::ComponentEncoder::default()
                .validate(true)
                .module(bytes)
                .and_then(|encoder| encoder.encode())
                .map_err(|error| pack(format!("{error:#}")))?;
            Ok(Cow::Owned(component))
        }
    }
}

/// Says what bytes are, without running them.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    let kind = kind(bytes)?;
    let component = pack(bytes)?;
    let found = scan(&component)?;
    let problems = match problems(&found) {
        Ok(problems) => problems.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    };
    let contract = found.names().find_map(|(_, version)| version).map(str::to_owned);
    Ok(Inspection {
        digest: digest(bytes),
        size: bytes.len(),
        kind,
        wasi: found.imports.iter().any(|import| import.starts_with("wasi:")),
        contract,
        imports: found.imports,
        exports: found.exports,
        problems,
    })
}

/// A component that fits by its names.
pub(crate) struct Checked<'a> {
    pub(crate) component: Cow<'a, [u8]>,
    pub(crate) wasi: bool,
    /// The release of the contract that it was built for.
    pub(crate) release: Version,
}

/// Checks everything that can be checked before compiling.
pub(crate) fn check(bytes: &[u8]) -> Result<Checked<'_>, LoadError> {
    let component = pack(bytes)?;
    let found = scan(&component)?;
    let problems = problems(&found)?;
    if !problems.is_empty() {
        return Err(LoadError::Contract { problems });
    }
    let wasi = found.imports.iter().any(|import| import.starts_with("wasi:"));
    let release = found.release().ok_or(LoadError::NoContract)?;
    Ok(Checked { component, wasi, release })
}

fn kind(bytes: &[u8]) -> Result<Kind, LoadError> {
    if bytes.len() > PLUGIN_BYTES_MAX {
        return Err(LoadError::TooLarge { found: bytes.len(), allowed: PLUGIN_BYTES_MAX });
    }
    // ELF is what precompiled artefacts of wasmtime are.
    if bytes.starts_with(b"\x7fELF") {
        return Err(LoadError::Precompiled);
    }
    if Parser::is_component(bytes) {
        return Ok(Kind::Component);
    }
    if Parser::is_core_wasm(bytes) {
        return Ok(Kind::CoreModule);
    }
    let magic = b"\0asm";
    if bytes.len() < 8 && (bytes.starts_with(magic) || magic.starts_with(bytes)) {
        let message = format!("{} bytes, the header alone has 8", bytes.len());
        return Err(LoadError::Truncated { message });
    }
    let head = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
    Err(LoadError::NotWasm { found: head.join(" ") })
}

/// Names at the border of a component.
#[derive(Default)]
struct Found {
    imports: Vec<String>,
    exports: Vec<String>,
    own_resources: bool,
}

impl Found {
    /// Interfaces of the contract's package, with their version.
    fn names(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let all = self.imports.iter().chain(&self.exports);
        all.filter_map(|name| name.strip_prefix(PACKAGE)).map(|name| match name.split_once('@') {
            Some((interface, version)) => (interface, Some(version)),
            None => (name, None),
        })
    }

    /// The newest version that it names: the release that it was built for.
    fn release(&self) -> Option<Version> {
        self.names().filter_map(|(_, version)| Version::parse(version?)).max()
    }
}

fn scan(bytes: &[u8]) -> Result<Found, LoadError> {
    let mut found = Found::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| broken(&error))? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    found.imports.push(import.map_err(|e| broken(&e))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    found.exports.push(export.map_err(|e| broken(&e))?.name.name.to_owned());
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let function = function.map_err(|e| broken(&e))?;
                    found.own_resources |=
                        matches!(function, CanonicalFunction::ResourceNew { .. });
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn broken(error: &wasmparser::BinaryReaderError) -> LoadError {
    let message = error.to_string();
    if error.message().contains("unexpected end") {
        LoadError::Truncated { message }
    } else {
        LoadError::Invalid { message }
    }
}

/// Everything that does not fit the contract.
fn problems(found: &Found) -> Result<Vec<Problem>, LoadError> {
    if found.names().next().is_none() && found.imports.iter().all(|name| wasi::is_allowed(name)) {
        return Err(LoadError::NoContract);
    }
    let mut problems = Vec::new();
    let known = |version: &str| {
        let version = Version::parse(version);
        RELEASES.iter().any(|release| Some(release.version) == version)
    };
    // One line for each version, not for each interface.
    for version in found.names().map(|(_, version)| version.unwrap_or("without a version")) {
        let problem = Problem::ContractVersion { found: version.to_owned(), spoken: spoken() };
        if !known(version) && !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        // What another version exports is not this host's to judge.
        return Ok(problems);
    }
    for name in &found.imports {
        let interface = name.strip_prefix(PACKAGE).map(|n| n.split('@').next().unwrap_or(n));
        let known = interface.is_some_and(|interface| IMPORTS.contains(&interface));
        if !known && !wasi::is_allowed(name) {
            problems.push(Problem::Import { name: name.clone(), why: why_not(name) });
        }
    }
    for wanted in exports(found.release()) {
        let has = found.exports.iter().any(|name| {
            name.strip_prefix(PACKAGE).is_some_and(|n| n.split('@').next() == Some(wanted))
        });
        if !has {
            problems.push(Problem::MissingExport { name: format!("{PACKAGE}{wanted}") });
        }
    }
    if found.own_resources {
        problems.push(Problem::Resources);
    }
    Ok(problems)
}

/// What a bot of a release exports; `None` is the newest.
fn exports(release: Option<Version>) -> impl Iterator<Item = &'static str> {
    let upto = move |of: &&Release| release.is_none_or(|release| of.version <= release);
    RELEASES.iter().filter(upto).flat_map(|release| release.exports).copied()
}

fn why_not(import: &str) -> &'static str {
    if import.starts_with("wasi:sockets/") || import.starts_with("wasi:http/") {
        "a bot has no network"
    } else if import.starts_with("wasi:") {
        "this part of WASI, or this version of it, is not there for bots"
    } else {
        "it is no part of the contract"
    }
}
