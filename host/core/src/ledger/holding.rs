//! What one sleeve holds of one symbol: its open lots, and the booking of an execution on them.
//!
//! Lots are closed oldest first, in both directions (FIGURES.md, Lots). A fill through zero closes
//! everything and opens one lot with the rest; its fee is divided by quantity. Shares of a whole
//! add up exactly: the last part takes what is left.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lot::LotSide;
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty, proportion};
use crate::id::{LotId, RoundTripId, SleeveId, Symbol};
use crate::order::Side;
use crate::row::{Counters, LotRow, RoundTripRow};
use crate::time::Timestamp;

/// The open lots of one sleeve and symbol, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// Signed quantity: the sum of the open lots.
    pub qty: Qty,
    /// Cost of the open lots, signed as the quantity.
    pub cost: Money,
    /// Opening fees that are not realised yet.
    pub fee_left: Money,
    /// Quantity that open sales hold.
    pub selling: Qty,
    /// Quantity that open buys can add.
    pub buying: Qty,
    lots: VecDeque<LotRow>,
}

/// An execution, as the ledger takes it.
#[derive(Debug, Clone)]
pub struct Trade<'a> {
    /// Whose.
    pub sleeve: SleeveId,
    /// Of what.
    pub symbol: &'a Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How much, above zero.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// Its fee.
    pub fee: Money,
    /// When.
    pub at: Timestamp,
    /// Its id.
    pub execution_id: &'a Arc<str>,
    /// Why, for the round trips that it closes.
    pub reason: Option<&'a Arc<str>>,
}

/// What booking an execution changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Booking {
    /// Lots that were opened or made smaller.
    pub lots: Vec<LotRow>,
    /// Round trips that were closed.
    pub round_trips: Vec<RoundTripRow>,
    /// Change of the position at cost.
    pub cost_change: Money,
    /// Gross profit of what was closed.
    pub gross: Money,
    /// Net profit of what was closed.
    pub net: Money,
}

impl Holding {
    /// Rebuilds a holding from its open lots; they must be sorted by age.
    #[must_use]
    pub fn from_lots(lots: Vec<LotRow>) -> Self {
        let mut holding = Self::default();
        for lot in lots {
            holding.add(lot);
        }
        holding
    }

    /// The open lots, oldest first.
    pub fn lots(&self) -> impl Iterator<Item = &LotRow> {
        self.lots.iter()
    }

    /// Quantity that can be offered: owned, and not held by open sales.
    #[must_use]
    pub fn available(&self) -> Qty {
        self.qty - self.selling
    }

    /// Whether nothing is held and nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lots.is_empty() && self.selling.is_zero() && self.buying.is_zero()
    }

    /// Adds a lot behind the others of its age.
    pub fn add(&mut self, lot: LotRow) {
        self.qty += signed(lot.side, lot.remaining);
        self.cost += signed_cost(lot.side, lot.cost_left);
        self.fee_left += lot.fee_left;
        let key = (lot.opened_at, lot.id);
        let place = self.lots.partition_point(|other| {
            (other.opened_at, other.id) < key && !bug::is(Bug::NewestFirst)
        });
        self.lots.insert(place, lot);
    }

    /// Books an execution: closes lots of the other side, oldest first, and opens one with the
    /// rest.
    pub fn book(&mut self, trade: &Trade<'_>, counters: &mut Counters) -> Booking {
        let mut booking = Booking::default();
        let cost_before = self.cost;
        let opens = match trade.side {
            Side::Buy => LotSide::Long,
            Side::Sell => LotSide::Short,
        };
        let (mut left, mut fee) = (trade.qty, trade.fee);
        while left.is_positive() && self.lots.front().is_some_and(|lot| lot.side != opens) {
            let part = self.lots.front().map_or(left, |lot| lot.remaining.min(left));
            let closing_fee = Money::new(proportion(fee.get(), part.get(), left.get()));
            let closed = self.close_front(part);
            let trip = round_trip(&closed, trade, closing_fee, counters);
            booking.gross += trip.gross;
            booking.net += trip.net;
            booking.round_trips.push(trip);
            booking.lots.push(closed.lot);
            left -= part;
            fee -= closing_fee;
        }
        if left.is_positive() {
            let lot = opened(trade, opens, left, fee, counters);
            booking.lots.push(lot.clone());
            self.add(lot);
        }
        booking.cost_change = self.cost - cost_before;
        booking
    }

    /// Takes `qty` off the front lots without a profit: for transfers. Gives the parts as lots of
    /// their own (ids of the old ones) and the changed rows. `qty` must not exceed what is held.
    pub fn take(&mut self, qty: Qty) -> (Vec<LotRow>, Vec<LotRow>) {
        let (mut left, mut parts, mut changed) = (qty, Vec::new(), Vec::new());
        while left.is_positive() && !self.lots.is_empty() {
            let part = self.lots.front().map_or(left, |lot| lot.remaining.min(left));
            let closed = self.close_front(part);
            let mut piece = closed.lot.clone();
            (piece.qty, piece.remaining) = (part, part);
            (piece.cost, piece.cost_left) = (closed.cost, closed.cost);
            (piece.fee, piece.fee_left) = (closed.fee, closed.fee);
            parts.push(piece);
            changed.push(closed.lot);
            left -= part;
        }
        (parts, changed)
    }

    /// A split: every lot's quantity times `ratio`, cost and fees alone. Gives the changed rows.
    /// Quantities are rounded half-even at nine places.
    pub fn split(&mut self, ratio: rust_decimal::Decimal) -> Vec<LotRow> {
        let scale = crate::limits::QTY_SCALE_MAX;
        let times = |qty: Qty| Qty::new(crate::decimal::round_half_even(qty.get() * ratio, scale));
        let mut total = Qty::ZERO;
        for lot in &mut self.lots {
            lot.qty = times(lot.qty);
            lot.remaining = times(lot.remaining);
            let unit = lot.cost_left.get() / lot.remaining.get();
            lot.entry_price =
                Price::new(crate::decimal::round_half_even(unit, crate::limits::LEDGER_SCALE));
            total += signed(lot.side, lot.remaining);
        }
        self.qty = total;
        self.lots.iter().cloned().collect()
    }

    fn close_front(&mut self, part: Qty) -> Closed {
        let lot = self.lots.front_mut().expect("the caller saw a front lot");
        let whole = part == lot.remaining;
        let cost = lot_cost(lot, part);
        let fee = Money::new(proportion(lot.fee_left.get(), part.get(), lot.remaining.get()));
        lot.remaining -= part;
        lot.cost_left -= cost;
        lot.fee_left -= fee;
        let side = lot.side;
        let row = lot.clone();
        if whole {
            self.lots.pop_front();
        }
        self.qty -= signed(side, part);
        self.cost -= signed_cost(side, cost);
        self.fee_left -= fee;
        Closed { lot: row, qty: part, cost, fee }
    }
}

