//! What was asked once can be asked again: after every step of a history each query's answer is
//! kept, and at the end each step's time is asked for again.

mod support;

use serde_json::{Value, json};
use stockade_core::broker::{Activity, ActivityKind, Fill};
use stockade_core::desk::{
    Action, ActionBooking, Command, Desk, Effects, Event, ImportKind, ImportedFill, Input, Scope,
    Settings, step,
};
use stockade_core::id::BreakId;
use stockade_core::ledger::LotMethod;
use stockade_core::order::{OrderStatus, Side};
use stockade_core::risk::Controls;
use stockade_core::row::{BreakRow, OrderChangeRow, OrderRow, Row, Rows};
use stockade_core::{Money, Now, Qty, Timestamp};
use stockade_store::query::{
    Filter, OrderFilter, PgPool, TableReader, account_list, activity_page, attribution, bot_events,
    bot_list, bot_show, break_list, equity_curve, equity_periods, execution_list,
    execution_quality, journal_list, lot_list, lot_page, order_list, order_show, position_list,
    price_history, refusal_list, round_trip_list, round_trip_nets, sleeve_list, sleeve_show,
    tax_history, trades_crypto, wash_history,
};
use stockade_store::testing::TestDatabase;
use stockade_store::{Store, WriterHandle, WriterOptions};
use support::*;

const SECOND: i64 = 1_000_000_000;
const SLEEVES: [&str; 3] = ["one", "two", "three"];

/// Books without a broker in a database.
struct Books {
    db: TestDatabase,
    writer: WriterHandle,
    desk: Desk,
    seconds: i64,
    fills: u32,
}

impl Books {
    async fn new() -> Self {
        let db = TestDatabase::new().await;
        let begin = Now { market: NOON, machine: NOON };
        let new =
            Rows::new_account(slug(LABEL), "e1".to_owned(), false, Controls::default(), begin);
        db.store.account_create(&new.account, &new.to_rows()).await.expect("made");
        let writer = writer_of(&db.store).await;
        let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
        let desk = Desk::restore(rows, Settings::reference()).expect("restored");
        Self { db, writer, desk, seconds: 0, fills: 0 }
    }

    fn now(&self) -> Now {
        let at = NOON.plus(self.seconds * SECOND);
        Now { market: at, machine: at }
    }

