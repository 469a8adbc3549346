//! The market data endpoints: bars with paging, latest values, snapshots.
//!
//! They answer from the feed up to the market's present time and never touch an account.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;

use super::answer::{Refusal, json_text};
use super::data_message::{quote, trade};
use super::history::{FeedBar, Row, Timeframe};
use super::params::Params;
use super::shared::Shared;
use super::value::Value;

/// Rows of an answer when the request does not say.
const ROWS_DEFAULT: usize = 1_000;
/// Rows of an answer at most, over all symbols.
const ROWS_MAX: usize = 10_000;
/// Symbols that one request can name.
const SYMBOLS_MAX: usize = 1_000;

type Answer = Result<Response, Refusal>;

/// What a latest endpoint gives.
#[derive(Clone, Copy)]
enum Latest {
    Bars,
    Quotes,
    Trades,
}

impl Latest {
    const fn plural(self) -> &'static str {
        match self {
            Self::Bars => "bars",
            Self::Quotes => "quotes",
            Self::Trades => "trades",
        }
    }

    const fn singular(self) -> &'static str {
        match self {
            Self::Bars => "bar",
            Self::Quotes => "quote",
            Self::Trades => "trade",
        }
    }

    fn of(self, bar: &FeedBar) -> Value {
        match self {
            Self::Bars => Row::of(bar).value(),
            Self::Quotes => quote(bar),
            Self::Trades => trade(bar),
        }
    }
}

/// The routes under `/v2/stocks` and `/v1beta3/crypto/us`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    let mut router = Router::new()
        .route("/v2/stocks/bars", get(|s, p| bars(s, p, false)))
        .route("/v2/stocks/{symbol}/bars", get(bars_of_one))
        .route("/v2/stocks/snapshots", get(|s, p| snapshots(s, p, false)))
        .route("/v2/stocks/{symbol}/snapshot", get(snapshot_of_one))
        .route("/v1/corporate-actions", get(super::actions::announced))
        .route("/v1beta3/crypto/us/bars", get(|s, p| bars(s, p, true)))
        .route("/v1beta3/crypto/us/snapshots", get(|s, p| snapshots(s, p, true)));
    for kind in [Latest::Bars, Latest::Quotes, Latest::Trades] {
        let name = kind.plural();
        router = router
            .route(&format!("/v2/stocks/{name}/latest"), get(move |s, p| latest(s, p, false, kind)))
            .route(
                &format!("/v2/stocks/{{symbol}}/{name}/latest"),
                get(move |s, path| latest_of_one(s, path, kind)),
            )
            .route(
                &format!("/v1beta3/crypto/us/latest/{name}"),
                get(move |s, p| latest(s, p, true, kind)),
            );
    }
    router
}

async fn bars(State(shared): State<Arc<Shared>>, params: Params, crypto: bool) -> Answer {
    let symbols = symbols(&params, crypto)?;
    let page = page(&shared, &params, &symbols)?;
    let mut by_symbol: Vec<(std::borrow::Cow<'static, str>, Value)> = Vec::new();
    for (symbol, row) in page.rows {
        match by_symbol.last_mut() {
            Some((last, Value::List(rows))) if *last == symbol => rows.push(row.value()),
            _ => by_symbol.push((symbol.into(), Value::List(vec![row.value()]))),
        }
    }
    let answer = Value::map([("bars", Value::Map(by_symbol)), ("next_page_token", page.next)]);
    Ok(json_text(answer.to_json()))
}

async fn bars_of_one(
    State(shared): State<Arc<Shared>>,
    Path(symbol): Path<String>,
    params: Params,
) -> Answer {
    let symbols = BTreeSet::from([symbol.clone()]);
    let page = page(&shared, &params, &symbols)?;
    let rows = page.rows.into_iter().map(|(_, row)| row.value()).collect();
    let answer = Value::map([
        ("bars", Value::List(rows)),
        ("symbol", Value::text(symbol)),
        ("next_page_token", page.next),
    ]);
    Ok(json_text(answer.to_json()))
}

struct Page {
    rows: Vec<(String, Row)>,
    next: Value,
}

/// One page of bars: by symbol, then by time.
fn page(shared: &Shared, params: &Params, symbols: &BTreeSet<String>) -> Result<Page, Refusal> {
    let now = shared.now();
    let timeframe = params.get("timeframe").unwrap_or("1Min");
    let timeframe = Timeframe::parse(timeframe)
        .ok_or_else(|| Refusal::bad_parameter(format!("invalid timeframe: {timeframe}")))?;
    let from = params
        .time_in_data("start")?
        .unwrap_or_else(|| Timeframe::Day.floor(now, symbols.iter().all(|s| s.contains('/'))));
    let to = params.time_in_data("end")?.unwrap_or(now);
    if from > to {
        return Err(Refusal::bad_parameter("end should not be before start"));
    }
    let limit = params.limit_in_data(ROWS_DEFAULT, ROWS_MAX)?;
    let descending = match params.get("sort") {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => return Err(Refusal::bad_parameter(format!("invalid sort: {other}"))),
    };
    let after = params.get("page_token").map(page_token).transpose()?;
    let mut rows: Vec<(String, Row)> = Vec::new();
    let mut next = Value::Null;
    'symbols: for symbol in symbols {
        if after.as_ref().is_some_and(|(last, _)| symbol < last) {
            continue;
        }
        let mut of_symbol = shared.history().rows(symbol, timeframe, (from, to), now);
        if descending {
            of_symbol.reverse();
        }
        for row in of_symbol {
            let seen = after.as_ref().is_some_and(|(last, at)| {
                symbol == last && if descending { row.start() >= *at } else { row.start() <= *at }
            });
            if seen {
                continue;
            }
            if rows.len() == limit {
                if let Some((symbol, row)) = rows.last() {
                    next = Value::text(format!("{symbol}|{}", row.start()));
                }
                break 'symbols;
            }
            rows.push((symbol.clone(), row));
        }
    }
    Ok(Page { rows, next })
}

