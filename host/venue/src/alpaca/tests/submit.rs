//! RELIABILITY R1 to R8, R20, R21: what the end of a POST means.

use std::time::Duration;

use serde_json::json;
use stockade_core::broker::{Answer, BrokerOrder, BrokerStatus, OrderReport};
use stockade_core::instrument::AssetClass;
use stockade_core::order::{OrderType, Side, Size, TimeInForce};
use stockade_core::{OrderId, Symbol};

use super::broker::{Broker, Reply, client, client_with, order_json, soon};
use crate::alpaca::{Notice, RestLimits};

/// What a broker answers, again and again.
type Replies = Box<dyn Fn() -> Reply + Send + Sync>;

const CLIENT_ID: &str = "sk-era-paper-alpha-1-ab";

fn order() -> BrokerOrder {
    BrokerOrder {
        order: OrderId(1),
        client_order_id: CLIENT_ID.to_owned(),
        symbol: Symbol::new("AAPL").unwrap(),
        side: Side::Buy,
        size: Size::Qty("10".parse().unwrap()),
        order_type: OrderType::Limit { limit_price: "150.25".parse().unwrap() },
        time_in_force: TimeInForce::Day,
        extended_hours: false,
    }
}

fn refusal(code: u32, message: &str) -> String {
    json!({"code": code, "message": message, "buying_power": "0"}).to_string()
}

/// Submits against one answer; the answer and how often the broker was asked to take the order.
async fn submitted(
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> (Answer<OrderReport>, usize) {
    let broker = Broker::start(move |_| reply()).await;
    let (alpaca, _) = broker.client();
    let answer = soon(alpaca.submit(&order())).await;
    (answer, broker.requests().len())
}

#[tokio::test]
async fn an_order_goes_out_once_with_decimals_as_strings() {
    let broker = Broker::start(|_| Reply::Json(200, order_json("b1", CLIENT_ID, &[]))).await;
    let (alpaca, _) = broker.client();
    let Answer::Done { value } = soon(alpaca.submit(&order())).await else {
        panic!("not done");
    };
    assert_eq!(value.broker_order_id, "b1");
    assert_eq!(value.status, BrokerStatus::Open);
    assert_eq!(value.submitted_at.0, 1_772_461_800_123_456_789);
    let requests = broker.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].url.path()), ("POST", "/v2/orders"));
    assert!(requests[0].head.contains("apca-api-key-id: pktest"));
    let body: serde_json::Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(
        body,
        json!({
            "symbol": "AAPL", "side": "buy", "type": "limit", "time_in_force": "day", "qty": "10",
            "limit_price": "150.25", "client_order_id": CLIENT_ID, "extended_hours": false,
        })
    );
}

#[tokio::test]
async fn a_crypto_order_for_an_amount_bears_the_brokers_symbol() {
    let changes = [("symbol", "\"BTC/USD\""), ("qty", "null"), ("notional", "\"50\"")];
    let answer = order_json("b1", CLIENT_ID, &changes);
    let broker = Broker::start(move |_| Reply::Json(200, answer.clone())).await;
    let (alpaca, _) = broker.client();
    let symbol = Symbol::new("BTCUSD").unwrap();
    alpaca.symbols().learn(symbol.clone(), "BTC/USD", AssetClass::Crypto);
    let order = BrokerOrder {
        symbol: symbol.clone(),
        size: Size::Notional("50".parse().unwrap()),
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Gtc,
        ..order()
    };
    let answer = soon(alpaca.submit(&order)).await;
    assert!(
        matches!(answer, Answer::Done { value } if value.symbol == symbol && value.qty.is_none())
    );
    let body: serde_json::Value = serde_json::from_str(&broker.requests()[0].body).unwrap();
    assert_eq!((&body["symbol"], &body["notional"]), (&json!("BTC/USD"), &json!("50")));
    assert!(body.get("qty").is_none() && body.get("limit_price").is_none());
}

