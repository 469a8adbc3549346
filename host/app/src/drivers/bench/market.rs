//! Generated bars, through the same files as any other.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use stockade_core::Symbol;
use stockade_exchange::market::{Listing, Market};
use stockade_exchange::{Nanos, Sessions, SymbolId};
use stockade_store::query::At;
use stockade_venue::files::{Bars, Source, read_bars};

/// 2019-02-11 14:30 UTC: a Monday's opening in New York.
const START: i64 = 1_549_895_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// Writes `count` one-minute bars of one symbol, a walk from 100 dollars on.
pub(in crate::drivers) fn write(
    file: &Path,
    seed: u64,
    count: usize,
    sessions: Sessions,
) -> Result<()> {
    let listing = Listing { symbol: SymbolId(0), cents: 10_000, crypto: false };
    let market = Market::new(seed, &[listing], Nanos(START), MINUTE, sessions);
    let mut text = String::from("timestamp,open,high,low,close,volume\n");
    for bar in market.take(count) {
        writeln!(
            text,
            "{},{},{},{},{},{}",
            At(bar.at.0),
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume
        )?;
    }
    std::fs::write(file, text).with_context(|| format!("{} can't be written", file.display()))
}

/// The same, read again.
pub(super) fn bars(folder: &Path, seed: u64, symbol: &str, count: usize) -> Result<Bars> {
    let file = folder.join("bars.csv");
    write(&file, seed, count, Sessions::Always)?;
    let source = Source { path: file.clone(), symbol: Some(Symbol::new(symbol)?) };
    let bars = read_bars(&[source])?;
    std::fs::remove_file(&file)?;
    Ok(bars)
}
