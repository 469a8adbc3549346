//! The command line: one file per noun, each with its arguments and what it does.
//!
//! Names, flags and exit codes are the command reference's. Data goes to stdout, everything else
//! to stderr.

pub(crate) mod argument;
pub(crate) mod backtest;
pub(crate) mod bench;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod exchange;
pub(crate) mod plugin;
pub(crate) mod reconcile;
pub(crate) mod run;
pub(crate) mod screen;
pub(crate) mod sim;
pub(crate) mod sleeve;
pub(crate) mod sweep;

mod account;
mod action;
mod bot;
mod break_;
mod capital;
pub(crate) mod command;
mod compile;
mod db;
mod execution;
mod export;
mod figures;
mod import;
mod journal;
mod list;
mod lot;
mod new;
mod order;
mod pack;
mod position;
mod refusal;
mod reply;
mod report;
mod risk;
mod roundtrip;
mod statement;
mod top;

pub(crate) use command::{Cli, execute};

#[cfg(test)]
mod tests;
