//! The tour runs, and its document balances.

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::market::dec;
use crate::program::Surroundings;

fn number(value: &Value) -> Decimal {
    dec(value.as_str().unwrap_or_else(|| panic!("{value} is no decimal")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_ends_with_books_that_balance() {
    let folder = tempfile::tempdir().unwrap();
    // The components that the tour deploys lie beside the tests' own.
    let plugins = crate::bots::file("hostile").parent().unwrap().display().to_string();
    let out = folder.path().join("out");
    let around = Surroundings::default()
        .with("STOCKADE_DATA", folder.path().join("data").display().to_string());
    let arguments = [
        "demo",
        "--seconds",
        "30",
        "--out",
        out.to_str().unwrap(),
        "--plugins",
        &plugins,
        "--json",
    ];
    let done = around.run_within(&arguments, Duration::from_secs(240)).await.ok().json();
    assert_eq!(done["reconcile"]["balanced"], true, "{done:#}");
    assert_eq!(number(&done["reconcile"]["cash"]["difference"]), Decimal::ZERO, "{done:#}");
    let sleeves = done["sleeves"].as_array().unwrap();
    let cash: Decimal = sleeves.iter().map(|sleeve| number(&sleeve["cash"])).sum();
    // The rounding of the broker is in no list; it is less than a cent for each execution.
    let executions = Decimal::from(done["executions"].as_u64().unwrap());
    let off = (cash - number(&done["account"]["cash"])).abs();
    assert!(
        off <= executions * dec("0.005"),
        "sleeves hold {cash}, the account {}",
        done["account"]["cash"]
    );
    for position in done["account"]["positions"].as_array().unwrap() {
        let held: Decimal = sleeves
            .iter()
            .flat_map(|sleeve| sleeve["positions"].as_array().unwrap())
            .filter(|held| held["symbol"] == position["symbol"])
            .map(|held| number(&held["qty"]))
            .sum();
        assert_eq!(held, number(&position["qty"]), "{position}");
    }
    assert!(done["orders"].as_u64().unwrap() > 0 && executions > Decimal::ZERO, "{done:#}");
    let contained = done["contained"].as_array().unwrap();
    assert!(contained.iter().any(|bot| bot["state"] == "quarantined"), "{done:#}");
    assert!(!done["reloads"].as_array().unwrap().is_empty(), "{done:#}");
    assert!(
        done["crash"]["recovered_ms"].as_u64().is_some()
            || done["crash"]["recovered_ms"].is_string(),
        "{done:#}"
    );
    assert!(
        out.read_dir()
            .unwrap()
            .flatten()
            .any(|entry| entry.path().extension().is_some_and(|e| e == "html")),
        "no report"
    );
}
