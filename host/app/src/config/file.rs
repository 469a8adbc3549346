//! `stockade.toml`, flattened to dotted keys.

use std::path::Path;

use super::key::{KEYS, nearest};
use super::value::Narrowed;
use crate::failure::Failure;

/// Reads a file into dotted keys and the text of their values.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let file = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{file} can't be read: {error}")))?;
    parse(&file.to_string(), &text)
}

/// Flattens a document; `file` is its name in messages.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<(String, String)>, Failure> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        Failure::Usage(format!("{file} is not valid: {}", error.to_string().trim_end()))
    })?;
    let mut pairs = Vec::new();
    flatten(file, "", table, &mut pairs)?;
    Ok(pairs)
}

fn flatten(
    file: &str,
    prefix: &str,
    table: toml::Table,
    pairs: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        let text = match value {
            toml::Value::Table(inner) => {
                flatten(file, &format!("{name}."), inner, pairs)?;
                continue;
            }
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(yes) => yes.to_string(),
            other => {
                let kind = other.type_str();
                return Err(Failure::Usage(format!(
                    "{file}: {name} is of type {kind}, a text or a whole number is allowed"
                )));
            }
        };
        let asked = match Narrowed::of(&name) {
            Some(narrowed) => format!("limits.{}", narrowed.limit),
            None => name.clone(),
        };
        if KEYS.iter().all(|key| key.name != asked) {
            let known = KEYS.iter().map(|key| key.name);
            let hint = nearest(&asked, known).unwrap_or_default();
            return Err(Failure::Usage(format!(
                "{file}: \"{name}\" is not a known key, the nearest is \"{hint}\""
            )));
        }
        pairs.push((name, text));
    }
    Ok(())
}
