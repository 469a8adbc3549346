//! Bots in Python and JavaScript: the same orders as the bot in Rust, contained like it, and the
//! projects that `stockade new` writes.
//!
//! Where a language is missing its part is skipped, aloud; `cargo xtask test` builds the components.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use stockade_store::testing::TestDatabase;

use crate::bots;
use crate::market::{csv, wave};
use crate::program::{Surroundings, stockade};

/// A first compile takes seconds, on a busy machine many.
const COMPILES: Duration = Duration::from_secs(600);

/// The component, or nothing where its language is missing.
fn built(name: &str) -> Option<PathBuf> {
    let rust = bots::file("sma-cross");
    let file = rust.with_file_name(format!("{name}.wasm"));
    if !file.is_file() {
        println!("SKIPPED {name}: {} is missing (cargo xtask bots)", file.display());
        return None;
    }
    Some(file)
}

/// One compile cache for all tests of this file, beside the components.
fn around() -> Surroundings {
    let shared = bots::file("sma-cross").with_file_name("shared-data");
    Surroundings::default().with("STOCKADE_DATA", shared.display().to_string())
}

/// Two symbols that cross again and again, from a seed.
fn session(folder: &Path) -> [String; 2] {
    [("AAPL", 11), ("MSFT", 12)].map(|(symbol, seed)| {
        let file = folder.join(format!("{symbol}.csv"));
        std::fs::write(&file, csv(&wave(symbol, 390 * 3, seed))).unwrap();
        file.display().to_string()
    })
}

