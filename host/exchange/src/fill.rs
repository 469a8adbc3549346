//! Executions and the ends of orders: the only code that changes cash, positions and the journal.

use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::activities::{Activity, ActivityKind, Execution, FillPart};
use crate::asset::SymbolId;
use crate::config::Mode;
use crate::exchange::Exchange;
use crate::ids::Id;
use crate::journal::{JournalKind, JournalLine};
use crate::limits::{MAX_QTY, MAX_QTY_SCALE};
use crate::matching::Meet;
use crate::order::{EventKind, Order, OrderStatus, Side, TimeInForce, TradeUpdate};
use crate::time::Nanos;

/// One hundredth of a per cent.
const BPS: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// The broker's rounding of cash: to cents, half to even.
pub(crate) fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven)
}

/// No sale is worsened to nothing.
fn least(price: Decimal) -> Decimal {
    price.max(Decimal::new(1, 6))
}

/// Cuts a quantity to `scale` decimals, towards zero.
fn down(qty: Decimal, scale: u32) -> Decimal {
    qty.round_dp_with_strategy(scale, RoundingStrategy::ToZero)
}

impl Exchange {
    /// Carries out what market data did to an order.
    pub(crate) fn execute(&mut self, index: u32, met: Meet, at: Nanos) {
        match met {
            Meet::Nothing => {}
            Meet::Triggered => {
                let order = &mut self.s.orders[index as usize];
                order.triggered = true;
                order.updated_at = at;
            }
            Meet::Trades { price, taker } => {
                let order = &self.s.orders[index as usize];
                let (side, symbol) = (order.side, order.symbol_id);
                let price = if taker { self.slipped(side, symbol, price) } else { price };
                let whole = open_qty(order, price);
                let mut qty = self.portion(index, whole);
                if qty <= Decimal::ZERO {
                    return;
                }
                let complete = qty == whole;
                let paid = if taker { self.pressed(side, symbol, price, qty) } else { price };
                if paid != price && complete {
                    // Dollars buy less at the price that they move.
                    qty = open_qty(&self.s.orders[index as usize], paid);
                }
                self.fill(index, qty, paid, complete, at);
            }
        }
    }

    /// The price worsened by the configured slippage and half spread, to six decimals.
    fn slipped(&self, side: Side, symbol: SymbolId, price: Decimal) -> Decimal {
        let config = &self.s.config;
        // A quote's price has its spread already.
        let quoted = self.s.slots[symbol.index()].met_quote;
        let half = if quoted { Decimal::ZERO } else { config.half_spread };
        if config.slippage_bps.is_zero() && half.is_zero() {
            return price;
        }
        let slipped = price * (Decimal::ONE + side.signed(config.slippage_bps * BPS));
        least((slipped + side.signed(half)).round_dp(6))
    }

    /// The price worsened by what the execution itself does to it, to six decimals: the configured impact times the square of
    /// its share of the bar's volume.
    fn pressed(&self, side: Side, symbol: SymbolId, price: Decimal, qty: Decimal) -> Decimal {
        let impact = self.s.config.impact_bps;
        let Some(volume) = self.s.slots[symbol.index()].volume.filter(|_| !impact.is_zero()) else {
            return price;
        };
        // More than the bar's volume presses no more than all of it.
        let share = qty.checked_div(volume).map_or(Decimal::ONE, |share| share.min(Decimal::ONE));
        let share = share.round_dp(9);
        least((price * (Decimal::ONE + side.signed(impact * BPS * share * share))).round_dp(6))
    }

    /// How much of `whole` trades now: the bar's volume and the chance of a partial fill limit it.
    fn portion(&mut self, index: u32, whole: Decimal) -> Decimal {
        let order = &mut self.s.orders[index as usize];
        let fok = order.time_in_force == TimeInForce::Fok;
        let slot = &mut self.s.slots[order.symbol_id.index()];
        let scale = if whole.fract().is_zero() && order.qty.is_some() { 0 } else { MAX_QTY_SCALE };
        let mut qty = slot.volume_left.map_or(whole, |left| down(left.min(whole), scale));
        if fok && qty < whole {
            return Decimal::ZERO;
        }
        if self.s.config.mode == Mode::Paper && !fok && !order.partial_drawn {
            order.partial_drawn = true;
            if self.s.rng.permille(self.s.config.partial_fill_permille) {
                let share = Decimal::new(self.s.rng.between(1, 999), 3);
                let part = down(qty * share, scale);
                // One share, or a part too small to count, stays whole.
                if part > Decimal::ZERO {
                    qty = part;
                }
            }
        }
        if let Some(left) = &mut slot.volume_left {
            *left -= qty;
        }
        qty
    }

