//! Unmodified alpaca-py against the exchange, where Python and the client are there.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::market::{csv, wave};
use crate::program::{Running, Surroundings, address};

/// The script checks for a minute at most; the sockets take their time.
const ENDS: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_client_trades_and_streams() {
    let Some(python) = std::env::var_os("STOCKADE_PYTHON") else {
        println!(
            "SKIPPED alpaca-py against the exchange: STOCKADE_PYTHON is not set (cargo xtask test sets it)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, symbol: &str, seed: u64| {
        let path = folder.path().join(name);
        std::fs::write(&path, csv(&wave(symbol, 380, seed))).unwrap();
        path.display().to_string()
    };
    let shares = file("SPY_bars.csv", "SPY", 1);
    let coins = format!("{}:BTC/USD", file("coins.csv", "BTC/USD", 2));
    let arguments = [
        "exchange",
        "--bars",
        &shares,
        &coins,
        "--listen",
        "127.0.0.1:0",
        "--speed",
        "60",
        "--key",
        "PKPYTHON:secret",
    ];
    let mut exchange = Surroundings::default().start(&arguments);
    let url = address(&mut exchange).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/alpaca_py.py");
    let mut command = Command::new(python);
    command.arg(script).args([
        &url,
        "PKPYTHON",
        "secret",
        "--symbol",
        "SPY",
        "--crypto",
        "BTC/USD",
        "--seconds",
        "60",
    ]);
    let mut client = Running::new(command, "alpaca_py.py");
    let status = client.wait(ENDS).await;
    let printed = client.printed();
    assert!(status.success(), "{status}\n{printed}\n{}", client.errors());
    let checks = printed.lines().filter(|line| line.starts_with("ok ")).count();
    println!("alpaca-py: {checks} checks");
    assert!(checks > 40, "{printed}");
}
