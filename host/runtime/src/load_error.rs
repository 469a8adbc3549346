//! Why bytes are no plugin, each reason with the thing it is about.

use crate::call::Cause;

/// One thing that a component must not have, or lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It was built for another version of the contract.
    #[error("it speaks contract {found}, this host speaks {spoken}")]
    ContractVersion {
        /// As the component names it.
        found: String,
        /// What this host has.
        spoken: String,
    },
    /// An interface that a bot must export.
    #[error("it does not export {name}")]
    MissingExport {
        /// Which.
        name: String,
    },
    /// An import that no bot can have.
    #[error("it imports {name}: {why}")]
    Import {
        /// What.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// Resources of its own: their handles would be memory that no limit counts.
    #[error("it defines resources of its own, which the contract has no place for")]
    Resources,
}

/// Why bytes could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Too many bytes.
    #[error("{found} bytes, at most {allowed} are allowed")]
    TooLarge {
        /// How many there are.
        found: usize,
        /// How many there can be.
        allowed: usize,
    },
    /// The end is missing.
    #[error("truncated: {message}")]
    Truncated {
        /// Where.
        message: String,
    },
    /// Something else than WebAssembly.
    #[error("not WebAssembly: it begins with {found}")]
    NotWasm {
        /// The first bytes, in hex.
        found: String,
    },
    /// Machine code made elsewhere. It would run unchecked.
    #[error("precompiled machine code is not taken, only a component or a core module")]
    Precompiled,
    /// Damaged.
    #[error("invalid WebAssembly: {message}")]
    Invalid {
        /// How.
        message: String,
    },
    /// A core module that can't be made a component.
    #[error("the core module can't be packed: {message}")]
    Pack {
        /// Why.
        message: String,
    },
    /// Nothing of the contract is in it.
    #[error("no bot: it neither imports nor exports stockade:bot")]
    NoContract,
    /// It does not fit the contract.
    #[error("{}", list(problems))]
    Contract {
        /// Everything that was found.
        problems: Vec<Problem>,
    },
    /// It can't be compiled.
    #[error("it can't be compiled: {message}")]
    Compile {
        /// Why.
        message: String,
    },
    /// A function of the contract with another signature, or none.
    #[error("it does not fit contract {release}: {message}")]
    Link {
        /// The release that it was built for.
        release: String,
        /// What does not fit.
        message: String,
    },
    /// `describe` ended badly.
    #[error("describe: {cause}")]
    Describe {
        /// How.
        cause: Cause,
    },
    /// `describe` says something that can't be.
    #[error("describe gives {what}")]
    Description {
        /// What, with the value and what is allowed.
        what: String,
    },
    /// This component never loads.
    #[error("digest {digest} is banned (stockade plugin ban {digest} --lift takes that back)")]
    Banned {
        /// Its digest.
        digest: String,
    },
    /// `bot.toml` is none, or is about something else.
    #[error("bot.toml: {what}")]
    Manifest {
        /// What is wrong.
        what: String,
    },
    /// It is not signed as it has to be.
    #[error("signature: {why}")]
    Signature {
        /// Why it does not count.
        why: String,
    },
    /// The file has another name than the plugin.
    #[error(
        "describe gives the name \"{found}\", the plugin is \"{stem}\" by its file's stem: they must be equal"
    )]
    Name {
        /// What `describe` says.
        found: String,
        /// The file's stem.
        stem: String,
    },
}

impl LoadError {
    /// Whether the bytes may be a file that is still being written.
    #[must_use]
    pub const fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::NotWasm { .. } | Self::Invalid { .. })
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
