//! What goes into the desk: facts, answers, intents, commands, time.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::broker::{Activity, Answer, BrokerSnapshot, BudgetReport, OrderReport, TradeUpdate};
use crate::decimal::{Money, Price, Qty};
use crate::id::{BreakId, IntentId, OrderId, SleeveId, Slug, Symbol};
use crate::instrument::Instrument;
use crate::ledger::LotMethod;
use crate::limits;
use crate::market::MarketEvent;
use crate::order::{Intent, Side};
use crate::time::{Now, Session, Timestamp};

/// One input: an event and its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its times. The desk never goes back: an earlier time counts as the last one.
    pub now: Now,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "events are moved once; a box would cost each update an allocation"
)]
pub enum Event {
    /// The host holds the lease and begins; the first event after every restore. `epoch` is the
    /// lease's.
    Started {
        /// The lease epoch: stamped on every claim.
        epoch: u64,
        /// Trade although another host's orders are open or recent on the account.
        take_over: bool,
    },
    /// Instruments became known or changed.
    Instruments {
        /// Which.
        instruments: Vec<Instrument>,
    },
    /// The broker's calendar.
    Sessions {
        /// Present and coming sessions, in order.
        sessions: Vec<Session>,
    },
    /// Market data. Never recorded.
    Market {
        /// Of what.
        market: MarketEvent,
    },
    /// The account stream is up (listening) or down. While it is down nothing that adds risk is
    /// sent.
    AccountStream {
        /// Whether it is up.
        up: bool,
    },
    /// A message of the account stream.
    TradeUpdate {
        /// The message.
        update: TradeUpdate,
    },
    /// The answer to a submit.
    Submitted {
        /// Of which order.
        order: OrderId,
        /// The attempt that it answers.
        attempt: u32,
        /// The answer.
        answer: Answer<OrderReport>,
    },
    /// The answer to a cancel: `Done` means only that it was asked for.
    CancelAnswered {
        /// Of which order.
        order: OrderId,
        /// The answer.
        answer: Answer<()>,
    },
    /// The answer to a lookup by client order id.
    LookedUp {
        /// Of which order.
        order: OrderId,
        /// The answer.
        answer: Answer<OrderReport>,
    },
    /// The answer to a request for a snapshot.
    Snapshot {
        /// The answer.
        answer: Answer<BrokerSnapshot>,
    },
    /// The request budget as the broker's headers give it. Never recorded.
    Budget {
        /// What they said.
        report: BudgetReport,
    },
    /// What one handler call of a bot asked for, after it returned.
    Intents {
        /// The batch.
        batch: IntentBatch,
    },
    /// Something happened to a bot's instance.
    Bot {
        /// Whose.
        sleeve: SleeveId,
        /// What.
        report: BotReport,
    },
    /// The books' answer to a question.
    Books {
        /// It.
        answer: super::inquiry::BooksAnswer,
    },
    /// A person's command.
    Command {
        /// The command.
        command: Command,
    },
    /// Time passed. Recorded only when it acted.
    Timer,
    /// Ask for the curve: marks and one equity row per sleeve are written. Never recorded.
    Sample {
        /// The day key, when this is a session's close.
        session_close: Option<u32>,
    },
}

/// What one handler call asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentBatch {
    /// Whose.
    pub sleeve: SleeveId,
    /// The instance's generation: results of an older one are void.
    pub generation: u64,
    /// What it asked for, in order.
    pub requests: Vec<BotRequest>,
    /// The bot's state after the call, where it fits: committed with the batch.
    pub snapshot: Option<Arc<[u8]>>,
    /// The digest of the component.
    pub digest: Arc<str>,
    /// The time of the last bar that the state has seen: later ones are read again after a crash.
    pub seen: Timestamp,
}

/// One thing that a bot asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum BotRequest {
    /// A new order; the capability has admitted it and promised this id.
    Submit {
        /// The id that the bot was told.
        intent_id: IntentId,
        /// What it asked for.
        intent: Intent,
    },
    /// Cancel an open order.
    Cancel {
        /// Which.
        intent_id: IntentId,
    },
    /// Cancel an open order and put another in its place.
    Replace {
        /// Which.
        intent_id: IntentId,
        /// The id that the bot was told for the new one.
        new_intent_id: IntentId,
        /// The new quantity, in all.
        qty: Option<Qty>,
        /// The new limit price.
        limit_price: Option<Price>,
        /// The new stop price.
        #[serde(default)]
        stop_price: Option<Price>,
    },
    /// Refused at once by the capability: recorded, nothing else.
    Refused {
        /// The id that it would have had.
        intent_id: IntentId,
        /// What it asked for.
        intent: Intent,
        /// Why not.
        refusal: crate::risk::Refusal,
    },
}

