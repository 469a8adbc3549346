//! Values by key, each with where it came from, and what they are read as.

use std::collections::BTreeMap;
use std::str::FromStr;

use stockade_core::limits::INTENTS_PER_CALL_MAX;
use stockade_runtime::{Limits, Tier};

use super::key::KEYS;
use crate::failure::Failure;

/// A value and where it came from.
pub(super) struct Sourced {
    pub(super) text: String,
    pub(super) source: String,
}

/// All values.
pub(super) struct Values(pub(super) BTreeMap<String, Sourced>);

impl Values {
    /// As text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.text.as_str())
    }

    /// A whole number above zero.
    pub(super) fn optional<T: FromStr + PartialOrd + From<u8>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        match value.text.trim().parse::<T>() {
            Ok(number) if number > T::from(0) => Ok(Some(number)),
            _ => Err(Failure::Usage(format!(
                "{}: {name} is \"{}\", a whole number above 0 is allowed",
                value.source, value.text
            ))),
        }
    }

    /// Yes or no, where it was said.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Failure> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        value.text.trim().parse().map(Some).map_err(|_| {
            let text = format!("{}: {name} is \"{}\"", value.source, value.text);
            Failure::Usage(format!("{text}, true or false is allowed"))
        })
    }

    /// A whole number above zero, or the default.
    pub(super) fn number<T: FromStr + PartialOrd + From<u8>>(
        &self,
        name: &str,
        or: T,
    ) -> Result<T, Failure> {
        Ok(self.optional(name)?.unwrap_or(or))
    }

    /// A whole number within bounds, or the default.
    pub(super) fn number_within(
        &self,
        name: &str,
        or: u64,
        allowed: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Failure> {
        let number = self.number(name, or)?;
        if allowed.contains(&number) {
            return Ok(number);
        }
        let source = self.0.get(name).map_or("", |value| value.source.as_str());
        let (least, most) = (allowed.start(), allowed.end());
        Err(Failure::Usage(format!("{source}: {name} is {number}, {least} to {most} is allowed")))
    }

    /// What a bot may use.
    pub(super) fn limits(&self) -> Result<LimitSettings, Failure> {
        let mut set = Vec::new();
        for (key, name) in KEYS.iter().filter_map(|key| Some((key.name, limit_of(key.name)?))) {
            let Some(value) = self.optional::<u64>(key)? else {
                continue;
            };
            let source = self.0.get(key).map_or("", |value| value.source.as_str());
            Limits::default()
                .set(name, value)
                .map_err(|what| Failure::Usage(format!("{source}: {what}")))?;
            if name == "intents_per_call"
                && usize::try_from(value).is_ok_and(|intents| intents > INTENTS_PER_CALL_MAX)
            {
                return Err(Failure::Usage(format!(
                    "{key} is {value}, at most {INTENTS_PER_CALL_MAX} are allowed"
                )));
            }
            set.push((name, value));
        }
        Ok(LimitSettings(set))
    }
}

/// The limit that a key sets.
fn limit_of(key: &'static str) -> Option<&'static str> {
    key.strip_prefix("limits.")
}

/// What a bot may use: the defaults of its tier, with what was set in their place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitSettings(Vec<(&'static str, u64)>);

impl LimitSettings {
    /// The limits of a bot of this tier.
    pub(crate) fn of(&self, tier: Tier) -> Limits {
        let mut limits = Limits::of(tier);
        for (name, value) in &self.0 {
            limits.set(name, *value).expect("checked when the settings were read");
        }
        limits
    }
}
