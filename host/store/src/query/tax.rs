//! What tax reports start from: an account's history of shares, as booked, as the broker says it,
//! and its round trips beside its purchases.
//!
//! Guarantees: all parts of one report are read in one snapshot of the database; what a correction
//! took back is left out. The whole history is read, since lots have no beginning: a million
//! executions are about half a gigabyte.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Postgres, Row, Transaction};
use stockade_core::broker::PositionReport;
use stockade_core::id::{EntryId, RoundTripId};
use stockade_core::ledger::LotSide;
use stockade_core::ledger::tax::{AtBroker, Booked, Figures, Happening, What};
use stockade_core::ledger::wash::{Closed, Purchase, SplitAt};
use stockade_core::order::Side;
use stockade_core::{Money, Price, Qty, SleeveId, Symbol, Timestamp};

use super::filter::QueryError;
use super::past;

/// Everything that the bridge of an account needs.
#[derive(Debug, Clone, Default)]
pub struct TaxHistory {
    /// What changed its shares, in the order of the journal.
    pub happenings: Vec<Happening>,
    /// What the books and the broker say of each symbol.
    pub booked: BTreeMap<Symbol, Booked>,
    /// Names of its sleeves.
    pub sleeves: BTreeMap<SleeveId, String>,
}

/// Everything that the wash sales of an account need.
#[derive(Debug, Clone, Default)]
pub struct WashHistory {
    /// What opened lots.
    pub purchases: Vec<Purchase>,
    /// What was closed.
    pub closings: Vec<Closed>,
    /// Splits between them.
    pub splits: Vec<SplitAt>,
    /// Names of its sleeves.
    pub sleeves: BTreeMap<SleeveId, String>,
    /// Symbols that are coins, not securities.
    pub coins: BTreeSet<Symbol>,
}

/// Reads the history of an account's shares; with `at` as it was known then.
///
/// # Errors
/// When the database does not answer, or keeps what no version of this program writes.
pub async fn tax_history(
    pool: &PgPool,
    account: &str,
    at: Option<i64>,
) -> Result<TaxHistory, QueryError> {
    let failed = |source| QueryError::Database { what: "an account's history", source };
    let mut snapshot = Snapshot::begin(pool, account, at).await.map_err(failed)?;
    let history = snapshot.history().await.map_err(failed)?;
    snapshot.read.commit().await.map_err(failed)?;
    Ok(history)
}

/// Reads the purchases and round trips of an account; `day` gives the calendar day of a time, in
/// days since 1970-01-01.
///
/// # Errors
/// When the database does not answer, or keeps what no version of this program writes.
pub async fn wash_history(
    pool: &PgPool,
    account: &str,
    at: Option<i64>,
    day: impl Fn(Timestamp) -> i32,
) -> Result<WashHistory, QueryError> {
    let failed = |source| QueryError::Database { what: "an account's round trips", source };
    let mut snapshot = Snapshot::begin(pool, account, at).await.map_err(failed)?;
    let history = snapshot.round_trips(day).await.map_err(failed)?;
    snapshot.read.commit().await.map_err(failed)?;
    Ok(history)
}

/// What stands in the place of an execution that was corrected is booked in that one's place.
const TRADES: &str = "
    SELECT coalesce(o.entry, x.entry) AS entry, x.at_ns, x.symbol, x.sleeve, x.side, x.qty, x.fee_qty, x.price, x.fee, x.execution_id
      FROM stockade.execution x
      LEFT JOIN stockade.correction c ON c.account = x.account AND c.execution_id = x.execution_id
      LEFT JOIN stockade.correction k ON k.account = x.account AND k.replacement = x.execution_id
      LEFT JOIN stockade.execution o ON o.account = k.account AND o.execution_id = k.execution_id
     WHERE x.account = $1 AND c.execution_id IS NULL";

/// Legs of positions that no execution booked, with the profit that their entry booked for the
/// same sleeve (at its first leg: that is of what changed), and the opening time that a person gave to what came out of suspense.
const LEGS: &str = "
    SELECT e.id AS entry, e.effective_ns AS at_ns, e.kind, e.ratio, p.sleeve, p.symbol, p.qty, p.amount,
           CASE WHEN p.leg = (SELECT min(f.leg) FROM stockade.posting f
                      WHERE f.account = e.account AND f.entry = e.id AND f.sleeve = p.sleeve AND f.ledger = 'position')
                THEN coalesce((SELECT -sum(r.amount) FROM stockade.posting r
                      WHERE r.account = e.account AND r.entry = e.id AND r.sleeve = p.sleeve
                        AND r.ledger = 'realised'), 0) ELSE 0 END AS gross,
           (SELECT min(l.opened_ns) FROM stockade.lot_change l
             WHERE l.account = e.account AND l.entry = e.id AND l.sleeve = p.sleeve AND l.symbol = p.symbol
               AND e.kind = 'transfer') AS opened_ns
      FROM stockade.entry e
      JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id AND p.ledger = 'position'
     WHERE e.account = $1 AND e.kind NOT IN ('execution', 'correction')
     ORDER BY e.id, p.leg";

