//! Where a sleeve's profit comes from: by symbol, and by the plugin's version.
//!
//! Guarantees: each of the two tables adds up to the sleeve's profit exactly, because all of it is
//! read in one snapshot, in decimals, and what no trade explains (income, fees without a lot) has a
//! row of its own. A round trip and an open lot belong to the version that was at work when the lot
//! was opened: the position was its decision, whoever closes it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::{PgPool, Postgres, Transaction};
use stockade_core::decimal::round_half_even;

use super::filter::QueryError;
use super::past;
use super::value::{At, Number, Percent};

/// Where the profit comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// `realised + unrealised`: equity less net capital.
    pub profit: Number,
    /// Realised profit.
    pub realised: Number,
    /// Unrealised profit at the last marks; at cost where there is none.
    pub unrealised: Number,
    /// One row a symbol, by its name; interest and fees without a lot last, without
    /// a symbol.
    pub by_symbol: Vec<Share>,
    /// One row a version, from the earliest; what no version opened comes without one.
    pub by_version: Vec<Share>,
}

/// A part of the profit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Share {
    /// The symbol; `None` in the other table and where no trade explains it.
    pub symbol: Option<String>,
    /// Plugin and version; `None` in the other table, for a hand, and where no trade explains it.
    pub version: Option<String>,
    /// Round trips.
    pub round_trips: i64,
    /// Their net profit, and the income.
    pub realised: Number,
    /// Dividends of the symbol; part of `realised`.
    pub income: Number,
    /// Of what is open.
    pub unrealised: Number,
    /// Both.
    pub profit: Number,
    /// The profit by the sleeve's net capital: these add up to the return on capital.
    pub contribution_pct: Option<Percent>,
}

/// What the attribution is made of, read in one snapshot.
#[derive(Debug)]
pub struct AttributionRows {
    whole: Whole,
    versions: Vec<(i64, String)>,
    closed: Vec<Closed>,
    open: Vec<Open>,
    held: Vec<Held>,
    income: Vec<Income>,
}

/// A sleeve as its profit needs it.
#[derive(Debug, sqlx::FromRow)]
struct Whole {
    id: i64,
    realised: Decimal,
    capital: Decimal,
}

/// Round trips of a symbol whose lots were opened under a version.
#[derive(Debug, sqlx::FromRow)]
struct Closed {
    symbol: String,
    version: i32,
    trips: i64,
    net: Decimal,
}

/// Open lots of a symbol that were opened under a version, signed as they are held.
#[derive(Debug, sqlx::FromRow)]
struct Open {
    symbol: String,
    version: i32,
    qty: Decimal,
    cost: Decimal,
    fee: Decimal,
}

/// Dividends of a symbol.
#[derive(Debug, sqlx::FromRow)]
struct Income {
    symbol: String,
    amount: Decimal,
}

/// A position at its mark.
#[derive(Debug, sqlx::FromRow)]
struct Held {
    symbol: String,
    mark: Option<Decimal>,
    unrealised: Decimal,
}

const WHOLE: &str = "
    SELECT id, realised, initial_capital + added - withdrawn AS capital
      FROM stockade.sleeve WHERE account = $1 AND name = $2";
const VERSIONS: &str = "
    SELECT at_ns, kind, message FROM stockade.bot_event
     WHERE account = $1 AND sleeve = $2 AND kind IN ('deployed', 'reloaded') ORDER BY at_ns, id";
const CLOSED: &str = "
    SELECT symbol, width_bucket(entry_ns, $3::bigint[]) AS version, count(*) AS trips, sum(net) AS net
      FROM stockade.round_trip r
     WHERE account = $1 AND sleeve = $2 AND NOT EXISTS (
           SELECT FROM stockade.round_trip_void v WHERE v.account = r.account AND v.round_trip = r.id)
     GROUP BY 1, 2";
// A correction of a dividend belongs to the symbol of what it takes back.
const INCOME: &str = "
    SELECT a.symbol, -sum(p.amount) AS amount
      FROM stockade.posting p
      JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
      JOIN stockade.activity a ON a.account = p.account AND a.entry = coalesce(e.corrects, e.id)
     WHERE p.account = $1 AND p.sleeve = $2 AND p.ledger = 'dividends' AND a.symbol IS NOT NULL
     GROUP BY a.symbol";
