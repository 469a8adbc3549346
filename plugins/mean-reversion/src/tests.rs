use stockade_sdk::Side;
use stockade_sdk::testing::{Harness, MINUTE, START};

use super::*;

fn harness() -> Harness<MeanReversion> {
    Harness::new("10000", &["AAPL"], &[("window", "4"), ("width", "1.5")]).expect("starts")
}

fn window(closes: &[&str]) -> Window {
    let mut window = Window::new(closes.len());
    for close in closes {
        window.push(close.parse().expect("decimal")).expect("fits");
    }
    window
}

#[test]
fn buys_below_the_band_and_sells_at_the_mean() {
    let mut h = harness();
    // 10 10 10 8: mean 9.5, deviation 0.866, band 8.2; buy, filled at 8.1. Then 10 10 8 8.1: the
    // mean is 9.025, so nothing; 9.5 is above 8.9: sell, filled at 9.6.
    h.closes("AAPL", &["10", "10", "10", "8", "8.1", "9.5", "9.6"]);
    let orders = h.orders();
    let seen: Vec<_> = orders.iter().map(|o| (o.side, (o.at - START) / MINUTE, o.price)).collect();
    assert_eq!(seen, [(Side::Buy, 4, Some(qty("8.1"))), (Side::Sell, 6, Some(qty("9.6")))]);
    assert_eq!(h.cash(), qty("10015"));
}

#[test]
fn the_band_is_exact_at_its_edge() {
    // Distances 1 1 1 0 from the mean 0.75: deviation² = 3/16, so the band is met exactly where
    // width² = 0.75² / (3/16) = 3, which no float hits.
    let w = window(&["10", "10", "10", "9"]);
    assert_eq!(place(&w, qty("1.732050807")), Some(Place::Below));
    assert_eq!(place(&w, qty("1.732050808")), Some(Place::Between));
    // Here width 1 is the edge itself, and at the edge is not below.
    let even = window(&["11", "9"]);
    assert_eq!(place(&even, qty("1.00")), Some(Place::Between));
    assert_eq!(place(&even, qty("0.99")), Some(Place::Below));
    assert_eq!(place(&window(&["10", "10"]), qty("0")), Some(Place::Mean));
}

#[test]
fn sums_that_do_not_fit_give_no_signal() {
    let w = window(&["9000000000", "0.000000000000000001"]);
    assert_eq!(place(&w, qty("2")), None);
}

#[test]
fn a_reload_changes_nothing() {
    let closes = ["10", "10", "10", "8", "8.1", "9.5", "9.6", "9", "9", "7", "7", "9", "9", "6"];
    let (mut straight, mut reloaded) = (harness(), harness());
    for close in closes {
        straight.closes("AAPL", &[close]);
        reloaded.closes("AAPL", &[close]);
        reloaded.reload().expect("restores");
    }
    assert!(straight.orders().len() > 3);
    assert_eq!(straight.orders(), reloaded.orders());
    assert_eq!(straight.save(), reloaded.save());
}