    fn fill(&mut self, index: u32, qty: Decimal, price: Decimal, complete: bool, at: Nanos) {
        let execution_id = self.s.ids.next();
        let order = &mut self.s.orders[index as usize];
        order.filled_qty += qty;
        order.filled_value += qty * price;
        order.filled_avg_price = Some((order.filled_value / order.filled_qty).round_dp(9));
        order.updated_at = at;
        let event = if complete {
            order.status = OrderStatus::Filled;
            order.filled_at = Some(at);
            EventKind::Fill
        } else {
            if order.status != OrderStatus::PendingCancel {
                order.status = OrderStatus::PartiallyFilled;
            }
            EventKind::PartialFill
        };
        let (id, symbol, side) = (order.id, order.symbol_id, order.side);
        let signed = side.signed(qty);
        let slot = &mut self.s.slots[symbol.index()];
        let short = side == Side::Sell && slot.position.qty <= Decimal::ZERO;
        slot.position = slot.position.after(signed, price);
        self.book(
            at,
            JournalKind::Fill,
            Some(symbol),
            signed,
            cents(-signed * price),
            Some(execution_id),
            Some(id),
        );
        self.fill_activity(index, execution_id, qty, price, short, complete, at);
        let fee = self.charge(index, execution_id, qty, price, at);
        if complete {
            self.untrack(index);
        }
        let position_qty = self.s.slots[symbol.index()].position.qty;
        self.emit(event, index, at);
        if let Some(update) = self.s.events.last_mut() {
            update.execution_id = Some(execution_id);
            update.price = Some(price);
            update.qty = Some(qty);
            update.position_qty = Some(position_qty);
            update.fee = fee;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "an execution has that many parts")]
    fn fill_activity(
        &mut self,
        index: u32,
        uuid: Id,
        qty: Decimal,
        price: Decimal,
        short: bool,
        complete: bool,
        at: Nanos,
    ) {
        let order = &self.s.orders[index as usize];
        let fill = FillPart {
            order_id: order.id,
            side: order.side,
            short,
            price,
            qty,
            cum_qty: order.filled_qty,
            leaves_qty: order.remaining().unwrap_or_default(),
            order_status: order.status,
            complete,
            execution: Execution::Fill,
            previous: None,
        };
        self.s.activities.push(Activity {
            uuid,
            kind: ActivityKind::Fill,
            sub_type: String::new(),
            at,
            symbol: Some(Arc::clone(&order.symbol)),
            qty: Decimal::ZERO,
            net_amount: Decimal::ZERO,
            per_share: None,
            ratio: None,
            description: String::new(),
            fill: Some(fill),
        });
    }

    /// Books the execution's fee, and gives the dollars charged. A fee in coins charges none.
    fn charge(
        &mut self,
        index: u32,
        execution: Id,
        qty: Decimal,
        price: Decimal,
        at: Nanos,
    ) -> Decimal {
        let config = &self.s.config;
        let order = &self.s.orders[index as usize];
        let (symbol, id, side) = (order.symbol_id, order.id, order.side);
        let crypto = self.s.slots[symbol.index()].asset.is_crypto();
        let rate = BPS * if crypto { config.crypto_fee_bps } else { config.fee_bps };
        let per_share = if crypto { Decimal::ZERO } else { config.fee_per_share };
        if rate.is_zero() && per_share.is_zero() && config.fee_per_execution.is_zero() {
            return Decimal::ZERO;
        }
        let kind = if crypto { ActivityKind::CryptoFee } else { ActivityKind::Fee };
        let text = format!("fee of execution {execution}");
        if crypto && config.crypto_fee_in_kind && side == Side::Buy {
            let coins =
                -(qty * rate).round_dp_with_strategy(MAX_QTY_SCALE, RoundingStrategy::AwayFromZero);
            let position = &mut self.s.slots[symbol.index()].position;
            *position = position.after(coins, price);
            self.book(
                at,
                JournalKind::Fee,
                Some(symbol),
                coins,
                Decimal::ZERO,
                Some(execution),
                Some(id),
            );
            self.non_trade(kind, Some(symbol), coins, Decimal::ZERO, text, at);
            return Decimal::ZERO;
        }
        let fee = cents(qty * price * rate + qty * per_share + self.s.config.fee_per_execution);
        if !fee.is_zero() {
            self.s.fees += fee;
            self.book(
                at,
                JournalKind::Fee,
                Some(symbol),
                Decimal::ZERO,
                -fee,
                Some(execution),
                Some(id),
            );
            self.non_trade(kind, Some(symbol), Decimal::ZERO, -fee, text, at);
        }
        fee
    }

