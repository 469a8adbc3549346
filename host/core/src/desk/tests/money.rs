//! Money that people and facts from outside move: allocations against the account, replacements
//! against the capital, breaks in the hands of people, rows of files.

use super::*;
use crate::id::BreakId;
use crate::ledger::EntryKind;
use crate::risk::TradingState;

/// A trade that nobody here asked for: bought at the broker directly.
fn manual(bench: &mut Bench, qty: Decimal, price: Decimal) {
    bench.fills += 1;
    let order = OrderReport {
        broker_order_id: "by-hand".to_owned(),
        client_order_id: "hand".to_owned(),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        qty: Some(Qty::new(qty)),
        filled_qty: Qty::new(qty),
        filled_avg_price: None,
        limit_price: None,
        status: BrokerStatus::Filled,
        submitted_at: Timestamp(bench.time),
        replaced_by: None,
    };
    let fill = Fill {
        execution_id: format!("x-{}", bench.fills),
        broker_order_id: order.broker_order_id.clone(),
        client_order_id: Some(order.client_order_id.clone()),
        symbol: symbol("AAPL"),
        side: Side::Buy,
        qty: Qty::new(qty),
        price: Price::new(price),
        fee: Money::ZERO,
        cumulative_qty: Some(Qty::new(qty)),
        at: Timestamp(bench.time),
        fee_qty: Qty::ZERO,
    };
    let update =
        TradeUpdate { event: "fill".to_owned(), order, fill: Some(fill), correction: None };
    bench.cash -= qty * price;
    bench.put(Event::TradeUpdate { update });
}

fn limit_buy(bench: &mut Bench, sleeve: &str, qty: Decimal, price: Decimal) -> Reply {
    limit(bench, sleeve, Side::Buy, qty, price)
}

fn limit(bench: &mut Bench, sleeve: &str, side: Side, qty: Decimal, price: Decimal) -> Reply {
    let intent = Intent {
        symbol: symbol("AAPL"),
        side,
        size: Size::Qty(Qty::new(qty)),
        order_type: OrderType::Limit { limit_price: Price::new(price) },
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: None,
        tag: None,
        lot: None,
    };
    bench.command(Command::OrderSubmit { sleeve: slug(sleeve), intent })
}

fn order_of(reply: &Reply) -> OrderId {
    match reply {
        Reply::Done { order: Some(order), .. } => *order,
        other => panic!("no order: {other:?}"),
    }
}

#[test]
fn what_a_manual_trade_cost_can_not_be_allocated() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(60000));
    manual(&mut bench, dec!(3), dec!(304));
    assert_eq!(bench.desk.account().state, TradingState::Active);
    for _ in 0..2 {
        let assign = Command::PositionAssign {
            symbol: symbol("AAPL"),
            qty: Qty::new(dec!(1)),
            to: slug("alpha"),
            cost: money(dec!(310)),
            opened: Timestamp(1),
        };
        assert!(matches!(bench.command(assign), Reply::Done { .. }));
    }
    // 40,000 in house, 912 of it paid for the shares.
    let ask = |amount| Command::CapitalAdd { name: slug("alpha"), amount: money(amount) };
    assert_eq!(refusal(&bench.command(ask(dec!(39900)))), "allocation_sum");
    assert_eq!(refusal(&bench.command(ask(dec!(39088.01)))), "allocation_sum");
    assert!(matches!(bench.command(ask(dec!(39088))), Reply::Done { .. }));
    assert_eq!(bench.desk.account().state, TradingState::Active);
    bench.check();
}

#[test]
fn an_account_that_owes_its_allocations_only_reduces() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(100000));
    bench.price("AAPL", dec!(100));
    bench.price("BTCUSDT", dec!(100));
    manual(&mut bench, dec!(3), dec!(304));
    assert_eq!(bench.desk.account().state, TradingState::Reducing);
    assert_eq!(refusal(&bench.market("alpha", "BTCUSDT", Side::Buy, dec!(1))), "reducing");
    bench.snapshot(Vec::new());
    let resume = Command::Resume { scope: Scope::Account };
    let Reply::Refused { refusal: why } = bench.command(resume.clone()) else { panic!("resumed") };
    assert!(why.to_string().contains("912"), "{why}");
    let back = Command::CapitalWithdraw { name: slug("alpha"), amount: money(dec!(912)) };
    assert!(matches!(bench.command(back), Reply::Done { .. }));
    assert!(matches!(bench.command(resume), Reply::Done { .. }));
    assert!(matches!(bench.market("alpha", "BTCUSDT", Side::Buy, dec!(1)), Reply::Done { .. }));
    bench.check();
}

