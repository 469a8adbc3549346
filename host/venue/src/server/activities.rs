//! The account's activities.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};
use stockade_exchange::time::Date;
use stockade_exchange::{Activity, ActivityKind, ActivityQuery, Direction, Execution};

use super::answer::{Refusal, ok};
use super::params::Params;
use super::rest::Caller;
use super::shared::Shared;
use super::wire::{decimal, decimal_or_null, id, nanos};

type Answer = Result<Response, Refusal>;

/// Activities of a page, by default and at most.
const PAGE_MAX: usize = 100;

/// `/v2/account/activities` and one type of them.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2/account/activities", get(all))
        .route("/v2/account/activities/{kind}", get(of_kind))
}

async fn all(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    let kinds = params.list("activity_types");
    answer(&shared, account, &params, &kinds)
}

async fn of_kind(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(kind): Path<String>,
    params: Params,
) -> Answer {
    answer(&shared, account, &params, &[kind])
}

fn answer(shared: &Shared, account: usize, params: &Params, kinds: &[String]) -> Answer {
    let mut wanted: Vec<ActivityKind> =
        kinds.iter().filter_map(|k| ActivityKind::parse(k)).collect();
    match params.get("category") {
        None => {}
        Some("trade_activity") => wanted.push(ActivityKind::Fill),
        Some("non_trade_activity") => {
            wanted.extend(ActivityKind::ALL.iter().filter(|k| **k != ActivityKind::Fill));
        }
        Some(other) => return Err(Refusal::invalid(format!("invalid category \"{other}\""))),
    }
    // Types that exist elsewhere and never occur here are an empty list, not an error.
    if wanted.is_empty() && !kinds.is_empty() {
        return Ok(ok(&Value::Array(Vec::new())));
    }
    let direction = match params.get("direction") {
        None | Some("desc") => Direction::Desc,
        Some("asc") => Direction::Asc,
        Some(other) => return Err(Refusal::invalid(format!("invalid direction \"{other}\""))),
    };
    let date = match params.get("date") {
        None => None,
        Some(text) => {
            let date = text.get(..10).and_then(Date::parse);
            Some(date.ok_or_else(|| Refusal::invalid(format!("invalid date \"{text}\"")))?)
        }
    };
    let query = ActivityQuery {
        kinds: wanted,
        after: params.time("after")?.map(nanos),
        until: params.time("until")?.map(nanos),
        date,
        order_id: params.get("order_id").map(|text| id("order_id", text)).transpose()?,
        direction,
        page_size: params.limit("page_size", PAGE_MAX, PAGE_MAX)?,
        page_token: params.get("page_token").map(str::to_owned),
    };
    let engine = shared.engine();
    let report = engine.exchange(account).account();
    let found = engine.exchange(account).activities(&query);
    let account_id = report.id.to_string();
    let rows = found.into_iter().map(|a| activity(a, &account_id)).collect();
    Ok(ok(&Value::Array(rows)))
}

fn activity(activity: &Activity, account_id: &str) -> Value {
    let symbol = activity.symbol.as_deref();
    let Some(fill) = &activity.fill else {
        return json!({
            "id": activity.id(),
            "account_id": account_id,
            "activity_type": activity.kind.as_str(),
            "activity_sub_type": activity.sub_type,
            "date": activity.at.new_york_date().to_string(),
            "created_at": activity.at.rfc3339(),
            "net_amount": decimal(activity.net_amount),
            "symbol": symbol,
            "qty": decimal(activity.qty),
            "per_share_amount": decimal_or_null(activity.per_share),
            "description": activity.description,
            "currency": "USD",
            "status": "executed",
        });
    };
    let kind = match fill.execution {
        Execution::Fill if fill.complete => "fill",
        Execution::Fill => "partial_fill",
        taken_back => taken_back.as_str(),
    };
    json!({
        "id": activity.id(),
        "account_id": account_id,
        "activity_type": activity.kind.as_str(),
        "type": kind,
        "execution_type": fill.execution.as_str(),
        "previous_id": fill.previous.map(|id| id.to_string()),
        "transaction_time": activity.at.rfc3339(),
        "price": decimal(fill.price),
        "qty": decimal(fill.qty),
        "side": if fill.short { "sell_short" } else { fill.side.as_str() },
        "symbol": symbol,
        "leaves_qty": decimal(fill.leaves_qty),
        "cum_qty": decimal(fill.cum_qty),
        "order_id": fill.order_id.to_string(),
        "order_status": fill.order_status.as_str(),
    })
}
