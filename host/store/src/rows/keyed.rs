//! The tables that are kept by key.

use rust_decimal::Decimal;
use stockade_core::instrument::Instrument;
use stockade_core::order::Size;
use stockade_core::row::{
    AccountRow, ActivityRow, BotRow, BreakRow, LotRow, MarkRow, OrderRow, PositionRow, SleeveRow,
    SnapshotRow,
};
use stockade_core::{Money, Price, Qty, Symbol};

use super::table::{Conflict, table};
use super::value::{big, decimal, decimal_if, int, json, text, text_if, time, time_if, word};

table!(ACCOUNT: AccountRow, "account", Conflict::Replace(&[], &[]), stamped true, |r| {
    "broker_account_id" "text" = text_if(r.broker_account_id.as_ref()),
    "has_broker" "boolean" = Ok(r.has_broker),
    "era" "text" = text(&r.era),
    "state" "text" = text(r.state.as_str()),
    "state_reason" "text" = text_if(r.state_reason.as_ref()),
    "controls" "jsonb" = json(&r.controls),
    "allocation_factor" "numeric" = decimal(r.allocation_factor),
    "next_order" "bigint" = big(r.counters.order),
    "next_sleeve" "bigint" = big(r.counters.sleeve),
    "next_entry" "bigint" = big(r.counters.entry),
    "next_lot" "bigint" = big(r.counters.lot),
    "next_round_trip" "bigint" = big(r.counters.round_trip),
    "next_break" "bigint" = big(r.counters.break_id),
    "input_index" "bigint" = big(r.input_index.0),
    "market_ns" "bigint" = time(r.now.market),
    "machine_ns" "bigint" = time(r.now.machine),
    "fills_since_ns" "bigint" = time(r.fills_since),
    "opened_ns" "bigint" = time_if(r.opened_at),
    "link" "bytea" = Ok(r.link.0.to_vec()),
});

table!(INSTRUMENT: Instrument, "instrument", Conflict::Replace(&["symbol"], &[]), stamped false, |r| {
    "symbol" "text" = text(r.symbol.as_str()),
    "class" "text" = word(&r.class),
    "tradable" "boolean" = Ok(r.tradable),
    "fractionable" "boolean" = Ok(r.fractionable),
    "price_increment" "numeric" = decimal_if(r.price_increment.map(Price::get)),
    "min_qty" "numeric" = decimal_if(r.min_qty.map(Qty::get)),
});

table!(SLEEVE: SleeveRow, "sleeve", Conflict::Replace(&["id"], &["name"]), stamped false, |r| {
    "id" "bigint" = big(r.id.0),
    "name" "text" = text(r.name.as_str()),
    "kind" "text" = word(&r.kind),
    "state" "text" = text(r.state.as_str()),
    "state_reason" "text" = text_if(r.state_reason.as_ref()),
    "initial_capital" "numeric" = decimal(r.initial_capital.get()),
    "added" "numeric" = decimal(r.added.get()),
    "withdrawn" "numeric" = decimal(r.withdrawn.get()),
    "cash" "numeric" = decimal(r.cash.get()),
    "reserved" "numeric" = decimal(r.reserved.get()),
    "realised" "numeric" = decimal(r.realised.get()),
    "fees" "numeric" = decimal(r.fees.get()),
    "dividends" "numeric" = decimal(r.dividends.get()),
    "interest" "numeric" = decimal(r.interest.get()),
    "lots" "text" = word(&r.lots),
    "controls" "jsonb" = json(&r.controls),
    "day" "integer" = int(r.day),
    "day_start_equity" "numeric" = decimal(r.day_start_equity.get()),
    "next_intent" "bigint" = big(r.next_intent.0),
    "created_ns" "bigint" = time(r.created_at),
    "retired" "boolean" = Ok(r.retired),
});

table!(POSITION: PositionRow, "position", Conflict::Replace(&["sleeve", "symbol"], &[]), stamped false, |r| {
    "sleeve" "bigint" = big(r.sleeve.0),
    "symbol" "text" = text(r.symbol.as_str()),
    "qty" "numeric" = decimal(r.qty.get()),
    "cost" "numeric" = decimal(r.cost.get()),
    "fee_left" "numeric" = decimal(r.fee_left.get()),
});

table!(LOT: LotRow, "lot", Conflict::Replace(&["id"], &[]), stamped false, |r| {
    "id" "bigint" = big(r.id.0),
    "sleeve" "bigint" = big(r.sleeve.0),
    "symbol" "text" = text(r.symbol.as_str()),
    "side" "text" = word(&r.side),
    "opened_ns" "bigint" = time(r.opened_at),
    "qty" "numeric" = decimal(r.qty.get()),
    "remaining" "numeric" = decimal(r.remaining.get()),
    "entry_price" "numeric" = decimal(r.entry_price.get()),
    "cost" "numeric" = decimal(r.cost.get()),
    "cost_left" "numeric" = decimal(r.cost_left.get()),
    "fee" "numeric" = decimal(r.fee.get()),
    "fee_left" "numeric" = decimal(r.fee_left.get()),
    "execution_id" "text" = text(&r.execution_id),
});

fn size_qty(size: Size) -> Option<Decimal> {
    match size {
        Size::Qty(qty) => Some(qty.get()),
        Size::Notional(_) => None,
    }
}

fn size_notional(size: Size) -> Option<Decimal> {
    match size {
        Size::Qty(_) => None,
        Size::Notional(amount) => Some(amount.get()),
    }
}

