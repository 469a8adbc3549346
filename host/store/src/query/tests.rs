mod pages;

use serde_json::{Value, json};
use std::str::FromStr;

use stockade_core::id::{BreakId, EntryId, InputIndex, LotId, RoundTripId};
use stockade_core::instrument::Instrument;
use stockade_core::ledger::{EntryKind, LedgerAccount, LotMethod, LotSide, Posting};
use stockade_core::order::{Intent, OrderStatus, OrderType, Side, Size, TimeInForce};
use stockade_core::risk::{Controls, TradingState};
use stockade_core::row::{
    AccountRow, BotEventRow, BotRow, BotState, BreakRow, Counters, EntryRow, EquityRow,
    ExecutionRow, ExecutionSource, LotRow, MarkRow, OrderRow, PositionRow, RefusalRow,
    RoundTripRow, Row, SleeveKind, SleeveRow,
};
use stockade_core::{IntentId, Money, Now, OrderId, Price, Qty, SleeveId, Slug, Symbol, Timestamp};

use super::*;
use crate::testing::TestDatabase;

mod figures;

const SECOND: i64 = 1_000_000_000;
/// 2026-02-11T14:30:00Z.
const OPEN: i64 = 1_770_820_200 * SECOND;

fn money(text: &str) -> Money {
    Money::from_str(text).unwrap()
}

fn qty(text: &str) -> Qty {
    Qty::from_str(text).unwrap()
}

fn price(text: &str) -> Price {
    Price::from_str(text).unwrap()
}

fn symbol() -> Symbol {
    Symbol::new("AAPL").unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(OPEN + seconds * SECOND)
}

fn account() -> AccountRow {
    AccountRow {
        label: Slug::new("paper").unwrap(),
        broker_account_id: None,
        has_broker: true,
        era: "x7k2p9".to_owned(),
        state: TradingState::Active,
        state_reason: None,
        controls: Controls::default(),
        allocation_factor: 1.into(),
        counters: Counters { order: 3, sleeve: 12, entry: 2, lot: 3, round_trip: 2, break_id: 2 },
        input_index: InputIndex(0),
        now: Now { market: at(90), machine: at(90) },
        fills_since: at(0),
        opened_at: None,
        link: stockade_core::ledger::Link::default(),
    }
}

fn sleeve(id: SleeveId, name: &str, kind: SleeveKind, capital: &str, cash: &str) -> SleeveRow {
    SleeveRow {
        id,
        name: Slug::new(name).unwrap(),
        kind,
        state: TradingState::Active,
        state_reason: None,
        initial_capital: money(capital),
        added: Money::ZERO,
        withdrawn: Money::ZERO,
        cash: money(cash),
        reserved: Money::ZERO,
        realised: Money::ZERO,
        fees: Money::ZERO,
        lots: LotMethod::Fifo,
        controls: Controls::default(),
        day: 0,
        day_start_equity: Money::ZERO,
        next_intent: IntentId(1),
        created_at: at(0),
        retired: false,
        dividends: stockade_core::Money::ZERO,
        interest: stockade_core::Money::ZERO,
    }
}

fn position(sleeve: SleeveId, held: &str, cost: &str) -> Row {
    let (qty, cost) = (qty(held), money(cost));
    Row::Position(PositionRow { sleeve, symbol: symbol(), qty, cost, fee_left: Money::ZERO })
}

const A: SleeveId = SleeveId(10);
const B: SleeveId = SleeveId(11);

/// The first worked case of FIGURES: A has bought 10 and B 5 at 150, the mark is 155.
fn worked_case() -> Vec<Row> {
    let mut a = sleeve(A, "a", SleeveKind::Bot, "10000", "8500");
    a.reserved = money("100.50");
    vec![
        Row::Sleeve(Box::new(sleeve(SleeveId::HOUSE, "house", SleeveKind::House, "0", "80000"))),
        Row::Sleeve(Box::new(sleeve(
            SleeveId::SUSPENSE,
            "suspense",
            SleeveKind::Suspense,
            "0",
            "0",
        ))),
        Row::Sleeve(Box::new(sleeve(
            SleeveId::ROUNDING,
            "rounding",
            SleeveKind::Rounding,
            "0",
            "0",
        ))),
        Row::Sleeve(Box::new(a)),
        Row::Sleeve(Box::new(sleeve(B, "b", SleeveKind::Hand, "10000", "9250"))),
        Row::Instrument(Instrument::equity(symbol())),
        position(A, "10", "1500"),
        position(B, "5", "750"),
        Row::Mark(MarkRow { symbol: symbol(), price: price("155"), at: at(60) }),
        Row::Bot(Box::new(bot())),
    ]
}

