//! stockade's core: the books, the controls and the life of every order of one account.
//!
//! Pure: no IO, no clock, no randomness, no float, no async. Inputs go into [`desk::step`], effects
//! come out; the edges commit the rows and then act.

#![deny(
    clippy::float_arithmetic,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    missing_docs
)]

pub mod broker;
pub mod bug;
pub mod decimal;
pub mod desk;
pub mod id;
pub mod instrument;
pub mod ledger;
pub mod limits;
pub mod market;
pub mod order;
pub mod risk;
pub mod row;
pub mod sleeve;
pub mod time;

pub use decimal::{Money, Price, Qty};
pub use id::{InstrumentId, IntentId, OrderId, SleeveId, Slug, Symbol};
pub use time::{Now, Timestamp};
