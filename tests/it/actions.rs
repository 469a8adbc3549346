//! What the broker does to an account beside orders, through the real path: the exchange, its stream
//! and its lists, the host, PostgreSQL, the command line. Shares are held through a dividend, a bust,
//! a correction that comes while the host is down, and a split; the books follow to the cent.

use rust_decimal::Decimal;
use serde_json::Value;
use stockade_venue::files::ActionKind;
use stockade_venue::server::{CorporateAction, DEFAULT_KEY_ID, FeedBar};

use crate::market::{MINUTE, OPEN, dec, flat, manual};
use crate::stage::Stage;
use crate::worked::{LEAD, orders_done, until_minute};

/// Minutes from one opening bell to the next.
const DAY: i64 = 1_440;

/// Half an hour and a little more of a Monday, some minutes of the two days after it.
fn bars() -> Vec<FeedBar> {
    let monday = (0..LEAD + 8).map(|minute| flat("AAPL", minute, "150"));
    let tuesday = (DAY..DAY + 20).map(|minute| flat("AAPL", minute, "150"));
    let wednesday = (2 * DAY..2 * DAY + 20).map(|minute| flat("AAPL", minute, "75"));
    monday.chain(tuesday).chain(wednesday).collect()
}

/// At New York's midnight of the day after so many.
fn action(days: i64, kind: ActionKind, value: &str) -> CorporateAction {
    // The bell rings at half past nine.
    let at = OPEN + (days * DAY - 570) * MINUTE;
    CorporateAction { at, symbol: "AAPL".to_owned(), kind, value: dec(value) }
}

/// The id of the execution of so many shares.
fn execution(stage: &Stage, qty: &str) -> stockade_exchange::Id {
    let fills = stage.get("/v2/account/activities/FILL");
    let all = fills.as_array().unwrap();
    let fill = all.iter().find(|fill| fill["qty"] == qty).unwrap_or_else(|| panic!("{fills:#}"));
    let id = fill["id"].as_str().unwrap().split("::").nth(1).unwrap();
    id.parse().unwrap()
}

async fn entries(stage: &Stage, kind: &str, count: i64) {
    let sql = format!("SELECT count(*) FROM stockade.entry WHERE kind = '{kind}'");
    stage.count_is(kind, &sql, count).await;
}

async fn held(stage: &Stage, sleeve: &str) -> Option<Decimal> {
    let all = stage.json(&["position", "list"]).await;
    let row = all.as_array().unwrap().iter().find(|row| row["sleeve"] == sleeve)?.clone();
    row["qty"].as_str().map(dec)
}

async fn sleeve(stage: &Stage, name: &str) -> Value {
    let all = stage.json(&["sleeve", "list"]).await;
    all.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_held_through_a_dividend_a_bust_a_correction_and_a_split() {
    let mut config = manual(bars(), 100_000);
    config.actions =
        vec![action(1, ActionKind::Dividend, "0.5"), action(2, ActionKind::Split, "2")];
    let mut stage = Stage::with_host(config).await;
    stage.deploy("one", "scripted", "10000", "AAPL", &["script=15:00 buy 10 AAPL"]).await;
    let script = ["script=15:00 buy 5 AAPL; 15:02 buy 3 AAPL"];
    stage.deploy("two", "scripted", "10000", "AAPL", &script).await;
    stage.warm(&["AAPL"]).await;
    until_minute(&stage, LEAD + 6).await;
    orders_done(&stage, 3).await;

    // Whoever held on the day before gets the dividend.
    until_minute(&stage, DAY + 2).await;
    entries(&stage, "dividend", 1).await;
    stage.settled().await;
    let cash = |row: &Value| dec(row["cash"].as_str().unwrap());
    assert_eq!(cash(&sleeve(&stage, "one").await), dec("8505"));
    assert_eq!(cash(&sleeve(&stage, "two").await), dec("8804"));

    // The stream tells of a bust.
    stage.exchange.bust(DEFAULT_KEY_ID, execution(&stage, "3")).unwrap();
    entries(&stage, "correction", 1).await;
    stage.settled().await;
    assert_eq!(held(&stage, "two").await, Some(dec("5")));
    assert_eq!(cash(&sleeve(&stage, "two").await), dec("9254"));

    // Nobody listens to a correction; the list of executions has it.
    stage.kill_host();
    let corrected = execution(&stage, "5");
    stage.exchange.correct(DEFAULT_KEY_ID, corrected, dec("4"), dec("149")).unwrap();
    stage.start_host().await;
    entries(&stage, "correction", 2).await;
    stage.settled().await;
    assert_eq!(held(&stage, "two").await, Some(dec("4")));
    assert_eq!(cash(&sleeve(&stage, "two").await), dec("9408"));

    // Two shares for one.
    stage.warm(&["AAPL"]).await;
    until_minute(&stage, 2 * DAY + 2).await;
    entries(&stage, "split", 1).await;
    stage.settled().await;
    assert_eq!(held(&stage, "one").await, Some(dec("20")));
    assert_eq!(held(&stage, "two").await, Some(dec("8")));
    let compared = stage.json(&["reconcile"]).await;
    assert_eq!(compared["balanced"], true, "{compared:#}");
    assert_eq!(compared["cash"]["broker"].as_str().map(dec), Some(dec("97913")));
    assert_eq!(compared["breaks"].as_array().map(Vec::len), Some(0), "{compared:#}");
    stage.check().await;
    let listed = stage.run(&["journal", "list", "--limit", "200"]).await.ok().stdout;
    for words in [
        "dividend of AAPL at 0.5 a share",
        "the broker took back the buy of 3 AAPL",
        "the broker corrected the buy of 5 AAPL",
        "split of AAPL: 2 for 1",
    ] {
        assert!(listed.contains(words), "\"{words}\" is not in\n{listed}");
    }
}