fn bot() -> BotRow {
    BotRow {
        sleeve: A,
        name: Slug::new("a").unwrap(),
        plugin: "sma-cross".to_owned(),
        digest: "d1".to_owned(),
        version: "0.1.0".to_owned(),
        params: vec![("fast".to_owned(), "10".to_owned())],
        symbols: vec![symbol()],
        seed: u64::MAX,
        generation: 1,
        state: BotState::Running,
        state_reason: None,
        strikes: vec![],
        suspended_until: None,
        created_at: at(0),
        rejected: vec![],
    }
}

async fn database(rows: &[Row]) -> TestDatabase {
    let database = TestDatabase::new().await;
    database.store.account_create(&account(), rows).await.unwrap();
    database
}

fn to_json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

#[tokio::test]
async fn sleeves_of_the_worked_case() {
    let database = database(&worked_case()).await;
    let pool = database.store.reads();
    let sleeves = to_json(&sleeve_list(pool, &Filter::default(), false).await.unwrap());
    assert_eq!(
        sleeves[0],
        json!({
            "name": "a", "account": "paper", "bot": "a", "initial_capital": "10000", "cash": "8500",
            "reserved": "100.5", "buying_power": "8399.5", "market_value": "1550", "exposure": "1550",
            "equity": "10050", "realised": "0", "unrealised": "50", "fees": "0", "return_pct": 0.5,
            "positions": [{"symbol": "AAPL", "qty": "10"}], "state": "active",
            "net_capital": "10000"
        })
    );
    assert_eq!(
        (&sleeves[1]["unrealised"], &sleeves[1]["return_pct"]),
        (&json!("25"), &json!(0.25))
    );
    assert_eq!(sleeves[1]["bot"], Value::Null);
    // The house is always there, suspense only where it holds something, rounding never.
    let names: Vec<&str> =
        sleeves.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "house"]);
    assert!(sleeve_show(pool, Some("paper"), "suspense", None).await.unwrap().is_some());
    assert!(sleeve_show(pool, Some("other"), "a", None).await.unwrap().is_none());
}

#[tokio::test]
async fn shares_of_the_account_count_every_sleeve() {
    let mut rows = worked_case();
    let database_of_two = database(&rows).await;
    let filter = Filter { symbol: Some("AAPL".to_owned()), ..Filter::default() };
    let two = to_json(&position_list(database_of_two.store.reads(), &filter).await.unwrap());
    assert_eq!(
        two[0],
        json!({
            "account": "paper", "sleeve": "a", "symbol": "AAPL", "qty": "10", "average_entry": "150", "mark": "155",
            "market_value": "1550", "unrealised": "50", "share_of_account_pct": 66.67
        })
    );
    rows.push(position(SleeveId::SUSPENSE, "5", "775"));
    let database_of_three = database(&rows).await;
    let only_a = Filter { sleeve: Some("a".to_owned()), ..Filter::default() };
    let three = to_json(&position_list(database_of_three.store.reads(), &only_a).await.unwrap());
    assert_eq!(three.as_array().unwrap().len(), 1);
    assert_eq!(three[0]["share_of_account_pct"], json!(50.0));
    let names: Vec<String> =
        sleeve_list(database_of_three.store.reads(), &Filter::default(), false)
            .await
            .unwrap()
            .into_iter()
            .map(|sleeve| sleeve.name)
            .collect();
    assert_eq!(names, ["a", "b", "house", "suspense"]);
}

#[tokio::test]
async fn without_a_mark_a_position_is_worth_its_cost() {
    let rows: Vec<Row> =
        worked_case().into_iter().filter(|row| !matches!(row, Row::Mark(_))).collect();
    let database = database(&rows).await;
    let positions =
        to_json(&position_list(database.store.reads(), &Filter::default()).await.unwrap());
    assert_eq!(
        (&positions[0]["mark"], &positions[0]["market_value"]),
        (&Value::Null, &json!("1500"))
    );
    assert_eq!(positions[0]["unrealised"], "0");
}

