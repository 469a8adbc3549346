//! What lists say of books that were made by hand: a slip is no empty list, the journal reads like a
//! journal, a mark stays one price whoever's history came first.

use tempfile::TempDir;

use crate::program::{Finished, Surroundings};

/// A sleeve's history with a split, which every sleeve's file has for itself.
const FILLS: &str = "\
time,symbol,side,qty,price,fee,execution_id
2026-01-05T15:00:00Z,AAPL,buy,10,200,1,NAME-1
2026-01-06T15:00:00Z,AAPL,sell,4,190,0.50,NAME-2
2026-01-07T05:00:00Z,AAPL,split,4,0,0,NAME-3
";

struct Books {
    around: Surroundings,
    folder: TempDir,
}

impl Books {
    async fn new(sleeves: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data").display().to_string();
        let books = Self { around: Surroundings::default().with("STOCKADE_DATA", data), folder };
        for sleeve in sleeves {
            books.run(&["sleeve", "create", sleeve, "--capital", "10000"]).await.ok();
            let file = books.folder.path().join(format!("{sleeve}.csv"));
            std::fs::write(&file, FILLS.replace("NAME", sleeve)).unwrap();
            let file = file.display().to_string();
            books.run(&["import", "fills", &file, "--sleeve", sleeve]).await.ok();
        }
        books
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        self.around.run(arguments).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleeve_that_nobody_has_is_no_empty_list() {
    let books = Books::new(&["mine"]).await;
    let nouns = [
        "action",
        "break",
        "execution",
        "journal",
        "lot",
        "order",
        "position",
        "refusal",
        "roundtrip",
    ];
    for noun in nouns {
        for more in [&[][..], &["--json"], &["--at", "2026-01-01"]] {
            let typed = [&[noun, "list", "--sleeve", "mien"], more].concat();
            books.run(&typed).await.ended(4).says(&["sleeve \"mien\" is not known"]);
        }
        books.run(&[noun, "list", "--sleeve", "mine", "--json"]).await.ok();
        // House and suspense are sleeves too.
        books.run(&[noun, "list", "--sleeve", "suspense", "--json"]).await.ok();
    }
    let wrong = ["order", "list", "--status", "done"];
    books.run(&wrong).await.ended(2).says(&["--status", "done", "partially_filled", "abandoned"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_that_each_history_has_is_one_of_the_price() {
    let books = Books::new(&["one", "two", "three"]).await;
    let positions = books.run(&["position", "list", "--json"]).await.ok().json();
    let positions = positions.as_array().unwrap();
    assert_eq!(positions.len(), 3);
    for position in positions {
        assert_eq!((&position["qty"], &position["mark"]), (&"24".into(), &"47.5".into()));
        assert_eq!(position["market_value"], "1140");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_reads_like_one() {
    let books = Books::new(&["mine"]).await;
    let text = books.run(&["journal", "list"]).await.ok().stdout;
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = text.lines().map(words).collect();
    let has = |wanted: &str| {
        let wanted = words(wanted);
        let found = lines.iter().any(|line| line.windows(wanted.len()).any(|part| part == wanted));
        assert!(found, "no line with {wanted:?} in\n{text}");
    };
    has("LEDGER SHARES DEBIT CREDIT MEMO");
    has("mine cash 2,001.00 mine bought 10 AAPL at 200");
    has("mine position AAPL 10 2,000.00");
    // A loss stands with the debits, as a fee does.
    has("mine realised 40.00");
    has("mine fees 0.50");
    has("mine position AAPL -6 1,200.00 split of AAPL: 4 for 1");
    has("mine position AAPL 24 1,200.00");
    // Where an amount stands tells what it is.
    let place = |line: &str, amount: &str| line.find(amount).map(|at| at + amount.len());
    let of = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    let head = text.lines().next().unwrap();
    assert_eq!(place(of("mine    realised"), "40.00"), place(head, "DEBIT"), "{text}");
    let first = text.lines().find(|line| line.contains("bought 10")).unwrap();
    assert_eq!(place(first, "2,001.00"), place(head, "CREDIT"), "{text}");
}
