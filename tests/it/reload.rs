//! Replacing the file of a running bot: no event lost, no intent repeated, orders and lots untouched
//! (L1–L4, L7, G13, G20).
//!
//! The bot counts bars and orders at each one; the order's tag is its version and its count.

use std::collections::BTreeMap;
use std::time::Duration;

use stockade_exchange::faults::{Fault, FaultSettings, Hit, Site};

use crate::bots;
use crate::ledger;
use crate::market::{manual, wave};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Longer than a loader waits for a file that is still being written to settle.
const PAUSE: Duration = Duration::from_millis(700);

async fn counting() -> Stage {
    let stage = Stage::with_host(manual(wave("AAPL", 300, 13), 100_000)).await;
    stage.deploy("count", "counter", "10000", "AAPL", &["every=1", "qty=2"]).await;
    stage.warm(&["AAPL"]).await;
    stage.settled().await;
    step(&stage).await;
    stage
}

/// The version that asked, by count.
async fn tags(stage: &Stage) -> BTreeMap<u64, Vec<String>> {
    let tags: Vec<String> = sqlx::query_scalar("SELECT tag FROM stockade.order ORDER BY id")
        .fetch_all(stage.pool())
        .await
        .unwrap();
    let mut by_count: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for tag in tags {
        let (version, count) = tag.split_once('/').unwrap();
        by_count.entry(count.parse().unwrap()).or_default().push(version.to_owned());
    }
    by_count
}

/// A bar, and the order that the bot sends for it, filled.
async fn step(stage: &Stage) {
    let before = stage.count("SELECT count(*) FROM stockade.order").await;
    assert!(stage.step().await);
    stage.count_is("an order for the bar", "SELECT count(*) FROM stockade.order", before + 1).await;
    stage.settled().await;
}

/// Each count from the first to the last became exactly one order.
async fn nothing_lost_or_repeated(stage: &Stage) -> BTreeMap<u64, Vec<String>> {
    let tags = tags(stage).await;
    let first = *tags.keys().next().unwrap();
    let last = *tags.keys().last().unwrap();
    let all: Vec<u64> = (first..=last).collect();
    assert_eq!(tags.keys().copied().collect::<Vec<_>>(), all, "events were lost: {tags:?}");
    assert!(tags.values().all(|versions| versions.len() == 1), "an intent was repeated: {tags:?}");
    ledger::agrees_line_by_line(stage).await;
    stage.check().await;
    tags
}

async fn events(stage: &Stage, kind: &str) -> i64 {
    stage.count(&format!("SELECT count(*) FROM stockade.bot_event WHERE kind = '{kind}'")).await
}

async fn event_is(stage: &Stage, kind: &str, wanted: i64) {
    let mut shown = -1;
    until(&format!("{wanted} events {kind}"), SOON, async || {
        let found = events(stage, kind).await;
        if found != shown {
            shown = found;
            let all: Vec<(String, String)> =
                sqlx::query_as("SELECT kind, message FROM stockade.bot_event ORDER BY id")
                    .fetch_all(stage.pool())
                    .await
                    .unwrap();
            eprintln!("{all:?}");
        }
        (found >= wanted).then_some(())
    })
    .await;
}

