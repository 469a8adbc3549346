//! Money and shares that move without an order: deposits, dividends, splits, regulators' fees; and executions that
//! are taken back or corrected.

use std::collections::BTreeSet;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::activities::{Activity, ActivityKind, Execution};
use crate::asset::SymbolId;
use crate::exchange::Exchange;
use crate::fill::cents;
use crate::ids::Id;
use crate::journal::JournalKind;
use crate::limits::{MAX_PRICE, MAX_QTY, MAX_QTY_SCALE};
use crate::order::{EventKind, OrderStatus, Side};
use crate::time::Nanos;

/// An event that can't be booked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorporateError {
    #[error("symbol {symbol:?} is not listed")]
    Unlisted { symbol: String },
    #[error("{what} is {value}, allowed is {allowed}")]
    Value { what: &'static str, value: Decimal, allowed: &'static str },
    #[error("execution {id} can't be taken back: {why}")]
    Execution { id: Id, why: &'static str },
}

/// SEC fee (REG): dollars for each dollar of stocks sold, since 2026-04-04.
const REG_RATE: Decimal = Decimal::from_parts(206, 0, 0, false, 7);
/// FINRA's trading activity fee (TAF): dollars for each share sold.
const TAF_RATE: Decimal = Decimal::from_parts(195, 0, 0, false, 6);
/// TAF of one trade at most, in dollars.
const TAF_MAX: Decimal = Decimal::from_parts(979, 0, 0, false, 2);
/// Consolidated audit trail (CAT): dollars for each share bought or sold.
const CAT_RATE: Decimal = Decimal::from_parts(3, 0, 0, false, 6);

impl Exchange {
    /// Pays cash in (or out, where negative): a journal line and a CSD or CSW activity.
    ///
    /// # Errors
    /// Where the amount isn't in whole cents, or is zero or above 10^9 dollars.
    pub fn deposit(&mut self, amount: Decimal, at: Nanos) -> Result<(), CorporateError> {
        if amount.is_zero() || amount.abs() > MAX_PRICE || amount.round_dp(2) != amount {
            let allowed = "whole cents, not zero, up to 1000000000";
            return Err(CorporateError::Value { what: "deposit", value: amount, allowed });
        }
        self.roll(at);
        let now = self.s.now;
        self.book(now, JournalKind::Deposit, None, Decimal::ZERO, amount, None, None);
        let kind =
            if amount > Decimal::ZERO { ActivityKind::Deposit } else { ActivityKind::Withdrawal };
        self.non_trade(kind, None, Decimal::ZERO, amount, "cash transfer".to_owned(), now);
        Ok(())
    }

    /// Pays `per_share` dollars on each share held; a short position pays it. Nothing happens on a flat position.
    ///
    /// # Errors
    /// Where the symbol is unknown or the amount isn't positive or above 10^9.
    pub fn dividend(
        &mut self,
        symbol: &str,
        per_share: Decimal,
        at: Nanos,
    ) -> Result<(), CorporateError> {
        let id = self.listed(symbol)?;
        if per_share <= Decimal::ZERO || per_share > MAX_PRICE {
            let allowed = "more than 0, up to 1000000000";
            return Err(CorporateError::Value {
                what: "dividend per share",
                value: per_share,
                allowed,
            });
        }
        self.roll(at);
        let qty = self.s.slots[id.index()].position.qty;
        let amount = cents(qty * per_share);
        if amount.is_zero() {
            return Ok(());
        }
        let now = self.s.now;
        self.book(now, JournalKind::Dividend, Some(id), Decimal::ZERO, amount, None, None);
        self.non_trade(
            ActivityKind::Dividend,
            Some(id),
            qty,
            amount,
            format!("dividend of {per_share} a share"),
            now,
        );
        if let Some(activity) = self.s.activities.last_mut() {
            activity.per_share = Some(per_share);
            "CDIV".clone_into(&mut activity.sub_type);
        }
        Ok(())
    }

