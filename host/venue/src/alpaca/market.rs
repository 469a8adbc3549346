//! Market data under the names of its symbols, from streams and history alike.
//!
//! The caller puts its own instrument numbers in their place. Time is always the data's own.

use serde::Deserialize;
use serde_json::value::RawValue;
use stockade_core::limits;
use stockade_core::{Price, Qty, Symbol, Timestamp};

use super::number;
use super::wire::{self, WireError};

/// A bar of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolBar {
    /// Of what.
    pub symbol: Symbol,
    /// The start of the interval.
    pub at: Timestamp,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares or coins traded.
    pub volume: Qty,
}

/// The best bid and ask of one symbol. A side without an order is zero; a crossed quote comes
/// through as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolQuote {
    /// Of what.
    pub symbol: Symbol,
    /// When.
    pub at: Timestamp,
    /// Best bid.
    pub bid: Price,
    /// Shares bid for.
    pub bid_size: Qty,
    /// Best ask.
    pub ask: Price,
    /// Shares offered.
    pub ask_size: Qty,
}

/// A trade print of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolTrade {
    /// Of what.
    pub symbol: Symbol,
    /// When.
    pub at: Timestamp,
    /// At what price.
    pub price: Price,
    /// How much.
    pub size: Qty,
}

/// The members that bars, quotes and trades have between them. What one kind lacks is absent.
#[derive(Debug, Deserialize)]
pub(crate) struct WireTick<'a> {
    #[serde(rename = "S")]
    pub(crate) symbol: Option<String>,
    t: Option<String>,
    #[serde(borrow)]
    o: Option<&'a RawValue>,
    #[serde(borrow)]
    h: Option<&'a RawValue>,
    #[serde(borrow)]
    l: Option<&'a RawValue>,
    /// The close of a bar; the conditions of a quote or trade.
    #[serde(borrow)]
    c: Option<&'a RawValue>,
    #[serde(borrow)]
    v: Option<&'a RawValue>,
    #[serde(borrow)]
    p: Option<&'a RawValue>,
    #[serde(borrow)]
    s: Option<&'a RawValue>,
    #[serde(borrow)]
    bp: Option<&'a RawValue>,
    #[serde(borrow)]
    bs: Option<&'a RawValue>,
    #[serde(borrow)]
    ap: Option<&'a RawValue>,
    #[serde(borrow, rename = "as")]
    asize: Option<&'a RawValue>,
}

const TICK: &str = "market data";

/// Whether zero makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Allowed,
    Refused,
}

fn price(field: &'static str, raw: Option<&RawValue>, zero: Zero) -> Result<Price, WireError> {
    let value = wire::of(TICK, number::of_market(field, raw, limits::PRICE_MAX))?;
    let price = Price::new(value);
    if price.is_negative() || (zero == Zero::Refused && price.is_zero()) {
        return Err(WireError::Word {
            what: TICK,
            field,
            found: price.to_string(),
            allowed: "prices above zero",
        });
    }
    Ok(price)
}

fn size(field: &'static str, raw: Option<&RawValue>) -> Result<Qty, WireError> {
    let value = wire::of(TICK, number::of_market(field, raw, VOLUME_MAX))?;
    let qty = Qty::new(value);
    if qty.is_negative() {
        let (found, allowed) = (qty.to_string(), "zero and above");
        return Err(WireError::Word { what: TICK, field, found, allowed });
    }
    Ok(qty)
}

/// Highest volume of a bar: a coin quoted in ten-thousandths of a cent trades by the trillion.
const VOLUME_MAX: u64 = 1_000_000_000_000_000;

impl WireTick<'_> {
    fn symbol(&self) -> Result<Symbol, WireError> {
        wire::symbol(TICK, self.symbol.as_deref().unwrap_or_default())
    }

    fn at(&self) -> Result<Timestamp, WireError> {
        wire::time(TICK, self.t.as_deref().unwrap_or_default())
    }

    pub(crate) fn bar(&self) -> Result<SymbolBar, WireError> {
        self.bar_of(self.symbol()?)
    }

    /// The bar of a list that names its symbol outside.
    pub(crate) fn bar_of(&self, symbol: Symbol) -> Result<SymbolBar, WireError> {
        Ok(SymbolBar {
            symbol,
            at: self.at()?,
            open: price("o", self.o, Zero::Refused)?,
            high: price("h", self.h, Zero::Refused)?,
            low: price("l", self.l, Zero::Refused)?,
            close: price("c", self.c, Zero::Refused)?,
            volume: size("v", self.v)?,
        })
    }

    pub(crate) fn quote(&self) -> Result<SymbolQuote, WireError> {
        Ok(SymbolQuote {
            symbol: self.symbol()?,
            at: self.at()?,
            bid: price("bp", self.bp, Zero::Allowed)?,
            bid_size: size("bs", self.bs)?,
            ask: price("ap", self.ap, Zero::Allowed)?,
            ask_size: size("as", self.asize)?,
        })
    }

    pub(crate) fn trade(&self) -> Result<SymbolTrade, WireError> {
        Ok(SymbolTrade {
            symbol: self.symbol()?,
            at: self.at()?,
            price: price("p", self.p, Zero::Refused)?,
            size: size("s", self.s)?,
        })
    }
}
