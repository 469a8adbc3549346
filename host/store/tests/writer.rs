//! Commits: whole or not at all, in order, under the lease, with an outcome that is known.

mod support;

use sqlx::Executor as _;
use std::time::Duration;
use stockade_core::Symbol;
use stockade_core::ledger::LedgerAccount;
use stockade_core::row::{LotRow, MarkRow, OrderRow, Row, SleeveKind};
use stockade_store::testing::TestDatabase;
use stockade_store::{CommitError, LeaseError, WriterHandle, WriterOptions};
use support::*;

#[tokio::test]
async fn an_unbalanced_entry_is_refused_whole() {
    let db = TestDatabase::new().await;
    for (legs, constraint) in [
        (
            &[(LedgerAccount::Cash, "1"), (LedgerAccount::Capital, "-1.000000000000000001")][..],
            "entry_balances",
        ),
        (&[(LedgerAccount::Cash, "1")][..], "entry_balances"),
    ] {
        if db.store.account_load(LABEL).await.expect("loaded").is_none() {
            db.store.account_create(&account(), &sleeves()).await.expect("made");
        }
        let lease = db.store.lease_acquire(LABEL, "a test", TTL).await.expect("free");
        let mut writer =
            WriterHandle::spawn(&db.store, LABEL, lease.epoch, WriterOptions::default())
                .await
                .expect("a writer");
        let rows = vec![Row::Entry(entry(1, None, legs)), Row::Lot(lot(1))];
        let error = writer.commit(group(rows)).await.expect_err("refused");
        let CommitError::Constraint { group: 1, constraint: found, table, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((found.as_str(), table.as_str()), (constraint, "entry"));
        writer.close().await;
        let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
        assert_eq!(rows.lots, [], "nothing of the group stays");
        db.store.lease_release(LABEL, lease.epoch).await.expect("released");
    }
}

#[tokio::test]
async fn no_leg_is_added_to_an_entry_later() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    writer.commit(group(booking(1))).await.expect("committed");
    writer.close().await;
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    for (entry, leg, constraint) in
        [(1, 2, "posting_in_entry"), (9, 0, "posting_in_entry"), (1, 0, "posting_pkey")]
    {
        let error = sqlx::query(
            "INSERT INTO stockade.posting (account, entry, leg, sleeve, ledger, amount, qty) VALUES ($1, $2, $3, 10, 'cash', 0, 0)",
        )
        .bind(LABEL)
        .bind(i64::from(entry))
        .bind(i16::try_from(leg).expect("small"))
        .execute(&owner)
        .await
        .expect_err("refused");
        let found =
            error.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(found.as_deref(), Some(constraint));
    }
    owner.close().await;
}

#[tokio::test]
async fn a_double_execution_names_its_group() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    // A reader's lock on the lease holds the first commit up, so that the others are joined.
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    let mut hold = owner.begin().await.expect("begun");
    hold.execute("SELECT * FROM stockade.lease FOR UPDATE").await.expect("locked");
    let mut tickets = Vec::new();
    let again = vec![Row::Execution(execution("x-1", 1))];
    for rows in [booking(1), booking(2), again, booking(4)] {
        tickets.push(writer.submit(group(rows)).await.expect("queued"));
    }
    hold.rollback().await.expect("let go");
    let mut outcomes = Vec::new();
    for ticket in tickets {
        outcomes.push(ticket.outcome().await);
    }
    assert_eq!(outcomes[..2], [Ok(()), Ok(())]);
    let Err(CommitError::Constraint { group: 3, constraint, table, .. }) = &outcomes[2] else {
        panic!("{outcomes:?}")
    };
    assert_eq!((constraint.as_str(), table.as_str()), ("execution_once", "execution"));
    // What was computed on top of the refused group is not committed.
    assert_eq!(outcomes[3], Err(CommitError::Behind { group: 3 }));
    let after = match writer.submit(group(booking(5))).await {
        Ok(ticket) => ticket.outcome().await,
        Err(error) => Err(error),
    };
    assert!(
        matches!(after, Err(CommitError::Ended | CommitError::Behind { group: 3 })),
        "{after:?}"
    );
    let executions = db.store.executions(LABEL).await.expect("read");
    assert_eq!(executions, [execution("x-1", 1), execution("x-2", 2)]);
    writer.close().await;
    owner.close().await;
}

