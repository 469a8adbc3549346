//! Limits that bound a call without ending it, and what people are told of a strike.

use stockade_core::desk::BotRequest;

use super::wat_bot::*;
use crate::*;

const SUBMIT: &str = "(drop (call $submit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 1) (i32.const 0)))";

fn bounded(outcome: &Outcome) -> Vec<&'static str> {
    let setting = |cause: &Cause| match cause {
        Cause::Limit { setting, found, allowed, .. } => {
            assert!(found > allowed, "{cause}");
            *setting
        }
        other => panic!("{other}"),
    };
    outcome.bounded.iter().map(setting).collect()
}

fn start(body: &str, limits: Limits) -> Bot {
    let plugin = WatBot::bars(body).load();
    Bot::start(&plugin, BotConfig { limits, ..config() }).unwrap()
}

#[test]
fn intents_beyond_the_rate_are_refused_and_told_of() {
    let limits = Limits { intents_per_second: 2, ..Limits::default() };
    let mut bot = start(&format!("{SUBMIT} {DONE}"), limits);
    let at = |bot: &mut Bot, ms: i64| {
        let outcome = call_with(bot, &[bar(ms * 1_000_000, "101")], &view("10000")).unwrap();
        let refused = match &outcome.requests[..] {
            [BotRequest::Submit { .. }] => None,
            [BotRequest::Refused { refusal, .. }] => Some(refusal.code()),
            other => panic!("{other:?}"),
        };
        (refused, bounded(&outcome))
    };
    let rate = "intents_per_second";
    assert_eq!(at(&mut bot, 1), (None, vec![]));
    assert_eq!(at(&mut bot, 2), (None, vec![]));
    assert_eq!(at(&mut bot, 3), (Some(rate), vec![rate]));
    assert_eq!(at(&mut bot, 400), (Some(rate), vec![rate]));
    assert_eq!(at(&mut bot, 600), (None, vec![]), "half a second gives one");
    assert_eq!(at(&mut bot, 601), (Some(rate), vec![rate]));
    assert!(bot.is_alive());
}

#[test]
fn dropped_log_lines_are_told_of_with_their_limit() {
    let lines = |count: u32| {
        format!(
            "(loop $l (call $log (i32.const 1) (i32.const 512) (i32.const 12))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $l (i32.lt_u (local.get $i) (i32.const {count})))) {DONE}"
        )
    };
    let limits = Limits { log_lines: 5, log_bytes: 1_000, ..Limits::default() };
    let outcome = call(&mut start(&lines(5), limits.clone()), 1).unwrap();
    assert!(outcome.bounded.is_empty());
    let outcome = call(&mut start(&lines(9), limits.clone()), 1).unwrap();
    let text = "log lines of one call: 9, at most 5 is allowed (limits.log_lines)";
    assert_eq!(outcome.bounded[0].to_string(), text);
    let outcome = call(&mut start(&lines(9), Limits { log_bytes: 30, ..limits }), 1).unwrap();
    assert_eq!(bounded(&outcome), ["log_bytes"]);
}

#[test]
fn what_a_bot_uses_is_counted() {
    let body = format!("(drop (memory.grow (i32.const 2))) {SUBMIT} {DONE}");
    let mut bot = start(&body, Limits::default());
    assert_eq!(bot.usage(), Usage::default());
    let outcome = call(&mut bot, 1).unwrap();
    let usage = bot.usage();
    assert_eq!((usage.fuel, usage.intents, usage.host_calls), (outcome.fuel_used, 1, 1));
    assert_eq!(usage.memory_bytes >> 16, 34, "32 pages and 2 more; tables are less than a page");
    call(&mut bot, 1).unwrap();
    assert_eq!(bot.usage().memory_bytes, usage.memory_bytes + (2 << 16));
    assert_eq!(**bot.limits(), Limits::default());
}

#[test]
fn a_strike_tells_in_which_functions_the_bot_was() {
    let deep = WatBot {
        extra: "(func $inner unreachable) (func $outer (call $inner))".to_owned(),
        ..WatBot::bars("(call $outer) (local.get $len)")
    };
    let strike = call(&mut deep.start(), 1).unwrap_err();
    assert_eq!(strike.backtrace[..2], ["inner", "outer"], "{strike:?}");
    let told = strike.told();
    assert!(told.contains("unreachable") && told.contains(" | in inner < outer"), "{told}");
    assert!(!strike.to_string().contains("backtrace"), "{strike}");
    let endless = WatBot {
        extra: "(func $endless (loop $l (br $l)))".to_owned(),
        ..WatBot::bars("(call $endless) (local.get $len)")
    };
    let strike = call(&mut endless.start(), 1).unwrap_err();
    assert_eq!(strike.backtrace.first().map(String::as_str), Some("endless"), "{strike:?}");
    let again = WatBot {
        extra: "(func $deep (param i32) (result i32)
                  (i32.add (i32.const 1) (call $deep (local.get 0))))"
            .to_owned(),
        ..WatBot::bars("(call $deep (i32.const 1))")
    };
    let strike = call(&mut again.start(), 1).unwrap_err();
    assert!(strike.backtrace[0].starts_with("deep (x"), "{strike:?}");
}
