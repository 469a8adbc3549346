//! The host and the exchange are killed, again and again, at bad moments:
//! nothing is lost, nothing is doubled, the books balance (K2–K13, K19, K20, R2, W1, W3, W4).

use std::path::Path;
use std::time::Duration;

use stockade_exchange::faults::{Fault, FaultSettings, Hit, Site};
use stockade_store::query::PgPool;

use crate::market::{manual, wave};
use crate::program::{Running, until};
use crate::stage::{SOON, Stage, ask, surroundings, try_get};
use crate::{bots, ledger};

/// Kills with an order in `sending`.
const SENDING: usize = 9;
/// Kills with a fill at the exchange that is not in the books.
const UNBOOKED: usize = 9;
/// Kills at no moment in particular.
const ANYWHERE: usize = 6;
/// Faults of one plan; far more than a life of the host meets.
const HITS: u64 = 200;
/// Longer than the test: what is held so long comes to a later life of the host, or never.
const LONG_MS: u64 = 600_000;

fn hits(sites: &[(Site, Fault)]) -> FaultSettings {
    let hits =
        sites.iter().flat_map(|&(site, fault)| (1..=HITS).map(move |nth| Hit { site, nth, fault }));
    FaultSettings { hits: hits.collect(), ..FaultSettings::default() }
}

/// The broker takes orders and answers late; its stream says nothing meanwhile.
fn silent_after_taking() -> FaultSettings {
    let delay = Fault::Delay { ms: LONG_MS };
    hits(&[(Site::SubmitOrder, delay), (Site::TradeUpdate, Fault::Drop), (Site::Fill, Fault::Drop)])
}

/// Orders are answered at once; reports of fills come long after.
fn fills_late(ms: u64) -> FaultSettings {
    hits(&[(Site::Fill, Fault::Hold { ms })])
}

/// Two bots that order at every bar.
async fn busy_stage() -> Stage {
    let mut bars = wave("AAPL", 1_500, 5);
    bars.extend(wave("MSFT", 1_500, 6));
    let stage = Stage::with_host(manual(bars, 100_000)).await;
    for (name, symbol) in [("even", "AAPL"), ("odd", "MSFT")] {
        stage.deploy(name, "counter", "10000", symbol, &["every=1", "qty=3"]).await;
    }
    stage.warm(&["AAPL", "MSFT"]).await;
    stage.settled().await;
    stage
}

#[derive(Debug, Default)]
struct Counters {
    kills: usize,
    sending: usize,
    unbooked: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_killed_at_bad_moments() {
    let mut stage = busy_stage().await;
    let mut done = Counters::default();
    for round in 0..SENDING + UNBOOKED + ANYWHERE {
        // A few minutes in which all is well.
        for _ in 0..2 {
            assert!(stage.step().await);
        }
        stage.settled().await;
        match round {
            n if n < SENDING => {
                stage.exchange.set_faults(silent_after_taking()).unwrap();
                stage.step_only().await;
                let sending = "SELECT count(*) FROM stockade.order WHERE status = 'sending'";
                stage.count_is("an order in sending", sending, 1).await;
                stage.kill_host();
                let left = stage.count(sending).await;
                assert!(left > 0, "round {round}: no order is in sending after the kill");
                done.sending += 1;
            }
            n if n < SENDING + UNBOOKED => {
                // Some reports come to the next life of the host, as duplicates of what it reads.
                let late = if round % 2 == 0 { LONG_MS } else { 1_500 };
                stage.exchange.set_faults(fills_late(late)).unwrap();
                stage.step_only().await;
                until("a fill that is not booked", SOON, async || {
                    (unbooked(&stage).await > 0).then_some(())
                })
                .await;
                stage.kill_host();
                assert!(
                    unbooked(&stage).await > 0,
                    "round {round}: every fill is booked after the kill"
                );
                done.unbooked += 1;
            }
            n => {
                stage.step_only().await;
                if n % 2 == 0 {
                    stage.step_only().await;
                }
                stage.kill_host();
            }
        }
        done.kills += 1;
        stage.exchange.set_faults(FaultSettings::default()).unwrap();
        // A minute that no host sees.
        if round % 3 == 0 {
            stage.step_only().await;
        }
        let started = "SELECT count(*) FROM stockade.bot_event WHERE kind = 'started'";
        let before = stage.count(started).await;
        stage.start_host().await;
        stage.count_is("both bots started", started, before + 2).await;
        stage.settled().await;
        ledger::agrees_as_a_whole(stage.pool(), &stage.journal()).await;
    }
    println!("{done:?}");
    assert!(done.kills >= 20 && done.sending >= 8 && done.unbooked >= 8, "{done:?}");
    stage.step().await;
    stage.settled().await;
    nothing_repeated(stage.pool()).await;
    let executions = ledger::agrees_as_a_whole(stage.pool(), &stage.journal()).await;
    ledger::agrees_with_the_account(&stage).await;
    println!("{executions} executions, each booked once");
    stage.check().await;
}

async fn unbooked(stage: &Stage) -> usize {
    let fills = stage
        .journal()
        .iter()
        .filter(|line| line.kind == stockade_exchange::JournalKind::Fill)
        .count();
    let booked = stage.count("SELECT count(*) FROM stockade.execution").await;
    fills.saturating_sub(usize::try_from(booked).unwrap())
}

/// A bot's tag holds its count: the same count twice would be an intent that was repeated (I36).
pub(crate) async fn nothing_repeated(pool: &PgPool) {
    let sql =
        "SELECT sleeve, tag, count(*) FROM stockade.order GROUP BY sleeve, tag HAVING count(*) > 1";
    let twice: Vec<(i64, Option<String>, i64)> = sqlx::query_as(sql).fetch_all(pool).await.unwrap();
    assert!(twice.is_empty(), "intents that became several orders: {twice:?}");
}

/// The process that started is killed ten times before it is ready: recovery can be repeated (K19).
#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_killed_while_it_recovers() {
    let mut stage = busy_stage().await;
    stage.exchange.set_faults(silent_after_taking()).unwrap();
    stage.step_only().await;
    stage
        .count_is(
            "an order in sending",
            "SELECT count(*) FROM stockade.order WHERE status = 'sending'",
            1,
        )
        .await;
    stage.kill_host();
    stage.exchange.set_faults(FaultSettings::default()).unwrap();
    for round in 0..10 {
        let epoch = "SELECT coalesce(max(epoch), 0) FROM stockade.lease";
        let before = stage.count(epoch).await;
        stage.launch(&["run"]);
        if round % 2 == 0 {
            stage.count_is("a new epoch", epoch, before + 1).await;
        } else {
            let inputs = "SELECT count(*) FROM stockade.input WHERE kind = 'started'";
            let started = stage.count(inputs).await;
            stage.count_is("a start that is recorded", inputs, started + 1).await;
        }
        stage.kill_host();
    }
    stage.start_host().await;
    stage.settled().await;
    nothing_repeated(stage.pool()).await;
    ledger::agrees_as_a_whole(stage.pool(), &stage.journal()).await;
    stage.check().await;
}

