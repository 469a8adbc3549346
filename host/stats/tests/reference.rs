//! Every figure against the field's libraries: `reference.json`, written by `make_reference.py`.

#![allow(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Map, Value};
use stockade_stats::{CashFlow, Options, Request, Series, figures, money_weighted};

const TOLERANCE: f64 = 1e-9;
const DAY_NS: i64 = 86_400_000_000_000;

fn document() -> Value {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|each| each.as_f64().unwrap()).collect()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1e-3)
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
        let (equity, net) = (numbers(&case["equity"]), numbers(&case["net"]));
        let benchmark = case["benchmark"].is_array().then(|| numbers(&case["benchmark"]));
        let window = case["window"].as_u64().map(|w| usize::try_from(w).unwrap());
        let (periods, rf) = (case["periods"].as_f64().unwrap(), case["rf"].as_f64().unwrap());
        let figures = figures(&Request {
            series: Series::Equity(&equity),
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
    assert!(compared > 1_000, "only {compared} numbers were compared");
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
