//! Rows as they are committed: entries, executions, lots, orders, inputs.

use stockade_core::ledger::{LedgerAccount, LotSide, Posting};
use stockade_core::limits::{LOOKUPS_MIN, NANOS_PER_SECOND};
use stockade_core::order::{OrderStatus, Side, Size};
use stockade_core::row::{EntryRow, ExecutionRow, LotRow, OrderRow, Row};
use stockade_core::{Money, Qty};

use super::super::broker::READ_LAG_S;
use super::super::world::World;
use super::{Checked, Known, OpenLot, Seen, ensure};

/// Takes a committed group.
pub(crate) fn committed(world: &mut World, seen: &Seen, group: &[(Row, Vec<u8>)]) -> Checked {
    world.broker.read_journal();
    for (row, _) in group {
        match row {
            Row::Entry(entry) => balanced(world, entry)?,
            Row::Execution(row) => booked_once(world, row)?,
            Row::Lot(lot) => first_in_first_out(world, lot)?,
            Row::Order(order) => edge(world, seen, order)?,
            Row::Input(input) => {
                let expected = world.checks.input + 1;
                ensure(input.index.0 == expected, "I30", || {
                    format!("input {} follows {}", input.index, expected - 1)
                })?;
                world.checks.input = expected;
            }
            _ => {}
        }
    }
    for (row, _) in group {
        sums(world, row)?;
    }
    Ok(())
}

/// I1, and the sums for I3.
fn balanced(world: &mut World, entry: &EntryRow) -> Checked {
    let sum: Money = entry.postings.iter().map(|posting| posting.amount).sum();
    ensure(sum.is_zero(), "I1", || format!("entry {} is off by {sum}: {}", entry.id, entry.memo))?;
    let checks = &mut world.checks;
    for Posting { sleeve, account, amount, .. } in &entry.postings {
        match account {
            LedgerAccount::Cash => *checks.cash.entry(*sleeve).or_default() += *amount,
            LedgerAccount::Fees => *checks.fees.entry(*sleeve).or_default() += *amount,
            LedgerAccount::Capital => *checks.capital.entry(*sleeve).or_default() += *amount,
            LedgerAccount::Position(symbol) => {
                *checks.cost.entry((*sleeve, symbol.clone())).or_default() += *amount;
            }
            LedgerAccount::Realised
            | LedgerAccount::Dividends
            | LedgerAccount::Interest
            | LedgerAccount::Rounding => {}
        }
    }
    Ok(())
}

/// I16: an execution of the broker's journal, and no other; once.
fn booked_once(world: &mut World, row: &ExecutionRow) -> Checked {
    let new = world.checks.executions.insert(row.execution_id.to_string());
    ensure(new, "I16", || format!("execution {} is booked twice", row.execution_id))?;
    ensure(world.broker.booked(&row.execution_id), "I16", || {
        format!(
            "execution {} is no execution of the broker, or booked already under another id",
            row.execution_id
        )
    })?;
    if let Some(id) = row.order
        && let Some(known) = world.checks.orders.get_mut(&id)
    {
        known.executed += row.qty;
    }
    Ok(())
}

/// I7: a lot becomes smaller only as the first of its book.
fn first_in_first_out(world: &mut World, lot: &LotRow) -> Checked {
    let range = lot.remaining >= Qty::ZERO && lot.remaining <= lot.qty;
    ensure(range, "I7", || format!("lot {} has {} of {}", lot.id, lot.remaining, lot.qty))?;
    let book = world.checks.lots.entry((lot.sleeve, lot.symbol.clone())).or_default();
    let key = (lot.opened_at, lot.id);
    if book.get(&key).is_some_and(|before| lot.remaining < before.remaining) {
        let first = book.keys().next().copied();
        ensure(first == Some(key), "I7", || {
            format!(
                "lot {} of {} is closed while lot {:?} is older and open",
                lot.id,
                lot.symbol,
                first.map(|f| f.1)
            )
        })?;
    }
    if lot.remaining.is_zero() {
        book.remove(&key);
    } else {
        book.insert(key, OpenLot { side: lot.side, remaining: lot.remaining });
    }
    Ok(())
}

