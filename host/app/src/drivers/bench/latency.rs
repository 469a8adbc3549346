//! From the return of a bot's handler to its order on the wire, committed in between; the exchange
//! is another process. Against bare commits of one row on the same Postgres, in turns with the
//! orders.
//!
//! The host is the live one, whole: bot threads, lease, writer, streams, request budget; the bot is
//! a real component. It gets its bars from here, one pair for each order, far below the exchange's
//! prices, so that its order rests until it is canceled. One order at a time, below the budget.
//! Between the handler's return and the wire lie: the save of the bot's state, the way to the desk's
//! queue, every check, the commit, and the request.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rust_decimal::Decimal;
use stockade_core::broker::BrokerStatus;
use stockade_core::desk::{Command, Event, Reply, Scope};
use stockade_core::{Money, OrderId, Price, Qty, Slug, Symbol, Timestamp};
use stockade_exchange::Sessions;
use stockade_store::Cluster;
use stockade_venue::alpaca::{AccountMessage, Feed, MarketMessage, SymbolBar};
use tokio::sync::{mpsc, oneshot};

use super::commits::Bare;
use super::exchange::Exchange;
use super::figure::{Figure, millis, percentile};
use super::place::{BOT, Place};
use super::{SEED, market, tap};
use crate::cli::run::RunArgs;
use crate::config::{Environment, Settings};
use crate::drivers::base;
use crate::drivers::live::{self, Ended, Incoming, Inputs};
use crate::failure::Failure;
use crate::link::{Answer, Task};

/// Orders that count.
const ORDERS: usize = 5_000;
/// Orders before: connections, plans and caches are warm then.
const WARM: usize = 200;
/// Between two orders, each with its cancel: at most 12,000 requests a minute of 80,000 allowed. The
/// bare commit comes halfway: it too finds a database that was idle, and waits for nobody.
const PACE: Duration = Duration::from_millis(10);
/// Minutes of the market: more than the orders take at that speed.
const MINUTES: usize = 390 * 20;
const KEY: &str = "PKBENCH";
const SECRET: &str = "bench-secret";
pub(super) const SYMBOL: &str = "BENCH";
/// Inputs between the look-through and the host.
const QUEUE_MAX: usize = 1_024;
/// What may take long at most: the first comparison, the bot's start, an order's way.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an order is waited for: none comes while the market is closed.
const ORDER_WAIT: Duration = Duration::from_secs(1);
/// Pairs of bars without an order in a row: more than a night takes.
const NO_ORDER_MAX: u32 = 100;

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let plugin = place.plugin()?;
    let components = [(BOT, place.component()?)];
    let measured = hosted(place, "latency", &components, async |bench: &mut Bench, _: &Path| {
        bench.all(&plugin).await
    });
    let (mut orders, mut bare) = measured.await?;
    let bare_p50 = percentile(&mut bare, 50);
    let p50 = percentile(&mut orders, 50);
    let n = u64::try_from(orders.len()).unwrap_or(u64::MAX);
    let beyond = Figure::alone(
        "latency-beyond-commit",
        (millis(p50) - millis(bare_p50), "ms"),
        "p50 less the p50 of a bare commit",
        n,
    );
    let bare_p99 = percentile(&mut bare, 99);
    let against = "a bare commit of one row; from the return of a bot's handler to the wire";
    Ok(vec![
        Figure::new("latency", (millis(p50), "ms p50"), (against, millis(bare_p50)), n),
        Figure::new(
            "latency-p99",
            (millis(percentile(&mut orders, 99)), "ms p99"),
            (against, millis(bare_p99)),
            n,
        ),
        beyond,
    ])
}

