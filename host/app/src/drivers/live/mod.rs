//! The live driver: Postgres, broker and bots around the desk.
//!
//! Start: private cluster, migrations, lease, rows, broker. One [`host::Host`] per account owns its
//! desk; everything else is a task that sends it [`Incoming`].

mod bots;
mod catch_up;
mod clock;
pub(super) mod comparison;
mod cost;
mod edge;
mod feed;
mod gap;
mod hand_over;
mod host;
mod hosts;
mod lease;
mod market;
mod outbox;
mod prepare;
mod rehearsal;
mod shaping;
mod shard;
mod sight;
mod simulated;
mod slot;
mod tap;
mod used;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use stockade_core::broker::Answer;
use stockade_core::desk::{Desk, Event};
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_core::{Now, Slug};
use stockade_store::query::shadow_label;
use stockade_store::{Store, WriterHandle, WriterOptions};
use stockade_venue::alpaca::{
    AccountConfig, AccountMessage, Alpaca, Feed, MarketMessage, Notice, RestLimits, StreamLimits,
    SymbolBar, account_stream,
};
use tokio::sync::{mpsc, oneshot};

use crate::cli::run::RunArgs;
use crate::config::Settings;
use crate::failure::Failure;
use crate::link;
use clock::Clock;
use edge::Edge;
use feed::{Feeds, Source};
use host::{Host, Parts};
use hosts::{Hosts, Shadowed};
use lease::{Lease, Terms};
use simulated::Simulated;

/// Inputs that wait for the host; the streams wait beyond it, and the broker's side drops a reader
/// that is too slow, which shows as a gap and is filled.
const INPUTS_MAX: usize = 16_384;
/// Between two timer inputs.
const TICK: Duration = Duration::from_millis(50);
/// Looks at a clock that stands still, a second apart, before a replay counts as ended.
const STILL_LOOKS: u32 = 3;

/// Where a host takes its inputs from: its queue, or one that is looked at on its way.
pub(crate) trait Inputs: Send {
    /// The next input; `None` once every sender is gone. The wait may be dropped: nothing is lost.
    fn next(&mut self) -> impl Future<Output = Option<Incoming>> + Send;
}

impl Inputs for mpsc::Receiver<Incoming> {
    fn next(&mut self) -> impl Future<Output = Option<Incoming>> + Send {
        self.recv()
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A signal asked for it.
    Asked,
    /// The replay is over.
    ReplayOver,
}

/// What reaches a host.
#[expect(
    clippy::large_enum_variant,
    reason = "most messages are of the largest kind: a box for each would only cost"
)]
pub(crate) enum Incoming {
    /// An answer of the broker, or a fact from an edge.
    Event(Event),
    /// The account stream.
    Account(AccountMessage),
    /// A data stream.
    Market(Feed, MarketMessage),
    /// Bars that ended while a data stream was down.
    Missed(gap::Missed),
    /// A host that wants to see what this one sees.
    Tap(tap::TapMessage),
    /// Last bars that a person's command needs a price of: no bot gets them.
    Prices(Vec<SymbolBar>),
    /// A bot's instance, or the plugins folder.
    Bot(bots::BotMessage),
    /// A person.
    Request(link::Task, oneshot::Sender<link::Answer>),
    /// Time passed.
    Tick,
    /// The lease can't be renewed.
    LeaseLost(String),
    /// End in good order.
    Stop(Ended),
}

impl Incoming {
    /// The same, taken out.
    pub(crate) fn into_instance(self) -> Option<shard::ShardReply> {
        match self {
            Self::Bot(bots::BotMessage::Shard(reply)) => Some(reply),
            _ => None,
        }
    }

    /// Whether the plugins folder tells something.
    pub(crate) const fn is_folder(&self) -> bool {
        matches!(self, Self::Bot(bots::BotMessage::Folder(_)))
    }

    /// What a bot's instance tells, where it is that.
    pub(crate) const fn of_instance(&self) -> Option<&shard::ShardReply> {
        match self {
            Self::Bot(bots::BotMessage::Shard(reply)) => Some(reply),
            _ => None,
        }
    }
}

/// What a benchmark drives by itself: the threads of the bots.
pub(crate) mod bench {
    pub(crate) use super::cost::Lane;
    pub(crate) use super::hand_over::{BotEvent, Start};
    pub(crate) use super::shard::{ShardReply, Shards, Work};
    pub(crate) use super::sight::Sight;
}

