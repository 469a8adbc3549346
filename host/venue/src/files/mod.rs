//! Files from outside: bars, quotes, trades, fills to import, equities and round trips.
//!
//! Guarantees: a file is plain or gzipped by its content, not its name; every refusal names the
//! file, the line, the column and the value ([`FileError`]); no digit of a price or quantity is
//! lost; lines, rows and files are bounded. They write nothing and know no sleeve, order or account.

mod actions;
mod bars;
mod error;
mod feed;
mod field;
mod fills;
mod line;
mod names;
mod quotes;
mod series;
mod source;
mod table;
mod trades;

#[cfg(test)]
mod tests;

pub use actions::{ActionKind, ActionRow, ReportKind, ReportRow, read_actions, read_reports};
pub use bars::{BarRow, Bars, interval_ns, read_bars};
pub use error::{FileError, Problem};
pub use feed::{Feed, read_feed};
pub use fills::{FillReader, FillRow, FillSide};
pub use quotes::{QuoteRow, Quotes, read_quotes};
pub use series::{EquityRow, read_equity, read_round_trips};
pub use source::{FileKind, Source};
pub use trades::TradeRow;
