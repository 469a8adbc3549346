//! The account stream (RELIABILITY W4, W5, W13 to W15).

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::Message;

use super::broker::{account, order_json, soon};
use super::ws::{Peer, Streams, limits};
use crate::alpaca::{AccountMessage, StreamLimits, account_stream};

fn start(streams: &Streams, limits: StreamLimits) -> Receiver<AccountMessage> {
    account_stream(&account(&streams.url), limits, 1).unwrap()
}

/// Leads a connection through the greeting.
async fn greet(streams: &Streams) -> Peer {
    let mut peer = streams.accept().await;
    let auth = peer.hear().await;
    assert_eq!(auth["action"], "authenticate");
    assert_eq!(auth["data"], json!({"key_id": "PKTEST", "secret_key": "secret"}));
    let authorized = json!({"stream": "authorization",
        "data": {"status": "authorized", "action": "authenticate"}});
    peer.say_binary(authorized.to_string().into_bytes()).await;
    let listen = peer.hear().await;
    assert_eq!(listen, json!({"action": "listen", "data": {"streams": ["trade_updates"]}}));
    peer.say(&json!({"stream": "listening", "data": {"streams": ["trade_updates"]}})).await;
    peer
}

fn fill(n: usize) -> Value {
    let order: Value = serde_json::from_str(&order_json("b1", "c1", &[])).unwrap();
    json!({"stream": "trade_updates", "data": {"event": "partial_fill", "order": order,
        "execution_id": format!("e{n}"), "price": "150.1", "qty": "1", "position_qty": "7",
        "timestamp": "2026-03-02T14:30:00.123456789Z"}})
}

async fn next(rx: &mut Receiver<AccountMessage>) -> AccountMessage {
    soon(rx.recv()).await.expect("the stream goes on")
}

async fn down(rx: &mut Receiver<AccountMessage>) -> String {
    match next(rx).await {
        AccountMessage::Down { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn text_and_binary_updates_arrive_in_order_and_none_is_dropped() {
    let streams = Streams::open().await;
    // Room for two messages: the rest has to wait on the wire.
    let mut rx = start(&streams, StreamLimits { queue: 2, ..limits() });
    let server = tokio::spawn(async move {
        let mut peer = greet(&streams).await;
        peer.say(&json!({"stream": "a_new_stream", "data": 5})).await;
        for n in 0..200 {
            match n % 2 {
                0 => peer.say(&fill(n)).await,
                _ => peer.say_binary(fill(n).to_string().into_bytes()).await,
            }
        }
        peer
    });
    assert_eq!(next(&mut rx).await, AccountMessage::Up);
    for n in 0..200 {
        let AccountMessage::Update(update) = next(&mut rx).await else { panic!("no update") };
        assert_eq!(update.fill.unwrap().execution_id, format!("e{n}"));
    }
    drop(soon(server).await.unwrap());
    assert_eq!(
        down(&mut rx).await,
        "connection lost: WebSocket protocol error: \
        Connection reset without closing handshake"
    );
}

#[tokio::test]
async fn it_connects_again_by_itself_and_says_so() {
    let streams = Streams::open().await;
    let mut rx = start(&streams, limits());
    for _ in 0..4 {
        let mut peer = soon(greet(&streams)).await;
        assert_eq!(next(&mut rx).await, AccountMessage::Up);
        peer.0.close(None).await.unwrap();
        assert_eq!(down(&mut rx).await, "closed by the broker");
    }
}

#[tokio::test]
async fn w15_it_is_not_up_without_a_confirmation_and_tells_the_first_failure_once() {
    let streams = Streams::open().await;
    let mut rx = start(&streams, limits());
    for streams_heard in [json!([]), json!(["other"]), json!(null)] {
        let mut peer = soon(streams.accept()).await;
        peer.hear().await;
        peer.say(&json!({"stream": "authorization", "data": {"status": "authorized"}})).await;
        peer.hear().await;
        peer.say(&json!({"stream": "listening", "data": {"streams": streams_heard}})).await;
    }
    let _peer = soon(greet(&streams)).await;
    let why = down(&mut rx).await;
    assert!(why.contains("asked was [trade_updates]"), "{why}");
    assert_eq!(next(&mut rx).await, AccountMessage::Up);
}

#[tokio::test]
async fn refused_keys_are_named() {
    let streams = Streams::open().await;
    let mut rx = start(&streams, limits());
    let mut peer = soon(streams.accept()).await;
    peer.hear().await;
    peer.say(&json!({"stream": "authorization", "data": {"status": "unauthorized"}})).await;
    assert_eq!(down(&mut rx).await, "keys refused: unauthorized");
}

#[tokio::test]
async fn w5_a_connection_without_pongs_is_dead() {
    let streams = Streams::open().await;
    let limits = StreamLimits {
        ping: Duration::from_millis(20),
        silence: Duration::from_millis(120),
        ..limits()
    };
    let mut rx = start(&streams, limits);
    // The peer is kept, but nobody reads: pings are swallowed.
    let _peer = soon(greet(&streams)).await;
    assert_eq!(next(&mut rx).await, AccountMessage::Up);
    assert_eq!(down(&mut rx).await, "silent for 120ms");
}

#[tokio::test]
async fn w5_pongs_keep_a_quiet_connection_alive() {
    let streams = Streams::open().await;
    let silence = Duration::from_secs(2);
    let limits = StreamLimits { ping: Duration::from_millis(50), silence, ..limits() };
    let mut rx = start(&streams, limits);
    let mut peer = soon(greet(&streams)).await;
    assert_eq!(next(&mut rx).await, AccountMessage::Up);
    // Reading is what answers pings. More of them than fit into the bound must not end it.
    for n in 0..45 {
        let ping = soon(peer.0.next()).await;
        assert!(matches!(ping, Some(Ok(Message::Ping(_)))), "{ping:?} after {n} pings");
    }
    peer.say(&fill(1)).await;
    assert!(matches!(next(&mut rx).await, AccountMessage::Update(_)));
}

#[tokio::test]
async fn w14_what_cannot_be_read_ends_the_connection_so_that_a_snapshot_follows() {
    let streams = Streams::open().await;
    let limits = StreamLimits { frame_bytes_max: 4_096, ..limits() };
    let mut rx = start(&streams, limits);
    let half = fill(1).to_string();
    let mut sick = fill(2);
    sick["data"]["order"]["filled_qty"] = json!("NaN");
    let frames = [
        (Message::text(&half[..half.len() / 2]), "a stream message"),
        (Message::binary(vec![0xff, 0xfe, 0x00]), "a stream message"),
        (Message::text(sick.to_string()), "filled_qty"),
        (Message::text(" ".repeat(10_000)), "too long"),
        (Message::text("{\"action\":\"error\",\"data\":{\"error_message\":\"slow\"}}"), "slow"),
    ];
    for (frame, expected) in frames {
        let mut peer = soon(greet(&streams)).await;
        assert_eq!(next(&mut rx).await, AccountMessage::Up);
        // The other side may close before all of a frame that is too long is written.
        let _ = peer.0.send(frame).await;
        let why = down(&mut rx).await.to_lowercase();
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn it_ends_when_the_host_stops_listening() {
    let streams = Streams::open().await;
    let mut rx = start(&streams, limits());
    let mut peer = soon(greet(&streams)).await;
    assert_eq!(next(&mut rx).await, AccountMessage::Up);
    drop(rx);
    // Either a close or a cut, but an end.
    while let Some(Ok(_)) = soon(peer.0.next()).await {}
}
