//! What a bot can know of its own sleeve: the view that each handler call carries.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty};
use crate::id::{InstrumentId, IntentId, SleeveId, Symbol};
use crate::instrument::Instrument;
use crate::order::{OrderStatus, OrderType, Side};
use crate::risk::{Controls, TradingState};
use crate::time::Timestamp;

/// A position in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionView {
    /// Of what.
    pub instrument: InstrumentId,
    /// Signed quantity.
    pub qty: Qty,
    /// Quantity that open sales don't hold.
    pub available: Qty,
    /// Cost of the open lots, signed as the quantity.
    pub cost: Money,
    /// Quantity that open buys can add.
    pub buying: Qty,
}

/// An open order in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderView {
    /// What the bot calls it.
    pub intent_id: IntentId,
    /// Of what.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Quantity ordered (for a notional order: what it can buy at most).
    pub qty: Qty,
    /// Filled so far.
    pub filled: Qty,
    /// Type and prices as asked for.
    pub order_type: OrderType,
    /// Where it is in its life.
    pub status: OrderStatus,
}

/// How market orders are reserved and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pricing {
    /// The collar around the last price, in percent.
    pub collar_pct: Decimal,
    /// Whether market orders go out as a limit at the collar (live), or stay market orders and
    /// reserve twice the collar (reference).
    pub market_as_limit: bool,
}

/// An immutable picture of one sleeve, made by the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SleeveView {
    /// Whose.
    pub sleeve: SleeveId,
    /// The name, for messages.
    pub name: String,
    /// Changes with every change of the sleeve.
    pub version: u64,
    /// Cash.
    pub cash: Money,
    /// Cash that open orders hold.
    pub reserved: Money,
    /// Positions, by instrument.
    pub positions: Vec<PositionView>,
    /// Open orders, by age.
    pub orders: Vec<OrderView>,
    /// The strictest trading state of sleeve and account.
    pub state: TradingState,
    /// Why, when not active.
    pub state_reason: String,
    /// The sleeve's controls.
    pub controls: Arc<Controls>,
    /// How market orders are priced.
    pub pricing: Pricing,
    /// The next intent id.
    pub next_intent: IntentId,
    /// Market times of the orders accepted in the last minute, oldest first.
    pub accepted: Vec<Timestamp>,
}

impl SleeveView {
    /// Cash that no order holds; never below zero.
    #[must_use]
    pub fn buying_power(&self) -> Money {
        if bug::is(Bug::CapIgnoresReserved) {
            return self.cash;
        }
        let free = self.cash - self.reserved;
        if free.is_negative() { Money::ZERO } else { free }
    }

    /// The position in an instrument; `None` when there is none and no order for it.
    #[must_use]
    pub fn position(&self, instrument: InstrumentId) -> Option<&PositionView> {
        self.positions.iter().find(|position| position.instrument == instrument)
    }
}

/// The market as an admission sees it: instruments and their last prices. Both the desk and the
/// runtime (for the event in hand) can answer.
pub trait Prices {
    /// The place of a symbol in the table.
    fn find(&self, symbol: &Symbol) -> Option<InstrumentId>;
    /// The instrument at a place of the table.
    fn instrument(&self, id: InstrumentId) -> Option<&Instrument>;
    /// Its last price and when it was seen.
    fn last(&self, id: InstrumentId) -> Option<(Price, Timestamp)>;
}
