//! What positions were worth at an end of the period, and how that is known.
//!
//! The best there is: the last mark, unless a file brought a later execution; where there is no mark,
//! the last execution's price; else cost. So a statement says what `sleeve list` said at that time.
//! Values are products to the last digit: what is added up by sleeves and by symbols is the same.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use stockade_core::decimal::round_half_even;
use stockade_store::query::{Number, StatementPrice, StatementRows};

use super::model::{Held, Source};

/// Decimal places of a price in new shares, as the mark has them.
const PLACES: u32 = 12;

/// An end of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Opening,
    Closing,
}

/// A sleeve's positions at an end.
#[derive(Debug, Clone, Default)]
pub(super) struct Worth<'a> {
    pub(super) held: BTreeMap<&'a str, Held>,
    pub(super) value: Decimal,
    /// Where the value comes from, where not every price is a mark.
    pub(super) source: Option<Source>,
}

/// The prices that are known at an end.
pub(super) struct Prices<'a> {
    marks: BTreeMap<&'a str, StatementPrice>,
    executions: BTreeMap<&'a str, StatementPrice>,
}

impl<'a> Prices<'a> {
    /// Those of an end, which is before this time; one from before a split counts in new shares.
    pub(super) fn new(rows: &'a StatementRows, end: End, before: i64) -> Self {
        let in_new_shares = |price: &StatementPrice| {
            let mut since = rows.splits.iter().filter(|split| {
                split.symbol == price.symbol && split.at > price.at && split.at.0 < before
            });
            let value = since.try_fold(price.price.0, |value, split| {
                Some(round_half_even(value.checked_div(split.ratio.0)?, PLACES))
            })?;
            Some(StatementPrice { price: Number(value), ..price.clone() })
        };
        let (marks, executions) = match end {
            End::Opening => (&rows.opening_marks, &rows.opening_prices),
            End::Closing => (&rows.closing_marks, &rows.closing_prices),
        };
        Self {
            marks: marks
                .iter()
                .filter_map(|mark| Some((&*mark.symbol, in_new_shares(mark)?)))
                .collect(),
            executions: executions
                .iter()
                .filter_map(|price| Some((&*price.symbol, in_new_shares(price)?)))
                .collect(),
        }
    }

    fn of(&self, symbol: &str) -> (Option<Decimal>, Source) {
        match (self.marks.get(symbol), self.executions.get(symbol)) {
            (Some(mark), Some(price)) if price.of_file && mark.at < price.at => {
                (Some(price.price.0), Source::Execution(price.at))
            }
            (Some(mark), _) => (Some(mark.price.0), Source::Mark(mark.at)),
            (None, Some(price)) => (Some(price.price.0), Source::Execution(price.at)),
            (None, None) => (None, Source::Cost),
        }
    }

    /// A sleeve's positions (symbol, quantity, cost).
    pub(super) fn worth(&self, positions: &[(&'a str, Decimal, Decimal)]) -> Worth<'a> {
        let mut worth = Worth::default();
        for (symbol, qty, cost) in positions {
            let (price, source) = self.of(symbol);
            let value = price.and_then(|price| qty.checked_mul(price));
            let source = if value.is_none() { Source::Cost } else { source };
            if !matches!(source, Source::Mark(_)) {
                worth.source = Some(source.clone());
            }
            worth.value += value.unwrap_or(*cost);
            worth.held.insert(symbol, Held { qty: *qty, cost: *cost, price, value, source });
        }
        worth
    }

    /// A whole quantity at its price; `None` without one.
    pub(super) fn value_of(&self, symbol: &str, qty: Decimal) -> Option<Decimal> {
        qty.checked_mul(self.of(symbol).0?)
    }
}