    /// Appends a journal line and moves cash with it. Whoever moves shares changes the position beside it.
    #[expect(clippy::too_many_arguments, reason = "they are the journal line's fields")]
    pub(crate) fn book(
        &mut self,
        at: Nanos,
        kind: JournalKind,
        symbol: Option<SymbolId>,
        qty_delta: Decimal,
        cash_delta: Decimal,
        execution_id: Option<Id>,
        order_id: Option<Id>,
    ) {
        let seq = self.s.journal.len() as u64;
        let symbol = symbol.map(|id| Arc::clone(&self.s.slots[id.index()].asset.symbol));
        self.s.cash += cash_delta;
        self.s.journal.push(JournalLine {
            seq,
            at,
            kind,
            symbol,
            qty_delta,
            cash_delta,
            execution_id,
            order_id,
        });
    }

    /// Appends an activity that is no execution.
    pub(crate) fn non_trade(
        &mut self,
        kind: ActivityKind,
        symbol: Option<SymbolId>,
        qty: Decimal,
        net_amount: Decimal,
        description: String,
        at: Nanos,
    ) {
        let symbol = symbol.map(|id| Arc::clone(&self.s.slots[id.index()].asset.symbol));
        let uuid = self.s.ids.next();
        self.s.activities.push(Activity {
            uuid,
            kind,
            sub_type: String::new(),
            at,
            symbol,
            qty,
            net_amount,
            per_share: None,
            ratio: None,
            description,
            fill: None,
        });
    }

    /// Ends an order without an execution.
    pub(crate) fn end_order(&mut self, index: u32, status: OrderStatus, at: Nanos) {
        let order = &mut self.s.orders[index as usize];
        order.status = status;
        order.updated_at = at;
        let event = match status {
            OrderStatus::Expired => {
                order.expired_at = Some(at);
                EventKind::Expired
            }
            OrderStatus::Replaced => {
                order.replaced_at = Some(at);
                EventKind::Replaced
            }
            OrderStatus::Rejected => {
                order.failed_at = Some(at);
                EventKind::Rejected
            }
            _ => {
                order.canceled_at = Some(at);
                EventKind::Canceled
            }
        };
        self.untrack(index);
        self.emit(event, index, at);
    }

    fn untrack(&mut self, index: u32) {
        self.open.remove(&index);
        let symbol = self.s.orders[index as usize].symbol_id;
        self.s.slots[symbol.index()].open.retain(|&other| other != index);
        if self.open.is_empty() {
            self.next_deadline = Nanos::MAX;
        }
    }

    /// Appends an event about the order as it is now.
    pub(crate) fn emit(&mut self, event: EventKind, index: u32, at: Nanos) {
        let event_id = self.s.ids.next();
        let seq = self.s.event_seq;
        self.s.event_seq += 1;
        self.s.events.push(TradeUpdate {
            seq,
            event_id,
            event,
            at,
            execution_id: None,
            previous_execution_id: None,
            price: None,
            qty: None,
            position_qty: None,
            fee: Decimal::ZERO,
            order: self.s.orders[index as usize].clone(),
        });
    }
}

/// What the order would trade at `price`: its open quantity, or what its open dollars buy, nine decimals.
fn open_qty(order: &Order, price: Decimal) -> Decimal {
    match (order.remaining(), order.notional) {
        (Some(left), _) => left,
        (None, Some(notional)) => {
            let left = (notional - order.filled_value).max(Decimal::ZERO);
            left.checked_div(price)
                .map_or(Decimal::ZERO, |qty| down(qty, MAX_QTY_SCALE).min(MAX_QTY))
        }
        (None, None) => Decimal::ZERO,
    }
}
