//! The desk against a broker of a few lines: the worked cases, faults one by one.

mod bots;
mod coins;
mod memory;
mod money;
mod opening;
mod worth;

use rust_decimal::{Decimal, dec};

mod ledger;

use super::*;
use crate::broker::{
    BrokerOrder, BrokerSnapshot, BrokerStatus, Fill, OrderReport, PositionReport, TradeUpdate,
};
use crate::decimal::{Money, Price, Qty};
use crate::id::{SleeveId, Slug, Symbol};
use crate::instrument::Instrument;
use crate::ledger::LotMethod;
use crate::market::{Bar, MarketEvent};
use crate::order::{Intent, OrderType, Side, Size, TimeInForce};
use crate::risk::Controls;
use crate::row::Rows;
use crate::time::{Now, Timestamp};

fn money(value: Decimal) -> Money {
    Money::new(value)
}

fn slug(name: &str) -> Slug {
    Slug::new(name).unwrap()
}

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

/// A desk with $100,000 at its broker, started, compared, ready.
struct Bench {
    desk: Desk,
    rows: Vec<Row>,
    actions: Vec<Action>,
    time: i64,
    cash: Decimal,
    fills: u32,
    /// Coins of BTCUSDT that the broker took as its fee, and has not told of.
    coins_taken: Decimal,
    activities: Vec<crate::broker::Activity>,
}

impl Bench {
    fn new() -> Self {
        let rows = Rows::new_account(
            slug("main"),
            "e1".to_owned(),
            true,
            Controls::default(),
            Now::default(),
        );
        let settings = Settings { market_as_limit: false, budgeted: false, ..Settings::default() };
        let desk = Desk::restore(rows, settings).unwrap();
        let mut bench = Self {
            desk,
            rows: Vec::new(),
            actions: Vec::new(),
            time: 1_000_000_000,
            cash: dec!(100000),
            fills: 0,
            coins_taken: Decimal::ZERO,
            activities: Vec::new(),
        };
        for name in ["AAPL", "BTCUSDT"] {
            let instruments = vec![Instrument::equity(symbol(name))];
            bench.put(Event::Instruments { instruments });
        }
        bench.put(Event::Started { epoch: 1, take_over: false });
        bench.put(Event::AccountStream { up: true });
        bench.snapshot(Vec::new());
        bench.snapshot(Vec::new());
        assert!(bench.desk.is_ready());
        bench
    }

    fn put(&mut self, event: Event) -> Option<Reply> {
        self.time += 1_000_000;
        let at = Timestamp(self.time);
        let mut out = Effects::default();
        step(&mut self.desk, Input { now: Now { market: at, machine: at }, event }, &mut out);
        for row in &out.rows {
            if let Row::Entry(entry) = row {
                let sum: Money = entry.postings.iter().map(|p| p.amount).sum();
                assert!(sum.is_zero());
            }
        }
        self.rows.append(&mut out.rows);
        self.actions.append(&mut out.actions);
        out.reply
    }

    fn command(&mut self, command: Command) -> Reply {
        self.put(Event::Command { command }).unwrap()
    }

    fn snapshot(&mut self, orders: Vec<OrderReport>) {
        self.snapshot_with(orders, Vec::new());
    }

    fn snapshot_with(&mut self, orders: Vec<OrderReport>, fills: Vec<Fill>) {
        let positions = self
            .desk
            .instruments()
            .to_vec()
            .iter()
            .filter_map(|i| {
                let taken = i.symbol.as_str() == "BTCUSDT";
                let taken = Qty::new(if taken { self.coins_taken } else { Decimal::ZERO });
                let qty = self.desk.total_qty(self.desk.by_symbol[&i.symbol]) - taken;
                let average_entry = Price::new(dec!(1));
                (!qty.is_zero()).then(|| PositionReport {
                    symbol: i.symbol.clone(),
                    qty,
                    average_entry,
                    current_price: None,
                })
            })
            .collect();
        let value = BrokerSnapshot {
            account_id: "acc".to_owned(),
            cash: money(self.cash),
            equity: money(self.cash),
            buying_power: money(self.cash),
            trading_blocked: false,
            positions,
            orders,
            fills,
            since: Timestamp(0),
            began: Timestamp(self.time),
            sessions: Vec::new(),
            activities: std::mem::take(&mut self.activities),
            corrections: Vec::new(),
        };
        self.put(Event::Snapshot { answer: Answer::Done { value } });
    }

