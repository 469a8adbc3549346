//! The account's own tax lots, and the bridge from the sleeves' lots to them.
//!
//! A tax authority knows one account: its lots are closed oldest first, whoever traded. The sleeves'
//! lots are another view of the same executions. [`bridge`] walks from one to the other in steps that
//! each change one thing, and replays the history at each; what a step changes is its cause's part
//! of the difference. The parts add up to the whole difference by construction, and each is the
//! difference of two books that could be printed.
//!
//! Costs and profits are of prices alone (gross): fees are the same on both sides. It reads history
//! and gives figures; it books nothing.

mod replay;

use std::collections::BTreeMap;
use std::ops::{Add, Sub};
use std::sync::Arc;

use crate::decimal::{Money, Price, Qty};
use crate::id::{EntryId, SleeveId, Symbol};
use crate::order::Side;
use crate::row::{LotRow, RoundTripRow};
use crate::time::Timestamp;

/// Something that changed what the account holds of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The entry that books it: the order of the journal.
    pub entry: EntryId,
    /// When it happened, which can be before it was booked.
    pub at: Timestamp,
    /// Of what.
    pub symbol: Symbol,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An execution that stands (one that was taken back is left out).
    Trade {
        /// Whose.
        sleeve: SleeveId,
        /// Bought or sold.
        side: Side,
        /// How much, above zero.
        qty: Qty,
        /// How much of it was kept as a fee in the coin.
        fee_qty: Qty,
        /// At what price.
        price: Price,
        /// Fee in money.
        fee: Money,
        /// Its id.
        execution_id: Arc<str>,
    },
    /// A split of what one sleeve held.
    Split {
        /// Whose.
        sleeve: SleeveId,
        /// Signed quantity before.
        before: Qty,
        /// Signed quantity after.
        after: Qty,
    },
    /// A split of what one sleeve held that was booked after trades since: its holding was made
    /// again as if the split had been known, and the entry has the difference alone.
    LateSplit {
        /// Whose.
        sleeve: SleeveId,
        /// New shares for one old share.
        ratio: rust_decimal::Decimal,
    },
    /// Shares from one sleeve to another.
    Move {
        /// From whom.
        from: SleeveId,
        /// To whom.
        to: SleeveId,
        /// How much, above zero.
        qty: Qty,
        /// What the receiver booked as their cost.
        cost: Money,
        /// Since when the receiver counts them, where a person said so.
        opened: Option<Timestamp>,
    },
    /// Shares that came or went without a trade: the opening, a corporate action, a correction by
    /// hand.
    Other {
        /// Whose.
        sleeve: SleeveId,
        /// Signed change.
        qty: Qty,
        /// Signed change of the position at cost.
        cost: Money,
        /// Gross profit that was booked with it.
        gross: Money,
    },
}

/// A position and its profit so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Signed quantity.
    pub qty: Qty,
    /// Cost of what is open, signed as the quantity.
    pub cost: Money,
    /// Gross profit of what was closed.
    pub realised: Money,
}

impl Add for Figures {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            qty: self.qty + other.qty,
            cost: self.cost + other.cost,
            realised: self.realised + other.realised,
        }
    }
}

impl Sub for Figures {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            qty: self.qty - other.qty,
            cost: self.cost - other.cost,
            realised: self.realised - other.realised,
        }
    }
}

/// A position as the broker last reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtBroker {
    /// Signed quantity.
    pub qty: Qty,
    /// Average entry price by the broker's method.
    pub average: Price,
    /// When the report was begun.
    pub at: Timestamp,
}

/// What the books say of a symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booked {
    /// All sleeves but suspense.
    pub sleeves: Figures,
    /// Suspense.
    pub suspense: Figures,
    /// Whether a sleeve closes in another order than oldest first, or an order has named a lot.
    pub methods: bool,
    /// The broker's last report, where there is one; a position of zero where it named none.
    pub broker: Option<AtBroker>,
}

/// Why two views of the same executions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// What is in suspense belongs to the account and to no sleeve.
    Suspense,
    /// A sleeve closes another lot first: LIFO, HIFO, average cost, or a lot that was named.
    Methods,
    /// Shares that moved came with a cost or date of their own: a person's, or with the opening fee
    /// in it.
    Transfers,
    /// Booked in another order than it happened: imports, late reports.
    Late,
    /// Each sleeve closes its own oldest lot, the account its oldest of all.
    Order,
    /// One sleeve is long while another is short: the account nets them.
    Crosses,
    /// The broker keeps one average price, not lots.
    AveragePrice,
    /// What the broker rounds off its average price.
    Rounding,
    /// Nothing above explains it: the books and the broker differ.
    Unexplained,
}

impl Cause {
    /// As JSON and screens write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspense => "suspense",
            Self::Methods => "lot methods",
            Self::Transfers => "transfers",
            Self::Late => "booked late",
            Self::Order => "order of closing",
            Self::Crosses => "crosses between sleeves",
            Self::AveragePrice => "average price",
            Self::Rounding => "the broker's rounding",
            Self::Unexplained => "unexplained",
        }
    }
}

/// One cause's part of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Why.
    pub cause: Cause,
    /// What it adds on the way from the sleeves to the account (or from there to the broker).
    pub change: Figures,
}

