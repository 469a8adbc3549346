//! Sleeves with their profit: `sleeve list --json`.

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;

use super::filter::{Filter, QueryError, Select};
use super::position::Holding;
use super::value::{Number, Percent};

/// A sleeve and what it is worth at the last marks.
///
/// Holds exactly: `equity = cash + market_value` and
/// `realised + unrealised = equity - net capital`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sleeve {
    /// Its name.
    pub name: String,
    /// The account's label.
    pub account: String,
    /// Its bot, where one trades it.
    pub bot: Option<String>,
    /// Capital at its creation.
    pub initial_capital: Number,
    /// Cash.
    pub cash: Number,
    /// Cash that open orders hold.
    pub reserved: Number,
    /// Cash that no order holds; never below zero.
    pub buying_power: Number,
    /// Positions at their marks; at cost where there is no mark yet.
    pub market_value: Number,
    /// `cash + market_value`.
    pub equity: Number,
    /// Positions at their marks, short ones counted positive.
    pub exposure: Number,
    /// Realised profit.
    pub realised: Number,
    /// `market_value` less cost less opening fees not yet realised.
    pub unrealised: Number,
    /// All fees paid.
    pub fees: Number,
    /// Profit over net capital; `None` without capital.
    pub return_pct: Option<Percent>,
    /// What it holds.
    pub positions: Vec<Holding>,
    /// Its trading state; `None` in the past, which keeps none.
    pub state: Option<String>,
    /// Its capital now: at its creation, what was added since less what was withdrawn.
    pub net_capital: Number,
    /// Capital added since its creation.
    #[serde(skip)]
    pub added: Number,
    /// Capital withdrawn since.
    #[serde(skip)]
    pub withdrawn: Number,
    /// Why it is in its state.
    #[serde(skip)]
    pub state_reason: Option<String>,
    /// `bot`, `hand`, `house` or `suspense`.
    #[serde(skip)]
    pub kind: String,
    /// Its lot method.
    #[serde(skip)]
    pub lots: String,
    /// Its controls.
    #[serde(skip)]
    pub controls: Value,
}

