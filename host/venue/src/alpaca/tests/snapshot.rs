//! A snapshot is whole or unknown (RELIABILITY R12, R14, W20).

use serde_json::{Value, json};
use stockade_core::broker::Answer;
use stockade_core::{Money, Symbol, Timestamp};

use super::broker::{Broker, Reply, Request, order_json, soon};
use crate::alpaca::OVERLAP_NS;

const SINCE: i64 = 1_772_461_800_000_000_000;

fn time(offset_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(SINCE / 1_000_000 + offset_ms).unwrap();
    at.to_string()
}

/// Orders as the broker holds them: an id and when it was sent, in milliseconds after `SINCE`.
type Book = Vec<(String, i64)>;

/// The broker's own paging: `after` is exclusive, the oldest come first, at most `limit`.
fn orders_page(book: &Book, request: &Request) -> Reply {
    let open = request.query("status").as_deref() == Some("open");
    let after = request
        .query("after")
        .map(|text| text.parse::<jiff::Timestamp>().unwrap().as_millisecond() - SINCE / 1_000_000);
    let limit: usize = request.query("limit").unwrap().parse().unwrap();
    assert_eq!(request.query("direction").as_deref(), Some("asc"));
    let page: Vec<String> = book
        .iter()
        .filter(|(id, _)| !open || id.starts_with("open"))
        .filter(|(_, at)| after.is_none_or(|after| *at > after))
        .take(limit)
        .map(|(id, at)| {
            let sent = format!("\"{}\"", time(*at));
            order_json(id, &format!("client-{id}"), &[("submitted_at", &sent)])
        })
        .collect();
    Reply::Json(200, format!("[{}]", page.join(",")))
}

fn fill(n: usize) -> Value {
    json!({
        "id": format!("20260302093000000::exec-{n:04}"), "activity_type": "FILL", "type": "fill",
        "transaction_time": time(1), "price": "150.1", "qty": "1", "cum_qty": n.to_string(),
        "side": if n.is_multiple_of(2) { "buy" } else { "sell_short" }, "symbol": "BTC/USD",
        "order_id": format!("order-{:03}", n % 10), "order_status": "filled", "leaves_qty": "0",
    })
}

fn fills_page(fills: &[Value], request: &Request) -> Reply {
    let size: usize = request.query("page_size").unwrap().parse().unwrap();
    let start = match request.query("page_token") {
        Some(token) => fills.iter().position(|fill| fill["id"] == token.as_str()).unwrap() + 1,
        None => 0,
    };
    let page: Vec<_> = fills.iter().skip(start).take(size).collect();
    Reply::Json(200, serde_json::to_string(&page).unwrap())
}

fn rest(request: &Request) -> Reply {
    let body = match request.url.path() {
        "/v2/clock" => json!({"timestamp": time(5_000), "is_open": true,
            "next_open": time(90_000_000), "next_close": time(10_000_000)}),
        "/v2/account" => json!({"id": "acct-1", "cash": "1000.10", "equity": 2000.2,
            "buying_power": "1e3", "trading_blocked": false, "account_blocked": true,
            "crypto_tier": 1}),
        "/v2/positions" => json!([
            {"symbol": "BTCUSD", "qty": "0.09975", "side": "long",
             "avg_entry_price": "64000.333333333333333333333333333333", "current_price": null},
            {"symbol": "AAPL", "qty": "-5", "side": "short", "avg_entry_price": "150",
             "current_price": "151.5"},
        ]),
        "/v2/account/activities" => json!([]),
        "/v2/calendar" => json!([{"date": "2026-03-02", "open": "09:30", "close": "16:00"}]),
        _ => {
            return Reply::Json(
                404,
                json!({"code": 40_410_000, "message": "not found"}).to_string(),
            );
        }
    };
    Reply::Json(200, body.to_string())
}

