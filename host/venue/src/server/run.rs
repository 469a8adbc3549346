//! A running server: its tasks, the pace of the market, and the handle for those in the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use stockade_exchange::faults::{FaultError, FaultSettings};
use stockade_exchange::{Exchange, Id, JournalLine};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::{ServerConfig, Speed, StartError};
use super::connection::Patience;
use super::engine::Engine;
use super::faults::Board;
use super::feed::Loaded;
use super::history::History;
use super::hub::Cut;
use super::listener::{CuttableListener, Cutter};
use super::oplog::{Call, OplogError};
use super::rest;
use super::shared::Shared;

/// How long open requests may take when the server stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// The paper exchange as a server.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeServer;

/// Why money or shares from outside were not booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookingError {
    /// No account has this key.
    #[error("exchange has no account with key id \"{key_id}\"")]
    Key {
        /// The key id found.
        key_id: String,
    },
    /// The exchange does not take it.
    #[error("exchange refused the booking: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

/// A server that runs until it is stopped or dropped. Dropping it ends it at once, as a kill
/// would; [`RunningExchange::stop`] lets open answers go out first.
#[derive(Debug)]
pub struct RunningExchange {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    finished: watch::Receiver<bool>,
    http: JoinHandle<()>,
    market: JoinHandle<()>,
}

impl ExchangeServer {
    /// Reads the feed, restores the accounts and starts to listen.
    ///
    /// # Errors
    /// [`StartError`]: the address, an account, the feed or the state file cannot be used.
    pub async fn start(config: ServerConfig) -> Result<RunningExchange, StartError> {
        check_accounts(&config)?;
        let refused = |source| StartError::Listen { listen: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (speed, start_on_subscribe) = (config.speed, config.start_on_subscribe);
        // Reading a long feed takes a while; other tasks of the process go on meanwhile.
        let shared = tokio::task::spawn_blocking(move || assemble(&config))
            .await
            .map_err(|error| StartError::Feed(error.to_string()))??;
        let (stop, stopped) = watch::channel(false);
        let finished = shared.engine().ended();
        let http = tokio::spawn(serve_http(listener, Arc::clone(&shared), stopped.clone()));
        let pace = Pace { shared: Arc::clone(&shared), speed, start_on_subscribe };
        let market = tokio::spawn(pace.run(stopped));
        Ok(RunningExchange { addr, shared, stop, finished, http, market })
    }
}

fn check_accounts(config: &ServerConfig) -> Result<(), StartError> {
    if config.accounts.is_empty() {
        return Err(StartError::NoAccount);
    }
    for (index, account) in config.accounts.iter().enumerate() {
        let same = |other: &super::config::AccountConfig| other.key_id == account.key_id;
        if account.key_id.is_empty() || config.accounts[..index].iter().any(same) {
            return Err(StartError::Key { index, key_id: account.key_id.clone() });
        }
    }
    Ok(())
}

fn assemble(config: &ServerConfig) -> Result<Arc<Shared>, StartError> {
    let feed = Arc::new(Loaded::read(&config.feed, config.seed)?);
    let faults = Board::new(config.faults.clone())?;
    let engine = Engine::new(config, Arc::clone(&feed), faults.clone())?;
    let history = History::new(feed.bars.iter().cloned());
    let patience = Patience { auth: config.auth_timeout, send: config.slow_client };
    let limits = (config.one_data_connection, patience);
    Ok(Shared::new(&config.accounts, config.budget(), history, engine, faults, limits))
}

async fn serve_http(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let service = rest::router(shared).into_make_service_with_connect_info::<Cutter>();
    let stopped = async move {
        // An error means that the handle is gone, which is a stop too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let served = axum::serve(CuttableListener(listener), service).with_graceful_shutdown(stopped);
    if let Err(error) = served.await {
        tracing::error!(%error, "the exchange's listener failed");
    }
}

impl RunningExchange {
    /// The base address for REST, such as `http://127.0.0.1:8810`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The base address for websockets.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// The exchange's own journal of an account; empty for a key that it does not have.
    #[must_use]
    pub fn journal(&self, key_id: &str) -> Vec<JournalLine> {
        self.with_exchange(key_id, |exchange| exchange.journal().to_vec()).unwrap_or_default()
    }

    /// Looks at an account's exchange; `None` for a key that it does not have.
    pub fn with_exchange<T>(&self, key_id: &str, look: impl FnOnce(&Exchange) -> T) -> Option<T> {
        let account = self.shared.account(key_id)?;
        let engine = self.shared.engine();
        Some(look(engine.exchange(account)))
    }

    /// Takes one step of the market ([`Speed::Manual`]) and waits until every stream client has
    /// read it. `false` once the market has ended.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub async fn step(&self) -> Result<bool, OplogError> {
        let more = self.shared.engine().step()?;
        wait_for_readers(&self.shared).await;
        Ok(more)
    }

    /// Hands in bars that have ended ([`super::Feed::Pushed`]): orders meet them. A bar that its
    /// symbol has had is left out.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub fn push(&self, bars: Vec<super::FeedBar>) -> Result<(), OplogError> {
        self.shared.engine().push(bars)
    }

    /// Lists symbols, as the data interface writes them, before their first bar
    /// ([`super::Feed::Pushed`]).
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub fn list(&self, symbols: Vec<String>) -> Result<(), OplogError> {
        self.shared.engine().list(symbols)
    }

    /// Lets orders go to work and expire that time alone moves ([`super::Feed::Pushed`]).
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub fn pass(&self) -> Result<(), OplogError> {
        self.shared.engine().pass()
    }

    /// The end of the last bar that a symbol has had ([`super::Feed::Pushed`]).
    #[must_use]
    pub fn last_at(&self, symbol: &str) -> Option<i64> {
        self.shared.engine().last_at(symbol)
    }

