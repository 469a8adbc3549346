//! The assets: what the feed has bars of.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Map, Value, json};
use stockade_exchange::{Asset, AssetClass};

use super::answer::{Refusal, ok};
use super::params::Params;
use super::rest::Caller;
use super::shared::Shared;
use super::wire::{class, decimal};

type Answer = Result<Response, Refusal>;

/// `/v2/assets` and one of them.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v2/assets", get(list)).route("/v2/assets/{symbol}", get(one))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    let wanted = |asset: &Asset| {
        let status = if asset.active { "active" } else { "inactive" };
        params.get("status").is_none_or(|s| s == status)
            && params.get("asset_class").is_none_or(|c| c == class(asset.class))
            && params.get("exchange").is_none_or(|e| e == asset.exchange)
    };
    let engine = shared.engine();
    let assets = engine.exchange(account).assets();
    Ok(ok(&assets.filter(|a| wanted(a)).map(asset).collect()))
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    let engine = shared.engine();
    let exchange = engine.exchange(account);
    let found =
        exchange.asset(&name).or_else(|| exchange.assets().find(|a| a.id.to_string() == name));
    match found {
        Some(found) => Ok(ok(&asset(found))),
        None => Err(Refusal::not_found(format!("asset not found for {name}"))),
    }
}

fn asset(asset: &Asset) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("id", json!(asset.id.to_string()));
    put("class", json!(class(asset.class)));
    put("exchange", json!(asset.exchange));
    put("symbol", json!(&*asset.symbol));
    put("name", json!(asset.name));
    put("status", json!(if asset.active { "active" } else { "inactive" }));
    put("tradable", json!(asset.tradable));
    put("marginable", json!(asset.marginable));
    put("shortable", json!(asset.shortable));
    put("easy_to_borrow", json!(asset.shortable));
    put("borrow_status", json!(if asset.shortable { "easy_to_borrow" } else { "not_available" }));
    put("fractionable", json!(asset.fractionable));
    put("attributes", json!([]));
    put("margin_requirement_long", json!("100"));
    put("margin_requirement_short", json!("100"));
    if asset.class == AssetClass::Crypto {
        put("min_order_size", json!(decimal(asset.min_order_size)));
        put("min_trade_increment", json!(decimal(asset.min_trade_increment)));
        put("price_increment", json!(decimal(asset.price_increment)));
    }
    Value::Object(members)
}
