//! Accounts as their rows say.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::value::{At, Number};

/// What the label of an account ends with whose broker is simulated.
const SHADOW: &str = "-shadow";

/// The label of the account that shadows another: it trades what the other's market brings, at a
/// broker that is simulated.
#[must_use]
pub fn shadow_label(account: &str) -> String {
    format!("{account}{SHADOW}")
}

/// Whether an account is a shadow: nothing of it is ever sent to a broker.
#[must_use]
pub fn is_shadow(account: &str) -> bool {
    account.ends_with(SHADOW)
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Account {
    /// Its label.
    pub account: String,
    /// The broker's id that the ledger is pinned to.
    pub broker_account_id: Option<String>,
    /// Whether there is a broker at all.
    pub has_broker: bool,
    /// Its trading state.
    pub state: String,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// Cash of all its sleeves.
    pub cash: Number,
    /// Cash that open orders hold.
    pub reserved: Number,
    /// Positions of all its sleeves at their marks.
    pub market_value: Number,
    /// `cash + market_value`.
    pub equity: Number,
    /// Capital of its sleeves, house and suspense left out.
    pub allocated: Number,
    /// How much of the equity may be allocated.
    pub allocation_factor: Number,
    /// Account-wide controls.
    pub controls: Value,
    /// Sleeves of bots and people.
    pub sleeves: i64,
    /// Orders that are not final.
    pub open_orders: i64,
    /// Breaks that are not resolved.
    pub open_breaks: i64,
    /// The market's time of its last recorded input.
    pub market_time: At,
    /// The machine's time of its last recorded input.
    pub machine_time: At,
    /// The last recorded input.
    pub input_index: i64,
    /// Who holds it now, where anybody does; `None` of the past.
    pub holder: Option<String>,
}

const BODY: &str = "
    SELECT a.account, a.broker_account_id, a.has_broker, a.state, a.state_reason,
           coalesce(h.cash, 0) AS cash, coalesce(h.reserved, 0) AS reserved,
           coalesce(w.market_value, 0) AS market_value,
           coalesce(h.cash, 0) + coalesce(w.market_value, 0) AS equity,
           coalesce(h.allocated, 0) AS allocated, a.allocation_factor, a.controls,
           coalesce(h.sleeves, 0) AS sleeves,
           (SELECT count(*) FROM stockade.order o WHERE o.account = a.account AND o.status IN
               ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')) AS open_orders,
           (SELECT count(*) FROM stockade.break b WHERE b.account = a.account AND b.resolved_ns IS NULL) AS open_breaks,
           a.market_ns AS market_time, a.machine_ns AS machine_time, a.input_index,
           l.holder
      FROM stockade.account a
      LEFT JOIN (
        SELECT s.account, sum(s.cash) AS cash, sum(s.reserved) AS reserved,
               coalesce(sum(s.initial_capital + s.added - s.withdrawn) FILTER (WHERE s.kind IN ('bot', 'hand')), 0)
                   AS allocated,
               count(*) FILTER (WHERE s.kind IN ('bot', 'hand') AND NOT s.retired) AS sleeves
          FROM stockade.sleeve s GROUP BY s.account
      ) h ON h.account = a.account
      LEFT JOIN (
        SELECT p.account, sum(coalesce(round(p.qty * m.price, 12), p.cost)) AS market_value
          FROM stockade.position p
          LEFT JOIN stockade.mark m ON m.account = p.account AND m.symbol = p.symbol
         GROUP BY p.account
      ) w ON w.account = a.account
      LEFT JOIN stockade.lease l ON l.account = a.account AND l.released_at IS NULL AND l.expires_at > now()";

/// Accounts by label, also as they were; who held one then is not kept.
///
/// # Errors
/// When the database does not answer.
pub async fn account_list(pool: &PgPool, filter: &Filter) -> Result<Vec<Account>, QueryError> {
    let mut accounts: Vec<Account> = Select::at("accounts", BODY, filter.at)
        .and("a.account =", filter.account.clone())
        .then("ORDER BY a.account")
        .fetch(pool)
        .await?;
    if filter.at.is_some() {
        accounts.iter_mut().for_each(|account| account.holder = None);
    }
    Ok(accounts)
}
