//! Replay and market data.

use serde_json::json;

use super::client::{World, bars_of_all, manual, market, rising, updates};
use crate::files::Source;
use crate::server::time::MINUTE;
use crate::server::{
    DEFAULT_CASH, DEFAULT_KEY_ID, ExchangeServer, Feed, Generated, ServerConfig, Speed, StartError,
};

#[tokio::test]
async fn history_ends_at_the_present_and_pages() {
    let world = World::after(manual(), 4).await;
    let path =
        "/v2/stocks/bars?symbols=SPY&timeframe=1Min&start=2019-02-11T00:00:00%2B00:00&feed=iex";
    let all = world.rest.get(path).await.json();
    let bars = all["bars"]["SPY"].as_array().unwrap();
    assert_eq!(bars.len(), 4);
    assert_eq!(
        bars[0],
        json!({"t": "2019-02-11T14:30:00Z", "o": 100, "h": 101.5, "l": 99.5, "c": 101, "v": 1000, "n": 1, "vw": 100.666667})
    );
    assert_eq!(all["next_page_token"], json!(null));
    let mut seen = 0;
    let mut token = String::new();
    for _ in 0..2 {
        let page = world.rest.get(&format!("{path}&limit=2{token}")).await.json();
        seen += page["bars"]["SPY"].as_array().unwrap().len();
        token = page["next_page_token"]
            .as_str()
            .map(|t| format!("&page_token={t}"))
            .unwrap_or_default();
    }
    assert_eq!((seen, token.as_str()), (4, ""));
    let one = world.rest.get("/v2/stocks/SPY/bars?timeframe=5Min&sort=desc").await.json();
    assert_eq!((&one["symbol"], &one["bars"][0]["v"]), (&json!("SPY"), &json!(4000)));
    assert_eq!(
        world.rest.get("/v2/stocks/bars?symbols=BTC/USD").await.refusal(),
        (400, 0, "invalid symbol: BTC/USD".into())
    );
    assert_eq!(
        world.rest.get("/v2/stocks/bars?symbols=SPY&timeframe=7Fortnight").await.status,
        400
    );
}

#[tokio::test]
async fn latest_values_and_snapshots() {
    let world = World::after(manual(), 2).await;
    let get = async |path: &str| world.rest.get(path).await.json();
    assert_eq!(get("/v2/stocks/bars/latest?symbols=SPY,QQQ").await["bars"]["SPY"]["c"], 102);
    assert_eq!(get("/v2/stocks/SPY/trades/latest").await["trade"]["p"], 102);
    assert_eq!(get("/v2/stocks/quotes/latest?symbols=SPY").await["quotes"]["SPY"]["ap"], 102);
    let snapshot = get("/v2/stocks/snapshots?symbols=SPY").await;
    assert_eq!(
        (&snapshot["SPY"]["dailyBar"]["o"], &snapshot["SPY"]["dailyBar"]["c"]),
        (&json!(100), &json!(102))
    );
    assert_eq!(get("/v2/stocks/SPY/snapshot").await["symbol"], "SPY");
    assert_eq!(
        get("/v1beta3/crypto/us/snapshots?symbols=BTC/USD").await["snapshots"]["BTC/USD"]["minuteBar"]
            ["c"],
        5002
    );
    assert_eq!(
        get("/v1beta3/crypto/us/latest/quotes?symbols=BTC%2FUSD").await["quotes"]["BTC/USD"]["bp"],
        5002
    );
    let without_key = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!(
        "{}/v1beta3/crypto/us/bars?symbols=BTC/USD&timeframe=1Min&start=2019-02-11",
        world.exchange.url()
    );
    let open: serde_json::Value = without_key.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(open["bars"]["BTC/USD"].as_array().unwrap().len(), 2);
    assert_eq!(world.rest.get("/v2/stocks/NONE/bars/latest").await.status, 404);
}

#[tokio::test]
async fn two_files_at_full_speed_reach_a_subscriber_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut sources = Vec::new();
    for (symbol, first) in [("SPY", 100), ("QQQ", 200)] {
        let mut text = "timestamp,open,high,low,close,volume\n".to_owned();
        for bar in rising(symbol, first, 300) {
            let at = crate::server::time::rfc3339(bar.start);
            text += &format!(
                "{at},{},{},{},{},{}\n",
                bar.open, bar.high, bar.low, bar.close, bar.volume
            );
        }
        let path = dir.path().join(format!("{symbol}_1min.csv"));
        std::fs::write(&path, text).unwrap();
        sources.push(Source { path, symbol: None });
    }
    let world = World::start(ServerConfig::new(Feed::Files(sources))).await;
    // Nobody listens yet: the market has not moved.
    assert_eq!(world.exchange.progress(), (0, 300));
    let mut socket = bars_of_all(&world.exchange, "/v2/iex").await;
    let resting = world.rest.order(super::client::limit("buy", "1", "1", "day-order")).await;
    for n in 0..300 {
        let frame = socket.next().await;
        let symbols: Vec<&str> =
            frame.as_array().unwrap().iter().map(|b| b["S"].as_str().unwrap()).collect();
        assert_eq!(symbols, ["QQQ", "SPY"], "step {n}");
        assert_eq!(frame[1]["o"], 100 + n);
    }
    let reading = tokio::spawn(socket.drain());
    world.exchange.finished().await;
    assert_eq!(world.exchange.progress(), (300, 300));
    let id = resting["id"].as_str().unwrap();
    let order = world.rest.get(&format!("/v2/orders/{id}")).await.json();
    assert!(["canceled", "expired"].contains(&order["status"].as_str().unwrap()), "{order}");
    assert_eq!(world.rest.get("/v2/clock").await.json()["is_open"], false);
    world.exchange.stop().await;
    assert_eq!(reading.await.unwrap(), 0);
}

