//! A fresh database per test, on one temporary cluster that all tests of the machine share.
//!
//! The cluster lies in the system's folder for temporary files under a name made of the user and
//! the schema's text; whichever test comes first starts it, the others adopt it. Databases older
//! than two hours, and clusters of other schemas that nobody uses, are removed by later runs;
//! [`shutdown`] ends the cluster at once.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cluster::{Cluster, Stopped};
use crate::migrate::fingerprint;
use crate::store::Store;

/// How old a test's database gets, in seconds.
const DATABASE_AGE_MAX: u64 = 7_200;
/// The advisory lock under which the template is made.
const TEMPLATE_LOCK: i64 = 0x7374_6f63_6b74;

static MADE: AtomicU32 = AtomicU32::new(0);

/// A database of its own, migrated, empty.
#[derive(Debug)]
pub struct TestDatabase {
    /// Opened on it.
    pub store: Store,
    /// Its address.
    pub url: String,
    /// Keeps the cluster from being stopped under the test.
    _cluster: Cluster,
}

impl TestDatabase {
    /// Makes one.
    ///
    /// # Panics
    /// When PostgreSQL can't be had: a test can't go on without.
    pub async fn new() -> Self {
        let cluster = Cluster::open(&folder()).await.expect("a temporary cluster");
        mark_used();
        remove_stale_clusters().await;
        let template = format!("template_{:016x}", fingerprint());
        let name = format!(
            "t{}_{}_{}",
            seconds(),
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let mut connection = connect(&cluster, "postgres").await;
        lock(&mut connection).await;
        if !exists(&mut connection, &template).await {
            make_template(&cluster, &mut connection, &template).await;
        }
        sweep(&mut connection).await;
        run(&mut connection, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        connection.close().await.expect("a connection closes");
        let url = cluster.url_of(&name);
        let store = Store::open(&url).await.expect("the test's database opens");
        Self { store, url, _cluster: cluster }
    }
}

/// Stops the shared cluster, unless another process uses it.
///
/// # Panics
/// When it can't be stopped.
pub async fn shutdown() -> Stopped {
    let cluster = Cluster::open(&folder()).await.expect("a temporary cluster");
    cluster.stop().await.expect("the cluster stops")
}

fn folder() -> PathBuf {
    let user = std::env::var("USER").unwrap_or_else(|_| "user".to_owned());
    std::env::temp_dir().join(format!("stockade-test-{user}-{:016x}", fingerprint()))
}

/// The age of the lock tells a cluster that no test has wanted for long.
fn mark_used() {
    let lock = std::fs::File::options().write(true).open(folder().join("postgres.lock"));
    let marked = lock.and_then(|file| file.set_modified(SystemTime::now()));
    marked.expect("the cluster's lock can be touched");
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

async fn connect(cluster: &Cluster, database: &str) -> PgConnection {
    let options: PgConnectOptions = cluster.url_of(database).parse().expect("our own address");
    options.disable_statement_logging().connect().await.expect("the cluster answers")
}

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.expect("the statement works");
}

async fn lock(connection: &mut PgConnection) {
    let locked =
        sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(connection).await;
    locked.expect("the lock is given");
}

async fn exists(connection: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
        .expect("the catalogue answers")
}

/// Made under another name first: a template is finished or not there.
async fn make_template(cluster: &Cluster, connection: &mut PgConnection, template: &str) {
    run(connection, format!("DROP DATABASE IF EXISTS {template}_new")).await;
    run(connection, format!("CREATE DATABASE {template}_new")).await;
    let store = Store::open(&cluster.url_of(&format!("{template}_new"))).await.expect("it opens");
    store.migrate().await.expect("the migrations run");
    store.close().await;
    run(connection, format!("ALTER DATABASE {template}_new RENAME TO {template}")).await;
}

/// Drops the databases of tests that are long over.
async fn sweep(connection: &mut PgConnection) {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname ~ '^t[0-9]+_'")
            .fetch_all(&mut *connection)
            .await
            .expect("the catalogue answers");
    for name in names {
        let made: Option<u64> = name[1..].split('_').next().and_then(|text| text.parse().ok());
        if made.is_some_and(|made| made + DATABASE_AGE_MAX < seconds()) {
            run(connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// Stops and removes clusters of other schemas that no process uses.
async fn remove_stale_clusters() {
    let own = folder();
    let prefix =
        own.file_name().and_then(|name| name.to_str()).and_then(|name| name.rsplit_once('-'));
    let Some((prefix, _)) = prefix else { return };
    let Ok(entries) = std::env::temp_dir().read_dir() else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(prefix) && path != own && is_old(&path) {
            remove_cluster(&path).await;
        }
    }
}

fn is_old(path: &Path) -> bool {
    let changed = path.join("postgres.lock").metadata().and_then(|metadata| metadata.modified());
    let age = changed.ok().and_then(|changed| changed.elapsed().ok());
    age.is_some_and(|age| age.as_secs() > DATABASE_AGE_MAX)
}

async fn remove_cluster(path: &Path) {
    let Ok(cluster) = Cluster::open(path).await else {
        return;
    };
    if matches!(cluster.stop().await, Ok(Stopped::Yes)) {
        drop(std::fs::remove_dir_all(path));
    }
}
