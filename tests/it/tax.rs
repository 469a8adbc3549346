//! What a tax adviser asks for: the bridge from the sleeves' lots to the account's own and to the
//! broker's average, and wash sales across sleeves.

use rust_decimal::Decimal;
use serde_json::Value;
use stockade_store::testing::TestDatabase;
use tempfile::TempDir;

use crate::market::{dec, manual};
use crate::program::{Finished, Surroundings};
use crate::stage::Stage;
use crate::worked::{LEAD, bars, orders_done, until_minute};

const ALPHA: &str = "time,symbol,side,qty,price,fee
2026-01-05T15:00:00Z,AAPL,buy,10,100,0
2026-01-06T15:00:00Z,MSFT,buy,10,200,1
2026-01-07T15:00:00Z,GOOG,buy,3,70,0
2026-01-20T15:00:00Z,AAPL,sell,10,90,0
2026-03-10T15:00:00Z,GOOG,split,7,,
";
const BETA: &str = "time,symbol,side,qty,price,fee
2026-01-07T15:00:00Z,GOOG,buy,4,105,0
2026-01-08T15:00:00Z,MSFT,buy,10,220,0
2026-01-09T15:00:00Z,MSFT,sell,10,210,0
2026-01-25T15:00:00Z,AAPL,buy,6,95,0
2026-02-20T15:00:00Z,AAPL,buy,4,80,0
2026-03-02T15:00:00Z,AAPL,sell,4,85,0
2026-03-10T15:00:00Z,GOOG,split,7,,
";

/// Books without a broker, in a database of their own.
struct Books {
    around: Surroundings,
    folder: TempDir,
    _database: TestDatabase,
}

impl Books {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new().await;
        let around = Surroundings::default()
            .with("STOCKADE_DATA", folder.path().join("data").display().to_string())
            .with("STOCKADE_DATABASE_URL", &database.url);
        Self { around, folder, _database: database }
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        self.around.run(arguments).await.ok()
    }

    async fn import(&self, sleeve: &str, text: &str) {
        let path = self.folder.path().join(format!("{sleeve}.csv"));
        std::fs::write(&path, text).unwrap();
        self.run(&["import", "fills", path.to_str().unwrap(), "--sleeve", sleeve]).await;
    }
}

/// Two sleeves, newest first in the second, and shares that moved to a third.
async fn books() -> Books {
    let books = Books::new().await;
    books.run(&["sleeve", "create", "alpha", "--capital", "10000"]).await;
    books.run(&["sleeve", "create", "beta", "--capital", "10000", "--lots", "lifo"]).await;
    books.run(&["sleeve", "create", "gamma", "--capital", "1000"]).await;
    books.import("alpha", ALPHA).await;
    books.import("beta", BETA).await;
    books.run(&["position", "move", "alpha", "gamma", "MSFT", "5"]).await;
    books
}

fn number(value: &Value) -> Decimal {
    dec(value.as_str().unwrap_or_else(|| panic!("{value} is no decimal")))
}

/// Quantity, cost and profit.
fn figures(side: &Value) -> [Decimal; 3] {
    ["qty", "cost", "realised"].map(|key| number(&side[key]).normalize())
}

/// The causes of a way with what each adds; the way must lead where it says.
fn causes(from: &Value, way: &Value, to: &Value) -> Vec<(String, [Decimal; 3])> {
    let parts: Vec<(String, [Decimal; 3])> = way
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["cause"].as_str().unwrap().to_owned(), figures(step)))
        .collect();
    for (index, key) in ["qty", "cost", "realised"].into_iter().enumerate() {
        if to[key].is_null() {
            continue;
        }
        let sum: Decimal = parts.iter().map(|part| part.1[index]).sum();
        assert_eq!(number(&from[key]) + sum, number(&to[key]), "{key}: {parts:?}");
    }
    parts
}