    fn price(&mut self, name: &str, close: Decimal) {
        let close = Price::new(close);
        let bar = Bar {
            instrument: self.desk.by_symbol[&symbol(name)],
            at: Timestamp(self.time),
            open: close,
            high: close,
            low: close,
            close,
            volume: Qty::new(dec!(1)),
        };
        self.put(Event::Market { market: MarketEvent::Bars { bars: vec![bar] } });
    }

    fn market(&mut self, sleeve: &str, name: &str, side: Side, qty: Decimal) -> Reply {
        let intent = Intent {
            symbol: symbol(name),
            side,
            size: Size::Qty(Qty::new(qty)),
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Day,
            extended_hours: false,
            reason: Some("test".into()),
            tag: None,
            lot: None,
        };
        self.command(Command::OrderSubmit { sleeve: slug(sleeve), intent })
    }

    fn sent(&mut self) -> Vec<BrokerOrder> {
        let submits =
            std::mem::take(&mut self.actions).into_iter().filter_map(|action| match action {
                Action::Submit { order, .. } => Some(order),
                _ => None,
            });
        submits.collect()
    }

    fn report(&self, order: &BrokerOrder, filled: Decimal, status: BrokerStatus) -> OrderReport {
        let Size::Qty(qty) = order.size else { panic!("a quantity") };
        OrderReport {
            broker_order_id: format!("b-{}", order.order),
            client_order_id: order.client_order_id.clone(),
            symbol: order.symbol.clone(),
            side: order.side,
            qty: Some(qty),
            filled_qty: Qty::new(filled),
            filled_avg_price: None,
            limit_price: None,
            status,
            submitted_at: Timestamp(self.time),
            replaced_by: None,
        }
    }

    fn update(
        &mut self,
        order: &BrokerOrder,
        qty: Decimal,
        cumulative: Decimal,
        price: Decimal,
    ) -> TradeUpdate {
        self.fills += 1;
        let Size::Qty(all) = order.size else { panic!("a quantity") };
        let full = all.get() == cumulative;
        let status = if full { BrokerStatus::Filled } else { BrokerStatus::PartiallyFilled };
        TradeUpdate {
            event: if full { "fill" } else { "partial_fill" }.to_owned(),
            order: self.report(order, cumulative, status),
            fill: Some(Fill {
                execution_id: format!("x-{}", self.fills),
                broker_order_id: format!("b-{}", order.order),
                client_order_id: Some(order.client_order_id.clone()),
                symbol: order.symbol.clone(),
                side: order.side,
                qty: Qty::new(qty),
                price: Price::new(price),
                fee: Money::ZERO,
                cumulative_qty: Some(Qty::new(cumulative)),
                at: Timestamp(self.time),
                fee_qty: crate::Qty::ZERO,
            }),
            correction: None,
        }
    }

    /// Fills everything that was sent, in full.
    fn fill_all(&mut self, price: Decimal) {
        for order in self.sent() {
            let Size::Qty(qty) = order.size else { panic!("a quantity") };
            let update = self.update(&order, qty.get(), qty.get(), price);
            self.cash -= order.side.signed(qty).get() * price;
            self.put(Event::TradeUpdate { update });
        }
    }

    fn sleeve(&self, name: &str) -> &crate::row::SleeveRow {
        self.desk.sleeve(&slug(name)).unwrap()
    }

    fn unrealised(&self, name: &str) -> Decimal {
        let id = self.sleeve(name).id;
        let cost: Money = self.desk.holdings(id).map(|(_, h)| h.cost + h.fee_left).sum();
        (self.desk.market_value(id) - cost).get()
    }

    /// Rebuilds the desk from its rows and compares what can be seen.
    fn check(&mut self) {
        let sum = self.desk.total_cash().get();
        assert_eq!(sum.normalize(), self.cash.normalize(), "Σ cash against the broker's");
        for sleeve in self.desk.sleeves.values() {
            let equity = sleeve.row.cash + self.desk.value_of(sleeve);
            let cost: Money = sleeve.holdings.values().map(|h| h.cost + h.fee_left).sum();
            let unrealised = self.desk.value_of(sleeve) - cost;
            let profit = equity - sleeve.net_capital();
            assert_eq!(sleeve.row.realised + unrealised, profit, "I8 of {}", sleeve.row.name);
            assert!(!sleeve.row.reserved.is_negative());
        }
    }
}

fn create(bench: &mut Bench, name: &str, capital: Decimal) -> Reply {
    bench.command(Command::SleeveCreate {
        name: slug(name),
        capital: money(capital),
        lots: LotMethod::Fifo,
    })
}