#[test]
fn a_replacement_holds_the_difference() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(1000));
    bench.price("AAPL", dec!(145));
    let old = order_of(&limit_buy(&mut bench, "alpha", dec!(1), dec!(145)));
    let sent = bench.sent().remove(0);
    let replace =
        |qty| Command::OrderReplace { order: old, qty: Some(Qty::new(qty)), limit_price: None };
    assert_eq!(refusal(&bench.command(replace(dec!(7)))), "capital");
    let new = order_of(&bench.command(replace(dec!(6))));
    assert_eq!(bench.sleeve("alpha").reserved, money(dec!(870)), "the larger of both, once");
    // A second order finds what is really left.
    assert_eq!(refusal(&limit_buy(&mut bench, "alpha", dec!(1), dec!(140))), "capital");
    assert!(matches!(limit_buy(&mut bench, "alpha", dec!(1), dec!(130)), Reply::Done { .. }));
    let report = bench.report(&sent, dec!(0), BrokerStatus::Canceled);
    bench.put(Event::TradeUpdate {
        update: TradeUpdate {
            event: "canceled".to_owned(),
            order: report,
            fill: None,
            correction: None,
        },
    });
    let replacement = bench.sent().into_iter().find(|order| order.order == new).unwrap();
    assert_eq!(replacement.size, Size::Qty(Qty::new(dec!(6))));
    assert_eq!(bench.sleeve("alpha").reserved, money(dec!(1000)));
    bench.check();
}

#[test]
fn a_replaced_order_that_fills_after_all_costs_no_more_than_is_held() {
    // Old leg dearer, cheaper and equal; sizes either way; the old one fills in parts before its end.
    for (old_qty, old_price, new_qty, new_price) in
        [(5, 100, 3, 90), (3, 90, 5, 100), (4, 100, 4, 80), (2, 120, 6, 60)]
    {
        let mut bench = Bench::new();
        create(&mut bench, "alpha", dec!(1000));
        bench.price("AAPL", dec!(150));
        let (old_qty, old_price) = (Decimal::from(old_qty), Decimal::from(old_price));
        let old = order_of(&limit_buy(&mut bench, "alpha", old_qty, old_price));
        let sent = bench.sent().remove(0);
        let order = Command::OrderReplace {
            order: old,
            qty: Some(Qty::new(Decimal::from(new_qty))),
            limit_price: Some(Price::new(Decimal::from(new_price))),
        };
        assert!(matches!(bench.command(order), Reply::Done { .. }));
        let whole = |bench: &Bench| bench.sleeve("alpha").reserved - bench.sleeve("alpha").cash;
        let mut before = whole(&bench);
        let mut filled = Decimal::ZERO;
        while filled < old_qty {
            filled += Decimal::ONE;
            let update = bench.update(&sent, Decimal::ONE, filled, old_price);
            bench.cash -= old_price;
            bench.put(Event::TradeUpdate { update });
            let now = whole(&bench);
            assert!(now <= before, "what is spent and held grew: {now} after {before}");
            assert!(bench.sleeve("alpha").reserved <= bench.sleeve("alpha").cash);
            before = now;
        }
        assert!(bench.sleeve("alpha").reserved.is_zero());
        bench.check();
    }
}

#[test]
fn an_order_against_an_own_open_one_is_refused_here_first() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    bench.fill_all(dec!(100));
    limit(&mut bench, "alpha", Side::Sell, dec!(5), dec!(110));
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Buy, dec!(1))), "opposite_order_open");
    assert_eq!(refusal(&limit_buy(&mut bench, "alpha", dec!(1), dec!(110))), "opposite_order_open");
    assert!(matches!(limit_buy(&mut bench, "alpha", dec!(1), dec!(109)), Reply::Done { .. }));
}

