//! Orders: what is asked for, what was accepted, and the life of it.

mod client_id;
mod intent;
mod status;

pub use client_id::{ClientOrderId, PREFIX as CLIENT_ORDER_ID_PREFIX};
pub(crate) use client_id::{client_order_id, order_named};
pub use intent::{Intent, OrderType, Side, Size, TimeInForce};
pub use status::OrderStatus;