#[tokio::test]
async fn full_speed_waits_for_a_reader_and_stands_still_without_one() {
    let feed = Feed::Bars(rising("SPY", 100, 2_000));
    // The first connection may still be ending when the second one comes.
    let config = ServerConfig { one_data_connection: false, ..ServerConfig::new(feed) };
    let world = World::start(config).await;
    let mut socket = bars_of_all(&world.exchange, "/v2/iex").await;
    socket.next().await;
    // The client answers the ping of a step only when it reads the next message.
    let first = world.exchange.progress().0;
    assert!(first <= 3, "{first} steps ahead of the reader");
    for _ in 0..10 {
        socket.next().await;
    }
    let read = world.exchange.progress().0;
    assert!((10..=14).contains(&read), "{read} steps");
    drop(socket);
    // The client is gone; the next one finds the market where it stood.
    let mut again = bars_of_all(&world.exchange, "/v2/iex").await;
    let bar = again.next().await;
    assert!(bar[0]["o"].as_i64().unwrap() < 100 + 30, "{bar}");
}

#[tokio::test]
async fn a_generated_market_repeats_with_its_seed() {
    let generated = Generated {
        symbols: vec![("SPY".into(), 300.into()), ("ETH/USD".into(), 1500.into())],
        steps: 40,
        start: rising("SPY", 1, 1)[0].start,
        sessions: stockade_exchange::Sessions::Calendar,
    };
    let mut closes = Vec::new();
    for seed in [7, 7, 8] {
        let feed = Feed::Generated(generated.clone());
        let config = ServerConfig { speed: Speed::Manual, seed, ..ServerConfig::new(feed) };
        let world = World::after(config, 40).await;
        let bars = world.rest.get("/v2/stocks/SPY/bars?limit=1000").await.json();
        assert_eq!(bars["bars"].as_array().unwrap().len(), 40);
        closes.push(bars["bars"].clone());
        let crypto = world.rest.get("/v1beta3/crypto/us/latest/bars?symbols=ETH/USD").await.json();
        assert!(crypto["bars"]["ETH/USD"]["c"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(closes[0], closes[1]);
    assert_ne!(closes[0], closes[2]);
}

#[tokio::test]
async fn market_time_passes_at_the_speed_and_trading_goes_on_meanwhile() {
    let feed = Feed::Bars(rising("SPY", 100, 40));
    // A minute of the market in 1.2 ms.
    let config = ServerConfig {
        speed: Speed::Times(50_000),
        rules: Some(super::client::calm()),
        ..ServerConfig::new(feed)
    };
    let world = World::start(config).await;
    let mut stream = updates(&world.exchange).await;
    let mut bars = bars_of_all(&world.exchange, "/v2/iex").await;
    bars.next().await;
    world.rest.order(market("buy", "1", "a")).await;
    loop {
        let update = stream.next().await;
        if update["data"]["event"] == "fill" {
            assert_eq!(update["data"]["position_qty"], "1");
            break;
        }
    }
    world.exchange.finished().await;
    let last = rising("SPY", 100, 40)[39].end;
    assert!(world.exchange.now() >= last && world.exchange.now() < last + MINUTE);
    let sum = world.exchange.with_exchange(DEFAULT_KEY_ID, |e| e.account().cash).unwrap();
    assert!(sum < DEFAULT_CASH);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let start = async |config: ServerConfig| ExchangeServer::start(config).await.unwrap_err();
    let none = ServerConfig { accounts: Vec::new(), ..manual() };
    assert!(matches!(start(none).await, StartError::NoAccount));
    let mut twice = manual();
    twice.accounts.push(twice.accounts[0].clone());
    assert!(start(twice).await.to_string().contains(DEFAULT_KEY_ID));
    let mut bars = rising("SPY", 1, 2);
    bars.push(bars[0].clone());
    let doubled = start(ServerConfig { feed: Feed::Bars(bars), ..manual() }).await.to_string();
    assert!(doubled.contains("two bars at 2019-02-11T14:30:00Z"), "{doubled}");
    let missing = Source { path: "/nonexistent/SPY.csv".into(), symbol: None };
    let missing =
        start(ServerConfig { feed: Feed::Files(vec![missing]), ..manual() }).await.to_string();
    assert!(missing.contains("/nonexistent/SPY.csv"), "{missing}");
    let world = World::start(manual()).await;
    let taken = start(ServerConfig { listen: world.exchange.addr, ..manual() }).await;
    assert!(matches!(taken, StartError::Listen { .. }));
}
