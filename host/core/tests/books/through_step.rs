//! One random book through the desk and through the model, compared after each fill.

use std::collections::BTreeMap;

use num_traits::ToPrimitive;
use rust_decimal::Decimal;
use stockade_core::desk::{
    Command, Desk, Effects, Event, ImportKind, ImportedFill, Input, Reply, Settings, step,
};
use stockade_core::ledger::{LedgerAccount, LotMethod, LotSide};
use stockade_core::order::Side;
use stockade_core::risk::Controls;
use stockade_core::row::{EntryRow, LotRow, PositionRow, RoundTripRow, Row, Rows, SleeveRow};
use stockade_core::{Money, Now, Price, Qty, Slug, Symbol, Timestamp};

use crate::market::{Happening, Kind, Numbers, next};
use crate::model::{Book, Closing, Exact, Fill, Lot, Method, exact};

/// Decimal places of the amounts that are compared.
const PLACES: u32 = 18;
/// A dollar in them.
const ONE: i128 = 10_i128.pow(PLACES);
/// What two amounts may differ by: 1e-9 of a dollar.
pub(crate) const ALLOWED: i128 = 1_000_000_000;
/// All open lots are compared so often, and at the end; what a fill touched after each.
const LOOK_AT_ALL: usize = 16;

/// In [`PLACES`] of a dollar, towards zero: sums of them never grow, and err by less than a unit
/// each.
pub(crate) fn fixed(value: &Exact) -> i128 {
    let scaled = value.numer() * ONE / value.denom();
    scaled.to_i128().expect("amounts are far below 1e20")
}

pub(crate) fn fixed_decimal(value: Decimal) -> i128 {
    match value.scale() {
        scale if scale <= PLACES => value.mantissa() * 10_i128.pow(PLACES - scale),
        scale => value.mantissa() / 10_i128.pow(scale - PLACES),
    }
}

pub(crate) fn of(value: Decimal) -> Exact {
    exact(value.mantissa(), value.scale())
}

/// An amount of [`PLACES`], for people.
pub(crate) fn dollars(amount: i128) -> String {
    let (whole, rest) = (amount.abs() / 10_i128.pow(PLACES), amount.abs() % 10_i128.pow(PLACES));
    format!("{}{whole}.{rest:018}", if amount < 0 { "-" } else { "" })
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) fills: usize,
    /// The widest difference of any amount, in [`PLACES`] of a dollar.
    pub(crate) widest: i128,
}

/// The rows as a database would keep them.
#[derive(Debug, Default)]
struct Kept {
    lots: BTreeMap<u64, LotRow>,
    position: Option<PositionRow>,
    sleeve: Option<SleeveRow>,
}

/// One sleeve that trades one symbol.
pub(crate) struct Run {
    seed: u64,
    method: Method,
    numbers: Numbers,
    kind: Kind,
    desk: Desk,
    kept: Kept,
    book: Book,
    place: usize,
    told: Told,
    /// Sums over the whole run: gross, net, fees, by the model.
    sums: [i128; 3],
    cash_at_start: Decimal,
}

pub(crate) fn method_of(method: Method) -> LotMethod {
    match method {
        Method::Fifo => LotMethod::Fifo,
        Method::Lifo => LotMethod::Lifo,
        Method::Hifo => LotMethod::Hifo,
        Method::Average => LotMethod::Average,
    }
}

fn symbol() -> Symbol {
    Symbol::new("AAPL").unwrap()
}

fn sleeve() -> Slug {
    Slug::new("mine").unwrap()
}

impl Run {
    pub(crate) fn new(method: Method, seed: u64) -> Self {
        Self::with(method, method, seed)
    }

