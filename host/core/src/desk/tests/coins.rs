//! Fees in coins between the purchase and the broker's word of them.

use super::*;
use crate::broker::{Activity, ActivityKind};
use crate::desk::breaks::is_accepted;

fn bench() -> Bench {
    let mut bench = Bench::new();
    let instruments = vec![Instrument::crypto(symbol("BTCUSDT"))];
    bench.put(Event::Instruments { instruments });
    let create = Command::SleeveCreate {
        name: slug("coins"),
        capital: money(dec!(50000)),
        lots: LotMethod::Fifo,
    };
    assert!(matches!(bench.command(create), Reply::Done { .. }));
    bench.price("BTCUSDT", dec!(10000));
    bench
}

fn buy(bench: &mut Bench, qty: Decimal) {
    let reply = bench.market("coins", "BTCUSDT", Side::Buy, qty);
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    bench.fill_all(dec!(10000));
}

/// Twice, since one look proves no difference.
fn compare(bench: &mut Bench) {
    bench.snapshot(Vec::new());
    bench.snapshot(Vec::new());
}

fn breaks(bench: &Bench) -> Vec<(String, bool, Decimal)> {
    let of = |row: &crate::row::BreakRow| {
        (row.severity.clone(), is_accepted(row), row.ours - row.broker)
    };
    bench.desk.breaks().map(of).collect()
}

#[test]
fn a_fee_in_coins_that_is_on_its_way_freezes_nothing() {
    let mut bench = bench();
    buy(&mut bench, dec!(2));
    bench.coins_taken = dec!(0.005);
    compare(&mut bench);
    assert_eq!(breaks(&bench), [("info".to_owned(), true, dec!(0.005))]);
    assert!(bench.desk.reconciliation().balanced);
    assert_eq!(bench.desk.frozen_by(&symbol("BTCUSDT")), None);

    // Another purchase, and a start in between: the break tells what was awaited.
    buy(&mut bench, dec!(1));
    bench.coins_taken = dec!(0.0075);
    compare(&mut bench);
    assert_eq!(breaks(&bench), [("info".to_owned(), true, dec!(0.0075))]);

    // The broker's word: the fee is booked, and the break is gone.
    let (day, at) = (Timestamp(0), Timestamp(bench.time));
    let mut fee = Activity::new("fee-1".into(), ActivityKind::CryptoFee, day, at);
    fee.symbol = Some(symbol("BTCUSDT"));
    fee.qty = Some(Qty::new(dec!(-0.0075)));
    bench.activities = vec![fee];
    bench.snapshot(Vec::new());
    let asked = std::mem::take(&mut bench.actions).into_iter().find_map(|action| match action {
        Action::ReadBooks { question } => Some(question),
        _ => None,
    });
    let question = asked.expect("who bought is asked of the books");
    let mut past = crate::desk::Past::default();
    bench.rows.iter().for_each(|row| past.take(row));
    bench.put(Event::Books { answer: past.answer(&question) });
    bench.coins_taken = Decimal::ZERO;
    compare(&mut bench);
    assert_eq!(breaks(&bench), []);
    let held = bench.desk.total_qty(bench.desk.by_symbol[&symbol("BTCUSDT")]);
    assert_eq!(held.get().normalize(), dec!(2.9925));
}

#[test]
fn more_than_a_fee_can_be_is_a_break() {
    let mut bench = bench();
    buy(&mut bench, dec!(2));
    bench.coins_taken = dec!(0.0061);
    compare(&mut bench);
    assert_eq!(breaks(&bench), [("serious".to_owned(), false, dec!(0.0061))]);
    assert!(bench.desk.frozen_by(&symbol("BTCUSDT")).is_some());
}

#[test]
fn shares_have_no_fee_of_their_own() {
    let mut bench = Bench::new();
    let create = Command::SleeveCreate {
        name: slug("coins"),
        capital: money(dec!(50000)),
        lots: LotMethod::Fifo,
    };
    assert!(matches!(bench.command(create), Reply::Done { .. }));
    bench.price("BTCUSDT", dec!(10000));
    buy(&mut bench, dec!(2));
    bench.coins_taken = dec!(0.005);
    compare(&mut bench);
    assert_eq!(breaks(&bench), [("serious".to_owned(), false, dec!(0.005))]);
}
