//! What no import can say, straight through a holding: a sale that names its lot, a fee in the coin,
//! a fraction paid out after a reverse split, lots that arrive with a cost and date of their own.

use std::sync::Arc;

use rust_decimal::Decimal;
use stockade_core::id::{EntryId, LotId};
use stockade_core::ledger::{Booking, Holding, LotSide, Trade};
use stockade_core::order::Side;
use stockade_core::row::{Counters, LotRow};
use stockade_core::{Money, Price, Qty, SleeveId, Symbol, Timestamp};

use crate::market::{Happening, Kind, Numbers, next};
use crate::model::{Book, Fill, Lot, Method, Outcome, exact};
use crate::through_step::{ALLOWED, dollars, fixed, fixed_decimal, method_of, of};

/// One holding and its model.
pub(crate) struct Pair {
    seed: u64,
    method: Method,
    kind: Kind,
    numbers: Numbers,
    holding: Holding,
    book: Book,
    counters: Counters,
    place: u64,
    pub(crate) fills: usize,
    pub(crate) named: usize,
}

/// A fill as both are told of it.
struct Told {
    qty: Decimal,
    price: Decimal,
    fee: Decimal,
    coins: Decimal,
    names: Option<(LotId, u64)>,
}

impl Pair {
    pub(crate) fn new(method: Method, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let kind = numbers.one_of(&Kind::ALL);
        let counters =
            Counters { order: 1, sleeve: 1, entry: 1, lot: 1, round_trip: 1, break_id: 1 };
        let (holding, book) = (Holding::default(), Book::new(method));
        Self { seed, method, kind, numbers, holding, book, counters, place: 0, fills: 0, named: 0 }
    }

    pub(crate) fn run(mut self, steps: u64) -> Self {
        for place in 1..=steps {
            self.place = place;
            let open: Vec<Decimal> = self.holding.lots().map(|lot| lot.remaining.get()).collect();
            let some_lot = (!open.is_empty()).then(|| self.numbers.one_of(&open));
            match next(&mut self.numbers, self.kind, self.holding.qty.get(), some_lot) {
                Happening::Fill(qty) if self.numbers.chance(40) => self.arrive(qty),
                Happening::Fill(qty) => self.fill(qty),
                Happening::Split(ratio) => self.split(ratio),
            }
            self.lots_agree();
        }
        self
    }

    fn fill(&mut self, qty: Decimal) {
        let open: Vec<(LotId, u64)> =
            self.holding.lots().map(|lot| (lot.id, number(lot))).collect();
        let names =
            (!open.is_empty() && self.numbers.chance(300)).then(|| self.numbers.one_of(&open));
        self.named += usize::from(names.is_some());
        let price = self.kind.price(&mut self.numbers);
        let fee = self.kind.fee(&mut self.numbers);
        // A quarter of a hundredth, as far as nine decimals go: only of what is bought.
        let coins = (qty * Decimal::new(25, 4)).trunc_with_scale(9);
        let pays =
            matches!(self.kind, Kind::Coins) && !qty.is_sign_negative() && self.numbers.chance(500);
        let coins = if pays { coins } else { Decimal::ZERO };
        self.tell(&Told { qty, price, fee, coins, names });
        self.fills += 1;
    }

    fn tell(&mut self, told: &Told) {
        let execution_id: Arc<str> = format!("x{}", self.place).into();
        let symbol = Symbol::new("BTCUSD").unwrap();
        let trade = Trade {
            sleeve: SleeveId::FIRST,
            symbol: &symbol,
            side: if told.qty.is_sign_negative() { Side::Sell } else { Side::Buy },
            qty: Qty::new(told.qty.abs()),
            price: Price::new(told.price),
            fee: Money::new(told.fee),
            fee_qty: Qty::new(told.coins),
            at: Timestamp(self.time()),
            execution_id: &execution_id,
            entry: EntryId(self.place),
            reason: None,
            method: method_of(self.method),
            lot: told.names.map(|names| names.0),
        };
        let whole_fee = trade.whole_fee();
        let booking = self.holding.book(&trade, &mut self.counters);
        let outcome = self.book.fill(&Fill {
            id: self.place,
            time: self.time(),
            qty: of(told.qty),
            price: of(told.price),
            fee: of(told.fee),
            coin_fee: of(told.coins),
            names: told.names.map(|names| names.1),
        });
        self.agree("fees", whole_fee.get(), fixed(&outcome.entry.fees));
        self.booked(&booking, &outcome);
    }

