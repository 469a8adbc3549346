//! The events that a handler call carries.

use rust_decimal::Decimal;
use stockade_core::desk::OrderUpdate;
use stockade_core::market::{Bar, Quote, Trade};
use stockade_core::{InstrumentId, Money, Symbol, Timestamp};

use crate::wire::Laid;

/// Events of one call at most: bounds the memory that a call needs at once.
pub const EVENTS_PER_CALL_MAX: usize = 4_096;

/// Bars of a call, and how they cross where somebody has laid them out already.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    bars: &'a [Bar],
    laid: Option<(&'a Laid, usize)>,
}

impl<'a> Bars<'a> {
    /// Bars that stand in `laid` too, from `start` on.
    #[must_use]
    pub fn laid(bars: &'a [Bar], laid: &'a Laid, start: usize) -> Self {
        debug_assert!(start + bars.len() <= laid.len(), "the laid-out list has all the bars");
        Self { bars, laid: Some((laid, start)) }
    }

    /// The bars.
    #[must_use]
    pub const fn list(&self) -> &'a [Bar] {
        self.bars
    }

    /// The same laid out, under the instruments' places in the desk's table.
    pub(crate) fn crossing(&self) -> Option<Laid> {
        self.laid.map(|(laid, start)| laid.part(start..start + self.bars.len()))
    }
}

impl<'a> From<&'a [Bar]> for Bars<'a> {
    fn from(bars: &'a [Bar]) -> Self {
        Self { bars, laid: None }
    }
}

impl std::ops::Deref for Bars<'_> {
    type Target = [Bar];

    fn deref(&self) -> &[Bar] {
        self.bars
    }
}

/// Whether a session opened or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// It opened.
    Open,
    /// It closed.
    Close,
}

/// A session of the exchange opened or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEvent {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub kind: SessionKind,
    /// year * 10,000 + month * 100 + day of the exchange's calendar.
    pub day: u32,
}

/// What happened to an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// Old shares became new ones.
    Split,
    /// Dollars a share.
    Dividend,
    /// It has another symbol from now on.
    SymbolChange,
    /// Something else that changed what is held.
    Other,
}

/// A corporate action, as it was booked. Bots of contract 1.0 know of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionEvent {
    /// When.
    pub at: Timestamp,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// What.
    pub kind: ActionKind,
    /// Shares after a split, else 1.
    pub ratio_new: Decimal,
    /// Shares before a split, else 1.
    pub ratio_old: Decimal,
    /// Dollars a share.
    pub amount: Money,
    /// The new symbol.
    pub symbol: Option<Symbol>,
}

/// Events of one kind, in order.
#[derive(Debug, Clone, Copy)]
pub enum Events<'a> {
    /// Bars; those of one time stamp follow one another.
    Bars(Bars<'a>),
    /// Quotes.
    Quotes(&'a [Quote]),
    /// Trade prints.
    Trades(&'a [Trade]),
    /// What became of the bot's orders.
    Orders(&'a [OrderUpdate]),
    /// Times at which the bot's timer was due.
    Timer(&'a [Timestamp]),
    /// Sessions.
    Session(&'a [SessionEvent]),
    /// Corporate actions.
    Actions(&'a [ActionEvent]),
}

impl<'a> Events<'a> {
    /// Bars as they are.
    #[must_use]
    pub fn bars(bars: &'a [Bar]) -> Self {
        Self::Bars(bars.into())
    }
}

impl Events<'_> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Bars(e) => e.bars.len(),
            Self::Quotes(e) => e.len(),
            Self::Trades(e) => e.len(),
            Self::Orders(e) => e.len(),
            Self::Timer(e) => e.len(),
            Self::Session(e) => e.len(),
            Self::Actions(e) => e.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
