//! A second implementation of lots and postings, written from FIGURES.md alone and kept apart from the product's code: it shares no type, no number and no rounding with it.
//!
//! Every sum is an exact fraction, so the model never rounds: 645/7 stays 645/7. It is short and slow where the product is careful and quick; the property tests beside it hold the two against each other.
//! It knows one book (a sleeve's holding of one symbol with its cash). It checks nothing that a desk would refuse (capital, limits): it is told what happened.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

/// An exact number: dollars, shares, a ratio.
pub(crate) type Exact = BigRational;

/// `mantissa / 10^scale`.
pub(crate) fn exact(mantissa: i128, scale: u32) -> Exact {
    Exact::new(BigInt::from(mantissa), BigInt::from(10).pow(scale))
}

/// Which lot an opposite fill closes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The oldest.
    Fifo,
    /// The newest.
    Lifo,
    /// The one with the highest entry price, on both sides; of equals the oldest.
    Hifo,
    /// All open lots are one: cost per unit = total cost / total quantity, opened when the oldest was.
    Average,
}

/// What one fill opened, with what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lot {
    /// The number of the fill that opened it; of a pool the oldest's.
    pub(crate) id: u64,
    /// When it was opened.
    pub(crate) opened: i64,
    /// Units left; below zero for a short lot.
    pub(crate) qty: Exact,
    /// Dollars paid for the units left (for a short lot: received), price only, never below zero.
    pub(crate) cost: Exact,
    /// The part of the opening fee that no closing has realised yet.
    pub(crate) fee: Exact,
}

impl Lot {
    fn unit(&self) -> Exact {
        &self.cost / self.qty.abs()
    }
}

/// A lot, or a part of one, and the fill that closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) lot: u64,
    pub(crate) opened: i64,
    /// Units closed, above zero.
    pub(crate) qty: Exact,
    /// The lot's cost of these units.
    pub(crate) cost: Exact,
    /// What the price alone made.
    pub(crate) gross: Exact,
    pub(crate) opening_fee: Exact,
    pub(crate) closing_fee: Exact,
    /// `gross - opening_fee - closing_fee`.
    pub(crate) net: Exact,
}

/// The four legs of a balanced entry: what is above zero came into the account, a profit is a credit and thus below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) cash: Exact,
    /// The position at cost: a long one above, a short one below zero.
    pub(crate) position: Exact,
    pub(crate) realised: Exact,
    pub(crate) fees: Exact,
}

impl Entry {
    pub(crate) fn sum(&self) -> Exact {
        &self.cash + &self.position + &self.realised + &self.fees
    }
}

/// One execution as the model is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) id: u64,
    pub(crate) time: i64,
    /// Above zero a buy, below zero a sale.
    pub(crate) qty: Exact,
    pub(crate) price: Exact,
    /// Dollars.
    pub(crate) fee: Exact,
    /// Units of the coin kept by the broker from what was bought.
    pub(crate) coin_fee: Exact,
    /// The lot that is to be closed first.
    pub(crate) names: Option<u64>,
}

/// What a fill did.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) closings: Vec<Closing>,
    pub(crate) entry: Entry,
}

/// One sleeve's lots in one symbol, and the dollars that went through them.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    method: Method,
    /// In the order of their opening.
    lots: Vec<Lot>,
    cash: Exact,
}

impl Book {
    pub(crate) fn new(method: Method) -> Book {
        Book { method, lots: Vec::new(), cash: Exact::zero() }
    }

    pub(crate) fn lots(&self) -> &[Lot] {
        &self.lots
    }

    /// Dollars in and out since the beginning.
    pub(crate) fn cash(&self) -> &Exact {
        &self.cash
    }

    pub(crate) fn position(&self) -> Exact {
        self.lots.iter().fold(Exact::zero(), |sum, lot| sum + &lot.qty)
    }

    /// Cost of what is open, never below zero.
    pub(crate) fn open_cost(&self) -> Exact {
        self.lots.iter().fold(Exact::zero(), |sum, lot| sum + &lot.cost)
    }

