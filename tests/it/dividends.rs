//! Twenty-three years of one company's splits and dividends on the books, from real files.

use std::path::{Path, PathBuf};

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use stockade_store::testing::TestDatabase;
use stockade_venue::files::{ActionKind, ActionRow, BarRow, Source, read_actions, read_bars};
use tempfile::TempDir;

use crate::market::dec;
use crate::program::Surroundings;

const ACTIONS: &str = "corporate_actions.csv";
const BARS: &str = "bars_1d/AAPL.csv.gz";
/// From midnight in New York to the close, in nanoseconds.
const CLOSE: i64 = 16 * 3600 * 1_000_000_000;

/// The real files, where they are: `STOCKADE_TEST_DATA`, or `shared/data` beside the clone.
fn files() -> Option<(PathBuf, Vec<ActionRow>, Vec<BarRow>)> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("STOCKADE_TEST_DATA").map_or_else(beside, PathBuf::from);
    let (actions, bars) = (folder.join(ACTIONS), folder.join(BARS));
    if !actions.is_file() || !bars.is_file() {
        println!(
            "SKIPPED real corporate actions: no {ACTIONS} and {BARS} in STOCKADE_TEST_DATA or ../shared/data"
        );
        return None;
    }
    let mut rows = read_actions(&actions).unwrap();
    rows.retain(|row| row.symbol.as_str() == "AAPL");
    // On one day the dividend is of old shares.
    rows.sort_by_key(|row| (row.at, row.kind));
    let source = Source::parse(&format!("{}:AAPL", bars.display())).unwrap();
    Some((actions, rows, read_bars(&[source]).unwrap().rows))
}

struct Books {
    around: Surroundings,
    folder: TempDir,
    _database: TestDatabase,
}

impl Books {
    async fn new(capital: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new().await;
        let around = Surroundings::default()
            .with("STOCKADE_DATA", folder.path().join("data").display().to_string())
            .with("STOCKADE_DATABASE_URL", &database.url);
        let books = Self { around, folder, _database: database };
        books.around.run(&["sleeve", "create", "mine", "--capital", capital]).await.ok();
        books
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        self.around.run(&arguments).await.ok().json()
    }

    async fn import(&self, fills: &str, actions: &Path) {
        let path = self.folder.path().join("fills.csv");
        std::fs::write(&path, format!("time,symbol,side,qty,price,fee\n{fills}")).unwrap();
        self.around
            .run(&["import", "fills", path.to_str().unwrap(), "--sleeve", "mine"])
            .await
            .ok();
        let actions = actions.to_str().unwrap();
        for _ in 0..2 {
            self.around.run(&["import", "actions", actions, "--symbol", "AAPL"]).await.ok();
        }
        let open = self.json(&["action", "list", "--state", "flagged"]).await;
        assert_eq!(open, Value::Array(Vec::new()), "nothing waits for a person");
        let checked = self.json(&["db", "check"]).await;
        assert_eq!(checked["ok"], true, "{checked:#}");
    }

    async fn held(&self) -> Decimal {
        let positions = self.json(&["position", "list"]).await;
        dec(positions[0]["qty"].as_str().unwrap())
    }

    async fn cash(&self) -> Decimal {
        dec(self.json(&["sleeve", "show", "mine"]).await["cash"].as_str().unwrap())
    }
}

fn fill(at: i64, qty: Decimal, price: Decimal) -> String {
    let at = stockade_core::Timestamp(at);
    format!("{at},AAPL,buy,{qty},{price},0\n")
}

#[tokio::test]
async fn a_hundred_shares_become_eleven_thousand_two_hundred() {
    let Some((actions, rows, bars)) = files() else { return };
    let first = &bars[0];
    let books = Books::new("100000").await;
    books.import(&fill(first.at + CLOSE, dec("100"), first.close), &actions).await;
    let mut held = dec("100");
    let mut expected = Vec::new();
    for row in &rows {
        match row.kind {
            ActionKind::Split => held *= row.value,
            ActionKind::Dividend => expected.push((held * row.value).normalize()),
        }
    }
    assert_eq!(held, dec("11200"));
    assert_eq!(books.held().await, held);
    let journal = books.json(&["journal", "list", "--limit", "1000"]).await;
    let mut paid: Vec<Decimal> = journal
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "dividend")
        .flat_map(|entry| entry["postings"].as_array().unwrap().clone())
        .filter(|leg| leg["ledger"] == "cash")
        .map(|leg| dec(leg["amount"].as_str().unwrap()).normalize())
        .collect();
    let sum: Decimal = expected.iter().sum();
    assert_eq!(books.cash().await, dec("100000") - dec("100") * first.close + sum);
    paid.sort();
    expected.sort();
    assert_eq!(paid, expected, "each dividend is the held quantity times its value");
}

/// All purchases first, all actions afterwards: what a person does who migrates.
#[tokio::test]
async fn dividends_reinvested_are_the_total_return() {
    let Some((actions, rows, bars)) = files() else { return };
    let close_on = |at: i64| bars.iter().find(|bar| bar.at == at).map(|bar| bar.close);
    let first = bars[0];
    let capital = dec("100") * first.close;
    let mut fills = fill(first.at + CLOSE, dec("100"), first.close);
    let mut held = dec("100");
    let mut due = Decimal::ZERO;
    for (place, row) in rows.iter().enumerate() {
        match row.kind {
            ActionKind::Split => held *= row.value,
            ActionKind::Dividend => due += held * row.value,
        }
        let last_of_day = rows.get(place + 1).is_none_or(|next| next.at != row.at);
        if let (true, false, Some(close)) = (last_of_day, due.is_zero(), close_on(row.at)) {
            let qty = (due / close).round_dp_with_strategy(9, RoundingStrategy::ToZero);
            if !qty.is_zero() {
                fills.push_str(&fill(row.at + CLOSE, qty, close));
            }
            (held, due) = (held + qty, due - qty * close);
        }
    }
    let books = Books::new(&capital.normalize().to_string()).await;
    books.import(&fills, &actions).await;
    assert_eq!(books.held().await, held.normalize());
    let last = bars.last().unwrap().close;
    let total = (books.cash().await + held * last) / capital;
    let mut product = 1.0;
    for pair in bars.windows(2) {
        let on = |kind| {
            let of_day = rows.iter().find(|row| row.at == pair[1].at && row.kind == kind);
            of_day.map(|row| float(row.value))
        };
        let dividend = on(ActionKind::Dividend).unwrap_or(0.0);
        let split = on(ActionKind::Split).unwrap_or(1.0);
        product *= (float(pair[1].close) + dividend) * split / float(pair[0].close);
    }
    let off = (float(total) / product - 1.0).abs();
    assert!(off < 1e-4, "the books give {total}, the product of the days {product}: off by {off}");
}

fn float(value: Decimal) -> f64 {
    value.to_string().parse().unwrap()
}
