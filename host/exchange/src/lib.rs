//! The paper exchange's pure heart: one brokerage account, its rules, and the engine that matches its orders.
//!
//! It is a model apart: it shares no code with the host's ledger, so that a mistake there can be seen here.
//! There is no IO, no clock, no thread, no float and no randomness but a seeded generator. Time comes with
//! each call as [`Nanos`]; the same seed and the same calls give the same ids, fills and events.
//! It is the broker of the backtest ([`Mode::Reference`]) and of the paper exchange and the simulator
//! ([`Mode::Paper`]). One [`Exchange`] is one account; a server with several keys holds several and feeds
//! each the same market data.
//!
//! # How a driver uses it
//!
//! ```text
//! Exchange::new(config, seed, at) -> Result<Exchange, ConfigError>        config: Config::paper(cash) | Config::reference(cash)
//!
//! market data   intern("SPY") -> Result<SymbolId, ListingError>           once per symbol; the hot path takes ids
//!               list_asset(Asset) -> Result<SymbolId, ListingError>        to set other than the default properties
//!               on_bars(&[Bar])                                            all bars of ONE time stamp; match, then remember the close
//!               on_bar(&Bar)  on_quote(&Quote)  on_trade(&Trade)
//!               on_closes(&[Bar])  on_print(&Trade)                        last prices alone, where finer data meets the orders
//!               advance(now)                                               session open, expiry. After the bars that end at `now`
//!               finish(at)                                                 after the last bar: cancels what is open, reports closed
//! orders        submit(NewOrder, at) -> Result<Order, Reject>              the answer shows the order before any match
//!               cancel(id, at) -> Result<(), Reject>                       cancel_all(at) -> Vec<CancelOutcome>
//!               replace(id, Changes, at) -> Result<Order, Reject>          a new order; old one `replaced`
//!               close_position(symbol, CloseSize, at) -> Result<Order, Reject>
//!               order(id)  order_by_client_id(text)  orders(&OrderQuery)  open_orders()
//! what happened drain_events() -> Vec<TradeUpdate>   drain_events_into(&mut Vec)   has_events()
//! the account   account() -> AccountReport   positions() -> Vec<PositionReport>   position(symbol)
//!               journal() -> &[JournalLine]  activities(&ActivityQuery) -> Vec<&Activity>   assets()  asset(symbol)
//!               clock(at) -> ClockReport     calendar::sessions(from, to)
//! money         deposit(amount, at)  dividend(symbol, per_share, at)  split(symbol, ratio, at)
//! persistence   to_state() -> State (serde)   Exchange::from_state(State) -> Result<Exchange, StateError>
//! ```
//!
//! Beside it: [`faults`] decides which request or message is to be disturbed (the server or simulator acts),
//! [`market`] generates a seeded market.

pub mod account;
pub mod activities;
mod admission;
pub mod asset;
pub mod calendar;
pub mod config;
pub mod corporate;
mod exchange;
pub mod faults;
mod fill;
pub mod ids;
pub mod journal;
mod limits;
mod lookup;
pub mod market;
mod matching;
pub mod order;
mod query;
pub mod reject;
mod replace;
pub mod rng;
mod state;
mod submit;
pub mod time;

pub use account::{AccountReport, ClockReport, PositionReport};
pub use activities::{Activity, ActivityKind, ActivityQuery, Execution};
pub use asset::{Asset, AssetClass, ListingError, SymbolId};
pub use config::{Config, ConfigError, Mode, Sessions};
pub use corporate::CorporateError;
pub use exchange::Exchange;
pub use ids::Id;
pub use journal::{JournalKind, JournalLine};
pub use matching::{Bar, Quote, Trade};
pub use order::{
    CancelOutcome, Changes, CloseSize, Direction, EventKind, NewOrder, Order, OrderQuery,
    OrderStatus, OrderType, Side, StatusFilter, TimeInForce, TradeUpdate,
};
pub use reject::{Extra, Reject};
pub use state::{State, StateError};
pub use time::Nanos;
