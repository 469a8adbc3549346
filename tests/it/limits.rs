//! Limits of a bot: set for all, for a plugin and for a bot; each breach is an event with the limit's
//! name, the value found, the value allowed and the setting; `bot show` and `top` tell what is used
//! (G16, G19, G22).

use serde_json::Value;

use crate::market::{manual, wave};
use crate::program::until;
use crate::stage::{SOON, Stage};

async fn stage(settings: &str) -> Stage {
    let mut stage = Stage::new(manual(wave("AAPL", 200, 13), 100_000)).await;
    std::fs::write(stage.data().join("stockade.toml"), settings).unwrap();
    stage.start_host().await;
    stage
}

async fn misbehaves(stage: &Stage, name: &str, cause: &str, more: &[&str]) {
    let cause = format!("cause={cause}");
    stage.deploy(name, "misbehave", "5000", "AAPL", &[&[cause.as_str()], more].concat()).await;
}

/// The message of the first event of a kind.
async fn told(stage: &Stage, bot: &str, kind: &str) -> String {
    let sql = "SELECT e.message FROM stockade.bot_event e
        JOIN stockade.bot b ON b.account = e.account AND b.sleeve = e.sleeve
        WHERE b.name = $1 AND e.kind = $2 ORDER BY e.id LIMIT 1";
    until(&format!("{kind} of {bot}"), SOON, async || {
        if stage.step_only().await {
            stage.taken().await;
        }
        let found = sqlx::query_scalar(sql).bind(bot).bind(kind);
        found.fetch_optional(stage.pool()).await.unwrap()
    })
    .await
}

fn limit<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let limits = shown["use"]["limits"].as_array().unwrap();
    limits.iter().find(|limit| limit["limit"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breach_is_an_event_with_its_limit_and_the_narrowest_setting_holds() {
    let stage = stage(
        "[limits]\nlog_lines = 50\n[limits.plugin.misbehave]\nlog_lines = 40\nfuel = 3000000\n\
         [limits.bot.tight]\nlog_lines = 30\n",
    )
    .await;
    misbehaves(&stage, "wide", "log-chatter", &[]).await;
    misbehaves(&stage, "tight", "log-chatter", &[]).await;
    misbehaves(&stage, "endless", "loop", &[]).await;
    stage.warm(&["AAPL"]).await;
    let lines = |allowed| {
        format!("log lines of one call: 100, at most {allowed} is allowed (limits.log_lines)")
    };
    assert_eq!(told(&stage, "wide", "limit").await, lines(40));
    assert_eq!(told(&stage, "tight", "limit").await, lines(30));
    let struck = told(&stage, "endless", "suspended").await;
    let fuel =
        "instructions of one call: more than 3000001, at most 3000000 is allowed (limits.fuel)";
    assert!(struck.contains(fuel), "{struck}");
    // The function that it was in, by its name.
    assert!(struck.contains(" | in ") && struck.contains("misbehave::"), "{struck}");

    let shown = stage.json(&["bot", "show", "tight"]).await;
    assert_eq!(limit(&shown, "log_lines")["allowed"], 30, "{shown:#}");
    assert_eq!(limit(&shown, "log_lines")["peak"], 100, "{shown:#}");
    assert_eq!(limit(&shown, "fuel")["allowed"], 3_000_000, "{shown:#}");
    assert!(limit(&shown, "fuel")["used"].as_u64().unwrap() > 0, "{shown:#}");
    assert!(limit(&shown, "memory_bytes")["used"].as_u64().unwrap() >= 65_536, "{shown:#}");
    let shown = stage.json(&["bot", "show", "endless"]).await;
    let strike = &shown["last_strike"];
    assert!(strike["cause"].as_str().unwrap().contains("limits.fuel"), "{shown:#}");
    let frames = strike["backtrace"].as_array().unwrap();
    assert!(frames[0].as_str().unwrap().contains("misbehave::"), "{shown:#}");
    let text = stage.run(&["bot", "show", "endless"]).await.ok().stdout;
    assert!(text.contains("last strike") && text.contains("  in "), "{text}");

    let top = stage.json(&["top"]).await;
    let names: Vec<&str> =
        top.as_array().unwrap().iter().map(|bot| bot["bot"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{top:#}");
    let of = |name: &str| &top[names.iter().position(|found| *found == name).unwrap()];
    assert!(of("wide")["calls"].as_u64().unwrap() > 0, "{top:#}");
    assert!(of("endless")["strikes"].as_u64().unwrap() > 0, "{top:#}");
    let text = stage.run(&["top"]).await.ok().stdout;
    assert!(text.contains("LANE") && text.contains("tight"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_burns_its_budget_at_each_event_goes_to_the_slow_lane_and_is_not_struck() {
    let stage = stage("").await;
    misbehaves(&stage, "burner", "burn", &["rounds=600000"]).await;
    misbehaves(&stage, "calm", "nothing", &[]).await;
    stage.warm(&["AAPL"]).await;
    let message = told(&stage, "burner", "lane").await;
    assert!(message.contains("among the slow bots"), "{message}");
    // Cost is cut at what the counted work can have taken: of one that does nothing no load of the
    // machine makes a slow bot.
    let lane = async |name: &str| stage.json(&["bot", "show", name]).await["use"]["lane"].clone();
    assert_eq!((lane("burner").await, lane("calm").await), ("slow".into(), "quick".into()));
    stage.bot_is("burner", "running").await;
    let struck =
        "SELECT count(*) FROM stockade.bot_event WHERE kind IN ('suspended', 'quarantined')";
    assert_eq!(stage.count(struck).await, 0);
}

/// G15: a component that would take seconds to compile is stopped by its own limit; the bots of the
/// host go on, and are told nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_takes_too_long_to_compile_is_refused_by_name() {
    let stage = stage("[bots]\ncompile_seconds = 1\n").await;
    misbehaves(&stage, "calm", "nothing", &[]).await;
    // The file is a core module; what is added to is a component.
    let packed = stage.data().join("packed.wasm").display().to_string();
    let module = crate::bots::file("counter").display().to_string();
    stage.run(&["pack", &module, "-o", &packed]).await.ok();
    let bot = std::fs::read(&packed).unwrap();
    crate::bots::write(&crate::bomb::component(&bot), &stage.plugins(), "bomb");
    let log = until("the refusal", SOON, async || {
        let log = stage.host.as_ref().unwrap().errors();
        log.contains("bots.compile_seconds").then_some(log)
    })
    .await;
    assert!(log.contains("more than the 1 seconds of processor time"), "{log}");
    stage.bot_is("calm", "running").await;
    assert!(stage.step().await);
}
