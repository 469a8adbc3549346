//! What trading costs, and what orders trade at, each against values that were computed by hand.

use stockade_exchange::{Bar, Config, Exchange, NewOrder, OrderType, Quote, Side, SymbolId, Trade};

use crate::{bar, d, fills, minute};

fn reference() -> Config {
    Config::reference(d("100000"))
}

fn exchange(config: Config) -> (Exchange, SymbolId) {
    let mut x = Exchange::new(config, 1, minute(0)).unwrap();
    let spy = x.intern("SPY").unwrap();
    (x, spy)
}

/// Submits an order and lets it meet one bar of a thousand shares at 100; price and fee of it.
fn one(config: Config, side: Side, qty: &str) -> Vec<(String, String)> {
    let (mut x, spy) = exchange(config);
    x.on_bar(&bar(spy, minute(0), "100 100 100 100"));
    x.submit(NewOrder::market("SPY", side, d(qty)), minute(0)).unwrap();
    let next = Bar { volume: d("1000"), ..bar(spy, minute(1), "100 100 100 100") };
    x.on_bar(&next);
    let updates = x.drain_events();
    let filled = updates.iter().filter_map(|one| Some((one.price?, one.fee)));
    filled
        .map(|(price, fee)| (price.normalize().to_string(), fee.normalize().to_string()))
        .collect()
}

fn text(price: &str, fee: &str) -> Vec<(String, String)> {
    vec![(price.to_owned(), fee.to_owned())]
}

#[test]
fn fees_add_up_and_are_rounded_once() {
    // 0.35 an execution, 0.0033 a share of 50 and 0.01 % of 5,000: 0.35 + 0.165 + 0.5 = 1.015,
    // half to even.
    let config = Config {
        fee_per_execution: d("0.35"),
        fee_per_share: d("0.0033"),
        fee_bps: d("1"),
        ..reference()
    };
    assert_eq!(one(config, Side::Buy, "50"), text("100", "1.02"));
}

#[test]
fn slippage_half_spread_and_impact_worsen_what_takes() {
    // 5 bps of 100 is 0.05; half a spread of 0.02 comes on top.
    let config = Config { slippage_bps: d("5"), half_spread: d("0.02"), ..reference() };
    assert_eq!(one(config.clone(), Side::Buy, "10"), text("100.07", "0"));
    assert_eq!(one(config, Side::Sell, "10"), text("99.93", "0"));
    // Half of the bar's volume: a quarter of 40 bps of 100 is 0.1.
    let config = Config { impact_bps: d("40"), ..reference() };
    assert_eq!(one(config.clone(), Side::Buy, "500"), text("100.1", "0"));
    assert_eq!(one(config.clone(), Side::Sell, "500"), text("99.9", "0"));
    // More than the volume presses no more than all of it.
    assert_eq!(one(config, Side::Buy, "3000"), text("100.4", "0"));
}

#[test]
fn a_limit_order_pays_its_price_and_no_more() {
    let config =
        Config { slippage_bps: d("50"), half_spread: d("1"), impact_bps: d("50"), ..reference() };
    let (mut x, spy) = exchange(config);
    let limit = NewOrder {
        order_type: OrderType::Limit,
        limit_price: Some(d("99")),
        ..NewOrder::market("SPY", Side::Buy, d("10"))
    };
    x.submit(limit, minute(0)).unwrap();
    x.on_bar(&bar(spy, minute(1), "100 101 98 100"));
    assert_eq!(fills(&x.drain_events()), ["10@99"]);
}

#[test]
fn dollars_buy_less_at_the_price_that_they_move() {
    let (mut x, spy) = exchange(Config { impact_bps: d("40"), ..reference() });
    let notional = NewOrder {
        qty: None,
        notional: Some(d("50050")),
        ..NewOrder::market("SPY", Side::Buy, d("1"))
    };
    x.submit(notional, minute(0)).unwrap();
    x.on_bar(&Bar { volume: d("1001"), ..bar(spy, minute(1), "100 100 100 100") });
    // 500.5 shares are half of the volume: 100.1 a share, and 500 of them for the dollars.
    assert_eq!(fills(&x.drain_events()), ["500@100.1"]);
}

