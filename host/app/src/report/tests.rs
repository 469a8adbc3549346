#![allow(clippy::unwrap_used, reason = "a test may")]

use rust_decimal::Decimal;

use super::{
    ContainedRow, CrashRow, Curve, Fact, FigureColumn, PricePicture, ReconciliationPart,
    ReconciliationRow, ReloadRow, ReportData, SleeveRow, Trade, TradeSide, render,
};

const MINUTE: i64 = 60_000_000_000;
const START: i64 = 1_549_895_400_000_000_000;

fn fact(name: &str, value: &str) -> Fact {
    Fact { name: name.to_owned(), value: value.to_owned() }
}

/// A wave of decimals, the same in every run: cents around `base`.
fn wave(base: i64, swing: i64, phase: i64) -> Vec<(i64, Decimal)> {
    let minute_of = |i: i64| START + (i / 390) * 1_440 * MINUTE + (i % 390) * MINUTE;
    (0..1_950)
        .map(|i| {
            let angle = (i * 7 + phase) % 400;
            let height = if angle < 200 { angle } else { 400 - angle };
            (minute_of(i), Decimal::new(base + i * swing / 900 + height * swing / 100, 2))
        })
        .collect()
}

fn sleeve(name: &str, realised: &str, state: &str) -> SleeveRow {
    SleeveRow {
        name: name.to_owned(),
        bot: format!("{name} 0.1.0"),
        initial_capital: "10,000.00".to_owned(),
        cash: "8,500.00".to_owned(),
        market_value: "1,550.00".to_owned(),
        equity: "10,050.00".to_owned(),
        realised: realised.to_owned(),
        unrealised: "50.00".to_owned(),
        fees: "0.00".to_owned(),
        return_pct: "0.50".to_owned(),
        positions: "AAPL 10".to_owned(),
        state: state.to_owned(),
    }
}

fn trades(prices: &[(i64, Decimal)]) -> Vec<Trade> {
    let every = prices.iter().step_by(90).enumerate();
    every
        .map(|(turn, (at, price))| Trade {
            at: *at,
            price: *price,
            qty: Decimal::new(100, 1),
            side: if turn % 2 == 0 { TradeSide::Buy } else { TradeSide::Sell },
            sleeve: "sma-a".to_owned(),
        })
        .collect()
}

fn full() -> ReportData {
    let prices = wave(17_114, 300, 40);
    let figures = |name: &str, sharpe: &str| FigureColumn {
        sleeve: name.to_owned(),
        figures: vec![fact("Total return", "0.50 %"), fact("Sharpe", sharpe)],
    };
    let item = |item: &str, amount: &str| ReconciliationRow {
        item: item.to_owned(),
        sleeves: amount.to_owned(),
        suspense: "0".to_owned(),
        broker: amount.to_owned(),
        difference: "0".to_owned(),
    };
    ReportData {
        months: Vec::new(),
        pictures: Vec::new(),
        tables: Vec::new(),
        title: "stockade tour".to_owned(),
        subtitle: "three bots on one account, seed 7".to_owned(),
        facts: vec![fact("Events", "15,584"), fact("Orders", "42"), fact("Executions", "42")],
        equity: vec![
            Curve { name: "sma-a".to_owned(), points: wave(1_000_000, 9_000, 0) },
            Curve { name: "sma-b".to_owned(), points: wave(1_000_000, -4_000, 90) },
            Curve { name: "rebalance".to_owned(), points: wave(1_005_000, 2_000, 250) },
        ],
        prices: vec![PricePicture {
            symbol: "AAPL".to_owned(),
            trades: trades(&prices),
            points: prices,
        }],
        sleeves: vec![
            sleeve("sma-a", "40.00", "active"),
            sleeve("sma-b", "-12.50", "active"),
            sleeve("greedy", "0.00", "quarantined"),
        ],
        figures: vec![figures("sma-a", "1.2345"), figures("sma-b", "not enough data")],
        reconciliation: vec![ReconciliationPart {
            account: "paper".to_owned(),
            at: "2019-02-15T21:00:00Z".to_owned(),
            balanced: true,
            rows: vec![item("cash", "27,750.00"), item("AAPL", "15")],
        }],
        contained: vec![ContainedRow {
            bot: "greedy".to_owned(),
            cause: "endless loop".to_owned(),
            state: "quarantined".to_owned(),
        }],
        reloads: vec![ReloadRow {
            bot: "sma-a".to_owned(),
            from: "0.1.0".to_owned(),
            to: "0.2.0".to_owned(),
            pause_ms: "3.1".to_owned(),
        }],
        crashes: vec![CrashRow {
            killed_at: "2019-02-13T15:00:00Z".to_owned(),
            recovered_ms: "412".to_owned(),
        }],
        next: vec![fact("stockade reconcile", "compare with the broker again")],
    }
}