    /// The core by one method, the model by another.
    pub(crate) fn with(method: Method, model: Method, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let kind = numbers.one_of(&Kind::ALL);
        let label = Slug::new("books").unwrap();
        let rows =
            Rows::new_account(label, "e1".to_owned(), false, Controls::default(), Now::default());
        let desk = Desk::restore(rows, Settings::default()).unwrap();
        let mut run = Self {
            seed,
            method,
            numbers,
            kind,
            desk,
            kept: Kept::default(),
            book: Book::new(model),
            place: 0,
            told: Told::default(),
            sums: [0; 3],
            cash_at_start: Decimal::ZERO,
        };
        let capital = Money::new(Decimal::from(1_000_000_000));
        run.put(Command::SleeveCreate { name: sleeve(), capital, lots: method_of(method) });
        run.cash_at_start = run.kept.sleeve.as_ref().unwrap().cash.get();
        run
    }

    /// Runs `steps` of it.
    pub(crate) fn all(mut self, steps: usize) -> Told {
        for place in 1..=steps {
            self.place = place;
            self.one();
            if place % LOOK_AT_ALL == 0 || place == steps {
                self.all_agrees();
            }
        }
        self.told
    }

    fn one(&mut self) {
        let position = self.kept.position.as_ref().map_or(Decimal::ZERO, |row| row.qty.get());
        let open: Vec<Decimal> = self.kept.lots.values().map(|lot| lot.remaining.get()).collect();
        let some_lot = (!open.is_empty()).then(|| self.numbers.one_of(&open));
        match next(&mut self.numbers, self.kind, position, some_lot) {
            Happening::Fill(qty) => self.fill(qty),
            Happening::Split(ratio) => self.split(ratio),
        }
    }

    fn fill(&mut self, qty: Decimal) {
        let price = self.kind.price(&mut self.numbers);
        let fee = self.kind.fee(&mut self.numbers);
        let side = if qty.is_sign_negative() { Side::Sell } else { Side::Buy };
        let kind = ImportKind::Trade {
            side,
            qty: Qty::new(qty.abs()),
            price: Price::new(price),
            fee: Money::new(fee),
        };
        let rows = self.import(kind);
        let fill = Fill {
            id: u64::try_from(self.place).unwrap(),
            time: self.time(),
            qty: of(qty),
            price: of(price),
            fee: of(fee),
            coin_fee: exact(0, 0),
            names: None,
        };
        let outcome = self.book.fill(&fill);
        self.told.fills += 1;

        let trips: Vec<&RoundTripRow> = rows
            .iter()
            .filter_map(|row| match row {
                Row::RoundTrip(trip) => Some(trip),
                _ => None,
            })
            .collect();
        assert_eq!(trips.len(), outcome.closings.len(), "{}: lots closed: {trips:?}", self.here());
        for (trip, closing) in trips.into_iter().zip(&outcome.closings) {
            self.closing_agrees(trip, closing);
        }
        let entry = rows.iter().find_map(|row| match row {
            Row::Entry(entry) => Some(entry),
            _ => None,
        });
        let entry = entry.unwrap_or_else(|| panic!("{}: no entry", self.here()));
        let expected = &outcome.entry;
        assert_eq!(fixed(&expected.sum()), 0, "{}: the model is off balance", self.here());
        self.agree("cash", leg(entry, "cash"), fixed(&expected.cash), self.of_cash());
        self.agree("position at cost", leg(entry, "position"), fixed(&expected.position), ALLOWED);
        self.agree("realised", leg(entry, "realised"), fixed(&expected.realised), ALLOWED);
        self.agree("fees", leg(entry, "fees"), fixed(&expected.fees), 0);
        self.sums[2] += fixed(&expected.fees);
        self.sums_agree();
    }

    /// Both split, unless a lot would need a tenth decimal: then neither.
    fn split(&mut self, ratio: Decimal) {
        let fits = |lot: &LotRow| {
            let (all, left) = (lot.qty.get() * ratio, lot.remaining.get() * ratio);
            all.normalize().scale() <= 9
                && left.normalize().scale() <= 9
                && all < Decimal::from(100_000_000)
        };
        if !self.kept.lots.values().all(fits) {
            return;
        }
        self.import(ImportKind::Split { ratio });
        self.book.split(&of(ratio));
        self.all_agrees();
    }

