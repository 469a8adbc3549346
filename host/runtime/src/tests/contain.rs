//! Hostile bots: each is stopped, its requests are void, and it is gone.

use super::wat_bot::*;
use crate::*;

fn limit_of(cause: &Cause) -> &'static str {
    match cause {
        Cause::Limit { setting, found, allowed, .. } => {
            assert!(found > allowed, "{cause}");
            assert!(cause.to_string().contains(&format!("limits.{setting}")), "{cause}");
            setting
        }
        other => panic!("{other}"),
    }
}

const SUBMIT: &str = "(drop (call $submit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 1) (i32.const 0)))";

#[test]
fn a_struck_bot_is_gone_and_its_requests_are_void() {
    let mut bot = WatBot::bars(&format!("{SUBMIT} unreachable")).start();
    let strike = call(&mut bot, 1).unwrap_err();
    assert!(
        matches!(&strike.cause, Cause::Trap { what } if what.contains("unreachable")),
        "{strike}"
    );
    assert!(!bot.is_alive());
    assert_eq!(call(&mut bot, 1).unwrap_err().cause, Cause::Gone);
    assert_eq!(bot.save().unwrap_err().cause, Cause::Gone);
}

#[test]
fn an_endless_loop_ends_with_its_fuel() {
    assert_eq!(limit_of(&cause_of("(loop $l (br $l)) (i32.const 1)")), "fuel");
    let looping = WatBot { init: "(loop $l (br $l)) (i32.const 0)", ..WatBot::default() };
    let error = Bot::start(&looping.load(), config()).unwrap_err();
    let BotError::Strike(strike) = error else { panic!("{error}") };
    assert_eq!(limit_of(&strike.cause), "start_fuel");
}

#[test]
fn a_deadline_ends_what_its_fuel_would_allow() {
    let engine = Engine::new(&EngineConfig { deadlines: true, ..EngineConfig::default() }).unwrap();
    let module = WatBot::bars("(loop $l (br $l)) (i32.const 1)").module();
    let plugin = Plugin::load(&engine, &module.clone().into(), "tester").unwrap();
    let limits = Limits { fuel: u64::MAX / 2, deadline_ms: 20, ..Limits::default() };
    let mut bot = Bot::start(&plugin, BotConfig { limits, ..config() }).unwrap();
    assert_eq!(limit_of(&call(&mut bot, 1).unwrap_err().cause), "deadline_ms");
}

#[test]
fn memory_is_counted_over_all_memories_and_tables() {
    let bomb = "(drop (memory.grow (i32.const 600))) (local.get $len)";
    assert_eq!(limit_of(&cause_of(bomb)), "memory_bytes");
    let slow = "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (i32.const 1)";
    assert_eq!(limit_of(&cause_of(slow)), "memory_bytes");
    let table = WatBot {
        extra: "(table $t 1 funcref)".to_owned(),
        ..WatBot::bars(
            "(drop (table.grow $t (ref.null func) (i32.const 5000000))) (local.get $len)",
        )
    };
    assert_eq!(limit_of(&call(&mut table.start(), 1).unwrap_err().cause), "memory_bytes");
    let large = WatBot { pages: 513, ..WatBot::default() };
    let error = Plugin::load(&ENGINE, &large.module().into(), "tester").unwrap_err();
    let LoadError::Describe { cause } = error else { panic!("{error}") };
    assert_eq!(limit_of(&cause), "memory_bytes");
}

#[test]
fn deep_recursion_traps() {
    let deep = WatBot {
        extra: "(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))"
            .to_owned(),
        ..WatBot::bars("(call $deep (i32.const 1))")
    };
    let cause = call(&mut deep.start(), 1).unwrap_err().cause;
    assert!(cause.to_string().contains("call stack exhausted"), "{cause}");
}

#[test]
fn floods_end_at_their_limits() {
    let cash = "(loop $l (call $cash (local.get $cap) (i32.const 1056)) (br $l)) (i32.const 1)";
    assert_eq!(limit_of(&cause_of(cash)), "host_calls");
    let intents = format!("(loop $l {SUBMIT} (br $l)) (i32.const 1)");
    assert_eq!(limit_of(&cause_of(&intents)), "intents_per_call");
    let huge = "(call $log (i32.const 0) (i32.const 0) (i32.const 2000000)) (i32.const 1)";
    assert_eq!(limit_of(&cause_of(huge)), "host_bytes");
}

