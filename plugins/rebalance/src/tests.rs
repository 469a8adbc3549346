use stockade_sdk::testing::{Harness, MINUTE, START};

use super::*;

const SYMBOLS: [&str; 3] = ["AAPL", "MSFT", "BTCUSD"];
const WEIGHTS: &str = "AAPL=0.5, MSFT=0.3,BTCUSD=0.2";

fn harness(every: &str) -> Harness<Rebalance> {
    let params = [("weights", WEIGHTS), ("every", every), ("cash", "0")];
    Harness::new("10000", &SYMBOLS, &params).expect("starts")
}

fn minute(h: &mut Harness<Rebalance>, aapl: &str, msft: &str, btc: &str) {
    h.minute(&[("AAPL", aapl), ("MSFT", msft), ("BTCUSD", btc)]);
}

#[test]
fn buys_the_weights_at_the_first_price_after_the_open() {
    let mut h = harness("0");
    h.session(SessionKind::Open, 20_240_102);
    assert!(h.orders().is_empty(), "there are no prices yet");
    minute(&mut h, "100", "30", "50000");
    minute(&mut h, "100", "30", "50000");
    let held: Vec<_> = SYMBOLS.iter().map(|s| h.position(s).qty).collect();
    assert_eq!(held, [qty("50"), qty("100"), qty("0.04")]);
    assert_eq!(h.cash(), Decimal::ZERO);
    let asked = h.orders().len();
    minute(&mut h, "200", "30", "50000");
    assert_eq!(h.orders().len(), asked, "nothing more before the next open");
}

#[test]
fn sells_first_and_buys_when_the_cash_is_there() {
    let mut h = harness("2");
    for _ in 0..3 {
        minute(&mut h, "100", "30", "50000");
    }
    // AAPL doubles: equity 15,000, so 37 AAPL (7,500), 150 MSFT, 0.06 BTC.
    minute(&mut h, "200", "30", "50000");
    let asked = h.orders();
    assert_eq!((asked.len(), asked[3].side, asked[3].qty), (4, Side::Sell, qty("13")));
    assert!(h.refusals().is_empty());
    minute(&mut h, "200", "30", "50000");
    minute(&mut h, "200", "30", "50000");
    let buys: Vec<_> = h.orders()[4..].iter().map(|o| (o.side, o.at, o.qty)).collect();
    let filled = START + 5 * MINUTE;
    assert_eq!(buys[..2], [(Side::Buy, filled, qty("50")), (Side::Buy, filled, qty("0.02"))]);
    assert!(h.refusals().is_empty());
    assert!(!h.cash().is_negative());
}

#[test]
fn empty_weights_are_equal_and_keep_some_cash() {
    let mut h =
        Harness::<Rebalance>::new("10000", &["AAPL", "MSFT"], &[("every", "1")]).expect("starts");
    let state = h.save();
    for _ in 0..3 {
        h.minute(&[("AAPL", "100"), ("MSFT", "100")]);
    }
    // Equal weights of the 98 % that are invested.
    assert_eq!(h.position("AAPL").qty, qty("49"));
    assert_eq!(h.restore(1, &state), Ok(()));
    assert!(h.restore(9, &state).is_err());
}

#[test]
fn a_reload_between_sales_and_purchases_changes_nothing() {
    let run = |reload: bool| {
        let mut h = harness("2");
        let prices = ["100", "100", "100", "200", "210", "150", "90", "95", "120", "180"];
        for aapl in prices {
            minute(&mut h, aapl, "30", "50000");
            if reload {
                h.reload().expect("restores");
            }
        }
        h.orders()
    };
    assert!(run(false).iter().any(|o| o.side == Side::Sell));
    assert_eq!(run(false), run(true));
}

#[test]
fn weights_are_refused_by_name() {
    let start = |weights: &str| {
        Harness::<Rebalance>::new("1", &["AAPL", "MSFT"], &[("weights", weights)])
            .err()
            .unwrap_or_default()
    };
    assert!(start("AAPL=0.7,MSFT=0.4").contains("at most 1"));
    assert!(start("AAPL=-1").contains("the weight of AAPL is \"-1\""));
    assert!(start("TSLA=1").contains("\"TSLA\" in weights is not deployed"));
    assert!(start("AAPL").contains("not SYMBOL=WEIGHT"));
    assert_eq!(start(""), "");
}
