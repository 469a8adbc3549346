//! The data streams (RELIABILITY M3 to M5, M9).

use rmpv::Value as Pack;
use serde_json::{Value, json};
use stockade_core::Symbol;
use stockade_core::instrument::AssetClass;
use tokio::sync::mpsc::Receiver;

use super::broker::{account, soon};
use super::ws::{Peer, Streams, limits};
use crate::alpaca::{
    Channel, DataStream, Feed, MarketMessage, StreamLimits, Subscription, SymbolTable,
};

fn symbols(names: &[&str]) -> Vec<Symbol> {
    names.iter().map(|name| Symbol::new(name).unwrap()).collect()
}

fn start(
    streams: &Streams,
    feed: Feed,
    wanted: Subscription,
    limits: StreamLimits,
) -> (DataStream, Receiver<MarketMessage>) {
    let table = SymbolTable::default();
    table.learn(Symbol::new("BTCUSD").unwrap(), "BTC/USD", AssetClass::Crypto);
    DataStream::start(&account(&streams.url), feed, wanted, table, limits, 1).unwrap()
}

async fn greet(streams: &Streams) -> Peer {
    let mut peer = streams.accept().await;
    peer.say(&json!([{"T": "success", "msg": "connected"}])).await;
    let auth = peer.hear().await;
    assert_eq!(auth, json!({"action": "auth", "key": "PKTEST", "secret": "secret"}));
    peer.say(&json!([{"T": "success", "msg": "authenticated"}])).await;
    peer
}

/// Answers the next request with an acknowledgement of these bars, and gives the request.
async fn confirm(peer: &mut Peer, bars: &[&str]) -> Value {
    let request = peer.hear().await;
    peer.say(&json!([{"T": "subscription", "bars": bars, "quotes": ["*"], "news": []}])).await;
    request
}

/// The next message but confirmations, which have a test of their own.
async fn next(rx: &mut Receiver<MarketMessage>) -> MarketMessage {
    loop {
        match soon(rx.recv()).await.expect("the stream goes on") {
            MarketMessage::Confirmed { .. } => {}
            other => return other,
        }
    }
}

fn bar(symbol: &str, minute: u32, close: f64) -> Value {
    json!({"T": "b", "S": symbol, "t": format!("2026-03-02T14:{minute:02}:00Z"), "o": 150.1,
        "h": 151, "l": 1.5e2, "c": close, "v": 10.5, "n": 3, "vw": 150.3})
}

fn quote(symbol: &str, bid: f64) -> Value {
    json!({"T": "q", "S": symbol, "t": "2026-03-02T14:30:00.000000001Z", "bx": "V", "bp": bid,
        "bs": 1, "ax": "V", "ap": 151.5, "as": 2, "c": ["R"], "z": "C"})
}

