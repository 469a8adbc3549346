//! Entries and postings: double entry per sleeve.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::decimal::{Money, Qty};
use crate::id::{SleeveId, Symbol};

/// An account of the ledger, inside one sleeve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerAccount {
    /// Cash.
    Cash,
    /// A position at cost.
    Position(Symbol),
    /// Capital that came in (negative) or went out (positive).
    Capital,
    /// Realised profit of prices (a profit is negative, as all income is in double entry).
    Realised,
    /// Fees paid.
    Fees,
    /// Dividends received (negative, as all income).
    Dividends,
    /// Interest received (negative) or paid.
    Interest,
    /// The broker's rounding of cash.
    Rounding,
}

impl LedgerAccount {
    /// The kind alone, as the database writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Position(_) => "position",
            Self::Capital => "capital",
            Self::Realised => "realised",
            Self::Fees => "fees",
            Self::Dividends => "dividends",
            Self::Interest => "interest",
            Self::Rounding => "rounding",
        }
    }

    /// The symbol of a position.
    #[must_use]
    pub const fn symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Position(symbol) => Some(symbol),
            _ => None,
        }
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(symbol) => write!(f, "position:{symbol}"),
            other => f.write_str(other.kind()),
        }
    }
}

/// One leg of a balanced entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Whose.
    pub sleeve: SleeveId,
    /// Which account.
    pub account: LedgerAccount,
    /// Debit positive, credit negative.
    pub amount: Money,
    /// Shares that come (positive) or go; zero on all but positions.
    pub qty: Qty,
}

impl Posting {
    /// A leg that moves money alone.
    #[must_use]
    pub const fn money(sleeve: SleeveId, account: LedgerAccount, amount: Money) -> Self {
        Self { sleeve, account, amount, qty: Qty::ZERO }
    }

    /// A leg that moves shares at a cost.
    #[must_use]
    pub fn shares(sleeve: SleeveId, symbol: &Symbol, amount: Money, qty: Qty) -> Self {
        Self { sleeve, account: LedgerAccount::Position(symbol.clone()), amount, qty }
    }
}

/// What an entry books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Cash or positions that the account had when stockade first saw it.
    Opening,
    /// Cash that came to or left the account.
    Deposit,
    /// Capital between house and a sleeve, or between sleeves.
    Allocation,
    /// An execution.
    Execution,
    /// Shares between sleeves, or out of suspense.
    Transfer,
    /// A split.
    Split,
    /// A difference that reconciliation booked.
    Adjustment,
    /// A fee without an execution: regulatory, crypto, borrowing.
    Fee,
    /// A dividend.
    Dividend,
    /// Interest, received or paid.
    Interest,
    /// A trade bust or correction: takes back what an earlier entry booked.
    Correction,
    /// Another corporate action: cash in lieu, symbol change, spin-off, merger.
    Action,
}

impl EntryKind {
    /// As the database writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Deposit => "deposit",
            Self::Allocation => "allocation",
            Self::Execution => "execution",
            Self::Transfer => "transfer",
            Self::Split => "split",
            Self::Adjustment => "adjustment",
            Self::Fee => "fee",
            Self::Dividend => "dividend",
            Self::Interest => "interest",
            Self::Correction => "correction",
            Self::Action => "action",
        }
    }
}
