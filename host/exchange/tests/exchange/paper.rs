//! Paper rules: trading on the spot, partial executions, sessions, expiry, quotes, cancel and replace.

use stockade_exchange::{
    CancelOutcome, Changes, CloseSize, Config, EventKind, Exchange, NewOrder, OrderStatus, Quote,
    Reject, Side, TimeInForce, Trade,
};

use crate::{bar, d, fills, kinds, minute, paper_at_100, plain_paper, t};

fn buy(qty: &str) -> NewOrder {
    NewOrder::market("SPY", Side::Buy, d(qty)).tif(TimeInForce::Day)
}

#[test]
fn a_marketable_order_trades_at_once() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let answer = x.submit(buy("10"), minute(1)).unwrap();
    assert_eq!((answer.status, answer.filled_qty), (OrderStatus::PendingNew, d("0")));
    let events = x.drain_events();
    assert_eq!(kinds(&events), [EventKind::New, EventKind::Fill]);
    assert_eq!((events[1].position_qty, events[1].price), (Some(d("10")), Some(d("100"))));
    // A newer quote is what trades: the ask for buys, the bid for sells.
    let size = d("1");
    x.on_quote(&Quote {
        symbol: spy,
        at: minute(2),
        bid: d("99"),
        bid_size: size,
        ask: d("101"),
        ask_size: size,
    });
    x.submit(buy("1"), minute(2)).unwrap();
    x.submit(NewOrder::limit("SPY", Side::Sell, d("2"), d("98")), minute(2)).unwrap();
    assert_eq!(fills(&x.drain_events()), ["1@101", "2@99"]);
    let limit = NewOrder::limit("SPY", Side::Buy, d("1"), d("100")).tif(TimeInForce::Ioc);
    x.submit(limit, minute(2)).unwrap();
    assert_eq!(kinds(&x.drain_events()), [EventKind::New, EventKind::Canceled]);
}

#[test]
fn resting_orders_meet_quotes_trades_and_bars() {
    let (mut x, spy) = paper_at_100(plain_paper());
    for price in ["99", "98", "97"] {
        x.submit(NewOrder::limit("SPY", Side::Buy, d("1"), d(price)), minute(1)).unwrap();
    }
    let quote = |bid: &str, ask: &str| Quote {
        symbol: spy,
        at: minute(2),
        bid: d(bid),
        bid_size: d("1"),
        ask: d(ask),
        ask_size: d("1"),
    };
    x.on_quote(&quote("98.9", "98.95"));
    x.on_quote(&quote("98", "97")); // crossed
    assert_eq!(fills(&x.drain_events()), ["1@98.95"]);
    x.on_trade(&Trade { symbol: spy, at: minute(3), price: d("97.5"), size: d("1") });
    assert_eq!(fills(&x.drain_events()), ["1@97.5"]);
    x.on_bar(&bar(spy, minute(4), "98 98 96 97"));
    assert_eq!(fills(&x.drain_events()), ["1@97"]);
}

#[test]
fn some_orders_trade_in_two_parts() {
    let config = Config { partial_fill_permille: 1000, ..plain_paper() };
    let (mut x, spy) = paper_at_100(config);
    let id = x.submit(buy("10"), minute(1)).unwrap().id;
    let first = x.drain_events();
    assert_eq!(kinds(&first), [EventKind::New, EventKind::PartialFill]);
    let part = first[1].qty.unwrap();
    assert!(part >= d("1") && part < d("10") && part.scale() == 0, "{part}");
    assert_eq!(x.order(id).unwrap().status, OrderStatus::PartiallyFilled);
    x.on_bar(&bar(spy, minute(1), "102 102 102 102"));
    let rest = x.drain_events();
    assert_eq!(kinds(&rest), [EventKind::Fill]);
    assert_eq!(rest[0].order.filled_qty, d("10"));
    let mean = (part * d("100") + (d("10") - part) * d("102")) / d("10");
    assert_eq!(rest[0].order.filled_avg_price.unwrap(), mean);
    // One share can't be divided, and a fill-or-kill order won't.
    x.submit(buy("1"), minute(2)).unwrap();
    x.submit(buy("10").tif(TimeInForce::Fok), minute(2)).unwrap();
    x.submit(buy("10").tif(TimeInForce::Ioc), minute(2)).unwrap();
    use EventKind::{Canceled, Fill, New, PartialFill};
    assert_eq!(kinds(&x.drain_events()), [New, Fill, New, Fill, New, PartialFill, Canceled]);
}

