//! Ten thousand reloads in a loop under load: no event lost or given twice, memory flat.

use stockade_core::desk::BotRequest;

use super::real::load;
use super::wat_bot::*;
use crate::*;

/// Reloads in all.
const RELOADS: u64 = 10_000;
/// Reloads after which everything that is kept is there: compiled code, allocations that are reused.
const SETTLED: u64 = 2_000;
/// How much more memory may be resident at the end, in bytes: less than a page for each reload.
const GROWTH_MAX: u64 = 16 << 20;

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// The count that the bot put on its order.
fn counted(outcome: &Outcome) -> u64 {
    let intent = match &outcome.requests[..] {
        [BotRequest::Submit { intent, .. } | BotRequest::Refused { intent, .. }] => intent,
        other => panic!("{other:?}"),
    };
    intent.tag.as_deref().and_then(|tag| tag.split_once('/')).unwrap().1.parse().unwrap()
}

#[test]
fn ten_thousand_in_a_loop_lose_no_event_and_keep_no_memory() {
    let version = load("counter-v2");
    let params = vec![("every".to_owned(), "1".to_owned())];
    let made = || BotConfig { params: params.clone(), ..config() };
    let mut bot = Bot::start(&version, made()).unwrap();
    let (mut seen, mut before) = (0, 0);
    for reload_number in 1..=RELOADS {
        // Some events between two reloads, each with an order.
        for _ in 0..=reload_number % 3 {
            seen += 1;
            let at = i64::try_from(seen).unwrap() * 60_000_000_000;
            let outcome = call_with(&mut bot, &[bar(at, "101")], &view("10000")).unwrap();
            assert_eq!(counted(&outcome), seen, "after reload {reload_number}");
        }
        let reloaded = reload(bot, &version, made()).unwrap();
        assert_eq!(reloaded.snapshot.schema, 2);
        bot = reloaded.bot;
        if reload_number == SETTLED {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    println!(
        "{RELOADS} reloads, {seen} events, {grown} bytes more resident since the first {SETTLED}"
    );
    assert!(grown < GROWTH_MAX, "{grown} bytes more are resident than after {SETTLED} reloads");
}