    /// Books one execution: closes what is open on the other side, opens a lot with the rest.
    pub(crate) fn fill(&mut self, fill: &Fill) -> Outcome {
        let cash = -(&fill.qty * &fill.price) - &fill.fee;
        // A fee in the coin never arrives: what it was worth at the fill price is an expense like one in dollars.
        let arrived = &fill.qty - &fill.coin_fee;
        let fee = &fill.fee + &fill.coin_fee * &fill.price;
        let per_unit = &fee / arrived.abs();

        let mut rest = arrived;
        let mut closings = Vec::new();
        let mut position = Exact::zero();
        let mut names = fill.names;
        while !rest.is_zero() {
            let Some(at) = self.next_to_close(&rest, names.take()) else { break };
            let lot = &mut self.lots[at];
            let qty = rest.abs().min(lot.qty.abs());
            let share = &qty / lot.qty.abs();
            let sign = lot.qty.signum();
            let cost = &lot.cost * &share;
            let opening_fee = &lot.fee * &share;
            let closing_fee = &per_unit * &qty;
            let gross = (&qty * &fill.price - &cost) * &sign;
            let net = &gross - &opening_fee - &closing_fee;
            lot.qty -= &qty * &sign;
            lot.cost -= &cost;
            lot.fee -= &opening_fee;
            rest += &qty * &sign;
            position -= &cost * &sign;
            closings.push(Closing {
                lot: lot.id,
                opened: lot.opened,
                qty,
                cost,
                gross,
                opening_fee,
                closing_fee,
                net,
            });
            if self.lots[at].qty.is_zero() {
                self.lots.remove(at);
            }
        }
        if !rest.is_zero() {
            let cost = rest.abs() * &fill.price;
            position += &cost * rest.signum();
            let fee = &per_unit * rest.abs();
            self.open(Lot { id: fill.id, opened: fill.time, qty: rest, cost, fee });
        }
        self.cash += &cash;
        let realised = -closings.iter().fold(Exact::zero(), |sum, closing| sum + &closing.gross);
        Outcome { closings, entry: Entry { cash, position, realised, fees: fee } }
    }

    /// A lot that arrives with its own cost, fee and time: migrated, or moved from another sleeve.
    pub(crate) fn open(&mut self, lot: Lot) {
        let at = self
            .lots
            .iter()
            .position(|other| (other.opened, other.id) > (lot.opened, lot.id))
            .unwrap_or(self.lots.len());
        self.lots.insert(at, lot);
        if self.method == Method::Average {
            let pool = self.lots.drain(..).reduce(|pool, lot| Lot {
                id: pool.id,
                opened: pool.opened,
                qty: pool.qty + lot.qty,
                cost: pool.cost + lot.cost,
                fee: pool.fee + lot.fee,
            });
            self.lots.extend(pool);
        }
    }

    /// `ratio` new units for each old one. Costs and fees stay.
    pub(crate) fn split(&mut self, ratio: &Exact) {
        for lot in &mut self.lots {
            lot.qty *= ratio;
        }
    }

    /// The fraction of a unit that a split left is paid out: a sale of the fraction (of a short position: a purchase), without a fee.
    pub(crate) fn cash_in_lieu(&mut self, id: u64, time: i64, price: &Exact) -> Option<Outcome> {
        let position = self.position();
        let fraction = position.fract();
        if fraction.is_zero() {
            return None;
        }
        let fill = Fill {
            id,
            time,
            qty: -fraction,
            price: price.clone(),
            fee: Exact::zero(),
            coin_fee: Exact::zero(),
            names: None,
        };
        Some(self.fill(&fill))
    }

    /// The place of the lot that a fill of `rest` units closes next; none where nothing is open on the other side.
    fn next_to_close(&self, rest: &Exact, names: Option<u64>) -> Option<usize> {
        let open: Vec<usize> = (0..self.lots.len())
            .filter(|&at| self.lots[at].qty.is_negative() != rest.is_negative())
            .collect();
        if let Some(at) = open.iter().copied().find(|&at| names == Some(self.lots[at].id)) {
            return Some(at);
        }
        match self.method {
            Method::Fifo | Method::Average => open.first().copied(),
            Method::Lifo => open.last().copied(),
            Method::Hifo => open.into_iter().reduce(|best, at| {
                if self.lots[at].unit() > self.lots[best].unit() { at } else { best }
            }),
        }
    }
}

/// The model against numbers worked by hand, so that the witness isn't only as right as what it judges.
#[cfg(test)]
mod by_hand {
    use super::*;

    fn whole(units: i128) -> Exact {
        exact(units, 0)
    }

    fn of(numerator: i128, denominator: i128) -> Exact {
        Exact::new(BigInt::from(numerator), BigInt::from(denominator))
    }

    fn at(id: u64, qty: i128, price: i128) -> Fill {
        Fill {
            id,
            time: i64::try_from(id).expect("small"),
            qty: whole(qty),
            price: whole(price),
            fee: Exact::zero(),
            coin_fee: Exact::zero(),
            names: None,
        }
    }

    /// Three buys at 10, 30, 20, then a sale of 15 at 40: the lots closed, in order, with the gross of each.
    fn closes(method: Method, names: Option<u64>, side: i128) -> Vec<(u64, Exact, Exact)> {
        let mut book = Book::new(method);
        for (id, price) in [(1, 10), (2, 30), (3, 20)] {
            book.fill(&at(id, 10 * side, price));
        }
        let outcome = book.fill(&Fill { names, ..at(4, -15 * side, 40) });
        assert_eq!(outcome.entry.sum(), Exact::zero());
        outcome
            .closings
            .into_iter()
            .map(|closing| (closing.lot, closing.qty, closing.gross))
            .collect()
    }

