//! The exchange's own append-only account of every cash and share movement.
//!
//! Cash is the sum of the lines' cash, a position is the sum of the symbol's quantities: both are kept beside the
//! journal for speed and compared with it in tests and when a state is read back. A line is never changed.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::Id;
use crate::order::words;
use crate::time::Nanos;

words! {
    /// Why cash or shares moved.
    JournalKind {
        Deposit = "deposit",
        Fill = "fill",
        Fee = "fee",
        Dividend = "dividend",
        Split = "split",
        /// An execution that is taken back.
        Bust = "bust",
        /// A correction by hand.
        Adjust = "adjust",
    }
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// From 0, without gaps.
    pub seq: u64,
    pub at: Nanos,
    pub kind: JournalKind,
    /// `SPY`, `BTC/USD`; absent where only cash moved for no symbol.
    pub symbol: Option<Arc<str>>,
    /// Shares or coins, signed.
    pub qty_delta: Decimal,
    /// US dollars in whole cents, signed.
    pub cash_delta: Decimal,
    pub execution_id: Option<Id>,
    pub order_id: Option<Id>,
}
