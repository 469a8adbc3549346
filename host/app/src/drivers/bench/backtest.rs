//! Bars of a backtest a second, on one core: exchange, desk, ledger, capital control and bot, as
//! `stockade backtest` runs them. Against the same loop with the strategy in this program.

use std::sync::Arc;

use anyhow::{Context, ensure};
use rust_decimal::Decimal;
use stockade_core::decimal::round_half_even;
use stockade_core::{Money, Slug};
use stockade_runtime::Trust;
use stockade_venue::files::Bars;

use super::figure::Figure;
use super::native::Native;
use super::place::{BOT, Place};
use super::{SEED, market};
use crate::cli::backtest::Profile;
use crate::drivers::backtest::{Entry, Setup, Summary, run_native, run_once};
use crate::failure::Failure;

/// One-minute bars of one symbol.
const BARS: usize = 500_000;
/// Symbols of one bot, where it has many, and bars of each.
const SYMBOLS: usize = 50;
const BARS_EACH: usize = 20_000;
/// Runs of each kind, in turns; the middle one counts.
const RUNS: usize = 3;

/// One symbol.
pub(super) fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let bars = market::bars(&place.folder("backtest")?, SEED, "BENCH", BARS)?;
    compare("backtest", &setup(place, 100_000)?, &bars)
}

/// Many symbols in one bot, with cash for all of them at once.
pub(super) fn measure_many(place: &Place) -> Result<Vec<Figure>, Failure> {
    let bars = market::bars_of_many(&place.folder("backtest")?, SEED, SYMBOLS, BARS_EACH)?;
    compare("backtest-many", &setup(place, 10_000_000)?, &bars)
}

/// The time that the component takes for a bar against the time that the same strategy takes when it
/// is called natively, everything else being the same.
pub(super) fn measure_ratio(place: &Place) -> Result<Vec<Figure>, Failure> {
    let bars = market::bars(&place.folder("backtest")?, SEED, "BENCH", BARS)?;
    let (component, native) = rates(&setup(place, 100_000)?, &bars)?;
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

fn compare(name: &'static str, setup: &Setup, bars: &Bars) -> Result<Vec<Figure>, Failure> {
    let (component, native) = rates(setup, bars)?;
    Ok(vec![Figure::new(
        name,
        (component, "bars/s"),
        ("the same loop, the strategy called natively", native),
        u64::try_from(bars.rows.len()).unwrap_or(u64::MAX),
    )])
}

/// Bars a second through the component and natively.
fn rates(setup: &Setup, bars: &Bars) -> Result<(Decimal, Decimal), Failure> {
    let (mut rates, mut natives) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let component = run_once(setup, bars)?.summary;
        let native = native(setup, bars)?;
        agree(&component, &native)?;
        rates.push(component.bars_per_second);
        natives.push(native.bars_per_second);
    }
    Ok((middle(rates), middle(natives)))
}

fn setup(place: &Place, capital: u64) -> Result<Setup, Failure> {
    let capital = Money::new(Decimal::from(capital));
    let name = Slug::new(BOT).map_err(|error| Failure::Usage(error.to_string()))?;
    let component = Arc::new(place.component()?.into());
    Ok(Setup {
        entries: vec![Entry { name, component, stem: BOT.to_owned(), capital, params: Vec::new() }],
        capital,
        symbols: Vec::new(),
        profile: Profile::Reference,
        fee: Money::ZERO,
        slippage_bps: Decimal::ZERO,
        max_participation: None,
        seed: SEED,
        trust: Trust::default(),
    })
}

fn native(setup: &Setup, bars: &Bars) -> Result<Summary, Failure> {
    let strategy = Native::new(10, 30, Decimal::TEN);
    Ok(run_native(setup, bars, Box::new(strategy))?.summary)
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
