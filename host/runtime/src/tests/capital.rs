//! The capability: whatever a bot asks for, what is admitted fits its capital.

use proptest::prelude::*;
use rust_decimal::Decimal;
use stockade_core::desk::BotRequest;
use stockade_core::order::{OrderStatus, OrderType, Side, Size};
use stockade_core::risk::Refusal;
use stockade_core::sleeve::OrderView;
use stockade_core::{InstrumentId, IntentId};

use super::wat_bot::*;
use crate::*;

/// Worst cost of all admitted buys of a batch, worked out without the admission's code: market
/// buys go out as a limit five percent above the last price.
pub(super) fn worst(requests: &[BotRequest], last: Decimal) -> Decimal {
    let cost = |request: &BotRequest| match request {
        BotRequest::Submit { intent, .. } if intent.side == Side::Buy => {
            let Size::Qty(qty) = intent.size else { panic!("{intent:?}") };
            let price = match intent.order_type {
                OrderType::Limit { limit_price } => limit_price.get(),
                OrderType::Market => (last * Decimal::new(105, 2))
                    .round_dp_with_strategy(2, rust_decimal::RoundingStrategy::ToZero),
                other => panic!("{other:?}"),
            };
            price * qty.get()
        }
        _ => Decimal::ZERO,
    };
    requests.iter().map(cost).sum()
}

fn refusals(requests: &[BotRequest]) -> Vec<&'static str> {
    let code = |request: &BotRequest| match request {
        BotRequest::Refused { refusal, .. } => Some(refusal.code()),
        _ => None,
    };
    requests.iter().filter_map(code).collect()
}

#[test]
fn a_bot_that_buys_in_a_loop_stops_at_its_capital() {
    let body = "(loop $l
        (drop (call $submit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 7) (i32.const 0)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 64))))";
    let mut bot = WatBot::bars(&format!("{body} {DONE}")).start();
    let outcome = call_with(&mut bot, &bars(1), &view("10000")).unwrap();
    assert_eq!(outcome.requests.len(), 64);
    // 7 shares at 106.05 cost 742.35: thirteen times is the most that 10,000 can be.
    let refused = refusals(&outcome.requests);
    assert_eq!((64 - refused.len(), refused.iter().all(|code| *code == "capital")), (13, true));
    assert!(worst(&outcome.requests, Decimal::from(101)) <= Decimal::from(10_000));
}

#[test]
fn strange_numbers_are_refused_by_name() {
    let odd = [
        ("i64.const 1", 255, "invalid_quantity"),
        ("i64.const 1", 19, "invalid_quantity"),
        ("i64.const 0", 0, "invalid_quantity"),
        ("i64.const -5", 0, "invalid_quantity"),
        ("i64.const 0x8000000000000000", 0, "invalid_quantity"),
        ("i64.const 0x8000000000000000", 18, "invalid_quantity"),
        ("i64.const 0x7fffffffffffffff", 0, "invalid_quantity"),
        ("i64.const 1", 18, "invalid_quantity"),
    ];
    for (qty, scale, code) in odd {
        let body = format!(
            "(drop (call $submit (local.get $cap) (i32.const 0) (i32.const 0) ({qty}) (i32.const {scale}))) {DONE}"
        );
        let outcome = call(&mut WatBot::bars(&body).start(), 1).unwrap();
        assert_eq!(refusals(&outcome.requests), [code], "{qty} {scale}");
    }
    let trailing = format!(
        "(drop (call $submit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 3000000000000000000) (i32.const 18))) {DONE}"
    );
    let outcome = call(&mut WatBot::bars(&trailing).start(), 1).unwrap();
    assert!(
        matches!(&outcome.requests[..], [BotRequest::Submit { intent, .. }] if intent.size == Size::Qty("3".parse().unwrap()))
    );
    for (price, scale) in [("1", 255), ("0", 0), ("-7", 0), ("0x7fffffffffffffff", 0), ("10001", 3)]
    {
        let body = format!(
            "(drop (call $limit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 1) (i32.const 0) (i64.const {price}) (i32.const {scale}))) {DONE}"
        );
        let outcome = call(&mut WatBot::bars(&body).start(), 1).unwrap();
        assert_eq!(refusals(&outcome.requests), ["invalid_price"], "{price} {scale}");
    }
}

#[test]
fn in_warm_up_everything_is_refused_and_nothing_recorded() {
    let body = format!(
        "(call $submit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 1) (i32.const 0)) (if (then) (else unreachable)) {DONE}"
    );
    let mut bot = WatBot::bars(&body).start();
    let (view, prices, list) = (view("10000"), TestPrices::default(), bars(2));
    let events = Events::bars(&list);
    let outcome =
        bot.call(&Call { events, warm_up: true, view: &view, prices: &prices, now: list[1].at });
    assert_eq!(outcome.unwrap().requests, []);
}

#[test]
fn another_sleeves_order_is_as_unknown_as_none() {
    let body = format!(
        "(call $cancel_raw (local.get $cap) (i32.const 0) (i64.const 42) (i32.const 1056))
         (i32.store8 (i32.const 1200) (i32.load8_u (i32.const 1056))) {DONE}"
    );
    let mut bot = WatBot::bars(&body).start();
    assert_eq!(call(&mut bot, 1).unwrap().requests, []);
    assert_eq!(counted(&mut bot) & 0xff, 1, "refused");
    let mut own = view("10000");
    own.version = 2;
    own.orders.push(OrderView {
        intent_id: IntentId(42),
        instrument: InstrumentId(10),
        side: Side::Buy,
        qty: "3".parse().unwrap(),
        filled: "1".parse().unwrap(),
        order_type: OrderType::Market,
        status: OrderStatus::PartiallyFilled,
    });
    let outcome = call_with(&mut bot, &bars(1), &own).unwrap();
    assert_eq!(outcome.requests, [BotRequest::Cancel { intent_id: IntentId(42) }]);
    assert_eq!(counted(&mut bot) & 0xff, 0, "taken");
}

