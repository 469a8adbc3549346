//! The order endpoints.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};
use stockade_exchange::{Direction, Order, OrderQuery, Side, StatusFilter};

use super::answer::{Refusal, ok, with_status};
use super::body;
use super::params::Params;
use super::rest::Caller;
use super::shared::Shared;
use super::wire;

type Answer = Result<Response, Refusal>;

/// Orders of a list at most.
const ORDERS_MAX: usize = 500;
/// Orders of a list when the request does not say.
const ORDERS_DEFAULT: usize = 50;

/// `/v2/orders` and what is below it.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2/orders", get(list).post(submit).delete(cancel_all))
        .route("/v2/orders/{id}", get(one).patch(replace).delete(cancel))
        .route("/v2/orders:by_client_order_id", get(by_client_order_id))
}

async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    bytes: Bytes,
) -> Answer {
    let order = body::new_order(&bytes)?;
    let order = shared.engine().submit(account, order)?;
    Ok(ok(&wire::order(&order)))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    let query = query(&params)?;
    let wanted_class = params.list("asset_class");
    let engine = shared.engine();
    let orders: Vec<Value> = engine
        .exchange(account)
        .orders(&query)
        .iter()
        .filter(|o| {
            wanted_class.is_empty() || wanted_class.iter().any(|c| c == wire::class(o.asset_class))
        })
        .map(|o| wire::order(o))
        .collect();
    Ok(ok(&Value::Array(orders)))
}

fn query(params: &Params) -> Result<OrderQuery, Refusal> {
    let status = match params.get("status") {
        None | Some("open") => StatusFilter::Open,
        Some("closed") => StatusFilter::Closed,
        Some("all") => StatusFilter::All,
        Some(other) => return Err(Refusal::invalid(format!("invalid status \"{other}\""))),
    };
    let direction = match params.get("direction") {
        None | Some("desc") => Direction::Desc,
        Some("asc") => Direction::Asc,
        Some(other) => return Err(Refusal::invalid(format!("invalid direction \"{other}\""))),
    };
    let side = match params.get("side") {
        None => None,
        Some(text) => {
            let unknown = || Refusal::invalid(format!("invalid side \"{text}\""));
            Some(Side::parse(text).ok_or_else(unknown)?)
        }
    };
    let cursor = |name: &str| params.get(name).map(|text| wire::id(name, text)).transpose();
    let query = OrderQuery {
        status,
        direction,
        side,
        limit: params.limit("limit", ORDERS_DEFAULT, ORDERS_MAX)?,
        after: params.time("after")?.map(wire::nanos),
        until: params.time("until")?.map(wire::nanos),
        symbols: params.list("symbols"),
        after_order_id: cursor("after_order_id")?,
        before_order_id: cursor("before_order_id")?,
    };
    let by_id = query.after_order_id.is_some() || query.before_order_id.is_some();
    if by_id && (query.after.is_some() || query.until.is_some()) {
        return Err(Refusal::invalid("order id cursors cannot be combined with after or until"));
    }
    params.flag("nested")?;
    Ok(query)
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = wire::id("order_id", &id)?;
    let engine = shared.engine();
    let order = engine.exchange(account).order(id);
    found(order, || format!("order not found for {id}"))
}

async fn by_client_order_id(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    let Some(id) = params.get("client_order_id") else {
        return Err(Refusal::invalid("client_order_id is required"));
    };
    let engine = shared.engine();
    let order = engine.exchange(account).order_by_client_id(id);
    found(order, || format!("order not found for {id}"))
}

fn found(order: Option<&Order>, missing: impl FnOnce() -> String) -> Answer {
    let order = order.ok_or_else(|| Refusal::not_found(missing()))?;
    Ok(ok(&wire::order(order)))
}

async fn replace(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let id = wire::id("order_id", &id)?;
    let changes = body::changes(&bytes)?;
    let order = shared.engine().replace(account, id, changes)?;
    Ok(ok(&wire::order(&order)))
}

async fn cancel(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = wire::id("order_id", &id)?;
    shared.engine().cancel(account, id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn cancel_all(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
) -> Answer {
    let outcomes = shared.engine().cancel_all(account)?;
    let lines: Vec<Value> = outcomes
        .into_iter()
        .map(|outcome| match outcome.result {
            Ok(()) => json!({"id": outcome.id.to_string(), "status": 200}),
            Err(reject) => {
                let refusal = Refusal::from(reject);
                let (status, body) = (refusal.status.as_u16(), refusal.body());
                json!({"id": outcome.id.to_string(), "status": status, "body": body})
            }
        })
        .collect();
    Ok(with_status(StatusCode::MULTI_STATUS, &Value::Array(lines)))
}
