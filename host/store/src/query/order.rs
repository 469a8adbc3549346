//! Orders: `order list --json`.

use serde::Serialize;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::page::{List, Page, Rows};
use super::value::{At, Number};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Order {
    /// Its number in its account.
    pub id: i64,
    /// The account's label.
    pub account: String,
    /// Its owner.
    pub sleeve: String,
    /// What its bot calls it.
    pub intent_id: i64,
    /// The client order id.
    pub client_order_id: String,
    /// The broker's id, once known.
    pub broker_order_id: Option<String>,
    /// Of what.
    pub symbol: String,
    /// `buy` or `sell`.
    pub side: String,
    /// Quantity; `None` for a notional order.
    pub qty: Option<Number>,
    /// Amount; `None` for an order by quantity.
    pub notional: Option<Number>,
    /// `market`, `limit`, `stop` or `stop_limit`.
    #[serde(rename = "type")]
    #[sqlx(rename = "type")]
    pub order_type: String,
    /// Its limit price.
    pub limit_price: Option<Number>,
    /// Its trigger.
    pub stop_price: Option<Number>,
    /// What was sent.
    pub sent_type: String,
    /// The limit price that was sent: the collar of a market order.
    pub sent_limit_price: Option<Number>,
    /// How long it lives.
    pub time_in_force: String,
    /// Whether it may trade outside the regular session.
    pub extended_hours: bool,
    /// Where it is in its life.
    pub status: String,
    /// The price that the decision used.
    pub decision_price: Option<Number>,
    /// Cash that it holds now.
    pub reserved: Number,
    /// Filled so far.
    pub filled_qty: Number,
    /// Mean price of its executions.
    pub filled_avg_price: Option<Number>,
    /// Whether a cancel was asked for.
    pub cancel_requested: bool,
    /// Whether it filled beyond its quantity or reservation.
    pub overfilled: bool,
    /// The order that it replaces.
    pub replaces: Option<i64>,
    /// The intent's reason.
    pub reason: Option<String>,
    /// The intent's tag.
    pub tag: Option<String>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// When it was accepted.
    pub accepted_at: At,
    /// When it was last changed.
    pub updated_at: At,
}

/// Narrows orders further.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Those that are not final.
    pub open: bool,
    /// Those of this status.
    pub status: Option<String>,
}

macro_rules! columns {
    () => {
        "o.id, o.account, s.name AS sleeve, o.intent_id, o.client_order_id, o.broker_order_id,
         o.symbol, o.side, o.qty, o.notional, o.type, o.limit_price, o.stop_price, o.sent_type,
         o.sent_limit_price, o.time_in_force, o.extended_hours, o.status, o.decision_price,
         o.reserved, o.filled_qty,
         round(o.filled_value / nullif(o.filled_qty, 0), 12) AS filled_avg_price,
         o.cancel_requested, o.overfilled, o.replaces, o.reason, o.tag, o.end_reason,
         o.accepted_ns AS accepted_at, o.updated_ns AS updated_at"
    };
}

macro_rules! tables {
    () => {
        "stockade.order o JOIN stockade.sleeve s ON s.account = o.account AND s.id = o.sleeve"
    };
}

const BODY: &str = concat!("SELECT ", columns!(), " FROM ", tables!());

const LIST: List = List {
    what: "orders",
    noun: "order",
    columns: columns!(),
    rows: Rows::Joined(tables!()),
    key: &[("o.account", "text"), ("o.id", "bigint")],
    latest_first: true,
};

/// A page of orders by number.
///
/// # Errors
/// When the database does not answer, or a cursor is not this list's.
pub async fn order_page(
    pool: &PgPool,
    filter: &Filter,
    narrower: &OrderFilter,
) -> Result<Page<Order>, QueryError> {
    LIST.select(filter.at)
        .and("o.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone())
        .and("o.symbol =", filter.symbol.clone())
        .and("o.side =", filter.side.clone())
        .and("o.status =", narrower.status.clone())
        .and("o.accepted_ns >=", filter.from)
        .and("o.accepted_ns <", filter.to)
        .and("o.tag =", filter.tag.clone())
        .and("o.reason =", filter.reason.clone())
        .and("o.plugin_version =", filter.plugin_version.clone())
        .only(
            narrower.open,
            "o.status IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')",
        )
        .page(pool, filter)
        .await
}

/// Orders by number.
///
/// # Errors
/// As [`order_page`].
pub async fn order_list(
    pool: &PgPool,
    filter: &Filter,
    narrower: &OrderFilter,
) -> Result<Vec<Order>, QueryError> {
    Ok(order_page(pool, filter, narrower).await?.rows)
}

/// One order by its number, or by its client or broker order id; with `at` as it was then.
///
/// # Errors
/// When the database does not answer.
pub async fn order_show(
    pool: &PgPool,
    account: Option<&str>,
    id: &str,
    at: Option<i64>,
) -> Result<Option<Order>, QueryError> {
    let select = Select::at("an order", BODY, at).and("o.account =", account.map(str::to_owned));
    let select = match id.parse::<i64>() {
        Ok(number) => select.and("o.id =", Some(number)),
        Err(_) => select.and("% IN (o.client_order_id, o.broker_order_id)", Some(id.to_owned())),
    };
    let rows: Vec<Order> = select.then("ORDER BY o.account").fetch(pool).await?;
    Ok(rows.into_iter().next())
}