/// Every element that is opened is closed, in order.
fn check_structure(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").expect("a doctype first");
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("each tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_full_report_has_every_section_in_reading_order() {
    let html = render(&full());
    check_structure(&html);
    let headings: Vec<&str> =
        html.split("<h2>").skip(1).map(|part| part.split("</h2>").next().unwrap()).collect();
    assert_eq!(
        headings,
        [
            "Sleeves",
            "Equity",
            "Drawdown",
            "Trades",
            "Figures",
            "Reconciliation",
            "Contained bots",
            "Reloads",
            "Crashes",
            "What to type next",
        ]
    );
    assert_eq!(html.matches("<svg ").count(), 3);
    assert_eq!(html.matches("class=\"line s").count(), 3 + 3 + 1);
    assert_eq!(html.matches("class=\"mark buy\"").count(), 11);
    assert_eq!(html.matches("class=\"mark sell\"").count(), 11);
    for expected in [
        "<td class=\"n good\">40.00</td>",
        "<td class=\"n bad\">-12.50</td>",
        "<td class=\"n\">0.00</td>",
        "<td class=\"n\">not enough data</td>",
        "<span class=\"good\">balanced</span>",
        "<td>endless loop</td>",
        "<i class=\"s2\"></i>rebalance",
        "sma-a: bought 10 at 172.34, 2019-02-11T14:30:00Z",
        "<code>stockade reconcile</code>",
    ] {
        assert!(html.contains(expected), "{expected} is missing");
    }
}

#[test]
fn it_needs_nothing_from_outside() {
    let html = render(&full());
    for foreign in ["http://", "https://", "<script", "<link", "<img", "@import", "url(", "src="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("prefers-color-scheme:dark"));
    assert!(html.contains("default-src 'none'"));
    assert!(!html.contains("NaN") && !html.contains(">inf"));
    assert!(html.len() < 400_000, "{} bytes", html.len());
}

#[test]
fn an_empty_report_is_a_heading_alone() {
    let html = render(&ReportData { title: "nothing".to_owned(), ..ReportData::default() });
    check_structure(&html);
    assert!(html.contains("<h1>nothing</h1>"));
    assert!(!html.contains("<section>") && !html.contains("<svg"));
}

#[test]
fn text_from_outside_can_not_become_markup() {
    let evil = "<script>alert('x')</script>\"&";
    let mut data = full();
    data.title = evil.to_owned();
    data.subtitle = evil.to_owned();
    data.facts.push(fact(evil, evil));
    data.next.push(fact(evil, evil));
    data.equity[0].name = evil.to_owned();
    data.prices[0].symbol = evil.to_owned();
    data.prices[0].trades[0].sleeve = evil.to_owned();
    data.sleeves.push(sleeve(evil, evil, evil));
    data.figures[0].sleeve = evil.to_owned();
    data.figures[0].figures[0] = fact(evil, evil);
    data.reconciliation[0].account = evil.to_owned();
    data.reconciliation[0].rows[0].item = evil.to_owned();
    data.contained[0].cause = evil.to_owned();
    data.reloads[0].to = evil.to_owned();
    data.crashes[0].killed_at = evil.to_owned();
    let html = render(&data);
    check_structure(&html);
    assert!(!html.contains("<script") && !html.contains("alert('x')"));
    assert!(html.matches("&lt;script&gt;").count() >= 18);
}

#[test]
fn a_sleeve_with_one_point_and_one_without_any_are_drawn_without_harm() {
    let mut data = full();
    data.equity[0].points.truncate(1);
    data.equity[1].points.clear();
    data.equity[2].points = vec![(START, Decimal::ZERO), (START + MINUTE, Decimal::NEGATIVE_ONE)];
    let html = render(&data);
    check_structure(&html);
    assert!(html.contains("<circle class=\"dot s0\""));
    assert!(!html.contains("NaN"));
}
