//! Rebuilding the desk from its rows: the only way to start.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::budget::Budget;
use super::order_table::OrderTable;
use super::print_map::{PrintMap, PrintSet};
use super::reconcile::Reconciliation;
use super::state::{Desk, Mark, Settings, Sleeve, Touched};
use super::worth::Worth;
use crate::bug::{self, Bug};
use crate::decimal::{Qty, digits_in_bytes};
use crate::id::{IntentId, SleeveId, Slug};
use crate::ledger::Holding;
use crate::limits;
use crate::order::Side;
use crate::risk::{Controls, TradingState};
use crate::row::{
    AccountRow, Counters, ExecutionKey, LotRow, OrderRow, Row, Rows, SleeveKind, SleeveRow,
};
use crate::time::{Now, Timestamp};

/// Why rows make no desk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A row names a sleeve that is not there.
    #[error("{what} names sleeve {sleeve}, which has no row")]
    Sleeve {
        /// The row.
        what: String,
        /// The sleeve.
        sleeve: SleeveId,
    },
    /// Stored sums are not what their parts give.
    #[error("sleeve {sleeve}: {what} is {stored} in its row, its parts give {found}")]
    Sum {
        /// Whose.
        sleeve: SleeveId,
        /// Which sum.
        what: String,
        /// As stored.
        stored: String,
        /// As the parts give it.
        found: String,
    },
}

impl Rows {
    /// The rows of a new account: itself and its own three sleeves.
    ///
    /// `era` is random and becomes part of every client order id.
    #[must_use]
    pub fn new_account(
        label: Slug,
        era: String,
        has_broker: bool,
        controls: Controls,
        now: Now,
    ) -> Self {
        let counters = Counters {
            order: 1,
            sleeve: SleeveId::FIRST.0,
            entry: 1,
            lot: 1,
            round_trip: 1,
            break_id: 1,
        };
        let account = AccountRow {
            label,
            broker_account_id: None,
            has_broker,
            era,
            state: TradingState::Active,
            state_reason: None,
            controls: controls.clone(),
            allocation_factor: rust_decimal::Decimal::ONE,
            counters,
            input_index: crate::id::InputIndex(0),
            now,
            fills_since: now.market,
            opened_at: None,
            link: crate::ledger::Link::default(),
        };
        let own = [
            (SleeveId::HOUSE, "house", SleeveKind::House),
            (SleeveId::SUSPENSE, "suspense", SleeveKind::Suspense),
            (SleeveId::ROUNDING, "rounding", SleeveKind::Rounding),
        ];
        let sleeves =
            own.map(|(id, name, kind)| own_sleeve(id, name, kind, &controls, now)).to_vec();
        Self {
            account,
            instruments: Vec::new(),
            sleeves,
            positions: Vec::new(),
            lots: Vec::new(),
            orders: Vec::new(),
            executions: Vec::new(),
            remembered_since: Timestamp(i64::MIN),
            marks: Vec::new(),
            breaks: Vec::new(),
            bots: Vec::new(),
            activities: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// The same as single rows, to be committed.
    #[must_use]
    pub fn to_rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::Account(Box::new(self.account.clone()))];
        rows.extend(self.instruments.iter().cloned().map(Row::Instrument));
        rows.extend(self.sleeves.iter().cloned().map(|s| Row::Sleeve(Box::new(s))));
        rows.extend(self.marks.iter().cloned().map(Row::Mark));
        rows
    }
}

fn own_sleeve(
    id: SleeveId,
    name: &str,
    kind: SleeveKind,
    controls: &Controls,
    now: Now,
) -> SleeveRow {
    SleeveRow {
        id,
        name: Slug::new(name).expect("a literal slug"),
        kind,
        state: TradingState::Active,
        state_reason: None,
        initial_capital: crate::Money::ZERO,
        added: crate::Money::ZERO,
        withdrawn: crate::Money::ZERO,
        cash: crate::Money::ZERO,
        reserved: crate::Money::ZERO,
        realised: crate::Money::ZERO,
        fees: crate::Money::ZERO,
        dividends: crate::Money::ZERO,
        interest: crate::Money::ZERO,
        lots: crate::ledger::LotMethod::Fifo,
        controls: controls.clone(),
        day: 0,
        day_start_equity: crate::Money::ZERO,
        next_intent: IntentId(1),
        created_at: now.market,
        retired: false,
    }
}