/// Lets something be played with a live host that trades at an exchange in another process, through
/// the wire tap, and has these components in its folder.
pub(super) async fn hosted<T>(
    place: &Place,
    part: &str,
    components: &[(&str, Vec<u8>)],
    play: impl AsyncFnOnce(&mut Bench, &Path) -> Result<T>,
) -> Result<T, Failure> {
    let folder = place.folder(&format!("{part}-exchange"))?;
    let file = folder.join("bars.csv");
    market::write(&file, SEED, MINUTES, Sessions::Calendar)?;
    let exchange = Exchange::start(&file, SYMBOL, &format!("{KEY}:{SECRET}"), &folder)?;
    let (seen, wire) = std::sync::mpsc::channel();
    let tap = tap::start(exchange.address, seen)?;
    let base_url = format!("http://{tap}");
    let settings = Settings {
        environment: Environment::of([
            ("ALPACA_PAPER_API_KEY", KEY),
            ("ALPACA_PAPER_SECRET_KEY", SECRET),
            ("ALPACA_PAPER_BASE_URL", base_url.as_str()),
        ]),
        account: None,
        ..place.settings(part)?
    };
    // Theirs alone: the host compiles whatever it finds.
    let bots = place.folder(&format!("{part}-bots"))?;
    for (name, bytes) in components {
        std::fs::write(bots.join(format!("{name}.wasm")), bytes)?;
    }
    let base = base::open(&settings).await?;
    let cluster = Cluster::open(&settings.data).await.map_err(anyhow::Error::new)?;
    let played = through_host(&settings, &base, &cluster.url(), (&bots, wire), play).await;
    base.close().await?;
    drop(cluster);
    Ok(played?)
}

async fn through_host<T>(
    settings: &Settings,
    base: &base::Base,
    url: &str,
    (bots, wire): (&Path, Receiver<Instant>),
    play: impl AsyncFnOnce(&mut Bench, &Path) -> Result<T>,
) -> Result<T> {
    let account =
        settings.accounts(false)?.into_iter().next().context("the environment names no account")?;
    let args = RunArgs {
        plugins: Some(bots.to_owned()),
        paper_exchange: Vec::new(),
        until_end: false,
        take_over: false,
        live: false,
    };
    let live::Prepared { host, inputs, sender, .. } =
        live::prepare(settings, &args, &base.store, account).await?;
    let (to_host, ours) = mpsc::channel(QUEUE_MAX);
    let (seen, news) = mpsc::unbounded_channel();
    drop(sender);
    let looked_at = LookedAt { theirs: inputs, ours, seen, taken: None };
    let running = tokio::spawn(host.run(looked_at));
    let url = url.to_owned();
    let mut bench =
        Bench { host: to_host, url, wire, news, at: Timestamp(0), loaded: 0, first: None };
    let played = play(&mut bench, bots).await;
    // The host may have ended with an error already: that is the one to tell.
    let _ = bench.host.send(Incoming::Stop(Ended::Asked)).await;
    let ended = running.await.map_err(|error| anyhow!("the host's task: {error}"))?;
    let played = played?;
    ended?;
    Ok(played)
}

/// What came past on its way to the host.
pub(super) enum Seen {
    Started,
    /// The plugins folder has told of a file.
    Loaded,
    /// The handler that asked returned then.
    Asked(Instant),
    Bar(Timestamp),
    Submitted(OrderId),
    Ended,
}

/// The host's inputs and those of the benchmark, looked at where the host takes them. The exchange's
/// prices are kept back: the bot gets those of the benchmark.
struct LookedAt {
    theirs: mpsc::Receiver<Incoming>,
    ours: mpsc::Receiver<Incoming>,
    seen: mpsc::UnboundedSender<Seen>,
    /// Of the input that the host has now: told once it has dealt with it, so that the telling takes
    /// none of its time.
    taken: Option<Seen>,
}

impl Inputs for LookedAt {
    async fn next(&mut self) -> Option<Incoming> {
        // Nobody listens any more once everything is measured.
        let _ = self.taken.take().map(|taken| self.seen.send(taken));
        loop {
            let (incoming, theirs) = tokio::select! {
                biased;
                ours = self.ours.recv() => (ours?, false),
                theirs = self.theirs.recv() => (theirs?, true),
            };
            if let (true, Incoming::Market(_, message)) = (theirs, &incoming) {
                match message {
                    MarketMessage::Bars(bars) => {
                        let last = bars.iter().map(|bar| bar.at).max();
                        let _ = last.map(|at| self.seen.send(Seen::Bar(at)));
                        continue;
                    }
                    MarketMessage::Quote(_) | MarketMessage::Trade(_) => continue,
                    _ => {}
                }
            }
            self.taken = news(&incoming);
            return Some(incoming);
        }
    }
}