impl Sleeve {
    /// What no sleeve should be, in words: facts are booked whatever they lead to.
    #[must_use]
    pub fn oddities(&self) -> Vec<String> {
        if !matches!(self.kind.as_str(), "bot" | "hand") {
            return Vec::new();
        }
        let cash = self.cash.0.is_sign_negative() && !self.cash.0.is_zero();
        let short = self.positions.iter().filter(|held| held.qty.0.is_sign_negative());
        let cash = cash.then(|| format!("cash is {}, below zero", self.cash));
        cash.into_iter()
            .chain(short.map(|held| format!("it is short of {} {}", -held.qty.0, held.symbol)))
            .collect()
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    name: String,
    account: String,
    bot: Option<String>,
    kind: String,
    lots: String,
    controls: Value,
    initial_capital: Number,
    added: Number,
    withdrawn: Number,
    cash: Number,
    reserved: Number,
    market_value: Number,
    exposure: Number,
    cost: Number,
    fee_left: Number,
    realised: Number,
    fees: Number,
    positions: Json<Vec<Holding>>,
    state: Option<String>,
    state_reason: Option<String>,
}

// A sleeve's positions are read by its key: those of others cost nothing.
const BODY: &str = "
    SELECT s.name, s.account, b.name AS bot, s.kind, s.lots, s.controls,
           s.initial_capital, s.added, s.withdrawn, s.cash, s.reserved,
           coalesce(h.market_value, 0) AS market_value, coalesce(h.exposure, 0) AS exposure, coalesce(h.cost, 0) AS cost,
           coalesce(h.fee_left, 0) AS fee_left, s.realised, s.fees,
           coalesce(h.positions, '[]'::jsonb) AS positions, s.state, s.state_reason
      FROM stockade.sleeve s
      LEFT JOIN LATERAL (
        SELECT sum(coalesce(round(p.qty * m.price, 12), p.cost)) AS market_value,
               sum(abs(coalesce(round(p.qty * m.price, 12), p.cost))) AS exposure, sum(p.cost) AS cost, sum(p.fee_left) AS fee_left,
               jsonb_agg(jsonb_build_object('symbol', p.symbol, 'qty', trim_scale(p.qty)::text)
                         ORDER BY p.symbol) AS positions
          FROM stockade.position p
          LEFT JOIN stockade.mark m ON m.account = p.account AND m.symbol = p.symbol
         WHERE p.account = s.account AND p.sleeve = s.id AND p.qty <> 0
      ) h ON true
      LEFT JOIN stockade.bot b ON b.account = s.account AND b.sleeve = s.id AND b.state <> 'retired'";

const ORDER: &str = "ORDER BY s.account, (s.kind IN ('house', 'suspense')), s.id";

impl From<Stored> for Sleeve {
    fn from(row: Stored) -> Self {
        let equity = row.cash.0 + row.market_value.0;
        let unrealised = row.market_value.0 - row.cost.0 - row.fee_left.0;
        let capital = row.initial_capital.0 + row.added.0 - row.withdrawn.0;
        let return_pct = (capital > Decimal::ZERO)
            .then(|| Percent::of(row.realised.0 + unrealised, capital))
            .flatten();
        Self {
            name: row.name,
            account: row.account,
            bot: row.bot,
            initial_capital: row.initial_capital,
            net_capital: Number(capital),
            cash: row.cash,
            reserved: row.reserved,
            buying_power: Number((row.cash.0 - row.reserved.0).max(Decimal::ZERO)),
            market_value: row.market_value,
            equity: Number(equity),
            exposure: row.exposure,
            realised: row.realised,
            unrealised: Number(unrealised),
            fees: row.fees,
            return_pct,
            positions: row.positions.0,
            state: row.state,
            added: row.added,
            withdrawn: row.withdrawn,
            state_reason: row.state_reason,
            kind: row.kind,
            lots: row.lots,
            controls: row.controls,
        }
    }
}

/// Whether a sleeve has this name, a retired one too.
///
/// # Errors
/// When the database does not answer.
pub async fn sleeve_is_known(
    pool: &PgPool,
    account: Option<&str>,
    name: &str,
) -> Result<bool, QueryError> {
    let text = "SELECT EXISTS (SELECT FROM stockade.sleeve
        WHERE name = $1 AND ($2::text IS NULL OR account = $2))";
    let found = sqlx::query_scalar(text).bind(name).bind(account).fetch_one(pool).await;
    found.map_err(|source| QueryError::Database { what: "a sleeve", source })
}

/// Sleeves: those of bots and people first, by age, then the house, then suspense where it holds
/// anything. Retired ones only with `retired`.
///
/// # Errors
/// When the database does not answer.
pub async fn sleeve_list(
    pool: &PgPool,
    filter: &Filter,
    retired: bool,
) -> Result<Vec<Sleeve>, QueryError> {
    let mut select = Select::at("sleeves", BODY, filter.at)
        .only("s.kind <> 'rounding'")
        .only("(s.kind <> 'suspense' OR s.cash <> 0 OR h.positions IS NOT NULL)")
        .and("s.account =", filter.account.clone())
        .and("s.name =", filter.sleeve.clone());
    if !retired {
        select = select.only("NOT s.retired");
    }
    let rows: Vec<Stored> = select.then(ORDER).fetch(pool).await?;
    Ok(rows.into_iter().map(Sleeve::from).collect())
}

/// One sleeve by name, also a retired or empty one; the first account's where several have it.
/// With `at` as it was then.
///
/// # Errors
/// When the database does not answer.
pub async fn sleeve_show(
    pool: &PgPool,
    account: Option<&str>,
    name: &str,
    at: Option<i64>,
) -> Result<Option<Sleeve>, QueryError> {
    let rows: Vec<Stored> = Select::at("a sleeve", BODY, at)
        .and("s.account =", account.map(str::to_owned))
        .and("s.name =", Some(name.to_owned()))
        .then(ORDER)
        .fetch(pool)
        .await?;
    Ok(rows.into_iter().next().map(Sleeve::from))
}
