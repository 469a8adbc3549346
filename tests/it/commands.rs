//! Commands on books that no host holds: one writer at a time whatever is asked at once, nothing
//! made by a slip, and words that name what is missing (I28, D1; exit codes of the command reference).

use std::path::PathBuf;
use std::time::Duration;

use stockade_exchange::faults::{FaultSettings, RestRates};
use stockade_venue::server::ExchangeServer;
use tempfile::TempDir;

use crate::bots;
use crate::market::{flat, manual};
use crate::program::{Finished, Surroundings, until};
use crate::stage::{SOON, Stage, surroundings};

/// A data folder that nobody has used yet, with files beside it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn around(&self) -> Surroundings {
        Surroundings::default().with("STOCKADE_DATA", self.path("data").display().to_string())
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        self.around().run(arguments).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_commands_at_once_are_done_one_after_the_other() {
    let folder = Folder::new();
    let mut commands = tokio::task::JoinSet::new();
    for number in 0..10 {
        let around = folder.around();
        commands.spawn(async move {
            let name = format!("s{number}");
            around.run(&["sleeve", "create", &name, "--capital", "1000"]).await
        });
    }
    while let Some(finished) = commands.join_next().await {
        let finished = finished.unwrap();
        assert!(!finished.stderr.contains("pkey"), "{}", finished.stderr);
        finished.ok();
    }
    let sleeves = folder.run(&["sleeve", "list", "--json"]).await.ok().json();
    let names: std::collections::BTreeSet<String> = sleeves
        .as_array()
        .unwrap()
        .iter()
        .map(|sleeve| sleeve["name"].as_str().unwrap().to_owned())
        .filter(|name| name.starts_with('s') && name.len() == 2)
        .collect();
    assert_eq!(names.len(), 10, "{names:?}");
    folder.run(&["db", "check"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_a_slip() {
    let folder = Folder::new();
    let missing = folder.run(&["sleeve", "list"]).await.ended(4);
    missing.says(&["data", "does not exist"]);
    std::fs::create_dir(folder.path("data")).unwrap();
    folder.run(&["sleeve", "list"]).await.ended(4).says(&["holds no books yet"]);
    assert_eq!(
        std::fs::read_dir(folder.path("data")).unwrap().count(),
        0,
        "reading made something"
    );
    std::fs::write(folder.path("flat.csv"), "x").unwrap();
    let flat = folder.path("flat.csv").display().to_string();
    folder
        .run(&["--data", &flat, "sleeve", "list"])
        .await
        .ended(2)
        .says(&["flat.csv", "is a file"]);
    let create = ["--account", "nosuch", "sleeve", "create", "zz", "--capital", "1"];
    folder.run(&create).await.ended(4).says(&["account", "\"nosuch\""]);
    folder.run(&["sleeve", "create", "mine", "--capital", "1000"]).await.ok();
    folder.run(&create).await.ended(4).says(&["account", "\"nosuch\""]);
    folder.run(&["--account", "nosuch", "sleeve", "list"]).await.ended(4).says(&["\"nosuch\""]);
    let accounts = folder.run(&["account", "list", "--json"]).await.ok().json();
    assert_eq!(accounts.as_array().unwrap().len(), 1, "{accounts}");
    let url = "postgres://nobody@127.0.0.1:1/x";
    let gone = folder.run(&["--database-url", url, "sleeve", "list"]).await.ended(1);
    gone.says(&["127.0.0.1", "port 1", "refused"]);
    folder.run(&["bot", "stop", "mine"]).await.ended(5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_the_symbol_is_named_and_lists_have_the_tables_words() {
    let folder = Folder::new();
    let bars = "timestamp,symbol,open,high,low,close,volume\n2019-02-11T14:30:00Z,AAPL,1,1,1,1,5\n";
    std::fs::write(folder.path("bars.csv"), bars).unwrap();
    let file = folder.path("bars.csv").display().to_string();
    let import = ["import", "bars", &file, "--timeframe", "1m", "--symbol"];
    let wrong = folder.run(&[&import[..], &["SPY"]].concat()).await.ended(2);
    wrong.says(&["bars.csv", "no bars of SPY", "--symbol", "AAPL"]);
    folder.run(&[&import[..], &["AAPL"]].concat()).await.ok();
    folder.run(&["sleeve", "create", "mine", "--capital", "1000"]).await.ok();
    for (list, table) in [("journal", "entry"), ("roundtrip", "round_trip")] {
        let export = async |name: &str| {
            folder.run(&["export", name, "--format", "csv", "--out", "-"]).await.ok().stdout
        };
        assert_eq!(export(list).await, export(table).await);
    }
}

/// The database of a host that can't start ends with it, and so does its socket.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_can_not_start_leaves_nothing_behind() {
    let folder = Folder::new();
    let exchange =
        ExchangeServer::start(manual(vec![flat("AAPL", 0, "100")], 1_000)).await.unwrap();
    let around = surroundings(&exchange.url(), &folder.path("data"))
        .with("ALPACA_PAPER_SECRET_KEY", "wrong");
    let refused = around.run(&["run"]).await.ended(1);
    let refused = refused.says(&["no account could be started"]);
    let data = folder.path("data");
    assert!(!data.join("stockade.sock").exists(), "{}", refused.stderr);
    assert!(!data.join("postgres/data/postmaster.pid").exists(), "{}", refused.stderr);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_id_means_one_fill() {
    let folder = Folder::new();
    let head = "time,symbol,side,qty,price,fee,execution_id\n";
    let file = |name: &str, rows: &str| {
        std::fs::write(folder.path(name), format!("{head}{rows}")).unwrap();
        folder.path(name).display().to_string()
    };
    for name in ["a", "b"] {
        folder.run(&["sleeve", "create", name, "--capital", "1000"]).await.ok();
    }
    let row = "2026-01-02T15:00:00Z,AAPL,buy,10,150,1,x1\n";
    let split = "2026-01-03T15:00:00Z,AAPL,split,4,,,x2\n";
    let first = file("first.csv", &format!("{row}{split}"));
    let import = |file: String, sleeve: &'static str| {
        let around = folder.around();
        async move { around.run(&["import", "fills", &file, "--sleeve", sleeve, "--json"]).await }
    };
    let booked = import(first.clone(), "a").await.ok();
    assert!(booked.stderr.contains("cash is -501, below zero"), "{}", booked.stderr);
    assert_eq!(booked.json()["booked"], 2);
    assert_eq!(booked.json()["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(import(first.clone(), "a").await.ok().json()["known"], 2);
    import(first, "b").await.ended(2).says(&["line 2", "\"x1\"", "sleeve \"b\"", "sleeve \"a\""]);
    let other = file("other.csv", "2026-01-02T15:00:00Z,AAPL,buy,11,150,1,x1\n");
    import(other, "a").await.ended(2).says(&["line 2", "\"x1\"", "buy 11 AAPL", "buy 10 AAPL"]);
    let ratio = file("ratio.csv", "2026-01-03T15:00:00Z,AAPL,split,5,,,x2\n");
    import(ratio, "a").await.ended(2).says(&["\"x2\"", "split 5", "split 4"]);
    let twice = file(
        "twice.csv",
        &format!("{}{}", row.replace("x1", "y"), row.replace("10,150,1,x1", "9,150,1,y")),
    );
    import(twice, "a").await.ended(2).says(&["line 3", "\"y\"", "line 2", "buy 9 AAPL"]);
    let future = file("future.csv", "2096-01-02T15:00:00Z,AAPL,buy,1,150,1,z\n");
    import(future, "a").await.ended(3).says(&["line 2", "2096-01-02", "present time"]);
    let nothing = file("nothing.csv", "2026-01-02T15:00:00Z,MSFT,split,4,,,s\n");
    let ignored = import(nothing, "a").await.ok().json();
    assert_eq!((&ignored["booked"], &ignored["ignored"]), (&0.into(), &1.into()));
    let escape = file("escape.csv", "2026-01-02T15:00:00Z,AAPL,b\u{1b}[31muy,1,150,1,e\n");
    let said = import(escape, "a").await.ended(2).stderr;
    assert!(!said.contains('\u{1b}') && said.contains("\\u{1b}"), "{said}");
    let slash = file("slash.csv", "2026-01-02T15:00:00Z,BRK/B,buy,1,150,1,e\n");
    import(slash, "a").await.ended(2).says(&["BRK/B", "is no symbol"]);
    folder.run(&["risk", "set", "a", "order_rate=NaN"]).await.ended(2).says(&["order_rate", "NaN"]);
    folder
        .run(&["risk", "set", "a", "foo=1"])
        .await
        .ended(2)
        .says(&["foo is not a setting", "order_rate"]);
    folder
        .run(&["risk", "set", "a", "order_rat=1"])
        .await
        .ended(2)
        .says(&["the nearest is order_rate"]);
    folder.run(&["db", "check"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_whose_bot_dies_is_not_clean() {
    let folder = Folder::new();
    let mut rows = "timestamp,open,high,low,close,volume\n".to_owned();
    for minute in 30..50 {
        rows.push_str(&format!("2019-02-11T14:{minute}:00Z,150,151,149,150,1000\n"));
    }
    let bars = folder.path("AAPL_1m.csv").display().to_string();
    std::fs::write(&bars, rows).unwrap();
    let plugin = bots::file("misbehave").display().to_string();
    let backtest =
        ["backtest", "--plugin", &plugin, "--bars", &bars, "--capital", "1000", "--json"];
    let died = folder.run(&[&backtest[..], &["--param", "cause=trap"]].concat()).await.ended(1);
    let strikes = died.json()["strikes"].clone();
    assert_eq!(strikes[0]["bot"], "misbehave", "{strikes}");
    assert!(strikes[0]["at"].as_str().unwrap().starts_with("2019-02-11T14:"), "{strikes}");
    died.says(&["misbehave", "2019-02-11T14:"]);
    folder.run(&["plugin", "inspect", "/dev/zero"]).await.ended(2).says(&["no regular file"]);
    let sma = bots::file("sma-cross").display().to_string();
    let out = folder.path("out").display().to_string();
    let sweep = ["backtest", "--plugin", &sma, "--bars", &bars, "--capital", "1000", "--out", &out];
    folder.run(&[&sweep[..], &["--param", "fast=2..3"]].concat()).await.ok();
    let table = std::fs::read_to_string(folder.path("out").join("sweep.csv")).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.starts_with("fast,final_equity,"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_is_waited_for_and_one_without_a_broker_says_so() {
    let bars = (0..30).map(|minute| flat("AAPL", minute, "150")).collect();
    let mut stage = Stage::new(manual(bars, 100_000)).await;
    bots::install("counter", &stage.plugins(), "counter");
    stage.launch(&["run"]);
    let socket = stage.data().join("stockade.sock");
    until("the host's socket", SOON, async || socket.exists().then_some(())).await;
    stage.run(&["sleeve", "create", "early", "--capital", "1000"]).await.ok();
    stage.ready().await;
    let deploy = ["bot", "deploy", "gamma", "--plugin", "counter", "--capital", "100"];
    let unknown = stage.run(&[&deploy[..], &["--symbols", "NOSUCH"]].concat()).await;
    unknown.ended(3).says(&["unknown_instrument", "NOSUCH"]);
    stage.run(&[&deploy[..], &["--symbols", "AAPL"]].concat()).await.ok();
    stage.run(&["bot", "stop", "gamma"]).await.ok();
    stage.run(&["bot", "stop", "gamma"]).await.ended(3).says(&["stopped already"]);
    // A version can be tried, and taken, while the bot stands still.
    let reload = stage.run(&["bot", "reload", "gamma"]).await.ok();
    assert!(reload.stdout.contains("bot \"gamma\" reloaded"), "{}", reload.stdout);
    stage.bot_is("gamma", "stopped").await;
    stage.run(&["reconcile", "--json"]).await.ok();
    let rest = RestRates { status_503: 1_000, ..RestRates::default() };
    stage.exchange.set_faults(FaultSettings { rest, ..FaultSettings::default() }).unwrap();
    let limit = Duration::from_secs(60);
    let silent = stage.around.run_within(&["reconcile"], limit).await.ended(1);
    silent.says(&["the broker was not compared", "stockade account health"]);
    stage.exchange.set_faults(FaultSettings::default()).unwrap();
    stage.kill_host();
    stage.run(&["bot", "stop", "gamma"]).await.ended(5).says(&["the host is not running"]);
    stage.check().await;
}