#[test]
fn a_replaced_sale_is_admitted_against_what_the_old_one_gives_back() {
    let items = vec![instrument(0), instrument(1)];
    let mut lent = crate::lent::Lent::new(std::sync::Arc::new(crate::lent::Table::new(items)));
    let mut view = view("100");
    view.positions[0].available = "0".parse().unwrap();
    view.orders.push(OrderView {
        intent_id: IntentId(42),
        instrument: InstrumentId(11),
        side: Side::Sell,
        qty: "10".parse().unwrap(),
        filled: "0".parse().unwrap(),
        order_type: OrderType::Limit { limit_price: "120".parse().unwrap() },
        status: OrderStatus::Acknowledged,
    });
    lent.open(&view, &TestPrices::default(), stockade_core::Timestamp(9), false);
    lent.take_mark(crate::lent::Mark { at: stockade_core::Timestamp(9), price: None });
    let price = Some("110".parse().unwrap());
    let too_many = lent.replace(0, 42, Some("11".parse().unwrap()), price, None).unwrap_err();
    assert!(matches!(too_many, Refusal::LongOnly { .. }), "{too_many}");
    assert_eq!(
        lent.replace(0, 42, Some("10".parse().unwrap()), price, None).unwrap(),
        IntentId(100)
    );
    let unknown = lent.replace(0, 43, None, price, None).unwrap_err();
    assert_eq!(unknown.code(), "not_found");
    let again = lent.replace(0, 42, Some("10".parse().unwrap()), price, None).unwrap_err();
    assert_eq!(again.code(), "long_only", "the new one has taken what the old one gives back");
}

#[test]
fn only_prices_that_an_order_has_are_changed() {
    let items = vec![instrument(0), instrument(1)];
    let mut lent = crate::lent::Lent::new(std::sync::Arc::new(crate::lent::Table::new(items)));
    let mut view = view("100");
    let (stop_price, limit_price) = ("90".parse().unwrap(), "89".parse().unwrap());
    let types = [
        OrderType::Stop { stop_price },
        OrderType::StopLimit { stop_price, limit_price },
        OrderType::Limit { limit_price },
    ];
    for (place, order_type) in (0..).zip(types) {
        view.orders.push(OrderView {
            intent_id: IntentId(42 + place),
            instrument: InstrumentId(11),
            side: Side::Sell,
            qty: "1".parse().unwrap(),
            filled: "0".parse().unwrap(),
            order_type,
            status: OrderStatus::Acknowledged,
        });
    }
    lent.open(&view, &TestPrices::default(), stockade_core::Timestamp(9), false);
    lent.take_mark(crate::lent::Mark { at: stockade_core::Timestamp(9), price: None });
    let (new, other) = (Some("95".parse().unwrap()), Some("94".parse().unwrap()));
    lent.replace(0, 42, None, None, new).unwrap();
    lent.replace(0, 43, None, other, new).unwrap();
    let no_limit = lent.replace(0, 42, None, other, None).unwrap_err().to_string();
    assert!(no_limit.contains("a stop order has no limit price to change"), "{no_limit}");
    let no_stop = lent.replace(0, 44, None, None, new).unwrap_err().to_string();
    assert!(no_stop.contains("a limit order has no stop price to change"), "{no_stop}");
    let requests = lent.finish(1).unwrap();
    let prices = requests.iter().map(|request| match request {
        BotRequest::Replace { limit_price, stop_price, .. } => (*limit_price, *stop_price),
        other => panic!("{other:?}"),
    });
    assert_eq!(prices.collect::<Vec<_>>(), [(None, new), (other, new)]);
}

fn order() -> impl Strategy<Value = (bool, bool, i64, u8, i64, u8)> {
    let number = prop_oneof![any::<i64>(), -2_i64..2_000, Just(i64::MIN), Just(i64::MAX)];
    let scale = prop_oneof![0_u8..3, any::<u8>()];
    (any::<bool>(), any::<bool>(), number.clone(), scale.clone(), number, scale)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn no_sequence_of_calls_is_promised_more_than_the_capital(
        orders in proptest::collection::vec(order(), 1..64),
        cash in 0_i64..1_000_000,
    ) {
        let mut body = String::new();
        for (buy, market, qty, scale, price, price_scale) in orders {
            let side = i32::from(!buy);
            let head = format!("(local.get $cap) (i32.const 0) (i32.const {side}) (i64.const {qty}) (i32.const {scale})");
            body += &if market {
                format!("(drop (call $submit {head}))")
            } else {
                format!("(drop (call $limit {head} (i64.const {price}) (i32.const {price_scale})))")
            };
        }
        let cash = Decimal::new(cash, 2);
        let outcome = call_with(&mut WatBot::bars(&format!("{body} {DONE}")).start(), &bars(1), &view(&cash.to_string())).unwrap();
        prop_assert!(worst(&outcome.requests, Decimal::from(101)) <= cash);
        let sold: Decimal = outcome.requests.iter().map(|request| match request {
            BotRequest::Submit { intent, .. } if intent.side == Side::Sell => match intent.size {
                Size::Qty(qty) => qty.get(),
                Size::Notional(_) => Decimal::ZERO,
            },
            _ => Decimal::ZERO,
        }).sum();
        prop_assert_eq!(sold, Decimal::ZERO, "it owns none of this instrument");
    }
}
