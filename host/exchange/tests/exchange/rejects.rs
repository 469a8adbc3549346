//! Each refusal with its status, code and text, and that a refused order leaves no trace.

use stockade_exchange::{
    Asset, Config, Exchange, Extra, NewOrder, OrderType, Reject, Side, TimeInForce,
};

use crate::{bar, d, minute, paper_at_100, plain_paper};

use Side::{Buy, Sell};

/// SPY at 100 with 10 shares held, BTC/USD at 100, a whole-share stock and an untradable one at 100.
fn account() -> Exchange {
    let (mut x, _) = paper_at_100(plain_paper());
    let btc = x.intern("BTC/USD").unwrap();
    let mut whole = Asset::named("WHOLE").unwrap();
    whole.fractionable = false;
    let mut barred = Asset::named("BARRED").unwrap();
    barred.tradable = false;
    let mut asleep = Asset::named("ASLEEP").unwrap();
    asleep.active = false;
    let whole = x.list_asset(whole).unwrap();
    x.list_asset(barred).unwrap();
    x.list_asset(asleep).unwrap();
    x.on_bars(&[bar(btc, minute(1), "100 100 100 100"), bar(whole, minute(1), "100 100 100 100")]);
    x.submit(NewOrder::market("SPY", Buy, d("10")).client_id("used"), minute(1)).unwrap();
    x.drain_events();
    x
}

fn market(symbol: &str, side: Side, qty: &str) -> NewOrder {
    NewOrder::market(symbol, side, d(qty))
}

fn limit(symbol: &str, side: Side, qty: &str, price: &str) -> NewOrder {
    NewOrder::limit(symbol, side, d(qty), d(price))
}

fn notional(symbol: &str, amount: &str) -> NewOrder {
    NewOrder {
        qty: None,
        notional: Some(d(amount)),
        time_in_force: TimeInForce::Day,
        ..market(symbol, Buy, "1")
    }
}

#[test]
fn each_refusal_has_its_code_and_text() {
    let spy = |qty: &str| market("SPY", Buy, qty);
    let long_id = "x".repeat(129);
    for (order, http, code, message) in [
        (spy("1000"), 403, 40_310_000, "insufficient buying power"),
        (limit("SPY", Buy, "1000", "99.01"), 403, 40_310_000, "insufficient buying power"),
        (
            market("SPY", Sell, "11"),
            403,
            40_310_000,
            "insufficient qty available for order (requested: 11, available: 10)",
        ),
        (
            market("BTCUSD", Sell, "2"),
            403,
            40_310_000,
            "insufficient balance for BTC (requested: 2, available: 0)",
        ),
        (market("WHOLE", Sell, "1"), 403, 40_310_000, "account is not allowed to short"),
        (market("WHOLE", Buy, "1.5"), 403, 40_310_000, "asset \"WHOLE\" is not fractionable"),
        (notional("WHOLE", "10"), 403, 40_310_000, "asset \"WHOLE\" is not fractionable"),
        (
            limit("BTCUSD", Buy, "0.01", "99"),
            403,
            40_310_000,
            "cost basis must be >= minimal amount of order 10",
        ),
        (spy("1").client_id("used"), 422, 40_010_001, "client_order_id must be unique"),
        (
            spy("1").client_id(&long_id),
            422,
            40_010_001,
            "client_order_id must be no more than 128 characters",
        ),
        (spy("0"), 422, 40_010_001, "qty must be > 0"),
        (spy("-1"), 422, 40_010_001, "qty must be > 0"),
        (
            spy("1.0000000001"),
            422,
            40_010_001,
            "qty 1.0000000001 is out of range or has too many decimal places",
        ),
        (
            spy("79228162514264337593543950335"),
            422,
            40_010_001,
            "qty 79228162514264337593543950335 is out of range or has too many decimal places",
        ),
        (NewOrder { qty: None, ..spy("1") }, 422, 40_010_001, "qty or notional is required"),
        (
            NewOrder { qty: Some(d("1")), ..notional("SPY", "5") },
            422,
            40_010_001,
            "only one of qty or notional is accepted",
        ),
        (notional("SPY", "0.99"), 422, 42_210_000, "notional amount must be >= 1.00"),
        (
            notional("SPY", "1.001"),
            422,
            42_210_000,
            "notional amount must be limited to 2 decimal places",
        ),
        (
            notional("SPY", "5").tif(TimeInForce::Gtc),
            422,
            42_210_000,
            "fractional orders must be DAY orders",
        ),
        (spy("1.5"), 422, 42_210_000, "fractional orders must be DAY orders"),
        (
            NewOrder {
                order_type: OrderType::Limit,
                limit_price: Some(d("90")),
                ..notional("SPY", "5")
            },
            422,
            42_210_000,
            "notional orders must be market orders",
        ),
        (
            NewOrder { order_type: OrderType::Limit, ..spy("1") },
            422,
            40_010_001,
            "limit orders require a limit price",
        ),
        (
            NewOrder { order_type: OrderType::Stop, ..spy("1") },
            422,
            40_010_001,
            "stop orders require a stop price",
        ),
        (
            NewOrder { limit_price: Some(d("1")), ..spy("1") },
            422,
            40_010_001,
            "market orders must not have a limit_price",
        ),
        (limit("SPY", Buy, "1", "0"), 422, 40_010_001, "limit_price must be > 0"),
        (
            limit("SPY", Buy, "1", "90.001"),
            422,
            42_210_000,
            "invalid limit_price 90.001. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        (
            limit("SPY", Buy, "1", "0.99999"),
            422,
            42_210_000,
            "invalid limit_price 0.99999. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        (
            NewOrder::stop("SPY", Buy, d("1"), d("110.123")),
            422,
            42_210_000,
            "invalid stop_price 110.123. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        (
            NewOrder::stop("SPY", Buy, d("1"), d("99")),
            422,
            42_210_000,
            "stop price must be greater than current price",
        ),
        (
            NewOrder::stop("SPY", Sell, d("1"), d("101")),
            422,
            42_210_000,
            "stop price must be less than current price",
        ),
        (
            NewOrder::stop("SPY", Buy, d("1"), d("110")).tif(TimeInForce::Ioc),
            422,
            42_210_000,
            "stop orders must be DAY or GTC orders",
        ),
        (market("NOPE", Buy, "1"), 422, 42_210_000, "asset \"NOPE\" not found"),
        (market("BARRED", Buy, "1"), 422, 42_210_000, "asset BARRED is not tradable"),
        (market("ASLEEP", Buy, "1"), 422, 40_010_001, "asset ASLEEP is not active"),
        (
            NewOrder::stop("BTCUSD", Buy, d("1"), d("110")),
            422,
            40_010_001,
            "invalid order type for crypto order",
        ),
        (
            market("BTCUSD", Buy, "1").tif(TimeInForce::Day),
            422,
            42_210_000,
            "invalid crypto time_in_force",
        ),
        (
            NewOrder { extended_hours: true, ..spy("1") },
            422,
            42_210_000,
            "extended hours order must be DAY or GTC limit orders",
        ),
    ] {
        let mut x = account();
        let before = x.to_state();
        let refused = x.submit(order.clone(), minute(1)).expect_err(message);
        assert_eq!(
            (refused.http(), refused.code(), refused.to_string().as_str()),
            (http, code, message),
            "{order:?}"
        );
        assert_eq!(x.to_state(), before, "a refused order leaves no trace: {order:?}");
    }
}

