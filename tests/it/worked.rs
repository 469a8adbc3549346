//! The two worked cases of the definitions, to the cent, through the real path: a component or a
//! hand, the capability, the exchange, the stream, PostgreSQL, the command line (I5–I9).

use rust_decimal::Decimal;
use serde_json::{Value, json};
use stockade_venue::server::FeedBar;

use crate::market::{dec, flat, manual};
use crate::stage::Stage;

/// Minutes before the case begins, in which the host finds the stream.
pub(crate) const LEAD: i64 = 30;
/// The bar of each price, by its minute: 15:00, 15:01, …
const A_SCRIPT: &str = "script=15:00 buy 10 AAPL; 15:04 sell 4 AAPL";
const B_SCRIPT: &str = "script=15:00 buy 5 AAPL";
const C_SCRIPT: &str = "script=15:00 buy 100 BTCUSDT; 15:02 buy 50 BTCUSDT; 15:04 sell 120 BTCUSDT";

/// Two bars of each price after the lead: in the first it appears, in the second it stays.
pub(crate) fn bars(symbol: &str, prices: [&str; 3]) -> Vec<FeedBar> {
    let lead = (0..LEAD).map(|minute| flat(symbol, minute, prices[0]));
    let case = (0..).zip(prices).flat_map(|(n, price)| {
        [flat(symbol, LEAD + 2 * n, price), flat(symbol, LEAD + 2 * n + 1, price)]
    });
    lead.chain(case).collect()
}

/// Steps until so many minutes have passed since the opening bell.
pub(crate) async fn until_minute(stage: &Stage, minute: i64) {
    let end = crate::market::OPEN + minute * crate::market::MINUTE;
    assert!(stage.exchange.now() <= end, "the host took too long to find the stream");
    while stage.exchange.now() < end {
        assert!(stage.step().await);
    }
}

async fn row(stage: &Stage, list: &str, sleeve: &str) -> Value {
    let all = stage.json(&[list, "list"]).await;
    let key = if list == "sleeve" { "name" } else { "sleeve" };
    let found = all.as_array().unwrap().iter().find(|row| row[key] == sleeve);
    found.unwrap_or_else(|| panic!("{list} list has no {sleeve}: {all:#}")).clone()
}

/// Values of a row must be these decimals.
#[track_caller]
fn has(row: &Value, wanted: &[(&str, &str)]) {
    for (key, value) in wanted {
        let found = row[key].as_str().unwrap_or_else(|| panic!("{key} is no decimal in {row:#}"));
        assert_eq!(dec(found), dec(value), "{key} in {row:#}");
    }
}

pub(crate) async fn orders_done(stage: &Stage, count: i64) {
    stage
        .count_is(
            "orders filled",
            "SELECT count(*) FROM stockade.order WHERE status = 'filled'",
            count,
        )
        .await;
    stage.settled().await;
}

/// Both sleeves have bought at 150.
async fn shares_bought(stage: &Stage) {
    has(
        &row(stage, "sleeve", "a").await,
        &[("initial_capital", "10000"), ("cash", "8500"), ("reserved", "0")],
    );
    has(
        &row(stage, "sleeve", "b").await,
        &[("initial_capital", "10000"), ("cash", "9250"), ("reserved", "0")],
    );
    let a = row(stage, "position", "a").await;
    has(&a, &[("qty", "10"), ("average_entry", "150")]);
    assert_eq!(a["share_of_account_pct"], json!(66.67));
    has(&row(stage, "position", "b").await, &[("qty", "5"), ("average_entry", "150")]);
    let positions = stage.get("/v2/positions");
    assert_eq!(positions[0]["qty"], "15");
}

/// The mark is 155.
async fn shares_marked(stage: &Stage) {
    let a = row(stage, "sleeve", "a").await;
    has(&a, &[("unrealised", "50"), ("equity", "10050"), ("realised", "0")]);
    assert_eq!(a["return_pct"], json!(0.5));
    let b = row(stage, "sleeve", "b").await;
    has(&b, &[("unrealised", "25"), ("equity", "10025"), ("realised", "0")]);
    assert_eq!(b["return_pct"], json!(0.25));
}

