//! The client against small servers on loopback, one fault at a time.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod activities;
mod broker;
mod config;
mod number;
mod reads;
mod snapshot;
mod streams_account;
mod streams_data;
mod submit;
mod wire;
mod ws;
