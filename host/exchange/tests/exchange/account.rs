//! Reports: positions, activities and their pages, lists of orders, the clock, corporate actions.

use stockade_exchange::{
    ActivityKind, ActivityQuery, Config, Direction, Exchange, JournalKind, NewOrder, OrderQuery,
    Side, StatusFilter, TimeInForce,
};

use crate::{bar, d, minute, paper_at_100, plain_paper, t};

fn bought(qty: &str) -> Exchange {
    let (mut x, _) = paper_at_100(plain_paper());
    x.submit(NewOrder::market("SPY", Side::Buy, d(qty)), minute(1)).unwrap();
    x
}

#[test]
fn account_and_position_reports() {
    let mut x = bought("10");
    let spy = x.symbol_id("SPY").unwrap();
    x.on_bar(&bar(spy, minute(1), "110 110 110 110"));
    let account = x.account();
    assert_eq!(
        (account.cash, account.equity, account.last_equity),
        (d("99000"), d("100100"), d("100000"))
    );
    assert_eq!((account.long_market_value, account.short_market_value), (d("1100"), d("0")));
    assert!(account.account_number.starts_with("PA") && account.account_number.len() == 12);
    let position = &x.positions()[0];
    assert_eq!((position.avg_entry_price, position.cost_basis), (d("100"), d("1000")));
    assert_eq!((position.unrealized_pl, position.unrealized_plpc), (d("100"), d("0.1")));
    x.advance(t("2019-02-12T06:00:00Z"));
    assert_eq!(x.account().last_equity, d("100100"));
    assert_eq!(x.positions()[0].lastday_price, d("110"));
}

#[test]
fn cash_is_rounded_to_cents_half_even_per_execution() {
    let mut x = Exchange::new(Config::reference(d("1000")), 1, minute(0)).unwrap();
    let spy = x.intern("SPY").unwrap();
    for qty in ["0.5", "1.5"] {
        // 0.5 × 0.09 = 0.045 → 0.04; 1.5 × 0.09 = 0.135 → 0.14
        x.submit(NewOrder::market("SPY", Side::Buy, d(qty)), minute(0)).unwrap();
        x.on_bar(&bar(spy, minute(1), "0.09 0.09 0.09 0.09"));
    }
    let cash: Vec<_> = x.journal().iter().map(|line| line.cash_delta).collect();
    assert_eq!(cash, [d("1000"), d("-0.04"), d("-0.14")]);
    assert_eq!(x.cash(), d("999.82"));
}

#[test]
fn notional_orders_trade_dollars() {
    let (mut x, spy) = paper_at_100(plain_paper());
    let order = NewOrder {
        qty: None,
        notional: Some(d("10")),
        ..NewOrder::market("SPY", Side::Buy, d("1"))
    };
    x.on_bar(&bar(spy, minute(1), "30 30 30 30"));
    let id = x.submit(order.tif(TimeInForce::Day), minute(2)).unwrap().id;
    let order = x.order(id).unwrap();
    assert_eq!((order.qty, order.filled_qty), (None, d("0.333333333")));
    assert_eq!(x.cash(), d("99990"));
}

#[test]
fn crypto_fees_in_coins_and_in_cash() {
    let config = Config { crypto_fee_bps: d("25"), crypto_fee_in_kind: true, ..plain_paper() };
    let mut x = Exchange::new(config, 1, minute(0)).unwrap();
    let btc = x.intern("BTC/USD").unwrap();
    x.on_bar(&bar(btc, minute(0), "1000 1000 1000 1000"));
    let id = x.submit(NewOrder::market("BTC/USD", Side::Buy, d("1")), minute(1)).unwrap().id;
    assert_eq!((x.order(id).unwrap().filled_qty, x.position_qty(btc)), (d("1"), d("0.9975")));
    assert_eq!(x.drain_events()[1].position_qty, Some(d("0.9975")));
    x.submit(NewOrder::market("BTC/USD", Side::Sell, d("0.9975")), minute(1)).unwrap();
    // 997.50 less 25 bps, 2.49375
    assert_eq!((x.cash(), x.account().fees), (d("99995.01"), d("2.49")));
    let kinds: Vec<_> = x.activities(&ActivityQuery::default()).iter().map(|a| a.kind).collect();
    assert_eq!(
        kinds,
        [ActivityKind::CryptoFee, ActivityKind::Fill, ActivityKind::CryptoFee, ActivityKind::Fill]
    );
}

