//! Bad input: each a clear error that names the thing, with the exit code of the command reference
//! (G13, G14, U10, C01–C11; exit codes 1 failed, 2 wrong usage, 4 not found, 5 no host).

use std::path::PathBuf;

use tempfile::TempDir;

use crate::bots;
use crate::market::{flat, manual};
use crate::program::{Finished, Surroundings};
use crate::stage::{Stage, surroundings};

/// A folder with files in it.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
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
async fn components_that_are_no_bots_are_named() {
    let files = Files::new();
    let good = std::fs::read(bots::file("counter")).unwrap();
    let cut = files.file("counter.wasm", &good[..good.len() / 2]);
    files.run(&["plugin", "inspect", &cut]).await.ended(2).says(&["counter.wasm", "truncated"]);
    let text = files.file("text.wasm", "no component at all");
    files.run(&["plugin", "inspect", &text]).await.ended(2).says(&["text.wasm", "not WebAssembly"]);
    let empty = files.file("empty.wasm", "");
    files.run(&["plugin", "inspect", &empty]).await.ended(2).says(&["empty.wasm"]);
    let named = files.file("other.wasm", &good);
    files.run(&["plugin", "inspect", &named]).await.ended(2).says(&["\"counter\"", "\"other\""]);
    let gone = files.path("gone.wasm").display().to_string();
    files.run(&["plugin", "inspect", &gone]).await.ended(2).says(&["gone.wasm"]);
    let later = files.file("counter.wasm", another_version(&good));
    files.run(&["plugin", "inspect", &later]).await.ended(2).says(&[
        "counter.wasm",
        "contract",
        "9.",
    ]);
    let sockets = bots::file("wasi-sockets").display().to_string();
    files
        .run(&["plugin", "inspect", &sockets])
        .await
        .ended(2)
        .says(&["wasi-sockets.wasm", "sockets"]);
}

