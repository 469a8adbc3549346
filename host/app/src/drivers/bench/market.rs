//! Generated bars, through the same files as any other.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use stockade_core::Symbol;
use stockade_exchange::market::{Listing, Market};
use stockade_exchange::{Bar, Nanos, Sessions, SymbolId};
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
    let mut text = String::from("timestamp,open,high,low,close,volume\n");
    for bar in walks(seed, 1, sessions).take(count) {
        line(&mut text, &bar, "")?;
    }
    save(file, &text)
}

/// A market of so many stocks.
fn walks(seed: u64, symbols: usize, sessions: Sessions) -> Market {
    let listing = |symbol| Listing { symbol: SymbolId(symbol), cents: 10_000, crypto: false };
    let listings: Vec<Listing> = (0..).take(symbols).map(listing).collect();
    Market::new(seed, &listings, Nanos(START), MINUTE, sessions)
}

/// `symbol` with its comma, where the file names symbols.
fn line(text: &mut String, bar: &Bar, symbol: &str) -> std::fmt::Result {
    let Bar { open, high, low, close, volume, .. } = bar;
    writeln!(text, "{},{symbol}{open},{high},{low},{close},{volume}", At(bar.at.0))
}

fn save(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} can't be written", file.display()))
}

/// The same, read again.
pub(super) fn bars(folder: &Path, seed: u64, symbol: &str, count: usize) -> Result<Bars> {
    let file = folder.join("bars.csv");
    write(&file, seed, count, Sessions::Always)?;
    read(file, Some(Symbol::new(symbol)?))
}

/// The same of `symbols` symbols, `count` bars of each at the same time stamps.
pub(super) fn bars_of_many(folder: &Path, seed: u64, symbols: usize, count: usize) -> Result<Bars> {
    let mut text = String::from("timestamp,symbol,open,high,low,close,volume\n");
    for bar in walks(seed, symbols, Sessions::Always).take(symbols * count) {
        line(&mut text, &bar, &format!("BENCH{:02},", bar.symbol.0))?;
    }
    let file = folder.join("bars.csv");
    save(&file, &text)?;
    read(file, None)
}

fn read(path: PathBuf, symbol: Option<Symbol>) -> Result<Bars> {
    let bars = read_bars(&[Source { path: path.clone(), symbol }])?;
    std::fs::remove_file(&path)?;
    Ok(bars)
}
