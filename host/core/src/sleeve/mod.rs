//! Sleeves: what a bot sees of its own, and the admission of intents against it.

mod admit;
mod view;

pub use admit::{Admission, Buffered, admit};
pub use view::{OrderView, PositionView, Prices, Pricing, SleeveView};
