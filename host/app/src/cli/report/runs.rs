//! Runs to compare: a backtest's `--out` folder, or a sleeve of a data folder's books.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rust_decimal::Decimal;
use serde::Deserialize;
use stockade_core::Timestamp;
use stockade_store::query::{
    Filter, OrderFilter, PgPool, execution_list, order_list, position_list, refusal_list,
    sleeve_list,
};

use crate::cli::argument;
use crate::cli::context::{Context, failed};
use crate::failure::Failure;

/// A run, as a comparison needs it.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// As it was named.
    pub(super) name: String,
    /// Orders and refused intents, in order of time.
    pub(super) orders: Vec<RunOrder>,
    /// The last price of each symbol, as far as it is known.
    pub(super) marks: BTreeMap<String, Decimal>,
}

/// An order, or an intent that was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunOrder {
    pub(super) at: i64,
    /// Its number; empty for a refused intent.
    pub(super) id: String,
    pub(super) sleeve: String,
    pub(super) symbol: String,
    pub(super) buys: bool,
    pub(super) qty: Option<Decimal>,
    /// What was asked for: type, limit, stop.
    pub(super) wanted: String,
    /// What was sent to the broker.
    pub(super) sent: String,
    pub(super) status: String,
    pub(super) end_reason: String,
    /// The reason code and words of a refusal.
    pub(super) refused: Option<(String, String)>,
    pub(super) fills: Vec<RunFill>,
}

/// An execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunFill {
    pub(super) at: i64,
    pub(super) qty: Decimal,
    pub(super) price: Decimal,
    pub(super) fee: Decimal,
}

impl RunOrder {
    /// Filled in all.
    pub(super) fn filled(&self) -> Decimal {
        self.fills.iter().map(|fill| fill.qty).sum()
    }

    /// Mean price of its executions.
    pub(super) fn average(&self) -> Option<Decimal> {
        let value: Decimal = self.fills.iter().map(|fill| fill.qty * fill.price).sum();
        value.checked_div(self.filled()).map(|price| price.round_dp(9).normalize())
    }

    /// Fees of its executions.
    pub(super) fn fees(&self) -> Decimal {
        self.fills.iter().map(|fill| fill.fee).sum()
    }
}

fn described(kind: &str, limit: Option<Decimal>, stop: Option<Decimal>) -> String {
    let mut text = kind.to_owned();
    for (name, price) in [("limit", limit), ("stop", stop)] {
        if let Some(price) = price {
            text.push_str(&format!(" {name} {}", price.normalize()));
        }
    }
    text
}

/// Reads a run: a folder with a backtest's files, `DATA_FOLDER[:SLEEVE]`, or a sleeve of the present
/// data folder.
pub(super) async fn read(context: &Context, name: &str) -> Result<Run, Failure> {
    let folder = Path::new(name);
    if folder.join("fills.csv").is_file() {
        return of_folder(name, folder).map_err(Failure::Failed);
    }
    let (data, sleeve): (Option<PathBuf>, Option<String>) = match name.rsplit_once(':') {
        _ if folder.is_dir() => (Some(folder.to_owned()), None),
        Some((data, sleeve)) if Path::new(data).is_dir() => {
            (Some(data.into()), Some(sleeve.to_owned()))
        }
        _ => (None, Some(name.to_owned())),
    };
    let Some(data) = data else {
        return of_books(name, &context.pool().await?, context.account(), sleeve).await;
    };
    let apart = Context::new(context.settings.apart(data), None);
    let read = match apart.pool().await {
        Ok(pool) => of_books(name, &pool, apart.account(), sleeve).await,
        Err(failure) => Err(failure),
    };
    let closed = apart.close().await;
    let run = read?;
    closed?;
    Ok(run)
}

/// A row of `orders.csv`.
#[derive(Debug, Deserialize)]
struct OrderLine {
    order: String,
    time: String,
    sleeve: String,
    symbol: String,
    side: String,
    qty: Option<Decimal>,
    #[serde(rename = "type")]
    kind: String,
    limit_price: Option<Decimal>,
    stop_price: Option<Decimal>,
    sent_type: String,
    sent_limit_price: Option<Decimal>,
    status: String,
    end_reason: String,
}

/// A row of `fills.csv`.
#[derive(Debug, Deserialize)]
struct FillLine {
    time: String,
    qty: Decimal,
    price: Decimal,
    fee: Decimal,
    order: String,
}

/// A row of `refusals.csv`.
#[derive(Debug, Deserialize)]
struct RefusalLine {
    time: String,
    sleeve: String,
    symbol: String,
    side: String,
    qty: Option<Decimal>,
    #[serde(rename = "type")]
    kind: String,
    code: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct MarkLine {
    symbol: String,
    price: Decimal,
}

fn rows<T: for<'a> Deserialize<'a>>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read(path)
        .with_context(|| format!("{} can't be read: backtest --out writes it", path.display()))?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let rows = reader.deserialize().collect::<Result<Vec<T>, csv::Error>>();
    rows.with_context(|| format!("{} is not as backtest --out writes it", path.display()))
}

