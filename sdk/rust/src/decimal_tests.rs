use super::*;

fn d(text: &str) -> Decimal {
    text.parse().expect("test literal")
}

#[test]
fn text_round_trips() {
    for text in [
        "0",
        "-0.01",
        "10.50",
        "123456789.123456789",
        "-9223372036854775808",
        "0.000000000000000001",
    ] {
        assert_eq!(d(text).to_string(), text);
    }
    assert_eq!(d("+1.").to_string(), "1");
    assert_eq!(d(".5").to_string(), "0.5");
    assert_eq!(qty("10.5"), d("10.50"));
    assert_eq!(format!("{:>6}|{:<6}|", d("1.5"), d("-1.5")), "   1.5|-1.5  |");
}

#[test]
fn bad_text_is_refused() {
    for text in
        ["", "-", ".", "1e5", "NaN", "1.2.3", " 1", "9223372036854775808", "0.0000000000000000001"]
    {
        assert_eq!(text.parse::<Decimal>(), Err(ParseDecimalError), "{text:?}");
    }
}

#[test]
fn arithmetic_is_exact() {
    assert_eq!(d("0.1") + d("0.2"), d("0.3"));
    assert_eq!(d("1") - d("0.000000001"), d("0.999999999"));
    assert_eq!((d("187.1234") * d("10.5")).to_string(), "1964.79570");
    assert_eq!(d("3037000500").checked_mul(d("3037000500")), None);
    assert_eq!(Decimal::new(i64::MAX, 0).checked_add(Decimal::ONE), None);
    assert_eq!(Decimal::new(i64::MIN, 0).checked_abs(), None);
    assert_eq!(d("0.5") * d("0.000000000000000002"), d("0.000000000000000001"));
    assert_eq!(d("0.5").checked_mul(d("0.000000000000000001")), None);
}

#[test]
fn division_follows_its_rounding() {
    let cases = [
        ("7", "2", 0, Rounding::Down, "3"),
        ("-7", "2", 0, Rounding::Down, "-3"),
        ("-7", "2", 0, Rounding::Up, "-4"),
        ("7", "2", 0, Rounding::HalfEven, "4"),
        ("5", "2", 0, Rounding::HalfEven, "2"),
        ("-5", "2", 0, Rounding::HalfEven, "-2"),
        ("1", "3", 6, Rounding::HalfEven, "0.333333"),
        ("2", "3", 6, Rounding::HalfEven, "0.666667"),
        ("1000.25", "0.5", 0, Rounding::Down, "2000"),
        ("0.000001", "1000000", 2, Rounding::Up, "0.01"),
    ];
    for (n, by, scale, rounding, want) in cases {
        let got = d(n).checked_div(d(by), scale, rounding).map(|x| x.to_string());
        assert_eq!(got.as_deref(), Some(want), "{n} / {by}");
    }
    assert_eq!(d("1").checked_div(0, 2, Rounding::Down), None);
    assert_eq!(d("12.345").round(2, Rounding::HalfEven), Some(d("12.34")));
    assert_eq!(d("12.355").mul_to(d("1.01"), 2, Rounding::Down), Some(d("12.47")));
}

#[test]
fn comparison_is_total_even_for_impossible_scales() {
    assert_eq!(d("1.0"), d("1.00"));
    assert!(d("-1.5") < d("-1.49"));
    // Sorted by hand: the scales reach far beyond what arithmetic accepts.
    let sorted = [
        Decimal::new(i64::MIN, 0),
        Decimal::new(-1, 0),
        Decimal::new(i64::MIN, 255),
        Decimal::new(-1, 255),
        Decimal::new(0, 255),
        Decimal::new(1, 255),
        Decimal::new(i64::MAX, 255),
        Decimal::new(1, 18),
        Decimal::new(i64::MAX, 19),
        Decimal::new(1, 0),
        Decimal::new(i64::MAX, 0),
    ];
    for (i, a) in sorted.iter().enumerate() {
        for (j, b) in sorted.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a:?} {b:?}");
        }
    }
    assert_eq!(Decimal::new(1, 255).checked_add(Decimal::ONE), None);
    assert_eq!(Decimal::new(i64::MAX, 255).round(2, Rounding::Up), Some(d("0.01")));
}

#[test]
fn views_and_normal_forms() {
    assert!((d("187.25").to_f64() - 187.25).abs() < 1e-12);
    assert_eq!(d("10.500").normalized().scale, 1);
    assert_eq!(Decimal::new(0, 200).normalized().scale, 0);
}
