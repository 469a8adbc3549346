//! All figures of a sleeve of 1,000 positions with five years of daily equity: rolling windows,
//! benchmark, drawdowns, months, round trips, and the attribution of every position's profit. Against
//! the reading of the same rows out of Postgres, which happens once before it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use stockade_core::id::{EntryId, LotId, RoundTripId};
use stockade_core::instrument::Instrument;
use stockade_core::ledger::{LotMethod, LotSide};
use stockade_core::risk::{Controls, TradingState};
use stockade_core::row::{
    EquityRow, LotRow, MarkRow, PositionRow, RoundTripRow, Row, Rows, SleeveKind, SleeveRow,
};
use stockade_core::{IntentId, Money, Now, Price, Qty, SleeveId, Slug, Symbol, Timestamp};
use stockade_exchange::market::{Listing, Market};
use stockade_exchange::{Nanos, Sessions, SymbolId};
use stockade_stats::picture::Point;
use stockade_stats::{History, Options, Performance, Valuation, performance, value};
use stockade_store::Store;
use stockade_store::query::{
    Attribution, AttributionRows, EquityPeriod, Number, PgPool, attribution_rows, equity_periods,
    execution_quality, round_trip_nets,
};

use super::SEED;
use super::figure::{Figure, millis, percentile};
use super::place::Place;
use crate::drivers::base;
use crate::failure::Failure;

const POSITIONS: u64 = 1_000;
/// Five years of sessions.
const DAYS: usize = 1_260;
const ROUND_TRIPS: u64 = 10_000;
/// A quarter of a year.
const WINDOW: usize = 63;
const READS: u64 = 5;
const RUNS: u64 = 51;
const DAY: i64 = 86_400 * 1_000_000_000;
/// 2019-02-11 21:00 UTC: the first session's close.
const START: i64 = 1_549_918_800_000_000_000;
const LABEL: &str = "bench";
const SLEEVE: &str = "wide";
const ID: SleeveId = SleeveId(10);

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let settings = place.settings("figures")?;
    let base = base::open(&settings).await?;
    let measured = on(&base.store).await;
    base.close().await?;
    Ok(measured?)
}

async fn on(store: &Store) -> Result<Vec<Figure>> {
    let now = Now::default();
    let account = Rows::new_account(Slug::new(LABEL)?, base::era(), true, Controls::default(), now);
    let rows = [account.to_rows(), rows()?].concat();
    store.account_create(&account.account, &rows).await?;
    let benchmark = closes(SEED + 1, "the benchmark")?;
    let mut reads = Vec::new();
    let mut books = read(store.reads()).await?;
    for _ in 0..READS {
        let began = Instant::now();
        books = read(store.reads()).await?;
        reads.push(began.elapsed());
    }
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let (found, attribution) = reckon(&books, &benchmark)?;
        runs.push(began.elapsed());
        check(&found, &attribution)?;
    }
    let (run, reading) = (percentile(&mut runs, 50), percentile(&mut reads, 50));
    Ok(vec![Figure::new(
        "figures",
        (millis(run), "ms"),
        ("reading what they are reckoned from out of Postgres", millis(reading)),
        RUNS,
    )])
}

/// What the books give, as `stockade figures` reads it.
struct Books {
    periods: Vec<EquityPeriod>,
    nets: Vec<Number>,
    attribution: AttributionRows,
}

async fn read(pool: &PgPool) -> Result<Books> {
    let periods = equity_periods(pool, LABEL, SLEEVE, false, None).await?;
    let nets = round_trip_nets(pool, LABEL, SLEEVE, None).await?;
    let attribution = attribution_rows(pool, LABEL, SLEEVE, None).await?.context("no sleeve")?;
    execution_quality(pool, LABEL, SLEEVE, None).await?;
    Ok(Books { periods, nets, attribution })
}

/// The measured part.
fn reckon(books: &Books, benchmark: &[Decimal]) -> Result<(Performance, Attribution)> {
    let valuation = |period: &EquityPeriod| {
        Some(Valuation {
            at: period.at.0,
            equity: value(period.equity)?,
            flow: value(period.flow)?,
            closes_period: period.closes_period,
        })
    };
    let valuations: Vec<Valuation> = books.periods.iter().filter_map(valuation).collect();
    let round_trips: Vec<f64> = books.nets.iter().filter_map(value).collect();
    let point = |(at, price): (i64, &Decimal)| Some(Point { at, value: value(price)? });
    let points: Vec<Point> = times().zip(benchmark).filter_map(point).collect();
    let found = performance(&History {
        valuations: &valuations,
        benchmark: Some(&points),
        round_trips: &round_trips,
        options: Options::new(Options::PERIODS_EQUITY, Default::default(), Some(WINDOW))?,
    });
    Ok((found, books.attribution.attribution()))
}

