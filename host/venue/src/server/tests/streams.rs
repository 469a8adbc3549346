//! Websocket flows.

use std::time::Duration;

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::{Socket, World, bars_of_all, limit, manual, market, rising, updates};
use crate::server::{DEFAULT_KEY_ID, DEFAULT_SECRET, Feed, ServerConfig, Speed};

fn auth() -> Value {
    json!({"action": "auth", "key": DEFAULT_KEY_ID, "secret": DEFAULT_SECRET})
}

#[tokio::test]
async fn bars_in_json_for_stocks_and_in_msgpack_for_crypto() {
    let world = World::start(manual()).await;
    let mut stocks = bars_of_all(&world.exchange, "/v2/sip").await;
    let mut crypto = Socket::open(
        &world.exchange,
        "/v1beta3/crypto/us",
        &[("content-type", "application/msgpack")],
    )
    .await;
    assert_eq!(crypto.next().await, json!([{"T": "success", "msg": "connected"}]));
    crypto.send(auth()).await;
    assert_eq!(crypto.next().await[0]["msg"], "authenticated");
    crypto.send(json!({"action": "subscribe", "bars": ["BTC/USD"], "trades": ["BTC/USD"], "quotes": ["*"]})).await;
    let ack = crypto.next().await;
    assert_eq!(
        (&ack[0]["T"], &ack[0]["quotes"], &ack[0]["orderbooks"]),
        (&json!("subscription"), &json!(["*"]), &json!([]))
    );
    let stepping = async { world.exchange.step().await.unwrap() };
    let reading = async { (stocks.next().await, crypto.next().await) };
    // The step is over only when both clients have read on past its frame.
    let (stock, pair) = tokio::select! {
        read = reading => read,
        _ = async { stepping.await; std::future::pending::<()>().await } => unreachable!(),
    };
    assert_eq!(
        stock,
        json!([{"T": "b", "S": "SPY", "t": "2019-02-11T14:30:00Z", "o": 100, "h": 101.5, "l": 99.5, "c": 101, "v": 1000, "n": 1, "vw": 100.666667}])
    );
    let kinds: Vec<&str> =
        pair.as_array().unwrap().iter().map(|m| m["T"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["t", "q", "b"]);
    assert_eq!((&pair[2]["c"], &pair[2]["t"]["seconds"]), (&json!(5001.0), &json!(1_549_895_400)));
}

#[tokio::test]
async fn subscriptions_add_up_and_are_taken_back() {
    let world = World::start(manual()).await;
    let mut socket = bars_of_all(&world.exchange, "/v2/iex").await;
    socket.send(json!({"action": "subscribe", "trades": ["SPY", "QQQ"]})).await;
    let ack = socket.next().await;
    assert_eq!(
        (&ack[0]["bars"], &ack[0]["trades"], &ack[0]["corrections"]),
        (&json!(["*"]), &json!(["QQQ", "SPY"]), &json!(["QQQ", "SPY"]))
    );
    socket.send(json!({"action": "unsubscribe", "bars": ["*"], "trades": ["QQQ"]})).await;
    let ack = socket.next().await;
    assert_eq!((&ack[0]["bars"], &ack[0]["trades"]), (&json!([]), &json!(["SPY"])));
}

#[tokio::test]
async fn data_stream_errors_have_their_codes() {
    let world = World::start(manual()).await;
    let code = |message: &Value| message[0]["code"].as_i64().unwrap();
    let mut socket = Socket::open(&world.exchange, "/v2/iex", &[]).await;
    socket.next().await;
    socket.send(json!({"action": "subscribe", "bars": ["SPY"]})).await;
    assert_eq!(code(&socket.next().await), 401);
    socket.inner.send(Message::text("not json")).await.unwrap();
    assert_eq!(code(&socket.next().await), 400);
    socket.send(auth()).await;
    socket.next().await;
    socket.send(auth()).await;
    assert_eq!(code(&socket.next().await), 403);
    socket.send(json!({"action": "subscribe", "orderbooks": ["SPY"]})).await;
    assert_eq!(code(&socket.next().await), 410);
    let many: Vec<String> = (0..30_001).map(|n| format!("S{n}")).collect();
    socket.send(json!({"action": "subscribe", "bars": many})).await;
    assert_eq!(code(&socket.next().await), 405);

    let mut second = Socket::open(&world.exchange, "/v2/iex", &[]).await;
    second.next().await;
    second.send(auth()).await;
    assert_eq!(code(&second.next().await), 406);
    assert!(second.next_or_end().await.is_none());

    let headers = [("apca-api-key-id", DEFAULT_KEY_ID), ("apca-api-secret-key", DEFAULT_SECRET)];
    let mut by_header = Socket::open(&world.exchange, "/v2/sip", &headers).await;
    by_header.next().await;
    assert_eq!(by_header.next().await[0]["msg"], "authenticated");

    let mut wrong = Socket::open(&world.exchange, "/v2/iex", &[]).await;
    wrong.next().await;
    wrong.send(json!({"action": "auth", "key": "x", "secret": "y"})).await;
    assert_eq!(code(&wrong.next().await), 402);
    assert!(wrong.next_or_end().await.is_none());
}

#[tokio::test]
async fn who_says_nothing_is_asked_to_leave() {
    let config = ServerConfig { auth_timeout: Duration::from_millis(50), ..manual() };
    let world = World::start(config).await;
    let mut data = Socket::open(&world.exchange, "/v2/iex", &[]).await;
    data.next().await;
    assert_eq!(data.next().await[0]["code"], 404);
    assert!(data.next_or_end().await.is_none());
    let mut account = Socket::open(&world.exchange, "/stream", &[]).await;
    assert_eq!(account.next().await["action"], "error");
    assert!(account.next_or_end().await.is_none());
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut_and_the_market_goes_on() {
    let config = ServerConfig {
        slow_client: Duration::from_millis(200),
        speed: Speed::Manual,
        ..ServerConfig::new(Feed::Bars(rising("SPY", 100, 3)))
    };
    let world = World::start(config).await;
    let mut silent = bars_of_all(&world.exchange, "/v2/iex").await;
    assert!(world.exchange.step().await.unwrap());
    // Its pong never came: after the bar it finds the error and the end.
    assert_eq!(silent.next().await[0]["T"], "b");
    assert_eq!(silent.next().await[0]["code"], 407);
    assert!(silent.next_or_end().await.is_none());
    assert!(world.exchange.step().await.unwrap());
}

#[tokio::test]
async fn the_account_stream_tells_every_event_in_order() {
    let world = World::after(manual(), 1).await;
    let mut socket = updates(&world.exchange).await;
    world.rest.order(market("buy", "2", "a")).await;
    let resting = world.rest.order(limit("buy", "1", "50", "b")).await;
    let id = resting["id"].as_str().unwrap();
    let newer =
        world.rest.patch(&format!("/v2/orders/{id}"), json!({"limit_price": "49"})).await.json();
    world.rest.delete(&format!("/v2/orders/{}", newer["id"].as_str().unwrap())).await;
    let mut events = Vec::new();
    while events.last().is_none_or(|(event, _)| event != "canceled") {
        let frame = socket.frame().await.unwrap();
        assert!(frame.is_binary(), "paper sends binary frames");
        let update: Value = serde_json::from_slice(&frame.into_data()).unwrap();
        let data = &update["data"];
        assert!(data["timestamp"].is_string() && data["order"]["id"].is_string());
        if data["event"] == "fill" {
            assert_eq!(
                (&data["qty"], &data["price"], &data["position_qty"]),
                (&json!("2"), &json!("101"), &json!("2"))
            );
            assert!(data["execution_id"].is_string());
        }
        let name = |value: &Value| value.as_str().unwrap().to_owned();
        events.push((name(&data["event"]), name(&data["order"]["client_order_id"])));
    }
    let of = |id: &str| -> Vec<&str> {
        events.iter().filter(|(_, o)| o == id).map(|(e, _)| e.as_str()).collect()
    };
    assert_eq!(of("a"), ["new", "fill"]);
    assert_eq!(of("b"), ["new", "replaced"]);
}

#[tokio::test]
async fn the_account_stream_takes_both_ways_to_authenticate() {
    let world = World::after(manual(), 1).await;
    let mut socket = Socket::open(&world.exchange, "/stream", &[]).await;
    socket.send(json!({"action": "listen", "data": {"streams": ["trade_updates"]}})).await;
    assert_eq!(socket.next().await["action"], "error");
    socket.send(auth()).await;
    assert_eq!(
        socket.next().await,
        json!({"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}})
    );
    let listen = |streams: Value| json!({"action": "listen", "data": {"streams": streams}});
    socket.send(listen(json!(["trade_updates", "other"]))).await;
    assert_eq!(socket.next().await["data"]["streams"], json!(["trade_updates"]));
    socket.send(listen(json!([]))).await;
    assert_eq!(socket.next().await["data"]["streams"], json!([]));
    world.rest.order(market("buy", "1", "unheard")).await;
    socket.send(listen(json!(["trade_updates"]))).await;
    assert_eq!(socket.next().await["stream"], "listening", "the list was replaced by nothing");

    let mut wrong = Socket::open(&world.exchange, "/stream", &[]).await;
    wrong.send(json!({"action": "authenticate", "data": {"key_id": "x", "secret_key": "y"}})).await;
    assert_eq!(wrong.next().await["data"]["status"], "unauthorized");
    assert!(wrong.next_or_end().await.is_none());
}

#[tokio::test]
async fn the_test_stream_ticks_by_itself() {
    let world = World::start(manual()).await;
    let mut socket = Socket::open(&world.exchange, "/v2/test", &[]).await;
    socket.next().await;
    socket.send(auth()).await;
    socket.next().await;
    socket.send(json!({"action": "subscribe", "quotes": ["FAKEPACA"]})).await;
    assert_eq!(socket.next().await[0]["quotes"], json!(["FAKEPACA"]));
    let quote = socket.next().await;
    assert_eq!((&quote[0]["T"], &quote[0]["S"]), (&json!("q"), &json!("FAKEPACA")));
}