    /// Market time now, nanoseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.shared.now()
    }

    /// Steps of the market taken, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        self.shared.engine().progress()
    }

    /// Waits until the last bar has passed and day orders are cancelled. At [`Speed::Manual`] the
    /// last step is the one that gives `false`.
    pub async fn finished(&self) {
        let mut finished = self.finished.clone();
        // The sender lives in the engine, which this handle keeps.
        let _ = finished.wait_for(|finished| *finished).await;
    }

    /// Pays money into an account, or out of it where `amount` (US dollars) is negative.
    ///
    /// # Errors
    /// [`BookingError`].
    pub fn deposit(&self, key_id: &str, amount: Decimal) -> Result<(), BookingError> {
        self.book(key_id, Call::Deposit { amount })
    }

    /// Pays a cash dividend (US dollars a share) on what an account holds of a symbol.
    ///
    /// # Errors
    /// [`BookingError`].
    pub fn dividend(
        &self,
        key_id: &str,
        symbol: &str,
        per_share: Decimal,
    ) -> Result<(), BookingError> {
        self.book(key_id, Call::Dividend { symbol: symbol.to_owned(), per_share })
    }

    /// Splits what an account holds of a symbol: `ratio` new shares for one old share. The feed's
    /// prices are the feed's affair.
    ///
    /// # Errors
    /// [`BookingError`].
    pub fn split(&self, key_id: &str, symbol: &str, ratio: Decimal) -> Result<(), BookingError> {
        self.book(key_id, Call::Split { symbol: symbol.to_owned(), ratio })
    }

    /// Takes an execution of an account back: shares and cash return, a `trade_bust` is told.
    ///
    /// # Errors
    /// [`BookingError`].
    pub fn bust(&self, key_id: &str, execution: Id) -> Result<(), BookingError> {
        self.book(key_id, Call::Bust { execution })
    }

    /// Puts another quantity and price (US dollars) in the place of an execution's.
    ///
    /// # Errors
    /// [`BookingError`].
    pub fn correct(
        &self,
        key_id: &str,
        execution: Id,
        qty: Decimal,
        price: Decimal,
    ) -> Result<(), BookingError> {
        self.book(key_id, Call::Correct { execution, qty, price })
    }

    fn book(&self, key_id: &str, call: Call) -> Result<(), BookingError> {
        let unknown = || BookingError::Key { key_id: key_id.to_owned() };
        let account = self.shared.account(key_id).ok_or_else(unknown)?;
        let booked = self.shared.engine().book(account, call);
        booked.map_err(|refusal| BookingError::Refused { reason: refusal.message().to_owned() })
    }

    /// Sets another fault plan from the next request and message on.
    ///
    /// # Errors
    /// When the plan cannot hold; the one before stays then.
    pub fn set_faults(&self, faults: FaultSettings) -> Result<(), FaultError> {
        self.shared.faults.set(faults)
    }

    /// Ends every data stream connection, as a network fault would.
    pub fn cut_data_streams(&self) {
        self.shared.engine().hub.cut_data(Cut::Fault);
    }

    /// Ends every connection of the account stream, as a network fault would.
    pub fn cut_account_streams(&self) {
        let engine = self.shared.engine();
        for account in 0..engine.accounts() {
            engine.hub.cut_trade(account, Cut::Fault);
        }
    }

    /// Stops: no new connections, streams closed, open answers sent.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.shared.engine().hub.cut_all(Cut::Stop);
        if timeout(STOP_MAX, &mut self.http).await.is_err() {
            self.http.abort();
        }
        if timeout(STOP_MAX, &mut self.market).await.is_err() {
            self.market.abort();
        }
    }

    /// Waits for the end of the server, which comes only with an error of its listener.
    pub async fn wait(&mut self) {
        let _ = (&mut self.http).await;
    }
}

impl Drop for RunningExchange {
    fn drop(&mut self) {
        self.http.abort();
        self.market.abort();
        // Upgraded connections are tasks of their own.
        let mut engine = self.shared.engine();
        engine.hub.cut_all(Cut::Fault);
        engine.let_go();
    }
}

/// What moves the market on.
struct Pace {
    shared: Arc<Shared>,
    speed: Speed,
    start_on_subscribe: bool,
}

impl Pace {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.advance() => {}
        }
    }

    fn due(&self) -> Option<Instant> {
        self.shared.engine().due()
    }

    async fn advance(&self) {
        if self.speed == Speed::Manual {
            return;
        }
        let mut subscribed = self.shared.engine().hub.subscribed();
        let mut first = true;
        loop {
            let holds = self.start_on_subscribe && (first || self.speed == Speed::Max);
            if holds && subscribed.wait_for(|clients| *clients > 0).await.is_err() {
                return;
            }
            if first {
                self.shared.engine().start_clock();
                first = false;
            }
            if let Some(due) = self.due() {
                tokio::time::sleep_until(due.into()).await;
            }
            let stepped = self.shared.engine().step();
            match stepped {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "the market stands still");
                    return;
                }
            }
            if self.speed == Speed::Max {
                wait_for_readers(&self.shared).await;
            }
        }
    }
}

/// Waits until every stream client has read what is queued for it. One that takes too long is
/// cut: a market must not stand still for a client that has stopped reading.
async fn wait_for_readers(shared: &Shared) {
    let barriers = shared.engine().hub.barrier();
    let deadline = tokio::time::Instant::now() + shared.slow_client();
    for (client, reached) in barriers {
        // A client that has gone drops its sender, which is an answer too.
        if tokio::time::timeout_at(deadline, reached).await.is_err() {
            client.cut(Cut::Slow);
        }
    }
    // At full speed without subscribers the loop would keep the thread.
    tokio::task::yield_now().await;
}
