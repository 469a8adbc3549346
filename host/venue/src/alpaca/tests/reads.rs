//! Cancels, lookups, clock, assets, history and the request budget.

use serde_json::json;
use stockade_core::broker::{Answer, BudgetReport};
use stockade_core::instrument::AssetClass;
use stockade_core::{Symbol, Timestamp};

use super::broker::{Broker, Reply, order_json, soon};
use crate::alpaca::{HistoryRequest, Notice};

const DAY: i64 = 86_400_000_000_000;

#[tokio::test]
async fn a_cancel_is_done_only_by_a_success() {
    let body = |code: u32| json!({"code": code, "message": "words"}).to_string();
    let table: Vec<(Reply, &str)> = vec![
        (Reply::Json(204, String::new()), "done"),
        (Reply::Json(200, "{}".to_owned()), "done"),
        (Reply::Json(404, body(40_410_000)), "not_found"),
        (Reply::Json(422, body(42_210_000)), "refused"),
        (Reply::Json(429, body(42_910_000)), "not_taken"),
        (Reply::Json(401, body(0)), "refused"),
        (Reply::Json(500, body(50_010_000)), "unknown"),
        (Reply::Close, "unknown"),
    ];
    for (reply, expected) in table {
        let reply = std::sync::Mutex::new(Some(reply));
        let broker =
            Broker::start(move |_| reply.lock().unwrap().take().expect("one request")).await;
        let (alpaca, _) = broker.client();
        let answer = soon(alpaca.cancel("an/id")).await;
        let shown = serde_json::to_value(&answer).unwrap();
        assert_eq!(shown["answer"], expected, "{answer:?}");
        let requests = broker.requests();
        assert_eq!((requests.len(), requests[0].method.as_str()), (1, "DELETE"));
        assert_eq!(requests[0].url.path(), "/v2/orders/an%2Fid");
    }
}

#[tokio::test]
async fn a_lookup_finds_nothing_but_what_it_asked_for() {
    let broker = Broker::start(|request| match request.query("client_order_id").as_deref() {
        Some("mine") => Reply::Json(200, order_json("b1", "mine", &[])),
        Some("other") => Reply::Json(200, order_json("b1", "mine", &[])),
        _ => {
            Reply::Json(404, json!({"code": 40_410_000, "message": "order not found"}).to_string())
        }
    })
    .await;
    let (alpaca, _) = broker.client();
    assert!(matches!(soon(alpaca.look_up("mine")).await, Answer::Done { .. }));
    assert!(matches!(soon(alpaca.look_up("other")).await, Answer::Unknown { .. }));
    assert_eq!(soon(alpaca.look_up("none & more")).await, Answer::NotFound);
}

#[tokio::test]
async fn every_answer_reports_the_budget_even_a_refusal() {
    let broker = Broker::start(|_| {
        let lines =
            "x-ratelimit-limit: 200\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\r\n";
        Reply::Headed(429, lines, "{}".to_owned())
    })
    .await;
    let (alpaca, notices) = broker.client();
    // A reset in the past says: now.
    let answer = soon(alpaca.clock()).await;
    assert!(matches!(answer, Answer::NotTaken { retry_after: 0, .. }), "{answer:?}");
    let report = BudgetReport { limit: 200, remaining: 0, resets_in: 0 };
    assert_eq!(*notices.lock().unwrap(), [Notice::Budget(report)]);
}

#[test]
fn a_lying_reset_is_kept_within_the_window() {
    use crate::alpaca::rest::budget;
    use reqwest::header::{HeaderMap, HeaderValue};
    let mut headers = HeaderMap::new();
    headers.insert("x-ratelimit-limit", HeaderValue::from_static("200"));
    assert_eq!(budget(&headers, 0), None);
    headers.insert("x-ratelimit-remaining", HeaderValue::from_static("150"));
    for (reset, expected) in [("110", 10), ("1", 0), ("99999999999999", 60), ("NaN", 60)] {
        headers.insert("x-ratelimit-reset", HeaderValue::from_static(reset));
        let report = budget(&headers, 100_000_000_000).unwrap();
        assert_eq!(report.resets_in, expected * 1_000_000_000, "{reset}");
    }
}

