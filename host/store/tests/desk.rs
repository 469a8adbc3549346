//! The core's own rows: a desk that is rebuilt from the database after every input is the same as
//! one that never was, and its books pass every check.

mod support;

use stockade_core::desk::{
    Command, Desk, Effects, Event, ImportKind, ImportedFill, Input, Reply, Settings, step,
};
use stockade_core::instrument::Instrument;
use stockade_core::ledger::LotMethod;
use stockade_core::order::Side;
use stockade_core::risk::Controls;
use stockade_core::row::{Row, Rows};
use stockade_core::{Now, Timestamp};
use stockade_store::testing::TestDatabase;
use stockade_store::{Store, WriterHandle, WriterOptions};
use support::*;

fn at(number: i64) -> Now {
    let time = NOON.plus(number * 1_000_000_000);
    Now { market: time, machine: time }
}

fn trade(
    id: &str,
    number: i64,
    side: Side,
    units: &str,
    at_price: &str,
    fee: &str,
) -> ImportedFill {
    let kind = ImportKind::Trade { side, qty: qty(units), price: price(at_price), fee: money(fee) };
    ImportedFill {
        execution_id: format!("import:{id}"),
        at: at(number).market,
        symbol: symbol("AAPL"),
        kind,
    }
}

fn split(id: &str, number: i64, ratio: &str) -> ImportedFill {
    let kind = ImportKind::Split { ratio: dec(ratio) };
    ImportedFill {
        execution_id: format!("import:{id}"),
        at: at(number).market,
        symbol: symbol("AAPL"),
        kind,
    }
}

fn import(sleeve: &str, fills: Vec<ImportedFill>) -> Event {
    command(Command::ImportFills { sleeve: slug(sleeve), opening: false, fills })
}

fn command(command: Command) -> Event {
    Event::Command { command }
}

fn create(name: &str, capital: &str) -> Event {
    let (name, capital, lots) = (slug(name), money(capital), LotMethod::Fifo);
    command(Command::SleeveCreate { name, capital, lots })
}

fn day() -> Vec<Event> {
    let fills = vec![
        trade("1", 1, Side::Buy, "10", "100.10", "0.33"),
        trade("2", 2, Side::Buy, "7.5", "101.000000001", "0.25"),
        trade("3", 3, Side::Sell, "12", "103.37", "0.41"),
        split("4", 4, "3"),
        trade("5", 5, Side::Sell, "4", "35.01", "0.07"),
    ];
    let (one, two) = (slug("one"), slug("two"));
    vec![
        Event::Instruments { instruments: vec![Instrument::equity(symbol("AAPL"))] },
        Event::Started { epoch: 1, take_over: false },
        create("one", "10000"),
        create("two", "5000"),
        import("one", fills),
        command(Command::CapitalAdd { name: one.clone(), amount: money("12.34") }),
        command(Command::CapitalWithdraw { name: two.clone(), amount: money("0.01") }),
        command(Command::CapitalMove { from: one.clone(), to: two.clone(), amount: money("100") }),
        command(Command::PositionMove {
            from: one,
            to: two,
            symbol: symbol("AAPL"),
            qty: qty("5"),
        }),
        import("two", vec![trade("6", 6, Side::Sell, "2", "36", "0.05")]),
        Event::Sample { session_close: Some(20_190_211) },
        Event::Sample { session_close: None },
    ]
}

async fn restored(store: &Store) -> (Desk, Rows) {
    let rows = store.account_load(LABEL).await.expect("loaded").expect("there");
    let desk = Desk::restore(rows.clone(), Settings::reference()).expect("restored");
    (desk, rows)
}

fn put(desk: &mut Desk, now: Now, event: Event) -> Effects {
    let mut out = Effects::default();
    step(desk, Input { now, event }, &mut out);
    out
}

#[tokio::test]
async fn a_desk_rebuilt_at_every_step_is_the_same_desk() {
    let db = TestDatabase::new().await;
    let new = Rows::new_account(slug(LABEL), "e1".to_owned(), false, Controls::default(), at(0));
    db.store.account_create(&new.account, &new.to_rows()).await.expect("made");
    let epoch = db.store.lease_acquire(LABEL, "a test", TTL).await.expect("free").epoch;
    let mut writer = WriterHandle::spawn(&db.store, LABEL, epoch, WriterOptions::default())
        .await
        .expect("a writer");
    let mut steady = restored(&db.store).await.0;
    for (number, event) in (10..).zip(day()) {
        let (mut rebuilt, _) = restored(&db.store).await;
        let what = format!("{event:?}");
        let expected = put(&mut steady, at(number), event.clone());
        let found = put(&mut rebuilt, at(number), event);
        if !what.starts_with("Started") {
            assert_eq!(found.rows, expected.rows, "{what}");
        }
        assert!(
            !matches!(expected.reply, Some(Reply::Refused { .. })),
            "{what}: {:?}",
            expected.reply
        );
        writer.commit(group(expected.rows)).await.expect("committed");
        let broken: Vec<_> = db
            .store
            .db_check(LABEL)
            .await
            .expect("checked")
            .into_iter()
            .filter(|rule| !rule.ok)
            .collect();
        assert_eq!(broken, [], "{what}");
    }
    // The same file again, after a restart: nothing is booked twice, the split neither.
    let (mut rebuilt, rows) = restored(&db.store).await;
    assert_eq!(rows.executions.len(), 6);
    let Event::Command { command: again } = &day()[4] else { panic!("the import") };
    let out = put(&mut rebuilt, at(99), command(again.clone()));
    assert!(
        matches!(out.reply, Some(Reply::Done { booked: Some(0), known: Some(5), .. })),
        "{:?}",
        out.reply
    );
    assert!(
        !out.rows.iter().any(|row| matches!(row, Row::Entry(_) | Row::Execution(_) | Row::Lot(_)))
    );
    assert!(Timestamp(0) < rows.account.now.market);
    writer.close().await;
}
