//! The schema: migrated once, refused when it is another's.

use sqlx::Executor as _;
use stockade_store::testing::TestDatabase;
use stockade_store::{MigrateError, SCHEMA_VERSION};

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let db = TestDatabase::new().await;
    db.store.check_schema().await.expect("up to date");
    db.store.migrate().await.expect("nothing to do");
    let (a, b) = tokio::join!(db.store.migrate(), db.store.migrate());
    a.and(b).expect("two at once");
    let versions: Vec<i32> = sqlx::query_scalar("SELECT version FROM stockade.migration")
        .fetch_all(db.store.reads())
        .await
        .expect("read");
    assert_eq!(versions, (1..=SCHEMA_VERSION).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_past_is_refused() {
    let db = TestDatabase::new().await;
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    owner
        .execute("INSERT INTO stockade.migration (version, name, md5) VALUES (9999, 'later', '')")
        .await
        .expect("written");
    for result in [db.store.migrate().await, db.store.check_schema().await] {
        let error = result.expect_err("refused");
        assert!(
            matches!(error, MigrateError::Newer { found: 9999, allowed: SCHEMA_VERSION }),
            "{error}"
        );
    }
    owner.execute("DELETE FROM stockade.migration WHERE version = 9999").await.expect("removed");
    owner
        .execute("UPDATE stockade.migration SET md5 = 'x' WHERE version = 1")
        .await
        .expect("changed");
    let error = db.store.migrate().await.expect_err("refused");
    assert!(matches!(error, MigrateError::Changed { version: 1, .. }), "{error}");
    owner.execute("DROP SCHEMA stockade CASCADE").await.expect("dropped");
    let error = db.store.check_schema().await.expect_err("refused");
    assert!(matches!(error, MigrateError::Older { found: 0, .. }), "{error}");
    db.store.migrate().await.expect("made anew");
    db.store.check_schema().await.expect("up to date");
    owner.close().await;
}

/// The schema as the version before this one left it.
async fn make_the_one_before(owner: &sqlx::PgPool) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the migrations")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files.truncate(files.len() - 1);
    owner
        .execute(
            "DROP SCHEMA stockade CASCADE; CREATE SCHEMA stockade;
             CREATE TABLE stockade.migration (version integer PRIMARY KEY, name text NOT NULL, md5 text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await
        .expect("made");
    for (version, file) in (1..).zip(files) {
        let sql = std::fs::read_to_string(file).expect("read");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(owner).await.expect("applied");
        sqlx::query("INSERT INTO stockade.migration (version, name, md5) VALUES ($1, '', md5($2))")
            .bind(version)
            .bind(sql)
            .execute(owner)
            .await
            .expect("noted");
    }
}

#[tokio::test]
async fn what_an_older_host_left_is_kept_and_what_it_works_with_is_not_changed() {
    let db = TestDatabase::new().await;
    let owner = sqlx::PgPool::connect(&db.url).await.expect("connected");
    make_the_one_before(&owner).await;
    owner
        .execute(
            "INSERT INTO stockade.account VALUES ('paper', NULL, false, 'era', 'reducing', 'why', '{}', 1.5, 1, 2, 3,
                 4, 5, 6, 7, 8, 9, 10, NULL, 1, decode(repeat('00', 32), 'hex'));
             INSERT INTO stockade.input VALUES ('paper', 7, 1, 8, 9, 'timer', '{\"timer\": [1, \"a\"]}');
             INSERT INTO stockade.order_change VALUES ('paper', 1, 3, 8, 'filled', 0, 5, 50);
             INSERT INTO stockade.lease VALUES ('paper', 4, 'an older host', now(), now(), now() + interval '1 hour', NULL)",
        )
        .await
        .expect("written");
    let error = db.store.migrate().await.expect_err("a host trades on it");
    let MigrateError::Held { account, holder, left_seconds, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((account.as_str(), holder.as_str()), ("paper", "an older host"));
    assert!((3_500..=3_600).contains(left_seconds), "{error}");
    let error = db.store.check_schema().await.expect_err("nothing was changed");
    assert!(matches!(error, MigrateError::Older { .. }), "{error}");
    owner.execute("UPDATE stockade.lease SET released_at = now()").await.expect("released");
    db.store.migrate().await.expect("migrated");
    let kept: (String, rust_decimal::Decimal, i64, serde_json::Value, i32, i64) = sqlx::query_as(
        "SELECT a.state::text, a.allocation_factor::numeric, a.input_index::bigint, i.body, c.change::integer, l.epoch
           FROM stockade.account a, stockade.input i, stockade.order_change c, stockade.lease l",
    )
    .fetch_one(&owner)
    .await
    .expect("read");
    let body = serde_json::json!({"timer": [1, "a"]});
    assert_eq!(kept.1.to_string().trim_end_matches('0'), "1.5");
    assert_eq!((kept.0.as_str(), kept.2, kept.3, kept.4, kept.5), ("reducing", 7, body, 3, 4));
    let refused = owner.execute("UPDATE stockade.account SET input_index = -1").await;
    assert!(refused.is_err(), "what is kept is checked as before");
    owner.close().await;
}
