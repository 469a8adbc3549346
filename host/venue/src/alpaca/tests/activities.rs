//! What happened to the account beside trades, as FACTS 2.2 and the specifications print it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use stockade_core::broker::{Activity, ActivityKind as K, Answer, BrokerSnapshot};
use stockade_core::{Symbol, Timestamp};

use super::broker::{Broker, Reply, Request, order_json, soon};
use crate::alpaca::wire::{self, WireTradeUpdate};

/// 2026-03-02T14:30:00Z.
const SINCE: i64 = 1_772_461_800_000_000_000;

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(i64::try_from(at.as_nanosecond()).unwrap())
}

/// A broker with these activities beside executions, these executions and these announcements.
fn answer(request: &Request, others: &Value, fills: &Value, announced: &Value) -> Reply {
    let body = match request.url.path() {
        "/v2/clock" => json!({"timestamp": "2026-03-02T15:00:00Z", "is_open": true,
            "next_open": "2026-03-03T14:30:00Z", "next_close": "2026-03-02T21:00:00Z"}),
        "/v2/account" => json!({"id": "a", "cash": "1", "equity": "1", "buying_power": "1"}),
        "/v2/positions" | "/v2/orders" | "/v2/calendar" => json!([]),
        "/v2/account/activities/FILL" => fills.clone(),
        "/v2/account/activities" => {
            assert_eq!(request.query("category").as_deref(), Some("non_trade_activity"));
            others.clone()
        }
        "/v1/corporate-actions" => {
            json!({"corporate_actions": announced, "next_page_token": null})
        }
        _ => return Reply::Json(404, json!({"message": "not found"}).to_string()),
    };
    Reply::Json(200, body.to_string())
}

async fn snapshot(broker: &Broker) -> BrokerSnapshot {
    let (alpaca, _) = broker.client();
    match soon(alpaca.snapshot(Timestamp(SINCE))).await {
        Answer::Done { value } => value,
        other => panic!("{other:?}"),
    }
}

async fn read(others: Value, fills: Value, announced: Value) -> BrokerSnapshot {
    let broker = Broker::start(move |request| answer(request, &others, &fills, &announced)).await;
    snapshot(&broker).await
}

async fn activities(others: Value) -> Vec<Activity> {
    read(others, json!([]), json!({})).await.activities
}