fn at(text: &str) -> anyhow::Result<i64> {
    let Timestamp(at) = argument::time(text).map_err(anyhow::Error::new)?;
    Ok(at)
}

fn of_folder(name: &str, folder: &Path) -> anyhow::Result<Run> {
    let mut fills: BTreeMap<String, Vec<RunFill>> = BTreeMap::new();
    for line in rows::<FillLine>(&folder.join("fills.csv"))? {
        let FillLine { qty, price, fee, .. } = line;
        let fill = RunFill { at: at(&line.time)?, qty, price, fee };
        fills.entry(line.order).or_default().push(fill);
    }
    let mut run = Run { name: name.to_owned(), ..Run::default() };
    for line in rows::<OrderLine>(&folder.join("orders.csv"))? {
        run.orders.push(RunOrder {
            at: at(&line.time)?,
            fills: fills.remove(&line.order).unwrap_or_default(),
            id: line.order,
            sleeve: line.sleeve,
            symbol: line.symbol,
            buys: line.side == "buy",
            qty: line.qty,
            wanted: described(&line.kind, line.limit_price, line.stop_price),
            sent: described(&line.sent_type, line.sent_limit_price, line.stop_price),
            status: line.status,
            end_reason: line.end_reason,
            refused: None,
        });
    }
    for line in rows::<RefusalLine>(&folder.join("refusals.csv"))? {
        run.orders.push(RunOrder {
            at: at(&line.time)?,
            sleeve: line.sleeve,
            symbol: line.symbol,
            buys: line.side == "buy",
            qty: line.qty,
            wanted: line.kind,
            status: "refused".to_owned(),
            refused: Some((line.code, line.message)),
            ..RunOrder::default()
        });
    }
    let marks = rows::<MarkLine>(&folder.join("marks.csv"))?.into_iter();
    run.marks = marks.map(|line| (line.symbol, line.price)).collect();
    run.orders.sort_by_key(|order| order.at);
    Ok(run)
}

async fn of_books(
    name: &str,
    pool: &PgPool,
    account: Option<String>,
    sleeve: Option<String>,
) -> Result<Run, Failure> {
    let filter = Filter { account, sleeve: sleeve.clone(), ..Filter::default() };
    let known = sleeve_list(pool, &filter, false).await.map_err(failed)?;
    if let Some(sleeve) = sleeve
        && known.is_empty()
    {
        return Err(Failure::NotFound { what: "sleeve", name: sleeve });
    }
    let mut fills: BTreeMap<(String, i64), Vec<RunFill>> = BTreeMap::new();
    let mut executions = execution_list(pool, &filter).await.map_err(failed)?;
    executions.sort_by_key(|row| (row.at.0, row.entry));
    for row in executions {
        let (Some(order), None) = (row.order_id, &row.corrected_by) else { continue };
        let fill = RunFill { at: row.at.0, qty: row.qty.0, price: row.price.0, fee: row.fee.0 };
        fills.entry((row.account, order)).or_default().push(fill);
    }
    let mut run = Run { name: name.to_owned(), ..Run::default() };
    for row in order_list(pool, &filter, &OrderFilter::default()).await.map_err(failed)? {
        let number = |number: Option<stockade_store::query::Number>| number.map(|n| n.0);
        run.orders.push(RunOrder {
            at: row.accepted_at.0,
            fills: fills.remove(&(row.account, row.id)).unwrap_or_default(),
            id: row.id.to_string(),
            sleeve: row.sleeve,
            symbol: row.symbol,
            buys: row.side == "buy",
            qty: number(row.qty),
            wanted: described(&row.order_type, number(row.limit_price), number(row.stop_price)),
            sent: described(&row.sent_type, number(row.sent_limit_price), number(row.stop_price)),
            status: row.status,
            end_reason: row.end_reason.unwrap_or_default(),
            refused: None,
        });
    }
    for row in refusal_list(pool, &filter).await.map_err(failed)? {
        let of = |key: &str| row.intent.get(key).and_then(|value| value.as_str());
        let qty = row.intent.pointer("/size/qty").and_then(|value| value.as_str());
        run.orders.push(RunOrder {
            at: row.at.0,
            symbol: of("symbol").unwrap_or_default().to_owned(),
            buys: of("side") == Some("buy"),
            qty: qty.and_then(|qty| qty.parse().ok()),
            status: "refused".to_owned(),
            sleeve: row.sleeve,
            refused: Some((row.code, row.message)),
            ..RunOrder::default()
        });
    }
    for row in position_list(pool, &filter).await.map_err(failed)? {
        if let Some(mark) = row.mark {
            run.marks.insert(row.symbol, mark.0);
        }
    }
    run.orders.sort_by_key(|order| order.at);
    Ok(run)
}