/// Events that one instance handled well. Kept by whoever calls it, so that it depends on what the
/// instance did and not on how fast a replay passes meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodRun {
    /// How many; catching up does not count.
    pub events: u64,
    /// Market nanoseconds from the first to the last of them, by the events' own times.
    pub span_ns: i64,
    /// The time of the first.
    first: Option<Timestamp>,
}

impl GoodRun {
    /// Counts events that a call handled: how many, and the times of the first and the last.
    pub fn took(&mut self, events: usize, from: Timestamp, to: Timestamp) {
        if events == 0 {
            return;
        }
        self.events = self.events.saturating_add(u64::try_from(events).unwrap_or(u64::MAX));
        let first = *self.first.get_or_insert(from);
        self.span_ns = self.span_ns.max(to.since(first));
    }

    /// Whether it is long enough that earlier strikes are forgiven.
    #[must_use]
    pub const fn forgives(&self) -> bool {
        self.events >= limits::GOOD_RUN_EVENTS_MIN && self.span_ns >= limits::GOOD_RUN_NS
    }
}

/// Something that happened to a bot's instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum BotReport {
    /// An instance was made, warmed up, and can get events.
    Ready {
        /// Its generation.
        generation: u64,
    },
    /// A call trapped, looped, broke a limit, or returned nonsense. Its batch is void.
    Strike {
        /// The instance's generation.
        generation: u64,
        /// What the instance did well before. Nothing where it was its state that could not be
        /// saved: whatever it has handled since the last one is lost with it.
        run: GoodRun,
        /// Trap, or the limit with its value and setting.
        cause: String,
    },
    /// The bot could not be made at all (load, init or restore failed).
    Failed {
        /// The generation that was asked for.
        generation: u64,
        /// Why.
        cause: String,
    },
    /// A new version took over between two batches.
    Reloaded {
        /// The new generation.
        generation: u64,
        /// Its digest.
        digest: String,
        /// Its version.
        version: String,
        /// Nanoseconds of machine time between the last call of the old and readiness of the new.
        pause_ns: i64,
    },
    /// Other parameters took over between two batches.
    Set {
        /// The new generation.
        generation: u64,
        /// All of them.
        params: Vec<(String, String)>,
        /// Nanoseconds of machine time between the last call with the old ones and readiness.
        pause_ns: i64,
        /// Why others were given back, where these are those from before.
        given_back: Option<String>,
    },
    /// A new version was not taken, or given back within its roll-back window.
    RolledBack {
        /// The generation that goes on.
        generation: u64,
        /// The digest that goes on.
        digest: String,
        /// Its version.
        version: String,
        /// The digest that was refused.
        refused_digest: String,
        /// Why.
        cause: String,
    },
    /// Something that people should know and that changes nothing.
    Noted {
        /// The instance's generation.
        generation: u64,
        /// What.
        notice: Notice,
        /// In words; of a limit with its name, the value found, the value allowed and the setting.
        message: String,
    },
    /// The bot's state, saved on a timer or at an orderly stop.
    Saved {
        /// The instance's generation.
        generation: u64,
        /// The digest of the component that wrote it.
        digest: String,
        /// The bytes.
        bytes: Arc<[u8]>,
        /// The market's time of the last event that it has seen.
        at: Timestamp,
    },
}

/// What people are told of a bot that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// It reached a limit that bounds it without a strike.
    Limit,
    /// It runs among the slow bots from now on, or among the quick ones again.
    Lane,
    /// A version that was not taken before is not tried again.
    Rejected,
    /// A new version waits: there were too many in a short time.
    Crowded,
    /// Other parameters were not taken.
    NotSet,
}

impl Notice {
    /// The kind of its event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Lane => "lane",
            Self::Rejected => "rejected",
            Self::Crowded => "crowded",
            Self::NotSet => "not_set",
        }
    }
}

/// One row of an import file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFill {
    /// The execution id of the file, or one made from its content and place.
    pub execution_id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub symbol: Symbol,
    /// Trade or split.
    pub kind: ImportKind,
}

