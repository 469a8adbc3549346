//! Forward-only migrations, embedded in the binary.
//!
//! Guarantees: each migration runs whole, once, in its own transaction, and one process at a time;
//! a database that is newer than the binary, or whose past differs from the binary's, is refused;
//! so is one that another host trades on, which would find its tables changed under it.

use sqlx::{Connection, PgConnection};

/// A migration: its number, name and text.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "ledger",
        sql: include_str!("../../../migrations/0001_ledger.sql"),
    },
    Migration {
        version: 2,
        name: "complete_the_ledger",
        sql: include_str!("../../../migrations/0002_complete_the_ledger.sql"),
    },
    Migration {
        version: 3,
        name: "room_for_updates",
        sql: include_str!("../../../migrations/0003_room_for_updates.sql"),
    },
    Migration {
        version: 4,
        name: "index_lists",
        sql: include_str!("../../../migrations/0004_index_lists.sql"),
    },
    Migration {
        version: 5,
        name: "ask_the_past",
        sql: include_str!("../../../migrations/0005_ask_the_past.sql"),
    },
    Migration {
        version: 6,
        name: "start_without_the_history",
        sql: include_str!("../../../migrations/0006_start_without_the_history.sql"),
    },
    Migration {
        version: 7,
        name: "keep_figures",
        sql: include_str!("../../../migrations/0007_keep_figures.sql"),
    },
    Migration {
        version: 8,
        name: "keep_standings",
        sql: include_str!("../../../migrations/0008_keep_standings.sql"),
    },
    Migration {
        version: 9,
        name: "remember_rejected_versions",
        sql: include_str!("../../../migrations/0009_remember_rejected_versions.sql"),
    },
    Migration {
        version: 10,
        name: "check_by_type",
        sql: include_str!("../../../migrations/0010_check_by_type.sql"),
    },
    Migration {
        version: 11,
        name: "make_commits_shorter",
        sql: include_str!("../../../migrations/0011_make_commits_shorter.sql"),
    },
];

/// The schema that this binary works with.
pub const SCHEMA_VERSION: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// The advisory lock of migrations: "stockade" in ASCII.
const LOCK: i64 = 0x7374_6f63_6b61_6465;

/// Why the schema can't be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer binary has been here.
    #[error(
        "the database's schema is version {found}, this binary knows versions up to {allowed}: use a newer binary"
    )]
    Newer {
        /// The database's version.
        found: i32,
        /// The binary's.
        allowed: i32,
    },
    /// A migration was edited after it ran.
    #[error("migration {version} ({name}) differs from the one that this database went through")]
    Changed {
        /// Which.
        version: i32,
        /// Its name.
        name: &'static str,
    },
    /// The schema is not up to date, and nobody was asked to change that.
    #[error(
        "the database's schema is version {found}, this binary needs {needed}: run stockade db migrate"
    )]
    Older {
        /// The database's version; 0 when there is none.
        found: i32,
        /// The binary's.
        needed: i32,
    },
    /// A host of another version trades on the database.
    #[error(
        "the database's schema is version {found}, this binary needs {needed}, and {holder} trades account \"{account}\" \
         with it: stop that host first (one that was killed holds the account for {left_seconds} s more)"
    )]
    Held {
        /// The database's version.
        found: i32,
        /// The binary's.
        needed: i32,
        /// The account.
        account: String,
        /// Who has its lease.
        holder: String,
        /// Until the lease runs out, by the database's clock.
        left_seconds: i64,
    },
    /// The database failed; nothing of the migration stays.
    #[error("migration failed while {doing}: {source}")]
    Database {
        /// What was being done.
        doing: String,
        /// What happened.
        #[source]
        source: sqlx::Error,
    },
}