    fn booked(&self, booking: &Booking, outcome: &Outcome) {
        assert_eq!(fixed(&outcome.entry.sum()), 0);
        self.agree("position at cost", booking.cost_change.get(), fixed(&outcome.entry.position));
        self.agree("gross", -booking.gross.get(), fixed(&outcome.entry.realised));
        let trips = &booking.round_trips;
        assert_eq!(trips.len(), outcome.closings.len(), "{}: {trips:?}", self.here());
        for (trip, closing) in trips.iter().zip(&outcome.closings) {
            let found = (trip.entry_time.0, of(trip.qty.get()));
            assert_eq!(found, (closing.opened, closing.qty.clone()), "{}: lot closed", self.here());
            self.agree("net", trip.net.get(), fixed(&closing.net));
            self.agree("opening fee", trip.opening_fee.get(), fixed(&closing.opening_fee));
        }
    }

    /// A lot from elsewhere, older than what is here; on the side that is held.
    fn arrive(&mut self, qty: Decimal) {
        let held = self.holding.qty.get();
        let qty = if !held.is_zero() && held.is_sign_negative() != qty.is_sign_negative() {
            -qty
        } else {
            qty
        };
        let cost = Decimal::new(self.numbers.within(1, 9_999_999), 2);
        let opened = self.time() - self.numbers.within(0, 30) * 1_000_000_000;
        let id = LotId(self.counters.lot);
        self.counters.lot += 1;
        let unit = stockade_core::decimal::round_half_even(cost / qty.abs(), 12);
        let (size, cost_left) = (Qty::new(qty.abs()), Money::new(cost));
        let lot = LotRow {
            id,
            sleeve: SleeveId::FIRST,
            symbol: Symbol::new("BTCUSD").unwrap(),
            side: if qty.is_sign_negative() { LotSide::Short } else { LotSide::Long },
            opened_at: Timestamp(opened),
            qty: size,
            remaining: size,
            entry_price: Price::new(unit),
            cost: cost_left,
            cost_left,
            fee: Money::ZERO,
            fee_left: Money::ZERO,
            execution_id: format!("x{}", self.place).into(),
        };
        self.holding.take_in(lot, method_of(self.method));
        let (qty, cost, fee) = (of(qty), of(cost), exact(0, 0));
        self.book.open(Lot { id: self.place, opened, qty, cost, fee });
    }

    /// A split, and a sale of the fraction of a share that it leaves.
    fn split(&mut self, ratio: Decimal) {
        let fits = |lot: &LotRow| {
            let (all, left) = (lot.qty.get() * ratio, lot.remaining.get() * ratio);
            all.normalize().scale() <= 9 && left.normalize().scale() <= 9
        };
        let small = self.holding.qty.get().abs() * ratio < Decimal::from(100_000_000);
        if !small || !self.holding.lots().all(fits) {
            return;
        }
        self.holding.split(ratio);
        self.book.split(&of(ratio));
        self.lots_agree();
        let fraction = self.holding.qty.get().fract();
        if matches!(self.kind, Kind::Shares) && !fraction.is_zero() {
            let price = self.kind.price(&mut self.numbers);
            let before = self.book.clone();
            let paid = self.book.cash_in_lieu(self.place, self.time(), &of(price)).unwrap();
            self.book = before;
            let told = Told {
                qty: -fraction,
                price,
                fee: Decimal::ZERO,
                coins: Decimal::ZERO,
                names: None,
            };
            assert_eq!(paid.entry.cash, of(fraction) * of(price), "{}", self.here());
            self.tell(&told);
        }
    }

    fn lots_agree(&self) {
        assert_eq!(of(self.holding.qty.get()), self.book.position(), "{}: position", self.here());
        let (ours, theirs): (Vec<&LotRow>, &[Lot]) =
            (self.holding.lots().collect(), self.book.lots());
        assert_eq!(ours.len(), theirs.len(), "{}: {ours:?} {theirs:?}", self.here());
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            let size = of(ours.remaining.get());
            let size = if ours.side == LotSide::Short { -size } else { size };
            let found = (ours.opened_at.0, size);
            assert_eq!(found, (theirs.opened, theirs.qty.clone()), "{}: a lot", self.here());
            self.agree("cost left", ours.cost_left.get(), fixed(&theirs.cost));
            self.agree("fee left", ours.fee_left.get(), fixed(&theirs.fee));
        }
    }

    fn agree(&self, what: &str, ours: Decimal, theirs: i128) {
        let difference = (fixed_decimal(ours) - theirs).abs();
        assert!(
            difference <= ALLOWED,
            "{}: {what}: the core says {ours}, the model {}",
            self.here(),
            dollars(theirs)
        );
    }

    fn time(&self) -> i64 {
        i64::try_from(self.place / 2).unwrap() * 1_000_000_000
    }

    fn here(&self) -> String {
        format!("{:?}, {:?}, step {} of seed {}", self.method, self.kind, self.place, self.seed)
    }
}

/// The number of the step that opened a lot.
fn number(lot: &LotRow) -> u64 {
    lot.execution_id.trim_start_matches('x').parse().unwrap()
}
