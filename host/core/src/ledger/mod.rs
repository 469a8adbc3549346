//! The ledger: lots, round trips, balanced entries.

mod holding;
mod lot;
mod posting;

pub use holding::{Booking, Holding, Trade};
pub use lot::{LotMethod, LotSide};
pub use posting::{EntryKind, LedgerAccount, Posting};