#[tokio::test]
async fn r1_no_connection_and_429_prove_that_nothing_was_taken() {
    // A port that nobody listens on.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (alpaca, _) = client(&format!("http://{address}"));
    let answer = soon(alpaca.submit(&order())).await;
    assert!(matches!(answer, Answer::NotTaken { .. }), "{answer:?}");

    // A TLS handshake that the other side cuts.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let (alpaca, _) = client(&format!("https://{address}"));
    let answer = soon(alpaca.submit(&order())).await;
    assert!(matches!(answer, Answer::NotTaken { .. }), "{answer:?}");

    let (answer, asked) = submitted(|| {
        Reply::Headed(429, "retry-after: 2\r\n", refusal(42_910_000, "rate limit exceeded"))
    })
    .await;
    let expected =
        Answer::NotTaken { retry_after: 2_000_000_000, why: "rate limit exceeded".to_owned() };
    assert_eq!((answer, asked), (expected, 1));
    let (answer, asked) = submitted(|| Reply::Html(429)).await;
    assert!(matches!(answer, Answer::NotTaken { retry_after: 1_000_000_000, .. }), "{answer:?}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn r2_to_r6_and_r20_whatever_leaves_a_doubt_is_unknown_and_asked_once() {
    let other = order_json("b1", CLIENT_ID, &[("symbol", "\"MSFT\"")]);
    let foreign = order_json("b1", "another id", &[]);
    let sick = order_json("b1", CLIENT_ID, &[("filled_qty", "\"NaN\"")]);
    let whole = order_json("b1", CLIENT_ID, &[]);
    let half = whole[..whole.len() / 2].to_owned();
    let replies: Vec<(&str, Replies)> = vec![
        ("closed after the request", Box::new(|| Reply::Close)),
        ("500", Box::new(|| Reply::Json(500, refusal(50_010_000, "internal error")))),
        ("502", Box::new(|| Reply::Html(502))),
        ("503", Box::new(|| Reply::Html(503))),
        ("504", Box::new(|| Reply::Html(504))),
        ("garbage 200", Box::new(|| Reply::Json(200, "oops".to_owned()))),
        ("empty 200", Box::new(|| Reply::Json(200, String::new()))),
        ("half JSON", Box::new(move || Reply::Json(200, half.clone()))),
        ("cut body", Box::new(|| Reply::Cut { promised: 900, sent: "{\"id\":\"b1\"," })),
        ("another symbol", Box::new(move || Reply::Json(200, other.clone()))),
        ("another order", Box::new(move || Reply::Json(200, foreign.clone()))),
        ("a sick number", Box::new(move || Reply::Json(200, sick.clone()))),
        ("403 of a proxy", Box::new(|| Reply::Html(403))),
        ("422 without words", Box::new(|| Reply::Json(422, "[]".to_owned()))),
        ("404 of a proxy", Box::new(|| Reply::Html(404))),
        ("408", Box::new(|| Reply::Json(408, refusal(0, "too slow")))),
        ("redirect", Box::new(|| Reply::Headed(307, "location: /v2/orders\r\n", String::new()))),
    ];
    for (name, reply) in replies {
        let (answer, asked) = submitted(reply).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "{name}: {answer:?}");
        assert_eq!(asked, 1, "{name}");
    }
}

#[tokio::test]
async fn r2_and_r21_the_deadline_covers_head_and_body_and_the_body_has_a_cap() {
    let limits = RestLimits {
        deadline: Duration::from_millis(150),
        connect: Duration::from_millis(100),
        body_bytes_max: 1_024,
    };
    let fill = " ".repeat(2_000);
    let big = order_json("b1", CLIENT_ID, &[("source", &format!("\"{fill}\""))]);
    let replies: Vec<(&str, Replies)> = vec![
        ("timed out", Box::new(|| Reply::Stall)),
        ("timed out", Box::new(|| Reply::Drip)),
        ("longer than 1024 bytes", Box::new(move || Reply::Json(200, big.clone()))),
    ];
    for (expected, reply) in replies {
        let broker = Broker::start(move |_| reply()).await;
        let (alpaca, _) = client_with(&broker.url, limits);
        let answer = soon(alpaca.submit(&order())).await;
        assert!(matches!(&answer, Answer::Unknown { why } if why.contains(expected)), "{answer:?}");
        assert_eq!(broker.requests().len(), 1);
    }
}