fn refusal(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused { refusal } => refusal.code(),
        Reply::Done { message, .. } => panic!("not refused: {message}"),
    }
}

#[test]
fn two_sleeves_on_one_symbol() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    create(&mut bench, "beta", dec!(10000));
    bench.price("AAPL", dec!(150));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    bench.market("beta", "AAPL", Side::Buy, dec!(5));
    bench.fill_all(dec!(150));
    assert_eq!(bench.sleeve("alpha").cash, money(dec!(8500)));
    assert_eq!(bench.sleeve("beta").cash, money(dec!(9250)));
    bench.price("AAPL", dec!(155));
    assert_eq!(bench.unrealised("alpha"), dec!(50));
    assert_eq!(bench.unrealised("beta"), dec!(25));
    bench.market("alpha", "AAPL", Side::Sell, dec!(4));
    bench.fill_all(dec!(160));
    assert_eq!(bench.sleeve("alpha").realised, money(dec!(40)));
    assert_eq!(bench.sleeve("beta").realised, Money::ZERO);
    bench.check();
}

#[test]
fn a_sale_over_two_lots() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(100000));
    bench.price("BTCUSDT", dec!(50));
    bench.market("alpha", "BTCUSDT", Side::Buy, dec!(100));
    bench.fill_all(dec!(50));
    bench.market("alpha", "BTCUSDT", Side::Buy, dec!(50));
    bench.fill_all(dec!(51));
    bench.market("alpha", "BTCUSDT", Side::Sell, dec!(120));
    bench.fill_all(dec!(53));
    let trips: Vec<_> = bench
        .rows
        .iter()
        .filter_map(|row| match row {
            Row::RoundTrip(trip) => Some((trip.qty.get(), trip.net.get())),
            _ => None,
        })
        .collect();
    assert_eq!(trips, vec![(dec!(100), dec!(300)), (dec!(20), dec!(40))]);
    bench.check();
}

#[test]
fn the_cap_holds_whatever_is_asked() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(1000));
    bench.price("AAPL", dec!(100));
    for _ in 0..20 {
        bench.market("alpha", "AAPL", Side::Buy, dec!(3));
    }
    let row = bench.sleeve("alpha");
    assert!(row.reserved <= row.cash);
    assert_eq!(bench.sent().len(), 3);
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Buy, dec!(3))), "capital");
    assert_eq!(refusal(&create(&mut bench, "beta", dec!(99000.01))), "allocation_sum");
}

#[test]
fn the_same_execution_twice_is_booked_once() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let second = bench.update(&order, dec!(6), dec!(10), dec!(100));
    let first = bench.update(&order, dec!(4), dec!(4), dec!(100));
    // Late, out of order, and again.
    for update in [&second, &first, &second, &first] {
        bench.put(Event::TradeUpdate { update: update.clone() });
    }
    // The same fill under another id: the cumulative quantity is the second witness.
    let mut other = first.clone();
    other.fill.as_mut().unwrap().execution_id = "other".to_owned();
    bench.put(Event::TradeUpdate { update: other });
    bench.cash -= dec!(1000);
    assert_eq!(bench.sleeve("alpha").cash, money(dec!(9000)));
    assert_eq!(bench.desk.order(order.order).unwrap().status, OrderStatus::Filled);
    bench.check();
}

#[test]
fn an_unknown_order_keeps_its_reservation_until_there_is_evidence() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let answer = Answer::Unknown { why: "timed out".to_owned() };
    bench.put(Event::Submitted { order: order.order, attempt: 1, answer });
    let reserved = bench.sleeve("alpha").reserved;
    assert!(reserved.is_positive());
    for _ in 0..10 {
        bench.put(Event::LookedUp { order: order.order, answer: Answer::NotFound });
    }
    assert_eq!(bench.sleeve("alpha").reserved, reserved, "absence inside the quiet window");
    let report = bench.report(&order, dec!(0), BrokerStatus::Open);
    bench.put(Event::LookedUp { order: order.order, answer: Answer::Done { value: report } });
    assert_eq!(bench.desk.order(order.order).unwrap().status, OrderStatus::Acknowledged);
    // A second answer that says "unknown" comes too late to matter.
    let answer = Answer::Unknown { why: "late".to_owned() };
    bench.put(Event::Submitted { order: order.order, attempt: 1, answer });
    assert_eq!(bench.desk.order(order.order).unwrap().status, OrderStatus::Acknowledged);
}

