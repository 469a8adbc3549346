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

/// A dry run plays the recorded events to the new version and shows where it asks for something else;
/// nothing of it is sent, and the running version goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_difference_of_intents() {
    let stage = counting().await;
    for _ in 0..4 {
        step(&stage).await;
    }
    let orders = stage.count("SELECT count(*) FROM stockade.order").await;
    let same = dry_run(&stage, "counter-v2").await.ok().json();
    assert_eq!(same["dry_run"], true, "{same:#}");
    let found = &same["rehearsal"];
    assert!(found["calls"].as_u64().unwrap() >= 4, "{same:#}");
    assert_eq!((&found["differences"], &found["different"]), (&0.into(), &serde_json::json!([])));
    let bold = dry_run(&stage, "counter-bold").await.ok().json();
    let found = &bold["rehearsal"];
    assert!(found["differences"].as_u64().unwrap() >= 1, "{bold:#}");
    let first = &found["different"][0];
    assert_eq!(first["before"], serde_json::json!(["buy 2 AAPL"]), "{bold:#}");
    assert_eq!(first["after"], serde_json::json!(["buy 4 AAPL"]), "{bold:#}");
    let traps = dry_run(&stage, "counter-traps").await;
    traps.ended(1).says(&["it would be struck at", "unreachable"]);
    let refuses = dry_run(&stage, "counter-broken").await;
    refuses.ended(1).says(&["version 3.0.0 refuses every state"]);
    assert_eq!(events(&stage, "reloaded").await, 0);
    assert_eq!(stage.count("SELECT count(*) FROM stockade.order").await, orders);
    step(&stage).await;
    let tags = nothing_lost_or_repeated(&stage).await;
    assert!(tags.values().all(|versions| versions == &["1.0.0"]), "{tags:?}");
}

/// A dry run of a component that lies elsewhere.
async fn dry_run(stage: &Stage, name: &str) -> crate::program::Finished {
    let folder = stage.data().join("candidates");
    bots::install(name, &folder, "counter");
    let file = folder.join("counter.wasm").display().to_string();
    stage.run(&["bot", "reload", "count", "--dry-run", "--file", &file, "--json"]).await
}

/// L3: what was given back is not tried again by itself, also not after a restart; a person can.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_given_back_is_not_tried_again_until_a_person_says_so() {
    let mut stage = counting().await;
    bots::install("counter-traps", &stage.plugins(), "counter");
    event_is(&stage, "reloaded", 1).await;
    step(&stage).await;
    event_is(&stage, "rolled_back", 1).await;
    bots::install("counter-v2", &stage.plugins(), "counter");
    event_is(&stage, "reloaded", 2).await;
    step(&stage).await;
    bots::install("counter-traps", &stage.plugins(), "counter");
    event_is(&stage, "rejected", 1).await;
    step(&stage).await;
    assert_eq!(events(&stage, "reloaded").await, 2, "a rejected version was tried again");
    let shown = stage.json(&["bot", "show", "count"]).await;
    let rejected = shown["rejected"].as_array().unwrap();
    assert_eq!((rejected.len(), &shown["version"]), (1, &"2.0.0".into()), "{shown:#}");
    assert_eq!(rejected[0].as_str().unwrap().len(), 64);
    let trapped = shown["events"].as_array().unwrap().iter();
    let why = trapped.filter(|event| event["kind"] == "rolled_back").count();
    assert_eq!(why, 1, "{shown:#}");
    // A person says so: it is tried, traps, and is given back again.
    stage.run(&["bot", "reload", "count"]).await.ok();
    event_is(&stage, "reloaded", 3).await;
    step(&stage).await;
    event_is(&stage, "rolled_back", 2).await;
    step(&stage).await;
    let tags = nothing_lost_or_repeated(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"], "{tags:?}");
    // After a restart the file alone is there, and it stays rejected: named, and nothing runs.
    stage.kill_host();
    stage.start_host().await;
    until("the reason", SOON, async || {
        let shown = stage.json(&["bot", "show", "count"]).await;
        let reason = shown["state_reason"].as_str().unwrap_or_default();
        reason.contains("stockade bot reload count").then_some(())
    })
    .await;
}

