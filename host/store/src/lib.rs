//! The store: the core's rows in PostgreSQL.
//!
//! Guarantees: a group of rows is committed whole or not at all, in the order given, and only
//! while the writer's epoch is the lease's; the outcome of a commit is known or said to be unknown,
//! never assumed; what is appended is never changed; no digit is lost. No database future is ever
//! cancelled here: limits are set on the server's side.
//!
//! Does not decide anything: rows come from [`stockade_core::desk`] and go back to it.

mod check;
mod closing;
pub mod cluster;
mod error;
mod inquiry;
mod lease;
mod limits;
mod load;
mod migrate;
pub mod query;
mod rows;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod writer;

pub use check::Invariant;
pub use closing::{ClosingSample, Due, DueClose, DueSleeve};
pub use cluster::{Cluster, ClusterError};
pub use error::StoreError;
pub use lease::{LeaseError, LeaseGrant, LeaseRefusal};
pub use load::RecordedInput;
pub use migrate::{MigrateError, SCHEMA_VERSION};
pub use rows::EncodeError;
pub use store::Store;
pub use writer::{CommitError, Committed, Group, Ticket, WriterHandle, WriterOptions};
