//! What figures are reckoned from: periods, attribution, quality of executions.

use rust_decimal::Decimal;
use sqlx::{Connection as _, PgConnection};

use super::*;

const DAY: i64 = 86_400;

fn sample(seconds: i64, worth: &str, capital: &str, session_close: Option<u32>) -> Row {
    Row::Equity(EquityRow {
        sleeve: A,
        at: at(seconds),
        cash: money(worth),
        market_value: money("1"),
        exposure: money("1"),
        net_capital: money(capital),
        realised: Money::ZERO,
        session_close,
    })
}

async fn periods(rows: Vec<Row>, by_day: bool) -> Vec<(i64, String, String, bool)> {
    let database = database(&[worked_case(), rows].concat()).await;
    let found = equity_periods(database.store.reads(), "paper", "a", by_day, None).await.unwrap();
    let short = |p: &EquityPeriod| {
        ((p.at.0 - OPEN) / SECOND, p.equity.to_string(), p.flow.to_string(), p.closes_period)
    };
    found.iter().map(short).collect()
}

fn period(seconds: i64, worth: &str, flow: &str, closes: bool) -> (i64, String, String, bool) {
    (seconds, worth.to_owned(), flow.to_owned(), closes)
}

#[tokio::test]
async fn periods_end_with_sessions_and_keep_movements_of_capital() {
    let rows = vec![
        sample(0, "99", "100", None),
        sample(60, "100", "100", None),
        sample(120, "109", "100", Some(1)),
        sample(180, "110", "100", Some(1)),
        sample(DAY, "120", "100", None),
        sample(DAY + 60, "219", "200", None),
        sample(DAY + 120, "229", "200", Some(2)),
        sample(2 * DAY, "230", "200", None),
        sample(2 * DAY + 60, "231", "200", None),
    ];
    assert_eq!(
        periods(rows.clone(), false).await,
        [
            period(0, "100", "0", false),
            // The session's second close counts: the host came back after the first.
            period(180, "111", "0", true),
            period(DAY, "121", "100", false),
            period(DAY + 120, "230", "0", true),
            period(2 * DAY + 60, "232", "0", false),
        ]
    );
    assert_eq!(
        periods(rows, true).await,
        [
            period(0, "100", "0", false),
            period(180, "111", "0", true),
            period(DAY, "121", "100", false),
            period(DAY + 120, "230", "0", true),
            period(2 * DAY + 60, "232", "0", true),
        ]
    );
}

#[tokio::test]
async fn periods_without_a_session_are_days() {
    let rows = vec![sample(0, "99", "100", None), sample(60, "100", "100", None)];
    assert_eq!(
        periods(rows, false).await,
        [period(0, "100", "0", false), period(60, "101", "0", true)]
    );
    assert!(periods(Vec::new(), false).await.is_empty());
}

fn event(seconds: i64, kind: &str, message: &str) -> Row {
    Row::BotEvent(BotEventRow {
        sleeve: A,
        generation: 1,
        at: at(seconds),
        kind: kind.to_owned(),
        message: message.to_owned(),
    })
}

/// A has realised 40 of 4 shares, less a fee of 1.5 without a lot; 6 shares are open.
fn profitable() -> Vec<Row> {
    let mut rows = history();
    for row in &mut rows {
        if let Row::Sleeve(sleeve) = row
            && sleeve.id == A
        {
            (sleeve.realised, sleeve.cash) = (money("38.5"), money("9138.5"));
        }
        if let Row::Position(held) = row
            && held.sleeve == A
        {
            (held.qty, held.cost) = (qty("6"), money("900"));
        }
    }
    rows.push(event(0, "deployed", "plugin sma-cross version 0.1.0"));
    rows.push(event(2, "reloaded", "aaaa to bbbb (version 0.2.0), pause 5 us"));
    rows
}

#[tokio::test]
async fn attribution_adds_up_to_the_sleeves_profit() {
    let database = database(&profitable()).await;
    let pool = database.store.reads();
    let found = attribution(pool, "paper", "a", None).await.unwrap().unwrap();
    let sleeve = sleeve_show(pool, Some("paper"), "a", None).await.unwrap().unwrap();
    assert_eq!(found.profit.0, sleeve.realised.0 + sleeve.unrealised.0);
    for table in [&found.by_symbol, &found.by_version] {
        assert_eq!(table.iter().map(|share| share.profit.0).sum::<Decimal>(), found.profit.0);
    }
    assert_eq!(
        to_json(&found.by_symbol),
        json!([
            {"symbol": "AAPL", "version": null, "round_trips": 1, "realised": "40", "income": "0",
             "unrealised": "30", "profit": "70", "contribution_pct": 0.7},
            {"symbol": null, "version": null, "round_trips": 0, "realised": "-1.5", "income": "0",
             "unrealised": "0", "profit": "-1.5", "contribution_pct": -0.02},
        ])
    );
    let versions: Vec<(Option<&str>, String)> = found
        .by_version
        .iter()
        .map(|share| (share.version.as_deref(), share.profit.to_string()))
        .collect();
    // Opened before the reload: the version that opened it has it.
    assert_eq!(versions, [(None, "-1.5".to_owned()), (Some("sma-cross 0.1.0"), "70".to_owned())]);
    assert!(attribution(pool, "paper", "nobody", None).await.unwrap().is_none());
    let nets = round_trip_nets(pool, "paper", "a", None).await.unwrap();
    assert_eq!(to_json(&nets), json!(["40"]));
    let prices = price_history(pool, "paper", "AAPL", None).await.unwrap();
    assert_eq!(to_json(&prices), json!([["2026-02-11T14:31:00Z", "155"]]));
    assert!(price_history(pool, "paper", "SPY", None).await.unwrap().is_empty());
}

