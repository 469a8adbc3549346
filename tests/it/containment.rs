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

/// A fault of the catalogue, the cause that brings it about, and the handler that it happens in.
type Hostile = (&'static str, &'static str, &'static str);

/// Causes that end a call each time: three strikes, then quarantine.
const STRIKES: [Hostile; 12] = [
    ("G1", "trap", "any"),
    ("G1", "panic", "any"),
    ("G1", "trap", "on_timer"),
    ("G25", "trap", "on_orders"),
    ("G24", "trap-after-submit", "any"),
    ("G2", "loop", "any"),
    ("G2", "loop-after-submit", "any"),
    ("G4", "memory-bomb", "any"),
    ("G6", "recursion", "any"),
    ("G11", "forged-handle", "any"),
    ("G11", "double-drop", "any"),
    ("G7", "count-too-many", "any"),
];
/// Causes that the host bounds, with or without a strike.
const BOUNDED: [Hostile; 18] = [
    ("G9", "extreme-numbers", "any"),
    ("G19", "log-flood", "any"),
    ("G19", "log-chatter", "any"),
    ("G7", "log-huge", "any"),
    ("G8", "log-not-utf8", "any"),
    ("G16", "intent-flood", "any"),
    ("G7", "huge-strings", "any"),
    ("G10", "order-ids", "any"),
    ("G10", "event-index", "any"),
    ("G10", "unknown-instrument", "any"),
    ("G3", "history-flood", "any"),
    ("G3", "question-flood", "any"),
    ("G7", "count-zero", "any"),
    ("G21", "stored-handle", "any"),
    // Its number is that of the handle lent to the later call: the same capital, the same bounds.
    ("G11", "stored-handle-next", "any"),
    ("G22", "burn", "any"),
    ("G16", "overspend", "any"),
    ("G17", "overspend", "on_bars"),
];
/// Causes that show when the state is saved.
const SAVES: [Hostile; 3] = [
    ("G20", "trap-in-save", "any"),
    ("G20", "loop-in-save", "any"),
    ("G20", "giant-snapshot", "any"),
];

/// What a sleeve traded: minute, side, quantity, price.
async fn traded(stage: &Stage, sleeve: &str) -> Vec<(i64, String, String, String)> {
    let sql = "SELECT x.at_ns / 60000000000, x.side, trim_scale(x.qty)::text, trim_scale(x.price)::text
        FROM stockade.execution x JOIN stockade.sleeve s ON s.account = x.account AND s.id = x.sleeve
        WHERE s.name = $1 ORDER BY x.at_ns, x.execution_id";
    sqlx::query_as(sql).bind(sleeve).fetch_all(stage.pool()).await.unwrap()
}

/// A bot's name: the fault's number, its cause and its handler.
fn name((fault, cause, handler): Hostile) -> String {
    let handler = handler.trim_start_matches("on_").trim_start_matches("any");
    let name = format!("x-{}-{cause}{handler}", fault.to_lowercase());
    name.chars().take(24).collect()
}

/// A victim on one symbol and hostile bots on another. Their bad behaviour begins with the bar that
/// the victim's trading begins with.
async fn play(causes: &[Hostile]) -> Stage {
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
    for hostile in causes {
        let (_, cause, handler) = *hostile;
        // Some are hostile from their first save on.
        let after = if SAVES.contains(hostile) { 200 } else { 2 };
        let bot = name(*hostile);
        if !stage.plugins().join("misbehave.wasm").is_file() {
            crate::bots::install("misbehave", &stage.plugins(), "misbehave");
        }
        let params = [
            format!("cause={cause}"),
            format!("handler={handler}"),
            format!("after={after}"),
            "rounds=600000".to_owned(),
        ];
        let mut deploy: Vec<&str> = vec!["bot", "deploy", &bot, "--plugin", "misbehave"];
        deploy.extend(["--capital", "5000", "--symbols", "MSFT"]);
        deploy.extend(params.iter().flat_map(|param| ["--param", param.as_str()]));
        stage.run(&deploy).await.ok();
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

async fn shown(stage: &Stage, hostile: Hostile) -> Value {
    stage.json(&["bot", "show", &name(hostile)]).await
}

async fn contained(causes: &[Hostile]) -> Stage {
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
    for hostile in causes {
        let sleeve = sleeves[name(*hostile).as_str()];
        assert_eq!(sleeve["reserved"], "0", "{hostile:?} holds a reservation: {sleeve:#}");
        let cash = crate::market::dec(sleeve["cash"].as_str().unwrap());
        assert!(!cash.is_sign_negative(), "{hostile:?} spent more than its capital: {sleeve:#}");
    }
    ledger::agrees_line_by_line(&stage).await;
    ledger::agrees_with_the_account(&stage).await;
    stage.check().await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_ends_badly_is_quarantined_and_the_victim_does_not_notice() {
    let stage = contained(&STRIKES).await;
    for hostile in STRIKES {
        let cause = name(hostile);
        let bot = shown(&stage, hostile).await;
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
            cause
        );
        // One that traps on hearing of its orders has sent them before.
        assert_eq!(
            stage.count(&of_bot).await > 0,
            hostile.2 == "on_orders",
            "{cause}: an intent of a void batch became an order"
        );
    }
    // A person lets one run again, and it is quarantined again.
    let bot = name(STRIKES[0]);
    stage.run(&["bot", "release", &bot]).await.ok();
    let state = stage.json(&["bot", "show", &bot]).await["state"].clone();
    assert_ne!(state, "quarantined");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_asks_for_too_much_is_bounded() {
    let causes: Vec<Hostile> = BOUNDED.iter().chain(&SAVES).copied().collect();
    let stage = contained(&causes).await;
    for hostile in &causes {
        let bot = shown(&stage, *hostile).await;
        println!(
            "{hostile:?}: {} after {} strikes ({})",
            bot["state"], bot["strikes"], bot["state_reason"]
        );
        let log = stage.data().join("logs").join(format!("{}.log", name(*hostile)));
        let length = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        assert!(length < 16 << 20, "{hostile:?} wrote {length} bytes of log");
    }
    let seen = async |hostile: Hostile, kinds: &str| {
        let bot = name(hostile);
        let sql = format!(
            "SELECT count(*) FROM stockade.bot_event e JOIN stockade.bot b ON b.account = e.account AND b.sleeve = e.sleeve
             WHERE b.name = '{bot}' AND e.kind IN ({kinds})"
        );
        stage.count(&sql).await
    };
    // A good run forgives strikes, so these were seen while they happened.
    for hostile in SAVES.into_iter().chain([("G8", "log-not-utf8", "any")]) {
        let struck = seen(hostile, "'suspended', 'quarantined'").await;
        assert!(struck > 0, "{hostile:?} was never struck");
    }
    assert!(seen(("G19", "log-chatter", "any"), "'limit'").await > 0, "its limit was not told of");
    assert!(seen(("G22", "burn", "any"), "'lane'").await > 0, "it is among the quick bots");
    assert_eq!(seen(("G22", "burn", "any"), "'suspended', 'quarantined'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_fails_to_start_is_not_deployed() {
    let stage = Stage::with_host(manual(vec![flat("MSFT", 0, "100")], 100_000)).await;
    crate::bots::install("misbehave", &stage.plugins(), "misbehave");
    for cause in ["init-error", "trap-in-init", "loop-in-init"] {
        let bot = format!("x-{cause}");
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