#[test]
fn about_a_tenth_is_partial_by_default() {
    let (mut x, _) = paper_at_100(Config { cash: d("100000000"), ..Config::paper(d("1")) });
    for _ in 0..2000 {
        x.submit(buy("10"), minute(1)).unwrap();
    }
    let partial = kinds(&x.drain_events()).iter().filter(|&&k| k == EventKind::PartialFill).count();
    assert!((140..260).contains(&partial), "{partial} of 2000");
}

#[test]
fn orders_wait_for_the_session_and_expire_with_it() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let evening = t("2019-02-11T22:00:00Z");
    x.advance(evening);
    let market = x.submit(buy("1"), evening).unwrap();
    assert_eq!(market.status, OrderStatus::Accepted);
    assert_eq!(market.expires_at, Some(t("2019-02-12T21:00:00Z")));
    let limit = x
        .submit(NewOrder::limit("SPY", Side::Buy, d("1"), d("90")).tif(TimeInForce::Day), evening)
        .unwrap();
    let keeps = x.submit(NewOrder::limit("SPY", Side::Buy, d("1"), d("80")), evening).unwrap();
    // Before the opening nothing trades, and what isn't at work can't be replaced.
    x.on_bar(&bar(spy, t("2019-02-12T14:00:00Z"), "85 85 70 85"));
    let changes = Changes { limit_price: Some(d("91")), ..Changes::default() };
    assert!(matches!(x.replace(limit.id, changes, evening), Err(Reject::NotSent { .. })));
    assert_eq!(kinds(&x.drain_events()), [EventKind::Accepted; 3]);
    x.on_bar(&bar(spy, t("2019-02-12T14:30:00Z"), "101 101 100 100"));
    let events = x.drain_events();
    assert_eq!(kinds(&events), [EventKind::New, EventKind::New, EventKind::New, EventKind::Fill]);
    assert_eq!(
        (fills(&events), events[3].at),
        (vec!["1@101".to_owned()], t("2019-02-12T14:30:00Z"))
    );
    x.advance(t("2019-02-12T21:00:00Z"));
    let events = x.drain_events();
    assert_eq!(kinds(&events), [EventKind::Expired]);
    assert_eq!((events[0].order.id, events[0].at), (limit.id, t("2019-02-12T21:00:00Z")));
    assert_eq!(x.order(keeps.id).unwrap().status, OrderStatus::New);
    x.advance(t("2019-06-01"));
    assert_eq!(x.order(keeps.id).unwrap().status, OrderStatus::Expired, "90 days");
}

#[test]
fn a_yesterday_s_price_is_no_present_price() {
    let (mut x, spy) = paper_at_100(plain_paper());
    x.submit(buy("1"), t("2019-02-12T14:30:00Z")).unwrap();
    assert_eq!(kinds(&x.drain_events()), [EventKind::New]);
    x.on_bar(&bar(spy, t("2019-02-12T14:30:00Z"), "103 103 103 103"));
    assert_eq!(fills(&x.drain_events()), ["1@103"]);
}

#[test]
fn daily_bars_hold_the_session() {
    let mut x = Exchange::new(plain_paper(), 1, t("2019-02-11")).unwrap();
    let spy = x.intern("SPY").unwrap();
    let daily = |at: &str, prices: &str| stockade_exchange::Bar {
        interval: 1440 * crate::MINUTE,
        ..bar(spy, t(at), prices)
    };
    x.on_bar(&daily("2019-02-11", "100 100 100 100"));
    x.submit(buy("1"), t("2019-02-12")).unwrap();
    x.on_bar(&daily("2019-02-12", "101 105 99 104"));
    let events = x.drain_events();
    assert_eq!(fills(&events), ["1@101"]);
    assert_eq!(events.last().unwrap().at, t("2019-02-12T14:30:00Z"));
}