    /// One input, what the desk asks of the books because of it, and all of it committed.
    async fn put(&mut self, event: Event) {
        self.seconds += 1;
        let said = format!("{event:?}");
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let mut out = Effects::default();
            let now = self.now();
            step(&mut self.desk, Input { now, event }, &mut out);
            if let Some(reply) = &out.reply {
                let reply = format!("{reply:?}");
                assert!(!reply.contains("Refused"), "{said}: {reply}");
            }
            self.writer.commit(group(std::mem::take(&mut out.rows))).await.expect("committed");
            for action in out.actions {
                if let Action::ReadBooks { question } = action {
                    let answer = self.db.store.answer(LABEL, &question).await.expect("answered");
                    next = Some(Event::Books { answer });
                }
            }
        }
    }

    async fn command(&mut self, command: Command) {
        self.put(Event::Command { command }).await;
    }

    async fn trade(
        &mut self,
        sleeve: &str,
        ago: i64,
        side: Side,
        units: &str,
        at: &str,
        fee: &str,
    ) {
        let kind = ImportKind::Trade { side, qty: qty(units), price: price(at), fee: money(fee) };
        self.import(sleeve, ago, kind).await;
    }

    /// Booked now, traded so many seconds ago.
    async fn import(&mut self, sleeve: &str, ago: i64, kind: ImportKind) {
        self.fills += 1;
        let fills = vec![ImportedFill {
            execution_id: format!("x{}", self.fills),
            at: NOON.plus((self.seconds + 1 - ago) * SECOND),
            symbol: symbol("AAPL"),
            kind,
        }];
        let sleeve = slug(sleeve);
        self.command(Command::ImportFills { sleeve, opening: false, fills }).await;
    }

    /// An order as the desk of an account with a broker would have left it.
    async fn order(&mut self, change: u32, status: OrderStatus, filled: &str) {
        self.seconds += 1;
        let at = self.now().market;
        let (filled_qty, filled_value) = (qty(filled), price("100").value_of(qty(filled)));
        let known = !matches!(status, OrderStatus::Accepted | OrderStatus::Sending);
        let order = OrderRow {
            status,
            filled_qty,
            filled_value,
            broker_filled_qty: Qty::ZERO,
            reserved: Money::ZERO,
            broker_order_id: known.then(|| "b-1".into()),
            end_reason: status.is_final().then(|| "cancelled by hand".into()),
            accepted_at: NOON,
            updated_at: at,
            changes: change,
            ..order(1)
        };
        let row = OrderChangeRow {
            order: order.id,
            change,
            at,
            status,
            reserved: order.reserved,
            filled_qty,
            filled_value,
        };
        let rows = vec![Row::OrderChange(row), Row::Order(Box::new(order))];
        self.writer.commit(group(rows)).await.expect("committed");
    }

    /// A difference as a comparison would have found it, or as it went on.
    async fn difference(&mut self, action: &str, resolved: bool) {
        // Comparisons are inputs on record, which date the account.
        let amount = money("0.01");
        self.command(Command::CapitalAdd { name: slug("one"), amount }).await;
        let at = self.now().market;
        let row = BreakRow {
            id: BreakId(1),
            class: "D38".to_owned(),
            severity: "warning".to_owned(),
            symbol: Some(symbol("AAPL")),
            ours: dec("1"),
            broker: dec("2"),
            evidence: "a test".to_owned(),
            action: action.to_owned(),
            opened_at: NOON,
            resolved_at: resolved.then_some(at),
        };
        self.writer.commit(group(vec![Row::Break(row)])).await.expect("committed");
    }

    async fn activity(&mut self, kind: ActivityKind, more: impl FnOnce(&mut Activity)) {
        let at = NOON.plus((self.seconds + 1) * SECOND);
        let id = format!("a{}", self.seconds).into();
        let mut activity = Activity::new(id, kind, at, at);
        activity.symbol = Some(symbol("AAPL"));
        more(&mut activity);
        self.command(Command::ImportActions { activities: vec![activity] }).await;
    }
}

async fn writer_of(store: &Store) -> WriterHandle {
    let epoch = store.lease_acquire(LABEL, "a test", TTL).await.expect("free").epoch;
    WriterHandle::spawn(store, LABEL, epoch, WriterOptions::default()).await.expect("a writer")
}

fn day_of(at: Timestamp) -> i32 {
    i32::try_from(at.0 / 86_400_000_000_000).expect("a day of our times")
}

fn value(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).expect("it is JSON")
}

