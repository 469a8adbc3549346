//! Sleeves after a step: against the broker's journal, and each within its own bounds.

use rust_decimal::Decimal;
use stockade_core::desk::Desk;
use stockade_core::order::{OrderStatus, Side, Size};
use stockade_core::row::{OrderRow, SleeveKind, SleeveRow};
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, Money, OrderId, Qty};

use super::super::world::World;
use super::{Checked, Checks, Seen, ensure};

/// I5, I6: our books and what they can't know yet are the broker's.
pub(super) fn against_broker(world: &World) -> Checked {
    let Some(host) = &world.host else {
        return Ok(());
    };
    let (desk, broker) = (&host.desk, &world.broker);
    let ours = desk.total_cash().get() + broker.unseen_cash;
    let theirs = broker.exchange.cash();
    ensure(ours == theirs, "I5", || {
        format!("cash and what is unseen are {ours}, the broker has {theirs}")
    })?;
    for (place, instrument) in (0u32..).zip(desk.instruments()) {
        let unseen = broker.unseen_qty.get(&instrument.symbol).copied().unwrap_or_default();
        let ours = desk.total_qty(InstrumentId(place)).get() + unseen;
        let id = broker.exchange.symbol_id(instrument.symbol.as_str());
        let theirs = id.map_or(Decimal::ZERO, |id| broker.exchange.position_qty(id));
        ensure(ours == theirs, "I6", || {
            format!(
                "{}: ours and what is unseen are {ours}, the broker has {theirs}",
                instrument.symbol
            )
        })?;
    }
    Ok(())
}

/// I7, I8, I21, I22, I23 of every sleeve.
pub(super) fn each(checks: &mut Checks, desk: &Desk, seen: &Seen) -> Checked {
    let mut house = Money::ZERO;
    for row in desk.sleeves() {
        if row.kind == SleeveKind::House {
            house = row.cash;
        }
        if row.kind == SleeveKind::Rounding {
            continue;
        }
        let mut cost = Money::ZERO;
        for (id, holding) in desk.holdings(row.id) {
            cost += holding.cost + holding.fee_left;
            offered(checks, desk, row, id, holding)?;
        }
        let net = row.initial_capital + row.added - row.withdrawn;
        let (have, owe) = (row.cash + cost, net + row.realised);
        ensure(have == owe, "I8", || {
            format!("{}: cash and cost are {have}, capital and profit {owe}", row.name)
        })?;
        worth(desk, row)?;
        capital(checks, desk, row, seen)?;
    }
    ensure(!house.is_negative(), "I22", || {
        format!("more is allocated than there is: house has {house}")
    })
}

/// I8: the market value, the equity and the day's loss that are kept are those of a plain sum at the
/// last prices.
fn worth(desk: &Desk, row: &SleeveRow) -> Checked {
    let mut sum = Decimal::ZERO;
    for (id, holding) in desk.holdings(row.id) {
        let price = desk.last(id).map(|(price, _)| price.get());
        sum += price.map_or(holding.cost.get(), |price| price * holding.qty.get());
    }
    let (kept, equity) = (desk.market_value(row.id).get(), desk.equity(row.id).get());
    let cash = row.cash.get();
    ensure(kept == sum && equity == cash + sum, "I8", || {
        format!("{} is worth {sum} and {cash} of cash, kept are {kept} and {equity}", row.name)
    })?;
    let limits = [row.controls.daily_loss, desk.account().controls.daily_loss];
    let limit = limits.into_iter().flatten().min();
    let lost = desk.lost_today(row.id);
    // A day that has not begun for the sleeve has no loss, and a limit is above zero.
    let reached = limit.is_some_and(|allowed| lost >= allowed);
    ensure(reached == desk.is_loss_reached(row.id), "I8", || {
        format!("{} lost {lost} of {limit:?} today, kept as reached: {}", row.name, !reached)
    })
}

/// I21: what open buys can cost at worst is there; beyond it only by late evidence, and then never growing.
fn capital(checks: &mut Checks, desk: &Desk, row: &SleeveRow, seen: &Seen) -> Checked {
    let buys = desk.open_orders().filter(|order| order.sleeve == row.id && order.side == Side::Buy);
    let exposure: Money = buys.map(|order| exposed(desk, order)).sum();
    ensure(exposure == row.reserved, "I21", || {
        format!("{} holds {} for open buys that can cost {exposure}", row.name, row.reserved)
    })?;
    // A fee is known with its execution and not before.
    let free = row.cash - row.reserved + row.fees;
    let excess = if free.is_negative() { -free } else { Money::ZERO };
    let before = checks.excess.insert(row.id, excess).unwrap_or_default();
    let late = seen.evidence && (checks.revived_sleeves.contains(&row.id) || overfilled(desk, row));
    ensure(excess <= before || late || row.kind == SleeveKind::Suspense, "I21", || {
        format!("{} has {} of cash and holds {}", row.name, row.cash, row.reserved)
    })
}

