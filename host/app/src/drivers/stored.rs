//! Bars that were imported: one CSV file for each symbol and length of bar, in the data folder's
//! `bars`. Whole or not there, sorted, no time twice; read by backtests.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rust_decimal::Decimal;
use stockade_core::Symbol;
use stockade_store::query::At;
use stockade_venue::files::{BarRow, Bars, Source, read_bars};

use crate::whole::WholeFile;

/// A length of bar as it is written: `1m`, `15m`, `1h`, `1d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timeframe {
    text: String,
    /// In nanoseconds.
    pub(crate) length: i64,
}

impl std::fmt::Display for Timeframe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Timeframe {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is no length of bar: 1m to 59m, 1h to 23h or 1d are allowed");
        let units = [('m', 1, 59), ('h', 60, 23), ('d', 1_440, 1)];
        let unit = units.into_iter().find(|(unit, ..)| text.ends_with(*unit));
        let (unit, minutes, most) = unit.ok_or_else(wrong)?;
        let count = text.strip_suffix(unit).and_then(|count| count.parse::<i64>().ok());
        let count = count.filter(|count| (1..=most).contains(count)).ok_or_else(wrong)?;
        Ok(Self { text: format!("{count}{unit}"), length: count * minutes * 60_000_000_000 })
    }
}

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Stored {
    /// Rows of the file.
    pub(crate) rows: usize,
    /// Those that were new.
    pub(crate) booked: usize,
    /// Those that were there, the same to the last digit.
    pub(crate) known: usize,
}

/// Where the bars of a symbol are.
pub(crate) fn file(data: &Path, symbol: &Symbol, timeframe: &Timeframe) -> PathBuf {
    data.join("bars").join(timeframe.to_string()).join(format!("{symbol}.csv"))
}

/// The file of a symbol as a source of bars; one that is not there is an error that says how it
/// comes there.
pub(crate) fn source(data: &Path, symbol: &Symbol, timeframe: &Timeframe) -> Result<Source> {
    let path = file(data, symbol, timeframe);
    if !path.is_file() {
        bail!(
            "no bars of {symbol} of {timeframe} are stored in {} (stockade import bars FILE --symbol {symbol} \
             --timeframe {timeframe})",
            data.join("bars").display()
        );
    }
    Ok(Source { path, symbol: Some(symbol.clone()) })
}

/// Symbols of a file that an error names.
const NAMED_MAX: usize = 10;

/// Adds a symbol's bars to those that are stored. A bar of the same time with other prices is
/// refused, and nothing is added then; so is a file without a bar of the symbol.
pub(crate) fn add(
    data: &Path,
    symbol: &Symbol,
    timeframe: &Timeframe,
    bars: &Bars,
) -> Result<Stored> {
    let path = file(data, symbol, timeframe);
    let mut all: BTreeMap<i64, [Decimal; 5]> = BTreeMap::new();
    if path.is_file() {
        let known = read_bars(&[Source { path: path.clone(), symbol: Some(symbol.clone()) }])?;
        all.extend(known.rows.iter().map(|row| (row.at, numbers(row))));
    }
    if !bars.rows.iter().any(|row| bars.symbol(row) == symbol) {
        let found: Vec<&str> = bars.symbols.iter().take(NAMED_MAX).map(Symbol::as_str).collect();
        let more = if bars.symbols.len() > found.len() { ", …" } else { "" };
        bail!("it has no bars of {symbol} (--symbol), but of {}{more}", found.join(", "));
    }
    let mut stored = Stored::default();
    for row in bars.rows.iter().filter(|row| bars.symbol(row) == symbol) {
        stored.rows += 1;
        match all.insert(row.at, numbers(row)) {
            None => stored.booked += 1,
            Some(known) if known == numbers(row) => stored.known += 1,
            Some(known) => bail!(
                "the bar of {symbol} at {} has open, high, low, close, volume {}, stored are {}: remove {} to begin anew",
                At(row.at),
                list(&numbers(row)),
                list(&known),
                path.display()
            ),
        }
    }
    if stored.booked > 0 {
        let folder = path.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("can't make {}", folder.display()))?;
        let mut out = WholeFile::create(&path)?;
        writeln!(out, "timestamp,open,high,low,close,volume")?;
        for (at, row) in &all {
            writeln!(out, "{},{}", At(*at), list(row))?;
        }
        out.finish()?;
    }
    Ok(stored)
}

fn numbers(row: &BarRow) -> [Decimal; 5] {
    [row.open, row.high, row.low, row.close, row.volume]
}

fn list(numbers: &[Decimal; 5]) -> String {
    numbers.map(|number| number.to_string()).join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(folder: &Path, text: &str) -> Bars {
        let path = folder.join("AAPL_x.csv");
        let text = format!("timestamp,open,high,low,close,volume\n{text}");
        std::fs::write(&path, text).unwrap();
        read_bars(&[Source { path, symbol: None }]).unwrap()
    }

    #[test]
    fn bars_are_added_once_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (symbol, minute) = (Symbol::new("AAPL").unwrap(), "1m".parse::<Timeframe>().unwrap());
        let first = bars(folder.path(), "2019-02-11T14:31:00Z,1.50,2,1,2,5\n");
        let added = add(&data, &symbol, &minute, &first).unwrap();
        assert_eq!(added, Stored { rows: 1, booked: 1, known: 0 });
        let more = "2019-02-11T14:30:00Z,1,1,1,1,1\n2019-02-11T14:31:00Z,1.5,2,1,2,5\n";
        let more = bars(folder.path(), more);
        let added = add(&data, &symbol, &minute, &more).unwrap();
        assert_eq!(added, Stored { rows: 2, booked: 1, known: 1 });
        let other = bars(folder.path(), "2019-02-11T14:31:00Z,1.5,2,1,1.9,5\n");
        let error = add(&data, &symbol, &minute, &other).unwrap_err().to_string();
        assert!(error.contains("1.5,2,1,1.9,5, stored are 1.5,2,1,2,5"), "{error}");
        let source = source(&data, &symbol, &minute).unwrap();
        assert_eq!(read_bars(&[source]).unwrap().rows.len(), 2);
        let hour = "1h".parse().unwrap();
        let error = super::source(&data, &symbol, &hour).unwrap_err().to_string();
        assert!(error.contains("import bars FILE --symbol AAPL --timeframe 1h"), "{error}");
    }

    #[test]
    fn lengths_are_minutes_hours_or_a_day() {
        assert_eq!("15m".parse::<Timeframe>().unwrap().length, 15 * 60_000_000_000);
        assert_eq!("1d".parse::<Timeframe>().unwrap().length, 86_400_000_000_000);
        for bad in ["", "m", "0m", "60m", "2d", "1x", "-1m", "é"] {
            assert!(bad.parse::<Timeframe>().is_err(), "{bad}");
        }
    }
}
