//! The checks pass on sound books and name what is wrong in broken ones.

mod support;

use sqlx::{Connection as _, Executor as _};
use stockade_core::ledger::LedgerAccount;
use stockade_core::order::Side;
use stockade_core::row::{OrderRow, PositionRow, Row, SleeveKind, SleeveRow};
use stockade_store::testing::TestDatabase;
use support::*;

/// A sleeve with 1,000 that bought three, sold one and offers one; all of it booked.
fn sound() -> Vec<Row> {
    let position = || LedgerAccount::Position(symbol("AAPL"));
    let deposit = [(LedgerAccount::Cash, "1000"), (LedgerAccount::Capital, "-1000")];
    let bought =
        [(LedgerAccount::Cash, "-300.3"), (position(), "300"), (LedgerAccount::Fees, "0.3")];
    let sold = [
        (LedgerAccount::Cash, "109.95"),
        (position(), "-100"),
        (LedgerAccount::Realised, "-10"),
        (LedgerAccount::Fees, "0.05"),
    ];
    let sleeve = SleeveRow {
        initial_capital: money("1000"),
        cash: money("809.65"),
        fees: money("0.35"),
        realised: money("9.85"),
        ..sleeve(BOT, "dip-buyer", SleeveKind::Bot)
    };
    let buy = OrderRow {
        filled_qty: qty("3"),
        reserved: money("0"),
        status: stockade_core::order::OrderStatus::Canceled,
        ..order(1)
    };
    let sell = OrderRow {
        side: Side::Sell,
        size: stockade_core::order::Size::Qty(qty("2")),
        reserved: money("0"),
        filled_qty: qty("1"),
        ..order(2)
    };
    let mut bought_x = execution("x-1", 2);
    (bought_x.order, bought_x.qty, bought_x.fee) =
        (Some(stockade_core::OrderId(1)), qty("3"), money("0.3"));
    let mut sold_x = execution("x-2", 3);
    (sold_x.order, sold_x.side, sold_x.price, sold_x.fee) =
        (Some(stockade_core::OrderId(2)), Side::Sell, price("110"), money("0.05"));
    let mut lot = lot(1);
    (lot.entry_price, lot.cost, lot.cost_left) = (price("100"), money("300"), money("200"));
    let mut trip = round_trip(1);
    (trip.exit_price, trip.gross, trip.net, trip.cost) =
        (price("110"), money("10"), money("9.85"), money("100"));
    let mut entries =
        [entry(1, None, &deposit), entry(2, Some("x-1"), &bought), entry(3, Some("x-2"), &sold)];
    entries[1].postings[1].qty = qty("3");
    entries[2].postings[1].qty = qty("-1");
    let mut account = account();
    for entry in &mut entries {
        account.link = account.link.next(LABEL, entry);
        entry.link = account.link;
    }
    let [deposit, bought, sold] = entries.map(Row::Entry);
    (account.state, account.input_index.0) = (stockade_core::risk::TradingState::Active, 1);
    vec![
        Row::Account(Box::new(account)),
        Row::Sleeve(Box::new(sleeve)),
        deposit,
        bought,
        sold,
        Row::Execution(bought_x),
        Row::Execution(sold_x),
        Row::Order(Box::new(buy)),
        Row::Order(Box::new(sell)),
        Row::Lot(lot),
        Row::RoundTrip(trip),
        Row::Position(PositionRow {
            sleeve: BOT,
            symbol: symbol("AAPL"),
            qty: qty("2"),
            cost: money("200"),
            fee_left: money("0.2"),
        }),
        Row::Input(input(1)),
    ]
}

#[tokio::test]
async fn sound_books_pass() {
    let db = TestDatabase::new().await;
    assert_eq!(broken_by(&db, "SELECT 1").await, [""; 0]);
}

#[tokio::test]
async fn each_rule_can_fail() {
    for (id, damage) in DAMAGES {
        let db = TestDatabase::new().await;
        let broken = broken_by(&db, damage).await;
        assert!(broken.contains(id), "{id} did not find: {damage}; found {broken:?}");
        db.store.close().await;
    }
}

