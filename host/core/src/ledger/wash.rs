//! Wash sales across sleeves: losses that a purchase of the same symbol within 30 days undoes.
//!
//! The rule is section 1091 of the Internal Revenue Code, as IRS Publication 550 ("Wash sales") and
//! Treasury Regulation 1.1091-1 tell it: a loss is disallowed as far as shares that are
//! substantially identical are bought from 30 days before to 30 days after the sale; losses are
//! taken in the order of the sales, purchases in the order of the purchases, and each share bought
//! replaces one share sold, once. Here *substantially identical* means the same symbol, in any
//! sleeve of the account. A loss on a short lot is treated alike: what replaces it is another short
//! sale.
//!
//! What is not counted as a replacement: the purchase that opened the lot which was sold (a part
//! sale of one purchase replaces nothing, Revenue Ruling 56-602), and shares bought before the loss
//! that were themselves sold by then. Days are given by the caller: the calendar's, not 24 hours.
//!
//! It flags; it changes no lot. The basis of the replacing shares, and other accounts of the same
//! person, are left to whoever files the return.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use super::lot::LotSide;
use crate::decimal::{Money, Qty, mul_exact, proportion, round_half_even};
use crate::id::{RoundTripId, SleeveId, Symbol};
use crate::limits;
use crate::time::Timestamp;

/// Days before and after a loss in which a purchase replaces what was sold.
pub const WINDOW_DAYS: i32 = 30;

/// Shares that an execution added: bought, or sold short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The execution.
    pub execution_id: Arc<str>,
    /// Whose.
    pub sleeve: SleeveId,
    /// Of what.
    pub symbol: Symbol,
    /// Which side it opened.
    pub side: LotSide,
    /// When.
    pub at: Timestamp,
    /// The calendar day of `at`, in days since 1970-01-01.
    pub day: i32,
    /// How many, above zero, in the units of that time: what closed the other side is not in it.
    pub qty: Qty,
}

/// A round trip, as far as this rule needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its number.
    pub round_trip: RoundTripId,
    /// Whose.
    pub sleeve: SleeveId,
    /// Of what.
    pub symbol: Symbol,
    /// Of the lot that was closed.
    pub side: LotSide,
    /// The execution that opened the lot (of a pool: the oldest one).
    pub opened_by: Arc<str>,
    /// When it was closed.
    pub at: Timestamp,
    /// The calendar day of `at`, in days since 1970-01-01.
    pub day: i32,
    /// How many, above zero, in the units of that time.
    pub qty: Qty,
    /// Its profit after fees; below zero it is a loss.
    pub net: Money,
}

/// A split of a symbol: what happened before it counts in other units than what came after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitAt {
    /// Of what.
    pub symbol: Symbol,
    /// When.
    pub at: Timestamp,
    /// New units for one old unit, above zero.
    pub ratio: Decimal,
}

/// Shares that replace sold ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The execution that bought them.
    pub execution_id: Arc<str>,
    /// For which sleeve.
    pub sleeve: SleeveId,
    /// When.
    pub at: Timestamp,
    /// How many of the shares sold they replace, in the units of the sale.
    pub qty: Qty,
    /// The part of the loss that they disallow, above zero.
    pub disallowed: Money,
}

/// A loss that is disallowed, wholly or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WashSale {
    /// What was closed at a loss.
    pub closed: Closed,
    /// The loss, above zero.
    pub loss: Money,
    /// What replaced the shares, in the order of purchase; never empty.
    pub replaced_by: Vec<Replacement>,
    /// How many shares were replaced, in the units of the sale.
    pub qty: Qty,
    /// The sum of the replacements' parts.
    pub disallowed: Money,
}

/// Finds the wash sales of an account. The lists may come in any order; the whole history should
/// be given, since an earlier loss takes shares that a later one then can't have.
#[must_use]
pub fn wash_sales(
    purchases: Vec<Purchase>,
    closings: Vec<Closed>,
    splits: &[SplitAt],
) -> Vec<WashSale> {
    let mut kinds: BTreeMap<(Symbol, LotSide), (Vec<Purchase>, Vec<Closed>)> = BTreeMap::new();
    for purchase in purchases {
        let key = (purchase.symbol.clone(), purchase.side);
        kinds.entry(key).or_default().0.push(purchase);
    }
    for closed in closings {
        let key = (closed.symbol.clone(), closed.side);
        kinds.entry(key).or_default().1.push(closed);
    }
    let mut found: Vec<WashSale> = kinds
        .into_iter()
        .flat_map(|((symbol, _), (bought, sold))| {
            let own: Vec<&SplitAt> = splits.iter().filter(|split| split.symbol == symbol).collect();
            Market::new(bought, own).losses(sold)
        })
        .collect();
    found.sort_by_key(|sale| (sale.closed.at, sale.closed.round_trip));
    found
}

