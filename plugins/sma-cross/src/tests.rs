use stockade_sdk::Side;
use stockade_sdk::testing::{Harness, MINUTE, Order, START};

use super::*;

fn harness(symbols: &[&str]) -> Harness<SmaCross> {
    Harness::new("10000", symbols, &[("fast", "2"), ("slow", "3"), ("qty", "10")]).expect("starts")
}

/// A walk without a pattern: closes between 90 and 110 in cents.
fn walk(seed: u64, bars: usize) -> Vec<String> {
    let mut state = seed;
    let step = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Decimal::new(i64::try_from((state >> 33) % 2000).expect("small") + 9000, 2).to_string()
    };
    std::iter::repeat_with(step).take(bars).collect()
}

#[test]
fn trades_the_crosses_and_nothing_else() {
    let mut h = harness(&["AAPL"]);
    // Means of 2 and 3 at each close: equal until 12, up, equal, down.
    h.closes("AAPL", &["10", "10", "10", "12", "13", "11.5", "11", "10", "9"]);
    let orders = h.orders();
    let seen: Vec<_> = orders.iter().map(|o| (o.side, (o.at - START) / MINUTE, o.price)).collect();
    // 12: 11 > 10.67 buy, filled at 13. 11: (11.5+11)/2 = 11.25 < 35.5/3 sell, filled at 10.
    assert_eq!(seen, [(Side::Buy, 4, Some(qty("13"))), (Side::Sell, 7, Some(qty("10")))]);
    assert_eq!(h.cash(), qty("10000") - qty("130") + qty("100"));
    assert_eq!(orders[1].reason.as_deref(), Some("cross down"));
}

#[test]
fn equal_means_do_nothing() {
    let mut h = harness(&["AAPL"]);
    h.closes("AAPL", &["10.1", "10.1", "10.10", "10.100", "10.1"]);
    assert!(h.orders().is_empty());
    // Thirds have no decimal: (1+1)/2 against (1+1+1)/3.
    h.closes("AAPL", &["0.333333333", "0.333333333", "0.333333333"]);
    assert!(h.orders().is_empty(), "it holds nothing, so falling means sell nothing");
}

#[test]
fn agrees_with_a_plain_reading_of_the_rule() {
    let closes = walk(7, 400);
    let text: Vec<&str> = closes.iter().map(String::as_str).collect();
    let mut h = Harness::<SmaCross>::new("100000", &["AAPL"], &[]).expect("starts");
    h.closes("AAPL", &text);
    // The rule in whole cents, without the SDK: sums of the last 10 and 30, three to one.
    let cents: Vec<i64> =
        text.iter().map(|c| c.parse::<Decimal>().expect("decimal").mantissa).collect();
    let (mut want, mut holds) = (Vec::new(), false);
    for i in 29..cents.len() {
        let fast: i64 = cents[i - 9..=i].iter().sum::<i64>() * 3;
        let slow: i64 = cents[i - 29..=i].iter().sum();
        let side = if fast > slow && !holds {
            Side::Buy
        } else if fast < slow && holds {
            Side::Sell
        } else {
            continue;
        };
        holds = !holds;
        want.push((side, START + (i64::try_from(i).expect("small") + 1) * MINUTE));
    }
    let got: Vec<_> = h.orders().iter().map(|o| (o.side, o.at)).collect();
    assert!(want.len() > 10, "the walk has to cross");
    assert_eq!(got, want);
}

#[test]
fn symbols_do_not_mix() {
    let mut both = harness(&["AAPL", "MSFT"]);
    let (a, m) = (walk(1, 80), walk(2, 80));
    for (a, m) in a.iter().zip(&m) {
        both.minute(&[("AAPL", a), ("MSFT", m)]);
    }
    let alone = |symbol: &'static str, closes: &[String]| {
        let mut h = harness(&[symbol]);
        for close in closes {
            h.minute(&[(symbol, close)]);
        }
        h.orders()
    };
    let of =
        |instrument| both.orders().into_iter().filter(move |o| o.instrument == instrument).map(key);
    assert!(of(0).eq(alone("AAPL", &a).into_iter().map(key)));
    assert!(of(1).eq(alone("MSFT", &m).into_iter().map(key)));
    assert!(of(1).count() > 4);
}

fn key(order: Order) -> (i64, Side, Option<Decimal>) {
    (order.at, order.side, order.price)
}

#[test]
fn a_reload_changes_nothing() {
    let closes = walk(3, 120);
    let (mut straight, mut reloaded) = (harness(&["AAPL"]), harness(&["AAPL"]));
    for close in &closes {
        straight.closes("AAPL", &[close]);
        reloaded.closes("AAPL", &[close]);
        reloaded.reload().expect("restores");
    }
    assert!(straight.orders().len() > 10);
    assert_eq!(straight.orders(), reloaded.orders());
    assert!(reloaded.restore(2, &straight.save()).is_err_and(|e| e.contains("schema 2")));
}

#[test]
fn warm_up_counts_and_refusals_are_logged() {
    let mut h =
        Harness::<SmaCross>::new("1", &["AAPL"], &[("fast", "1"), ("slow", "2")]).expect("starts");
    h.set_warm_up(true);
    h.closes("AAPL", &["10", "11"]);
    assert!(h.refusals().is_empty(), "nothing is asked during the warm-up");
    h.set_warm_up(false);
    h.closes("AAPL", &["12"]);
    assert_eq!(h.refusals()[0].code, "capital");
    assert!(h.log_lines()[0].1.contains("purchase refused, capital"));
}

#[test]
fn fast_must_be_smaller() {
    let error = Harness::<SmaCross>::new("1", &["AAPL"], &[("fast", "30")]).err();
    assert_eq!(error.as_deref(), Some("fast is 30 and slow is 30; fast must be the smaller"));
}