fn news(incoming: &Incoming) -> Option<Seen> {
    match incoming {
        Incoming::Event(Event::Submitted { order, .. }) => Some(Seen::Submitted(*order)),
        Incoming::Account(AccountMessage::Update(update)) => {
            let gone = [BrokerStatus::Canceled, BrokerStatus::Expired, BrokerStatus::Rejected];
            gone.contains(&update.order.status).then_some(Seen::Ended)
        }
        other if other.is_folder() => Some(Seen::Loaded),
        other => other.of_instance().and_then(|reply| match reply.asked() {
            Some(returned) => Some(Seen::Asked(returned)),
            None => reply.is_start().then_some(Seen::Started),
        }),
    }
}

/// A live host as it is played with from outside.
pub(super) struct Bench {
    host: mpsc::Sender<Incoming>,
    /// The address of its database.
    url: String,
    wire: Receiver<Instant>,
    news: mpsc::UnboundedReceiver<Seen>,
    /// The exchange's last bar.
    at: Timestamp,
    /// Files that the plugins folder has told of.
    loaded: u32,
    /// The same when it was first asked for.
    first: Option<u32>,
}

/// An order on its way.
pub(super) struct Ordered {
    /// When the event that it answers came to the host.
    pub(super) arrived: Instant,
    /// When the handler returned.
    pub(super) returned: Instant,
    on_wire: Instant,
}

impl Bench {
    /// Times of the orders and of the bare commits.
    async fn all(
        &mut self,
        plugin: &stockade_runtime::Plugin,
    ) -> Result<(Vec<Duration>, Vec<Duration>)> {
        self.prepare(plugin).await?;
        let mut bare = Bare::open(&self.url).await?;
        let (mut orders, mut commits) = (Vec::with_capacity(ORDERS), Vec::with_capacity(ORDERS));
        let mut next = tokio::time::Instant::now();
        let mut without = 0;
        while orders.len() < ORDERS + WARM {
            next += PACE;
            tokio::time::sleep_until(next).await;
            match self.order().await? {
                Some(order) => {
                    orders.push(order.on_wire.saturating_duration_since(order.returned));
                    tokio::time::sleep_until(next + PACE / 2).await;
                    commits.push(bare.one().await?);
                    without = 0;
                }
                None => without += 1,
            }
            ensure!(without < NO_ORDER_MAX, "the bot gave no order for {without} pairs of bars");
            // A pause of the exchange is not made up for in a burst.
            next = next.max(tokio::time::Instant::now());
        }
        bare.close().await?;
        Ok((orders.split_off(WARM), commits.split_off(WARM)))
    }

