//! Three bots, one of them hostile, and ten thousand market events on one account: the books equal
//! the exchange's own journal after every execution (I1, I3, I5, I6, I16, G1, G2, G9).

use crate::ledger;
use crate::market::{dec, generated};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Bars in all; four symbols a minute.
const EVENTS: usize = 10_000;
/// The market is a walk from this seed; a failure prints it.
const SEED: u64 = 11;
const SYMBOLS: [(&str, u32); 4] = [("AAPL", 150), ("GOOG", 110), ("IBM", 135), ("MSFT", 105)];
/// Minutes between two looks at whether the host keeps up.
const STRIDE: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn the_books_equal_the_exchanges_journal_after_every_execution() {
    eprintln!("seed {SEED}");
    let mut config = generated(&SYMBOLS, EVENTS / SYMBOLS.len(), SEED);
    let mut rules = stockade_exchange::Config::paper(config.accounts[0].cash);
    // Fees and parts of orders make odd cents.
    rules.partial_fill_permille = 300;
    config.rules = Some(rules);
    let mut stage = Stage::new(config).await;
    stage.around = stage.around.clone().with("STOCKADE_EQUITY_INTERVAL_SECONDS", "240");
    stage.start_host().await;
    stage.deploy("cross", "sma-cross", "30000", "AAPL,GOOG", &["fast=3", "slow=8", "qty=7"]).await;
    stage.deploy("spread", "rebalance", "30000", "AAPL,MSFT,IBM", &["every=45", "cash=0.1"]).await;
    stage.deploy("rogue", "hostile", "10000", "AAPL,MSFT", &["after=40"]).await;
    let mut steps = 0;
    while stage.step_only().await {
        steps += 1;
        if steps % STRIDE == 0 {
            keeps_up(&stage).await;
        }
    }
    assert!(
        stage.exchange.progress().1 * SYMBOLS.len() >= EVENTS,
        "{:?}",
        stage.exchange.progress()
    );
    stage.settled().await;
    stage.bot_is("rogue", "quarantined").await;
    let executions = ledger::agrees_line_by_line(&stage).await;
    println!("{EVENTS} market events, {executions} executions, each compared (seed {SEED})");
    assert!(executions > 100, "only {executions} executions: the test says little");
    ledger::agrees_with_the_account(&stage).await;
    let of_rogue = "SELECT count(*) FROM stockade.execution x JOIN stockade.sleeve s ON s.id = x.sleeve WHERE s.name = 'rogue'";
    assert_eq!(stage.count(of_rogue).await, 0, "nothing that the hostile bot asks for is paid for");
    let refused = "SELECT count(*) FROM stockade.refusal";
    println!("{} refusals", stage.count(refused).await);
    stage.check().await;
    statements_say_what_lists_said(&stage).await;
}

/// Just after an execution, before the market went on, a statement values what the sleeves held as
/// the list of sleeves did.
async fn statements_say_what_lists_said(stage: &Stage) {
    let sql = "SELECT at_ns FROM (SELECT at_ns, row_number() OVER (ORDER BY at_ns) AS place FROM stockade.execution) x
               WHERE place % 40 = 7 ORDER BY at_ns LIMIT 6";
    let moments: Vec<i64> = sqlx::query_scalar(sql).fetch_all(stage.pool()).await.unwrap();
    assert!(moments.len() > 2, "{moments:?}");
    for moment in moments {
        let [then, end] = [1_000_000, 1_000_001]
            .map(|later| stockade_store::query::At(moment + later).to_string());
        let listed = stage.json(&["sleeve", "list", "--at", &then]).await;
        let period = ["statement", "--from", "2000-01-01", "--to", &end, "--at", &then];
        let stated = stage.json(&period).await;
        let tied = stated["tie"]["sleeves"].as_array().unwrap();
        for sleeve in listed.as_array().unwrap() {
            let line = tied.iter().find(|line| line["sleeve"] == sleeve["name"]).unwrap();
            for amount in ["cash", "market_value"] {
                let (one, other) = (&line[amount], &sleeve[amount]);
                let equal = dec(one.as_str().unwrap()) == dec(other.as_str().unwrap());
                assert!(equal, "{amount} of {} at {then}: {one}, {other}", sleeve["name"]);
            }
        }
    }
}

/// The host is at most a few minutes behind the market; and the books are compared on the way, not
/// only at the end.
async fn keeps_up(stage: &Stage) {
    let now = stage.exchange.now();
    let far = i64::try_from(STRIDE).unwrap() * crate::market::MINUTE;
    until("the host keeps up with the market", SOON, async || {
        let seen = stage.count("SELECT coalesce(max(at_ns), 0) FROM stockade.equity").await;
        (seen >= now - 2 * far).then_some(())
    })
    .await;
}
