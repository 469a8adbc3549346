//! Money and shares that move without an order: deposits, dividends, splits.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::activities::ActivityKind;
use crate::asset::SymbolId;
use crate::exchange::Exchange;
use crate::fill::cents;
use crate::journal::JournalKind;
use crate::limits::{MAX_PRICE, MAX_QTY_SCALE};
use crate::order::OrderStatus;
use crate::time::Nanos;

/// An event that can't be booked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorporateError {
    #[error("symbol {symbol:?} is not listed")]
    Unlisted { symbol: String },
    #[error("{what} is {value}, allowed is {allowed}")]
    Value { what: &'static str, value: Decimal, allowed: &'static str },
}

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
            format!("split, {ratio} for 1"),
            now,
        );
        Ok(())
    }

    fn listed(&self, symbol: &str) -> Result<SymbolId, CorporateError> {
        let unlisted = || CorporateError::Unlisted { symbol: symbol.chars().take(40).collect() };
        self.symbol_id(symbol).ok_or_else(unlisted)
    }
}
