//! The account as the broker reports it: positions at average price, equity, buying power, the clock.
//!
//! Positions follow Alpaca's average method: adding averages the entry price by quantity, reducing keeps it, crossing
//! zero starts anew at the execution's price.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::asset::{AssetClass, SymbolId};
use crate::ids::Id;
use crate::time::Nanos;

/// A signed quantity and its average entry price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) qty: Decimal,
    /// Nine decimals; zero when flat.
    pub(crate) average: Decimal,
}

impl Position {
    /// The position after an execution of `delta` (signed) at `price`.
    pub(crate) fn after(self, delta: Decimal, price: Decimal) -> Self {
        let qty = self.qty + delta;
        let average = if qty.is_zero() {
            Decimal::ZERO
        } else if self.qty.is_zero() || self.qty.is_sign_negative() != qty.is_sign_negative() {
            price
        } else if self.qty.is_sign_negative() == delta.is_sign_negative() {
            ((self.qty * self.average + delta * price) / qty).round_dp(9)
        } else {
            self.average
        };
        Self { qty, average }
    }

    /// The position as if an execution of `delta` (signed) at `price` had not been. Exact where it had added to what is
    /// there still; else the average stays, as after a trade the other way.
    pub(crate) fn without(self, delta: Decimal, price: Decimal) -> Self {
        let qty = self.qty - delta;
        let added = self.qty.is_sign_negative() == delta.is_sign_negative()
            && self.qty.is_sign_negative() == qty.is_sign_negative();
        let value = self.qty * self.average - delta * price;
        if added && !qty.is_zero() && (value / qty) > Decimal::ZERO {
            return Self { qty, average: (value / qty).round_dp(9) };
        }
        self.after(-delta, price)
    }
}

/// A position as `GET /v2/positions` gives it. Money in US dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionReport {
    pub asset_id: Id,
    pub symbol_id: SymbolId,
    /// Without slash: `SPY`, `BTCUSD`.
    pub symbol: String,
    /// As orders spell it: `BTC/USD`.
    pub asset_symbol: Arc<str>,
    pub exchange: String,
    pub asset_class: AssetClass,
    pub asset_marginable: bool,
    /// Negative when short.
    pub qty: Decimal,
    /// What open orders don't hold, with the position's sign.
    pub qty_available: Decimal,
    pub avg_entry_price: Decimal,
    /// `qty` × `current_price`, to the cent.
    pub market_value: Decimal,
    /// `qty` × `avg_entry_price`, to the cent.
    pub cost_basis: Decimal,
    pub unrealized_pl: Decimal,
    /// A fraction, six decimals.
    pub unrealized_plpc: Decimal,
    /// The last price known; zero before the first.
    pub current_price: Decimal,
    /// The last price of the session before; zero where unknown.
    pub lastday_price: Decimal,
}

/// The account as `GET /v2/account` gives it. Money in US dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountReport {
    pub id: Id,
    /// Starts with `PA`.
    pub account_number: String,
    pub created_at: Nanos,
    /// The sum of the journal.
    pub cash: Decimal,
    /// Cash plus positions at their last prices, to the cent.
    pub equity: Decimal,
    /// Equity at the last session's close; the opening cash before.
    pub last_equity: Decimal,
    pub long_market_value: Decimal,
    /// Negative.
    pub short_market_value: Decimal,
    /// What new orders may still use; open orders are subtracted. Never negative.
    pub buying_power: Decimal,
    /// The same without borrowing: what crypto can use.
    pub non_marginable_buying_power: Decimal,
    /// Held by open orders.
    pub reserved: Decimal,
    pub multiplier: u32,
    pub shorting_enabled: bool,
    /// Sum of all fees charged, positive.
    pub fees: Decimal,
}

/// The exchange's clock at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClockReport {
    pub timestamp: Nanos,
    pub is_open: bool,
    pub next_open: Nanos,
    pub next_close: Nanos,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_entry_price() {
        let d = |v: i64| Decimal::new(v, 2);
        // (quantity, price) each, then the position.
        for (fills, qty, average) in [
            (&[(1000, 10000), (1000, 11000)][..], d(2000), Decimal::new(105, 0)),
            (&[(1000, 10000), (-400, 12000)], d(600), Decimal::new(100, 0)),
            (&[(1000, 10000), (-1000, 12000)], Decimal::ZERO, Decimal::ZERO),
            (&[(1000, 10000), (-1500, 12000)], d(-500), Decimal::new(120, 0)),
            (&[(-500, 12000), (-500, 11000), (300, 9000)], d(-700), Decimal::new(115, 0)),
            (&[(100, 100), (200, 200)], d(300), Decimal::new(1_666_666_667, 9)),
        ] {
            let end =
                fills.iter().fold(Position::default(), |p, &(q, price)| p.after(d(q), d(price)));
            assert_eq!(end, Position { qty, average });
        }
    }
}
