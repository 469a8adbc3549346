//! How well a sleeve's orders were executed: slippage, fill rate, time to fill, fees.
//!
//! Guarantees: sums of money are exact; ratios are rounded at twelve decimals; what the orders
//! cannot give is `None` with a reason. The arrival price is the price that the decision used
//! (`decision_price` of the order); an order without one has no slippage.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgPool;
use stockade_core::decimal::round_half_even;

use super::filter::QueryError;
use super::past;
use super::value::Number;

/// How well orders were executed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExecutionQuality {
    /// Orders, open ones included, those that another one replaced left out.
    pub orders: i64,
    /// Orders that can't be filled any more.
    pub ended: i64,
    /// Ended orders that were filled in full.
    pub filled: i64,
    /// The mean part of an ended order that was filled: of its quantity, or of its amount.
    pub fill_rate: Option<Number>,
    /// `filled / ended`.
    pub filled_in_full: Option<Number>,
    /// Executions, those without an order (imports) included, those that were taken back left out.
    pub executions: i64,
    /// Quantity by price of all executions.
    pub traded: Number,
    /// Fees of all executions.
    pub fees: Number,
    /// Fees by what was traded, in hundredths of a per cent.
    pub fees_bps: Option<Number>,
    /// Against the arrival price.
    pub slippage: Slippage,
    /// From the order's acceptance to its executions, in milliseconds.
    pub time_to_fill: TimeToFill,
    /// Why a key has no value.
    pub why: BTreeMap<&'static str, &'static str>,
}

/// What executions cost beyond the arrival price: above zero is worse for the sleeve.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Slippage {
    /// Orders with an arrival price and an execution.
    pub orders: i64,
    /// Σ over them of filled value less filled quantity at the arrival price (sells mirrored).
    pub money: Option<Number>,
    /// That by the filled quantity at the arrival price, in hundredths of a per cent.
    pub bps: Option<Number>,
}

/// How long orders waited, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TimeToFill {
    /// Orders that were filled in full.
    pub orders: i64,
    /// Mean until the last execution.
    pub mean_ms: Option<Number>,
    /// Half of them were filled by then.
    pub median_ms: Option<Number>,
    /// 95 of a hundred were filled by then.
    pub p95_ms: Option<Number>,
    /// Half of the orders with an execution had the first one by then.
    pub first_median_ms: Option<Number>,
}

#[derive(sqlx::FromRow)]
struct Sums {
    orders: i64,
    ended: i64,
    filled: i64,
    parts: Decimal,
    arrived: i64,
    slipped: Decimal,
    at_arrival: Decimal,
    timed: i64,
    mean_ns: Option<Decimal>,
    median_ns: Option<i64>,
    p95_ns: Option<i64>,
    first_ns: Option<i64>,
    executions: i64,
    traded: Decimal,
    fees: Decimal,
}

