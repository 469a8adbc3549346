//! What a plugin says of itself, checked.

use serde::Serialize;
use stockade_core::{Symbol, limits};

use crate::contract::types as wit;
use crate::load_error::LoadError;
use crate::log::{clip, escape};
use crate::params;

/// Parameters of a plugin at most.
const PARAMS_MAX: usize = 64;
/// Bytes of a name, version or help text at most.
const TEXT_MAX: usize = 256;
const DAY: i64 = 86_400_000_000_000;
/// Nanoseconds of a bar at most.
const BAR_LENGTH_MAX: i64 = 31 * DAY;
/// Bars of warm-up at most.
const WARM_UP_MAX: u32 = 100_000;

/// What a plugin is and wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Its name: the file's stem.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Wanted symbols; empty means that the deployment names them (`any`).
    pub symbols: Vec<Symbol>,
    /// Kinds of events that it wants.
    pub events: Vec<EventKind>,
    /// The bars that it wants; `None`: as the feed gives them.
    pub bars: Option<BarShape>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Bars a symbol that it wants to see, marked as warm-up, before its first event.
    pub warm_up_bars: u32,
    /// Nanoseconds of market time between timer events; 0 means none.
    pub timer_period: i64,
    /// The number of the format that its `save` writes.
    pub state_schema: u32,
}

/// Bars of a length of their own, built by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BarShape {
    /// Nanoseconds: whole minutes of minutes, whole seconds of trades.
    pub length: i64,
    /// What they are built from.
    pub source: BarSource,
}

/// What bars are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BarSource {
    /// The feed's bars of one minute.
    Minutes,
    /// Trade prints.
    Trades,
}

impl BarSource {
    /// What a length must be a multiple of, in nanoseconds, and in words.
    const fn unit(self) -> (i64, &'static str) {
        match self {
            Self::Minutes => (60_000_000_000, "minutes"),
            Self::Trades => (1_000_000_000, "seconds"),
        }
    }
}

/// A kind of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum EventKind {
    Bars,
    Quotes,
    Trades,
    Orders,
    Timer,
    Session,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ParamType {
    Integer,
    Decimal,
    Text,
    Boolean,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Its value where none is given; `None` means that one must be given.
    pub default: Option<String>,
    /// Inclusive bounds of integers and decimals.
    pub minimum: Option<String>,
    /// The upper one.
    pub maximum: Option<String>,
    /// What it is for.
    pub help: String,
}

impl Description {
    /// Takes what `describe` gave, or says what can't be.
    pub(crate) fn read(raw: wit::Description) -> Result<Self, LoadError> {
        let bad = |what: String| Err(LoadError::Description { what });
        if raw.name.is_empty() || raw.name.len() > TEXT_MAX {
            return bad(format!("a name of {} bytes, 1 to {TEXT_MAX} are allowed", raw.name.len()));
        }
        if raw.symbols.len() > limits::SYMBOLS_PER_BOT_MAX {
            let allowed = limits::SYMBOLS_PER_BOT_MAX;
            return bad(format!("{} symbols, at most {allowed} are allowed", raw.symbols.len()));
        }
        if raw.params.len() > PARAMS_MAX {
            return bad(format!(
                "{} parameters, at most {PARAMS_MAX} are allowed",
                raw.params.len()
            ));
        }
        if raw.warm_up_bars > WARM_UP_MAX {
            return bad(format!(
                "{} bars of warm-up, at most {WARM_UP_MAX} are allowed",
                raw.warm_up_bars
            ));
        }
        if raw.timer_period < 0 {
            return bad(format!("a timer period of {} ns, it can't be negative", raw.timer_period));
        }
        let mut description = Self {
            name: text(&raw.name),
            version: text(&raw.version),
            symbols: symbols(&raw.symbols)?,
            events: raw.events.iter().map(|kind| event_kind(*kind)).collect(),
            bars: raw.bars.map(bar_shape).transpose()?,
            params: Vec::with_capacity(raw.params.len()),
            warm_up_bars: raw.warm_up_bars,
            timer_period: raw.timer_period,
            state_schema: raw.state_schema,
        };
        for param in raw.params {
            let param = read_param(param);
            if description.params.iter().any(|other| other.name == param.name) {
                return bad(format!("the parameter {} twice", param.name));
            }
            params::check_schema(&param).map_err(|what| LoadError::Description { what })?;
            description.params.push(param);
        }
        Ok(description)
    }
}

fn bar_shape(raw: wit::BarShape) -> Result<BarShape, LoadError> {
    let source = match raw.source {
        wit::BarSource::Minutes => BarSource::Minutes,
        wit::BarSource::Trades => BarSource::Trades,
    };
    let (length, (unit, name)) = (raw.length, source.unit());
    if !(unit..=BAR_LENGTH_MAX).contains(&length) || length % unit != 0 {
        let what = format!(
            "bars of {length} ns, allowed are whole {name} up to {} days",
            BAR_LENGTH_MAX / DAY
        );
        return Err(LoadError::Description { what });
    }
    Ok(BarShape { length, source })
}

fn symbols(raw: &[String]) -> Result<Vec<Symbol>, LoadError> {
    if raw == ["any"] {
        return Ok(Vec::new());
    }
    let read = |text: &String| {
        Symbol::new(text)
            .map_err(|error| LoadError::Description { what: escape(&error.to_string()) })
    };
    raw.iter().map(read).collect()
}

fn text(raw: &str) -> String {
    escape(clip(raw, TEXT_MAX))
}

fn read_param(raw: wit::Param) -> Param {
    let kind = match raw.type_ {
        wit::ParamType::Integer => ParamType::Integer,
        wit::ParamType::Decimal => ParamType::Decimal,
        wit::ParamType::Text => ParamType::Text,
        wit::ParamType::Boolean => ParamType::Boolean,
    };
    let optional = |raw: Option<String>| raw.as_deref().map(text);
    Param {
        name: text(&raw.name),
        kind,
        default: optional(raw.default),
        minimum: optional(raw.minimum),
        maximum: optional(raw.maximum),
        help: text(&raw.help),
    }
}

const fn event_kind(kind: wit::EventKind) -> EventKind {
    match kind {
        wit::EventKind::Bars => EventKind::Bars,
        wit::EventKind::Quotes => EventKind::Quotes,
        wit::EventKind::Trades => EventKind::Trades,
        wit::EventKind::Orders => EventKind::Orders,
        wit::EventKind::Timer => EventKind::Timer,
        wit::EventKind::Session => EventKind::Session,
    }
}
