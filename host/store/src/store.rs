//! One database: connections by purpose, and the life of accounts.
//!
//! Reads, control (leases, migrations) and the writer never share a connection, so that a reader
//! can't hold up an order. Limits are the server's: a future of the database is never cancelled.

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::str::FromStr;

use stockade_core::row::{AccountRow, Row};

use crate::error::StoreError;
use crate::limits;
use crate::migrate::{self, MigrateError};
use crate::rows::{Batch, Mode, Statements};

/// A database that holds accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    options: PgConnectOptions,
    reads: PgPool,
    control: PgPool,
}

/// Settings of the server's side of a connection.
const LIMITS: [(&str, &str); 8] = [
    ("statement_timeout", "30000"),
    ("lock_timeout", "10000"),
    ("idle_in_transaction_session_timeout", "30000"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "10000"),
    // Every statement here is small: compiling it would cost more than running it.
    ("jit", "off"),
];

impl Store {
    /// Connects to `url` (`postgres://…`). The schema is not looked at: see [`Store::migrate`] and
    /// [`Store::check_schema`].
    ///
    /// # Errors
    /// An address that can't be read, a server that can't be reached or is too old. A pooler in
    /// transaction mode is refused by the settings that every connection carries.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::Address { message: error.to_string() })?;
        let options = options
            .options(LIMITS)
            .statement_cache_capacity(limits::STATEMENTS_KEPT)
            .application_name("stockade")
            .disable_statement_logging();
        let reads = PgPoolOptions::new()
            .max_connections(limits::READ_CONNECTIONS)
            .connect_lazy_with(options.clone().options([("default_transaction_read_only", "on")]));
        let control = PgPoolOptions::new()
            .max_connections(limits::CONTROL_CONNECTIONS)
            .acquire_timeout(limits::CONTROL_WAIT)
            .connect_lazy_with(options.clone());
        let store = Self { options, reads, control };
        store.check_server().await?;
        Ok(store)
    }

    async fn check_server(&self) -> Result<(), StoreError> {
        self.reach().await?;
        let (number, found): (i32, String) = sqlx::query_as(
            "SELECT current_setting('server_version_num')::integer, current_setting('server_version')",
        )
        .fetch_one(&self.control)
        .await
        .map_err(StoreError::database("connecting"))?;
        if number < limits::POSTGRES_MIN {
            let allowed = (limits::POSTGRES_MIN / 10_000).to_string();
            return Err(StoreError::ServerVersion { found, allowed });
        }
        Ok(())
    }

    /// Connects once, outside the pools: they would wait for a server that isn't there. What a
    /// server says that is there (that it starts up, for one) is theirs to wait for.
    async fn reach(&self) -> Result<(), StoreError> {
        let unreachable = |source| {
            let host = self.options.get_host();
            let host = match self.options.get_socket() {
                Some(folder) => folder.display().to_string(),
                None => format!("{host}, port {}", self.options.get_port()),
            };
            StoreError::Unreachable { host, source }
        };
        match tokio::time::timeout(limits::CONNECT_FOR, self.options.connect()).await {
            Ok(Ok(connection)) => close(connection).await,
            Ok(Err(source @ (sqlx::Error::Io(_) | sqlx::Error::Tls(_)))) => {
                return Err(unreachable(source));
            }
            Ok(Err(_)) => {}
            Err(_) => {
                let text = format!("no answer within {} s", limits::CONNECT_FOR.as_secs());
                return Err(unreachable(std::io::Error::other(text).into()));
            }
        }
        Ok(())
    }

    /// The server's version as it says it, such as `17.2`.
    ///
    /// # Errors
    /// A failing database.
    pub async fn server_version(&self) -> Result<String, StoreError> {
        sqlx::query_scalar("SELECT current_setting('server_version')")
            .fetch_one(&self.reads)
            .await
            .map_err(StoreError::database("asking for the server's version"))
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// A database newer than this binary, or with another past; a failing statement.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        let mut connection = self.plain().await?;
        let result = migrate::run(&mut connection).await;
        close(connection).await;
        result
    }

    /// Whether the schema is exactly this binary's.
    ///
    /// # Errors
    /// As [`Store::migrate`], and for a schema that is older.
    pub async fn check_schema(&self) -> Result<(), MigrateError> {
        let mut connection = self.plain().await?;
        let result = migrate::check(&mut connection).await;
        close(connection).await;
        result
    }

    /// A connection for one purpose, without the time limits of statements.
    async fn plain(&self) -> Result<PgConnection, MigrateError> {
        let options =
            self.options.clone().options([("statement_timeout", "0"), ("lock_timeout", "0")]);
        options
            .connect()
            .await
            .map_err(|source| MigrateError::Database { doing: "connecting".to_owned(), source })
    }

    /// The pool for reads: its transactions can't write.
    #[must_use]
    pub const fn reads(&self) -> &PgPool {
        &self.reads
    }

    pub(crate) const fn control(&self) -> &PgPool {
        &self.control
    }

    /// A connection for writing, under a name that tells whose it is. Its plans use keys whatever
    /// the statistics say (they are empty when a plan is made on a new database), and are made once
    /// per statement: planning takes longer than a small commit. See [`limit_rights`].
    pub(crate) async fn connect_writer(
        &self,
        application: &str,
    ) -> Result<PgConnection, sqlx::Error> {
        let options = self
            .options
            .clone()
            .application_name(application)
            .options([("enable_seqscan", "off"), ("plan_cache_mode", "force_generic_plan")]);
        options.connect().await
    }

    /// The application's role, where this database has one and its user may take it: it adds to
    /// history and changes none of it.
    ///
    /// # Errors
    /// A failing database.
    pub async fn application_role(&self) -> Result<Option<&'static str>, StoreError> {
        let may: bool = sqlx::query_scalar(MAY_BE_APPLICATION)
            .fetch_one(&self.reads)
            .await
            .map_err(StoreError::database("asking for the application's role"))?;
        Ok(may.then_some(crate::cluster::APPLICATION))
    }

    /// Labels of all accounts.
    ///
    /// # Errors
    /// A failing database.
    pub async fn account_labels(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT account FROM stockade.account ORDER BY account")
            .fetch_all(&self.reads)
            .await
            .map_err(StoreError::database("listing accounts"))
    }

    /// Stores a new account with its first rows (sleeves, opening entries), in one transaction.
    ///
    /// # Errors
    /// An account that exists, rows that can't be stored, a failing database.
    pub async fn account_create(
        &self,
        account: &AccountRow,
        rows: &[Row],
    ) -> Result<(), StoreError> {
        let label = account.label.as_str();
        let account_row = Row::Account(Box::new(account.clone()));
        let kept = rows.iter().filter(|row| !matches!(row, Row::Account(_)));
        let batch = Batch::new(std::iter::once(&account_row).chain(kept));
        let (sql, arguments) =
            batch.encode(Mode::Create, &mut Statements::default(), label, 0, 0)?;
        let mut connection =
            self.connect_writer("stockade").await.map_err(StoreError::database("connecting"))?;
        limit_rights(&mut connection).await.map_err(StoreError::database("connecting"))?;
        let result = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut connection).await;
        close(connection).await;
        match result {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.constraint() == Some("account_pkey") => {
                Err(StoreError::AccountExists { label: label.to_owned() })
            }
            Err(source) => Err(StoreError::Database { doing: "storing a new account", source }),
        }
    }

    /// Closes the pools; writers have their own end.
    pub async fn close(&self) {
        self.reads.close().await;
        self.control.close().await;
    }
}

/// Whether the session may take the application's role.
const MAY_BE_APPLICATION: &str = "SELECT coalesce((SELECT pg_has_role(current_user, oid, 'member') \
     FROM pg_roles WHERE rolname = 'stockade_app'), false)";

/// Works as `stockade_app`, which can't change what is appended, where that role exists and may be
/// taken.
pub(crate) async fn limit_rights(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    set_role(connection, "SET ROLE stockade_app").await
}

/// The same until the transaction ends.
pub(crate) async fn limit_rights_here(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    set_role(connection, "SET LOCAL ROLE stockade_app").await
}

async fn set_role(connection: &mut PgConnection, role: &'static str) -> Result<(), sqlx::Error> {
    if sqlx::query_scalar(MAY_BE_APPLICATION).fetch_one(&mut *connection).await? {
        sqlx::query(role).execute(connection).await?;
    }
    Ok(())
}

/// A connection that can't say good-bye is dropped: the server ends it.
async fn close(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection was not closed in order");
    }
}
