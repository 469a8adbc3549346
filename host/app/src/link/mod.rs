//! The link between the command line and the running host: a Unix socket in the data folder.
//!
//! One JSON document per line: a [`Request`] there, an [`Answer`] back, as many as one likes on a
//! connection, one at a time. Whoever may open the socket may do everything that its owner may.

mod client;
mod protocol;
mod server;

pub(crate) use client::Link;
pub(crate) use protocol::{
    AccountHealth, Answer, BotUse, CashDifference, ComparedBreak, Comparison, Difference,
    HostReply, HostRequest, LimitUse, Rehearsed, ReloadReport, Request, SymbolDifference, Task,
};
pub(crate) use server::{bind, serve};

/// Longest line, in bytes: an import sends its fills in chunks well below it.
pub(crate) const LINE_BYTES_MAX: usize = 4 << 20;
/// Connections at a time; further ones wait.
pub(crate) const CONNECTIONS_MAX: usize = 32;

#[cfg(test)]
mod tests;
