//! The hosts of a process, one for each account, and the way of a request to the one that is meant.
//!
//! The host of a shadow account begins with the first bot that is deployed in shadow, and with the
//! process from then on. One that fails never ends the host of the account that it shadows.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Result, bail};
use stockade_core::Slug;
use stockade_core::desk::{Command, Reply};
use stockade_core::risk::Refusal;
use stockade_store::Store;
use stockade_store::query::shadow_label;
use stockade_venue::alpaca::Alpaca;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Ended, Incoming, Prepared};
use crate::cli::run::RunArgs;
use crate::config::Settings;
use crate::link::{Answer, HostReply, HostRequest, Request, Task};

/// A host has ended so long after it was told to, or is ended.
const STOP_MAX: Duration = Duration::from_secs(10);

/// An account whose market a shadow sees.
#[derive(Clone)]
pub(super) struct Shadowed {
    pub(super) label: String,
    pub(super) inputs: mpsc::Sender<Incoming>,
    /// Its broker, for history and instruments.
    pub(super) alpaca: Arc<Alpaca>,
}

/// All hosts.
pub(super) struct Hosts {
    settings: Settings,
    args: RunArgs,
    store: Arc<Store>,
    real: Vec<Shadowed>,
    /// Label and way of each, shadows behind the others.
    ways: RwLock<Vec<(String, mpsc::Sender<Incoming>)>>,
    /// The running shadows; `None` once the process ends.
    shadows: Mutex<Option<Vec<JoinHandle<()>>>>,
}

impl Hosts {
    /// Of these accounts.
    pub(super) fn new(
        settings: &Settings,
        args: &RunArgs,
        store: Arc<Store>,
        real: Vec<Shadowed>,
    ) -> Arc<Self> {
        let ways = real.iter().map(|host| (host.label.clone(), host.inputs.clone())).collect();
        Arc::new(Self {
            settings: settings.clone(),
            args: args.clone(),
            store,
            real,
            ways: RwLock::new(ways),
            shadows: Mutex::new(Some(Vec::new())),
        })
    }

