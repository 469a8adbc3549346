//! Every bound of the store, with its unit and reason.

use std::time::Duration;

/// Connections of the pool that reads use; the order path has its own.
pub(crate) const READ_CONNECTIONS: u32 = 8;
/// Connections for leases, checks and migrations.
pub(crate) const CONTROL_CONNECTIONS: u32 = 2;
/// How long a lease or a check waits for a connection. The pool doubles its pause between two tries
/// up to a fifth of this: a database that is back after a second must not be looked for six later.
pub(crate) const CONTROL_WAIT: Duration = Duration::from_secs(5);
/// Groups that wait for the writer: beyond it, callers wait too.
pub(crate) const GROUPS_QUEUED_MAX: usize = 1_024;
/// Executions of one transaction, and those of the group that reaches it: at 12,000 a second such a
/// commit takes under 20 ms, and larger ones save next to nothing.
pub(crate) const EXECUTIONS_PER_COMMIT_MAX: usize = 200;
/// Rows of one transaction, and those of the group that reaches it: as many as those executions
/// have.
pub(crate) const ROWS_PER_COMMIT_MAX: usize = 2_000;
/// Tries after a serialization failure or deadlock.
pub(crate) const CONFLICT_RETRIES_MAX: u32 = 5;
/// How long a writer looks for the database after a lost connection, before it says that the
/// outcome is unknown.
pub(crate) const RECONNECT_FOR: Duration = Duration::from_secs(10);
/// How long the first connection may take: a machine that swallows packets never says no.
pub(crate) const CONNECT_FOR: Duration = Duration::from_secs(10);
/// Between two tries to connect.
pub(crate) const RECONNECT_EVERY: Duration = Duration::from_millis(100);
/// Prepared statements kept per connection: the writer has one per set of tables.
pub(crate) const STATEMENTS_KEPT: usize = 256;
/// Rows that a failed check shows.
pub(crate) const CHECK_ROWS_MAX: i64 = 20;
/// Decimal places of the database's columns.
pub(crate) const DECIMAL_SCALE: u32 = 18;
/// Oldest PostgreSQL that works, as `server_version_num`.
pub(crate) const POSTGRES_MIN: i32 = 140_000;
/// How long a cluster may take to start: recovery after a crash included.
pub(crate) const CLUSTER_START_FOR: Duration = Duration::from_secs(60);
