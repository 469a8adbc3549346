//! Executions that are older than what a restored desk remembers.

use super::*;
use crate::limits::{RECALL_SLACK_NS, REMEMBERED_NS};
use crate::row::ExecutionKey;

/// A desk that remembers nothing before its present, with 10 AAPL bought long before; and the
/// message of that execution.
fn forgetful() -> (Bench, TradeUpdate) {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(150));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let update = bench.update(&order, dec!(10), dec!(10), dec!(150));
    bench.time += 3 * REMEMBERED_NS;
    bench.desk.remembers_since = Timestamp(bench.time - REMEMBERED_NS);
    (bench, update)
}

fn booked(bench: &Bench) -> usize {
    bench.rows.iter().filter(|row| matches!(row, Row::Execution(_))).count()
}

fn answer(bench: &mut Bench, keys: Vec<ExecutionKey>) {
    bench.put(Event::Books { answer: BooksAnswer::Booked { keys } });
}

#[test]
fn what_is_older_is_asked_for_and_what_is_remembered_is_not() {
    let (mut bench, update) = forgetful();
    let asked = ExecutionKey::of(update.fill.as_ref().unwrap());
    let event = Event::TradeUpdate { update: update.clone() };
    let question = bench.desk.recall(&event);
    assert_eq!(question, Some(Question::Booked { keys: vec![asked] }));
    // The broker may name another time: inside the slack it is asked for all the same.
    let mut near = update.clone();
    let edge = bench.desk.remembers_since.plus(RECALL_SLACK_NS);
    near.fill.as_mut().unwrap().at = edge.plus(-1);
    assert!(bench.desk.recall(&Event::TradeUpdate { update: near.clone() }).is_some());
    near.fill.as_mut().unwrap().at = edge;
    assert_eq!(bench.desk.recall(&Event::TradeUpdate { update: near }), None);
    assert_eq!(bench.desk.recall(&Event::Timer), None);
    // Whatever was booked since the start is remembered, however old it is.
    bench.put(event.clone());
    assert_eq!((booked(&bench), bench.desk.recall(&event)), (1, None));
}

#[test]
fn an_answer_holds_for_the_next_event_alone() {
    for by_id in [true, false] {
        let (mut bench, update) = forgetful();
        let mut known = ExecutionKey::of(update.fill.as_ref().unwrap());
        if !by_id {
            "of another source".clone_into(&mut known.execution_id);
        }
        answer(&mut bench, vec![known]);
        bench.put(Event::TradeUpdate { update: update.clone() });
        assert_eq!(booked(&bench), 0, "it is in the books already");
        answer(&mut bench, Vec::new());
        bench.put(Event::TradeUpdate { update: update.clone() });
        bench.put(Event::TradeUpdate { update });
        assert_eq!(booked(&bench), 1, "an unknown one is booked, once");
        bench.cash -= dec!(1500);
        bench.check();
    }
}

#[test]
fn rows_of_a_file_are_asked_for_too() {
    let (bench, _) = forgetful();
    let fill = |id: &str, at: i64| ImportedFill {
        execution_id: id.to_owned(),
        at: Timestamp(at),
        symbol: symbol("AAPL"),
        kind: ImportKind::Split { ratio: dec!(2) },
    };
    let fills = vec![fill("old", 5), fill("new", bench.time)];
    let command = Command::ImportFills { sleeve: slug("alpha"), opening: true, fills };
    let keys = vec![ExecutionKey::imported("old")];
    assert_eq!(bench.desk.recall(&Event::Command { command }), Some(Question::Booked { keys }));
}
