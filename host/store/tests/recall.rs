//! A start reads the executions of the last while; older ones are found by what names them.

mod support;

use std::sync::Arc;

use stockade_core::desk::{BooksAnswer, Question};
use stockade_core::ledger::EntryKind;
use stockade_core::limits::REMEMBERED_NS;
use stockade_core::row::{EntryRow, ExecutionKey, ExecutionRow, Row};
use stockade_core::{OrderId, Qty};
use stockade_store::testing::TestDatabase;
use support::*;

fn pick<T: Clone>(rows: &[Row], of: impl Fn(&Row) -> Option<&T>) -> T {
    rows.iter().find_map(of).expect("one of each").clone()
}

fn key(id: &str, order: &str, cumulative: Option<&str>) -> ExecutionKey {
    ExecutionKey {
        execution_id: id.to_owned(),
        broker_order_id: order.to_owned(),
        cumulative_qty: cumulative.map(qty),
    }
}

/// Executions of our order, of nobody's, and two splits of a file; each kind once inside the while
/// that is remembered and once before it.
fn rows() -> Vec<Row> {
    let one = one_of_each();
    let execution: ExecutionRow =
        pick(&one, |row| if let Row::Execution(row) = row { Some(row) } else { None });
    let entry: EntryRow =
        pick(&one, |row| if let Row::Entry(row) = row { Some(row) } else { None });
    let since = account().remembers_since();
    let mut rows = vec![Row::Order(Box::new(order(1)))];
    let mut id = entry.id;
    for (age, at) in [("old", since.plus(-1)), ("new", since)] {
        for (order, broker) in [(Some(OrderId(1)), "b-1"), (None, "strange")] {
            id.0 += 1;
            let execution_id: Arc<str> = format!("{age}-{broker}").into();
            let cumulative_qty = Some(Qty::new(dec(if age == "old" { "1" } else { "2" })));
            rows.push(Row::Entry(EntryRow {
                id,
                kind: EntryKind::Execution,
                execution_id: Some(execution_id.clone()),
                source_id: None,
                effective_at: at,
                ..entry.clone()
            }));
            rows.push(Row::Execution(ExecutionRow {
                execution_id,
                order,
                broker_order_id: broker.into(),
                cumulative_qty,
                at,
                entry: id,
                ..execution.clone()
            }));
        }
        id.0 += 1;
        rows.push(Row::Entry(EntryRow {
            id,
            kind: EntryKind::Split,
            execution_id: Some(format!("{age}-split").into()),
            source_id: None,
            effective_at: at,
            ratio: Some(dec("2")),
            postings: Vec::new(),
            ..entry.clone()
        }));
    }
    rows
}

#[tokio::test]
async fn a_start_reads_what_is_new_and_finds_what_is_old() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    writer.commit(group(rows())).await.expect("committed");
    let loaded = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    assert_eq!(loaded.remembered_since, NOON.plus(-REMEMBERED_NS));
    let expected = [
        key("new-b-1", "b-1", Some("2")),
        key("new-strange", "strange", Some("2")),
        key("new-split", "", None),
    ];
    assert_eq!(loaded.executions, expected);
    // By id; by our broker order and by a stranger's, under ids of another source; and a split.
    let asked = [
        (key("old-b-1", "", None), vec!["old-b-1"]),
        (key("x", "b-1", Some("1")), vec!["new-b-1", "old-b-1"]),
        (key("x", "strange", Some("1")), vec!["new-strange", "old-strange"]),
        (key("x", "", Some("1")), vec![]),
        (key("x", "unheard of", Some("1")), vec![]),
        (key("old-split", "", None), vec!["old-split"]),
    ];
    for (key, expected) in asked {
        let question = Question::Booked { keys: vec![key] };
        let answer = db.store.answer(LABEL, &question).await.expect("answered");
        let BooksAnswer::Booked { keys } = answer else { panic!("{answer:?}") };
        let mut found: Vec<&str> = keys.iter().map(|key| key.execution_id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{question:?}");
    }
}
