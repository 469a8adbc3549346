//! A victim beside ten bots that burn their whole budget on each event, and while a component is
//! compiled for seconds: from the event's arrival at the host to the return of the handler that asked
//! for an order, against the same bot alone in the same host.
//!
//! The host is the live one, whole, with its own threads for bots; the burners get every bar that the
//! victim gets and use nine tenths of their fuel on it. The first hundred events beside them are not
//! counted: a host has to see that a bot is slow.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use stockade_core::desk::Command;
use stockade_core::{Money, Slug, Symbol};
use stockade_runtime::{Bot, BotConfig, Call, Events, Limits, Plugin};

use super::figure::{Figure, millis, percentile};
use super::herd;
use super::latency::{self, Bench, SYMBOL, Seen};
use super::place::{BOT, Place};
use super::{SEED, heavy};
use crate::failure::Failure;

/// The component that burns.
const BURNER: &str = "misbehave";
/// How many of it.
const BURNERS: u32 = 10;
/// Events that count, alone and beside the burners.
const EVENTS: usize = 1_000;
/// Events before.
const LEARNED: usize = 100;
/// How long compiling goes on, at least.
const COMPILING: Duration = Duration::from_secs(6);
/// Components that are compiled for it, at most.
const HEAVY_MAX: u32 = 20;
/// Between two events.
const PACE: Duration = Duration::from_millis(5);
/// Share of the fuel that a burner uses, in hundredths.
const BURNT: u64 = 90;

/// What was measured.
struct Measured {
    alone: Vec<Duration>,
    beside: Vec<Duration>,
    compiling: Vec<Duration>,
    compiled: Duration,
}

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let burner = place.component_of(BURNER)?;
    let rounds = rounds(place)?;
    let victim = place.plugin()?;
    let components = [(BOT, place.component()?), (BURNER, burner)];
    let measured = latency::hosted(
        place,
        "isolation",
        &components,
        async |bench: &mut Bench, folder: &Path| play(bench, &victim, rounds, folder).await,
    );
    let mut found = measured.await?;
    let alone = millis(percentile(&mut found.alone, 99));
    let figure = |name, samples: &mut [Duration], against| {
        let n = u64::try_from(samples.len()).unwrap_or(u64::MAX);
        let p99 = millis(percentile(samples, 99));
        [
            Figure::new(name, (p99, "ms p99"), (against, alone), n),
            Figure::alone(
                if name == "isolation" {
                    "isolation-beyond-alone"
                } else {
                    "isolation-compile-beyond-alone"
                },
                (p99 - alone, "ms"),
                "p99 less the p99 of the same bot alone",
                n,
            ),
        ]
    };
    let mut figures = Vec::new();
    figures.extend(figure(
        "isolation",
        &mut found.beside,
        "the same bot alone; event to intent beside ten bots that burn nine tenths of their fuel",
    ));
    figures.extend(figure(
        "isolation-compile",
        &mut found.compiling,
        "the same bot alone; beside the ten bots and while components are compiled",
    ));
    figures.push(Figure::alone(
        "isolation-compiled",
        (millis(found.compiled), "ms"),
        "how long components were compiled meanwhile",
        1,
    ));
    Ok(figures)
}

async fn play(bench: &mut Bench, victim: &Plugin, rounds: u64, folder: &Path) -> Result<Measured> {
    bench.prepare(victim).await?;
    let mut alone = events(bench, LEARNED + EVENTS).await?;
    for number in 0..BURNERS {
        deploy(bench, number, rounds).await?;
    }
    for _ in 0..BURNERS {
        bench.until("a burner's start", |seen| matches!(seen, Seen::Started).then_some(())).await?;
    }
    let mut beside = events(bench, LEARNED + EVENTS).await?;
    let began = Instant::now();
    let (mut compiling, mut salt) = (Vec::new(), 0);
    // The file may be a core module; what is added to is a component.
    let module = std::fs::read(folder.join(format!("{BOT}.wasm")))?;
    let bot = stockade_runtime::pack(&module)?;
    while began.elapsed() < COMPILING {
        salt += 1;
        ensure!(salt <= HEAVY_MAX, "components are compiled too fast here to be a burden");
        std::fs::write(folder.join(format!("heavy-{salt}.wasm")), heavy::component(&bot, salt))?;
        // The folder takes note of a file once it has not changed for a while.
        while !bench.is_compiled(salt) {
            compiling.extend(event(bench).await?);
        }
    }
    let compiled = began.elapsed();
    let drained = |samples: &mut Vec<Duration>| samples.split_off(LEARNED);
    Ok(Measured { alone: drained(&mut alone), beside: drained(&mut beside), compiling, compiled })
}

async fn events(bench: &mut Bench, count: usize) -> Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(count);
    while took.len() < count {
        took.extend(event(bench).await?);
    }
    Ok(took)
}

/// One event and its intent, and the end of the order that came of it.
async fn event(bench: &mut Bench) -> Result<Option<Duration>> {
    tokio::time::sleep(PACE).await;
    Ok(bench.order().await?.map(|order| order.returned.saturating_duration_since(order.arrived)))
}

async fn deploy(bench: &mut Bench, number: u32, rounds: u64) -> Result<()> {
    let params = [("cause", "burn".to_owned()), ("rounds", rounds.to_string())];
    let command = Command::BotDeploy {
        name: Slug::new(&format!("burner-{number}"))?,
        sleeve: None,
        capital: Money::new(Decimal::from(100)),
        plugin: BURNER.to_owned(),
        digest: "of the file".to_owned(),
        version: "of the file".to_owned(),
        params: params.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        symbols: vec![Symbol::new(SYMBOL)?],
        seed: SEED,
    };
    let refused = bench.command(command).await?;
    ensure!(refused.is_none(), "a burner is refused: {}", refused.unwrap_or_default());
    Ok(())
}

/// Rounds of a burner that use its share of the fuel: measured on two numbers of them.
fn rounds(place: &Place) -> Result<u64, Failure> {
    let plugin = place.plugin_of(BURNER)?;
    let fuel = |rounds: u64| -> Result<u64> {
        let desk = herd::desk(1)?;
        let (bar, row) = (herd::bar(0), desk.bots().next().context("the desk has a bot")?);
        let params = [("cause", "burn".to_owned()), ("rounds", rounds.to_string())];
        let config = BotConfig {
            params: params.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            seed: SEED,
            instruments: vec![herd::instrument(&desk)],
            limits: Limits::of(plugin.tier()),
            history: None,
        };
        let mut bot = Bot::start(&plugin, config)?;
        let view = desk.view(row.sleeve).context("a sleeve of the desk")?;
        let (events, warm_up, now) = (Events::bars(std::slice::from_ref(&bar)), false, bar.at);
        let call = Call { events, warm_up, view: &view, prices: &desk, now };
        Ok(bot.call(&call)?.fuel_used)
    };
    let (few, many) = (fuel(1_000)?, fuel(11_000)?);
    let each = (many.saturating_sub(few) / 10_000).max(1);
    Ok(Limits::of(plugin.tier()).fuel * BURNT / 100 / each)
}