fn placed(id: u64, status: OrderStatus, side: Side, arrival: &str, filled: (&str, &str)) -> Row {
    Row::Order(Box::new(OrderRow {
        id: OrderId(id),
        intent_id: IntentId(id),
        client_order_id: format!("c{id}").into(),
        broker_order_id: Some(format!("b{id}").into()),
        side,
        size: Size::Qty(qty("10")),
        status,
        decision_price: Some(price(arrival)),
        filled_qty: qty(filled.0),
        filled_value: money(filled.1),
        broker_filled_qty: qty(filled.0),
        reserved: Money::ZERO,
        accepted_at: at(0),
        ..order()
    }))
}

#[tokio::test]
async fn quality_of_executions_from_orders_and_executions() {
    let mut rows = history();
    for row in &mut rows {
        if let Row::Execution(execution) = row {
            let number = if execution.side == Side::Buy { 1 } else { 2 };
            (execution.order, execution.fee) = (Some(OrderId(number)), money("0.25"));
        }
    }
    rows.extend([
        // Bought at 150 what was decided at 149: 10 x 1. Sold at 160 what was decided at 160.5.
        placed(1, OrderStatus::Filled, Side::Buy, "149", ("10", "1500")),
        placed(2, OrderStatus::Canceled, Side::Sell, "160.5", ("4", "640")),
        placed(3, OrderStatus::Rejected, Side::Buy, "150", ("0", "0")),
        placed(4, OrderStatus::Replaced, Side::Buy, "150", ("0", "0")),
        placed(5, OrderStatus::Acknowledged, Side::Buy, "150", ("0", "0")),
    ]);
    let database = database(&rows).await;
    let pool = database.store.reads();
    let found = to_json(&execution_quality(pool, "paper", "a", None).await.unwrap());
    assert_eq!(
        found,
        json!({
            "orders": 4, "ended": 3, "filled": 1,
            // (1 + 0.4 + 0) / 3
            "fill_rate": "0.466666666667", "filled_in_full": "0.333333333333",
            "executions": 2, "traded": "2140", "fees": "0.5", "fees_bps": "2.336448598131",
            // 12 of 2,132
            "slippage": {"orders": 2, "money": "12", "bps": "56.285178236398"},
            "time_to_fill": {
                "orders": 1, "mean_ms": "1000", "median_ms": "1000", "p95_ms": "1000",
                "first_median_ms": "1000"
            },
            "why": {}
        })
    );
    let nothing = to_json(&execution_quality(pool, "paper", "b", None).await.unwrap());
    for key in ["fill_rate", "filled_in_full", "fees_bps"] {
        assert!(nothing[key].is_null() && nothing["why"][key].is_string(), "{key}: {nothing}");
    }
    assert!(nothing["slippage"]["bps"].is_null() && nothing["why"]["slippage"].is_string());
    assert!(nothing["time_to_fill"]["mean_ms"].is_null());
}

/// One of the books' facts that the rows of a test don't hold.
async fn put(database: &TestDatabase, sql: &'static str) {
    let mut writer = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query(sql).execute(&mut writer).await.unwrap();
}

#[tokio::test]
async fn dividends_are_their_symbols_and_what_was_taken_back_is_left_out() {
    let mut rows = profitable();
    let leg = |account, amount: &str| Posting {
        sleeve: A,
        account,
        amount: money(amount),
        qty: Qty::ZERO,
    };
    rows.push(Row::Entry(EntryRow {
        id: EntryId(3),
        at: at(3),
        effective_at: at(3),
        kind: EntryKind::Dividend,
        memo: "dividend of AAPL".to_owned(),
        execution_id: None,
        postings: vec![leg(LedgerAccount::Cash, "2.5"), leg(LedgerAccount::Dividends, "-2.5")],
        corrects: None,
        link: stockade_core::ledger::Link::default(),
        source_id: Some("d1".into()),
        ratio: None,
    }));
    let database = database(&rows).await;
    put(
        &database,
        "INSERT INTO stockade.activity (account, id, kind, symbol, effective_ns, net_amount, body,
                                        state, note, entry, at_ns)
         VALUES ('paper', 'd1', 'DIV', 'AAPL', 0, 2.5, '{}', 'booked', '', 3, 0)",
    )
    .await;
    let pool = database.store.reads();
    let found = attribution(pool, "paper", "a", None).await.unwrap().unwrap();
    let of_symbol = |found: &Attribution| {
        let share = found.by_symbol.iter().find(|share| share.symbol.is_some()).unwrap().clone();
        (share.round_trips, share.income.to_string(), share.profit.to_string())
    };
    assert_eq!(of_symbol(&found), (1, "2.5".to_owned(), "72.5".to_owned()));
    put(
        &database,
        "INSERT INTO stockade.round_trip_void (account, round_trip, entry, at_ns)
         VALUES ('paper', 1, 3, 0)",
    )
    .await;
    let after = attribution(pool, "paper", "a", None).await.unwrap().unwrap();
    assert_eq!(of_symbol(&after), (0, "2.5".to_owned(), "32.5".to_owned()));
    assert!(round_trip_nets(pool, "paper", "a", None).await.unwrap().is_empty());
    for found in [&found, &after] {
        for table in [&found.by_symbol, &found.by_version] {
            assert_eq!(table.iter().map(|share| share.profit.0).sum::<Decimal>(), found.profit.0);
        }
    }
}
