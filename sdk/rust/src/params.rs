//! Parameters as a struct: one list gives the schema that `describe` shows and the fields that the
//! strategy reads.
//!
//! ```
//! stockade_sdk::parameters! {
//!     /// What the bot can be told.
//!     pub struct Settings {
//!         /// Closes of the fast mean.
//!         fast: u32 = 10, in (1, 100_000);
//!         /// Shares to buy.
//!         qty: stockade_sdk::Decimal = stockade_sdk::qty("10"), in (1, 1_000_000_000);
//!         /// What to write into the log; must be given.
//!         greeting: String;
//!     }
//! }
//! ```
//!
//! `Description::with_params::<Settings>()` and `config.read::<Settings>()` use it. The host checks
//! type and bounds when the bot is deployed and when a parameter is set; `read` checks the type
//! again, so that an error names the field, the value and what it has to be.

use crate::decimal::Decimal;
use crate::{Config, Description, Param, ParamType};

/// A struct of parameters; [`crate::parameters!`] makes one.
pub trait Parameters: Sized {
    /// The schema, in the order of the fields.
    fn schema() -> Vec<Param>;
    /// Reads every field.
    fn read(config: &Config) -> Result<Self, String>;
}

/// A type that a parameter can have.
pub trait Value: Sized {
    /// Its type in the schema.
    const TYPE: ParamType;
    /// What it has to be, in words.
    const WORDS: &'static str;
    /// Reads it.
    fn read(text: &str) -> Option<Self>;
    /// Writes it.
    fn text(&self) -> String;
}

macro_rules! value {
    ($($ty:ty, $kind:ident, $words:literal;)+) => {
        $(impl Value for $ty {
            const TYPE: ParamType = ParamType::$kind;
            const WORDS: &'static str = $words;

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn text(&self) -> String {
                self.to_string()
            }
        })+
    };
}

value! {
    i64, Integer, "a whole number";
    u32, Integer, "a whole number from 0 to 4294967295";
    u64, Integer, "a whole number of at least 0";
    usize, Integer, "a count";
    Decimal, Decimal, "a decimal";
    bool, Boolean, "true or false";
    String, Text, "text";
}

impl Description {
    /// Takes the parameters of a struct.
    #[must_use]
    pub fn with_params<P: Parameters>(mut self) -> Self {
        self.params.extend(P::schema());
        self
    }
}

impl Config {
    /// Reads the parameters of a struct. An error names the field, the value and what it has to be.
    pub fn read<P: Parameters>(&self) -> Result<P, String> {
        P::read(self)
    }

    /// Reads one parameter.
    pub fn value_of<V: Value>(&self, name: &str) -> Result<V, String> {
        let text = self.text(name)?;
        V::read(text).ok_or_else(|| format!("parameter {name:?} is {text:?}, not {}", V::WORDS))
    }
}

/// Makes a struct of parameters; the module's example shows how. A field's comment is the help for
/// whoever deploys the bot, `= VALUE` its default (a field without one must be given), `in (LEAST,
/// MOST)` its bounds.
#[macro_export]
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $help:literal])+
                $field:ident : $ty:ty $(= $default:expr)? $(, in ($least:expr, $most:expr))? ;
            )+
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[doc = $help])+ pub $field: $ty,)+
        }

        impl $crate::Parameters for $name {
            fn schema() -> Vec<$crate::Param> {
                vec![$({
                    let param = $crate::Param::required(
                        stringify!($field),
                        <$ty as $crate::ParamValue>::TYPE,
                    );
                    $(let param = $crate::Param {
                        default: Some(<$ty as $crate::ParamValue>::text(&$default)),
                        ..param
                    };)?
                    $(let param = param.between($least, $most);)?
                    param.help(concat!($($help),+).trim())
                }),+]
            }

            fn read(config: &$crate::Config) -> Result<Self, String> {
                Ok(Self { $($field: config.value_of(stringify!($field))?,)+ })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qty;

    parameters! {
        /// All types.
        #[derive(Debug, PartialEq)]
        struct Settings {
            /// Closes of
            /// the fast mean.
            fast: u32 = 10, in (1, 100);
            /// A price.
            price: Decimal = qty("1.50");
            /// A switch.
            on: bool = true;
            /// Must be given.
            note: String;
        }
    }

    fn config(pairs: &[(&str, &str)]) -> Config {
        let params = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Config { instruments: Vec::new(), params, seed: 0 }
    }

    #[test]
    fn one_list_is_schema_and_fields() {
        let description = Description::new("x", "1").with_params::<Settings>();
        let [fast, price, on, note] = description.params.as_slice() else {
            panic!("{description:?}");
        };
        assert_eq!((fast.type_, fast.default.as_deref()), (ParamType::Integer, Some("10")));
        assert_eq!((fast.minimum.as_deref(), fast.maximum.as_deref()), (Some("1"), Some("100")));
        assert_eq!(fast.help, "Closes of the fast mean.");
        assert_eq!((price.type_, price.default.as_deref()), (ParamType::Decimal, Some("1.50")));
        assert_eq!((on.type_, on.default.as_deref()), (ParamType::Boolean, Some("true")));
        assert_eq!((note.type_, note.default.as_deref()), (ParamType::Text, None));
        let given = config(&[("fast", "12"), ("price", "0.1"), ("on", "false"), ("note", "hm")]);
        let want = Settings { fast: 12, price: qty("0.1"), on: false, note: "hm".into() };
        assert_eq!(given.read(), Ok(want));
    }

    #[test]
    fn an_error_names_the_field_the_value_and_what_it_has_to_be() {
        let given = [("fast", "-1"), ("price", "1"), ("on", "true"), ("note", "")];
        let error = config(&given).read::<Settings>().unwrap_err();
        assert_eq!(error, "parameter \"fast\" is \"-1\", not a whole number from 0 to 4294967295");
        let error = config(&[("fast", "1")]).read::<Settings>().unwrap_err();
        assert_eq!(error, "parameter \"price\" is missing");
    }
}
