//! The events that a handler call carries.

use stockade_core::Timestamp;
use stockade_core::desk::OrderUpdate;
use stockade_core::market::{Bar, Quote, Trade};

/// Events of one call at most: bounds the memory that a call needs at once.
pub const EVENTS_PER_CALL_MAX: usize = 4_096;

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

/// Events of one kind, in order.
#[derive(Debug, Clone, Copy)]
pub enum Events<'a> {
    /// Bars; those of one time stamp follow one another.
    Bars(&'a [Bar]),
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
}

impl Events<'_> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Bars(e) => e.len(),
            Self::Quotes(e) => e.len(),
            Self::Trades(e) => e.len(),
            Self::Orders(e) => e.len(),
            Self::Timer(e) => e.len(),
            Self::Session(e) => e.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
