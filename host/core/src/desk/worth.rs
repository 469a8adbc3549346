//! What sleeves are worth, kept as inputs come: the market value of each, its equity, and whether
//! its loss of the day has reached its limit.
//!
//! A price touches those who hold the instrument and nobody else; whoever asks gets what is kept.
//! Amounts are whole numbers of the smallest units that the books know ([`smallest_units`]), so that
//! sums are exact whatever their order: what is kept equals the plain sum over positions at any
//! time, and after [`Desk::restore`], which fills it from the same rows. Nothing of it is stored but
//! the day's start.
//!
//! Does not decide: what a reached loss means is for the checks of an intent.

use rust_decimal::Decimal;

use super::state::{Desk, Mark, Sleeve};
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty, of_smallest_units, round_half_even, smallest_units};
use crate::id::{InstrumentId, SleeveId};
use crate::ledger::Holding;
use crate::limits;

/// Decimal places of the factors that are multiplied as whole numbers: those that a price and a
/// quantity from outside may have.
const FACTOR_SCALE: u32 = 9;

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct Worth {
    /// Who holds an instrument, by sleeve; by the instrument's place in the table.
    holders: Vec<Vec<Held>>,
    /// By the sleeve's number.
    sleeves: Vec<Standing>,
}

/// A position.
#[derive(Debug, Clone)]
struct Held {
    sleeve: usize,
    qty: Qty,
    /// The quantity in billionths, where it is a whole number of them.
    billionths: Option<i64>,
    /// What it is worth.
    value: i128,
}

/// Where a sleeve stands.
#[derive(Debug, Clone)]
struct Standing {
    cash: i128,
    /// The sum of its positions' values.
    value: i128,
    net_capital: Money,
    /// The market value at which its loss of the day reaches the limit; the least number there is
    /// for a sleeve without one.
    floor: i128,
    reached: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self { cash: 0, value: 0, net_capital: Money::ZERO, floor: i128::MIN, reached: false }
    }
}

/// In smallest units; what is beyond them counts as the largest number, see [`Desk::post_entry`].
fn units(amount: Money) -> i128 {
    let amount = amount.get();
    if amount.scale() <= FACTOR_SCALE
        && let Ok(digits) = i64::try_from(amount.mantissa())
    {
        return i128::from(digits) * 10_i128.pow(limits::STORED_SCALE - amount.scale());
    }
    let amount = round_half_even(amount, limits::STORED_SCALE);
    let most = i128::MAX / 4;
    smallest_units(amount).map_or(if amount.is_sign_negative() { -most } else { most }, |units| {
        units.clamp(-most, most)
    })
}

/// A price or quantity as a whole number of billionths.
fn billionths(value: Decimal) -> Option<i64> {
    let missing = FACTOR_SCALE.checked_sub(value.scale())?;
    i64::try_from(value.mantissa()).ok()?.checked_mul(10_i64.pow(missing))
}

/// The value of a quantity at a price.
fn value_of(price: Price, qty: Qty) -> i128 {
    match (billionths(price.get()), billionths(qty.get())) {
        (Some(price), Some(qty)) => i128::from(price) * i128::from(qty),
        _ => units(price.value_of(qty)),
    }
}

fn index(id: SleeveId) -> usize {
    usize::try_from(id.0).expect("limits::SLEEVES_MAX bounds the number of sleeves")
}

impl Worth {
    /// Makes room for one more instrument.
    pub(super) fn add_instrument(&mut self) {
        self.holders.push(Vec::new());
    }

    fn standing(&mut self, id: SleeveId) -> &mut Standing {
        let place = index(id);
        if place >= self.sleeves.len() {
            self.sleeves.resize_with(place + 1, Standing::default);
        }
        &mut self.sleeves[place]
    }

    /// A new price: every holder's value, equity and loss of the day follow.
    fn reprice(&mut self, id: InstrumentId, price: Price) {
        let Some(holders) = self.holders.get_mut(id.index()) else { return };
        if bug::is(Bug::WorthForgotten) {
            return;
        }
        let factor = billionths(price.get());
        for held in holders {
            let value = match (factor, held.billionths) {
                (Some(price), Some(qty)) => i128::from(price) * i128::from(qty),
                _ => units(price.value_of(held.qty)),
            };
            let standing = &mut self.sleeves[held.sleeve];
            standing.value += value - held.value;
            standing.reached = standing.value <= standing.floor;
            held.value = value;
        }
    }

