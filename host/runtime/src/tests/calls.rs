//! Calls, state, reload.

use super::wat_bot::*;
use crate::*;

#[test]
fn a_bot_is_described_called_and_keeps_its_state() {
    let plugin = WatBot::default().load();
    assert_eq!((plugin.name(), plugin.description().version.as_str()), ("tester", "1.0.0"));
    assert!(plugin.description().symbols.is_empty());
    let mut bot = Bot::start(&plugin, config()).unwrap();
    let outcome = call(&mut bot, 64).unwrap();
    assert_eq!((outcome.handled, outcome.requests.len()), (64, 0));
    assert!(outcome.fuel_used > 0);
    assert_eq!(call(&mut bot, 64).unwrap().fuel_used, outcome.fuel_used, "fuel is exact");
    assert_eq!(counted(&mut bot), 128);
}

#[test]
fn every_kind_of_event_gets_through() {
    let mut bot = WatBot::default().start();
    let (view, prices, now) = (view("10"), TestPrices::default(), Timestamp(5));
    let id = InstrumentId(11);
    let (price, qty) = ("1.5".parse().unwrap(), "2".parse().unwrap());
    let quote = stockade_core::market::Quote {
        instrument: id,
        at: now,
        bid: price,
        bid_size: qty,
        ask: price,
        ask_size: qty,
    };
    let trade = stockade_core::market::Trade { instrument: id, at: now, price, size: qty };
    let update = stockade_core::desk::OrderUpdate {
        intent_id: stockade_core::IntentId(4),
        symbol: instrument(0).symbol,
        side: stockade_core::order::Side::Buy,
        status: None,
        reason: Some("capital".into()),
        filled_qty: qty,
        last_qty: qty,
        last_price: Some(price),
        lot: None,
        at: now,
    };
    let session = SessionEvent { at: now, kind: SessionKind::Close, day: 20_190_211 };
    let (quotes, trades, updates, sessions) = ([quote; 2], [trade; 3], [update], [session]);
    for (events, count) in [
        (Events::Quotes(&quotes), 2),
        (Events::Trades(&trades), 3),
        (Events::Orders(&updates), 1),
        (Events::Timer(&[now]), 1),
        (Events::Session(&sessions), 1),
        (Events::bars(&[]), 0),
    ] {
        let call = Call { events, warm_up: false, view: &view, prices: &prices, now };
        assert_eq!(bot.call(&call).unwrap().handled, count);
    }
}

#[test]
fn an_event_of_another_instrument_is_the_hosts_fault_and_costs_nothing() {
    let mut bot = WatBot::default().start();
    let mut list = bars(1);
    list[0].instrument = InstrumentId(99);
    let strike = call_with(&mut bot, &list, &view("10")).unwrap_err();
    assert!(matches!(strike.cause, Cause::Host { .. }), "{strike}");
    assert_eq!(call(&mut bot, 3).unwrap().handled, 3);
}

#[test]
fn a_reload_carries_the_state_over() {
    let mut old = WatBot::default().start();
    call(&mut old, 5).unwrap();
    let done = reload(old, &WatBot::bars(&format!("(nop) {DONE}")).load(), config()).unwrap();
    let (mut bot, mut previous) = (done.bot, done.previous);
    call(&mut bot, 2).unwrap();
    assert_eq!((counted(&mut bot), counted(&mut previous)), (7, 5));
}

#[test]
fn a_state_of_another_format_is_migrated_first() {
    let count = |schema, migrate| {
        let mut old = WatBot { schema: 1, ..WatBot::default() }.start();
        call(&mut old, 5).unwrap();
        let new = WatBot { schema, migrate, ..WatBot::default() };
        match reload(old, &new.load(), config()) {
            Ok(done) => Ok(counted(&mut { done.bot })),
            Err(kept) => Err(kept.cause.to_string()),
        }
    };
    // It adds the schema of the state to what it counted.
    let adds = "(i64.store (local.get $ptr)
        (i64.add (i64.load (local.get $ptr)) (i64.extend_i32_u (local.get $schema))))
        (i32.store8 (i32.const 1024) (i32.const 0))
        (i32.store (i32.const 1028) (local.get $ptr))
        (i32.store (i32.const 1032) (local.get $len)) (i32.const 1024)";
    assert_eq!(count(1, "unreachable"), Ok(5), "its own format is restored as it is");
    assert_eq!(count(2, adds), Ok(6));
    let refuses = "(i32.store8 (i32.const 1024) (i32.const 1))
        (i32.store (i32.const 1028) (i32.const 512))
        (i32.store (i32.const 1032) (i32.const 6)) (i32.const 1024)";
    assert_eq!(count(2, refuses), Err("migrate refused: a line".to_owned()));
    let huge = "(i32.store8 (i32.const 1024) (i32.const 0))
        (i32.store (i32.const 1028) (i32.const 8192))
        (i32.store (i32.const 1032) (i32.const 1500000)) (i32.const 1024)";
    let error = count(2, huge).unwrap_err();
    assert!(error.contains("limits.snapshot_bytes"), "{error}");
}

#[test]
fn a_reload_that_fails_leaves_the_old_bot_running() {
    let mut bot = WatBot::default().start();
    call(&mut bot, 5).unwrap();
    let text = "(i32.store8 (i32.const 1024) (i32.const 1))
                (i32.store (i32.const 1028) (i32.const 512))
                (i32.store (i32.const 1032) (i32.const 12)) (i32.const 1024)";
    let broken = [
        WatBot { restore: "unreachable", ..WatBot::default() },
        WatBot { restore: text, ..WatBot::default() },
        WatBot { init: "unreachable", ..WatBot::default() },
        WatBot { init: text, ..WatBot::default() },
    ];
    for new in broken {
        let kept = reload(bot, &new.load(), config()).unwrap_err();
        let BotError::Strike(strike) = &kept.cause else { panic!("{}", kept.cause) };
        assert!(matches!(strike.cause, Cause::Trap { .. } | Cause::Refused { .. }), "{strike}");
        if let Cause::Refused { message, .. } = &strike.cause {
            assert_eq!(message, "a line \\u{1b}[31m");
        }
        bot = kept.bot;
        call(&mut bot, 1).unwrap();
    }
    assert_eq!(counted(&mut bot), 9);
}

#[test]
fn parameters_that_the_plugin_does_not_have_are_refused() {
    let params = vec![("fast".to_owned(), "5".to_owned())];
    let error =
        Bot::start(&WatBot::default().load(), BotConfig { params, ..config() }).unwrap_err();
    assert_eq!(error.to_string(), "the plugin has no parameter \"fast\", it has: none");
}

#[test]
fn the_same_calls_give_the_same_answers_in_another_instance() {
    let body = format!(
        "(drop (call $submit (local.get $cap) (i32.sub (local.get $len) (i32.const 1)) (i32.const 0) (i64.const 3) (i32.const 0))) {DONE}"
    );
    let run = || {
        let mut bot = WatBot::bars(&body).start();
        (call(&mut bot, 3).unwrap(), bot.save().unwrap())
    };
    assert_eq!(run(), run());
}

#[test]
fn overhead_is_measured_over_all_bars() {
    let mut bot = WatBot::default().start();
    let (view, prices) = (view("10"), TestPrices::default());
    let measured = measure_call_overhead(&mut bot, &bars(100), 64, &view, &prices).unwrap();
    assert_eq!((measured.bars, measured.calls), (100, 2));
    assert_eq!(counted(&mut bot), 100);
}

use stockade_core::{InstrumentId, Timestamp};