const BOOKED: &str = "
    SELECT symbol, sleeve, sum(qty) AS qty, sum(cost) AS cost, sum(realised) AS realised FROM (
        SELECT symbol, sleeve, qty, cost, 0 AS realised FROM stockade.position WHERE account = $1
        UNION ALL
        SELECT r.symbol, r.sleeve, 0, 0, r.gross FROM stockade.round_trip r
          LEFT JOIN stockade.round_trip_void v ON v.account = r.account AND v.round_trip = r.id
         WHERE r.account = $1 AND v.round_trip IS NULL
    ) both_sides GROUP BY symbol, sleeve";

const METHODS: &str = "
    SELECT l.symbol FROM stockade.lot l
      JOIN stockade.sleeve s ON s.account = l.account AND s.id = l.sleeve
     WHERE l.account = $1 AND s.lots <> 'fifo'
     UNION
    SELECT symbol FROM stockade.order WHERE account = $1 AND lot IS NOT NULL";

const REPORT: &str = "
    SELECT body -> 'answer' -> 'value' -> 'positions', (body -> 'answer' -> 'value' ->> 'began')::bigint
      FROM stockade.input
     WHERE account = $1 AND kind = 'snapshot' AND body -> 'answer' ->> 'answer' = 'done'
     ORDER BY index DESC LIMIT 1";

/// What an execution opened: what it moved less what it closed.
const PURCHASES: &str = "
    WITH closed AS (
        SELECT r.exit_execution_id, sum(r.qty) AS qty FROM stockade.round_trip r
          LEFT JOIN stockade.round_trip_void v ON v.account = r.account AND v.round_trip = r.id
         WHERE r.account = $1 AND v.round_trip IS NULL GROUP BY r.exit_execution_id
    )
    SELECT x.execution_id, x.sleeve, x.symbol, CASE x.side WHEN 'buy' THEN 'long' ELSE 'short' END AS side,
           x.at_ns, x.qty - x.fee_qty - coalesce(closed.qty, 0) AS qty
      FROM stockade.execution x
      LEFT JOIN stockade.correction c ON c.account = x.account AND c.execution_id = x.execution_id
      LEFT JOIN closed ON closed.exit_execution_id = x.execution_id
     WHERE x.account = $1 AND c.execution_id IS NULL AND x.qty - x.fee_qty > coalesce(closed.qty, 0)";

const CLOSINGS: &str = "
    SELECT r.id, r.sleeve, r.symbol, r.side, l.execution_id, r.exit_ns AS at_ns, r.qty, r.net
      FROM stockade.round_trip r
      JOIN stockade.lot l ON l.account = r.account AND l.id = r.lot
      LEFT JOIN stockade.round_trip_void v ON v.account = r.account AND v.round_trip = r.id
     WHERE r.account = $1 AND v.round_trip IS NULL";

/// One transaction that sees one state of the database.
struct Snapshot<'a> {
    read: Transaction<'static, Postgres>,
    account: &'a str,
    /// The moment that is asked for; `None` is now.
    at: Option<i64>,
}

impl<'a> Snapshot<'a> {
    async fn begin(pool: &PgPool, account: &'a str, at: Option<i64>) -> Result<Self, sqlx::Error> {
        let read = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(Self { read, account, at })
    }

    async fn rows(&mut self, sql: &'static str) -> Result<Vec<PgRow>, sqlx::Error> {
        let query = sqlx::query(past::statement(sql, self.at, "$2")).bind(self.account);
        match self.at {
            Some(at) => query.bind(at).fetch_all(&mut *self.read).await,
            None => query.fetch_all(&mut *self.read).await,
        }
    }

    async fn sleeves(&mut self) -> Result<BTreeMap<SleeveId, String>, sqlx::Error> {
        let rows = self.rows("SELECT id, name FROM stockade.sleeve WHERE account = $1").await?;
        rows.iter().map(|row| Ok((SleeveId(number(row, "id")?), row.try_get("name")?))).collect()
    }

    async fn history(&mut self) -> Result<TaxHistory, sqlx::Error> {
        let trades = self.rows(TRADES).await?;
        let mut happenings = trades.iter().map(trade).collect::<Result<Vec<_>, _>>()?;
        happenings.extend(self.others().await?);
        happenings.sort_by_key(|happening| happening.entry);
        let booked = self.booked().await?;
        Ok(TaxHistory { happenings, booked, sleeves: self.sleeves().await? })
    }

