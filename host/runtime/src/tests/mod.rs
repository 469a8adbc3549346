//! Tests of the crate against small components written by hand.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(clippy::panic, reason = "a test may fail loudly")]

mod bounds;
mod calls;
mod capital;
mod contain;
mod exact;
mod frozen;
mod loading;
mod real;
mod reloads;
mod trust;
mod wasi;
mod wat_bot;
