//! The flags that narrow a list, the same for every noun.

use stockade_core::{Slug, Symbol, Timestamp};
use stockade_store::query::Filter;

use super::argument;
use super::context::Context;
use super::screen::{self, ROWS_SHOWN};

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ListArgs {
    /// Of this sleeve
    #[arg(long, value_name = "S", value_parser = argument::slug)]
    pub(crate) sleeve: Option<Slug>,
    /// Of this symbol
    #[arg(long, value_name = "X", value_parser = argument::symbol)]
    pub(crate) symbol: Option<Symbol>,
    /// From this time on: a date or RFC 3339
    #[arg(long, value_name = "T", value_parser = argument::time)]
    pub(crate) from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "T", value_parser = argument::time)]
    pub(crate) to: Option<Timestamp>,
    /// At most so many, the latest (default: 200 in a table, all in JSON)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

impl ListArgs {
    /// As a query takes it.
    pub(crate) fn filter(&self, context: &Context) -> Filter {
        Filter {
            account: context.account(),
            sleeve: self.sleeve.as_ref().map(ToString::to_string),
            symbol: self.symbol.as_ref().map(ToString::to_string),
            from: self.from.map(|time| time.0),
            to: self.to.map(|time| time.0),
            limit: self.limit.or((!self.json).then_some(ROWS_SHOWN)),
        }
    }

    /// Says so when a table was cut by its own default.
    pub(crate) fn note_cut(&self, rows: usize) {
        if self.limit.is_none() && !self.json && u32::try_from(rows) == Ok(ROWS_SHOWN) {
            screen::note(&format!("the latest {ROWS_SHOWN}; --limit N gives more"));
        }
    }
}
