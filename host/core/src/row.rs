//! The rows that are the state. The store keeps them in tables; [`crate::desk::Desk::restore`]
//! rebuilds the desk from them and from nothing else.
//!
//! A row is either *appended* (journal, executions, round trips, inputs, refusals, bot events,
//! equity) or *kept by key* (everything else: the last one written wins). [`Row::key`] tells which.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::decimal::{Money, Price, Qty};
use crate::id::{
    BreakId, EntryId, InputIndex, IntentId, LotId, OrderId, RoundTripId, SleeveId, Slug, Symbol,
};
use crate::instrument::Instrument;
use crate::ledger::{EntryKind, Link, LotMethod, LotSide, Posting};
use crate::order::{Intent, OrderStatus, OrderType, Side, Size, TimeInForce};
use crate::risk::{Controls, TradingState};
use crate::time::{Now, Timestamp};

/// The account's own row. Key: the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its label, as in `--account`.
    pub label: Slug,
    /// The broker's id that the ledger is pinned to; `None` until first seen, and for `books`.
    pub broker_account_id: Option<String>,
    /// Whether there is a broker at all.
    pub has_broker: bool,
    /// Random part of the client order ids: new at each initialisation or restore from back-up.
    pub era: String,
    /// Trading state of the whole account.
    pub state: TradingState,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// Account-wide controls.
    pub controls: Controls,
    /// How much of the account's equity may be allocated: 1 is all of it.
    pub allocation_factor: rust_decimal::Decimal,
    /// The next numbers to give.
    pub counters: Counters,
    /// The last recorded input.
    pub input_index: InputIndex,
    /// Times of the last recorded input.
    pub now: Now,
    /// From when fills must be read again at the next start (with overlap).
    pub fills_since: Timestamp,
    /// When the account was first seen: fills before it are part of the opening entry.
    pub opened_at: Option<Timestamp>,
    /// The end of the journal's chain.
    pub link: Link,
}

/// The next number of each kind that the account gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Next order.
    pub order: u64,
    /// Next sleeve.
    pub sleeve: u64,
    /// Next entry.
    pub entry: u64,
    /// Next lot.
    pub lot: u64,
    /// Next round trip.
    pub round_trip: u64,
    /// Next break.
    pub break_id: u64,
}

/// What a sleeve is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SleeveKind {
    /// A bot trades it.
    Bot,
    /// A person trades it.
    Hand,
    /// Cash that is not allocated.
    House,
    /// Shares and cash that nobody owns yet.
    Suspense,
    /// The broker's own rounding of cash.
    Rounding,
}

/// A sleeve. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SleeveRow {
    /// Its number.
    pub id: SleeveId,
    /// Its name.
    pub name: Slug,
    /// What it is for.
    pub kind: SleeveKind,
    /// Its trading state.
    pub state: TradingState,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// Capital at its creation.
    pub initial_capital: Money,
    /// Capital added since (also by shares that were assigned to it).
    pub added: Money,
    /// Capital withdrawn since, as a positive amount.
    pub withdrawn: Money,
    /// Cash.
    pub cash: Money,
    /// Cash that open orders hold, at their worst price.
    pub reserved: Money,
    /// Net profit of its round trips, plus income, less fees that belong to no lot.
    pub realised: Money,
    /// All fees paid, positive.
    pub fees: Money,
    /// All dividends received, less what was withheld.
    pub dividends: Money,
    /// All interest received, less what was paid.
    pub interest: Money,
    /// Lot method.
    pub lots: LotMethod,
    /// Its controls.
    pub controls: Controls,
    /// The day key of `day_start_equity`; zero before the first day.
    pub day: u32,
    /// Equity at the start of that day: what the daily loss is measured from.
    pub day_start_equity: Money,
    /// The next intent id that its bot is promised.
    pub next_intent: IntentId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is closed for ever (history stays).
    pub retired: bool,
}

