use super::*;
use proptest::prelude::*;
use rust_decimal::dec;

#[test]
fn products_are_exact_or_refused() {
    assert_eq!(mul_exact(dec!(0.123456789), dec!(1.000000001)), Ok(dec!(0.123456789123456789)));
    let wide = dec!(1234567890123456789.123456789);
    assert!(mul_exact(wide, wide).is_err());
    // Trailing zeros don't count as digits.
    assert_eq!(mul_exact(dec!(2.00000000000000000000), dec!(3.00000000000000000000)), Ok(dec!(6)));
}

#[test]
fn sums_are_exact_or_refused() {
    assert_eq!(add_exact(dec!(0.1), dec!(0.02)), Ok(dec!(0.12)));
    assert!(add_exact(dec!(79228162514264337593543950335), dec!(0.1)).is_err());
}

#[test]
fn text_from_outside_is_checked() {
    assert!("1e5".parse::<Money>().is_err());
    assert!("".parse::<Money>().is_err());
    assert!(".".parse::<Money>().is_err());
    assert!("--1".parse::<Money>().is_err());
    assert!("NaN".parse::<Money>().is_err());
    assert!("1234567890123456789012345678901234567890".parse::<Money>().is_err());
    assert!("0.0000000001".parse::<Qty>().is_err());
    assert_eq!("10.50".parse::<Money>(), Ok(Money::new(dec!(10.5))));
}

#[test]
fn shares_of_a_whole_are_exact_where_they_can_be() {
    assert_eq!(proportion(dec!(645), dec!(7), dec!(7)), dec!(645));
    assert_eq!(proportion(dec!(645), dec!(1), dec!(7)), dec!(92.142857142857));
    assert_eq!(proportion(dec!(600), dec!(4), dec!(10)), dec!(240));
}

#[test]
fn trimming_and_adding_nothing_change_no_digit() {
    let values = [
        dec!(0),
        dec!(0.00),
        dec!(-0.0),
        dec!(1),
        dec!(10),
        dec!(1.0),
        dec!(-1.500),
        dec!(100.00),
        dec!(0.000000001),
        dec!(9223372036854775807),
        dec!(9223372036854775808.50),
        dec!(-9223372036854775808),
        dec!(79228162514264337593543950335),
        dec!(7.9228162514264337593543950000),
    ];
    let shape = |value: Decimal| (value.mantissa(), value.scale());
    for value in values {
        assert_eq!(shape(trimmed(value)), shape(value.normalize()), "{value}");
        for zero in [dec!(0), dec!(0.00)] {
            assert_eq!(add_exact(value, zero).map(shape), Ok(shape(value.normalize())));
            assert_eq!(add_exact(zero, value).map(shape), Ok(shape(value.normalize())));
        }
        for factor in [dec!(1.10), dec!(-3), dec!(100)] {
            let exact = value.mantissa().checked_mul(factor.mantissa()).and_then(|mantissa| {
                let scale = value.scale() + factor.scale();
                Decimal::try_from_i128_with_scale(mantissa, scale).ok()
            });
            if let Some(exact) = exact {
                assert_eq!(mul_exact(value, factor).map(shape), Ok(shape(exact)));
            }
        }
    }
}

proptest! {
    /// What 64 bits do quickly is what the general way gives, digit by digit.
    #[test]
    fn the_quick_ways_are_the_slow_ones(a: i64, b: i64, shift in 0_u32..63, scales in (0_u32..=18, 0_u32..=18)) {
        let (a, b) = (Decimal::new(a >> shift, scales.0), Decimal::new(b >> (63 - shift), scales.1));
        if let Some(sum) = sum_of(a, b) {
            let slow = trimmed(a).checked_add(trimmed(b)).unwrap();
            prop_assert_eq!(sum, slow);
            if !a.is_zero() && !b.is_zero() && !slow.is_zero() {
                prop_assert_eq!(sum.scale(), slow.scale());
            }
        }
        let billionths = i128::from(i64::try_from(a.mantissa()).unwrap());
        prop_assert_eq!(billionths_of(billionths * 1_000_000_000), i64::try_from(billionths).ok());
        for off in [1, -1, 512, 1_953_125] {
            prop_assert_eq!(billionths_of(billionths * 1_000_000_000 + off), None);
        }
        prop_assert_eq!(digits_in_bytes(a) == digits_in_bytes(b), a == b);
    }
}
