//! A host that was stopped for longer than its lease lasts: where another has taken the account it
//! ends without a write and without an order; where nobody has, it goes on (K23, D2, D10, I29).

use std::time::Duration;

use tempfile::TempDir;

use crate::bots;
use crate::market::{manual, wave};
use crate::program::{signal, until};
use crate::stage::{SOON, Stage, ask};

/// The shortest lease.
const TTL: &str = "4";
const LAPSED: &str = "SELECT count(*) FROM stockade.lease WHERE expires_at < clock_timestamp()";

/// A host with a bot that orders at every bar, under a short lease.
async fn stage() -> Stage {
    let mut stage = Stage::new(manual(wave("AAPL", 400, 4), 100_000)).await;
    stage.around = stage.around.clone().with("STOCKADE_LEASE_TTL_SECONDS", TTL);
    stage.start_host().await;
    stage.deploy("even", "counter", "10000", "AAPL", &["every=1", "qty=3"]).await;
    stage.warm(&["AAPL"]).await;
    for _ in 0..3 {
        stage.step().await;
    }
    stage.settled().await;
    stage
}

fn orders_at_the_exchange(stage: &Stage) -> usize {
    stage.get("/v2/orders?status=all&limit=500").as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_host_whose_account_was_taken_sends_nothing() {
    let mut stage = stage().await;
    let first = stage.host.as_ref().unwrap().pid();
    signal(first, "STOP");
    // What it will find when it goes on: bars that its bot orders at.
    for _ in 0..3 {
        stage.step_only().await;
    }
    stage.count_is("a lease that has lapsed", LAPSED, 1).await;

    let folder = TempDir::new().unwrap();
    bots::install("counter", &folder.path().join("plugins"), "counter");
    let around = stage.around.clone().with("STOCKADE_DATA", folder.path().display().to_string());
    // The first one's data stream is still open, and no sign of life.
    let mut second = around.start(&["run", "--take-over"]);
    let socket = folder.path().join("stockade.sock");
    until("the second host is ready", SOON, async || {
        assert!(second.ended().is_none(), "the second host has ended\n{}", second.errors());
        let health = ask(&socket, serde_json::json!({"host": {"request": "health"}})).await?;
        (health["host"]["accounts"][0]["ready"] == true).then_some(())
    })
    .await;
    let (sent, written) =
        (orders_at_the_exchange(&stage), "SELECT count(*) FROM stockade.input WHERE epoch = 1");
    let before = stage.count(written).await;

    signal(first, "CONT");
    let status = stage.host.as_mut().unwrap().wait(SOON).await;
    let said = stage.host.as_ref().unwrap().errors();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("lease"), "it does not say why it ended:\n{said}");
    assert_eq!(stage.count(written).await, before, "it wrote after its lease was another's");
    assert_eq!(orders_at_the_exchange(&stage), sent, "it sent an order");
    let orders = stage.count("SELECT count(*) FROM stockade.order").await;
    assert_eq!(usize::try_from(orders).unwrap(), sent);

    second.terminate();
    assert!(second.wait(SOON).await.success(), "{}", second.errors());
    stage.start_host().await;
    stage.step().await;
    stage.settled().await;
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_host_whose_account_nobody_took_goes_on() {
    let mut stage = stage().await;
    let first = stage.host.as_ref().unwrap().pid();
    signal(first, "STOP");
    for _ in 0..3 {
        stage.step_only().await;
    }
    stage.count_is("a lease that has lapsed", LAPSED, 1).await;
    signal(first, "CONT");
    until("the lease is renewed", SOON, async || (stage.count(LAPSED).await == 0).then_some(()))
        .await;
    let before = orders_at_the_exchange(&stage);
    until("it trades on", SOON, async || {
        let host = stage.host.as_mut().unwrap();
        assert!(host.ended().is_none(), "the host has ended\n{}", host.errors());
        stage.exchange.step().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        (orders_at_the_exchange(&stage) > before + 2).then_some(())
    })
    .await;
    stage.settled().await;
    assert_eq!(stage.count("SELECT max(epoch) FROM stockade.lease").await, 1);
    stage.check().await;
}
