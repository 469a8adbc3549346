//! The tables that are only ever added to.

use stockade_core::id::EntryId;
use stockade_core::ledger::Posting;
use stockade_core::row::{
    BotEventRow, CorrectionRow, EntryRow, EquityRow, ExecutionRow, InputRow, LotChangeRow, MarkRow,
    OrderChangeRow, RefusalRow, RoundTripRow, RoundTripVoidRow,
};
use stockade_core::{Qty, Symbol};

use super::table::{Conflict, table};
use super::value::{big, decimal, decimal_if, int, json, small, text, text_if, time, word};

table!(INPUT: InputRow, "input", Conflict::Refuse, stamped true, |r| {
    "index" "bigint" = big(r.index.0),
    "market_ns" "bigint" = time(r.now.market),
    "machine_ns" "bigint" = time(r.now.machine),
    "kind" "text" = text(r.kind),
    "body" "json" = json(&r.body),
});

table!(ENTRY: EntryRow, "entry", Conflict::Refuse, stamped true, |r| {
    "id" "bigint" = big(r.id.0),
    "at_ns" "bigint" = time(r.at),
    "kind" "text" = text(r.kind.as_str()),
    "memo" "text" = text(&r.memo),
    "execution_id" "text" = text_if(r.execution_id.as_ref()),
    "source_id" "text" = text_if(r.source_id.as_ref()),
    "corrects" "bigint" = r.corrects.map(|id| big(id.0)).transpose(),
    "effective_ns" "bigint" = time(r.effective_at),
    "ratio" "numeric" = decimal_if(r.ratio),
    "link" "bytea" = Ok(r.link.0.to_vec()),
    "legs" "smallint" = small(r.postings.len()),
});

/// A posting with its place.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) entry: EntryId,
    pub(crate) leg: usize,
    pub(crate) posting: Posting,
}

table!(POSTING: Leg, "posting", Conflict::Refuse, stamped false, |r| {
    "entry" "bigint" = big(r.entry.0),
    "leg" "smallint" = small(r.leg),
    "sleeve" "bigint" = big(r.posting.sleeve.0),
    "ledger" "text" = text(r.posting.account.kind()),
    "symbol" "text" = Ok(r.posting.account.symbol().map(Symbol::to_string)),
    "amount" "numeric" = decimal(r.posting.amount.get()),
    "qty" "numeric" = decimal(r.posting.qty.get()),
});

table!(EXECUTION: ExecutionRow, "execution", Conflict::Refuse, stamped true, |r| {
    "execution_id" "text" = text(&r.execution_id),
    "sleeve" "bigint" = big(r.sleeve.0),
    "order_id" "bigint" = r.order.map(|id| big(id.0)).transpose(),
    "broker_order_id" "text" = text(&r.broker_order_id),
    "symbol" "text" = text(r.symbol.as_str()),
    "side" "text" = text(r.side.as_str()),
    "qty" "numeric" = decimal(r.qty.get()),
    "price" "numeric" = decimal(r.price.get()),
    "fee" "numeric" = decimal(r.fee.get()),
    "fee_qty" "numeric" = decimal(r.fee_qty.get()),
    "cumulative_qty" "numeric" = decimal_if(r.cumulative_qty.map(Qty::get)),
    "at_ns" "bigint" = time(r.at),
    "entry" "bigint" = big(r.entry.0),
    "source" "text" = word(&r.source),
});

table!(ROUND_TRIP: RoundTripRow, "round_trip", Conflict::Refuse, stamped false, |r| {
    "id" "bigint" = big(r.id.0),
    "sleeve" "bigint" = big(r.sleeve.0),
    "symbol" "text" = text(r.symbol.as_str()),
    "side" "text" = word(&r.side),
    "lot" "bigint" = big(r.lot.0),
    "qty" "numeric" = decimal(r.qty.get()),
    "entry_ns" "bigint" = time(r.entry_time),
    "entry_price" "numeric" = decimal(r.entry_price.get()),
    "exit_ns" "bigint" = time(r.exit_time),
    "exit_price" "numeric" = decimal(r.exit_price.get()),
    "gross" "numeric" = decimal(r.gross.get()),
    "opening_fee" "numeric" = decimal(r.opening_fee.get()),
    "closing_fee" "numeric" = decimal(r.closing_fee.get()),
    "net" "numeric" = decimal(r.net.get()),
    "cost" "numeric" = decimal(r.cost.get()),
    "exit_reason" "text" = text_if(r.exit_reason.as_ref()),
    "exit_execution_id" "text" = text(&r.exit_execution_id),
    "entry" "bigint" = big(r.entry.0),
});

