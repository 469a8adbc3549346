use sqlx::Connection as _;

use super::*;

/// Three executions of A and one of B; A's first two come from orders, with a tag and a reason.
fn tagged() -> Vec<Row> {
    let mut rows = worked_case();
    let mut first = order();
    (first.tag, first.reason) = (Some("core".into()), Some("dip".into()));
    first.plugin_version = Some("0.1.0".into());
    rows.push(Row::Order(Box::new(first)));
    let execution = |id: &str, sleeve, order, side, seconds, entry| {
        let booked = Row::Entry(booking(id, entry, at(seconds)));
        let executed = Row::Execution(ExecutionRow {
            execution_id: id.into(),
            sleeve,
            order,
            broker_order_id: "b1".into(),
            symbol: symbol(),
            side,
            qty: qty("1"),
            price: price("150"),
            fee: Money::ZERO,
            at: at(seconds),
            entry: EntryId(entry),
            source: ExecutionSource::Stream,
            cumulative_qty: None,
            fee_qty: Qty::ZERO,
        });
        [booked, executed]
    };
    let ordered = Some(OrderId(1));
    let executions = [
        execution("a/1", A, ordered, Side::Buy, 1, 1),
        execution("a/2", A, ordered, Side::Sell, 1, 2),
        execution("b/1", B, None, Side::Buy, 2, 3),
        execution("a/3", A, None, Side::Buy, 3, 4),
    ];
    rows.extend(executions.into_iter().flatten());
    rows
}

/// The entry that an execution names; what it moves does not matter to a list.
fn booking(execution: &str, entry: u64, at: Timestamp) -> EntryRow {
    EntryRow {
        id: EntryId(entry),
        at,
        effective_at: at,
        ratio: None,
        kind: EntryKind::Execution,
        memo: execution.to_owned(),
        execution_id: Some(execution.into()),
        postings: vec![],
        corrects: None,
        link: stockade_core::ledger::Link::default(),
        source_id: None,
    }
}

fn ids(page: &Page<Execution>) -> Vec<&str> {
    page.rows.iter().map(|row| row.execution_id.as_str()).collect()
}