/// A has sold four at 160; B is untouched.
async fn shares_sold(stage: &Stage, b_before: &Value) {
    has(
        &row(stage, "sleeve", "a").await,
        &[("realised", "40"), ("cash", "9140"), ("unrealised", "60")],
    );
    has(
        &row(stage, "lot", "a").await,
        &[("remaining", "6"), ("qty", "10"), ("entry_price", "150"), ("cost", "1500")],
    );
    let trips = stage.json(&["roundtrip", "list"]).await;
    assert_eq!(trips.as_array().unwrap().len(), 1, "{trips:#}");
    assert_eq!(trips[0]["sleeve"], "a");
    has(
        &trips[0],
        &[
            ("qty", "4"),
            ("entry_price", "150"),
            ("exit_price", "160"),
            ("gross", "40"),
            ("net", "40"),
        ],
    );
    assert_eq!(&row(stage, "lot", "b").await, b_before);
    has(&row(stage, "sleeve", "b").await, &[("realised", "0"), ("cash", "9250")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sleeves_share_a_symbol_through_components() {
    let stage = Stage::with_host(manual(bars("AAPL", ["150", "155", "160"]), 100_000)).await;
    stage.deploy("a", "scripted", "10000", "AAPL", &[A_SCRIPT]).await;
    stage.deploy("b", "scripted", "10000", "AAPL", &[B_SCRIPT]).await;
    stage.warm(&["AAPL"]).await;
    until_minute(&stage, LEAD + 1).await;
    orders_done(&stage, 2).await;
    shares_bought(&stage).await;
    let b_before = row(&stage, "lot", "b").await;
    until_minute(&stage, LEAD + 3).await;
    shares_marked(&stage).await;
    until_minute(&stage, LEAD + 5).await;
    orders_done(&stage, 3).await;
    shares_sold(&stage, &b_before).await;
    let trips = stage.json(&["roundtrip", "list"]).await;
    assert_eq!(trips[0]["exit_reason"], "script");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sleeves_share_a_symbol_by_hand() {
    let stage = Stage::with_host(manual(bars("AAPL", ["150", "155", "160"]), 100_000)).await;
    // A bot that does nothing brings the prices.
    stage.deploy("prices", "scripted", "1", "AAPL", &[]).await;
    for sleeve in ["a", "b"] {
        stage.run(&["sleeve", "create", sleeve, "--capital", "10000"]).await.ok();
    }
    stage.warm(&["AAPL"]).await;
    until_minute(&stage, LEAD + 1).await;
    let order = ["order", "submit", "--symbol", "AAPL"];
    stage
        .run(&[&order[..], &["--sleeve", "a", "--side", "buy", "--qty", "10"]].concat())
        .await
        .ok();
    stage
        .run(
            &[&order[..], &["--sleeve", "b", "--side", "buy", "--qty", "5", "--limit", "150"]]
                .concat(),
        )
        .await
        .ok();
    orders_done(&stage, 2).await;
    shares_bought(&stage).await;
    let b_before = row(&stage, "lot", "b").await;
    until_minute(&stage, LEAD + 3).await;
    shares_marked(&stage).await;
    until_minute(&stage, LEAD + 5).await;
    let sale = ["--sleeve", "a", "--side", "sell", "--qty", "4", "--reason", "enough"];
    stage.run(&[&order[..], &sale[..]].concat()).await.ok();
    orders_done(&stage, 3).await;
    shares_sold(&stage, &b_before).await;
    let trips = stage.json(&["roundtrip", "list"]).await;
    assert_eq!(trips[0]["exit_reason"], "enough");
    stage.check().await;
}

/// After both purchases.
async fn coins_bought(stage: &Stage) {
    let held = row(stage, "position", "c").await;
    has(&held, &[("qty", "150")]);
    assert_eq!(dec(held["average_entry"].as_str().unwrap()).round_dp(2), dec("50333.33"));
    has(&row(stage, "sleeve", "c").await, &[("cash", "2450000"), ("reserved", "0")]);
}

/// After the sale of 120 at 53,000.
async fn coins_sold(stage: &Stage) {
    let trips = stage.json(&["roundtrip", "list", "--sleeve", "c"]).await;
    assert_eq!(trips.as_array().unwrap().len(), 2, "{trips:#}");
    has(
        &trips[0],
        &[
            ("qty", "100"),
            ("entry_price", "50000"),
            ("exit_price", "53000"),
            ("gross", "300000"),
            ("net", "300000"),
        ],
    );
    has(
        &trips[1],
        &[
            ("qty", "20"),
            ("entry_price", "51000"),
            ("exit_price", "53000"),
            ("gross", "40000"),
            ("net", "40000"),
        ],
    );
    let lots = stage.json(&["lot", "list", "--sleeve", "c"]).await;
    assert_eq!(lots.as_array().unwrap().len(), 1, "{lots:#}");
    has(&lots[0], &[("remaining", "30"), ("entry_price", "51000")]);
    has(
        &row(stage, "sleeve", "c").await,
        &[("realised", "340000"), ("cash", "8810000"), ("unrealised", "60000")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn coins_are_closed_first_in_first_out_through_a_component() {
    let config = manual(bars("BTC/USDT", ["50000", "51000", "53000"]), 20_000_000);
    let stage = Stage::with_host(config).await;
    stage.deploy("c", "scripted", "10000000", "BTCUSDT", &[C_SCRIPT]).await;
    stage.warm(&["BTCUSDT"]).await;
    until_minute(&stage, LEAD + 1).await;
    orders_done(&stage, 1).await;
    until_minute(&stage, LEAD + 3).await;
    orders_done(&stage, 2).await;
    coins_bought(&stage).await;
    until_minute(&stage, LEAD + 5).await;
    orders_done(&stage, 3).await;
    coins_sold(&stage).await;
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coins_are_closed_first_in_first_out_by_hand() {
    let config = manual(bars("BTC/USDT", ["50000", "51000", "53000"]), 20_000_000);
    let stage = Stage::with_host(config).await;
    stage.deploy("prices", "scripted", "1", "BTCUSDT", &[]).await;
    stage.run(&["sleeve", "create", "c", "--capital", "10000000"]).await.ok();
    stage.warm(&["BTCUSDT"]).await;
    let minutes = [(LEAD + 1, "buy", "100"), (LEAD + 3, "buy", "50"), (LEAD + 5, "sell", "120")];
    for (count, (minute, side, qty)) in (1..).zip(minutes) {
        until_minute(&stage, minute).await;
        let order = ["order", "submit", "--symbol", "BTCUSDT", "--sleeve", "c", "--tif", "gtc"];
        stage.run(&[&order[..], &["--side", side, "--qty", qty]].concat()).await.ok();
        orders_done(&stage, count).await;
        if count == 2 {
            coins_bought(&stage).await;
        }
    }
    coins_sold(&stage).await;
    assert_eq!(crate::ledger::agrees_line_by_line(&stage).await, 3);
    let cash = stage.get("/v2/account")["cash"].clone();
    assert_eq!(dec(cash.as_str().unwrap()), Decimal::from(18_810_000));
    stage.check().await;
}