/// What is left of a purchase, in the units of today.
#[derive(Debug)]
struct Left {
    /// Not yet sold.
    held: Decimal,
    /// Not yet taken as a replacement.
    free: Decimal,
}

/// One symbol and side.
struct Market<'a> {
    splits: Vec<&'a SplitAt>,
    bought: Vec<Purchase>,
    left: Vec<Left>,
    place: BTreeMap<Arc<str>, usize>,
    /// By day and place: those that can still replace something.
    alive: BTreeSet<(i32, usize)>,
}

impl<'a> Market<'a> {
    fn new(mut bought: Vec<Purchase>, splits: Vec<&'a SplitAt>) -> Self {
        bought.sort_by(|a, b| (a.at, &a.execution_id).cmp(&(b.at, &b.execution_id)));
        let mut market = Self {
            splits,
            left: Vec::with_capacity(bought.len()),
            place: BTreeMap::new(),
            alive: BTreeSet::new(),
            bought: Vec::new(),
        };
        for (place, purchase) in bought.iter().enumerate() {
            let qty = market.today(purchase.qty, purchase.at);
            market.left.push(Left { held: qty, free: qty });
            market.place.insert(purchase.execution_id.clone(), place);
            market.alive.insert((purchase.day, place));
        }
        market.bought = bought;
        market
    }

    fn losses(mut self, mut sold: Vec<Closed>) -> Vec<WashSale> {
        sold.sort_by_key(|closed| (closed.at, closed.round_trip));
        let mut found = Vec::new();
        for same_time in sold.chunk_by(|a, b| a.at == b.at) {
            for closed in same_time {
                self.sell(closed);
            }
            let losses = same_time.iter().filter(|closed| closed.net.is_negative());
            found.extend(losses.filter_map(|closed| self.replace(closed)));
        }
        found
    }

    /// Takes what was sold out of the purchase that it came from; a pool is named after its oldest
    /// purchase, what that one can't cover comes out of the sleeve's next ones.
    fn sell(&mut self, closed: &Closed) {
        let mut rest = self.today(closed.qty, closed.at);
        let Some(&first) = self.place.get(&closed.opened_by) else { return };
        let sleeve = self.bought[first].sleeve;
        let mut place = first;
        while rest > Decimal::ZERO && place < self.bought.len() {
            let purchase = &self.bought[place];
            if place > first && purchase.at > closed.at {
                return;
            }
            if purchase.sleeve == sleeve {
                let part = rest.min(self.left[place].held);
                self.left[place].held -= part;
                rest -= part;
                if self.left[place].held.is_zero() {
                    self.alive.remove(&(purchase.day, place));
                }
            }
            place += 1;
        }
    }

    fn replace(&mut self, closed: &Closed) -> Option<WashSale> {
        let all = self.today(closed.qty, closed.at);
        let loss = -closed.net;
        let own = self.place.get(&closed.opened_by).copied();
        let window = (closed.day - WINDOW_DAYS, 0)..=(closed.day + WINDOW_DAYS, usize::MAX);
        let (mut taken, mut disallowed) = (Decimal::ZERO, Money::ZERO);
        let (mut replaced_by, mut used_up) = (Vec::new(), Vec::new());
        for &(day, place) in self.alive.range(window) {
            if taken == all {
                break;
            }
            if own == Some(place) {
                continue;
            }
            let (purchase, left) = (&self.bought[place], &mut self.left[place]);
            let before = purchase.at <= closed.at;
            let can = if before { left.free.min(left.held) } else { left.free };
            let part = can.min(all - taken);
            if part.is_zero() {
                continue;
            }
            left.free -= part;
            if left.free.is_zero() {
                used_up.push((day, place));
            }
            // Of the sum so far: the parts add up to the whole, whatever each is rounded to.
            let upto = Money::new(proportion(loss.get(), taken + part, all));
            replaced_by.push((place, part, upto - disallowed));
            taken += part;
            disallowed = upto;
        }
        for key in used_up {
            self.alive.remove(&key);
        }
        (!replaced_by.is_empty()).then(|| {
            let told = |(place, part, disallowed): (usize, Decimal, Money)| Replacement {
                execution_id: self.bought[place].execution_id.clone(),
                sleeve: self.bought[place].sleeve,
                at: self.bought[place].at,
                qty: part_of(closed.qty, part, all),
                disallowed,
            };
            let replaced_by = replaced_by.into_iter().map(told).collect();
            let qty = part_of(closed.qty, taken, all);
            WashSale { closed: closed.clone(), loss, replaced_by, qty, disallowed }
        })
    }

