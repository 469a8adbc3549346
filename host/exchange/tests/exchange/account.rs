//! Reports: positions, activities and their pages, lists of orders, the clock, corporate actions.

use stockade_exchange::{
    ActivityKind, ActivityQuery, Config, Direction, EventKind, Exchange, Execution, JournalKind,
    NewOrder, OrderQuery, Side, StatusFilter, TimeInForce,
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

/// Cash and position are what the journal sums up to, and a state that is read back agrees.
fn consistent(x: &Exchange) {
    Exchange::from_state(x.to_state()).unwrap();
}

#[test]
fn an_execution_is_taken_back() {
    let (mut x, spy) = paper_at_100(plain_paper());
    x.submit(NewOrder::market("SPY", Side::Buy, d("10")), minute(1)).unwrap();
    x.on_bar(&bar(spy, minute(1), "110 110 110 110"));
    let order = x.submit(NewOrder::market("SPY", Side::Buy, d("5")), minute(2)).unwrap();
    let execution = x.drain_events().last().unwrap().execution_id.unwrap();
    assert_eq!(x.cash(), d("98450"));
    x.bust(execution, minute(3)).unwrap();
    assert_eq!(x.cash(), d("99000"));
    let position = x.position("SPY").unwrap();
    assert_eq!((position.qty, position.avg_entry_price), (d("10"), d("100")));
    let after = x.order(order.id).unwrap();
    assert_eq!((after.filled_qty, after.filled_avg_price), (d("0"), None));
    let event = x.drain_events().pop().unwrap();
    assert_eq!(event.event, EventKind::TradeBust);
    assert_eq!(event.previous_execution_id, Some(execution));
    assert_eq!(event.position_qty, Some(d("10")));
    let listed = x.activities(&ActivityQuery::default())[0].clone();
    let fill = listed.fill.unwrap();
    assert_eq!((fill.execution, fill.previous), (Execution::Bust, Some(execution)));
    let line = x.journal().last().unwrap();
    assert_eq!(
        (line.kind, line.qty_delta, line.cash_delta),
        (JournalKind::Bust, d("-5"), d("550"))
    );
    consistent(&x);
    let twice = x.bust(execution, minute(4)).unwrap_err().to_string();
    assert!(twice.contains("taken back already"), "{twice}");
    assert!(x.bust(listed.uuid, minute(4)).is_err(), "a bust is no execution");
    assert!(x.bust(order.id, minute(4)).is_err());
}

#[test]
fn an_execution_is_corrected_and_its_correction_too() {
    let mut x = bought("10");
    let execution = x.drain_events().last().unwrap().execution_id.unwrap();
    assert!(x.correct(execution, d("0"), d("99"), minute(2)).is_err());
    x.correct(execution, d("8"), d("99"), minute(2)).unwrap();
    assert_eq!(x.cash(), d("99208"));
    let position = x.position("SPY").unwrap();
    assert_eq!((position.qty, position.avg_entry_price), (d("8"), d("99")));
    let event = x.drain_events().pop().unwrap();
    assert_eq!(event.event, EventKind::TradeCorrect);
    assert_eq!((event.qty, event.price), (Some(d("8")), Some(d("99"))));
    assert_eq!((event.order.filled_qty, event.order.filled_avg_price), (d("8"), Some(d("99"))));
    let fills = x.journal().iter().filter(|line| line.kind == JournalKind::Fill).count();
    assert_eq!(fills, 2);
    x.bust(event.execution_id.unwrap(), minute(3)).unwrap();
    assert_eq!(x.cash(), d("100000"));
    assert!(x.position("SPY").is_none());
    consistent(&x);
}

#[test]
fn an_execution_before_a_split_stands() {
    let mut x = bought("10");
    let execution = x.drain_events().last().unwrap().execution_id.unwrap();
    x.split("SPY", d("2"), minute(2)).unwrap();
    let refused = x.bust(execution, minute(3)).unwrap_err().to_string();
    assert!(refused.contains("split since"), "{refused}");
    let split = ActivityQuery { kinds: vec![ActivityKind::Split], ..ActivityQuery::default() };
    assert_eq!(x.activities(&split)[0].sub_type, "FSPLIT");
}

#[test]
fn regulators_are_paid_at_the_end_of_the_day() {
    let config = Config { regulatory_fees: true, ..plain_paper() };
    let (mut x, _) = paper_at_100(config);
    x.submit(NewOrder::market("SPY", Side::Buy, d("500")), minute(1)).unwrap();
    x.submit(NewOrder::market("SPY", Side::Sell, d("500")), minute(2)).unwrap();
    assert_eq!(x.cash(), d("100000"));
    x.advance(t("2019-02-12T05:00:00Z"));
    // 50,000 × 0.0000206 = 1.03; 500 × 0.000195 = 0.0975; 1,000 × 0.000003 = 0.003.
    assert_eq!(x.cash(), d("99998.86"));
    let fees = ActivityQuery { kinds: vec![ActivityKind::Fee], ..ActivityQuery::default() };
    let found: Vec<_> = x
        .activities(&fees)
        .iter()
        .map(|fee| (fee.sub_type.clone(), fee.net_amount, fee.at))
        .collect();
    let midnight = t("2019-02-12T05:00:00Z");
    assert_eq!(
        found,
        [
            ("CAT".to_owned(), d("-0.01"), midnight),
            ("TAF".to_owned(), d("-0.10"), midnight),
            ("REG".to_owned(), d("-1.03"), midnight),
        ]
    );
    assert!(x.activities(&fees)[0].description.contains("2019-02-11"));
    x.advance(t("2019-02-13T05:00:00Z"));
    assert_eq!(x.activities(&fees).len(), 3, "a day without trades costs nothing");
    consistent(&x);
}
