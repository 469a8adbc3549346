//! The rows that are kept by key.

use rust_decimal::prelude::ToPrimitive as _;
use stockade_core::id::{BreakId, EntryId, InputIndex, IntentId, LotId, OrderId, SleeveId};
use stockade_core::instrument::Instrument;
use stockade_core::order::{OrderType, Size};
use stockade_core::row::{
    AccountRow, ActivityRow, BotRow, BreakRow, Counters, LotRow, MarkRow, OrderRow, PositionRow,
    SleeveRow, SnapshotRow,
};
use stockade_core::{Money, Now, Price, Qty};

use super::fields::Fields;
use crate::error::StoreError;

pub(crate) fn account(f: &Fields<'_>) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        label: f.slug("account")?,
        broker_account_id: f.get("broker_account_id")?,
        has_broker: f.get("has_broker")?,
        era: f.get("era")?,
        state: f.word("state")?,
        state_reason: f.get("state_reason")?,
        controls: f.json("controls")?,
        allocation_factor: f.decimal("allocation_factor")?,
        counters: Counters {
            order: f.big("next_order")?,
            sleeve: f.big("next_sleeve")?,
            entry: f.big("next_entry")?,
            lot: f.big("next_lot")?,
            round_trip: f.big("next_round_trip")?,
            break_id: f.big("next_break")?,
        },
        input_index: InputIndex(f.big("input_index")?),
        now: Now { market: f.time("market_ns")?, machine: f.time("machine_ns")? },
        fills_since: f.time("fills_since_ns")?,
        opened_at: f.time_if("opened_ns")?,
        link: f.link("link")?,
    })
}

pub(crate) fn instrument(f: &Fields<'_>) -> Result<Instrument, StoreError> {
    Ok(Instrument {
        symbol: f.symbol("symbol")?,
        class: f.word("class")?,
        tradable: f.get("tradable")?,
        fractionable: f.get("fractionable")?,
        price_increment: f.decimal_if("price_increment")?.map(Price::new),
        min_qty: f.decimal_if("min_qty")?.map(Qty::new),
    })
}

pub(crate) fn sleeve(f: &Fields<'_>) -> Result<SleeveRow, StoreError> {
    Ok(SleeveRow {
        id: SleeveId(f.big("id")?),
        name: f.slug("name")?,
        kind: f.word("kind")?,
        state: f.word("state")?,
        state_reason: f.get("state_reason")?,
        initial_capital: f.money("initial_capital")?,
        added: f.money("added")?,
        withdrawn: f.money("withdrawn")?,
        cash: f.money("cash")?,
        reserved: f.money("reserved")?,
        realised: f.money("realised")?,
        fees: f.money("fees")?,
        dividends: f.money("dividends")?,
        interest: f.money("interest")?,
        lots: f.word("lots")?,
        controls: f.json("controls")?,
        day: f.int("day")?,
        day_start_equity: f.money("day_start_equity")?,
        next_intent: IntentId(f.big("next_intent")?),
        created_at: f.time("created_ns")?,
        retired: f.get("retired")?,
    })
}

pub(crate) fn activity(f: &Fields<'_>) -> Result<ActivityRow, StoreError> {
    Ok(ActivityRow {
        activity: f.json("body")?,
        state: f.word("state")?,
        note: f.get("note")?,
        entry: f.big_if("entry")?.map(EntryId),
        at: f.time("at_ns")?,
    })
}

pub(crate) fn position(f: &Fields<'_>) -> Result<PositionRow, StoreError> {
    Ok(PositionRow {
        sleeve: SleeveId(f.big("sleeve")?),
        symbol: f.symbol("symbol")?,
        qty: f.qty("qty")?,
        cost: f.money("cost")?,
        fee_left: f.money("fee_left")?,
    })
}

pub(crate) fn lot(f: &Fields<'_>) -> Result<LotRow, StoreError> {
    Ok(LotRow {
        id: LotId(f.big("id")?),
        sleeve: SleeveId(f.big("sleeve")?),
        symbol: f.symbol("symbol")?,
        side: f.word("side")?,
        opened_at: f.time("opened_ns")?,
        qty: f.qty("qty")?,
        remaining: f.qty("remaining")?,
        entry_price: f.price("entry_price")?,
        cost: f.money("cost")?,
        cost_left: f.money("cost_left")?,
        fee: f.money("fee")?,
        fee_left: f.money("fee_left")?,
        execution_id: f.shared("execution_id")?,
    })
}

