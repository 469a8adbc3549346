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