#[test]
fn an_abandoned_order_that_turns_up_is_booked_and_called_back() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let answer = Answer::Unknown { why: "timed out".to_owned() };
    bench.put(Event::Submitted { order: order.order, attempt: 1, answer });
    bench.time += 61 * limits::NANOS_PER_SECOND;
    bench.snapshot(Vec::new());
    for _ in 0..5 {
        bench.put(Event::LookedUp { order: order.order, answer: Answer::NotFound });
    }
    assert_eq!(bench.desk.order(order.order).unwrap().status, OrderStatus::Abandoned);
    assert!(bench.sleeve("alpha").reserved.is_zero());
    bench.actions.clear();
    let update = bench.update(&order, dec!(4), dec!(4), dec!(100));
    bench.put(Event::TradeUpdate { update });
    bench.cash -= dec!(400);
    let row = bench.desk.order(order.order).unwrap();
    assert_eq!(row.filled_qty, Qty::new(dec!(4)));
    assert!(row.cancel_requested);
    assert!(bench.actions.iter().any(|a| matches!(a, Action::Cancel { .. })));
    bench.check();
}

#[test]
fn opposite_orders_of_two_sleeves_do_not_meet() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    create(&mut bench, "beta", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    bench.fill_all(dec!(100));
    bench.market("beta", "AAPL", Side::Buy, dec!(1));
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Sell, dec!(1))), "opposite_order_open");
    assert_eq!(refusal(&bench.market("beta", "AAPL", Side::Sell, dec!(1))), "long_only");
}

#[test]
fn a_trade_of_somebody_else_is_in_suspense_and_can_be_assigned() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    let fill = Fill {
        execution_id: "manual".to_owned(),
        broker_order_id: "foreign".to_owned(),
        client_order_id: Some("my-own".to_owned()),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        qty: Qty::new(dec!(7)),
        price: Price::new(dec!(10)),
        fee: Money::ZERO,
        cumulative_qty: Some(Qty::new(dec!(7))),
        at: Timestamp(bench.time),
        fee_qty: crate::Qty::ZERO,
    };
    let mut out = Effects::default();
    bench.desk.on_fill(&fill, ExecutionSource::Stream, &mut out);
    bench.cash -= dec!(70);
    bench.price("AAPL", dec!(10));
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Buy, dec!(1))), "suspense");
    let assign = Command::PositionAssign {
        symbol: symbol("AAPL"),
        qty: Qty::new(dec!(5)),
        to: slug("alpha"),
        cost: money(dec!(55)),
        opened: Timestamp(5),
    };
    let reply = bench.command(assign);
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    let alpha = bench.sleeve("alpha").id;
    assert_eq!(
        bench.desk.holdings(alpha).map(|(_, h)| h.qty.get()).collect::<Vec<_>>(),
        vec![dec!(5)]
    );
    let suspense =
        bench.desk.holdings(SleeveId::SUSPENSE).map(|(_, h)| h.qty.get()).collect::<Vec<_>>();
    assert_eq!(suspense, vec![dec!(2)]);
    bench.check();
}

/// Books that were restored to before a sleeve was made: the broker fills its order all the same. The
/// fill is booked once, to suspense, and whoever knows better assigns it.
#[test]
fn a_fill_for_a_sleeve_that_no_longer_exists_is_booked_once() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(10));
    let account = bench.desk.account.label.clone();
    let (era, sleeve, order) = (bench.desk.account.era.clone(), slug("gone"), OrderId(77));
    let id = crate::order::ClientOrderId { era, account, sleeve, order }.to_string();
    let fill = Fill {
        execution_id: "late".to_owned(),
        broker_order_id: "of-gone".to_owned(),
        client_order_id: Some(id.clone()),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        qty: Qty::new(dec!(3)),
        price: Price::new(dec!(10)),
        fee: Money::ZERO,
        cumulative_qty: Some(Qty::new(dec!(3))),
        at: Timestamp(bench.time),
        fee_qty: Qty::ZERO,
    };
    let mut out = Effects::default();
    bench.desk.on_fill(&fill, ExecutionSource::Stream, &mut out);
    bench.desk.on_fill(&fill, ExecutionSource::Activity, &mut out);
    bench.cash -= dec!(30);
    let told = |action: &Action| matches!(action, Action::Alert { message, .. } if message.contains("late"));
    assert!(out.actions.iter().any(told), "{:?}", out.actions);
    let held = |bench: &Bench, sleeve| -> Decimal {
        bench.desk.holdings(sleeve).map(|(_, holding)| holding.qty.get()).sum()
    };
    let alpha = bench.sleeve("alpha").id;
    assert_eq!((held(&bench, SleeveId::SUSPENSE), held(&bench, alpha)), (dec!(3), dec!(0)));
    // Nobody trades on in what may be somebody's.
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Buy, dec!(1))), "suspense");
    let assign = Command::PositionAssign {
        symbol: symbol("AAPL"),
        qty: Qty::new(dec!(3)),
        to: slug("alpha"),
        cost: money(dec!(30)),
        opened: Timestamp(5),
    };
    let reply = bench.command(assign);
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    assert_eq!((held(&bench, SleeveId::SUSPENSE), held(&bench, alpha)), (dec!(0), dec!(3)));
    bench.check();
}