    /// Turns each share into `ratio` shares (2 for two for one, 0.1 for one for ten). Whole shares stay whole: what is left over is
    /// paid out at the new price, unless the asset is fractionable. Open orders of the symbol are cancelled, known prices follow.
    ///
    /// # Errors
    /// Where the symbol is unknown or the ratio outside 0.0001 to 10000.
    pub fn split(&mut self, symbol: &str, ratio: Decimal, at: Nanos) -> Result<(), CorporateError> {
        let id = self.listed(symbol)?;
        if ratio < Decimal::new(1, 4) || ratio > Decimal::from(10_000) {
            return Err(CorporateError::Value {
                what: "split ratio",
                value: ratio,
                allowed: "0.0001 to 10000",
            });
        }
        self.roll(at);
        let now = self.s.now;
        for index in self.s.slots[id.index()].open.clone() {
            self.end_order(index, OrderStatus::Canceled, now);
        }
        let slot = &mut self.s.slots[id.index()];
        for price in [
            &mut slot.last,
            &mut slot.bid,
            &mut slot.ask,
            &mut slot.lastday,
            &mut slot.position.average,
        ] {
            *price = (*price / ratio).round_dp(9);
        }
        let old = slot.position.qty;
        if old.is_zero() {
            return Ok(());
        }
        let scale = if slot.asset.fractionable { MAX_QTY_SCALE } else { 0 };
        let whole = old * ratio;
        let qty = whole.round_dp_with_strategy(scale, RoundingStrategy::ToZero);
        let in_lieu = cents((whole - qty) * slot.last);
        slot.position.qty = qty;
        if qty.is_zero() {
            slot.position.average = Decimal::ZERO;
        }
        self.book(now, JournalKind::Split, Some(id), qty - old, in_lieu, None, None);
        self.non_trade(
            ActivityKind::Split,
            Some(id),
            qty - old,
            in_lieu,
            format!("split, {} for 1", ratio.normalize()),
            now,
        );
        if let Some(activity) = self.s.activities.last_mut() {
            activity.ratio = Some(ratio);
            let forward = ratio >= Decimal::ONE;
            activity.sub_type = (if forward { "FSPLIT" } else { "RSPLIT" }).to_owned();
        }
        Ok(())
    }

    /// Takes an execution back: shares and cash return, its order has filled less, a `trade_bust` is told and listed.
    /// Fees that were charged for it stay.
    ///
    /// # Errors
    /// Where there is no such execution, it is taken back already, or its symbol was split since.
    pub fn bust(&mut self, execution: Id, at: Nanos) -> Result<(), CorporateError> {
        self.take_back(execution, None, at)
    }

    /// Puts another quantity and price in the place of an execution: as [`Exchange::bust`], and a new execution.
    ///
    /// # Errors
    /// As [`Exchange::bust`]; and where quantity or price are not positive, or beyond what an order may have.
    pub fn correct(
        &mut self,
        execution: Id,
        qty: Decimal,
        price: Decimal,
        at: Nanos,
    ) -> Result<(), CorporateError> {
        for (what, value, max) in
            [("corrected quantity", qty, MAX_QTY), ("corrected price", price, MAX_PRICE)]
        {
            if value <= Decimal::ZERO || value > max || value.scale() > MAX_QTY_SCALE {
                let allowed = "more than 0, up to 1000000000, nine decimals";
                return Err(CorporateError::Value { what, value, allowed });
            }
        }
        self.take_back(execution, Some((qty, price)), at)
    }

    fn take_back(
        &mut self,
        execution: Id,
        instead: Option<(Decimal, Decimal)>,
        at: Nanos,
    ) -> Result<(), CorporateError> {
        let (original, symbol, index) = self.standing(execution)?;
        let Some(mut part) = original.fill.clone() else {
            return Err(CorporateError::Execution { id: execution, why: "it is none" });
        };
        let order = &self.s.orders[index as usize];
        let filled = order.filled_qty - part.qty + instead.map_or(Decimal::ZERO, |(qty, _)| qty);
        let open = !order.status.is_final() && instead.is_some();
        if open && order.qty.is_some_and(|qty| filled >= qty) {
            let why = "its order is open and would have filled all that it asked for";
            return Err(CorporateError::Execution { id: execution, why });
        }
        self.roll(at);
        let now = self.s.now;
        let order_id = Some(part.order_id);
        let signed = part.side.signed(part.qty);
        let cash = -cents(-signed * part.price);
        let slot = &mut self.s.slots[symbol.index()];
        slot.position = slot.position.without(signed, part.price);
        self.book(now, JournalKind::Bust, Some(symbol), -signed, cash, Some(execution), order_id);
        let order = &mut self.s.orders[index as usize];
        order.filled_qty -= part.qty;
        order.filled_value -= part.qty * part.price;
        let uuid = self.s.ids.next();
        (part.execution, part.previous) = (Execution::Bust, Some(execution));
        if let Some((qty, price)) = instead {
            (part.execution, part.qty, part.price) = (Execution::Correct, qty, price);
            let signed = part.side.signed(qty);
            let order = &mut self.s.orders[index as usize];
            order.filled_qty += qty;
            order.filled_value += qty * price;
            let slot = &mut self.s.slots[symbol.index()];
            slot.position = slot.position.after(signed, price);
            let cash = cents(-signed * price);
            self.book(now, JournalKind::Fill, Some(symbol), signed, cash, Some(uuid), order_id);
        }
        let order = &mut self.s.orders[index as usize];
        order.updated_at = now;
        let average = order.filled_value.checked_div(order.filled_qty);
        order.filled_avg_price = average.map(|price| price.round_dp(9));
        part.cum_qty = order.filled_qty;
        let (qty, price) = (part.qty, part.price);
        let correct = part.execution == Execution::Correct;
        self.s.activities.push(Activity { uuid, at: now, fill: Some(part), ..original });
        let event = if correct { EventKind::TradeCorrect } else { EventKind::TradeBust };
        self.emit(event, index, now);
        let position_qty = self.s.slots[symbol.index()].position.qty;
        if let Some(update) = self.s.events.last_mut() {
            update.execution_id = Some(uuid);
            update.previous_execution_id = Some(execution);
            update.price = Some(price);
            update.qty = Some(qty);
            update.position_qty = Some(position_qty);
        }
        Ok(())
    }

