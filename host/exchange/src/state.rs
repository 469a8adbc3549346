//! What an exchange is made of and what survives a restart: one serializable value, from which the rest is rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account::Position;
use crate::activities::Activity;
use crate::asset::{Asset, SymbolId};
use crate::config::{Config, ConfigError};
use crate::exchange::Exchange;
use crate::ids::{Id, Ids};
use crate::journal::JournalLine;
use crate::lookup::{Lookup, hash_of_bits, hash_of_text};
use crate::order::{Order, OrderStatus, TradeUpdate};
use crate::rng::Rng;
use crate::time::Nanos;

/// Rises when the shape of [`State`] changes.
const VERSION: u32 = 1;

/// The whole durable state of an exchange. Opaque; write it with any serde format that keeps texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    pub(crate) config: Config,
    pub(crate) ids: Ids,
    pub(crate) rng: Rng,
    pub(crate) account_id: Id,
    pub(crate) account_number: String,
    pub(crate) created_at: Nanos,
    /// The latest time seen.
    pub(crate) now: Nanos,
    /// After the last bar: nothing trades any more.
    pub(crate) closed: bool,
    pub(crate) slots: Vec<Slot>,
    /// In submission order; an index is an order's handle here.
    pub(crate) orders: Vec<Order>,
    pub(crate) journal: Vec<JournalLine>,
    pub(crate) activities: Vec<Activity>,
    /// Not drained yet.
    pub(crate) events: Vec<TradeUpdate>,
    pub(crate) event_seq: u64,
    pub(crate) cash: Decimal,
    pub(crate) fees: Decimal,
    pub(crate) last_equity: Decimal,
    /// When the New York day of `now` ends.
    pub(crate) day_end: Nanos,
}

/// All about one symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// Last price; zero before the first.
    pub(crate) last: Decimal,
    /// End of the bar, or time of the trade, that gave it.
    pub(crate) last_at: Nanos,
    pub(crate) bid: Decimal,
    pub(crate) ask: Decimal,
    pub(crate) quote_at: Nanos,
    pub(crate) lastday: Decimal,
    pub(crate) position: Position,
    /// What orders may still take of the bar at hand, where the configuration limits it.
    #[serde(skip)]
    pub(crate) volume_left: Option<Decimal>,
    /// The volume of the bar at hand.
    #[serde(skip)]
    pub(crate) volume: Option<Decimal>,
    /// Whether what orders meet is a quote.
    #[serde(skip)]
    pub(crate) met_quote: bool,
    /// Open orders, in submission order.
    #[serde(skip)]
    pub(crate) open: Vec<u32>,
    pub(crate) asset: Asset,
}

impl Slot {
    pub(crate) fn new(asset: Asset) -> Self {
        Self {
            last: Decimal::ZERO,
            last_at: Nanos(i64::MIN),
            bid: Decimal::ZERO,
            ask: Decimal::ZERO,
            quote_at: Nanos(i64::MIN),
            lastday: Decimal::ZERO,
            position: Position::default(),
            volume_left: None,
            volume: None,
            met_quote: false,
            open: Vec::new(),
            asset,
        }
    }
}

/// A state that no exchange can have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("exchange state has version {found}, this program reads {VERSION}")]
    Version { found: u32 },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("exchange state: cash is {cash}, its journal sums up to {journal}")]
    Cash { cash: Decimal, journal: Decimal },
    #[error("exchange state: position of {symbol} is {position}, its journal sums up to {journal}")]
    Position { symbol: String, position: Decimal, journal: Decimal },
    #[error("exchange state: {what} {id} occurs twice")]
    Twice { what: &'static str, id: String },
    #[error("exchange state: order {id} names symbol {symbol}, which is not listed")]
    Symbol { id: Id, symbol: String },
}

impl State {
    /// The state of a new account, without its opening cash.
    pub(crate) fn new(config: Config, seed: u64, at: Nanos) -> Self {
        let mut ids = Ids::new(seed);
        let mut rng = Rng::new(seed);
        let account_id = ids.next();
        let account_number = format!("PA{:010}", rng.below(10_000_000_000));
        Self {
            version: VERSION,
            last_equity: config.cash,
            config,
            ids,
            rng,
            account_id,
            account_number,
            created_at: at,
            now: at,
            closed: false,
            slots: Vec::new(),
            orders: Vec::new(),
            journal: Vec::new(),
            activities: Vec::new(),
            events: Vec::new(),
            event_seq: 0,
            cash: Decimal::ZERO,
            fees: Decimal::ZERO,
            day_end: day_end(at),
        }
    }

