//! The trading endpoints.

use serde_json::{Value, json};

use super::client::{Rest, World, limit, manual, market};
use crate::server::{AccountConfig, DEFAULT_CASH, DEFAULT_KEY_ID, ServerConfig};

#[tokio::test]
async fn keys_are_looked_at_and_every_answer_has_id_and_budget() {
    let world = World::start(manual()).await;
    let wrong = Rest::new(&world.exchange, DEFAULT_KEY_ID, "x").get("/v2/account").await;
    assert_eq!((wrong.status, wrong.json()), (401, json!({"message": "unauthorized."})));
    let answer = world.rest.get("/v2/account").await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers["x-request-id"].len() >= 32);
    for name in ["limit", "remaining", "reset"] {
        let value = answer.headers[&format!("x-ratelimit-{name}")].to_str().unwrap();
        assert!(value.parse::<u64>().unwrap() > 0, "{name} {value}");
    }
    assert_eq!(world.rest.get("/v2/nothing").await.refusal().0, 404);
    assert_eq!(world.rest.delete("/v2/account").await.status, 405);
}

#[tokio::test]
async fn over_the_budget_is_a_429_and_data_has_its_own() {
    let config = ServerConfig { requests_per_minute: Some(2), ..manual() };
    let world = World::start(config).await;
    assert_eq!(world.rest.get("/v2/account").await.headers["x-ratelimit-remaining"], "1");
    assert_eq!(world.rest.get("/v2/clock").await.status, 200);
    let third = world.rest.get("/v2/clock").await;
    assert_eq!(third.refusal(), (429, 42_910_000, "rate limit exceeded".into()));
    assert_eq!(third.headers["x-ratelimit-remaining"], "0");
    assert_eq!(world.rest.get("/v2/stocks/bars?symbols=SPY").await.status, 200);
}

#[tokio::test]
async fn accounts_are_apart() {
    let mut config = manual();
    config.accounts.push(AccountConfig {
        key_id: "PK2".into(),
        secret: "s2".into(),
        cash: 500.into(),
    });
    let world = World::after(config, 1).await;
    let other = Rest::new(&world.exchange, "PK2", "s2");
    world.rest.order(market("buy", "1", "same-id")).await;
    other.order(market("buy", "1", "same-id")).await;
    let (one, two) =
        (world.rest.get("/v2/account").await.json(), other.get("/v2/account").await.json());
    assert_eq!((&one["cash"], &two["cash"]), (&json!("99899"), &json!("399")));
    assert_ne!(one["id"], two["id"]);
}

#[tokio::test]
async fn an_account_has_the_members_of_the_interface() {
    let world = World::after(manual(), 2).await;
    let account = world.rest.get("/v2/account").await.json();
    assert_eq!(account["cash"], json!(DEFAULT_CASH.to_string()));
    assert_eq!(account["status"], "ACTIVE");
    assert!(account["account_number"].as_str().unwrap().starts_with("PA"));
    for decimal in ["equity", "buying_power", "long_market_value", "last_equity", "multiplier"] {
        assert!(account[decimal].is_string(), "{decimal}");
    }
    let settings = world.rest.get("/v2/account/configurations").await.json();
    let names = [
        "fractional_trading",
        "max_margin_multiplier",
        "no_shorting",
        "suspend_trade",
        "trade_confirm_email",
        "ptp_no_exception_entry",
    ];
    assert!(names.iter().all(|name| settings.get(name).is_some()), "{settings}");
    let clock = world.rest.get("/v2/clock").await.json();
    assert_eq!(clock["timestamp"], "2019-02-11T09:32:00-05:00");
    assert_eq!(clock["is_open"], true);
    assert_eq!(clock["next_close"], "2019-02-11T16:00:00-05:00");
    let days = world.rest.get("/v2/calendar?start=2019-02-15&end=2019-02-19").await.json();
    let dates: Vec<&Value> = days.as_array().unwrap().iter().map(|day| &day["date"]).collect();
    assert_eq!(dates, ["2019-02-15", "2019-02-19"], "a holiday is no trading day");
    assert_eq!((&days[0]["open"], &days[0]["session_close"]), (&json!("09:30"), &json!("2000")));
    let history =
        world.rest.get("/v2/account/portfolio/history?period=1D&timeframe=15Min").await.json();
    assert_eq!(history["equity"].as_array().unwrap().last(), Some(&json!(100_000)));
}