    /// What changed the shares beside executions.
    async fn others(&mut self) -> Result<Vec<Happening>, sqlx::Error> {
        let legs = self.rows(LEGS).await?;
        let legs = legs.iter().map(Leg::from_row).collect::<Result<Vec<_>, _>>()?;
        let mut happenings = Vec::new();
        for of_entry in legs.chunk_by(|a, b| (a.entry, &a.symbol) == (b.entry, &b.symbol)) {
            happenings.extend(others(of_entry)?);
        }
        Ok(happenings)
    }

    async fn booked(&mut self) -> Result<BTreeMap<Symbol, Booked>, sqlx::Error> {
        let mut booked: BTreeMap<Symbol, Booked> = BTreeMap::new();
        for row in &self.rows(BOOKED).await? {
            let sleeve = SleeveId(number(row, "sleeve")?);
            let figures = Figures {
                qty: Qty::new(row.try_get("qty")?),
                cost: Money::new(row.try_get("cost")?),
                realised: Money::new(row.try_get("realised")?),
            };
            let own = booked.entry(symbol(row)?).or_default();
            let side =
                if sleeve == SleeveId::SUSPENSE { &mut own.suspense } else { &mut own.sleeves };
            *side = *side + figures;
        }
        for row in &self.rows(METHODS).await? {
            booked.entry(symbol(row)?).or_default().methods = true;
        }
        if let Some(row) = self.rows(REPORT).await?.first() {
            let positions: sqlx::types::Json<Vec<PositionReport>> = row.try_get(0)?;
            let at = Timestamp(row.try_get(1)?);
            let none = AtBroker { qty: Qty::ZERO, average: Price::default(), at };
            for own in booked.values_mut() {
                own.broker = Some(none);
            }
            for position in positions.0 {
                let (qty, average) = (position.qty, position.average_entry);
                booked.entry(position.symbol).or_default().broker =
                    Some(AtBroker { qty, average, at });
            }
        }
        Ok(booked)
    }

    async fn round_trips(
        &mut self,
        day: impl Fn(Timestamp) -> i32,
    ) -> Result<WashHistory, sqlx::Error> {
        let purchases = self.rows(PURCHASES).await?;
        let purchases =
            purchases.iter().map(|row| purchase(row, &day)).collect::<Result<_, _>>()?;
        let closings = self.rows(CLOSINGS).await?;
        let closings = closings.iter().map(|row| closed(row, &day)).collect::<Result<_, _>>()?;
        let splits = splits(&self.others().await?);
        let sql = "SELECT symbol FROM stockade.instrument WHERE account = $1 AND class = 'crypto'";
        let coins = sqlx::query(sql).bind(self.account).fetch_all(&mut *self.read).await?;
        let coins = coins.iter().map(symbol).collect::<Result<_, _>>()?;
        Ok(WashHistory { purchases, closings, splits, sleeves: self.sleeves().await?, coins })
    }
}

/// A leg of a position.
#[derive(Debug, FromRow)]
struct Leg {
    entry: i64,
    at_ns: i64,
    kind: String,
    ratio: Option<Decimal>,
    sleeve: i64,
    symbol: String,
    qty: Decimal,
    amount: Decimal,
    gross: Decimal,
    opened_ns: Option<i64>,
}

impl Leg {
    fn sleeve(&self) -> Result<SleeveId, sqlx::Error> {
        u64::try_from(self.sleeve).map(SleeveId).map_err(odd)
    }
}

