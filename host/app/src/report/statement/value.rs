//! What positions were worth at an end of the period, and how that is known.
//!
//! The best there is: the last mark, where no execution came after it; else a sample of the sleeve
//! with the same cash; else the last execution's price; else cost.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use stockade_core::decimal::round_half_even;
use stockade_store::query::{Number, StatementPrice, StatementRows, StatementSample};

use super::model::{Held, Source};

/// Sleeve and symbol.
pub(super) type Place<'a> = (&'a str, &'a str);

/// Decimal places of a value at market, as everywhere.
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
    samples: BTreeMap<&'a str, &'a StatementSample>,
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
        let (marks, executions, samples) = match end {
            End::Opening => (&rows.opening_marks, &rows.opening_prices, &rows.opening_samples),
            End::Closing => (&rows.closing_marks, &rows.closing_prices, &rows.closing_samples),
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
            samples: samples.iter().map(|sample| (&*sample.sleeve, sample)).collect(),
        }
    }

    fn of(&self, symbol: &str) -> (Option<Decimal>, Source) {
        match (self.marks.get(symbol), self.executions.get(symbol)) {
            (Some(mark), Some(price)) if mark.at < price.at => {
                (Some(price.price.0), Source::Execution(price.at))
            }
            (Some(mark), _) => (Some(mark.price.0), Source::Mark(mark.at)),
            (None, Some(price)) => (Some(price.price.0), Source::Execution(price.at)),
            (None, None) => (None, Source::Cost),
        }
    }

    /// A sleeve's positions (symbol, quantity, cost), with its cash at the same time.
    pub(super) fn worth(
        &self,
        sleeve: &str,
        cash: Decimal,
        positions: &[(Place<'a>, Decimal, Decimal)],
    ) -> Worth<'a> {
        let mut worth = Worth::default();
        let mut worst = None;
        for ((_, symbol), qty, cost) in positions {
            let (price, source) = self.of(symbol);
            let value = price.and_then(|price| qty.checked_mul(price));
            let value = value.map(|value| round_half_even(value, PLACES));
            let source = if value.is_none() { Source::Cost } else { source };
            if !matches!(source, Source::Mark(_)) {
                worst = Some(source.clone());
            }
            worth.value += value.unwrap_or(*cost);
            worth.held.insert(symbol, Held { qty: *qty, cost: *cost, price, value, source });
        }
        worth.source = worst;
        if worth.source.is_some()
            && let Some(sample) = self.samples.get(sleeve)
            && sample.cash.0 == cash
        {
            worth.value = sample.market_value.0;
            worth.source = Some(Source::Sample(sample.at));
        }
        worth
    }

    /// A whole quantity at its price; `None` without one.
    pub(super) fn value_of(&self, symbol: &str, qty: Decimal) -> Option<Decimal> {
        let value = qty.checked_mul(self.of(symbol).0?)?;
        Some(round_half_even(value, PLACES))
    }
}
