//! The binary itself: what it prints, where, and with which exit code. Each test has a data folder
//! of its own with a private PostgreSQL; no database of the user's is in reach.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn stockade(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stockade"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.current_dir(data.parent().unwrap()).arg("--data").arg(data);
    command
}

struct Tour {
    folder: tempfile::TempDir,
}

impl Tour {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, line: &str) -> Output {
        stockade(&self.folder.path().join("data")).args(line.split(' ')).output().unwrap()
    }

    /// Runs what has to work, and gives its standard output.
    fn done(&self, line: &str) -> String {
        let output = self.run(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{line} --json"))).unwrap()
    }

    /// Runs what has to end with this exit code, and gives what it says.
    fn fails(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {errors}");
        assert!(output.stdout.is_empty(), "{line} wrote to stdout");
        errors
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

const FILLS: &str = "time,symbol,side,qty,price,fee\n\
    2026-01-02T15:00:00Z,BTCUSDT,buy,100,50000,0\n\
    2026-01-02T15:01:00Z,BTCUSDT,buy,50,51000,0\n";

#[test]
fn the_second_worked_case_through_an_import() {
    let tour = Tour::new();
    let file = tour.file("fills.csv", FILLS);
    tour.done("sleeve create coins --capital 10000000");
    let imported = tour.json(&format!("import fills {file} --sleeve coins"));
    assert_eq!(
        (&imported["rows"], &imported["booked"], &imported["known"]),
        (&json!(2), &json!(2), &json!(0))
    );
    let positions = tour.json("position list");
    assert_eq!(
        (&positions[0]["qty"], &positions[0]["average_entry"]),
        (&json!("150"), &json!("50333.333333333333"))
    );
    assert!(tour.done("position list").contains("50,333.33"));
    let file =
        tour.file("fills.csv", &format!("{FILLS}2026-01-02T15:02:00Z,BTCUSDT,sell,120,53000,0\n"));
    for booked in [1, 0] {
        let imported = tour.json(&format!("import fills {file} --sleeve coins"));
        assert_eq!(imported["booked"], booked);
    }
    let trips = tour.json("roundtrip list");
    let net: Vec<&Value> = trips.as_array().unwrap().iter().map(|trip| &trip["net"]).collect();
    assert_eq!(net, [&json!("300000"), &json!("40000")]);
    let lots = tour.json("lot list");
    assert_eq!((&lots[0]["remaining"], &lots[0]["entry_price"]), (&json!("30"), &json!("51000")));
    let sleeves = tour.json("sleeve list");
    assert_eq!(
        (&sleeves[0]["realised"], &sleeves[0]["unrealised"]),
        (&json!("340000"), &json!("60000"))
    );
    assert_eq!(tour.json("db check")["ok"], true);
}

#[test]
fn every_failure_has_its_exit_code() {
    let tour = Tour::new();
    assert!(tour.fails("sleeve list", 4).contains("data folder"));
    tour.done("sleeve create mine --capital 10000");
    assert!(tour.fails("sleeve create mine --capital 1", 3).contains("refused (exists)"));
    assert!(tour.fails("capital withdraw mine 10001", 3).contains("refused (withdrawal)"));
    assert!(tour.fails("sleeve show nobody", 4).contains("sleeve \"nobody\" is not known"));
    assert!(tour.fails("bot stop nobody", 5).contains("the host is not running"));
    assert!(
        tour.fails("bot deploy x --plugin nothing --capital 1", 4).contains("plugin \"nothing\"")
    );
    let submit = "order submit --sleeve mine --symbol AAPL --side buy --qty";
    assert!(tour.fails(&format!("{submit} 1"), 5).contains("the host is not running"));
    let digits = "7".repeat(40);
    assert!(tour.fails(&format!("{submit} {digits}"), 2).contains("at most 28 digits"));
    assert!(tour.fails("reconcile", 5).contains("the host is not running"));
    let noise = tour.file("noise.wasm", "not wasm");
    assert!(tour.fails(&format!("plugin inspect {noise}"), 2).contains("noise.wasm"));
    let bad = tour.file(
        "bad.csv",
        &format!("time,symbol,side,qty,price,fee\n2026-01-02T15:00:00Z,A,buy,{digits},1,0\n"),
    );
    let text = tour.fails(&format!("import fills {bad} --sleeve mine"), 2);
    assert!(text.contains("bad.csv line 2, column qty"), "{text}");
    let config = tour.file("x.toml", "[limits]\nfule = 1\n");
    let text = tour.fails(&format!("--config {config} sleeve list"), 2);
    assert!(
        text.contains("\"limits.fule\" is not a known key, the nearest is \"limits.fuel\""),
        "{text}"
    );
}

#[test]
fn changes_of_capital_and_controls_show_at_once() {
    let tour = Tour::new();
    tour.done("sleeve create a --capital 1000");
    tour.done("sleeve create b --capital 1000");
    tour.done("capital move a b 250");
    tour.done("risk set b max_order_notional=500");
    tour.done("risk halt a --why test");
    let capital = tour.json("capital show");
    let net: Vec<&Value> =
        capital[0]["sleeves"].as_array().unwrap().iter().map(|s| &s["net_capital"]).collect();
    assert_eq!(net[..2], [&json!("750"), &json!("1250")]);
    let risk = tour.json("risk show");
    let of =
        |name: &str| risk.as_array().unwrap().iter().find(|scope| scope["name"] == name).unwrap();
    assert_eq!((&of("a")["state"], &of("a")["reason"]), (&json!("halted"), &json!("test")));
    assert_eq!(of("b")["controls"]["max_order_notional"], "500");
    tour.done("risk resume a");
    assert_eq!(tour.json("sleeve show a")["state"], "active");
}

#[test]
fn exports_are_whole_and_a_closed_pipe_is_quiet() {
    let tour = Tour::new();
    let file = tour.file("fills.csv", FILLS);
    tour.done("sleeve create coins --capital 10000000");
    tour.done(&format!("import fills {file} --sleeve coins"));
    let csv = tour.done("export execution --format csv --out -");
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.starts_with("account,execution_id,"), "{csv}");
    let out = tour.folder.path().join("posting.json");
    tour.done(&format!("export posting --format json --out {}", out.display()));
    let text = std::fs::read_to_string(&out).unwrap();
    let postings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(postings.iter().filter(|leg| leg["symbol"] == "BTCUSDT").count(), 2);
    assert!(!out.with_extension("json.part").exists());
    // A reader that goes away after the first byte.
    let mut child = stockade(&tour.folder.path().join("data"))
        .args(["export", "input", "--format", "json", "--out", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn figures_of_files_have_a_reason_where_there_is_no_number() {
    let tour = Tour::new();
    let equity = tour.file("equity.csv", "timestamp,equity\n2026-01-02T21:00:00Z,100\n2026-01-03T21:00:00Z,110\n2026-01-04T21:00:00Z,99\n");
    let trades = tour.file("trades.csv", "net_pnl\n10\n-11\n");
    let figures = tour.json(&format!("figures --equity {equity} --trades {trades}"));
    let near = |key: &str, wanted: f64| {
        let found = figures[key].as_f64().unwrap();
        assert!((found - wanted).abs() < 1e-9, "{key}: {found}");
    };
    near("total_return", -0.01);
    near("max_drawdown", -0.1);
    near("win_rate", 0.5);
    assert_eq!(figures["beta"], Value::Null);
    assert_eq!(figures["why"]["beta"], "no benchmark was given");
    assert!(tour.done(&format!("figures --equity {equity}")).contains("not enough data"));
    assert!(tour.fails(&format!("figures --equity {equity} --window 1"), 2).contains("--window"));
}
