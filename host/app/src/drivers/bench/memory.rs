//! What a host with many small bots takes of memory, and how long they take to load: measured in
//! processes of their own, one with bots and one without.

use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stockade_core::desk::{Command, Desk, Effects, Event, Input, Settings, step};
use stockade_core::instrument::Instrument;
use stockade_core::market::Bar;
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_core::{InstrumentId, Money, Now, Price, Qty, Slug, Symbol, Timestamp};
use stockade_runtime::{Bot, BotConfig, BotInstrument, Call, Events, Limits};

use super::SEED;
use super::figure::{Figure, millis};
use super::place::{BOT, Place};
use crate::cli::screen;
use crate::failure::Failure;

/// Small bots of one host.
const BOTS: u32 = 1_000;
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

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let loaded = of_child(place, BOTS)?;
    let empty = of_child(place, 0)?;
    let mib = |kib: u64| (Decimal::from(kib) / Decimal::from(1_024)).round_dp(1);
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
    ])
}

fn of_child(place: &Place, bots: u32) -> Result<Report, Failure> {
    let program = std::env::current_exe()?;
    let mut child = Process::new(program);
    child
        .arg("bench")
        .arg(format!("{CHILD}{bots}"))
        .arg("--json")
        .arg("--plugins")
        .arg(place.plugins()?);
    child.arg("--data").arg(place.folder("memory")?);
    let output = child.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let report = (|| -> Result<Report> {
        if !output.status.success() {
            bail!("the process with {bots} bots ended with {}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("its report is not understood")
    })();
    Ok(report?)
}

/// How many bots a child of this name loads.
pub(super) fn child_of(name: &str) -> Option<u32> {
    name.strip_prefix(CHILD)?.parse().ok()
}

/// The child: a desk with so many bots, each with an instance that has had a bar.
pub(super) fn child(place: &Place, count: u32) -> Result<(), Failure> {
    let mut desk = desk(count)?;
    let began = Instant::now();
    let plugin = place.plugin()?;
    let mut bots = Vec::new();
    for row in desk.bots() {
        let config = BotConfig {
            params: Vec::new(),
            seed: SEED,
            instruments: vec![instrument(&desk)],
            limits: Limits::of(plugin.tier()),
            history: None,
        };
        let bot = Bot::start(&plugin, config).map_err(|error| Failure::Usage(error.to_string()))?;
        bots.push((row.sleeve, bot));
    }
    let load_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    // Memory that was never touched is not resident: each bot gets an event.
    let bar = bar();
    put(
        &mut desk,
        Event::Market { market: stockade_core::market::MarketEvent::Bars { bars: vec![bar] } },
    );
    for (sleeve, bot) in &mut bots {
        let view = desk.view(*sleeve).context("a sleeve of the desk").map_err(Failure::Failed)?;
        let call = Call {
            events: Events::Bars(&[bar]),
            warm_up: false,
            view: &view,
            prices: &desk,
            now: bar.at,
        };
        bot.call(&call).map_err(|strike| Failure::Failed(strike.into()))?;
    }
    let report = Report { resident_kib: resident().map_err(Failure::Failed)?, load_us };
    drop(bots);
    screen::json(&report)
}

fn put(desk: &mut Desk, event: Event) -> Effects {
    let mut out = Effects::default();
    step(desk, Input { now: Now::default(), event }, &mut out);
    out
}

fn desk(count: u32) -> Result<Desk> {
    let rows = Rows::new_account(
        Slug::new("bench")?,
        "bench".to_owned(),
        false,
        Controls::default(),
        Now::default(),
    );
    let mut desk = Desk::restore(rows, Settings::reference())?;
    put(&mut desk, Event::Started { epoch: 1, take_over: false });
    put(
        &mut desk,
        Event::Instruments { instruments: vec![Instrument::equity(Symbol::new("BENCH")?)] },
    );
    for number in 0..count {
        let command = Command::BotDeploy {
            name: Slug::new(&format!("bot-{number}"))?,
            sleeve: None,
            capital: Money::new(Decimal::from(10_000)),
            plugin: BOT.to_owned(),
            digest: "bench".to_owned(),
            version: "1".to_owned(),
            params: Vec::new(),
            symbols: vec![Symbol::new("BENCH")?],
            seed: SEED,
        };
        put(&mut desk, Event::Command { command });
    }
    let made = desk.bots().count();
    if made != usize::try_from(count)? {
        bail!("{made} of {count} bots have a sleeve");
    }
    Ok(desk)
}

fn instrument(desk: &Desk) -> BotInstrument {
    let known = &desk.instruments()[0];
    BotInstrument { id: InstrumentId(0), symbol: known.symbol.clone(), class: known.class }
}

fn bar() -> Bar {
    let price = Price::new(Decimal::ONE_HUNDRED);
    Bar {
        instrument: InstrumentId(0),
        at: Timestamp(0),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Qty::new(Decimal::TEN),
    }
}

/// Resident memory of this process, in KiB.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("memory is read from /proc, which is missing")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("/proc/self/status has no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