/// The symbol and bar start that the former page ended with.
fn page_token(text: &str) -> Result<(String, i64), Refusal> {
    text.split_once('|')
        .and_then(|(symbol, at)| Some((symbol.to_owned(), at.parse().ok()?)))
        .ok_or_else(|| Refusal::bad_parameter("invalid page_token"))
}

async fn latest(
    State(shared): State<Arc<Shared>>,
    params: Params,
    crypto: bool,
    kind: Latest,
) -> Answer {
    let now = shared.now();
    let members = symbols(&params, crypto)?
        .into_iter()
        .filter_map(|symbol| {
            let value = kind.of(shared.history().latest(&symbol, now)?);
            Some((symbol.into(), value))
        })
        .collect();
    Ok(json_text(Value::map([(kind.plural(), Value::Map(members))]).to_json()))
}

async fn latest_of_one(
    State(shared): State<Arc<Shared>>,
    Path(symbol): Path<String>,
    kind: Latest,
) -> Answer {
    let Some(bar) = shared.history().latest(&symbol, shared.now()) else {
        return Err(Refusal::not_found(format!("no {} found for {symbol}", kind.singular())));
    };
    let value = kind.of(bar);
    let answer = Value::map([("symbol", Value::text(symbol)), (kind.singular(), value)]);
    Ok(json_text(answer.to_json()))
}

async fn snapshots(State(shared): State<Arc<Shared>>, params: Params, crypto: bool) -> Answer {
    let members = symbols(&params, crypto)?
        .into_iter()
        .filter_map(|symbol| Some((symbol.clone().into(), snapshot(&shared, &symbol, crypto)?)))
        .collect();
    let by_symbol = Value::Map(members);
    let answer = if crypto { Value::map([("snapshots", by_symbol)]) } else { by_symbol };
    Ok(json_text(answer.to_json()))
}

async fn snapshot_of_one(State(shared): State<Arc<Shared>>, Path(symbol): Path<String>) -> Answer {
    let Some(Value::Map(mut members)) = snapshot(&shared, &symbol, false) else {
        return Err(Refusal::not_found(format!("no snapshot found for {symbol}")));
    };
    members.insert(0, ("symbol".into(), Value::text(symbol)));
    Ok(json_text(Value::Map(members).to_json()))
}

fn snapshot(shared: &Shared, symbol: &str, crypto: bool) -> Option<Value> {
    let now = shared.now();
    let bar = shared.history().latest(symbol, now)?;
    let today = Timeframe::Day.floor(bar.start, crypto);
    // A long week-end is four days; ten are enough to find the day before.
    let since = today - 10 * 24 * super::time::HOUR;
    let days = shared.history().rows(symbol, Timeframe::Day, (since, today), now);
    let mut members = vec![
        ("latestTrade".into(), trade(bar)),
        ("latestQuote".into(), quote(bar)),
        ("minuteBar".into(), Row::of(bar).value()),
    ];
    let mut newest = days.iter().rev();
    for name in ["dailyBar", "prevDailyBar"] {
        if let Some(day) = newest.next() {
            members.push((name.into(), day.value()));
        }
    }
    Some(Value::Map(members))
}

/// The `symbols` parameter, in the order of the answer.
fn symbols(params: &Params, crypto: bool) -> Result<BTreeSet<String>, Refusal> {
    let Some(list) = params.get("symbols").filter(|list| !list.is_empty()) else {
        return Err(Refusal::bad_parameter("symbols is required"));
    };
    let symbols: BTreeSet<String> = list.split(',').map(|s| s.trim().to_owned()).collect();
    if symbols.len() > SYMBOLS_MAX {
        let text = format!("{} symbols asked for, allowed are {SYMBOLS_MAX}", symbols.len());
        return Err(Refusal::bad_parameter(text));
    }
    match symbols.iter().find(|s| s.is_empty() || s.contains('/') != crypto) {
        Some(wrong) => Err(Refusal::bad_parameter(format!("invalid symbol: {wrong}"))),
        None => Ok(symbols),
    }
}
