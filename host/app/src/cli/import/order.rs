//! Splits and trades of one symbol are booked in the order of their times.
//!
//! Rows are booked in the order of the file, after what the books hold already. A trade from before a
//! split that is booked would miss it, and a split from before trades that are booked would change
//! their shares: both come to a wrong number of shares without an error, so both are refused.

use std::collections::HashMap;

use stockade_store::query::{At, BookedUntil};
use stockade_venue::files::{FillRow, FillSide};

/// The last split and the last trade of each symbol, in the books and in the file so far.
#[derive(Default)]
pub(super) struct Order {
    splits: HashMap<String, i64>,
    trades: HashMap<String, i64>,
}

impl Order {
    /// What the books hold.
    pub(super) fn of(booked: Vec<BookedUntil>) -> Self {
        let mut order = Self::default();
        for BookedUntil { symbol, split, trade } in booked {
            if let Some(At(at)) = split {
                order.splits.insert(symbol.clone(), at);
            }
            if let Some(At(at)) = trade {
                order.trades.insert(symbol, at);
            }
        }
        order
    }

    /// Takes the next row; why it can't be booked, if it is new and comes too late.
    pub(super) fn take(&mut self, row: &FillRow, is_known: bool) -> Result<(), String> {
        let symbol = row.symbol.as_str();
        let split = self.splits.get(symbol).copied();
        let trade = self.trades.get(symbol).copied();
        let is_split = row.side == FillSide::Split;
        if !is_known {
            let at = At(row.at);
            match (is_split, split, trade) {
                (false, Some(split), _) if row.at < split => {
                    return Err(format!(
                        "{} {} {symbol} at {at} is from before the split of {}, which is booked or above: the shares \
                         would miss it. Import a symbol's trades and splits in the order of their times",
                        row.side.as_str(),
                        row.qty,
                        At(split)
                    ));
                }
                (true, Some(split), _) if row.at <= split => {
                    return Err(format!(
                        "a split of {symbol} at {at} comes after that of {}, which is booked or above: it would be \
                         applied twice, or in the wrong order",
                        At(split)
                    ));
                }
                (true, _, Some(trade)) if row.at < trade => {
                    return Err(format!(
                        "a split of {symbol} at {at} is from before the trade of {}, which is booked or above: it \
                         would change the shares of that too. Import a symbol's trades and splits in the order of \
                         their times",
                        At(trade)
                    ));
                }
                _ => {}
            }
        }
        let last = if is_split { &mut self.splits } else { &mut self.trades };
        let at = last.entry(symbol.to_owned()).or_insert(row.at);
        *at = row.at.max(*at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;
    use stockade_core::Symbol;

    fn row(side: FillSide, at: i64) -> FillRow {
        FillRow {
            line: 2,
            at,
            symbol: Symbol::new("SPY").unwrap(),
            side,
            qty: Decimal::TWO,
            price: Decimal::TEN,
            fee: Decimal::ZERO,
            execution_id: None,
            repeat: 0,
        }
    }

    #[test]
    fn what_comes_before_a_split_is_booked_before_it() {
        let mut order = Order::default();
        for (side, at) in [(FillSide::Buy, 1), (FillSide::Split, 2), (FillSide::Sell, 3)] {
            order.take(&row(side, at), false).unwrap();
        }
        let late = order.take(&row(FillSide::Buy, 1), false).unwrap_err();
        assert!(late.contains("would miss it"), "{late}");
        let twice = order.take(&row(FillSide::Split, 2), false).unwrap_err();
        assert!(twice.contains("applied twice"), "{twice}");
        let mut order = Order::default();
        order.take(&row(FillSide::Buy, 5), false).unwrap();
        let early = order.take(&row(FillSide::Split, 4), false).unwrap_err();
        assert!(early.contains("change the shares"), "{early}");
        order.take(&row(FillSide::Split, 5), false).unwrap();
    }

    #[test]
    fn the_same_file_again_is_no_late_row() {
        let booked = BookedUntil { symbol: "SPY".into(), split: Some(At(2)), trade: Some(At(3)) };
        let mut order = Order::of(vec![booked]);
        for (side, at) in [(FillSide::Buy, 1), (FillSide::Split, 2), (FillSide::Sell, 3)] {
            order.take(&row(side, at), true).unwrap();
        }
        assert!(order.take(&row(FillSide::Buy, 1), false).is_err());
        order.take(&row(FillSide::Buy, 4), false).unwrap();
    }
}
