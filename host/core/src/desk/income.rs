//! How cash that is no trade's is shared out: dividends, interest, fees, deposits.
//!
//! A whole is shared so that its parts add up to it (largest remainder, ties to the lower sleeve).
//! What belongs to nobody is the house's.

use rust_decimal::Decimal;

use super::activities::Booked;
use super::effect::Effects;
use super::fills::Draft;
use super::inquiry::Traded;
use super::state::Desk;
use crate::broker::Activity;
use crate::decimal::{Money, Qty, round_half_even};
use crate::id::{EntryId, SleeveId};
use crate::ledger::{EntryKind, LedgerAccount, LotMethod, Posting, share};
use crate::limits;
use crate::order::Side;

/// Cents: what a broker shares out.
const CENTS: u32 = 2;

impl Desk {
    /// An entry that books an activity, on the activity's own day.
    pub(super) fn draft_of(&self, activity: &Activity, kind: EntryKind, memo: String) -> Draft {
        Draft {
            source_id: Some(activity.id.clone()),
            effective_at: activity.effective_at,
            ..self.draft(kind, memo)
        }
    }

    /// Cash for whoever held when the ex-date began: by shares, so that the broker's amount is met
    /// to the cent. Where only the rate is known (a file), each gets its shares times the rate.
    pub(super) fn book_dividend(
        &mut self,
        activity: &Activity,
        held: &[(SleeveId, Qty)],
        out: &mut Effects,
    ) -> Booked {
        let symbol = activity.symbol.as_ref().map_or("", |symbol| symbol.as_str());
        let whole = activity.net_amount;
        let parts: Vec<(SleeveId, Money)> = match activity.per_share {
            Some(rate) if whole.is_zero() => {
                held.iter().map(|(id, qty)| (*id, rate.value_of(*qty))).collect()
            }
            _ if whole.is_zero() => {
                return Booked::Flagged("it has neither amount nor rate".to_owned());
            }
            _ => share_by_shares(whole, held),
        };
        if parts.iter().all(|(_, part)| part.is_zero()) {
            return Booked::Done(None, "nobody held the symbol".to_owned());
        }
        let rate =
            activity.per_share.map_or_else(String::new, |rate| format!(" at {rate} a share"));
        let memo = format!("dividend of {symbol}{rate}");
        let entry = self.post_income(
            activity,
            EntryKind::Dividend,
            LedgerAccount::Dividends,
            memo,
            &parts,
            out,
        );
        Booked::Done(Some(entry), shared_by(parts.len()))
    }

    /// Interest on cash goes by positive cash, its cost by what is owed; else it is the house's.
    pub(super) fn book_interest(&mut self, activity: &Activity, out: &mut Effects) -> Booked {
        let whole = activity.net_amount;
        let weight = |cash: Money| if whole.is_negative() { -cash } else { cash };
        let weights: Vec<(SleeveId, Decimal)> = self
            .sleeves
            .values()
            .filter(|sleeve| sleeve.row.id != SleeveId::ROUNDING)
            .map(|sleeve| (sleeve.row.id, weight(sleeve.row.cash).get()))
            .filter(|(_, weight)| *weight > Decimal::ZERO)
            .collect();
        let parts = share_or_house(whole, &weights);
        let memo = format!("interest: {}", activity.description);
        let entry = self.post_income(
            activity,
            EntryKind::Interest,
            LedgerAccount::Interest,
            memo,
            &parts,
            out,
        );
        Booked::Done(Some(entry), shared_by(parts.len()))
    }