const OPEN: &str = "
    SELECT symbol, width_bucket(opened_ns, $3::bigint[]) AS version,
           sum(CASE side WHEN 'long' THEN remaining ELSE -remaining END) AS qty,
           sum(CASE side WHEN 'long' THEN cost_left ELSE -cost_left END) AS cost,
           sum(fee_left) AS fee
      FROM stockade.lot WHERE account = $1 AND sleeve = $2 AND remaining > 0 GROUP BY 1, 2";
const HELD: &str = "
    SELECT p.symbol, m.price AS mark,
           coalesce(round(p.qty * m.price, 12), p.cost) - p.cost - p.fee_left AS unrealised
      FROM stockade.position p
      LEFT JOIN stockade.mark m ON m.account = p.account AND m.symbol = p.symbol
     WHERE p.account = $1 AND p.sleeve = $2 AND p.qty <> 0";

/// The attribution of a sleeve's profit; `None` where there is no such sleeve.
///
/// # Errors
/// When the database does not answer.
pub async fn attribution(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<Option<Attribution>, QueryError> {
    let rows = attribution_rows(pool, account, sleeve, at).await?;
    Ok(rows.map(|rows| rows.attribution()))
}

/// What the attribution of a sleeve's profit is made of; `None` where there is no such sleeve.
///
/// # Errors
/// When the database does not answer.
pub async fn attribution_rows(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<Option<AttributionRows>, QueryError> {
    let failed = |source| QueryError::Database { what: "the attribution", source };
    let mut snapshot = pool.begin().await.map_err(failed)?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *snapshot)
        .await
        .map_err(failed)?;
    let query = sqlx::query_as(past::statement(WHOLE, at, "$3"));
    let whole: Option<Whole> = past::bound(query.bind(account).bind(sleeve), at)
        .fetch_optional(&mut *snapshot)
        .await
        .map_err(failed)?;
    let Some(whole) = whole else { return Ok(None) };
    let found = read(&mut snapshot, account, whole, at).await.map_err(failed)?;
    snapshot.commit().await.map_err(failed)?;
    Ok(Some(found))
}

async fn read(
    snapshot: &mut Transaction<'_, Postgres>,
    account: &str,
    whole: Whole,
    at: Option<i64>,
) -> Result<AttributionRows, sqlx::Error> {
    let query = sqlx::query_as(past::statement(VERSIONS, at, "$3"));
    let events: Vec<(i64, String, String)> =
        past::bound(query.bind(account).bind(whole.id), at).fetch_all(&mut **snapshot).await?;
    let versions = timeline(&events);
    let since: Vec<i64> = versions.iter().map(|(at, _)| *at).collect();
    let query = sqlx::query_as(past::statement(CLOSED, at, "$4"));
    let query = query.bind(account).bind(whole.id).bind(&since);
    let closed: Vec<Closed> = past::bound(query, at).fetch_all(&mut **snapshot).await?;
    let query = sqlx::query_as(past::statement(OPEN, at, "$4"));
    let query = query.bind(account).bind(whole.id).bind(&since);
    let open: Vec<Open> = past::bound(query, at).fetch_all(&mut **snapshot).await?;
    let query = sqlx::query_as(past::statement(HELD, at, "$3"));
    let held: Vec<Held> =
        past::bound(query.bind(account).bind(whole.id), at).fetch_all(&mut **snapshot).await?;
    let query = sqlx::query_as(past::statement(INCOME, at, "$3"));
    let income: Vec<Income> =
        past::bound(query.bind(account).bind(whole.id), at).fetch_all(&mut **snapshot).await?;
    Ok(AttributionRows { whole, versions, closed, open, held, income })
}

/// From when on which version was at work.
fn timeline(events: &[(i64, String, String)]) -> Vec<(i64, String)> {
    let mut plugin = "";
    let mut versions: Vec<(i64, String)> = Vec::new();
    for (at, kind, message) in events {
        let version = if kind == "deployed" {
            // "plugin NAME version VERSION"
            let found =
                message.strip_prefix("plugin ").and_then(|rest| rest.rsplit_once(" version "));
            let Some((name, version)) = found else { continue };
            plugin = name;
            version
        } else {
            // "DIGEST to DIGEST (version VERSION), pause …"
            let found =
                message.split_once("(version ").and_then(|(_, rest)| rest.rsplit_once("), "));
            let Some((version, _)) = found else { continue };
            version
        };
        versions.push((*at, format!("{plugin} {version}").trim_start().to_owned()));
    }
    versions
}

impl AttributionRows {
    /// The profit, shared out. Exact: no sum of it is rounded.
    #[must_use]
    pub fn attribution(&self) -> Attribution {
        let unrealised: Decimal = self.held.iter().map(|position| position.unrealised).sum();
        let done = |mut share: Share| {
            share.profit = Number(share.realised.0 + share.unrealised.0);
            share.contribution_pct = (self.whole.capital > Decimal::ZERO)
                .then(|| Percent::of(share.profit.0, self.whole.capital))
                .flatten();
            share
        };
        Attribution {
            profit: Number(self.whole.realised + unrealised),
            realised: Number(self.whole.realised),
            unrealised: Number(unrealised),
            by_symbol: self.by_symbol().into_iter().map(done).collect(),
            by_version: self.by_version().into_iter().map(done).collect(),
        }
    }

    /// What no round trip explains: income, fees without a lot.
    fn rest(&self) -> Decimal {
        let traded: Decimal = self.closed.iter().map(|trips| trips.net).sum();
        self.whole.realised - traded
    }

    fn by_symbol(&self) -> Vec<Share> {
        let mut symbols: BTreeMap<&str, Share> = BTreeMap::new();
        for trips in &self.closed {
            symbols.entry(&trips.symbol).or_default().close(trips);
        }
        for position in &self.held {
            symbols.entry(&position.symbol).or_default().unrealised.0 += position.unrealised;
        }
        let mut rest = self.rest();
        for Income { symbol, amount } in &self.income {
            let share = symbols.entry(symbol).or_default();
            share.income.0 += amount;
            share.realised.0 += amount;
            rest -= amount;
        }
        let named = symbols
            .into_iter()
            .map(|(symbol, share)| Share { symbol: Some(symbol.to_owned()), ..share });
        let unnamed = Share { realised: Number(rest), ..Share::default() };
        named.chain((!rest.is_zero()).then_some(unnamed)).collect()
    }

    fn by_version(&self) -> Vec<Share> {
        let mut places: BTreeMap<i32, Share> = BTreeMap::new();
        for trips in &self.closed {
            places.entry(trips.version).or_default().close(trips);
        }
        let mut open: BTreeMap<&str, Vec<&Open>> = BTreeMap::new();
        for lots in &self.open {
            open.entry(&lots.symbol).or_default().push(lots);
        }
        for position in &self.held {
            let mut lots = open.remove(position.symbol.as_str()).unwrap_or_default();
            lots.sort_by_key(|lots| lots.version);
            // The latest version takes what rounding leaves, so that the parts are the whole.
            let last = lots.pop().map_or(0, |lots| lots.version);
            let mut rest = position.unrealised;
            for lots in lots {
                let part = lots.unrealised(position.mark);
                places.entry(lots.version).or_default().unrealised.0 += part;
                rest -= part;
            }
            places.entry(last).or_default().unrealised.0 += rest;
        }
        let rest = self.rest();
        if !rest.is_zero() {
            places.entry(0).or_default().realised.0 += rest;
        }
        joined(places, &self.versions)
    }
}

impl Share {
    fn close(&mut self, trips: &Closed) {
        self.round_trips += trips.trips;
        self.realised.0 += trips.net;
    }
}

impl Open {
    /// At the mark, rounded as a position's value is; at cost where there is none.
    fn unrealised(&self, mark: Option<Decimal>) -> Decimal {
        let value = mark.map_or(self.cost, |mark| round_half_even(self.qty * mark, 12));
        value - self.cost - self.fee
    }
}

/// One row a version: a bot that was deployed again with the same version goes on with its row.
fn joined(places: BTreeMap<i32, Share>, versions: &[(i64, String)]) -> Vec<Share> {
    let mut rows: Vec<Share> = Vec::new();
    for (place, share) in places {
        // Place 0 is before the first version.
        let at = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
        let version = at.and_then(|at| versions.get(at)).map(|(_, version)| version.clone());
        match rows.iter_mut().find(|row| row.version == version) {
            Some(row) => {
                row.round_trips += share.round_trips;
                row.realised.0 += share.realised.0;
                row.unrealised.0 += share.unrealised.0;
            }
            None => rows.push(Share { version, ..share }),
        }
    }
    rows
}

/// The net profit of each of a sleeve's round trips, from the earliest exit; those that a correction
/// took back are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn round_trip_nets(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<Vec<Number>, QueryError> {
    const NETS: &str = "
         SELECT r.net FROM stockade.round_trip r
           JOIN stockade.sleeve s ON s.account = r.account AND s.id = r.sleeve
          WHERE r.account = $1 AND s.name = $2 AND NOT EXISTS (
                SELECT FROM stockade.round_trip_void v
                 WHERE v.account = r.account AND v.round_trip = r.id)
          ORDER BY r.exit_ns, r.id";
    let query = sqlx::query_as(past::statement(NETS, at, "$3"));
    let nets: Vec<(Number,)> = past::bound(query.bind(account).bind(sleeve), at)
        .fetch_all(pool)
        .await
        .map_err(|source| QueryError::Database { what: "round trips", source })?;
    Ok(nets.into_iter().map(|(net,)| net).collect())
}

