//! What a failed commit means.

use sqlx::postgres::PgDatabaseError;

/// Why a group was not committed, or why that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The database's rules refuse this group: the books would not hold. Nothing of it is
    /// committed.
    #[error("group {group} breaks {constraint} of stockade.{table}: {message}")]
    Constraint {
        /// The group's number.
        group: u64,
        /// The rule.
        constraint: String,
        /// Its table, or the type that it is a rule of; empty when the database doesn't say.
        table: String,
        /// The database's words.
        message: String,
    },
    /// The group holds a value that can't be stored. Nothing of it is committed.
    #[error("group {group} can't be stored: {source}")]
    Encode {
        /// The group's number.
        group: u64,
        /// Which value.
        #[source]
        source: crate::rows::EncodeError,
    },
    /// The database refused or gave up (disk full, time-out, …). Nothing of the group is
    /// committed.
    #[error("group {group} was refused by the database: {message} ({code})")]
    Refused {
        /// The group's number.
        group: u64,
        /// SQLSTATE.
        code: String,
        /// The database's words.
        message: String,
    },
    /// A group before it was not committed, so this one was not tried: its rows stand on that one.
    #[error("group {group} was not committed before it")]
    Behind {
        /// The number of the group that failed.
        group: u64,
    },
    /// Another holder has the lease, or it was released. Nothing of the group is committed, unless
    /// the connection was lost at its commit before: then the new holder has read whether it is.
    #[error(
        "the lease of epoch {epoch} is over: it is at epoch {now} (another host took the account)"
    )]
    Fenced {
        /// The writer's epoch.
        epoch: u64,
        /// The lease's.
        now: u64,
    },
    /// The connection was lost and the database didn't come back in time: whether the group is
    /// committed is unknown. Read it back before anything else.
    #[error("the outcome of group {group} is unknown: {message}")]
    Lost {
        /// The group's number.
        group: u64,
        /// What happened.
        message: String,
    },
    /// The writer has ended; the group never reached it.
    #[error("the writer has ended")]
    Ended,
}

/// What a failed statement means for the transaction that it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The epoch has passed.
    Fenced { now: u64 },
    /// A rule of the schema; rolled back.
    Constraint { constraint: String, table: String, message: String },
    /// A conflict with another transaction; rolled back, worth another try.
    Conflict { code: String, message: String },
    /// Anything else that the server said for certain; rolled back.
    Refused { code: String, message: String },
    /// Nobody knows whether it was committed.
    Doubt { message: String },
}

impl Fault {
    /// Reads an error of the single statement that a commit is.
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = error else {
            return Self::Doubt { message: error.to_string() };
        };
        let code = database.code().unwrap_or_default().into_owned();
        let message = database.message().to_owned();
        match (code.as_str(), code.get(..2).unwrap_or_default()) {
            ("40001" | "40P01", _) => Self::Conflict { code, message },
            // A server that goes down says so also between the commit and its answer.
            (_, "57" | "08") if code != "57014" => Self::Doubt { message },
            (_, "23") => Self::Constraint {
                constraint: database.constraint().unwrap_or("a rule without a name").to_owned(),
                table: place(database.as_ref()),
                message,
            },
            _ => Self::Refused { code, message },
        }
    }

    /// Whether one group alone is to blame, so that the joined ones are worth trying alone.
    pub(crate) const fn blames_a_group(&self) -> bool {
        matches!(self, Self::Constraint { .. } | Self::Refused { .. })
    }

    /// As the answer to the group with this number.
    pub(crate) fn answer(&self, group: u64, epoch: u64) -> CommitError {
        match self.clone() {
            Self::Fenced { now } => CommitError::Fenced { epoch, now },
            Self::Constraint { constraint, table, message } => {
                CommitError::Constraint { group, constraint, table, message }
            }
            Self::Conflict { code, message } | Self::Refused { code, message } => {
                CommitError::Refused { group, code, message }
            }
            Self::Doubt { message } => CommitError::Lost { group, message },
        }
    }
}

fn place(error: &dyn sqlx::error::DatabaseError) -> String {
    let postgres = error.try_downcast_ref::<PgDatabaseError>();
    let of_type = || postgres.and_then(PgDatabaseError::data_type);
    error.table().or_else(of_type).unwrap_or_default().to_owned()
}