#[tokio::test]
async fn lists_are_narrowed_by_side_and_by_the_order_behind_a_row() {
    let database = database(&tagged()).await;
    let pool = database.store.reads();
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default;
    for (filter, expected) in [
        (Filter { side: text("buy"), ..all() }, vec!["a/1", "b/1", "a/3"]),
        (Filter { tag: text("core"), ..all() }, vec!["a/1", "a/2"]),
        (Filter { reason: text("dip"), side: text("sell"), ..all() }, vec!["a/2"]),
        (Filter { plugin_version: text("0.1.0"), ..all() }, vec!["a/1", "a/2"]),
        (Filter { plugin_version: text("0.2.0"), ..all() }, vec![]),
        (Filter { tag: text("' OR true --"), ..all() }, vec![]),
    ] {
        let page = execution_page(pool, &filter).await.unwrap();
        assert_eq!(ids(&page), expected, "{filter:?}");
    }
    let open = OrderFilter::default();
    let by_tag = Filter { tag: text("core"), ..all() };
    assert_eq!(order_list(pool, &by_tag, &open).await.unwrap().len(), 1);
    let other = Filter { tag: text("other"), ..all() };
    assert!(order_list(pool, &other, &open).await.unwrap().is_empty());
    for filter in [&by_tag, &other, &Filter { side: text("long"), ..all() }] {
        // Every list takes every filter.
        position_page(pool, filter).await.unwrap();
        lot_page(pool, filter, true).await.unwrap();
        round_trip_page(pool, filter).await.unwrap();
        journal_page(pool, filter).await.unwrap();
        refusal_page(pool, filter, Some("capital")).await.unwrap();
        break_page(pool, filter, true).await.unwrap();
    }
    let short = Filter { side: text("short"), ..all() };
    assert!(position_page(pool, &short).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn a_page_does_not_shift_when_rows_are_added() {
    let database = database(&tagged()).await;
    let pool = database.store.reads();
    let first = Filter { limit: Some(2), ..Filter::default() };
    let page = execution_page(pool, &first).await.unwrap();
    assert_eq!(ids(&page), ["b/1", "a/3"]);
    let cursor = page.next.unwrap();
    let mut connection = sqlx::postgres::PgConnection::connect(&database.url).await.unwrap();
    sqlx::query(
        "WITH entered AS (
            INSERT INTO stockade.entry SELECT (e).* FROM (SELECT jsonb_populate_record(e, jsonb_build_object(
                'id', id + 10, 'execution_id', 'later')) AS e FROM stockade.entry e WHERE execution_id = 'a/3') later)
         INSERT INTO stockade.execution SELECT account, 'later', epoch, sleeve, order_id, broker_order_id,
            symbol, side, qty, price, fee, cumulative_qty, at_ns + 1, entry + 10, source, fee_qty
         FROM stockade.execution WHERE execution_id = 'a/3'",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    // Two rows of one time: the cursor tells them apart.
    let one = Filter { limit: Some(1), after: Some(cursor.clone()), ..Filter::default() };
    let page = execution_page(pool, &one).await.unwrap();
    assert_eq!(ids(&page), ["a/2"]);
    let last = Filter { after: page.next, ..one };
    let page = execution_page(pool, &last).await.unwrap();
    assert_eq!((ids(&page), &page.next), (vec!["a/1"], &None));
    let rest = Filter { after: Some(cursor.clone()), ..Filter::default() };
    assert_eq!(ids(&execution_page(pool, &rest).await.unwrap()), ["a/1", "a/2"]);
    let error = lot_page(pool, &rest, false).await.unwrap_err();
    assert!(error.to_string().contains("one starts with \"lot/\""), "{error}");
    let text = cursor.to_string().replace("17708", "x");
    let wrong = Filter { after: Some(text.parse().unwrap()), ..Filter::default() };
    assert!(matches!(execution_page(pool, &wrong).await, Err(QueryError::Cursor { .. })));
    // Positions run from the first on.
    let first = Filter { limit: Some(1), ..Filter::default() };
    let page = position_page(pool, &first).await.unwrap();
    assert_eq!(page.rows[0].sleeve, "a");
    let page = position_page(pool, &Filter { after: page.next, ..first }).await.unwrap();
    assert_eq!((page.rows[0].sleeve.as_str(), page.next), ("b", None));
}

/// Both bounds of a time are of one lot.
#[tokio::test]
async fn positions_are_those_with_a_lot_of_the_time() {
    let database = database(&[history(), vec![older()]].concat()).await;
    let pool = database.store.reads();
    let found = |from: Option<i64>, to: Option<i64>| {
        let stamp = |seconds: i64| at(seconds).0;
        let filter = Filter { from: from.map(stamp), to: to.map(stamp), ..Filter::default() };
        async move { position_page(pool, &filter).await.unwrap().rows.len() }
    };
    assert_eq!(found(None, Some(-100)).await, 1);
    assert_eq!(found(Some(0), None).await, 1);
    // One lot is older, one is newer, none is of that time.
    assert_eq!(found(Some(-90), Some(-80)).await, 0);
    assert_eq!(found(Some(1), Some(2)).await, 1);
}

/// Another lot of A's position, long before.
fn older() -> Row {
    Row::Lot(LotRow {
        id: LotId(2),
        sleeve: A,
        symbol: symbol(),
        side: LotSide::Long,
        opened_at: at(-200),
        qty: qty("4"),
        remaining: qty("4"),
        entry_price: price("150"),
        cost: money("600"),
        cost_left: money("600"),
        fee: Money::ZERO,
        fee_left: Money::ZERO,
        execution_id: "e0".into(),
    })
}

/// A refusal is of the version that was refused, whatever the bot has become since.
#[tokio::test]
async fn a_refusal_keeps_its_version() {
    let refused = |seconds, code| {
        let (intent_id, intent, message) = (IntentId(4), intent(), "too much".to_owned());
        Row::Refusal(RefusalRow { sleeve: A, intent_id, at: at(seconds), intent, code, message })
    };
    let database = database(&[worked_case(), vec![refused(95, "capital")]].concat()).await;
    let mut connection = sqlx::postgres::PgConnection::connect(&database.url).await.unwrap();
    for change in [
        format!("UPDATE stockade.account SET market_ns = {}", at(200).0),
        "UPDATE stockade.bot SET version = '0.2.0'".to_owned(),
        format!(
            "INSERT INTO stockade.refusal (account, sleeve, intent_id, at_ns, intent, code, message)
             SELECT account, sleeve, 5, {}, intent, 'long_only', message FROM stockade.refusal",
            at(210).0
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(change)).execute(&mut connection).await.unwrap();
    }
    let pool = database.store.reads();
    for (version, code) in [("0.1.0", "capital"), ("0.2.0", "long_only")] {
        let filter = Filter { plugin_version: Some(version.to_owned()), ..Filter::default() };
        for filter in [filter.clone(), Filter { at: Some(at(300).0), ..filter }] {
            let found = refusal_page(pool, &filter, None).await.unwrap().rows;
            let codes: Vec<&str> = found.iter().map(|row| row.code.as_str()).collect();
            assert_eq!(codes, [code], "{version}");
        }
    }
}