#[tokio::test]
async fn the_clock_and_the_calendar_are_new_yorks() {
    let broker =
        Broker::start(|request| {
            match request.url.path() {
        "/v2/clock" => Reply::Json(200, json!({
            "timestamp": "2019-03-11T09:29:59.5-04:00", "is_open": false,
            "next_open": "2019-03-11T09:30:00-04:00", "next_close": "2019-03-11T16:00:00-04:00",
        }).to_string()),
        _ => Reply::Json(200, json!([
            {"date": "2019-03-08", "open": "09:30", "close": "16:00", "session_open": "0400"},
            {"date": "2019-03-11", "open": "09:30", "close": "13:00"},
        ]).to_string()),
    }
        })
        .await;
    let (alpaca, _) = broker.client();
    let Answer::Done { value: clock } = soon(alpaca.clock()).await else { panic!("no clock") };
    assert_eq!(clock.at.0, 1_552_310_999_500_000_000);
    assert!(!clock.is_open);
    let Answer::Done { value: sessions } = soon(alpaca.sessions(clock.at)).await else {
        panic!("no calendar")
    };
    // The clocks change between the two: 14:30 UTC, then 13:30 UTC.
    let open: Vec<_> = sessions.iter().map(|s| (s.day, s.open.0 % DAY, s.close.0 % DAY)).collect();
    let hours = |h: i64, m: i64| (h * 60 + m) * 60_000_000_000;
    assert_eq!(
        open,
        [(20_190_308, hours(14, 30), hours(21, 0)), (20_190_311, hours(13, 30), hours(17, 0)),]
    );
    assert_eq!(sessions[1].open, clock.next_open);
    let asked = broker.requests().pop().unwrap();
    assert_eq!(asked.query("start").as_deref(), Some("2019-03-04"));
    assert_eq!(asked.query("end").as_deref(), Some("2019-03-25"));
}

#[tokio::test]
async fn assets_give_instruments_and_teach_the_spelling_of_pairs() {
    let broker = Broker::start(|request| match request.url.path() {
        "/v2/assets/BTCUSD" => Reply::Json(
            200,
            json!({
                "class": "crypto", "symbol": "BTC/USD", "status": "active", "tradable": true,
                "fractionable": true, "min_order_size": "0.000012", "price_increment": 1e-9,
                "easy_to_borrow": null,
            })
            .to_string(),
        ),
        "/v2/assets/AAPL" => Reply::Json(
            200,
            json!({
                "class": "us_equity", "symbol": "AAPL", "status": "inactive", "tradable": true,
            })
            .to_string(),
        ),
        _ => {
            Reply::Json(404, json!({"code": 40_410_000, "message": "asset not found"}).to_string())
        }
    })
    .await;
    let (alpaca, _) = broker.client();
    let symbols = ["BTCUSD", "NOPE", "AAPL"].map(|name| Symbol::new(name).unwrap());
    let Answer::Done { value } = soon(alpaca.assets(&symbols)).await else { panic!("no assets") };
    assert_eq!(value.len(), 2);
    assert_eq!((value[0].class, value[0].tradable), (AssetClass::Crypto, true));
    assert_eq!(value[0].price_increment, Some("0.000000001".parse().unwrap()));
    assert_eq!(value[0].min_qty, Some("0.000012".parse().unwrap()));
    assert_eq!((value[1].class, value[1].tradable), (AssetClass::Equity, false));
    assert_eq!(&*alpaca.symbols().wire(&symbols[0]), "BTC/USD");
    assert_eq!(&*alpaca.symbols().wire(&symbols[2]), "AAPL");
}

