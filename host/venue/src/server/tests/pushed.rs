//! A market that is handed in bar by bar.

use std::time::{SystemTime, UNIX_EPOCH};

use rust_decimal::Decimal;
use serde_json::json;

use super::client::{World, calm, limit, market, rising, updates};
use crate::server::{
    DEFAULT_KEY_ID, ExchangeServer, Feed, FeedBar, OplogError, Pushed, ServerConfig, Speed,
    StartError,
};

const SECOND: i64 = 1_000_000_000;

fn config(file: Option<std::path::PathBuf>, offset: Option<i64>, start: i64) -> ServerConfig {
    ServerConfig {
        speed: Speed::Manual,
        rules: Some(calm()),
        state_file: file,
        ..ServerConfig::new(Feed::Pushed(Pushed { start, offset }))
    }
}

fn machine() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// Shares of SPY that an account holds.
async fn held(world: &World) -> Decimal {
    let positions = world.rest.get("/v2/positions").await.json();
    positions[0]["qty"].as_str().map_or(Decimal::ZERO, |qty| qty.parse().unwrap())
}

#[tokio::test]
async fn bars_are_traded_once_and_the_account_comes_back_with_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state");
    let bars: Vec<FeedBar> = rising("SPY", 100, 10);
    let of = || config(Some(file.clone()), None, bars[0].start);
    let world = World::start(of()).await;
    world.exchange.list(vec!["SPY".to_owned()]).unwrap();
    world.exchange.push(bars[..2].to_vec()).unwrap();
    assert_eq!(
        (world.exchange.now(), world.exchange.last_at("SPY")),
        (bars[1].end, Some(bars[1].end))
    );
    world.rest.order(market("buy", "10", "m")).await;
    // Below the market, and met by the bar after the next.
    world.rest.order(limit("sell", "4", "103.7", "l")).await;
    assert_eq!(held(&world).await, Decimal::from(10));
    let account = world.rest.get("/v2/account").await.json();
    let size = std::fs::metadata(&file).unwrap().len();
    drop(world);

    let world = World::start(of()).await;
    assert!(std::fs::metadata(&file).unwrap().len() != size, "it begins with the account itself");
    let again = world.rest.get("/v2/account").await.json();
    for key in ["id", "cash", "equity", "created_at"] {
        assert_eq!(again[key], account[key], "{key}");
    }
    assert_eq!(world.exchange.now(), bars[1].end + 2_000, "two calls came after the last bar");
    let mut told = updates(&world.exchange).await;
    // Two of them have been traded already, and come again.
    world.exchange.push(bars[..4].to_vec()).unwrap();
    let fill = told.next().await;
    assert_eq!((&fill["data"]["event"], &fill["data"]["price"]), (&json!("fill"), &json!("103.7")));
    assert_eq!(held(&world).await, Decimal::from(6));
    world.exchange.push(bars[..4].to_vec()).unwrap();
    assert_eq!(world.rest.get("/v2/orders?status=open").await.json(), json!([]));
    let twice = ExchangeServer::start(of()).await.unwrap_err();
    assert!(matches!(twice, StartError::State(OplogError::InUse { .. })), "{twice}");
    // What was paid in stays, whatever the next process would open an account with.
    world.exchange.deposit(DEFAULT_KEY_ID, Decimal::from(5)).unwrap();
    let cash = world.rest.get("/v2/account").await.json()["cash"].clone();
    drop(world);
    let mut richer = of();
    richer.accounts[0].cash = Decimal::from(7);
    let world = World::start(richer).await;
    assert_eq!(world.rest.get("/v2/account").await.json()["cash"], cash);
}

#[tokio::test]
async fn an_order_meets_no_prices_from_before_it_was_sent() {
    let bars: Vec<FeedBar> = rising("SPY", 100, 4);
    // The first bar has ended; so far is the market into the second one.
    for (into, met_by) in [(2, 2), (30, 3)] {
        let offset = bars[1].start + into * SECOND - machine();
        let world = World::start(config(None, Some(offset), bars[0].start)).await;
        world.exchange.push(bars[..1].to_vec()).unwrap();
        world.rest.order(limit("buy", "1", "100.9", "low")).await;
        assert!(world.exchange.now() >= bars[1].start + into * SECOND);
        let mut later = bars.clone();
        // Every bar comes down to it.
        later.iter_mut().for_each(|bar| bar.low = Decimal::from(100));
        for n in 1..met_by {
            assert_eq!(held(&world).await, Decimal::ZERO, "{into} seconds late, before bar {n}");
            world.exchange.push(later[n..=n].to_vec()).unwrap();
        }
        assert_eq!(held(&world).await, Decimal::ONE, "{into} seconds late");
    }
}

#[tokio::test]
async fn time_alone_ends_what_is_good_for_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let bars: Vec<FeedBar> = rising("SPY", 100, 1);
    let file = Some(dir.path().join("state"));
    let closed = bars[0].start + 390 * 60 * SECOND;
    let before = closed - 600 * SECOND - machine();
    let world = World::start(config(file.clone(), Some(before), bars[0].start)).await;
    world.exchange.push(bars.clone()).unwrap();
    world.rest.order(limit("buy", "1", "50", "day")).await;
    world.exchange.pass().unwrap();
    let open = world.rest.get("/v2/orders?status=open").await.json();
    assert_eq!(open.as_array().unwrap().len(), 1);
    drop(world);
    // The same evening.
    let after = closed + 60 * SECOND - machine();
    let world = World::start(config(file, Some(after), bars[0].start)).await;
    let mut told = updates(&world.exchange).await;
    world.exchange.pass().unwrap();
    assert_eq!(told.next().await["data"]["event"], "expired");
    assert_eq!(world.rest.get("/v2/orders?status=open").await.json(), json!([]));
}