/// A part of a lot that was closed.
struct Closed {
    lot: LotRow,
    qty: Qty,
    cost: Money,
    fee: Money,
}

/// The cost of a part: by the entry price where that is exact, else its share of what is left.
fn lot_cost(lot: &LotRow, part: Qty) -> Money {
    if part == lot.remaining {
        return lot.cost_left;
    }
    match (lot.entry_price.times(lot.remaining), lot.entry_price.times(part)) {
        (Ok(all), Ok(some)) if all == lot.cost_left => some,
        _ => Money::new(proportion(lot.cost_left.get(), part.get(), lot.remaining.get())),
    }
}

fn round_trip(
    closed: &Closed,
    trade: &Trade<'_>,
    closing_fee: Money,
    counters: &mut Counters,
) -> RoundTripRow {
    let proceeds = trade.price.value_of(closed.qty);
    let gross = match closed.lot.side {
        LotSide::Long => proceeds - closed.cost,
        LotSide::Short => closed.cost - proceeds,
    };
    let id = RoundTripId(counters.round_trip);
    counters.round_trip += 1;
    RoundTripRow {
        id,
        sleeve: trade.sleeve,
        symbol: trade.symbol.clone(),
        side: closed.lot.side,
        lot: closed.lot.id,
        qty: closed.qty,
        entry_time: closed.lot.opened_at,
        entry_price: closed.lot.entry_price,
        exit_time: trade.at,
        exit_price: trade.price,
        gross,
        opening_fee: closed.fee,
        closing_fee,
        net: gross - closed.fee - closing_fee,
        cost: closed.cost,
        exit_reason: trade.reason.cloned(),
        exit_execution_id: trade.execution_id.clone(),
    }
}

fn opened(
    trade: &Trade<'_>,
    side: LotSide,
    qty: Qty,
    fee: Money,
    counters: &mut Counters,
) -> LotRow {
    let id = LotId(counters.lot);
    counters.lot += 1;
    let cost = trade.price.value_of(qty);
    LotRow {
        id,
        sleeve: trade.sleeve,
        symbol: trade.symbol.clone(),
        side,
        opened_at: trade.at,
        qty,
        remaining: qty,
        entry_price: trade.price,
        cost,
        cost_left: cost,
        fee,
        fee_left: fee,
        execution_id: trade.execution_id.clone(),
    }
}

fn signed(side: LotSide, qty: Qty) -> Qty {
    match side {
        LotSide::Long => qty,
        LotSide::Short => -qty,
    }
}

fn signed_cost(side: LotSide, cost: Money) -> Money {
    match side {
        LotSide::Long => cost,
        LotSide::Short => -cost,
    }
}
