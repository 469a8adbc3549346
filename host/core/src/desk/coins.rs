//! Fees in coins that are on their way.
//!
//! The broker takes its fee of a purchase from the coins at once and says so at the end of the day,
//! in an activity without an order. Until then it holds less than the books, for a reason that is
//! known: such a difference is kept as an accepted break, which freezes nothing and ends when the
//! activity is booked. It is bounded by what was bought; what goes beyond is a break like any other.

use rust_decimal::Decimal;

use super::breaks::{ACCEPTED, is_accepted};
use super::effect::Effects;
use super::reconcile::Difference;
use super::state::Desk;
use crate::decimal::Qty;
use crate::id::{BreakId, InstrumentId, Symbol};
use crate::instrument::AssetClass;
use crate::limits;
use crate::order::Side;
use crate::row::{BreakRow, LotRow, Row};

/// How the action of such a break goes on.
const AWAITED: &str = "the fee in coins of purchases, until the broker's activity (CFEE) comes";

impl Desk {
    /// A purchase whose fee the broker may have taken in coins. One whose fee in coins is known
    /// moved what it moved.
    pub(super) fn expect_coin_fee(&mut self, id: InstrumentId, side: Side, qty: Qty, fee_qty: Qty) {
        if side == Side::Buy && fee_qty.is_zero() && self.is_coin(id) {
            *self.reconciliation.coins_bought.entry(id).or_default() += qty;
        }
    }

    /// The same, of purchases from before a start that may not have been compared: lots of the last
    /// day.
    pub(super) fn expect_coin_fee_of(&mut self, id: InstrumentId, lot: &LotRow) {
        let recent = self.now.market.since(lot.opened_at) < limits::COIN_FEE_WAIT_NS;
        if recent && self.is_coin(id) && self.account.has_broker {
            *self.reconciliation.coins_bought.entry(id).or_default() += lot.qty;
        }
    }

    fn is_coin(&self, id: InstrumentId) -> bool {
        self.instruments[id.index()].class == AssetClass::Crypto
    }

    /// Takes the differences that are fees on their way out of what was found; gives the accepted
    /// breaks that they are now.
    pub(super) fn await_coin_fees(
        &mut self,
        found: &mut Vec<Difference>,
        out: &mut Effects,
    ) -> Vec<BreakId> {
        let (fees, others): (Vec<_>, Vec<_>) =
            found.drain(..).partition(|difference| self.is_coin_fee(difference));
        *found = others;
        let mut kept = Vec::with_capacity(fees.len());
        for fee in fees {
            let known = self.awaited(fee.symbol.as_ref()).cloned();
            if let Some(mut row) = known {
                self.breaks.remove(&row.id);
                row.resolved_at = Some(self.now.market);
                row.action = "another fee in coins came to it".to_owned();
                out.rows.push(Row::Break(row));
            }
            let evidence =
                format!("{} less at the broker, seen at {}", -fee.size(), self.now.market);
            let action = format!("{ACCEPTED}{AWAITED}");
            kept.push(self.open_break(&fee, "info", evidence, &action, false, out));
        }
        kept
    }

    /// What is held of purchases alone, less at the broker, and no more than their fees can be.
    fn is_coin_fee(&self, found: &Difference) -> bool {
        let Some(id) = found.symbol.as_ref().and_then(|symbol| self.by_symbol.get(symbol)) else {
            return false;
        };
        let missing = -found.size();
        let bought =
            self.reconciliation.coins_bought.get(id).map_or(Decimal::ZERO, |qty| qty.get());
        let awaited =
            self.awaited(found.symbol.as_ref()).map_or(Decimal::ZERO, |row| row.ours - row.broker);
        self.is_coin(*id)
            && missing > Decimal::ZERO
            && missing <= awaited + bought * Decimal::new(limits::COIN_FEE_BPS_MAX, 4)
    }

    fn awaited(&self, symbol: Option<&Symbol>) -> Option<&BreakRow> {
        let of = |row: &&BreakRow| {
            row.symbol.as_ref() == symbol && is_accepted(row) && row.action.ends_with(AWAITED)
        };
        self.breaks.values().find(of)
    }
}
