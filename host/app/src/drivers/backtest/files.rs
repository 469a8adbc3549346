//! The files of `backtest --out`: equity, fills, round trips, summary, report. Each is whole or not
//! there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use stockade_store::query::At;

use super::result::{BacktestResult, Summary};
use super::run::Setup;
use crate::cli::screen;
use crate::report::{self, Curve, Fact, PricePicture, ReportData, Trade, TradeSide};
use crate::whole::{self, WholeFile};

/// Writes all files into a folder, which is made where it is missing.
pub(super) fn write(folder: &Path, result: &BacktestResult) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    equity(&folder.join("equity.csv"), result)?;
    fills(&folder.join("fills.csv"), result)?;
    round_trips(&folder.join("roundtrips.csv"), result)?;
    let summary = serde_json::to_string_pretty(&result.summary)?;
    let put = |name: &str, text: String| whole::write(&folder.join(name), text);
    put("summary.json", summary + "\n")?;
    put("report.html", report::render(&data(result)))
}

/// Writes a sweep's table: a row per run, its parameters first.
pub(super) fn write_sweep(folder: &Path, setups: &[Setup], summaries: &[Summary]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let mut out = writer(&folder.join("sweep.csv"))?;
    let params = |setup: &Setup| -> Vec<(String, String)> {
        setup.entries.iter().flat_map(|entry| entry.params.clone()).collect()
    };
    let names: Vec<String> =
        setups.first().map(params).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let columns = [
        "final_equity",
        "total_return",
        "sharpe",
        "max_drawdown",
        "orders",
        "fills",
        "refusals",
        "strikes",
    ];
    out.write_record(names.iter().map(String::as_str).chain(columns))?;
    let figure = |figure: Option<f64>| figure.map(|f| f.to_string()).unwrap_or_default();
    for (setup, summary) in setups.iter().zip(summaries) {
        let values = params(setup).into_iter().map(|(_, value)| value);
        let results = [
            summary.final_equity.to_string(),
            figure(summary.figures.total_return),
            figure(summary.figures.sharpe),
            figure(summary.figures.max_drawdown),
            summary.orders.to_string(),
            summary.fills.to_string(),
            summary.refusals.to_string(),
            summary.strikes.len().to_string(),
        ];
        out.write_record(values.chain(results))?;
    }
    finish(out)
}

fn writer(path: &Path) -> Result<csv::Writer<WholeFile>> {
    Ok(csv::Writer::from_writer(WholeFile::create(path)?))
}

/// Everything is on the disk, or the error says which file is not.
fn finish(out: csv::Writer<WholeFile>) -> Result<()> {
    let file = out.into_inner().map_err(|error| anyhow::anyhow!(error.error().to_string()))?;
    file.finish()
}

fn equity(path: &Path, result: &BacktestResult) -> Result<()> {
    let mut out = writer(path)?;
    out.write_record(["timestamp", "equity"])?;
    for (at, equity) in &result.curve[1..] {
        out.write_record([At(at.0).to_string(), equity.to_string()])?;
    }
    finish(out)
}

fn name(result: &BacktestResult, sleeve: u64) -> &str {
    result.names.iter().find(|(id, _)| *id == sleeve).map_or("", |(_, name)| name)
}

fn fills(path: &Path, result: &BacktestResult) -> Result<()> {
    let mut out = writer(path)?;
    out.write_record([
        "time",
        "symbol",
        "side",
        "qty",
        "price",
        "fee",
        "execution_id",
        "sleeve",
        "order",
    ])?;
    for row in &result.executions {
        out.write_record([
            At(row.at.0).to_string(),
            row.symbol.to_string(),
            row.side.as_str().to_owned(),
            row.qty.to_string(),
            row.price.to_string(),
            row.fee.to_string(),
            row.execution_id.to_string(),
            name(result, row.sleeve.0).to_owned(),
            row.order.map(|id| id.to_string()).unwrap_or_default(),
        ])?;
    }
    finish(out)
}

fn round_trips(path: &Path, result: &BacktestResult) -> Result<()> {
    let mut out = writer(path)?;
    out.write_record([
        "sleeve",
        "symbol",
        "side",
        "qty",
        "entry_time",
        "entry_price",
        "exit_time",
        "exit_price",
        "gross",
        "opening_fee",
        "closing_fee",
        "net_pnl",
        "exit_reason",
    ])?;
    for row in &result.round_trips {
        out.write_record([
            name(result, row.sleeve.0).to_owned(),
            row.symbol.to_string(),
            match row.side {
                stockade_core::ledger::LotSide::Long => "long".to_owned(),
                stockade_core::ledger::LotSide::Short => "short".to_owned(),
            },
            row.qty.to_string(),
            At(row.entry_time.0).to_string(),
            row.entry_price.to_string(),
            At(row.exit_time.0).to_string(),
            row.exit_price.to_string(),
            row.gross.to_string(),
            row.opening_fee.to_string(),
            row.closing_fee.to_string(),
            row.net.to_string(),
            row.exit_reason.as_deref().unwrap_or_default().to_owned(),
        ])?;
    }
    finish(out)
}

fn data(result: &BacktestResult) -> ReportData {
    let summary = &result.summary;
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
    let trades = |symbol: &str| {
        let of = result.executions.iter().filter(|row| row.symbol.as_str() == symbol);
        of.map(|row| Trade {
            at: row.at.0,
            price: row.price.get(),
            qty: row.qty.get(),
            side: match row.side {
                stockade_core::order::Side::Buy => TradeSide::Buy,
                stockade_core::order::Side::Sell => TradeSide::Sell,
            },
            sleeve: name(result, row.sleeve.0).to_owned(),
        })
        .collect()
    };
    ReportData {
        title: "Backtest".to_owned(),
        subtitle: format!("{} to {}", summary.start, summary.end),
        facts: vec![
            fact("equity", screen::money(summary.final_equity)),
            fact("realised", screen::money(summary.realised)),
            fact("fills", summary.fills.to_string()),
            fact("bars", summary.bars.to_string()),
        ],
        equity: vec![Curve {
            name: "equity".to_owned(),
            points: result.curve.iter().map(|(at, equity)| (at.0, equity.get())).collect(),
        }],
        prices: result
            .closes
            .iter()
            .map(|(symbol, points)| PricePicture {
                symbol: symbol.clone(),
                points: points.clone(),
                trades: trades(symbol),
            })
            .collect(),
        ..ReportData::default()
    }
}