/// The legs of one entry in one symbol.
fn others(legs: &[Leg]) -> Result<Vec<Happening>, sqlx::Error> {
    let Some(first) = legs.first() else { return Ok(Vec::new()) };
    let entry = EntryId(u64::try_from(first.entry).map_err(odd)?);
    let symbol = Symbol::new(&first.symbol).map_err(odd)?;
    let at = Timestamp(first.at_ns);
    let whats = match (first.kind.as_str(), legs) {
        // The difference that one learnt of late made.
        ("split", [leg]) => {
            let ratio = leg.ratio.unwrap_or(Decimal::ONE);
            vec![What::LateSplit { sleeve: leg.sleeve()?, ratio }]
        }
        ("split", legs) => {
            let pairs = legs.chunks_exact(2);
            let split = |pair: &[Leg]| {
                let (before, after) = (Qty::new(-pair[0].qty), Qty::new(pair[1].qty));
                Ok(What::Split { sleeve: pair[0].sleeve()?, before, after })
            };
            pairs.map(split).collect::<Result<Vec<_>, sqlx::Error>>()?
        }
        ("transfer", [from, to]) => {
            let by_hand = from.sleeve()? == SleeveId::SUSPENSE;
            vec![What::Move {
                from: from.sleeve()?,
                to: to.sleeve()?,
                qty: Qty::new(to.qty),
                cost: Money::new(to.amount),
                opened: to.opened_ns.filter(|_| by_hand).map(Timestamp),
            }]
        }
        (_, legs) => {
            // A sleeve's legs are one change, and the profit is the entry's for the sleeve.
            let mut sums: BTreeMap<SleeveId, (Decimal, Decimal, Decimal)> = BTreeMap::new();
            for leg in legs {
                let sum = sums.entry(leg.sleeve()?).or_default();
                *sum = (sum.0 + leg.qty, sum.1 + leg.amount, sum.2 + leg.gross);
            }
            let other = |(sleeve, (qty, cost, gross))| What::Other {
                sleeve,
                qty: Qty::new(qty),
                cost: Money::new(cost),
                gross: Money::new(gross),
            };
            sums.into_iter().map(other).collect()
        }
    };
    Ok(whats
        .into_iter()
        .map(|what| Happening { entry, at, symbol: symbol.clone(), what })
        .collect())
}

fn trade(row: &PgRow) -> Result<Happening, sqlx::Error> {
    let side: String = row.try_get("side")?;
    let what = What::Trade {
        sleeve: SleeveId(number(row, "sleeve")?),
        side: if side == "buy" { Side::Buy } else { Side::Sell },
        qty: Qty::new(row.try_get("qty")?),
        fee_qty: Qty::new(row.try_get("fee_qty")?),
        price: Price::new(row.try_get("price")?),
        fee: Money::new(row.try_get("fee")?),
        execution_id: row.try_get::<String, _>("execution_id")?.into(),
    };
    let entry = EntryId(number(row, "entry")?);
    Ok(Happening { entry, at: Timestamp(row.try_get("at_ns")?), symbol: symbol(row)?, what })
}

fn purchase(row: &PgRow, day: &impl Fn(Timestamp) -> i32) -> Result<Purchase, sqlx::Error> {
    let at = Timestamp(row.try_get("at_ns")?);
    Ok(Purchase {
        execution_id: row.try_get::<String, _>("execution_id")?.into(),
        sleeve: SleeveId(number(row, "sleeve")?),
        symbol: symbol(row)?,
        side: lot_side(row)?,
        at,
        day: day(at),
        qty: Qty::new(row.try_get("qty")?),
    })
}

fn closed(row: &PgRow, day: &impl Fn(Timestamp) -> i32) -> Result<Closed, sqlx::Error> {
    let at = Timestamp(row.try_get("at_ns")?);
    Ok(Closed {
        round_trip: RoundTripId(number(row, "id")?),
        sleeve: SleeveId(number(row, "sleeve")?),
        symbol: symbol(row)?,
        side: lot_side(row)?,
        opened_by: row.try_get::<String, _>("execution_id")?.into(),
        at,
        day: day(at),
        qty: Qty::new(row.try_get("qty")?),
        net: Money::new(row.try_get("net")?),
    })
}

/// One ratio per symbol and time, whoever held.
fn splits(happenings: &[Happening]) -> Vec<SplitAt> {
    let mut sums: BTreeMap<(&Symbol, Timestamp), (Decimal, Decimal)> = BTreeMap::new();
    for happening in happenings {
        let (before, after) = match &happening.what {
            What::Split { before, after, .. } => (before.abs().get(), after.abs().get()),
            What::LateSplit { ratio, .. } => (Decimal::ONE, *ratio),
            _ => continue,
        };
        let sum = sums.entry((&happening.symbol, happening.at)).or_default();
        *sum = (sum.0 + before, sum.1 + after);
    }
    let ratio = |((symbol, at), (before, after)): ((&Symbol, Timestamp), (Decimal, Decimal))| {
        let ratio = after.checked_div(before).filter(|ratio| *ratio > Decimal::ZERO)?;
        Some(SplitAt { symbol: symbol.clone(), at, ratio })
    };
    sums.into_iter().filter_map(ratio).collect()
}

fn symbol(row: &PgRow) -> Result<Symbol, sqlx::Error> {
    Symbol::new(row.try_get("symbol")?).map_err(odd)
}

fn lot_side(row: &PgRow) -> Result<LotSide, sqlx::Error> {
    let side: String = row.try_get("side")?;
    Ok(if side == "long" { LotSide::Long } else { LotSide::Short })
}

fn number(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(odd)
}

/// A value that this program would not have written.
fn odd(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
