//! Orders: before a post, among each other, and at the broker.

use stockade_core::broker::BrokerOrder;
use stockade_core::desk::Desk;
use stockade_core::order::{OrderStatus, OrderType, Side};
use stockade_core::row::OrderRow;

use super::super::world::World;
use super::{Checked, Checks, Violation, broken, ensure};

/// I11, I12, I13: before the bytes of a post can leave.
pub(crate) fn before_submit(world: &mut World, order: &BrokerOrder, attempt: u32) -> Checked {
    let id = order.order;
    let stored = world.tables.order(id).map_err(broken)?;
    let Some(stored) = stored else {
        return Err(Violation::new(
            "I13",
            format!("order {id} is posted, it has no committed row"),
        ));
    };
    ensure(stored.status == OrderStatus::Sending && stored.attempt == attempt, "I13", || {
        format!(
            "order {id} is posted in attempt {attempt}, its committed row is {:?} in attempt {}",
            stored.status, stored.attempt
        )
    })?;
    ensure(*stored.client_order_id == *order.client_order_id, "I11", || {
        format!("order {id} is posted under another id")
    })?;
    let mut before = stored.replaces;
    while let Some(other) = before {
        let row = world.tables.order(other).map_err(broken)?;
        let ended = row.as_ref().is_none_or(|row| row.status.is_final());
        ensure(ended, "I11", || {
            format!("order {id} is posted while order {other} of its lineage may trade")
        })?;
        before = row.and_then(|row| row.replaces);
    }
    let bytes = world.checks.bytes.entry(order.client_order_id.clone()).or_default();
    *bytes += 1;
    let count = *bytes;
    ensure(count == 1, "I12", || {
        format!("order {id} is posted {count} times without proof that the others were not taken")
    })
}

/// I28 seen from the broker: it finds no wash trade between two of our sleeves.
pub(crate) fn refused(world: &World, order: &BrokerOrder, message: &str) -> Checked {
    if !message.contains("wash trade") {
        return Ok(());
    }
    // A post that lands long after nobody waits for it any more is refused with good reason.
    let sent =
        world.checks.orders.get(&order.order).filter(|known| known.status == OrderStatus::Sending);
    let Some(sleeve) = sent.map(|known| known.sleeve) else {
        return Ok(());
    };
    let theirs = world.broker.exchange.open_orders();
    let meets = theirs.filter(|open| {
        model_symbol(&open.symbol) == order.symbol.as_str()
            && open.client_order_id.starts_with("sk-")
    });
    for open in meets {
        let Some(host) = &world.host else {
            return Ok(());
        };
        let Some(other) =
            host.desk.open_orders().find(|row| *row.client_order_id == *open.client_order_id)
        else {
            continue;
        };
        // Of what was given up or belongs to somebody else nothing is known.
        let known = other.sleeve != sleeve
            && other.side != order.side
            && other.status != OrderStatus::Unknown;
        let late =
            world.checks.revived.contains(&other.id) || world.checks.revived.contains(&order.order);
        let row = host.desk.order(order.order);
        ensure(!known || late || !row.is_some_and(|row| could_trade(row, other)), "I28", || {
            format!("the broker finds a wash trade between orders {} and {}", order.order, other.id)
        })?;
    }
    Ok(())
}

fn model_symbol(text: &str) -> String {
    text.replace('/', "")
}

/// I28: no two open orders of different sleeves can trade with each other.
pub(super) fn open(checks: &Checks, desk: &Desk) -> Checked {
    let all: Vec<&OrderRow> = desk.open_orders().collect();
    for (place, one) in all.iter().enumerate() {
        for other in &all[place + 1..] {
            if one.sleeve == other.sleeve || one.side == other.side || one.symbol != other.symbol {
                continue;
            }
            let late = checks.revived.contains(&one.id) || checks.revived.contains(&other.id);
            ensure(late || !could_trade(one, other), "I28", || {
                format!(
                    "orders {} and {} of two sleeves can trade with each other",
                    one.id, other.id
                )
            })?;
        }
    }
    Ok(())
}

fn could_trade(one: &OrderRow, other: &OrderRow) -> bool {
    let (buy, sale) = if one.side == Side::Buy { (one, other) } else { (other, one) };
    match (buy.sent_type, sale.sent_type) {
        (OrderType::Limit { limit_price: bid }, OrderType::Limit { limit_price: ask }) => {
            bid >= ask
        }
        _ => true,
    }
}
