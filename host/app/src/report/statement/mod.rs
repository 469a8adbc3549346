//! Statements: what a sleeve, or a whole account, had, did and has, to the last digit.
//!
//! Guarantees: opening plus activity is closing, for every ledger of every sleeve, and is checked
//! again whenever a statement is made: activity is added up entry by entry, both ends are sums of
//! their own. A difference is an error that names the amounts, never a line. Kinds of entries and
//! ledgers that are not known here stand under their own names. A price that
//! nobody saw is left open and said so, never guessed.
//!
//! One model, laid out once as a document; text, HTML, PDF and CSV are written from that.

mod build;
mod csv;
mod document;
mod drawing;
mod font;
mod html;
mod model;
mod pdf;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use build::build;
pub(crate) use csv::csv;
pub(crate) use document::lay_out;
pub(crate) use html::{Picture, html};
pub(crate) use model::{BrokerLine, BrokerSide, Statement, TradeLine};
pub(crate) use pdf::pdf;
pub(crate) use text::text;
