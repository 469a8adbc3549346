//! Values by key, each with where it came from, and what they are read as.

use std::collections::BTreeMap;
use std::str::FromStr;

use stockade_core::limits::INTENTS_PER_CALL_MAX;
use stockade_runtime::{Limits, Tier};

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

    /// What bots may use: all of them, those of a plugin, a bot.
    pub(super) fn limits(&self) -> Result<LimitSettings, Failure> {
        let mut settings = LimitSettings::default();
        for (key, sourced) in self.0.iter().filter(|(key, _)| key.starts_with(LIMITS)) {
            let narrowed = Narrowed::of(key);
            let name = narrowed.as_ref().map_or_else(|| &key[LIMITS.len()..], |n| n.limit);
            let Some(value) = self.optional::<u64>(key)? else {
                continue;
            };
            let source = &sourced.source;
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
            let set = match narrowed {
                None => &mut settings.all,
                Some(Narrowed { scope: "plugin", of, .. }) => {
                    settings.plugins.entry(of.to_owned()).or_default()
                }
                Some(Narrowed { of, .. }) => settings.bots.entry(of.to_owned()).or_default(),
            };
            set.push((name.to_owned(), value));
        }
        Ok(settings)
    }
}

/// The table of the limits.
const LIMITS: &str = "limits.";

/// A limit of one plugin's bots or of one bot: `limits.plugin.NAME.LIMIT`, `limits.bot.NAME.LIMIT`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Narrowed<'a> {
    /// `plugin` or `bot`.
    scope: &'static str,
    /// Its name.
    of: &'a str,
    /// The limit's name.
    pub(super) limit: &'a str,
}

impl<'a> Narrowed<'a> {
    /// A key in its parts, where it is one of these. A plugin's name may have dots in it.
    pub(super) fn of(key: &'a str) -> Option<Self> {
        ["plugin", "bot"].into_iter().find_map(|scope| {
            let rest = key.strip_prefix(LIMITS)?.strip_prefix(scope)?.strip_prefix('.')?;
            let (of, limit) = rest.rsplit_once('.')?;
            Some(Self { scope, of, limit })
        })
    }
}

/// Limits by name.
type Set = Vec<(String, u64)>;

/// What bots may use: the defaults of a tier, with what was set in their place. A plugin's settings
/// come before those of all bots, a bot's before its plugin's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    all: Set,
    plugins: BTreeMap<String, Set>,
    bots: BTreeMap<String, Set>,
}

impl LimitSettings {
    /// The limits of a bot of this tier and plugin; a bot that is only tried has no name.
    pub(crate) fn of(&self, tier: Tier, plugin: &str, bot: Option<&str>) -> Limits {
        let mut limits = Limits::of(tier);
        let own = bot.and_then(|bot| self.bots.get(bot));
        let sets = [Some(&self.all), self.plugins.get(plugin), own];
        for (name, value) in sets.into_iter().flatten().flatten() {
            limits.set(name, *value).expect("checked when the settings were read");
        }
        limits
    }
}
