//! The server over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod client;
mod faults;
mod market;
mod pushed;
mod restart;
mod streams;
mod trading;
