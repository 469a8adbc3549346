//! One event to each of ten thousand loaded bots, and what each of them takes of memory: in a
//! process of its own, against the same arithmetic for as many strategies of this program and
//! against the same process with a single bot.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stockade_core::decimal::round_half_even;

use super::figure::{Figure, percentile};
use super::herd::{Herd, bar, of_child, resident};
use super::native::Native;
use super::place::Place;
use crate::cli::screen;
use crate::failure::Failure;

/// Bots of the process.
const BOTS: u32 = 10_000;
/// Events before the clock runs: every bot has all its closes then, and asks what it holds.
const WARM: usize = 40;
/// Events that count; the middle one is the figure.
const EVENTS: usize = 101;
/// How the child is told how many bots to load.
const CHILD: &str = "fanout-of-";

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    /// Resident memory, in KiB.
    resident_kib: u64,
    /// Nanoseconds of an event for all bots, the middle one and the 99th of a hundred.
    p50_ns: u64,
    p99_ns: u64,
    /// The same for as many strategies called natively.
    native_ns: u64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let loaded: Report = of_child(place, &format!("{CHILD}{BOTS}"))?;
    let one: Report = of_child(place, &format!("{CHILD}1"))?;
    let bots = Decimal::from(BOTS);
    let each = |ns: u64| round_half_even(Decimal::from(ns) / bots / Decimal::ONE_THOUSAND, 3);
    let n = u64::from(BOTS) * u64::try_from(EVENTS).unwrap_or(0);
    let beside = loaded.resident_kib.saturating_sub(one.resident_kib);
    Ok(vec![
        Figure::new(
            "fanout",
            (each(loaded.p50_ns), "us/bot"),
            ("the same arithmetic, called natively", each(loaded.native_ns)),
            n,
        ),
        Figure::alone(
            "fanout-p99",
            (each(loaded.p99_ns), "us/bot"),
            "the slowest event of a hundred, for all bots",
            n,
        ),
        Figure::alone(
            "fanout-memory",
            (round_half_even(Decimal::from(beside) / Decimal::from(BOTS - 1), 1), "KiB/bot"),
            "resident beyond that of the same process with one bot",
            BOTS.into(),
        ),
    ])
}

/// How many bots a child of this name loads.
pub(super) fn child_of(name: &str) -> Option<usize> {
    name.strip_prefix(CHILD)?.parse().ok()
}

/// The child: so many bots, and events for all of them.
pub(super) fn child(place: &Place, count: usize) -> Result<(), Failure> {
    let mut herd = Herd::load(place, count)?;
    for number in 0..WARM {
        herd.bar(number)?;
    }
    let mut took = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        took.push(herd.bar(WARM + number)?);
    }
    let resident_kib = resident().map_err(Failure::Failed)?;
    drop(herd);
    let nanos = |took: Duration| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    let (p50_ns, p99_ns) = (nanos(percentile(&mut took, 50)), nanos(percentile(&mut took, 99)));
    screen::json(&Report { resident_kib, p50_ns, p99_ns, native_ns: nanos(natively(count)) })
}

/// The middle event for so many strategies of this program.
fn natively(count: usize) -> Duration {
    let mut herd: Vec<Native> = (0..count).map(|_| Native::new(10, 30, Decimal::TEN)).collect();
    let event = |number: usize, herd: &mut [Native]| {
        let bar = bar(number);
        let began = Instant::now();
        for strategy in herd {
            black_box(strategy.push(black_box(&bar)));
        }
        began.elapsed()
    };
    for number in 0..WARM {
        event(number, &mut herd);
    }
    let mut took: Vec<Duration> = (0..EVENTS).map(|n| event(WARM + n, &mut herd)).collect();
    percentile(&mut took, 50)
}
