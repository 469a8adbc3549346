//! The last comparison with the broker, as the command line shows it.

use stockade_core::desk::Desk;
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
            severity: row.severity.clone(),
            symbol: row.symbol.as_ref().map(ToString::to_string),
            state: "open".to_owned(),
            age_seconds: now.since(row.opened_at) / 1_000_000_000,
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