/// What a sleeve holds of a symbol. Key: sleeve and symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRow {
    /// Whose.
    pub sleeve: SleeveId,
    /// Of what.
    pub symbol: Symbol,
    /// Signed quantity: the sum of its open lots.
    pub qty: Qty,
    /// Their cost, signed as the quantity.
    pub cost: Money,
    /// Their opening fees that are not realised yet.
    pub fee_left: Money,
}

/// A lot. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotRow {
    /// Its number; lots of one sleeve and symbol are ordered by (`opened_at`, `id`).
    pub id: LotId,
    /// Whose.
    pub sleeve: SleeveId,
    /// Of what.
    pub symbol: Symbol,
    /// Long or short.
    pub side: LotSide,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Quantity at the start, positive.
    pub qty: Qty,
    /// What is still open, positive.
    pub remaining: Qty,
    /// Price of the opening execution.
    pub entry_price: Price,
    /// Cost at the start (quantity times price), positive.
    pub cost: Money,
    /// Cost of what is still open, positive.
    pub cost_left: Money,
    /// Opening fee.
    pub fee: Money,
    /// Opening fee of what is still open.
    pub fee_left: Money,
    /// The execution that opened it.
    pub execution_id: Arc<str>,
}

/// A lot, or a part of one, and the execution that closed it. Appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTripRow {
    /// Its number.
    pub id: RoundTripId,
    /// Whose.
    pub sleeve: SleeveId,
    /// Of what.
    pub symbol: Symbol,
    /// Of the lot.
    pub side: LotSide,
    /// The lot.
    pub lot: LotId,
    /// Quantity closed, positive.
    pub qty: Qty,
    /// When the lot was opened.
    pub entry_time: Timestamp,
    /// At what price.
    pub entry_price: Price,
    /// When this part was closed.
    pub exit_time: Timestamp,
    /// At what price.
    pub exit_price: Price,
    /// Profit of the prices alone.
    pub gross: Money,
    /// Its share of the opening fee.
    pub opening_fee: Money,
    /// Its share of the closing fee.
    pub closing_fee: Money,
    /// `gross - opening_fee - closing_fee`.
    pub net: Money,
    /// Cost of what was closed, positive: what `net` is measured against.
    pub cost: Money,
    /// The closing intent's reason.
    pub exit_reason: Option<Arc<str>>,
    /// The closing execution.
    pub exit_execution_id: Arc<str>,
    /// The entry that booked it: when it was believed first.
    pub entry: EntryId,
}

/// A round trip that a correction took back. Appended; one per round trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTripVoidRow {
    /// Which.
    pub round_trip: RoundTripId,
    /// The entry that took it back.
    pub entry: EntryId,
    /// When, by the market's time.
    pub at: Timestamp,
}

/// A lot as an entry left it: what is asked for the past. Appended; one per lot and entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotChangeRow {
    /// The entry.
    pub entry: EntryId,
    /// When, by the market's time.
    pub at: Timestamp,
    /// The lot after it.
    pub lot: LotRow,
}