/// Every answer that can be asked for a moment, or for now.
async fn answers(pool: &PgPool, at: Option<i64>) -> Value {
    let all = Filter { account: Some(LABEL.to_owned()), at, ..Filter::default() };
    let limited = Filter { limit: Some(3), ..all.clone() };
    let mut found = serde_json::Map::new();
    let mut keep = |name: String, answer: Value| drop(found.insert(name, answer));
    let sleeves = sleeve_list(pool, &all, true).await.expect("sleeves");
    let capital: Vec<_> =
        sleeves.iter().map(|s| json!([s.name, s.added, s.withdrawn, s.kind, s.lots])).collect();
    keep("capital".to_owned(), value(capital));
    let states: Vec<_> =
        sleeves.iter().map(|s| json!([s.name, s.state, s.state_reason, s.controls])).collect();
    keep("risk show".to_owned(), value(states));
    keep("sleeve list".to_owned(), value(sleeves));
    keep(
        "action list".to_owned(),
        value(activity_page(pool, &all, None).await.expect("actions").rows),
    );
    keep("bot list --all".to_owned(), value(bot_list(pool, &all, true).await.expect("bots")));
    keep("bot show".to_owned(), value(bot_show(pool, None, "robo", at).await.expect("a bot")));
    keep("break list --all".to_owned(), value(break_list(pool, &all, true).await.expect("breaks")));
    keep("break list".to_owned(), value(break_list(pool, &all, false).await.expect("breaks")));
    let history = tax_history(pool, LABEL, at).await.expect("a history");
    keep("report bridge".to_owned(), json!(format!("{history:?}")));
    let history = wash_history(pool, LABEL, at, day_of).await.expect("a history");
    keep("report wash-sales".to_owned(), json!(format!("{history:?}")));
    for table in ["posting", "lot", "execution", "bot", "break", "activity"] {
        let mut reader = TableReader::open(pool, table, at).await.expect("a table");
        keep(format!("export {table}"), value(reader.page(1_000).await.expect("its rows")));
    }
    keep("position list".to_owned(), value(position_list(pool, &all).await.expect("positions")));
    keep("lot list".to_owned(), value(lot_list(pool, &all, false).await.expect("lots")));
    keep("lot list --all".to_owned(), value(lot_list(pool, &all, true).await.expect("lots")));
    let page = lot_page(pool, &limited, true).await.expect("a page of lots");
    let next = Filter { after: page.next.clone(), ..limited.clone() };
    keep("page of lots".to_owned(), value(&page.rows));
    keep("next page".to_owned(), value(page.next.map(|next| next.to_string())));
    keep("lots behind".to_owned(), value(lot_page(pool, &next, true).await.expect("lots").rows));
    keep("roundtrip list".to_owned(), value(round_trip_list(pool, &all).await.expect("trips")));
    keep("execution list".to_owned(), value(execution_list(pool, &all).await.expect("executions")));
    keep("executions".to_owned(), value(execution_list(pool, &limited).await.expect("some")));
    keep("journal list".to_owned(), value(journal_list(pool, &all).await.expect("entries")));
    keep("refusals".to_owned(), value(refusal_list(pool, &all).await.expect("refusals")));
    keep("events".to_owned(), value(bot_events(pool, &all).await.expect("events")));
    keep("equity".to_owned(), value(equity_curve(pool, &all).await.expect("a curve")));
    keep("mark".to_owned(), value(price_history(pool, LABEL, "AAPL", at).await.expect("a mark")));
    let orders = order_list(pool, &all, &OrderFilter::default()).await.expect("orders");
    keep("order list".to_owned(), value(orders));
    let open = OrderFilter { open: true, status: None };
    keep("open".to_owned(), value(order_list(pool, &all, &open).await.expect("orders")));
    keep("order 1".to_owned(), value(order_show(pool, None, "1", at).await.expect("an order")));
    let mut accounts = account_list(pool, &all).await.expect("accounts");
    // Who holds an account is known of the present alone.
    accounts.iter_mut().for_each(|account| account.holder = None);
    keep("account list".to_owned(), value(accounts));
    for name in SLEEVES {
        let shown = sleeve_show(pool, None, name, at).await.expect("a sleeve");
        keep(format!("{name}: shown"), value(shown.map(|s| (s.equity, s.realised, s.fees))));
        let periods = equity_periods(pool, LABEL, name, true, at).await.expect("periods");
        let periods: Vec<_> = periods.iter().map(|p| json!([p.at, p.equity, p.flow])).collect();
        keep(format!("{name}: periods"), value(periods));
        keep(
            format!("{name}: trips"),
            value(round_trip_nets(pool, LABEL, name, at).await.expect("nets")),
        );
        let shares = attribution(pool, LABEL, name, at).await.expect("attribution");
        keep(format!("{name}: attribution"), value(shares));
        let quality = execution_quality(pool, LABEL, name, at).await.expect("quality");
        keep(format!("{name}: quality"), value(quality));
        keep(
            format!("{name}: coins"),
            value(trades_crypto(pool, LABEL, name, at).await.expect("coins")),
        );
    }
    Value::Object(found)
}