    fn closing_agrees(&mut self, trip: &RoundTripRow, closing: &Closing) {
        assert_eq!(*trip.exit_execution_id, *self.id(self.place), "{}", self.here());
        assert_eq!(
            (trip.entry_time.0, of(trip.qty.get())),
            (closing.opened, closing.qty.clone()),
            "{}: lot closed",
            self.here()
        );
        let pairs = [
            ("cost closed", trip.cost, &closing.cost),
            ("gross", trip.gross, &closing.gross),
            ("opening fee", trip.opening_fee, &closing.opening_fee),
            ("closing fee", trip.closing_fee, &closing.closing_fee),
            ("net", trip.net, &closing.net),
        ];
        for (what, ours, theirs) in pairs {
            self.agree(what, ours.get(), fixed(theirs), ALLOWED);
        }
        self.sums[0] += fixed(&closing.gross);
        self.sums[1] += fixed(&closing.net);
    }

    /// The sleeve, and the sums of the whole run.
    fn sums_agree(&mut self) {
        let sleeve = self.kept.sleeve.clone().unwrap();
        let cash = sleeve.cash.get() - self.cash_at_start;
        self.agree("cash since the start", cash, fixed(self.book.cash()), self.of_cash());
        self.agree("net profit since the start", sleeve.realised.get(), self.sums[1], ALLOWED);
        self.agree("fees since the start", sleeve.fees.get(), self.sums[2], ALLOWED);
    }

    /// The position, and every open lot in the order of their opening.
    fn all_agrees(&mut self) {
        let position = self.kept.position.as_ref();
        let (qty, cost) =
            position.map_or_else(Default::default, |row| (row.qty.get(), row.cost.get()));
        assert_eq!(of(qty), self.book.position(), "{}: position", self.here());
        let open = fixed(&self.book.open_cost());
        self.agree("cost of what is open", cost.abs(), open, ALLOWED);
        // What the cash says by itself: gross profit is what came in, less what went out, plus what
        // is still there at cost.
        let signed = if qty.is_sign_negative() { -open } else { open };
        let by_cash = fixed(self.book.cash()) + signed + self.sums[2];
        let (here, gross) = (self.here(), dollars(self.sums[0]));
        let off = (by_cash - self.sums[0]).abs();
        assert!(
            off < ALLOWED,
            "{here}: the model's gross is {gross}, its cash says {}",
            dollars(by_cash)
        );
        self.lots_agree();
    }

