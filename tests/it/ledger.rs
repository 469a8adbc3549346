//! Our books against the exchange's own journal.
//!
//! The journal is a model apart: it shares no code with the books. Cash is what all sleeves hold,
//! house, suspense and rounding included, summed from the postings; quantities are summed from the
//! executions, since postings hold costs.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use stockade_exchange::{JournalKind, JournalLine};
use stockade_store::query::PgPool;

use crate::market::dec;
use crate::stage::Stage;

/// One entry of our books that moves cash or shares.
#[derive(Debug, sqlx::FromRow)]
struct Entry {
    id: i64,
    kind: String,
    execution_id: Option<String>,
    cash: Decimal,
    symbol: Option<String>,
    qty: Decimal,
}

/// An execution as the exchange booked it: its fill and its fee together.
#[derive(Debug, PartialEq, Eq)]
struct Execution {
    id: String,
    symbol: String,
    qty: Decimal,
    cash: Decimal,
}

async fn entries(pool: &PgPool) -> Vec<Entry> {
    let sql = "
        SELECT e.id, e.kind, e.execution_id, coalesce(p.cash, 0) AS cash, x.symbol,
               coalesce(CASE x.side WHEN 'buy' THEN x.qty ELSE -x.qty END, 0) AS qty
          FROM stockade.entry e
          LEFT JOIN (SELECT account, entry, sum(amount) FILTER (WHERE ledger = 'cash') AS cash
                       FROM stockade.posting GROUP BY account, entry) p ON p.account = e.account AND p.entry = e.id
          LEFT JOIN stockade.execution x ON x.account = e.account AND x.entry = e.id
         ORDER BY e.id";
    sqlx::query_as(sql).fetch_all(pool).await.unwrap()
}

fn executions(journal: &[JournalLine]) -> Vec<Execution> {
    let mut found: Vec<Execution> = Vec::new();
    for line in journal {
        let Some(id) = line.execution_id.map(|id| id.to_string()) else {
            continue;
        };
        if line.kind == JournalKind::Fill {
            let symbol = line.symbol.as_deref().unwrap_or_default().replace('/', "");
            found.push(Execution { id, symbol, qty: line.qty_delta, cash: line.cash_delta });
        } else if let Some(execution) = found.iter_mut().find(|execution| execution.id == id) {
            execution.cash += line.cash_delta;
            execution.qty += line.qty_delta;
        }
    }
    found
}

/// After every execution, in order, our sums equal the exchange's (I5, I6). Gives their number.
pub(crate) async fn agrees_line_by_line(stage: &Stage) -> usize {
    let journal = stage.journal();
    let theirs = executions(&journal);
    let opening: Decimal = journal
        .iter()
        .filter(|line| line.kind == JournalKind::Deposit)
        .map(|line| line.cash_delta)
        .sum();
    let (mut cash, mut expected) = (Decimal::ZERO, opening);
    let mut held: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut broker: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut next = theirs.iter();
    for entry in entries(stage.pool()).await {
        cash += entry.cash;
        if entry.kind != "execution" {
            continue;
        }
        let line = next
            .next()
            .unwrap_or_else(|| panic!("entry {} has no line at the exchange: {entry:?}", entry.id));
        assert_eq!(
            entry.execution_id.as_deref(),
            Some(line.id.as_str()),
            "entry {} is out of order",
            entry.id
        );
        let symbol = entry.symbol.clone().unwrap_or_default();
        *held.entry(symbol.clone()).or_default() += entry.qty;
        *broker.entry(line.symbol.clone()).or_default() += line.qty;
        expected += line.cash;
        assert_eq!(cash, expected, "cash after execution {} (entry {})", line.id, entry.id);
        assert_eq!(held, broker, "shares after execution {} (entry {})", line.id, entry.id);
    }
    assert_eq!(next.next(), None, "an execution of the exchange is in no entry");
    theirs.len()
}

/// Every execution of a journal is booked exactly once, with its amounts, in whatever order
/// (I5, I6, I16): nothing lost, nothing doubled. Gives their number.
pub(crate) async fn agrees_as_a_whole(pool: &PgPool, journal: &[JournalLine]) -> usize {
    let theirs = executions(journal);
    let entries = entries(pool).await;
    let ours: BTreeMap<&str, &Entry> =
        entries.iter().filter_map(|entry| Some((entry.execution_id.as_deref()?, entry))).collect();
    let booked = entries.iter().filter(|entry| entry.kind == "execution").count();
    assert_eq!(booked, theirs.len(), "executions booked, executions at the exchange");
    for line in &theirs {
        let entry = ours.get(line.id.as_str());
        let entry =
            entry.unwrap_or_else(|| panic!("execution {} of the exchange is not booked", line.id));
        let found = (entry.symbol.as_deref(), entry.qty, entry.cash);
        assert_eq!(
            found,
            (Some(line.symbol.as_str()), line.qty, line.cash),
            "execution {}",
            line.id
        );
    }
    let ours: Decimal = entries.iter().map(|entry| entry.cash).sum();
    let theirs_cash: Decimal = journal.iter().map(|line| line.cash_delta).sum();
    assert_eq!(ours, theirs_cash, "all cash");
    theirs.len()
}

/// What `GET /v2/account` and `GET /v2/positions` say equals the sums of our tables.
pub(crate) async fn agrees_with_the_account(stage: &Stage) {
    let account = stage.get("/v2/account");
    let cash: Decimal = sqlx::query_scalar("SELECT sum(cash) FROM stockade.sleeve")
        .fetch_one(stage.pool())
        .await
        .unwrap();
    assert_eq!(dec(account["cash"].as_str().unwrap()), cash, "cash of the account");
    let held: Vec<(String, Decimal)> = sqlx::query_as(
        "SELECT symbol, sum(qty) FROM stockade.position GROUP BY symbol HAVING sum(qty) <> 0 ORDER BY symbol",
    )
    .fetch_all(stage.pool())
    .await
    .unwrap();
    let mut theirs: Vec<(String, Decimal)> = stage
        .get("/v2/positions")
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["symbol"].as_str().unwrap().replace('/', ""), dec(p["qty"].as_str().unwrap())))
        .collect();
    theirs.sort();
    assert_eq!(
        held.iter().map(|(s, q)| (s.clone(), q.normalize())).collect::<Vec<_>>(),
        theirs.iter().map(|(s, q)| (s.clone(), q.normalize())).collect::<Vec<_>>(),
        "positions of the account"
    );
}

/// The journal of an exchange in another process.
pub(crate) fn journal_over_http(url: &str) -> Vec<JournalLine> {
    let mut lines: Vec<JournalLine> = Vec::new();
    loop {
        let path = lines
            .last()
            .map_or_else(|| "/journal".to_owned(), |line| format!("/journal?after={}", line.seq));
        let page = crate::stage::get(url, &path);
        let more: Vec<JournalLine> = serde_json::from_value(page["lines"].clone()).unwrap();
        if more.is_empty() {
            return lines;
        }
        lines.extend(more);
    }
}
