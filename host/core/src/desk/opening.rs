//! History from before stockade, on an account that a broker keeps.
//!
//! The account that was opened contains what its history came to: the shares are in suspense, the
//! cash is in house. So the history of a sleeve brings its lots, round trips, fees and profit, takes
//! the shares that are left of it out of suspense, and changes neither the account's cash nor its
//! quantities: what its trades paid and received is offset by capital of the sleeve. Checked as a
//! whole before anything is booked; all of a command's history is booked, or none.
//!
//! Does not know trades since the opening: those come from the broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::command::{Outcome, not_allowed};
use super::effect::Effects;
use super::event::{ImportKind, ImportedFill, Reply};
use super::reconcile::opening_source;
use super::restore::Prints;
use super::state::Desk;
use crate::broker::Fill;
use crate::decimal::{Money, Qty};
use crate::id::{EntryId, InstrumentId, SleeveId, Slug, Symbol};
use crate::ledger::{EntryKind, Holding, LedgerAccount, LotMethod, Posting, Trade};
use crate::limits;
use crate::risk::Refusal;
use crate::row::{ExecutionKey, ExecutionSource, LotRow};
use crate::time::Timestamp;

impl Desk {
    /// Books the history of a sleeve that is not known yet.
    pub(super) fn import_opening(
        &mut self,
        name: &Slug,
        fills: &[ImportedFill],
        out: &mut Effects,
    ) -> Outcome {
        let id = self.named(name)?;
        let Some(opened) = self.account.opened_at else {
            return Err(Refusal::Reconciling { why: "the account was not seen yet".to_owned() });
        };
        if fills.len() > limits::OPENING_FILLS_MAX {
            let why = format!(
                "{} rows of history at once, at most {} are allowed: give each symbol a file of its own",
                fills.len(),
                limits::OPENING_FILLS_MAX
            );
            return Err(not_allowed("sleeve", name, &why));
        }
        let new: Vec<&ImportedFill> = self.unknown_of(fills);
        if let Some(late) = new.iter().find(|row| row.at >= opened) {
            let why = format!(
                "execution {} of {} is from {}, the account was opened at {}: later fills come from the broker",
                late.execution_id, late.symbol, late.at, opened
            );
            return Err(not_allowed("sleeve", name, &why));
        }
        self.check_pools(id, name, &new)?;
        let left = self.left_of(id, &new, opened)?;
        for (symbol, qty) in &left {
            self.take_from_opening(symbol, *qty, name, out)?;
        }
        let aside = self.set_aside(id, new.iter().map(|row| &row.symbol), opened);
        let before = self.sleeves[&id].row.cash;
        for row in &new {
            self.book_history(id, row, out);
        }
        for (instrument, lots) in aside {
            let holding = self.sleeve_mut(id).holdings.entry(instrument).or_default();
            lots.into_iter().for_each(|lot| holding.add(lot));
        }
        self.offset(id, name, self.sleeves[&id].row.cash - before, out);
        let booked = u64::try_from(new.len()).unwrap_or(u64::MAX);
        let known = u64::try_from(fills.len() - new.len()).unwrap_or(u64::MAX);
        Ok(Reply::Done {
            message: format!("{booked} booked as history, {known} known already"),
            order: None,
            sleeve: Some(id),
            booked: Some(booked),
            known: Some(known),
        })
    }

