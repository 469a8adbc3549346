//! The private database's server is killed under a trading host, and stays away longer than the
//! host's lease lasts: the host lives on, and sends nothing while its lease is in doubt (P7, D3, D5).

use std::fs::File;
use std::time::Instant;

use crate::private::Private;
use crate::program::{signal, until};
use crate::stage::SOON;

/// Rows of this kind are written at every bar.
const NEWEST: &str = "SELECT coalesce(max(at_ns), 0) FROM stockade.equity";

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_server_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Private::start(folder.path(), &[]).await;
    let host = place.host.pid();
    let mut longest = std::time::Duration::ZERO;
    for round in 0..4 {
        place.trades(3).await;
        let acknowledged = place.count(NEWEST).await.unwrap();
        let postmaster = place.postmaster();
        signal(postmaster, "KILL");
        let began = Instant::now();
        // A bar that comes while the server is away: its row shows that commits go on.
        place.exchange.step().await.unwrap();
        let newest = place.exchange.now() - 1_000_000_000;
        until("a commit after the kill", SOON, async || {
            assert!(place.host.ended().is_none(), "the host has ended\n{}", place.host.errors());
            // Not so often that the looking holds the server up.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if place.cluster().pid() == Some(postmaster) {
                return None;
            }
            let found = place.count(NEWEST).await?;
            assert!(found >= acknowledged, "what was committed is gone");
            (found >= newest).then_some(())
        })
        .await;
        let took = began.elapsed();
        longest = longest.max(took);
        println!("round {round}: the host lived on, and committed again after {took:?}");
    }
    println!("longest: {longest:?} (wanted: at most 5 s)");
    place.trades(3).await;
    place.settled().await;
    assert_eq!(place.host.pid(), host);
    assert!(place.host.ended().is_none());
    place.holds().await;
    let took_over = place.count("SELECT max(epoch) FROM stockade.lease").await;
    assert_eq!(took_over, Some(1), "a host that lives on keeps its epoch");
    place.stop().await;
}

/// The lock that whoever starts the server takes: held by the test, it stays away.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_stays_away_longer_than_the_lease_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Private::start(folder.path(), &[("STOCKADE_LEASE_TTL_SECONDS", "4")]).await;
    place.trades(3).await;
    place.settled().await;
    let lock = File::options().write(true).open(folder.path().join("postgres.lock")).unwrap();
    lock.lock().unwrap();
    signal(place.postmaster(), "KILL");
    until("the lease is in doubt", SOON, async || {
        assert!(place.host.ended().is_none(), "the host has ended\n{}", place.host.errors());
        place.host.errors().contains("in doubt").then_some(())
    })
    .await;
    let sent = place.orders().len();
    let away = Instant::now();
    while away.elapsed() < std::time::Duration::from_secs(5) {
        place.exchange.step().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(place.orders().len(), sent, "orders were sent under a lease that may have lapsed");
    drop(lock);
    let began = Instant::now();
    let newest = place.exchange.now() - 1_000_000_000;
    until("commits go on", SOON, async || {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(place.host.ended().is_none(), "the host has ended\n{}", place.host.errors());
        (place.count(NEWEST).await? >= newest).then_some(())
    })
    .await;
    println!("committed again {:?} after the server could start", began.elapsed());
    place.trades(3).await;
    place.settled().await;
    assert!(place.orders().len() > sent);
    assert_eq!(place.count("SELECT max(epoch) FROM stockade.lease").await, Some(1));
    place.holds().await;
    place.stop().await;
}