fn part(cause: &str, qty: &str, cost: &str, realised: &str) -> (String, [Decimal; 3]) {
    (cause.to_owned(), [qty, cost, realised].map(dec))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_explains_methods_order_transfers_and_the_average() {
    let books = books().await;
    let report = books.run(&["report", "bridge", "--json"]).await.json();
    let of = |symbol: &str| {
        let all = report["symbols"].as_array().unwrap();
        all.iter().find(|row| row["symbol"] == symbol).unwrap().clone()
    };
    let ways = |row: &Value| {
        assert_eq!(row["explained"], true, "{row:#}");
        assert_eq!(row["broker"]["source"], "reckoned");
        let mut parts = causes(&row["sleeves"], &row["to_account"], &row["account"]);
        parts.extend(causes(&row["account"], &row["to_broker"], &row["broker"]));
        parts
    };
    let apple = of("AAPL");
    assert_eq!(figures(&apple["sleeves"]), ["6", "570", "-80"].map(dec));
    assert_eq!(figures(&apple["account"]), ["6", "510", "-140"].map(dec));
    let expected = [part("lot methods", "0", "-60", "-60"), part("average price", "0", "24", "24")];
    assert_eq!(ways(&apple), expected);
    assert_eq!(number(&apple["broker"]["average_entry"]), dec("89"));

    let microsoft = of("MSFT");
    let expected = [
        // The opening fee of five shares became cost when they moved.
        part("transfers", "0", "-0.5", "0"),
        part("order of closing", "0", "200", "200"),
        part("average price", "0", "-100", "-100"),
    ];
    assert_eq!(ways(&microsoft), expected);
    let lots = microsoft["account_lots"].as_array().unwrap();
    assert_eq!(lots.len(), 1, "{lots:?}");
    assert_eq!(
        (lots[0]["sleeve"].as_str(), number(&lots[0]["cost_left"])),
        (Some("beta"), dec("2200"))
    );

    let google = of("GOOG");
    assert_eq!(ways(&google), []);
    let held: Vec<Decimal> = google["account_lots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lot| number(&lot["remaining"]))
        .collect();
    assert_eq!(held, ["21", "28"].map(dec));

    let table = books.run(&["report", "bridge", "--symbol", "MSFT"]).await;
    assert!(
        table.stdout.contains("order of closing") && !table.stdout.contains("AAPL"),
        "{}",
        table.stdout
    );
    assert!(table.stderr.contains("reckoned"), "{}", table.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_that_another_sleeve_bought_back_are_flagged() {
    let books = books().await;
    let report = books.run(&["report", "wash-sales", "--json"]).await.json();
    let told: Vec<_> = report["sales"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sale| {
            let by = &sale["replaced_by"][0];
            assert_eq!(sale["replaced_by"].as_array().unwrap().len(), 1);
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&sale["sleeve"]),
                text(&sale["symbol"]),
                text(&sale["replaced_qty"]),
                text(&sale["disallowed"]),
                text(&by["sleeve"]),
                text(&by["at"]),
            )
        })
        .collect();
    let sale = |sleeve: &str, symbol: &str, qty: &str, disallowed: &str, by: &str, at: &str| {
        let text = str::to_owned;
        (text(sleeve), text(symbol), text(qty), text(disallowed), text(by), text(at))
    };
    // Alpha's six of ten; what beta bought 31 days later replaces nothing.
    let expected = [
        sale("beta", "MSFT", "10", "100", "alpha", "2026-01-06T15:00:00Z"),
        sale("alpha", "AAPL", "6", "60", "beta", "2026-01-25T15:00:00Z"),
    ];
    assert_eq!(told, expected);
    assert_eq!((&report["loss"], &report["disallowed"]), (&"200".into(), &"160".into()));
    // The loss is not lost: it is part of what the replacing shares cost.
    let basis: Vec<_> = report["basis"].as_array().unwrap().iter().collect();
    let basis = basis.iter().map(|b| (&b["sleeve"], &b["symbol"], &b["qty"], &b["added"]));
    let (alpha, beta) = (Value::from("alpha"), Value::from("beta"));
    let [msft, aapl] = ["MSFT", "AAPL"].map(Value::from);
    let [ten, six, hundred, sixty] = ["10", "6", "100", "60"].map(Value::from);
    assert_eq!(
        basis.collect::<Vec<_>>(),
        [(&alpha, &msft, &ten, &hundred), (&beta, &aapl, &six, &sixty)]
    );
    let later = ["report", "wash-sales", "--from", "2026-01-15", "--to", "2026-02-01", "--json"];
    let report = books.run(&later).await.json();
    assert_eq!((report["sales"].as_array().unwrap().len(), &report["loss"]), (1, &"100".into()));
    let none = books.run(&["report", "wash-sales", "--from", "2026-03-01"]).await;
    assert_eq!(none.stdout.trim(), "no wash sales");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_own_average_is_reached_from_the_executions() {
    let stage = Stage::with_host(manual(bars("AAPL", ["150", "155", "160"]), 100_000)).await;
    stage.deploy("a", "scripted", "10000", "AAPL", &["script=15:00 buy 10 AAPL"]).await;
    let script = "script=15:02 buy 5 AAPL; 15:04 sell 5 AAPL";
    stage.deploy("b", "scripted", "10000", "AAPL", &[script]).await;
    stage.warm(&["AAPL"]).await;
    until_minute(&stage, LEAD + 5).await;
    orders_done(&stage, 3).await;
    let report = stage.json(&["report", "bridge"]).await;
    let row = &report["symbols"][0];
    assert_eq!(row["explained"], true, "{row:#}");
    let own = causes(&row["sleeves"], &row["to_account"], &row["account"]);
    assert_eq!(own, [part("order of closing", "0", "25", "25")]);
    assert_eq!(figures(&row["account"]), ["10", "1525", "50"].map(dec));
    let theirs = causes(&row["account"], &row["to_broker"], &row["broker"]);
    let names: Vec<&str> = theirs.iter().map(|part| part.0.as_str()).collect();
    assert_eq!(names, ["average price"], "{theirs:?}");
    // (10 at 150 and 5 at 155) / 15: reckoned, and what the exchange prints with nine decimals.
    let average = number(&row["broker"]["average_entry"]).round_dp(9);
    let printed = stage.get("/v2/positions")[0]["avg_entry_price"].as_str().map(dec);
    assert_eq!((average, Some(average)), (dec("151.666666667"), printed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_there_is_named() {
    let books = books().await;
    let missing = books.around.run(&["report", "bridge", "--account", "other"]).await;
    missing.ended(4).says(&["account", "other"]);
}
