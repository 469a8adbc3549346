//! The broker of a benchmark: what it reports, made up as fast as it can be booked.

use rust_decimal::Decimal;
use stockade_core::broker::{
    BrokerOrder, BrokerSnapshot, BrokerStatus, Fill, OrderReport, TradeUpdate,
};
use stockade_core::{Money, Price, Qty, Timestamp};

/// Executions of one order.
pub(super) const FILLS: u32 = 50;

/// An account with cash and nothing else.
pub(super) fn snapshot() -> BrokerSnapshot {
    let cash = Money::new(Decimal::from(1_000_000_000));
    BrokerSnapshot {
        account_id: "PABENCH".to_owned(),
        cash,
        equity: cash,
        buying_power: cash,
        trading_blocked: false,
        positions: Vec::new(),
        orders: Vec::new(),
        fills: Vec::new(),
        since: Timestamp(0),
        began: Timestamp(0),
        sessions: Vec::new(),
        activities: Vec::new(),
        corrections: Vec::new(),
    }
}

/// An order of which so much is filled.
pub(super) fn report(order: &BrokerOrder, filled: u32) -> OrderReport {
    OrderReport {
        broker_order_id: format!("broker-{}", order.order),
        client_order_id: order.client_order_id.clone(),
        symbol: order.symbol.clone(),
        side: order.side,
        qty: Some(Qty::new(FILLS.into())),
        filled_qty: Qty::new(filled.into()),
        filled_avg_price: None,
        limit_price: order.order_type.limit_price(),
        status: match filled {
            0 => BrokerStatus::Open,
            FILLS => BrokerStatus::Filled,
            _ => BrokerStatus::PartiallyFilled,
        },
        submitted_at: Timestamp(1),
        replaced_by: None,
    }
}

/// The message of an order's next fill.
pub(super) fn update(order: &BrokerOrder, filled: u32, number: u64, at: Timestamp) -> TradeUpdate {
    let report = report(order, filled);
    let fill = Fill {
        execution_id: format!("bench-execution-{number:08}"),
        broker_order_id: report.broker_order_id.clone(),
        client_order_id: Some(order.client_order_id.clone()),
        symbol: order.symbol.clone(),
        side: order.side,
        qty: Qty::new(Decimal::ONE),
        // Prices with cents: round trips with profits and losses.
        price: Price::new(Decimal::new(9_900 + i64::from(filled), 2)),
        fee: Money::new(Decimal::new(1, 2)),
        cumulative_qty: Some(report.filled_qty),
        at,
        fee_qty: stockade_core::Qty::ZERO,
    };
    let event = if filled == FILLS { "fill" } else { "partial_fill" };
    TradeUpdate { event: event.to_owned(), order: report, fill: Some(fill), correction: None }
}