/// Steps and the answers of their present; ends by asking each step's time again.
struct History {
    steps: Vec<(i64, Value)>,
}

impl History {
    async fn note(&mut self, books: &Books) {
        let found = answers(books.db.store.reads(), None).await;
        self.steps.push((books.now().market.0, found));
    }

    async fn ask_again(&self, pool: &PgPool) {
        for (number, (at, then)) in self.steps.iter().enumerate() {
            let found = answers(pool, Some(*at)).await;
            for (name, expected) in then.as_object().expect("an object") {
                assert_eq!(&found[name], expected, "{name} as of step {number}");
            }
            assert_eq!(found.as_object().map(|o| o.len()), then.as_object().map(|o| o.len()));
        }
    }
}

#[tokio::test]
async fn each_step_of_a_history_can_be_asked_for_again() {
    let mut books = Books::new().await;
    let mut history = History { steps: Vec::new() };
    macro_rules! then {
        ($step:expr) => {
            $step.await;
            history.note(&books).await;
        };
    }
    history.note(&books).await;
    then!(books.put(Event::Started { epoch: 1, take_over: false }));
    for (name, capital) in [("one", "10000"), ("two", "5000"), ("three", "0")] {
        let (name, capital) = (slug(name), money(capital));
        then!(books.command(Command::SleeveCreate { name, capital, lots: LotMethod::Fifo }));
    }
    then!(books.trade("one", 0, Side::Buy, "20", "100.10", "0.33"));
    then!(books.trade("one", 0, Side::Buy, "7.5", "101.000000001", "0.25"));
    then!(books.trade("one", 0, Side::Sell, "12", "103.37", "0.41"));
    then!(books.trade("two", 0, Side::Buy, "4", "104", "0.1"));
    then!(books.put(Event::Sample { session_close: None }));
    // The first purchase was another one, so that the sale closed other lots; the second never was.
    then!(books.activity(ActivityKind::Correction, |correction| {
        let again = Fill {
            execution_id: "x1-again".to_owned(),
            broker_order_id: String::new(),
            client_order_id: None,
            symbol: symbol("AAPL"),
            side: Side::Buy,
            qty: qty("15"),
            price: price("99"),
            fee: Money::ZERO,
            fee_qty: Qty::ZERO,
            cumulative_qty: None,
            at: correction.at,
        };
        correction.id = "correction:x1".into();
        correction.takes_back = Some("x1".into());
        correction.replacement = Some(Box::new(again));
    }));
    then!(books.activity(ActivityKind::Correction, |bust| {
        bust.id = "correction:x2".into();
        bust.takes_back = Some("x2".into());
    }));
    let (one, two, three) = (slug("one"), slug("two"), slug("three"));
    let amount = money("12.34");
    then!(books.command(Command::CapitalAdd { name: one.clone(), amount }));
    then!(books.command(Command::CapitalWithdraw { name: two.clone(), amount: money("0.01") }));
    let moved = Command::CapitalMove { from: one.clone(), to: two.clone(), amount: money("100") };
    then!(books.command(moved));
    let given = |to, units| Command::PositionMove {
        from: slug("one"),
        to,
        symbol: symbol("AAPL"),
        qty: qty(units),
    };
    then!(books.command(given(two, "2")));
    then!(books.command(given(three.clone(), "0.5")));
    then!(books.import("two", 0, ImportKind::Split { ratio: dec("3") }));
    then!(books.activity(ActivityKind::Split, |split| split.ratio = Some(dec("2"))));
    then!(books.put(Event::Sample { session_close: Some(20_190_211) }));
    then!(books.order(1, OrderStatus::Accepted, "0"));
    then!(books.order(2, OrderStatus::Acknowledged, "0"));
    then!(books.order(3, OrderStatus::PartiallyFilled, "1"));
    then!(books.order(4, OrderStatus::PartiallyFilled, "2.5"));
    then!(books.order(5, OrderStatus::Canceled, "2.5"));
    // Learnt of late: not believed before.
    then!(books.trade("two", 5, Side::Sell, "2", "36", "0.05"));
    then!(books.activity(ActivityKind::Dividend, |dividend| {
        dividend.net_amount = money("3.21");
        dividend.per_share = Some(price("0.1"));
    }));
    then!(books.command(Command::CapitalAllocate { name: three, amount: money("77") }));
    then!(books.trade("one", 0, Side::Sell, "1", "17", "0.01"));
    then!(books.put(Event::Sample { session_close: Some(20_190_212) }));
    let of = |name: &str| Scope::Sleeve { name: slug(name) };
    let why = "looks wrong".to_owned();
    then!(books.command(Command::Halt { scope: of("two"), reducing: true, why: why.clone() }));
    let settings = vec![("max_order_notional".to_owned(), "5000".to_owned())];
    then!(books.command(Command::RiskSet { scope: of("two"), settings }));
    then!(books.command(Command::Resume { scope: of("two") }));
    then!(books.command(Command::Halt { scope: Scope::Account, reducing: false, why }));
    then!(books.command(Command::Resume { scope: Scope::Account }));
    then!(books.command(Command::BotDeploy {
        name: slug("robo"),
        sleeve: None,
        capital: money("10"),
        plugin: "sma-cross".to_owned(),
        digest: "d1".to_owned(),
        version: "1.0".to_owned(),
        params: vec![("fast".to_owned(), "10".to_owned())],
        symbols: vec![symbol("AAPL")],
        seed: 7,
    }));
    let params = vec![("fast".to_owned(), "12".to_owned())];
    then!(books.command(Command::BotSet { name: slug("robo"), params }));
    then!(books.command(Command::BotRemove { name: slug("robo") }));
    then!(books.difference("frozen", false));
    then!(books.difference("accepted: a manual trade", false));
    then!(books.difference("gone", true));
    then!(books.activity(ActivityKind::Other, |other| other.id = "spin".into()));
    let booking = ActionBooking::Ignore;
    then!(books.command(Command::ActionBook { activity: "spin".to_owned(), booking }));
    history.ask_again(books.db.store.reads()).await;

    let activities = activity_page(books.db.store.reads(), &Filter::default(), None).await;
    for activity in activities.expect("activities").rows {
        let expected = if activity.id == "spin" { "ignored" } else { "booked" };
        assert_eq!(activity.state, expected, "{activity:?}");
    }

    // What stands in no sum any more is still shown, with what took its place.
    let pool = books.db.store.reads();
    let executions = execution_list(pool, &Filter::default()).await.expect("executions");
    let corrected: Vec<_> = executions
        .iter()
        .filter_map(|x| Some((x.execution_id.as_str(), x.corrected_by.as_deref()?)))
        .collect();
    assert_eq!(corrected, [("x1", "x1-again"), ("x2", "bust")]);
    let of_one = Filter { sleeve: Some("one".to_owned()), ..Filter::default() };
    let before = Filter { at: Some(history.steps[9].0), ..of_one.clone() };
    let (then, now) = (
        round_trip_list(pool, &before).await.expect("trips"),
        round_trip_list(pool, &of_one).await.expect("trips"),
    );
    assert_eq!((then.len(), now.len()), (1, 2), "{now:#?}");
    assert_eq!(then[0].gross.to_string(), "39.24");
    assert_eq!(now[0].gross.to_string(), "52.44", "12 of the corrected purchase");
    let rules = books.db.store.db_check(LABEL).await.expect("checked");
    // The order of this test was filled by no execution, which I17 sees.
    let broken = rules.into_iter().filter(|rule| !rule.ok && rule.id != "I17");
    assert_eq!(broken.collect::<Vec<_>>(), []);
    books.writer.close().await;
}
