//! The position endpoints.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use stockade_exchange::{CloseSize, PositionReport};

use super::answer::{Refusal, ok, with_status};
use super::body;
use super::params::Params;
use super::rest::Caller;
use super::shared::Shared;
use super::wire::{class, decimal, order};

type Answer = Result<Response, Refusal>;

/// `/v2/positions` and what is below it.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2/positions", get(list).delete(close_all))
        .route("/v2/positions/{symbol}", get(one).delete(close))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
) -> Answer {
    let reports = shared.engine().exchange(account).positions();
    Ok(ok(&reports.iter().map(position).collect()))
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(symbol): Path<String>,
) -> Answer {
    let report = find(&shared, account, &symbol)?;
    Ok(ok(&position(&report)))
}

/// A position by symbol, with or without slash, or by asset id.
fn find(shared: &Shared, account: usize, name: &str) -> Result<PositionReport, Refusal> {
    let engine = shared.engine();
    let mut reports = engine.exchange(account).positions().into_iter();
    let found = reports.find(|report| {
        report.symbol == name
            || *report.asset_symbol == *name
            || report.asset_id.to_string() == name
    });
    found.ok_or_else(|| Refusal::not_found("position does not exist"))
}

async fn close(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(symbol): Path<String>,
    params: Params,
) -> Answer {
    let size = match (amount(&params, "qty")?, amount(&params, "percentage")?) {
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("only one of qty and percentage is accepted"));
        }
        (Some(qty), None) => CloseSize::Qty(qty),
        (None, Some(share)) => CloseSize::Percentage(share),
        (None, None) => CloseSize::All,
    };
    let symbol = find(&shared, account, &symbol)?.asset_symbol.to_string();
    let closing = shared.engine().close(account, symbol, size)?;
    Ok(ok(&order(&closing)))
}

fn amount(params: &Params, name: &str) -> Result<Option<Decimal>, Refusal> {
    let Some(text) = params.get(name) else {
        return Ok(None);
    };
    let unreadable = || Refusal::invalid(format!("invalid {name} \"{text}\""));
    body::number(text).map(Some).ok_or_else(unreadable)
}

async fn close_all(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    if params.flag("cancel_orders")? {
        shared.engine().cancel_all(account)?;
    }
    let reports = shared.engine().exchange(account).positions();
    let mut lines = Vec::with_capacity(reports.len());
    for report in reports {
        let closing =
            shared.engine().close(account, report.asset_symbol.to_string(), CloseSize::All);
        let (status, body) = match closing {
            Ok(closing) => (200, order(&closing)),
            Err(refusal) => (refusal.status.as_u16(), refusal.body()),
        };
        lines.push(json!({"symbol": report.symbol, "status": status, "body": body}));
    }
    Ok(with_status(StatusCode::MULTI_STATUS, &Value::Array(lines)))
}

/// A position; without a price what depends on one is null.
fn position(report: &PositionReport) -> Value {
    let long = !report.qty.is_sign_negative();
    let priced = !report.current_price.is_zero();
    let money = |value: Decimal| {
        if priced { json!(decimal(value)) } else { Value::Null }
    };
    let last = (!report.lastday_price.is_zero()).then_some(report.lastday_price);
    let (today, today_share, change) = match last {
        Some(last) if priced => {
            let change = report.current_price - last;
            let per = |value: Decimal, of: Decimal| {
                value.checked_div(of).map_or(Decimal::ZERO, |share| share.round_dp(6))
            };
            let gain = (change * report.qty).round_dp(2);
            let share = per(change, last);
            (
                json!(decimal(gain)),
                json!(decimal(if long { share } else { -share })),
                json!(decimal(share)),
            )
        }
        _ => (Value::Null, Value::Null, Value::Null),
    };
    json!({
        "asset_id": report.asset_id.to_string(),
        "symbol": report.symbol,
        "exchange": report.exchange,
        "asset_class": class(report.asset_class),
        "asset_marginable": report.asset_marginable,
        "qty": decimal(report.qty),
        "qty_available": decimal(report.qty_available),
        "avg_entry_price": decimal(report.avg_entry_price),
        "side": if long { "long" } else { "short" },
        "market_value": money(report.market_value),
        "cost_basis": decimal(report.cost_basis),
        "unrealized_pl": money(report.unrealized_pl),
        "unrealized_plpc": money(report.unrealized_plpc),
        "unrealized_intraday_pl": today,
        "unrealized_intraday_plpc": today_share,
        "current_price": money(report.current_price),
        "lastday_price": last.map_or(Value::Null, |price| json!(decimal(price))),
        "change_today": change,
    })
}