#[tokio::test]
async fn rules_of_rows_are_constraints() {
    let db = TestDatabase::new().await;
    db.store.account_create(&account(), &sleeves()).await.expect("made");
    let stranger = stockade_core::SleeveId(99);
    let cases: [(Row, &str); 5] = [
        (
            Row::Lot(LotRow {
                remaining: qty("-1"),
                cost_left: money("0"),
                fee_left: money("0"),
                ..lot(1)
            }),
            "lot_remaining",
        ),
        (Row::Lot(LotRow { remaining: qty("3.1"), ..lot(1) }), "lot_remaining"),
        (Row::Order(Box::new(OrderRow { filled_qty: qty("11"), ..order(1) })), "order_filled"),
        (Row::Order(Box::new(OrderRow { sleeve: stranger, ..order(1) })), "order_sleeve"),
        (Row::Order(Box::new(OrderRow { reserved: money("-1"), ..order(1) })), "not_negative"),
    ];
    for (row, constraint) in cases {
        let lease = db.store.lease_acquire(LABEL, "a test", TTL).await.expect("free");
        let mut writer =
            WriterHandle::spawn(&db.store, LABEL, lease.epoch, WriterOptions::default())
                .await
                .expect("a writer");
        let error = writer.commit(group(vec![row])).await.expect_err(constraint);
        let CommitError::Constraint { constraint: found, .. } = &error else {
            panic!("{constraint}: {error}")
        };
        assert_eq!(found, constraint);
        writer.close().await;
        db.store.lease_release(LABEL, lease.epoch).await.expect("released");
    }
}

#[tokio::test]
async fn two_hosts_one_lease() {
    let db = TestDatabase::new().await;
    let store = &db.store;
    let first = store.lease_acquire(LABEL, "first", TTL).await.expect("free");
    assert_eq!(first.epoch, 1);
    let Err(LeaseError::Refused(refusal)) = store.lease_acquire(LABEL, "second", TTL).await else {
        panic!("given twice")
    };
    assert_eq!((refusal.holder.as_str(), refusal.epoch), ("first", 1));
    assert!(refusal.expires > refusal.now && refusal.since <= refusal.now);
    assert!(store.lease_renew(LABEL, 1, TTL).await.expect("asked"));
    // Released: free at once, with a higher epoch.
    assert!(store.lease_release(LABEL, 1).await.expect("asked"));
    assert_eq!(store.lease_holder(LABEL).await.expect("asked"), None);
    assert!(
        !store.lease_renew(LABEL, 1, TTL).await.expect("asked"),
        "a released lease is not renewed"
    );
    let second = store.lease_acquire(LABEL, "second", Duration::ZERO).await.expect("free");
    assert_eq!(second.epoch, 2);
    // Expired: free by the database's clock.
    let third = store.lease_acquire(LABEL, "third", TTL).await.expect("expired");
    assert_eq!(third.epoch, 3);
    assert!(!store.lease_renew(LABEL, 2, TTL).await.expect("asked"), "an old epoch is not renewed");
    assert!(!store.lease_release(LABEL, 2).await.expect("asked"));
    // Taken over, by the epoch that was seen; the second who saw the same is refused.
    let fourth = store.lease_steal(LABEL, "fourth", TTL, 3).await.expect("taken over");
    assert_eq!(fourth.epoch, 4);
    let Err(LeaseError::Refused(refusal)) = store.lease_steal(LABEL, "fifth", TTL, 3).await else {
        panic!("stolen twice")
    };
    assert_eq!(refusal.holder, "fourth");
    // Never back.
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    for sql in [
        "UPDATE stockade.lease SET epoch = 3",
        "UPDATE stockade.lease SET holder = 'x'",
        "DELETE FROM stockade.lease",
    ] {
        assert!(owner.execute(sql).await.is_err(), "{sql}");
    }
    owner.close().await;
}

