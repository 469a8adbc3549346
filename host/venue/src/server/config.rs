//! What the exchange server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rust_decimal::Decimal;
use stockade_exchange::faults::{FaultError, FaultSettings};

use super::actions::CorporateAction;
use super::feed::Feed;

/// The key id of the account that there is when none is named. It starts as paper keys do.
pub const DEFAULT_KEY_ID: &str = "PKSTOCKADE";
/// Its secret.
pub const DEFAULT_SECRET: &str = "stockade-paper-secret";
/// Where `stockade exchange` listens when nothing is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8810";
/// Opening cash when nothing is said, in US dollars, as a new paper account has.
pub const DEFAULT_CASH: Decimal = Decimal::from_parts(100_000, 0, 0, false, 0);
/// Alpaca's request budget: requests in a minute.
pub const REQUESTS_PER_MINUTE: u32 = 200;
/// The budget announced where a replay is not tied to real time.
pub(crate) const REQUESTS_UNBOUND: u32 = 10_000_000;

/// One account with its key.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// What `APCA-API-KEY-ID` must be.
    pub key_id: String,
    /// What `APCA-API-SECRET-KEY` must be.
    pub secret: String,
    /// Opening cash in US dollars, whole cents.
    pub cash: Decimal,
}

impl AccountConfig {
    /// The account of the default key.
    #[must_use]
    pub fn default_with(cash: Decimal) -> Self {
        Self { key_id: DEFAULT_KEY_ID.to_owned(), secret: DEFAULT_SECRET.to_owned(), cash }
    }
}

/// How fast market time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// So many market seconds in a real second; 1 is real time.
    Times(u32),
    /// As fast as the subscribers read: a step waits until every stream client has read the one
    /// before.
    Max,
    /// Only by [`super::RunningExchange::step`].
    Manual,
}

/// The settings of a server. Start from [`ServerConfig::new`] and change fields.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// At least one; key ids differ.
    pub accounts: Vec<AccountConfig>,
    /// The market.
    pub feed: Feed,
    /// How fast it passes.
    pub speed: Speed,
    /// Decides ids, partial fills and the generated market.
    pub seed: u64,
    /// What happens to the shares of the market, in any order; see [`super::read_actions`].
    pub actions: Vec<CorporateAction>,
    /// What is disturbed from the start.
    pub faults: FaultSettings,
    /// Where the accounts survive the process. `None`: nowhere.
    pub state_file: Option<PathBuf>,
    /// Start the market with the first data subscription, and at [`Speed::Max`] hold it while
    /// nobody is subscribed.
    pub start_on_subscribe: bool,
    /// Pass over times without bars (nights, week-ends) in at most a quarter of a market hour.
    pub skip_gaps: bool,
    /// One data connection for a key and endpoint, as on most plans; the second one gets a 406.
    pub one_data_connection: bool,
    /// Requests in a real minute, instead of 200 × speed.
    pub requests_per_minute: Option<u32>,
    /// How long a stream client may take for a frame before it is cut with a 407.
    pub slow_client: Duration,
    /// How long a stream client may take to authenticate.
    pub auth_timeout: Duration,
    /// The rules of every account but its cash; `None`: [`stockade_exchange::Config::paper`].
    pub rules: Option<stockade_exchange::Config>,
}

impl ServerConfig {
    /// A server on a free loopback port with the default account, at full speed.
    #[must_use]
    pub fn new(feed: Feed) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            accounts: vec![AccountConfig::default_with(DEFAULT_CASH)],
            feed,
            speed: Speed::Max,
            seed: 1,
            actions: Vec::new(),
            faults: FaultSettings::default(),
            state_file: None,
            start_on_subscribe: true,
            skip_gaps: true,
            one_data_connection: true,
            requests_per_minute: None,
            slow_client: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(10),
            rules: None,
        }
    }

    /// Requests that an account has in a real minute.
    pub(crate) fn budget(&self) -> u32 {
        self.requests_per_minute.unwrap_or(match self.speed {
            Speed::Times(times) => REQUESTS_PER_MINUTE.saturating_mul(times.max(1)),
            Speed::Max | Speed::Manual => REQUESTS_UNBOUND,
        })
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("exchange cannot listen on {listen} (--listen): {source}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no account, or two have the same key id.
    #[error(
        "exchange account {index} has key id \"{key_id}\", allowed is one that no other has and that is not empty (--key)"
    )]
    Key {
        /// Position in the list, from 0.
        index: usize,
        /// The key id found.
        key_id: String,
    },
    /// No account at all.
    #[error("exchange has no account, allowed is at least one (--key)")]
    NoAccount,
    /// A rule or the opening cash is out of range.
    #[error(transparent)]
    Rules(#[from] stockade_exchange::ConfigError),
    /// A symbol of the feed cannot be listed.
    #[error("exchange cannot list the feed's symbol \"{symbol}\": {reason}")]
    Symbol {
        /// The symbol found.
        symbol: String,
        /// What the exchange says.
        reason: String,
    },
    /// The feed cannot be read.
    #[error("exchange feed: {0}")]
    Feed(String),
    /// The corporate actions cannot be read.
    #[error("corporate actions (--actions): {0}")]
    Actions(String),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] super::oplog::OplogError),
    /// The fault plan cannot hold.
    #[error(transparent)]
    FaultPlan(#[from] FaultError),
    /// The fault plan cannot be read.
    #[error("fault plan {} (--faults): {reason}", path.display())]
    Faults {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The address, the speed, the cash or the key of the command line is not one.
    #[error("{option} is \"{found}\", allowed is {allowed}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
        /// What could have been.
        allowed: &'static str,
    },
}
