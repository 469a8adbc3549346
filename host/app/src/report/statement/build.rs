//! From rows to a statement, with the check that nothing is missing in it.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use stockade_store::query::{
    StatementEntry, StatementRows, StatementScope, StatementTrade, StatementTrip,
};

use super::model::{
    ActivityLine, Amount, BookedLater, BrokerSide, Category, Ends, PositionLine, Statement, Tie,
    TieLine, TradeLine, TripLine,
};
use super::value::{End, Prices, Worth};

/// Why there is no statement: the books contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatementError {
    /// Opening and activity are not the closing.
    #[error(
        "the statement does not add up: {what} opens with {opening}, moves by {activity} and closes with {closing}, \
         a difference of {difference} (stockade db check)"
    )]
    OffBalance {
        /// Sleeve and ledger.
        what: String,
        /// At the beginning.
        opening: Decimal,
        /// The sum of the entries' legs.
        activity: Decimal,
        /// At the end.
        closing: Decimal,
        /// `opening + activity - closing`.
        difference: Decimal,
    },
    /// Two ways to the same amount differ.
    #[error(
        "the statement does not add up: {what} is {one} by its parts and {other} {by} (stockade db check)"
    )]
    Untied {
        /// What.
        what: &'static str,
        /// The sum of its parts.
        one: Decimal,
        /// The other amount.
        other: Decimal,
        /// Where that comes from.
        by: &'static str,
    },
}

/// Makes a statement.
///
/// # Errors
/// Where the books contradict themselves: then there is none.
pub(crate) fn build(
    scope: &StatementScope,
    rows: &StatementRows,
    broker: BrokerSide,
) -> Result<Statement, StatementError> {
    let builder = Builder { scope, rows };
    builder.check_ledgers()?;
    let worths = [builder.worths(End::Opening), builder.worths(End::Closing)];
    let tie = builder.tie(&worths[1], broker)?;
    let statement = builder.statement(&worths, tie);
    check_profit(&statement)?;
    Ok(statement)
}

/// Decimal places to which two sums at market must agree: products have no more digits than a
/// number has room for.
pub(super) const TIED_PLACES: u32 = 9;

/// What is worth what, by sleeve.
type Worths<'a> = BTreeMap<&'a str, Worth<'a>>;

struct Builder<'a> {
    scope: &'a StatementScope,
    rows: &'a StatementRows,
}

impl<'a> Builder<'a> {
    fn is_of(&self, sleeve: &str) -> bool {
        self.scope.sleeve.as_deref().is_none_or(|wanted| wanted == sleeve)
    }

    /// Opening and the entries' legs are the closing, ledger by ledger.
    fn check_ledgers(&self) -> Result<(), StatementError> {
        let mut activity: BTreeMap<(&str, &str, Option<&str>), Decimal> = BTreeMap::new();
        for leg in self.rows.entries.iter().flat_map(|entry| &entry.legs) {
            let key = (&*leg.sleeve, &*leg.ledger, leg.symbol.as_deref());
            *activity.entry(key).or_default() += leg.amount.0;
        }
        let mut ends: BTreeMap<_, Ends> = BTreeMap::new();
        for balance in self.rows.balances.iter().filter(|balance| self.is_of(&balance.sleeve)) {
            let key = (&*balance.sleeve, &*balance.ledger, balance.symbol.as_deref());
            ends.insert(key, Ends { opening: balance.opening.0, closing: balance.closing.0 });
        }
        let keys: BTreeSet<_> = ends.keys().chain(activity.keys()).copied().collect();
        for key in keys {
            let Ends { opening, closing } = ends.get(&key).copied().unwrap_or_default();
            let activity = activity.get(&key).copied().unwrap_or_default();
            let difference = opening + activity - closing;
            if !difference.is_zero() {
                let (sleeve, ledger, symbol) = key;
                let what = format!("{ledger} {} of {sleeve}", symbol.unwrap_or_default());
                return Err(StatementError::OffBalance {
                    what: what.replace("  ", " "),
                    opening,
                    activity,
                    closing,
                    difference,
                });
            }
        }
        Ok(())
    }