/// The edges of DESIGN section 5, as one input can take them.
fn may_follow(before: OrderStatus, after: OrderStatus) -> bool {
    use OrderStatus as S;
    let ends = matches!(after, S::Filled | S::Canceled | S::Expired | S::Replaced);
    match before {
        S::Accepted => matches!(after, S::Sending | S::Canceled | S::Expired),
        S::Sending => {
            matches!(
                after,
                S::Accepted | S::Unknown | S::Rejected | S::Acknowledged | S::PartiallyFilled
            ) || ends
        }
        S::Unknown => {
            matches!(after, S::Abandoned | S::Rejected | S::Acknowledged | S::PartiallyFilled)
                || ends
        }
        S::Acknowledged => matches!(after, S::PartiallyFilled | S::Rejected) || ends,
        S::PartiallyFilled => ends,
        S::Abandoned => matches!(after, S::Acknowledged | S::PartiallyFilled) || ends,
        S::Filled | S::Canceled | S::Expired | S::Rejected | S::Replaced => false,
    }
}

/// I14, I15, I18: an order's state moves along its edges, and only by evidence that is true.
fn edge(world: &mut World, seen: &Seen, order: &OrderRow) -> Checked {
    let id = order.id;
    let now = world.now;
    let first = *world.checks.intents.entry((order.sleeve, order.intent_id)).or_insert(id);
    ensure(first == id, "I11", || {
        format!("intent {} became orders {first} and {id}", order.intent_id)
    })?;
    let known = world.checks.orders.entry(id).or_insert_with(|| Known {
        status: OrderStatus::Accepted,
        filled: Qty::ZERO,
        executed: Qty::ZERO,
        unknown_at: now,
        sleeve: order.sleeve,
    });
    let (before, after) = (known.status, order.status);
    let moved = before != after;
    ensure(!moved || may_follow(before, after), "I14", || {
        format!("order {id} goes from {before:?} to {after:?}")
    })?;
    ensure(order.filled_qty >= known.filled, "I15", || {
        format!("order {id} had filled {}, now {}", known.filled, order.filled_qty)
    })?;
    if let Size::Qty(qty) = order.size {
        let within = order.filled_qty <= qty || order.overfilled;
        ensure(within, "I15", || {
            format!("order {id} filled {} of {qty}, unflagged", order.filled_qty)
        })?;
    }
    if moved && after == OrderStatus::Unknown {
        known.unknown_at = now;
    }
    let unknown_at = known.unknown_at;
    (known.status, known.filled) = (after, order.filled_qty);
    if moved && before == OrderStatus::Abandoned {
        world.checks.revived.insert(id);
        world.checks.revived_sleeves.insert(order.sleeve);
    }
    if !moved || !after.is_final() {
        return Ok(());
    }
    world.counters.ends += 1;
    if before == OrderStatus::Accepted {
        // It never went out, or the broker proved that it was not taken.
        let there = world.broker.order(&order.client_order_id).is_some();
        return ensure(!there, "I18", || {
            format!("order {id} is {after:?} as never sent, the broker has it")
        });
    }
    ensure(seen.evidence, "I18", || format!("order {id} is {after:?} by a {}", seen.kind))?;
    if after == OrderStatus::Abandoned {
        world.counters.abandoned += 1;
        let quiet = now - unknown_at >= 55 * NANOS_PER_SECOND && order.lookups >= LOOKUPS_MIN;
        ensure(quiet, "R3", || {
            format!("order {id} is given up {} ns after it became unknown", now - unknown_at)
        })?;
        let long_there = world
            .broker
            .landed
            .get(&*order.client_order_id)
            .is_some_and(|at| now - at > (READ_LAG_S + 15) * NANOS_PER_SECOND);
        return ensure(!long_there, "I18", || {
            format!("order {id} is given up, the broker has had it for long")
        });
    }
    truth(world, order)
}

