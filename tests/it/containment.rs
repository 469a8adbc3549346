//! Hostile components and files next to a victim: contained, and the victim notices nothing (G1–G17,
//! G19–G22, G24, G25, I34, I35). The same input twice (G18) is tested with each language and each
//! driver, the clock that a bot sees (G26) in host/runtime; a native escape (G23) is no component's to
//! bring about.

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

/// Everything that a sleeve's books came to, as text: without the numbers that the account counts for
/// all its sleeves, and with the market's minute for each time, of which the exchange counts the orders
/// of a minute.
async fn results(stage: &Stage, sleeve: &str) -> Vec<String> {
    let parts = [
        (
            "execution",
            "'execution_id', 'order_id', 'broker_order_id', 'entry', 'epoch'",
            "t.at_ns, t.side",
        ),
        (
            "order",
            "'id', 'client_order_id', 'broker_order_id', 'epoch', 'claimed_ns', 'changes', 'lookups'",
            "t.intent_id",
        ),
        ("lot", "'id', 'execution_id'", "t.opened_ns, t.id"),
        ("round_trip", "'id', 'lot', 'exit_execution_id', 'entry'", "t.exit_ns, t.id"),
        ("position", "''", "t.symbol"),
        ("refusal", "'id'", "t.intent_id"),
    ];
    let mut found = Vec::new();
    for (table, without, order) in parts {
        let sql = format!(
            "SELECT to_jsonb(t) - 'sleeve' - ARRAY[{without}] FROM stockade.{table} t
               JOIN stockade.sleeve s ON s.account = t.account AND s.id = t.sleeve
              WHERE s.name = $1 ORDER BY {order}"
        );
        let rows: Vec<Value> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(sleeve)
            .fetch_all(stage.pool())
            .await
            .unwrap();
        found.extend(rows.into_iter().map(|row| format!("{table} {}", by_minutes(row))));
    }
    let legs = "SELECT format('%s %s %s %s %s', e.at_ns / 60000000000, p.ledger, p.symbol, p.amount, p.qty)
        FROM stockade.posting p JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
        JOIN stockade.sleeve s ON s.account = p.account AND s.id = p.sleeve
        WHERE s.name = $1 AND e.kind = 'execution' ORDER BY p.entry, p.leg";
    found.extend(
        sqlx::query_scalar::<_, String>(legs).bind(sleeve).fetch_all(stage.pool()).await.unwrap(),
    );
    found
}

fn by_minutes(mut row: Value) -> Value {
    let fields = row.as_object_mut().unwrap().iter_mut();
    for (_, time) in fields.filter(|(name, _)| name.ends_with("_ns")) {
        *time = time.as_i64().map(|ns| ns / crate::market::MINUTE).into();
    }
    row
}

/// A bot's name: the fault's number, its cause and its handler.
fn name((fault, cause, handler): Hostile) -> String {
    let handler = handler.trim_start_matches("on_").trim_start_matches("any");
    let name = format!("x-{}-{cause}{handler}", fault.to_lowercase());
    name.chars().take(24).collect()
}

/// A victim on one symbol and hostile bots on another. Their bad behaviour begins with the bar that
/// the victim's trading begins with; so do the files that are put into the plugins folder, one a bar.
async fn play(causes: &[Hostile], files: &[File]) -> Stage {
    let mut bars = wave("AAPL", LEAD + MINUTES, 21);
    let last = LEAD + MINUTES + if causes.contains(&STRIKES[0]) { AFTER } else { 0 };
    bars.extend((0..last).map(|minute| flat("MSFT", minute, "100")));
    let mut stage = Stage::new(manual(bars, 1_000_000)).await;
    std::fs::write(stage.data().join("stockade.toml"), "[bots]\ncompile_seconds = 3\n").unwrap();
    stage.start_host().await;
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
    let mut files = files.iter();
    while stage.exchange.now() < end && stage.step_only().await {
        let now = stage.exchange.now();
        if now >= crate::market::OPEN + LEAD * crate::market::MINUTE
            && let Some((_, name, bytes, _)) = files.next()
        {
            crate::bots::write(bytes, &stage.plugins(), name);
        }
        stage.taken().await;
        victim_keeps_up(&stage, now).await;
    }
    assert!(files.next().is_none(), "more files than minutes");
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

async fn contained(causes: &[Hostile], files: &[File]) -> Stage {
    let alone = play(&[], &[]).await;
    let wanted = results(&alone, "victim").await;
    let executions = wanted.iter().filter(|row| row.starts_with("execution ")).count();
    assert_eq!(executions, 8, "{wanted:#?}");
    drop(alone);
    let stage = play(causes, files).await;
    let found = results(&stage, "victim").await;
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted, "the victim's results differ from those without the others");
    }
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
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
    let stage = contained(&STRIKES, &[]).await;
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
    let stage = contained(&causes, &[]).await;
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

/// A fault of the catalogue, a file's name and bytes, and a word of what is said of it.
type File = (&'static str, &'static str, Vec<u8>, &'static str);

/// Components that are broken, of another contract, or bombs.
async fn files() -> Vec<File> {
    let folder = tempfile::TempDir::new().unwrap();
    let module = crate::bots::file("counter").display().to_string();
    let packed = folder.path().join("packed.wasm").display().to_string();
    let pack = ["pack", module.as_str(), "-o", packed.as_str()];
    crate::program::Surroundings::default().run(&pack).await.ok();
    let bot = std::fs::read(packed).unwrap();
    let mut flipped = bot.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let mut long = bot.clone();
    long.resize(200 << 20, 0);
    let sockets = std::fs::read(crate::bots::file("wasi-sockets")).unwrap();
    let bombs = |module: &[u8], count| crate::bomb::instances(&bot, module, count);
    vec![
        ("G5", "tables", bombs(&crate::bomb::table(20_000_000), 1), "memory"),
        ("G5", "memories", bombs(&crate::bomb::memory(65_536), 1), "memory"),
        ("G5", "memories-many", bombs(&crate::bomb::memory(600), 64), ""),
        ("G12", "sub-instances", bombs(&crate::bomb::nothing(), 10_000), "instances"),
        ("G13", "truncated", bot[..bot.len() / 2].to_vec(), ""),
        ("G13", "flipped", flipped, ""),
        ("G13", "long", long, ""),
        ("G14", "later", crate::input::another_version(&bot), "contract"),
        ("G14", "wasi-sockets", sockets, "sockets"),
        ("G15", "bomb", crate::bomb::component(&bot), "bots.compile_seconds"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_bots_are_named_and_the_victim_does_not_notice() {
    let files = files().await;
    let stage = contained(&[], &files).await;
    for (fault, name, _, word) in &files {
        let said = until(&format!("{fault}: what is said of {name}.wasm"), SOON, async || {
            let log = stage.host.as_ref().unwrap().errors();
            let of_file = |line: &&str| line.contains(&format!("{name}.wasm"));
            log.lines().find(of_file).map(str::to_owned)
        })
        .await;
        println!("{fault} {said}");
        assert!(said.contains(word), "{fault} {name}: {said}");
        let deploy = ["bot", "deploy", "late", "--plugin", name, "--capital", "100"];
        let refused = stage.run(&[&deploy[..], &["--symbols", "MSFT"]].concat()).await;
        assert!(refused.code != Some(0), "{fault} {name} was deployed");
    }
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