    /// The activity of an execution that nothing has taken back, its symbol and its order's index.
    fn standing(&self, id: Id) -> Result<(Activity, SymbolId, u32), CorporateError> {
        let refused = |why| CorporateError::Execution { id, why };
        let all = &self.s.activities;
        let is_it = |activity: &Activity| {
            let fill = activity.fill.as_ref();
            activity.uuid == id && fill.is_some_and(|fill| fill.execution != Execution::Bust)
        };
        let place =
            all.iter().rposition(is_it).ok_or(refused("the account has none with this id"))?;
        let since = &all[place + 1..];
        let taken = |activity: &Activity| {
            activity.fill.as_ref().is_some_and(|fill| fill.previous == Some(id))
        };
        if since.iter().any(taken) {
            return Err(refused("it is taken back already"));
        }
        let original = all[place].clone();
        let split =
            |one: &Activity| one.kind == ActivityKind::Split && one.symbol == original.symbol;
        if since.iter().any(split) {
            return Err(refused("its symbol was split since"));
        }
        let order = original.fill.as_ref().and_then(|fill| self.handle_of(fill.order_id));
        let index = order.ok_or(refused("its order is not known"))?;
        Ok((original, self.s.orders[index as usize].symbol_id, index))
    }

    /// What regulators take for the stock trades of the day that ends, each sum rounded up to a cent.
    pub(crate) fn charge_regulatory_fees(&mut self) {
        if !self.s.config.regulatory_fees {
            return;
        }
        let end = self.s.day_end;
        let day = Nanos(end.0 - 1).new_york_date();
        let start = day.at_new_york(0, 0);
        let today: Vec<&Activity> =
            self.s.activities.iter().rev().take_while(|one| one.at >= start).collect();
        let taken: BTreeSet<Id> =
            today.iter().filter_map(|one| one.fill.as_ref()?.previous).collect();
        let (mut reg, mut taf, mut cat) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for one in today {
            let Some(fill) = one.fill.as_ref().filter(|fill| fill.execution != Execution::Bust)
            else {
                continue;
            };
            let crypto = one.symbol.as_deref().is_some_and(|symbol| symbol.contains('/'));
            if crypto || taken.contains(&one.uuid) || one.at >= end {
                continue;
            }
            cat += fill.qty * CAT_RATE;
            if fill.side == Side::Sell {
                reg += fill.qty * fill.price * REG_RATE;
                taf += (fill.qty * TAF_RATE).min(TAF_MAX);
            }
        }
        for (code, sum) in [("REG", reg), ("TAF", taf), ("CAT", cat)] {
            let fee = sum.round_dp_with_strategy(2, RoundingStrategy::AwayFromZero);
            if fee.is_zero() {
                continue;
            }
            self.s.fees += fee;
            self.book(end, JournalKind::Fee, None, Decimal::ZERO, -fee, None, None);
            let text = format!("{code} fee for the trades of {day}");
            self.non_trade(ActivityKind::Fee, None, Decimal::ZERO, -fee, text, end);
            if let Some(activity) = self.s.activities.last_mut() {
                code.clone_into(&mut activity.sub_type);
            }
        }
    }

    fn listed(&self, symbol: &str) -> Result<SymbolId, CorporateError> {
        let unlisted = || CorporateError::Unlisted { symbol: symbol.chars().take(40).collect() };
        self.symbol_id(symbol).ok_or_else(unlisted)
    }
}
