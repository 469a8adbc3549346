//! Parameters: typed by the plugin's schema, checked before a bot sees them.

use rust_decimal::Decimal;
use stockade_core::decimal;

use crate::describe::{Param, ParamType};
use crate::log::{clip, escape};

/// Bytes of a value at most.
const VALUE_MAX: usize = 256;

/// Why parameters were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The plugin has no such parameter.
    #[error("the plugin has no parameter \"{name}\", it has: {known}")]
    Unknown {
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// It was given more than once.
    #[error("parameter \"{name}\" is given twice")]
    Twice {
        /// Which.
        name: String,
    },
    /// It has no default and was not given.
    #[error("parameter \"{name}\" has no default: a value must be given")]
    Missing {
        /// Which.
        name: String,
    },
    /// The value is of another type or out of bounds.
    #[error("parameter \"{name}\" is \"{value}\", allowed is {allowed}")]
    Value {
        /// Which.
        name: String,
        /// What was given.
        value: String,
        /// What can be given.
        allowed: String,
    },
}

/// Checks what was given against the schema and fills in defaults. In the schema's order.
pub(crate) fn check(
    schema: &[Param],
    given: &[(String, String)],
) -> Result<Vec<(String, String)>, ParamError> {
    for (place, (name, _)) in given.iter().enumerate() {
        if !schema.iter().any(|param| param.name == *name) {
            let names: Vec<&str> = schema.iter().map(|param| param.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(ParamError::Unknown { name: escape(clip(name, VALUE_MAX)), known });
        }
        if given[..place].iter().any(|(other, _)| other == name) {
            return Err(ParamError::Twice { name: name.clone() });
        }
    }
    let mut filled = Vec::with_capacity(schema.len());
    for param in schema {
        let name = param.name.clone();
        let value = given.iter().find(|(given, _)| *given == name).map(|(_, value)| value);
        let Some(value) = value.or(param.default.as_ref()) else {
            return Err(ParamError::Missing { name });
        };
        let value = read(param, value).map_err(|allowed| ParamError::Value {
            name: name.clone(),
            value: escape(clip(value, VALUE_MAX)),
            allowed,
        })?;
        filled.push((name, value));
    }
    Ok(filled)
}

/// Checks that a schema can be met: bounds are numbers in order, the default lies between them.
pub(crate) fn check_schema(param: &Param) -> Result<(), String> {
    let name = &param.name;
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if name.is_empty() || !name.bytes().all(known) {
        return Err(format!("the parameter name \"{name}\", allowed are a-z, 0-9, '_' and '-'"));
    }
    let numeric = matches!(param.kind, ParamType::Integer | ParamType::Decimal);
    let bounds = [param.minimum.as_ref(), param.maximum.as_ref()];
    if !numeric && bounds.iter().any(Option::is_some) {
        return Err(format!("bounds for parameter \"{name}\", which is no number"));
    }
    for bound in bounds.into_iter().flatten() {
        if number(param.kind, bound).is_none() {
            return Err(format!(
                "the bound \"{bound}\" for parameter \"{name}\", which is no such number"
            ));
        }
    }
    if let (Some(low), Some(high)) = (bound(param, &param.minimum), bound(param, &param.maximum))
        && low > high
    {
        return Err(format!("bounds {low} to {high} for parameter \"{name}\", in the wrong order"));
    }
    if let Some(default) = &param.default
        && let Err(allowed) = read(param, default)
    {
        return Err(format!(
            "the default \"{default}\" for parameter \"{name}\", allowed is {allowed}"
        ));
    }
    Ok(())
}

fn number(kind: ParamType, text: &str) -> Option<Decimal> {
    match kind {
        ParamType::Integer => text.parse::<i64>().ok().map(Decimal::from),
        ParamType::Decimal => decimal::parse(text).ok(),
        ParamType::Text | ParamType::Boolean => None,
    }
}

fn bound(param: &Param, text: &Option<String>) -> Option<Decimal> {
    text.as_deref().and_then(|text| number(param.kind, text))
}

/// A value in its plain form, or what would be allowed.
fn read(param: &Param, value: &str) -> Result<String, String> {
    let kind = match param.kind {
        ParamType::Boolean => {
            let known = matches!(value, "true" | "false");
            return if known { Ok(value.to_owned()) } else { Err("true or false".to_owned()) };
        }
        ParamType::Text => {
            return if value.len() <= VALUE_MAX {
                Ok(value.to_owned())
            } else {
                Err(format!("text of at most {VALUE_MAX} bytes"))
            };
        }
        ParamType::Integer => "an integer",
        ParamType::Decimal => "a decimal number",
    };
    let allowed = || match (&param.minimum, &param.maximum) {
        (Some(low), Some(high)) => format!("{kind} from {low} to {high}"),
        (Some(low), None) => format!("{kind} of at least {low}"),
        (None, Some(high)) => format!("{kind} of at most {high}"),
        (None, None) => kind.to_owned(),
    };
    let found = number(param.kind, value).ok_or_else(allowed)?;
    let low = bound(param, &param.minimum).is_some_and(|low| found < low);
    let high = bound(param, &param.maximum).is_some_and(|high| found > high);
    if low || high { Err(allowed()) } else { Ok(found.normalize().to_string()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn param(kind: ParamType, default: Option<&str>, minimum: Option<&str>) -> Param {
        Param {
            name: "fast".to_owned(),
            kind,
            default: default.map(str::to_owned),
            minimum: minimum.map(str::to_owned),
            maximum: None,
            help: String::new(),
        }
    }

    fn given(value: &str) -> Vec<(String, String)> {
        vec![("fast".to_owned(), value.to_owned())]
    }

    #[test]
    fn a_value_is_checked_and_a_default_filled_in() {
        let schema = [param(ParamType::Integer, Some("5"), Some("2"))];
        assert_eq!(check(&schema, &[]).unwrap(), given("5"));
        assert_eq!(check(&schema, &given("12")).unwrap(), given("12"));
        for bad in ["1", "5.5", "", "abc", "99999999999999999999"] {
            let error = check(&schema, &given(bad)).unwrap_err();
            let value = bad.to_owned();
            let allowed = "an integer of at least 2".to_owned();
            assert_eq!(error, ParamError::Value { name: "fast".to_owned(), value, allowed });
        }
    }

    #[test]
    fn unknown_repeated_and_missing_ones_are_named() {
        let schema = [param(ParamType::Boolean, None, None)];
        let slow = [("slow".to_owned(), "1".to_owned())];
        let known = "fast".to_owned();
        assert_eq!(
            check(&schema, &slow),
            Err(ParamError::Unknown { name: "slow".to_owned(), known })
        );
        assert_eq!(check(&schema, &[]), Err(ParamError::Missing { name: "fast".to_owned() }));
        let twice = [given("true"), given("false")].concat();
        assert_eq!(check(&schema, &twice), Err(ParamError::Twice { name: "fast".to_owned() }));
    }

    #[test]
    fn a_schema_that_no_value_meets_is_refused() {
        assert!(check_schema(&param(ParamType::Integer, Some("1"), Some("2"))).is_err());
        assert!(check_schema(&param(ParamType::Decimal, None, Some("x"))).is_err());
        assert!(check_schema(&param(ParamType::Text, None, Some("1"))).is_err());
        assert!(check_schema(&param(ParamType::Decimal, Some("2.5"), Some("2"))).is_ok());
    }
}
