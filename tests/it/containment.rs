//! Hostile components next to a victim: contained, and the victim notices nothing (G1–G16, G19,
//! G24, I34, I35).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ledger;
use crate::market::{flat, manual, wave};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Minutes of trading.
const MINUTES: i64 = 90;
/// Minutes before the first event that counts.
const LEAD: i64 = 40;
/// Minutes that the market can go on afterwards, for bots that are still failing.
const AFTER: i64 = 5_000;

/// Causes that end a call each time: three strikes, then quarantine.
const STRIKES: [&str; 10] = [
    "trap",
    "panic",
    "trap-after-submit",
    "loop",
    "loop-after-submit",
    "memory-bomb",
    "recursion",
    "forged-handle",
    "double-drop",
    "count-too-many",
];
/// Causes that the host bounds, with or without a strike.
const BOUNDED: [&str; 15] = [
    "extreme-numbers",
    "log-flood",
    "log-huge",
    "log-not-utf8",
    "intent-flood",
    "huge-strings",
    "order-ids",
    "event-index",
    "unknown-instrument",
    "history-flood",
    "question-flood",
    "count-zero",
    "stored-handle",
    "stored-handle-next",
    "overspend",
];
/// Causes that show when the state is saved.
const SAVES: [&str; 3] = ["trap-in-save", "loop-in-save", "giant-snapshot"];

/// What a sleeve traded: minute, side, quantity, price.
async fn traded(stage: &Stage, sleeve: &str) -> Vec<(i64, String, String, String)> {
    let sql = "SELECT x.at_ns / 60000000000, x.side, trim_scale(x.qty)::text, trim_scale(x.price)::text
        FROM stockade.execution x JOIN stockade.sleeve s ON s.account = x.account AND s.id = x.sleeve
        WHERE s.name = $1 ORDER BY x.at_ns, x.execution_id";
    sqlx::query_as(sql).bind(sleeve).fetch_all(stage.pool()).await.unwrap()
}

/// A bot's name for a cause.
fn name(cause: &str) -> String {
    format!("x-{}", cause.chars().take(20).collect::<String>())
}

/// A victim on one symbol and hostile bots on another. Their bad behaviour begins with the bar that
/// the victim's trading begins with.
async fn play(causes: &[&str]) -> Stage {
    let mut bars = wave("AAPL", LEAD + MINUTES, 21);
    let last = LEAD + MINUTES + if causes.contains(&STRIKES[0]) { AFTER } else { 0 };
    bars.extend((0..last).map(|minute| flat("MSFT", minute, "100")));
    let stage = Stage::with_host(manual(bars, 1_000_000)).await;
    let script: Vec<String> = (0..8)
        .map(|n| {
            let minute = 14 * 60 + 30 + LEAD + 5 + 10 * n;
            let side = if n % 2 == 0 { "buy" } else { "sell" };
            format!("{:02}:{:02} {side} 7 AAPL", minute / 60, minute % 60)
        })
        .collect();
    stage
        .deploy("victim", "scripted", "10000", "AAPL", &[&format!("script={}", script.join("; "))])
        .await;
    for cause in causes {
        let cause = format!("cause={cause}");
        let after = "after=200".to_owned();
        let bot = name(&cause["cause=".len()..]);
        if !stage.plugins().join("misbehave.wasm").is_file() {
            crate::bots::install("misbehave", &stage.plugins(), "misbehave");
        }
        let deploy = [
            "bot",
            "deploy",
            &bot,
            "--plugin",
            "misbehave",
            "--capital",
            "5000",
            "--symbols",
            "MSFT",
        ];
        // Some are hostile from their first save on.
        let hostile = [
            "--param",
            &cause,
            "--param",
            if SAVES.contains(&&cause["cause=".len()..]) { &after } else { "after=2" },
        ];
        stage.run(&[&deploy[..], &hostile[..]].concat()).await.ok();
    }
    stage.warm(&["AAPL"]).await;
    assert!(
        stage.exchange.now() < crate::market::OPEN + LEAD * crate::market::MINUTE,
        "the lead is too short"
    );
    let end = crate::market::OPEN + (LEAD + MINUTES) * crate::market::MINUTE;
    while stage.exchange.now() < end && stage.step_only().await {
        let now = stage.exchange.now();
        stage.taken().await;
        victim_keeps_up(&stage, now).await;
    }
    if causes.contains(&STRIKES[0]) {
        stage.goes_on_until_quarantined("x-%").await;
    }
    stage.settled().await;
    stage
}

/// Each order of the victim is filled before the next minute, whatever the others do.
async fn victim_keeps_up(stage: &Stage, now: i64) {
    let minute = (now - crate::market::OPEN) / crate::market::MINUTE;
    let due = (0..8).filter(|n| minute > LEAD + 5 + 10 * n).count();
    let sql = "SELECT count(*) FROM stockade.order o JOIN stockade.sleeve s ON s.id = o.sleeve AND s.account = o.account
        WHERE s.name = 'victim' AND o.status = 'filled'";
    stage.count_is("the victim's orders", sql, i64::try_from(due).unwrap()).await;
}