    /// A quantity of that time in today's units: splits alone lie between.
    fn today(&self, qty: Qty, at: Timestamp) -> Decimal {
        let later = self.splits.iter().filter(|split| split.at > at);
        later.fold(qty.get(), |qty, split| {
            mul_exact(qty, split.ratio)
                .unwrap_or_else(|_| round_half_even(qty * split.ratio, limits::LEDGER_SCALE))
        })
    }
}

/// `part` of `all`, in units in which `all` is `qty`.
fn part_of(qty: Qty, part: Decimal, all: Decimal) -> Qty {
    Qty::new(round_half_even(proportion(qty.get(), part, all), limits::QTY_SCALE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    const DAY: i64 = 86_400_000_000_000;
    const A: SleeveId = SleeveId(10);
    const B: SleeveId = SleeveId(11);

    fn bought(id: &str, sleeve: SleeveId, day: i32, qty: Decimal) -> Purchase {
        Purchase {
            execution_id: id.into(),
            sleeve,
            symbol: Symbol::new("AAPL").unwrap(),
            side: LotSide::Long,
            at: Timestamp(i64::from(day) * DAY),
            day,
            qty: Qty::new(qty),
        }
    }

    fn sold(of: &str, sleeve: SleeveId, day: i32, qty: Decimal, net: Decimal) -> Closed {
        Closed {
            round_trip: RoundTripId(u64::try_from(day).unwrap()),
            sleeve,
            symbol: Symbol::new("AAPL").unwrap(),
            side: LotSide::Long,
            opened_by: of.into(),
            at: Timestamp(i64::from(day) * DAY),
            day,
            qty: Qty::new(qty),
            net: Money::new(net),
        }
    }

    /// Round trip, then each replacement: execution, sleeve, quantity, disallowed.
    type Told = Vec<(u64, Vec<(String, SleeveId, Decimal, Decimal)>)>;

    fn told(sales: &[WashSale]) -> Told {
        let part = |r: &Replacement| {
            (
                r.execution_id.to_string(),
                r.sleeve,
                r.qty.get().normalize(),
                r.disallowed.get().normalize(),
            )
        };
        let sales = sales.iter().inspect(|sale| {
            let sum: Money = sale.replaced_by.iter().map(|r| r.disallowed).sum();
            assert_eq!(sum, sale.disallowed);
            assert!(sale.disallowed <= sale.loss && sale.qty <= sale.closed.qty);
        });
        sales.map(|s| (s.closed.round_trip.0, s.replaced_by.iter().map(part).collect())).collect()
    }

    fn found(purchases: &[Purchase], closings: &[Closed]) -> Told {
        told(&wash_sales(purchases.to_vec(), closings.to_vec(), &[]))
    }

    fn part(
        id: &str,
        sleeve: SleeveId,
        qty: Decimal,
        disallowed: Decimal,
    ) -> (String, SleeveId, Decimal, Decimal) {
        (id.to_owned(), sleeve, qty, disallowed)
    }

    #[test]
    fn the_example_of_publication_550() {
        // 100 shares for $1,000, sold for $750; within 30 days 100 shares of the same for $800: the
        // loss of $250 is disallowed.
        let bought = [bought("old", A, 0, dec!(100)), bought("new", A, 120, dec!(100))];
        let sold = [sold("old", A, 100, dec!(100), dec!(-250))];
        assert_eq!(found(&bought, &sold), vec![(100, vec![part("new", A, dec!(100), dec!(250))])]);
    }

    #[test]
    fn partly_replaced_is_partly_disallowed() {
        let bought = [bought("old", A, 0, dec!(100)), bought("new", A, 101, dec!(30))];
        let sold = [sold("old", A, 100, dec!(100), dec!(-250))];
        assert_eq!(found(&bought, &sold), vec![(100, vec![part("new", A, dec!(30), dec!(75))])]);
    }

    #[test]
    fn bought_before_counts_while_it_is_held() {
        let both = [bought("old", A, 0, dec!(100)), bought("before", A, 90, dec!(40))];
        let loss = sold("old", A, 100, dec!(100), dec!(-100));
        assert_eq!(
            found(&both, std::slice::from_ref(&loss)),
            vec![(100, vec![part("before", A, dec!(40), dec!(40))])]
        );
        // Sold together, or earlier: nothing was left that could replace.
        let together = sold("before", A, 100, dec!(40), dec!(-10));
        assert_eq!(found(&both, &[loss.clone(), together]), vec![]);
        let earlier = sold("before", A, 95, dec!(15), dec!(3));
        assert_eq!(
            found(&both, &[loss, earlier]),
            vec![(100, vec![part("before", A, dec!(25), dec!(25))])]
        );
    }

    #[test]
    fn another_sleeves_purchase_replaces() {
        let bought = [bought("old", A, 0, dec!(10)), bought("theirs", B, 100, dec!(10))];
        let sold = [sold("old", A, 100, dec!(10), dec!(-7))];
        assert_eq!(found(&bought, &sold), vec![(100, vec![part("theirs", B, dec!(10), dec!(7))])]);
    }

    #[test]
    fn the_lot_sold_is_not_its_own_replacement() {
        let one = [bought("one", A, 90, dec!(100))];
        assert_eq!(found(&one, &[sold("one", A, 100, dec!(50), dec!(-20))]), vec![]);
    }

    #[test]
    fn the_window_is_thirty_days_on_both_sides() {
        let loss = [sold("old", A, 100, dec!(10), dec!(-10))];
        for (day, counts) in [(69, false), (70, true), (100, true), (130, true), (131, false)] {
            let both = [bought("old", A, 0, dec!(10)), bought("x", B, day, dec!(10))];
            assert_eq!(found(&both, &loss).len(), usize::from(counts), "day {day}");
        }
    }

    #[test]
    fn each_share_replaces_once_and_in_order() {
        let bought = [
            bought("old", A, 0, dec!(100)),
            bought("first", B, 105, dec!(60)),
            bought("second", A, 110, dec!(70)),
        ];
        let sold = [
            sold("old", A, 99, dec!(50), dec!(-100)),
            sold("old", A, 100, dec!(40), dec!(-40)),
            sold("old", A, 101, dec!(10), dec!(5)),
            sold("second", A, 112, dec!(70), dec!(-700)),
        ];
        let expected = vec![
            (99, vec![part("first", B, dec!(50), dec!(100))]),
            (
                100,
                vec![part("first", B, dec!(10), dec!(10)), part("second", A, dec!(30), dec!(30))],
            ),
        ];
        assert_eq!(found(&bought, &sold), expected);
    }

    #[test]
    fn thirds_of_a_loss_add_up() {
        let mut all = vec![bought("old", A, 0, dec!(3))];
        all.extend(["x", "y", "z"].map(|id| bought(id, B, 101, dec!(1))));
        let sales = wash_sales(all, vec![sold("old", A, 100, dec!(3), dec!(-100))], &[]);
        assert_eq!(told(&sales)[0].1.len(), 3);
        assert_eq!(sales[0].disallowed, Money::new(dec!(100)));
    }

    #[test]
    fn a_split_between_changes_the_count_not_the_shares() {
        let both = vec![bought("old", A, 0, dec!(10)), bought("new", B, 110, dec!(20))];
        let split = SplitAt {
            symbol: Symbol::new("AAPL").unwrap(),
            at: Timestamp(105 * DAY),
            ratio: dec!(4),
        };
        let sales = wash_sales(both, vec![sold("old", A, 100, dec!(10), dec!(-80))], &[split]);
        assert_eq!(told(&sales), vec![(100, vec![part("new", B, dec!(5), dec!(40))])]);
    }

    #[test]
    fn a_short_loss_is_replaced_by_a_short_sale_not_by_a_purchase() {
        let short = |mut purchase: Purchase| {
            purchase.side = LotSide::Short;
            purchase
        };
        let mut loss = sold("old", A, 100, dec!(10), dec!(-10));
        loss.side = LotSide::Short;
        let old = short(bought("old", A, 0, dec!(10)));
        assert_eq!(
            found(&[old.clone(), bought("x", B, 101, dec!(10))], std::slice::from_ref(&loss)),
            vec![]
        );
        let again = short(bought("x", B, 101, dec!(10)));
        assert_eq!(found(&[old, again], &[loss]).len(), 1);
    }

    #[test]
    fn a_pool_sells_its_purchases_one_after_the_other() {
        // Average cost: every closing names the pool's oldest purchase.
        let bought = [
            bought("a", A, 80, dec!(10)),
            bought("b", A, 85, dec!(10)),
            bought("c", A, 95, dec!(5)),
        ];
        let sold = [sold("a", A, 100, dec!(20), dec!(-20))];
        assert_eq!(found(&bought, &sold), vec![(100, vec![part("c", A, dec!(5), dec!(5))])]);
    }
}
