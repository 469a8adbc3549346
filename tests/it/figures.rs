//! Figures from the command line: of files, and of a sleeve whose history was imported.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use stockade_store::testing::TestDatabase;
use tempfile::TempDir;

use crate::market::dec;
use crate::program::{Finished, Surroundings};

const KEYS: [&str; 17] = [
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "downside_risk",
    "sortino",
    "max_drawdown",
    "calmar",
    "omega",
    "beta",
    "alpha",
    "var_95",
    "cvar_95",
    "win_rate",
    "win_rate_decided",
    "profit_factor",
    "expectancy",
];
/// 2024-01-02 21:00 UTC.
const CLOSE: i64 = 1_704_229_200_000_000_000;
const DAY: i64 = 86_400_000_000_000;

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Every key is a number, or null with a reason.
fn complete(figures: &Value) {
    for key in KEYS {
        let (value, why) = (&figures[key], &figures["why"][key]);
        assert!(value.is_number() != why.is_string(), "{key}: {value}, {why}");
    }
}

/// What people read holds each of these words.
fn shows(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.stdout.contains(word), "\"{word}\" is not in\n{}", finished.stdout);
    }
}

fn sum(rows: &Value, key: &str) -> Decimal {
    rows.as_array().unwrap().iter().map(|row| dec(row[key].as_str().unwrap())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_files() {
    let folder = TempDir::new().unwrap();
    let (mut equity, mut bars) = (
        String::from("timestamp,equity\n"),
        String::from("timestamp,open,high,low,close,volume\n"),
    );
    for day in 2..30 {
        let value = 10_000 + (day * 37) % 11 * 50;
        writeln!(equity, "2024-01-{day:02}T21:00:00Z,{value}").unwrap();
        let close = value / 100;
        writeln!(bars, "2024-01-{day:02}T05:00:00Z,{close},{close},{close},{close},7").unwrap();
    }
    let equity = write(&folder, "equity.csv", &equity);
    let bars = write(&folder, "SPY_1d.csv", &bars);
    let trades = write(&folder, "trades.csv", "net_pnl,symbol\n10,A\n-4,A\n0,B\n");
    let around = Surroundings::default();
    let found = around
        .run(&[
            "figures",
            "--equity",
            &equity,
            "--benchmark",
            &bars,
            "--trades",
            &trades,
            "--window",
            "5",
            "--json",
        ])
        .await
        .ok()
        .json();
    complete(&found);
    assert!(KEYS.iter().all(|key| found[key].is_number()), "{found:#}");
    // The benchmark is the equity, rounded to whole hundreds of the close.
    assert!(found["beta"].as_f64().unwrap() > 0.5, "{found:#}");
    assert_eq!(found["rolling"]["sharpe"].as_array().unwrap().len(), 27 - 5 + 1);
    assert_eq!(found["time_weighted_return"], found["total_return"]);
    assert_eq!(found["drawdowns"][0]["depth"], found["max_drawdown"]);
    assert_eq!(found["monthly"][0]["year"], 2024);
    assert_eq!(
        (&found["win_rate"], &found["profit_factor"]),
        (&Value::from(1.0 / 3.0), &Value::from(2.5))
    );
    let short = write(&folder, "short.csv", "timestamp,equity\n2024-01-02,5\n");
    let found = around
        .run(&["figures", "--equity", &equity, "--benchmark", &short, "--json"])
        .await
        .ok()
        .json();
    complete(&found);
    let why = found["why"]["alpha"].as_str().unwrap();
    assert!(why.contains("not enough data") && why.contains("2024-01-1"), "{why}");
    let table = around.run(&["figures", "--equity", &short]).await.ok();
    shows(&table, &["not enough data", "no return"]);
    around
        .run(&["figures", "--equity", &equity, "--benchmark", "SPY"])
        .await
        .ended(2)
        .says(&["SPY"]);
    around
        .run(&["figures", "--equity", &equity, "--window", "1"])
        .await
        .ended(2)
        .says(&["--window"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_a_sleeve() {
    let (folder, database) = (TempDir::new().unwrap(), TestDatabase::new().await);
    let around = Surroundings::default()
        .with("STOCKADE_DATA", folder.path().join("data").display().to_string())
        .with("STOCKADE_DATABASE_URL", &database.url);
    std::fs::create_dir(folder.path().join("data")).unwrap();
    around.run(&["sleeve", "create", "mine", "--capital", "10000"]).await.ok();
    let fills = write(
        &folder,
        "fills.csv",
        "time,symbol,side,qty,price,fee\n\
         2024-01-02T15:00:00Z,AAPL,buy,10,150,1\n\
         2024-01-03T15:00:00Z,AAPL,sell,4,160,0.5\n\
         2024-01-03T16:00:00Z,MSFT,buy,3,370.123456789,0\n\
         2024-01-04T15:00:00Z,MSFT,sell,1,360,0.25\n",
    );
    around.run(&["import", "fills", &fills, "--sleeve", "mine"]).await.ok();
    let young = around.run(&["figures", "mine", "--json"]).await.ok().json();
    complete(&young);
    assert!(young["sharpe"].is_null(), "{young:#}");
    let mut writer = PgConnection::connect(&database.url).await.unwrap();
    // Session closes, with a deposit of 10,000 after the second.
    for (day, worth, capital) in
        [(0, 10_000, 10_000), (1, 10_100, 10_000), (2, 20_301, 20_000), (3, 20_098, 20_000)]
    {
        sqlx::query(
            "INSERT INTO stockade.equity (account, sleeve, at_ns, session_close, cash, market_value,
                                          net_capital, realised, exposure)
             SELECT account, id, $1, $2, $3, 0, $4, 0, 0 FROM stockade.sleeve WHERE name = 'mine'",
        )
        .bind(CLOSE + day * DAY)
        .bind(i32::try_from(day + 1).unwrap())
        .bind(Decimal::from(worth))
        .bind(Decimal::from(capital))
        .execute(&mut writer)
        .await
        .unwrap();
    }
    let found = around.run(&["figures", "mine", "--benchmark", "AAPL", "--json"]).await.ok().json();
    complete(&found);
    let expected = 1.01 * (20_301.0 / 20_100.0) * (20_098.0 / 20_301.0) - 1.0;
    let total = found["total_return"].as_f64().unwrap();
    assert!((total - expected).abs() < 1e-12, "{total} {expected}");
    assert!(found["money_weighted_return"].is_number(), "{found:#}");
    assert!(found["why"]["beta"].as_str().unwrap().contains("AAPL"), "{found:#}");
    // With a price for each period the symbol is a benchmark.
    for (day, price) in [(-1, 185), (1, 184), (2, 182), (3, 181)] {
        sqlx::query(
            "INSERT INTO stockade.price SELECT account, 'SPY', $1, $2
               FROM stockade.sleeve WHERE name = 'mine'",
        )
        .bind(CLOSE + day * DAY)
        .bind(Decimal::from(price))
        .execute(&mut writer)
        .await
        .unwrap();
    }
    let compared =
        around.run(&["figures", "mine", "--benchmark", "SPY", "--json"]).await.ok().json();
    assert!(compared["beta"].is_number() && compared["alpha"].is_number(), "{compared:#}");
    let shown = around.run(&["sleeve", "show", "mine", "--json"]).await.ok().json();
    let shown = shown.get("sleeve").unwrap_or(&shown);
    let profit =
        dec(shown["realised"].as_str().unwrap()) + dec(shown["unrealised"].as_str().unwrap());
    let attribution = &found["attribution"];
    assert_eq!(dec(attribution["profit"].as_str().unwrap()), profit);
    for table in ["by_symbol", "by_version"] {
        assert_eq!(sum(&attribution[table], "profit"), profit, "{attribution:#}");
    }
    let symbols: Vec<&str> = attribution["by_symbol"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["symbol"].as_str())
        .collect();
    assert_eq!(symbols, ["AAPL", "MSFT"]);
    assert_eq!(found["round_trips"], 2);
    let quality = &found["execution_quality"];
    assert_eq!((&quality["executions"], &quality["fees"]), (&Value::from(4), &Value::from("1.75")));
    assert!(quality["why"]["slippage"].is_string(), "imports have no order: {quality:#}");
    let table = around.run(&["figures", "mine"]).await.ok();
    shows(&table, &["money-weighted return", "Profit by symbol", "AAPL", "Executions"]);
    around.run(&["figures", "nobody"]).await.ended(4).says(&["nobody"]);
}