#[test]
fn what_is_just_allowed_is_taken() {
    for order in [
        market("SPY", Sell, "10"),
        limit("SPY", Buy, "989", "100.1"),
        market("SPY", Buy, "1.5").tif(TimeInForce::Day),
        notional("SPY", "1"),
        limit("SPY", Buy, "1", "0.9999"),
        limit("BTCUSD", Buy, "0.1", "100"),
        market("spy", Buy, "1").client_id(&"ä".repeat(128)),
        NewOrder::stop("SPY", Sell, d("10"), d("99.99")),
    ] {
        assert!(account().submit(order.clone(), minute(1)).is_ok(), "{order:?}");
    }
}

#[test]
fn a_client_order_id_is_unique_for_ever() {
    let mut x = account();
    let id = x.submit(limit("SPY", Buy, "1", "90").client_id("a"), minute(1)).unwrap().id;
    x.cancel(id, minute(1)).unwrap();
    assert_eq!(
        x.submit(limit("SPY", Buy, "1", "90").client_id("a"), minute(2)),
        Err(Reject::DuplicateClientId)
    );
    assert_eq!(x.order_by_client_id("a").unwrap().id, id);
}

#[test]
fn open_sells_reserve_shares() {
    let mut x = account();
    let first = x.submit(limit("SPY", Sell, "6", "110"), minute(1)).unwrap();
    x.submit(NewOrder::stop("SPY", Sell, d("3"), d("90")), minute(1)).unwrap();
    assert_eq!(x.position("SPY").unwrap().qty_available, d("1"));
    let refused = x.submit(limit("SPY", Sell, "2", "110"), minute(1)).unwrap_err();
    let extra = refused.extra();
    let text = |name: &str| extra.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    for (name, value) in
        [("symbol", "SPY"), ("available", "1"), ("existing_qty", "10"), ("held_for_orders", "9")]
    {
        assert_eq!(text(name), Some(Extra::Text(value.to_owned())));
    }
    assert!(
        matches!(text("related_orders"), Some(Extra::List(ids)) if ids.len() == 2 && ids[0] == first.id.to_string())
    );
}

