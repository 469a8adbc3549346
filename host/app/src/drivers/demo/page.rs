//! The tour's report: what the database and the broker say, as a page with equity curves.

use std::collections::BTreeMap;

use anyhow::Result;
use stockade_stats::{Options, Request, Series, figures, value};
use stockade_store::Invariant;
use stockade_store::query::{
    EquityPoint, Filter, RoundTrip, Sleeve, equity_curve, round_trip_list,
};
use stockade_venue::alpaca::SymbolBar;

use super::document::Document;
use super::ending;
use super::plan::{self, HOSTILE_BOT, Plan};
use super::stage::Stage;
use super::table;
use super::tour::Books;
use crate::cli::screen::{money, percent, quantity, text_or_dash};
use crate::report::{
    ContainedRow, CrashRow, Curve, Fact, FigureColumn, PricePicture, ReconciliationPart,
    ReconciliationRow, ReloadRow, ReportData, SleeveRow, Trade, TradeSide, render,
};

/// Writes the report; gives its path.
pub(super) async fn write(
    stage: &Stage,
    plan: &Plan,
    books: &Books,
    bars: &[SymbolBar],
    document: &Document,
    invariants: &[Invariant],
) -> Result<String> {
    let points = equity_curve(stage.store()?.reads(), &Filter::default()).await?;
    let mut data = of(document, invariants);
    data.subtitle = format!(
        "seed {}, {} minutes of a made-up market in {} s, PostgreSQL {}",
        plan.seed,
        plan.minutes,
        document.seconds,
        stage.store()?.server_version().await?
    );
    data.equity = curves(&points);
    data.prices = prices(books, bars);
    data.figures =
        figures_of(&points, &round_trip_list(stage.store()?.reads(), &Filter::default()).await?)?;
    data.next = ending::next(&stage.data().display().to_string())
        .into_iter()
        .map(|(name, meaning)| Fact { name, value: meaning.to_owned() })
        .collect();
    let path = stage.out.join("report.html");
    crate::whole::write(&path, render(&data))?;
    Ok(path.display().to_string())
}

fn of(document: &Document, invariants: &[Invariant]) -> ReportData {
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
    let held = invariants.iter().filter(|invariant| invariant.ok).count();
    ReportData {
        title: "stockade: the tour".to_owned(),
        facts: vec![
            fact("Account's equity", money(document.account.equity)),
            fact("Account's cash", money(document.account.cash)),
            fact("Orders", document.orders.to_string()),
            fact("Executions", document.executions.to_string()),
            fact(
                "Books and broker",
                if document.reconcile.balanced { "balanced" } else { "differ" }.to_owned(),
            ),
            fact("Invariants", format!("{held} of {} hold", invariants.len())),
        ],
        sleeves: document.sleeves.iter().map(sleeve).collect(),
        reconciliation: vec![reconciliation(document)],
        contained: document
            .contained
            .iter()
            .map(|row| ContainedRow {
                bot: row.bot.clone(),
                cause: row.cause.clone(),
                state: row.state.clone(),
            })
            .collect(),
        reloads: document
            .reloads
            .iter()
            .map(|row| ReloadRow {
                bot: row.bot.clone(),
                from: row.from.clone(),
                to: row.to.clone(),
                pause_ms: row.pause_ms.to_string(),
            })
            .collect(),
        crashes: vec![CrashRow {
            killed_at: document.crash.killed_at.to_string(),
            recovered_ms: document.crash.recovered_ms.to_string(),
        }],
        ..ReportData::default()
    }
}

fn sleeve(sleeve: &Sleeve) -> SleeveRow {
    SleeveRow {
        name: sleeve.name.clone(),
        bot: text_or_dash(sleeve.bot.as_deref()),
        initial_capital: money(sleeve.initial_capital),
        cash: money(sleeve.cash),
        market_value: money(sleeve.market_value),
        equity: money(sleeve.equity),
        realised: money(sleeve.realised),
        unrealised: money(sleeve.unrealised),
        fees: money(sleeve.fees),
        return_pct: percent(sleeve.return_pct),
        positions: table::positions(sleeve),
        state: text_or_dash(sleeve.state.as_deref()),
    }
}

