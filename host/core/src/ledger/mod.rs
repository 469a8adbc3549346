//! The ledger: lots, round trips, balanced entries and the chain over them.

mod chain;
mod holding;
mod lot;
mod posting;
mod share;
pub mod tax;
pub mod wash;

pub use chain::Link;
pub use holding::{Booking, Holding, Trade};
pub use lot::{LotMethod, LotSide};
pub use posting::{EntryKind, LedgerAccount, Posting};
pub use share::share;