/// A sale of 4 of A's 10 at 160, with everything that it leaves behind.
fn history() -> Vec<Row> {
    let mut rows = worked_case();
    let execution = |id: &str, side, count: &str, paid: &str, seconds, entry| {
        Row::Execution(ExecutionRow {
            execution_id: id.into(),
            sleeve: A,
            order: None,
            broker_order_id: "b1".into(),
            symbol: symbol(),
            side,
            qty: qty(count),
            price: price(paid),
            fee: Money::ZERO,
            at: at(seconds),
            entry: EntryId(entry),
            source: ExecutionSource::Stream,
            cumulative_qty: None,
            fee_qty: stockade_core::Qty::ZERO,
        })
    };
    let leg = |account, amount: &str| Posting {
        sleeve: A,
        account,
        amount: money(amount),
        qty: stockade_core::Qty::ZERO,
    };
    rows.extend([
        Row::Entry(EntryRow {
            id: EntryId(1),
            at: at(1),
            effective_at: at(1),
            ratio: None,
            kind: EntryKind::Execution,
            memo: "bought 10 AAPL".to_owned(),
            execution_id: Some("e1".into()),
            postings: vec![
                leg(LedgerAccount::Position(symbol()), "1500"),
                leg(LedgerAccount::Cash, "-1500"),
            ],
            corrects: None,
            link: stockade_core::ledger::Link::default(),
            source_id: None,
        }),
        execution("e1", Side::Buy, "10", "150", 1, 1),
        Row::Entry(EntryRow {
            id: EntryId(2),
            at: at(2),
            effective_at: at(2),
            ratio: None,
            kind: EntryKind::Execution,
            memo: "sold 4 AAPL".to_owned(),
            execution_id: Some("e2".into()),
            postings: vec![
                leg(LedgerAccount::Cash, "640"),
                leg(LedgerAccount::Position(symbol()), "-600"),
                leg(LedgerAccount::Realised, "-40"),
            ],
            corrects: None,
            link: stockade_core::ledger::Link::default(),
            source_id: None,
        }),
        execution("e2", Side::Sell, "4", "160", 2, 2),
        Row::Lot(LotRow {
            id: LotId(1),
            sleeve: A,
            symbol: symbol(),
            side: LotSide::Long,
            opened_at: at(1),
            qty: qty("10"),
            remaining: qty("6"),
            entry_price: price("150"),
            cost: money("1500"),
            cost_left: money("900"),
            fee: Money::ZERO,
            fee_left: Money::ZERO,
            execution_id: "e1".into(),
        }),
        Row::RoundTrip(RoundTripRow {
            id: RoundTripId(1),
            sleeve: A,
            symbol: symbol(),
            side: LotSide::Long,
            lot: LotId(1),
            qty: qty("4"),
            entry_time: at(1),
            entry_price: price("150"),
            exit_time: at(2),
            exit_price: price("160"),
            gross: money("40"),
            opening_fee: Money::ZERO,
            closing_fee: Money::ZERO,
            net: money("40"),
            cost: money("600"),
            exit_reason: Some("target".into()),
            exit_execution_id: "e2".into(),
            entry: stockade_core::id::EntryId(1),
        }),
    ]);
    rows
}

#[tokio::test]
async fn lots_and_round_trips_have_their_firm_shape() {
    let database = database(&history()).await;
    let pool = database.store.reads();
    let lots = to_json(&lot_list(pool, &Filter::default(), false).await.unwrap());
    assert_eq!(
        lots,
        json!([{
            "id": 1, "account": "paper", "sleeve": "a", "symbol": "AAPL", "side": "long", "opened_at": "2026-02-11T14:30:01Z",
            "qty": "10", "remaining": "6", "entry_price": "150", "cost": "1500", "cost_left": "900",
            "fee_left": "0", "execution_id": "e1"
        }])
    );
    let trips = to_json(&round_trip_list(pool, &Filter::default()).await.unwrap());
    assert_eq!(
        trips,
        json!([{
            "account": "paper", "sleeve": "a", "symbol": "AAPL", "side": "long", "qty": "4",
            "entry_time": "2026-02-11T14:30:01Z", "entry_price": "150",
            "exit_time": "2026-02-11T14:30:02Z", "exit_price": "160", "gross": "40",
            "opening_fee": "0", "closing_fee": "0", "net": "40", "net_pct": 6.67,
            "exit_reason": "target", "exit_execution_id": "e2"
        }])
    );
}

