//! Bars of a length that the bot asks for: the same in a backtest and live, at a start in the middle of
//! one, over kill -9, and in `history`.

use serde_json::Value;
use stockade_venue::server::FeedBar;

use crate::bots;
use crate::market::{csv, dec, flat, manual};
use crate::program::{Surroundings, until};
use crate::stage::{SOON, Stage};

/// Minutes of the market.
const MINUTES: i64 = 120;
/// The live bot is deployed after so many, in the middle of a bar.
const BEFORE: i64 = 33;

/// Minutes with prices and volumes of their own; some are missing, among them the last of a bar and a
/// whole bar.
fn market() -> Vec<FeedBar> {
    let missing = |minute: i64| minute % 17 == 3 || minute == 54 || (80..85).contains(&minute);
    (0..MINUTES)
        .filter(|minute| !missing(*minute))
        .map(|minute| {
            let mut bar = flat("AAPL", minute, "100");
            bar.open = dec("100") + dec("0.01") * dec(&(minute % 7).to_string());
            bar.close = dec("100") + dec("0.01") * dec(&(minute % 5).to_string());
            bar.high = bar.open.max(bar.close) + dec("0.02");
            bar.low = bar.open.min(bar.close) - dec("0.03");
            bar.volume = dec(&(1_000 + minute).to_string());
            bar
        })
        .collect()
}

/// What the bot told of each bar, without the count of its warm-up.
fn told(reasons: impl Iterator<Item = String>) -> Vec<String> {
    let cut = |reason: String| {
        let (bar, rest) = reason.split_once(" warm ").unwrap();
        format!("{bar} {}", rest.split_once(' ').unwrap().1)
    };
    reasons.map(cut).collect()
}

/// The minute of the day that a line begins with.
fn minute(line: &str) -> i64 {
    line.split(' ').next().unwrap().parse().unwrap()
}

async fn in_a_backtest(bars: &[FeedBar]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("AAPL_1m.csv"), csv(bars)).unwrap();
    let around = Surroundings::default().with("STOCKADE_DATA", path("data"));
    let plugin = bots::file("fives").display().to_string();
    let (file, out) = (path("AAPL_1m.csv"), path("out"));
    let arguments = [
        "backtest",
        "--plugin",
        &plugin,
        "--bars",
        &file,
        "--capital",
        "100000",
        "--out",
        &out,
        "--warm-up",
        "0",
    ];
    around.run(&arguments).await.ok();
    let text = std::fs::read_to_string(folder.path().join("out").join("orders.csv")).unwrap();
    let place = text.lines().next().unwrap().split(',').position(|name| name == "reason").unwrap();
    told(text.lines().skip(1).map(|line| line.split(',').nth(place).unwrap().to_owned()))
}

/// Reasons of the bot's orders in the books.
async fn orders(stage: &Stage) -> Vec<String> {
    let orders = stage.json(&["order", "list", "--sleeve", "five"]).await;
    let mut orders = orders.as_array().unwrap().clone();
    orders.sort_by_key(|order| order["id"].as_i64());
    orders.iter().map(|order: &Value| order["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_and_a_live_bot_see_the_same_bars_of_five_minutes() {
    let bars = market();
    let expected = in_a_backtest(&bars).await;
    assert!(expected.len() > 20, "{expected:?}");
    assert!(expected[5].ends_with("before 4 from 875"), "{expected:?}");

    let mut stage = Stage::with_host(manual(bars.clone(), 100_000)).await;
    let minute_now =
        |stage: &Stage| (stage.exchange.now() - crate::market::OPEN) / crate::market::MINUTE;
    while minute_now(&stage) < BEFORE {
        assert!(stage.step_only().await);
    }
    stage.deploy("five", "fives", "50000", "AAPL", &[]).await;
    let (mut killed, mut shown) = (0, 0);
    loop {
        let more = stage.step().await;
        // The orders of each bar are there before the next minute: nothing is asked for twice.
        let now = minute_now(&stage) + 870;
        let due: Vec<&String> = expected
            .iter()
            .filter(|line| minute(line) >= 870 + BEFORE - BEFORE % 5)
            .filter(|line| minute(line) + 5 <= now)
            .collect();
        // Those whose last minute is missing come with the next one that is there.
        let sure = due.len().saturating_sub(1);
        until("an order for each bar", SOON, async || {
            let found = orders(&stage).await;
            if found.len() != shown {
                shown = found.len();
                eprintln!("at {now}: {shown} of {sure}, the last {:?}", found.last());
            }
            (found.len() >= sure).then_some(())
        })
        .await;
        if !more {
            break;
        }
        // Before the minute that tells of a bar whose last minute is missing, in the middle of a bar, and
        // before five minutes without any.
        if [54, 62, 80].contains(&(now - 870)) {
            stage.settled().await;
            let starts = "SELECT count(*) FROM stockade.bot_event WHERE kind = 'started'";
            let before = stage.count(starts).await;
            stage.kill_host();
            stage.start_host().await;
            stage.count_is("the bot's start", starts, before + 1).await;
            killed += 1;
        }
    }
    assert_eq!(killed, 3);
    let reasons = orders(&stage).await;
    assert!(reasons[0].contains(" warm 3 "), "{reasons:?}");
    let live = told(reasons.into_iter());
    let begin = expected.iter().position(|line| *line == live[0]);
    let begin = begin.unwrap_or_else(|| panic!("{live:#?}\nis no part of\n{expected:#?}"));
    assert_eq!(live, expected[begin..begin + live.len()], "{live:#?}\nagainst\n{expected:#?}");
    assert!(live.len() >= 15, "{live:?}");
    stage.check().await;
}
