//! What one sleeve holds of one symbol: its open lots, and the booking of an execution on them.
//!
//! Which lot is closed first is the sleeve's method (FIGURES.md, Lots), or the one that the order
//! names. A fill through zero closes everything and opens one lot with the rest; its fee is divided
//! by quantity. Shares of a whole add up exactly: the last part takes what is left.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lot::{LotMethod, LotSide};
use super::share::share;
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty, proportion, round_half_even};
use crate::id::{EntryId, LotId, RoundTripId, SleeveId, Symbol};
use crate::limits;
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
    /// Its fee in money.
    pub fee: Money,
    /// Its fee in coins, taken from what is bought: the lot holds what arrived, and the coins'
    /// value at the fill's price is part of the fee.
    pub fee_qty: Qty,
    /// When.
    pub at: Timestamp,
    /// Its id.
    pub execution_id: &'a Arc<str>,
    /// The entry that books it.
    pub entry: EntryId,
    /// Why, for the round trips that it closes.
    pub reason: Option<&'a Arc<str>>,
    /// Which lot it closes first.
    pub method: LotMethod,
    /// The lot that it names: closed before the method has its say.
    pub lot: Option<LotId>,
}

impl Trade<'_> {
    /// What arrives, or leaves.
    #[must_use]
    pub fn moved(&self) -> Qty {
        self.qty - self.fee_qty
    }

    /// The whole fee in money: coins count at the price of the fill.
    #[must_use]
    pub fn whole_fee(&self) -> Money {
        self.fee + self.price.value_of(self.fee_qty)
    }
}

