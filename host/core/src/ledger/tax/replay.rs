//! The same history through several books: each sleeve's own, one for all, one with an average.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Figures, Happening, What};
use crate::decimal::{Money, Price, Qty, round_half_even};
use crate::id::{EntryId, LotId, SleeveId, Symbol};
use crate::ledger::{Holding, LotMethod, LotSide, Trade, share};
use crate::limits;
use crate::order::Side;
use crate::row::{Counters, LotRow, RoundTripRow};
use crate::time::Timestamp;

/// How an account closes its lots where nobody has said otherwise.
pub(super) const ACCOUNT_METHOD: LotMethod = LotMethod::Fifo;

/// What the history gives at each step from the sleeves to the broker.
#[derive(Debug)]
pub(super) struct Rungs {
    /// Each sleeve oldest first, in the order of the journal.
    pub(super) oldest_first: Figures,
    /// The same, and shares that move keep their cost and date.
    pub(super) plain_moves: Figures,
    /// The same, in the order in which it happened.
    pub(super) in_time: Figures,
    /// One queue of long lots and one of short lots for all sleeves.
    pub(super) one_queue: Figures,
    /// One book.
    pub(super) account: Figures,
    /// One book with an average price.
    pub(super) average: Figures,
    /// Open lots of the one book.
    pub(super) lots: Vec<LotRow>,
}

/// In the order in which it happened.
pub(super) fn by_time<'a>(history: impl IntoIterator<Item = &'a Happening>) -> Vec<&'a Happening> {
    let mut sorted: Vec<&Happening> = history.into_iter().collect();
    sorted.sort_by_key(|happening| (happening.at, happening.entry));
    sorted
}

/// One by one, but the parts of one split together: it is one to the account, whoever held.
pub(super) fn at_once<'a, 'b>(
    sorted: &'b [&'a Happening],
) -> impl Iterator<Item = &'b [&'a Happening]> {
    let is_split = |happening: &Happening| matches!(happening.what, What::Split { .. });
    sorted
        .chunk_by(move |a, b| is_split(a) && is_split(b) && (a.at, &a.symbol) == (b.at, &b.symbol))
}

/// How many more units the long lots (or the short ones) have after the parts of a split.
fn growth(group: &[&Happening], short: bool) -> Qty {
    let parts = group.iter().filter_map(|happening| match &happening.what {
        What::Split { before, after, .. } if before.is_negative() == short => {
            Some(*after - *before)
        }
        _ => None,
    });
    parts.sum()
}

/// One symbol's history in the order of time, what was learnt of late in its place: a late split as
/// what it made of what was held then.
pub(super) fn settled<'a>(history: &[&'a Happening]) -> Vec<Cow<'a, Happening>> {
    let mut sleeves = Sleeves::new(Moves::Plain);
    let mut settled = Vec::with_capacity(history.len());
    for happening in by_time(history.iter().copied()) {
        let held = |sleeves: &Sleeves, sleeve: SleeveId| sleeves.held(sleeve);
        if let What::LateSplit { sleeve, .. } = happening.what {
            let before = held(&sleeves, sleeve);
            sleeves.take(happening);
            let what = What::Split { sleeve, before, after: held(&sleeves, sleeve) };
            settled.push(Cow::Owned(Happening { what, ..happening.clone() }));
        } else {
            sleeves.take(happening);
            settled.push(Cow::Borrowed(happening));
        }
    }
    settled
}

/// Whose holding was made again by what the journal has at a place: something that is no trade, of
/// before a trade that was booked already.
fn late(journal: &[&Happening], place: usize) -> Option<SleeveId> {
    let happening = journal.get(place)?;
    let whose = match &happening.what {
        What::LateSplit { sleeve, .. } => return Some(*sleeve),
        What::Other { sleeve, qty, .. } if qty.is_zero() => *sleeve,
        _ => return None,
    };
    let since = |other: &&Happening| match &other.what {
        What::Trade { sleeve, .. } => *sleeve == whose && other.at >= happening.at,
        _ => false,
    };
    journal[..place].iter().any(since).then_some(whose)
}