    /// The sum of a ledger at both ends, of one sleeve or of the scope.
    fn ledger(&self, ledger: &str, sleeve: Option<&str>) -> Ends {
        let counted = self.rows.balances.iter().filter(|balance| {
            balance.ledger == ledger
                && sleeve.map_or_else(|| self.is_of(&balance.sleeve), |one| one == balance.sleeve)
        });
        counted.fold(Ends::default(), |sum, balance| Ends {
            opening: sum.opening + balance.opening.0,
            closing: sum.closing + balance.closing.0,
        })
    }

    fn worths(&self, end: End) -> Worths<'a> {
        let before = if end == End::Opening { self.scope.from } else { self.scope.to };
        let prices = Prices::new(self.rows, end, before);
        let mut positions: BTreeMap<&str, Vec<(&str, Decimal, Decimal)>> = BTreeMap::new();
        for balance in self.rows.balances.iter().filter(|balance| balance.ledger == "position") {
            let (qty, cost) = match end {
                End::Opening => (balance.opening_qty.0, balance.opening.0),
                End::Closing => (balance.closing_qty.0, balance.closing.0),
            };
            if !(qty.is_zero() && cost.is_zero()) {
                let symbol = balance.symbol.as_deref().unwrap_or_default();
                positions.entry(&*balance.sleeve).or_default().push((symbol, qty, cost));
            }
        }
        let worth = |sleeve: &'a str| {
            let held = positions.get(sleeve).map(Vec::as_slice).unwrap_or_default();
            (sleeve, prices.worth(held))
        };
        self.rows.sleeves.iter().map(|sleeve| worth(&sleeve.name)).collect()
    }

    fn tie(&self, worths: &Worths<'a>, broker: BrokerSide) -> Result<Tie, StatementError> {
        let line = |sleeve: &'a stockade_store::query::StatementSleeve| TieLine {
            sleeve: sleeve.name.clone(),
            kind: sleeve.kind.clone(),
            cash: self.ledger("cash", Some(&sleeve.name)).closing,
            cost: self.ledger("position", Some(&sleeve.name)).closing,
            market_value: worths.get(&*sleeve.name).map(|w| w.value).unwrap_or_default(),
        };
        let sleeves: Vec<TieLine> = self.rows.sleeves.iter().map(line).collect();
        let cash: Decimal = sleeves.iter().map(|line| line.cash).sum();
        let cost: Decimal = sleeves.iter().map(|line| line.cost).sum();
        let by_entries = "by the account's entries";
        tied("cash", cash, self.rows.account_cash.0, by_entries)?;
        tied("position at cost", cost, self.rows.account_cost.0, by_entries)?;
        // Rows say what is now: all entries, if none lies behind the period.
        if self.scope.at.is_none() && self.rows.later == 0 {
            let stored = self.rows.sleeves.iter().map(|sleeve| sleeve.cash.0).sum();
            tied("cash", cash, stored, "as the sleeves' rows say")?;
        }
        let account_value = self.account_value(worths);
        if let Some(whole) = account_value {
            let value = sleeves.iter().map(|line| line.market_value).sum::<Decimal>();
            let (value, whole) = (value.round_dp(TIED_PLACES), whole.round_dp(TIED_PLACES));
            tied("position at market", value, whole, "symbol by symbol")?;
        }
        Ok(Tie {
            account_cash: self.rows.account_cash.0,
            account_cost: self.rows.account_cost.0,
            account_value,
            sleeves,
            broker,
            open_breaks: self.rows.open_breaks,
        })
    }

    /// Each symbol's whole quantity at its price; `None` where one of them is not known.
    fn account_value(&self, worths: &Worths<'a>) -> Option<Decimal> {
        let prices = Prices::new(self.rows, End::Closing, self.scope.to);
        let mut held: BTreeMap<&str, Decimal> = BTreeMap::new();
        for (symbol, held_by) in worths.values().flat_map(|worth| &worth.held) {
            *held.entry(symbol).or_default() += held_by.qty;
        }
        held.into_iter().map(|(symbol, qty)| prices.value_of(symbol, qty)).sum()
    }

    fn statement(&self, worths: &[Worths<'a>; 2], tie: Tie) -> Statement {
        let [opening, closing] = worths;
        let value = |worths: &Worths<'a>| {
            worths.iter().filter(|(sleeve, _)| self.is_of(sleeve)).map(|(_, w)| w.value).sum()
        };
        let capital = self.ledger("capital", None);
        let valued = worths.iter().flatten().filter(|(sleeve, _)| self.is_of(sleeve));
        Statement {
            account: self.scope.account.clone(),
            sleeve: self.scope.sleeve.clone(),
            from: stockade_store::query::At(self.scope.from),
            to: stockade_store::query::At(self.scope.to),
            basis: self.scope.basis,
            as_of: self.scope.at.map(stockade_store::query::At),
            booked_later: self.booked_later(),
            cash: self.ledger("cash", None),
            cash_moves: self.moves("cash"),
            cost: self.ledger("position", None),
            cost_moves: self.moves("position"),
            market_value: Ends { opening: value(opening), closing: value(closing) },
            valued: valued
                .filter_map(|(sleeve, worth)| Some(((*sleeve).to_owned(), worth.source.clone()?)))
                .collect(),
            capital: Ends { opening: -capital.opening, closing: -capital.closing },
            income: self.income(),
            positions: self.positions(opening, closing),
            trades: self.trades(),
            activity: self.activity(),
            trips: self.rows.trips.iter().map(trip).collect(),
            tie,
        }
    }

    /// What moved a ledger, by category; categories that moved nothing are left out.
    fn moves(&self, ledger: &str) -> Vec<Amount> {
        let mut sums: BTreeMap<Category, Decimal> = BTreeMap::new();
        for entry in &self.rows.entries {
            let legs = entry.legs.iter().filter(|leg| leg.ledger == ledger);
            *sums.entry(Category::of(&entry.kind)).or_default() +=
                legs.map(|leg| leg.amount.0).sum::<Decimal>();
        }
        Category::ALL
            .into_iter()
            .filter_map(|category| {
                let amount = sums.get(&category).copied().filter(|sum| !sum.is_zero())?;
                Some(Amount { name: category.title().to_owned(), amount })
            })
            .collect()
    }

    /// Every ledger that is neither cash nor position nor capital, as income less cost.
    fn income(&self) -> Vec<Amount> {
        let known = ["realised", "fees", "dividends", "interest"];
        let rest = self.rows.balances.iter().map(|balance| balance.ledger.as_str());
        let rest: BTreeSet<&str> = rest
            .filter(|l| !known.contains(l) && !["cash", "position", "capital"].contains(l))
            .collect();
        let lines = known.into_iter().chain(rest).map(|ledger| {
            let name = match ledger {
                "realised" => "Realised, of prices",
                "fees" => "Fees",
                "dividends" => "Dividends",
                "interest" => "Interest",
                "rounding" => "The broker's rounding",
                other => other,
            };
            Amount { name: name.to_owned(), amount: -self.ledger(ledger, None).change() }
        });
        let always = ["Realised, of prices", "Fees"];
        lines.filter(|l| !l.amount.is_zero() || always.contains(&&*l.name)).collect()
    }

    fn positions(&self, opening: &Worths<'a>, closing: &Worths<'a>) -> Vec<PositionLine> {
        let sleeves = self.rows.sleeves.iter().filter(|sleeve| self.is_of(&sleeve.name));
        let mut lines = Vec::new();
        for sleeve in sleeves {
            let held = [opening, closing].map(|worths| worths.get(&*sleeve.name).map(|w| &w.held));
            let symbols: BTreeSet<&str> =
                held.iter().flatten().flat_map(|held| held.keys().copied()).collect();
            lines.extend(symbols.into_iter().map(|symbol| {
                let [opening, closing] = held.map(|held| held?.get(symbol).cloned());
                PositionLine {
                    sleeve: sleeve.name.clone(),
                    symbol: symbol.to_owned(),
                    opening,
                    closing,
                }
            }));
        }
        lines
    }

    /// Entries of the period that came after it.
    fn booked_later(&self) -> Option<BookedLater> {
        let late = self.rows.entries.iter().map(|entry| entry.booked_at);
        let late = late.filter(|at| at.0 >= self.scope.to);
        let (count, last) =
            late.fold((0, None), |(count, last), at| (count + 1, last.max(Some(at))));
        last.map(|last| BookedLater { entries: count, last })
    }

    fn trades(&self) -> Vec<TradeLine> {
        let trades = self.rows.entries.iter();
        trades.filter_map(|entry| Some(trade(entry, entry.trade.as_ref()?))).collect()
    }

    fn activity(&self) -> Vec<ActivityLine> {
        let mut lines = Vec::new();
        for entry in self.rows.entries.iter().filter(|entry| entry.trade.is_none()) {
            let sleeves: BTreeSet<&str> = entry.legs.iter().map(|leg| &*leg.sleeve).collect();
            let moved = |sleeve: &str, ledger: &str| sum(entry, sleeve, ledger);
            lines.extend(sleeves.into_iter().map(|sleeve| ActivityLine {
                category: Category::of(&entry.kind),
                entry: entry.id,
                at: entry.at,
                booked_at: entry.booked_at,
                kind: entry.kind.clone(),
                sleeve: sleeve.to_owned(),
                memo: entry.memo.clone(),
                cash: moved(sleeve, "cash"),
                cost: moved(sleeve, "position"),
            }));
        }
        lines
    }
}