fn row(n: usize, kind: &str, sub: &str, changes: Value) -> Value {
    let mut row = json!({
        "id": format!("20260227000000000::{n:04}"), "activity_type": kind,
        "activity_sub_type": sub, "date": "2026-02-27", "created_at": "2026-02-28T05:04:03Z",
        "net_amount": "0", "qty": "0", "status": "executed", "a_new_member": 1,
    });
    for (name, value) in changes.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

#[tokio::test]
async fn every_type_has_its_kind_and_none_is_dropped() {
    let table = [
        ("CSD", K::Cash),
        ("CSW", K::Cash),
        ("JNLC", K::Cash),
        ("TRANS", K::Cash),
        ("DIV", K::Dividend),
        ("DIVNRA", K::Dividend),
        ("DIVTW", K::Dividend),
        ("INT", K::Interest),
        ("INTTW", K::Interest),
        ("FEE", K::Fee),
        ("PTC", K::Fee),
        ("CFEE", K::CryptoFee),
        ("SPIN", K::SpinOff),
        ("MA", K::Merger),
        ("REORG", K::Merger),
        ("NC", K::SymbolChange),
        ("OPASN", K::Other),
        ("OPTRD", K::Other),
        ("MISC", K::Other),
        ("BRANDNEW", K::Other),
    ];
    let rows = table
        .iter()
        .enumerate()
        .map(|(n, (kind, _))| row(n, kind, "", json!({"net_amount": "-1.25", "symbol": "AAPL"})));
    let found = activities(Value::Array(rows.collect())).await;
    assert_eq!(found.len(), table.len());
    for (n, (word, kind)) in table.iter().enumerate() {
        let id = format!("20260227000000000::{n:04}");
        let one = found.iter().find(|one| &*one.id == id.as_str()).unwrap();
        assert_eq!((one.kind, one.code.as_str()), (*kind, *word));
        assert_eq!(one.net_amount.to_string(), "-1.25");
        assert_eq!(one.effective_at, at("2026-02-27T05:00:00Z"), "New York's midnight");
        assert_eq!(one.at, at("2026-02-28T05:04:03Z"));
        assert_eq!(one.symbol, Some(Symbol::new("AAPL").unwrap()));
    }
}

#[tokio::test]
async fn fees_belong_to_the_day_of_their_trades_and_coins_keep_their_sign() {
    let text = "TAF fee for proceed of 100 shares (2 trades) on 2026-02-26 by 123456789";
    let found = activities(json!([
        row(0, "FEE", "TAF", json!({"net_amount": "-0.02", "description": text})),
        row(1, "CFEE", "", json!({"qty": "-0.000025", "symbol": "BTC/USD", "price": "64000"})),
        row(2, "CFEE", "", json!({"qty": "0.5", "net_amount": "-0.31", "symbol": "ETH/USD"})),
        row(3, "JNLS", "", json!({"qty": "12", "symbol": "AAPL", "price": "150"})),
        row(4, "TRANS", "", json!({"qty": "0.5", "symbol": "BTC/USD"})),
        row(5, "FEE", "REG", json!({"net_amount": "lots"})),
        row(6, "CSD", "", json!({"net_amount": "", "date": null, "created_at": null})),
        row(7, "CSD", "", json!({"status": "pending", "net_amount": "5"})),
    ]))
    .await;
    assert_eq!(found.len(), 7, "a pending one waits");
    assert_eq!(found[0].code, "FEE TAF");
    assert_eq!(found[0].effective_at, at("2026-02-26T05:00:00Z"));
    assert_eq!(found[1].kind, K::CryptoFee);
    assert_eq!(found[1].qty.map(|qty| qty.to_string()).as_deref(), Some("-0.000025"));
    assert_eq!(found[1].symbol, Some(Symbol::new("BTCUSD").unwrap()));
    assert_eq!((found[2].kind, found[2].qty), (K::CryptoFee, None), "charged in dollars");
    assert_eq!(found[3].kind, K::Shares);
    assert_eq!(found[4].kind, K::Shares, "coins that came are no cash");
    assert_eq!(found[5].kind, K::Other, "what can't be read is for a person");
    assert!(found[5].description.contains("lots"), "{}", found[5].description);
    assert_eq!(found[6].effective_at, at("2026-02-27T05:00:00Z"), "by its id");
    assert_eq!(found[6].at, at("2026-02-27T05:00:00Z"));
}

#[tokio::test]
async fn ex_dates_and_ratios_come_from_the_announcements() {
    let announced = json!({
        "cash_dividends": [
            {"symbol": "AAPL", "rate": 0.26, "ex_date": "2026-02-09",
             "payable_date": "2026-02-27", "process_date": "2026-02-27"},
            {"symbol": "AAPL", "rate": 0.25, "ex_date": "2026-01-30",
             "payable_date": "2026-02-19", "process_date": "2026-02-19"},
            {"symbol": "MSFT", "rate": 0.9, "ex_date": "2026-02-27"},
        ],
        "reverse_splits": [{"symbol": "MNTS", "new_rate": 1, "old_rate": 50,
            "ex_date": "2026-02-26", "process_date": "2026-02-26"}],
        "forward_splits": [{"symbol": "AAPL", "new_rate": 3, "old_rate": 2,
            "ex_date": "2025-12-01", "process_date": "2025-12-01"}],
        "name_changes": [{"old_symbol": "FB", "new_symbol": "META",
            "process_date": "2026-02-27"}],
        "rights_distributions": [{"source_symbol": "X", "rate": 1}],
    });
    let others = json!([
        row(0, "DIV", "CDIV", json!({"net_amount": "26", "qty": "100", "symbol": "AAPL"})),
        row(1, "DIVNRA", "", json!({"net_amount": "-3.9", "symbol": "AAPL"})),
        row(2, "SPLIT", "RSPLIT", json!({"qty": "-120", "symbol": "MNTS", "group_id": "g"})),
        row(
            3,
            "SPLIT",
            "RSPLIT",
            json!({"qty": "2", "symbol": "MNTS", "group_id": "g",
            "net_amount": "6.40"})
        ),
        row(4, "NC", "SNC", json!({"symbol": "FB", "qty": "10"})),
        row(5, "DIV", "CDIV", json!({"net_amount": "1", "symbol": "IBM"})),
        row(
            6,
            "SPLIT",
            "FSPLIT",
            json!({"qty": "10", "symbol": "NVDA",
            "description": "Stock split, 3-for-2"})
        ),
        row(7, "SPLIT", "FSPLIT", json!({"qty": "10", "symbol": "TSLA"})),
    ]);
    let found = read(others, json!([]), announced).await.activities;
    let one = |what: &str, kind: K| {
        let of = |a: &&Activity| a.kind == kind && a.symbol.as_ref().unwrap().as_str() == what;
        let all: Vec<&Activity> = found.iter().filter(of).collect();
        assert!(!all.is_empty(), "{what} {kind:?}: {found:#?}");
        all.into_iter().next().unwrap().clone()
    };
    let dividend = one("AAPL", K::Dividend);
    assert_eq!(dividend.effective_at, at("2026-02-09T05:00:00Z"));
    assert_eq!(dividend.per_share.unwrap().to_string(), "0.26");
    let tax = found.iter().find(|a| a.code == "DIVNRA").unwrap();
    assert_eq!(tax.effective_at, at("2026-02-09T05:00:00Z"), "tax goes with its dividend");
    assert!(tax.net_amount.is_negative());
    let split = one("MNTS", K::Split);
    assert_eq!(split.ratio.unwrap().to_string(), "0.02");
    assert_eq!(split.effective_at, at("2026-02-26T05:00:00Z"));
    assert!(split.net_amount.is_zero() && split.price.is_none());
    let cash = one("MNTS", K::CashInLieu);
    assert_eq!(cash.net_amount.to_string(), "6.4");
    assert_eq!(found.iter().filter(|a| a.kind == K::Split).count(), 3, "two rows are one split");
    assert_eq!(one("FB", K::SymbolChange).new_symbol, Some(Symbol::new("META").unwrap()));
    assert_eq!(one("IBM", K::Dividend).effective_at, at("2026-02-27T05:00:00Z"), "as it was");
    assert_eq!(one("NVDA", K::Split).ratio.unwrap().to_string(), "1.5");
    assert_eq!(one("TSLA", K::Split).ratio, None, "not guessed");
}

#[tokio::test]
async fn an_activity_waits_for_its_announcement_but_not_for_ever() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let others = json!([
        row(0, "DIV", "CDIV", json!({"net_amount": "26", "symbol": "AAPL"})),
        row(1, "CSD", "", json!({"net_amount": "5"})),
        row(2, "SPLIT", "FSPLIT", json!({"net_amount": "7", "qty": "1", "symbol": "AAPL"})),
    ]);
    let broker = Broker::start(move |request| {
        if request.url.path() == "/v1/corporate-actions" {
            count.fetch_add(1, Ordering::Relaxed);
            return Reply::Html(503);
        }
        answer(request, &others, &json!([]), &json!({}))
    })
    .await;
    let (alpaca, notices) = broker.client();
    for times in 1..=7 {
        let Answer::Done { value } = soon(alpaca.snapshot(Timestamp(SINCE))).await else {
            panic!("a sick announcement service must not fail the snapshot")
        };
        let expected = if times < 5 { 1 } else { 4 };
        assert_eq!(value.activities.len(), expected, "time {times}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 5);
    assert!(notices.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_of_announcements_says_nothing_about_the_keys() {
    let others = json!([row(0, "DIV", "", json!({"net_amount": "26", "symbol": "AAPL"}))]);
    let broker = Broker::start(move |request| match request.url.path() {
        "/v1/corporate-actions" => Reply::Json(403, json!({"message": "no plan"}).to_string()),
        _ => answer(request, &others, &json!([]), &json!({})),
    })
    .await;
    let (alpaca, notices) = broker.client();
    for _ in 0..2 {
        let Answer::Done { value } = soon(alpaca.snapshot(Timestamp(SINCE))).await else {
            panic!("no snapshot")
        };
        assert_eq!(value.activities.len(), 1);
    }
    let asked = broker.requests();
    let asked = asked.iter().filter(|r| r.url.path() == "/v1/corporate-actions").count();
    assert_eq!(asked, 1, "an answer is kept");
    assert!(notices.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_broker_takes_back_names_what_it_takes_back() {
    let found = activities(json!([
        row(0, "FEE", "REG", json!({"net_amount": "-1", "status": "canceled"})),
        row(1, "FEE", "REG", json!({"net_amount": "-2", "group_id": "g"})),
        row(2, "FEE", "REG", json!({"net_amount": "-3", "group_id": "g", "status": "correct"})),
        row(3, "CSD", "", json!({"net_amount": "4", "status": "correct"})),
        row(4, "CSD", "", json!({"net_amount": "5", "previous_id": "earlier"})),
    ]))
    .await;
    let links: Vec<(&str, Option<&str>)> =
        found.iter().map(|a| (&*a.id, a.takes_back.as_deref())).collect();
    assert_eq!(
        links,
        [
            ("20260227000000000::0000:canceled", Some("20260227000000000::0000")),
            ("20260227000000000::0001", None),
            ("20260227000000000::0002", Some("20260227000000000::0001")),
            ("20260227000000000::0003:correct", Some("20260227000000000::0003")),
            ("20260227000000000::0004", Some("earlier")),
        ]
    );
}

#[tokio::test]
async fn pages_of_activities_are_read_once() {
    let rows: Vec<Value> =
        (0..230).map(|n| row(n, "CSD", "", json!({"net_amount": "1"}))).collect();
    let broker = Broker::start(move |request| {
        if request.url.path() != "/v2/account/activities" {
            return answer(request, &json!([]), &json!([]), &json!({}));
        }
        let token = request.query("page_token");
        let start = token.map_or(0, |token| {
            rows.iter().position(|row| row["id"] == token.as_str()).unwrap() + 1
        });
        let page: Vec<&Value> = rows.iter().skip(start).take(100).collect();
        Reply::Json(200, serde_json::to_string(&page).unwrap())
    })
    .await;
    assert_eq!(snapshot(&broker).await.activities.len(), 230);
}

#[tokio::test]
async fn busts_and_corrections_are_read_from_the_executions() {
    let fill = |id: &str, kind: &str, previous: Value| {
        json!({"id": format!("20260302093000000::{id}"), "activity_type": "FILL", "type": kind,
            "transaction_time": "2026-03-02T14:31:00Z", "price": "150.5", "qty": "2",
            "cum_qty": "2", "side": "buy", "symbol": "AAPL", "order_id": "o",
            "previous_id": previous})
    };
    let fills = json!([
        fill("one", "fill", Value::Null),
        fill("two", "partial_fill", Value::Null),
        fill("three", "trade_bust", json!("one")),
        fill("four", "trade_correct", json!("20260302093000000::two")),
    ]);
    let found = read(json!([]), fills, json!({})).await;
    assert_eq!(found.fills.len(), 2);
    let taken: Vec<&str> = found.corrections.iter().map(|c| c.execution_id.as_str()).collect();
    assert_eq!(taken, ["one", "two"]);
    assert_eq!(found.corrections[0].replacement, None);
    let replacement = found.corrections[1].replacement.as_ref().unwrap();
    assert_eq!(
        (replacement.execution_id.as_str(), replacement.qty.to_string()),
        ("four", "2".into())
    );
}

fn update(event: &str, members: Value) -> (stockade_core::broker::TradeUpdate, bool) {
    let mut data = json!({"event": event, "timestamp": "2026-03-02T14:31:00Z"});
    data["order"] = serde_json::from_str(&order_json("b", "c", &[])).unwrap();
    for (name, value) in members.as_object().unwrap() {
        data[name] = value.clone();
    }
    let text = data.to_string();
    let read: WireTradeUpdate<'_> = wire::json("a trade update", text.as_bytes()).unwrap();
    let (update, fault) = read.update().unwrap();
    (update, fault.is_some())
}

#[test]
fn busts_and_corrections_of_the_stream() {
    let bust =
        json!({"execution_id": "new", "previous_execution_id": "old", "qty": "2", "price": "3"});
    let (told, fault) = update("trade_bust", bust.clone());
    let correction = told.correction.unwrap();
    assert_eq!((correction.execution_id.as_str(), correction.replacement), ("old", None));
    assert!(told.fill.is_none() && !fault);
    assert_eq!(correction.at, at("2026-03-02T14:31:00Z"));

    let (told, _) = update("trade_correct", bust);
    let replacement = told.correction.unwrap().replacement.unwrap();
    assert_eq!(replacement.execution_id, "new");
    assert_eq!(
        (replacement.qty.to_string(), replacement.price.to_string()),
        ("2".into(), "3".into())
    );
    assert_eq!(replacement.cumulative_qty, None, "it is no witness of the order's filled quantity");

    let (told, _) = update("trade_bust", json!({"execution_id": "old"}));
    assert_eq!(
        told.correction.unwrap().execution_id,
        "old",
        "a bust that bears its execution's id"
    );
    for (event, members) in [
        ("trade_correct", json!({"execution_id": "new", "qty": "2", "price": "3"})),
        ("trade_correct", json!({"previous_id": "old", "execution_id": "new", "qty": "2"})),
        ("trade_bust", json!({})),
    ] {
        let (told, fault) = update(event, members.clone());
        assert!(told.correction.is_none() && fault, "{event} {members}");
    }
}