pub(crate) fn order(f: &Fields<'_>) -> Result<OrderRow, StoreError> {
    Ok(OrderRow {
        id: OrderId(f.big("id")?),
        sleeve: SleeveId(f.big("sleeve")?),
        intent_id: IntentId(f.big("intent_id")?),
        client_order_id: f.shared("client_order_id")?,
        broker_order_id: f.shared_if("broker_order_id")?,
        symbol: f.symbol("symbol")?,
        side: f.word("side")?,
        size: size(f)?,
        order_type: order_type(f, "type", "limit_price", "stop_price")?,
        sent_type: order_type(f, "sent_type", "sent_limit_price", "sent_stop_price")?,
        time_in_force: f.word("time_in_force")?,
        extended_hours: f.get("extended_hours")?,
        reason: f.shared_if("reason")?,
        tag: f.shared_if("tag")?,
        status: f.word("status")?,
        decision_price: f.decimal_if("decision_price")?.map(Price::new),
        worst_price: f.price("worst_price")?,
        reserved: f.money("reserved")?,
        filled_qty: f.qty("filled_qty")?,
        filled_value: f.money("filled_value")?,
        broker_filled_qty: f.qty("broker_filled_qty")?,
        epoch: f.big("epoch")?,
        attempt: f.int("attempt")?,
        cancel_requested: f.get("cancel_requested")?,
        cancel_attempts: f.int("cancel_attempts")?,
        replaces: f.big_if("replaces")?.map(OrderId),
        end_reason: f.shared_if("end_reason")?,
        lot: f.big_if("lot")?.map(LotId),
        plugin_version: f.shared_if("plugin_version")?,
        changes: f.int("changes")?,
        overfilled: f.get("overfilled")?,
        lookups: f.int("lookups")?,
        accepted_at: f.time("accepted_ns")?,
        claimed_at: f.time("claimed_ns")?,
        updated_at: f.time("updated_ns")?,
    })
}

fn size(f: &Fields<'_>) -> Result<Size, StoreError> {
    match (f.decimal_if("qty")?, f.decimal_if("notional")?) {
        (Some(qty), None) => Ok(Size::Qty(Qty::new(qty))),
        (None, Some(amount)) => Ok(Size::Notional(Money::new(amount))),
        _ => Err(f.bad("qty", "exactly one of qty and notional must be there")),
    }
}

fn order_type(
    f: &Fields<'_>,
    name: &'static str,
    limit: &'static str,
    stop: &'static str,
) -> Result<OrderType, StoreError> {
    let word: &str = f.get(name)?;
    let limit = f.decimal_if(limit)?.map(Price::new);
    let stop = f.decimal_if(stop)?.map(Price::new);
    match (word, limit, stop) {
        ("market", None, None) => Ok(OrderType::Market),
        ("limit", Some(limit_price), None) => Ok(OrderType::Limit { limit_price }),
        ("stop", None, Some(stop_price)) => Ok(OrderType::Stop { stop_price }),
        ("stop_limit", Some(limit_price), Some(stop_price)) => {
            Ok(OrderType::StopLimit { stop_price, limit_price })
        }
        (other, ..) => Err(f.bad(name, format!("\"{other}\" with other prices than its own"))),
    }
}

pub(crate) fn mark(f: &Fields<'_>) -> Result<MarkRow, StoreError> {
    Ok(MarkRow { symbol: f.symbol("symbol")?, price: f.price("price")?, at: f.time("at_ns")? })
}

pub(crate) fn break_row(f: &Fields<'_>) -> Result<BreakRow, StoreError> {
    Ok(BreakRow {
        id: BreakId(f.big("id")?),
        class: f.get("class")?,
        severity: f.get("severity")?,
        symbol: f.symbol_if("symbol")?,
        ours: f.decimal("ours")?,
        broker: f.decimal("broker")?,
        evidence: f.get("evidence")?,
        action: f.get("action")?,
        opened_at: f.time("opened_ns")?,
        resolved_at: f.time_if("resolved_ns")?,
    })
}

pub(crate) fn bot(f: &Fields<'_>) -> Result<BotRow, StoreError> {
    let seed = f.decimal("seed")?;
    Ok(BotRow {
        sleeve: SleeveId(f.big("sleeve")?),
        name: f.slug("name")?,
        plugin: f.get("plugin")?,
        digest: f.get("digest")?,
        version: f.get("version")?,
        params: f.json("params")?,
        symbols: f.json("symbols")?,
        seed: seed.to_u64().ok_or_else(|| f.bad("seed", format!("{seed} is no 64-bit number")))?,
        generation: f.big("generation")?,
        state: f.word("state")?,
        state_reason: f.get("state_reason")?,
        strikes: f.json("strikes")?,
        suspended_until: f.time_if("suspended_until_ns")?,
        created_at: f.time("created_ns")?,
        rejected: f.json("rejected")?,
    })
}

pub(crate) fn snapshot(f: &Fields<'_>) -> Result<SnapshotRow, StoreError> {
    Ok(SnapshotRow {
        sleeve: SleeveId(f.big("sleeve")?),
        digest: f.get("digest")?,
        at: f.time("at_ns")?,
        bytes: f.get("bytes")?,
    })
}