/// Replays one symbol's history at every step.
pub(super) fn rungs(history: Vec<&Happening>) -> Rungs {
    let mut journal = history;
    journal.sort_by_key(|happening| happening.entry);
    let booked = Sleeves::as_booked(&journal, Moves::AsBooked);
    let plain = Sleeves::as_booked(&journal, Moves::Plain);
    let mut in_time = Sleeves::new(Moves::Plain);
    let mut queues = Queues::default();
    let (mut account, mut average) =
        (Account::new(ACCOUNT_METHOD), Account::new(LotMethod::Average));
    let settled = settled(&journal);
    let sorted: Vec<&Happening> = settled.iter().map(AsRef::as_ref).collect();
    for group in at_once(&sorted) {
        queues.take(group, &in_time);
        for happening in group {
            in_time.take(happening);
        }
        account.take(group);
        average.take(group);
    }
    Rungs {
        oldest_first: booked.figures(),
        plain_moves: plain.figures(),
        in_time: in_time.figures(),
        one_queue: queues.figures(),
        account: account.figures(),
        average: average.figures(),
        lots: account.into_lots().0,
    }
}

/// One holding under one method, with what it has realised.
#[derive(Debug)]
struct Book {
    holding: Holding,
    method: LotMethod,
    realised: Money,
}

/// A signed quantity at a price.
#[derive(Clone)]
struct Deal<'a> {
    happening: &'a Happening,
    sleeve: SleeveId,
    qty: Qty,
    price: Price,
    fee: Money,
    /// Of a change without a trade: what it adds to the cost, and its profit.
    booked: Option<(Money, Money)>,
    execution_id: Arc<str>,
}

impl Book {
    fn new(method: LotMethod) -> Self {
        Self { holding: Holding::default(), method, realised: Money::ZERO }
    }

    fn figures(&self) -> Figures {
        Figures { qty: self.holding.qty, cost: self.holding.cost, realised: self.realised }
    }

    fn deal(&mut self, deal: &Deal<'_>, counters: &mut Counters) -> Vec<RoundTripRow> {
        if let Some((cost, gross)) = deal.booked {
            if deal.qty.is_zero() {
                // What was sold since had its part of it: in its place nothing is sold yet.
                self.revalue(cost - gross);
                return Vec::new();
            }
            let adds = deal.qty.is_negative() == self.holding.qty.is_negative();
            if adds || self.holding.qty.is_zero() {
                self.holding.take_in(lot_of(deal, cost.abs(), counters), self.method);
                return Vec::new();
            }
        }
        let side = if deal.qty.is_negative() { Side::Sell } else { Side::Buy };
        let trade = Trade {
            sleeve: deal.sleeve,
            symbol: &deal.happening.symbol,
            side,
            qty: deal.qty.abs(),
            price: deal.price,
            fee: deal.fee,
            fee_qty: Qty::ZERO,
            at: deal.happening.at,
            execution_id: &deal.execution_id,
            entry: deal.happening.entry,
            reason: None,
            method: self.method,
            lot: None,
        };
        let booking = self.holding.book(&trade, counters);
        self.realised += booking.gross;
        if let Some((cost, gross)) = deal.booked {
            // The price was rounded; what was paid or received was not.
            let value = deal.price.value_of(deal.qty);
            self.realised += gross - cost + value;
        }
        booking.round_trips
    }

    /// Moves the cost of what is held by `change`, each lot's in proportion.
    fn revalue(&mut self, change: Money) {
        let mut lots: Vec<LotRow> = self.holding.lots().cloned().collect();
        let signed = if self.holding.qty.is_negative() { -change } else { change };
        let weights: Vec<Decimal> = lots.iter().map(|lot| lot.cost_left.get()).collect();
        let parts = share(signed.get(), &weights, signed.get().scale().max(limits::LEDGER_SCALE));
        for (lot, part) in lots.iter_mut().zip(parts) {
            lot.cost_left += Money::new(part);
            lot.cost += Money::new(part);
            let unit =
                round_half_even(lot.cost_left.get() / lot.remaining.get(), limits::LEDGER_SCALE);
            lot.entry_price = Price::new(unit);
        }
        self.holding = Holding::from_lots(lots);
    }

    /// `change` more units for what is held, costs alone.
    fn grow(&mut self, change: Qty) {
        let (before, after) = (self.holding.qty, self.holding.qty + change);
        if !before.is_zero() && !after.is_zero() && before.is_negative() == after.is_negative() {
            self.holding.split(after.get() / before.get());
        }
    }
}

/// What an execution moves, its sign that of the position.
fn signed(side: Side, qty: Qty) -> Qty {
    match side {
        Side::Buy => qty,
        Side::Sell => -qty,
    }
}