/// An order. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// Its number.
    pub id: OrderId,
    /// Its owner.
    pub sleeve: SleeveId,
    /// What its bot calls it.
    pub intent_id: IntentId,
    /// The client order id.
    pub client_order_id: Arc<str>,
    /// The broker's id, once known.
    pub broker_order_id: Option<Arc<str>>,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How much was asked for.
    pub size: Size,
    /// What was asked for.
    pub order_type: OrderType,
    /// What was sent (a market order goes out as a limit at the collar).
    pub sent_type: OrderType,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Whether it may trade outside the regular session.
    pub extended_hours: bool,
    /// The intent's reason.
    pub reason: Option<Arc<str>>,
    /// The intent's tag.
    pub tag: Option<Arc<str>>,
    /// Where it is in its life.
    pub status: OrderStatus,
    /// The price that the decision used.
    pub decision_price: Option<Price>,
    /// The worst price of the reservation.
    pub worst_price: Price,
    /// Cash that it holds now.
    pub reserved: Money,
    /// Filled so far: the sum of its executions.
    pub filled_qty: Qty,
    /// Value of its executions.
    pub filled_value: Money,
    /// The broker's own cumulative filled quantity, as last reported.
    pub broker_filled_qty: Qty,
    /// The lease epoch of the claim.
    pub epoch: u64,
    /// How often it was claimed (more than once only with proof that nothing was sent).
    pub attempt: u32,
    /// Whether a cancel was asked for.
    pub cancel_requested: bool,
    /// How often a cancel was sent.
    pub cancel_attempts: u32,
    /// The order that this one replaces: sent once that one is final.
    pub replaces: Option<OrderId>,
    /// The broker's refusal, or why it ended here.
    pub end_reason: Option<Arc<str>>,
    /// The lot that it closes first, where it names one.
    pub lot: Option<LotId>,
    /// The version of the plugin that asked for it; `None` for a person's order.
    pub plugin_version: Option<Arc<str>>,
    /// How often it was changed: numbers its [`OrderChangeRow`]s.
    pub changes: u32,
    /// Filled beyond its quantity, or beyond its reservation.
    pub overfilled: bool,
    /// Lookups that did not find it.
    pub lookups: u32,
    /// When it was accepted, by the market's time.
    pub accepted_at: Timestamp,
    /// When it was last claimed or became unknown, by the machine's time.
    pub claimed_at: Timestamp,
    /// When it was last changed, by the market's time.
    pub updated_at: Timestamp,
}

/// An order as an input left it: what is asked for the past. Appended; one per order and change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChangeRow {
    /// Which.
    pub order: OrderId,
    /// The number of the change.
    pub change: u32,
    /// When, by the market's time.
    pub at: Timestamp,
    /// Where it was in its life.
    pub status: OrderStatus,
    /// Cash that it held.
    pub reserved: Money,
    /// Filled so far.
    pub filled_qty: Qty,
    /// Value of its executions so far.
    pub filled_value: Money,
}

/// An execution, booked once. Appended; unique by execution id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRow {
    /// The broker's id, or `import:…`.
    pub execution_id: Arc<str>,
    /// The sleeve it was booked to.
    pub sleeve: SleeveId,
    /// The order; `None` for a trade that was not ours and for imports.
    pub order: Option<OrderId>,
    /// The broker's order.
    pub broker_order_id: Arc<str>,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How much, positive.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// Fee in the account's currency.
    pub fee: Money,
    /// Fee in coins, taken from what was bought.
    pub fee_qty: Qty,
    /// The broker order's filled quantity after it, where reported: the second witness.
    pub cumulative_qty: Option<Qty>,
    /// When.
    pub at: Timestamp,
    /// The entry that books it.
    pub entry: EntryId,
    /// How it was learnt of.
    pub source: ExecutionSource,
}

/// A trade bust or correction that was booked. Appended; one per execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionRow {
    /// The execution that it takes back.
    pub execution_id: Arc<str>,
    /// The execution in its place; `None` for a bust.
    pub replacement: Option<Arc<str>>,
    /// The entry that books it.
    pub entry: EntryId,
    /// When, by the market's time.
    pub at: Timestamp,
}

/// Where a broker's activity is in its life here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityState {
    /// Waits for an answer from the books.
    Pending,
    /// Booked.
    Booked,
    /// A person has to say what it means: `action book`.
    Flagged,
    /// Nothing of it concerns the books.
    Ignored,
}

/// An activity other than a fill: dividend, split, fee, interest, cash that came or went. Key: its
/// id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRow {
    /// As it was reported.
    pub activity: crate::broker::Activity,
    /// Where it is.
    pub state: ActivityState,
    /// Why, in words.
    pub note: String,
    /// The entry that books it.
    pub entry: Option<EntryId>,
    /// When it was learnt of, by the market's time.
    pub at: Timestamp,
}

/// What tells one execution from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionKey {
    /// The broker's id.
    pub execution_id: String,
    /// The broker's order.
    pub broker_order_id: String,
    /// The order's filled quantity after it.
    pub cumulative_qty: Option<Qty>,
}

/// How an execution was learnt of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionSource {
    /// The account stream.
    Stream,
    /// The broker's activities, read after a gap or at the start.
    Activity,
    /// A file.
    Import,
    /// A file of history from before stockade: left out of the comparison with the broker.
    Opening,
    /// A corporate action: a fraction paid in cash, shares that a merger bought.
    Action,
}

