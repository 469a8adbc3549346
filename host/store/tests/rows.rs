//! What is committed comes back equal; the last row of a key wins; nothing appended changes.

mod support;

use sqlx::Executor as _;
use stockade_core::order::{OrderStatus, OrderType, Side, Size};
use stockade_core::row::{ExecutionKey, LotRow, OrderRow, PositionRow, Row, Rows};
use stockade_core::{OrderId, Qty};
use stockade_store::testing::TestDatabase;
use stockade_store::{CommitError, EncodeError, StoreError};
use support::*;

#[tokio::test]
async fn every_kind_of_row_comes_back_equal() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let mut account = account();
    account.input_index.0 = 1;
    let mut rows = one_of_each();
    rows.insert(0, Row::Account(Box::new(account.clone())));
    writer.commit(group(rows.clone())).await.expect("committed");
    let loaded = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    let expected = Rows {
        account,
        instruments: pick(&rows, |row| {
            matches!(row, Row::Instrument(i) if i.symbol == symbol("AAPL")).then(|| instrument(row))
        })
        .into_iter()
        .chain(pick(&rows, |row| {
            matches!(row, Row::Instrument(i) if i.symbol == symbol("BTCUSD"))
                .then(|| instrument(row))
        }))
        .collect(),
        sleeves: pick(&sleeves(), |row| {
            if let Row::Sleeve(row) = row { Some((**row).clone()) } else { None }
        }),
        positions: pick(
            &rows,
            |row| {
                if let Row::Position(row) = row { Some(row.clone()) } else { None }
            },
        ),
        lots: vec![lot(1)],
        orders: vec![order(1)],
        executions: vec![ExecutionKey {
            execution_id: "x-1".to_owned(),
            broker_order_id: "b-1".to_owned(),
            cumulative_qty: Some(qty("1")),
        }],
        remembered_since: self::account().remembers_since(),
        marks: pick(&rows, |row| if let Row::Mark(row) = row { Some(row.clone()) } else { None }),
        breaks: pick(&rows, |row| if let Row::Break(row) = row { Some(row.clone()) } else { None }),
        bots: vec![bot()],
        activities: Vec::new(),
        settled: Vec::new(),
    };
    assert_eq!(loaded, expected);
    let snapshot_back = db.store.snapshot_load(LABEL, BOT).await.expect("loaded");
    assert_eq!(snapshot_back, Some(snapshot(b"state\0\xff")));
    assert_eq!(db.store.account_labels().await.expect("listed"), [LABEL]);
    assert_eq!(db.store.account_load("nobody").await.expect("loaded"), None);
    writer.close().await;
}

fn pick<T>(rows: &[Row], of: impl Fn(&Row) -> Option<T>) -> Vec<T> {
    rows.iter().filter_map(of).collect()
}

fn instrument(row: &Row) -> stockade_core::instrument::Instrument {
    let Row::Instrument(row) = row else { panic!("no instrument: {row:?}") };
    row.clone()
}

#[tokio::test]
async fn appended_rows_come_back_equal() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let rows = one_of_each();
    writer.commit(group(rows.clone())).await.expect("committed");
    // The same sample again changes nothing and is no error.
    writer.commit(group(vec![Row::Equity(equity(None))])).await.expect("committed");
    let store = &db.store;
    let entries =
        pick(&rows, |row| if let Row::Entry(row) = row { Some(row.clone()) } else { None });
    assert_eq!(store.entries(LABEL).await.expect("read"), entries);
    let executions =
        pick(&rows, |row| if let Row::Execution(row) = row { Some(row.clone()) } else { None });
    assert_eq!(store.executions(LABEL).await.expect("read"), executions);
    assert_eq!(store.round_trips(LABEL).await.expect("read"), [as_stored(round_trip(1))]);
    assert_eq!(store.equity(LABEL).await.expect("read"), [equity(None), equity(Some(20_190_211))]);
    let events =
        pick(&rows, |row| if let Row::BotEvent(row) = row { Some(row.clone()) } else { None });
    assert_eq!(store.bot_events(LABEL).await.expect("read"), events);
    let inputs = store.inputs(LABEL).await.expect("read");
    let found: Vec<_> = inputs
        .iter()
        .map(|i| (i.index, i.now, i.kind.as_str(), i.epoch, i.event.clone()))
        .collect();
    let sent = input(1);
    assert_eq!(found, [(sent.index, sent.now, sent.kind, 1, *sent.body)]);
    let refusal: (i64, String, serde_json::Value) =
        sqlx::query_as("SELECT intent_id, code, intent FROM stockade.refusal")
            .fetch_one(store.reads())
            .await
            .expect("read");
    let intent = serde_json::to_value(intent()).expect("json");
    assert_eq!(refusal, (4, "capital".to_owned(), intent));
    writer.close().await;
}

