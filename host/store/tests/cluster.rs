//! The private cluster: adopted, recovered, stopped by its last user.

mod support;

use std::path::Path;
use std::process::Command;
use stockade_store::cluster::Stopped;
use stockade_store::{Cluster, CommitError, Store, WriterHandle, WriterOptions};
use support::*;

/// Removes what a cluster left outside its data folder.
fn remove_place(data: &Path) {
    if let Ok(place) = std::fs::read_to_string(data.join("postgres.location")) {
        drop(std::fs::remove_dir_all(place.trim()));
    }
}

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[tokio::test]
async fn adopted_while_it_runs_and_stopped_by_the_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Cluster::open(folder.path()).await.expect("started");
    let second = Cluster::open(folder.path()).await.expect("adopted");
    assert_eq!(first.pid(), second.pid());
    assert_eq!(first.stop().await.expect("asked"), Stopped::InUse);
    let store = Store::open(&second.url()).await.expect("it still answers");
    store.migrate().await.expect("migrated");
    store.close().await;
    assert_eq!(second.stop().await.expect("asked"), Stopped::Yes);
    let third = Cluster::open(folder.path()).await.expect("started again");
    let store = Store::open(&third.url()).await.expect("it answers");
    store.check_schema().await.expect("the data is there");
    let fsync: String =
        sqlx::query_scalar("SHOW fsync").fetch_one(store.reads()).await.expect("asked");
    assert_eq!(fsync, "on");
    store.close().await;
    assert_eq!(third.stop().await.expect("asked"), Stopped::Yes);
    remove_place(folder.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_of_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::open(folder.path()).await.expect("started");
    let mut store = Store::open(&cluster.url()).await.expect("open");
    store.migrate().await.expect("migrated");
    store.account_create(&account(), &sleeves()).await.expect("made");
    let epoch = store.lease_acquire(LABEL, "a test", TTL).await.expect("free").epoch;
    let options = WriterOptions { reconnect_for: std::time::Duration::from_millis(300) };
    let mut acknowledged: Vec<u64> = Vec::new();
    let mut next = 1;
    for round in 0..3 {
        let mut writer =
            WriterHandle::spawn(&store, LABEL, epoch, options).await.expect("a writer");
        for _ in 0..20 {
            writer.commit(group(booking(next))).await.expect("committed");
            acknowledged.push(next);
            next += 1;
        }
        let mut tickets = Vec::new();
        let pid = cluster.pid().expect("it runs");
        // Groups flow until the writer gives up, so that commits are on their way at the kill.
        loop {
            match writer.submit(group(booking(next))).await {
                Ok(ticket) => tickets.push((next, ticket)),
                Err(error) => break assert_eq!(error, CommitError::Ended),
            }
            next += 1;
            // More than the queue holds: commits are on their way.
            if tickets.len() == 1_500 + round * 137 {
                tokio::task::spawn_blocking(move || kill("-KILL", pid));
            }
            assert!(tickets.len() < 1_000_000, "the server does not die");
        }
        let (mut done, mut doubtful) = (0, 0);
        for (number, ticket) in tickets {
            match ticket.outcome().await {
                Ok(()) => {
                    acknowledged.push(number);
                    done += 1;
                }
                Err(CommitError::Lost { .. } | CommitError::Behind { .. }) => doubtful += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(doubtful > 0, "the server was killed with nothing on its way");
        println!("round {round}: {done} acknowledged, {doubtful} unknown or never tried");
        writer.close().await;
        store.close().await;
        let started = std::time::Instant::now();
        cluster.revive().await.expect("recovered");
        println!("recovered in {:?}", started.elapsed());
        store = Store::open(&cluster.url()).await.expect("open");
        let found: Vec<i64> = sqlx::query_scalar("SELECT id FROM stockade.entry ORDER BY id")
            .fetch_all(store.reads())
            .await
            .expect("read");
        for number in &acknowledged {
            assert!(
                found.contains(&i64::try_from(*number).expect("small")),
                "{number} was acknowledged and is gone"
            );
        }
        let broken: Vec<_> = store
            .db_check(LABEL)
            .await
            .expect("checked")
            .into_iter()
            .filter(|rule| !rule.ok && ["I1", "I2", "I16", "I29"].contains(&rule.id))
            .collect();
        assert_eq!(broken, []);
    }
    store.close().await;
    assert_eq!(cluster.stop().await.expect("asked"), Stopped::Yes);
    remove_place(folder.path());
}

#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_enter_is_no_obstacle() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))
        .expect("closed");
    let cluster = Cluster::open(folder.path()).await.expect("started");
    let socket = cluster.socket().to_owned();
    assert_eq!(cluster.stop().await.expect("asked"), Stopped::Yes);
    let cluster = Cluster::open(folder.path()).await.expect("started again");
    assert_eq!(cluster.socket(), socket, "the same cluster");
    assert_eq!(cluster.stop().await.expect("asked"), Stopped::Yes);
    remove_place(folder.path());
}

#[tokio::test]
async fn a_pid_file_of_a_dead_server_is_no_obstacle() {
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::open(folder.path()).await.expect("started");
    let data = cluster.socket().parent().map(Path::to_owned).expect("a folder").join("data");
    let pid_file = data.join("postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).expect("read");
    assert_eq!(cluster.stop().await.expect("asked"), Stopped::Yes);
    // As after a restart of the machine: the number belongs to another program now (this test).
    let rest = text.split_once('\n').expect("lines").1;
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).expect("written");
    let cluster = Cluster::open(folder.path()).await.expect("started all the same");
    assert_ne!(cluster.pid(), Some(std::process::id()));
    assert_eq!(cluster.stop().await.expect("asked"), Stopped::Yes);
    remove_place(folder.path());
}