#[test]
fn auctions() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let late = x.submit(buy("1").tif(TimeInForce::Opg), minute(1));
    assert_eq!(late, Err(Reject::AuctionWindow { tif: TimeInForce::Opg }));
    let cls = x.submit(buy("2").tif(TimeInForce::Cls), minute(1)).unwrap();
    x.on_bar(&bar(spy, minute(389), "104 106 104 105"));
    x.advance(minute(390));
    assert_eq!(fills(&x.drain_events()), ["2@105"]);
    assert_eq!(x.order(cls.id).unwrap().status, OrderStatus::Filled);
    let night = t("2019-02-12T02:00:00Z");
    x.submit(buy("3").tif(TimeInForce::Opg), night).unwrap();
    let dear = NewOrder::limit("SPY", Side::Buy, d("1"), d("90")).tif(TimeInForce::Opg);
    let dear = x.submit(dear, night).unwrap();
    x.on_bar(&bar(spy, t("2019-02-12T14:30:00Z"), "107 108 80 108"));
    assert_eq!(fills(&x.drain_events()), ["3@107"]);
    assert_eq!(x.order(dear.id).unwrap().status, OrderStatus::Canceled);
    let closing = x.submit(buy("1").tif(TimeInForce::Cls), t("2019-02-12T20:50:00Z"));
    assert_eq!(closing, Err(Reject::AuctionWindow { tif: TimeInForce::Cls }));
}

#[test]
fn extended_hours_orders_trade_outside_the_session() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let at = t("2019-02-11T22:00:00Z");
    let mut order = NewOrder::limit("SPY", Side::Buy, d("1"), d("99")).tif(TimeInForce::Day);
    order.extended_hours = true;
    let id = x.submit(order, at).unwrap().id;
    assert_eq!(x.order(id).unwrap().expires_at, Some(t("2019-02-12T01:00:00Z")));
    x.on_bar(&bar(spy, at, "100 100 98 99"));
    assert_eq!(fills(&x.drain_events()), ["1@99"]);
}

#[test]
fn crypto_trades_around_the_clock() {
    let mut x = Exchange::new(plain_paper(), 1, t("2019-02-16")).unwrap();
    let btc = x.intern("BTCUSD").unwrap();
    x.on_bar(&bar(btc, t("2019-02-16T12:00:00Z"), "3600 3600 3600 3600"));
    let order = x
        .submit(NewOrder::market("BTC/USD", Side::Buy, d("0.5")), t("2019-02-16T12:01:00Z"))
        .unwrap();
    assert_eq!(&*order.symbol, "BTC/USD");
    assert_eq!(fills(&x.drain_events()), ["0.5@3600"]);
    assert_eq!(x.position("BTCUSD").unwrap().symbol, "BTCUSD");
    assert_eq!(x.position("BTC/USD"), x.position("btcusd"));
}

#[test]
fn cancelling() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let limit = |price: &str| NewOrder::limit("SPY", Side::Buy, d("1"), d(price));
    let id = x.submit(limit("90"), minute(1)).unwrap().id;
    let filled = x.submit(limit("100"), minute(1)).unwrap().id;
    x.drain_events();
    assert_eq!(x.cancel(id, minute(1)), Ok(()));
    assert_eq!(x.cancel(id, minute(2)), Ok(()), "again is fine");
    assert_eq!(kinds(&x.drain_events()), [EventKind::Canceled]);
    let refused = x.cancel(filled, minute(2)).unwrap_err();
    assert_eq!(
        (refused.http(), refused.to_string().as_str()),
        (422, "order is already in \"filled\" state")
    );
    let unknown = spy_id(&x);
    assert_eq!(x.cancel(unknown, minute(2)).unwrap_err().http(), 404);
    let ids = [
        x.submit(limit("91"), minute(2)).unwrap().id,
        x.submit(limit("92"), minute(2)).unwrap().id,
    ];
    let outcomes = x.cancel_all(minute(2));
    assert_eq!(outcomes, ids.map(|id| CancelOutcome { id, result: Ok(()) }));
    x.on_bar(&bar(spy, minute(3), "80 80 80 80"));
    assert_eq!(x.position_qty(spy), d("1"), "cancelled orders don't trade");
}

/// An id that no order has.
fn spy_id(x: &Exchange) -> stockade_exchange::Id {
    x.asset("SPY").unwrap().id
}

#[test]
fn a_cancel_can_lose_against_a_fill() {
    let (mut x, spy) = paper_at_100(Config { cancel_race_permille: 1000, ..plain_paper() });
    let ids: Vec<_> = ["95", "80"]
        .map(|price| {
            x.submit(NewOrder::limit("SPY", Side::Buy, d("1"), d(price)), minute(1)).unwrap().id
        })
        .into();
    for &id in &ids {
        x.cancel(id, minute(1)).unwrap();
        assert_eq!(x.order(id).unwrap().status, OrderStatus::PendingCancel);
    }
    x.on_bar(&bar(spy, minute(2), "96 96 90 92"));
    let status: Vec<_> = ids.iter().map(|&id| x.order(id).unwrap().status).collect();
    assert_eq!(status, [OrderStatus::Filled, OrderStatus::Canceled]);
    use EventKind::{Canceled, Fill, New, PendingCancel};
    assert_eq!(kinds(&x.drain_events()), [New, New, PendingCancel, PendingCancel, Fill, Canceled]);
}

