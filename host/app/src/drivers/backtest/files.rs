//! The files of `backtest --out`: equity, fills, round trips, summary, report; of a sweep its table
//! and page, of a walk-forward its windows. Each is whole or not there, and the same run gives the
//! same bytes: nothing in them depends on the machine or its clock.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use stockade_core::order::Size;
use stockade_store::query::At;

use super::page;
use super::result::{BacktestResult, Summary, drop_times};
use super::sweep::{Params, SetResult};
use super::walk::{WINDOW_COLUMNS, Walked};
use crate::cli::backtest::Goal;
use crate::cli::sweep::ParamRange;
use crate::report;
use crate::whole::{self, WholeFile};

/// Writes all files into a folder, which is made where it is missing.
pub(super) fn write(folder: &Path, result: &BacktestResult) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    equity(&folder.join("equity.csv"), result)?;
    fills(&folder.join("fills.csv"), result)?;
    round_trips(&folder.join("roundtrips.csv"), result)?;
    orders(&folder.join("orders.csv"), result)?;
    refusals(&folder.join("refusals.csv"), result)?;
    marks(&folder.join("marks.csv"), result)?;
    let summary = serde_json::to_string_pretty(&result.summary.lasting()?)?;
    let put = |name: &str, text: String| whole::write(&folder.join(name), text);
    put("summary.json", summary + "\n")?;
    put("report.html", report::render(&page::of_run(result)))
}

/// Writes a sweep: a row per run with its parameters first, the same as JSON, and a page with a
/// picture of the figure that sets are compared by.
pub(super) fn write_sweep(
    folder: &Path,
    ranges: &[ParamRange],
    sets: &[Params],
    results: &[SetResult],
    goal: Goal,
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let mut out = writer(&folder.join("sweep.csv"))?;
    let names = ranges.iter().map(|range| range.name.as_str());
    out.write_record(names.chain(SWEEP_COLUMNS))?;
    for (set, result) in sets.iter().zip(results) {
        let values = set.iter().map(|(_, value)| value.clone());
        let summary = result
            .summary
            .as_ref()
            .map_or_else(|| vec![String::new(); SWEEP_COLUMNS.len() - 1], sweep_cells);
        let error = result.error.clone().unwrap_or_default();
        out.write_record(values.chain(summary).chain([error]))?;
    }
    finish(out)?;
    let mut json = serde_json::to_value(results)?;
    drop_times(&mut json);
    let put = |name: &str, text: String| whole::write(&folder.join(name), text);
    put("sweep.json", serde_json::to_string_pretty(&json)? + "\n")?;
    put("sweep.html", report::render(&page::of_sweep(ranges, sets, results, goal)))
}

/// The columns of `sweep.csv` after the parameters.
const SWEEP_COLUMNS: [&str; 16] = [
    "final_equity",
    "total_return",
    "sharpe",
    "max_drawdown",
    "orders",
    "fills",
    "refusals",
    "strikes",
    "annual_return",
    "sortino",
    "calmar",
    "win_rate",
    "profit_factor",
    "expectancy",
    "fees",
    "error",
];

fn sweep_cells(summary: &Summary) -> Vec<String> {
    let figure = |figure: Option<f64>| figure.map(|f| f.to_string()).unwrap_or_default();
    let figures = &summary.figures;
    vec![
        summary.final_equity.to_string(),
        figure(figures.total_return),
        figure(figures.sharpe),
        figure(figures.max_drawdown),
        summary.orders.to_string(),
        summary.fills.to_string(),
        summary.refusals.to_string(),
        summary.strikes.len().to_string(),
        figure(figures.annual_return),
        figure(figures.sortino),
        figure(figures.calmar),
        figure(figures.win_rate),
        figure(figures.profit_factor),
        figure(figures.expectancy),
        summary.fees.to_string(),
    ]
}

/// Writes a walk-forward: the chained out-of-sample runs as the files of one backtest, and its
/// windows.
pub(super) fn write_walk(folder: &Path, walked: &Walked, chained: &BacktestResult) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    equity(&folder.join("equity.csv"), chained)?;
    fills(&folder.join("fills.csv"), chained)?;
    round_trips(&folder.join("roundtrips.csv"), chained)?;
    let mut out = writer(&folder.join("walk-forward.csv"))?;
    out.write_record(WINDOW_COLUMNS)?;
    for window in &walked.windows {
        out.write_record(window.cells())?;
    }
    finish(out)?;
    let mut json = serde_json::to_value(walked)?;
    drop_times(&mut json);
    let put = |name: &str, text: String| whole::write(&folder.join(name), text);
    put("summary.json", serde_json::to_string_pretty(&json)? + "\n")?;
    put("report.html", report::render(&page::of_walk(walked, chained)))
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
            result.name(row.sleeve).to_owned(),
            row.order.map(|id| id.to_string()).unwrap_or_default(),
        ])?;
    }
    finish(out)
}

fn text(value: Option<impl std::fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn orders(path: &Path, result: &BacktestResult) -> Result<()> {
    let mut out = writer(path)?;
    out.write_record(ORDER_COLUMNS)?;
    for row in &result.orders {
        let (qty, notional) = match row.size {
            Size::Qty(qty) => (Some(qty), None),
            Size::Notional(amount) => (None, Some(amount)),
        };
        let average = row.filled_value.get().checked_div(row.filled_qty.get());
        out.write_record([
            row.id.to_string(),
            At(row.accepted_at.0).to_string(),
            result.name(row.sleeve).to_owned(),
            row.symbol.to_string(),
            row.side.as_str().to_owned(),
            text(qty),
            text(notional),
            row.order_type.as_str().to_owned(),
            text(row.order_type.limit_price()),
            text(row.order_type.stop_price()),
            row.sent_type.as_str().to_owned(),
            text(row.sent_type.limit_price()),
            row.time_in_force.as_str().to_owned(),
            row.status.as_str().to_owned(),
            row.filled_qty.to_string(),
            text(average.map(|price| price.round_dp(9).normalize())),
            text(row.end_reason.as_ref()),
            text(row.reason.as_ref()),
            At(row.updated_at.0).to_string(),
        ])?;
    }
    finish(out)
}

/// The columns of `orders.csv`.
const ORDER_COLUMNS: [&str; 19] = [
    "order",
    "time",
    "sleeve",
    "symbol",
    "side",
    "qty",
    "notional",
    "type",
    "limit_price",
    "stop_price",
    "sent_type",
    "sent_limit_price",
    "time_in_force",
    "status",
    "filled_qty",
    "filled_avg_price",
    "end_reason",
    "reason",
    "updated",
];

fn refusals(path: &Path, result: &BacktestResult) -> Result<()> {
    let mut out = writer(path)?;
    out.write_record(["time", "sleeve", "symbol", "side", "qty", "type", "code", "message"])?;
    for row in &result.refused {
        let qty = match row.intent.size {
            Size::Qty(qty) => Some(qty),
            Size::Notional(_) => None,
        };
        out.write_record([
            At(row.at.0).to_string(),
            result.name(row.sleeve).to_owned(),
            row.intent.symbol.to_string(),
            row.intent.side.as_str().to_owned(),
            text(qty),
            row.intent.order_type.as_str().to_owned(),
            row.code.to_owned(),
            row.message.clone(),
        ])?;
    }
    finish(out)
}

fn marks(path: &Path, result: &BacktestResult) -> Result<()> {
    let mut out = writer(path)?;
    out.write_record(["symbol", "price"])?;
    for (symbol, price) in &result.marks {
        out.write_record([symbol.clone(), price.to_string()])?;
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
            result.name(row.sleeve).to_owned(),
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