/// A change without a trade as a deal: what comes in comes at its cost, what goes out goes for its
/// cost and the profit that was booked with it.
fn other(happening: &Happening, sleeve: SleeveId, qty: Qty, cost: Money, gross: Money) -> Deal<'_> {
    let value = (cost - gross).abs().get();
    let price = if qty.is_zero() { Decimal::ZERO } else { value / qty.abs().get() };
    Deal {
        happening,
        sleeve,
        qty,
        price: Price::new(round_half_even(price, limits::LEDGER_SCALE)),
        fee: Money::ZERO,
        booked: Some((cost, gross)),
        execution_id: format!("entry:{}", happening.entry).into(),
    }
}

/// The trade or other change of a happening as a deal; none where it is a split or a move.
fn deal_of(happening: &Happening, with_fee: bool) -> Option<Deal<'_>> {
    match &happening.what {
        What::Trade { sleeve, side, qty, fee_qty, price, fee, execution_id } => Some(Deal {
            happening,
            sleeve: *sleeve,
            qty: signed(*side, *qty - *fee_qty),
            price: *price,
            fee: if with_fee { *fee + price.value_of(*fee_qty) } else { Money::ZERO },
            booked: None,
            execution_id: execution_id.clone(),
        }),
        What::Other { sleeve, qty, cost, gross } => {
            Some(other(happening, *sleeve, *qty, *cost, *gross))
        }
        What::Split { .. } | What::LateSplit { .. } | What::Move { .. } => None,
    }
}

/// What becomes of cost and date when shares move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moves {
    /// As it was booked.
    AsBooked,
    /// They stay what they were.
    Plain,
}

/// A book for each sleeve.
#[derive(Debug)]
struct Sleeves {
    moves: Moves,
    books: BTreeMap<SleeveId, Book>,
    counters: Counters,
}

impl Sleeves {
    fn new(moves: Moves) -> Self {
        Self { moves, books: BTreeMap::new(), counters: first() }
    }

    /// In the order of the journal. Where something was learnt of late, the desk made the holding
    /// again in the order of time: so does this.
    fn as_booked(journal: &[&Happening], moves: Moves) -> Self {
        let mut sleeves = Self::new(moves);
        for (place, happening) in journal.iter().enumerate() {
            let Some(late) = late(journal, place) else {
                sleeves.take(happening);
                continue;
            };
            let mut again = Self::new(moves);
            by_time(journal[..=place].iter().copied()).into_iter().for_each(|h| again.take(h));
            if let Some(book) = again.books.remove(&late) {
                sleeves.books.insert(late, book);
            }
        }
        sleeves
    }

    fn figures(&self) -> Figures {
        self.books.values().fold(Figures::default(), |sum, book| sum + book.figures())
    }

    fn held(&self, sleeve: SleeveId) -> Qty {
        self.books.get(&sleeve).map_or(Qty::ZERO, |book| book.holding.qty)
    }

    fn book(&mut self, sleeve: SleeveId) -> &mut Book {
        self.books.entry(sleeve).or_insert_with(|| Book::new(ACCOUNT_METHOD))
    }

    fn take(&mut self, happening: &Happening) {
        match &happening.what {
            What::Split { sleeve, before, after } => self.book(*sleeve).grow(*after - *before),
            What::LateSplit { sleeve, ratio } => {
                self.book(*sleeve).holding.split(*ratio);
            }
            What::Move { from, to, qty, cost, opened } => {
                self.carry(happening, (*from, *to), *qty, *cost, *opened);
            }
            What::Trade { .. } | What::Other { .. } => {
                let with_fee = self.moves == Moves::AsBooked;
                if let Some(deal) = deal_of(happening, with_fee) {
                    let mut counters = self.counters;
                    self.book(deal.sleeve).deal(&deal, &mut counters);
                    self.counters = counters;
                }
            }
        }
    }

    fn carry(
        &mut self,
        happening: &Happening,
        (from, to): (SleeveId, SleeveId),
        qty: Qty,
        cost: Money,
        opened: Option<Timestamp>,
    ) {
        let (mut parts, _) = self.book(from).holding.take(qty, ACCOUNT_METHOD);
        match (self.moves, opened) {
            (Moves::Plain, _) => {}
            (Moves::AsBooked, Some(at)) => {
                let deal = other(happening, to, qty, cost, Money::ZERO);
                let mut lot = lot_of(&deal, cost, &mut self.counters);
                lot.opened_at = at;
                parts = vec![lot];
            }
            (Moves::AsBooked, None) => {
                for lot in &mut parts {
                    lot.cost += lot.fee;
                    lot.cost_left = lot.cost;
                    (lot.fee, lot.fee_left) = (Money::ZERO, Money::ZERO);
                }
            }
        }
        for mut lot in parts {
            lot.id = LotId(self.counters.lot);
            self.counters.lot += 1;
            lot.sleeve = to;
            self.book(to).holding.take_in(lot, ACCOUNT_METHOD);
        }
    }
}

