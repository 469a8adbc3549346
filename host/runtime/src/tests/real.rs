//! Bots built with the SDK, as `cargo xtask bots` builds them into `target/bots`.

use std::path::PathBuf;

use rust_decimal::Decimal;
use stockade_core::desk::BotRequest;

use super::capital::worst;
use super::wat_bot::*;
use crate::*;

pub(super) fn load(file: &str) -> Plugin {
    try_load(file).unwrap()
}

fn try_load(file: &str) -> Result<Plugin, LoadError> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bots");
    let folder = std::env::var_os("STOCKADE_BOTS").map_or(built, PathBuf::from);
    let path = folder.join(format!("{file}.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}: run `cargo xtask bots` first", path.display())
    });
    // Variants carry the name of what they are a variant of.
    let stem = file.trim_end_matches("-v2").trim_end_matches("-broken").trim_end_matches("-traps");
    Plugin::load(&ENGINE, &bytes.into(), stem)
}

fn with(cause: &str) -> BotConfig {
    // Zeroing 32 MiB takes more instructions than a call has by default.
    let fuel = if cause == "memory-bomb" { 1_000_000_000 } else { Limits::default().fuel };
    let limits = Limits { fuel, ..Limits::default() };
    BotConfig { params: vec![("cause".to_owned(), cause.to_owned())], limits, ..config() }
}

/// Calls the bot twice with some bars, then saves.
fn run(cause: &str) -> Result<Vec<Outcome>, BotError> {
    let mut bot = Bot::start(&load("misbehave"), with(cause))?;
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        outcomes.push(call(&mut bot, 3)?);
    }
    bot.save()?;
    Ok(outcomes)
}

#[test]
fn every_way_to_misbehave_is_contained() {
    let struck = [
        ("trap", "trapped"),
        ("panic", "trapped"),
        ("trap-after-submit", "trapped"),
        ("loop", "limits.fuel"),
        ("loop-after-submit", "limits.fuel"),
        ("memory-bomb", "limits.memory_bytes"),
        ("recursion", "trapped"),
        ("log-flood", "limits.host_calls"),
        ("log-huge", "limits.host_bytes"),
        ("log-not-utf8", "trapped"),
        ("intent-flood", "limits.intents_per_call"),
        ("huge-strings", "limits.host_bytes"),
        ("event-index", "broke the contract"),
        ("count-zero", "broke the contract"),
        ("count-too-many", "broke the contract"),
        ("stored-handle", "trapped"),
        ("forged-handle", "trapped"),
        ("double-drop", "trapped"),
        ("init-error", "init refused"),
        ("trap-in-init", "trapped"),
        ("loop-in-init", "limits.start_fuel"),
        ("trap-in-save", "trapped"),
        ("loop-in-save", "limits.fuel"),
        ("giant-snapshot", "limits.snapshot_bytes"),
    ];
    for (cause, part) in struck {
        let error = run(cause).map(|outcomes| panic!("{cause}: {outcomes:?}")).unwrap_err();
        assert!(error.to_string().contains(part), "{cause}: {error}");
    }
}

#[test]
fn greed_is_refused_and_fits_the_capital() {
    for cause in ["nothing", "overspend", "extreme-numbers", "order-ids", "unknown-instrument"] {
        match run(cause) {
            Ok(outcomes) => {
                for outcome in outcomes {
                    let cost = worst(&outcome.requests, Decimal::from(103));
                    assert!(cost <= Decimal::from(10_000), "{cause}: {cost}");
                }
            }
            // More numbers than a call may ask for: void as a whole.
            Err(error) => {
                assert!(error.to_string().contains("intents_per_call"), "{cause}: {error}")
            }
        }
    }
}

#[test]
fn a_state_that_can_not_be_restored_keeps_the_old_bot() {
    for cause in ["trap-in-restore", "loop-in-restore", "restore-refuses"] {
        let plugin = load("misbehave");
        let old = Bot::start(&plugin, with("nothing")).unwrap();
        let mut kept = reload(old, &plugin, with(cause)).unwrap_err();
        assert!(kept.bot.is_alive(), "{cause}");
        call(&mut kept.bot, 1).unwrap();
    }
}

#[test]
fn a_counter_is_reloaded_into_its_next_version() {
    let mut bot = Bot::start(&load("counter"), config()).unwrap();
    call(&mut bot, 10).unwrap();
    let kept = reload(bot, &load("counter-broken"), config()).unwrap_err();
    let done = reload(kept.bot, &load("counter-v2"), config()).unwrap();
    let mut bot = done.bot;
    call(&mut bot, 10).unwrap();
    let done = reload(bot, &load("counter-traps"), config()).unwrap();
    let (mut bot, mut previous) = (done.bot, done.previous);
    call(&mut bot, 1).unwrap_err();
    call(&mut previous, 1).unwrap();
}

#[test]
fn batches_of_any_size_ask_for_the_same() {
    // A wave, so that the averages cross.
    let wave = |i: i64| 100 + (i / 30 % 2 * 60 - 30).abs() - (i % 30) * (i / 30 % 2 * 2 - 1);
    let list: Vec<_> = (1..400).map(|i| bar(i, &wave(i).to_string())).collect();
    let plugin = load("sma-cross");
    let one = BotConfig { instruments: vec![instrument(0)], ..config() };
    let run = |batch: usize| {
        let mut bot = Bot::start(&plugin, one.clone()).unwrap();
        let (mut asked, mut done) = (Vec::new(), 0);
        while done < list.len() {
            let end = list.len().min(done + batch);
            let outcome = call_with(&mut bot, &list[done..end], &view("10000")).unwrap();
            done += usize::try_from(outcome.handled).unwrap();
            asked.extend(outcome.requests.into_iter().map(|request| (done, request)));
        }
        (asked, bot.save().unwrap())
    };
    let single = run(1);
    assert!(single.0.iter().any(|(_, r)| matches!(r, BotRequest::Submit { .. })), "it trades");
    for batch in [2, 7, 64, 400] {
        assert_eq!(run(batch), single, "batches of {batch}");
    }
}

#[test]
fn the_standard_library_over_wasi_finds_nothing_and_waits_for_nothing() {
    let run = |cause: &str, seed: u64| {
        let mut bot = Bot::start(&load("wasi-probe"), BotConfig { seed, ..with(cause) }).unwrap();
        let outcome = call(&mut bot, 1)?;
        Ok::<_, Strike>(outcome.logs.into_iter().map(|line| line.text).collect::<Vec<_>>())
    };
    assert!(run("sleep", 1).unwrap_err().to_string().contains("it waited"));
    assert_eq!(run("clock", 1).unwrap(), ["wall Ok(1ns), monotonic went on 0ns"]);
    assert_eq!(run("random", 1), run("random", 1));
    assert_ne!(run("random", 1), run("random", 2));
    assert_eq!(run("file", 1).unwrap(), ["read false, write false"]);
    assert_eq!(run("print", 1).unwrap(), ["standard output of a bot", "standard error of a bot"]);
    assert_eq!(run("environment", 1).unwrap(), ["0 variables, 0 arguments"]);
}

#[test]
fn a_network_is_refused_by_name() {
    let text = try_load("wasi-sockets").unwrap_err().to_string();
    assert!(text.contains("wasi:sockets/") && text.contains("a bot has no network"), "{text}");
}
