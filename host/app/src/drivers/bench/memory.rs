//! What a host takes of memory: with many small bots, and how long they take to load; with a million
//! executions in its books; with a million positions. Measured in processes of their own.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::figure::{Figure, millis};
use super::herd::{Herd, of_child, resident};
use super::made::Size;
use super::place::Place;
use super::start;
use crate::cli::screen;
use crate::failure::Failure;

/// Small bots of one host.
const BOTS: u32 = 1_000;
/// A hundred sleeves of ten thousand positions each.
const WIDE: Size = Size { executions: 0, open_lots: 1_000_000, symbols: 10_000 };
/// How the child is told what to load.
const CHILD: &str = "memory-of-";

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    /// Resident memory, in KiB.
    resident_kib: u64,
    /// Time to load the bots, in microseconds.
    load_us: u64,
}

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let loaded: Report = of_child(place, &format!("{CHILD}{BOTS}"))?;
    let empty: Report = of_child(place, &format!("{CHILD}0"))?;
    Ok(vec![
        Figure::new(
            "memory",
            (mib(loaded.resident_kib), "MiB"),
            ("the same host without bots", mib(empty.resident_kib)),
            BOTS.into(),
        ),
        Figure::alone(
            "memory-load",
            (millis(Duration::from_micros(loaded.load_us)), "ms"),
            "from the component's bytes to the last bot ready, its compilation included",
            BOTS.into(),
        ),
        of_books(place, "memory-books", Size::MILLION, &empty).await?,
        of_books(place, "memory-positions", WIDE, &empty).await?,
    ])
}

/// What a host over books takes, once its desk can decide.
async fn of_books(
    place: &Place,
    name: &'static str,
    size: Size,
    empty: &Report,
) -> Result<Figure, Failure> {
    let settings = start::make(place, name, size).await?;
    let (_, report) = start::once(&settings.data, size)?;
    let positions = u64::try_from(size.open_lots).unwrap_or_default();
    let (value, without) = (mib(report.resident_kib), mib(empty.resident_kib));
    Ok(Figure::new(name, (value, "MiB"), ("a host without books or bots", without), positions))
}

fn mib(kib: u64) -> Decimal {
    (Decimal::from(kib) / Decimal::from(1_024)).round_dp(1)
}

/// How many bots a child of this name loads.
pub(super) fn child_of(name: &str) -> Option<usize> {
    name.strip_prefix(CHILD)?.parse().ok()
}

/// The child: so many bots, each with an instance that has had a bar.
pub(super) fn child(place: &Place, count: usize) -> Result<(), Failure> {
    let mut herd = Herd::load(place, count)?;
    let load_us = u64::try_from(herd.load.as_micros()).unwrap_or(u64::MAX);
    // Memory that was never touched is not resident: each bot gets an event.
    herd.bar(0)?;
    let resident_kib = resident().map_err(Failure::Failed)?;
    drop(herd);
    screen::json(&Report { resident_kib, load_us })
}