fn tied(
    what: &'static str,
    one: Decimal,
    other: Decimal,
    by: &'static str,
) -> Result<(), StatementError> {
    if one == other { Ok(()) } else { Err(StatementError::Untied { what, one, other, by }) }
}

/// The profit by its parts is the change of equity that capital does not explain.
fn check_profit(statement: &Statement) -> Result<(), StatementError> {
    let by_equity = statement.equity().change() - statement.capital.change();
    tied("profit", statement.profit(), by_equity, "by equity less capital")
}

fn sum(entry: &StatementEntry, sleeve: &str, ledger: &str) -> Decimal {
    let legs = entry.legs.iter().filter(|leg| leg.sleeve == sleeve && leg.ledger == ledger);
    legs.map(|leg| leg.amount.0).sum()
}

fn trade(entry: &StatementEntry, trade: &StatementTrade) -> TradeLine {
    let moved = |ledger: &str| sum(entry, &trade.sleeve, ledger);
    TradeLine {
        entry: entry.id,
        at: trade.at,
        booked_at: entry.booked_at,
        sleeve: trade.sleeve.clone(),
        symbol: trade.symbol.clone(),
        side: trade.side.clone(),
        qty: trade.qty.0,
        price: trade.price.0,
        gross: trade.qty.0 * trade.price.0,
        fees: moved("fees"),
        net: moved("cash"),
        realised: -moved("realised"),
        reason: trade.reason.clone(),
        execution_id: trade.execution_id.clone(),
    }
}

fn trip(row: &StatementTrip) -> TripLine {
    TripLine {
        sleeve: row.sleeve.clone(),
        symbol: row.symbol.clone(),
        side: row.side.clone(),
        qty: row.qty.0,
        entry_time: row.entry_time,
        entry_price: row.entry_price.0,
        exit_time: row.exit_time,
        exit_price: row.exit_price.0,
        gross: row.gross.0,
        fees: row.fees.0,
        net: row.net.0,
        exit_reason: row.exit_reason.clone(),
    }
}
