//! The reading queries: what people and programs see of the books, one file per noun.
//!
//! Guarantees: each type's serialisation is the firm JSON of the command reference (decimals as
//! plain strings without trailing zeros, percentages as numbers with two decimals, times RFC 3339
//! UTC); rows come in a stable order; nothing here writes. Does not hold a lease: reading works
//! beside any host.

mod account;
mod bot;
mod break_;
mod crypto;
mod equity;
mod execution;
mod filter;
mod journal;
mod lot;
mod order;
mod position;
mod refusal;
mod round_trip;
mod sleeve;
mod table;
mod tax;
mod value;

pub use account::{Account, account_list};
pub use bot::{Bot, BotEvent, bot_events, bot_list, bot_show};
pub use break_::{Break, break_list, break_show};
pub use crypto::trades_crypto;
pub use equity::{EquityPoint, equity_closes, equity_curve};
pub use execution::{Execution, execution_list};
pub use filter::{Filter, QueryError};
pub use journal::{Entry, Leg, journal_list};
pub use lot::{Lot, lot_list};
pub use order::{Order, OrderFilter, order_list, order_show};
pub use position::{Holding, Position, position_list};
pub use refusal::{Refusal, refusal_list};
pub use round_trip::{RoundTrip, round_trip_list};
pub use sleeve::{Sleeve, sleeve_list, sleeve_show};
pub use table::{Column, TABLES, TablePage, table_columns, table_page};
pub use tax::{TaxHistory, WashHistory, tax_history, wash_history};
pub use value::{At, Number, Percent};

pub use sqlx::PgPool;

#[cfg(test)]
mod tests;
