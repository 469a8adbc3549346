//! Rows of every kind, for the tests of the store.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(unreachable_pub, reason = "a module of tests, not of the crate")]

use rust_decimal::Decimal;
use std::sync::Arc;

use std::time::Duration;
use stockade_core::desk::Event;
use stockade_core::id::{BreakId, EntryId, InputIndex, LotId, RoundTripId};
use stockade_core::instrument::{AssetClass, Instrument};
use stockade_core::ledger::{EntryKind, LedgerAccount, LotMethod, LotSide, Posting};
use stockade_core::order::{Intent, OrderStatus, OrderType, Side, Size, TimeInForce};
use stockade_core::risk::{Controls, TradingState};
use stockade_core::row::{
    AccountRow, BotEventRow, BotRow, BotState, BreakRow, Counters, EntryRow, EquityRow,
    ExecutionRow, ExecutionSource, InputRow, LotRow, MarkRow, OrderRow, PositionRow, RefusalRow,
    RoundTripRow, Row, SleeveKind, SleeveRow, SnapshotRow,
};
use stockade_core::{IntentId, Money, Now, OrderId, Price, Qty, SleeveId, Slug, Symbol, Timestamp};
use stockade_store::{Group, Store, WriterHandle, WriterOptions};

pub const LABEL: &str = "main";
pub const BOT: SleeveId = SleeveId::FIRST;
pub const NOON: Timestamp = Timestamp(1_549_886_400_123_456_789);
pub const TTL: Duration = Duration::from_secs(60);

pub fn dec(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a decimal")
}
pub fn money(text: &str) -> Money {
    Money::new(dec(text))
}
pub fn price(text: &str) -> Price {
    Price::new(dec(text))
}
pub fn qty(text: &str) -> Qty {
    Qty::new(dec(text))
}
pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("a symbol")
}
pub fn slug(text: &str) -> Slug {
    Slug::new(text).expect("a name")
}

pub fn account() -> AccountRow {
    AccountRow {
        label: slug(LABEL),
        broker_account_id: Some("a-1".to_owned()),
        has_broker: true,
        era: "x7k2p9".to_owned(),
        state: TradingState::Reducing,
        state_reason: Some("a test".to_owned()),
        controls: Controls::live(),
        allocation_factor: dec("1"),
        counters: Counters { order: 1, sleeve: 11, entry: 1, lot: 1, round_trip: 1, break_id: 1 },
        input_index: InputIndex(0),
        now: Now { market: NOON, machine: Timestamp(-5) },
        fills_since: NOON,
        opened_at: Some(NOON),
        link: stockade_core::ledger::Link::default(),
    }
}

pub fn sleeve(id: SleeveId, name: &str, kind: SleeveKind) -> SleeveRow {
    SleeveRow {
        id,
        name: slug(name),
        kind,
        state: TradingState::Active,
        state_reason: None,
        initial_capital: Money::ZERO,
        added: Money::ZERO,
        withdrawn: Money::ZERO,
        cash: Money::ZERO,
        reserved: Money::ZERO,
        realised: Money::ZERO,
        fees: Money::ZERO,
        lots: LotMethod::Fifo,
        controls: Controls::default(),
        day: 0,
        day_start_equity: Money::ZERO,
        next_intent: IntentId(1),
        created_at: NOON,
        retired: false,
        dividends: stockade_core::Money::ZERO,
        interest: stockade_core::Money::ZERO,
    }
}

/// The four sleeves that every account of these tests has.
pub fn sleeves() -> Vec<Row> {
    [
        sleeve(SleeveId::HOUSE, "house", SleeveKind::House),
        sleeve(SleeveId::SUSPENSE, "suspense", SleeveKind::Suspense),
        sleeve(SleeveId::ROUNDING, "rounding", SleeveKind::Rounding),
        sleeve(BOT, "dip-buyer", SleeveKind::Bot),
    ]
    .into_iter()
    .map(|row| Row::Sleeve(Box::new(row)))
    .collect()
}