/// The same component for version 9 of the contract: the names keep their length.
pub(crate) fn another_version(bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let mut count = 0;
    for at in 0..changed.len() {
        if !changed[at..].starts_with(b"stockade:bot/") {
            continue;
        }
        let rest = &changed[at..changed.len().min(at + 60)];
        if let Some(sign) = rest.iter().position(|byte| *byte == b'@') {
            changed[at + sign + 1] = b'9';
            count += 1;
        }
    }
    assert!(count > 0, "the component names no version of the contract");
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_files_are_named_with_line_and_column() {
    let files = Files::new();
    let digits = "7".repeat(40);
    let head = "timestamp,open,high,low,close,volume\n";
    let row = "2019-02-11T14:30:00Z,1,2,1,2,10\n";
    let plugin = bots::file("sma-cross").display().to_string();
    for (name, text, words) in [
        (
            "A_price.csv",
            format!("{head}{row}2019-02-11T14:31:00Z,1,x,1,2,10\n"),
            ["line 3", "column high", "\"x\""],
        ),
        (
            "A_minus.csv",
            format!("{head}2019-02-11T14:30:00Z,1,2,-1,2,10\n"),
            ["line 2", "column low", "\"-1\""],
        ),
        (
            "A_digits.csv",
            format!("{head}2019-02-11T14:30:00Z,{digits},2,1,2,10\n"),
            ["line 2", "column open", &digits],
        ),
        (
            "A_order.csv",
            format!("{head}2019-02-11T14:31:00Z,1,2,1,2,10\n{row}"),
            ["line 3", "column timestamp", "2019-02-11T14:30:00Z"],
        ),
        (
            "A_twice.csv",
            format!("{head}{row}{row}"),
            ["line 3", "column timestamp", "2019-02-11T14:30:00Z"],
        ),
        ("A_header.csv", "time,open\n".to_owned(), ["line 1", "column", "\"time\""]),
        ("A_fields.csv", format!("{head}2019-02-11T14:30:00Z,1,2\n"), ["line 2", "3 fields", "6"]),
    ] {
        let file = files.file(name, text);
        let backtest = ["backtest", "--plugin", &plugin, "--bars", &file, "--capital", "1000"];
        files.run(&backtest).await.ended(2).says(&words).says(&[name]);
        files
            .run(&["exchange", "--bars", &file, "--listen", "127.0.0.1:0"])
            .await
            .ended(2)
            .says(&words)
            .says(&[name]);
    }
    files.run(&["sleeve", "create", "mine", "--capital", "1000"]).await.ok();
    let head = "time,symbol,side,qty,price,fee\n";
    for (name, text, words) in [
        (
            "digits.csv",
            format!("{head}2026-01-02T15:00:00Z,AAPL,buy,{digits},1,0\n"),
            ["line 2", "column qty", &digits],
        ),
        (
            "side.csv",
            format!("{head}2026-01-02T15:00:00Z,AAPL,hold,1,1,0\n"),
            ["line 2", "column side", "\"hold\""],
        ),
        (
            "minus.csv",
            format!("{head}2026-01-02T15:00:00Z,AAPL,buy,1,-1,0\n"),
            ["line 2", "column price", "\"-1\""],
        ),
        ("time.csv", format!("{head}noon,AAPL,buy,1,1,0\n"), ["line 2", "column time", "\"noon\""]),
    ] {
        let file = files.file(name, text);
        files
            .run(&["import", "fills", &file, "--sleeve", "mine"])
            .await
            .ended(2)
            .says(&words)
            .says(&[name]);
    }
    let trips = files.run(&["execution", "list", "--json"]).await.ok().json();
    assert_eq!(trips.as_array().map(Vec::len), Some(0), "a refused file books nothing: {trips}");
    files.stop_cluster().await;
}

impl Files {
    /// Whoever ends last stops the private cluster; this waits until it is gone.
    async fn stop_cluster(&self) {
        let cluster = stockade_store::Cluster::open(&self.path("data")).await.unwrap();
        cluster.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_forty_digits_are_refused_on_the_command_line() {
    let files = Files::new();
    let digits = "3".repeat(40);
    let minus = format!("-{digits}");
    let order = ["order", "submit", "--sleeve", "a", "--symbol", "AAPL", "--side", "buy"];
    for (option, value) in
        [("--qty", &digits), ("--notional", &digits), ("--qty", &minus), ("--notional", &minus)]
    {
        files.run(&[&order[..], &[option, value]].concat()).await.ended(2).says(&[option, value]);
    }
    for option in ["--limit", "--stop"] {
        files
            .run(&[&order[..], &["--qty", "1", option, &digits]].concat())
            .await
            .ended(2)
            .says(&[option, &digits]);
    }
    files
        .run(&["sleeve", "create", "a", "--capital", &digits])
        .await
        .ended(2)
        .says(&["--capital", &digits]);
    files.run(&["capital", "add", "a", &digits]).await.ended(2).says(&[&digits]);
    for wrong in ["0", "-1", "1e3", "NaN", "", "1,5"] {
        files.run(&[&order[..], &["--qty", wrong]].concat()).await.ended(2).says(&["--qty"]);
    }
    assert!(!files.path("data").exists(), "a wrong command line makes a data folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_name_the_nearest_known_one() {
    let files = Files::new();
    let config = files.file("stockade.toml", "[reconcile]\nintervall_seconds = 5\n");
    let list = ["--config", &config, "sleeve", "list"];
    files.run(&list).await.ended(2).says(&[
        "stockade.toml",
        "reconcile.intervall_seconds",
        "reconcile.interval_seconds",
    ]);
    let around = files.around().with("STOCKADE_PLUGINZ", "x");
    around.run(&["sleeve", "list"]).await.ended(2).says(&["STOCKADE_PLUGINZ", "STOCKADE_PLUGINS"]);
    let config = files.file("broken.toml", "plugins = \n");
    files.run(&["--config", &config, "sleeve", "list"]).await.ended(2).says(&["broken.toml"]);
    files.run(&["sleeve", "lisst"]).await.ended(2).says(&["lisst", "list"]);
    let unknown = files.run(&["sleeve", "show", "nobody"]).await;
    unknown.ended(4).says(&["data folder"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_is_named() {
    let stage = Stage::new(manual(vec![flat("AAPL", 0, "150")], 100_000)).await;
    let wrong = stage.around.clone().with("ALPACA_PAPER_SECRET_KEY", "verywrongsecret");
    let refused = wrong.run(&["run"]).await.ended(1);
    assert!(!refused.stderr.contains("verywrongsecret"), "a secret is printed");
    refused.says(&["refuses the keys", "401"]);
    let wrong = stage.around.clone().with("ALPACA_PAPER_API_KEY", "AKLIVEKEY");
    wrong.run(&["run"]).await.ended(2).says(&["ALPACA_PAPER_API_KEY", "PK"]);
    // A port that was free a moment ago: nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let folder = TempDir::new().unwrap();
    let around =
        surroundings(&nobody, folder.path()).with("STOCKADE_DATABASE_URL", stage.database_url());
    around.run(&["run"]).await.ended(1).says(&["can't be reached"]);
    let around = Surroundings::default().with("STOCKADE_DATA", folder.path().display().to_string());
    around.run(&["run"]).await.ended(2).says(&["ALPACA_PAPER_API_KEY", "--paper-exchange"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_host_says_so() {
    let stage = Stage::new(manual(vec![flat("AAPL", 0, "150")], 100_000)).await;
    stage.run(&["reconcile"]).await.ended(5).says(&["not running", "stockade run"]);
    stage.run(&["account", "health"]).await.ended(5).says(&["not running"]);
    stage.run(&["sleeve", "show", "nobody"]).await.ended(4).says(&["nobody"]);
    stage
        .run(&["bot", "deploy", "a", "--plugin", "nowhere", "--capital", "1", "--symbols", "AAPL"])
        .await
        .ended(4)
        .says(&["nowhere"]);
}
