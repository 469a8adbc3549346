//! The fault switch board over real sockets.

use serde_json::json;
use stockade_exchange::faults::{Fault, FaultSettings, Hit, Site};

use super::client::{World, bars_of_all, limit, manual, market, updates};
use crate::server::ServerConfig;

/// A plan that strikes the first of each site once.
fn first(hits: &[(Site, Fault)]) -> FaultSettings {
    let hits = hits.iter().map(|&(site, fault)| Hit { site, nth: 1, fault }).collect();
    FaultSettings { hits, ..FaultSettings::default() }
}

fn submit(fault: Fault) -> FaultSettings {
    first(&[(Site::SubmitOrder, fault)])
}

#[tokio::test]
async fn a_lost_request_has_no_effect_and_a_lost_answer_has() {
    let world = World::after(manual(), 1).await;
    for (what, id, there) in
        [(Fault::DropBefore, "lost", false), (Fault::DropAfter, "unknown", true)]
    {
        world.exchange.set_faults(submit(what)).unwrap();
        let request = world
            .rest
            .request(reqwest::Method::POST, "/v2/orders")
            .body(market("buy", "1", id).to_string());
        assert!(world.rest.send(request).await.is_err(), "no byte of an answer");
        let found =
            world.rest.get(&format!("/v2/orders:by_client_order_id?client_order_id={id}")).await;
        assert_eq!(found.status == 200, there, "{id}");
    }
    // The plan is used up.
    world.rest.order(market("buy", "1", "fine")).await;
}

#[tokio::test]
async fn statuses_garbage_and_delays() {
    let world =
        World::after(ServerConfig { faults: submit(Fault::Status { status: 503 }), ..manual() }, 1)
            .await;
    let send = async |id: &str| world.rest.post("/v2/orders", market("buy", "1", id)).await;
    assert_eq!(send("a").await.refusal().0, 503);
    world.exchange.set_faults(submit(Fault::Status { status: 429 })).unwrap();
    assert_eq!(send("a").await.refusal().1, 42_910_000);
    world.exchange.set_faults(submit(Fault::StatusAfter { status: 504 })).unwrap();
    assert_eq!(send("a").await.status, 504);
    world.exchange.set_faults(submit(Fault::Truncate)).unwrap();
    let broken = send("b").await;
    assert!(
        broken.status == 200 && serde_json::from_str::<serde_json::Value>(&broken.text).is_err()
    );
    world.exchange.set_faults(submit(Fault::Delay { ms: 30 })).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(send("c").await.status, 200);
    assert!(begun.elapsed().as_millis() >= 30);
    world.exchange.set_faults(first(&[(Site::ListOrders, Fault::EmptyList)])).unwrap();
    assert_eq!(world.rest.get("/v2/orders?status=all").await.json(), json!([]));
    world.exchange.set_faults(first(&[(Site::Account, Fault::Garbage)])).unwrap();
    assert!(world.rest.get("/v2/account").await.text.starts_with("<html>"));
    let all = world.rest.get("/v2/orders?status=all").await.json();
    assert_eq!(all.as_array().unwrap().len(), 3, "a, b and c once each");
}

#[tokio::test]
async fn trade_updates_are_lost_doubled_and_late() {
    let world = World::after(manual(), 1).await;
    let mut socket = updates(&world.exchange).await;
    for (n, (what, heard)) in [
        (Fault::Drop, vec!["fill"]),
        (Fault::Duplicate, vec!["new", "new", "fill"]),
        (Fault::Reorder, vec!["fill", "new"]),
        (Fault::Delay { ms: 20 }, vec!["fill", "new"]),
    ]
    .into_iter()
    .enumerate()
    {
        world.exchange.set_faults(first(&[(Site::TradeUpdate, what)])).unwrap();
        world.rest.order(market("buy", "1", &format!("o{n}"))).await;
        for event in heard {
            let update = socket.next().await;
            assert_eq!(
                (&update["data"]["event"], &update["data"]["order"]["client_order_id"]),
                (&json!(event), &json!(format!("o{n}")))
            );
        }
    }
    world.exchange.set_faults(first(&[(Site::TradeUpdate, Fault::Disconnect)])).unwrap();
    world.rest.order(limit("buy", "1", "50", "cut")).await;
    assert!(socket.next_or_end().await.is_none());
}

#[tokio::test]
async fn market_data_is_doubled_and_cut() {
    let world = World::start(manual()).await;
    let mut socket = bars_of_all(&world.exchange, "/v2/iex").await;
    let strike = |nth, fault| Hit { site: Site::MarketData, nth, fault };
    let hits = vec![strike(1, Fault::Duplicate), strike(2, Fault::Disconnect)];
    world.exchange.set_faults(FaultSettings { hits, ..FaultSettings::default() }).unwrap();
    let reading = tokio::spawn(async move {
        let twice = (socket.next().await, socket.next().await);
        (twice, socket.next_or_end().await)
    });
    assert!(world.exchange.step().await.unwrap());
    assert!(world.exchange.step().await.unwrap());
    let ((first, second), end) = reading.await.unwrap();
    assert_eq!(first, second);
    assert!(end.is_none());
    assert_eq!(world.exchange.progress().0, 2);
}