fn reconciliation(document: &Document) -> ReconciliationPart {
    let compared = &document.reconcile;
    let cash = ReconciliationRow {
        item: "cash".to_owned(),
        sleeves: money(compared.cash.ours),
        suspense: String::new(),
        broker: money(compared.cash.broker),
        difference: money(compared.cash.difference),
    };
    let symbols = compared.symbols.iter().map(|symbol| ReconciliationRow {
        item: symbol.symbol.clone(),
        sleeves: quantity(symbol.sleeves),
        suspense: quantity(symbol.suspense),
        broker: quantity(symbol.broker),
        difference: quantity(symbol.difference),
    });
    ReconciliationPart {
        account: compared.account.clone(),
        at: compared.at.to_string(),
        balanced: compared.balanced,
        rows: std::iter::once(cash).chain(symbols).collect(),
    }
}

/// One curve per sleeve that trades, in dollars.
fn curves(points: &[EquityPoint]) -> Vec<Curve> {
    let mut curves: BTreeMap<&str, Curve> = BTreeMap::new();
    for point in points {
        if matches!(point.sleeve.as_str(), "house" | "suspense" | HOSTILE_BOT) {
            continue;
        }
        let fresh = || Curve { name: point.sleeve.clone(), points: Vec::new() };
        curves.entry(&point.sleeve).or_insert_with(fresh).points.push((point.at.0, point.equity.0));
    }
    curves.into_values().collect()
}

/// What an equity curve of minutes can give; yearly figures would need days.
fn figures_of(points: &[EquityPoint], trips: &[RoundTrip]) -> Result<Vec<FigureColumn>> {
    let mut columns = Vec::new();
    for curve in curves(points) {
        let equity: Vec<f64> =
            curve.points.iter().filter_map(|(_, equity)| value(*equity)).collect();
        let mine = trips.iter().filter(|trip| trip.sleeve == curve.name);
        let net: Vec<f64> = mine.filter_map(|trip| value(trip.net.0)).collect();
        let found = figures(&Request {
            series: Series::Equity(&equity),
            benchmark: None,
            round_trips: &net,
            options: Options::new(Options::PERIODS_EQUITY, 0.0, None)?,
        });
        let part = |share: Option<f64>| share.map(|share| format!("{:.2} %", share * 100.0));
        let ratio = |ratio: Option<f64>| ratio.map(|ratio| format!("{ratio:.2}"));
        let fact = |name: &str, text: Option<String>| Fact {
            name: name.to_owned(),
            value: text.unwrap_or_else(|| "not enough data".to_owned()),
        };
        columns.push(FigureColumn {
            sleeve: curve.name,
            figures: vec![
                fact("total return", part(found.total_return)),
                fact("maximum drawdown", part(found.max_drawdown)),
                fact("round trips", Some(net.len().to_string())),
                fact("win rate", part(found.win_rate)),
                fact("profit factor", ratio(found.profit_factor)),
                fact("expectancy", ratio(found.expectancy)),
            ],
        });
    }
    Ok(columns)
}

/// The price of each symbol that was traded, with the trades on it.
fn prices(books: &Books, bars: &[SymbolBar]) -> Vec<PricePicture> {
    let mut pictures = Vec::new();
    for symbol in plan::SYMBOLS.split(',') {
        let trades: Vec<Trade> = books
            .executions
            .iter()
            .filter(|execution| execution.symbol == symbol)
            .map(|execution| Trade {
                at: execution.at.0,
                price: execution.price.0,
                qty: execution.qty.0,
                side: if execution.side == "buy" { TradeSide::Buy } else { TradeSide::Sell },
                sleeve: execution.sleeve.clone(),
            })
            .collect();
        if trades.is_empty() {
            continue;
        }
        let mine = bars.iter().filter(|bar| bar.symbol.as_str() == symbol);
        let points = mine.map(|bar| (bar.at.0, bar.close.get())).collect();
        pictures.push(PricePicture { symbol: symbol.to_owned(), points, trades });
    }
    pictures
}