#[tokio::test]
async fn lists_are_narrowed_and_stay_in_order() {
    let database = database(&history()).await;
    let pool = database.store.reads();
    let ids = async |filter: Filter| -> Vec<String> {
        let found = execution_list(pool, &filter).await.unwrap();
        found.into_iter().map(|execution| execution.execution_id).collect()
    };
    assert_eq!(ids(Filter::default()).await, ["e1", "e2"]);
    assert_eq!(ids(Filter { limit: Some(1), ..Filter::default() }).await, ["e2"]);
    assert_eq!(ids(Filter { limit: Some(2), ..Filter::default() }).await, ["e1", "e2"]);
    assert_eq!(ids(Filter { from: Some(at(2).0), ..Filter::default() }).await, ["e2"]);
    assert_eq!(ids(Filter { to: Some(at(2).0), ..Filter::default() }).await, ["e1"]);
    let none: [&str; 0] = [];
    assert_eq!(ids(Filter { sleeve: Some("b".to_owned()), ..Filter::default() }).await, none);
    assert_eq!(
        ids(Filter { symbol: Some("x' OR true --".to_owned()), ..Filter::default() }).await,
        none
    );
    assert_eq!(ids(Filter { account: Some("other".to_owned()), ..Filter::default() }).await, none);
}

#[tokio::test]
async fn entries_come_with_all_their_legs() {
    let database = database(&history()).await;
    let pool = database.store.reads();
    let filter = Filter { symbol: Some("AAPL".to_owned()), limit: Some(1), ..Filter::default() };
    let entries = to_json(&journal_list(pool, &filter).await.unwrap());
    assert_eq!(
        entries,
        json!([{
            "id": 2, "account": "paper", "at": "2026-02-11T14:30:02Z", "kind": "execution",
            "memo": "sold 4 AAPL", "execution_id": "e2",
            "postings": [
                {"sleeve": "a", "ledger": "cash", "symbol": null, "amount": "640", "qty": null},
                {"sleeve": "a", "ledger": "position", "symbol": "AAPL", "amount": "-600", "qty": "0"},
                {"sleeve": "a", "ledger": "realised", "symbol": null, "amount": "-40", "qty": null}
            ]
        }])
    );
}

