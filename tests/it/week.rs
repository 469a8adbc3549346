//! A week of real bars, replayed by the exchange in a process of its own, traded by three bots.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stockade_store::testing::TestDatabase;

use crate::program::{Running, Surroundings, address, until};
use crate::stage::{SOON, ask, surroundings};
use crate::{bots, ledger};

/// Five days, eight symbols, in the folder of test data.
const FILE: &str = "bars_1m/multi_20190211_20190215.csv.gz";
/// Market seconds in a second: thirty bars of each symbol.
const SPEED: &str = "1800";
const BOTS: [(&str, &str, &str, &[&str]); 3] = [
    ("cross", "sma-cross", "AAPL,MSFT", &["fast=5", "slow=15"]),
    ("revert", "mean-reversion", "SPY,QQQ", &["width=1.5", "qty=20"]),
    ("spread", "rebalance", "BAC,JPM,TSLA", &["every=60"]),
];

/// `STOCKADE_TEST_DATA`, or `shared/data` beside the clone.
fn data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("STOCKADE_TEST_DATA").map_or_else(beside, PathBuf::from);
    let file = folder.join(FILE);
    file.is_file().then_some(file)
}

fn exchange(venue: &Surroundings, bars: &str, listen: &str, speed: &str) -> Running {
    venue.start(&["exchange", "--bars", bars, "--listen", listen, "--speed", speed])
}

#[tokio::test(flavor = "multi_thread")]
async fn three_bots_trade_a_week_and_end_reconciled() {
    let Some(file) = data() else {
        println!(
            "SKIPPED a week of real bars: there is no {FILE} in STOCKADE_TEST_DATA or ../shared/data"
        );
        return;
    };
    let bars = file.display().to_string();
    let venue = Surroundings::default();
    // At the market's own pace the bots are deployed before the first bar is complete.
    let mut slow = exchange(&venue, &bars, "127.0.0.1:0", "1");
    let url = address(&mut slow).await;
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::new().await;
    let around = surroundings(&url, folder.path()).with("STOCKADE_DATABASE_URL", &database.url);
    let socket = folder.path().join("stockade.sock");
    let mut host = around.start(&["run"]);
    let health = serde_json::json!({"host": {"request": "health"}});
    until("the host is ready", SOON, async || {
        let answer = ask(&socket, health.clone()).await?;
        (answer["host"]["accounts"][0]["ready"] == true).then_some(())
    })
    .await;
    for (name, plugin, symbols, params) in BOTS {
        bots::install(plugin, &folder.path().join("plugins"), plugin);
        let mut arguments = vec![
            "bot",
            "deploy",
            name,
            "--plugin",
            plugin,
            "--capital",
            "30000",
            "--symbols",
            symbols,
        ];
        params.iter().for_each(|param| arguments.extend(["--param", param]));
        around.run(&arguments).await.ok();
    }
    host.terminate();
    assert!(host.wait(SOON).await.success(), "{}", host.errors());
    slow.kill();
    // The same account at the same time, and now it runs.
    let fast = exchange(&venue, &bars, url.trim_start_matches("http://"), SPEED);
    until("the exchange answers", SOON, async || crate::stage::try_get(&url, "/v2/clock").ok())
        .await;
    let mut host = around.start(&["run", "--until-end"]);
    let status = host.wait(Duration::from_secs(400)).await;
    assert!(status.success(), "{status}\n{}", host.errors());
    let executions =
        ledger::agrees_as_a_whole(database.store.reads(), &ledger::journal_over_http(&url)).await;
    println!("{executions} executions in the week");
    for (name, ..) in BOTS {
        let days = "SELECT count(DISTINCT date_trunc('day', stockade.time(x.at_ns))) FROM stockade.execution x
            JOIN stockade.sleeve s ON s.account = x.account AND s.id = x.sleeve WHERE s.name = $1";
        let days: i64 =
            sqlx::query_scalar(days).bind(name).fetch_one(database.store.reads()).await.unwrap();
        assert!(days >= 3, "{name} traded on {days} days only");
        for list in ["roundtrip", "position"] {
            let rows = around.run(&[list, "list", "--sleeve", name, "--json"]).await.ok().json();
            assert!(rows.is_array(), "{rows}");
        }
        let figures = around.run(&["figures", name, "--json"]).await.ok().json();
        assert!(figures.get("total_return").is_some(), "{figures:#}");
    }
    let breaks = around.run(&["break", "list", "--json"]).await.ok().json();
    let open = |row: &&serde_json::Value| row["state"] == "open";
    assert_eq!(breaks.as_array().unwrap().iter().filter(open).count(), 0, "{breaks:#}");
    let checked = around.run(&["db", "check", "--json"]).await.ok().json();
    assert_eq!(checked["ok"], true, "{checked:#}");
    drop(fast);
}
