//! Bots and what happened to them.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::filter::{Filter, QueryError, Select};
use super::value::At;

/// A bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Bot {
    /// Its name.
    pub name: String,
    /// The account's label.
    pub account: String,
    /// Whether it trades in shadow: nothing of it is ever sent.
    pub shadow: bool,
    /// Its sleeve.
    pub sleeve: String,
    /// Its plugin.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// Its parameters by name.
    pub params: Value,
    /// Its symbols.
    pub symbols: Value,
    /// Rises with each instance.
    pub generation: i64,
    /// `loading`, `running`, `suspended`, `quarantined`, `stopped` or `retired`.
    pub state: String,
    /// Why.
    pub state_reason: Option<String>,
    /// Strikes inside the window.
    pub strikes: i32,
    /// Until when it is suspended.
    pub suspended_until: Option<At>,
    /// When it was deployed.
    pub created_at: At,
    /// Digests that are not tried again until a person says so.
    pub rejected: Value,
    /// Orders that are not final.
    pub open_orders: i64,
    /// Intents that were refused.
    pub refusals: i64,
}

/// Something that happened to a bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct BotEvent {
    /// Whose.
    pub bot: String,
    /// When, by the market's time.
    pub at: At,
    /// The generation of its instance.
    pub generation: i64,
    /// What: `deployed`, `strike`, `reloaded`, `quarantined`, …
    pub kind: String,
    /// In words.
    pub message: String,
}

const BODY: &str = "
    SELECT b.name, b.account, right(b.account, 7) = '-shadow' AS shadow, s.name AS sleeve, b.plugin, b.version, b.digest,
           (SELECT coalesce(jsonb_object_agg(pair->>0, pair->>1), '{}'::jsonb)
              FROM jsonb_array_elements(b.params) pair) AS params,
           b.symbols, b.generation, b.state, b.state_reason, jsonb_array_length(b.strikes) AS strikes,
           b.suspended_until_ns AS suspended_until, b.created_ns AS created_at,
           coalesce(b.rejected, '[]'::jsonb) AS rejected,
           (SELECT count(*) FROM stockade.order o WHERE o.account = b.account AND o.sleeve = b.sleeve
               AND o.status IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')) AS open_orders,
           (SELECT count(*) FROM stockade.refusal r WHERE r.account = b.account AND r.sleeve = b.sleeve) AS refusals
      FROM stockade.bot b
      JOIN stockade.sleeve s ON s.account = b.account AND s.id = b.sleeve";

/// Bots by account and age; retired ones only with `retired`. Of the past as they were deployed then.
///
/// # Errors
/// When the database does not answer.
pub async fn bot_list(
    pool: &PgPool,
    filter: &Filter,
    retired: bool,
) -> Result<Vec<Bot>, QueryError> {
    let mut select = Select::at("bots", BODY, filter.at)
        .and("b.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone());
    if !retired {
        select = select.only("b.state <> 'retired'");
    }
    select.then("ORDER BY b.account, b.sleeve").fetch(pool).await
}

/// One bot by name; the present one before retired ones of the same name. With `at` as it was then.
///
/// # Errors
/// When the database does not answer.
pub async fn bot_show(
    pool: &PgPool,
    account: Option<&str>,
    name: &str,
    at: Option<i64>,
) -> Result<Option<Bot>, QueryError> {
    let rows: Vec<Bot> = Select::at("a bot", BODY, at)
        .and("b.account =", account.map(str::to_owned))
        .and("b.name =", Some(name.to_owned()))
        .then("ORDER BY (b.state = 'retired'), b.account, b.sleeve")
        .fetch(pool)
        .await?;
    Ok(rows.into_iter().next())
}

const EVENTS: &str = "
    SELECT b.name AS bot, e.at_ns AS at, e.generation, e.kind, e.message
      FROM stockade.bot_event e
      JOIN stockade.bot b ON b.account = e.account AND b.sleeve = e.sleeve";

/// What happened to a bot, from the earliest; `filter.sleeve` is the bot's name here.
///
/// # Errors
/// When the database does not answer.
pub async fn bot_events(pool: &PgPool, filter: &Filter) -> Result<Vec<BotEvent>, QueryError> {
    Select::at("a bot's events", EVENTS, filter.at)
        .and("e.account =", filter.account.clone())
        .and("b.name =", filter.sleeve.clone())
        .and("e.at_ns >=", filter.from)
        .and("e.at_ns <", filter.to)
        .latest(filter.limit, "ORDER BY e.id DESC", "ORDER BY e.id")
        .fetch(pool)
        .await
}
