//! Query parameters of a request.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::answer::Refusal;
use super::time;

/// The parameters by name; empty ones count as absent.
#[derive(Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Refusal::malformed(format!("invalid query: {error}")))?;
        let mut params: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in pairs {
            if value.is_empty() {
                continue;
            }
            // Clients send a list either joined by commas or as a repeated parameter.
            params
                .entry(name)
                .and_modify(|all| {
                    all.push(',');
                    all.push_str(&value);
                })
                .or_insert(value);
        }
        Ok(Self(params))
    }
}

impl Params {
    /// The text of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The texts of a comma-separated parameter.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let list = self.get(name).unwrap_or_default();
        list.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
    }

    /// A yes or no, in any case: `true`, `True`, `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(Refusal::invalid(format!("invalid {name} \"{other}\""))),
        }
    }

    /// A time of the trading interface.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read = |text| {
            time::parse(text).map_err(|t| Refusal::invalid(format!("invalid {name} \"{t}\"")))
        };
        self.get(name).map(read).transpose()
    }

    /// A time of the data interface, whose errors look different.
    pub(crate) fn time_in_data(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read = |text| {
            time::parse(text).map_err(|t| Refusal::bad_parameter(format!("invalid {name}: {t}")))
        };
        self.get(name).map(read).transpose()
    }

    /// A number of rows between 1 and `most`.
    pub(crate) fn limit(&self, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        match text.parse::<usize>() {
            Ok(rows) if rows >= 1 => Ok(rows.min(most)),
            _ => {
                Err(Refusal::invalid(format!("invalid {name} \"{text}\", allowed are 1 to {most}")))
            }
        }
    }

    /// The `limit` of the data interface, which refuses what is above the most.
    pub(crate) fn limit_in_data(&self, default: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get("limit") else {
            return Ok(default);
        };
        match text.parse::<usize>() {
            Ok(rows) if (1..=most).contains(&rows) => Ok(rows),
            _ => Err(Refusal::bad_parameter(format!(
                "invalid limit: {text}, allowed are 1 to {most}"
            ))),
        }
    }
}