    /// A bot whose orders no control holds up, running, and a market to follow.
    pub(super) async fn prepare(&mut self, plugin: &stockade_runtime::Plugin) -> Result<()> {
        let params = [("fast", "1"), ("slow", "2"), ("qty", "1")];
        let deploy = Command::BotDeploy {
            name: Slug::new("bench")?,
            sleeve: None,
            capital: Money::new(Decimal::from(90_000)),
            plugin: BOT.to_owned(),
            digest: plugin.digest().to_string(),
            version: plugin.description().version.clone(),
            params: params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            symbols: vec![Symbol::new(SYMBOL)?],
            seed: SEED,
        };
        let until = Instant::now() + PATIENCE;
        while let Some(why) = self.command(deploy.clone()).await? {
            // The account's cash is there once it was compared.
            ensure!(Instant::now() < until, "the bot is refused: {why}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let off = ["order_rate", "duplicate_window_ms"];
        let settings = off.map(|control| (control.to_owned(), "none".to_owned())).to_vec();
        if let Some(why) =
            self.command(Command::RiskSet { scope: Scope::Account, settings }).await?
        {
            bail!("the controls can't be switched off: {why}");
        }
        self.until("the bot's start", |seen| matches!(seen, Seen::Started).then_some(())).await?;
        self.until("a bar", |seen| matches!(seen, Seen::Bar(_)).then_some(())).await
    }

    /// Carries a command out; gives why it was refused.
    pub(super) async fn command(&mut self, command: Command) -> Result<Option<String>> {
        match self.ask(command).await?.await.context("the host ended")? {
            Answer::Reply(Reply::Done { .. }) => Ok(None),
            Answer::Reply(Reply::Refused { refusal }) => Ok(Some(refusal.to_string())),
            other => bail!("the host answered {other:?}"),
        }
    }

    async fn ask(&mut self, command: Command) -> Result<oneshot::Receiver<Answer>> {
        let (answer, wait) = oneshot::channel();
        let request = Incoming::Request(Task::Command(Box::new(command)), answer);
        self.host.send(request).await.map_err(|_| anyhow!("the host ended"))?;
        Ok(wait)
    }

    /// Whether so many files have been loaded, or refused, since the first.
    pub(super) fn is_compiled(&mut self, files: u32) -> bool {
        let first = *self.first.get_or_insert(self.loaded);
        self.loaded - first >= files
    }

    /// Waits for something that comes past.
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        is: impl Fn(&Seen) -> Option<T>,
    ) -> Result<T> {
        match self.within(PATIENCE, is).await? {
            Some(found) => Ok(found),
            None => bail!("{what} did not come within {} seconds", PATIENCE.as_secs()),
        }
    }

    async fn within<T>(
        &mut self,
        patience: Duration,
        is: impl Fn(&Seen) -> Option<T>,
    ) -> Result<Option<T>> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let Ok(seen) = tokio::time::timeout_at(until, self.news.recv()).await else {
                return Ok(None);
            };
            let seen = seen.context("the host ended")?;
            if matches!(seen, Seen::Loaded) {
                self.loaded += 1;
            }
            if let Seen::Bar(at) = seen {
                self.at = self.at.max(at);
            }
            if let Some(found) = is(&seen) {
                return Ok(Some(found));
            }
        }
    }

    /// One order and its end; `None` where the bot gave none: the market is closed.
    pub(super) async fn order(&mut self) -> Result<Option<Ordered>> {
        let mut arrived = Instant::now();
        for cents in [100, 110] {
            // A bar of a time that the bot has seen would be taken for a repetition.
            self.at = self.at.plus(1);
            let price = Price::new(Decimal::new(cents, 2));
            let (open, high, low, close) = (price, price, price, price);
            let (symbol, at, volume) = (Symbol::new(SYMBOL)?, self.at, Qty::new(Decimal::TEN));
            let bar = SymbolBar { symbol, at, open, high, low, close, volume };
            let bars = Incoming::Market(Feed::Stock, MarketMessage::Bars(vec![bar]));
            arrived = Instant::now();
            self.host.send(bars).await.map_err(|_| anyhow!("the host ended"))?;
        }
        let asked = |seen: &Seen| match seen {
            Seen::Asked(returned) => Some(*returned),
            _ => None,
        };
        let Some(returned) = self.within(ORDER_WAIT, asked).await? else {
            return Ok(None);
        };
        let submitted = |seen: &Seen| match seen {
            Seen::Submitted(order) => Some(*order),
            _ => None,
        };
        let Some(order) = self.within(ORDER_WAIT, submitted).await? else {
            return Ok(None);
        };
        let on_wire = self.wire.try_recv().context("an accepted order was not seen on the wire")?;
        if let Some(why) = self.command(Command::OrderCancel { order }).await? {
            bail!("order {order} can't be canceled: {why}");
        }
        self.until("an order's end", |seen| matches!(seen, Seen::Ended).then_some(())).await?;
        Ok(Some(Ordered { arrived, returned, on_wire }))
    }
}
