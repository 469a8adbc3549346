//! The drivers: each runs the same `step` in a world of its own.
//!
//! `live` trades at a broker over the network; `lockstep` is the loop of `backtest` and `paper`;
//! `books` changes the books of a data folder that no host holds; `closing` is what hosts keep at a session's close; `sim` looks for what breaks;
//! `demo` is the tour, `bench` measures, `exchange` serves the paper exchange.

pub(crate) mod backtest;
pub(crate) mod base;
pub(crate) mod bench;
pub(crate) mod books;
pub(crate) mod closing;
pub(crate) mod demo;
pub(crate) mod exchange;
pub(crate) mod live;
pub(crate) mod lockstep;
pub(crate) mod model;
pub(crate) mod paper;
pub(crate) mod shape;
pub(crate) mod sim;
pub(crate) mod stored;
