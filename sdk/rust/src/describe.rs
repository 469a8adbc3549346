//! What a bot says about itself, and the configuration that it gets.
//!
//! Builders for the contract's `description` and `param`, and typed access to `config`. The host
//! checks names, types and bounds at deployment; the getters here check the type again, so a bot
//! also fails by name when it asks for a parameter that it never described.

use crate::bindings::stockade::bot::types::{
    AssetClass, BarShape, BarSource, Config, Description, EventKind, InstrumentInfo, Param,
    ParamType,
};
use crate::decimal::Decimal;
use crate::{Instrument, NANOSECONDS_PER_SECOND};

impl Description {
    /// A bot of this name and version that wants bars of the symbols its deployment names. The
    /// name must equal the file's stem.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            symbols: vec!["any".into()],
            events: vec![EventKind::Bars],
            bars: None,
            params: Vec::new(),
            warm_up_bars: 0,
            timer_period: 0,
            state_schema: 1,
        }
    }

    /// Wants these symbols instead of those that the deployment names.
    #[must_use]
    pub fn with_symbols(mut self, symbols: &[&str]) -> Self {
        self.symbols = symbols.iter().map(|s| (*s).into()).collect();
        self
    }

    /// Wants these kinds of events; without this call bars alone.
    #[must_use]
    pub fn with_events(mut self, events: &[EventKind]) -> Self {
        self.events = events.to_vec();
        self
    }

    /// Wants bars of so many minutes, which the host builds of the feed's bars of one minute.
    #[must_use]
    pub fn with_bars_of_minutes(mut self, minutes: u32) -> Self {
        let length = 60 * i64::from(minutes) * NANOSECONDS_PER_SECOND;
        self.bars = Some(BarShape { length, source: BarSource::Minutes });
        self
    }

    /// Wants bars of so many seconds, which the host builds of trade prints.
    #[must_use]
    pub fn with_bars_of_trades(mut self, seconds: u32) -> Self {
        let length = i64::from(seconds) * NANOSECONDS_PER_SECOND;
        self.bars = Some(BarShape { length, source: BarSource::Trades });
        self
    }

    /// Takes one more parameter.
    #[must_use]
    pub fn with_param(mut self, param: Param) -> Self {
        self.params.push(param);
        self
    }

    /// Wants to see this many bars a symbol, marked as warm-up, before its first event.
    #[must_use]
    pub fn with_warm_up(mut self, bars: u32) -> Self {
        self.warm_up_bars = bars;
        self
    }

    /// Wants a timer event every so many seconds of market time.
    #[must_use]
    pub fn with_timer(mut self, seconds: u32) -> Self {
        self.timer_period = i64::from(seconds) * NANOSECONDS_PER_SECOND;
        self
    }

    /// The number of the format that `save` writes; 1 without this call.
    #[must_use]
    pub fn with_state_schema(mut self, schema: u32) -> Self {
        self.state_schema = schema;
        self
    }
}

impl Param {
    fn new(name: &str, ty: ParamType, default: Option<String>) -> Self {
        Self {
            name: name.into(),
            type_: ty,
            default,
            minimum: None,
            maximum: None,
            help: String::new(),
        }
    }

    /// A whole number.
    pub fn integer(name: &str, default: i64) -> Self {
        Self::new(name, ParamType::Integer, Some(default.to_string()))
    }

    /// A decimal.
    pub fn decimal(name: &str, default: Decimal) -> Self {
        Self::new(name, ParamType::Decimal, Some(default.to_string()))
    }

    /// Text.
    pub fn text(name: &str, default: &str) -> Self {
        Self::new(name, ParamType::Text, Some(default.into()))
    }

    /// True or false.
    pub fn boolean(name: &str, default: bool) -> Self {
        Self::new(name, ParamType::Boolean, Some(default.to_string()))
    }

    /// A parameter without a default: its value must be given at deployment.
    pub fn required(name: &str, ty: ParamType) -> Self {
        Self::new(name, ty, None)
    }

    /// Inclusive bounds.
    #[must_use]
    pub fn between(mut self, minimum: impl Into<Decimal>, maximum: impl Into<Decimal>) -> Self {
        self.minimum = Some(minimum.into().to_string());
        self.maximum = Some(maximum.into().to_string());
        self
    }

    /// A sentence for whoever deploys the bot.
    #[must_use]
    pub fn help(mut self, text: &str) -> Self {
        self.help = text.into();
        self
    }
}

impl Config {
    fn value(&self, name: &str) -> Result<&str, String> {
        let found = self.params.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str()).ok_or_else(|| format!("parameter {name:?} is missing"))
    }

    /// The value of an integer parameter.
    pub fn integer(&self, name: &str) -> Result<i64, String> {
        let text = self.value(name)?;
        text.parse().map_err(|_| format!("parameter {name:?} is {text:?}, not a whole number"))
    }

    /// The value of an integer parameter that counts something.
    pub fn count(&self, name: &str) -> Result<usize, String> {
        let text = self.value(name)?;
        text.parse().map_err(|_| format!("parameter {name:?} is {text:?}, not a count"))
    }

    /// The value of a decimal parameter.
    pub fn decimal(&self, name: &str) -> Result<Decimal, String> {
        let text = self.value(name)?;
        text.parse().map_err(|e| format!("parameter {name:?} is {text:?}, {e}"))
    }

    /// The value of a text parameter.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.value(name)
    }

    /// The value of a boolean parameter.
    pub fn boolean(&self, name: &str) -> Result<bool, String> {
        let text = self.value(name)?;
        text.parse().map_err(|_| format!("parameter {name:?} is {text:?}, not true or false"))
    }

    /// The instrument of a symbol.
    pub fn instrument(&self, symbol: &str) -> Option<Instrument> {
        self.instruments.iter().find(|i| i.symbol == symbol).map(|i| i.id)
    }

    /// How many entries a table indexed by instrument needs.
    pub fn instrument_slots(&self) -> usize {
        let last = self.instruments.iter().map(|i| i.id).max();
        last.and_then(|id| usize::try_from(id).ok()).map_or(0, |id| id + 1)
    }
}

impl InstrumentInfo {
    /// True where quantities have fractions by nature.
    pub fn is_crypto(&self) -> bool {
        self.class == AssetClass::Crypto
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::qty;

    fn config(params: &[(&str, &str)]) -> Config {
        Config {
            instruments: Vec::new(),
            params: params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            seed: 0,
        }
    }

    #[test]
    fn params_carry_text_of_their_type() {
        let p = Param::decimal("width", qty("2.0")).between(qty("0.1"), 10).help("band");
        assert_eq!(p.default.as_deref(), Some("2.0"));
        assert_eq!((p.minimum.as_deref(), p.maximum.as_deref()), (Some("0.1"), Some("10")));
        assert_eq!(Param::required("x", ParamType::Text).default, None);
    }

    #[test]
    fn getters_name_the_parameter_and_the_value() {
        let c = config(&[("fast", "ten"), ("on", "yes"), ("qty", "1e3"), ("n", "-1")]);
        assert_eq!(
            c.integer("fast"),
            Err("parameter \"fast\" is \"ten\", not a whole number".into())
        );
        assert!(c.boolean("on").is_err_and(|e| e.contains("\"yes\"")));
        assert!(c.decimal("qty").is_err_and(|e| e.contains("\"1e3\"")));
        assert!(c.count("n").is_err());
        assert_eq!(c.text("gone"), Err("parameter \"gone\" is missing".into()));
    }
}