    /// A fee without an order: by what it is charged on. TAF goes by shares sold, REG by what they
    /// were sold for, the audit trail's by shares of both sides; anything else by value.
    pub(super) fn book_fee(
        &mut self,
        activity: &Activity,
        traded: &[Traded],
        out: &mut Effects,
    ) -> Booked {
        let code = activity.code.to_ascii_uppercase();
        let on = |sum: &Traded| -> Decimal {
            let sold = sum.side == Side::Sell;
            match () {
                () if code.contains("TAF") => {
                    if sold {
                        sum.qty.get()
                    } else {
                        Decimal::ZERO
                    }
                }
                () if code.contains("REG") => {
                    if sold {
                        sum.value.get()
                    } else {
                        Decimal::ZERO
                    }
                }
                () if code.contains("CAT") => sum.qty.get(),
                () => sum.value.get(),
            }
        };
        let mut weights: Vec<(SleeveId, Decimal)> = Vec::new();
        for sum in traded {
            match weights.last_mut() {
                Some((id, weight)) if *id == sum.sleeve => *weight += on(sum),
                _ => weights.push((sum.sleeve, on(sum))),
            }
        }
        weights.retain(|(_, weight)| !weight.is_zero());
        let parts = share_or_house(activity.net_amount, &weights);
        let memo = format!("fee {}: {}", activity.code, activity.description);
        let mut postings = Vec::new();
        for (sleeve, part) in &parts {
            postings.push(Posting::money(*sleeve, LedgerAccount::Cash, *part));
            postings.push(Posting::money(*sleeve, LedgerAccount::Fees, -*part));
            self.sleeve_mut(*sleeve).row.realised += *part;
        }
        let draft = self.draft_of(activity, EntryKind::Fee, memo);
        let entry = self.post_entry(draft, postings, out);
        Booked::Done(Some(entry), shared_by(parts.len()))
    }

    /// A fee in coins: taken from the newest lots of whoever bought that day, at their cost.
    pub(super) fn book_coin_fee(
        &mut self,
        activity: &Activity,
        traded: &[Traded],
        out: &mut Effects,
    ) -> Booked {
        let (Some(symbol), Some(qty)) = (&activity.symbol, activity.qty) else {
            return self.book_fee(activity, traded, out);
        };
        let instrument = self.instrument_of(symbol, out);
        let free = |id: SleeveId| {
            let holding = self.sleeves[&id].holdings.get(&instrument);
            holding.map_or(Decimal::ZERO, |holding| holding.available().get().max(Decimal::ZERO))
        };
        let bought: Vec<(SleeveId, Decimal)> = traded
            .iter()
            .filter(|sum| sum.side == Side::Buy)
            .map(|sum| (sum.sleeve, sum.qty.get()))
            .collect();
        let weights: Vec<Decimal> = bought.iter().map(|(_, qty)| *qty).collect();
        let parts = share(qty.abs().get(), &weights, limits::QTY_SCALE_MAX);
        if parts.is_empty() || bought.iter().zip(&parts).any(|((id, _), part)| *part > free(*id)) {
            return Booked::Flagged(format!(
                "nobody holds the {} {symbol} that it takes",
                qty.abs()
            ));
        }
        let (mut postings, mut lots) = (Vec::new(), Vec::new());
        for ((sleeve, _), part) in bought.iter().zip(parts).filter(|(_, part)| !part.is_zero()) {
            let row = self.sleeve_mut(*sleeve);
            let holding = row.holdings.entry(instrument).or_default();
            let (taken, changed) = holding.take(Qty::new(part), LotMethod::Lifo);
            if holding.is_empty() {
                row.holdings.remove(&instrument);
            }
            let cost: Money = taken.iter().map(|lot| lot.cost).sum();
            let opening: Money = taken.iter().map(|lot| lot.fee).sum();
            row.row.realised -= cost + opening;
            self.touched.positions.insert((*sleeve, instrument));
            postings.push(Posting::shares(*sleeve, symbol, -cost, Qty::new(-part)));
            postings.push(Posting::money(*sleeve, LedgerAccount::Fees, cost));
            lots.extend(changed);
        }
        let memo = format!("fee of {} {symbol} in coins", qty.abs());
        let draft = self.draft_of(activity, EntryKind::Fee, memo);
        let entry = self.post_entry(draft, postings, out);
        self.push_lots(entry, lots, out);
        Booked::Done(Some(entry), "taken from the day's buyers".to_owned())
    }

