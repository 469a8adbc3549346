//! Every bound of the exchange, with its unit and reason.

use rust_decimal::Decimal;

/// Largest quantity of an order, in shares or coins. With [`MAX_PRICE`] it keeps every product and sum exact
/// before the point: 10^18 dollars an execution, of the 10^28 that a decimal holds.
pub(crate) const MAX_QTY: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Largest price, in dollars. Market data beyond it is ignored for matching.
pub(crate) const MAX_PRICE: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Largest notional, in dollars.
pub(crate) const MAX_NOTIONAL: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Decimals of a quantity, as at Alpaca.
pub(crate) const MAX_QTY_SCALE: u32 = 9;
/// Decimals of a price.
pub(crate) const MAX_PRICE_SCALE: u32 = 9;
/// Characters of a client order id, as at Alpaca.
pub(crate) const MAX_CLIENT_ID: usize = 128;
/// Open orders of one account: each submit looks at all of them.
pub(crate) const MAX_OPEN_ORDERS: usize = 10_000;
/// Orders of an account in its life; indices are 32 bits wide.
pub(crate) const MAX_ORDERS: usize = 50_000_000;
/// Symbols of an exchange; Alpaca lists about 14,000.
pub(crate) const MAX_SYMBOLS: usize = 65_536;
/// Characters of a symbol.
pub(crate) const MAX_SYMBOL_LEN: usize = 24;
/// Rows of a list of orders, as at Alpaca.
pub(crate) const MAX_ORDER_PAGE: usize = 500;
/// Rows of a page of activities, as at Alpaca.
pub(crate) const MAX_ACTIVITY_PAGE: usize = 100;
