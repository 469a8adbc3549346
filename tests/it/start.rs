//! Bots that start while the market runs: between history and stream no bar is missing, none comes
//! twice, and what comes after the start is live (L1).

use std::collections::BTreeMap;
use std::time::Duration;

use stockade_venue::server::Speed;

use crate::market::{MINUTE, OPEN, generated};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Bots that are started one after the other.
const BOTS: usize = 8;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_starts_in_a_running_market_gets_each_bar_once() {
    let mut config = generated(&[("AAPL", 150), ("BTC/USD", 9_000), ("ETH/USD", 200)], MINUTES, 5);
    // Round the clock, so that each minute has a bar; a hundred of them in a second.
    let stockade_venue::server::Feed::Generated(market) = &mut config.feed else {
        unreachable!("a generated market")
    };
    market.sessions = stockade_exchange::Sessions::Always;
    config.speed = Speed::Times(6_000);
    let stage = Stage::with_host(config).await;
    let names: Vec<String> = (0..BOTS).map(|n| format!("witness-{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        // Some are subscribed to already by those before, some not.
        let symbols = ["AAPL", "AAPL,BTC/USD", "ETH/USD,AAPL"][n % 3];
        stage.deploy(name, "witness", "100", symbols, &[]).await;
        stage.run(&["bot", "stop", &names[n / 2]]).await;
        stage.run(&["bot", "start", &names[n / 2]]).await;
    }
    stage.exchange.finished().await;
    let end = OPEN / MINUTE + i64::try_from(MINUTES).unwrap() - 1;
    let told = until("each bot has seen the last bar", SOON, async || {
        let mut all = Vec::new();
        for name in &names {
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
    .await;
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