/// A bot that does not run gets its new version tried with its last state, and starts with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_does_not_run_is_reloaded_for_its_next_start() {
    let stage = counting().await;
    step(&stage).await;
    stage.run(&["bot", "stop", "count"]).await.ok();
    stage.bot_is("count", "stopped").await;
    bots::install("counter-broken", &stage.plugins(), "counter");
    let refuses = stage.run(&["bot", "reload", "count"]).await;
    refuses.ended(1).says(&["not taken", "version 3.0.0 refuses every state"]);
    bots::install("counter-v2", &stage.plugins(), "counter");
    let report = stage.json(&["bot", "reload", "count"]).await;
    assert_eq!(report["dry_run"], false, "{report:#}");
    stage.bot_is("count", "stopped").await;
    stage.run(&["bot", "start", "count"]).await.ok();
    stage.bot_is("count", "running").await;
    step(&stage).await;
    let tags = nothing_lost_or_repeated(&stage).await;
    assert_eq!(tags.values().last().unwrap(), &["2.0.0"], "{tags:?}");
}

/// L5: beyond the limit a reload by hand is refused by name, and one of the folder waits.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_reloads_in_a_minute_are_refused() {
    let mut stage = Stage::new(manual(wave("AAPL", 300, 13), 100_000)).await;
    stage.around = stage.around.clone().with("STOCKADE_BOTS_RELOADS_PER_MINUTE", "2");
    stage.start_host().await;
    stage.deploy("count", "counter", "10000", "AAPL", &["every=1", "qty=2"]).await;
    for _ in 0..2 {
        stage.run(&["bot", "reload", "count"]).await.ok();
    }
    let third = stage.run(&["bot", "reload", "count"]).await.ended(1);
    third.says(&["2 reloads in the last minute, at most 2", "bots.reloads_per_minute"]);
    bots::install("counter-v2", &stage.plugins(), "counter");
    event_is(&stage, "crowded", 1).await;
    stage.bot_is("count", "running").await;
}

/// Some hundreds through the real host, with bars and orders in between: no event lost, no intent
/// repeated, memory flat.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_reloads_through_the_host() {
    const RELOADS: u64 = 300;
    let mut stage = Stage::new(manual(wave("AAPL", 400, 13), 100_000)).await;
    stage.around = stage.around.clone().with("STOCKADE_BOTS_RELOADS_PER_MINUTE", "100000");
    stage.start_host().await;
    stage.deploy("count", "counter", "10000", "AAPL", &["every=1", "qty=2"]).await;
    stage.warm(&["AAPL"]).await;
    stage.settled().await;
    step(&stage).await;
    let versions = ["one", "two"].map(|note| other_bytes("counter-v2", note));
    let mut settled = 0;
    for reload in 1..=RELOADS {
        let bytes = &versions[usize::try_from(reload % 2).unwrap()];
        bots::write(bytes, &stage.plugins(), "counter");
        let task =
            serde_json::json!({"host": {"request": "reload", "bot": "count", "dry_run": false}});
        let answer = stage.ask(task).await.unwrap();
        assert_eq!(answer["host"]["kind"], "reloaded", "reload {reload}: {answer:#}");
        if reload % 10 == 0 {
            step(&stage).await;
        }
        if reload == RELOADS / 3 {
            settled = resident(&stage);
        }
    }
    let grown = resident(&stage).saturating_sub(settled);
    println!("{RELOADS} reloads, {} KiB more resident since the first third", grown >> 10);
    assert!(grown < 32 << 20, "{grown} bytes more are resident");
    assert!(events(&stage, "reloaded").await >= i64::try_from(RELOADS).unwrap());
    assert_eq!(events(&stage, "rolled_back").await, 0);
    nothing_lost_or_repeated(&stage).await;
}