/// A balanced journal entry. Appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// Its number: the order of the journal.
    pub id: EntryId,
    /// When, by the market's time.
    pub at: Timestamp,
    /// What it books.
    pub kind: EntryKind,
    /// In words a person understands.
    pub memo: String,
    /// The execution that it books.
    pub execution_id: Option<Arc<str>>,
    /// The activity, correction or line of a file that it books: booked once.
    pub source_id: Option<Arc<str>>,
    /// The entry that it corrects.
    pub corrects: Option<EntryId>,
    /// When what it books happened: the time of the trade, the ex-date, the date of the fee.
    pub effective_at: Timestamp,
    /// New shares for one old share, of a split.
    pub ratio: Option<rust_decimal::Decimal>,
    /// Its legs; they sum to zero.
    pub postings: Vec<Posting>,
    /// The chain up to and with this entry.
    pub link: Link,
}

/// The last known price of a symbol. Key: the symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRow {
    /// Of what.
    pub symbol: Symbol,
    /// The price.
    pub price: Price,
    /// When it was seen.
    pub at: Timestamp,
}

/// A sleeve's value at a time: the equity curve. Appended; one per sleeve and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquityRow {
    /// Whose.
    pub sleeve: SleeveId,
    /// When.
    pub at: Timestamp,
    /// Cash.
    pub cash: Money,
    /// Positions at their marks.
    pub market_value: Money,
    /// The same with every position counted positive.
    pub exposure: Money,
    /// Initial capital plus added less withdrawn: a change is a flow, not a return.
    pub net_capital: Money,
    /// Realised profit.
    pub realised: Money,
    /// The day key when this is a session's close.
    pub session_close: Option<u32>,
}

/// A recorded input. Appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRow {
    /// Its place in the order of things.
    pub index: InputIndex,
    /// Its times.
    pub now: Now,
    /// What kind of event it was.
    pub kind: &'static str,
    /// The event as JSON, written by the core's own serialisation.
    pub body: Box<crate::desk::Event>,
}

/// An intent that was refused. Appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRow {
    /// Whose.
    pub sleeve: SleeveId,
    /// What its bot called it.
    pub intent_id: IntentId,
    /// When, by the market's time.
    pub at: Timestamp,
    /// What was asked for.
    pub intent: Intent,
    /// The stable reason code.
    pub code: &'static str,
    /// The reason with its numbers.
    pub message: String,
}

/// A difference that reconciliation found. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakRow {
    /// Its number.
    pub id: BreakId,
    /// Its class (CONTROLS section 2), such as `D38`.
    pub class: String,
    /// `info`, `warning` or `serious`.
    pub severity: String,
    /// The symbol, where it has one.
    pub symbol: Option<Symbol>,
    /// What our books say.
    pub ours: rust_decimal::Decimal,
    /// What the broker says.
    pub broker: rust_decimal::Decimal,
    /// What was found, in words.
    pub evidence: String,
    /// What was done about it.
    pub action: String,
    /// When it was found, by the market's time.
    pub opened_at: Timestamp,
    /// When it ended; `None` while it is open.
    pub resolved_at: Option<Timestamp>,
}

/// Whether a bot runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotState {
    /// Being loaded or warmed up.
    Loading,
    /// Gets events.
    Running,
    /// Backs off after a strike, until a time of the market.
    Suspended,
    /// Too many strikes: a person must release it.
    Quarantined,
    /// Stopped by a person.
    Stopped,
    /// Removed; its sleeve stays.
    Retired,
}