/// I18: an end that the broker doesn't know of is none.
fn truth(world: &World, order: &OrderRow) -> Checked {
    use stockade_exchange::OrderStatus as Theirs;
    let (id, after) = (order.id, order.status);
    let Some(theirs) = world.broker.order(&order.client_order_id) else {
        return ensure(after == OrderStatus::Rejected, "I18", || {
            format!("order {id} is {after:?}, the broker never had it")
        });
    };
    let status = theirs.status;
    let agrees = match after {
        OrderStatus::Filled => status == Theirs::Filled,
        OrderStatus::Canceled => status == Theirs::Canceled,
        OrderStatus::Expired => status == Theirs::Expired,
        OrderStatus::Replaced => status == Theirs::Replaced,
        OrderStatus::Rejected => status == Theirs::Rejected,
        _ => true,
    };
    ensure(agrees, "I18", || format!("order {id} is {after:?}, at the broker it is {status:?}"))?;
    let filled = theirs.filled_qty;
    ensure(order.filled_qty.get() == filled, "I17", || {
        format!(
            "order {id} is {after:?} with {} filled, at the broker {filled} are",
            order.filled_qty
        )
    })
}

/// I3, I7, I17, I19: what is stored beside the journal is what the journal gives.
fn sums(world: &World, row: &Row) -> Checked {
    let checks = &world.checks;
    match row {
        Row::Sleeve(row) => {
            let cash = checks.cash.get(&row.id).copied().unwrap_or_default();
            ensure(cash == row.cash, "I3", || {
                format!("{} has {} of cash, its postings give {cash}", row.name, row.cash)
            })?;
            let fees = checks.fees.get(&row.id).copied().unwrap_or_default();
            ensure(fees == row.fees, "I3", || {
                format!("{} has {} of fees, its postings give {fees}", row.name, row.fees)
            })?;
            let capital = -checks.capital.get(&row.id).copied().unwrap_or_default();
            let net = row.initial_capital + row.added - row.withdrawn;
            ensure(capital == net, "I3", || {
                format!("{} has {net} of capital, its postings give {capital}", row.name)
            })?;
            ensure(!row.reserved.is_negative(), "I21", || {
                format!("{} holds {}", row.name, row.reserved)
            })
        }
        Row::Position(row) => {
            let key = (row.sleeve, row.symbol.clone());
            let cost = checks.cost.get(&key).copied().unwrap_or_default();
            ensure(cost == row.cost, "I3", || {
                format!("{} costs {}, its postings give {cost}", row.symbol, row.cost)
            })?;
            let book = checks.lots.get(&key);
            let lots = book.into_iter().flat_map(|lots| lots.values());
            let qty: Qty = lots
                .clone()
                .map(|lot| if lot.side == LotSide::Long { lot.remaining } else { -lot.remaining })
                .sum();
            ensure(qty == row.qty, "I7", || {
                format!(
                    "{} of sleeve {}: {} held, its lots give {qty}",
                    row.symbol, row.sleeve, row.qty
                )
            })?;
            let mut sides = lots.map(|lot| lot.side);
            let first = sides.next();
            ensure(sides.all(|side| Some(side) == first), "I7", || {
                format!("{} of sleeve {} has lots of both sides", row.symbol, row.sleeve)
            })
        }
        Row::Order(order) => {
            let executed = checks.orders.get(&order.id).map_or(Qty::ZERO, |known| known.executed);
            ensure(executed == order.filled_qty, "I17", || {
                format!(
                    "order {} has filled {}, its executions give {executed}",
                    order.id, order.filled_qty
                )
            })?;
            // A replacement that waits holds what it can cost beside the one before it.
            let beside = world.host.as_ref().filter(|_| order.status == OrderStatus::Accepted);
            let held = match beside {
                Some(host) if order.side == Side::Buy => super::sleeves::exposed(&host.desk, order),
                _ => reservation(order),
            };
            ensure(held == order.reserved, "I19", || {
                format!(
                    "order {} ({:?}) holds {}, its worst case is {held}",
                    order.id, order.status, order.reserved
                )
            })
        }
        _ => Ok(()),
    }
}

/// What an order has to hold: its rest at the worst price, for as long as it may trade.
fn reservation(order: &OrderRow) -> Money {
    if order.status.is_final() || order.side == Side::Sell {
        return Money::ZERO;
    }
    let held = match order.size {
        Size::Qty(qty) => (qty - order.filled_qty).get() * order.worst_price.get(),
        Size::Notional(amount) => (amount - order.filled_value).get(),
    };
    Money::new(held.max(rust_decimal::Decimal::ZERO))
}
