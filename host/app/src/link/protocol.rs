//! What goes over the link.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stockade_core::Slug;
use stockade_core::desk::{Command, Reply};
use stockade_store::query::{At, Number};

/// What is asked of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The account that is meant; `None` is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<Slug>,
    /// What to do.
    #[serde(flatten)]
    pub(crate) task: Task,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// A command for the desk.
    Command(Box<Command>),
    /// Something for the host itself.
    Host(HostRequest),
}

/// Something that the host does, rather than its desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum HostRequest {
    /// How the accounts are.
    Health,
    /// Read the bot's file again and put the new version to work.
    Reload {
        /// Which.
        bot: Slug,
        /// Try it beside the running one, and throw it away.
        dry_run: bool,
    },
    /// Compare books and broker now.
    Reconcile,
    /// Keys or bans have changed: read them, and every plugin, again.
    Trust,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The desk's reply, given once its rows are committed.
    Reply(Reply),
    /// The host's own.
    Host(HostReply),
    /// It was tried and failed.
    Failed {
        /// Why.
        message: String,
    },
    /// What was named does not exist.
    NotFound {
        /// What kind of thing: `bot` or `account`.
        what: String,
        /// Its name.
        name: String,
    },
}

/// The host's own reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum HostReply {
    /// To `Health`.
    Health {
        /// One per account.
        accounts: Vec<AccountHealth>,
    },
    /// To `Reload`.
    Reloaded(ReloadReport),
    /// To `Reconcile`.
    Compared(Comparison),
    /// To `Trust`.
    Trusted {
        /// Bots that were stopped because their component is banned.
        stopped: Vec<String>,
    },
}

/// How an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountHealth {
    /// Its label.
    pub(crate) account: String,
    /// Whether orders can be sent: streams up, comparison complete.
    pub(crate) ready: bool,
    /// Why not, or what is limited.
    pub(crate) limited: Option<String>,
    /// Whether the account stream is up.
    pub(crate) account_stream: bool,
    /// Whether the data stream is up.
    pub(crate) data_stream: bool,
    /// Round trip of the last request, in milliseconds.
    pub(crate) latency_ms: Option<u64>,
    /// The broker's cash, as last reported.
    pub(crate) cash: Option<Number>,
    /// The broker's buying power, as last reported.
    pub(crate) buying_power: Option<Number>,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReloadReport {
    /// Which bot.
    pub(crate) bot: String,
    /// The digest that ran before.
    pub(crate) from: String,
    /// The digest that runs now (with a dry run: that would).
    pub(crate) to: String,
    /// Between the last call of the old and the readiness of the new.
    pub(crate) pause_ms: Number,
    /// Whether the old one runs on.
    pub(crate) dry_run: bool,
}

/// Books and broker side by side: `reconcile --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// The account's label.
    pub(crate) account: String,
    /// When, by the market's time.
    pub(crate) at: At,
    /// Whether no difference was found and no break is open.
    pub(crate) balanced: bool,
    /// The cash.
    pub(crate) cash: CashDifference,
    /// Each symbol that either side holds.
    pub(crate) symbols: Vec<SymbolDifference>,
    /// The open breaks.
    pub(crate) breaks: Vec<ComparedBreak>,
}

/// Cash in the books and at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CashDifference {
    /// Of all sleeves, house, suspense and rounding included.
    pub(crate) ours: Number,
    /// The broker's.
    pub(crate) broker: Number,
    /// `ours - broker`.
    pub(crate) difference: Number,
}

/// A symbol in the books and at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SymbolDifference {
    /// Which.
    pub(crate) symbol: String,
    /// What sleeves own.
    pub(crate) sleeves: Number,
    /// What nobody owns yet.
    pub(crate) suspense: Number,
    /// What the broker says.
    pub(crate) broker: Number,
    /// `sleeves + suspense - broker`.
    pub(crate) difference: Number,
}

/// A break as `reconcile` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ComparedBreak {
    /// Its number.
    pub(crate) id: i64,
    /// Its class.
    pub(crate) class: String,
    /// The class in words.
    pub(crate) class_name: String,
    /// Its severity.
    pub(crate) severity: String,
    /// Its symbol.
    pub(crate) symbol: Option<String>,
    /// `open`, `accepted` or `resolved`.
    pub(crate) state: String,
    /// Its age, by the market's time.
    pub(crate) age_seconds: i64,
    /// What was done about it.
    pub(crate) action: String,
}

impl CashDifference {
    /// Of two amounts.
    pub(crate) fn of(ours: Decimal, broker: Decimal) -> Self {
        Self { ours: Number(ours), broker: Number(broker), difference: Number(ours - broker) }
    }
}

impl SymbolDifference {
    /// Of three quantities.
    pub(crate) fn of(symbol: &str, sleeves: Decimal, suspense: Decimal, broker: Decimal) -> Self {
        Self {
            symbol: symbol.to_owned(),
            sleeves: Number(sleeves),
            suspense: Number(suspense),
            broker: Number(broker),
            difference: Number(sleeves + suspense - broker),
        }
    }
}
