//! A stage: one exchange, one database, one data folder, one host.
//!
//! What it waits for it sees in the database, on the host's socket or at the exchange. Market time
//! passes only with [`Stage::step`], and a step is over when the host has taken its bars.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use stockade_exchange::JournalLine;
use stockade_store::query::PgPool;
use stockade_store::testing::TestDatabase;
use stockade_venue::server::{
    DEFAULT_KEY_ID, DEFAULT_SECRET, ExchangeServer, RunningExchange, ServerConfig,
};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::bots;
use crate::program::{Finished, Running, Surroundings, until};

/// A host starts, or something becomes visible, within this.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// A place with books that can be asked directly.
pub(crate) struct Stage {
    pub(crate) host: Option<Running>,
    pub(crate) exchange: RunningExchange,
    pub(crate) around: Surroundings,
    database: TestDatabase,
    folder: TempDir,
}

/// The surroundings of a program that trades at an exchange: keys, quick timers, a data folder.
pub(crate) fn surroundings(url: &str, data: &Path) -> Surroundings {
    Surroundings::default()
        .with("ALPACA_PAPER_API_KEY", DEFAULT_KEY_ID)
        .with("ALPACA_PAPER_SECRET_KEY", DEFAULT_SECRET)
        .with("ALPACA_PAPER_BASE_URL", url)
        .with("STOCKADE_DATA", data.display().to_string())
        .with("STOCKADE_RECONCILE_INTERVAL_SECONDS", "2")
        .with("STOCKADE_ORDERS_UNKNOWN_QUIET_SECONDS", "10")
        .with("STOCKADE_BOTS_SNAPSHOT_INTERVAL_SECONDS", "1")
        .with("STOCKADE_EQUITY_INTERVAL_SECONDS", "1")
}

impl Stage {
    /// Without a host yet.
    pub(crate) async fn new(config: ServerConfig) -> Self {
        let exchange = ExchangeServer::start(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = TestDatabase::new().await;
        let around = surroundings(&exchange.url(), folder.path())
            .with("STOCKADE_DATABASE_URL", &database.url);
        Self { host: None, exchange, around, database, folder }
    }

    /// With a host that is ready to trade.
    pub(crate) async fn with_host(config: ServerConfig) -> Self {
        let mut stage = Self::new(config).await;
        stage.start_host().await;
        stage
    }

    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.data().join("plugins")
    }

    /// Starts a host and waits until it can trade.
    pub(crate) async fn start_host(&mut self) {
        self.launch(&["run"]);
        self.ready().await;
    }

    /// Starts a host and doesn't wait.
    pub(crate) fn launch(&mut self, arguments: &[&str]) {
        self.host = Some(self.around.start(arguments));
    }

    pub(crate) fn kill_host(&mut self) {
        self.host.as_mut().expect("a host runs").kill();
    }

    /// Waits until the host can trade.
    pub(crate) async fn ready(&mut self) {
        let end = std::time::Instant::now() + SOON;
        loop {
            if let Some(host) = &mut self.host
                && let Some(status) = host.ended()
            {
                panic!("the host has ended: {status}\n{}", host.errors());
            }
            if self.health().await.is_some_and(|health| health["ready"] == true) {
                return;
            }
            assert!(std::time::Instant::now() < end, "the host is not ready within {SOON:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks the host's socket; `None` where nobody answers.
    pub(crate) async fn ask(&self, task: Value) -> Option<Value> {
        ask(&self.data().join("stockade.sock"), task).await
    }

    /// How the account is, as the host sees it.
    pub(crate) async fn health(&self) -> Option<Value> {
        let answer = self.ask(json!({"host": {"request": "health"}})).await?;
        Some(answer["host"]["accounts"][0].clone())
    }

    /// Runs a command.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        self.around.run(arguments).await
    }

    /// Runs a command that gives a document.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        self.run(&arguments).await.ok().json()
    }

    /// Puts a component into the plugins folder and deploys it; ends when it gets events.
    pub(crate) async fn deploy(
        &self,
        name: &str,
        plugin: &str,
        capital: &str,
        symbols: &str,
        params: &[&str],
    ) {
        if !self.plugins().join(format!("{plugin}.wasm")).is_file() {
            bots::install(plugin, &self.plugins(), plugin);
        }
        let mut arguments = vec![
            "bot",
            "deploy",
            name,
            "--plugin",
            plugin,
            "--capital",
            capital,
            "--symbols",
            symbols,
        ];
        for param in params {
            arguments.extend(["--param", param]);
        }
        self.run(&arguments).await.ok();
        self.bot_is(name, "running").await;
    }

    /// Waits until a bot is in a state.
    pub(crate) async fn bot_is(&self, name: &str, state: &str) {
        let sql = format!(
            "SELECT state || coalesce(': ' || state_reason, '') FROM stockade.bot WHERE name = '{name}'"
        );
        let mut seen = String::new();
        until(&format!("bot {name} {state}"), SOON, async || {
            let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
                .fetch_optional(self.pool())
                .await
                .unwrap();
            let found = found.unwrap_or_default();
            if found != seen {
                eprintln!("bot {name}: {found}");
                seen.clone_from(&found);
            }
            (found == state || found.starts_with(&format!("{state}:"))).then_some(())
        })
        .await;
    }

    /// The address of its database.
    pub(crate) fn database_url(&self) -> &str {
        &self.database.url
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.database.store.reads()
    }

    /// A number that the database counts.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(self.pool()).await.unwrap()
    }