/// Damages the books around the schema's own locks; gives the rules that notice.
async fn broken_by(db: &TestDatabase, damage: &'static str) -> Vec<&'static str> {
    let mut writer = writer(&db.store).await;
    writer.commit(group(sound())).await.expect("committed");
    writer.close().await;
    let mut owner = sqlx::PgConnection::connect(&db.url).await.expect("connected");
    owner.execute("SET session_replication_role = replica").await.expect("locks off");
    owner.execute(sqlx::raw_sql(damage)).await.expect(damage);
    owner.close().await.expect("closed");
    let results = db.store.db_check(LABEL).await.expect("checked");
    assert!(results.iter().all(|rule| rule.ok == rule.rows.is_empty()));
    results.into_iter().filter(|rule| !rule.ok).map(|rule| rule.id).collect()
}

const DAMAGES: &[(&str, &str)] = &[
    ("I3", "UPDATE stockade.posting SET qty = qty + 1 WHERE entry = 2 AND leg = 1"),
    ("I4", "UPDATE stockade.entry SET memo = 'another' WHERE id = 2"),
    ("I4", "UPDATE stockade.posting SET amount = amount * 2 WHERE entry = 1"),
    ("I4", "DELETE FROM stockade.posting WHERE entry = 3; DELETE FROM stockade.entry WHERE id = 3"),
    ("I4", "UPDATE stockade.account SET link = decode(repeat('11', 32), 'hex')"),
    ("I1", "UPDATE stockade.posting SET amount = amount + 1 WHERE entry = 1 AND leg = 0"),
    ("I2", "UPDATE stockade.posting SET amount = amount + 1 WHERE entry = 1 AND leg = 0"),
    ("I3", "UPDATE stockade.sleeve SET fees = fees + 1 WHERE id = 10"),
    ("I3", "DELETE FROM stockade.position"),
    ("I7", "UPDATE stockade.lot SET remaining = 1"),
    ("I7", "UPDATE stockade.position SET fee_left = 0"),
    ("I8", "UPDATE stockade.sleeve SET realised = realised + 1 WHERE id = 10"),
    ("I9", "UPDATE stockade.lot SET fee = 0.29"),
    ("I9", "UPDATE stockade.round_trip SET qty = 0.5"),
    ("I10", "UPDATE stockade.lot SET sleeve = 2, execution_id = ''"),
    ("I11", "UPDATE stockade.order SET client_order_id = 'manual' WHERE id = 1"),
    ("I11", "UPDATE stockade.order SET sleeve = 1 WHERE id = 1"),
    ("I11", "UPDATE stockade.order SET replaces = 7, status = 'accepted'"),
    (
        "I15",
        "ALTER TABLE stockade.order DROP CONSTRAINT order_filled; UPDATE stockade.order SET filled_qty = 11 WHERE id = 1",
    ),
    ("I16", "UPDATE stockade.execution SET entry = 1 WHERE execution_id = 'x-2'"),
    ("I16", "DELETE FROM stockade.execution"),
    ("I17", "UPDATE stockade.execution SET qty = 2 WHERE execution_id = 'x-1'"),
    ("I21", "UPDATE stockade.sleeve SET reserved = 1 WHERE id = 10"),
    ("I21", "UPDATE stockade.order SET reserved = 1 WHERE id = 1"),
    ("I22", "UPDATE stockade.sleeve SET cash = -1 WHERE id = 1"),
    ("I22", "UPDATE stockade.sleeve SET cash = -1000000000 WHERE id = 2"),
    ("I23", "UPDATE stockade.order SET qty = 4 WHERE id = 2"),
    ("I29", "UPDATE stockade.entry SET epoch = 2 WHERE id = 1"),
    ("I29", "UPDATE stockade.account SET epoch = 7"),
    ("I30", "UPDATE stockade.account SET input_index = 2"),
    ("I30", "UPDATE stockade.input SET index = 5"),
];
