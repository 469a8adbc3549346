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
        let mut limits = LimitSettings::default();
        for name in KEYS.iter().map(|key| key.name).filter(|name| name.starts_with("limits.")) {
            if LONG_LIMITS.contains(&name) {
                limits.long.extend(self.optional(name)?.map(|value| (name, value)));
            } else {
                limits.short.extend(self.optional(name)?.map(|value| (name, value)));
            }
        }
        let intents = limits.short.get("limits.intents_per_call").copied().unwrap_or(0);
        if usize::try_from(intents).is_ok_and(|intents| intents > INTENTS_PER_CALL_MAX) {
            return Err(Failure::Usage(format!(
                "limits.intents_per_call is {intents}, at most {INTENTS_PER_CALL_MAX} are allowed"
            )));
        }
        Ok(limits)
    }
}

/// What a bot may use: the defaults of its tier, with what was set in their place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    long: BTreeMap<&'static str, u64>,
    short: BTreeMap<&'static str, u32>,
}

impl LimitSettings {
    /// The limits of a bot of this tier.
    pub(crate) fn of(&self, tier: Tier) -> Limits {
        let default = Limits::of(tier);
        let long = |name: &str, or: u64| self.long.get(name).copied().unwrap_or(or);
        let short = |name: &str, or: u32| self.short.get(name).copied().unwrap_or(or);
        Limits {
            fuel: long("limits.fuel", default.fuel),
            start_fuel: long("limits.start_fuel", default.start_fuel),
            deadline_ms: long("limits.deadline_ms", default.deadline_ms),
            memory_bytes: long("limits.memory_bytes", default.memory_bytes),
            instances: short("limits.instances", default.instances),
            memories: short("limits.memories", default.memories),
            tables: short("limits.tables", default.tables),
            log_lines: short("limits.log_lines", default.log_lines),
            log_bytes: short("limits.log_bytes", default.log_bytes),
            intents_per_call: short("limits.intents_per_call", default.intents_per_call),
            snapshot_bytes: short("limits.snapshot_bytes", default.snapshot_bytes),
            host_bytes: short("limits.host_bytes", default.host_bytes),
            host_calls: short("limits.host_calls", default.host_calls),
            handles: short("limits.handles", default.handles),
        }
    }
}

const LONG_LIMITS: [&str; 4] =
    ["limits.fuel", "limits.start_fuel", "limits.deadline_ms", "limits.memory_bytes"];
