//! The state file: what was answered survives the end of the server.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::client::{World, bars_of_all, limit, manual, market};
use crate::server::{DEFAULT_KEY_ID, ExchangeServer, OplogError, ServerConfig, StartError};

/// Everything that a client can see of an account.
async fn picture(world: &World) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in [
        "/v2/account",
        "/v2/positions",
        "/v2/orders?status=all&limit=500",
        "/v2/account/activities",
        "/v2/account/configurations",
        "/journal",
        "/v2/clock",
    ] {
        seen.push(world.rest.get(path).await.json());
    }
    seen
}

#[tokio::test]
async fn a_killed_exchange_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let config = || {
        let mut rules = super::client::calm();
        rules.partial_fill_permille = 500;
        ServerConfig { state_file: Some(dir.path().join("state")), rules: Some(rules), ..manual() }
    };
    let mut before: Option<Vec<Value>> = None;
    for round in 0..4 {
        let world = World::start(config()).await;
        if let Some(before) = before.take() {
            assert_eq!(picture(&world).await, before, "round {round}");
        }
        for n in 0..5 {
            assert!(world.exchange.step().await.unwrap());
            world.rest.order(market("buy", "3", &format!("m{round}-{n}"))).await;
            let resting = world.rest.order(limit("buy", "1", "50", &format!("l{round}-{n}"))).await;
            let id = resting["id"].as_str().unwrap();
            match n {
                0 => assert_eq!(world.rest.delete(&format!("/v2/orders/{id}")).await.status, 204),
                1 => assert_eq!(
                    world.rest.patch(&format!("/v2/orders/{id}"), json!({"qty": 2})).await.status,
                    200
                ),
                2 => assert_eq!(world.rest.delete("/v2/orders").await.status, 207),
                3 => assert_eq!(
                    world.rest.post("/v2/orders", limit("buy", "1", "50", "m0-0")).await.status,
                    422
                ),
                _ => {}
            }
        }
        world.exchange.deposit(DEFAULT_KEY_ID, 250.into()).unwrap();
        world.exchange.dividend(DEFAULT_KEY_ID, "SPY", Decimal::new(15, 1)).unwrap();
        world.exchange.split(DEFAULT_KEY_ID, "SPY", 2.into()).unwrap();
        assert!(world.exchange.split(DEFAULT_KEY_ID, "NONE", 2.into()).is_err());
        assert!(world.exchange.deposit("nobody", 1.into()).is_err());
        world
            .rest
            .patch("/v2/account/configurations", json!({"no_shorting": round % 2 == 0}))
            .await;
        before = Some(picture(&world).await);
        // Dropped without a word: nothing is written at the end.
    }
    let world = World::start(config()).await;
    let again = world.rest.post("/v2/orders", market("buy", "1", "m0-0")).await;
    assert_eq!(again.refusal().2, "client_order_id must be unique");
    assert_eq!(world.exchange.progress().0, 20);
    assert_eq!(
        world.exchange.with_exchange(DEFAULT_KEY_ID, |e| e.journal().len()),
        Some(world.exchange.journal(DEFAULT_KEY_ID).len())
    );
    let mut bars = bars_of_all(&world.exchange, "/v2/iex").await;
    let (stepped, bar) = tokio::join!(world.exchange.step(), async {
        let bar = bars.next().await;
        tokio::spawn(bars.drain());
        bar
    });
    assert!(stepped.unwrap());
    assert_eq!(bar[0]["o"], 120, "the next bar is the one that nobody has seen");
}

#[tokio::test]
async fn a_state_file_belongs_to_one_feed_and_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let state_file = Some(dir.path().join("state"));
    let config = ServerConfig { state_file, ..manual() };
    let world = World::after(config.clone(), 1).await;
    let second = ExchangeServer::start(config.clone()).await.unwrap_err();
    assert!(matches!(second, StartError::State(OplogError::InUse { .. })), "{second}");
    world.exchange.stop().await;
    let other = ServerConfig { seed: 99, ..config };
    let foreign = ExchangeServer::start(other).await.unwrap_err().to_string();
    assert!(foreign.contains("another seed (--seed)"), "{foreign}");
}