/// A bot. Key: its sleeve (a bot has exactly one).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotRow {
    /// Its sleeve.
    pub sleeve: SleeveId,
    /// Its name (the sleeve's, unless it took an existing one).
    pub name: Slug,
    /// The plugin's name: the file stem in the plugins folder.
    pub plugin: String,
    /// SHA-256 of the component's bytes, in hex.
    pub digest: String,
    /// The plugin's version as `describe` gives it.
    pub version: String,
    /// Parameters as text, checked against the schema at deployment.
    pub params: Vec<(String, String)>,
    /// Symbols it gets and may trade.
    pub symbols: Vec<Symbol>,
    /// Its seed.
    pub seed: u64,
    /// Rises with each instance that is put to work; results of older ones are void.
    pub generation: u64,
    /// Whether it runs.
    pub state: BotState,
    /// Why.
    pub state_reason: Option<String>,
    /// Times of the strikes since its last good run.
    pub strikes: Vec<Timestamp>,
    /// Until when it is suspended.
    pub suspended_until: Option<Timestamp>,
    /// When it was deployed.
    pub created_at: Timestamp,
    /// Digests of versions that were not taken or given back, the latest last: none of them is
    /// tried again until a person says so.
    pub rejected: Vec<String>,
}

/// A bot's state, as its `save` gave it. Key: the sleeve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRow {
    /// Whose.
    pub sleeve: SleeveId,
    /// The digest of the component that wrote it.
    pub digest: String,
    /// The time of the last bar that it has seen.
    pub at: Timestamp,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Something that happened to a bot: deployed, reloaded, struck, quarantined, rolled back. Appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotEventRow {
    /// Whose.
    pub sleeve: SleeveId,
    /// The generation.
    pub generation: u64,
    /// When, by the market's time.
    pub at: Timestamp,
    /// What: `deployed`, `started`, `stopped`, `reloaded`, `rolled_back`, `strike`, `suspended`,
    /// `resumed`, `quarantined`, `released`, `retired`, and what changes nothing by itself: `limit`,
    /// `lane`, `rejected`, `crowded`.
    pub kind: String,
    /// In words, with the limit's name, value and setting.
    pub message: String,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the row of its type, documented there")]
pub enum Row {
    Account(Box<AccountRow>),
    Instrument(Instrument),
    Sleeve(Box<SleeveRow>),
    Position(PositionRow),
    Lot(LotRow),
    RoundTrip(RoundTripRow),
    Order(Box<OrderRow>),
    Execution(ExecutionRow),
    Entry(EntryRow),
    Mark(MarkRow),
    /// The price that a snapshot of the sleeves used. Appended; one per symbol and time.
    Price(MarkRow),
    LotChange(LotChangeRow),
    OrderChange(OrderChangeRow),
    RoundTripVoid(RoundTripVoidRow),
    Correction(CorrectionRow),
    Activity(Box<ActivityRow>),
    Equity(EquityRow),
    #[serde(skip_deserializing)]
    Input(InputRow),
    #[serde(skip_deserializing)]
    Refusal(RefusalRow),
    Break(BreakRow),
    Bot(Box<BotRow>),
    Snapshot(SnapshotRow),
    BotEvent(BotEventRow),
}

/// All rows that [`crate::desk::Desk::restore`] needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The account.
    pub account: AccountRow,
    /// All instruments.
    pub instruments: Vec<Instrument>,
    /// All sleeves, also retired ones.
    pub sleeves: Vec<SleeveRow>,
    /// All positions that are not zero.
    pub positions: Vec<PositionRow>,
    /// All lots with something remaining.
    pub lots: Vec<LotRow>,
    /// All orders that are not final, and the last
    /// [`crate::limits::CLOSED_ORDERS_KEPT_MAX`] final ones.
    pub orders: Vec<OrderRow>,
    /// Keys of all executions since `remembered_since`, by their own times, and of splits of files.
    pub executions: Vec<ExecutionKey>,
    /// Before it executions are in the books alone, see [`crate::desk::Desk::recall`].
    pub remembered_since: Timestamp,
    /// All marks.
    pub marks: Vec<MarkRow>,
    /// All open breaks.
    pub breaks: Vec<BreakRow>,
    /// All bots.
    pub bots: Vec<BotRow>,
    /// All activities that are not at their end.
    pub activities: Vec<ActivityRow>,
    /// Ids of all activities that are, and of the executions that were corrected.
    pub settled: Vec<Arc<str>>,
}