#[test]
fn a_replacement_waits_for_the_end_of_the_old_order() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let open = bench.report(&order, dec!(0), BrokerStatus::Open);
    bench.put(Event::Submitted {
        order: order.order,
        attempt: 1,
        answer: Answer::Done { value: open },
    });
    bench.command(Command::OrderReplace {
        order: order.order,
        qty: Some(Qty::new(dec!(20))),
        limit_price: None,
    });
    assert!(bench.sent().is_empty(), "the new order waits");
    let update = bench.update(&order, dec!(4), dec!(4), dec!(100));
    bench.put(Event::TradeUpdate { update });
    let report = bench.report(&order, dec!(4), BrokerStatus::Canceled);
    let update =
        TradeUpdate { event: "canceled".to_owned(), order: report, fill: None, correction: None };
    bench.put(Event::TradeUpdate { update });
    let new = bench.sent().remove(0);
    assert_eq!(new.size, Size::Qty(Qty::new(dec!(16))));
}

#[test]
fn a_replacement_of_a_replacement_waits_for_the_first() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let open = bench.report(&order, dec!(0), BrokerStatus::Open);
    bench.put(Event::Submitted {
        order: order.order,
        attempt: 1,
        answer: Answer::Done { value: open },
    });
    for (number, qty) in [(0, dec!(20)), (1, dec!(30))] {
        bench.command(Command::OrderReplace {
            order: OrderId(order.order.0 + number),
            qty: Some(Qty::new(qty)),
            limit_price: None,
        });
        assert!(bench.sent().is_empty(), "the first order may still trade");
    }
    let report = bench.report(&order, dec!(0), BrokerStatus::Canceled);
    let update =
        TradeUpdate { event: "canceled".to_owned(), order: report, fill: None, correction: None };
    bench.put(Event::TradeUpdate { update });
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].size, Size::Qty(Qty::new(dec!(30))));
}

#[test]
fn a_replaced_notional_is_for_the_rest() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    let intent = Intent {
        symbol: symbol("AAPL"),
        side: Side::Buy,
        size: Size::Notional(money(dec!(1000))),
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: None,
        tag: None,
        lot: None,
    };
    bench.command(Command::OrderSubmit { sleeve: slug("alpha"), intent });
    let mut order = bench.sent().remove(0);
    // Reports of the bench have a quantity; the desk doesn't look at it.
    order.size = Size::Qty(Qty::new(dec!(10)));
    let open = bench.report(&order, dec!(0), BrokerStatus::Open);
    bench.put(Event::Submitted {
        order: order.order,
        attempt: 1,
        answer: Answer::Done { value: open },
    });
    bench.command(Command::OrderReplace { order: order.order, qty: None, limit_price: None });
    let update = bench.update(&order, dec!(4), dec!(4), dec!(100));
    bench.put(Event::TradeUpdate { update });
    let report = bench.report(&order, dec!(4), BrokerStatus::Canceled);
    let update =
        TradeUpdate { event: "canceled".to_owned(), order: report, fill: None, correction: None };
    bench.put(Event::TradeUpdate { update });
    let new = bench.sent().remove(0);
    assert_eq!(new.size, Size::Notional(money(dec!(600))));
}

#[test]
fn a_snapshot_from_before_the_stream_came_up_does_not_make_ready() {
    let mut bench = Bench::new();
    bench.put(Event::AccountStream { up: false });
    bench.put(Event::Command { command: Command::Reconcile });
    bench.actions.clear();
    bench.put(Event::AccountStream { up: true });
    bench.snapshot(Vec::new());
    assert!(!bench.desk.is_ready(), "it can't show the gap");
    assert!(bench.actions.iter().any(|a| matches!(a, Action::Snapshot { .. })));
    bench.snapshot(Vec::new());
    assert!(bench.desk.is_ready());
}

