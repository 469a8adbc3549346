//! Bars of a backtest a second, on one core: exchange, desk, ledger, capital control and bot, as
//! `stockade backtest` runs them. Against the same loop with the strategy in this program.

use anyhow::{Context, ensure};
use rust_decimal::Decimal;
use stockade_core::decimal::round_half_even;
use stockade_core::{Money, Slug};

use super::figure::Figure;
use super::native::Native;
use super::place::{BOT, Place};
use super::{SEED, market};
use crate::cli::backtest::Profile;
use crate::drivers::backtest::{Entry, Setup, Summary, lay_out, run_native, run_once};
use crate::drivers::lockstep::Market;
use crate::failure::Failure;

/// One-minute bars of one symbol.
const BARS: usize = 500_000;
/// The same for languages that bring an interpreter.
const BARS_INTERPRETED: usize = 200_000;
/// Symbols of one bot, where it has many, and bars of each.
const SYMBOLS: usize = 50;
const BARS_EACH: usize = 20_000;
/// Runs of each kind, in turns; the middle one counts.
const RUNS: usize = 3;

/// One symbol.
pub(super) fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let market = lay_out(&market::bars(&place.folder("backtest")?, SEED, "BENCH", BARS)?)?;
    compare("backtest", &setup(place, 100_000)?, &market)
}

/// Many symbols in one bot, with cash for all of them at once.
pub(super) fn measure_many(place: &Place) -> Result<Vec<Figure>, Failure> {
    let bars = market::bars_of_many(&place.folder("backtest")?, SEED, SYMBOLS, BARS_EACH)?;
    let market = lay_out(&bars)?;
    compare("backtest-many", &setup(place, 10_000_000)?, &market)
}

/// The time that the component takes for a bar against the time that the same strategy takes when it
/// is called natively, everything else being the same.
pub(super) fn measure_ratio(place: &Place) -> Result<Vec<Figure>, Failure> {
    let market = lay_out(&market::bars(&place.folder("backtest")?, SEED, "BENCH", BARS)?)?;
    let (component, native) = rates(&setup(place, 100_000)?, &market)?;
    let nanos = |rate: Decimal| {
        let second = Decimal::from(1_000_000_000_u64);
        round_half_even(second.checked_div(rate).unwrap_or_default(), 1)
    };
    Ok(vec![Figure::new(
        "native-ratio",
        (nanos(component), "ns/bar"),
        ("the same loop, the strategy called natively", nanos(native)),
        u64::try_from(BARS).unwrap_or(u64::MAX),
    )])
}

/// The same strategy in a language that brings an interpreter, against the bot in Rust.
pub(super) fn measure_language(
    place: &Place,
    name: &'static str,
    file: &str,
) -> Result<Vec<Figure>, Failure> {
    let folder = place.folder(name)?;
    let market = lay_out(&market::bars(&folder, SEED, "BENCH", BARS_INTERPRETED)?)?;
    let (interpreted, compiled) = (setup_of(place, file, 100_000)?, setup(place, 100_000)?);
    let (mut rates, mut baselines) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let run = run_once(&interpreted, &market)?.summary;
        let rust = run_once(&compiled, &market)?.summary;
        agree(&run, &rust)?;
        rates.push(run.bars_per_second);
        baselines.push(rust.bars_per_second);
    }
    Ok(vec![Figure::new(
        name,
        (middle(rates), "bars/s"),
        ("the same bot in Rust", middle(baselines)),
        u64::try_from(BARS_INTERPRETED).unwrap_or(u64::MAX),
    )])
}

fn compare(name: &'static str, setup: &Setup, market: &Market) -> Result<Vec<Figure>, Failure> {
    let (component, native) = rates(setup, market)?;
    Ok(vec![Figure::new(
        name,
        (component, "bars/s"),
        ("the same loop, the strategy called natively", native),
        u64::try_from(market.bars.len()).unwrap_or(u64::MAX),
    )])
}

/// Bars a second through the component and natively.
fn rates(setup: &Setup, market: &Market) -> Result<(Decimal, Decimal), Failure> {
    let (mut rates, mut natives) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let component = run_once(setup, market)?.summary;
        let native = native(setup, market)?;
        agree(&component, &native)?;
        rates.push(component.bars_per_second);
        natives.push(native.bars_per_second);
    }
    Ok((middle(rates), middle(natives)))
}

pub(super) fn setup(place: &Place, capital: u64) -> Result<Setup, Failure> {
    setup_of(place, BOT, capital)
}

fn setup_of(place: &Place, bot: &str, capital: u64) -> Result<Setup, Failure> {
    let capital = Money::new(Decimal::from(capital));
    let name = Slug::new(bot).map_err(|error| Failure::Usage(error.to_string()))?;
    let plugin = Some(place.plugin_of(bot)?);
    let entries = vec![Entry { name, plugin, capital, params: Vec::new() }];
    Ok(Setup::plain(entries, capital, Profile::Reference, SEED))
}

fn native(setup: &Setup, market: &Market) -> Result<Summary, Failure> {
    let strategy = Native::new(10, 30, Decimal::TEN);
    Ok(run_native(setup, market, Box::new(strategy))?.summary)
}

/// A baseline that trades something else is none.
fn agree(component: &Summary, native: &Summary) -> anyhow::Result<()> {
    let of = |summary: &Summary| (summary.orders, summary.fills, summary.final_equity.0);
    ensure!(component.fills > 0, "the run has no fill: it measures nothing");
    ensure!(
        of(component) == of(native),
        "the component and the native strategy differ: {:?} and {:?} (orders, fills, equity)",
        of(component),
        of(native)
    );
    Ok(())
}

fn middle(mut rates: Vec<u64>) -> Decimal {
    rates.sort_unstable();
    rates.get(rates.len() / 2).copied().context("no run").map_or(Decimal::ZERO, Decimal::from)
}
