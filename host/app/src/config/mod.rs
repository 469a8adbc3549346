//! Configuration: flags over environment over `stockade.toml`, checked against one list of keys.
//!
//! Guarantees: the process's environment is read here and nowhere else; a key that is not known is
//! an error that names the nearest known one. The list is [`KEYS`].

mod environment;
mod file;
mod key;
mod settings;
pub(crate) mod trust;
mod value;

pub(crate) use environment::Environment;
pub(crate) use key::{KEYS, nearest};
pub(crate) use settings::{Flags, Settings};

#[cfg(test)]
mod tests;
