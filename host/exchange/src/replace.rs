//! Taking orders back: cancel, replace, and closing positions.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::config::Mode;
use crate::exchange::Exchange;
use crate::ids::Id;
use crate::limits::{MAX_CLIENT_ID, MAX_QTY_SCALE};
use crate::order::{
    CancelOutcome, Changes, CloseSize, EventKind, NewOrder, Order, OrderStatus, Side, TimeInForce,
};
use crate::reject::Reject;
use crate::time::Nanos;

impl Exchange {
    /// Asks for an order's end. `Ok` is a promise to try: with `cancel_race_permille` the next tick may fill it first. Again on
    /// a cancelled order is `Ok` too.
    ///
    /// # Errors
    /// Where there is no such order, or it ended otherwise.
    pub fn cancel(&mut self, id: Id, at: Nanos) -> Result<(), Reject> {
        self.roll(at);
        let index = self.index_of(id)?;
        self.cancel_index(index)
    }

    /// Cancels every open order, in submission order.
    pub fn cancel_all(&mut self, at: Nanos) -> Vec<CancelOutcome> {
        self.roll(at);
        let open: Vec<u32> = self.open.iter().copied().collect();
        open.into_iter()
            .map(|index| CancelOutcome {
                id: self.s.orders[index as usize].id,
                result: self.cancel_index(index),
            })
            .collect()
    }

    fn cancel_index(&mut self, index: u32) -> Result<(), Reject> {
        let now = self.s.now;
        let order = &mut self.s.orders[index as usize];
        match order.status {
            OrderStatus::Canceled | OrderStatus::PendingCancel => return Ok(()),
            status if status.is_final() => return Err(Reject::NotCancelable { status }),
            _ => {}
        }
        let races = order.status != OrderStatus::Accepted
            && self.s.config.mode == Mode::Paper
            && self.s.rng.permille(self.s.config.cancel_race_permille);
        if races {
            order.status = OrderStatus::PendingCancel;
            order.cancel_after_tick = true;
            order.updated_at = now;
            self.emit(EventKind::PendingCancel, index, now);
        } else {
            self.end_order(index, OrderStatus::Canceled, now);
        }
        Ok(())
    }

    /// Puts a new order in the place of an open one; the old one ends as `replaced`. The new one asks for the given quantity, or for
    /// what the old one had left; what the old one had filled stays with it. The answer is as that of a submit.
    ///
    /// # Errors
    /// Where the old order can't be replaced, nothing would change, or the new order would be refused; then nothing changes.
    pub fn replace(&mut self, id: Id, changes: Changes, at: Nanos) -> Result<Order, Reject> {
        self.roll(at);
        let index = self.index_of(id)?;
        let new = replacement(&self.s.orders[index as usize], changes)?;
        let symbol = self.check_request(&new)?;
        let hold_price = self.check_account(&new, symbol, Some(index))?;
        let new_index = self.place(new, symbol, hold_price, Some(id));
        let mut answer = self.s.orders[new_index as usize].clone();
        self.s.orders[index as usize].replaced_by = Some(answer.id);
        self.end_order(index, OrderStatus::Replaced, self.s.now);
        if self.s.config.mode == Mode::Paper && answer.status == OrderStatus::New {
            answer.status = OrderStatus::PendingNew;
        }
        self.start(new_index);
        Ok(answer)
    }

    /// Sells (or buys back) a position, or part of it, by a market day order (crypto: gtc).
    ///
    /// # Errors
    /// Where there is no position, or the order is refused.
    pub fn close_position(
        &mut self,
        symbol: &str,
        size: CloseSize,
        at: Nanos,
    ) -> Result<Order, Reject> {
        let slot = self
            .symbol_id(symbol)
            .map(|id| &self.s.slots[id.index()])
            .ok_or(Reject::PositionNotFound)?;
        let held = slot.position.qty;
        if held.is_zero() {
            return Err(Reject::PositionNotFound);
        }
        let hundred = Decimal::ONE_HUNDRED;
        let qty = match size {
            CloseSize::All => held.abs(),
            CloseSize::Qty(qty) => qty,
            CloseSize::Percentage(share) if share <= Decimal::ZERO || share > hundred => {
                return Err(Reject::Percentage);
            }
            CloseSize::Percentage(share) => (held.abs() * share / hundred)
                .round_dp_with_strategy(MAX_QTY_SCALE, RoundingStrategy::ToZero),
        };
        let side = if held > Decimal::ZERO { Side::Sell } else { Side::Buy };
        let tif = if slot.asset.is_crypto() { TimeInForce::Gtc } else { TimeInForce::Day };
        self.submit(NewOrder::market(symbol, side, qty).tif(tif), at)
    }

    pub(crate) fn index_of(&self, id: Id) -> Result<u32, Reject> {
        self.handle_of(id).ok_or_else(|| Reject::OrderNotFound { id: id.to_string() })
    }
}

/// The new order that `changes` make of `old`.
fn replacement(old: &Order, changes: Changes) -> Result<NewOrder, Reject> {
    match old.status {
        OrderStatus::New | OrderStatus::PartiallyFilled => {}
        status if status.is_final() => return Err(Reject::NotOpen { status }),
        status => return Err(Reject::NotSent { status }),
    }
    let left = old.remaining().ok_or(Reject::ReplaceNotional)?;
    let fractional = |qty: Decimal| !qty.fract().is_zero();
    if let Some(qty) = changes.qty
        && Some(qty) != old.qty
        && (fractional(qty) || fractional(left))
        && old.asset_class == crate::asset::AssetClass::UsEquity
    {
        return Err(Reject::ReplaceFractional);
    }
    if changes.client_order_id.as_ref().is_some_and(|id| id.chars().count() > MAX_CLIENT_ID) {
        return Err(Reject::ClientIdTooLong);
    }
    let same = changes.qty.is_none_or(|qty| Some(qty) == old.qty)
        && changes.limit_price.is_none_or(|price| Some(price) == old.limit_price)
        && changes.stop_price.is_none_or(|price| Some(price) == old.stop_price)
        && changes.time_in_force.is_none_or(|tif| tif == old.time_in_force);
    if same {
        return Err(Reject::Unchanged);
    }
    Ok(NewOrder {
        client_order_id: changes.client_order_id,
        symbol: old.symbol.to_string(),
        side: old.side,
        qty: Some(changes.qty.unwrap_or(left)),
        notional: None,
        order_type: old.order_type,
        time_in_force: changes.time_in_force.unwrap_or(old.time_in_force),
        limit_price: changes.limit_price.or(old.limit_price),
        stop_price: changes.stop_price.or(old.stop_price),
        extended_hours: old.extended_hours,
    })
}