fn overfilled(desk: &Desk, row: &SleeveRow) -> bool {
    row.state_reason.as_deref().is_some_and(|why| why.contains("filled beyond"))
        || desk.open_orders().any(|order| order.sleeve == row.id && order.overfilled)
}

/// What an open buy can cost beside the one that it waits for: of two legs only one is ever spent in
/// full, the rest of the other is taken off.
fn exposed(desk: &Desk, order: &OrderRow) -> Money {
    let alone = worst(order);
    let before = order.replaces.and_then(|other| desk.order(other));
    let Some(before) = before.filter(|other| {
        !other.status.is_final() && order.status == OrderStatus::Accepted && other.side == Side::Buy
    }) else {
        return alone;
    };
    let (Size::Qty(qty), Size::Qty(old)) = (order.size, before.size) else {
        return alone;
    };
    let rest = (qty - before.filled_qty).get().max(Decimal::ZERO);
    let open = (old - before.filled_qty).get().max(Decimal::ZERO);
    // The old one fills nothing, or all that it can.
    let none = rest * order.worst_price.get();
    let all = open * before.worst_price.get()
        + (rest - open).max(Decimal::ZERO) * order.worst_price.get();
    Money::new((none.max(all) - worst(before).get()).max(Decimal::ZERO))
}

fn worst(order: &OrderRow) -> Money {
    let left = match order.size {
        Size::Qty(qty) => (qty - order.filled_qty).get() * order.worst_price.get(),
        Size::Notional(amount) => (amount - order.filled_value).get(),
    };
    Money::new(left.max(Decimal::ZERO))
}

/// I7 and I23: lots make the quantity; open sales don't exceed it.
fn offered(
    checks: &Checks,
    desk: &Desk,
    row: &SleeveRow,
    id: InstrumentId,
    holding: &stockade_core::ledger::Holding,
) -> Checked {
    let Some(instrument) = desk.instruments().get(id.index()) else {
        return Ok(());
    };
    let symbol = &instrument.symbol;
    let stored =
        checks.lots.get(&(row.id, symbol.clone())).map_or(0, std::collections::BTreeMap::len);
    ensure(stored == holding.lots().count(), "I7", || {
        format!("{}: {stored} lots of {symbol} are stored", row.name)
    })?;
    let sales = || {
        desk.open_orders()
            .filter(|o| o.sleeve == row.id && o.symbol == *symbol && o.side == Side::Sell)
    };
    let all: Qty = sales().map(rest).sum();
    ensure(all == holding.selling, "I23", || {
        format!("{} holds {} {symbol} for sales of {all}", row.name, holding.selling)
    })?;
    // A replacement waits for the end of what it replaces: of both only the larger can trade.
    let replaced = |order: &OrderRow| {
        order.replaces.and_then(|other| desk.order(other)).filter(|other| !other.status.is_final())
    };
    let legs = |order: &OrderRow| {
        replaced(order).map_or(rest(order), |other| {
            // What the old one has filled is taken off the new one when the old one ends.
            let mut behind = order.clone();
            behind.size = match order.size {
                Size::Qty(qty) => Size::Qty(qty - other.filled_qty),
                Size::Notional(amount) => Size::Notional(amount - other.filled_value),
            };
            let more = rest(&behind) - rest(other);
            if more.is_negative() { Qty::ZERO } else { more }
        })
    };
    let once: Qty = sales().map(legs).sum();
    let excused = |id: OrderId| checks.revived.contains(&id);
    let late = sales().any(|order| excused(order.id)) || checks.revived_sleeves.contains(&row.id);
    let owned = if holding.qty.is_negative() { Qty::ZERO } else { holding.qty };
    let own = row.kind == SleeveKind::Bot || row.kind == SleeveKind::Hand;
    ensure(!own || late || once <= owned, "I23", || {
        format!("{} offers {once} {symbol} and has {owned}", row.name)
    })?;
    ensure(!own || late || !holding.qty.is_negative(), "I23", || {
        format!("{} is short of {symbol}: {}", row.name, holding.qty)
    })
}

/// What an order can still sell.
fn rest(order: &OrderRow) -> Qty {
    let left = match order.size {
        Size::Qty(qty) => qty - order.filled_qty,
        Size::Notional(amount) => {
            let left = (amount - order.filled_value).get() / order.worst_price.get();
            let up = rust_decimal::RoundingStrategy::ToPositiveInfinity;
            Qty::new(left.round_dp_with_strategy(9, up))
        }
    };
    if left.is_negative() { Qty::ZERO } else { left }
}
