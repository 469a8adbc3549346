//! Reading: orders, positions, the account, activities, assets, the clock. Nothing here changes anything.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::account::{AccountReport, ClockReport, PositionReport};
use crate::activities::{Activity, ActivityQuery};
use crate::asset::{Asset, SymbolId};
use crate::calendar;
use crate::config::Sessions;
use crate::exchange::Exchange;
use crate::fill::cents;
use crate::ids::Id;
use crate::journal::JournalLine;
use crate::limits::MAX_ORDER_PAGE;
use crate::order::{Direction, Order, OrderQuery, Side, StatusFilter};
use crate::state::{Slot, day_end};
use crate::time::Nanos;

impl Exchange {
    /// The order with this id, of any age.
    #[must_use]
    pub fn order(&self, id: Id) -> Option<&Order> {
        self.handle_of(id).map(|index| &self.s.orders[index as usize])
    }

    /// The order with this client order id.
    #[must_use]
    pub fn order_by_client_id(&self, id: &str) -> Option<&Order> {
        self.handle_of_client_id(id).map(|index| &self.s.orders[index as usize])
    }

    /// Open orders in submission order.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.open.iter().map(|&index| &self.s.orders[index as usize])
    }

    /// A list as `GET /v2/orders` gives it. A cursor that names no order gives an empty list.
    #[must_use]
    pub fn orders(&self, query: &OrderQuery) -> Vec<&Order> {
        let cursor = |id: Option<Id>| id.map(|id| self.handle_of(id));
        let (after, before) = (cursor(query.after_order_id), cursor(query.before_order_id));
        if after == Some(None) || before == Some(None) {
            return Vec::new();
        }
        let from = after.flatten().map_or(0, |index| index as usize + 1);
        let to = before.flatten().map_or(self.s.orders.len(), |index| index as usize);
        let symbols: Vec<_> =
            query.symbols.iter().filter_map(|symbol| self.symbol_id(symbol)).collect();
        let wanted = |order: &&Order| {
            let status = match query.status {
                StatusFilter::Open => !order.status.is_final(),
                StatusFilter::Closed => order.status.is_final(),
                StatusFilter::All => true,
            };
            status
                && query.after.is_none_or(|t| order.submitted_at > t)
                && query.until.is_none_or(|t| order.submitted_at < t)
                && query.side.is_none_or(|side| order.side == side)
                && (query.symbols.is_empty() || symbols.contains(&order.symbol_id))
        };
        let limit = query.limit.clamp(1, MAX_ORDER_PAGE);
        let all = self.s.orders.get(from..to).unwrap_or_default().iter();
        match query.direction {
            Direction::Asc => all.filter(wanted).take(limit).collect(),
            Direction::Desc => all.rev().filter(wanted).take(limit).collect(),
        }
    }

    /// Every cash and share movement since the account was opened.
    #[must_use]
    pub fn journal(&self) -> &[JournalLine] {
        &self.s.journal
    }

    /// A page of activities.
    #[must_use]
    pub fn activities(&self, query: &ActivityQuery) -> Vec<&Activity> {
        query.page(&self.s.activities)
    }

    /// All activities after the first `told`.
    #[must_use]
    pub fn activities_from(&self, told: usize) -> &[Activity] {
        self.s.activities.get(told..).unwrap_or_default()
    }

    /// Listed assets in the order of their ids.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.s.slots.iter().map(|slot| &slot.asset)
    }

    /// The asset of a symbol, in either spelling.
    #[must_use]
    pub fn asset(&self, symbol: &str) -> Option<&Asset> {
        self.symbol_id(symbol).map(|id| &self.s.slots[id.index()].asset)
    }

    /// Cash, the sum of the journal.
    #[must_use]
    pub const fn cash(&self) -> Decimal {
        self.s.cash
    }

    /// Cash and positions at their last prices, to the cent.
    #[must_use]
    pub fn equity(&self) -> Decimal {
        let (long, short) = self.market_values();
        cents(self.s.cash + long + short)
    }

    /// Signed quantity held of a symbol; zero for an unknown one.
    #[must_use]
    pub fn position_qty(&self, symbol: SymbolId) -> Decimal {
        self.s.slots.get(symbol.index()).map_or(Decimal::ZERO, |slot| slot.position.qty)
    }

    /// The symbol's last price; `None` before the first.
    #[must_use]
    pub fn last_price(&self, symbol: SymbolId) -> Option<Decimal> {
        self.s.slots.get(symbol.index()).map(|slot| slot.last).filter(|price| !price.is_zero())
    }

    /// Positions that aren't flat, in the order of their symbols' ids.
    #[must_use]
    pub fn positions(&self) -> Vec<PositionReport> {
        (0_u32..)
            .zip(&self.s.slots)
            .filter(|(_, slot)| !slot.position.qty.is_zero())
            .map(|(at, slot)| self.position_report(SymbolId(at), slot))
            .collect()
    }

    /// The position of a symbol, in either spelling; `None` where it is flat.
    #[must_use]
    pub fn position(&self, symbol: &str) -> Option<PositionReport> {
        let id = self.symbol_id(symbol)?;
        let slot = &self.s.slots[id.index()];
        (!slot.position.qty.is_zero()).then(|| self.position_report(id, slot))
    }

    fn position_report(&self, id: SymbolId, slot: &Slot) -> PositionReport {
        let (qty, average) = (slot.position.qty, slot.position.average);
        let toward_zero = if qty > Decimal::ZERO { Side::Sell } else { Side::Buy };
        let free = (qty.abs() - self.held(id, toward_zero, None).0).max(Decimal::ZERO);
        let (market_value, cost_basis) = (cents(qty * slot.last), cents(qty * average));
        let unrealized_pl = market_value - cost_basis;
        PositionReport {
            asset_id: slot.asset.id,
            symbol_id: id,
            symbol: slot.asset.position_symbol(),
            asset_symbol: slot.asset.symbol.clone(),
            exchange: slot.asset.exchange.clone(),
            asset_class: slot.asset.class,
            asset_marginable: slot.asset.marginable,
            qty,
            qty_available: if qty > Decimal::ZERO { free } else { -free },
            avg_entry_price: average,
            market_value,
            cost_basis,
            unrealized_pl,
            unrealized_plpc: unrealized_pl
                .checked_div(cost_basis.abs())
                .unwrap_or_default()
                .round_dp(6),
            current_price: slot.last,
            lastday_price: slot.lastday,
        }
    }

    /// The account's report.
    #[must_use]
    pub fn account(&self) -> AccountReport {
        let (long, short) = self.market_values();
        AccountReport {
            id: self.s.account_id,
            account_number: self.s.account_number.clone(),
            created_at: self.s.created_at,
            cash: self.s.cash,
            equity: self.equity(),
            last_equity: self.s.last_equity,
            long_market_value: cents(long),
            short_market_value: cents(short),
            buying_power: self.buying_power(None, false),
            non_marginable_buying_power: self.buying_power(None, true),
            reserved: cents(self.reserved(None)),
            multiplier: self.s.config.multiplier,
            shorting_enabled: self.s.config.shorting,
            fees: self.s.fees,
        }
    }

    /// Value of long positions, and of short ones (negative), not rounded. What has no price yet counts at its cost.
    fn market_values(&self) -> (Decimal, Decimal) {
        let mut sums = (Decimal::ZERO, Decimal::ZERO);
        for slot in &self.s.slots {
            let qty = slot.position.qty;
            if qty.is_zero() {
                continue;
            }
            let price = if slot.last.is_zero() { slot.position.average } else { slot.last };
            let sum = if qty > Decimal::ZERO { &mut sums.0 } else { &mut sums.1 };
            *sum += qty * price;
        }
        sums
    }

    /// Dollars held by open orders, `without` one of them.
    fn reserved(&self, without: Option<u32>) -> Decimal {
        let holds = |index: &&u32| Some(**index) != without;
        self.open.iter().filter(holds).map(|&index| hold(&self.s.orders[index as usize])).sum()
    }

    /// What a new order may use, rounded down to the cent.
    pub(crate) fn buying_power(&self, without: Option<u32>, non_marginable: bool) -> Decimal {
        let (long, short) = self.market_values();
        let equity = self.s.cash + long + short;
        let multiplier =
            if non_marginable { Decimal::ONE } else { Decimal::from(self.s.config.multiplier) };
        let power = multiplier * equity - long + short - self.reserved(without);
        power.max(Decimal::ZERO).round_dp_with_strategy(2, RoundingStrategy::ToZero)
    }

    /// Whether the market is open at `at`, and when it next opens and closes. Never open after [`Exchange::finish`].
    #[must_use]
    pub fn clock(&self, at: Nanos) -> ClockReport {
        if self.s.config.sessions == Sessions::Always {
            let end = day_end(at);
            return ClockReport {
                timestamp: at,
                is_open: !self.s.closed,
                next_open: end,
                next_close: end,
            };
        }
        let session = calendar::current_or_next(at);
        ClockReport {
            timestamp: at,
            is_open: session.open <= at && !self.s.closed,
            next_open: calendar::next_open(at).open,
            next_close: session.close,
        }
    }
}

/// Dollars that an open order holds.
fn hold(order: &Order) -> Decimal {
    if order.hold_price.is_zero() {
        return Decimal::ZERO;
    }
    match (order.remaining(), order.notional) {
        (Some(left), _) => left * order.hold_price,
        (None, Some(notional)) => (notional - order.filled_value).max(Decimal::ZERO),
        (None, None) => Decimal::ZERO,
    }
}
