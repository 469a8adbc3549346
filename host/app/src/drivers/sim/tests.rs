//! Seeds pass, repeat, and find every seeded bug; the rows of a run can be stored elsewhere.

use stockade_core::row::AccountRow;

use super::*;

const STEPS: u64 = 2_000;

#[cfg(not(feature = "seeded-bugs"))]
#[test]
fn hundreds_of_seeds_pass() {
    let report = run(1, 300, STEPS, |failure| eprintln!("{failure:#?}"));
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!((report.seeds, report.passed), (300, 300));
    // What was to be simulated did happen.
    let counters = report.counters;
    let happened = [
        counters.crashes,
        counters.commits_doubtful,
        counters.not_taken,
        counters.unknowns,
        counters.late_posts,
        counters.abandoned,
        counters.updates_lost,
        counters.updates_doubled,
        counters.updates_late,
        counters.sockets_dropped,
        counters.strangers,
        counters.recalled,
    ];
    assert!(happened.iter().all(|count| *count > 300), "{counters:#?}");
    assert!(counters.executions > 20_000 && counters.busiest_minute <= 200, "{counters:#?}");
}

#[test]
fn a_seed_repeats_exactly() {
    for seed in [3, 28] {
        assert_eq!(run_seed(seed, 800, false), run_seed(seed, 800, false));
    }
    assert_ne!(run_seed(3, 800, false).hash, run_seed(4, 800, false).hash);
}

#[test]
fn replayed_rows_make_the_same_tables() {
    let recorded = record(100, STEPS).expect("the seed passes");
    let mut tables = tables::Tables::new(&recorded.first).expect("rows");
    let expected = replay(recorded, |rows| {
        let group = rows.into_iter().map(|row| tables::encode(&row).map(|bytes| (row, bytes)));
        tables.commit(&group.collect::<Result<Vec<_>, _>>()?);
        Ok::<_, tables::TableError>(())
    })
    .expect("committed");
    let mut found = tables.load(AccountRow::remembers_since).expect("rows");
    assert_eq!(differences(&expected, &found), Vec::<String>::new());
    found.sleeves.pop();
    assert_ne!(differences(&expected, &found), Vec::<String>::new(), "a difference is seen");
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn every_seeded_bug_is_found() {
    use stockade_core::bug::Bug;
    for bug in Bug::ALL {
        let found = hunt(*bug, 1, 40, STEPS);
        let failure = found.unwrap_or_else(|| panic!("{} is not found in 40 seeds", bug.as_str()));
        println!(
            "{}: seed {} step {}: {}: {}",
            bug.as_str(),
            failure.seed,
            failure.step,
            failure.invariant,
            failure.what
        );
    }
    assert!(Bug::ALL.len() >= 12);
}

/// Commits through the real writer into Postgres, reads back, compares: one seed in a hundred.
#[tokio::test]
async fn one_seed_in_a_hundred_goes_through_postgres() {
    use stockade_store::testing::TestDatabase;
    use stockade_store::{Group, WriterHandle, WriterOptions};

    for seed in [100, 200, 300] {
        let recorded = record(seed, STEPS).expect("the seed passes");
        let label = recorded.first.account.label.clone();
        let database = TestDatabase::new().await;
        let store = &database.store;
        store
            .account_create(&recorded.first.account, &recorded.first.to_rows())
            .await
            .expect("a new account");
        let lease = store
            .lease_acquire(label.as_str(), "a simulation", std::time::Duration::from_secs(600))
            .await
            .expect("a free lease");
        let mut writer =
            WriterHandle::spawn(store, label.as_str(), lease.epoch, WriterOptions::default())
                .await
                .expect("a writer");
        let mut tickets = Vec::new();
        for rows in recorded.groups {
            tickets.push(writer.submit(Group { rows }).await.expect("taken"));
        }
        assert!(tickets.len() > 300, "seed {seed} commits {} groups", tickets.len());
        for ticket in tickets {
            let number = ticket.number;
            ticket
                .outcome()
                .await
                .unwrap_or_else(|error| panic!("seed {seed}, group {number}: {error}"));
        }
        writer.close().await;
        let found = store.account_load(label.as_str()).await.expect("read").expect("the account");
        assert_eq!(differences(&recorded.last, &found), Vec::<String>::new(), "seed {seed}");
    }
}
