//! The reading queries: what people and programs see of the books, one file per noun.
//!
//! Guarantees: each type's serialisation is the firm JSON of the command reference (decimals as
//! plain strings without trailing zeros, percentages as numbers with two decimals, times RFC 3339
//! UTC); rows come in a stable order; nothing here writes. Does not hold a lease: reading works
//! beside any host.

mod account;
mod activity;
mod attribution;
mod bot;
mod break_;
mod crypto;
mod equity;
mod execution;
mod figure;
mod filter;
mod journal;
mod lot;
mod order;
mod page;
mod past;
mod position;
mod quality;
mod refusal;
mod round_trip;
mod sleeve;
mod statement;
mod table;
mod tax;
mod value;

pub use account::{Account, account_list, is_shadow, shadow_label};
pub use activity::{Activity, activity_page};
pub use attribution::{
    Attribution, AttributionRows, Share, attribution, attribution_rows, price_history,
    round_trip_nets,
};
pub use bot::{Bot, BotEvent, bot_events, bot_list, bot_show};
pub use break_::{Break, ClassName, break_list, break_page, break_show};
pub use crypto::trades_crypto;
pub use equity::{EquityPeriod, EquityPoint, equity_closes, equity_curve, equity_periods};
pub use execution::{
    BookedUntil, Execution, KnownFill, booked_until, execution_list, execution_page, known_fills,
};
pub use figure::{KeptFigures, figure_history, figures_standing};
pub use filter::{Filter, QueryError};
pub use journal::{Entry, Leg, journal_list, journal_page};
pub use lot::{Lot, lot_list, lot_page};
pub use order::{Order, OrderFilter, order_list, order_page, order_show};
pub use page::{Cursor, CursorError, Page};
pub use position::{Holding, Position, position_list, position_page};
pub use quality::{ExecutionQuality, Slippage, TimeToFill, execution_quality};
pub use refusal::{Refusal, refusal_list, refusal_page};
pub use round_trip::{RoundTrip, round_trip_list, round_trip_page};
pub use sleeve::{Sleeve, sleeve_is_known, sleeve_list, sleeve_show};
pub use statement::{
    LedgerBalance, StatementBasis, StatementEntry, StatementLeg, StatementPrice, StatementRows,
    StatementScope, StatementSleeve, StatementSplit, StatementTrade, StatementTrip, statement_rows,
};
pub use table::{Column, TableReader, TextRow, table_names};
pub use tax::{TaxHistory, WashHistory, tax_history, wash_history};
pub use value::{At, Number, Percent};

pub use sqlx::PgPool;

#[cfg(test)]
mod tests;