    fn lots_agree(&mut self) {
        let mut ours: Vec<LotRow> = self.kept.lots.values().cloned().collect();
        ours.sort_by_key(|lot| (lot.opened_at, lot.id));
        let theirs: Vec<Lot> = self.book.lots().to_vec();
        assert_eq!(ours.len(), theirs.len(), "{}: open lots: {ours:?} {theirs:?}", self.here());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let sign = if ours.side == LotSide::Short { -Decimal::ONE } else { Decimal::ONE };
            assert_eq!(
                (ours.opened_at.0, of(sign * ours.remaining.get())),
                (theirs.opened, theirs.qty.clone()),
                "{}: a lot",
                self.here()
            );
            assert_eq!(
                *ours.execution_id,
                *self.id(usize::try_from(theirs.id).unwrap()),
                "{}: what opened a lot",
                self.here()
            );
            self.agree("cost left", ours.cost_left.get(), fixed(&theirs.cost), ALLOWED);
            self.agree("fee left", ours.fee_left.get(), fixed(&theirs.fee), ALLOWED);
        }
    }

    fn agree(&mut self, what: &str, ours: Decimal, theirs: i128, allowed: i128) {
        let difference = (fixed_decimal(ours) - theirs).abs();
        assert!(
            difference <= allowed,
            "{}: {what}: the core says {ours}, the model {}",
            self.here(),
            dollars(theirs)
        );
        self.told.widest = self.told.widest.max(difference);
    }

    fn time(&self) -> i64 {
        // Two fills share each time.
        i64::try_from(self.place / 2).unwrap() * 1_000_000_000
    }

    fn id(&self, place: usize) -> String {
        format!("x{place}")
    }

    fn import(&mut self, kind: ImportKind) -> Vec<Row> {
        let fill = ImportedFill {
            execution_id: self.id(self.place),
            at: Timestamp(self.time()),
            symbol: symbol(),
            kind,
        };
        self.put(Command::ImportFills { sleeve: sleeve(), opening: false, fills: vec![fill] })
    }

    /// The database keeps eighteen decimals: one more, and it would keep another number.
    fn fits(&self, what: &str, amounts: &[Decimal]) {
        let widest = amounts.iter().map(|amount| amount.normalize().scale()).max();
        assert!(
            widest <= Some(PLACES),
            "{}: {what} has {widest:?} decimals: {amounts:?}",
            self.here()
        );
    }

    fn put(&mut self, command: Command) -> Vec<Row> {
        let at = Timestamp(self.time());
        let mut out = Effects::default();
        step(
            &mut self.desk,
            Input { now: Now { market: at, machine: at }, event: Event::Command { command } },
            &mut out,
        );
        assert!(matches!(out.reply, Some(Reply::Done { .. })), "{}: {:?}", self.here(), out.reply);
        for row in &out.rows {
            match row {
                Row::Lot(lot) => {
                    self.fits(
                        "a lot",
                        &[
                            lot.cost.get(),
                            lot.cost_left.get(),
                            lot.fee.get(),
                            lot.fee_left.get(),
                            lot.entry_price.get(),
                        ],
                    );
                }
                Row::RoundTrip(trip) => {
                    self.fits(
                        "a round trip",
                        &[
                            trip.gross.get(),
                            trip.opening_fee.get(),
                            trip.closing_fee.get(),
                            trip.net.get(),
                            trip.cost.get(),
                        ],
                    );
                }
                Row::Position(row) => {
                    self.fits("a position", &[row.cost.get(), row.fee_left.get()])
                }
                Row::Entry(entry) => {
                    let amounts: Vec<Decimal> =
                        entry.postings.iter().map(|posting| posting.amount.get()).collect();
                    self.fits("an entry", &amounts);
                }
                _ => {}
            }
            match row {
                Row::Lot(lot) if lot.remaining.is_zero() => {
                    assert!(
                        lot.cost_left.is_zero() && lot.fee_left.is_zero(),
                        "{}: a closed lot keeps money: {lot:?}",
                        self.here()
                    );
                    self.kept.lots.remove(&lot.id.0);
                }
                Row::Lot(lot) => {
                    assert!(!lot.remaining.is_negative(), "{}: {lot:?}", self.here());
                    self.kept.lots.insert(lot.id.0, lot.clone());
                }
                Row::Position(row) => self.kept.position = Some(row.clone()),
                Row::Sleeve(row) if row.name == sleeve() => {
                    self.kept.sleeve = Some((**row).clone())
                }
                Row::Entry(entry) => {
                    let sum: Money = entry.postings.iter().map(|posting| posting.amount).sum();
                    assert!(sum.is_zero(), "{}: off balance by {sum}: {entry:?}", self.here());
                }
                _ => {}
            }
        }
        out.rows
    }

    /// What cash may differ by: nothing, where a product has its digits.
    fn of_cash(&self) -> i128 {
        if matches!(self.kind, Kind::Giants) { ALLOWED } else { 0 }
    }

    /// Where it is, and how to come here again.
    fn here(&self) -> String {
        format!("{:?}, {:?}, step {} of seed {}", self.method, self.kind, self.place, self.seed)
    }
}

fn leg(entry: &EntryRow, kind: &str) -> Decimal {
    let legs = entry.postings.iter().filter(|posting| posting.account.kind() == kind);
    legs.map(|posting| match &posting.account {
        LedgerAccount::Position(held) => {
            assert_eq!(*held, symbol());
            posting.amount.get()
        }
        _ => posting.amount.get(),
    })
    .sum()
}
