//! The invariants (RELIABILITY section 2), checked after every step against the broker's own journal.
//!
//! What is stored is summed up here a second time, from the rows alone ([`Checks`]); what the desk says is
//! compared with both. Nothing here calls the code that it checks.

mod orders;
mod rest;
mod rows;
mod sleeves;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use rust_decimal::Decimal;
use stockade_core::desk::{Action, Effects, Event};
use stockade_core::id::LotId;
use stockade_core::ledger::LotSide;
use stockade_core::order::{OrderStatus, Size};
use stockade_core::row::BotState;
use stockade_core::{IntentId, Money, OrderId, Price, Qty, SleeveId, Symbol, Timestamp};

use super::world::{Host, World};

pub(crate) use orders::{before_submit, refused};
pub(crate) use rest::at_rest;
pub(crate) use rows::committed;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Its name in RELIABILITY section 2, or the fault whose promise is broken.
    pub(crate) invariant: &'static str,
    /// What was found.
    pub(crate) what: String,
}

impl Violation {
    pub(crate) const fn new(invariant: &'static str, what: String) -> Self {
        Self { invariant, what }
    }
}

/// Whether everything holds.
pub(crate) type Checked = Result<(), Violation>;

/// Something that can't fail has failed: the simulator's own set-up, or rows that can't be read back.
pub(crate) fn broken(error: impl Display) -> Violation {
    Violation::new("I31", error.to_string())
}

pub(super) fn ensure(
    holds: bool,
    invariant: &'static str,
    what: impl FnOnce() -> String,
) -> Checked {
    if holds { Ok(()) } else { Err(Violation::new(invariant, what())) }
}

/// What an order holds at worst.
pub(crate) fn worst_case(size: &Size, worst: Price) -> Decimal {
    match size {
        Size::Qty(qty) => qty.get() * worst.get(),
        Size::Notional(amount) => amount.get(),
    }
}

/// What was known of an order from its rows.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) status: OrderStatus,
    pub(super) filled: Qty,
    /// Σ of its executions.
    pub(super) executed: Qty,
    /// When it became unknown, by the machine's time.
    pub(super) unknown_at: i64,
    pub(super) sleeve: SleeveId,
}

/// An open lot, as its rows tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenLot {
    pub(super) side: LotSide,
    pub(super) remaining: Qty,
}

/// Everything that was committed, summed up again.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(super) cash: BTreeMap<SleeveId, Money>,
    pub(super) fees: BTreeMap<SleeveId, Money>,
    pub(super) capital: BTreeMap<SleeveId, Money>,
    pub(super) cost: BTreeMap<(SleeveId, Symbol), Money>,
    pub(super) lots: BTreeMap<(SleeveId, Symbol), BTreeMap<(Timestamp, LotId), OpenLot>>,
    pub(super) orders: BTreeMap<OrderId, Known>,
    pub(super) executions: BTreeSet<String>,
    /// The order that each intent became.
    pub(super) intents: BTreeMap<(SleeveId, IntentId), OrderId>,
    pub(super) input: u64,
    /// How far a sleeve's reservations are beyond its cash: allowed only after late evidence.
    pub(super) excess: BTreeMap<SleeveId, Money>,
    /// Orders that were given up and turned up, and their sleeves.
    pub(super) revived: BTreeSet<OrderId>,
    pub(super) revived_sleeves: BTreeSet<SleeveId>,
    /// Posts of each client order id whose bytes may have left.
    bytes: BTreeMap<String, u32>,
    opened: bool,
}

impl Checks {
    /// The broker has proved that a post was not taken.
    pub(crate) fn not_taken(&mut self, client_order_id: &str) {
        if let Some(count) = self.bytes.get_mut(client_order_id) {
            *count = count.saturating_sub(1);
        }
    }
}

/// What of an input the checks need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Nothing money-like can change by it.
    market: bool,
    /// A batch of an instance that no longer runs.
    stale_batch: bool,
    /// A word of the broker on an order, a fill or the account.
    evidence: bool,
    kind: &'static str,
}

impl Seen {
    /// Looks at an input before the desk takes it.
    pub(crate) fn before(event: &Event, host: &Host) -> Self {
        let stale_batch = match event {
            Event::Intents { batch } => host.desk.bot(batch.sleeve).is_none_or(|bot| {
                let stopped = matches!(
                    bot.state,
                    BotState::Stopped | BotState::Quarantined | BotState::Retired
                );
                bot.generation != batch.generation || stopped
            }),
            _ => false,
        };
        let evidence = matches!(
            event,
            Event::TradeUpdate { .. }
                | Event::Submitted { .. }
                | Event::LookedUp { .. }
                | Event::Snapshot { .. }
        );
        Self {
            market: matches!(event, Event::Market { .. } | Event::Budget { .. }),
            stale_batch,
            evidence,
            kind: event.kind(),
        }
    }
}

/// After a step whose rows are committed, before its actions.
pub(crate) fn after_step(world: &mut World, seen: &Seen, out: &Effects) -> Checked {
    let Some(host) = &world.host else {
        return Ok(());
    };
    for action in &out.actions {
        if let Action::Submit { order, .. } = action {
            ensure(host.told_up, "W4", || {
                format!("order {} goes out while the account stream is down", order.order)
            })?;
            ensure(host.gap_read, "W4", || {
                format!(
                    "order {} goes out before the gap since the stream came up was read",
                    order.order
                )
            })?;
            ensure(!seen.stale_batch, "L2", || {
                format!("order {} comes of an instance that doesn't run", order.order)
            })?;
        }
    }
    if seen.market {
        return Ok(());
    }
    if !world.checks.opened && host.desk.account().opened_at.is_some() {
        world.checks.opened = true;
        world.broker.opened();
    }
    if world.checks.opened {
        sleeves::against_broker(world)?;
    }
    let Some(host) = &world.host else {
        return Ok(());
    };
    sleeves::each(&mut world.checks, &host.desk, seen)?;
    orders::open(&world.checks, &host.desk)?;
    // No draw: what is checked must not change what happens.
    if world.steps.is_multiple_of(400) {
        rest::restored_equals_live(world)?;
    }
    Ok(())
}