/// From the sleeves' lots of a symbol to the account's own, and on to the broker's average.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Of what.
    pub symbol: Symbol,
    /// All sleeves but suspense, as booked.
    pub sleeves: Figures,
    /// From `sleeves` to `account`: `sleeves` and the changes sum to `account`.
    pub to_account: Vec<Part>,
    /// The account's own books, oldest first.
    pub account: Figures,
    /// From `account` to `broker`, in quantity and cost; its profit is of the average method.
    pub to_broker: Vec<Part>,
    /// By the broker's method: as reported, or reckoned from the executions where the last
    /// report is older than they.
    pub broker: Figures,
    /// The report that `broker` is taken from; none where it is reckoned.
    pub report: Option<AtBroker>,
    /// The account's own open lots; the sleeve of each is the one that traded.
    pub lots: Vec<LotRow>,
}

impl Bridge {
    /// Whether every part of the way has a cause.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        let mut parts = self.to_account.iter().chain(&self.to_broker);
        parts.all(|part| part.cause != Cause::Unexplained)
    }
}

/// The account's own lots that are open, and what it closed, oldest first across sleeves.
#[must_use]
pub fn account_lots(history: &[Happening]) -> (Vec<LotRow>, Vec<RoundTripRow>) {
    let mut account = replay::Account::new(replay::ACCOUNT_METHOD);
    let mut symbols: BTreeMap<&Symbol, Vec<&Happening>> = BTreeMap::new();
    for happening in history {
        symbols.entry(&happening.symbol).or_default().push(happening);
    }
    for own in symbols.values() {
        let settled = replay::settled(own);
        let sorted: Vec<&Happening> = settled.iter().map(AsRef::as_ref).collect();
        for group in replay::at_once(&sorted) {
            account.take(group);
        }
    }
    account.into_lots()
}

/// The bridge of every symbol that has a history or is booked.
#[must_use]
pub fn bridge(history: &[Happening], booked: &BTreeMap<Symbol, Booked>) -> Vec<Bridge> {
    let mut symbols: BTreeMap<&Symbol, Vec<&Happening>> = BTreeMap::new();
    for symbol in booked.keys() {
        symbols.entry(symbol).or_default();
    }
    for happening in history {
        symbols.entry(&happening.symbol).or_default().push(happening);
    }
    let nothing = Booked::default();
    symbols
        .into_iter()
        .map(|(symbol, own)| of_symbol(symbol, own, booked.get(symbol).unwrap_or(&nothing)))
        .collect()
}

fn of_symbol(symbol: &Symbol, history: Vec<&Happening>, booked: &Booked) -> Bridge {
    // A report from before the last execution says nothing of what is held now.
    let moves = |happening: &&Happening| matches!(happening.what, What::Move { .. });
    let last = history.iter().filter(|happening| !moves(happening)).map(|h| h.at).max();
    let report = booked.broker.filter(|report| last.is_none_or(|last| last <= report.at));
    let rungs = replay::rungs(history);
    let mut to_account = Vec::new();
    let books =
        step(&mut to_account, Cause::Suspense, booked.sleeves, booked.sleeves + booked.suspense);
    let all = rungs.oldest_first - books;
    let by_methods = if booked.methods {
        Figures { qty: Qty::ZERO, ..all }
    } else {
        // A method of the past: other lots for the same executions, so that cost gains what profit
        // gains. Anything else is something that the journal's history doesn't hold.
        Figures { qty: Qty::ZERO, cost: all.realised, realised: all.realised }
    };
    let at = step(&mut to_account, Cause::Methods, books, books + by_methods);
    let at = step(&mut to_account, Cause::Unexplained, at, rungs.oldest_first);
    let at = step(&mut to_account, Cause::Transfers, at, rungs.plain_moves);
    let at = step(&mut to_account, Cause::Late, at, rungs.in_time);
    let at = step(&mut to_account, Cause::Order, at, rungs.one_queue);
    let account = step(&mut to_account, Cause::Crosses, at, rungs.account);

    let mut to_broker = Vec::new();
    let average = step(&mut to_broker, Cause::AveragePrice, account, rungs.average);
    let broker = match &report {
        None => average,
        Some(report) => {
            let cost = report.average.value_of(report.qty);
            let theirs = Figures { qty: report.qty, cost, realised: average.realised };
            let rounds = is_rounding(average, theirs);
            let cause = if rounds { Cause::Rounding } else { Cause::Unexplained };
            step(&mut to_broker, cause, average, theirs)
        }
    };
    let sleeves = booked.sleeves;
    let lots = rungs.lots;
    Bridge { symbol: symbol.clone(), sleeves, to_account, account, to_broker, broker, report, lots }
}

/// Notes what lies between two books, where anything does, and goes on to the second.
fn step(parts: &mut Vec<Part>, cause: Cause, from: Figures, to: Figures) -> Figures {
    let change = to - from;
    if change != Figures::default() {
        parts.push(Part { cause, change });
    }
    to
}

/// An average price is printed with few decimals: a ten-thousandth of a dollar a share, or of the
/// cost, is nothing else. A quantity is never rounded.
fn is_rounding(ours: Figures, theirs: Figures) -> bool {
    let difference = (theirs.cost - ours.cost).abs().get();
    let unit = rust_decimal::Decimal::new(1, 4);
    ours.qty == theirs.qty
        && (difference <= theirs.qty.abs().get() * unit
            || difference <= ours.cost.abs().get() * unit * unit)
}

#[cfg(test)]
mod tests;
