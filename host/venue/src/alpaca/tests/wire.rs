//! Reports of orders and executions as FACTS and the streams print them.

use stockade_core::Symbol;
use stockade_core::broker::{BrokerStatus, OrderReport};
use stockade_core::order::Side;

use super::broker::order_json;
use crate::alpaca::msgpack;
use crate::alpaca::wire::{self, WireError, WireOrder, WireTradeUpdate};

fn report(changes: &[(&str, &str)]) -> Result<OrderReport, WireError> {
    let text = order_json("b1", "c1", changes);
    wire::json::<WireOrder<'_>>("an order", text.as_bytes())?.report()
}

#[test]
fn every_status_of_the_broker_has_its_place() {
    use BrokerStatus as B;
    for word in [
        "new",
        "accepted",
        "pending_new",
        "accepted_for_bidding",
        "held",
        "stopped",
        "pending_cancel",
        "pending_replace",
        "suspended",
        "calculated",
        "done_for_day",
    ] {
        assert_eq!(
            report(&[("status", &format!("\"{word}\""))]).unwrap().status,
            B::Open,
            "{word}"
        );
    }
    let table = [
        ("partially_filled", B::PartiallyFilled),
        ("filled", B::Filled),
        ("canceled", B::Canceled),
        ("expired", B::Expired),
        ("replaced", B::Replaced),
        ("rejected", B::Rejected),
        ("napping", B::Other("napping".to_owned())),
    ];
    for (word, expected) in table {
        assert_eq!(report(&[("status", &format!("\"{word}\""))]).unwrap().status, expected);
    }
}

#[test]
fn members_may_be_numbers_null_or_absent() {
    let found = report(&[
        ("qty", "0.5"),
        ("filled_qty", "1e-1"),
        ("filled_avg_price", "150.3333333333333333"),
        ("limit_price", "null"),
        ("symbol", "\"BTC/USD\""),
        ("replaced_by", "\"b2\""),
        ("submitted_at", "null"),
        ("client_order_id", "null"),
    ])
    .unwrap();
    assert_eq!(found.qty, Some("0.5".parse().unwrap()));
    assert_eq!(found.filled_qty, "0.1".parse().unwrap());
    assert_eq!(found.filled_avg_price.unwrap().to_string(), "150.333333333333");
    assert_eq!((found.limit_price, found.symbol), (None, Symbol::new("BTCUSD").unwrap()));
    assert_eq!(found.replaced_by.as_deref(), Some("b2"));
    assert_eq!(found.submitted_at.0, 1_772_461_800_000_000_000);
    assert_eq!(found.client_order_id, "");
    assert_eq!(report(&[("qty", "null")]).unwrap().qty, None);
    assert_eq!(report(&[("side", "\"sell_short\"")]).unwrap().side, Side::Sell);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_member() {
    let table = [
        (("qty", "\"NaN\""), "qty"),
        (("filled_qty", "[]"), "filled_qty"),
        (("side", "\"hold\""), "side"),
        (("symbol", "\"A B\""), "no symbol"),
        (("submitted_at", "\"noon\""), "noon"),
        (("status", "null"), "JSON"),
    ];
    for (change, expected) in table {
        let error = report(&[change]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn update(
    members: &str,
) -> Result<(stockade_core::broker::TradeUpdate, Option<WireError>), WireError> {
    let order = order_json("b1", "c1", &[("filled_qty", "\"7\"")]);
    let text = format!("{{{members}, \"order\": {order}}}");
    wire::json::<WireTradeUpdate<'_>>("a trade update", text.as_bytes())?.update()
}

#[test]
fn only_a_whole_fill_becomes_one() {
    let good =
        r#""timestamp":"2026-03-02T14:30:01.5Z","execution_id":"e1","price":"150.2","qty":"3""#;
    for event in ["fill", "partial_fill"] {
        let (found, fault) = update(&format!("\"event\":\"{event}\",{good}")).unwrap();
        assert!(fault.is_none());
        let fill = found.fill.unwrap();
        assert_eq!((fill.execution_id.as_str(), fill.broker_order_id.as_str()), ("e1", "b1"));
        assert_eq!((fill.qty.to_string(), fill.price.to_string()), ("3".into(), "150.2".into()));
        assert_eq!(fill.cumulative_qty, Some("7".parse().unwrap()));
        assert_eq!(fill.client_order_id.as_deref(), Some("c1"));
        assert!(fill.fee.is_zero());
    }
    for event in ["trade_bust", "trade_correct", "new", "something_new"] {
        let (found, fault) = update(&format!("\"event\":\"{event}\",{good}")).unwrap();
        assert_eq!((found.event.as_str(), found.fill), (event, None));
        assert_eq!(fault.is_some(), event == "trade_correct", "it names nothing that it corrects");
    }
    let sick = [
        r#""timestamp":"2026-03-02T14:30:01Z","execution_id":null,"price":"1","qty":"3""#,
        r#""timestamp":"2026-03-02T14:30:01Z","execution_id":"","price":"1","qty":"3""#,
        r#""timestamp":"2026-03-02T14:30:01Z","execution_id":"e","price":"NaN","qty":"3""#,
        r#""timestamp":"2026-03-02T14:30:01Z","execution_id":"e","price":"1","qty":"0""#,
        r#""execution_id":"e","price":"1","qty":"3""#,
    ];
    for members in sick {
        let (found, fault) = update(&format!("\"event\":\"fill\",{members}")).unwrap();
        assert_eq!(found.fill, None, "{members}");
        assert!(fault.is_some());
        assert_eq!(found.order.filled_qty, "7".parse().unwrap());
    }
}

#[test]
fn msgpack_times_and_floats_become_what_they_mean() {
    use rmpv::Value;
    let at = 1_772_461_800_i64;
    let mut long = 5_u32.to_be_bytes().to_vec();
    long.extend(at.to_be_bytes());
    let short = u32::try_from(at).unwrap().to_be_bytes().to_vec();
    let packed = (u64::from(500_000_000_u32) << 34) | u64::try_from(at).unwrap();
    let times = [
        (short, "2026-03-02T14:30:00Z"),
        (packed.to_be_bytes().to_vec(), "2026-03-02T14:30:00.5Z"),
        (long, "2026-03-02T14:30:00.000000005Z"),
    ];
    for (bytes, expected) in times {
        let value = Value::Map(vec![
            ("t".into(), Value::Ext(-1, bytes)),
            ("c".into(), Value::F64(150.1)),
            ("x".into(), Value::F64(f64::NAN)),
            ("n".into(), Value::from(3)),
            ("S".into(), "A\"B".into()),
        ]);
        let mut frame = Vec::new();
        rmpv::encode::write_value(&mut frame, &value).unwrap();
        let expected =
            format!("{{\"t\":\"{expected}\",\"c\":150.1,\"x\":null,\"n\":3,\"S\":\"A\\\"B\"}}");
        assert_eq!(msgpack::to_json(&frame), Some(expected));
        // No prefix of it is taken for a frame.
        for end in 0..frame.len() {
            assert_eq!(msgpack::to_json(&frame[..end]), None);
        }
    }
}