#[test]
fn replacing() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let old = x.submit(NewOrder::limit("SPY", Side::Buy, d("10"), d("90")), minute(1)).unwrap();
    let price = |text: &str| Changes { limit_price: Some(d(text)), ..Changes::default() };
    assert_eq!(x.replace(old.id, price("90"), minute(1)), Err(Reject::Unchanged));
    assert!(matches!(x.replace(old.id, price("90.001"), minute(1)), Err(Reject::SubPenny { .. })));
    assert_eq!(
        x.order(old.id).unwrap().status,
        OrderStatus::New,
        "a refused replacement changes nothing"
    );
    let new = x.replace(old.id, price("95"), minute(2)).unwrap();
    assert_eq!((new.replaces, new.qty), (Some(old.id), Some(d("10"))));
    let old_now = x.order(old.id).unwrap();
    assert_eq!((old_now.status, old_now.replaced_by), (OrderStatus::Replaced, Some(new.id)));
    assert_eq!(kinds(&x.drain_events()), [EventKind::New, EventKind::Replaced, EventKind::New]);
    assert!(matches!(x.replace(old.id, price("96"), minute(2)), Err(Reject::NotOpen { .. })));
    // It may use what the old one held, and no more.
    let all = |qty: &str| Changes { qty: Some(d(qty)), ..Changes::default() };
    let new = x.replace(new.id, all("1052"), minute(2)).unwrap();
    assert!(matches!(x.replace(new.id, all("1053"), minute(2)), Err(Reject::BuyingPower { .. })));
    x.on_bar(&bar(spy, minute(3), "96 96 94 95"));
    assert_eq!(x.position_qty(spy), d("1052"));
}

#[test]
fn a_partly_filled_order_is_replaced_by_its_rest() {
    let (mut x, _) = paper_at_100(Config { partial_fill_permille: 1000, ..plain_paper() });
    let old = x.submit(NewOrder::limit("SPY", Side::Buy, d("100"), d("100")), minute(1)).unwrap();
    let filled = x.order(old.id).unwrap().filled_qty;
    assert!(filled > d("0") && filled < d("100"));
    let changes = Changes { limit_price: Some(d("90")), ..Changes::default() };
    let new = x.replace(old.id, changes, minute(1)).unwrap();
    assert_eq!(new.qty, Some(d("100") - filled));
    assert_eq!(x.order(old.id).unwrap().filled_qty, filled);
}

#[test]
fn closing_positions() {
    let (mut x, spy) = paper_at_100(plain_paper());
    assert_eq!(x.close_position("SPY", CloseSize::All, minute(1)), Err(Reject::PositionNotFound));
    x.submit(buy("10"), minute(1)).unwrap();
    x.close_position("SPY", CloseSize::Percentage(d("25")), minute(1)).unwrap();
    assert_eq!(x.position_qty(spy), d("7.5"));
    x.close_position("SPY", CloseSize::Qty(d("0.5")), minute(1)).unwrap();
    x.close_position("SPY", CloseSize::All, minute(1)).unwrap();
    assert_eq!(x.positions(), []);
    assert_eq!(x.cash(), d("100000"));
    let too_much = x.close_position("SPY", CloseSize::Percentage(d("101")), minute(1));
    assert_eq!(too_much, Err(Reject::PositionNotFound));
}

#[test]
fn the_end_cancels_day_orders_and_closes() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let day = NewOrder::limit("SPY", Side::Buy, d("1"), d("90")).tif(TimeInForce::Day);
    let day = x.submit(day, minute(1)).unwrap().id;
    let gtc = x.submit(NewOrder::limit("SPY", Side::Buy, d("1"), d("90")), minute(1)).unwrap().id;
    x.finish(minute(2));
    assert_eq!(x.order(day).unwrap().status, OrderStatus::Canceled);
    assert_eq!(x.order(gtc).unwrap().status, OrderStatus::New);
    assert!(!x.clock(minute(2)).is_open);
    assert_eq!(x.submit(buy("1"), minute(3)).unwrap().status, OrderStatus::Accepted);
    x.on_bar(&bar(spy, minute(4), "50 50 50 50"));
    assert_eq!(x.positions(), [], "nothing trades after the end");
}
