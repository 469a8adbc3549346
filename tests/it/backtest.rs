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
    let files = contents(&outs[0]);
    assert_eq!(files, contents(&outs[1]), "the same run gives other bytes");
    assert!(files.len() >= 8, "{:?}", files.keys());
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

/// Runs `backtest` with these arguments.
async fn run(folder: &Path, arguments: &[&str]) -> crate::program::Finished {
    let around =
        Surroundings::default().with("STOCKADE_DATA", folder.join("data").display().to_string());
    around.run(arguments).await
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

/// The sets that run are the single runs; one that is refused is named, and the rest goes on. Every
/// byte of every file is the same, whatever the number of threads.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_its_single_runs_in_order_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let bars = written(folder.path(), "AAPL_wave.csv", &csv(&wave("AAPL", 1_500, 4)));
    let plugin = bots::file("sma-cross").display().to_string();
    let base = ["backtest", "--plugin", &plugin, "--bars", &bars, "--capital", "100000", "--json"];
    let sweep = ["--param", "fast=3..9:3", "--param", "slow=6..12:3"];
    let mut outs = Vec::new();
    for jobs in ["1", "3"] {
        let out = folder.path().join(format!("jobs-{jobs}"));
        let more = ["--jobs", jobs, "--out", out.to_str().unwrap()];
        let done = run(folder.path(), &[&base[..], &sweep, &more].concat()).await.ok();
        assert!(done.stderr.contains("fast=6 slow=6"), "{}", done.stderr);
        outs.push((done.json(), contents(&out)));
    }
    let (rows, files) = &outs[0];
    assert_eq!(files.keys().collect::<Vec<_>>(), ["sweep.csv", "sweep.html", "sweep.json"]);
    assert_eq!(files, &outs[1].1, "threads change the files");
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 9);
    let failed: Vec<&Value> = rows.iter().filter(|row| !row["error"].is_null()).collect();
    assert_eq!(failed.len(), 3, "fast is not below slow in three sets");
    let last = &rows[8];
    assert_eq!((&last["params"]["fast"], &last["params"]["slow"]), (&"9".into(), &"12".into()));
    let single = ["--param", "fast=9", "--param", "slow=12"];
    let single = run(folder.path(), &[&base[..], &single].concat()).await.ok().json();
    for key in ["fills", "orders", "final_equity", "realised"] {
        assert_eq!(last[key], single[key], "{key}");
    }
    assert!(single["fills"].as_u64().unwrap() > 10, "{single:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_forward_chains_runs_that_its_choices_have_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let bars = written(folder.path(), "AAPL_wave.csv", &csv(&wave("AAPL", 2_400, 7)));
    let plugin = bots::file("sma-cross").display().to_string();
    let out = folder.path().join("out");
    let arguments = [
        "backtest",
        "--plugin",
        &plugin,
        "--bars",
        &bars,
        "--capital",
        "100000",
        "--json",
        "--param",
        "fast=2..4",
        "--param",
        "slow=6..9:3",
        "--walk-forward",
        "600b:300b",
        "--out",
        out.to_str().unwrap(),
    ];
    let done = run(folder.path(), &arguments).await.ok().json();
    let windows = done["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 6, "{done:#}");
    for pair in windows.windows(2) {
        assert!(pair[0]["out_to"].as_str() < pair[1]["out_from"].as_str());
        assert!(pair[1]["in_to"].as_str() < pair[1]["out_from"].as_str());
        // Each begins with the whole cents that the one before ended with.
        let ended = dec(pair[0]["out_of_sample"]["final_equity"].as_str().unwrap());
        let begun = dec(pair[1]["out_of_sample"]["initial_capital"].as_str().unwrap());
        assert!(begun <= ended && ended - begun < dec("0.01"), "{ended} {begun}");
    }
    let last = &windows[5]["out_of_sample"]["final_equity"];
    assert_eq!(&done["chained"]["final_equity"], last);
    assert_eq!(done["chained"]["bars"], 1_800);
    // The first choice is the best of a sweep over the same bars.
    let first = csv(&wave("AAPL", 2_400, 7)[..600]);
    let first = written(folder.path(), "AAPL_first.csv", &first);
    let sweep = [
        "backtest",
        "--plugin",
        &plugin,
        "--bars",
        &first,
        "--capital",
        "100000",
        "--json",
        "--param",
        "fast=2..4",
        "--param",
        "slow=6..9:3",
    ];
    let sets = run(folder.path(), &sweep).await.ok().json();
    let best = sets.as_array().unwrap().iter().fold(None::<&Value>, |best, set| {
        let of = |set: &Value| set["figures"]["total_return"].as_f64().unwrap();
        if best.is_none_or(|best| of(set) > of(best)) { Some(set) } else { best }
    });
    assert_eq!(windows[0]["params"], best.unwrap()["params"]);
    for name in ["equity.csv", "fills.csv", "walk-forward.csv", "summary.json", "report.html"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
}

/// A bought share becomes two, and pays half a dollar each a day later: by hand.
#[tokio::test(flavor = "multi_thread")]
async fn splits_and_dividends_move_lots_and_cash() {
    let folder = tempfile::tempdir().unwrap();
    let mut bars = "timestamp,open,high,low,close,volume\n".to_owned();
    for (day, price) in [(4, "10"), (5, "9"), (6, "11"), (7, "12"), (10, "6"), (11, "6"), (12, "7")]
    {
        bars.push_str(&format!(
            "2019-02-{day:02}T05:00:00Z,{price},{price},{price},{price},1000\n"
        ));
    }
    let bars = written(folder.path(), "AAPL_day.csv", &bars);
    let actions = "timestamp,symbol,kind,value\n2019-02-10T05:00:00Z,AAPL,split,2\n\
                   2019-02-11T05:00:00Z,AAPL,dividend,0.5\n";
    let actions = written(folder.path(), "actions.csv", actions);
    // The last close is above the mean on the third day: ten shares at the fourth day's open.
    let more =
        ["--param", "fast=1", "--param", "slow=2", "--param", "qty=10", "--actions", &actions];
    let done = backtest(folder.path(), &bars, &more).await;
    // Ten at 12 are twenty at 6. On the day of the split the close, 6, is below the mean of what
    // the bot has seen, 12 and 6: it sells twenty at the next open, after it got the dividend of
    // 20 x 0.5. Then 7 is above the mean of 6 and 7, too late to fill.
    assert_eq!(done["fills"], 2, "{done:#?}");
    assert_eq!(dec(done["final_equity"].as_str().unwrap()), dec("100010"), "{done:#?}");
    assert_eq!(dec(done["cash"].as_str().unwrap()), dec("100010"), "{done:#?}");
}

/// Regulators take 0.01 each on the day of a sale this small; the same cent as the exchange charges.
#[tokio::test(flavor = "multi_thread")]
async fn fees_of_every_kind_are_booked() {
    let folder = tempfile::tempdir().unwrap();
    let closes = ["10", "9", "11", "12", "8", "7"];
    let bars: Vec<_> =
        (0..).zip(closes).map(|(minute, close)| flat("AAPL", minute, close)).collect();
    let path = written(folder.path(), "AAPL_hand.csv", &csv(&bars));
    let base = ["--param", "fast=1", "--param", "slow=2", "--param", "qty=10"];
    // Bought at 12 and sold at 7, ten shares: 2 x 0.1 + 20 x 0.01 + 1 % of 190 = 2.30.
    let fees = ["--fee", "0.1", "--fee-per-share", "0.01", "--fee-percent", "1"];
    let done = backtest(folder.path(), &path, &[&base[..], &fees].concat()).await;
    assert_eq!(dec(done["fees"].as_str().unwrap()), dec("2.3"), "{done:#?}");
    assert_eq!(dec(done["final_equity"].as_str().unwrap()), dec("99947.7"), "{done:#?}");
    // REG on 70 dollars, TAF on ten shares, CAT on twenty: each is rounded up to a cent.
    let done = backtest(folder.path(), &path, &[&base[..], &["--regulatory-fees"]].concat()).await;
    assert_eq!(dec(done["fees"].as_str().unwrap()), dec("0.03"), "{done:#?}");
    assert_eq!(dec(done["final_equity"].as_str().unwrap()), dec("99949.97"), "{done:#?}");
}

/// With quotes a purchase pays the ask of the next quote and a sale gets its bid; bars give what the
/// bot decides by, at their ends.
#[tokio::test(flavor = "multi_thread")]
async fn quotes_between_bars_are_what_orders_trade_at() {
    let folder = tempfile::tempdir().unwrap();
    let closes = ["10", "9", "11", "12", "8", "7"];
    let bars: Vec<_> =
        (0..).zip(closes).map(|(minute, close)| flat("AAPL", minute, close)).collect();
    let bars = written(folder.path(), "AAPL_hand.csv", &csv(&bars));
    // The third bar ends at 14:33, the fifth at 14:35. A quote at the moment of a decision is not
    // met: only what comes after it is.
    let quotes = "timestamp,bid_price,bid_size,ask_price,ask_size\n\
                  2019-02-11T14:32:59Z,1,5,1.5,5\n2019-02-11T14:33:00.5Z,11.9,5,12.1,5\n\
                  2019-02-11T14:34:59Z,20,5,21,5\n2019-02-11T14:35:01Z,7.9,5,,\n";
    let quotes = written(folder.path(), "AAPL_quotes.csv", quotes);
    let plugin = bots::file("sma-cross").display().to_string();
    let out = folder.path().join("out");
    let arguments = [
        "backtest",
        "--plugin",
        &plugin,
        "--bars",
        &bars,
        &quotes,
        "--capital",
        "100000",
        "--json",
        "--param",
        "fast=1",
        "--param",
        "slow=2",
        "--out",
        out.to_str().unwrap(),
    ];
    let done = run(folder.path(), &arguments).await.ok().json();
    assert_eq!((done["fills"].as_u64(), done["quotes"].as_u64()), (Some(2), Some(4)), "{done:#}");
    // 10 x (7.9 - 12.1).
    assert_eq!(dec(done["realised"].as_str().unwrap()), dec("-42"), "{done:#}");
    let fills = std::fs::read_to_string(out.join("fills.csv")).unwrap();
    assert!(fills.contains("2019-02-11T14:33:00.5Z,AAPL,buy,10,12.1,"), "{fills}");
    assert!(fills.contains("2019-02-11T14:35:01Z,AAPL,sell,10,7.9,"), "{fills}");
}

/// A backtest with the reference rules against one with the host's: what differs has its cause, and
/// the effects add up.
#[tokio::test(flavor = "multi_thread")]
async fn the_difference_of_two_runs_is_explained_order_by_order() {
    let folder = tempfile::tempdir().unwrap();
    let bars = written(folder.path(), "AAPL_wave.csv", &csv(&wave("AAPL", 900, 4)));
    let mut outs = Vec::new();
    for (name, more) in [("a", &[][..]), ("b", &["--slippage-bps", "10", "--fee", "0.5"])] {
        let out = folder.path().join(name).display().to_string();
        let base = ["--param", "fast=3", "--param", "slow=8", "--out", &out];
        backtest(folder.path(), &bars, &[&base[..], more].concat()).await;
        outs.push(out);
    }
    let compared =
        run(folder.path(), &["report", "difference", &outs[0], &outs[1], "--json"]).await;
    let report = compared.ok().json();
    // An order that is open at the end costs nothing in either.
    assert!(report["same"].as_u64().unwrap() <= 1, "{report:#}");
    let kinds = report["kinds"].as_object().unwrap();
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["fee", "price"], "{report:#}");
    let effects: rust_decimal::Decimal = report["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| dec(one["effect"].as_str().unwrap()))
        .sum();
    assert_eq!(effects, dec(report["effect"].as_str().unwrap()));
    assert!(effects.is_sign_negative());
    let same = run(folder.path(), &["report", "difference", &outs[0], &outs[0]]).await.ok();
    assert!(same.stdout.contains("no order differs"), "{}", same.stdout);
}
