//! Between the core's rows and columns: one bulk statement for a joined group of rows.
//!
//! Guarantees: the last row of a key wins; a value that the column could only hold rounded is
//! refused; text that PostgreSQL can't hold (NUL) is replaced, not refused, since facts from
//! outside are always recorded.

mod appended;
mod batch;
mod keyed;
mod table;
mod value;

pub(crate) use batch::{Batch, Encoded};
pub(crate) use table::{Mode, Statements};
pub use value::EncodeError;
pub(crate) use value::big;