table!(ORDER: OrderRow, "order", Conflict::Replace(&["id"], &["sleeve"]), stamped false, |r| {
    "id" "bigint" = big(r.id.0),
    "sleeve" "bigint" = big(r.sleeve.0),
    "intent_id" "bigint" = big(r.intent_id.0),
    "client_order_id" "text" = text(&r.client_order_id),
    "broker_order_id" "text" = text_if(r.broker_order_id.as_ref()),
    "symbol" "text" = text(r.symbol.as_str()),
    "side" "text" = text(r.side.as_str()),
    "qty" "numeric" = decimal_if(size_qty(r.size)),
    "notional" "numeric" = decimal_if(size_notional(r.size)),
    "type" "text" = text(r.order_type.as_str()),
    "limit_price" "numeric" = decimal_if(r.order_type.limit_price().map(Price::get)),
    "stop_price" "numeric" = decimal_if(r.order_type.stop_price().map(Price::get)),
    "sent_type" "text" = text(r.sent_type.as_str()),
    "sent_limit_price" "numeric" = decimal_if(r.sent_type.limit_price().map(Price::get)),
    "sent_stop_price" "numeric" = decimal_if(r.sent_type.stop_price().map(Price::get)),
    "time_in_force" "text" = text(r.time_in_force.as_str()),
    "extended_hours" "boolean" = Ok(r.extended_hours),
    "reason" "text" = text_if(r.reason.as_ref()),
    "tag" "text" = text_if(r.tag.as_ref()),
    "status" "text" = text(r.status.as_str()),
    "decision_price" "numeric" = decimal_if(r.decision_price.map(Price::get)),
    "worst_price" "numeric" = decimal(r.worst_price.get()),
    "reserved" "numeric" = decimal(Money::get(r.reserved)),
    "filled_qty" "numeric" = decimal(r.filled_qty.get()),
    "filled_value" "numeric" = decimal(r.filled_value.get()),
    "broker_filled_qty" "numeric" = decimal(r.broker_filled_qty.get()),
    "epoch" "bigint" = big(r.epoch),
    "attempt" "integer" = int(r.attempt),
    "cancel_requested" "boolean" = Ok(r.cancel_requested),
    "cancel_attempts" "integer" = int(r.cancel_attempts),
    "replaces" "bigint" = r.replaces.map(|id| big(id.0)).transpose(),
    "end_reason" "text" = text_if(r.end_reason.as_ref()),
    "lot" "bigint" = r.lot.map(|id| big(id.0)).transpose(),
    "plugin_version" "text" = text_if(r.plugin_version.as_ref()),
    "changes" "integer" = int(r.changes),
    "overfilled" "boolean" = Ok(r.overfilled),
    "lookups" "integer" = int(r.lookups),
    "accepted_ns" "bigint" = time(r.accepted_at),
    "claimed_ns" "bigint" = time(r.claimed_at),
    "updated_ns" "bigint" = time(r.updated_at),
});

table!(MARK: MarkRow, "mark", Conflict::Replace(&["symbol"], &[]), stamped false, |r| {
    "symbol" "text" = text(r.symbol.as_str()),
    "price" "numeric" = decimal(r.price.get()),
    "at_ns" "bigint" = time(r.at),
});

table!(BREAK: BreakRow, "break", Conflict::Replace(&["id"], &[]), stamped false, |r| {
    "id" "bigint" = big(r.id.0),
    "class" "text" = text(&r.class),
    "severity" "text" = text(&r.severity),
    "symbol" "text" = Ok(r.symbol.as_ref().map(Symbol::to_string)),
    "ours" "numeric" = decimal(r.ours),
    "broker" "numeric" = decimal(r.broker),
    "evidence" "text" = text(&r.evidence),
    "action" "text" = text(&r.action),
    "opened_ns" "bigint" = time(r.opened_at),
    "resolved_ns" "bigint" = time_if(r.resolved_at),
});

table!(BOT: BotRow, "bot", Conflict::Replace(&["sleeve"], &[]), stamped false, |r| {
    "sleeve" "bigint" = big(r.sleeve.0),
    "name" "text" = text(r.name.as_str()),
    "plugin" "text" = text(&r.plugin),
    "digest" "text" = text(&r.digest),
    "version" "text" = text(&r.version),
    "params" "jsonb" = json(&r.params),
    "symbols" "jsonb" = json(&r.symbols),
    "seed" "numeric" = Ok(Decimal::from(r.seed)),
    "generation" "bigint" = big(r.generation),
    "state" "text" = word(&r.state),
    "state_reason" "text" = text_if(r.state_reason.as_ref()),
    "strikes" "jsonb" = json(&r.strikes),
    "suspended_until_ns" "bigint" = time_if(r.suspended_until),
    "created_ns" "bigint" = time(r.created_at),
    "rejected" "jsonb" = json(&r.rejected),
});

table!(ACTIVITY: ActivityRow, "activity", Conflict::Replace(&["id"], &[]), stamped false, |r| {
    "id" "text" = text(&r.activity.id),
    "kind" "text" = word(&r.activity.kind),
    "symbol" "text" = Ok(r.activity.symbol.as_ref().map(Symbol::to_string)),
    "effective_ns" "bigint" = time(r.activity.effective_at),
    "net_amount" "numeric" = decimal(r.activity.net_amount.get()),
    "body" "jsonb" = json(&r.activity),
    "state" "text" = word(&r.state),
    "note" "text" = text(&r.note),
    "entry" "bigint" = r.entry.map(|id| big(id.0)).transpose(),
    "at_ns" "bigint" = time(r.at),
});

table!(SNAPSHOT: SnapshotRow, "snapshot", Conflict::Replace(&["sleeve"], &[]), stamped false, |r| {
    "sleeve" "bigint" = big(r.sleeve.0),
    "digest" "text" = text(&r.digest),
    "at_ns" "bigint" = time(r.at),
    "bytes" "bytea" = Ok(r.bytes.clone()),
});