#[test]
fn an_accepted_break_stays_until_the_difference_changes() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    let look = |bench: &mut Bench| {
        for _ in 0..2 {
            bench.time += 10 * limits::NANOS_PER_SECOND;
            bench.snapshot(Vec::new());
        }
        bench.desk.breaks().map(|b| (b.id.0, is_accepted(b))).collect::<Vec<_>>()
    };
    bench.cash += dec!(5);
    assert_eq!(look(&mut bench), [(1, false)]);
    let resolve = |id, action: &str, why: &str| Command::BreakResolve {
        break_id: BreakId(id),
        action: action.to_owned(),
        why: why.to_owned(),
    };
    assert_eq!(refusal(&bench.command(resolve(1, "foo", "x"))), "not_allowed");
    assert_eq!(refusal(&bench.command(resolve(1, "accept", " "))), "not_allowed");
    assert_eq!(refusal(&bench.command(resolve(9, "accept", "x"))), "not_found");
    assert!(matches!(bench.command(resolve(1, "accept", "gift")), Reply::Done { .. }));
    assert_eq!(refusal(&bench.command(resolve(1, "accept", "again"))), "not_allowed");
    assert_eq!(look(&mut bench), [(1, true)], "the same difference is no new break");
    assert!(bench.desk.reconciliation().balanced);
    // Both sides move by a trade: the difference is the same.
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    bench.fill_all(dec!(100));
    assert_eq!(look(&mut bench), [(1, true)]);
    bench.cash += dec!(1);
    assert_eq!(look(&mut bench), [(2, false)]);
    assert!(matches!(bench.command(resolve(2, "adjust", "found")), Reply::Done { .. }));
    assert_eq!(refusal(&bench.command(resolve(2, "adjust", "found"))), "not_allowed");
    assert_eq!(look(&mut bench), []);
    bench.check();
}

/// The books without a broker, at second 1,000.
fn books() -> Desk {
    let rows = Rows::new_account(
        slug("books"),
        "e1".to_owned(),
        false,
        Controls::default(),
        Now::default(),
    );
    let mut desk = Desk::restore(rows, Settings::default()).unwrap();
    let command = Command::SleeveCreate {
        name: slug("mine"),
        capital: money(dec!(1000)),
        lots: LotMethod::Fifo,
    };
    assert!(matches!(give(&mut desk, command), Reply::Done { .. }));
    desk
}

fn give(desk: &mut Desk, command: Command) -> Reply {
    let at = Timestamp(1_000 * limits::NANOS_PER_SECOND);
    let mut out = Effects::default();
    let now = Now { market: at, machine: at };
    step(desk, Input { now, event: Event::Command { command } }, &mut out);
    out.reply.unwrap()
}

fn import(desk: &mut Desk, rows: &[(&str, i64, ImportKind)]) -> Reply {
    let fills = rows
        .iter()
        .map(|(id, second, kind)| ImportedFill {
            execution_id: (*id).to_owned(),
            at: Timestamp(second * limits::NANOS_PER_SECOND),
            symbol: symbol("AAPL"),
            kind: kind.clone(),
        })
        .collect();
    give(desk, Command::ImportFills { sleeve: slug("mine"), opening: false, fills })
}

fn bought(qty: Decimal) -> ImportKind {
    let (qty, price) = (Qty::new(qty), Price::new(dec!(1)));
    ImportKind::Trade { side: Side::Buy, qty, price, fee: Money::ZERO }
}

