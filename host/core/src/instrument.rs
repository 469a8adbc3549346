//! What can be traded, and its rules of price and quantity.

use serde::{Deserialize, Serialize};

use crate::decimal::{Price, Qty};
use crate::id::Symbol;

/// The class of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetClass {
    /// A share, traded in sessions.
    Equity,
    /// A coin, traded round the clock.
    Crypto,
}

/// One instrument as the broker describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// In stockade's spelling (no slash).
    pub symbol: Symbol,
    /// Its class.
    pub class: AssetClass,
    /// Whether the broker takes orders for it now.
    pub tradable: bool,
    /// Whether a fraction of a share can be traded.
    pub fractionable: bool,
    /// The price step; `None` means the equity rule: cents from one dollar up, else a hundredth
    /// of a cent.
    pub price_increment: Option<Price>,
    /// The smallest quantity, where the broker names one.
    pub min_qty: Option<Qty>,
}

impl Instrument {
    /// An equity with the usual rules, where the broker has said nothing else.
    #[must_use]
    pub const fn equity(symbol: Symbol) -> Self {
        Self {
            symbol,
            class: AssetClass::Equity,
            tradable: true,
            fractionable: true,
            price_increment: None,
            min_qty: None,
        }
    }

    /// A crypto pair with the usual rules.
    #[must_use]
    pub const fn crypto(symbol: Symbol) -> Self {
        Self {
            symbol,
            class: AssetClass::Crypto,
            tradable: true,
            fractionable: true,
            price_increment: None,
            min_qty: None,
        }
    }
}
