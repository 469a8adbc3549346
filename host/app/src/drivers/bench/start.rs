//! How long a host takes from nothing to a desk that can decide, and what it takes of memory then:
//! a process of its own over books that were stopped in good order.
//!
//! The process does what `stockade run` does before it speaks to a broker: PostgreSQL started, schema
//! checked, lease taken, rows read, desk made. Against PostgreSQL's own part of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stockade_core::desk::{Desk, Effects, Event, Input, Settings as DeskSettings, step};
use stockade_core::market::{MarketEvent, Quote};
use stockade_core::{InstrumentId, Price, Qty};
use stockade_store::Cluster;

use super::figure::{Figure, millis, percentile};
use super::herd::resident;
use super::made::{LABEL, Size, fill};
use super::place::Place;
use crate::cli::screen;
use crate::config::Settings;
use crate::drivers::base;
use crate::failure::Failure;

/// How the child is told what it is.
const CHILD: &str = "start-here";
/// Starts that are measured; the median counts.
const STARTS: u64 = 5;

/// What a child says once its desk can decide.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Report {
    /// Resident memory, in KiB.
    pub(super) resident_kib: u64,
    /// Until the database answered, in microseconds.
    database_us: u64,
    /// Positions that the desk holds.
    positions: usize,
}

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let settings = make(place, "start", Size::MILLION).await?;
    let (mut took, mut database) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (start, report) = once(&settings.data, Size::MILLION)?;
        took.push(start);
        database.push(Duration::from_micros(report.database_us));
    }
    Ok(vec![Figure::new(
        "start",
        (millis(percentile(&mut took, 50)), "ms"),
        ("PostgreSQL's start within it", millis(percentile(&mut database, 50))),
        STARTS,
    )])
}

/// Books of a size in a folder of their own, with nothing running.
pub(super) async fn make(place: &Place, part: &str, size: Size) -> Result<Settings, Failure> {
    let settings = place.settings(part)?;
    let base = base::open(&settings).await?;
    // A second handle adopts the running cluster.
    let cluster = Cluster::open(&settings.data).await.map_err(anyhow::Error::new)?;
    let made = fill(&base.store, &cluster.url(), size).await;
    drop(cluster);
    base.close().await?;
    let took = made?;
    screen::note(&format!("{} executions made in {} s", size.executions, took.as_secs()));
    Ok(settings)
}

/// One start in a process of its own; the time is that until its report was read.
pub(super) fn once(data: &Path, size: Size) -> Result<(Duration, Report)> {
    let began = Instant::now();
    let mut child = Process::new(std::env::current_exe()?)
        .args(["bench", CHILD, "--json", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the process that starts")?;
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line);
    let took = began.elapsed();
    let status = child.wait()?;
    read?;
    ensure!(status.success(), "the process that starts ended with {status}");
    let report: Report = serde_json::from_str(&line).context("its report is not understood")?;
    let positions = usize::try_from(size.symbols.saturating_mul(100).min(size.open_lots))?;
    ensure!(report.positions == positions, "{} positions of {positions}", report.positions);
    Ok((took, report))
}

/// Whether this process is the child.
pub(super) fn is_child(name: &str) -> bool {
    name == CHILD
}

/// The child: as `stockade run` starts, without a broker.
pub(super) async fn child(settings: &Settings) -> Result<(), Failure> {
    let began = Instant::now();
    let base = base::open(settings).await?;
    let database_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let epoch = base::lease(&base.store, LABEL, false).await?;
    let told = desk(&base, epoch).await.and_then(|desk| {
        let held = |sleeve: &stockade_core::row::SleeveRow| desk.holdings(sleeve.id).count();
        let positions = desk.sleeves().map(held).sum();
        let report = Report { resident_kib: resident()?, database_us, positions };
        // One line, so that the reader knows where it ends.
        let text = serde_json::to_string(&report)?;
        screen::line(&text).map_err(|failure| anyhow::anyhow!("{failure}"))
    });
    let released = base.store.lease_release(LABEL, epoch).await;
    base.close().await?;
    told?;
    released.map(drop).map_err(|error| Failure::Failed(error.into()))
}

/// The desk, started, with a price of each symbol: memory that was never touched is not resident.
async fn desk(base: &base::Base, epoch: u64) -> Result<Desk> {
    let rows = base.store.account_load(LABEL).await?.context("the books that were made")?;
    let mut desk = Desk::restore(rows, DeskSettings::default())?;
    let now = desk.now();
    let mut out = Effects::default();
    let event = Event::Started { epoch, take_over: false };
    step(&mut desk, Input { now, event }, &mut out);
    let count = u32::try_from(desk.instruments().len())?;
    for place in 0..count {
        let price = Price::new(Decimal::new(10_250, 2));
        let quote = Quote {
            instrument: InstrumentId(place),
            at: now.market,
            bid: price,
            bid_size: Qty::new(Decimal::TEN),
            ask: price,
            ask_size: Qty::new(Decimal::TEN),
        };
        let event = Event::Market { market: MarketEvent::Quote(quote) };
        out.clear();
        step(&mut desk, Input { now, event }, &mut out);
    }
    Ok(desk)
}
