//! The paper exchange as a server: `stockade-exchange` behind Alpaca's REST and websocket
//! interface.
//!
//! For: the tour, the tests and everybody who develops a bot; unmodified Alpaca clients trade on
//! it. It replays bars (or a generated market) at a chosen speed; market time is the time of the
//! replay. A bar is published at its end, and the market's clock is that time then.
//!
//! Guarantees: one lock orders everything, so a stream client sees what happened in the order in
//! which it happened; a change is in the state file before it is answered; at full speed no step
//! is taken before every stream client has read the one before; queues are bounded, and who falls
//! behind is cut.
//!
//! It does not know the host: it shares no code with `stockade-core`'s books, and its own journal
//! (`GET /journal`, not Alpaca's) is there to be compared with them.
//!
//! Start with [`ExchangeServer::start`]; `stockade exchange` is [`serve`].

mod account;
mod account_stream;
mod actions;
mod activities;
mod answer;
mod assets;
mod body;
mod config;
mod connection;
mod data_message;
mod data_rest;
mod data_stream;
mod engine;
mod faults;
mod feed;
mod history;
mod hub;
mod limit;
mod listener;
mod oplog;
mod orders;
mod params;
mod positions;
mod rest;
mod run;
mod shared;
mod time;
mod value;
mod wire;

#[cfg(test)]
mod tests;

pub use actions::{CorporateAction, read as read_actions};
pub use config::{
    AccountConfig, DEFAULT_CASH, DEFAULT_KEY_ID, DEFAULT_LISTEN, DEFAULT_SECRET,
    REQUESTS_PER_MINUTE, ServerConfig, Speed, StartError,
};
pub use faults::read as read_faults;
pub use feed::{Feed, Generated, Pushed};
pub use history::FeedBar;
pub use oplog::OplogError;
pub use run::{BookingError, ExchangeServer, RunningExchange};
