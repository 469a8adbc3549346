//! The lease: one writer per account at a time.
//!
//! Guarantees: epochs strictly rise (a trigger refuses anything else); expiry is judged by the
//! database's clock alone; a renewal never makes a lease, it only extends the one with its epoch.
//! Does not stop a holder that sleeps through its expiry: every transaction of the writer checks
//! the epoch for that.

use sqlx::Row as _;
use std::time::Duration;

use stockade_core::Timestamp;

use crate::error::StoreError;
use crate::store::Store;

/// A lease that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseGrant {
    /// Its epoch: higher than every one before.
    pub epoch: u64,
}

/// A lease that another holder has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("account \"{account}\" is held by {holder} (epoch {epoch})")]
pub struct LeaseRefusal {
    /// The account.
    pub account: String,
    /// Who has it, in its own words.
    pub holder: String,
    /// The epoch of that lease: what [`Store::lease_steal`] must name.
    pub epoch: u64,
    /// Since when, by the database's clock.
    pub since: Timestamp,
    /// Until when, by the database's clock, if it isn't renewed.
    pub expires: Timestamp,
    /// The database's clock when this was read.
    pub now: Timestamp,
}

/// Why a lease was not given.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another has it.
    #[error(transparent)]
    Refused(Box<LeaseRefusal>),
    /// The database failed; nothing is known about the lease.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const ACQUIRE: &str = "\
INSERT INTO stockade.lease AS l (account, epoch, holder, acquired_at, renewed_at, expires_at)
VALUES ($1, 1, $2, clock_timestamp(), clock_timestamp(), clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (account) DO UPDATE SET epoch = l.epoch + 1, holder = EXCLUDED.holder,
    acquired_at = EXCLUDED.acquired_at, renewed_at = EXCLUDED.renewed_at,
    expires_at = EXCLUDED.expires_at, released_at = NULL, sequence = 0
WHERE l.released_at IS NOT NULL OR l.expires_at <= clock_timestamp()
RETURNING epoch";

const STEAL: &str = "\
UPDATE stockade.lease SET epoch = epoch + 1, holder = $2, acquired_at = clock_timestamp(),
    renewed_at = clock_timestamp(), expires_at = clock_timestamp() + $3 * interval '1 millisecond', released_at = NULL,
    sequence = 0
WHERE account = $1 AND epoch = $4
RETURNING epoch";

const RENEW: &str = "\
UPDATE stockade.lease SET renewed_at = clock_timestamp(),
    expires_at = greatest(expires_at, clock_timestamp() + $3 * interval '1 millisecond')
WHERE account = $1 AND epoch = $2 AND released_at IS NULL";

const RELEASE: &str = "\
UPDATE stockade.lease SET released_at = clock_timestamp() WHERE account = $1 AND epoch = $2 AND released_at IS NULL";

const PRESENT: &str = "\
SELECT holder, epoch, (extract(epoch FROM acquired_at) * 1000000000)::bigint AS since_ns,
    (extract(epoch FROM expires_at) * 1000000000)::bigint AS expires_ns,
    (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint AS now_ns
FROM stockade.lease WHERE account = $1 AND released_at IS NULL";

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

fn epoch_of(account: &str, epoch: i64) -> Result<LeaseGrant, LeaseError> {
    tracing::info!(account, epoch, "lease taken");
    let epoch = u64::try_from(epoch).map_err(|_| StoreError::Row {
        table: "lease",
        column: "epoch",
        message: format!("{epoch} is below zero"),
    })?;
    Ok(LeaseGrant { epoch })
}

impl Store {
    /// Takes the lease of an account that nobody has: new, released or expired.
    ///
    /// # Errors
    /// The present holder, by name; a failing database.
    pub async fn lease_acquire(
        &self,
        account: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<LeaseGrant, LeaseError> {
        // The holder can let go between the two statements: then the first is worth another try.
        loop {
            let epoch: Option<i64> = sqlx::query_scalar(ACQUIRE)
                .bind(account)
                .bind(holder)
                .bind(millis(ttl))
                .fetch_optional(self.control())
                .await
                .map_err(StoreError::database("taking the lease"))?;
            if let Some(epoch) = epoch {
                return epoch_of(account, epoch);
            }
            if let Some(refusal) = self.lease_holder(account).await? {
                return Err(LeaseError::Refused(Box::new(refusal)));
            }
        }
    }

    /// Takes the lease over from the holder of `seen`, expired or not: for `--take-over`, and for
    /// one that knows the holder to be dead. Its next transaction is refused.
    ///
    /// # Errors
    /// Refused when the lease is no longer at epoch `seen`; a failing database.
    pub async fn lease_steal(
        &self,
        account: &str,
        holder: &str,
        ttl: Duration,
        seen: u64,
    ) -> Result<LeaseGrant, LeaseError> {
        let epoch: Option<i64> = sqlx::query_scalar(STEAL)
            .bind(account)
            .bind(holder)
            .bind(millis(ttl))
            .bind(crate::rows::big(seen).map_err(StoreError::from)?)
            .fetch_optional(self.control())
            .await
            .map_err(StoreError::database("taking the lease over"))?;
        match epoch {
            Some(epoch) => epoch_of(account, epoch),
            None => match self.lease_holder(account).await? {
                Some(refusal) => Err(LeaseError::Refused(Box::new(refusal))),
                None => self.lease_acquire(account, holder, ttl).await,
            },
        }
    }

    /// Extends the lease. `false`: it is not ours any more, and never will be with this epoch.
    ///
    /// # Errors
    /// A failing database: whether it was extended is not known, the old expiry counts.
    pub async fn lease_renew(
        &self,
        account: &str,
        epoch: u64,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(RENEW)
            .bind(account)
            .bind(crate::rows::big(epoch)?)
            .bind(millis(ttl))
            .execute(self.control())
            .await
            .map_err(StoreError::database("renewing the lease"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives the lease back, at an orderly stop. `false`: it was not ours.
    ///
    /// # Errors
    /// A failing database: the lease then ends by its expiry.
    pub async fn lease_release(&self, account: &str, epoch: u64) -> Result<bool, StoreError> {
        let done = sqlx::query(RELEASE)
            .bind(account)
            .bind(crate::rows::big(epoch)?)
            .execute(self.control())
            .await
            .map_err(StoreError::database("releasing the lease"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Who has the lease, also when it has expired; `None` when nobody has.
    ///
    /// # Errors
    /// A failing database.
    pub async fn lease_holder(&self, account: &str) -> Result<Option<LeaseRefusal>, StoreError> {
        let reading = StoreError::database("reading the lease");
        let row = sqlx::query(PRESENT)
            .bind(account)
            .fetch_optional(self.control())
            .await
            .map_err(reading)?;
        let Some(row) = row else { return Ok(None) };
        let read = || -> Result<LeaseRefusal, sqlx::Error> {
            Ok(LeaseRefusal {
                account: account.to_owned(),
                holder: row.try_get("holder")?,
                epoch: row.try_get::<i64, _>("epoch")?.unsigned_abs(),
                since: Timestamp(row.try_get("since_ns")?),
                expires: Timestamp(row.try_get("expires_ns")?),
                now: Timestamp(row.try_get("now_ns")?),
            })
        };
        read().map(Some).map_err(StoreError::database("reading the lease"))
    }
}
