//! Breaks in the hands of people: booked into suspense, or accepted as they are.
//!
//! An accepted break stays in the books as long as the difference is the one that was accepted; it
//! freezes nothing and is found again by no comparison. A difference that changes is a new break.

use super::command::{Outcome, done, not_allowed, not_found};
use super::effect::Effects;
use super::reconcile::Difference;
use super::state::Desk;
use crate::decimal::{Money, Qty};
use crate::id::{BreakId, SleeveId, Symbol};
use crate::ledger::{EntryKind, LedgerAccount, Posting};
use crate::order::Side;
use crate::row::{BreakRow, ExecutionSource, Row};

/// How the action of an accepted break begins.
pub(super) const ACCEPTED: &str = "accepted: ";

/// Whether a person has accepted the difference as it is.
#[must_use]
pub fn is_accepted(row: &BreakRow) -> bool {
    row.resolved_at.is_none() && row.action.starts_with(ACCEPTED)
}

impl Desk {
    /// The break that freezes a symbol, or all of them (a cash break freezes none).
    pub(super) fn frozen_by(&self, symbol: &Symbol) -> Option<BreakId> {
        let freezes = |b: &&BreakRow| b.symbol.as_ref() == Some(symbol) && !is_accepted(b);
        self.breaks.values().find(freezes).map(|b| b.id)
    }

    /// The accepted break that a difference is: of the same thing and the same size, wherever both
    /// sides have moved to.
    pub(super) fn accepted_break(&self, found: &Difference) -> Option<BreakId> {
        let same = |b: &&BreakRow| {
            is_accepted(b) && b.symbol == found.symbol && b.broker - b.ours == found.size()
        };
        self.breaks.values().find(same).map(|b| b.id)
    }

    /// The cash difference that was accepted.
    pub(super) fn accepted_cash(&self) -> Money {
        let cash = self.breaks.values().filter(|b| b.symbol.is_none() && is_accepted(b));
        cash.map(|b| Money::new(b.broker - b.ours)).sum()
    }

    /// Settles a break by hand: `adjust` books the difference to suspense and ends it, `accept`
    /// keeps it as it is.
    pub(super) fn resolve_break(
        &mut self,
        id: BreakId,
        action: &str,
        why: &str,
        out: &mut Effects,
    ) -> Outcome {
        let Some(row) = self.breaks.get(&id).cloned() else {
            if id < BreakId(self.account.counters.break_id) {
                return Err(not_allowed("break", &id, "it is resolved already"));
            }
            return Err(not_found("break", &id));
        };
        if why.trim().is_empty() {
            return Err(not_allowed("break", &id, "a reason is wanted (--why)"));
        }
        let (resolved_at, action, message) = match action {
            "adjust" => {
                self.adjust(&row, out)?;
                self.breaks.remove(&id);
                let message = format!("break {id} is resolved: the difference is in suspense");
                (Some(self.now.market), format!("adjust: {why}"), message)
            }
            "accept" if is_accepted(&row) => {
                return Err(not_allowed("break", &id, "it is accepted already"));
            }
            "accept" => {
                let message = format!("break {id} is accepted until the difference changes");
                (None, format!("{ACCEPTED}{why}"), message)
            }
            _ => {
                let why = "accept (leave it until it changes) and adjust (book it into suspense) are allowed";
                return Err(not_allowed("action", &action, why));
            }
        };
        let row = BreakRow { action, resolved_at, ..row };
        if resolved_at.is_none() {
            self.breaks.insert(id, row.clone());
        }
        out.rows.push(Row::Break(row));
        self.request_snapshot(out);
        Ok(done(message))
    }

    fn adjust(&mut self, row: &BreakRow, out: &mut Effects) -> Result<(), crate::risk::Refusal> {
        let difference = row.broker - row.ours;
        let Some(symbol) = &row.symbol else {
            let amount = Money::new(difference);
            let sleeve = self.sleeve_mut(SleeveId::SUSPENSE);
            sleeve.row.added += amount;
            let leg = |account, amount| Posting::money(SleeveId::SUSPENSE, account, amount);
            let postings =
                vec![leg(LedgerAccount::Cash, amount), leg(LedgerAccount::Capital, -amount)];
            self.post(
                EntryKind::Adjustment,
                format!("break {}: cash into suspense", row.id),
                postings,
                out,
            );
            return Ok(());
        };
        let id = self.instrument_of(symbol, out);
        let Some(mark) = self.marks[id.index()] else {
            return Err(crate::risk::Refusal::NoPrice { symbol: symbol.clone() });
        };
        let fill = crate::broker::Fill {
            execution_id: format!("break:{}", row.id),
            broker_order_id: String::new(),
            client_order_id: None,
            symbol: symbol.clone(),
            side: if difference.is_sign_negative() { Side::Sell } else { Side::Buy },
            qty: Qty::new(difference.abs()),
            price: mark.price,
            fee: Money::ZERO,
            fee_qty: Qty::ZERO,
            cumulative_qty: None,
            at: self.now.market,
        };
        // As a trade against suspense's own cash; the cash is put back, since none moved.
        self.book(SleeveId::SUSPENSE, None, &fill, ExecutionSource::Opening, out);
        let value = Money::new(mark.price.value_of(Qty::new(difference)).get());
        self.sleeve_mut(SleeveId::SUSPENSE).row.added += value;
        let leg = |account, amount| Posting::money(SleeveId::SUSPENSE, account, amount);
        let postings = vec![leg(LedgerAccount::Cash, value), leg(LedgerAccount::Capital, -value)];
        let memo = format!("break {}: {} {symbol} into suspense", row.id, difference);
        self.post(EntryKind::Adjustment, memo, postings, out);
        Ok(())
    }
}

/// A class of difference in words (CONTROLS.md section 2); empty for one that nobody finds.
#[must_use]
pub fn class_name(class: &str) -> &'static str {
    match class {
        "D32" => "broker holds more",
        "D33" => "broker holds less",
        "D34" => "other side at the broker",
        "D35" => "at the broker only",
        "D36" => "in the books only",
        "D47" => "cash differs",
        _ => "",
    }
}
