//! The stage: a fresh folder, the private PostgreSQL, and the children that the tour is played with.
//!
//! Guarantees: nothing outside the folder is written, no setting and no key of the user's reaches a
//! child; [`Stage::close`] leaves nothing running, whatever happened before.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stockade_core::desk::{Command as DeskCommand, Reply};
use stockade_store::{Cluster, Store};
use tokio::process::Command;

use super::broker::Broker;
use super::child::Child;
use super::place;
use super::plan::{self, Plan};
use super::voice::Voice;
use crate::cli::demo::DemoArgs;
use crate::config::Settings;
use crate::drivers::base::{self, Base};
use crate::failure::Failure;
use crate::link::{AccountHealth, Answer, HostReply, HostRequest, Link, Task};

/// What the children keep of this process's environment.
const KEPT: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LANG", "STOCKADE_PG_BIN"];
/// The host's settings, for a tour that has no hours.
const HASTE: [(&str, &str); 3] = [
    ("STOCKADE_BOTS_SNAPSHOT_INTERVAL_SECONDS", "5"),
    ("STOCKADE_ORDERS_UNKNOWN_QUIET_SECONDS", "2"),
    ("STOCKADE_RECONCILE_INTERVAL_SECONDS", "5"),
];
/// How long the host may take until it trades.
const READY_MAX: Duration = Duration::from_secs(60);
/// Between two looks at a host that starts.
const LOOK: Duration = Duration::from_millis(10);
const KEY: &str = "PKTOUR";

/// The stage.
pub(super) struct Stage {
    /// All that the tour leaves.
    pub(super) out: PathBuf,
    settings: Settings,
    bots: PathBuf,
    program: PathBuf,
    base: Option<Base>,
    exchange: Option<Child>,
    host: Option<Child>,
    broker: Option<Broker>,
    /// What every command of the product gets.
    environment: Vec<(String, String)>,
}