#[tokio::test]
async fn suspended_trading_refuses_orders_and_takes_cancels() {
    let world = World::after(manual(), 1).await;
    let resting = world.rest.order(limit("buy", "1", "50", "a")).await;
    let set = world.rest.patch("/v2/account/configurations", json!({"suspend_trade": true})).await;
    assert_eq!(set.json()["suspend_trade"], true);
    let refused = world.rest.post("/v2/orders", market("buy", "1", "b")).await;
    assert_eq!(refused.refusal().1, 40_310_000);
    let id = resting["id"].as_str().unwrap();
    assert_eq!(world.rest.delete(&format!("/v2/orders/{id}")).await.status, 204);
}

#[tokio::test]
async fn an_order_goes_from_new_to_filled_with_exact_numbers() {
    let world = World::after(manual(), 1).await;
    let body = r#"{"symbol":"SPY","side":"buy","type":"market","time_in_force":"day","qty":2.0,"extra":{"x":1}}"#;
    let taken = world.rest.post("/v2/orders", body).await.json();
    let id = taken["id"].as_str().unwrap();
    assert!(taken["client_order_id"].is_string() && taken["submitted_at"].is_string());
    assert_eq!(
        (&taken["qty"], &taken["order_class"], &taken["legs"]),
        (&json!("2"), &json!(""), &Value::Null)
    );
    let order = world.rest.get(&format!("/v2/orders/{id}")).await.json();
    assert_eq!((&order["status"], &order["filled_avg_price"]), (&json!("filled"), &json!("101")));
    let position = world.rest.get("/v2/positions/SPY").await.json();
    assert_eq!(
        (&position["qty"], &position["side"], &position["cost_basis"]),
        (&json!("2"), &json!("long"), &json!("202"))
    );
    assert_eq!(position["exchange"], "NASDAQ");
    assert_eq!(world.rest.get("/v2/positions").await.json().as_array().unwrap().len(), 1);
    let late = world.rest.delete(&format!("/v2/orders/{id}")).await;
    assert_eq!((late.refusal().0, late.refusal().1), (422, 42_210_000));
    let by_id = world
        .rest
        .get(&format!(
            "/v2/orders:by_client_order_id?client_order_id={}",
            taken["client_order_id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(by_id.json()["id"], id);
    assert_eq!(
        world.rest.get("/v2/orders:by_client_order_id?client_order_id=none").await.refusal().1,
        40_410_000
    );
}

#[tokio::test]
async fn refusals_have_the_codes_and_members_that_clients_read() {
    let world = World::after(manual(), 1).await;
    let refusal = async |body: Value| world.rest.post("/v2/orders", body).await;
    let poor = refusal(market("buy", "100000", "a")).await;
    assert_eq!(poor.refusal(), (403, 40_310_000, "insufficient buying power".into()));
    assert!(poor.json()["buying_power"].is_string());
    world.rest.order(limit("buy", "1", "50", "b")).await;
    assert_eq!(
        refusal(limit("buy", "1", "50", "b")).await.refusal(),
        (422, 40_010_001, "client_order_id must be unique".into())
    );
    let wash = refusal(market("sell", "1", "c")).await;
    assert_eq!(wash.refusal().0, 403);
    assert!(refusal(limit("buy", "1", "50.001", "d")).await.refusal().2.contains("sub-penny"));
    assert_eq!(
        refusal(json!({"symbol": "SPY"})).await.refusal(),
        (422, 40_010_001, "side is required".into())
    );
    assert_eq!(world.rest.post("/v2/orders", "{").await.refusal().0, 400);
    assert_eq!(world.rest.get("/v2/orders/nonsense").await.refusal().0, 422);
}

#[tokio::test]
async fn orders_are_listed_filtered_replaced_and_cancelled() {
    let world = World::after(manual(), 1).await;
    for n in 0..5 {
        world.rest.order(limit("buy", "1", &format!("5{n}"), &format!("o{n}"))).await;
    }
    let ids = |list: Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|o| o["client_order_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(world.rest.get("/v2/orders").await.json()), ["o4", "o3", "o2", "o1", "o0"]);
    let page =
        world.rest.get("/v2/orders?direction=asc&limit=2&nested=True&symbols=SPY,QQQ").await.json();
    assert_eq!(ids(page.clone()), ["o0", "o1"]);
    let cursor = page[1]["id"].as_str().unwrap();
    let next =
        world.rest.get(&format!("/v2/orders?direction=asc&after_order_id={cursor}")).await.json();
    assert_eq!(ids(next), ["o2", "o3", "o4"]);
    assert!(ids(world.rest.get("/v2/orders?status=closed").await.json()).is_empty());
    assert!(ids(world.rest.get("/v2/orders?asset_class=crypto").await.json()).is_empty());
    assert_eq!(world.rest.get("/v2/orders?status=odd").await.refusal().0, 422);

    let changed = world
        .rest
        .patch(&format!("/v2/orders/{cursor}"), json!({"qty": 3, "limit_price": 40.5}))
        .await
        .json();
    assert_eq!(
        (&changed["replaces"], &changed["qty"], &changed["limit_price"]),
        (&json!(cursor), &json!("3"), &json!("40.5"))
    );
    let old = world.rest.get(&format!("/v2/orders/{cursor}")).await.json();
    assert_eq!((&old["status"], &old["replaced_by"]), (&json!("replaced"), &changed["id"]));
    let all = world.rest.delete("/v2/orders").await;
    assert_eq!((all.status, all.json().as_array().unwrap().len()), (207, 5));
    assert_eq!(all.json()[0]["status"], 200);
    assert!(ids(world.rest.get("/v2/orders").await.json()).is_empty());
}

#[tokio::test]
async fn positions_are_closed_in_part_and_whole() {
    let world = World::after(manual(), 1).await;
    world.rest.order(market("buy", "4", "a")).await;
    let part = world.rest.delete("/v2/positions/SPY?percentage=50").await;
    assert_eq!((part.status, &part.json()["qty"]), (200, &json!("2")));
    assert_eq!(world.rest.get("/v2/positions/SPY").await.json()["qty"], "2");
    let whole = world.rest.delete("/v2/positions?cancel_orders=true").await;
    assert_eq!(
        (whole.status, &whole.json()[0]["symbol"], &whole.json()[0]["body"]["side"]),
        (207, &json!("SPY"), &json!("sell"))
    );
    assert_eq!(world.rest.get("/v2/positions/SPY").await.refusal().0, 404);
    assert_eq!(world.rest.delete("/v2/positions/SPY").await.refusal().0, 404);
}

#[tokio::test]
async fn activities_page_and_the_journal_adds_up() {
    let world = World::after(manual(), 1).await;
    for n in 0..3 {
        world.rest.order(market("buy", "1", &format!("o{n}"))).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v2/account/activities/FILL?direction=asc&page_size=2".to_owned();
    loop {
        let page = world.rest.get(&path).await.json();
        let Some(last) = page.as_array().unwrap().last() else {
            break;
        };
        assert!(page[0]["price"].is_string() && page[0]["cum_qty"] == "1");
        seen.extend(page.as_array().unwrap().iter().map(|a| a["order_id"].clone()));
        path = format!(
            "/v2/account/activities?activity_types=FILL&direction=asc&page_size=2&page_token={}",
            last["id"].as_str().unwrap()
        );
    }
    assert_eq!(seen.len(), 3);
    let none = world.rest.get("/v2/account/activities/DIV").await.json();
    assert_eq!(none, json!([]));
    let journal = world.rest.get("/journal").await.json();
    assert_eq!(
        (&journal["sum"]["qty"]["SPY"], &journal["sum"]["cash"]),
        (&json!("3"), &json!("99697"))
    );
    let tail = world.rest.get("/journal?after=0&limit=2").await.json();
    assert_eq!(tail["lines"].as_array().unwrap().len(), 2);
    assert_eq!(tail["lines"][0]["seq"], 1);
    assert_eq!(world.exchange.journal(DEFAULT_KEY_ID).len(), 4);
}

#[tokio::test]
async fn assets_are_those_of_the_feed() {
    let world = World::start(manual()).await;
    let all = world.rest.get("/v2/assets?status=active").await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    let stock = world.rest.get("/v2/assets/SPY").await.json();
    assert_eq!((&stock["class"], &stock["easy_to_borrow"]), (&json!("us_equity"), &json!(true)));
    let pair = world.rest.get("/v2/assets/BTC%2FUSD").await.json();
    assert_eq!((&pair["symbol"], &pair["class"]), (&json!("BTC/USD"), &json!("crypto")));
    assert!(pair["price_increment"].is_string());
    let by_id =
        world.rest.get(&format!("/v2/assets/{}", stock["id"].as_str().unwrap())).await.json();
    assert_eq!(by_id["symbol"], "SPY");
    assert_eq!(world.rest.get("/v2/assets/NONE").await.refusal().1, 40_410_000);
}
