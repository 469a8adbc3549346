//! Events into a Rust bot a second, one by one and in batches, against the same arithmetic in this
//! program.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use stockade_core::desk::{Command, Desk, Effects, Event, Input, Settings, step};
use stockade_core::instrument::Instrument;
use stockade_core::ledger::LotMethod;
use stockade_core::market::Bar;
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_core::{InstrumentId, Money, Now, Price, Qty, SleeveId, Slug, Symbol, Timestamp};
use stockade_runtime::{Bot, BotConfig, BotInstrument, Limits, measure_call_overhead};

use super::figure::{Figure, per_second};
use super::native::Native;
use super::place::Place;
use super::{SEED, market};
use crate::failure::Failure;

/// Bars of one measurement.
const BARS: usize = 500_000;
/// Bars of one call.
const BATCH: usize = 64;
/// Bars before the clock runs: caches and pages are warm then.
const WARM: usize = 20_000;

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let rows = market::bars(&place.folder("call")?, SEED, "BENCH", BARS)?;
    let bars: Vec<Bar> = rows.rows.iter().map(bar).collect();
    let desk = desk().map_err(Failure::Failed)?;
    let native = natively(&bars).map_err(Failure::Failed)?;
    let n = u64::try_from(BARS).unwrap_or(u64::MAX);
    let mut figures = Vec::new();
    for (name, batch) in [("call", 1), ("call-batch-64", BATCH)] {
        let mut bot = bot(place, &desk)?;
        let view =
            desk.view(SleeveId::FIRST).context("the sleeve is there").map_err(Failure::Failed)?;
        let run = |bot: &mut Bot, bars: &[Bar]| {
            measure_call_overhead(bot, bars, batch, &view, &desk)
                .map_err(|strike| Failure::Failed(anyhow::Error::new(strike)))
        };
        run(&mut bot, &bars[..WARM])?;
        let took = run(&mut bot, &bars)?;
        let value = (per_second(took.bars, took.took), "bars/s");
        figures.push(Figure::new(name, value, ("the same arithmetic, called natively", native), n));
    }
    Ok(figures)
}

fn natively(bars: &[Bar]) -> Result<Decimal> {
    let mut strategy = Native::new(10, 30, Decimal::TEN);
    for bar in &bars[..WARM] {
        black_box(strategy.push(bar));
    }
    let began = Instant::now();
    let mut said = 0_u64;
    for bar in bars {
        said += u64::from(black_box(strategy.push(black_box(bar))).is_some());
    }
    let took = began.elapsed();
    ensure!(said > 0, "the means were never compared");
    Ok(per_second(u64::try_from(bars.len())?, took))
}

fn bar(row: &stockade_venue::files::BarRow) -> Bar {
    Bar {
        instrument: InstrumentId(0),
        at: Timestamp(row.at),
        open: Price::new(row.open),
        high: Price::new(row.high),
        low: Price::new(row.low),
        close: Price::new(row.close),
        volume: Qty::new(row.volume),
    }
}

/// Books with one sleeve and one instrument.
fn desk() -> Result<Desk> {
    let rows = Rows::new_account(
        Slug::new("bench")?,
        "bench".to_owned(),
        false,
        Controls::default(),
        Now::default(),
    );
    let mut desk = Desk::restore(rows, Settings::reference())?;
    let create = Command::SleeveCreate {
        name: Slug::new("bot")?,
        capital: Money::new(Decimal::from(100_000)),
        lots: LotMethod::Fifo,
    };
    let instruments = vec![Instrument::equity(Symbol::new("BENCH")?)];
    for event in [
        Event::Started { epoch: 1, take_over: false },
        Event::Instruments { instruments },
        Event::Command { command: create },
    ] {
        step(&mut desk, Input { now: Now::default(), event }, &mut Effects::default());
    }
    Ok(desk)
}

fn bot(place: &Place, desk: &Desk) -> Result<Bot, Failure> {
    let plugin = place.plugin()?;
    let known = &desk.instruments()[0];
    let instrument =
        BotInstrument { id: InstrumentId(0), symbol: known.symbol.clone(), class: known.class };
    let config = BotConfig {
        params: Vec::new(),
        seed: SEED,
        instruments: vec![instrument],
        limits: Limits::of(plugin.tier()),
        history: None,
    };
    Bot::start(&plugin, config).map_err(|error| Failure::Usage(error.to_string()))
}
