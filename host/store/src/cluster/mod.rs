//! The private PostgreSQL cluster of a data folder.
//!
//! Whoever needs it first starts it, under a file lock; others adopt it. It outlives its starter
//! (`pg_ctl` puts it into a session of its own, so neither ctrl-C nor kill -9 of a host reaches
//! it) and is stopped by the last user that stops in order. fsync stays on.
//!
//! Who may enter: the server listens on no TCP port, and its socket lies in a folder with mode 0700
//! of the server's own user. Passing that folder is the authentication, so the server trusts who
//! gets through (`trust`): a password would lie readable in the same place.
//!
//! The server refuses to run as root. As root it runs under `postgres`, else `nobody`, with its
//! data in a folder that this user can enter: inside the data folder where every folder above lets
//! it pass, else under `/var/lib/stockade`, with a file `postgres.location` in the data folder that
//! says where.
//!
//! Does not fetch PostgreSQL: where none is installed, the error names the packages.

mod binaries;
mod orphans;
mod place;
mod server;
mod user;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::limits;
use place::Place;
use server::Server;

/// The database of the accounts inside the cluster.
pub(crate) const DATABASE: &str = "stockade";
/// The cluster's owner: migrations, and who maintains it.
pub(crate) const USER: &str = "stockade";
/// The application's role: it may add to history, and change none of it (migration 0001).
pub(crate) const APPLICATION: &str = "stockade_app";

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No PostgreSQL on this machine.
    #[error(
        "no PostgreSQL found (initdb, pg_ctl and postgres; looked at {looked_at}): install it \
         (Debian, Ubuntu: apt install postgresql; Fedora: dnf install postgresql-server; \
         macOS: brew install postgresql@17), name its folder in STOCKADE_PG_BIN, or give --database-url"
    )]
    NoBinaries {
        /// The places that were looked at.
        looked_at: String,
    },
    /// A folder or file can't be used.
    #[error("{path}: {what}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// Root, and no user to run the server under.
    #[error(
        "PostgreSQL doesn't run as root, and there is neither a user \"postgres\" nor \"nobody\" to run it under"
    )]
    NoUser,
    /// A folder of the cluster that isn't its user's alone.
    #[error(
        "{path} must belong to user {user} with mode 0700, it belongs to {owner} with mode {mode:o}"
    )]
    Owner {
        /// The folder.
        path: PathBuf,
        /// The server's user id.
        user: u32,
        /// The folder's owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {message}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said, and the end of the server's log.
        message: String,
    },
    /// It runs, or should, and does not answer.
    #[error("the private PostgreSQL in {path} does not answer: {source}")]
    NoAnswer {
        /// The cluster's folder.
        path: PathBuf,
        /// What happened.
        #[source]
        source: sqlx::Error,
    },
}

/// For `map_err`.
fn file_error(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::File { path, what, source }
}

/// Whether an orderly stop ended the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It did.
    Yes,
    /// Another process still uses it, and goes on doing so.
    InUse,
}

/// A running cluster. Dropping it leaves the server running.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    lock_path: PathBuf,
    /// Held shared while this process uses the server.
    users: File,
}