    fn ways(&self) -> Vec<(String, mpsc::Sender<Incoming>)> {
        self.ways.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts the shadows that there are books of.
    pub(super) async fn start_shadows(self: &Arc<Self>) {
        for of in &self.real {
            let label = shadow_label(&of.label);
            let there = self.store.account_load(&label).await;
            match there {
                Ok(None) => {}
                Ok(Some(_)) => {
                    if let Err(error) = self.shadow(of).await {
                        tracing::error!(account = %label, "{error:#}");
                    }
                }
                Err(error) => tracing::error!(account = %label, %error, "its books can't be read"),
            }
        }
    }

    /// The way to the shadow of an account, which is started where it does not run.
    async fn shadow(self: &Arc<Self>, of: &Shadowed) -> Result<mpsc::Sender<Incoming>> {
        let mut shadows = self.shadows.lock().await;
        let label = shadow_label(&of.label);
        if let Some((_, way)) = self.ways().into_iter().find(|(known, _)| *known == label) {
            return Ok(way);
        }
        let Some(running) = shadows.as_mut() else {
            bail!("the host is ending");
        };
        let prepared = super::prepare_shadow(&self.settings, &self.args, &self.store, of).await?;
        let Prepared { host, inputs, sender, .. } = prepared;
        let mut ways = self.ways.write().unwrap_or_else(PoisonError::into_inner);
        ways.push((label.clone(), sender.clone()));
        drop(ways);
        let hosts = Arc::clone(self);
        running.push(tokio::spawn(async move {
            match host.run(inputs).await {
                Ok(ended) => tracing::info!(account = %label, ?ended, "ended in good order"),
                Err(error) => tracing::error!(account = %label, "the shadow has ended: {error:#}"),
            }
            let mut ways = hosts.ways.write().unwrap_or_else(PoisonError::into_inner);
            ways.retain(|(other, _)| *other != label);
        }));
        Ok(sender)
    }

    /// Ends the shadows: what they shadow has ended.
    pub(super) async fn stop_shadows(&self) {
        let running = self.shadows.lock().await.take().unwrap_or_default();
        for (_, way) in self.ways() {
            // A host that has ended needs no word.
            let _ = way.send(Incoming::Stop(Ended::Asked)).await;
        }
        for shadow in running {
            if tokio::time::timeout(STOP_MAX, shadow).await.is_err() {
                tracing::error!("a shadow has not ended within {STOP_MAX:?}");
            }
        }
    }

    /// The first signal asks every host to end in order; later ones change nothing, for an order that
    /// is being sent is worth its answer. What hasn't ended in time is ended as a crash would.
    pub(super) async fn stop_on_signal(self: Arc<Self>) {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            tracing::error!("signals can't be listened to");
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        for (_, way) in self.ways() {
            // A host that waits for its database may have a full queue: the limit below holds for it.
            tokio::spawn(async move { way.send(Incoming::Stop(Ended::Asked)).await });
        }
        tokio::time::sleep(STOP_MAX).await;
        tracing::error!(
            "not ended within {STOP_MAX:?} of the signal: ended now; the next start looks up what is open"
        );
        std::process::exit(1);
    }

    /// What the link is served with.
    pub(super) fn serve(
        self: &Arc<Self>,
    ) -> impl Fn(Request) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Clone + Send + Sync + 'static
    {
        let hosts = Arc::clone(self);
        move |request: Request| {
            let hosts = Arc::clone(&hosts);
            Box::pin(async move { hosts.answer(request).await })
        }
    }

    async fn answer(self: &Arc<Self>, Request { account, task }: Request) -> Answer {
        if let Task::Host(HostRequest::Shadow { command }) = task {
            return self.in_shadow(account.as_ref(), *command).await;
        }
        let ways = self.ways();
        let Some(wanted) = account else {
            return ask_any(&ways, task).await;
        };
        match ways.iter().find(|(label, _)| wanted.as_str() == label) {
            Some((_, way)) => ask(way, task).await,
            None => no_account(&wanted),
        }
    }

    async fn in_shadow(self: &Arc<Self>, account: Option<&Slug>, command: Command) -> Answer {
        let is_meant = |of: &&Shadowed| account.is_none_or(|wanted| wanted.as_str() == of.label);
        let Some(of) = self.real.iter().find(is_meant) else {
            return account.map_or_else(ending, no_account);
        };
        match self.shadow(of).await {
            Ok(way) => ask(&way, Task::Command(Box::new(command))).await,
            Err(error) => {
                let message = format!("no shadow of account {}: {error:#}", of.label);
                Answer::Failed { message }
            }
        }
    }
}

/// Asks where no account was named: every host where all have a part of the answer, else the first
/// that knows the bot or sleeve.
async fn ask_any(ways: &[(String, mpsc::Sender<Incoming>)], task: Task) -> Answer {
    let all = matches!(
        task,
        Task::Host(HostRequest::Health | HostRequest::Bots { .. } | HostRequest::Trust)
    );
    let mut first: Option<Answer> = None;
    for (_, way) in ways {
        let answer = ask(way, task.clone()).await;
        first = match (first, answer) {
            (Some(Answer::Host(so_far)), Answer::Host(more)) if all => {
                Some(Answer::Host(together(so_far, more)))
            }
            // A host that ends takes nothing from what the others said.
            (Some(so_far), _) if all => Some(so_far),
            (_, answer) if !all && !is_elsewhere(&answer) => return answer,
            (so_far, answer) => so_far.or(Some(answer)),
        };
    }
    first.unwrap_or_else(ending)
}

fn together(mut first: HostReply, more: HostReply) -> HostReply {
    match (&mut first, more) {
        (HostReply::Health { accounts }, HostReply::Health { accounts: more }) => {
            accounts.extend(more);
        }
        (HostReply::Bots { bots }, HostReply::Bots { bots: more }) => bots.extend(more),
        (HostReply::Trusted { stopped }, HostReply::Trusted { stopped: more }) => {
            stopped.extend(more);
        }
        _ => {}
    }
    first
}

/// Whether what was named is not of this account; nothing was done then.
fn is_elsewhere(answer: &Answer) -> bool {
    let what = match answer {
        Answer::NotFound { what, .. } => what,
        Answer::Reply(Reply::Refused { refusal: Refusal::NotFound { what, .. } }) => what,
        _ => return false,
    };
    matches!(what.as_str(), "bot" | "sleeve")
}

async fn ask(way: &mpsc::Sender<Incoming>, task: Task) -> Answer {
    let (answer, wait) = oneshot::channel();
    if way.send(Incoming::Request(task, answer)).await.is_err() {
        return ending();
    }
    wait.await.unwrap_or_else(|_| ending())
}

fn no_account(label: &Slug) -> Answer {
    Answer::NotFound { what: "account".to_owned(), name: label.to_string() }
}

fn ending() -> Answer {
    Answer::Failed { message: "the host is ending".to_owned() }
}
