//! From an intent in the host's queue to its order on the wire, committed in between; the exchange
//! is another process. Against bare commits of one row on the same Postgres, in turns with the
//! orders.
//!
//! The host is the live one, whole: lease, writer, streams, request budget. Orders go in one at a
//! time, well below the budget; each is a limit order that can't fill and ends with the next bar.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rust_decimal::Decimal;
use stockade_core::desk::{Command, Reply, Scope};
use stockade_core::ledger::LotMethod;
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::{Money, Price, Qty, Slug, Symbol};
use stockade_exchange::Sessions;
use stockade_store::Cluster;
use tokio::sync::{mpsc, oneshot};

use super::commits::Bare;
use super::exchange::Exchange;
use super::figure::{Figure, millis, percentile};
use super::place::Place;
use super::{SEED, market, tap};
use crate::cli::run::RunArgs;
use crate::config::{Environment, Settings};
use crate::drivers::base;
use crate::drivers::live::{self, Ended, Incoming};
use crate::failure::Failure;
use crate::link::{Answer, Task};

/// Orders that count.
const ORDERS: usize = 5_000;
/// Orders before: connections, plans and caches are warm then.
const WARM: usize = 200;
/// Between two orders: 12,000 a minute of 80,000 allowed.
const PACE: Duration = Duration::from_micros(2_500);
/// Minutes of the market: more than the orders take at that speed.
const MINUTES: usize = 390 * 20;
const KEY: &str = "PKBENCH";
const SECRET: &str = "bench-secret";
const SLEEVE: &str = "bench";
const SYMBOL: &str = "BENCH";
/// What may take long at most: the first comparison, an order's way.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let folder = place.folder("latency-exchange")?;
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
        ..place.settings("latency")?
    };
    let base = base::open(&settings).await?;
    let cluster = Cluster::open(&settings.data).await.map_err(anyhow::Error::new)?;
    let measured = through_host(&settings, &base, &cluster.url(), wire).await;
    base.close().await?;
    drop(cluster);
    Ok(measured?)
}

async fn through_host(
    settings: &Settings,
    base: &base::Base,
    url: &str,
    wire: Receiver<Instant>,
) -> Result<Vec<Figure>> {
    let account =
        settings.accounts(false)?.into_iter().next().context("the environment names no account")?;
    let args = RunArgs {
        plugins: None,
        paper_exchange: Vec::new(),
        until_end: false,
        take_over: false,
        live: false,
    };
    let (host, inputs, sender) = live::prepare(settings, &args, &base.store, account).await?;
    let running = tokio::spawn(host.run(inputs));
    let mut bench = Bench { host: sender, wire, sent: 0 };
    let measured = bench.all(url).await;
    // The host may have ended with an error already: that is the one to tell.
    let _ = bench.host.send(Incoming::Stop(Ended::Asked)).await;
    let ended = running.await.map_err(|error| anyhow!("the host's task: {error}"))?;
    let (mut orders, mut bare) = measured?;
    ended?;
    let bare_p50 = percentile(&mut bare, 50);
    let p50 = percentile(&mut orders, 50);
    let n = u64::try_from(orders.len())?;
    let beyond = Figure::alone(
        "latency-beyond-commit",
        (millis(p50) - millis(bare_p50), "ms"),
        "p50 less the p50 of a bare commit",
        n,
    );
    let bare_p99 = percentile(&mut bare, 99);
    let against = "a bare commit of one row";
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

struct Bench {
    host: mpsc::Sender<Incoming>,
    wire: Receiver<Instant>,
    sent: u32,
}

impl Bench {
    /// Times of the orders and of the bare commits.
    async fn all(&mut self, url: &str) -> Result<(Vec<Duration>, Vec<Duration>)> {
        self.prepare().await?;
        let mut bare = Bare::open(url).await?;
        let (mut orders, mut commits) = (Vec::with_capacity(ORDERS), Vec::with_capacity(ORDERS));
        let mut next = tokio::time::Instant::now();
        while orders.len() < ORDERS + WARM {
            next += PACE;
            tokio::time::sleep_until(next).await;
            if let Some(took) = self.order().await? {
                orders.push(took);
                commits.push(bare.one().await?);
            }
            // A pause of the exchange is not made up for in a burst.
            next = next.max(tokio::time::Instant::now());
        }
        bare.close().await?;
        Ok((orders.split_off(WARM), commits.split_off(WARM)))
    }

    /// A sleeve whose orders no control holds up.
    async fn prepare(&mut self) -> Result<()> {
        let create = Command::SleeveCreate {
            name: Slug::new(SLEEVE)?,
            capital: Money::new(Decimal::from(90_000)),
            lots: LotMethod::Fifo,
        };
        let until = Instant::now() + PATIENCE;
        while let Some(why) = self.command(create.clone()).await? {
            // The account's cash is there once it was compared.
            ensure!(Instant::now() < until, "the sleeve is refused: {why}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let off = ["order_rate", "price_collar_pct", "duplicate_window_ms"];
        let settings = off.map(|control| (control.to_owned(), "none".to_owned())).to_vec();
        if let Some(why) =
            self.command(Command::RiskSet { scope: Scope::Account, settings }).await?
        {
            bail!("the controls can't be switched off: {why}");
        }
        Ok(())
    }

    /// Carries a command out; gives why it was refused.
    async fn command(&mut self, command: Command) -> Result<Option<String>> {
        let answer = self.ask(command).await?.await.context("the host ended")?;
        match answer {
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

    /// One order; `None` while the market is closed.
    async fn order(&mut self) -> Result<Option<Duration>> {
        self.sent += 1;
        let price = Decimal::new(100 + i64::from(self.sent % 100), 2);
        let intent = Intent {
            symbol: Symbol::new(SYMBOL)?,
            side: Side::Buy,
            size: Size::Qty(Qty::new(Decimal::ONE)),
            order_type: OrderType::Limit { limit_price: Price::new(price) },
            time_in_force: TimeInForce::Ioc,
            extended_hours: false,
            reason: None,
            tag: None,
            lot: None,
        };
        let command = Command::OrderSubmit { sleeve: Slug::new(SLEEVE)?, intent };
        let began = Instant::now();
        let answer = self.ask(command).await?.await.context("the host ended")?;
        match answer {
            Answer::Reply(Reply::Done { .. }) => {}
            // Nights of the market are short at this speed.
            Answer::Reply(Reply::Refused { .. }) => return Ok(None),
            other => bail!("the host answered {other:?}"),
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match self.wire.try_recv() {
                Ok(at) => return Ok(Some(at.saturating_duration_since(began))),
                Err(std::sync::mpsc::TryRecvError::Empty) if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_micros(500)).await;
                }
                Err(error) => bail!("an accepted order was not seen on the wire: {error}"),
            }
        }
    }
}
