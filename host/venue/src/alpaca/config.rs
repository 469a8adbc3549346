//! Accounts and addresses from environment values.
//!
//! Guarantees: a secret is never printed (not by `Debug`, not by an error); paper keys can't reach
//! the live service or the reverse; plain HTTP goes to loopback alone. Doesn't read the process's
//! environment: the caller passes a lookup.

use reqwest::Url;
use secrecy::SecretString;
use std::fmt;

/// Accounts that one host can carry, per kind: bounds the numbered variables that are looked for.
pub const ACCOUNTS_MAX: u32 = 16;

const PAPER_URL: &str = "https://paper-api.alpaca.markets";
const LIVE_URL: &str = "https://api.alpaca.markets";
const DATA_URL: &str = "https://data.alpaca.markets";
const STREAM_URL: &str = "wss://stream.data.alpaca.markets";
const PAPER_KEY_PREFIX: &str = "PK";

/// What is wrong with the environment. Names variables, never their secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// One half of a pair of keys is there.
    #[error("{set} is set, but {missing} is not: both are needed")]
    Half {
        /// The variable that is set.
        set: String,
        /// The variable that is not.
        missing: String,
    },
    /// A key of the wrong kind.
    #[error("{variable} does not start with PK, as the key of a paper account does")]
    NotPaper {
        /// The variable.
        variable: String,
    },
    /// A paper key where a live one belongs.
    #[error("{variable} starts with PK: that is the key of a paper account (ALPACA_PAPER_API_KEY)")]
    NotLive {
        /// The variable.
        variable: String,
    },
    /// A key that can't stand in an HTTP header.
    #[error("{variable} holds a character that no key has (only visible ASCII is allowed)")]
    Key {
        /// The variable.
        variable: String,
    },
    /// Neither yes nor no.
    #[error("{variable} is \"{found}\", allowed are true and false")]
    Switch {
        /// The variable.
        variable: String,
        /// What was found.
        found: String,
    },
    /// Not an address.
    #[error("{variable} is no address: {why}")]
    Url {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Plain HTTP to another machine.
    #[error("{variable} is plain http to {host}: only a loopback address may be (use https)")]
    Plain {
        /// The variable.
        variable: String,
        /// Where it points.
        host: String,
    },
    /// The paper service for a live account, or the reverse.
    #[error("{variable} is {host}, which serves {serves} accounts; this account is {kind}")]
    WrongService {
        /// The variable.
        variable: String,
        /// Where it points.
        host: String,
        /// The kind of account that lives there.
        serves: &'static str,
        /// The kind of this account.
        kind: &'static str,
    },
}

/// A pair of keys.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) key_id: String,
    pub(crate) secret: SecretString,
}

impl Credentials {
    /// A pair of keys; see [`accounts`] for the rules.
    #[must_use]
    pub fn new(key_id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self { key_id: key_id.into(), secret: secret.into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// Where the broker is. No address ends in a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Trading REST, without `/v2`.
    pub trading: String,
    /// Market data REST, without `/v2`.
    pub data: String,
    /// The account stream, whole.
    pub account_stream: String,
    /// The stock data stream, whole.
    pub stock_stream: String,
    /// The crypto data stream, whole.
    pub crypto_stream: String,
}

impl Endpoints {
    /// Everything behind one base address, as the paper exchange serves it.
    pub fn at(base: &str) -> Result<Self, ConfigError> {
        let root = root("the base address", base, Scheme::Http)?;
        Ok(Self::of(&root, root.text.clone(), stream_root(&root.text)))
    }

    fn of(trading: &Root, data: String, stream: String) -> Self {
        Self {
            account_stream: format!("{}/stream", stream_root(&trading.text)),
            trading: trading.text.clone(),
            data,
            stock_stream: format!("{stream}/v2/iex"),
            crypto_stream: format!("{stream}/v1beta3/crypto/us"),
        }
    }
}

/// One account of the environment.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// `paper`, `paper-1`, `live`, …
    pub label: String,
    /// Whether real money is at stake.
    pub live: bool,
    /// Its keys.
    pub credentials: Credentials,
    /// Where its broker is.
    pub endpoints: Endpoints,
}

/// Every enabled account that the environment describes, paper first. Live accounts are looked at
/// only where `live` is set.
///
/// # Errors
/// The first thing that is wrong, by its variable.
pub fn accounts(
    lookup: impl Fn(&str) -> Option<String>,
    live: bool,
) -> Result<Vec<AccountConfig>, ConfigError> {
    let get = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
    let mut found = Vec::new();
    let kinds: &[Kind] = if live { &[Kind::Paper, Kind::Live] } else { &[Kind::Paper] };
    for kind in kinds {
        for number in 0..=ACCOUNTS_MAX {
            found.extend(account(&get, *kind, number)?);
        }
    }
    Ok(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Paper,
    Live,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Live => "live",
        }
    }

    fn variable(self, what: &str, number: u32) -> String {
        let prefix = match self {
            Self::Paper => "ALPACA_PAPER_",
            Self::Live => "ALPACA_",
        };
        match number {
            0 => format!("{prefix}{what}"),
            _ => format!("{prefix}{what}_{number}"),
        }
    }

    fn label(self, number: u32) -> String {
        match number {
            0 => self.as_str().to_owned(),
            _ => format!("{}-{number}", self.as_str()),
        }
    }
}