#[tokio::test]
async fn a_writer_whose_lease_is_gone_commits_nothing() {
    let db = TestDatabase::new().await;
    let mut old = writer(&db.store).await;
    old.commit(group(booking(1))).await.expect("committed");
    let lease = db.store.lease_steal(LABEL, "another", TTL, 1).await.expect("taken over");
    let error = old.commit(group(booking(2))).await.expect_err("fenced");
    assert_eq!(error, CommitError::Fenced { epoch: 1, now: lease.epoch });
    let mut new = WriterHandle::spawn(&db.store, LABEL, lease.epoch, WriterOptions::default())
        .await
        .expect("a writer");
    new.commit(group(booking(2))).await.expect("committed");
    let epochs: Vec<i64> = sqlx::query_scalar("SELECT epoch FROM stockade.entry ORDER BY id")
        .fetch_all(db.store.reads())
        .await
        .expect("read");
    assert_eq!(epochs, [1, 2]);
    old.close().await;
    new.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_read_back_and_goes_on() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    for number in 1..=20 {
        let ticket = writer.submit(group(booking(number))).await.expect("queued");
        if number % 4 == 0 {
            let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'stockade writer%' AND datname = current_database()";
            owner.execute(ended).await.expect("asked");
        }
        ticket.outcome().await.expect("committed, once");
    }
    assert_eq!(db.store.executions(LABEL).await.expect("read").len(), 20);
    let sequence: i64 = sqlx::query_scalar("SELECT sequence FROM stockade.lease WHERE epoch = 1")
        .fetch_one(db.store.reads())
        .await
        .expect("read");
    assert_eq!(sequence, 20);
    writer.close().await;
    owner.close().await;
}

#[tokio::test]
async fn a_second_writer_of_the_epoch_goes_on_where_the_first_was() {
    let db = TestDatabase::new().await;
    let mut first = writer(&db.store).await;
    first.commit(group(booking(1))).await.expect("committed");
    let mut second =
        WriterHandle::spawn(&db.store, LABEL, 1, WriterOptions::default()).await.expect("a writer");
    second.commit(group(booking(2))).await.expect("committed");
    let sequence: i64 = sqlx::query_scalar("SELECT sequence FROM stockade.lease WHERE epoch = 1")
        .fetch_one(db.store.reads())
        .await
        .expect("read");
    assert_eq!(sequence, 2);
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn waiting_groups_share_a_commit() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let mut tickets = Vec::new();
    for number in 1..=3_000 {
        tickets.push(writer.submit(group(booking(number))).await.expect("queued"));
    }
    for ticket in tickets {
        ticket.outcome().await.expect("committed");
    }
    let commits: i64 = sqlx::query_scalar("SELECT sequence FROM stockade.lease WHERE epoch = 1")
        .fetch_one(db.store.reads())
        .await
        .expect("read");
    assert!((3..600).contains(&commits), "3,000 groups in {commits} commits");
    assert_eq!(db.store.executions(LABEL).await.expect("read").len(), 3_000);
    writer.close().await;
}

