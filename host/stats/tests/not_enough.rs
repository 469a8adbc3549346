//! What its data cannot give is no number, and says why.

#![allow(clippy::unwrap_used, reason = "a test may")]

use stockade_stats::picture::Point;
use stockade_stats::{
    Figures, History, Options, OptionsError, Performance, Request, Series, SeriesError, Valuation,
    figures, performance, returns_of, value,
};

fn of(series: Series<'_>) -> Figures {
    figures(&Request { series, benchmark: None, round_trips: &[], options: Options::default() })
}

const KEYS: [&str; 17] = [
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "downside_risk",
    "sortino",
    "max_drawdown",
    "calmar",
    "omega",
    "beta",
    "alpha",
    "var_95",
    "cvar_95",
    "win_rate",
    "win_rate_decided",
    "profit_factor",
    "expectancy",
];

#[test]
fn an_empty_or_broken_series_gives_no_figure_and_a_reason_for_each() {
    let broken = [1.0, f64::NAN];
    let lost = [100.0, 0.0, 50.0];
    let infinite = [0.1, f64::INFINITY];
    for series in [
        Series::Equity(&[]),
        Series::Equity(&[1.0]),
        Series::Equity(&broken),
        Series::Equity(&lost),
        Series::Returns(&infinite),
    ] {
        let printed = serde_json::to_value(of(series)).unwrap();
        for key in KEYS {
            assert!(printed[key].is_null(), "{series:?}: {key} is {}", printed[key]);
            assert!(printed["why"][key].is_string(), "{series:?}: {key} has no reason");
        }
    }
    assert_eq!(
        of(Series::Equity(&lost)).why["sharpe"],
        "equity 0 at place 1 is not above 0: no return exists over it"
    );
}

#[test]
fn a_key_is_either_a_number_or_has_a_reason() {
    let equity = [100.0, 101.0, 99.0, 102.0];
    let figures = figures(&Request {
        series: Series::Equity(&equity),
        benchmark: Some(Series::Equity(&equity)),
        round_trips: &[1.0, -2.0],
        options: Options::new(252.0, 0.0, Some(2)).unwrap(),
    });
    assert!(figures.why.is_empty(), "{:?}", figures.why);
    let printed = serde_json::to_value(&figures).unwrap();
    for key in KEYS {
        assert!(printed[key].is_number(), "{key} is {}", printed[key]);
    }
    assert_eq!(printed["rolling"]["sharpe"].as_array().unwrap().len(), 2);
    let back: Figures = serde_json::from_value(printed).unwrap();
    assert_eq!(back, figures);
}

#[test]
fn returns_that_differ_in_the_last_bit_alone_have_no_sharpe_ratio() {
    // What 1 % a day leaves after e[t]/e[t-1]-1.
    let figures = of(Series::Returns(&[0.01, 0.010000000000000009, 0.01, 0.00999999999999979]));
    assert_eq!(figures.sharpe, None);
    assert_eq!(figures.annual_volatility, Some(0.0));
    assert_eq!(figures.why["sharpe"], "the returns do not vary");
}

#[test]
fn a_value_that_overflows_is_no_number() {
    // 1,000-fold in one day has no annual return that fits a float.
    let figures = of(Series::Equity(&[1.0, 1_000.0]));
    assert_eq!(figures.annual_return, None);
    assert_eq!(figures.why["annual_return"], "the value is too large to be a number");
    assert_eq!(figures.total_return, Some(999.0));
}

#[test]
fn a_benchmark_of_another_length_or_without_variance_is_refused() {
    let equity = [100.0, 101.0, 99.0];
    let with = |benchmark: &[f64]| {
        figures(&Request {
            series: Series::Equity(&equity),
            benchmark: Some(Series::Equity(benchmark)),
            round_trips: &[],
            options: Options::default(),
        })
    };
    let short = with(&[1.0, 2.0]);
    assert_eq!(short.beta, None);
    assert_eq!(short.why["alpha"], "the benchmark has 1 returns, the series has 2");
    assert_eq!(with(&[5.0, 5.0, 5.0]).why["beta"], "the benchmark does not vary");
}