fn doing(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> MigrateError {
    let doing = what.into();
    move |source| MigrateError::Database { doing, source }
}

/// A name for this binary's schema that changes whenever a migration's text does.
#[cfg(feature = "testing")]
pub(crate) fn fingerprint() -> u64 {
    let bytes = MIGRATIONS.iter().flat_map(|migration| {
        migration.version.to_be_bytes().into_iter().chain(migration.sql.bytes())
    });
    crate::cluster::fnv1a(bytes)
}

/// Brings the schema up to date.
pub(crate) async fn run(connection: &mut PgConnection) -> Result<(), MigrateError> {
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await
        .map_err(doing("waiting for another migration"))?;
    let result = run_locked(connection).await;
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await
        .map_err(doing("releasing the lock"))?;
    result
}

async fn run_locked(connection: &mut PgConnection) -> Result<(), MigrateError> {
    // Looked up first: a role without the right to create schemas can still use a finished one.
    if !exists(connection).await? {
        sqlx::raw_sql(
            "CREATE SCHEMA IF NOT EXISTS stockade;
             CREATE TABLE IF NOT EXISTS stockade.migration (
                 version     integer PRIMARY KEY,
                 name        text NOT NULL,
                 md5         text NOT NULL,
                 applied_at  timestamptz NOT NULL DEFAULT now()
             )",
        )
        .execute(&mut *connection)
        .await
        .map_err(doing("making the schema"))?;
    }
    let found = past(connection).await?;
    if (1..SCHEMA_VERSION).contains(&found) {
        refuse_held(connection, found).await?;
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
        apply(connection, migration).await?;
        tracing::info!(version = migration.version, name = migration.name, "migrated");
    }
    Ok(())
}

/// Refuses to change what a host works with.
async fn refuse_held(connection: &mut PgConnection, found: i32) -> Result<(), MigrateError> {
    let held: Option<(String, String, i64)> = sqlx::query_as(
        "SELECT account, holder, ceil(extract(epoch FROM expires_at - clock_timestamp()))::bigint
           FROM stockade.lease WHERE released_at IS NULL AND expires_at > clock_timestamp() LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("looking for hosts"))?;
    let Some((account, holder, left_seconds)) = held else { return Ok(()) };
    Err(MigrateError::Held { found, needed: SCHEMA_VERSION, account, holder, left_seconds })
}

/// Refuses a schema that is not exactly the binary's.
pub(crate) async fn check(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let found = if exists(connection).await? { past(connection).await? } else { 0 };
    if found < SCHEMA_VERSION {
        return Err(MigrateError::Older { found, needed: SCHEMA_VERSION });
    }
    Ok(())
}

async fn exists(connection: &mut PgConnection) -> Result<bool, MigrateError> {
    sqlx::query_scalar("SELECT to_regclass('stockade.migration') IS NOT NULL")
        .fetch_one(connection)
        .await
        .map_err(doing("looking for the schema"))
}

/// The version that the database is at; its past must be the binary's.
async fn past(connection: &mut PgConnection) -> Result<i32, MigrateError> {
    let applied: Vec<(i32, String)> =
        sqlx::query_as("SELECT version, md5 FROM stockade.migration ORDER BY version")
            .fetch_all(&mut *connection)
            .await
            .map_err(doing("reading the schema's version"))?;
    let found = applied.last().map_or(0, |(version, _)| *version);
    if found > SCHEMA_VERSION {
        return Err(MigrateError::Newer { found, allowed: SCHEMA_VERSION });
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.version <= found) {
        let md5: String = sqlx::query_scalar("SELECT md5($1)")
            .bind(migration.sql)
            .fetch_one(&mut *connection)
            .await
            .map_err(doing("comparing migrations"))?;
        if !applied.contains(&(migration.version, md5)) {
            let Migration { version, name, .. } = *migration;
            return Err(MigrateError::Changed { version, name });
        }
    }
    Ok(found)
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    let what = || format!("applying migration {} ({})", migration.version, migration.name);
    let mut transaction = connection.begin().await.map_err(doing(what()))?;
    sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(doing(what()))?;
    sqlx::query("INSERT INTO stockade.migration (version, name, md5) VALUES ($1, $2, md5($3))")
        .bind(migration.version)
        .bind(migration.name)
        .bind(migration.sql)
        .execute(&mut *transaction)
        .await
        .map_err(doing(what()))?;
    transaction.commit().await.map_err(doing(what()))
}