#[test]
fn log_lines_are_escaped_counted_and_cut_off() {
    let body = "(loop $l (call $log (i32.const 1) (i32.const 512) (i32.const 12))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 100))))";
    let mut bot = WatBot::bars(&format!("{body} {DONE}")).start();
    let outcome = call(&mut bot, 1).unwrap();
    assert_eq!((outcome.logs.len(), outcome.logs_dropped), (64, 36));
    let line = LogLine { level: LogLevel::Info, text: "a line \\u{1b}[31m".to_owned() };
    assert_eq!(outcome.logs[0], line);
    let outcome = call(&mut bot, 1).unwrap();
    assert_eq!((outcome.logs.len(), outcome.logs_dropped), (64, 36), "counted by call");
    let mut bot = WatBot::bars(&format!("{body} unreachable")).start();
    assert_eq!(call(&mut bot, 1).unwrap_err().logs.len(), 64, "the last words are kept");
}

#[test]
fn bad_text_and_wild_pointers_trap() {
    let bad = "(i32.store (i32.const 600) (i32.const 0xfffefdfc))
               (call $log (i32.const 1) (i32.const 600) (i32.const 4)) (i32.const 1)";
    let wild = "(call $log (i32.const 1) (i32.const -16) (i32.const 8)) (i32.const 1)";
    let level = "(call $log (i32.const 77) (i32.const 512) (i32.const 8)) (i32.const 1)";
    for body in [bad, wild, level] {
        let cause = cause_of(body);
        assert!(matches!(cause, Cause::Trap { .. }), "{cause}");
    }
}

#[test]
fn a_kept_handle_is_a_trap_and_never_works_again() {
    // Kept beyond the call.
    let cause = cause_of("(local.get $len)");
    assert!(matches!(&cause, Cause::Trap { what } if what.contains("borrow")), "{cause}");
    // Used after it was given back.
    let used = "(call $drop (local.get $cap)) (call $cash (local.get $cap) (i32.const 1056)) (local.get $len)";
    assert!(matches!(cause_of(used), Cause::Trap { .. }));
    // Given back twice.
    let twice = format!("(call $drop (local.get $cap)) {DONE}");
    assert!(matches!(cause_of(&twice), Cause::Trap { .. }));
    // Made up.
    for number in [0, 1, 2, 77, 0x7fff_ffff] {
        let guess = format!(
            "{} (call $cash (i32.const {number}) (i32.const 1056)) (local.get $len)",
            "(call $drop (local.get $cap))"
        );
        assert!(matches!(cause_of(&guess), Cause::Trap { .. }), "{number}");
    }
}

#[test]
fn a_handle_from_an_earlier_call_does_not_work_between_calls() {
    // Stores the number of its handle and uses it in `save`, when nothing is lent.
    let bot = WatBot {
        save: "(call $cash (i32.load (i32.const 1300)) (i32.const 1056)) (i32.const 1040)",
        ..WatBot::bars(&format!("(i32.store (i32.const 1300) (local.get $cap)) {DONE}"))
    };
    let mut bot = bot.start();
    call(&mut bot, 1).unwrap();
    assert!(matches!(bot.save().unwrap_err().cause, Cause::Trap { .. }));
}

#[test]
fn nonsense_about_events_is_a_strike() {
    let none = "(call $drop (local.get $cap)) (i32.const 0)";
    let more = "(call $drop (local.get $cap)) (i32.const 2)";
    let event = format!(
        "(drop (call $submit (local.get $cap) (i32.const 1) (i32.const 0) (i64.const 1) (i32.const 0))) {DONE}"
    );
    for body in [none, more, &event] {
        let cause = cause_of(body);
        assert!(matches!(cause, Cause::Contract { .. }), "{cause}");
    }
}

#[test]
fn a_state_beyond_the_limit_is_named() {
    let save = "(i32.store (i32.const 1040) (i32.const 0))
                (i32.store (i32.const 1044) (i32.const 1048577)) (i32.const 1040)";
    let mut bot = WatBot { save, ..WatBot::default() }.start();
    assert_eq!(limit_of(&bot.save().unwrap_err().cause), "snapshot_bytes");
    assert!(!bot.is_alive());
    let save = "(i32.store (i32.const 1040) (i32.const 0))
                (i32.store (i32.const 1044) (i32.const 1900000)) (i32.const 1040)";
    let mut bot = WatBot { save, ..WatBot::default() }.start();
    assert_eq!(limit_of(&bot.save().unwrap_err().cause), "snapshot_bytes");
}

#[test]
fn limits_are_read_strictly() {
    let limits: Limits = serde_json::from_str("{\"fuel\": 5}").unwrap();
    assert_eq!(limits, Limits { fuel: 5, ..Limits::default() });
    assert!(serde_json::from_str::<Limits>("{\"feul\": 5}").is_err());
}