#[test]
fn a_window_longer_than_the_series_gives_no_rolling_figures() {
    let figures = figures(&Request {
        series: Series::Equity(&[1.0, 2.0, 3.0]),
        benchmark: None,
        round_trips: &[],
        options: Options::new(252.0, 0.0, Some(3)).unwrap(),
    });
    assert!(figures.rolling.sharpe.is_empty());
    assert_eq!(
        figures.why["rolling"],
        "not enough data: the window is 3, the series has 2 returns"
    );
}

#[test]
fn options_and_values_out_of_range_are_refused() {
    assert_eq!(Options::new(0.0, 0.0, None), Err(OptionsError::Periods { found: 0.0 }));
    assert!(Options::new(f64::NAN, 0.0, None).is_err());
    assert_eq!(Options::new(252.0, -1.0, None), Err(OptionsError::RiskFree { found: -1.0 }));
    assert_eq!(Options::new(252.0, 0.0, Some(1)), Err(OptionsError::Window { found: 1 }));
    assert_eq!(value("12.50"), Some(12.5));
    assert_eq!(value("NaN"), None);
    assert_eq!(value("1e999"), None);
    // Longer than any decimal, and still the nearest float.
    assert_eq!(value(format!("0.{}1", "0".repeat(80))), Some(1e-81));
    assert_eq!(returns_of(&[1.0, -1.0, 1.0]), Err(SeriesError::NoBase { index: 1, equity: -1.0 }));
}

#[test]
fn a_history_without_enough_data_has_a_reason_for_each_key() {
    let day = |number: i64| number * 86_400_000_000_000;
    let at = |number: i64, equity: f64, flow: f64| Valuation {
        at: day(number),
        equity,
        flow,
        closes_period: true,
    };
    let late = [Point { at: day(9), value: 1.0 }];
    let of = |valuations: &[Valuation]| {
        performance(&History {
            valuations,
            benchmark: Some(&late),
            round_trips: &[],
            options: Options::default(),
        })
    };
    for valuations in [
        &[][..],
        &[at(0, 100.0, 0.0)],
        &[at(0, 100.0, 0.0), at(1, 0.0, 0.0), at(2, 5.0, 0.0)],
        &[at(0, 100.0, -150.0), at(1, 10.0, 0.0)],
        &[at(0, 100.0, f64::INFINITY), at(1, 10.0, 0.0)],
    ] {
        let printed = serde_json::to_value(of(valuations)).unwrap();
        for key in KEYS.iter().chain(&["money_weighted_return", "time_weighted_return"]) {
            // What all movements of money were worth is known although no return is.
            if *key == "money_weighted_return" && printed[key].is_number() {
                continue;
            }
            assert!(printed[key].is_null(), "{valuations:?}: {key} is {}", printed[key]);
            assert!(printed["why"][key].is_string(), "{valuations:?}: {key} has no reason");
        }
        assert!(printed["monthly"].as_array().unwrap().is_empty());
    }
    let ruined = of(&[at(0, 100.0, 0.0), at(1, 0.0, 0.0)]);
    assert_eq!(ruined.figures.total_return, Some(-1.0));
    assert_eq!(
        ruined.figures.why["beta"],
        "the benchmark: not enough data: it has no value at 1970-01-01T00:00:00Z or in the 7 days before"
    );
    let text = serde_json::to_string(&ruined).unwrap();
    assert_eq!(serde_json::from_str::<Performance>(&text).unwrap(), ruined);
}

#[test]
fn a_first_loss_falls_from_the_start() {
    let values = [1_000.0, 900.0, 950.0, 1_000.0, 990.0];
    let valuations: Vec<Valuation> = (0..)
        .zip(values)
        .map(|(at, equity)| Valuation { at, equity, flow: 0.0, closes_period: true })
        .collect();
    let found = performance(&History {
        valuations: &valuations,
        benchmark: None,
        round_trips: &[],
        options: Options::default(),
    });
    let places = |place: usize| {
        let row = &found.drawdowns[place];
        (row.start.0, row.trough.0, row.recovery.map(|at| at.0), row.length, row.recovery_length)
    };
    assert_eq!(found.drawdowns.len(), 2);
    assert_eq!(places(0), (0, 1, Some(3), 3, Some(2)));
    assert_eq!(places(1), (3, 4, None, 1, None));
}
