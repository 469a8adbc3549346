//! `stockade run --paper-exchange`: the lockstep loop as a host, with its rows in Postgres.
//!
//! The same loop and the same rules as `backtest --profile live`, so that orders are the same; but
//! each input's rows are committed before what they caused happens, and people can give commands
//! between two time stamps. Whatever is lost with the process is found again: the books in
//! Postgres, the exchange in [`record`].
//!
//! Does not stream, wait for the machine's clock or talk to a network: a replay goes as fast as it
//! can.

mod bots;
mod guests;
mod people;
mod record;
mod serve;
mod session;
mod sink;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use stockade_core::Slug;
use stockade_store::Store;
use stockade_venue::files::Bars;
use tokio::sync::{mpsc, oneshot};

use super::base;
use super::exchange::Signals;
use crate::cli::run::RunArgs;
use crate::config::Settings;
use crate::failure::Failure;
use crate::link;
use guests::PluginFolder;
use session::{Opening, Session};

/// The account's label where none is named.
pub(crate) const LABEL: &str = "replay";
/// Requests that wait for the loop; people wait beyond it.
const INPUTS_MAX: usize = 256;
/// Between two renewals of the lease.
const LEASE_RENEWAL: Duration = Duration::from_secs(4);
/// A host that could not renew ends this long before the lease does.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// What reaches the loop from outside.
enum Incoming {
    /// A person.
    Request(link::Task, oneshot::Sender<link::Answer>),
    /// A signal: end in good order.
    Stop,
    /// Another host has the account, or may have it soon.
    LeaseLost(String),
}

/// Runs the replay until it has ended (`--until-end`) or a signal comes.
pub(crate) async fn run(settings: &Settings, args: &RunArgs) -> Result<(), Failure> {
    let bars = stockade_venue::files::read_bars(&args.paper_exchange)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    if bars.rows.is_empty() {
        return Err(Failure::Usage("the files hold no bars (--paper-exchange)".to_owned()));
    }
    let label = match &settings.account {
        Some(label) => label.clone(),
        None => Slug::new(LABEL).map_err(|error| Failure::Usage(error.to_string()))?,
    };
    Ok(hold(settings, args, label, bars).await?)
}

/// Database and socket around the loop, whatever becomes of it.
async fn hold(settings: &Settings, args: &RunArgs, label: Slug, bars: Bars) -> Result<()> {
    std::fs::create_dir_all(&settings.data)
        .with_context(|| format!("can't make the data folder {}", settings.data.display()))?;
    let base = base::open(settings).await?;
    let outcome = replay(settings, args, &base.store, label, bars).await;
    let closed = base.close().await;
    outcome?;
    closed
}

async fn replay(
    settings: &Settings,
    args: &RunArgs,
    store: &Arc<Store>,
    label: Slug,
    bars: Bars,
) -> Result<()> {
    let listener =
        link::bind(&settings.socket()).await.context("the data folder is held by another host")?;
    let (sender, inputs) = mpsc::channel(INPUTS_MAX);
    let epoch = base::lease(store, label.as_str(), args.take_over).await?;
    let renewal = tokio::spawn(renew(store.clone(), label.to_string(), epoch, sender.clone()));
    let served = tokio::spawn(link::serve(listener, route(label.clone(), sender.clone())));
    let signals = tokio::spawn(stop_on_signal(Signals::listen()?, sender));
    let opening = Opening {
        runtime: tokio::runtime::Handle::current(),
        store: store.clone(),
        settings: settings.clone(),
        label: label.clone(),
        epoch,
    };
    let plugins = args.plugins.clone().unwrap_or_else(|| settings.plugins.clone());
    let (settings_of_bots, until_end) = (settings.clone(), args.until_end);
    let looped = tokio::task::spawn_blocking(move || {
        let maker = PluginFolder::new(&settings_of_bots, plugins)?;
        Session::open(opening, &bars, Box::new(maker))?.run(inputs, until_end)
    });
    let outcome = looped.await.map_err(|error| anyhow!("the loop ended with a panic: {error}"))?;
    served.abort();
    signals.abort();
    // The renewal ends by itself: nobody reads what it sends. A query of it is never cut off.
    let _ = std::fs::remove_file(settings.socket());
    let _ = renewal.await;
    let released = store.lease_release(label.as_str(), epoch).await;
    outcome?;
    released?;
    Ok(())
}

type Answered = std::pin::Pin<Box<dyn Future<Output = link::Answer> + Send>>;

/// Hands requests to the loop.
fn route(
    label: Slug,
    sender: mpsc::Sender<Incoming>,
) -> impl Fn(link::Request) -> Answered + Clone + Send + Sync + 'static {
    move |request: link::Request| {
        let (label, sender) = (label.clone(), sender.clone());
        Box::pin(async move {
            if let Some(other) = request.account.filter(|wanted| *wanted != label) {
                return link::Answer::NotFound {
                    what: "account".to_owned(),
                    name: other.to_string(),
                };
            }
            let ended = || link::Answer::Failed { message: "the host is ending".to_owned() };
            let (answer, wait) = oneshot::channel();
            if sender.send(Incoming::Request(request.task, answer)).await.is_err() {
                return ended();
            }
            wait.await.unwrap_or_else(|_| ended())
        })
    }
}

async fn stop_on_signal(signals: Signals, sender: mpsc::Sender<Incoming>) {
    signals.wait().await;
    // Where nobody listens any more the loop has ended already.
    let _ = sender.send(Incoming::Stop).await;
}

/// Keeps the lease until the loop has ended.
async fn renew(store: Arc<Store>, label: String, epoch: u64, sender: mpsc::Sender<Incoming>) {
    let mut renewed = tokio::time::Instant::now();
    loop {
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(LEASE_RENEWAL) => {}
        }
        let why = match store.lease_renew(&label, epoch, base::LEASE_TTL).await {
            Ok(true) => {
                renewed = tokio::time::Instant::now();
                continue;
            }
            Ok(false) => "another host has taken it".to_owned(),
            // The old expiry counts: until then nobody else can have it.
            Err(error) if renewed.elapsed() > base::LEASE_TTL.saturating_sub(LEASE_MARGIN) => {
                error.to_string()
            }
            Err(error) => {
                tracing::warn!(account = %label, %error, "the lease was not renewed");
                continue;
            }
        };
        let _ = sender.send(Incoming::LeaseLost(why)).await;
        return;
    }
}
