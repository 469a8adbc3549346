//! Sleeves and their capital: made, added, withdrawn, moved.

use rust_decimal::Decimal;

use super::command::{Outcome, amount_refusal, done, not_allowed};
use super::effect::Effects;
use super::state::{Desk, Sleeve};
use crate::decimal::Money;
use crate::id::{SleeveId, Slug};
use crate::ledger::{EntryKind, LedgerAccount, LotMethod, Posting};
use crate::limits;
use crate::risk::{Refusal, TradingState};
use crate::row::SleeveKind;

impl Desk {
    pub(super) fn create_sleeve(
        &mut self,
        name: &Slug,
        kind: SleeveKind,
        capital: Money,
        lots: LotMethod,
        out: &mut Effects,
    ) -> Result<SleeveId, Refusal> {
        if self.names.contains_key(name) {
            return Err(Refusal::Exists { what: "sleeve".to_owned(), name: name.to_string() });
        }
        if self.sleeves.range(SleeveId::FIRST..).count() >= limits::SLEEVES_MAX {
            let why = format!("an account has at most {} sleeves", limits::SLEEVES_MAX);
            return Err(not_allowed("sleeve", name, &why));
        }
        if capital.is_negative() {
            return Err(amount_refusal(capital));
        }
        self.check_allocation(capital)?;
        let id = SleeveId(self.account.counters.sleeve);
        self.account.counters.sleeve += 1;
        self.touched.account = true;
        let mut row = self.blank_sleeve(id, name.clone(), kind);
        row.lots = lots;
        row.initial_capital = capital;
        self.names.insert(name.clone(), id);
        self.sleeves.insert(id, Sleeve::new(row));
        self.touched.sleeves.insert(id);
        self.fund(capital, out);
        self.shift_capital(SleeveId::HOUSE, id, capital, &format!("capital of {name}"), out);
        Ok(id)
    }

    pub(super) fn set_lots(&mut self, name: &Slug, lots: LotMethod) -> Outcome {
        let id = self.named(name)?;
        if !self.sleeves[&id].is_flat() {
            return Err(not_allowed(
                "sleeve",
                name,
                "the lot method changes only while it is flat",
            ));
        }
        self.sleeve_mut(id).row.lots = lots;
        Ok(done(format!("sleeve {name} closes lots by {}", lots.as_str())))
    }

    /// The account without a broker makes the cash that it allocates.
    pub(super) fn fund(&mut self, amount: Money, out: &mut Effects) {
        if self.account.has_broker || amount.is_zero() {
            return;
        }
        self.sleeve_mut(SleeveId::HOUSE).row.added += amount;
        let leg = |account, amount| Posting::money(SleeveId::HOUSE, account, amount);
        let postings = vec![leg(LedgerAccount::Cash, amount), leg(LedgerAccount::Capital, -amount)];
        self.post(EntryKind::Deposit, "deposit".to_owned(), postings, out);
    }

    /// Σ capital can't exceed the account: what house has, and what the factor lends it.
    pub(super) fn check_allocation(&self, asked: Money) -> Result<(), Refusal> {
        if !self.account.has_broker {
            return Ok(());
        }
        if self.account.opened_at.is_none() {
            return Err(Refusal::Reconciling {
                why: "the broker's account was not seen yet: start the host once (stockade run)"
                    .to_owned(),
            });
        }
        let factor = self.account.allocation_factor;
        let available = self.unallocated() + self.lent();
        if asked > available {
            return Err(Refusal::AllocationSum { asked, available, factor });
        }
        Ok(())
    }

    /// Cash of the account that no sleeve has: house's, less what suspense owes. A trade that
    /// nobody here asked for was paid out of it.
    fn unallocated(&self) -> Money {
        let suspense = self.sleeves[&SleeveId::SUSPENSE].row.cash;
        self.sleeves[&SleeveId::HOUSE].row.cash + suspense.min(Money::ZERO)
    }

    /// What the factor adds to the account's own cash (below one: takes away).
    fn lent(&self) -> Money {
        let above = self.account.allocation_factor - Decimal::ONE;
        if above.is_zero() {
            return Money::ZERO;
        }
        let equity: Money = self.sleeves.values().map(|s| s.row.cash + self.value_of(s)).sum();
        Money::new((equity.get() * above).round_dp(2))
    }

    /// By how much the allocations exceed the account (I22); zero where they don't.
    pub(super) fn allocated_beyond(&self) -> Money {
        if !self.account.has_broker || self.account.opened_at.is_none() {
            return Money::ZERO;
        }
        let left = self.unallocated() + self.lent().max(Money::ZERO);
        (-left).max(Money::ZERO)
    }

