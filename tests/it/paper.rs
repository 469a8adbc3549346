//! `run --paper-exchange`: bots deployed before its first run, and a plugin's file that is replaced
//! while it runs.

use std::time::Duration;

use stockade_store::testing::TestDatabase;

use crate::bots;
use crate::market::{csv, wave};
use crate::program::{Surroundings, until};
use crate::stage::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_runs_bots_deployed_before_it_and_takes_a_new_version_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::new().await;
    let around = Surroundings::default()
        .with("STOCKADE_DATA", folder.path().display().to_string())
        .with("STOCKADE_DATABASE_URL", &database.url);
    let plugins = folder.path().join("plugins");
    bots::install("counter", &plugins, "counter");
    let deploy = |name: &'static str, capital: &'static str, symbols: &'static str| {
        let around = around.clone();
        async move {
            let deploy = [
                "bot",
                "deploy",
                name,
                "--plugin",
                "counter",
                "--capital",
                capital,
                "--symbols",
                symbols,
                "--param",
                "every=5",
                "--account",
                "replay",
            ];
            around.run(&deploy).await
        }
    };
    deploy("count", "60000", "AAPL").await.ok();
    deploy("stray", "100", "ZZZZ").await.ok();
    deploy("greedy", "60000", "AAPL").await.ended(3).says(&["allocation", "39900"]);
    let bars = folder.path().join("AAPL.csv");
    std::fs::write(&bars, csv(&wave("AAPL", 390 * 200, 3))).unwrap();
    let bars = bars.display().to_string();
    let mut host = around.start(&["run", "--paper-exchange", &bars, "--until-end"]);
    let shadow = ["bot", "deploy", "ghost", "--plugin", "counter", "--capital", "1", "--shadow"];
    let shadow = around.run(&[&shadow[..], &["--symbols", "AAPL"]].concat()).await;
    shadow.ended(1).says(&["no shadow", "without --shadow"]);
    let pool = database.store.reads();
    let count =
        async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(pool).await.unwrap() };
    let seen = async |what: &str, sql: &'static str| {
        until(what, SOON, async || (count(sql).await > 0).then_some(())).await;
    };
    seen("orders", "SELECT count(*) FROM stockade.order").await;
    bots::install("counter-v2", &plugins, "counter");
    seen("the reload", "SELECT count(*) FROM stockade.bot_event WHERE kind = 'reloaded'").await;
    seen("orders of the new", "SELECT count(*) FROM stockade.order WHERE tag LIKE '2.0.0/%'").await;
    bots::install("counter-traps", &plugins, "counter");
    let back = "SELECT count(*) FROM stockade.bot_event WHERE kind = 'rolled_back'";
    seen("the roll-back", back).await;
    bots::write(b"no component", &plugins, "counter");
    until("the file that is none", SOON, async || (count(back).await > 1).then_some(())).await;
    // Parameters that a bot fails with are given back, and its version is as good as it was.
    bots::install("misbehave", &plugins, "misbehave");
    let moody = ["bot", "deploy", "moody", "--plugin", "misbehave", "--capital", "1000"];
    let on = ["--symbols", "AAPL", "--param", "handler=on_bars"];
    around.run(&[&moody[..], &on].concat()).await.ok();
    around.run(&["bot", "set", "moody", "--param", "cause=trap"]).await.ok();
    let given = "SELECT count(*) FROM stockade.bot_event WHERE kind = 'parameters_back'";
    seen("the old parameters", given).await;
    let shown = around.run(&["bot", "show", "moody", "--json"]).await.ok().json();
    assert!(shown["params"].get("cause").is_none(), "{shown:#}");
    let rejected = "SELECT count(*) FROM stockade.bot
        WHERE name = 'moody' AND jsonb_array_length(rejected) > 0";
    assert_eq!(count(rejected).await, 0, "{shown:#}");
    host.terminate();
    assert!(host.wait(Duration::from_secs(60)).await.success(), "{}", host.errors());
    let tags: Vec<String> = sqlx::query_scalar("SELECT tag FROM stockade.order ORDER BY id")
        .fetch_all(pool)
        .await
        .unwrap();
    // Each fifth count asks, whichever version counts, and none asks twice.
    let counts: Vec<u64> =
        tags.iter().map(|tag| tag.split_once('/').unwrap().1.parse().unwrap()).collect();
    let expected: Vec<u64> = (1..).map(|n| 5 * n).take(counts.len()).collect();
    assert_eq!(counts, expected);
    assert!(tags.iter().all(|tag| !tag.starts_with("4.")), "the version that traps asked");
    let stray = "SELECT count(*) FROM stockade.bot WHERE name = 'stray' AND state_reason LIKE '%no bars of ZZZZ%'";
    assert_eq!(count(stray).await, 1, "a symbol that the files don't have is named");
    let checked = around.run(&["db", "check", "--json"]).await.ok().json();
    assert_eq!(checked["ok"], true, "{checked:#}");
}
