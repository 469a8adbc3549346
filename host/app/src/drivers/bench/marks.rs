//! Position updates a second: one market event gives every holder of what moved its market value,
//! its equity and its loss of the day. Through `step`, as the host takes events; against the sums
//! alone, over plain lists of decimals.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rust_decimal::Decimal;
use stockade_core::desk::{
    Command, Desk, Effects, Event, ImportKind, ImportedFill, Input, Reply, Scope, Settings, step,
};
use stockade_core::instrument::Instrument;
use stockade_core::ledger::LotMethod;
use stockade_core::market::{Bar, MarketEvent};
use stockade_core::order::Side;
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_core::{InstrumentId, Money, Now, Price, Qty, SleeveId, Slug, Symbol, Timestamp};

use super::figure::{Figure, per_second};

const SLEEVES: usize = 100;
/// Each of them held by every sleeve.
const SYMBOLS: usize = 100;
/// Events of one run.
const EVENTS: usize = 100;
/// Runs, in turns with the baseline; the middle one counts.
const RUNS: usize = 5;
/// Loss of a day that a sleeve may have, in dollars: some reach it and some don't.
const DAILY_LOSS: &str = "400";

pub(super) fn measure() -> Result<Vec<Figure>> {
    let mut desk = desk()?;
    let plain = Plain::of(&desk);
    let (mut took, mut summed) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let events: Vec<Event> = (0..EVENTS).map(|n| event(run * EVENTS + n)).collect();
        summed.push(plain.sum(&events));
        took.push(take(&mut desk, events)?);
    }
    desk.check_worth().map_err(|why| anyhow!("what is kept is not what it should be: {why}"))?;
    let reached = sleeves(&desk).iter().filter(|id| desk.is_loss_reached(**id)).count();
    ensure!((1..SLEEVES).contains(&reached), "{reached} sleeves lost their limit: no measurement");
    let updates = u64::try_from(SLEEVES * SYMBOLS * EVENTS)?;
    Ok(vec![Figure::new(
        "marks",
        (per_second(updates, middle(took)), "position updates/s"),
        ("the sums over plain lists of decimals", per_second(updates, middle(summed))),
        updates * u64::try_from(RUNS)?,
    )])
}

fn middle(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// Time of all events, and of looking at every sleeve's equity after each.
fn take(desk: &mut Desk, events: Vec<Event>) -> Result<Duration> {
    let ids = sleeves(desk);
    let mut out = Effects::default();
    let began = Instant::now();
    for event in events {
        let at = desk.now().market.plus(1);
        step(desk, Input { now: Now { market: at, machine: at }, event }, &mut out);
        for id in &ids {
            black_box((desk.equity(*id), desk.is_loss_reached(*id)));
        }
    }
    let took = began.elapsed();
    ensure!(out.is_empty(), "prices had effects: {:?}", out.actions);
    Ok(took)
}

fn sleeves(desk: &Desk) -> Vec<SleeveId> {
    desk.sleeves().map(|row| row.id).filter(|id| *id >= SleeveId::FIRST).collect()
}

/// The same quantities and cash, without a desk.
struct Plain {
    cash: Vec<Decimal>,
    /// By sleeve and instrument.
    held: Vec<Vec<Decimal>>,
}

impl Plain {
    fn of(desk: &Desk) -> Self {
        let ids = sleeves(desk);
        let of = |id: &SleeveId| desk.holdings(*id).map(|(_, held)| held.qty.get()).collect();
        let cash = desk.sleeves().filter(|row| ids.contains(&row.id));
        Self { cash: cash.map(|row| row.cash.get()).collect(), held: ids.iter().map(of).collect() }
    }

    fn sum(&self, events: &[Event]) -> Duration {
        let began = Instant::now();
        for event in events {
            let Event::Market { market: MarketEvent::Bars { bars } } = event else { continue };
            for (cash, held) in self.cash.iter().zip(&self.held) {
                let values = held.iter().zip(bars).map(|(qty, bar)| *qty * bar.close.get());
                black_box(*cash + values.sum::<Decimal>());
            }
        }
        began.elapsed()
    }
}

/// Books with every position in place.
fn desk() -> Result<Desk> {
    let label = Slug::new("bench")?;
    let rows = Rows::new_account(label, "bench".to_owned(), false, Controls::default(), now(1));
    let mut desk = Desk::restore(rows, Settings::reference())?;
    put(&mut desk, Event::Started { epoch: 1, take_over: false });
    let instruments =
        (0..SYMBOLS).map(|n| Ok(Instrument::equity(symbol(n)?))).collect::<Result<_>>()?;
    put(&mut desk, Event::Instruments { instruments });
    for number in 0..SLEEVES {
        let name = Slug::new(&format!("sleeve-{number:02}"))?;
        let capital = Money::new(Decimal::from(1_000_000));
        let lots = LotMethod::Fifo;
        command(&mut desk, Command::SleeveCreate { name: name.clone(), capital, lots })?;
        let fills = (0..SYMBOLS).map(|n| fill(number, n)).collect::<Result<_>>()?;
        command(&mut desk, Command::ImportFills { sleeve: name, opening: false, fills })?;
    }
    let settings = vec![("daily_loss".to_owned(), DAILY_LOSS.to_owned())];
    command(&mut desk, Command::RiskSet { scope: Scope::Account, settings })?;
    Ok(desk)
}

fn fill(sleeve: usize, number: usize) -> Result<ImportedFill> {
    Ok(ImportedFill {
        execution_id: format!("{sleeve}-{number}"),
        at: Timestamp(1),
        symbol: symbol(number)?,
        kind: ImportKind::Trade {
            side: Side::Buy,
            // Fractions of shares, as an account of many small sleeves has them.
            qty: Qty::new(Decimal::new(i64::try_from(1_000 + 37 * sleeve + 11 * number)?, 3)),
            price: price(number, 0),
            fee: Money::ZERO,
        },
    })
}

/// The price of a symbol at an event: up and down in cents around where it began, at last below.
fn price(symbol: usize, event: usize) -> Price {
    let cents = 10_000 + 100 * symbol + (symbol * 31 + event * 17) % 97;
    let down = event / 4;
    Price::new(Decimal::new(i64::try_from(cents - down).unwrap_or(1), 2))
}

fn event(number: usize) -> Event {
    let bar = |symbol: usize| {
        let close = price(symbol, number);
        Bar {
            instrument: InstrumentId(u32::try_from(symbol).unwrap_or(u32::MAX)),
            at: Timestamp(i64::try_from(number).unwrap_or(i64::MAX).saturating_add(2)),
            open: close,
            high: close,
            low: close,
            close,
            volume: Qty::new(Decimal::ONE_HUNDRED),
        }
    };
    Event::Market { market: MarketEvent::Bars { bars: (0..SYMBOLS).map(bar).collect() } }
}

fn symbol(number: usize) -> Result<Symbol> {
    Ok(Symbol::new(&format!("S{number:02}"))?)
}

const fn now(at: i64) -> Now {
    Now { market: Timestamp(at), machine: Timestamp(at) }
}

fn put(desk: &mut Desk, event: Event) -> Option<Reply> {
    let mut out = Effects::default();
    step(desk, Input { now: desk.now(), event }, &mut out);
    out.reply
}

fn command(desk: &mut Desk, command: Command) -> Result<()> {
    match put(desk, Event::Command { command }).context("a command got no answer")? {
        Reply::Done { .. } => Ok(()),
        Reply::Refused { refusal } => Err(anyhow!("{refusal}")),
    }
}