#[test]
fn a_fill_that_shows_before_its_order_waits_for_its_owner() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let answer = Answer::Unknown { why: "timed out".to_owned() };
    bench.put(Event::Submitted { order: order.order, attempt: 1, answer });
    let update = bench.update(&order, dec!(10), dec!(10), dec!(100));
    let mut fill = update.fill.unwrap();
    fill.client_order_id = None;
    bench.snapshot_with(Vec::new(), vec![fill.clone()]);
    assert_eq!(bench.desk.holdings(SleeveId::SUSPENSE).count(), 0);
    bench.snapshot_with(vec![update.order], vec![fill]);
    bench.cash -= dec!(1000);
    let row = bench.desk.order(order.order).unwrap();
    assert_eq!(row.status, OrderStatus::Filled);
    assert_eq!(bench.sleeve("alpha").cash, money(dec!(9000)));
    bench.check();
}

#[test]
fn shares_leave_suspense_with_their_fee() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    let fill = Fill {
        execution_id: "manual".to_owned(),
        broker_order_id: "foreign".to_owned(),
        client_order_id: Some("my-own".to_owned()),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        qty: Qty::new(dec!(7)),
        price: Price::new(dec!(10)),
        fee: money(dec!(0.14)),
        cumulative_qty: Some(Qty::new(dec!(7))),
        at: Timestamp(bench.time),
        fee_qty: crate::Qty::ZERO,
    };
    let mut out = Effects::default();
    bench.desk.on_fill(&fill, ExecutionSource::Stream, &mut out);
    bench.cash -= dec!(70.14);
    let assign = |qty| Command::PositionAssign {
        symbol: symbol("AAPL"),
        qty: Qty::new(qty),
        to: slug("alpha"),
        cost: money(dec!(55)),
        opened: Timestamp(5),
    };
    for qty in [dec!(5), dec!(2)] {
        let reply = bench.command(assign(qty));
        assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
        bench.check();
    }
}

#[test]
fn a_cancel_is_asked_for_until_the_order_ends() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    let order = bench.sent().remove(0);
    let open = bench.report(&order, dec!(0), BrokerStatus::Open);
    bench.put(Event::Submitted {
        order: order.order,
        attempt: 1,
        answer: Answer::Done { value: open },
    });
    bench.command(Command::OrderCancel { order: order.order });
    for _ in 0..600 {
        bench.time += limits::NANOS_PER_SECOND;
        bench.put(Event::Timer);
    }
    let count = |wanted: fn(&Action) -> bool| bench.actions.iter().filter(|a| wanted(a)).count();
    let cancels = count(|a| matches!(a, Action::Cancel { .. }));
    assert!((8..20).contains(&cancels), "{cancels} cancels in ten minutes");
    let serious = count(|a| matches!(a, Action::Alert { severity, .. } if severity == "serious"));
    assert_eq!(serious, 1, "people are told once");
}

#[test]
fn intents_of_a_stopped_bot_are_void() {
    let mut bench = Bench::new();
    bench.price("AAPL", dec!(100));
    bench.command(Command::BotDeploy {
        name: slug("alpha"),
        sleeve: None,
        capital: money(dec!(10000)),
        plugin: "p".to_owned(),
        digest: "d".to_owned(),
        version: "1".to_owned(),
        params: Vec::new(),
        symbols: vec![symbol("AAPL")],
        seed: 1,
    });
    let sleeve = bench.sleeve("alpha").id;
    let generation = bench.desk.bot(sleeve).unwrap().generation;
    bench.put(Event::Bot { sleeve, report: BotReport::Ready { generation } });
    bench.command(Command::BotStop { name: slug("alpha") });
    let intent = Intent {
        symbol: symbol("AAPL"),
        side: Side::Buy,
        size: Size::Qty(Qty::new(dec!(1))),
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: None,
        tag: None,
        lot: None,
    };
    let intent_id = crate::IntentId(1);
    let batch = IntentBatch {
        sleeve,
        generation,
        requests: vec![BotRequest::Submit { intent_id, intent }],
        snapshot: None,
        digest: "d".into(),
        seen: crate::Timestamp(0),
    };
    bench.put(Event::Intents { batch });
    assert!(bench.sent().is_empty());
    assert_eq!(bench.desk.open_orders().count(), 0);
}
