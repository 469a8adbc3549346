//! What happens to an account beside its orders: dividends and splits of the market, busts, fees.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use stockade_exchange::Id;

use super::client::{World, manual, market};
use crate::files::ActionKind;
use crate::server::{CorporateAction, DEFAULT_KEY_ID, ServerConfig, read_actions};

fn action(at: i64, symbol: &str, kind: ActionKind, value: Decimal) -> CorporateAction {
    CorporateAction { at, symbol: symbol.to_owned(), kind, value }
}

/// The second bar's start: what is due there comes between the first and the second step.
fn second_bar() -> i64 {
    crate::server::time::parse("2019-02-11T14:31:00Z").unwrap()
}

fn of_market() -> Vec<CorporateAction> {
    vec![
        action(second_bar(), "SPY", ActionKind::Split, 2.into()),
        action(second_bar(), "SPY", ActionKind::Dividend, Decimal::new(15, 1)),
        action(second_bar(), "ABSENT", ActionKind::Dividend, Decimal::ONE),
        action(0, "SPY", ActionKind::Split, 7.into()),
    ]
}

async fn rows(world: &World, query: &str) -> Value {
    world.rest.get(&format!("/v2/account/activities?{query}")).await.json()
}

#[tokio::test]
async fn a_dividend_and_a_split_come_at_the_open_of_their_day() {
    let dir = tempfile::tempdir().unwrap();
    let config = || ServerConfig {
        actions: of_market(),
        state_file: Some(dir.path().join("state")),
        ..manual()
    };
    let world = World::after(config(), 1).await;
    world.rest.order(market("buy", "10", "mine")).await;
    let resting = world.rest.order(super::client::limit("buy", "1", "50", "rests")).await;
    let cash = || async {
        let account = world.rest.get("/v2/account").await.json();
        account["cash"].as_str().unwrap().parse::<Decimal>().unwrap()
    };
    let before = cash().await;
    assert_eq!(rows(&world, "category=non_trade_activity").await, json!([]));
    assert!(world.exchange.step().await.unwrap());
    assert_eq!(cash().await - before, Decimal::from(15));
    let found = rows(&world, "category=non_trade_activity&direction=asc").await;
    let kinds: Vec<&str> =
        found.as_array().unwrap().iter().map(|r| r["activity_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["DIV", "SPLIT"], "old shares are paid before there are new ones");
    assert_eq!(found[0]["net_amount"], "15");
    assert_eq!(found[0]["per_share_amount"], "1.5");
    assert_eq!(found[1]["qty"], "10");
    assert_eq!(found[1]["activity_sub_type"], "FSPLIT");
    let position = world.rest.get("/v2/positions/SPY").await.json();
    assert_eq!(position["qty"], "20");
    let id = resting["id"].as_str().unwrap();
    let order = world.rest.get(&format!("/v2/orders/{id}")).await.json();
    assert_eq!(order["status"], "canceled", "its price is of old shares");

    let path = "/v1/corporate-actions?symbols=SPY,AAPL&start=2000-01-01&end=2099-01-01";
    let announced = world.rest.get(path).await.json();
    let lists = &announced["corporate_actions"];
    assert_eq!(lists["cash_dividends"][0]["rate"], 1.5);
    assert_eq!(lists["forward_splits"][0]["new_rate"], 2);
    assert_eq!(lists["forward_splits"][0]["old_rate"], 1);
    assert_eq!(lists["forward_splits"].as_array().unwrap().len(), 1, "none before the market");
    let first = world.rest.get(&format!("{path}&limit=1")).await.json();
    assert_eq!(first["next_page_token"], "1");
    let second = world.rest.get(&format!("{path}&limit=1&page_token=1")).await.json();
    assert_eq!(second["next_page_token"], Value::Null);
    assert!(second["corporate_actions"]["cash_dividends"].is_null());

    let seen = world.rest.get("/v2/account/activities").await.json();
    world.exchange.stop().await;
    let again = World::start(config()).await;
    assert_eq!(again.rest.get("/v2/account/activities").await.json(), seen);
    again.exchange.stop().await;
    let without = ServerConfig { actions: Vec::new(), ..config() };
    assert!(crate::server::ExchangeServer::start(without).await.is_err(), "another market");
}

#[tokio::test]
async fn nothing_is_announced_before_its_day() {
    let world = World::after(ServerConfig { actions: of_market(), ..manual() }, 1).await;
    let path = "/v1/corporate-actions?symbols=SPY&start=2000-01-01&end=2099-01-01";
    assert_eq!(world.rest.get(path).await.json()["corporate_actions"], json!({}));
}

#[tokio::test]
async fn a_bust_is_told_and_listed() {
    let world = World::after(manual(), 1).await;
    world.rest.order(market("buy", "10", "mine")).await;
    let fills = rows(&world, "activity_types=FILL").await;
    let id = fills[0]["id"].as_str().unwrap().split("::").nth(1).unwrap();
    let execution: Id = id.parse().unwrap();
    world.exchange.bust(DEFAULT_KEY_ID, execution).unwrap();
    assert!(world.exchange.bust(DEFAULT_KEY_ID, execution).is_err());
    let fills = rows(&world, "activity_types=FILL").await;
    assert_eq!(fills.as_array().unwrap().len(), 2, "what was stays listed");
    assert_eq!(fills[0]["type"], "trade_bust");
    assert_eq!(fills[0]["previous_id"], id);
    assert_eq!(fills[1]["type"], "fill");
    assert_eq!(world.rest.get("/v2/positions").await.json(), json!([]));
    assert_eq!(world.rest.get("/v2/account").await.json()["cash"], "100000");
}

#[test]
fn a_file_of_actions_is_read_and_refused_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actions.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read_actions(&path).map_err(|error| error.to_string())
    };
    let found = read(
        "timestamp,symbol,kind,value,previous_close\n\
         1998-02-06T05:00:00Z,IBM,dividend,0.2,99.25\n\
         2014-06-09T04:00:00Z,AAPL,split,7,645.57\n",
    )
    .unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], action(1_402_286_400_000_000_000, "AAPL", ActionKind::Split, 7.into()));
    for (line, word) in [
        ("2014-06-09T04:00:00Z,AAPL,merger,7", "merger"),
        ("2014-06-09T04:00:00Z,AAPL,split,0", "not above 0"),
        ("2014-06-09T04:00:00Z,a b,split,2", "symbol"),
        ("tomorrow,AAPL,split,2", "tomorrow"),
    ] {
        let refused = read(&format!("timestamp,symbol,kind,value\n{line}\n")).unwrap_err();
        assert!(refused.contains(word) && refused.contains("line 2"), "{refused}");
        assert!(refused.contains("--actions"), "{refused}");
    }
}