/// What booking an execution changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Booking {
    /// Lots that were opened or made smaller.
    pub lots: Vec<LotRow>,
    /// The lot that was opened, where lots are not pooled.
    pub opened: Option<LotId>,
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
        if self.lots.capacity() == 0 {
            // Most holdings are one lot; a deque would begin with room for four.
            self.lots.reserve_exact(1);
        }
        self.lots.insert(place, lot);
    }

    /// Adds a lot by a method: an average takes it into its pool. Gives the row that changed.
    pub fn take_in(&mut self, lot: LotRow, method: LotMethod) -> LotRow {
        let pools = method == LotMethod::Average
            && self.lots.front().is_some_and(|pool| pool.side == lot.side);
        if !pools {
            self.add(lot.clone());
            return lot;
        }
        self.qty += signed(lot.side, lot.remaining);
        self.cost += signed_cost(lot.side, lot.cost_left);
        self.fee_left += lot.fee_left;
        let pool = self.lots.front_mut().expect("the pool was seen a moment ago");
        pool.qty += lot.remaining;
        pool.remaining += lot.remaining;
        pool.cost += lot.cost_left;
        pool.cost_left += lot.cost_left;
        pool.fee += lot.fee_left;
        pool.fee_left += lot.fee_left;
        pool.opened_at = pool.opened_at.min(lot.opened_at);
        pool.entry_price = unit_price(pool);
        pool.clone()
    }

    /// Books an execution: closes lots of the other side, and opens one with the rest.
    pub fn book(&mut self, trade: &Trade<'_>, counters: &mut Counters) -> Booking {
        let mut booking = Booking::default();
        let cost_before = self.cost;
        let opens = match trade.side {
            Side::Buy => LotSide::Long,
            Side::Sell => LotSide::Short,
        };
        let (mut left, mut fee) = (trade.moved(), trade.whole_fee());
        while left.is_positive() && self.lots.front().is_some_and(|lot| lot.side != opens) {
            let at = self.next_to_close(trade.method, trade.lot);
            let part = self.lots[at].remaining.min(left);
            let closing_fee = Money::new(proportion(fee.get(), part.get(), left.get()));
            let closed = self.close(at, part);
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
            booking.opened = (trade.method != LotMethod::Average).then_some(lot.id);
            booking.lots.push(self.take_in(lot, trade.method));
        }
        booking.cost_change = self.cost - cost_before;
        booking
    }

    /// Takes `qty` off the lots without a profit, by the method: for transfers. Gives the parts as
    /// lots of their own (ids of the old ones) and the changed rows. `qty` must not exceed what is
    /// held.
    pub fn take(&mut self, qty: Qty, method: LotMethod) -> (Vec<LotRow>, Vec<LotRow>) {
        let (mut left, mut parts, mut changed) = (qty, Vec::new(), Vec::new());
        while left.is_positive() && !self.lots.is_empty() {
            let at = self.next_to_close(method, None);
            let part = self.lots[at].remaining.min(left);
            let closed = self.close(at, part);
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

    /// The place of the lot that is closed next. There must be one.
    fn next_to_close(&self, method: LotMethod, named: Option<LotId>) -> usize {
        if let Some(at) = named.and_then(|id| self.lots.iter().position(|lot| lot.id == id)) {
            return at;
        }
        match method {
            LotMethod::Fifo | LotMethod::Average => 0,
            LotMethod::Lifo => self.lots.len() - 1,
            LotMethod::Hifo => {
                // What a share cost at the start: what is left of the cost was rounded at each
                // closing, and a tie must stay one.
                let unit = |lot: &LotRow| {
                    round_half_even(lot.cost.get() / lot.qty.get(), limits::STORED_SCALE)
                };
                let mut best = (0, unit(&self.lots[0]));
                for (at, lot) in self.lots.iter().enumerate().skip(1) {
                    let price = unit(lot);
                    // Strictly higher: ties stay with the older.
                    if price > best.1 {
                        best = (at, price);
                    }
                }
                best.0
            }
        }
    }

    /// A split: the quantity times `ratio` (rounded half-even at nine places) shared over the lots
    /// so that it adds up, cost and fees alone. Gives the changed rows; none where nothing would be
    /// left, which changes nothing.
    pub fn split(&mut self, ratio: rust_decimal::Decimal) -> Vec<LotRow> {
        let scale = limits::QTY_SCALE_MAX;
        let total = round_half_even(self.qty.abs().get() * ratio, scale);
        if total.is_zero() {
            return Vec::new();
        }
        let shared = |of: fn(&LotRow) -> Qty, total| {
            let weights: Vec<_> = self.lots.iter().map(|lot| of(lot).get()).collect();
            share(total, &weights, scale)
        };
        let remaining = shared(|lot| lot.remaining, total);
        let side = self.lots.front().map_or(LotSide::Long, |lot| lot.side);
        let mut emptied = (Money::ZERO, Money::ZERO);
        let mut changed = Vec::with_capacity(self.lots.len());
        for (lot, remaining) in self.lots.iter_mut().zip(remaining) {
            // What was closed before keeps its proportion to what is left.
            lot.qty = Qty::new(round_half_even(lot.qty.get() * ratio, scale).max(remaining));
            lot.remaining = Qty::new(remaining);
            if remaining.is_zero() {
                // A lot that falls below a billionth of a share leaves its cost to the others.
                emptied = (emptied.0 + lot.cost_left, emptied.1 + lot.fee_left);
                (lot.cost_left, lot.fee_left) = (Money::ZERO, Money::ZERO);
                lot.qty = lot.qty.max(Qty::new(rust_decimal::Decimal::new(1, scale)));
                changed.push(lot.clone());
            }
        }
        self.lots.retain(|lot| !lot.remaining.is_zero());
        if let Some(lot) = self.lots.front_mut() {
            lot.cost += emptied.0;
            lot.cost_left += emptied.0;
            lot.fee += emptied.1;
            lot.fee_left += emptied.1;
        }
        for lot in &mut self.lots {
            lot.entry_price = unit_price(lot);
            changed.push(lot.clone());
        }
        self.qty = signed(side, Qty::new(total));
        changed
    }

    fn close(&mut self, at: usize, part: Qty) -> Closed {
        let lot = &mut self.lots[at];
        let whole = part == lot.remaining;
        let cost = lot_cost(lot, part);
        let fee = Money::new(proportion(lot.fee_left.get(), part.get(), lot.remaining.get()));
        lot.remaining -= part;
        lot.cost_left -= cost;
        lot.fee_left -= fee;
        let side = lot.side;
        let row = lot.clone();
        if whole {
            self.lots.remove(at);
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

/// What a share of what is left costs, as far as it can be written down.
fn unit_price(lot: &LotRow) -> Price {
    Price::new(round_half_even(lot.cost_left.get() / lot.remaining.get(), limits::LEDGER_SCALE))
}

/// The cost of a part: by the entry price where that is exact and can be stored, else its share of
/// what is left.
fn lot_cost(lot: &LotRow, part: Qty) -> Money {
    if part == lot.remaining {
        return lot.cost_left;
    }
    match (lot.entry_price.times(lot.remaining), lot.entry_price.times(part)) {
        // The price of a split lot or of a pool has twelve decimals: times nine more, the product is
        // exact and has more than the database keeps.
        (Ok(all), Ok(some))
            if all == lot.cost_left && some.get().normalize().scale() <= limits::STORED_SCALE =>
        {
            some
        }
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
        entry: trade.entry,
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