// Two clocks meet in a time to fill, the broker's and ours: below zero is zero. A replaced order's
// executions count for slippage; the order that replaced it is the one that is filled or not.
const SUMS: &str = "
    WITH execution AS (
        SELECT e.order_id, count(*) AS executions, sum(e.fee) AS fees, sum(e.qty * e.price) AS traded,
               min(e.at_ns) AS first_ns, max(e.at_ns) AS last_ns
          FROM stockade.execution e
          JOIN stockade.sleeve s ON s.account = e.account AND s.id = e.sleeve
         WHERE e.account = $1 AND s.name = $2 AND NOT EXISTS (
               SELECT FROM stockade.correction c
                WHERE c.account = e.account AND c.execution_id = e.execution_id)
         GROUP BY e.order_id
    ), placed AS (
        SELECT o.status, o.filled_qty, o.filled_value, o.decision_price, o.qty, o.notional,
               CASE o.side WHEN 'buy' THEN 1 ELSE -1 END AS sign,
               o.status IN ('filled', 'canceled', 'expired', 'rejected', 'abandoned') AS is_ended,
               o.decision_price > 0 AND o.filled_qty > 0 AS has_arrival,
               CASE WHEN e.executions > 0 THEN greatest(e.first_ns - o.accepted_ns, 0) END AS first_after,
               CASE WHEN e.executions > 0 AND o.status = 'filled'
                    THEN greatest(e.last_ns - o.accepted_ns, 0) END AS last_after
          FROM stockade.order o
          JOIN stockade.sleeve s ON s.account = o.account AND s.id = o.sleeve
          LEFT JOIN execution e ON e.order_id = o.id
         WHERE o.account = $1 AND s.name = $2
    ), of_orders AS (
        SELECT count(*) FILTER (WHERE status <> 'replaced') AS orders,
               count(*) FILTER (WHERE is_ended) AS ended,
               count(*) FILTER (WHERE status = 'filled') AS filled,
               coalesce(sum(least(CASE WHEN status = 'filled' THEN 1
                    ELSE coalesce(filled_qty / qty, filled_value / notional) END, 1))
                    FILTER (WHERE is_ended), 0) AS parts,
               count(*) FILTER (WHERE has_arrival) AS arrived,
               coalesce(sum(sign * (filled_value - decision_price * filled_qty))
                    FILTER (WHERE has_arrival), 0) AS slipped,
               coalesce(sum(decision_price * filled_qty) FILTER (WHERE has_arrival), 0) AS at_arrival,
               count(last_after) AS timed, avg(last_after) AS mean_ns,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY last_after) AS median_ns,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY last_after) AS p95_ns,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY first_after) AS first_ns
          FROM placed
    ), of_executions AS (
        SELECT coalesce(sum(executions), 0)::bigint AS executions, coalesce(sum(traded), 0) AS traded,
               coalesce(sum(fees), 0) AS fees
          FROM execution
    )
    SELECT o.orders, o.ended, o.filled, round(o.parts, 12) AS parts, o.arrived,
           round(o.slipped, 12) AS slipped, round(o.at_arrival, 12) AS at_arrival, o.timed,
           round(o.mean_ns, 0) AS mean_ns, o.median_ns, o.p95_ns, o.first_ns, e.executions,
           round(e.traded, 12) AS traded, round(e.fees, 12) AS fees
      FROM of_orders o, of_executions e";

/// The quality of a sleeve's executions, or with `at` of those that were known then.
///
/// # Errors
/// When the database does not answer.
pub async fn execution_quality(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<ExecutionQuality, QueryError> {
    let query = sqlx::query_as(past::statement(SUMS, at, "$3"));
    let sums: Sums = past::bound(query.bind(account).bind(sleeve), at)
        .fetch_one(pool)
        .await
        .map_err(|source| QueryError::Database { what: "the quality of executions", source })?;
    Ok(sums.quality())
}

impl Sums {
    fn quality(self) -> ExecutionQuality {
        let mut quality = ExecutionQuality {
            orders: self.orders,
            ended: self.ended,
            filled: self.filled,
            fill_rate: ratio(self.parts, self.ended.into()),
            filled_in_full: ratio(self.filled.into(), self.ended.into()),
            executions: self.executions,
            traded: Number(self.traded),
            fees: Number(self.fees),
            fees_bps: bps(self.fees, self.traded),
            slippage: Slippage {
                orders: self.arrived,
                money: (self.arrived > 0).then_some(Number(self.slipped)),
                bps: bps(self.slipped, self.at_arrival),
            },
            time_to_fill: TimeToFill {
                orders: self.timed,
                mean_ms: self.mean_ns.map(millis),
                median_ms: self.median_ns.map(millis),
                p95_ms: self.p95_ns.map(millis),
                first_median_ms: self.first_ns.map(millis),
            },
            why: BTreeMap::new(),
        };
        let why = &mut quality.why;
        if self.ended == 0 {
            why.insert("fill_rate", "not enough data: no order has ended");
            why.insert("filled_in_full", "not enough data: no order has ended");
        }
        if quality.slippage.bps.is_none() {
            why.insert("slippage", "not enough data: no filled order has an arrival price");
        }
        if self.timed == 0 {
            why.insert("time_to_fill", "not enough data: no order was filled in full");
        }
        if quality.fees_bps.is_none() {
            why.insert("fees_bps", "not enough data: nothing was traded");
        }
        quality
    }
}

fn ratio(part: Decimal, whole: Decimal) -> Option<Number> {
    part.checked_div(whole).map(|ratio| Number(round_half_even(ratio, 12)))
}

fn bps(part: Decimal, whole: Decimal) -> Option<Number> {
    part.checked_mul(Decimal::from(10_000)).and_then(|part| ratio(part, whole))
}

fn millis(nanos: impl Into<Decimal>) -> Number {
    Number(round_half_even(nanos.into() / Decimal::from(1_000_000), 6))
}