#[test]
fn a_file_from_the_future_or_beyond_the_bounds_books_nothing() {
    let mut desk = books();
    let split = |ratio| ImportKind::Split { ratio };
    let late = import(&mut desk, &[("a", 999, bought(dec!(1))), ("b", 1001, bought(dec!(1)))]);
    assert_eq!(refusal(&late), "fill");
    let Reply::Refused { refusal: why } = late else { unreachable!("refused above") };
    assert!(why.to_string().contains("1970-01-01T00:16:41Z"), "{why}");
    let huge = [
        ("a", 1, bought(dec!(1))),
        ("b", 2, split(dec!(1000000000))),
        ("c", 3, split(dec!(1000000000))),
    ];
    assert_eq!(refusal(&import(&mut desk, &huge)), "fill");
    assert_eq!(desk.sleeve(&slug("mine")).unwrap().cash, money(dec!(1000)), "nothing was booked");
    let reply = import(&mut desk, &[("s", 1, split(dec!(2))), ("a", 2, bought(dec!(1)))]);
    let Reply::Done { booked, known, .. } = reply else { panic!("{reply:?}") };
    assert_eq!((booked, known), (Some(1), Some(0)), "a split of nothing is not booked");
    let future = Command::PositionAssign {
        symbol: symbol("AAPL"),
        qty: Qty::new(dec!(1)),
        to: slug("mine"),
        cost: money(dec!(1)),
        opened: Timestamp(2_000 * limits::NANOS_PER_SECOND),
    };
    assert_eq!(refusal(&give(&mut desk, future)), "not_allowed");
}

#[test]
fn a_slow_rate_does_not_lock_a_position_in() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(30));
    bench.fill_all(dec!(100));
    bench.time += 61 * limits::NANOS_PER_SECOND;
    let settings = vec![("order_rate".to_owned(), "0".to_owned())];
    let set = bench.command(Command::RiskSet { scope: Scope::Account, settings });
    assert!(matches!(set, Reply::Done { .. }));
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Buy, dec!(1))), "order_rate");
    for _ in 0..limits::EXITS_PER_MINUTE {
        assert!(matches!(bench.market("alpha", "AAPL", Side::Sell, dec!(1)), Reply::Done { .. }));
    }
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Sell, dec!(1))), "order_rate");
}

/// Two fills against each other while the account is read: cash is of before, positions are the same.
#[test]
fn cash_that_was_read_between_two_fills_is_no_rounding() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(10));
    bench.fill_all(dec!(100));
    let right = bench.cash;
    let adjustments = |bench: &Bench| {
        let is = |row: &&Row| matches!(row, Row::Entry(e) if e.kind == EntryKind::Adjustment);
        bench.rows.iter().filter(is).count()
    };
    // Seen once, in whatever way: nothing is booked.
    bench.cash = right - dec!(0.01);
    bench.snapshot(Vec::new());
    bench.cash = right;
    bench.snapshot(Vec::new());
    assert_eq!(adjustments(&bench), 0);
    bench.check();
    // Seen twice with nothing under way: it is the broker's own.
    bench.market("alpha", "AAPL", Side::Buy, dec!(1));
    bench.fill_all(dec!(100));
    bench.cash -= dec!(0.01);
    bench.snapshot(Vec::new());
    bench.snapshot(Vec::new());
    assert_eq!(adjustments(&bench), 1);
    assert_eq!(bench.desk.total_cash(), money(bench.cash));
}

/// What the broker refuses whatever the market does is refused here, and costs no request.
#[test]
fn terms_that_no_broker_takes_are_refused() {
    let mut bench = Bench::new();
    create(&mut bench, "alpha", dec!(10000));
    bench.price("AAPL", dec!(100));
    let stop = OrderType::Stop { stop_price: Price::new(dec!(110)) };
    let qty = Size::Qty(Qty::new(dec!(1)));
    let dollars = Size::Notional(money(dec!(100)));
    let mut code = |size, order_type, time_in_force| {
        let intent = Intent {
            symbol: symbol("AAPL"),
            side: Side::Buy,
            size,
            order_type,
            time_in_force,
            extended_hours: false,
            reason: None,
            tag: None,
            lot: None,
        };
        match bench.command(Command::OrderSubmit { sleeve: slug("alpha"), intent }) {
            Reply::Refused { refusal } => refusal.code(),
            Reply::Done { .. } => "taken",
        }
    };
    use TimeInForce::{Cls, Day, Fok, Gtc, Ioc, Opg};
    for tif in [Gtc, Ioc, Fok, Opg, Cls] {
        assert_eq!(code(dollars, OrderType::Market, tif), "invalid_order", "{tif:?}");
    }
    for tif in [Ioc, Fok, Opg, Cls] {
        assert_eq!(code(qty, stop, tif), "invalid_order", "{tif:?}");
    }
    assert_eq!(code(dollars, OrderType::Market, Day), "taken");
    assert_eq!(code(qty, stop, Gtc), "taken");
}
