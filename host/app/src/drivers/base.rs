//! What every driver with a database stands on: the cluster, the store, this host's name.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use stockade_core::desk::Desk;
use stockade_core::row::{BotRow, BotState};
use stockade_core::{Slug, Timestamp};
use stockade_store::{Cluster, LeaseError, Store};
use tokio::task::JoinHandle;

use crate::config::Settings;

/// The lease ends this long after its last renewal, by the database's clock, where nothing else is
/// said: twice the longest request to a broker, so that a request ends before the lease does.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(20);
/// How long a new host waits for the lease of one that may still be there.
const LEASE_WAIT: Duration = Duration::from_secs(20);

/// How long a command waits for other commands to let go of the account's lease: a dozen at once
/// on a slow machine.
const COMMAND_WAIT: Duration = Duration::from_secs(60);
/// How long a command waits for the socket of a host that holds the lease, and a command for a host
/// that begins to hold the data folder.
const SOCKET_WAIT: Duration = Duration::from_secs(10);
/// How long a command that only a host can grant waits for one that was started with it.
const FOLLOWER_WAIT: Duration = Duration::from_secs(3);
/// Between two looks at a lease that others hold.
const LEASE_LOOK: Duration = Duration::from_millis(50);
/// In a holder's name: it lets go by itself in a moment.
const BRIEFLY: &str = " for one command ";

/// Between two looks at whether the private cluster's server is still there: two small files.
const CLUSTER_LOOK: Duration = Duration::from_millis(50);
/// Longest pause between two tries to start it again.
const REVIVE_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Bars of each instrument that a bot's `history` goes back.
pub(crate) const HISTORY_KEPT: usize = 2_000;

/// The database, and the cluster it lives in where that is ours.
pub(crate) struct Base {
    /// The store.
    pub(crate) store: Arc<Store>,
    cluster: Option<Arc<Cluster>>,
    keeper: Option<JoinHandle<()>>,
}

/// Opens the database that the settings name; starts or adopts the private cluster where they name
/// none.
pub(crate) async fn open(settings: &Settings) -> Result<Base> {
    let (cluster, url) = match &settings.database_url {
        Some(url) => (None, url.clone()),
        None => {
            let cluster = Cluster::open(&settings.data).await?;
            let url = cluster.url();
            (Some(Arc::new(cluster)), url)
        }
    };
    match opened(&url).await {
        Ok(store) => Ok(Base { store: Arc::new(store), cluster, keeper: None }),
        Err(error) => {
            if let Some(cluster) = cluster.and_then(Arc::into_inner)
                && let Err(left) = cluster.stop().await
            {
                tracing::error!(error = %left, "the private PostgreSQL was not stopped");
            }
            Err(error)
        }
    }
}

async fn opened(url: &str) -> Result<Store> {
    let store = Store::open(url).await.context("the database can't be opened")?;
    store.migrate().await?;
    Ok(store)
}

impl Base {
    /// From now on the private cluster is started again when its server dies: who waits for an
    /// answer then finds the database back, and what was committed in it.
    pub(crate) fn keep_running(&mut self) {
        let Some(cluster) = self.cluster.clone() else {
            return;
        };
        self.keeper = Some(tokio::spawn(async move {
            let mut pause = CLUSTER_LOOK;
            loop {
                tokio::time::sleep(pause).await;
                if cluster.is_running() {
                    pause = CLUSTER_LOOK;
                    continue;
                }
                tracing::error!("the private PostgreSQL has died: it is started again");
                let began = tokio::time::Instant::now();
                match cluster.revive().await {
                    Ok(()) => {
                        let took = began.elapsed().as_millis();
                        tracing::warn!(took_ms = took, "the private PostgreSQL runs again");
                    }
                    // A full disk, most likely: what has to happen first is a person's to do.
                    Err(error) => {
                        pause = (pause * 2).min(REVIVE_PAUSE_MAX);
                        tracing::error!(%error, "the private PostgreSQL can't be started");
                    }
                }
            }
        }));
    }