async fn shown(stage: &Stage, cause: &str) -> Value {
    stage.json(&["bot", "show", &name(cause)]).await
}

async fn contained(causes: &[&str]) -> Stage {
    let alone = play(&[]).await;
    let wanted = traded(&alone, "victim").await;
    assert_eq!(wanted.len(), 8, "{wanted:?}");
    drop(alone);
    let stage = play(causes).await;
    assert_eq!(
        traded(&stage, "victim").await,
        wanted,
        "the victim's executions differ from those without the others"
    );
    let sleeves = stage.json(&["sleeve", "list"]).await;
    let sleeves: BTreeMap<&str, &Value> = sleeves
        .as_array()
        .unwrap()
        .iter()
        .map(|sleeve| (sleeve["name"].as_str().unwrap(), sleeve))
        .collect();
    for cause in causes {
        let sleeve = sleeves[name(cause).as_str()];
        assert_eq!(sleeve["reserved"], "0", "{cause} holds a reservation: {sleeve:#}");
        let cash = crate::market::dec(sleeve["cash"].as_str().unwrap());
        assert!(!cash.is_sign_negative(), "{cause} spent more than its capital: {sleeve:#}");
    }
    ledger::agrees_line_by_line(&stage).await;
    ledger::agrees_with_the_account(&stage).await;
    stage.check().await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_ends_badly_is_quarantined_and_the_victim_does_not_notice() {
    let stage = contained(&STRIKES).await;
    for cause in STRIKES {
        let bot = shown(&stage, cause).await;
        assert_eq!(bot["state"], "quarantined", "{cause}: {bot:#}");
        assert_eq!(bot["strikes"], 3, "{cause}: {bot:#}");
        let events = bot["events"].as_array().unwrap();
        let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
        assert!(
            kinds.contains(&"suspended") && kinds.contains(&"quarantined"),
            "{cause}: {kinds:?}"
        );
        let of_bot = format!(
            "SELECT count(*) FROM stockade.order o JOIN stockade.sleeve s ON s.id = o.sleeve WHERE s.name = '{}'",
            name(cause)
        );
        assert_eq!(
            stage.count(&of_bot).await,
            0,
            "{cause}: an intent of a void batch became an order"
        );
    }
    // A person lets one run again, and it is quarantined again.
    let bot = name("trap");
    stage.run(&["bot", "release", &bot]).await.ok();
    let state = stage.json(&["bot", "show", &bot]).await["state"].clone();
    assert_ne!(state, "quarantined");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_asks_for_too_much_is_bounded() {
    let causes: Vec<&str> = BOUNDED.iter().chain(&SAVES).copied().collect();
    let stage = contained(&causes).await;
    for cause in &causes {
        let bot = shown(&stage, cause).await;
        println!(
            "{cause}: {} after {} strikes ({})",
            bot["state"], bot["strikes"], bot["state_reason"]
        );
        let log = stage.data().join("logs").join(format!("{}.log", name(cause)));
        let length = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        assert!(length < 16 << 20, "{cause} wrote {length} bytes of log");
    }
    // A good run forgives strikes, so these were seen while they happened.
    for cause in
        ["stored-handle-next", "log-not-utf8", "trap-in-save", "loop-in-save", "giant-snapshot"]
    {
        let bot = name(cause);
        let struck = format!(
            "SELECT count(*) FROM stockade.bot_event e JOIN stockade.bot b ON b.account = e.account AND b.sleeve = e.sleeve
             WHERE b.name = '{bot}' AND e.kind IN ('suspended', 'quarantined')"
        );
        assert!(stage.count(&struck).await > 0, "{cause} was never struck");
    }
}

/// An endless loop costs the others its limit and no more: they get their events while it spins.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_fails_to_start_is_not_deployed() {
    let stage = Stage::with_host(manual(vec![flat("MSFT", 0, "100")], 100_000)).await;
    crate::bots::install("misbehave", &stage.plugins(), "misbehave");
    for cause in ["init-error", "trap-in-init", "loop-in-init"] {
        let bot = name(cause);
        let cause = format!("cause={cause}");
        let deploy = [
            "bot",
            "deploy",
            &bot,
            "--plugin",
            "misbehave",
            "--capital",
            "100",
            "--symbols",
            "MSFT",
            "--param",
            &cause,
        ];
        stage.run(&deploy).await.ended(2).says(&["misbehave"]);
    }
    until("still ready", SOON, async || {
        stage.health().await.filter(|health| health["ready"] == true)
    })
    .await;
    assert_eq!(stage.count("SELECT count(*) FROM stockade.bot").await, 0);
    stage.check().await;
}