    /// Cash that came or went belongs to the house.
    pub(super) fn book_cash(&mut self, activity: &Activity, out: &mut Effects) -> Booked {
        let amount = activity.net_amount;
        if amount.is_zero() {
            return Booked::Done(None, "no cash moved".to_owned());
        }
        let house = &mut self.sleeve_mut(SleeveId::HOUSE).row;
        if amount.is_negative() {
            house.withdrawn -= amount;
        } else {
            house.added += amount;
        }
        let leg = |account, amount| Posting::money(SleeveId::HOUSE, account, amount);
        let postings = vec![leg(LedgerAccount::Cash, amount), leg(LedgerAccount::Capital, -amount)];
        let verb = if amount.is_negative() { "withdrawal" } else { "deposit" };
        let memo = format!("{verb} at the broker: {} {}", activity.code, activity.description);
        let draft = self.draft_of(activity, EntryKind::Deposit, memo.trim_end().to_owned());
        let entry = self.post_entry(draft, postings, out);
        Booked::Done(Some(entry), format!("{verb} of {} to the house", amount.abs()))
    }

    /// Cash against an account of income, one pair of legs for each sleeve.
    fn post_income(
        &mut self,
        activity: &Activity,
        kind: EntryKind,
        account: LedgerAccount,
        memo: String,
        parts: &[(SleeveId, Money)],
        out: &mut Effects,
    ) -> EntryId {
        let mut postings = Vec::new();
        for (sleeve, part) in parts {
            postings.push(Posting::money(*sleeve, LedgerAccount::Cash, *part));
            postings.push(Posting::money(*sleeve, account.clone(), -*part));
            self.sleeve_mut(*sleeve).row.realised += *part;
        }
        let draft = self.draft_of(activity, kind, memo.trim_end_matches([':', ' ']).to_owned());
        self.post_entry(draft, postings, out)
    }
}

/// Shares an amount by weights; without any it is the house's.
fn share_or_house(whole: Money, weights: &[(SleeveId, Decimal)]) -> Vec<(SleeveId, Money)> {
    if weights.is_empty() {
        return vec![(SleeveId::HOUSE, whole)];
    }
    let each: Vec<Decimal> = weights.iter().map(|(_, weight)| *weight).collect();
    let places = CENTS.max(whole.get().normalize().scale());
    let parts = share(whole.get(), &each, places);
    let parts = weights.iter().zip(parts).map(|((id, _), part)| (*id, Money::new(part)));
    parts.filter(|(_, part)| !part.is_zero()).collect()
}

/// In words.
fn shared_by(sleeves: usize) -> String {
    if sleeves == 1 { "of one sleeve".to_owned() } else { format!("shared by {sleeves} sleeves") }
}

/// Shares a dividend by signed shares: who is short pays what who is long gets beside the broker's
/// amount.
fn share_by_shares(whole: Money, held: &[(SleeveId, Qty)]) -> Vec<(SleeveId, Money)> {
    let net: Qty = held.iter().map(|(_, qty)| *qty).sum();
    let group = |short: bool| -> Vec<(SleeveId, Decimal)> {
        let of = held.iter().filter(|(_, qty)| qty.is_negative() == short);
        of.map(|(id, qty)| (*id, qty.abs().get())).collect()
    };
    let (long, short) = (group(false), group(true));
    if net.is_zero() || long.is_empty() || short.is_empty() {
        let weights = if long.is_empty() { short } else { long };
        return share_or_house(whole, &weights);
    }
    let owed: Decimal = short.iter().map(|(_, qty)| *qty).sum();
    let owed = Money::new(round_half_even(whole.get() * owed / net.get(), CENTS));
    let mut parts = share_or_house(whole + owed, &long);
    parts.extend(share_or_house(-owed, &short));
    parts
}