    /// A position as an input left it.
    fn hold(&mut self, sleeve: SleeveId, id: InstrumentId, qty: Qty, value: i128) {
        let before = {
            let holders = &mut self.holders[id.index()];
            let place = holders.binary_search_by_key(&index(sleeve), |held| held.sleeve);
            let held =
                Held { sleeve: index(sleeve), qty, billionths: billionths(qty.get()), value };
            match place {
                Ok(place) if qty.is_zero() => holders.remove(place).value,
                Ok(place) => std::mem::replace(&mut holders[place], held).value,
                Err(_) if qty.is_zero() => 0,
                Err(place) => {
                    holders.insert(place, held);
                    0
                }
            }
        };
        self.standing(sleeve).value += value - before;
    }
}

impl Desk {
    /// The one way to a new mark.
    pub(super) fn set_mark(&mut self, id: InstrumentId, mark: Mark) {
        self.marks[id.index()] = Some(mark);
        self.worth.reprice(id, mark.price);
    }

    /// Market value of what a sleeve holds, at the last marks (cost where there is none).
    #[must_use]
    pub fn market_value(&self, sleeve: SleeveId) -> Money {
        self.sleeves.get(&sleeve).map_or(Money::ZERO, |s| self.value_of(s))
    }

    /// Cash and market value of a sleeve.
    #[must_use]
    pub fn equity(&self, sleeve: SleeveId) -> Money {
        match self.worth.sleeves.get(index(sleeve)) {
            Some(standing) if self.is_settled() => {
                Money::new(of_smallest_units(standing.cash + standing.value))
            }
            _ => self.sleeves.get(&sleeve).map_or(Money::ZERO, |s| s.row.cash + self.value_of(s)),
        }
    }

    /// By how much a sleeve's equity is below what the day began with, capital that came or went
    /// since left out; below zero is a gain. What the day began with is known once somebody looked.
    #[must_use]
    pub fn lost_today(&self, sleeve: SleeveId) -> Money {
        let Some(row) = self.sleeves.get(&sleeve).map(|s| &s.row) else { return Money::ZERO };
        if row.day == self.day { row.day_start_equity - self.equity(sleeve) } else { Money::ZERO }
    }

    /// Whether a sleeve's loss of the day has reached its limit.
    #[must_use]
    pub fn is_loss_reached(&self, sleeve: SleeveId) -> bool {
        self.worth.sleeves.get(index(sleeve)).is_some_and(|standing| standing.reached)
    }

    /// Whether what is kept holds the present input's changes.
    fn is_settled(&self) -> bool {
        self.touched.sleeves.is_empty() && self.touched.positions.is_empty()
    }

    pub(super) fn value_of(&self, sleeve: &Sleeve) -> Money {
        match self.worth.sleeves.get(index(sleeve.row.id)) {
            Some(standing) if self.is_settled() => Money::new(of_smallest_units(standing.value)),
            _ => Money::new(of_smallest_units(self.values_of(sleeve).sum())),
        }
    }

    /// The market value with every position counted positive.
    pub(super) fn exposure_of(&self, sleeve: &Sleeve) -> Money {
        Money::new(of_smallest_units(self.values_of(sleeve).map(i128::abs).sum()))
    }

    fn values_of<'a>(&'a self, sleeve: &'a Sleeve) -> impl Iterator<Item = i128> + 'a {
        let held = sleeve.holdings.iter().filter(|(_, holding)| !holding.qty.is_zero());
        held.map(|(id, holding)| self.position_value(*id, holding))
    }

    fn position_value(&self, id: InstrumentId, holding: &Holding) -> i128 {
        match &self.marks[id.index()] {
            Some(mark) => value_of(mark.price, holding.qty),
            None => units(holding.cost),
        }
    }

    /// Brings what is kept up to what the present input changed. Capital that came or went moves the
    /// start of the day with it: what it changed of the equity is neither a loss nor a gain.
    pub(super) fn settle_worth(&mut self) {
        if self.is_settled() {
            return;
        }
        let mut touched = std::mem::take(&mut self.touched);
        let mut moved: Vec<(SleeveId, i128)> = Vec::new();
        for id in touched.sleeves.sorted() {
            let net = self.sleeves[id].net_capital();
            let standing = self.worth.standing(*id);
            if standing.net_capital != net {
                standing.net_capital = net;
                moved.push((*id, standing.cash + standing.value));
            }
        }
        for (sleeve, id) in touched.positions.sorted() {
            let holding = self.sleeves[sleeve].holdings.get(id);
            let qty = holding.map_or(Qty::ZERO, |holding| holding.qty);
            let held = holding.filter(|holding| !holding.qty.is_zero());
            let value = held.map_or(0, |holding| self.position_value(*id, holding));
            self.worth.hold(*sleeve, *id, qty, value);
        }
        for id in touched.sleeves.sorted() {
            let cash = units(self.sleeves[id].row.cash);
            self.worth.standing(*id).cash = cash;
        }
        for (id, before) in moved {
            let standing = self.worth.standing(id);
            let change = Money::new(of_smallest_units(standing.cash + standing.value - before));
            if let Some(sleeve) = self.sleeves.get_mut(&id)
                && sleeve.row.day == self.day
            {
                sleeve.row.day_start_equity += change;
            }
        }
        for id in touched.sleeves.sorted() {
            self.settle_floor(*id);
        }
        self.touched = touched;
    }

