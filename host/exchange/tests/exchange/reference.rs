//! The reference behaviour of a backtest, rule by rule.

use stockade_exchange::{
    Config, EventKind, Exchange, NewOrder, OrderStatus, OrderType, Side, TimeInForce,
};

use crate::{bar, d, fills, kinds, minute};

fn order(kind: &str, side: Side) -> NewOrder {
    let mut words = kind.split_whitespace();
    let name = words.next().unwrap();
    let mut price = || words.next().map(d);
    let base = NewOrder::market("SPY", side, d("10"));
    match name {
        "market" => base,
        "limit" => NewOrder { order_type: OrderType::Limit, limit_price: price(), ..base },
        "stop" => NewOrder { order_type: OrderType::Stop, stop_price: price(), ..base },
        _ => NewOrder {
            order_type: OrderType::StopLimit,
            stop_price: price(),
            limit_price: price(),
            ..base
        },
    }
}

/// Submits one order after a first bar and gives its executions on the bars that follow.
fn play(config: Config, order: NewOrder, bars: &[&str]) -> Vec<String> {
    let mut x = Exchange::new(config, 1, minute(0)).unwrap();
    let spy = x.intern("SPY").unwrap();
    x.on_bar(&bar(spy, minute(0), "100 100 100 100"));
    x.submit(order, minute(0)).unwrap();
    assert!(fills(&x.drain_events()).is_empty(), "nothing trades on the bar at hand");
    for (at, prices) in (1..).zip(bars) {
        x.on_bar(&bar(spy, minute(at), prices));
    }
    fills(&x.drain_events())
}

#[test]
fn each_order_type_against_one_bar() {
    use Side::{Buy, Sell};
    // (order, side, bar, execution price or none)
    for (kind, side, prices, expected) in [
        ("market", Buy, "101 105 95 102", Some("101")),
        ("market", Sell, "101 105 95 102", Some("101")),
        ("limit 100", Buy, "101 102 99.99 101", Some("100")), // through it
        ("limit 100", Buy, "101 102 100 101", None),          // only touched
        ("limit 100", Buy, "100 102 100 101", Some("100")),   // at the open
        ("limit 100", Buy, "98 102 97 101", Some("98")),      // a gap in favour
        ("limit 100", Sell, "99 100.01 98 99", Some("100")),
        ("limit 100", Sell, "99 100 98 99", None),
        ("limit 100", Sell, "100 100 98 99", Some("100")),
        ("limit 100", Sell, "103 104 98 99", Some("103")),
        ("stop 105", Buy, "100 105 99 100", Some("105")), // touched is reached
        ("stop 105", Buy, "100 104.99 99 100", None),
        ("stop 105", Buy, "107 108 106 107", Some("107")), // beyond a gap
        ("stop 95", Sell, "100 101 95 96", Some("95")),
        ("stop 95", Sell, "100 101 95.01 96", None),
        ("stop 95", Sell, "93 94 90 91", Some("93")),
        ("stop_limit 105 106", Buy, "100 105.5 99 105", Some("105")),
        ("stop_limit 105 106", Buy, "107 108 106.5 107", None), // gap over the limit
        ("stop_limit 105 106", Buy, "107 108 105 107", Some("106")), // and back through it
        ("stop_limit 105 104", Buy, "100 106 99 105", None), // limit below the stop: later bars only
        ("stop_limit 95 94", Sell, "100 101 94.5 95", Some("95")),
        ("stop_limit 95 94", Sell, "93 93.5 90 91", None),
        ("stop_limit 95 94", Sell, "93 94.5 90 91", Some("94")),
    ] {
        let got = play(Config::reference(d("100000")), order(kind, side), &[prices]);
        let wanted: Vec<String> = expected.map(|price| format!("10@{price}")).into_iter().collect();
        assert_eq!(got, wanted, "{side} {kind} against {prices}");
    }
}

#[test]
fn a_reached_stop_limit_stays_a_limit() {
    let bars = ["107 108 106.5 107", "106.2 107 105.9 106", "50 50 50 50"];
    assert_eq!(
        play(Config::reference(d("100000")), order("stop_limit 105 106", Side::Buy), &bars),
        ["10@106"]
    );
}

#[test]
fn time_in_force() {
    // (order, time in force, bars, executions, last status)
    for (kind, tif, bars, expected, status) in [
        (
            "market",
            TimeInForce::Day,
            &["101 101 101 101"][..],
            &["10@101"][..],
            OrderStatus::Filled,
        ),
        (
            "limit 99",
            TimeInForce::Day,
            &["101 101 100 101", "98 99 98 98"],
            &["10@98"],
            OrderStatus::Filled,
        ),
        (
            "limit 99",
            TimeInForce::Ioc,
            &["101 101 98 101", "98 99 98 98"],
            &[],
            OrderStatus::Canceled,
        ),
        ("limit 99", TimeInForce::Fok, &["98 101 98 101"], &["10@98"], OrderStatus::Filled),
        ("market", TimeInForce::Opg, &["97 101 97 101"], &["10@97"], OrderStatus::Filled),
        ("market", TimeInForce::Cls, &["97 101 97 101"], &["10@101"], OrderStatus::Filled),
        ("limit 96", TimeInForce::Cls, &["97 101 95 101"], &[], OrderStatus::Canceled),
    ] {
        let mut x = Exchange::new(Config::reference(d("100000")), 1, minute(0)).unwrap();
        let spy = x.intern("SPY").unwrap();
        let id = x.submit(order(kind, Side::Buy).tif(tif), minute(0)).unwrap().id;
        for (at, prices) in (1..).zip(bars) {
            x.on_bar(&bar(spy, minute(at), prices));
        }
        assert_eq!(fills(&x.drain_events()), expected, "{kind} {tif}");
        assert_eq!(x.order(id).unwrap().status, status, "{kind} {tif}");
    }
}