#[tokio::test]
async fn many_assets_come_from_the_list() {
    let broker = Broker::start(|request| match request.query("asset_class").as_deref() {
        Some("crypto") => Reply::Json(
            200,
            json!([
                {"class": "crypto", "symbol": "ETH/USD", "status": "active", "tradable": true},
            ])
            .to_string(),
        ),
        _ => Reply::Json(
            200,
            json!([
                {"class": "us_equity", "symbol": "S3", "status": "active", "tradable": true},
                {"class": "us_equity", "symbol": "S1", "status": "active", "tradable": true},
                {"class": "us_equity", "symbol": "OTHER", "status": "active", "tradable": true},
            ])
            .to_string(),
        ),
    })
    .await;
    let (alpaca, _) = broker.client();
    let mut symbols: Vec<_> = (0..30).map(|i| Symbol::new(&format!("S{i}")).unwrap()).collect();
    symbols.insert(2, Symbol::new("ETHUSD").unwrap());
    let Answer::Done { value } = soon(alpaca.assets(&symbols)).await else { panic!("no assets") };
    let names: Vec<_> = value.iter().map(|asset| asset.symbol.as_str()).collect();
    assert_eq!(names, ["S1", "ETHUSD", "S3"]);
    assert_eq!(broker.requests().len(), 2);
}

#[tokio::test]
async fn history_reads_all_pages_and_sorts_by_time_then_table() {
    let bar =
        |t: &str, c: serde_json::Value| json!({"t": t, "o": 1, "h": 2, "l": 0.5, "c": c, "v": 10});
    let broker = Broker::start(move |request| {
        let page = request.query("page_token");
        let crypto = request.url.path() == "/v1beta3/crypto/us/bars";
        let (bars, next) = match (crypto, page.as_deref()) {
            (true, _) => (json!({"BTC/USD": [bar("2026-01-02T00:01:00Z", json!(7.25))]}), None),
            (false, None) => (
                json!({"AAPL": [bar("2026-01-02T00:00:00Z", json!(1.5)),
                bar("2026-01-02T00:01:00Z", json!("NaN"))]}),
                Some("p2"),
            ),
            (false, _) => (
                json!({"MSFT": [bar("2026-01-02T00:00:00Z", json!(3)),
                bar("2026-01-02T00:01:00Z", json!(4))]}),
                None,
            ),
        };
        Reply::Json(200, json!({"bars": bars, "next_page_token": next}).to_string())
    })
    .await;
    let (alpaca, _) = broker.client();
    let symbols = ["MSFT", "BTCUSD", "AAPL"].map(|name| Symbol::new(name).unwrap());
    alpaca.symbols().learn(symbols[1].clone(), "BTC/USD", AssetClass::Crypto);
    let mut request = HistoryRequest {
        symbols: symbols.to_vec(),
        timeframe: "1Min".to_owned(),
        from: Timestamp(1_767_312_000_000_000_000),
        to: Timestamp(1_767_312_060_000_000_000),
        bars_max: 10,
    };
    let Answer::Done { value } = soon(alpaca.history_bars(&request)).await else {
        panic!("no bars")
    };
    let found: Vec<_> = value
        .iter()
        .map(|bar| (bar.at.0 - request.from.0, bar.symbol.as_str(), bar.close.to_string()))
        .collect();
    let minute = 60_000_000_000;
    let expected =
        [(0, "MSFT", "3"), (0, "AAPL", "1.5"), (minute, "MSFT", "4"), (minute, "BTCUSD", "7.25")];
    assert_eq!(found, expected.map(|(at, name, close)| (at, name, close.to_owned())));
    let asked = broker.requests();
    assert_eq!(asked[0].query("symbols").as_deref(), Some("MSFT,AAPL"));
    assert_eq!(asked[0].query("start").as_deref(), Some("2026-01-02T00:00:00Z"));
    request.bars_max = 2;
    assert!(matches!(soon(alpaca.history_bars(&request)).await, Answer::Unknown { .. }));
}
