//! A list of events means exactly what single calls mean.

use std::sync::Arc;

use stockade_core::desk::BotRequest;
use stockade_core::order::Size;
use stockade_core::{InstrumentId, Money, Timestamp};

use super::wat_bot::*;
use crate::*;

/// Buys one share at the event `event` and says that it handled `handled`; leaves its buying power
/// in the state.
fn buyer(event: u32, handled: u32) -> String {
    format!(
        "(drop (call $submit (local.get $cap) (i32.const {event}) (i32.const 0) (i64.const 1) (i32.const 0)))
         (call $power (local.get $cap) (i32.const 1200))
         (call $drop (local.get $cap)) (i32.const {handled})"
    )
}

fn power_after(event: u32, handled: u32, list: &[stockade_core::market::Bar]) -> u64 {
    let mut bot = WatBot::bars(&buyer(event, handled)).start();
    call_with(&mut bot, list, &view("1000")).unwrap();
    counted(&mut bot)
}

#[test]
fn an_intent_is_priced_at_the_time_of_its_event() {
    let list = bars(4);
    // Closes are 101 to 104, the collar is five percent; 890.80 comes as 8908 / 10.
    for (event, power) in [(0, 89_395), (2, 89_185), (3, 8_908)] {
        assert_eq!(power_after(event, event + 1, &list), power, "event {event}");
        let place = usize::try_from(event).unwrap();
        assert_eq!(power_after(0, 1, &list[place..=place]), power, "single call {event}");
    }
    // All bars of a time stamp count, whichever of them the intent names.
    let same = [bar(1, "101"), bar(1, "103")];
    assert_eq!(power_after(0, 2, &same), 89_185);
}

#[test]
fn an_intent_of_an_earlier_time_voids_the_batch() {
    let cause = |event, handled| {
        let mut bot = WatBot::bars(&buyer(event, handled)).start();
        call_with(&mut bot, &bars(3), &view("1000")).map_err(|strike| strike.cause)
    };
    assert_eq!(cause(1, 2).unwrap().requests.len(), 1);
    assert!(matches!(cause(0, 2), Err(Cause::Contract { .. })));
    assert!(matches!(cause(2, 2), Err(Cause::Contract { .. })));
}

#[test]
fn ids_rise_from_the_views_own() {
    let mut bot = WatBot::bars(&buyer(0, 1)).start();
    let outcome = call_with(&mut bot, &bars(1), &view("1000")).unwrap();
    let BotRequest::Submit { intent_id, intent } = &outcome.requests[0] else { panic!() };
    assert_eq!((intent_id.0, intent.size), (100, Size::Qty("1".parse().unwrap())));
    let mut next = view("1000");
    (next.next_intent.0, next.version) = (170, 2);
    let outcome = call_with(&mut bot, &bars(1), &next).unwrap();
    assert!(
        matches!(outcome.requests[0], BotRequest::Submit { intent_id, .. } if intent_id.0 == 170)
    );
}

#[test]
fn a_changed_view_is_seen() {
    let body = format!("(call $cash (local.get $cap) (i32.const 1200)) {DONE}");
    let mut bot = WatBot::bars(&body).start();
    call_with(&mut bot, &bars(1), &view("1000.5")).unwrap();
    assert_eq!(counted(&mut bot), 10_005);
    let mut next = view("1");
    (next.version, next.cash) = (2, "-3.25".parse::<Money>().unwrap());
    call_with(&mut bot, &bars(1), &next).unwrap();
    assert_eq!(i64::from_le_bytes(counted(&mut bot).to_le_bytes()), -325);
}

/// Asks for the last 3 bars before the last event; leaves their number and the first one's time.
fn asker() -> WatBot {
    WatBot::bars(&format!(
        "(call $history (i32.sub (local.get $len) (i32.const 1)) (i32.const 0) (i32.const 3) (i32.const 1056))
         (i64.store (i32.const 1200) (i64.add (i64.mul (i64.const 1000) (i64.load32_u (i32.const 1060)))
           (i64.load (i32.load (i32.const 1056))))) {DONE}"
    ))
}

#[test]
fn history_ends_before_the_event_whether_the_driver_keeps_bars_first_or_not() {
    let all = bars(6);
    for (kept_before, batch) in [(6, 1), (5, 1), (6, 3), (3, 3), (6, 6), (0, 6)] {
        let history = Arc::new(History::new(10));
        history.push(&all[..kept_before]);
        let config = BotConfig { history: Some(history), ..config() };
        let mut bot = Bot::start(&asker().load(), config).unwrap();
        call_with(&mut bot, &all[6 - batch..], &view("10")).unwrap();
        // Three bars before the one at 6, the first of them at 3.
        assert_eq!(counted(&mut bot), 3_003, "{kept_before} {batch}");
    }
}

#[test]
fn history_keeps_the_last_bars_and_drops_repetitions() {
    let history = History::new(4);
    history.push(&bars(6));
    history.push(&bars(6));
    let times = |at, count| -> Vec<i64> {
        history.before(InstrumentId(10), Timestamp(at), count).iter().map(|b| b.at.0).collect()
    };
    assert_eq!(times(100, 10), [3, 4, 5, 6]);
    assert_eq!(times(6, 2), [4, 5]);
    assert_eq!(times(3, 2), [0; 0]);
    assert!(history.before(InstrumentId(11), Timestamp(100), 4).is_empty());
}
