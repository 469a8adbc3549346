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
        /// The file to try in place of the plugin's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<std::path::PathBuf>,
    },
    /// What bots use: the busiest ones, or one with its limits.
    Bots {
        /// Which one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bot: Option<Slug>,
    },
    /// Carry a command out in the shadow of the account.
    Shadow {
        /// Which.
        command: Box<Command>,
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
    /// To `Bots`.
    Bots {
        /// By name.
        bots: Vec<BotUse>,
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
    /// What a dry run found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rehearsal: Option<Rehearsed>,
}

/// A dry run: recorded calls of the running version, given to the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rehearsed {
    /// Calls.
    pub(crate) calls: usize,
    /// Events in them.
    pub(crate) events: usize,
    /// What the running version asked for.
    pub(crate) intents_before: usize,
    /// What the new one asked for.
    pub(crate) intents_after: usize,
    /// Calls in which they differ.
    pub(crate) differences: usize,
    /// The first of those.
    pub(crate) different: Vec<Difference>,
}

/// A call in which two versions ask for something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// The time of its last event.
    pub(crate) at: At,
    /// What the running version asked for.
    pub(crate) before: Vec<String>,
    /// What the new one asked for.
    pub(crate) after: Vec<String>,
}

/// What a bot is and has used since the host began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BotUse {
    /// Its name.
    pub(crate) bot: String,
    /// The account's label.
    pub(crate) account: String,
    /// Its plugin.
    pub(crate) plugin: String,
    /// The plugin's version.
    pub(crate) version: String,
    /// The component's digest.
    pub(crate) digest: String,
    /// The instance's generation.
    pub(crate) generation: u64,
    /// `loading`, `running`, …
    pub(crate) state: String,
    /// Among which bots it runs: `quick` or `slow`.
    pub(crate) lane: String,
    /// Handler calls that ended well.
    pub(crate) calls: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// Milliseconds of the machine in all calls.
    pub(crate) busy_ms: Number,
    /// The mean of the recent ones.
    pub(crate) mean_ms: Number,
    /// The longest.
    pub(crate) worst_ms: Number,
    /// Its memory now.
    pub(crate) memory_bytes: u64,
    /// How long the last events waited for it.
    pub(crate) lag_ms: Number,
    /// The longest that any did.
    pub(crate) lag_worst_ms: Number,
    /// Events that wait now.
    pub(crate) queue: usize,
    /// Market events that had to make room.
    pub(crate) dropped: u64,
    /// Orders, replacements and cancels that it asked for.
    pub(crate) intents: u64,
    /// Those that were refused.
    pub(crate) refused: u64,
    /// Calls that ended badly.
    pub(crate) strikes: u64,
    /// Versions that were put in place.
    pub(crate) reloads: u64,
    /// Each limit with what is used of it; of a bot that was asked for by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<LimitUse>,
}

/// A limit of a bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitUse {
    /// Its name, which is its setting after `limits.`.
    pub(crate) limit: String,
    /// What is allowed.
    pub(crate) allowed: u64,
    /// What the last call used, where it is counted.
    pub(crate) used: Option<u64>,
    /// The most that any call has used.
    pub(crate) peak: Option<u64>,
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