#[test]
fn orders_of_several_symbols_trade_in_submission_order() {
    let mut x = Exchange::new(Config::reference(d("100000")), 1, minute(0)).unwrap();
    let (a, b) = (x.intern("AAA").unwrap(), x.intern("BBB").unwrap());
    for (symbol, client) in [("BBB", "1"), ("AAA", "2"), ("BBB", "3"), ("AAA", "4")] {
        x.submit(NewOrder::market(symbol, Side::Buy, d("1")).client_id(client), minute(0)).unwrap();
    }
    x.drain_events();
    x.on_bars(&[bar(a, minute(1), "10 10 10 10"), bar(b, minute(1), "20 20 20 20")]);
    let events = x.drain_events();
    let clients: Vec<&str> = events.iter().map(|e| &*e.order.client_order_id).collect();
    assert_eq!(clients, ["1", "2", "3", "4"]);
    assert!(events.windows(2).all(|w| w[0].seq + 1 == w[1].seq));
    assert_eq!(x.cash(), d("99940"));
    assert_eq!(x.open_orders().count(), 0);
}

#[test]
fn a_bar_of_another_symbol_does_not_fill() {
    let mut x = Exchange::new(Config::reference(d("100000")), 1, minute(0)).unwrap();
    let (_, b) = (x.intern("AAA").unwrap(), x.intern("BBB").unwrap());
    x.submit(NewOrder::market("AAA", Side::Buy, d("1")), minute(0)).unwrap();
    x.on_bar(&bar(b, minute(1), "20 20 20 20"));
    assert_eq!(kinds(&x.drain_events()), [EventKind::New]);
}

#[test]
fn fee_slippage_and_participation() {
    let reference = || Config::reference(d("100000"));
    let slipping = Config { slippage_bps: d("10"), ..reference() };
    let bars = ["100 105 95 102"];
    assert_eq!(play(slipping.clone(), order("market", Side::Buy), &bars), ["10@100.1"]);
    assert_eq!(play(slipping.clone(), order("market", Side::Sell), &bars), ["10@99.9"]);
    assert_eq!(play(slipping.clone(), order("stop 104", Side::Buy), &bars), ["10@104.104"]);
    assert_eq!(play(slipping, order("limit 99", Side::Buy), &bars), ["10@99"]);
    // 0.45 % of 1000 shares is 4.5: whole orders trade whole shares.
    let sharing = Config { max_participation: Some(d("0.0045")), ..reference() };
    let three = ["100 105 95 102", "101 105 95 102", "102 105 95 102"];
    assert_eq!(
        play(sharing.clone(), order("market", Side::Buy), &three),
        ["4@100", "4@101", "2@102"]
    );
    assert!(play(sharing, order("market", Side::Buy).tif(TimeInForce::Fok), &three).is_empty());

    let mut x = Exchange::new(
        Config { fee_bps: d("5"), fee_per_share: d("0.005"), ..reference() },
        1,
        minute(0),
    )
    .unwrap();
    let spy = x.intern("SPY").unwrap();
    x.submit(order("market", Side::Buy), minute(0)).unwrap();
    x.on_bar(&bar(spy, minute(1), "100.01 101 100 100"));
    // 1000.10 × 0.0005 + 10 × 0.005 = 0.55005
    assert_eq!(x.drain_events()[1].fee, d("0.55"));
    assert_eq!((x.cash(), x.account().fees), (d("98999.35"), d("0.55")));
}

#[test]
fn the_end_cancels_what_is_open() {
    let mut x = Exchange::new(Config::reference(d("100000")), 1, minute(0)).unwrap();
    x.intern("SPY").unwrap();
    x.submit(order("limit 90", Side::Buy), minute(0)).unwrap();
    x.finish(minute(9));
    assert_eq!(kinds(&x.drain_events()), [EventKind::New, EventKind::Canceled]);
    assert!(!x.clock(minute(9)).is_open);
}

#[test]
fn unsound_bars_fill_nothing() {
    for prices in
        ["100 99 98 99", "0 0 0 0", "-1 1 -2 1", "2000000000 2000000000 2000000000 2000000000"]
    {
        assert!(
            play(Config::reference(d("100000")), order("market", Side::Buy), &[prices]).is_empty(),
            "{prices}"
        );
    }
}