    /// Rows that no earlier import has brought, in order; a row that stands twice counts once.
    fn unknown_of<'a>(&self, fills: &'a [ImportedFill]) -> Vec<&'a ImportedFill> {
        let mut seen = std::collections::BTreeSet::new();
        let known = |row: &ImportedFill| self.is_known(&Prints::of(&key(row)));
        fills.iter().filter(|row| !known(row) && seen.insert(row.execution_id.as_str())).collect()
    }

    /// Shares at average cost are one pool, in which those since the opening can't be told from
    /// those before it.
    fn check_pools(
        &self,
        id: SleeveId,
        name: &Slug,
        fills: &[&ImportedFill],
    ) -> Result<(), Refusal> {
        let holds = |symbol| self.held(id, symbol).is_some_and(|held| !held.qty.is_zero());
        match fills.iter().find(|row| holds(&row.symbol)) {
            Some(row) if self.sleeves[&id].row.lots == LotMethod::Average => {
                let why = format!(
                    "it holds {} at average cost: history comes before any other share of a symbol",
                    row.symbol
                );
                Err(not_allowed("sleeve", name, &why))
            }
            _ => Ok(()),
        }
    }

    /// What is left of each symbol of a history, if suspense holds so much from the opening.
    fn left_of(
        &self,
        id: SleeveId,
        fills: &[&ImportedFill],
        opened: Timestamp,
    ) -> Result<Vec<(Symbol, Qty)>, Refusal> {
        let mut holdings: BTreeMap<&Symbol, (Qty, Holding)> = BTreeMap::new();
        let mut counters = self.account.counters;
        let method = self.sleeves[&id].row.lots;
        for row in fills {
            let (_, holding) = holdings.entry(&row.symbol).or_insert_with(|| {
                let older = self.held(id, &row.symbol).map(|holding| {
                    let lots = holding.lots().filter(|lot| lot.opened_at < opened);
                    Holding::from_lots(lots.cloned().collect())
                });
                let older = older.unwrap_or_default();
                (older.qty, older)
            });
            match &row.kind {
                ImportKind::Trade { side, qty, price, fee } => {
                    let execution_id: Arc<str> = row.execution_id.as_str().into();
                    let trade = Trade {
                        sleeve: id,
                        symbol: &row.symbol,
                        side: *side,
                        qty: *qty,
                        price: *price,
                        fee: *fee,
                        at: row.at,
                        fee_qty: Qty::ZERO,
                        execution_id: &execution_id,
                        entry: EntryId(0),
                        reason: None,
                        method,
                        lot: None,
                    };
                    holding.book(&trade, &mut counters);
                }
                ImportKind::Split { ratio } => drop(holding.split(*ratio)),
            }
        }
        let mut left = Vec::new();
        for (symbol, (before, holding)) in holdings {
            let found = holding.qty - before;
            let allowed = self.held_at_opening(symbol);
            let short = holding.qty.is_negative()
                || self.held(id, symbol).is_some_and(|held| held.qty.is_negative());
            if short || found.is_negative() || found > allowed {
                return Err(Refusal::OpeningQty { symbol: symbol.clone(), found, allowed });
            }
            if found.is_positive() {
                left.push((symbol.clone(), found));
            }
        }
        Ok(left)
    }

    fn held(&self, id: SleeveId, symbol: &Symbol) -> Option<&Holding> {
        self.sleeves[&id].holdings.get(self.by_symbol.get(symbol)?)
    }

    /// Shares in suspense that the account held when it was opened.
    fn held_at_opening(&self, symbol: &Symbol) -> Qty {
        let source = opening_source(symbol);
        let lots = self.held(SleeveId::SUSPENSE, symbol).into_iter().flat_map(Holding::lots);
        lots.filter(|lot| *lot.execution_id == *source && lot.side == crate::ledger::LotSide::Long)
            .map(|lot| lot.remaining)
            .sum()
    }

    /// Takes shares of the opening out of suspense, with the capital that they carried there.
    fn take_from_opening(
        &mut self,
        symbol: &Symbol,
        qty: Qty,
        to: &Slug,
        out: &mut Effects,
    ) -> Result<(), Refusal> {
        let instrument = self.known(symbol)?;
        let (parts, changed) = self.take(SleeveId::SUSPENSE, instrument, symbol, qty)?;
        let fees: Money = parts.iter().map(|lot| lot.fee).sum();
        let carried = parts.iter().map(|lot| lot.cost).sum::<Money>() + fees;
        self.sleeve_mut(SleeveId::SUSPENSE).row.withdrawn += carried;
        let postings = vec![
            Posting::shares(SleeveId::SUSPENSE, symbol, fees - carried, -qty),
            Posting::money(SleeveId::SUSPENSE, LedgerAccount::Fees, -fees),
            Posting::money(SleeveId::SUSPENSE, LedgerAccount::Capital, carried),
        ];
        let memo = format!("{qty} {symbol} from suspense to {to} with their history");
        let entry = self.post(EntryKind::Transfer, memo, postings, out);
        self.push_lots(entry, changed, out);
        Ok(())
    }

    /// Lots since the opening, out of the way of trades from before it.
    fn set_aside<'a>(
        &mut self,
        id: SleeveId,
        symbols: impl Iterator<Item = &'a Symbol>,
        opened: Timestamp,
    ) -> Vec<(InstrumentId, Vec<LotRow>)> {
        let symbols: std::collections::BTreeSet<&Symbol> = symbols.collect();
        let ids: Vec<InstrumentId> =
            symbols.into_iter().filter_map(|symbol| self.by_symbol.get(symbol).copied()).collect();
        let sleeve = self.sleeve_mut(id);
        let mut aside = Vec::new();
        for instrument in ids {
            let Some(holding) = sleeve.holdings.get_mut(&instrument) else {
                continue;
            };
            let (older, newer) = holding.lots().cloned().partition(|lot| lot.opened_at < opened);
            let mut rest = Holding::from_lots(older);
            (rest.selling, rest.buying) = (holding.selling, holding.buying);
            *holding = rest;
            aside.push((instrument, newer));
        }
        aside
    }

    fn book_history(&mut self, id: SleeveId, row: &ImportedFill, out: &mut Effects) {
        self.remember(&Prints::of(&key(row)));
        match &row.kind {
            ImportKind::Trade { side, qty, price, fee } => {
                let fill = Fill {
                    execution_id: row.execution_id.clone(),
                    broker_order_id: String::new(),
                    client_order_id: None,
                    symbol: row.symbol.clone(),
                    side: *side,
                    qty: *qty,
                    price: *price,
                    fee: *fee,
                    fee_qty: Qty::ZERO,
                    cumulative_qty: None,
                    at: row.at,
                };
                self.book(id, None, &fill, ExecutionSource::Opening, out);
            }
            ImportKind::Split { ratio } => self.split(id, row, *ratio, out),
        }
    }

    /// Gives the cash that a history moved back, as capital: the account's own cash is what was
    /// found at its opening, after all of it.
    fn offset(&mut self, id: SleeveId, name: &Slug, moved: Money, out: &mut Effects) {
        if moved.is_zero() {
            return;
        }
        let row = &mut self.sleeve_mut(id).row;
        if moved.is_negative() {
            row.added += moved.abs();
        } else {
            row.withdrawn += moved;
        }
        let leg = |account, amount| Posting::money(id, account, amount);
        let postings = vec![leg(LedgerAccount::Cash, -moved), leg(LedgerAccount::Capital, moved)];
        let memo =
            format!("history of {name}: what it paid and received is in the account already");
        self.post(EntryKind::Opening, memo, postings, out);
    }
}

fn key(row: &ImportedFill) -> ExecutionKey {
    ExecutionKey::imported(&row.execution_id)
}