#[test]
fn open_buys_hold_buying_power() {
    let mut x = account();
    let power = x.account().buying_power;
    assert_eq!(power, d("99000"));
    let id = x.submit(limit("SPY", Buy, "100", "90"), minute(1)).unwrap().id;
    assert_eq!(x.account().buying_power, d("90000"));
    // A stop buy holds a collar above its stop: 2.5 %.
    x.submit(NewOrder::stop("SPY", Buy, d("10"), d("200")), minute(1)).unwrap();
    assert_eq!(x.account().buying_power, d("87950"));
    x.cancel(id, minute(1)).unwrap();
    assert_eq!((x.account().buying_power, x.account().reserved), (d("96950"), d("2050")));
}

#[test]
fn the_wash_trade_table() {
    let stop_limit = |side, stop: &str, price: &str| NewOrder {
        order_type: OrderType::StopLimit,
        stop_price: Some(d(stop)),
        limit_price: Some(d(price)),
        ..market("SPY", side, "1")
    };
    // (resting, new, refused: None, or whether for a market or stop order)
    for (resting, new, expected) in [
        (NewOrder::stop("SPY", Buy, d("1"), d("110")), market("SPY", Sell, "1"), Some(true)),
        (NewOrder::stop("SPY", Buy, d("1"), d("110")), limit("SPY", Sell, "1", "150"), Some(true)),
        (NewOrder::stop("SPY", Sell, d("1"), d("90")), limit("SPY", Buy, "1", "50"), Some(true)),
        (limit("SPY", Buy, "1", "90"), market("SPY", Sell, "1"), Some(false)),
        (limit("SPY", Buy, "1", "90"), NewOrder::stop("SPY", Sell, d("1"), d("80")), Some(false)),
        (limit("SPY", Buy, "1", "90"), limit("SPY", Sell, "1", "90"), Some(false)),
        (limit("SPY", Buy, "1", "90"), limit("SPY", Sell, "1", "90.01"), None),
        (limit("SPY", Sell, "1", "110"), limit("SPY", Buy, "1", "110"), Some(false)),
        (limit("SPY", Sell, "1", "110"), limit("SPY", Buy, "1", "109.99"), None),
        (limit("SPY", Sell, "1", "110"), stop_limit(Buy, "105", "111"), Some(false)),
        (limit("SPY", Sell, "1", "110"), stop_limit(Buy, "105", "106"), None),
        (stop_limit(Sell, "95", "94"), limit("SPY", Buy, "1", "94"), Some(false)),
        (stop_limit(Sell, "95", "94"), limit("SPY", Buy, "1", "93.99"), None),
        (NewOrder::stop("SPY", Buy, d("1"), d("110")), market("SPY", Buy, "1"), None), // the same side is free
        (limit("SPY", Buy, "1", "90"), limit("BTCUSD", Buy, "1", "90"), None),
    ] {
        let mut x = account();
        let existing = x.submit(resting.clone(), minute(1)).unwrap().id;
        let got = x.submit(new.clone(), minute(1));
        match expected {
            None => assert!(got.is_ok(), "{resting:?} {new:?} {got:?}"),
            Some(market_or_stop) => {
                assert_eq!(
                    got,
                    Err(Reject::WashTrade { existing, market_or_stop }),
                    "{resting:?} {new:?}"
                );
                let refused = got.unwrap_err();
                assert_eq!((refused.http(), refused.code()), (403, 40_310_000));
                assert_eq!(
                    refused.extra()[0],
                    ("existing_order_id", Extra::Text(existing.to_string()))
                );
            }
        }
    }
}

#[test]
fn shorting_where_it_is_allowed() {
    let (mut x, spy) = paper_at_100(Config { shorting: true, multiplier: 2, ..plain_paper() });
    x.submit(market("SPY", Buy, "5"), minute(1)).unwrap();
    let crossing = x.submit(market("SPY", Sell, "6"), minute(1));
    assert!(matches!(crossing, Err(Reject::Quantity { .. })), "one order can't cross zero");
    x.submit(market("SPY", Sell, "5"), minute(1)).unwrap();
    let fraction = x.submit(market("SPY", Sell, "0.5").tif(TimeInForce::Day), minute(1));
    assert_eq!(fraction, Err(Reject::FractionalShort));
    let large = x.submit(market("SPY", Sell, "1942"), minute(1));
    assert!(matches!(large, Err(Reject::BuyingPower { .. })), "103 × 1942 is above 200000");
    x.submit(market("SPY", Sell, "10"), minute(1)).unwrap();
    let position = x.position("SPY").unwrap();
    assert_eq!(
        (position.qty, position.market_value, x.cash()),
        (d("-10"), d("-1000"), d("101000"))
    );
    assert_eq!(x.account().buying_power, d("199000"));
    assert!(matches!(x.submit(market("SPY", Buy, "11"), minute(1)), Err(Reject::Quantity { .. })));
    x.on_bar(&bar(spy, minute(1), "90 90 90 90"));
    x.submit(market("SPY", Buy, "10"), minute(2)).unwrap();
    assert_eq!((x.positions().len(), x.cash()), (0, d("100100")));
}
