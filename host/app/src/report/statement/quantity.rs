//! How many shares a sleeve held at a time, from what moved them.
//!
//! Postings hold amounts, not shares: executions give theirs, transfers and splits say theirs in
//! the words of their entry. The sum from the beginning must end in what is held now, else the
//! quantities of that symbol are not told.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use stockade_store::query::{PositionChange, StatementRows, StatementScope, TradedQty};

/// Sleeve and symbol.
pub(super) type Place<'a> = (&'a str, &'a str);

/// Quantities at both ends of the period; `None` where the books can't tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quantities {
    pub(super) opening: Option<Decimal>,
    pub(super) closing: Option<Decimal>,
}

/// An entry, whether it came before the beginning and before the end, and what it did.
type Step = (i64, bool, bool, Option<Change>);

/// What an entry did to a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add(Decimal),
    Times(Decimal),
}

/// The quantities of every place that was ever traded or held.
pub(super) fn quantities<'a>(
    scope: &StatementScope,
    rows: &'a StatementRows,
) -> BTreeMap<Place<'a>, Quantities> {
    let mut traded: BTreeMap<Place<'a>, Vec<&TradedQty>> = BTreeMap::new();
    for row in &rows.traded {
        traded.entry((&row.sleeve, &row.symbol)).or_default().push(row);
    }
    let mut changes: BTreeMap<Place<'a>, Vec<&PositionChange>> = BTreeMap::new();
    for row in &rows.changes {
        let of_place = changes.entry((&row.sleeve, &row.symbol)).or_default();
        // A split has two legs that cancel out: one change.
        if of_place.last().is_none_or(|last| last.entry != row.entry) {
            of_place.push(row);
        }
    }
    let present: BTreeMap<Place<'a>, Decimal> =
        rows.present.iter().map(|row| ((&*row.sleeve, &*row.symbol), row.qty.0)).collect();
    let mut places: Vec<Place<'a>> = traded.keys().chain(changes.keys()).copied().collect();
    places.extend(present.keys());
    places.sort_unstable();
    places.dedup();
    let of_place = |place: Place<'a>| {
        let none = Vec::new();
        let now = present.get(&place).copied().unwrap_or_default();
        let traded = traded.get(&place).unwrap_or(&none);
        let mut found = match changes.get(&place) {
            None => summed(traded, now),
            Some(changes) => walked(scope, traded, changes, now),
        };
        // After the last input nothing has changed.
        if scope.from > rows.market_time.0 {
            found.opening = Some(now);
        }
        if scope.to > rows.market_time.0 {
            found.closing = Some(now);
        }
        (place, found)
    };
    places.into_iter().map(of_place).collect()
}

fn summed(traded: &[&TradedQty], now: Decimal) -> Quantities {
    let sum = |of: fn(&TradedQty) -> Decimal| traded.iter().map(|row| of(row)).sum::<Decimal>();
    if sum(|row| row.present.0) != now {
        return Quantities::default();
    }
    Quantities { opening: Some(sum(|row| row.opening.0)), closing: Some(sum(|row| row.closing.0)) }
}

fn walked(
    scope: &StatementScope,
    traded: &[&TradedQty],
    changes: &[&PositionChange],
    now: Decimal,
) -> Quantities {
    let mut events: Vec<(i64, bool, bool, Option<Change>)> = traded
        .iter()
        .map(|row| {
            let qty = row.present.0;
            (row.entry, row.opening.0 == qty, row.closing.0 == qty, Some(Change::Add(qty)))
        })
        .collect();
    events.extend(
        changes
            .iter()
            .map(|row| (row.entry, row.at.0 < scope.from, row.at.0 < scope.to, understood(row))),
    );
    events.sort_unstable_by_key(|event| event.0);
    let until = |counts: fn(&Step) -> bool| {
        events.iter().filter(|event| counts(event)).try_fold(Decimal::ZERO, |held, event| {
            match event.3? {
                Change::Add(qty) => held.checked_add(qty),
                Change::Times(ratio) => held.checked_mul(ratio),
            }
        })
    };
    if until(|_| true) != Some(now) {
        return Quantities::default();
    }
    Quantities { opening: until(|event| event.1), closing: until(|event| event.2) }
}

/// Reads the words that the desk writes; `None` for any other.
fn understood(row: &PositionChange) -> Option<Change> {
    match row.kind.as_str() {
        "transfer" => {
            let (qty, rest) = row.memo.split_once(' ')?;
            rest.strip_prefix(row.symbol.as_str())?.strip_prefix(" from ")?;
            let qty: Decimal = qty.parse().ok()?;
            Some(Change::Add(if row.amount.0.is_sign_negative() { -qty } else { qty }))
        }
        "split" => {
            let rest = row.memo.strip_prefix("split of ")?.strip_prefix(row.symbol.as_str())?;
            let ratio = rest.strip_prefix(": ")?.strip_suffix(" for 1")?;
            Some(Change::Times(ratio.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_store::query::{At, Number, PresentPosition};

    fn number(text: &str) -> Number {
        Number(text.parse().unwrap())
    }

    fn traded(entry: i64, qty: &str, before_from: bool, before_to: bool) -> TradedQty {
        let counted = |counts| if counts { number(qty) } else { number("0") };
        TradedQty {
            entry,
            sleeve: "a".to_owned(),
            symbol: "X".to_owned(),
            opening: counted(before_from),
            closing: counted(before_to),
            present: number(qty),
        }
    }

    fn change(entry: i64, at: i64, kind: &str, memo: &str, amount: &str) -> PositionChange {
        PositionChange {
            entry,
            at: At(at),
            kind: kind.to_owned(),
            memo: memo.to_owned(),
            sleeve: "a".to_owned(),
            symbol: "X".to_owned(),
            amount: number(amount),
        }
    }

    fn found(traded: Vec<TradedQty>, changes: Vec<PositionChange>, now: &str) -> Quantities {
        let scope = StatementScope { account: "p".to_owned(), sleeve: None, from: 100, to: 200 };
        let (sleeve, symbol) = ("a".to_owned(), "X".to_owned());
        let present = vec![PresentPosition { sleeve, symbol, qty: number(now) }];
        let market_time = At(1_000);
        let rows = StatementRows { traded, changes, present, market_time, ..Default::default() };
        quantities(&scope, &rows)[&("a", "X")]
    }

    fn told(opening: &str, closing: &str) -> Quantities {
        let number = |text: &str| Some(text.parse().unwrap());
        Quantities { opening: number(opening), closing: number(closing) }
    }

    #[test]
    fn executions_are_summed() {
        let rows = vec![traded(0, "10", true, true), traded(0, "-4", false, true)];
        assert_eq!(found(rows.clone(), Vec::new(), "6"), told("10", "6"));
        assert_eq!(found(rows, Vec::new(), "7"), Quantities::default());
    }

    #[test]
    fn splits_and_transfers_are_read_in_their_order() {
        let rows = vec![traded(1, "10", true, true), traded(3, "-5", false, true)];
        let changes = vec![
            change(2, 150, "split", "split of X: 4 for 1", "-100"),
            change(2, 150, "split", "split of X: 4 for 1", "100"),
            change(4, 160, "transfer", "15 X from a to b", "-40"),
            change(5, 900, "transfer", "1 X from suspense to a at a cost of 3", "3"),
        ];
        assert_eq!(found(rows.clone(), changes.clone(), "21"), told("10", "20"));
        let mut strange = changes;
        strange.push(change(6, 950, "spin_off", "something else", "5"));
        assert_eq!(found(rows, strange, "21"), Quantities::default());
    }
}
