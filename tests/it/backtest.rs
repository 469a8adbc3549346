//! `backtest`: the firm keys, the same bytes twice, and a case that was computed by hand.

use std::path::Path;

use serde_json::{Map, Value};

use crate::bots;
use crate::market::{csv, dec, flat, wave};
use crate::program::Surroundings;

/// The keys of the command reference.
const KEYS: [&str; 15] = [
    "bars",
    "orders",
    "fills",
    "refusals",
    "start",
    "end",
    "initial_capital",
    "final_equity",
    "cash",
    "realised",
    "unrealised",
    "fees",
    "figures",
    "elapsed_ms",
    "bars_per_second",
];
/// Some of the keys of the definitions of figures.
const FIGURES: [&str; 16] = [
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "downside_risk",
    "sortino",
    "max_drawdown",
    "calmar",
    "omega",
    "var_95",
    "cvar_95",
    "win_rate",
    "win_rate_decided",
    "profit_factor",
    "expectancy",
    "rolling",
];

async fn backtest(folder: &Path, bars: &str, more: &[&str]) -> Map<String, Value> {
    let around =
        Surroundings::default().with("STOCKADE_DATA", folder.join("data").display().to_string());
    let plugin = bots::file("sma-cross").display().to_string();
    let arguments =
        ["backtest", "--plugin", &plugin, "--bars", bars, "--capital", "100000", "--json"];
    let done = around.run(&[&arguments[..], more].concat()).await.ok().json();
    done.as_object().cloned().unwrap_or_else(|| panic!("no document: {done}"))
}

/// Everything but how long it took.
fn timeless(mut summary: Map<String, Value>) -> String {
    summary.remove("elapsed_ms");
    summary.remove("bars_per_second");
    Value::Object(summary).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_run_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bars = folder.path().join("AAPL_wave.csv");
    std::fs::write(&bars, csv(&wave("AAPL", 2_000, 4))).unwrap();
    let bars = bars.display().to_string();
    let mut outs = Vec::new();
    let mut summaries = Vec::new();
    for run in ["one", "two"] {
        let out = folder.path().join(run);
        let more = ["--param", "fast=3", "--param", "slow=8", "--out", out.to_str().unwrap()];
        summaries.push(backtest(folder.path(), &bars, &more).await);
        outs.push(out);
    }
    let first = &summaries[0];
    for key in KEYS {
        assert!(first.contains_key(key), "{key} is missing in {first:#?}");
    }
    for key in FIGURES {
        assert!(first["figures"].get(key).is_some(), "figures.{key} is missing in {first:#?}");
    }
    assert_eq!(first["bars"], 2_000);
    assert!(first["fills"].as_u64().unwrap() > 50, "{first:#?}");
    assert_eq!(timeless(summaries[0].clone()), timeless(summaries[1].clone()));
    for name in ["equity.csv", "fills.csv", "roundtrips.csv"] {
        let read = |out: &Path| {
            std::fs::read(out.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        assert_eq!(read(&outs[0]), read(&outs[1]), "{name}");
    }
    for name in ["summary.json", "report.html"] {
        assert!(outs[0].join(name).is_file(), "{name} is missing");
    }
}

/// Closes 10, 9, 11: the last close is above the mean of the last two, so 10 are bought at the
/// next open, 12. Close 8 after 12 is below: all are sold at the next open, 7. 100,000 − 120 + 70.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_computed_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let closes = ["10", "9", "11", "12", "8", "7"];
    let bars: Vec<_> =
        (0..).zip(closes).map(|(minute, close)| flat("AAPL", minute, close)).collect();
    let path = folder.path().join("AAPL_hand.csv");
    std::fs::write(&path, csv(&bars)).unwrap();
    let more = ["--param", "fast=1", "--param", "slow=2", "--param", "qty=10"];
    let done = backtest(folder.path(), &path.display().to_string(), &more).await;
    for (key, value) in [("orders", 2), ("fills", 2), ("refusals", 0), ("bars", 6)] {
        assert_eq!(done[key], value, "{key} in {done:#?}");
    }
    for (key, value) in [
        ("initial_capital", "100000"),
        ("final_equity", "99950"),
        ("cash", "99950"),
        ("realised", "-50"),
        ("unrealised", "0"),
        ("fees", "0"),
    ] {
        assert_eq!(dec(done[key].as_str().unwrap()), dec(value), "{key} in {done:#?}");
    }
}