#[tokio::test]
async fn the_last_row_of_a_key_wins() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let position = |text: &str| {
        Row::Position(PositionRow {
            sleeve: BOT,
            symbol: symbol("AAPL"),
            qty: qty(text),
            cost: money("1"),
            fee_left: money("0"),
        })
    };
    writer.commit(group(vec![position("1"), position("2")])).await.expect("committed");
    assert_eq!(positions(&db).await, [qty("2")]);
    writer.commit(group(vec![position("3")])).await.expect("committed");
    assert_eq!(positions(&db).await, [qty("3")]);
    // A flat position and a closed lot are not loaded.
    let closed =
        LotRow { remaining: qty("0"), cost_left: money("0"), fee_left: money("0"), ..lot(1) };
    writer
        .commit(group(vec![position("0"), Row::Lot(lot(1)), Row::Lot(closed)]))
        .await
        .expect("committed");
    assert_eq!(positions(&db).await, []);
    let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    assert_eq!(rows.lots, []);
    writer.close().await;
}

async fn positions(db: &TestDatabase) -> Vec<Qty> {
    let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    rows.positions.iter().map(|position| position.qty).collect()
}

#[tokio::test]
async fn orders_of_every_shape_come_back_equal() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let types = [
        OrderType::Market,
        OrderType::Limit { limit_price: price("1.000000001") },
        OrderType::Stop { stop_price: price("2") },
        OrderType::StopLimit { stop_price: price("2"), limit_price: price("3") },
    ];
    let mut orders: Vec<OrderRow> = Vec::new();
    for (id, order_type) in (1..).zip(types) {
        orders.push(OrderRow { order_type, sent_type: order_type, ..order(id) });
    }
    orders[1].size = Size::Notional(money("99.5"));
    orders[2].status = OrderStatus::Canceled;
    orders[2].end_reason = Some("asked for".into());
    orders[3] = OrderRow {
        side: Side::Sell,
        broker_order_id: None,
        replaces: Some(OrderId(3)),
        overfilled: true,
        ..orders[3].clone()
    };
    let rows = orders.iter().cloned().map(|order| Row::Order(Box::new(order))).collect();
    writer.commit(group(rows)).await.expect("committed");
    let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    assert_eq!(rows.orders, orders);
    writer.close().await;
}

#[tokio::test]
async fn what_the_column_would_round_is_refused() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let too_fine = LotRow { cost: money("1.0000000000000000001"), ..lot(1) };
    let error = writer.commit(group(vec![Row::Lot(too_fine)])).await.expect_err("refused");
    assert!(
        matches!(&error, CommitError::Encode { group: 1, source: EncodeError::Scale { .. } }),
        "{error}"
    );
    let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    assert_eq!(rows.lots, []);
    writer.close().await;
}

#[tokio::test]
async fn an_account_is_made_once() {
    let db = TestDatabase::new().await;
    db.store.account_create(&account(), &sleeves()).await.expect("made");
    let error = db.store.account_create(&account(), &[]).await.expect_err("exists");
    assert!(matches!(&error, StoreError::AccountExists { label } if label == LABEL), "{error}");
    let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    assert_eq!(rows.sleeves.len(), 4);
}

#[tokio::test]
async fn appended_tables_refuse_every_change() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    writer.commit(group(one_of_each())).await.expect("committed");
    writer.close().await;
    // As the owner, whose grants are not limited: the trigger is the lock.
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    for table in [
        "entry",
        "posting",
        "execution",
        "round_trip",
        "round_trip_void",
        "lot_change",
        "order_change",
        "correction",
        "price",
        "input",
        "refusal",
        "bot_event",
        "equity",
    ] {
        for sql in [
            format!("UPDATE stockade.{table} SET account = 'other'"),
            format!("DELETE FROM stockade.{table}"),
            format!("TRUNCATE stockade.{table}"),
        ] {
            let error = owner.execute(sqlx::AssertSqlSafe(sql.clone())).await.expect_err(&sql);
            let error = error.as_database_error().expect("the server's");
            // What another table refers to is not truncated, before any trigger is asked.
            let referred = error.code().as_deref() == Some("0A000");
            let locked = error.constraint() == Some("append_only");
            assert!(locked || referred, "{sql}: {error}");
        }
        let sql = format!("SET ROLE stockade_app; DELETE FROM stockade.{table}");
        let error = owner.execute(sqlx::AssertSqlSafe(sql.clone())).await.expect_err(&sql);
        let code =
            error.as_database_error().expect("the server's").code().map(|code| code.to_string());
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
        owner.execute("RESET ROLE").await.expect("reset");
    }
    // Reads can't write at all.
    let error =
        db.store.reads().execute("UPDATE stockade.mark SET price = 0").await.expect_err("refused");
    assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("25006"));
    owner.close().await;
}