    /// Compares cash and positions with the journal, to the last digit.
    fn check_journal(&self) -> Result<(), StateError> {
        let journal = self.journal.iter().map(|line| line.cash_delta).sum::<Decimal>();
        if journal != self.cash {
            return Err(StateError::Cash { cash: self.cash, journal });
        }
        let mut sums = BTreeMap::<&str, Decimal>::new();
        for line in &self.journal {
            if let Some(symbol) = &line.symbol {
                *sums.entry(symbol).or_default() += line.qty_delta;
            }
        }
        for slot in &self.slots {
            let journal = sums.get(&*slot.asset.symbol).copied().unwrap_or_default();
            if journal != slot.position.qty {
                let symbol = slot.asset.symbol.to_string();
                return Err(StateError::Position { symbol, position: slot.position.qty, journal });
            }
        }
        Ok(())
    }
}

/// Midnight in New York after `at`.
pub(crate) fn day_end(at: Nanos) -> Nanos {
    at.new_york_date().plus(1).at_new_york(0, 0)
}

impl Exchange {
    /// A copy of everything that a restart needs, undrained events included.
    #[must_use]
    pub fn to_state(&self) -> State {
        self.s.clone()
    }

    /// The exchange that wrote `state`, as it was.
    ///
    /// # Errors
    /// Where the state contradicts itself: nothing is repaired.
    pub fn from_state(state: State) -> Result<Self, StateError> {
        if state.version != VERSION {
            return Err(StateError::Version { found: state.version });
        }
        state.config.check()?;
        state.check_journal()?;
        let mut exchange = Self::around(state);
        exchange.index()?;
        Ok(exchange)
    }

    pub(crate) fn around(state: State) -> Self {
        Self {
            s: state,
            by_symbol: BTreeMap::new(),
            by_id: Lookup::default(),
            by_client: Lookup::default(),
            open: BTreeSet::new(),
            next_deadline: Nanos::MAX,
            session: None,
            scratch: Vec::new(),
            ended: None,
        }
    }

    /// Rebuilds all that follows from the state.
    fn index(&mut self) -> Result<(), StateError> {
        for (at, slot) in (0_u32..).zip(&self.s.slots) {
            let symbol = Arc::clone(&slot.asset.symbol);
            if self.by_symbol.insert(Arc::clone(&symbol), SymbolId(at)).is_some() {
                return Err(StateError::Twice { what: "symbol", id: symbol.to_string() });
            }
        }
        for (at, order) in (0_u32..).zip(&self.s.orders) {
            let listed = self
                .s
                .slots
                .get(order.symbol_id.index())
                .is_some_and(|s| s.asset.symbol == order.symbol);
            if !listed {
                return Err(StateError::Symbol { id: order.id, symbol: order.symbol.to_string() });
            }
            let (id, client) =
                (hash_of_bits(order.id.bits()), hash_of_text(&order.client_order_id));
            let orders = &self.s.orders;
            if self.by_id.find(id, |other| orders[other as usize].id == order.id).is_some() {
                return Err(StateError::Twice { what: "order", id: order.id.to_string() });
            }
            self.by_id.add(id, at);
            let same = |other: u32| orders[other as usize].client_order_id == order.client_order_id;
            if self.by_client.find(client, same).is_some() {
                return Err(StateError::Twice {
                    what: "client order id",
                    id: order.client_order_id.to_string(),
                });
            }
            self.by_client.add(client, at);
            if !order.status.is_final() {
                self.open.insert(at);
                self.s.slots[order.symbol_id.index()].open.push(at);
            }
        }
        self.refresh_deadline();
        Ok(())
    }

    /// The handle of the order with this id.
    pub(crate) fn handle_of(&self, id: Id) -> Option<u32> {
        self.by_id.find(hash_of_bits(id.bits()), |handle| self.s.orders[handle as usize].id == id)
    }

    /// The handle of the order with this client order id.
    pub(crate) fn handle_of_client_id(&self, id: &str) -> Option<u32> {
        let is = |handle: u32| *self.s.orders[handle as usize].client_order_id == *id;
        self.by_client.find(hash_of_text(id), is)
    }

    /// Lets an order that was just written be found by its ids.
    pub(crate) fn note(&mut self, handle: u32) {
        let order = &self.s.orders[handle as usize];
        self.by_id.add(hash_of_bits(order.id.bits()), handle);
        self.by_client.add(hash_of_text(&order.client_order_id), handle);
    }

    /// Finds when the next queued order is released or the next open one expires.
    pub(crate) fn refresh_deadline(&mut self) {
        let orders = &self.s.orders;
        self.next_deadline =
            self.open.iter().map(|&at| deadline(&orders[at as usize])).min().unwrap_or(Nanos::MAX);
    }
}

/// When time alone next changes the order.
pub(crate) fn deadline(order: &Order) -> Nanos {
    let release = order.release_at.filter(|_| order.status == OrderStatus::Accepted);
    release.into_iter().chain(order.expires_at).min().unwrap_or(Nanos::MAX)
}
