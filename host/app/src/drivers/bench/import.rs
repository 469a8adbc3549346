//! A million fills of a file into books, by the command itself, every check on. Against a bare bulk
//! insert of as many rows, which checks nothing.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use serde_json::Value;
use stockade_store::Cluster;

use super::commits::Bare;
use super::figure::{Figure, millis};
use super::place::Place;
use crate::failure::Failure;

/// Rows of the file.
const FILLS: u64 = 1_000_000;
/// Rows of one commit of the baseline.
const BARE_COMMIT: u64 = 5_000;
const SLEEVE: &str = "mine";

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let folder = place.folder("import")?;
    let file = folder.join("fills.csv");
    write(&file, FILLS)?;
    let data = folder.join("data");
    let program = |args: &[&str]| program(&data, args);
    program(&["sleeve", "create", SLEEVE, "--capital", "1000000000"])?;
    let began = Instant::now();
    let name = file.to_string_lossy();
    let told = program(&["import", "fills", &name, "--sleeve", SLEEVE, "--json"])?;
    let took = began.elapsed();
    let told: Value = serde_json::from_slice(&told).context("the import's reply")?;
    let booked = told["booked"].as_u64();
    if booked != Some(FILLS) {
        return Err(Failure::Failed(anyhow::anyhow!("{told} is not {FILLS} fills")));
    }
    let bare = bare(&data).await?;
    let seconds = |took: Duration| millis(took) / Decimal::ONE_THOUSAND;
    Ok(vec![Figure::new(
        "import",
        (seconds(took), "s"),
        ("a bare INSERT … UNNEST of as many rows", seconds(bare)),
        FILLS,
    )])
}

async fn bare(data: &Path) -> Result<Duration> {
    let cluster = Cluster::open(data).await?;
    let mut bare = Bare::open(&cluster.url()).await?;
    let took = bare.many(FILLS, BARE_COMMIT).await?;
    bare.close().await?;
    cluster.stop().await?;
    Ok(took)
}

/// Runs the program itself on a data folder; gives what it printed.
fn program(data: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let output = Process::new(std::env::current_exe()?)
        .args(args)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{args:?} ended with {}", output.status);
    Ok(output.stdout)
}

/// Purchases and sales of fifty symbols in turns, so that lots are opened, closed and closed over
/// several others; prices with cents, quantities with up to four decimals, ids of their own.
fn write(file: &Path, fills: u64) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    writeln!(out, "time,symbol,side,qty,price,fee,execution_id")?;
    let begin = jiff::Timestamp::from_second(1_700_000_000)?;
    for number in 0..fills {
        let round = number / 50;
        let (side, qty) = match round % 3 {
            0 => ("buy", Decimal::new(20_001 + i64::try_from(round % 7)?, 4)),
            1 => ("buy", Decimal::from(3)),
            _ => ("sell", Decimal::from(5)),
        };
        let at =
            begin.checked_add(jiff::SignedDuration::from_millis(i64::try_from(number)? * 10))?;
        let price = Decimal::new(10_000 + i64::try_from(number % 997)?, 2);
        let symbol = number % 50;
        writeln!(out, "{at},S{symbol:02},{side},{qty},{price},0.01,x{number}")?;
    }
    out.flush()?;
    Ok(())
}