impl Cluster {
    /// Starts the cluster of a data folder, or adopts the one that runs; makes it where there is
    /// none. After a kill -9 of the server this recovers it.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn open(data_dir: &Path) -> Result<Self, ClusterError> {
        std::fs::create_dir_all(data_dir).map_err(file_error(data_dir, "can't be made"))?;
        let data_dir = data_dir.canonicalize().map_err(file_error(data_dir, "can't be read"))?;
        let opened = tokio::task::spawn_blocking(move || Self::start(&data_dir)).await;
        let cluster = opened.map_err(|error| ClusterError::Program {
            program: "starting the cluster",
            message: error.to_string(),
        })??;
        cluster.ensure_database().await?;
        Ok(cluster)
    }

    /// Whether a data folder has a cluster.
    #[must_use]
    pub fn exists(data_dir: &Path) -> bool {
        data_dir.join("postgres").is_dir() || data_dir.join("postgres.location").is_file()
    }

    /// Whether a process uses the cluster of a data folder, or is about to. Waits for one that
    /// starts or stops it just now.
    ///
    /// # Errors
    /// A file of the data folder that can't be opened or locked.
    pub fn is_in_use(data_dir: &Path) -> Result<bool, ClusterError> {
        let users_path = data_dir.join("postgres.users");
        if !users_path.is_file() {
            return Ok(false);
        }
        let lock = locked(&data_dir.join("postgres.lock"))?;
        let users = opened(&users_path)?;
        let used = match users.try_lock() {
            Ok(()) => Ok(false),
            Err(std::fs::TryLockError::WouldBlock) => Ok(true),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        };
        drop(lock);
        used.map_err(file_error(&users_path, "can't be locked"))
    }

    fn start(data_dir: &Path) -> Result<Self, ClusterError> {
        let lock_path = data_dir.join("postgres.lock");
        let lock = locked(&lock_path)?;
        let server = Server::new(Place::find(data_dir)?)?;
        server.ensure_running()?;
        let users_path = data_dir.join("postgres.users");
        let users = opened(&users_path)?;
        users.lock_shared().map_err(file_error(&users_path, "can't be locked"))?;
        drop(lock);
        Ok(Self { server, lock_path, users })
    }

    /// The address of one of the cluster's databases.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        self.url_for(USER, database)
    }

    fn url_for(&self, user: &str, database: &str) -> String {
        let socket = percent_encoded(&self.server.place().socket.to_string_lossy());
        format!("postgres://{user}@localhost/{database}?host={socket}")
    }

    /// The address of the accounts' database for the application's role, which may then log in: a
    /// session of its own, from which no `SET ROLE` leads back to the owner.
    ///
    /// # Errors
    /// A server that doesn't answer, or whose schema has never been made.
    pub async fn application_url(&self) -> Result<String, ClusterError> {
        let no_answer =
            |source| ClusterError::NoAnswer { path: self.server.place().folder.clone(), source };
        let options: PgConnectOptions = self.url().parse().map_err(no_answer)?;
        let mut connection = options.connect().await.map_err(no_answer)?;
        sqlx::query(AssertSqlSafe(format!("ALTER ROLE {APPLICATION} LOGIN")))
            .execute(&mut connection)
            .await
            .map_err(no_answer)?;
        connection.close().await.map_err(no_answer)?;
        Ok(self.url_for(APPLICATION, DATABASE))
    }

    /// The address of the accounts' database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// The process id of the server.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Whether the server runs now. Looks at its process alone.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.server.runs()
    }

    /// The folder with `psql` and the other programs.
    #[must_use]
    pub fn programs(&self) -> &Path {
        self.server.programs()
    }

    /// The folder of the socket, for programs that want it by itself (`psql -h`).
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.server.place().socket
    }

    /// Starts the server again after it died; nothing happens while it runs.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn revive(&self) -> Result<(), ClusterError> {
        let (server, lock_path) = (self.server.clone(), self.lock_path.clone());
        let revived = tokio::task::spawn_blocking(move || {
            let lock = locked(&lock_path)?;
            server.ensure_running()?;
            drop(lock);
            Ok(())
        });
        revived.await.map_err(|error| ClusterError::Program {
            program: "starting the cluster",
            message: error.to_string(),
        })??;
        self.ensure_database().await
    }

    /// Stops the server, unless another process uses it.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn stop(self) -> Result<Stopped, ClusterError> {
        let stopped = tokio::task::spawn_blocking(move || {
            let lock = locked(&self.lock_path)?;
            let unlocked = self.users.unlock().and_then(|()| match self.users.try_lock() {
                Ok(()) => Ok(true),
                Err(std::fs::TryLockError::WouldBlock) => Ok(false),
                Err(std::fs::TryLockError::Error(error)) => Err(error),
            });
            let alone = unlocked.map_err(file_error(&self.lock_path, "can't be locked"))?;
            if alone {
                self.server.stop()?;
            }
            drop(lock);
            Ok(if alone { Stopped::Yes } else { Stopped::InUse })
        });
        stopped.await.map_err(|error| ClusterError::Program {
            program: "stopping the cluster",
            message: error.to_string(),
        })?
    }

    /// Waits until the server answers (recovery can take a while) and makes the accounts' database.
    async fn ensure_database(&self) -> Result<(), ClusterError> {
        let no_answer =
            |source| ClusterError::NoAnswer { path: self.server.place().folder.clone(), source };
        let options: PgConnectOptions = self.url_of("postgres").parse().map_err(no_answer)?;
        let started = tokio::time::Instant::now();
        let mut connection = loop {
            match options.connect().await {
                Ok(connection) => break connection,
                Err(error) if started.elapsed() >= limits::CLUSTER_START_FOR => {
                    return Err(no_answer(error));
                }
                Err(error) => tracing::debug!(%error, "the private PostgreSQL does not answer yet"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(DATABASE)
                .fetch_one(&mut connection)
                .await
                .map_err(no_answer)?;
        if !there {
            let made = sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {DATABASE}")))
                .execute(&mut connection)
                .await;
            made.map(drop).or_else(made_by_another).map_err(no_answer)?;
        }
        connection.close().await.map_err(no_answer)
    }
}

/// `duplicate_database`, or its race: what is wanted is there.
fn made_by_another(error: sqlx::Error) -> Result<(), sqlx::Error> {
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        Some("42P04" | "23505") => Ok(()),
        _ => Err(error),
    }
}

fn opened(path: &Path) -> Result<File, ClusterError> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(file_error(path, "can't be opened"))
}

/// An exclusive lock, until the file is dropped.
fn locked(path: &Path) -> Result<File, ClusterError> {
    let file = opened(path)?;
    file.lock().map_err(file_error(path, "can't be locked"))?;
    Ok(file)
}

fn percent_encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let encode = |b: u8| {
        if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }
    };
    text.bytes().map(encode).collect()
}

/// A stable hash for names of folders (FNV-1a, 64 bits).
pub(crate) fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