#[tokio::test]
async fn a_refused_group_takes_what_was_made_ready_behind_it_along() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let mut committed = writer.committed();
    let mut tickets = Vec::new();
    // Whole transactions: while one runs the next is encoded, and the third is being joined.
    for number in 1..=700 {
        let rows = match number {
            333 => vec![Row::Execution(execution("x-1", 333))],
            _ => booking(number),
        };
        tickets.push(writer.submit(group(rows)).await.expect("queued"));
    }
    for ticket in tickets {
        let number = ticket.number;
        let outcome = ticket.outcome().await;
        match number {
            ..333 => assert_eq!(outcome, Ok(()), "group {number}"),
            333 => assert!(matches!(outcome, Err(CommitError::Constraint { group: 333, .. }))),
            _ => assert_eq!(outcome, Err(CommitError::Behind { group: 333 }), "group {number}"),
        }
    }
    let mut last = 0;
    let error = loop {
        match committed.next().await {
            Ok(group) => last = last.max(group),
            Err(error) => break error,
        }
    };
    assert!(last <= 332, "group {last}");
    assert!(matches!(error, CommitError::Constraint { group: 333, .. }), "{error}");
    assert_eq!(db.store.executions(LABEL).await.expect("read").len(), 332);
    writer.close().await;
}

#[tokio::test]
async fn what_is_committed_is_told_without_tickets() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let mut committed = writer.committed();
    for number in 1..=500 {
        assert_eq!(writer.hand_over(group(booking(number))).await, Ok(number));
    }
    let mut before = 0;
    while before < 500 {
        let group = committed.next().await.expect("nothing fails");
        assert!(group >= before, "{group} after {before}");
        let stored = db.store.executions(LABEL).await.expect("read").len();
        assert!(u64::try_from(stored).expect("small") >= group, "{stored} of {group} are there");
        before = group;
    }
    writer.close().await;
    assert_eq!(committed.next().await, Err(CommitError::Ended));
}

/// Printed, not asserted: a busy machine is no bug. The bench has the target.
#[tokio::test]
async fn one_intents_commit_beside_a_bare_one() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    owner.execute("CREATE TABLE bare (n bigint)").await.expect("made");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 1..=500 {
        let rows = vec![
            Row::Account(Box::new(account())),
            Row::Sleeve(Box::new(sleeve(BOT, "dip-buyer", SleeveKind::Bot))),
            Row::Order(Box::new(order(number))),
            Row::Input(input(number)),
        ];
        let started = std::time::Instant::now();
        writer.commit(group(rows)).await.expect("committed");
        ours.push(started.elapsed());
        let started = std::time::Instant::now();
        sqlx::query("INSERT INTO bare VALUES ($1)")
            .bind(7_i64)
            .execute(&owner)
            .await
            .expect("committed");
        bare.push(started.elapsed());
    }
    ours.sort();
    bare.sort();
    println!(
        "commit of an intent: p50 {:?}, p99 {:?}; bare: p50 {:?}, p99 {:?}",
        ours[250], ours[495], bare[250], bare[495]
    );
    let rows = db.store.account_load(LABEL).await.expect("loaded").expect("there");
    assert_eq!(rows.orders.len(), 500);
    writer.close().await;
    owner.close().await;
}

/// Printed, not asserted: a busy machine is no bug. The bench has the target.
#[tokio::test]
async fn booking_speed() {
    let db = TestDatabase::new().await;
    let mut writer = writer(&db.store).await;
    let groups: Vec<Vec<Row>> = (0..40)
        .map(|group: u64| {
            let mut rows: Vec<Row> =
                (1..=1_000).flat_map(|number| booking(group * 1_000 + number)).collect();
            rows.push(Row::Mark(MarkRow {
                symbol: Symbol::new("AAPL").expect("a symbol"),
                price: price("1"),
                at: NOON,
            }));
            rows
        })
        .collect();
    let started = std::time::Instant::now();
    for rows in groups {
        writer.commit(group(rows)).await.expect("committed");
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = 40_000.0 / seconds;
    println!(
        "{rate:.0} executions a second ({:.0} rows: entry, two postings, execution)",
        rate * 4.0
    );
    assert_eq!(db.store.executions(LABEL).await.expect("read").len(), 40_000);
    writer.close().await;
}