table!(ROUND_TRIP_VOID: RoundTripVoidRow, "round_trip_void", Conflict::Refuse, stamped false, |r| {
    "round_trip" "bigint" = big(r.round_trip.0),
    "entry" "bigint" = big(r.entry.0),
    "at_ns" "bigint" = time(r.at),
});

table!(LOT_CHANGE: LotChangeRow, "lot_change", Conflict::Refuse, stamped false, |r| {
    "lot" "bigint" = big(r.lot.id.0),
    "entry" "bigint" = big(r.entry.0),
    "at_ns" "bigint" = time(r.at),
    "sleeve" "bigint" = big(r.lot.sleeve.0),
    "symbol" "text" = text(r.lot.symbol.as_str()),
    "side" "text" = word(&r.lot.side),
    "opened_ns" "bigint" = time(r.lot.opened_at),
    "qty" "numeric" = decimal(r.lot.qty.get()),
    "remaining" "numeric" = decimal(r.lot.remaining.get()),
    "entry_price" "numeric" = decimal(r.lot.entry_price.get()),
    "cost" "numeric" = decimal(r.lot.cost.get()),
    "cost_left" "numeric" = decimal(r.lot.cost_left.get()),
    "fee" "numeric" = decimal(r.lot.fee.get()),
    "fee_left" "numeric" = decimal(r.lot.fee_left.get()),
    "execution_id" "text" = text(&r.lot.execution_id),
});

table!(ORDER_CHANGE: OrderChangeRow, "order_change", Conflict::Refuse, stamped false, |r| {
    "order_id" "bigint" = big(r.order.0),
    "change" "integer" = int(r.change),
    "at_ns" "bigint" = time(r.at),
    "status" "text" = text(r.status.as_str()),
    "reserved" "numeric" = decimal(r.reserved.get()),
    "filled_qty" "numeric" = decimal(r.filled_qty.get()),
    "filled_value" "numeric" = decimal(r.filled_value.get()),
});

table!(CORRECTION: CorrectionRow, "correction", Conflict::Refuse, stamped false, |r| {
    "execution_id" "text" = text(&r.execution_id),
    "replacement" "text" = text_if(r.replacement.as_ref()),
    "entry" "bigint" = big(r.entry.0),
    "at_ns" "bigint" = time(r.at),
});

// The market's time can stand still between two snapshots of the sleeves: the first price stays.
table!(PRICE: MarkRow, "price", Conflict::Keep, stamped false, |r| {
    "symbol" "text" = text(r.symbol.as_str()),
    "at_ns" "bigint" = time(r.at),
    "price" "numeric" = decimal(r.price.get()),
});

table!(REFUSAL: RefusalRow, "refusal", Conflict::Refuse, stamped false, |r| {
    "sleeve" "bigint" = big(r.sleeve.0),
    "intent_id" "bigint" = big(r.intent_id.0),
    "at_ns" "bigint" = time(r.at),
    "intent" "jsonb" = json(&r.intent),
    "code" "text" = text(r.code),
    "message" "text" = text(&r.message),
});

table!(BOT_EVENT: BotEventRow, "bot_event", Conflict::Refuse, stamped false, |r| {
    "sleeve" "bigint" = big(r.sleeve.0),
    "generation" "bigint" = big(r.generation),
    "at_ns" "bigint" = time(r.at),
    "kind" "text" = text(&r.kind),
    "message" "text" = text(&r.message),
});

// A second sample of one sleeve and market time adds nothing: the market's time may have stood
// still since the first.
table!(EQUITY: EquityRow, "equity", Conflict::Keep, stamped false, |r| {
    "sleeve" "bigint" = big(r.sleeve.0),
    "at_ns" "bigint" = time(r.at),
    "session_close" "integer" = int(r.session_close.unwrap_or(0)),
    "cash" "numeric" = decimal(r.cash.get()),
    "market_value" "numeric" = decimal(r.market_value.get()),
    "exposure" "numeric" = decimal(r.exposure.get()),
    "net_capital" "numeric" = decimal(r.net_capital.get()),
    "realised" "numeric" = decimal(r.realised.get()),
});
