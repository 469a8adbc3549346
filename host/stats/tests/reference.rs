//! Every figure against the field's libraries: `reference/values.json`, written by
//! `reference/make.py`.

#![allow(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Map, Value};
use stockade_stats::picture::Point;
use stockade_stats::{
    CashFlow, History, Instant, Options, Request, Series, Valuation, figures, money_weighted,
    performance,
};

const TOLERANCE: f64 = 1e-9;
const DAY_NS: i64 = 86_400_000_000_000;

fn document() -> Value {
    serde_json::from_str(include_str!("reference/values.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|each| each.as_f64().unwrap()).collect()
}

fn numbers_or_none(value: &Value) -> Option<Vec<f64>> {
    value.is_array().then(|| numbers(value))
}

fn day(value: &Value) -> i64 {
    // Days count from 2019-01-01.
    (17_897 + value.as_i64().unwrap()) * DAY_NS
}

fn close(found: f64, expected: f64) -> bool {
    // What is zero but for rounding has no relative precision.
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1e-4)
}

/// Compares keys of `expected` in what `figures` printed; returns how many were numbers.
fn check(name: &str, printed: &Value, expected: &Map<String, Value>) -> usize {
    let mut compared = 0;
    for (key, value) in expected {
        let found = &printed[key];
        match value.as_f64() {
            Some(value) => {
                let found = found.as_f64().unwrap_or_else(|| panic!("{name}: {key} is {found}"));
                assert!(close(found, value), "{name}: {key} is {found}, expected {value}");
                compared += 1;
            }
            None => {
                assert!(found.is_null(), "{name}: {key} is {found}, expected none");
                let why = printed["why"][key].as_str().unwrap_or_default();
                assert!(!why.is_empty(), "{name}: {key} has no reason");
            }
        }
    }
    compared
}

fn check_rolling(name: &str, printed: &Value, expected: &Map<String, Value>) -> usize {
    let mut compared = 0;
    for (key, list) in expected {
        let found = printed["rolling"][key].as_array().unwrap();
        let list = list.as_array().unwrap();
        assert_eq!(found.len(), list.len(), "{name}: rolling {key}");
        for (found, expected) in found.iter().zip(list) {
            match (found.as_f64(), expected.as_f64()) {
                (Some(found), Some(expected)) => {
                    assert!(close(found, expected), "{name}: rolling {key} {found} {expected}");
                    compared += 1;
                }
                (found, expected) => assert_eq!(found, expected, "{name}: rolling {key}"),
            }
        }
    }
    compared
}

#[test]
fn figures_equal_those_of_the_reference_libraries() {
    let mut compared = 0;
    for case in document()["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (equity, net) = (numbers_or_none(&case["equity"]), numbers(&case["net"]));
        let returns = numbers_or_none(&case["returns"]);
        let series = match (&equity, &returns) {
            (Some(equity), None) => Series::Equity(equity),
            (None, Some(returns)) => Series::Returns(returns),
            other => panic!("{name}: {other:?}"),
        };
        let benchmark = numbers_or_none(&case["benchmark"]);
        let window = case["window"].as_u64().map(|w| usize::try_from(w).unwrap());
        let (periods, rf) = (case["periods"].as_f64().unwrap(), case["rf"].as_f64().unwrap());
        let figures = figures(&Request {
            series,
            benchmark: benchmark.as_deref().map(Series::Equity),
            round_trips: &net,
            options: Options::new(periods, rf, window).unwrap(),
        });
        let printed = serde_json::to_value(&figures).unwrap();
        for part in ["empyrical", "quantstats", "trips"] {
            let expected = case[part].as_object().unwrap();
            compared += check(&format!("{name} ({part})"), &printed, expected);
        }
        compared += check_rolling(name, &printed, case["rolling"].as_object().unwrap());
    }
    assert!(compared > 1_300, "only {compared} numbers were compared");
}

#[test]
fn histories_equal_the_reference_over_deposits_and_dates() {
    let mut compared = 0;
    for case in document()["histories"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let valuations: Vec<Valuation> = case["valuations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| Valuation {
                at: day(&row[0]),
                equity: row[1].as_f64().unwrap(),
                flow: row[2].as_f64().unwrap(),
                closes_period: row[3].as_bool().unwrap(),
            })
            .collect();
        let benchmark = case["benchmark"].as_array().map(|points| {
            let point = |row: &Value| Point { at: day(&row[0]), value: row[1].as_f64().unwrap() };
            points.iter().map(point).collect::<Vec<Point>>()
        });
        let window = case["window"].as_u64().map(|w| usize::try_from(w).unwrap());
        let (periods, rf) = (case["periods"].as_f64().unwrap(), case["rf"].as_f64().unwrap());
        let found = performance(&History {
            valuations: &valuations,
            benchmark: benchmark.as_deref(),
            round_trips: &[],
            options: Options::new(periods, rf, window).unwrap(),
        });
        let printed = serde_json::to_value(&found).unwrap();
        compared += check(name, &printed, case["expected"].as_object().unwrap());
        compared += check_rolling(name, &printed, case["rolling"].as_object().unwrap());
        compared += check_months(name, &printed, case["monthly"].as_object().unwrap());
        let ends: Vec<i64> =
            valuations.iter().filter(|v| v.closes_period).map(|valuation| valuation.at).collect();
        compared += check_drawdowns(name, &printed, &case["drawdowns"], &ends);
    }
    assert!(compared > 1_500, "only {compared} numbers were compared");
}

fn check_months(name: &str, printed: &Value, expected: &Map<String, Value>) -> usize {
    let rows = printed["monthly"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{name}");
    for row in rows {
        let of_year = numbers(&expected[&row["year"].to_string()]);
        let mut found: Vec<f64> =
            row["months"].as_array().unwrap().iter().map(|m| m.as_f64().unwrap_or(0.0)).collect();
        found.push(row["total"].as_f64().unwrap());
        for (found, expected) in found.iter().zip(&of_year) {
            assert!(close(*found, *expected), "{name}: {row} {of_year:?}");
        }
    }
    13 * rows.len()
}

fn check_drawdowns(name: &str, printed: &Value, expected: &Value, ends: &[i64]) -> usize {
    let Some(expected) = expected.as_array() else { return 0 };
    let rows = printed["drawdowns"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{name}: {rows:#?}");
    let at = |place: &Value| {
        let place = place.as_u64().map(|place| usize::try_from(place).unwrap());
        serde_json::to_value(place.map(|place| Instant(ends[place]))).unwrap()
    };
    for (row, expected) in rows.iter().zip(expected) {
        let depth = row["depth"].as_f64().unwrap();
        assert!(close(depth, expected[0].as_f64().unwrap()), "{name}: {row} {expected}");
        for (key, place) in [("start", 1), ("trough", 2), ("recovery", 3)] {
            assert_eq!(row[key], at(&expected[place]), "{name}: {key} of {row} {expected}");
        }
    }
    4 * rows.len()
}

#[test]
fn money_weighted_returns_equal_the_reference_roots() {
    for case in document()["xirr"].as_array().unwrap() {
        let flows: Vec<CashFlow> = case["flows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flow| CashFlow {
                at: flow[0].as_i64().unwrap() * DAY_NS,
                amount: flow[1].as_f64().unwrap(),
            })
            .collect();
        let (found, expected) = (money_weighted(&flows).unwrap(), case["rate"].as_f64().unwrap());
        assert!(close(found, expected), "{found} {expected}");
    }
}
