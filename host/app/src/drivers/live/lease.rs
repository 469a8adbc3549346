//! How long a live host may act under its lease.
//!
//! The broker can't check an epoch, so a host must stop by itself before its lease ends: a request
//! that changes something starts only while the lease lasts longer than that request can take. The
//! database's fence keeps an old epoch from writing; this clock keeps it from sending. A lease that
//! could not be renewed in time is *in doubt*: nothing is sent until a renewal says that it is
//! still this host's. A renewal names the epoch, and an epoch never repeats, so that one which
//! succeeds proves that nobody else had the account in between.
//!
//! The clock counts a machine's sleep, and is no wall clock: setting that one changes nothing here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stockade_store::Store;
use tokio::sync::mpsc;

use super::Incoming;

/// Between two tries after a renewal that failed.
const RETRY: Duration = Duration::from_millis(200);
/// Between two lines about a lease that stays in doubt.
const SAY_AGAIN: Duration = Duration::from_secs(5);
/// Longest request that changes something, however long the lease is.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The times that follow from a lease's length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// How long a lease lasts from a renewal on, by the database's clock.
    pub(crate) ttl: Duration,
}

impl Terms {
    pub(crate) const fn new(ttl: Duration) -> Self {
        Self { ttl }
    }

    /// Between two renewals.
    fn renewal(self) -> Duration {
        self.ttl / 5
    }

    /// How long a request that changes something may take.
    pub(crate) fn request(self) -> Duration {
        (self.ttl / 2).min(REQUEST_MAX)
    }

    /// What a lease must still last when a request begins: the request, and a tenth for clocks that
    /// don't run alike and answers that are on their way.
    fn needed(self) -> Duration {
        self.request() + self.ttl / 10
    }
}

/// The lease, as its holder's clock sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    terms: Terms,
    /// On [`clock`], in milliseconds.
    ends: Arc<AtomicU64>,
}

impl Lease {
    /// One that was taken by a request which began at `asked`.
    pub(crate) fn taken(terms: Terms, asked: Duration) -> Self {
        let lease = Self { terms, ends: Arc::default() };
        lease.renewed(asked);
        lease
    }

    /// The database has extended it, on a request that began at `asked`: it can't end earlier than
    /// its length after that.
    fn renewed(&self, asked: Duration) {
        self.ends.fetch_max(millis(asked + self.terms.ttl), Ordering::SeqCst);
    }

    /// Whether a request that changes something may begin now.
    pub(crate) fn may_send(&self) -> bool {
        self.lasts_for(clock()) > self.terms.needed()
    }

    fn lasts_for(&self, now: Duration) -> Duration {
        let ends = Duration::from_millis(self.ends.load(Ordering::SeqCst));
        ends.saturating_sub(now)
    }

    /// Renews until the host has ended, or the lease is another's. Whether the database answers is
    /// not decided here: while it doesn't, nothing is sent.
    pub(crate) async fn keep(
        self,
        store: Arc<Store>,
        label: String,
        epoch: u64,
        inputs: mpsc::Sender<Incoming>,
    ) {
        let mut pause = self.terms.renewal();
        let mut doubt: Option<tokio::time::Instant> = None;
        loop {
            tokio::time::sleep(pause).await;
            if inputs.is_closed() {
                return;
            }
            let asked = clock();
            // Not after the answer: a renewal would hide that it came too late.
            let late = !self.may_send();
            pause = match store.lease_renew(&label, epoch, self.terms.ttl).await {
                Ok(true) => {
                    self.renewed(asked);
                    if late || doubt.take().is_some() {
                        doubt = None;
                        tracing::warn!(account = %label, epoch, "the lease is renewed, nobody else had it: orders may be sent again");
                    }
                    self.terms.renewal()
                }
                Ok(false) => {
                    let why = "another host has taken it".to_owned();
                    let _ = inputs.send(Incoming::LeaseLost(why)).await;
                    return;
                }
                Err(error) => {
                    if doubt.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                        doubt = Some(tokio::time::Instant::now());
                        let sends = if self.may_send() {
                            "ends soon"
                        } else {
                            "is in doubt: nothing is sent"
                        };
                        tracing::warn!(account = %label, %error, "the lease was not renewed and {sends}");
                    }
                    RETRY
                }
            };
        }
    }
}

/// Time since the machine's start, its sleep included.
pub(crate) fn clock() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    // Elsewhere the monotonic clock counts sleep as well.
    #[cfg(target_os = "linux")]
    let id = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::Monotonic;
    let time = clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// Rounded down: a lease never seems to last longer than it does.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_before_the_lease() {
        for seconds in [4, 20, 600] {
            let terms = Terms::new(Duration::from_secs(seconds));
            let lease = Lease::taken(terms, Duration::from_secs(1_000));
            // The last moment at which a request may begin.
            let last = Duration::from_secs(1_000 + seconds) - terms.needed();
            assert!(lease.lasts_for(last) >= terms.request() + terms.ttl / 10);
            // Three renewals may fail before anything waits.
            assert!(terms.ttl - terms.needed() >= terms.renewal() * 2, "{seconds}");
        }
    }

    #[test]
    fn an_old_answer_does_not_shorten_it_and_time_ends_it() {
        let terms = Terms::new(Duration::from_secs(20));
        let lease = Lease::taken(terms, clock());
        assert!(lease.may_send());
        lease.renewed(Duration::from_secs(1));
        assert!(lease.may_send());
        let long_ago = Lease::taken(terms, clock().saturating_sub(Duration::from_secs(9)));
        assert!(
            !long_ago.may_send(),
            "9 of 20 seconds are gone, a request may take 10 and 2 are spare"
        );
    }
}