async fn is_ready(socket: &Path) -> bool {
    let health = ask(socket, serde_json::json!({"host": {"request": "health"}})).await;
    health.is_some_and(|health| health["host"]["accounts"][0]["ready"] == true)
}

pub(crate) async fn ready(host: &mut Running, socket: &Path) {
    assert!(recovered(host, socket).await, "the host has ended\n{}", host.errors());
}

/// Whether the host lives on and is ready; else it has ended.
async fn recovered(host: &mut Running, socket: &Path) -> bool {
    let end = std::time::Instant::now() + SOON;
    loop {
        if host.ended().is_some() {
            return false;
        }
        // Ready is said from memory: the comparison has to go through the database again.
        if is_ready(socket).await {
            let compared = ask(socket, serde_json::json!({"host": {"request": "reconcile"}})).await;
            if compared.is_some_and(|compared| compared["host"]["balanced"] == true) {
                return true;
            }
        }
        assert!(
            std::time::Instant::now() < end,
            "neither ready nor ended within {SOON:?}\n{}",
            host.errors()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Bars as a file, for an exchange in a process of its own.
fn bars_file(folder: &Path, minutes: i64) -> String {
    let path = folder.join("AAPL_bars.csv");
    std::fs::write(&path, crate::market::csv(&wave("AAPL", minutes, 3))).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exchange_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let bars = bars_file(folder.path(), 350);
    let state = folder.path().join("exchange.state").display().to_string();
    let venue = crate::program::Surroundings::default();
    let arguments = |listen: &str| -> Vec<String> {
        ["exchange", "--bars", &bars, "--listen", listen, "--speed", "600", "--state", &state]
            .map(str::to_owned)
            .to_vec()
    };
    let start = |listen: &str| {
        let arguments = arguments(listen);
        venue.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mut exchange = start("127.0.0.1:0");
    let url = crate::program::address(&mut exchange).await;
    let listen = url.trim_start_matches("http://").to_owned();
    let database = stockade_store::testing::TestDatabase::new().await;
    let around = surroundings(&url, folder.path()).with("STOCKADE_DATABASE_URL", &database.url);
    bots::install("counter", &folder.path().join("plugins"), "counter");
    let socket = folder.path().join("stockade.sock");
    let mut host = around.start(&["run", "--until-end"]);
    ready(&mut host, &socket).await;
    around
        .run(&[
            "bot",
            "deploy",
            "even",
            "--plugin",
            "counter",
            "--capital",
            "10000",
            "--symbols",
            "AAPL",
            "--param",
            "every=1",
        ])
        .await
        .ok();
    let pool = database.store.reads();
    for round in 1..=3 {
        until("more executions", SOON, async || {
            let booked: i64 = sqlx::query_scalar("SELECT count(*) FROM stockade.execution")
                .fetch_one(pool)
                .await
                .unwrap();
            (booked >= round * 15).then_some(())
        })
        .await;
        exchange.kill();
        exchange = start(&listen);
        until("the exchange answers again", SOON, async || try_get(&url, "/v2/clock").ok()).await;
    }
    let status = host.wait(Duration::from_secs(180)).await;
    assert!(status.success(), "{status}\n{}", host.errors());
    let journal = crate::ledger::journal_over_http(&url);
    let executions = ledger::agrees_as_a_whole(pool, &journal).await;
    println!("{executions} executions over three lives of the exchange");
    nothing_repeated(pool).await;
    let checked = around.run(&["db", "check", "--json"]).await.ok().json();
    assert_eq!(checked["ok"], true, "{checked:#}");
}
