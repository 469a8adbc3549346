//! Where stockade meets the market: the broker, files of the past, and the paper exchange.
//!
//! - [`alpaca`] is the client of Alpaca's API, for Alpaca and the paper exchange alike.
//! - [`files`] reads bars, quotes and fills from files.
//! - [`server`] puts `stockade-exchange` behind Alpaca's REST and websocket interface.
//!
//! It translates between wires and the core's types. It keeps no books, decides about no order, and
//! reads no environment variable: the commands pass in what they were given.

pub mod alpaca;
pub mod files;
pub mod server;
