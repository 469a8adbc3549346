//! The last comparison with the broker, as the command line shows it.

use stockade_core::desk::{Desk, class_name, is_accepted};
use stockade_store::query::At;

use crate::link::{CashDifference, ComparedBreak, Comparison, SymbolDifference};

/// Reads it off the desk.
pub(crate) fn of(desk: &Desk, label: &str) -> Comparison {
    let last = desk.reconciliation();
    let now = desk.now().market;
    let breaks: Vec<ComparedBreak> = desk
        .breaks()
        .map(|row| ComparedBreak {
            id: i64::try_from(row.id.0).unwrap_or(i64::MAX),
            class: row.class.clone(),
            class_name: class_name(&row.class).to_owned(),
            severity: row.severity.clone(),
            symbol: row.symbol.as_ref().map(ToString::to_string),
            state: if is_accepted(row) { "accepted" } else { "open" }.to_owned(),
            // By the last recorded input, as the tables tell it.
            age_seconds: desk.account().now.market.since(row.opened_at).max(0) / 1_000_000_000,
            action: row.action.clone(),
        })
        .collect();
    Comparison {
        account: label.to_owned(),
        at: At(last.at.unwrap_or(now).0),
        balanced: last.balanced && last.at.is_some() && breaks.is_empty(),
        cash: CashDifference::of(last.cash_ours.get(), last.cash_broker.get()),
        symbols: last
            .symbols
            .iter()
            .map(|s| {
                SymbolDifference::of(
                    s.symbol.as_str(),
                    s.sleeves.get(),
                    s.suspense.get(),
                    s.broker.get(),
                )
            })
            .collect(),
        breaks,
    }
}