/// The orders of a backtest, without the bot's name.
async fn orders(plugin: &Path, bars: &[String; 2], out: &Path) -> Vec<String> {
    let (plugin, out) = (plugin.display().to_string(), out.display().to_string());
    let arguments = [
        "backtest",
        "--plugin",
        &plugin,
        "--bars",
        &bars[0],
        &bars[1],
        "--capital",
        "100000",
        "--param",
        "fast=3",
        "--param",
        "slow=7",
        "--out",
        &out,
        "--json",
    ];
    let done = around().run_within(&arguments, COMPILES).await.ok().json();
    assert!(done["fills"].as_u64().unwrap() > 100, "{done:#}");
    let text = std::fs::read_to_string(Path::new(&out).join("orders.csv")).unwrap();
    let stem = Path::new(&plugin).file_stem().unwrap().to_string_lossy().into_owned();
    text.lines().map(|line| line.replace(&stem, "BOT")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_languages_give_the_same_orders_in_a_backtest_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let bars = session(folder.path());
    let rust = orders(&bots::file("sma-cross"), &bars, &folder.path().join("rust")).await;
    for name in ["sma-cross-py", "sma-cross-js"] {
        let Some(plugin) = built(name) else { continue };
        for turn in ["first", "second"] {
            let out = folder.path().join(format!("{name}-{turn}"));
            let found = orders(&plugin, &bars, &out).await;
            assert_eq!(found, rust, "{name}, {turn} run");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_languages_give_the_same_orders_on_the_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let bars = session(folder.path());
    let mut of_all = Vec::new();
    for name in ["sma-cross", "sma-cross-py", "sma-cross-js"] {
        let Some(plugin) = built(name) else { continue };
        let database = TestDatabase::new().await;
        let data = folder.path().join(name);
        std::fs::create_dir_all(data.join("plugins")).unwrap();
        std::fs::copy(&plugin, data.join("plugins").join(format!("{name}.wasm"))).unwrap();
        let around = Surroundings::default()
            .with("STOCKADE_DATA", data.display().to_string())
            .with("STOCKADE_DATABASE_URL", &database.url);
        let deploy = [
            "bot",
            "deploy",
            "crosser",
            "--plugin",
            name,
            "--capital",
            "50000",
            "--symbols",
            "AAPL,MSFT",
            "--param",
            "fast=3",
            "--param",
            "slow=7",
            "--account",
            "replay",
        ];
        around.run_within(&deploy, COMPILES).await.ok();
        let run = ["run", "--paper-exchange", &bars[0], &bars[1], "--until-end"];
        around.run_within(&run, COMPILES).await.ok();
        let listed: Vec<(String, String, String)> =
            sqlx::query_as("SELECT symbol, side::text, qty::text FROM stockade.order ORDER BY id")
                .fetch_all(database.store.reads())
                .await
                .unwrap();
        assert!(listed.len() > 100, "{name}: {} orders", listed.len());
        of_all.push((name, listed));
    }
    for (name, listed) in &of_all[1..] {
        assert_eq!(listed, &of_all[0].1, "{name} against {}", of_all[0].0);
    }
}

/// Backtests a fault; what it says, well or badly.
async fn fault(plugin: &Path, cause: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let [bars, _] = session(folder.path());
    let (plugin, param) = (plugin.display().to_string(), format!("cause={cause}"));
    let arguments =
        ["backtest", "--plugin", &plugin, "--bars", &bars, "--capital", "1000", "--param", &param];
    let done = around().run_within(&arguments, COMPILES).await;
    assert!(!done.stderr.contains("panicked at"), "{cause}: the host panicked: {}", done.stderr);
    format!("{:?} {}{}", done.code, done.stdout, done.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bot_throws_is_a_strike_in_its_own_words() {
    for (name, thrown) in [
        ("faults-py", "ValueError: the close is not to its liking"),
        ("faults-js", "TypeError: the close is not to its liking"),
        ("faults-js-wasi", "TypeError: the close is not to its liking"),
    ] {
        let Some(plugin) = built(name) else { continue };
        let said = fault(&plugin, "throw").await;
        assert!(said.contains(thrown), "{name}: {said}");
        for cause in ["none", "stale", "talk"] {
            let said = fault(&plugin, cause).await;
            assert!(said.starts_with("Some(0)") || cause == "talk", "{name} {cause}: {said}");
        }
        for (cause, words) in [("loop", "limits.fuel"), ("refuse", "it does not like")] {
            let said = fault(&plugin, cause).await;
            assert!(said.contains(words), "{name} {cause}: {said}");
        }
    }
}

fn tools(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        println!("SKIPPED the template: {variable} is not set (cargo xtask test sets it)");
    }
    found
}

/// Runs a command in a project to its end.
fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove("RUSTFLAGS");
    for (name, _) in std::env::vars_os() {
        // This test runs under cargo, whose variables are about another project; the program knows
        // its own variables only.
        let text = name.to_string_lossy();
        let foreign = text.starts_with("CARGO") || text.starts_with("STOCKADE_");
        if foreign && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    let done = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = [done.stdout, done.stderr].concat();
    assert!(
        done.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&said)
    );
}

/// Writes a project outside of the clone, tests and builds it, and backtests its bot.
async fn template(language: &str, prepare: impl Fn(&Path), test: &[&str], builds: &[&[&str]]) {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("dip-buyer");
    let [bars, _] = session(folder.path());
    run(
        folder.path(),
        &stockade().display().to_string(),
        &["new", "dip-buyer", "--lang", language],
    );
    prepare(&project);
    run(&project, test[0], &test[1..]);
    for build in builds {
        let component = project.join("dip-buyer.wasm");
        let _ = std::fs::remove_file(&component);
        run(&project, build[0], &build[1..]);
        let plugin = component.display().to_string();
        let arguments = [
            "backtest",
            "--plugin",
            &plugin,
            "--bars",
            &bars,
            "--capital",
            "10000",
            "--param",
            "below=100.3",
            "--json",
        ];
        let done = around().run_within(&arguments, COMPILES).await.ok().json();
        assert!(done["fills"].as_u64().unwrap() > 10, "{language}: {done:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_for_rust_builds_for_both_linkers_and_trades() {
    let builds: [&[&str]; 2] = [&["cargo", "bot"], &["cargo", "bot", "--wasi"]];
    template("rust", |_| (), &["cargo", "test", "--quiet"], &builds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_for_python_builds_and_trades() {
    let Some(tools) = tools("STOCKADE_SDK_PYTHON") else { return };
    // The tools that the project would install from the same lock file.
    let prepare = move |project: &Path| link(&tools, &project.join(".venv"));
    let test = ["python3", "-m", "unittest", "--quiet"];
    template("python", prepare, &test, &[&["python3", "build.py"]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_for_javascript_builds_for_both_linkers_and_trades() {
    let Some(tools) = tools("STOCKADE_SDK_NODE") else { return };
    let prepare =
        move |project: &Path| link(&tools.join("node_modules"), &project.join("node_modules"));
    let builds: [&[&str]; 2] = [&["npm", "run", "build"], &["npm", "run", "build", "--", "--wasi"]];
    template("javascript", prepare, &["npm", "test"], &builds).await;
}

fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}