/// What a row of an import file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ImportKind {
    /// A fill.
    Trade {
        /// Buy or sell.
        side: Side,
        /// How much.
        qty: Qty,
        /// At what price.
        price: Price,
        /// Its fee.
        fee: Money,
    },
    /// A split.
    Split {
        /// New shares for one old share.
        ratio: Decimal,
    },
}

/// What a halt or a setting applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "snake_case")]
pub enum Scope {
    /// The whole account.
    Account,
    /// One sleeve.
    Sleeve {
        /// Its name.
        name: Slug,
    },
}

/// A person's command, from the command line or the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the command's own words in COMMANDS.md")]
pub enum Command {
    SleeveCreate {
        name: Slug,
        capital: Money,
        lots: LotMethod,
    },
    SleeveSet {
        name: Slug,
        lots: LotMethod,
    },
    CapitalAdd {
        name: Slug,
        amount: Money,
    },
    CapitalWithdraw {
        name: Slug,
        amount: Money,
    },
    CapitalMove {
        from: Slug,
        to: Slug,
        amount: Money,
    },
    /// The sleeve's net capital becomes `amount`.
    CapitalAllocate {
        name: Slug,
        amount: Money,
    },
    BotDeploy {
        name: Slug,
        /// An existing flat sleeve to take; otherwise one of the bot's name is made.
        sleeve: Option<Slug>,
        capital: Money,
        plugin: String,
        digest: String,
        version: String,
        params: Vec<(String, String)>,
        symbols: Vec<Symbol>,
        seed: u64,
    },
    BotSet {
        name: Slug,
        params: Vec<(String, String)>,
    },
    BotStart {
        name: Slug,
    },
    BotStop {
        name: Slug,
    },
    BotRelease {
        name: Slug,
    },
    BotRemove {
        name: Slug,
    },
    OrderSubmit {
        sleeve: Slug,
        intent: Intent,
    },
    OrderCancel {
        order: OrderId,
    },
    OrderReplace {
        order: OrderId,
        qty: Option<Qty>,
        limit_price: Option<Price>,
    },
    PositionAssign {
        symbol: Symbol,
        qty: Qty,
        to: Slug,
        cost: Money,
        opened: Timestamp,
    },
    PositionMove {
        from: Slug,
        to: Slug,
        symbol: Symbol,
        qty: Qty,
    },
    ImportFills {
        sleeve: Slug,
        opening: bool,
        fills: Vec<ImportedFill>,
    },
    /// Activities from a file: corporate actions, dividends, fees.
    ImportActions {
        activities: Vec<Activity>,
    },
    /// A person says what a flagged activity is.
    ActionBook {
        activity: String,
        booking: ActionBooking,
    },
    /// All of them or none.
    RiskSet {
        scope: Scope,
        settings: Vec<(String, String)>,
    },
    Halt {
        scope: Scope,
        reducing: bool,
        why: String,
    },
    Resume {
        scope: Scope,
    },
    Reconcile,
    BreakResolve {
        break_id: BreakId,
        action: String,
        why: String,
    },
}

/// What a person says that an activity is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "booking", rename_all = "snake_case")]
pub enum ActionBooking {
    /// Nothing that concerns the books.
    Ignore,
    /// Cash of the house.
    Cash,
    /// Cash for whoever held on its day.
    Dividend {
        /// Cash for each share, where the activity has no amount.
        per_share: Option<Price>,
    },
    /// A split.
    Split {
        /// New shares for one old share.
        ratio: Decimal,
    },
    /// The symbol has another name.
    SymbolChange {
        /// The new one.
        to: Symbol,
    },
    /// Shares of another company for shares held.
    SpinOff {
        /// What is received.
        symbol: Symbol,
        /// How many for each share held.
        ratio: Decimal,
        /// How much of the cost goes with them, in percent.
        cost_share_pct: Decimal,
    },
    /// Shares that became cash, or shares of another company.
    Merger {
        /// Cash for each share; zero for none.
        cash_per_share: Price,
        /// What is received for each share, and how much of it.
        shares: Option<(Symbol, Decimal)>,
    },
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done: in words, with the ids of what was made.
    Done {
        /// In words.
        message: String,
        /// The order that was accepted or changed.
        order: Option<OrderId>,
        /// The sleeve that was made or changed.
        sleeve: Option<SleeveId>,
        /// Fills that were new, of an import.
        booked: Option<u64>,
        /// Fills that were known already.
        known: Option<u64>,
    },
    /// Refused by a rule.
    Refused {
        /// Which.
        refusal: crate::risk::Refusal,
    },
}