#[tokio::test]
async fn tables_are_exported_page_by_page() {
    let database = database(&history()).await;
    let pool = database.store.reads();
    let names = table_names(pool).await.unwrap();
    for needed in ["account", "entry", "execution", "order", "posting", "round_trip", "snapshot"] {
        assert!(names.iter().any(|name| name == needed), "{needed} is missing");
    }
    for table in &names {
        let whole = TableReader::open(pool, table, None).await.unwrap().page(1_000).await.unwrap();
        let mut reader = TableReader::open(pool, table, None).await.unwrap();
        let mut rows = Vec::new();
        loop {
            let page = reader.page(1).await.unwrap();
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        assert_eq!(rows, whole, "{table}");
    }
    let mut reader = TableReader::open(pool, "posting", None).await.unwrap();
    let postings = reader.page(1_000).await.unwrap();
    assert_eq!(postings.len(), 5);
    let amount = reader.columns().iter().position(|column| column.name == "amount").unwrap();
    assert_eq!(postings[0][amount].as_deref(), Some("1500"));
    assert_eq!(reader.columns()[amount].scale, Some(18));
    assert!(reader.page(1_000).await.unwrap().is_empty());
    let error = TableReader::open(pool, "lots", None).await.unwrap_err();
    assert!(error.to_string().contains("nearest is \"lot\""), "{error}");
}

fn intent() -> Intent {
    Intent {
        symbol: symbol(),
        side: Side::Buy,
        size: Size::Qty(qty("7")),
        order_type: OrderType::Limit { limit_price: price("149.50") },
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: Some("dip".into()),
        tag: None,
        lot: None,
    }
}

#[tokio::test]
async fn orders_are_found_by_each_of_their_ids() {
    let mut rows = worked_case();
    rows.push(Row::Order(Box::new(order())));
    let database = database(&rows).await;
    let pool = database.store.reads();
    for id in ["1", "sk-client", "broker-1"] {
        let order = order_show(pool, Some("paper"), id, None).await.unwrap().unwrap();
        assert_eq!((order.id, order.sleeve.as_str()), (1, "a"), "{id}");
    }
    for id in ["2", "nothing"] {
        assert_eq!(order_show(pool, None, id, None).await.unwrap(), None);
    }
    let open = OrderFilter { open: true, status: None };
    let orders = to_json(&order_list(pool, &Filter::default(), &open).await.unwrap());
    let first = &orders[0];
    assert_eq!((&first["type"], &first["limit_price"]), (&json!("limit"), &json!("149.5")));
    assert_eq!(
        (&first["filled_qty"], &first["filled_avg_price"]),
        (&json!("3"), &json!("149.333333333333"))
    );
    let filled = OrderFilter { open: false, status: Some("filled".to_owned()) };
    assert!(order_list(pool, &Filter::default(), &filled).await.unwrap().is_empty());
}

fn order() -> OrderRow {
    OrderRow {
        id: OrderId(1),
        sleeve: A,
        intent_id: IntentId(1),
        client_order_id: "sk-client".into(),
        broker_order_id: Some("broker-1".into()),
        symbol: symbol(),
        side: Side::Buy,
        size: Size::Qty(qty("7")),
        order_type: intent().order_type,
        sent_type: intent().order_type,
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: None,
        tag: None,
        status: OrderStatus::PartiallyFilled,
        decision_price: Some(price("150")),
        worst_price: price("149.5"),
        reserved: money("598"),
        filled_qty: qty("3"),
        filled_value: money("448"),
        broker_filled_qty: qty("3"),
        epoch: 1,
        attempt: 1,
        cancel_requested: false,
        cancel_attempts: 0,
        replaces: None,
        end_reason: None,
        overfilled: false,
        lookups: 0,
        accepted_at: at(1),
        claimed_at: at(1),
        updated_at: at(2),
        changes: 0,
        lot: None,
        plugin_version: None,
    }
}

#[tokio::test]
async fn bots_breaks_refusals_and_curves() {
    let mut rows = worked_case();
    rows.extend([
        Row::Break(BreakRow {
            id: BreakId(1),
            class: "D38".to_owned(),
            severity: "serious".to_owned(),
            symbol: Some(symbol()),
            ours: 15.into(),
            broker: 16.into(),
            evidence: "a manual trade".to_owned(),
            action: "frozen".to_owned(),
            opened_at: at(30),
            resolved_at: None,
        }),
        Row::Refusal(RefusalRow {
            sleeve: A,
            intent_id: IntentId(4),
            at: at(5),
            intent: intent(),
            code: "capital",
            message: "too much".to_owned(),
        }),
        Row::BotEvent(BotEventRow {
            sleeve: A,
            generation: 1,
            at: at(6),
            kind: "strike".to_owned(),
            message: "fuel".to_owned(),
        }),
        equity(0, "10000", None),
        equity(60, "10050", Some(20_260_211)),
    ]);
    let database = database(&rows).await;
    let pool = database.store.reads();
    let all = Filter::default();
    let found = to_json(&break_show(pool, None, 1, None).await.unwrap().unwrap());
    assert_eq!((&found["state"], &found["age_seconds"]), (&json!("open"), &json!(60)));
    assert_eq!(break_list(pool, &all, false).await.unwrap().len(), 1);
    let refusals =
        refusal_list(pool, &Filter { symbol: Some("AAPL".to_owned()), ..Filter::default() })
            .await
            .unwrap();
    assert_eq!((refusals[0].code.as_str(), refusals[0].sleeve.as_str()), ("capital", "a"));
    let bots = to_json(&bot_list(pool, &all, false).await.unwrap());
    assert_eq!((&bots[0]["params"], &bots[0]["refusals"]), (&json!({"fast": "10"}), &json!(1)));
    assert_eq!(
        bot_events(pool, &Filter { sleeve: Some("a".to_owned()), ..Filter::default() })
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(bot_show(pool, None, "nobody", None).await.unwrap(), None);
    assert_eq!(equity_curve(pool, &all).await.unwrap().len(), 2);
    let closes = equity_closes(pool, &all).await.unwrap();
    assert_eq!((closes.len(), closes[0].equity.to_string().as_str()), (1, "10050"));
    assert!(!trades_crypto(pool, "paper", "a", None).await.unwrap());
    let accounts = to_json(&account_list(pool, &all).await.unwrap());
    assert_eq!(
        (&accounts[0]["equity"], &accounts[0]["open_breaks"]),
        (&json!("100075"), &json!(1))
    );
}

fn equity(seconds: i64, worth: &str, session_close: Option<u32>) -> Row {
    Row::Equity(EquityRow {
        sleeve: A,
        at: at(seconds),
        cash: money(worth),
        market_value: Money::ZERO,
        exposure: Money::ZERO,
        net_capital: money("10000"),
        realised: Money::ZERO,
        session_close,
    })
}

#[tokio::test]
async fn profit_is_equity_less_net_capital_to_the_last_digit() {
    let database = database(&worked_case()).await;
    for sleeve in sleeve_list(database.store.reads(), &Filter::default(), true).await.unwrap() {
        if sleeve.kind == "house" {
            continue;
        }
        let capital = sleeve.initial_capital.0 + sleeve.added.0 - sleeve.withdrawn.0;
        assert_eq!(
            sleeve.realised.0 + sleeve.unrealised.0,
            sleeve.equity.0 - capital,
            "{}",
            sleeve.name
        );
    }
}