pub fn order(id: u64) -> OrderRow {
    OrderRow {
        id: OrderId(id),
        sleeve: BOT,
        intent_id: IntentId(IntentId::BY_HAND | id),
        client_order_id: format!("sk-x7k2p9-main-dip-buyer-{id}-00").into(),
        broker_order_id: Some(format!("b-{id}").into()),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        size: Size::Qty(qty("10.123456789")),
        order_type: OrderType::Market,
        sent_type: OrderType::StopLimit { stop_price: price("101"), limit_price: price("105.25") },
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: Some("it fell".into()),
        tag: None,
        status: OrderStatus::PartiallyFilled,
        decision_price: Some(price("100.25")),
        worst_price: price("105.25"),
        reserved: money("1000.000000000000000001"),
        filled_qty: qty("1"),
        filled_value: money("100"),
        broker_filled_qty: qty("1"),
        epoch: 1,
        attempt: 1,
        cancel_requested: false,
        cancel_attempts: 0,
        replaces: None,
        end_reason: None,
        overfilled: false,
        lookups: 2,
        accepted_at: NOON,
        claimed_at: Timestamp(7),
        updated_at: NOON.plus(1),
        changes: 0,
        lot: None,
        plugin_version: None,
    }
}

pub fn execution(id: &str, entry: u64) -> ExecutionRow {
    ExecutionRow {
        execution_id: id.into(),
        sleeve: BOT,
        order: None,
        broker_order_id: "b-1".into(),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        qty: qty("1"),
        price: price("100"),
        fee: Money::ZERO,
        cumulative_qty: Some(qty("1")),
        at: NOON,
        entry: EntryId(entry),
        source: ExecutionSource::Stream,
        fee_qty: stockade_core::Qty::ZERO,
    }
}

pub fn entry(id: u64, execution_id: Option<&str>, amounts: &[(LedgerAccount, &str)]) -> EntryRow {
    EntryRow {
        id: EntryId(id),
        at: NOON,
        effective_at: NOON,
        ratio: None,
        kind: if execution_id.is_some() { EntryKind::Execution } else { EntryKind::Deposit },
        memo: "a test's".to_owned(),
        execution_id: execution_id.map(Into::into),
        postings: amounts
            .iter()
            .map(|(account, amount)| Posting {
                sleeve: BOT,
                account: account.clone(),
                amount: money(amount),
                qty: stockade_core::Qty::ZERO,
            })
            .collect(),
        corrects: None,
        link: stockade_core::ledger::Link::default(),
        source_id: None,
    }
}

/// An execution and the entry that books it.
pub fn booking(number: u64) -> Vec<Row> {
    let id = format!("x-{number}");
    let legs = [(LedgerAccount::Cash, "-100"), (LedgerAccount::Position(symbol("AAPL")), "100")];
    vec![Row::Entry(entry(number, Some(&id), &legs)), Row::Execution(execution(&id, number))]
}

pub fn lot(id: u64) -> LotRow {
    LotRow {
        id: LotId(id),
        sleeve: BOT,
        symbol: symbol("AAPL"),
        side: LotSide::Long,
        opened_at: NOON,
        qty: qty("3"),
        remaining: qty("2"),
        entry_price: price("100.000000001"),
        cost: money("300.000000003"),
        cost_left: money("200.000000002"),
        fee: money("0.3"),
        fee_left: money("0.2"),
        execution_id: "x-1".into(),
    }
}

pub fn round_trip(id: u64) -> RoundTripRow {
    RoundTripRow {
        id: RoundTripId(id),
        sleeve: BOT,
        symbol: symbol("AAPL"),
        side: LotSide::Long,
        lot: LotId(1),
        qty: qty("1"),
        entry_time: NOON,
        entry_price: price("100.000000001"),
        exit_time: NOON.plus(9),
        exit_price: price("101"),
        gross: money("0.999999999"),
        opening_fee: money("0.1"),
        closing_fee: money("0.05"),
        net: money("0.849999999"),
        cost: money("100.000000001"),
        exit_reason: Some("target\0".into()),
        exit_execution_id: "x-2".into(),
        entry: stockade_core::id::EntryId(1),
    }
}

pub fn intent() -> Intent {
    Intent {
        symbol: symbol("BTCUSD"),
        side: Side::Sell,
        size: Size::Notional(money("12.5")),
        order_type: OrderType::Limit { limit_price: price("64000.5") },
        time_in_force: TimeInForce::Gtc,
        extended_hours: false,
        reason: None,
        tag: Some("t".into()),
        lot: None,
    }
}

