use rust_decimal::Decimal;

use super::super::{field, read_equity, read_round_trips};
use super::{Folder, T0_NS, d, refusal};

#[test]
fn equities_and_round_trips_are_read() {
    let folder = Folder::new();
    let path =
        folder.file("e.csv", "timestamp,equity,cash\n2019-02-11,100.5,1\n2019-02-12,-1e-1,2\n");
    let rows = read_equity(&path).unwrap();
    assert_eq!(rows.iter().map(|row| row.equity).collect::<Vec<_>>(), [d("100.5"), d("-0.1")]);
    assert_eq!(rows[1].at - rows[0].at, 86_400_000_000_000);
    let path = folder.file("t.csv", "symbol,net_pnl\nA,1.5\nB,-1.1368683772161603e-13\nC,+2E1\n");
    let net = read_round_trips(&path).unwrap();
    assert_eq!((net[0], net[2]), (d("1.5"), d("20")));
    assert!(net[1] < Decimal::ZERO && net[1] > d("-0.0000000000002"));
    for (content, expected) in [
        (
            "timestamp,equity\n2019-02-11,1\n2019-02-11,2\n",
            "e.csv line 3, column timestamp: \"2019-02-11\" is there twice for this file",
        ),
        (
            "timestamp,equity\n2019-02-12,1\n2019-02-11,2\n",
            "e.csv line 3, column timestamp: \"2019-02-11\" is before 2019-02-12T00:00:00Z of the row above: rows must be in time order",
        ),
        (
            "timestamp,equity\n2019-02-11,inf\n",
            "e.csv line 2, column equity: \"inf\" is not a decimal number (digits, at most one point, no exponent)",
        ),
        (
            "timestamp,equity\n2019-02-11,1e400\n",
            "e.csv line 2, column equity: \"1e400\" has more than 28 significant digits",
        ),
        (
            "timestamp,balance\n",
            "e.csv line 1: missing column \"equity\"; the header must be timestamp,equity",
        ),
    ] {
        assert_eq!(refusal(&folder, read_equity(&folder.file("e.csv", content))), expected);
    }
    let path = folder.file("t.csv", "pnl\n1\n");
    assert_eq!(
        refusal(&folder, read_round_trips(&path)),
        "t.csv line 1: missing column \"net_pnl\"; the header must be net_pnl (more columns are allowed)"
    );
}

#[test]
fn the_fast_path_for_times_agrees_with_the_full_reader() {
    // Every day of leap years, century years and a usual year, at an odd time of day.
    for year in [1970, 1999, 2000, 2001, 2004, 2100, 2261] {
        for month in 1..=12 {
            for day in 1..=31 {
                let text = format!("{year}-{month:02}-{day:02}T23:59:07Z");
                let full = text.parse::<jiff::Timestamp>().ok();
                let full = full.map(|at| i64::try_from(at.as_nanosecond()).unwrap());
                assert_eq!(field::time(text.as_bytes()).ok(), full, "{text}");
            }
        }
    }
    for (text, expected) in [
        ("2019-02-11T14:30:00Z", Some(T0_NS)),
        ("2019-02-11T14:30:00.250Z", Some(T0_NS + 250_000_000)),
        ("2019-02-11T09:30:00-05:00", Some(T0_NS)),
        ("1969-12-31T23:59:59Z", Some(-1_000_000_000)),
        ("2019-02-11T24:30:00Z", None),
        ("2019-13-11T14:30:00Z", None),
        ("9999-12-31T00:00:00Z", None),
        ("2019-02-11X14:30:00Z", None),
        ("", None),
    ] {
        assert_eq!(field::time(text.as_bytes()).ok(), expected, "{text}");
    }
}

#[test]
fn decimals_are_exact_up_to_28_digits_and_refused_beyond() {
    let zeros = format!("1.{}", "0".repeat(40));
    let far = format!("0.{}1", "0".repeat(27));
    let padded = format!("{}1", "0".repeat(40));
    for (text, expected) in [
        ("0", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0.50", "-0.5"),
        ("007", "7"),
        ("1234567890123456789012345678", "1234567890123456789012345678"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
        ("123456789012345678.123456789", "123456789012345678.123456789"),
        (zeros.as_str(), "1"),
        (far.as_str(), far.as_str()),
        (padded.as_str(), "1"),
    ] {
        assert_eq!(field::decimal(text.as_bytes()).unwrap(), d(expected), "{text}");
    }
    for text in [
        "",
        "-",
        ".",
        "--1",
        "+1",
        "1.2.3",
        "1 2",
        "1,2",
        "0x10",
        "1e5",
        "١",
        "12345678901234567890x",
    ] {
        let problem = field::decimal(text.as_bytes()).unwrap_err();
        assert!(problem.to_string().contains("not a decimal number"), "{text}: {problem}");
    }
    let deep = format!("0.{}1", "0".repeat(28));
    for text in ["12345678901234567890123456789", "1.2345678901234567890123456789", &deep] {
        let problem = field::decimal(text.as_bytes()).unwrap_err();
        assert!(problem.to_string().contains("28 significant digits"), "{text}: {problem}");
    }
}
