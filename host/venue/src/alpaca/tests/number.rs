use rust_decimal::Decimal;
use serde_json::value::RawValue;
use stockade_core::Price;

use crate::alpaca::number::{self, NumberError, parse_text};

fn raw(json: &str) -> Box<RawValue> {
    serde_json::from_str(json).unwrap()
}

#[test]
fn every_form_of_a_number_is_taken_exactly() {
    let table = [
        ("\"150.25\"", "150.25"),
        ("150.25", "150.25"),
        ("0.1", "0.1"),
        ("1e-7", "0.0000001"),
        ("\"1.5E+3\"", "1500"),
        ("1E2", "100"),
        ("-3", "-3"),
        ("\"-0.000000001\"", "-0.000000001"),
        ("0e99", "0"),
        ("150.10000000000002", "150.10000000000002"),
        ("\"+7\"", "7"),
    ];
    for (json, expected) in table {
        let found = number::price("price", Some(&raw(json))).unwrap().unwrap();
        assert_eq!(found.get(), expected.parse::<Decimal>().unwrap(), "{json}");
    }
    assert_eq!(number::price("price", None), Ok(None));
    assert_eq!(number::price("price", Some(&raw("null"))), Ok(None));
}

#[test]
fn what_is_no_number_is_an_error_that_names_the_member() {
    for json in [
        "\"NaN\"",
        "\"inf\"",
        "\"\"",
        "\"1,5\"",
        "\"0x10\"",
        "true",
        "[1]",
        "{}",
        "\"1e\"",
        "\"e5\"",
        "1e39",
        "1e999999999999",
        "\"123456789012345678901234567890\"",
        "\"1.2.3\"",
    ] {
        let error = number::price("price", Some(&raw(json))).unwrap_err();
        assert!(
            matches!(
                error,
                NumberError::Syntax { field: "price", .. }
                    | NumberError::Size { field: "price", .. }
            ),
            "{json}: {error}"
        );
    }
    let long = "9".repeat(5_000);
    assert_eq!(parse_text(&long), None);
    let tiny = number::qty("qty", Some(&raw("1e-19")));
    assert!(matches!(tiny, Err(NumberError::Scale { .. })), "{tiny:?}");
    let vast = number::qty("qty", Some(&raw("1e12")));
    assert!(matches!(vast, Err(NumberError::Size { .. })), "{vast:?}");
    let none = number::filled("qty", Some(&raw("\"0.00\"")));
    assert_eq!(none, Err(NumberError::Zero { field: "qty" }));
}

#[test]
fn means_and_market_data_are_rounded_half_even_and_nothing_else_is() {
    let mean = number::mean("avg", Some(&raw("\"100.33333333333333333333333333333333\""))).unwrap();
    assert_eq!(mean, Some(Price::new("100.333333333333".parse().unwrap())));
    let noise = number::of_market("c", Some(&raw("150.10000000000002")), 1_000).unwrap();
    assert_eq!(noise, "150.1".parse().unwrap());
    assert!(number::of_market("c", Some(&raw("1001")), 1_000).is_err());
    assert!(number::of_market("c", None, 1_000).is_err());
}