#[test]
fn activities_page_without_gap_or_repeat() {
    let (mut x, _) = paper_at_100(plain_paper());
    for n in 0..25 {
        x.submit(NewOrder::market("SPY", Side::Buy, d("1")), minute(1 + n)).unwrap();
    }
    for direction in [Direction::Asc, Direction::Desc] {
        let mut seen = Vec::new();
        let mut query = ActivityQuery { direction, page_size: 10, ..ActivityQuery::default() };
        loop {
            let page: Vec<String> = x.activities(&query).iter().map(|a| a.id()).collect();
            let Some(last) = page.last() else { break };
            query.page_token = Some(last.clone());
            seen.extend(page);
        }
        assert_eq!(seen.len(), 25);
        let sorted = seen.is_sorted();
        assert_eq!(sorted, direction == Direction::Asc);
    }
    let first = ActivityQuery {
        direction: Direction::Asc,
        after: Some(minute(1)),
        ..ActivityQuery::default()
    };
    let events = x.drain_events();
    let page = x.activities(&first);
    assert_eq!((page.len(), page[0].at), (24, minute(2)), "after is strict");
    assert!(page[0].id().starts_with("20190211093200000::"), "{}", page[0].id());
    assert_eq!(
        Some(page[0].uuid),
        events[3].execution_id,
        "an execution's activity carries its id"
    );
    let lost =
        ActivityQuery { page_token: Some("nonsense".to_owned()), ..ActivityQuery::default() };
    assert!(x.activities(&lost).is_empty());
}

#[test]
fn lists_of_orders() {
    let (mut x, _) = paper_at_100(plain_paper());
    x.intern("IWM").unwrap();
    let mut ids = Vec::new();
    for n in 0..6 {
        let symbol = if n % 2 == 0 { "SPY" } else { "IWM" };
        ids.push(
            x.submit(NewOrder::limit(symbol, Side::Buy, d("1"), d("90")), minute(1 + n))
                .unwrap()
                .id,
        );
    }
    x.cancel(ids[0], minute(9)).unwrap();
    let list = |query: OrderQuery| x.orders(&query).iter().map(|o| o.id).collect::<Vec<_>>();
    let newest_first: Vec<_> = ids[1..].iter().rev().copied().collect();
    assert_eq!(list(OrderQuery::default()), newest_first);
    let asc = || OrderQuery {
        direction: Direction::Asc,
        status: StatusFilter::All,
        ..OrderQuery::default()
    };
    assert_eq!(list(asc()), ids);
    assert_eq!(list(OrderQuery { status: StatusFilter::Closed, ..asc() }), ids[..1]);
    assert_eq!(list(OrderQuery { limit: 2, after_order_id: Some(ids[1]), ..asc() }), ids[2..4]);
    assert_eq!(list(OrderQuery { before_order_id: Some(ids[1]), ..asc() }), ids[..1]);
    assert_eq!(
        list(OrderQuery { after: Some(minute(2)), until: Some(minute(5)), ..asc() }),
        ids[2..4]
    );
    assert_eq!(
        list(OrderQuery { symbols: vec!["iwm".to_owned()], ..asc() }),
        [ids[1], ids[3], ids[5]]
    );
    assert!(list(OrderQuery { symbols: vec!["NOPE".to_owned()], ..asc() }).is_empty());
    assert!(list(OrderQuery { side: Some(Side::Sell), ..asc() }).is_empty());
}

#[test]
fn the_clock() {
    let (x, _) = paper_at_100(plain_paper());
    for (at, open, next_open, next_close) in [
        ("2019-02-15T20:59:59Z", true, "2019-02-19T14:30:00Z", "2019-02-15T21:00:00Z"),
        ("2019-02-15T21:00:00Z", false, "2019-02-19T14:30:00Z", "2019-02-19T21:00:00Z"),
        ("2024-07-03T16:00:00Z", true, "2024-07-05T13:30:00Z", "2024-07-03T17:00:00Z"),
    ] {
        let clock = x.clock(t(at));
        assert_eq!(
            (clock.is_open, clock.next_open, clock.next_close),
            (open, t(next_open), t(next_close)),
            "{at}"
        );
    }
}

#[test]
fn splits_dividends_and_deposits() {
    let mut x = bought("7");
    let open =
        x.submit(NewOrder::limit("SPY", Side::Sell, d("7"), d("120")), minute(1)).unwrap().id;
    x.dividend("SPY", d("0.115"), minute(2)).unwrap();
    assert_eq!(x.cash(), d("99300.8"), "0.805 to even");
    let mut asset = x.asset("SPY").unwrap().clone();
    asset.fractionable = false;
    x.list_asset(asset).unwrap();
    x.split("SPY", d("0.5"), minute(3)).unwrap();
    let position = x.position("SPY").unwrap();
    assert_eq!(
        (position.qty, position.avg_entry_price, position.current_price),
        (d("3"), d("200"), d("200"))
    );
    assert_eq!(x.cash(), d("99400.8"), "half a share at 200 is paid out");
    assert_eq!(x.order(open).unwrap().status.as_str(), "canceled");
    x.deposit(d("-400.80"), minute(4)).unwrap();
    assert_eq!(x.cash(), d("99000"));
    let kinds: Vec<_> = x.journal().iter().map(|line| line.kind).collect();
    use JournalKind::{Deposit, Dividend, Fill, Split};
    assert_eq!(kinds, [Deposit, Fill, Dividend, Split, Deposit]);
    assert!(x.deposit(d("0.001"), minute(4)).is_err());
    assert!(x.split("SPY", d("0"), minute(4)).is_err());
    assert!(x.dividend("NOPE", d("1"), minute(4)).is_err());
    let divs = ActivityQuery { kinds: vec![ActivityKind::Dividend], ..ActivityQuery::default() };
    assert_eq!(x.activities(&divs)[0].per_share, Some(d("0.115")));
}
