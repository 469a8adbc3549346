//! What can go wrong when the store is opened or read.

/// Why the store can't be opened, or rows can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is no PostgreSQL URL.
    #[error("the database's address can't be read: {message} (--database-url)")]
    Address {
        /// What is wrong with it; never the address itself, which may hold a password.
        message: String,
    },
    /// The database can't be reached, or refused a statement.
    #[error("the database failed while {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What happened.
        #[source]
        source: sqlx::Error,
    },
    /// Nothing answers at the address.
    #[error("the database at {host} can't be reached: {source} (--database-url)")]
    Unreachable {
        /// Host and port, or the socket's folder.
        host: String,
        /// What happened.
        #[source]
        source: sqlx::Error,
    },
    /// A server that is too old.
    #[error("PostgreSQL {found} is too old, at least {allowed} is needed (--database-url)")]
    ServerVersion {
        /// The server's.
        found: String,
        /// The oldest that works.
        allowed: String,
    },
    /// A stored row that the core's types don't take.
    #[error("stockade.{table}, column {column}: {message}")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A row to store that the columns can't hold.
    #[error(transparent)]
    Encode(#[from] crate::rows::EncodeError),
    /// The account exists.
    #[error("account \"{label}\" exists already")]
    AccountExists {
        /// Its label.
        label: String,
    },
}

impl StoreError {
    /// For `map_err`.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
