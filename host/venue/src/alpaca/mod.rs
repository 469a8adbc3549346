//! A client of Alpaca's API, used unchanged for Alpaca and for the paper exchange.
//!
//! - [`accounts`] reads the environment's accounts: keys, addresses and their rules.
//! - [`Alpaca`] answers the desk's actions (submit, cancel, look up, snapshot) in the core's words:
//!   a request that may have arrived and has no definitive answer is unknown, and nothing else.
//! - [`account_stream`] and [`DataStream`] are the streams, which connect again by themselves.
//!
//! Beside executions a snapshot tells of everything else that moved cash or shares; what the broker
//! announces of it elsewhere (ex-dates, ratios) is looked up once.
//!
//! It holds no state of orders, decides nothing about money and reads no environment.

mod account_stream;
mod activities;
mod announcements;
mod assets;
mod backoff;
mod calendar;
mod classify;
mod client;
mod config;
mod data_frame;
mod data_stream;
mod history;
mod market;
mod msgpack;
mod number;
mod rest;
mod snapshot;
mod socket;
mod symbols;
mod wire;

pub use account_stream::{AccountMessage, account_stream};
pub use client::{Alpaca, Clock};
pub use config::{ACCOUNTS_MAX, AccountConfig, ConfigError, Credentials, Endpoints, accounts};
pub use data_stream::{Channel, DataStream, Feed, MarketMessage, Subscription};
pub use history::HistoryRequest;
pub use market::{SymbolBar, SymbolQuote, SymbolTrade};
pub use rest::{ClientError, Notice, Notify, RestLimits};
pub use snapshot::OVERLAP_NS;
pub use socket::StreamLimits;
pub use symbols::SymbolTable;
pub use wire::AccountReport;

#[cfg(test)]
mod tests;