    /// Ends the connections; stops the private cluster, unless another process uses it.
    pub(crate) async fn close(mut self) -> Result<()> {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
            // It has let go of the cluster once it has ended.
            let _ = keeper.await;
        }
        self.store.close().await;
        if let Some(cluster) = self.cluster.and_then(Arc::into_inner) {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// The machine's time.
pub(crate) fn machine() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Takes the lease. One that a killed host left behind is taken over at once when its process is
/// gone for certain, else when it runs out.
pub(crate) async fn lease(store: &Store, label: &str, take_over: bool) -> Result<u64> {
    lease_for(store, label, take_over, LEASE_TTL).await
}

/// The same, for a time of the caller's.
pub(crate) async fn lease_for(
    store: &Store,
    label: &str,
    take_over: bool,
    ttl: Duration,
) -> Result<u64> {
    let holder = holder();
    let until = tokio::time::Instant::now() + LEASE_WAIT;
    loop {
        let refusal = match store.lease_acquire(label, &holder, ttl).await {
            Ok(grant) => return Ok(grant.epoch),
            Err(LeaseError::Refused(refusal)) => refusal,
            Err(error) => return Err(error.into()),
        };
        let alive = is_alive(&refusal.holder);
        if take_over || !alive {
            match store.lease_steal(label, &holder, ttl, refusal.epoch).await {
                Ok(grant) => return Ok(grant.epoch),
                Err(LeaseError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let ends_soon = refusal.holder.contains(BRIEFLY);
        if alive && !ends_soon || tokio::time::Instant::now() > until {
            bail!(
                "account {label} is traded by another host: {} has held its lease since {}",
                refusal.holder,
                stockade_store::query::At(refusal.since.0)
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Takes the lease for one command. Other commands are waited for; `None` when a host answers
/// meanwhile (`served`): the command is its to carry out.
pub(crate) async fn lease_for_command(
    store: &Store,
    label: &str,
    served: impl Fn() -> bool,
) -> Result<Option<u64>> {
    let holder = holder().replacen(" began ", &format!("{BRIEFLY}began "), 1);
    let began = tokio::time::Instant::now();
    loop {
        let refusal = match store.lease_acquire(label, &holder, LEASE_TTL).await {
            Ok(grant) => return Ok(Some(grant.epoch)),
            Err(LeaseError::Refused(refusal)) => refusal,
            Err(error) => return Err(error.into()),
        };
        if !is_alive(&refusal.holder) {
            match store.lease_steal(label, &holder, LEASE_TTL, refusal.epoch).await {
                Ok(grant) => return Ok(Some(grant.epoch)),
                Err(LeaseError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if served() {
            return Ok(None);
        }
        let brief = refusal.holder.contains(BRIEFLY);
        let patience = if brief { COMMAND_WAIT } else { SOCKET_WAIT };
        if began.elapsed() > patience {
            let what = if brief {
                "is changed by another command"
            } else {
                "is held by a host that does not answer here"
            };
            bail!(
                "account {label} {what}: {} has held its lease since {} (waited {} s)",
                refusal.holder,
                stockade_store::query::At(refusal.since.0),
                patience.as_secs()
            );
        }
        tokio::time::sleep(LEASE_LOOK).await;
    }
}

/// Waits for the host of a data folder that some process has begun to use and that nobody serves
/// yet. `true` when it answers; `false` when nobody uses the folder any more, or nobody answers.
pub(crate) async fn host_comes(settings: &Settings) -> Result<bool> {
    if settings.database_url.is_some() {
        return Ok(false);
    }
    let began = tokio::time::Instant::now();
    while began.elapsed() < SOCKET_WAIT {
        let data = settings.data.clone();
        if !tokio::task::spawn_blocking(move || Cluster::is_in_use(&data)).await?? {
            return Ok(false);
        }
        if serves(&settings.socket()) {
            return Ok(true);
        }
        tokio::time::sleep(LEASE_LOOK).await;
    }
    Ok(false)
}

/// Whether a host listens there in a moment.
pub(crate) async fn serves_soon(socket: &Path) -> bool {
    let began = tokio::time::Instant::now();
    while began.elapsed() < FOLLOWER_WAIT {
        if serves(socket) {
            return true;
        }
        tokio::time::sleep(LEASE_LOOK).await;
    }
    false
}

/// Whether a host listens there.
pub(crate) fn serves(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// This host's name in a lease: machine and process, so that another can tell who holds it.
pub(crate) fn holder() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "host".to_owned());
    format!("{} pid {} began {}", name.trim(), std::process::id(), began(std::process::id()))
}

/// Whether the process that a lease names is still there; a process of another machine counts as
/// there.
pub(crate) fn is_alive(holder: &str) -> bool {
    let mine = holder_machine(&self::holder()).map(str::to_owned);
    let (Some(machine), Some(pid)) = (holder_machine(holder), holder_pid(holder)) else {
        return true;
    };
    if mine.as_deref() != Some(machine) || !Path::new("/proc/self").exists() {
        return true;
    }
    // The same number may be another process by now: its begin tells.
    holder.ends_with(&format!(" began {}", began(pid))) && began(pid) != 0
}

fn holder_machine(holder: &str) -> Option<&str> {
    holder.split_once(" pid ").map(|(machine, _)| machine)
}

fn holder_pid(holder: &str) -> Option<u32> {
    holder.split_once(" pid ")?.1.split_once(' ')?.0.parse().ok()
}

/// When a process began, in ticks since the machine's start; 0 where it is gone.
fn began(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold spaces; the 22nd field is the 20th behind it. A zombie is gone.
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return 0;
    };
    let fields: Vec<&str> = rest.split(' ').collect();
    if fields.first().is_none_or(|state| matches!(*state, "Z" | "X")) {
        return 0;
    }
    fields.get(19).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// A new era: six random letters and digits.
pub(crate) fn era() -> String {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher keys are the machine's own randomness.
    let mut bits = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut era = String::new();
    for _ in 0..6 {
        let index = usize::try_from(bits % 32).unwrap_or(0);
        era.push(char::from(letters[index]));
        bits /= 32;
    }
    era
}

/// The bots that run one of these components, or will.
pub(crate) fn bots_that_run(desk: &Desk, digests: &BTreeSet<String>) -> Vec<Slug> {
    let over = [BotState::Stopped, BotState::Retired];
    let runs = |row: &&BotRow| digests.contains(&row.digest) && !over.contains(&row.state);
    desk.bots().filter(runs).map(|row| row.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_others_are_not() {
        assert!(is_alive(&holder()));
        let machine = holder_machine(&holder()).map(str::to_owned).unwrap();
        assert!(!is_alive(&format!("{machine} pid 4194303 began 77")));
        assert!(!is_alive(&format!("{machine} pid {} began 77", std::process::id())));
        assert!(is_alive("elsewhere pid 1 began 5"));
        let brief = holder().replacen(" began ", &format!("{BRIEFLY}began "), 1);
        assert!(is_alive(&brief), "{brief}");
    }
}
