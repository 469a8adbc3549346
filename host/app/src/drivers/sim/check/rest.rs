//! At rest: after the liveness phase everything is resolved, and what is stored is what lives.

use stockade_core::desk::Desk;
use stockade_core::order::OrderStatus;
use stockade_core::row::{AccountRow, SleeveRow};
use stockade_core::sleeve::SleeveView;

use super::super::world::World;
use super::{Checked, Violation, broken, ensure};

/// I20, and everything that holds only once nothing is on its way.
pub(crate) fn at_rest(world: &mut World) -> Checked {
    restored_equals_live(world)?;
    super::sleeves::against_broker(world)?;
    let Some(host) = &world.host else {
        return Err(Violation::new("I20", "the host does not run".to_owned()));
    };
    let (desk, broker) = (&host.desk, &world.broker);
    ensure(desk.is_ready(), "I20", || "the desk is not ready".to_owned())?;
    if let Some((id, found)) = broker.unseen().next() {
        return Err(Violation::new(
            "I20",
            format!("execution {id} of {} {} was never booked", found.qty, found.symbol),
        ));
    }
    ensure(desk.reconciliation().balanced, "I20", || {
        "the last comparison found a difference".to_owned()
    })?;
    if let Some(found) = desk.breaks().next() {
        return Err(Violation::new(
            "I20",
            format!("break {} is open: {} and {}", found.id, found.ours, found.broker),
        ));
    }
    for order in desk.open_orders() {
        let id = order.id;
        let resolved = !matches!(
            order.status,
            OrderStatus::Sending | OrderStatus::Unknown | OrderStatus::Accepted
        );
        ensure(resolved, "I20", || format!("order {id} is still {:?}", order.status))?;
        let Some(theirs) = broker.order(&order.client_order_id) else {
            return Err(Violation::new(
                "I20",
                format!("order {id} is {:?}, the broker doesn't have it", order.status),
            ));
        };
        ensure(!theirs.status.is_final(), "I20", || {
            format!("order {id} is {:?}, at the broker {:?}", order.status, theirs.status)
        })?;
        ensure(order.filled_qty.get() == theirs.filled_qty, "I17", || {
            format!(
                "order {id} has filled {}, at the broker {}",
                order.filled_qty, theirs.filled_qty
            )
        })?;
        let races = theirs.status == stockade_exchange::OrderStatus::PendingCancel;
        ensure(!order.cancel_requested || races, "I20", || {
            format!("order {id} is to be cancelled and still open")
        })?;
    }
    for theirs in
        broker.exchange.open_orders().filter(|order| order.client_order_id.starts_with("sk-"))
    {
        let ours =
            desk.open_orders().any(|order| *order.client_order_id == *theirs.client_order_id);
        ensure(ours, "I11", || {
            format!("the broker works {}, which is not open here", theirs.client_order_id)
        })?;
    }
    Ok(())
}

/// I31: the rows, encoded and read back, make the desk that lives.
pub(super) fn restored_equals_live(world: &World) -> Checked {
    let Some(host) = &world.host else {
        return Ok(());
    };
    let live = &host.desk;
    let rows = world.tables.load(AccountRow::remembers_since).map_err(broken)?;
    let orders: Vec<_> = rows.orders.iter().map(|order| order.id).collect();
    let restored = Desk::restore(rows, stockade_core::desk::Settings::default())
        .map_err(|e| Violation::new("I31", e.to_string()))?;
    // From when fills are read again may be earlier after a restart: a comparison that changed nothing is no row.
    let stored = restored.account();
    ensure(stored.fills_since <= live.account().fills_since, "I31", || {
        "fills would be read too late after a restart".to_owned()
    })?;
    let account = stockade_core::row::AccountRow {
        fills_since: stored.fills_since,
        ..live.account().clone()
    };
    same("account", &account, stored)?;
    let (ours, theirs): (Vec<&SleeveRow>, Vec<&SleeveRow>) =
        (live.sleeves().collect(), restored.sleeves().collect());
    same("sleeves", &ours, &theirs)?;
    for id in orders {
        same("order", &live.order(id), &restored.order(id))?;
    }
    same("bots", &live.bots().collect::<Vec<_>>(), &restored.bots().collect::<Vec<_>>())?;
    same("breaks", &live.breaks().collect::<Vec<_>>(), &restored.breaks().collect::<Vec<_>>())?;
    for row in live.sleeves() {
        let (Some(one), Some(other)) = (live.view(row.id), restored.view(row.id)) else {
            continue;
        };
        same("view", &visible(&one, live), &visible(&other, &restored))?;
        let lots = |desk: &Desk| -> Vec<_> {
            let mut lots: Vec<_> =
                desk.holdings(row.id).flat_map(|(_, holding)| holding.lots().cloned()).collect();
            lots.sort_by_key(|lot| lot.id);
            lots
        };
        same("lots", &lots(live), &lots(&restored))?;
    }
    Ok(())
}

/// What a bot sees, without what only counts changes; by symbol, since places may differ.
fn visible(view: &SleeveView, desk: &Desk) -> String {
    let symbol = |id: stockade_core::InstrumentId| {
        desk.instruments().get(id.index()).map(|found| found.symbol.clone())
    };
    let mut positions: Vec<_> = view
        .positions
        .iter()
        .filter(|position| {
            !position.qty.is_zero()
                || !position.buying.is_zero()
                || position.available != position.qty
        })
        .map(|position| {
            (
                symbol(position.instrument),
                position.qty,
                position.available,
                position.cost,
                position.buying,
            )
        })
        .collect();
    positions.sort();
    let orders: Vec<_> = view
        .orders
        .iter()
        .map(|order| {
            (order.intent_id, symbol(order.instrument), order.qty, order.filled, order.status)
        })
        .collect();
    let now = desk.account().now.market;
    let mut accepted: Vec<_> =
        view.accepted.iter().filter(|at| now.since(**at) < 60_000_000_000).collect();
    accepted.sort();
    format!(
        "{} {:?} {:?} {positions:?} {orders:?} {:?} {:?} {} {accepted:?}",
        view.name, view.cash, view.reserved, view.state, view.controls, view.next_intent
    )
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, live: &T, restored: &T) -> Checked {
    ensure(live == restored, "I31", || format!("{what}: live is {live:?}, restored {restored:?}"))
}