    /// Where a sleeve's loss of the day reaches its limit.
    fn settle_floor(&mut self, id: SleeveId) {
        let sleeve = &self.sleeves[&id];
        let limit = sleeve.controls(&self.account.controls).daily_loss;
        let known = limit.filter(|_| sleeve.row.day == self.day);
        let start = sleeve.row.day_start_equity;
        let standing = self.worth.standing(id);
        standing.floor =
            known.map_or(i128::MIN, |allowed| units(start) - units(allowed) - standing.cash);
        standing.reached = standing.value <= standing.floor;
    }

    /// Another day, or one that is known again after a restart: the loss of each sleeve that has a
    /// limit is measured from here on, or from where its row says that the day began. The rows are
    /// written with the next step; a restart before it would look at the marks that are stored.
    pub(super) fn begin_losses(&mut self) {
        // Without its calendar an account can't tell a new day from the rest of the one before.
        let known = !(self.account.has_broker && self.sessions.is_empty());
        let limited =
            |sleeve: &&Sleeve| sleeve.controls(&self.account.controls).daily_loss.is_some();
        let ids: Vec<SleeveId> =
            self.sleeves.values().filter(limited).map(|sleeve| sleeve.row.id).collect();
        for id in ids {
            let equity = self.equity(id);
            if let Some(sleeve) = self.sleeves.get_mut(&id)
                && known
                && sleeve.row.day != self.day
            {
                (sleeve.row.day, sleeve.row.day_start_equity) = (self.day, equity);
                self.owed.push(id);
            }
            self.settle_floor(id);
        }
    }

    /// Other controls of the whole account: every sleeve's limit is looked at again.
    pub(super) fn settle_floors(&mut self) {
        self.begin_losses();
        let ids: Vec<SleeveId> = self.sleeves.keys().copied().collect();
        ids.into_iter().for_each(|id| self.settle_floor(id));
    }

    /// Fills what is kept from the rows.
    pub(super) fn restore_worth(&mut self) {
        let ids: Vec<SleeveId> = self.sleeves.keys().copied().collect();
        for id in ids {
            let sleeve = &self.sleeves[&id];
            let (cash, net) = (units(sleeve.row.cash), sleeve.net_capital());
            let held: Vec<(InstrumentId, Qty, i128)> = sleeve
                .holdings
                .iter()
                .filter(|(_, holding)| !holding.qty.is_zero())
                .map(|(at, holding)| (*at, holding.qty, self.position_value(*at, holding)))
                .collect();
            for (at, qty, value) in held {
                self.worth.hold(id, at, qty, value);
            }
            let standing = self.worth.standing(id);
            (standing.cash, standing.net_capital) = (cash, net);
            self.settle_floor(id);
        }
    }

    /// Compares what is kept with a plain sum over positions, in decimals; says what differs. For
    /// tests and the simulator.
    ///
    /// # Errors
    /// The first sleeve whose value, cash or loss of the day is not what its parts give.
    pub fn check_worth(&self) -> Result<(), String> {
        let stored = |value: Money| Money::new(round_half_even(value.get(), limits::STORED_SCALE));
        for sleeve in self.sleeves.values() {
            let row = &sleeve.row;
            let value = |(id, holding): (&InstrumentId, &Holding)| match &self.marks[id.index()] {
                Some(mark) => stored(mark.price.value_of(holding.qty)),
                None => holding.cost,
            };
            let held = sleeve.holdings.iter().filter(|(_, holding)| !holding.qty.is_zero());
            let sum: Money = held.map(value).sum();
            let (kept, equity) = (self.market_value(row.id), self.equity(row.id));
            if kept != sum || equity != row.cash + sum {
                return Err(format!(
                    "{}: market value {kept} and equity {equity} are kept, positions are worth {sum} and cash is {}",
                    row.name, row.cash
                ));
            }
            let limit = row.controls.and(&self.account.controls).daily_loss;
            let lost = row.day_start_equity - equity;
            let reached = row.day == self.day && limit.is_some_and(|allowed| lost >= allowed);
            if reached != self.is_loss_reached(row.id) {
                return Err(format!(
                    "{}: lost {lost} today with a limit of {limit:?}, kept as reached: {}",
                    row.name, !reached
                ));
            }
        }
        Ok(())
    }
}