    #[test]
    fn worked_case_of_two_lots() {
        let mut book = Book::new(Method::Fifo);
        book.fill(&at(1, 100, 50_000));
        book.fill(&at(2, 50, 51_000));
        assert_eq!(book.open_cost() / book.position(), of(7_550_000, 150), "50,333.33…");
        let closed = book.fill(&at(3, -120, 53_000)).closings;
        let told: Vec<_> = closed
            .iter()
            .map(|closing| (closing.lot, closing.qty.clone(), closing.gross.clone()))
            .collect();
        assert_eq!(told, vec![(1, whole(100), whole(300_000)), (2, whole(20), whole(40_000))]);
        assert_eq!((book.position(), book.open_cost()), (whole(30), whole(30 * 51_000)));
    }

    #[test]
    fn each_method_takes_its_own_lot_first_and_a_named_one_before_it() {
        let lot = |id, qty, gross| (id, whole(qty), whole(gross));
        assert_eq!(closes(Method::Fifo, None, 1), vec![lot(1, 10, 300), lot(2, 5, 50)]);
        assert_eq!(closes(Method::Lifo, None, 1), vec![lot(3, 10, 200), lot(2, 5, 50)]);
        assert_eq!(closes(Method::Hifo, None, 1), vec![lot(2, 10, 100), lot(3, 5, 100)]);
        assert_eq!(closes(Method::Average, None, 1), vec![lot(1, 15, 300)]);
        assert_eq!(closes(Method::Fifo, Some(3), 1), vec![lot(3, 10, 200), lot(1, 5, 150)]);
        assert_eq!(
            closes(Method::Hifo, None, -1),
            vec![lot(2, 10, -100), lot(3, 5, -100)],
            "a short's highest entry price too"
        );
    }

    #[test]
    fn a_flip_divides_its_fee_by_quantity() {
        let mut book = Book::new(Method::Fifo);
        book.fill(&Fill { fee: whole(3), ..at(1, 6, 100) });
        let outcome = book.fill(&Fill { fee: whole(5), ..at(2, -10, 110) });
        let closing = &outcome.closings[0];
        assert_eq!(
            (
                closing.gross.clone(),
                closing.opening_fee.clone(),
                closing.closing_fee.clone(),
                closing.net.clone()
            ),
            (whole(60), whole(3), whole(3), whole(54))
        );
        assert_eq!(
            book.lots(),
            [Lot { id: 2, opened: 2, qty: whole(-4), cost: whole(440), fee: whole(2) }]
        );
        assert_eq!(
            outcome.entry,
            Entry {
                cash: whole(1095),
                position: whole(-1040),
                realised: whole(-60),
                fees: whole(5)
            }
        );
    }

    #[test]
    fn a_cost_without_a_finite_decimal_stays_whole_through_a_split_and_cash_in_lieu() {
        let mut book = Book::new(Method::Fifo);
        book.fill(&at(1, 14, 0).clone());
        book.lots[0].cost = whole(645);
        book.split(&of(1, 2));
        assert_eq!(book.fill(&at(2, -1, 100)).closings[0].cost, of(645, 7));
        assert_eq!(book.open_cost(), whole(645) - of(645, 7));
        book.split(&of(1, 4));
        let paid = book.cash_in_lieu(3, 3, &whole(400)).expect("6 / 4 = 1.5");
        assert_eq!(
            (paid.closings[0].qty.clone(), paid.entry.cash.clone(), book.position()),
            (of(1, 2), whole(200), whole(1))
        );
        assert_eq!(paid.entry.sum(), Exact::zero());
    }

    #[test]
    fn a_fee_in_the_coin_makes_the_lot_smaller_and_is_an_expense() {
        let mut book = Book::new(Method::Fifo);
        let outcome = book.fill(&Fill { coin_fee: of(1, 400), ..at(1, 1, 60_000) });
        assert_eq!(
            outcome.entry,
            Entry {
                cash: whole(-60_000),
                position: whole(59_850),
                realised: Exact::zero(),
                fees: whole(150)
            }
        );
        assert_eq!((book.position(), book.open_cost()), (of(399, 400), whole(59_850)));
    }

    #[test]
    fn a_pool_keeps_the_oldest_opening_and_one_cost_per_unit() {
        let mut book = Book::new(Method::Average);
        book.fill(&Fill { fee: whole(1), ..at(1, 3, 10) });
        book.fill(&Fill { fee: whole(2), ..at(2, 4, 20) });
        let closing = &book.fill(&at(3, -1, 30)).closings[0];
        assert_eq!(
            (closing.cost.clone(), closing.opening_fee.clone(), closing.opened),
            (of(110, 7), of(3, 7), 1)
        );
        assert_eq!(book.lots().len(), 1);
    }
}