impl Desk {
    /// Rebuilds a desk. Nothing else makes one.
    ///
    /// # Errors
    /// Where rows contradict each other; the store's own constraints make that a sign of damage.
    pub fn restore(rows: Rows, settings: Settings) -> Result<Self, RestoreError> {
        let has_broker = rows.account.has_broker;
        let mut desk = Self {
            settings,
            now: rows.account.now,
            account: rows.account,
            instruments: Vec::new(),
            by_symbol: BTreeMap::new(),
            marks: Vec::new(),
            sleeves: BTreeMap::new(),
            names: BTreeMap::new(),
            orders: OrderTable::default(),
            closed: VecDeque::new(),
            by_broker_id: PrintMap::default(),
            ending: BTreeMap::new(),
            absent: BTreeSet::new(),
            not_before: BTreeMap::new(),
            executions: PrintSet::default(),
            remembers_since: rows.remembered_since,
            recalled: BTreeSet::new(),
            bots: rows.bots.into_iter().map(|bot| (bot.sleeve, bot)).collect(),
            breaks: rows.breaks.into_iter().map(|found| (found.id, found)).collect(),
            activities: rows
                .activities
                .into_iter()
                .map(|row| (row.activity.id.clone(), row))
                .collect(),
            asked: None,
            unanswered: BTreeSet::new(),
            sessions: Vec::new(),
            budget: if settings.budgeted { Budget::new() } else { Budget::unlimited() },
            epoch: 0,
            started: false,
            take_over: false,
            refused: false,
            bots_started: false,
            stream_up: false,
            reconciliation: Reconciliation { ready: !has_broker, ..Reconciliation::default() },
            day: 0,
            day_ends: Timestamp(i64::MIN),
            touched: Touched::default(),
            owed: Vec::new(),
            worth: Worth::default(),
            unbookable: None,
        };
        for instrument in rows.instruments {
            desk.add_instrument(instrument);
        }
        for mark in rows.marks {
            if let Some(id) = desk.by_symbol.get(&mark.symbol) {
                desk.marks[id.index()] =
                    Some(Mark { price: mark.price, at: mark.at, stored: true });
            }
        }
        for sleeve in rows.sleeves {
            desk.names.insert(sleeve.name.clone(), sleeve.id);
            desk.sleeves.insert(sleeve.id, Sleeve::new(sleeve));
        }
        desk.restore_lots(rows.lots)?;
        for order in rows.orders {
            desk.restore_order(order)?;
        }
        for key in &rows.executions {
            desk.remember(&Prints::of(key));
        }
        for id in &rows.settled {
            desk.executions.insert(settled(id), ());
        }
        desk.check_sums(&rows.positions)?;
        desk.restore_worth();
        Ok(desk)
    }

    fn restore_lots(&mut self, mut lots: Vec<LotRow>) -> Result<(), RestoreError> {
        lots.sort_by_key(|lot| (lot.opened_at, lot.id));
        for lot in lots {
            let what = format!("lot {}", lot.id);
            let instrument = match self.by_symbol.get(&lot.symbol) {
                Some(id) => *id,
                None => {
                    self.add_instrument(crate::instrument::Instrument::equity(lot.symbol.clone()))
                }
            };
            self.expect_coin_fee_of(instrument, &lot);
            let missing = RestoreError::Sleeve { what, sleeve: lot.sleeve };
            let sleeve = self.sleeves.get_mut(&lot.sleeve).ok_or(missing)?;
            sleeve.holdings.entry(instrument).or_default().add(lot);
        }
        Ok(())
    }

    fn restore_order(&mut self, order: OrderRow) -> Result<(), RestoreError> {
        if let Some(broker_id) = &order.broker_order_id {
            self.by_broker_id.insert(broker_print(broker_id), order.id);
        }
        if order.status.is_final() {
            self.closed.push_back(order.id);
        } else {
            let what = format!("order {}", order.id);
            let instrument = match self.by_symbol.get(&order.symbol) {
                Some(id) => *id,
                None => {
                    self.add_instrument(crate::instrument::Instrument::equity(order.symbol.clone()))
                }
            };
            let missing = RestoreError::Sleeve { what, sleeve: order.sleeve };
            let sleeve = self.sleeves.get_mut(&order.sleeve).ok_or(missing)?;
            sleeve.open.insert(order.id);
            let open = super::orders::open_qty(&order);
            let holding = sleeve.holdings.entry(instrument).or_default();
            match order.side {
                Side::Buy => holding.buying += open,
                Side::Sell if bug::is(Bug::RestoreForgetsSales) => {}
                Side::Sell => holding.selling += open,
            }
        }
        if self.now.market.since(order.accepted_at) < 60 * limits::NANOS_PER_SECOND
            && let Some(sleeve) = self.sleeves.get_mut(&order.sleeve)
        {
            sleeve.accepted.push_back(order.accepted_at);
        }
        self.orders.insert(order.id, order);
        Ok(())
    }

    pub(super) fn remember(&mut self, prints: &Prints) {
        prints.all().for_each(|print| self.executions.insert(print, ()));
    }