/// Bytes of the host's memory that are resident.
fn resident(stage: &Stage) -> u64 {
    let pid = stage.host.as_ref().expect("a host runs").pid();
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// Other parameters are a reload of the same version: its state goes on, orders and lots stay, what is
/// out of bounds is refused, and the row that a restart reads has them.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_change_in_place() {
    let mut stage = counting().await;
    let before = stage.json(&["bot", "show", "count"]).await;
    let lots = stage.json(&["lot", "list"]).await;
    let said = stage.run(&["bot", "set", "count", "--param", "qty=3"]).await.ok();
    assert!(said.stdout.contains("bot count goes on with its new parameters"), "{}", said.stdout);
    assert_eq!(events(&stage, "parameters").await, 1, "told before it was committed");
    assert_eq!(stage.json(&["lot", "list"]).await, lots, "new parameters changed a lot");
    let shown = stage.json(&["bot", "show", "count"]).await;
    assert_eq!(
        shown["generation"].as_i64().unwrap(),
        before["generation"].as_i64().unwrap() + 1,
        "{shown:#}"
    );
    assert_eq!((&shown["params"]["qty"], &shown["params"]["every"]), (&"3".into(), &"1".into()));
    for _ in 0..4 {
        step(&stage).await;
    }
    let qtys = stage.json(&["order", "list", "--sleeve", "count"]).await;
    let qtys: Vec<&str> =
        qtys.as_array().unwrap().iter().map(|order| order["qty"].as_str().unwrap()).collect();
    assert!(qtys.contains(&"2") && qtys.contains(&"3"), "{qtys:?}");

    // Out of bounds: by the command line, and by whoever asks the host itself.
    let bad = stage.run(&["bot", "set", "count", "--param", "every=-1"]).await;
    assert_ne!(bad.code, Some(0));
    bad.says(&["every", "-1", "an integer from 0 to 1000000"]);
    let command = serde_json::json!({"command": "bot_set", "name": "count", "params": [["every", "2000000"]]});
    let answer = stage.ask(serde_json::json!({ "command": command })).await.unwrap();
    let message = answer["failed"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("the bot goes on") && message.contains("an integer from 0 to 1000000"),
        "{answer:#}"
    );
    event_is(&stage, "not_set", 1).await;
    step(&stage).await;
    let shown = stage.json(&["bot", "show", "count"]).await;
    assert_eq!((&shown["state"], &shown["strikes"]), (&"running".into(), &0.into()));
    assert_eq!(shown["rejected"], serde_json::json!([]), "the version is as good as before");
    nothing_lost_or_repeated(&stage).await;

    stage.kill_host();
    stage.start_host().await;
    stage.bot_is("count", "running").await;
    let shown = stage.json(&["bot", "show", "count"]).await;
    assert_eq!((&shown["params"]["qty"], &shown["params"]["every"]), (&"3".into(), &"1".into()));
}

/// A bot that fails with its new parameters goes on with the old ones, without a strike.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_make_a_bot_fail_are_given_back() {
    let stage = Stage::with_host(manual(wave("AAPL", 300, 13), 100_000)).await;
    stage.deploy("moody", "misbehave", "1000", "AAPL", &["handler=on_bars"]).await;
    stage.warm(&["AAPL"]).await;
    stage.run(&["bot", "set", "moody", "--param", "cause=trap"]).await.ok();
    assert!(stage.step().await);
    event_is(&stage, "parameters_back", 1).await;
    until("it goes on with its old parameters", SOON, async || {
        let shown = stage.json(&["bot", "show", "moody"]).await;
        (shown["state"] == "running" && shown["params"].get("cause").is_none()).then_some(())
    })
    .await;
    for _ in 0..3 {
        assert!(stage.step().await);
    }
    let shown = stage.json(&["bot", "show", "moody"]).await;
    assert_eq!((&shown["state"], &shown["strikes"]), (&"running".into(), &0.into()), "{shown:#}");
}
