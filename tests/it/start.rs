//! Bots that start while the market runs, and bots whose stream breaks: between history and stream no
//! bar is missing, none comes twice, and what comes in time is live (L1, W4).

use std::collections::BTreeMap;
use std::time::Duration;

use stockade_venue::server::{ServerConfig, Speed};

use crate::bots;
use crate::market::{MINUTE, OPEN, flat, generated, manual};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Bots that are started one after the other.
const BOTS: usize = 8;
/// How often streams are cut.
const CUTS: usize = 8;
/// Minutes of the market.
const MINUTES: usize = 4_000;

/// What a witness wrote last of each instrument: minute, warm-up bars, live bars, gaps, doubles.
fn told(log: &str) -> BTreeMap<u64, [i64; 5]> {
    let mut last = BTreeMap::new();
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, id, minute, "warm", warm, "live", live, "gaps", gaps, "doubles", doubles] =
            words.as_slice()
        else {
            continue;
        };
        let numbers = [minute, warm, live, gaps, doubles].map(|word| word.parse().unwrap());
        last.insert(id.parse().unwrap(), numbers);
    }
    last
}

/// Round the clock, so that each minute has a bar; a hundred of them in a second.
fn round_the_clock(seed: u64) -> ServerConfig {
    let symbols = [("AAPL", 150), ("BTC/USD", 9_000), ("ETH/USD", 200)];
    let mut config = generated(&symbols, MINUTES, seed);
    let stockade_venue::server::Feed::Generated(market) = &mut config.feed else {
        unreachable!("a generated market")
    };
    market.sessions = stockade_exchange::Sessions::Always;
    config.speed = Speed::Times(6_000);
    config
}

/// Waits until every witness has seen the last bar; gives what each wrote.
async fn told_by(stage: &Stage, names: &[String]) -> Vec<BTreeMap<u64, [i64; 5]>> {
    let end = OPEN / MINUTE + i64::try_from(MINUTES).unwrap() - 1;
    until("each bot has seen the last bar", SOON, async || {
        let mut all = Vec::new();
        for name in names {
            let log = stage.data().join("logs").join(format!("{name}.log"));
            let of_bot = told(&std::fs::read_to_string(log).unwrap_or_default());
            if of_bot.is_empty() || of_bot.values().any(|numbers| numbers[0] < end) {
                eprintln!("{name}: {of_bot:?}, the end is {end}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                return None;
            }
            all.push(of_bot);
        }
        Some(all)
    })
    .await
}

/// What was missed while a stream was down is caught up with, before what comes after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_whose_data_stream_breaks_gets_each_bar_once() {
    let stage = Stage::with_host(round_the_clock(6)).await;
    let names = ["witness-0", "witness-1", "witness-2"].map(str::to_owned);
    for (name, symbols) in names.iter().zip(["AAPL", "AAPL,BTC/USD", "ETH/USD,BTC/USD"]) {
        stage.deploy(name, "witness", "100", symbols, &[]).await;
    }
    let (begun, steps) = stage.exchange.progress();
    let part = (steps - begun) / (CUTS + 1);
    for cut in 1..=CUTS {
        until("the market goes on", SOON, async || {
            (stage.exchange.progress().0 >= begun + cut * part).then_some(())
        })
        .await;
        stage.exchange.cut_data_streams();
        if cut % 3 == 0 {
            // Once more while the gap is read.
            tokio::time::sleep(Duration::from_millis(150)).await;
            stage.exchange.cut_data_streams();
        }
    }
    stage.exchange.finished().await;
    let mut caught_up = 0;
    for (name, of_bot) in names.iter().zip(told_by(&stage, &names).await) {
        println!("{name}: {of_bot:?}");
        for (id, [_, warm, live, gaps, doubles]) in of_bot {
            assert_eq!((gaps, doubles), (0, 0), "{name}, instrument {id}");
            assert!(live > 0, "{name}, instrument {id}");
            caught_up += (warm - 20).max(0);
        }
    }
    assert!(caught_up > 0, "no bar was missed: the streams were not cut");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_starts_in_a_running_market_gets_each_bar_once() {
    let stage = Stage::with_host(round_the_clock(5)).await;
    let names: Vec<String> = (0..BOTS).map(|n| format!("witness-{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        // Some are subscribed to already by those before, some not.
        let symbols = ["AAPL", "AAPL,BTC/USD", "ETH/USD,AAPL"][n % 3];
        stage.deploy(name, "witness", "100", symbols, &[]).await;
        stage.run(&["bot", "stop", &names[n / 2]]).await;
        stage.run(&["bot", "start", &names[n / 2]]).await;
    }
    stage.exchange.finished().await;
    let told = told_by(&stage, &names).await;
    for (name, of_bot) in names.iter().zip(told) {
        println!("{name}: {of_bot:?}");
        for (id, [_, warm, live, gaps, doubles]) in of_bot {
            assert_eq!((gaps, doubles), (0, 0), "{name}, instrument {id}");
            assert!(warm <= 20 + live, "{name}, instrument {id}");
            assert!(live > 0, "{name}, instrument {id}");
        }
    }
    stage.check().await;
}

/// Every kind of event that a bot asks for reaches it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_gets_every_kind_of_event() {
    let config = generated(&[("AAPL", 150), ("BTC/USD", 9_000)], 800, 7);
    let stage = Stage::with_host(config).await;
    stage.deploy("all", "listener", "100", "AAPL,BTC/USD", &[]).await;
    stage.warm(&["AAPL"]).await;
    let log = stage.data().join("logs").join("all.log");
    let last = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let line = text.lines().rev().find(|line| line.contains("sessions ")).unwrap_or("");
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words.iter().rev().step_by(2).take(5).map(|n| n.parse().unwrap()).collect::<Vec<u64>>()
    };
    let complete = |counts: &[u64]| counts.len() == 5 && counts.iter().all(|count| *count > 0);
    // The session closes on the way.
    while !complete(&last()) {
        assert!(stage.step().await, "sessions, timers, trades, quotes, bars: {:?}", last());
    }
    println!("sessions, timers, trades, quotes, bars: {:?}", last());
}

/// A replay that begins before the session stands still until somebody reads it: that is no end.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_waits_for_its_first_reader() {
    // An hour of the early morning.
    let bars = (-300..-240).map(|minute| flat("AAPL", minute, "150")).collect();
    let mut config = manual(bars, 100_000);
    (config.speed, config.start_on_subscribe) = (Speed::Times(120), true);
    let mut stage = Stage::new(config).await;
    // Compiled before the replay begins: it lasts half a minute.
    bots::install("witness", &stage.plugins(), "witness");
    stage.launch(&["run", "--until-end"]);
    stage.ready().await;
    until("the plugin is loaded", SOON, async || {
        let host = stage.host.as_ref().unwrap();
        host.errors().contains("loaded").then_some(())
    })
    .await;
    // Twice as long as a clock that stands still is looked at.
    let waits = std::time::Instant::now() + Duration::from_secs(8);
    while std::time::Instant::now() < waits {
        let host = stage.host.as_mut().unwrap();
        assert!(host.ended().is_none(), "it has ended before the replay:\n{}", host.errors());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stage.deploy("early", "witness", "100", "AAPL", &[]).await;
    let host = stage.host.as_mut().unwrap();
    let status = host.wait(SOON).await;
    assert!(status.success(), "{status}\n{}", host.errors());
    let log = std::fs::read_to_string(stage.data().join("logs").join("early.log")).unwrap();
    let [last, _, live, ..] = told(&log)[&0];
    assert_eq!(last, OPEN / MINUTE - 241, "the last bar was not seen");
    assert!(live > 0);
}