#[tokio::test]
async fn bars_of_one_stamp_in_one_frame_come_together_in_table_order() {
    let streams = Streams::open().await;
    let wanted = Subscription { bars: symbols(&["MSFT", "AAPL"]), ..Default::default() };
    let (_stream, mut rx) = start(&streams, Feed::Stock, wanted, limits());
    let mut peer = soon(greet(&streams)).await;
    let request = soon(confirm(&mut peer, &["AAPL", "MSFT"])).await;
    let expected =
        json!({"action": "subscribe", "bars": ["AAPL", "MSFT"], "quotes": [], "trades": []});
    assert_eq!(request, expected);
    assert_eq!(next(&mut rx).await, MarketMessage::Up);
    let mut sick = bar("AAPL", 33, 1.0);
    sick["c"] = json!("NaN");
    let mut nothing = bar("AAPL", 33, 1.0);
    nothing["l"] = json!(0);
    peer.say(&json!([
        bar("AAPL", 31, 2.0), bar("AAPL", 30, 1.0), bar("MSFT", 30, 3.0), sick, nothing,
        {"T": "x", "S": "AAPL"}, quote("AAPL", 0.0), bar("MSFT", 31, 4.0),
        {"T": "t", "S": "AAPL", "t": "2026-03-02T14:30:00Z", "p": 150.25, "s": 7, "c": ["@"], "i": 9},
    ])).await;
    let mut found = Vec::new();
    for _ in 0..5 {
        found.push(match next(&mut rx).await {
            MarketMessage::Bars(bars) => {
                assert!(bars.iter().all(|bar| bar.at == bars[0].at));
                let names: Vec<_> =
                    bars.iter().map(|bar| format!("{}@{}", bar.symbol, bar.close)).collect();
                names.join(" ")
            }
            MarketMessage::Quote(quote) => format!("quote {} {}", quote.bid, quote.ask_size),
            MarketMessage::Trade(trade) => format!("trade {} {}", trade.price, trade.size),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(found, ["MSFT@3 AAPL@1", "AAPL@2", "quote 0 2", "MSFT@4", "trade 150.25 7"]);
}

#[tokio::test]
async fn msgpack_frames_say_the_same_and_pairs_bear_their_slash() {
    let streams = Streams::open().await;
    let wanted = Subscription { bars: symbols(&["BTCUSD"]), ..Default::default() };
    let (_stream, mut rx) = start(&streams, Feed::Crypto, wanted, limits());
    let mut peer = soon(greet(&streams)).await;
    let request = soon(confirm(&mut peer, &["BTC/USD"])).await;
    assert_eq!(request["bars"], json!(["BTC/USD"]));
    assert_eq!(next(&mut rx).await, MarketMessage::Up);
    peer.say(&json!([bar("BTC/USD", 30, 150.25)])).await;
    let text = next(&mut rx).await;
    let map = |pairs: Vec<(&str, Pack)>| {
        Pack::Map(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())
    };
    let stamp = 1_772_461_800_u32.to_be_bytes().to_vec();
    let frame = Pack::Array(vec![map(vec![
        ("T", "b".into()),
        ("S", "BTC/USD".into()),
        ("t", Pack::Ext(-1, stamp)),
        ("o", Pack::F64(150.1)),
        ("h", 151.into()),
        ("l", Pack::F64(150.0)),
        ("c", Pack::F64(150.25)),
        ("v", Pack::F64(10.5)),
        ("n", 3.into()),
    ])]);
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &frame).unwrap();
    peer.say_binary(bytes).await;
    let binary = next(&mut rx).await;
    assert_eq!(text, binary);
    let MarketMessage::Bars(bars) = binary else { panic!("no bars") };
    assert_eq!(bars[0].symbol, Symbol::new("BTCUSD").unwrap());
    assert_eq!(bars[0].open.to_string(), "150.1");
    assert_eq!(bars[0].at.0, 1_772_461_800_000_000_000);
}

#[tokio::test]
async fn m9_what_the_broker_leaves_out_is_told() {
    let streams = Streams::open().await;
    let wanted = Subscription {
        bars: symbols(&["AAPL", "MSFT", "TSLA"]),
        quotes: symbols(&["AAPL"]),
        trades: symbols(&["AAPL"]),
    };
    let (stream, mut rx) = start(&streams, Feed::Stock, wanted, limits());
    let mut peer = soon(greet(&streams)).await;
    soon(confirm(&mut peer, &["AAPL"])).await;
    let missing = [(Channel::Bars, "MSFT"), (Channel::Bars, "TSLA"), (Channel::Trades, "AAPL")];
    let missing = missing.map(|(channel, name)| (channel, Symbol::new(name).unwrap())).to_vec();
    assert_eq!(next(&mut rx).await, MarketMessage::Partial { missing });
    assert_eq!(next(&mut rx).await, MarketMessage::Up);

    // A change asks for the difference alone.
    stream.subscribe(Subscription { bars: symbols(&["AAPL", "NVDA"]), ..Default::default() });
    let request = soon(confirm(&mut peer, &["AAPL"])).await;
    assert_eq!(
        (&request["action"], &request["bars"]),
        (&json!("unsubscribe"), &json!(["MSFT", "TSLA"]))
    );
    assert_eq!(request["quotes"], json!(["AAPL"]));
    let request = soon(confirm(&mut peer, &["AAPL", "NVDA"])).await;
    assert_eq!((&request["action"], &request["bars"]), (&json!("subscribe"), &json!(["NVDA"])));
    peer.say(&json!([bar("NVDA", 30, 9.0)])).await;
    assert!(matches!(next(&mut rx).await, MarketMessage::Bars(bars) if bars.len() == 1));
}

#[tokio::test]
async fn m4_a_second_host_sees_406_and_comes_up_when_the_first_is_gone() {
    let streams = Streams::open().await;
    let wanted = Subscription { bars: symbols(&["AAPL"]), ..Default::default() };
    let (stream, mut rx) = start(&streams, Feed::Stock, wanted, limits());
    // The handle may go; the messages keep the stream.
    drop(stream);
    let limit = json!([{"T": "error", "code": 406, "msg": "connection limit exceeded"}]);
    for at_auth in [true, false] {
        let mut peer = soon(streams.accept()).await;
        if at_auth {
            peer.say(&json!([{"T": "success", "msg": "connected"}])).await;
            peer.hear().await;
        }
        peer.say(&limit).await;
        let message = "connection limit exceeded".to_owned();
        assert_eq!(next(&mut rx).await, MarketMessage::Error { code: 406, message });
        if at_auth {
            let why = "error 406: connection limit exceeded".to_owned();
            assert_eq!(next(&mut rx).await, MarketMessage::Down { why });
        }
    }
    let mut peer = soon(greet(&streams)).await;
    soon(confirm(&mut peer, &["AAPL"])).await;
    assert_eq!(next(&mut rx).await, MarketMessage::Up);
    // M5: an error while it runs is told and does not end it by itself.
    peer.say(&json!([{"T": "error", "code": 407, "msg": "slow client"}, bar("AAPL", 30, 1.0)]))
        .await;
    assert!(matches!(next(&mut rx).await, MarketMessage::Error { code: 407, .. }));
    assert!(matches!(next(&mut rx).await, MarketMessage::Bars(_)));
    peer.0.close(None).await.unwrap();
    assert!(matches!(next(&mut rx).await, MarketMessage::Down { .. }));
    let mut peer = soon(greet(&streams)).await;
    soon(confirm(&mut peer, &["AAPL"])).await;
    assert_eq!(next(&mut rx).await, MarketMessage::Up);
}

#[tokio::test]
async fn m5_quotes_give_way_to_later_ones_and_nothing_else_does() {
    let streams = Streams::open().await;
    let wanted = Subscription { quotes: symbols(&["AAPL", "MSFT"]), ..Default::default() };
    let limits = StreamLimits { queue: 1, ..limits() };
    let (_stream, mut rx) = start(&streams, Feed::Stock, wanted, limits);
    let mut peer = soon(greet(&streams)).await;
    soon(confirm(&mut peer, &[])).await;
    assert_eq!(next(&mut rx).await, MarketMessage::Up);
    // One frame: the host can't take any of it before all of it is read.
    let mut frame: Vec<Value> = (1..=500).map(|n| quote("AAPL", f64::from(n))).collect();
    frame.extend((1..=500).map(|n| quote("MSFT", f64::from(n))));
    frame.push(bar("AAPL", 30, 1.0));
    frame.push(quote("AAPL", 501.0));
    peer.say(&json!(frame)).await;
    let (mut quotes, mut bars) = (Vec::new(), 0);
    while quotes.last().map(String::as_str) != Some("AAPL 501") {
        match next(&mut rx).await {
            MarketMessage::Quote(quote) => {
                if quote.bid.to_string() == "500" {
                    assert_eq!(bars, 0, "a quote fell behind the bar that came after it");
                }
                quotes.push(format!("{} {}", quote.symbol, quote.bid));
            }
            MarketMessage::Bars(_) => bars += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(quotes, ["AAPL 1", "AAPL 500", "MSFT 500", "AAPL 501"]);
    assert_eq!(bars, 1);
}

#[tokio::test]
async fn a_subscription_that_is_never_confirmed_is_not_up() {
    let streams = Streams::open().await;
    let wanted = Subscription { bars: symbols(&["AAPL"]), ..Default::default() };
    let handshake = std::time::Duration::from_millis(200);
    let limits = StreamLimits { handshake, ..limits() };
    let (_stream, mut rx) = start(&streams, Feed::Stock, wanted, limits);
    let mut peer = soon(greet(&streams)).await;
    soon(peer.hear()).await;
    let why = "no answer within 200ms to the subscription".to_owned();
    assert_eq!(next(&mut rx).await, MarketMessage::Down { why });
}

#[tokio::test]
async fn a_frame_that_is_no_list_ends_the_connection() {
    let streams = Streams::open().await;
    let (_stream, mut rx) = start(&streams, Feed::Stock, Subscription::default(), limits());
    for frame in [b"[{\"T\":\"b\"".to_vec(), vec![0xdc, 0xff], b"7".to_vec()] {
        let mut peer = soon(greet(&streams)).await;
        // Nothing is asked for, so nothing has to be confirmed.
        assert_eq!(next(&mut rx).await, MarketMessage::Up);
        peer.say_binary(frame).await;
        let MarketMessage::Down { why } = next(&mut rx).await else { panic!("not down") };
        assert!(why.contains("a data frame"), "{why}");
    }
}