    /// Waits until a count is at least so high.
    pub(crate) async fn count_is(&self, what: &str, sql: &str, wanted: i64) {
        let end = std::time::Instant::now() + SOON;
        loop {
            let found = self.count(sql).await;
            if found >= wanted {
                return;
            }
            if std::time::Instant::now() > end {
                self.dump().await;
                panic!("{what}: {found} instead of {wanted} within {SOON:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Prints what helps to understand a failure.
    async fn dump(&self) {
        for sql in [
            "SELECT format('order %s of sleeve %s: %s %s, tag %s, epoch %s, at %s, because %s', id, sleeve, side, status, tag,
                epoch, stockade.time(updated_ns), end_reason) FROM (SELECT * FROM stockade.order ORDER BY id DESC LIMIT 12) o ORDER BY id",
            "SELECT format('bot %s: %s, generation %s, %s', name, state, generation, state_reason) FROM stockade.bot",
            "SELECT format('sleeve %s, generation %s: %s %s', sleeve, generation, kind, message)
               FROM (SELECT * FROM stockade.bot_event ORDER BY id DESC LIMIT 20) e ORDER BY id",
            "SELECT format('refused: sleeve %s, %s', sleeve, message)
               FROM (SELECT * FROM stockade.refusal ORDER BY id DESC LIMIT 6) r ORDER BY id",
            "SELECT format('break %s: %s %s, %s', id, class, symbol, evidence) FROM stockade.break WHERE resolved_ns IS NULL",
            "SELECT format('account at %s, %s', stockade.time(market_ns), state_reason) FROM stockade.account",
        ] {
            let lines: Result<Vec<String>, _> = sqlx::query_scalar(sql).fetch_all(self.pool()).await;
            lines.unwrap_or_default().iter().for_each(|line| eprintln!("{line}"));
        }
        let logs = std::fs::read_dir(self.data().join("logs"));
        for log in logs.into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(log.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines[lines.len().saturating_sub(12)..].join("\n");
            eprintln!("{}:\n{shown}", log.path().display());
        }
        eprintln!("the market is at {}", stockade_exchange::Nanos(self.exchange.now()).rfc3339());
        eprintln!("health: {:?}", self.health().await);
    }

    /// One step of the market, not waited for. `false` at its end.
    pub(crate) async fn step_only(&self) -> bool {
        self.exchange.step().await.unwrap()
    }

    /// One step of the market, taken by the host. `false` at its end.
    pub(crate) async fn step(&self) -> bool {
        let more = self.step_only().await;
        if more {
            self.taken().await;
        }
        more
    }

    /// Waits until the host has taken every bar so far.
    pub(crate) async fn taken(&self) {
        let now = self.exchange.now();
        let sql = "SELECT coalesce(max(at_ns), 0) FROM stockade.equity";
        // Calls at the exchange move its clock by microseconds beyond the last bar.
        self.count_is("the host at the market's time", sql, now - 1_000_000_000).await;
    }

    /// Steps until the host has seen a price of each symbol: from then on no bar is missed.
    pub(crate) async fn warm(&self, symbols: &[&str]) {
        for _ in 0..200 {
            assert!(self.step_only().await, "the market ended before the host saw {symbols:?}");
            let now = self.exchange.now();
            for _ in 0..40 {
                let list = symbols.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(",");
                let seen = self
                    .count(&format!(
                        "SELECT count(*) FROM stockade.mark WHERE symbol IN ({list}) AND at_ns >= {}",
                        now - 61_000_000_000
                    ))
                    .await;
                if usize::try_from(seen).unwrap() == symbols.len() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        panic!("the host saw no price of one of {symbols:?} in 200 steps");
    }

    /// Lets the market go on as fast as it can until all bots of these names are in quarantine.
    pub(crate) async fn goes_on_until_quarantined(&self, named_like: &str) {
        let at_large = format!(
            "SELECT count(*) FROM stockade.bot WHERE name LIKE '{named_like}' AND state <> 'quarantined'"
        );
        while self.count(&at_large).await > 0 {
            if !self.step_only().await {
                self.dump().await;
                panic!("the market ended before all of {named_like} were in quarantine");
            }
        }
    }

    /// The exchange's own journal.
    pub(crate) fn journal(&self) -> Vec<JournalLine> {
        self.exchange.journal(DEFAULT_KEY_ID)
    }

    /// Waits until nothing is in flight: every fill of the exchange is booked, no order waits for
    /// an answer, and a comparison by the host balances.
    pub(crate) async fn settled(&self) -> Value {
        let sql = "SELECT count(*) FROM stockade.order WHERE status IN ('accepted', 'sending', 'unknown')";
        let mut last = String::new();
        until("nothing in flight, and balanced", SOON, async || {
            let fills = self.exchange_fills();
            let booked = self.count("SELECT count(*) FROM stockade.execution").await;
            let waiting = self.count(sql).await;
            if waiting > 0 || usize::try_from(booked).unwrap() != fills {
                let text = format!("{waiting} orders wait, {booked} of {fills} fills are booked");
                if text != last {
                    eprintln!("{text}");
                    last = text;
                }
                return None;
            }
            let compared = self.compared().await?;
            if compared["balanced"] == true && self.exchange_fills() == fills {
                return Some(compared);
            }
            let text = compared.to_string();
            if text != last {
                eprintln!("not balanced: {text}");
                last = text;
            }
            None
        })
        .await
    }

    fn exchange_fills(&self) -> usize {
        self.journal()
            .iter()
            .filter(|line| line.kind == stockade_exchange::JournalKind::Fill)
            .count()
    }

    /// A comparison by the host, now.
    pub(crate) async fn compared(&self) -> Option<Value> {
        let answer = self.ask(json!({"host": {"request": "reconcile"}})).await?;
        Some(answer["host"].clone())
    }

    /// One answer of the exchange.
    pub(crate) fn get(&self, path: &str) -> Value {
        get(&self.exchange.url(), path)
    }

    /// Every rule of the books holds.
    pub(crate) async fn check(&self) {
        let checked = self.json(&["db", "check"]).await;
        assert_eq!(checked["ok"], true, "{checked:#}");
    }
}

/// Asks a host's socket; `None` where nobody answers.
pub(crate) async fn ask(socket: &Path, task: Value) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    let mut line = task.to_string();
    line.push('\n');
    stream.write_all(line.as_bytes()).await.ok()?;
    let mut answer = String::new();
    let read =
        tokio::time::timeout(SOON, async { BufReader::new(stream).read_line(&mut answer).await });
    read.await.ok()?.ok()?;
    serde_json::from_str(&answer).ok()
}

/// An answer of an exchange at `url`, with the default keys.
pub(crate) fn get(url: &str, path: &str) -> Value {
    try_get(url, path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// The same, where the exchange may be down. HTTP/1.0 has no chunks.
pub(crate) fn try_get(url: &str, path: &str) -> Result<Value, String> {
    let address = url.trim_start_matches("http://");
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed)?;
    let request = format!(
        "GET {path} HTTP/1.0\r\nhost: {address}\r\napca-api-key-id: {DEFAULT_KEY_ID}\r\napca-api-secret-key: {DEFAULT_SECRET}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    if !head.contains(" 200 ") {
        return Err(format!("{}: {body}", head.lines().next().unwrap_or_default()));
    }
    serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))
}