/// A variable and its value.
struct Setting {
    variable: String,
    value: Option<String>,
}

fn account(
    get: &impl Fn(&str) -> Option<String>,
    kind: Kind,
    number: u32,
) -> Result<Option<AccountConfig>, ConfigError> {
    let setting = |what: &str, alias: &str| {
        let variable = kind.variable(what, number);
        if let Some(value) = get(&variable) {
            return Setting { variable, value: Some(value) };
        }
        // The names of Alpaca's older clients stand for the first paper account.
        let aliased = kind == Kind::Paper && number == 0 && !alias.is_empty();
        match get(alias).filter(|_| aliased) {
            Some(value) => Setting { variable: alias.to_owned(), value: Some(value) },
            None => Setting { variable, value: None },
        }
    };
    let key = setting("API_KEY", "APCA_API_KEY_ID");
    let secret = setting("SECRET_KEY", "APCA_API_SECRET_KEY");
    let enabled = setting("ENABLED", "");
    if !switch(enabled)? {
        return Ok(None);
    }
    let Some(credentials) = credentials(kind, key, secret)? else {
        return Ok(None);
    };
    let endpoints = endpoints(
        kind,
        setting("BASE_URL", "APCA_API_BASE_URL"),
        setting("DATA_URL", ""),
        setting("STREAM_URL", ""),
    )?;
    let label = kind.label(number);
    Ok(Some(AccountConfig { label, live: kind == Kind::Live, credentials, endpoints }))
}

fn switch(setting: Setting) -> Result<bool, ConfigError> {
    let Some(found) = setting.value else {
        return Ok(true);
    };
    match found.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(ConfigError::Switch { variable: setting.variable, found }),
    }
}

fn credentials(
    kind: Kind,
    key: Setting,
    secret: Setting,
) -> Result<Option<Credentials>, ConfigError> {
    let (key_id, secret_text) = match (key.value, secret.value) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(ConfigError::Half { set: key.variable, missing: secret.variable });
        }
        (None, Some(_)) => {
            return Err(ConfigError::Half { set: secret.variable, missing: key.variable });
        }
        (Some(key_id), Some(text)) => (key_id, text),
    };
    for (variable, text) in [(&key.variable, &key_id), (&secret.variable, &secret_text)] {
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ConfigError::Key { variable: variable.clone() });
        }
    }
    match (kind, key_id.starts_with(PAPER_KEY_PREFIX)) {
        (Kind::Paper, false) => Err(ConfigError::NotPaper { variable: key.variable }),
        (Kind::Live, true) => Err(ConfigError::NotLive { variable: key.variable }),
        _ => Ok(Some(Credentials::new(key_id, secret_text))),
    }
}

fn endpoints(
    kind: Kind,
    base: Setting,
    data: Setting,
    stream: Setting,
) -> Result<Endpoints, ConfigError> {
    let default = if kind == Kind::Live { LIVE_URL } else { PAPER_URL };
    let trading = root(&base.variable, base.value.as_deref().unwrap_or(default), Scheme::Http)?;
    let serves = match trading.host.as_str() {
        "paper-api.alpaca.markets" => Kind::Paper,
        "api.alpaca.markets" => Kind::Live,
        _ => kind,
    };
    if serves != kind {
        return Err(ConfigError::WrongService {
            variable: base.variable,
            host: trading.host,
            serves: serves.as_str(),
            kind: kind.as_str(),
        });
    }
    let own = trading.host == "alpaca.markets" || trading.host.ends_with(".alpaca.markets");
    let data = match &data.value {
        Some(value) => root(&data.variable, value, Scheme::Http)?.text,
        None if own => DATA_URL.to_owned(),
        None => trading.text.clone(),
    };
    let stream = match &stream.value {
        Some(value) => stream_root(&root(&stream.variable, value, Scheme::Stream)?.text),
        None if own => STREAM_URL.to_owned(),
        None => stream_root(&trading.text),
    };
    Ok(Endpoints::of(&trading, data, stream))
}

/// An address that was checked.
struct Root {
    /// Without a trailing slash or `/v2`.
    text: String,
    host: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    /// Websocket or HTTP: the one follows from the other.
    Stream,
}

fn root(variable: &str, value: &str, scheme: Scheme) -> Result<Root, ConfigError> {
    let bad = |why| ConfigError::Url { variable: variable.to_owned(), why };
    let url = Url::parse(value).map_err(|_| bad("it must be like https://host"))?;
    let encrypted = match url.scheme() {
        "https" => true,
        "http" => false,
        "wss" if scheme == Scheme::Stream => true,
        "ws" if scheme == Scheme::Stream => false,
        _ => return Err(bad("its scheme must be https (or http on loopback)")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("keys don't belong into it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it must end with the path"));
    }
    let host = url.host_str().ok_or_else(|| bad("it names no host"))?.to_owned();
    if !encrypted && !is_loopback(&host) {
        return Err(ConfigError::Plain { variable: variable.to_owned(), host });
    }
    let text = url.as_str().trim_end_matches('/');
    let text = text.strip_suffix("/v2").unwrap_or(text).trim_end_matches('/').to_owned();
    Ok(Root { text, host })
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn stream_root(root: &str) -> String {
    match root.split_once("://") {
        Some(("http" | "ws", rest)) => format!("ws://{rest}"),
        Some((_, rest)) => format!("wss://{rest}"),
        None => root.to_owned(),
    }
}