    /// An account whose allocations came to exceed it may only reduce (I22): a fact from outside,
    /// such as a trade by hand at the broker, took cash that was promised to sleeves.
    pub(super) fn hold_to_allocations(&mut self, out: &mut Effects) {
        let moved = [SleeveId::HOUSE, SleeveId::SUSPENSE];
        if self.account.state != TradingState::Active
            || !moved.iter().any(|id| self.touched.sleeves.contains(id))
        {
            return;
        }
        let beyond = self.allocated_beyond();
        if !beyond.is_positive() {
            return;
        }
        let why = format!(
            "sleeves have {beyond} more than the account: withdraw capital, or deposit (stockade capital show)"
        );
        self.account.state = TradingState::Reducing;
        self.account.state_reason = Some(why.clone());
        self.touched.account = true;
        for sleeve in self.sleeves.values_mut() {
            sleeve.version += 1;
        }
        Self::alert(out, "serious", format!("the account may only reduce: {why}"));
    }

    /// Moves cash with its capital; the sleeves' `added` and `withdrawn` are the caller's.
    pub(super) fn shift_capital(
        &mut self,
        from: SleeveId,
        to: SleeveId,
        amount: Money,
        memo: &str,
        out: &mut Effects,
    ) {
        if amount.is_zero() {
            return;
        }
        if from == SleeveId::HOUSE {
            self.sleeve_mut(from).row.withdrawn += amount;
        }
        if to == SleeveId::HOUSE {
            self.sleeve_mut(to).row.added += amount;
        }
        let leg = Posting::money;
        let postings = vec![
            leg(from, LedgerAccount::Cash, -amount),
            leg(from, LedgerAccount::Capital, amount),
            leg(to, LedgerAccount::Cash, amount),
            leg(to, LedgerAccount::Capital, -amount),
        ];
        self.post(EntryKind::Allocation, memo.to_owned(), postings, out);
    }

    pub(super) fn add_capital(&mut self, name: &Slug, amount: Money, out: &mut Effects) -> Outcome {
        let id = self.named(name)?;
        if !amount.is_positive() {
            return Err(amount_refusal(amount));
        }
        self.check_allocation(amount)?;
        self.fund(amount, out);
        self.sleeve_mut(id).row.added += amount;
        self.shift_capital(SleeveId::HOUSE, id, amount, &format!("capital added to {name}"), out);
        Ok(done(format!("added {amount} to {name}")))
    }

    pub(super) fn check_free(&self, id: SleeveId, asked: Money) -> Result<(), Refusal> {
        if !asked.is_positive() {
            return Err(amount_refusal(asked));
        }
        let available = self.sleeves[&id].free_cash();
        if asked > available {
            return Err(Refusal::Withdrawal { asked, available });
        }
        Ok(())
    }

    pub(super) fn withdraw(&mut self, name: &Slug, amount: Money, out: &mut Effects) -> Outcome {
        let id = self.named(name)?;
        self.check_free(id, amount)?;
        self.sleeve_mut(id).row.withdrawn += amount;
        self.shift_capital(
            id,
            SleeveId::HOUSE,
            amount,
            &format!("capital withdrawn from {name}"),
            out,
        );
        Ok(done(format!("withdrew {amount} from {name}")))
    }

    pub(super) fn move_capital(
        &mut self,
        from: &Slug,
        to: &Slug,
        amount: Money,
        out: &mut Effects,
    ) -> Outcome {
        let (source, target) = (self.named(from)?, self.named(to)?);
        if source == target {
            return Err(not_allowed("sleeve", from, "capital moves between two different sleeves"));
        }
        self.check_free(source, amount)?;
        self.sleeve_mut(source).row.withdrawn += amount;
        self.sleeve_mut(target).row.added += amount;
        self.shift_capital(source, target, amount, &format!("capital from {from} to {to}"), out);
        Ok(done(format!("moved {amount} from {from} to {to}")))
    }

    pub(super) fn allocate(&mut self, name: &Slug, amount: Money, out: &mut Effects) -> Outcome {
        let id = self.named(name)?;
        if amount.is_negative() {
            return Err(amount_refusal(amount));
        }
        let change = amount - self.sleeves[&id].net_capital();
        if change.is_positive() {
            self.add_capital(name, change, out)?;
        } else if change.is_negative() {
            self.withdraw(name, change.abs(), out)?;
        }
        Ok(done(format!("{name} has {amount} of capital")))
    }
}