/// One row of every kind but the account's, sleeves apart.
pub fn one_of_each() -> Vec<Row> {
    let crypto = Instrument {
        symbol: symbol("BTCUSD"),
        class: AssetClass::Crypto,
        tradable: false,
        fractionable: true,
        price_increment: Some(price("0.000000001")),
        min_qty: Some(qty("0.0001")),
    };
    let mut rows = vec![
        Row::Instrument(crypto),
        Row::Instrument(Instrument::equity(symbol("AAPL"))),
        Row::Position(PositionRow {
            sleeve: BOT,
            symbol: symbol("AAPL"),
            qty: qty("-2"),
            cost: money("-1234567890.123456789012345678"),
            fee_left: money("0.2"),
        }),
        Row::Lot(lot(1)),
        Row::RoundTrip(round_trip(1)),
        Row::Order(Box::new(order(1))),
        Row::Mark(MarkRow { symbol: symbol("AAPL"), price: price("0.0001"), at: NOON }),
        Row::Break(BreakRow {
            id: BreakId(1),
            class: "D38".to_owned(),
            severity: "serious".to_owned(),
            symbol: Some(symbol("AAPL")),
            ours: dec("1.5"),
            broker: dec("-2"),
            evidence: "seen".to_owned(),
            action: "frozen".to_owned(),
            opened_at: NOON,
            resolved_at: None,
        }),
        Row::Bot(Box::new(bot())),
        Row::Snapshot(snapshot(b"state\0\xff")),
    ];
    rows.extend(appended());
    rows
}

pub fn snapshot(bytes: &[u8]) -> SnapshotRow {
    SnapshotRow { sleeve: BOT, digest: "abc".to_owned(), at: NOON, bytes: bytes.to_vec() }
}

pub fn bot() -> BotRow {
    BotRow {
        sleeve: BOT,
        name: slug("dip-buyer"),
        plugin: "dip_buyer".to_owned(),
        digest: "abc".to_owned(),
        version: "0.1.0".to_owned(),
        params: vec![("fast".to_owned(), "3".to_owned()), ("slow".to_owned(), "\"9\"".to_owned())],
        symbols: vec![symbol("AAPL"), symbol("BTCUSD")],
        seed: u64::MAX,
        generation: 3,
        state: BotState::Suspended,
        state_reason: Some("strike".to_owned()),
        strikes: vec![NOON, NOON.plus(1)],
        suspended_until: Some(NOON.plus(2)),
        created_at: NOON,
        rejected: vec!["def".to_owned()],
    }
}

fn appended() -> Vec<Row> {
    let legs = [
        (LedgerAccount::Cash, "-100.000000000000000001"),
        (LedgerAccount::Position(symbol("AAPL")), "60"),
        (LedgerAccount::Capital, "10"),
        (LedgerAccount::Realised, "10"),
        (LedgerAccount::Fees, "10"),
        (LedgerAccount::Rounding, "10.000000000000000001"),
    ];
    vec![
        Row::Entry(entry(1, Some("x-1"), &legs)),
        Row::Execution(ExecutionRow { order: Some(OrderId(1)), ..execution("x-1", 1) }),
        Row::Equity(equity(None)),
        Row::Equity(equity(Some(20_190_211))),
        Row::Input(input(1)),
        Row::Refusal(RefusalRow {
            sleeve: BOT,
            intent_id: IntentId(4),
            at: NOON,
            intent: intent(),
            code: "capital",
            message: "too much".to_owned(),
        }),
        Row::BotEvent(BotEventRow {
            sleeve: BOT,
            generation: 3,
            at: NOON,
            kind: "strike".to_owned(),
            message: "trap".to_owned(),
        }),
    ]
}

pub fn equity(session_close: Option<u32>) -> EquityRow {
    EquityRow {
        sleeve: BOT,
        at: NOON,
        cash: money("1"),
        market_value: money("2"),
        exposure: money("2"),
        net_capital: money("3"),
        realised: money("-1"),
        session_close,
    }
}

pub fn input(index: u64) -> InputRow {
    let event = Event::AccountStream { up: true };
    InputRow {
        index: InputIndex(index),
        now: Now { market: NOON, machine: Timestamp(3) },
        kind: "account_stream",
        body: Box::new(event),
    }
}

/// What the database gives back of a text: NUL can't be stored.
pub fn as_stored(row: RoundTripRow) -> RoundTripRow {
    let exit_reason =
        row.exit_reason.as_deref().map(|text| Arc::from(text.replace('\0', "\u{fffd}")));
    RoundTripRow { exit_reason, ..row }
}

/// An account with its sleeves, and a writer under a fresh lease.
pub async fn writer(store: &Store) -> WriterHandle {
    store.account_create(&account(), &sleeves()).await.expect("a new account");
    let lease = store.lease_acquire(LABEL, "a test", TTL).await.expect("a free lease");
    let options = WriterOptions::default();
    WriterHandle::spawn(store, LABEL, lease.epoch, options).await.expect("a writer")
}

pub fn group(rows: Vec<Row>) -> Group {
    Group { rows }
}