impl Stage {
    /// Makes the folder; starts nothing yet.
    pub(super) fn new(settings: &Settings, args: &DemoArgs) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let bots = place::bots(args.plugins.as_deref(), &program)?;
        let out = place::folder(args.out.as_deref())?;
        let mut settings = settings.apart(out.join("data"));
        settings.account = None;
        std::fs::create_dir(&settings.data)?;
        std::fs::create_dir(&settings.plugins)?;
        let kept =
            KEPT.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let environment = kept.collect();
        Ok(Self {
            out,
            settings,
            bots,
            program,
            base: None,
            exchange: None,
            host: None,
            broker: None,
            environment,
        })
    }

    /// Starts everything, and tells what it started.
    pub(super) async fn open(&mut self, plan: Plan, voice: &Voice) -> Result<Plan> {
        voice.scene(
            "a private PostgreSQL, the paper exchange and the host, each a process of its own",
        )?;
        voice.say(&format!("everything is kept in {}", self.out.display()))?;
        let began = Instant::now();
        self.base = Some(base::open(&self.settings).await?);
        let version = self.store()?.server_version().await?;
        voice.say(&format!(
            "PostgreSQL {version} answers after {} ms",
            began.elapsed().as_millis()
        ))?;
        self.put_bots()?;
        let began = Instant::now();
        self.type_in(&["account", "list"]).await?;
        let plan = plan.at_pace(u64::try_from(began.elapsed().as_millis())?);
        let address = self.open_exchange(&plan).await?;
        let broker = Broker::of(&self.environment)?;
        let snapshot = broker.snapshot(Plan::market_after(0)).await?;
        voice.say(&format!(
            "the exchange listens on {address}: account {} with {} USD in cash, market at {} times its pace, seed {}",
            snapshot.account_id, snapshot.cash, plan.speed, plan.seed
        ))?;
        self.broker = Some(broker);
        let ready = self.start_host().await?;
        let pid = self.host.as_ref().map_or(0, Child::pid);
        voice.say(&format!(
            "the host (process {pid}) is ready to trade after {} ms",
            ready.as_millis()
        ))?;
        Ok(plan)
    }

    /// Copies of the bots: the tour replaces one of them.
    fn put_bots(&self) -> Result<()> {
        for bot in &plan::BOTS {
            self.put_bot(bot.plugin, bot.plugin)?;
        }
        Ok(())
    }

    /// Puts a component into the plugins folder under a name, whole or not at all.
    pub(super) fn put_bot(&self, file: &str, plugin: &str) -> Result<()> {
        let from = self.bots.join(format!("{file}.wasm"));
        let to = self.settings.plugins.join(format!("{plugin}.wasm"));
        let partial = to.with_extension("partial");
        std::fs::copy(&from, &partial).with_context(|| format!("can't copy {}", from.display()))?;
        std::fs::rename(&partial, &to).with_context(|| format!("can't write {}", to.display()))
    }

    async fn open_exchange(&mut self, plan: &Plan) -> Result<String> {
        let secret = format!("{}{}", base::era(), base::era());
        let mut command = self.program_command();
        command
            .args([
                "exchange",
                "--listen",
                "127.0.0.1:0",
                "--symbols",
                plan::SYMBOLS,
                "--cash",
                plan::CASH,
            ])
            .args(["--key", &format!("{KEY}:{secret}")])
            .args(["--speed", &plan.speed.to_string(), "--minutes", &plan.minutes.to_string()])
            .args(["--seed", &plan.seed.to_string()])
            .arg("--state")
            .arg(self.out.join("exchange.state"))
            .stdout(Stdio::piped());
        let mut child = Child::start("exchange", command, &self.out.join("exchange.log"))?;
        let line = child.first_line().await;
        self.exchange = Some(child);
        let line = line?;
        let Some(address) = line.strip_prefix("listening on ") else {
            bail!("the exchange said {line:?} instead of where it listens");
        };
        let mut set =
            |name: &str, value: &str| self.environment.push((name.to_owned(), value.to_owned()));
        set("ALPACA_PAPER_API_KEY", KEY);
        set("ALPACA_PAPER_SECRET_KEY", &secret);
        set("ALPACA_PAPER_BASE_URL", address);
        for (name, value) in HASTE {
            set(name, value);
        }
        Ok(address.to_owned())
    }

    /// Starts the host and waits until it can trade; gives how long that took.
    pub(super) async fn start_host(&mut self) -> Result<Duration> {
        let mut command = self.program_command();
        command
            .arg("--data")
            .arg(&self.settings.data)
            .arg("run")
            .arg("--plugins")
            .arg(&self.settings.plugins);
        command.stdout(Stdio::null());
        let began = Instant::now();
        self.host = Some(Child::start("host", command, &self.out.join("host.log"))?);
        loop {
            self.check()?;
            if self.health().await?.is_some_and(|health| health.ready && health.account_stream) {
                return Ok(began.elapsed());
            }
            if began.elapsed() > READY_MAX {
                bail!(
                    "the host was not ready within {READY_MAX:?}: see {}",
                    self.out.join("host.log").display()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn health(&self) -> Result<Option<AccountHealth>> {
        let Some(mut link) = Link::open(&self.settings.socket()).await? else {
            return Ok(None);
        };
        match link.call(None, Task::Host(HostRequest::Health)).await {
            Ok(Answer::Host(HostReply::Health { accounts })) => Ok(accounts.into_iter().next()),
            // A host that starts or ends may close the connection.
            _ => Ok(None),
        }
    }

    /// This program, in the tour's folder, with nothing of the user's settings.
    fn program_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let variables = self.environment.iter().map(|(name, value)| (name, value));
        command.env_clear().envs(variables).current_dir(&self.out);
        command
    }

    /// Runs one of the product's commands as a person would, and gives what it printed.
    pub(super) async fn type_in(&self, words: &[&str]) -> Result<String> {
        let mut command = self.program_command();
        command
            .arg("--data")
            .arg(&self.settings.data)
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.context("a command can't be started")?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("stockade {} ended with {}: {}", words.join(" "), output.status, said.trim_end())
    }

    /// Has the host's desk carry out a command.
    pub(super) async fn command(&self, command: DeskCommand) -> Result<Reply> {
        match self.ask(Task::Command(Box::new(command))).await? {
            Answer::Reply(Reply::Refused { refusal }) => Err(Failure::refused(&refusal).into()),
            Answer::Reply(reply) => Ok(reply),
            other => bail!("the host answered {other:?}"),
        }
    }

    /// Asks the host.
    pub(super) async fn ask(&self, task: Task) -> Result<Answer> {
        let link = Link::open(&self.settings.socket()).await?;
        link.context("the host does not listen")?.call(None, task).await
    }

    /// An error where a child has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        [&mut self.exchange, &mut self.host].into_iter().flatten().try_for_each(Child::check)
    }

    /// kill -9 of the host; gives its process id.
    pub(super) async fn kill_host(&mut self) -> Result<u32> {
        let host = self.host.take().context("the host does not run")?;
        let pid = host.pid();
        host.kill().await?;
        Ok(pid)
    }

    /// Ends the host in good order.
    pub(super) async fn end_host(&mut self) -> Result<()> {
        self.host.take().context("the host does not run")?.end().await
    }

    pub(super) fn store(&self) -> Result<&Store> {
        Ok(&self.base.as_ref().context("there is no database")?.store)
    }

    pub(super) fn broker(&self) -> Result<&Broker> {
        self.broker.as_ref().context("there is no exchange")
    }

    pub(super) fn data(&self) -> &Path {
        &self.settings.data
    }

    /// Ends every child, then the cluster. Goes on where something fails, and gives the first error.
    pub(super) async fn close(self) -> Result<()> {
        let mut outcome = Ok(());
        for child in [self.host, self.exchange].into_iter().flatten() {
            outcome = outcome.and(child.end().await);
        }
        let closed = match self.base {
            Some(base) => base.close().await,
            // The tour was interrupted while the cluster started: it is adopted and stopped.
            None if self.settings.data.join("postgres.lock").exists() => {
                match Cluster::open(&self.settings.data).await {
                    Ok(cluster) => cluster.stop().await.map(drop).map_err(Into::into),
                    Err(error) => Err(error.into()),
                }
            }
            None => Ok(()),
        };
        outcome.and(closed)
    }
}