/// The prices of a symbol that the books keep, from the earliest: the marks of each snapshot of the
/// sleeves, and the latest mark. With `at` those that were known then.
///
/// # Errors
/// When the database does not answer.
pub async fn price_history(
    pool: &PgPool,
    account: &str,
    symbol: &str,
    at: Option<i64>,
) -> Result<Vec<(At, Number)>, QueryError> {
    const KEPT: &str = "
        SELECT at_ns, price FROM stockade.price WHERE account = $1 AND symbol = $2
         UNION SELECT at_ns, price FROM stockade.mark WHERE account = $1 AND symbol = $2
         ORDER BY at_ns";
    let query = sqlx::query_as(past::statement(KEPT, at, "$3"));
    past::bound(query.bind(account).bind(symbol), at)
        .fetch_all(pool)
        .await
        .map_err(|source| QueryError::Database { what: "the prices of a symbol", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn versions_are_read_from_what_happened_to_the_bot() {
        let event = |at: i64, kind: &str, message: &str| (at, kind.to_owned(), message.to_owned());
        let found = timeline(&[
            event(1, "deployed", "plugin sma-cross version 0.1.0"),
            event(
                5,
                "reloaded",
                "aaaaaaaaaaaa to bbbbbbbbbbbb (version 0.2.0-rc (1)), pause 12 us",
            ),
            event(7, "reloaded", "what nobody wrote"),
        ]);
        assert_eq!(
            found,
            [(1, "sma-cross 0.1.0".to_owned()), (5, "sma-cross 0.2.0-rc (1)".to_owned())]
        );
    }

    #[test]
    fn what_rounding_leaves_goes_to_the_latest_version() {
        let whole = Whole { id: 1, realised: dec("7.5"), capital: dec("100") };
        let versions = [(1, "a 1".to_owned()), (2, "a 2".to_owned()), (3, "a 1".to_owned())];
        let third = "0.333333333";
        let lots = |version: i32| Open {
            symbol: "X".to_owned(),
            version,
            qty: dec(third),
            cost: dec("1"),
            fee: dec("0.01"),
        };
        let held = [Held {
            symbol: "X".to_owned(),
            mark: Some(dec("3.1234567891")),
            unrealised: round_half_even(dec("0.999999999") * dec("3.1234567891"), 12) - dec("3.03"),
        }];
        let closed = [Closed { symbol: "Y".to_owned(), version: 2, trips: 3, net: dec("8") }];
        let found = AttributionRows {
            whole,
            versions: versions.to_vec(),
            closed: closed.into(),
            open: vec![lots(3), lots(1), lots(2)],
            held: held.into(),
            income: vec![Income { symbol: "X".to_owned(), amount: dec("0.75") }],
        }
        .attribution();
        for table in [&found.by_symbol, &found.by_version] {
            let sum: Decimal = table.iter().map(|share| share.profit.0).sum();
            assert_eq!(sum, found.profit.0, "{table:#?}");
        }
        let versions: Vec<Option<&str>> =
            found.by_version.iter().map(|share| share.version.as_deref()).collect();
        assert_eq!(versions, [None, Some("a 1"), Some("a 2")]);
        assert_eq!(found.by_version[0].realised.0, dec("-0.5"), "a fee without a lot");
        let symbols: Vec<Option<&str>> =
            found.by_symbol.iter().map(|share| share.symbol.as_deref()).collect();
        assert_eq!(symbols, [Some("X"), Some("Y"), None]);
    }
}