/// A lot of its own for what came without a trade.
fn lot_of(deal: &Deal<'_>, cost: Money, counters: &mut Counters) -> LotRow {
    let (id, qty) = (LotId(counters.lot), deal.qty.abs());
    counters.lot += 1;
    LotRow {
        id,
        sleeve: deal.sleeve,
        symbol: deal.happening.symbol.clone(),
        side: if deal.qty.is_negative() { LotSide::Short } else { LotSide::Long },
        opened_at: deal.happening.at,
        qty,
        remaining: qty,
        entry_price: deal.price,
        cost,
        cost_left: cost,
        fee: Money::ZERO,
        fee_left: Money::ZERO,
        execution_id: deal.execution_id.clone(),
    }
}

/// One queue of long lots and one of short lots: the account's order of closing, without netting
/// one sleeve's long position against another's short one.
#[derive(Debug)]
struct Queues {
    long: Book,
    short: Book,
    counters: Counters,
}

impl Default for Queues {
    fn default() -> Self {
        let book = || Book::new(ACCOUNT_METHOD);
        Self { long: book(), short: book(), counters: first() }
    }
}

impl Queues {
    fn figures(&self) -> Figures {
        self.long.figures() + self.short.figures()
    }

    /// `sleeves` is what they held before it.
    fn take(&mut self, group: &[&Happening], sleeves: &Sleeves) {
        self.long.grow(growth(group, false));
        self.short.grow(growth(group, true));
        let Some(deal) = group.first().and_then(|happening| deal_of(happening, false)) else {
            return;
        };
        let held = sleeves.held(deal.sleeve);
        let opposite = held.is_negative() != deal.qty.is_negative() && !held.is_zero();
        let closes = if opposite { deal.qty.abs().min(held.abs()) } else { Qty::ZERO };
        let closes = if deal.qty.is_negative() { -closes } else { closes };
        let opens = deal.qty - closes;
        let (closed, opened) = if deal.qty.is_negative() {
            (&mut self.long, &mut self.short)
        } else {
            (&mut self.short, &mut self.long)
        };
        if deal.qty.is_zero() {
            let book = if held.is_negative() { &mut self.short } else { &mut self.long };
            book.deal(&deal, &mut self.counters);
            return;
        }
        for (book, qty) in [(closed, closes), (opened, opens)] {
            if !qty.is_zero() {
                book.deal(&Deal { qty, ..deal.clone() }, &mut self.counters);
            }
        }
    }
}

/// One book for the whole account; moves between sleeves are nothing to it.
#[derive(Debug)]
pub(super) struct Account {
    books: BTreeMap<Symbol, Book>,
    method: LotMethod,
    closed: Vec<RoundTripRow>,
    counters: Counters,
}

impl Account {
    pub(super) fn new(method: LotMethod) -> Self {
        Self { books: BTreeMap::new(), method, closed: Vec::new(), counters: first() }
    }

    /// Takes a happening, or the parts of one split.
    pub(super) fn take(&mut self, group: &[&Happening]) {
        let Some(first) = group.first() else { return };
        let method = self.method;
        let book = self.books.entry(first.symbol.clone()).or_insert_with(|| Book::new(method));
        book.grow(growth(group, false) + growth(group, true));
        if let Some(deal) = deal_of(first, true) {
            self.closed.extend(book.deal(&deal, &mut self.counters));
        }
    }

    pub(super) fn figures(&self) -> Figures {
        self.books.values().fold(Figures::default(), |sum, book| sum + book.figures())
    }

    /// What is open, and what was closed.
    pub(super) fn into_lots(self) -> (Vec<LotRow>, Vec<RoundTripRow>) {
        let lots = self.books.values().flat_map(|book| book.holding.lots().cloned()).collect();
        (lots, self.closed)
    }
}

const fn first() -> Counters {
    Counters { order: 1, sleeve: 1, entry: EntryId(1).0, lot: 1, round_trip: 1, break_id: 1 }
}