/// The same component with other bytes: a custom section at its end.
fn other_bytes(name: &str, note: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(bots::file(name)).unwrap();
    let payload = [&[4][..], b"note", note.as_bytes()].concat();
    bytes.push(0);
    bytes.push(u8::try_from(payload.len()).unwrap());
    bytes.extend(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_in_a_row() {
    let stage = counting().await;
    let lots = stage.json(&["lot", "list"]).await;
    bots::install("counter-v2", &stage.plugins(), "counter");
    event_is(&stage, "reloaded", 1).await;
    bots::write(&other_bytes("counter-v2", "again"), &stage.plugins(), "counter");
    event_is(&stage, "reloaded", 2).await;
    assert_eq!(stage.json(&["lot", "list"]).await, lots, "a reload changed a lot");
    for _ in 0..3 {
        step(&stage).await;
    }
    let tags = nothing_lost_or_repeated(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"]);
    let shown = stage.json(&["bot", "show", "count"]).await;
    assert_eq!(
        (&shown["state"], &shown["version"]),
        (&"running".into(), &"2.0.0".into()),
        "{shown:#}"
    );
    let report = stage.json(&["bot", "reload", "count"]).await;
    assert_eq!(report["bot"], "count", "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_fail_leave_the_old_one_running() {
    let stage = counting().await;
    let good = std::fs::read(bots::file("counter-v2")).unwrap();
    bots::write(&good[..good.len() * 2 / 3], &stage.plugins(), "counter");
    event_is(&stage, "rolled_back", 1).await;
    step(&stage).await;
    bots::write(b"\0asm no component", &stage.plugins(), "counter");
    event_is(&stage, "rolled_back", 2).await;
    step(&stage).await;
    // Asked for at once, the file is read and not what was loaded before it.
    let broken = stage.run(&["bot", "reload", "count"]).await.ended(1);
    broken.says(&["count goes on as it is", "counter.wasm"]);
    bots::install("counter-broken", &stage.plugins(), "counter");
    event_is(&stage, "rolled_back", 3).await;
    step(&stage).await;
    let reload = stage.run(&["bot", "reload", "count"]).await;
    assert_ne!(
        reload.code,
        Some(0),
        "a version that refuses the state is taken: {}",
        reload.stdout
    );
    step(&stage).await;
    let tags = nothing_lost_or_repeated(&stage).await;
    assert!(tags.values().all(|versions| versions == &["1.0.0"]), "{tags:?}");
    assert_eq!(events(&stage, "reloaded").await, 0);
    stage.bot_is("count", "running").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_traps_in_its_first_events_is_rolled_back() {
    let stage = counting().await;
    bots::install("counter-v2", &stage.plugins(), "counter");
    event_is(&stage, "reloaded", 1).await;
    step(&stage).await;
    bots::install("counter-traps", &stage.plugins(), "counter");
    event_is(&stage, "reloaded", 2).await;
    step(&stage).await;
    event_is(&stage, "rolled_back", 1).await;
    step(&stage).await;
    let tags = nothing_lost_or_repeated(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"], "{tags:?}");
    let shown = stage.json(&["bot", "show", "count"]).await;
    assert_eq!(
        (&shown["state"], &shown["version"]),
        (&"running".into(), &"2.0.0".into()),
        "{shown:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_replaced_while_no_host_ran() {
    let mut stage = counting().await;
    stage.kill_host();
    bots::install("counter-v2", &stage.plugins(), "counter");
    stage.start_host().await;
    event_is(&stage, "started", 2).await;
    event_is(&stage, "reloaded", 1).await;
    for _ in 0..2 {
        step(&stage).await;
    }
    let tags = nothing_lost_or_repeated(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"], "{tags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_with_fills_in_flight() {
    let stage = counting().await;
    let hits = (1..=50).map(|nth| Hit { site: Site::Fill, nth, fault: Fault::Hold { ms: 2_000 } });
    stage
        .exchange
        .set_faults(FaultSettings { hits: hits.collect(), ..FaultSettings::default() })
        .unwrap();
    for round in 1..=2 {
        let before = stage.count("SELECT count(*) FROM stockade.order").await;
        let booked = stage.count("SELECT count(*) FROM stockade.execution").await;
        assert!(stage.step_only().await);
        stage
            .count_is("an order for the bar", "SELECT count(*) FROM stockade.order", before + 1)
            .await;
        let open =
            "SELECT count(*) FROM stockade.order WHERE status IN ('sending', 'acknowledged')";
        stage.count_is("an order without its fill", open, 1).await;
        bots::write(
            &other_bytes("counter-v2", &format!("round {round}")),
            &stage.plugins(),
            "counter",
        );
        // Bars go on while it is loaded.
        for _ in 0..3 {
            assert!(stage.step_only().await);
        }
        event_is(&stage, "reloaded", round).await;
        stage.count_is("the fills", "SELECT count(*) FROM stockade.execution", booked + 1).await;
        stage.taken().await;
        stage.settled().await;
    }
    stage.exchange.set_faults(FaultSettings::default()).unwrap();
    step(&stage).await;
    let tags = nothing_lost_or_repeated_but_refused(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"]);
}

/// While an order is open the bot's next ones may be refused, so counts may be missing; none may be
/// there twice, and the last count is the number of bars.
async fn nothing_lost_or_repeated_but_refused(stage: &Stage) -> BTreeMap<u64, Vec<String>> {
    let tags = tags(stage).await;
    assert!(tags.values().all(|versions| versions.len() == 1), "an intent was repeated: {tags:?}");
    let log = std::fs::read_to_string(log_of(stage)).unwrap();
    let counts: Vec<u64> = log
        .lines()
        .filter_map(|line| line.split_once("counter ")?.1.split_once(": ")?.1.trim().parse().ok())
        .collect();
    let all: Vec<u64> = (counts[0]..counts[0] + u64::try_from(counts.len()).unwrap()).collect();
    assert_eq!(counts, all, "events were lost or given twice");
    ledger::agrees_as_a_whole(stage.pool(), &stage.journal()).await;
    stage.check().await;
    tags
}

fn log_of(stage: &Stage) -> std::path::PathBuf {
    let mut found = Vec::new();
    for folder in ["logs", "bots", "."] {
        found.extend(
            std::fs::read_dir(stage.data().join(folder))
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path()),
        );
    }
    let log =
        found.into_iter().find(|path| path.file_name().is_some_and(|name| name == "count.log"));
    log.expect("the bot's log is in the data folder")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_in_two_parts() {
    let stage = counting().await;
    let bytes = std::fs::read(bots::file("counter-v2")).unwrap();
    let file = stage.plugins().join("counter.wasm");
    let (first, second) = bytes.split_at(bytes.len() / 2);
    std::fs::write(&file, first).unwrap();
    step(&stage).await;
    tokio::time::sleep(PAUSE).await;
    let mut open = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    std::io::Write::write_all(&mut open, second).unwrap();
    drop(open);
    event_is(&stage, "reloaded", 1).await;
    assert_eq!(
        events(&stage, "rolled_back").await,
        0,
        "half a file was taken for a broken version"
    );
    step(&stage).await;
    let tags = nothing_lost_or_repeated(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"]);
}