/// A measurement of something else is none.
fn check(found: &Performance, attribution: &Attribution) -> Result<()> {
    let figures = &found.figures;
    ensure!(figures.returns == DAYS, "{} returns instead of {DAYS}", figures.returns);
    let numbers = [figures.sharpe, figures.calmar, figures.beta, figures.alpha, figures.expectancy];
    ensure!(numbers.iter().all(Option::is_some), "a figure is missing: {:?}", figures.why);
    let windows = &figures.rolling.alpha;
    ensure!(windows.len() == DAYS + 1 - WINDOW, "{} windows", windows.len());
    ensure!(attribution.by_symbol.len() >= POSITIONS.try_into()?, "a position is missing");
    let sum: Decimal = attribution.by_symbol.iter().map(|share| share.profit.0).sum();
    ensure!(sum == attribution.profit.0, "{sum} is not the profit {}", attribution.profit);
    Ok(())
}

fn times() -> impl Iterator<Item = i64> {
    (0..).map(|day| START + day * DAY)
}

/// Daily closes of a walk from 100 dollars on.
fn closes(seed: u64, what: &str) -> Result<Vec<Decimal>> {
    let listing = Listing { symbol: SymbolId(0), cents: 10_000, crypto: false };
    let market = Market::new(seed, &[listing], Nanos(START), DAY, Sessions::Always);
    let found: Vec<Decimal> = market.take(DAYS + 1).map(|bar| bar.close).collect();
    ensure!(found.len() == DAYS + 1, "{what} has {} days", found.len());
    Ok(found)
}

fn rows() -> Result<Vec<Row>> {
    let mut rows = vec![Row::Sleeve(Box::new(sleeve()?))];
    for number in 0..POSITIONS {
        rows.extend(position(number)?);
    }
    for number in 0..ROUND_TRIPS {
        rows.push(Row::RoundTrip(round_trip(number)?));
    }
    for ((day, at), close) in (0..).zip(times()).zip(closes(SEED, "the sleeve")?) {
        rows.push(Row::Equity(EquityRow {
            sleeve: ID,
            at: Timestamp(at),
            cash: Money::ZERO,
            market_value: Money::new(close * Decimal::ONE_THOUSAND),
            exposure: Money::new(close * Decimal::ONE_THOUSAND),
            net_capital: Money::new(Decimal::from(100_000)),
            realised: Money::ZERO,
            session_close: Some(day + 1),
        }));
    }
    Ok(rows)
}

fn sleeve() -> Result<SleeveRow> {
    Ok(SleeveRow {
        id: ID,
        name: Slug::new(SLEEVE)?,
        kind: SleeveKind::Hand,
        state: TradingState::Active,
        state_reason: None,
        initial_capital: Money::new(Decimal::from(100_000)),
        added: Money::ZERO,
        withdrawn: Money::ZERO,
        cash: Money::ZERO,
        reserved: Money::ZERO,
        realised: Money::new(Decimal::from(500)),
        fees: Money::ZERO,
        lots: LotMethod::Fifo,
        controls: Controls::default(),
        day: 0,
        day_start_equity: Money::ZERO,
        next_intent: IntentId(1),
        created_at: Timestamp(START),
        retired: false,
        dividends: stockade_core::Money::ZERO,
        interest: stockade_core::Money::ZERO,
    })
}

fn symbol(number: u64) -> Result<Symbol> {
    Ok(Symbol::new(&format!("S{number:04}"))?)
}

/// A symbol, its mark, and ten shares of it in one lot.
fn position(number: u64) -> Result<[Row; 4]> {
    let symbol = symbol(number)?;
    let (qty, fee) = (Qty::new(Decimal::TEN), Money::new(Decimal::ONE));
    let (cost, at) = (Money::new(Decimal::from(1_000)), Timestamp(START));
    let mark = Price::new(Decimal::new(9_000 + i64::try_from(number)?, 2));
    Ok([
        Row::Instrument(Instrument::equity(symbol.clone())),
        Row::Mark(MarkRow { symbol: symbol.clone(), price: mark, at }),
        Row::Position(PositionRow { sleeve: ID, symbol: symbol.clone(), qty, cost, fee_left: fee }),
        Row::Lot(LotRow {
            id: LotId(number + 1),
            sleeve: ID,
            symbol,
            side: LotSide::Long,
            opened_at: at,
            qty,
            remaining: qty,
            entry_price: Price::new(Decimal::ONE_HUNDRED),
            cost,
            cost_left: cost,
            fee,
            fee_left: fee,
            execution_id: format!("open-{number}").into(),
        }),
    ])
}

/// Two of three win.
fn round_trip(number: u64) -> Result<RoundTripRow> {
    let net = Decimal::new(i64::try_from(number % 997)? * 10 + 1, 2);
    let gross = if number.is_multiple_of(3) { -net } else { net };
    Ok(RoundTripRow {
        id: RoundTripId(number + 1),
        sleeve: ID,
        symbol: symbol(number % POSITIONS)?,
        side: LotSide::Long,
        lot: LotId(number % POSITIONS + 1),
        qty: Qty::new(Decimal::ONE),
        entry_time: Timestamp(START),
        entry_price: Price::new(Decimal::ONE_HUNDRED),
        exit_time: Timestamp(START + DAY),
        exit_price: Price::new(Decimal::ONE_HUNDRED + gross),
        gross: Money::new(gross),
        opening_fee: Money::ZERO,
        closing_fee: Money::ZERO,
        net: Money::new(gross),
        cost: Money::new(Decimal::ONE_HUNDRED),
        exit_reason: None,
        exit_execution_id: format!("close-{number}").into(),
        entry: EntryId(1),
    })
}