#[tokio::test]
async fn all_pages_are_read_once_though_times_repeat_at_their_edges() {
    // Runs of forty orders of one time, so that page edges fall inside a run.
    let mut book: Book = (0..1_180).map(|n| (format!("order-{n:03}"), n / 40)).collect();
    book.insert(0, ("open-old".to_owned(), -90_000_000));
    let fills: Vec<Value> = (0..250).map(fill).collect();
    let broker = Broker::start(move |request| match request.url.path() {
        "/v2/orders" => orders_page(&book, request),
        "/v2/account/activities/FILL" => fills_page(&fills, request),
        _ => rest(request),
    })
    .await;
    let (alpaca, _) = broker.client();
    let Answer::Done { value } = soon(alpaca.snapshot(Timestamp(SINCE))).await else {
        panic!("no snapshot")
    };
    assert_eq!(value.orders.len(), 1_181);
    assert_eq!(value.orders[0].broker_order_id, "open-old");
    let mut ids: Vec<_> = value.orders.iter().map(|order| &order.broker_order_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_181);

    assert_eq!(value.fills.len(), 250);
    assert_eq!(value.fills[7].execution_id, "exec-0007");
    assert_eq!(value.fills[7].client_order_id.as_deref(), Some("client-order-007"));
    assert_eq!(value.fills[7].symbol, Symbol::new("BTCUSD").unwrap());
    assert_eq!(value.fills[7].cumulative_qty, Some("7".parse().unwrap()));

    assert_eq!(value.since, Timestamp(SINCE - OVERLAP_NS));
    assert_eq!(value.began, Timestamp(SINCE + 5_000_000_000));
    assert_eq!((value.account_id.as_str(), value.trading_blocked), ("acct-1", true));
    assert_eq!(value.cash, "1000.10".parse::<Money>().unwrap());
    assert_eq!(value.buying_power, "1000".parse::<Money>().unwrap());
    assert_eq!(value.positions[0].average_entry.to_string(), "64000.333333333333");
    assert_eq!(value.positions[1].qty.to_string(), "-5");
    assert_eq!(value.sessions.len(), 1);
    let read = broker.requests();
    let first = |path: &str| read.iter().position(|r| r.url.path() == path).unwrap();
    assert!(first("/v2/positions") < first("/v2/orders"));
    assert!(first("/v2/positions") < first("/v2/account/activities"));
    assert!(first("/v2/account/activities") < first("/v2/account/activities/FILL"));
    assert!(first("/v2/orders") < first("/v2/account/activities/FILL"));
    let after = read[first("/v2/account/activities/FILL")].query("after");
    assert_eq!(after, Some(time(-300_000)));
}

#[tokio::test]
async fn a_fill_of_an_order_before_the_overlap_brings_its_order() {
    let fills = [fill(3)];
    let broker = Broker::start(move |request| match request.url.path() {
        "/v2/orders" => Reply::Json(200, "[]".to_owned()),
        "/v2/account/activities/FILL" => fills_page(&fills, request),
        "/v2/orders/order-003" => Reply::Json(200, order_json("order-003", "mine", &[])),
        _ => rest(request),
    })
    .await;
    let (alpaca, _) = broker.client();
    let Answer::Done { value } = soon(alpaca.snapshot(Timestamp(SINCE))).await else {
        panic!("no snapshot")
    };
    assert_eq!(value.orders.len(), 1);
    assert_eq!(value.fills[0].client_order_id.as_deref(), Some("mine"));
}

#[tokio::test]
async fn r14_a_part_that_fails_makes_the_whole_unknown() {
    let sick_fill = json!([{"id": "a::b", "transaction_time": time(0), "price": "NaN", "qty": "1",
        "side": "buy", "symbol": "AAPL", "order_id": "o"}])
    .to_string();
    let parts: Vec<(&str, u16, String)> = vec![
        ("/v2/positions", 500, "{}".to_owned()),
        ("/v2/positions", 200, "{}".to_owned()),
        ("/v2/positions", 404, json!({"message": "no"}).to_string()),
        ("/v2/account", 200, "{\"id\":\"a\",\"cash\":null}".to_owned()),
        ("/v2/orders", 200, "[{}]".to_owned()),
        ("/v2/orders", 504, String::new()),
        ("/v2/account/activities/FILL", 200, sick_fill),
        ("/v2/account/activities/FILL", 200, "null".to_owned()),
        ("/v2/account/activities", 500, String::new()),
        ("/v2/account/activities", 200, json!([{"id": "x", "activity_type": "FEE"}]).to_string()),
        ("/v2/clock", 200, "{\"timestamp\":\"yesterday\"}".to_owned()),
        ("/v2/calendar", 502, String::new()),
    ];
    for (path, status, body) in parts {
        let broker = Broker::start(move |request| match request.url.path() {
            found if found == path => Reply::Json(status, body.clone()),
            "/v2/orders" | "/v2/account/activities/FILL" => Reply::Json(200, "[]".to_owned()),
            _ => rest(request),
        })
        .await;
        let (alpaca, _) = broker.client();
        let answer = soon(alpaca.snapshot(Timestamp(SINCE))).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "{path} {status}: {answer:?}");
    }
}

#[tokio::test]
async fn pages_that_lead_nowhere_are_unknown_and_end() {
    // A full page of one time, whatever is asked.
    let page: Vec<String> = (0..500).map(|n| order_json(&format!("o{n}"), "c", &[])).collect();
    let page = format!("[{}]", page.join(","));
    let broker = Broker::start(move |request| match request.url.path() {
        "/v2/orders" => Reply::Json(200, page.clone()),
        _ => rest(request),
    })
    .await;
    let (alpaca, _) = broker.client();
    let answer = soon(alpaca.snapshot(Timestamp(SINCE))).await;
    assert!(
        matches!(&answer, Answer::Unknown { why } if why.contains("nothing new")),
        "{answer:?}"
    );
}