#[tokio::test]
async fn r8_a_definitive_body_is_a_refusal() {
    let table = [
        (403, 40_310_000, "insufficient buying power"),
        (403, 40_310_000, "potential wash trade detected"),
        (422, 42_210_000, "invalid limit_price: sub-penny increment"),
        (422, 40_010_001, "client_order_id must be at most 128 characters"),
        (400, 40_010_000, "request body format is invalid"),
        (404, 40_410_000, "asset \"NOPE\" not found"),
    ];
    for (http, code, message) in table {
        let (answer, asked) = submitted(move || Reply::Json(http, refusal(code, message))).await;
        let expected = Answer::Refused { http, code, message: message.to_owned() };
        assert_eq!((answer, asked), (expected, 1));
    }
}

#[tokio::test]
async fn r10_refused_keys_are_a_refusal_and_an_alarm() {
    for (reply, words) in
        [(None, "unauthorized"), (Some("{\"message\":\"unauthorized.\"}"), "unauthorized.")]
    {
        let broker = Broker::start(move |_| match reply {
            Some(body) => Reply::Json(401, body.to_owned()),
            None => Reply::Html(401),
        })
        .await;
        let (alpaca, notices) = broker.client();
        let answer = soon(alpaca.submit(&order())).await;
        assert_eq!(answer, Answer::Refused { http: 401, code: 0, message: words.to_owned() });
        let alarm = Notice::AuthRefused { http: 401, message: words.to_owned() };
        assert_eq!(*notices.lock().unwrap(), [alarm]);
    }
}

#[tokio::test]
async fn r7_a_used_client_order_id_is_adopted_only_where_the_order_is_the_same() {
    let same = order_json("b7", CLIENT_ID, &[("status", "\"filled\""), ("filled_qty", "\"10\"")]);
    let other_qty = order_json("b7", CLIENT_ID, &[("qty", "\"11\"")]);
    let other_side = order_json("b7", CLIENT_ID, &[("side", "\"sell\"")]);
    let other_symbol = order_json("b7", CLIENT_ID, &[("symbol", "\"MSFT\"")]);
    let missing = refusal(40_410_000, "order not found");
    let refusals = [(422, 40_010_001), (422, 42_210_000), (409, 40_910_000)];
    let lookups = [
        (200, &same, true),
        (200, &other_qty, false),
        (200, &other_side, false),
        (200, &other_symbol, false),
        (404, &missing, false),
    ];
    for (http, code) in refusals {
        for (status, found, adopted) in lookups {
            let found = found.clone();
            let broker = Broker::start(move |request| match request.method.as_str() {
                "POST" => Reply::Json(http, refusal(code, "client_order_id must be unique")),
                _ => Reply::Json(status, found.clone()),
            })
            .await;
            let (alpaca, _) = broker.client();
            let answer = soon(alpaca.submit(&order())).await;
            match answer {
                Answer::Done { value } => {
                    assert!(adopted);
                    assert_eq!(value.broker_order_id, "b7");
                    assert_eq!(value.status, BrokerStatus::Filled);
                }
                Answer::Unknown { .. } => assert!(!adopted, "{status}"),
                other => panic!("{other:?}"),
            }
            let requests = broker.requests();
            assert_eq!(requests.len(), 2);
            assert_eq!(requests[1].url.path(), "/v2/orders:by_client_order_id");
            assert_eq!(requests[1].query("client_order_id").as_deref(), Some(CLIENT_ID));
        }
    }
}

#[tokio::test]
async fn r7_an_order_for_an_amount_is_adopted_by_its_amount() {
    for (notional, adopted) in [("\"50.00\"", true), ("\"51\"", false)] {
        let found = order_json("b7", CLIENT_ID, &[("qty", "null"), ("notional", notional)]);
        let broker = Broker::start(move |request| match request.method.as_str() {
            "POST" => Reply::Json(422, refusal(40_010_001, "client_order_id must be unique")),
            _ => Reply::Json(200, found.clone()),
        })
        .await;
        let (alpaca, _) = broker.client();
        let order = BrokerOrder { size: Size::Notional("50".parse().unwrap()), ..order() };
        let answer = soon(alpaca.submit(&order)).await;
        assert_eq!(matches!(answer, Answer::Done { .. }), adopted, "{answer:?}");
    }
}