/// Runs the host until it is told to end.
pub(crate) async fn run(settings: &Settings, args: &RunArgs) -> Result<(), Failure> {
    if !args.paper_exchange.is_empty() {
        return super::paper::run(settings, args).await;
    }
    let accounts = chosen(settings, args)?;
    run_accounts(settings, args, accounts).await.map_err(Failure::Failed)
}

fn chosen(settings: &Settings, args: &RunArgs) -> Result<Vec<AccountConfig>, Failure> {
    let mut accounts = settings.accounts(args.live)?;
    if let Some(label) = &settings.account {
        accounts.retain(|account| account.label == label.as_str());
        if accounts.is_empty() {
            return Err(Failure::NotFound { what: "account", name: label.to_string() });
        }
    }
    if args.live && settings.account.is_none() && !accounts.iter().any(|account| account.live) {
        return Err(Failure::Usage(
            "there are no live keys (--live): set ALPACA_API_KEY and ALPACA_SECRET_KEY".to_owned(),
        ));
    }
    if accounts.is_empty() {
        let live = settings.accounts(true).is_ok_and(|all| !all.is_empty());
        let text = if live {
            "there are keys of live accounts alone (ALPACA_API_KEY): trade them with --live, or set \
             ALPACA_PAPER_API_KEY and ALPACA_PAPER_SECRET_KEY"
        } else {
            "there are no keys: set ALPACA_PAPER_API_KEY and ALPACA_PAPER_SECRET_KEY, or replay files with \
             --paper-exchange FILE"
        };
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(accounts)
}

async fn run_accounts(
    settings: &Settings,
    args: &RunArgs,
    accounts: Vec<AccountConfig>,
) -> Result<()> {
    std::fs::create_dir_all(&settings.data)
        .with_context(|| format!("can't make the data folder {}", settings.data.display()))?;
    let mut base = super::base::open(settings).await?;
    base.keep_running();
    let outcome = hosted(settings, args, &base, accounts).await;
    // Also where nothing could be started: nobody else would end the database.
    let closed = base.close().await;
    outcome.and(closed)
}

/// Runs the accounts' hosts behind the data folder's socket.
async fn hosted(
    settings: &Settings,
    args: &RunArgs,
    base: &super::base::Base,
    accounts: Vec<AccountConfig>,
) -> Result<()> {
    let listener =
        link::bind(&settings.socket()).await.context("the data folder is held by another host")?;
    let outcome = host_all(settings, args, base, accounts, listener).await;
    let _ = std::fs::remove_file(settings.socket());
    outcome
}

/// Runs them until the last has ended.
async fn host_all(
    settings: &Settings,
    args: &RunArgs,
    base: &super::base::Base,
    accounts: Vec<AccountConfig>,
    listener: tokio::net::UnixListener,
) -> Result<()> {
    let mut running = Vec::new();
    let mut real = Vec::new();
    for account in accounts {
        let label = account.label.clone();
        match prepare(settings, args, &base.store, account).await {
            Ok(Prepared { host, inputs, sender, alpaca }) => {
                real.push(Shadowed { label, inputs: sender, alpaca });
                running.push(tokio::spawn(host.run(inputs)));
            }
            // One account that fails is named and left out; the others go on.
            Err(error) => tracing::error!(account = %label, "{error:#}"),
        }
    }
    if running.is_empty() {
        bail!("no account could be started (see above)");
    }
    let hosts = Hosts::new(settings, args, base.store.clone(), real);
    tokio::spawn(link::serve(listener, hosts.serve()));
    tokio::spawn(hosts.clone().stop_on_signal());
    hosts.start_shadows().await;
    let mut outcome = Ok(());
    for host in running {
        match host.await {
            Ok(Ok(ended)) => tracing::info!(?ended, "ended in good order"),
            Ok(Err(error)) => outcome = Err(error),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    hosts.stop_shadows().await;
    outcome
}

/// A host that is ready to run, and the way to it.
pub(super) struct Prepared {
    pub(super) host: Host,
    pub(super) inputs: mpsc::Receiver<Incoming>,
    pub(super) sender: mpsc::Sender<Incoming>,
    /// What tells it of history and instruments.
    alpaca: Arc<Alpaca>,
}

/// What a host trades with, and what it sees.
struct World {
    label: Slug,
    /// The keys that orders are sent with.
    account: AccountConfig,
    broker: Arc<Alpaca>,
    /// What is asked for history and instruments.
    data: Arc<Alpaca>,
    source: Source,
    clock: Clock,
    simulated: Option<Simulated>,
    /// Of an account that is new.
    controls: Controls,
}

/// The host of a real account.
pub(super) async fn prepare(
    settings: &Settings,
    args: &RunArgs,
    store: &Arc<Store>,
    account: AccountConfig,
) -> Result<Prepared> {
    let (sender, receiver) = mpsc::channel(INPUTS_MAX);
    let label = Slug::new(&account.label)?;
    let alpaca = Arc::new(Alpaca::new(&account, limits(settings), notices(sender.clone()))?);
    let world = World {
        label,
        source: Source::broker(account.clone()),
        account,
        broker: alpaca.clone(),
        clock: broker_clock(&alpaca).await?,
        data: alpaca.clone(),
        simulated: None,
        controls: Controls::live(),
    };
    if args.until_end {
        tokio::spawn(watch_end(alpaca, sender.clone()));
    }
    assemble(settings, args, store, world, (sender, receiver)).await
}

/// The host of the shadow of an account: the same market, a broker of its own.
async fn prepare_shadow(
    settings: &Settings,
    args: &RunArgs,
    store: &Arc<Store>,
    of: &Shadowed,
) -> Result<Prepared> {
    let (sender, receiver) = mpsc::channel(INPUTS_MAX);
    let label = Slug::new(&shadow_label(&of.label))?;
    let clock = broker_clock(&of.alpaca).await?;
    let rows = store.account_load(label.as_str()).await?;
    let opened = rows.is_some_and(|rows| rows.account.opened_at.is_some());
    // A new shadow is held to the limits of its account.
    let shadowed = if opened { None } else { store.account_load(&of.label).await? };
    let symbols = of.alpaca.symbols().clone();
    let (simulated, account) =
        Simulated::open(settings, &label, &clock, opened, symbols.clone()).await?;
    let broker = Alpaca::new(&account, limits(settings), notices(sender.clone()))?;
    let world = World {
        label,
        account,
        broker: Arc::new(broker.with_symbols(symbols)),
        data: of.alpaca.clone(),
        source: Source::Tap(tap::listen(of.inputs.clone(), sender.clone())),
        clock,
        simulated: Some(simulated),
        controls: shadowed.map_or_else(Controls::live, |rows| rows.account.controls),
    };
    assemble(settings, args, store, world, (sender, receiver)).await
}

fn limits(settings: &Settings) -> RestLimits {
    RestLimits { deadline: terms(settings).request(), ..RestLimits::default() }
}

fn terms(settings: &Settings) -> Terms {
    Terms::new(Duration::from_secs(settings.lease_ttl_seconds))
}

async fn assemble(
    settings: &Settings,
    args: &RunArgs,
    store: &Arc<Store>,
    world: World,
    (sender, receiver): (mpsc::Sender<Incoming>, mpsc::Receiver<Incoming>),
) -> Result<Prepared> {
    let World { label, account, broker, data, source, clock, simulated, controls } = world;
    let terms = terms(settings);
    let now = clock.now();
    let asked = lease::clock();
    let epoch = super::base::lease_for(store, label.as_str(), args.take_over, terms.ttl).await?;
    let lease = Lease::taken(terms, asked);
    let rows = rows_of(store, &label, controls, now).await?;
    let desk_settings = desk_settings(settings, &clock);
    let desk = Desk::restore(rows, desk_settings)?;
    let writer =
        WriterHandle::spawn(store, label.as_str(), epoch, WriterOptions::default()).await?;
    tokio::spawn(lease.clone().keep(store.clone(), label.to_string(), epoch, sender.clone()));
    let seed = super::base::machine().0.unsigned_abs();
    forward_account(account_stream(&account, StreamLimits::default(), seed)?, sender.clone());
    tick(sender.clone());
    let bots = bots::Bots::new(
        settings,
        (args.plugins.as_deref(), args.live),
        store.clone(),
        data.clone(),
        label.clone(),
        sender.clone(),
    )?;
    // Held positions and open orders need their instruments before the first comparison.
    let symbols: Vec<_> = market::wanted(desk.bots().map(|bot| bot.symbols.as_slice()));
    let mut feeds = Feeds::new(source, data.clone(), sender.clone());
    if let Some(event) = feeds.assets().instruments(&symbols).await {
        let _ = sender.send(Incoming::Event(event)).await;
    }
    if simulated.as_ref().is_some_and(Simulated::has_open_orders) {
        feeds.begin_behind();
    }
    let host = Host::new(Parts {
        store: store.clone(),
        label: label.to_string(),
        desk,
        desk_settings,
        writer,
        epoch,
        lease: lease.clone(),
        take_over: args.take_over,
        clock,
        edge: Edge::new(broker, lease, sender.clone()),
        feeds,
        bots,
        simulated,
        inputs: sender.clone(),
        equity_interval_ns: seconds(settings.equity_interval_seconds),
    });
    Ok(Prepared { host, inputs: receiver, sender, alpaca: data })
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX / 1_000_000_000).saturating_mul(1_000_000_000)
}

fn desk_settings(settings: &Settings, clock: &Clock) -> stockade_core::desk::Settings {
    let mut desk = stockade_core::desk::Settings {
        unknown_quiet_ns: seconds(settings.unknown_quiet_seconds),
        reconcile_interval_ns: seconds(settings.reconcile_interval_seconds),
        ..stockade_core::desk::Settings::default()
    };
    // A second look after a difference comes no later than the next regular one.
    desk.hold_off_ns = desk.hold_off_ns.min(desk.reconcile_interval_ns);
    if clock.is_replay() {
        // A replay passes minutes in the blink of an eye: only its session bounds an order's wait.
        desk.accepted_max_ns = seconds(6 * 3600);
    }
    desk
}

fn notices(sender: mpsc::Sender<Incoming>) -> stockade_venue::alpaca::Notify {
    Arc::new(move |notice| match notice {
        Notice::Budget(report) => {
            // A full queue has newer budgets behind it.
            let _ = sender.try_send(Incoming::Event(Event::Budget { report }));
        }
        Notice::AuthRefused { http, message } => {
            tracing::error!(http, %message, "the broker refuses the keys: nothing new can be sent");
        }
    })
}

async fn broker_clock(alpaca: &Alpaca) -> Result<Clock> {
    match alpaca.clock().await {
        Answer::Done { value } => Ok(Clock::new(value.at)),
        Answer::Refused { http, message, .. } => {
            bail!("the broker refuses the keys ({http}: {message})")
        }
        Answer::NotTaken { why, .. } | Answer::Unknown { why } => {
            bail!("the broker can't be reached: {why}")
        }
        Answer::NotFound => bail!("the broker has no clock: is the base URL right?"),
    }
}

/// The account's rows; a new account is made on first use.
async fn rows_of(store: &Store, label: &Slug, controls: Controls, now: Now) -> Result<Rows> {
    if let Some(rows) = store.account_load(label.as_str()).await? {
        return Ok(rows);
    }
    let rows = Rows::new_account(label.clone(), super::base::era(), true, controls, now);
    store.account_create(&rows.account, &rows.to_rows()).await?;
    Ok(rows)
}

fn forward_account(mut messages: mpsc::Receiver<AccountMessage>, inputs: mpsc::Sender<Incoming>) {
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            if inputs.send(Incoming::Account(message)).await.is_err() {
                return;
            }
        }
    });
}

fn tick(inputs: mpsc::Sender<Incoming>) {
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            if inputs.send(Incoming::Tick).await.is_err() {
                return;
            }
        }
    });
}

/// A broker's clock always goes on; a replay's stands still when its files have ended.
async fn watch_end(alpaca: Arc<Alpaca>, inputs: mpsc::Sender<Incoming>) {
    let (mut last, mut still) = (None, 0);
    while !inputs.is_closed() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Answer::Done { value } = alpaca.clock().await else {
            continue;
        };
        let same = last == Some(value.at) && !value.is_open;
        still = if same { still + 1 } else { 0 };
        last = Some(value.at);
        if still >= STILL_LOOKS {
            // Said again and again: the host knows whether it has seen the replay begin.
            let _ = inputs.send(Incoming::Stop(Ended::ReplayOver)).await;
        }
    }
}
