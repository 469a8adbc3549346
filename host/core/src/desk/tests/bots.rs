//! Strikes, back-off and quarantine; controls that are set together.

use super::*;
use crate::limits;
use crate::row::BotState;

const MINUTE: i64 = 60 * limits::NANOS_PER_SECOND;

fn deployed(bench: &mut Bench) -> SleeveId {
    let reply = bench.command(Command::BotDeploy {
        name: slug("walker"),
        sleeve: None,
        capital: money(dec!(1000)),
        plugin: "walker".to_owned(),
        digest: "d".to_owned(),
        version: "1".to_owned(),
        params: Vec::new(),
        symbols: vec![symbol("AAPL")],
        seed: 1,
    });
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    bench.sleeve("walker").id
}

/// The bot runs, handles `events` over `span_ns`, and is struck; then the back-off passes.
fn struck(bench: &mut Bench, sleeve: SleeveId, events: usize, span_ns: i64) -> BotState {
    let generation = bench.desk.bot(sleeve).unwrap().generation;
    bench.put(Event::Bot { sleeve, report: BotReport::Ready { generation } });
    let mut run = GoodRun::default();
    run.took(events, Timestamp(0), Timestamp(span_ns));
    let cause = "trap".to_owned();
    bench.put(Event::Bot { sleeve, report: BotReport::Strike { generation, run, cause } });
    let state = bench.desk.bot(sleeve).unwrap().state;
    // As in a fast replay: hours of the market pass before it is back.
    bench.time += 24 * 60 * MINUTE;
    bench.put(Event::Timer);
    state
}

#[test]
fn a_bot_that_fails_each_time_is_quarantined_however_fast_the_market_goes() {
    for (events, span) in [(0, 0), (1, 0), (9, 3_000 * MINUTE), (50_000, MINUTE)] {
        let mut bench = Bench::new();
        let sleeve = deployed(&mut bench);
        assert_eq!(struck(&mut bench, sleeve, events, span), BotState::Suspended);
        assert_eq!(struck(&mut bench, sleeve, events, span), BotState::Suspended);
        assert_eq!(struck(&mut bench, sleeve, events, span), BotState::Quarantined);
        assert_eq!(bench.desk.bot(sleeve).unwrap().state, BotState::Quarantined, "by itself");
    }
}

#[test]
fn a_bot_that_cannot_be_made_is_quarantined_however_fast_the_market_goes() {
    let mut bench = Bench::new();
    let sleeve = deployed(&mut bench);
    let mut states = Vec::new();
    for _ in 0..3 {
        let generation = bench.desk.bot(sleeve).unwrap().generation;
        let cause = "restore failed".to_owned();
        bench.put(Event::Bot { sleeve, report: BotReport::Failed { generation, cause } });
        states.push(bench.desk.bot(sleeve).unwrap().state);
        bench.time += 60 * MINUTE;
        bench.put(Event::Timer);
    }
    assert_eq!(states, [BotState::Suspended, BotState::Suspended, BotState::Quarantined]);
}

#[test]
fn a_good_run_forgives() {
    let mut bench = Bench::new();
    let sleeve = deployed(&mut bench);
    for _ in 0..10 {
        assert_eq!(struck(&mut bench, sleeve, 10, 10 * MINUTE), BotState::Suspended);
        assert_eq!(bench.desk.bot(sleeve).unwrap().strikes.len(), 1);
    }
    assert_eq!(struck(&mut bench, sleeve, 10, 10 * MINUTE - 1), BotState::Suspended);
    assert_eq!(struck(&mut bench, sleeve, 0, 0), BotState::Quarantined);
}

#[test]
fn a_run_counts_by_its_events_times() {
    let mut run = GoodRun::default();
    run.took(0, Timestamp(-5), Timestamp(20 * MINUTE));
    assert_eq!(run, GoodRun::default(), "nothing was handled");
    run.took(4, Timestamp(MINUTE), Timestamp(4 * MINUTE));
    run.took(5, Timestamp(5 * MINUTE), Timestamp(11 * MINUTE));
    assert!(!run.forgives(), "nine events");
    run.took(1, Timestamp(9 * MINUTE), Timestamp(9 * MINUTE));
    assert_eq!((run.events, run.span_ns, run.forgives()), (10, 10 * MINUTE, true));
}

#[test]
fn controls_are_set_together_or_not_at_all() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(1000));
    let set = |scope: &Scope, settings: &[(&str, &str)]| Command::RiskSet {
        scope: scope.clone(),
        settings: settings
            .iter()
            .map(|(control, value)| ((*control).to_owned(), (*value).to_owned()))
            .collect(),
    };
    for scope in [Scope::Account, Scope::Sleeve { name: slug("alpha") }] {
        let before =
            (bench.desk.account().controls.clone(), bench.sleeve("alpha").controls.clone());
        let wrong = [("max_order_notional", "50"), ("order_rate", "many")];
        assert_eq!(refusal(&bench.command(set(&scope, &wrong))), "not_allowed");
        let after = (bench.desk.account().controls.clone(), bench.sleeve("alpha").controls.clone());
        assert_eq!(before, after);
        let right = [("max_order_notional", "50"), ("order_rate", "9")];
        let Reply::Done { message, .. } = bench.command(set(&scope, &right)) else {
            panic!("refused");
        };
        assert_eq!(message, "max_order_notional is 50, order_rate is 9");
    }
    let factor = [("allocation_factor", "2"), ("daily_loss", "-1")];
    assert_eq!(refusal(&bench.command(set(&Scope::Account, &factor))), "not_allowed");
    assert_eq!(bench.desk.account().allocation_factor, dec!(1));
    assert_eq!(bench.sleeve("alpha").controls.order_rate, Some(9));
    assert_eq!(bench.desk.account().controls.max_order_notional, Some(money(dec!(50))));
}
