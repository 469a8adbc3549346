//! WASI with nothing behind it.

use super::wat_bot::*;
use crate::*;

/// The parts of WASI 0.2 that the tests import, as its own packages have them.
const PACKAGES: &[&str] = &[
    "package wasi:io@0.2.6;
     interface poll { resource pollable { ready: func() -> bool; block: func(); } }
     interface error { resource error {} }
     interface streams {
       use error.{error};
       use poll.{pollable};
       variant stream-error { last-operation-failed(error), closed }
       resource output-stream {
         blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
         subscribe: func() -> pollable;
       }
     }",
    "package wasi:clocks@0.2.6;
     interface monotonic-clock {
       use wasi:io/poll@0.2.6.{pollable};
       now: func() -> u64;
       subscribe-duration: func(when: u64) -> pollable;
     }",
    "package wasi:random@0.2.6;
     interface random { get-random-u64: func() -> u64; }",
    "package wasi:cli@0.2.6;
     interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }
     interface exit { exit: func(status: result); }",
    "package wasi:filesystem@0.2.6;
     interface types { resource descriptor { sync: func() -> bool; } filesystem-error-code: func(err: u32) -> bool; }",
];

const IMPORTS: &str = "import wasi:io/poll@0.2.6; import wasi:io/streams@0.2.6;
    import wasi:clocks/monotonic-clock@0.2.6; import wasi:random/random@0.2.6;
    import wasi:cli/stdout@0.2.6; import wasi:cli/exit@0.2.6; import wasi:filesystem/types@0.2.6;";

fn wasi_bot(body: &str) -> Bot {
    let mut bot = WatBot { packages: PACKAGES, imports: IMPORTS, ..WatBot::default() };
    bot.bars = body.to_owned();
    let imports = r#"
      (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
      (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $sleep (param i64) (result i32)))
      (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
      (import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))
      (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
      (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
      (import "wasi:filesystem/types@0.2.6" "filesystem-error-code" (func $code (param i32) (result i32)))
      (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))"#;
    let module = bot.module_with(imports);
    Bot::start(&Plugin::load(&ENGINE, &module.clone().into(), "tester").unwrap(), config()).unwrap()
}

fn state(body: &str) -> u64 {
    let mut bot = wasi_bot(&format!("{body} {DONE}"));
    call(&mut bot, 5).unwrap();
    counted(&mut bot)
}

fn trap(body: &str) -> String {
    call(&mut wasi_bot(&format!("{body} {DONE}")), 1).unwrap_err().cause.to_string()
}

#[test]
fn the_clock_shows_the_events_time_and_randomness_comes_from_the_seed() {
    assert_eq!(state("(i64.store (i32.const 1200) (call $now))"), 5);
    let random = "(i64.store (i32.const 1200) (call $random))";
    assert_eq!(state(random), state(random));
    let twice = "(drop (call $random)) (i64.store (i32.const 1200) (call $random))";
    assert_ne!(state(random), state(twice));
}

#[test]
fn waiting_exiting_and_files_trap_by_name() {
    assert!(trap("(call $block (call $sleep (i64.const 1)))").contains("it waited"));
    assert_eq!(state("(call $block (call $sleep (i64.const 0)))"), 5);
    assert!(trap("(call $exit (i32.const 1))").contains("exit (error)"));
    let file = trap("(drop (call $code (i32.const 1)))");
    assert!(file.contains("wasi:filesystem/types#filesystem-error-code is not there"), "{file}");
}

#[test]
fn output_goes_to_the_log_by_lines_and_handles_are_counted() {
    let body = "(i32.store8 (i32.const 524) (i32.const 10))
        (call $write (call $stdout) (i32.const 512) (i32.const 5) (i32.const 1056))
        (call $write (call $stdout) (i32.const 517) (i32.const 8) (i32.const 1056))";
    let outcome = call(&mut wasi_bot(&format!("{body} {DONE}")), 1).unwrap();
    let texts: Vec<_> = outcome.logs.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["a line \\u{1b}[31m"]);
    let leak = "(loop $l (drop (call $stdout)) (br $l))";
    assert!(trap(leak).contains("limits.handles"));
}