fn quote(symbol: SymbolId, at: i64, bid: &str, ask: &str) -> Quote {
    let (bid, ask, size) = (d(bid), d(ask), d("100"));
    Quote { symbol, at: minute(at), bid, bid_size: size, ask, ask_size: size }
}

#[test]
fn quotes_are_met_on_the_other_side_without_a_spread_of_their_own() {
    let (mut x, spy) = exchange(Config { half_spread: d("1"), ..reference() });
    x.submit(NewOrder::market("SPY", Side::Buy, d("10")), minute(0)).unwrap();
    x.submit(NewOrder::market("SPY", Side::Sell, d("5")), minute(0)).unwrap();
    x.on_quote(&quote(spy, 1, "99.9", "100.1"));
    assert_eq!(fills(&x.drain_events()), ["10@100.1", "5@99.9"]);
    let limit = |side, price| NewOrder {
        order_type: OrderType::Limit,
        limit_price: Some(d(price)),
        ..NewOrder::market("SPY", side, d("10"))
    };
    x.submit(limit(Side::Buy, "100"), minute(1)).unwrap();
    x.on_quote(&quote(spy, 2, "99.9", "100.1"));
    assert!(fills(&x.drain_events()).is_empty(), "the ask is above the limit");
    x.on_quote(&quote(spy, 3, "99.8", "99.95"));
    assert_eq!(fills(&x.drain_events()), ["10@99.95"]);
}

#[test]
fn a_part_of_the_size_on_offer_at_most() {
    let (mut x, spy) = exchange(Config { max_participation: Some(d("0.5")), ..reference() });
    x.submit(NewOrder::market("SPY", Side::Buy, d("120")), minute(0)).unwrap();
    x.on_quote(&quote(spy, 1, "99.9", "100.1"));
    x.on_quote(&quote(spy, 2, "99.9", "100.2"));
    let print = |at: i64, size: &str| Trade {
        symbol: spy,
        at: minute(at),
        price: d("100.3"),
        size: d(size),
    };
    x.on_trade(&print(3, "30"));
    x.on_trade(&print(4, "1000"));
    assert_eq!(fills(&x.drain_events()), ["50@100.1", "50@100.2", "15@100.3", "5@100.3"]);
}

#[test]
fn prices_alone_meet_no_order() {
    let (mut x, spy) = exchange(reference());
    x.submit(NewOrder::market("SPY", Side::Buy, d("10")), minute(0)).unwrap();
    x.on_closes(&[bar(spy, minute(1), "100 101 98 100.5")]);
    assert_eq!(x.position("SPY").map(|position| position.qty), None);
    assert!(x.on_print(&Trade { symbol: spy, at: minute(3), price: d("101"), size: d("1") }));
    assert!(fills(&x.drain_events()).is_empty());
    // A close that is older than a trade is no later price.
    x.on_closes(&[bar(spy, minute(2), "90 90 90 90")]);
    x.on_quote(&quote(spy, 4, "100", "102"));
    assert_eq!(fills(&x.drain_events()), ["10@102"]);
    assert_eq!(x.position("SPY").unwrap().current_price, d("101"));
}

#[test]
fn a_bar_that_ended_meets_no_order_that_was_sent_meanwhile() {
    let (mut x, spy) = exchange(reference());
    // Sent in the middle of the second minute.
    x.submit(NewOrder::market("SPY", Side::Buy, d("10")), minute(1).plus(30_000_000_000)).unwrap();
    x.on_ended_bars(&[bar(spy, minute(1), "100 101 98 100.5")]);
    assert!(fills(&x.drain_events()).is_empty());
    x.on_ended_bars(&[bar(spy, minute(2), "101 101 98 100.5")]);
    assert_eq!(fills(&x.drain_events()), ["10@101"]);
}