    pub(super) fn is_known(&self, prints: &Prints) -> bool {
        if bug::is(Bug::DedupOff) {
            return false;
        }
        prints.all().any(|print| self.executions.contains(print) || self.recalled.contains(&print))
    }

    fn check_sums(&self, positions: &[crate::row::PositionRow]) -> Result<(), RestoreError> {
        let sum = |sleeve, what: &str, stored: String, found: String| {
            if stored == found {
                return Ok(());
            }
            Err(RestoreError::Sum { sleeve, what: what.to_owned(), stored, found })
        };
        for position in positions {
            let holding = self
                .by_symbol
                .get(&position.symbol)
                .and_then(|id| self.sleeves.get(&position.sleeve)?.holdings.get(id))
                .map_or_else(Holding::default, Clone::clone);
            let what = format!("quantity of {}", position.symbol);
            sum(position.sleeve, &what, position.qty.to_string(), holding.qty.to_string())?;
            let what = format!("cost of {}", position.symbol);
            sum(position.sleeve, &what, position.cost.to_string(), holding.cost.to_string())?;
        }
        for (id, sleeve) in &self.sleeves {
            let held = sleeve.open.iter().filter_map(|o| self.orders.get(o)).map(|o| o.reserved);
            let held: crate::Money = held.sum();
            sum(*id, "reserved cash", sleeve.row.reserved.to_string(), held.to_string())?;
        }
        Ok(())
    }
}

/// What tells an execution from others, short enough to keep of every one: by its id, and by its
/// order's filled quantity where that was reported.
pub(super) struct Prints {
    execution: u128,
    cumulative: Option<u128>,
}

impl Prints {
    pub(super) fn of(key: &ExecutionKey) -> Self {
        Self::new(&key.execution_id, &key.broker_order_id, key.cumulative_qty)
    }

    pub(super) fn new(execution_id: &str, order: &str, cumulative_qty: Option<Qty>) -> Self {
        let cumulative = cumulative_qty.filter(|_| !order.is_empty());
        Self {
            execution: fingerprint(&[b"e", execution_id.as_bytes()]),
            cumulative: cumulative
                .map(|qty| fingerprint(&[b"c", order.as_bytes(), &digits_in_bytes(qty.get())])),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = u128> + use<> {
        std::iter::once(self.execution).chain(self.cumulative)
    }
}

/// The print of an activity that is at its end, or of an execution that was corrected.
pub(super) fn settled(id: &str) -> u128 {
    fingerprint(&[b"s", id.as_bytes()])
}

/// What stands for a broker's order id in [`Desk::by_broker_id`]: comparing
/// numbers follows no pointers. Whoever finds an order by it compares the texts too.
pub(super) fn broker_print(broker_order_id: &str) -> u128 {
    fingerprint(&[b"b", broker_order_id.as_bytes()])
}

/// 128 bits over the parts: enough that a million ids have no two alike. Two lanes of 64 bits, each
/// multiplied by an odd number of its own and folded, a word of eight bytes at a time; the length of
/// each part parts it from the next.
fn fingerprint(parts: &[&[u8]]) -> u128 {
    const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];
    let mut lanes: [u64; 2] = [0x6c62_272e_07bb_0142, 0x62b8_2175_6295_c58d];
    let mut mix = |word: u64| {
        for (lane, factor) in lanes.iter_mut().zip(FACTORS) {
            *lane = (*lane ^ word).wrapping_mul(factor);
            *lane ^= *lane >> 32;
        }
    };
    for part in parts {
        for chunk in part.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix(u64::from_le_bytes(word));
        }
        mix(u64::try_from(part.len()).unwrap_or(u64::MAX));
    }
    u128::from(lanes[0]) << 64 | u128::from(lanes[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_of_like_texts_differ() {
        let mut prints = BTreeSet::new();
        let ids: Vec<String> = (0..20_000_u32).map(|n| format!("{n:08x}-{:04x}", n % 7)).collect();
        for id in &ids {
            assert!(prints.insert(broker_print(id)), "{id}");
            let id = id.as_bytes();
            assert!(prints.insert(fingerprint(&[b"e", id])), "{id:?}");
            assert!(prints.insert(fingerprint(&[b"c", id, b"1"])), "{id:?}");
            assert!(prints.insert(fingerprint(&[b"c", id, b"10"])), "{id:?}");
        }
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
        assert_ne!(fingerprint(&[b"a", b""]), fingerprint(&[b"a"]));
        assert_ne!(fingerprint(&[b"a\0"]), fingerprint(&[b"a"]));
        // Each lane tells them apart by itself.
        let lanes: BTreeSet<u64> = prints.iter().map(|p| u64::try_from(p >> 64).unwrap()).collect();
        assert_eq!(lanes.len(), prints.len());
    }
}
