//! What no file and no broker says enough of: symbol changes, spin-offs and mergers are flagged, and a
//! person books them with one command, also days after others traded.

use rust_decimal::Decimal;
use serde_json::Value;
use tempfile::TempDir;

use crate::market::dec;
use crate::program::{Finished, Surroundings};

const FILLS: [(&str, &str); 2] = [
    (
        "old",
        "2025-01-06T15:00:00Z,GE,buy,10,100,1\n\
         2025-01-06T15:00:00Z,FB,buy,8,50,0\n\
         2025-01-06T15:00:00Z,TWTR,buy,4,40,0\n\
         2025-01-06T15:00:00Z,XLNX,buy,3,200,0\n\
         2025-01-16T15:00:00Z,GE,sell,10,90,0\n",
    ),
    ("new", "2025-01-17T15:00:00Z,GE,buy,10,90,0\n"),
];

const ACTIONS: &str = "\
timestamp,symbol,kind,value,new_symbol
2025-01-15T05:00:00Z,GE,spin-off,,
2025-01-20T05:00:00Z,FB,symbol-change,,META
2025-01-21T05:00:00Z,TWTR,merger,,
2025-01-22T05:00:00Z,XLNX,merger,,
2025-01-23T05:00:00Z,META,dividend,0.5,
";

struct Books {
    around: Surroundings,
    folder: TempDir,
}

impl Books {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data").display().to_string();
        let books = Self { around: Surroundings::default().with("STOCKADE_DATA", data), folder };
        for (sleeve, fills) in FILLS {
            books.run(&["sleeve", "create", sleeve, "--capital", "10000"]).await.ok();
            let file = books.file("fills.csv", &format!("time,symbol,side,qty,price,fee\n{fills}"));
            books.run(&["import", "fills", &file, "--sleeve", sleeve]).await.ok();
        }
        books
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        self.around.run(arguments).await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).await.ok().json()
    }

    /// The id of what is flagged of a symbol.
    async fn flagged(&self, symbol: &str) -> String {
        let list = ["action", "list", "--state", "flagged", "--symbol", symbol];
        let found = self.json(&list).await;
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found:#}");
        found[0]["id"].as_str().unwrap().to_owned()
    }

    /// Quantity and cost of a sleeve's symbol.
    async fn held(&self, sleeve: &str, symbol: &str) -> Option<(Decimal, Decimal)> {
        let lots = self.json(&["lot", "list", "--sleeve", sleeve, "--symbol", symbol]).await;
        let lots = lots.as_array().unwrap();
        let sum = |of: &str| lots.iter().map(|lot| dec(lot[of].as_str().unwrap())).sum();
        (!lots.is_empty()).then(|| (sum("remaining"), sum("cost_left")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_says_is_booked_to_who_held() {
    let books = Books::new().await;
    let file = books.file("actions.csv", ACTIONS);
    for _ in 0..2 {
        books.run(&["import", "actions", &file]).await.ok();
    }
    // The name was in the file, and the dividend of the new name found its holder.
    assert_eq!(books.held("old", "META").await, Some((dec("8"), dec("400"))));
    assert_eq!(books.held("old", "FB").await, None);
    let sleeve = books.json(&["sleeve", "show", "old"]).await;
    let paid = dec("10000") - dec("1001") - dec("400") - dec("160") - dec("600") + dec("900");
    assert_eq!(dec(sleeve["cash"].as_str().unwrap()), paid + dec("4"));

    // Who sold after the day has the new shares; who bought after it has none.
    let id = books.flagged("GE").await;
    let wrong = ["action", "book", &id, "--as", "spin-off", "--symbol", "GEV", "--ratio", "0.25"];
    books.run(&wrong).await.ended(2).says(&["--cost-share"]);
    let beyond = [&wrong[..], &["--cost-share", "101"]].concat();
    books.run(&beyond).await.ended(3).says(&["0 to 100 percent"]);
    books.run(&[&wrong[..], &["--cost-share", "20"]].concat()).await.ok();
    assert_eq!(books.held("old", "GEV").await, Some((dec("2.5"), dec("200"))));
    assert_eq!(books.held("new", "GEV").await, None);
    assert_eq!(books.held("new", "GE").await, Some((dec("10"), dec("900"))));
    let trips = books.json(&["roundtrip", "list", "--sleeve", "old", "--symbol", "GE"]).await;
    // 900 for what had cost 1,000 and costs 800 now.
    assert_eq!((trips.as_array().map(Vec::len), &trips[0]["gross"]), (Some(1), &"100".into()));

    let id = books.flagged("TWTR").await;
    books.run(&["action", "book", &id, "--as", "merger", "--cash", "54.2"]).await.ok();
    assert_eq!(books.held("old", "TWTR").await, None);
    let id = books.flagged("XLNX").await;
    let merger = ["action", "book", &id, "--as", "merger", "--symbol", "AMD", "--ratio", "1.7234"];
    books.run(&merger).await.ok();
    assert_eq!(books.held("old", "AMD").await, Some((dec("5.1702"), dec("600"))));
    books.run(&merger).await.ended(4).says(&[&id]);

    let left = books.json(&["action", "list", "--state", "flagged"]).await;
    assert_eq!(left, Value::Array(Vec::new()));
    let checked = books.json(&["db", "check"]).await;
    assert_eq!(checked["ok"], true, "{checked:#}");
    let bridge = books.json(&["report", "bridge"]).await;
    let parts = |symbol: &Value| symbol["to_account"].as_array().cloned().unwrap_or_default();
    let unexplained = bridge["symbols"].as_array().unwrap().iter().flat_map(parts);
    let unexplained: Vec<Value> =
        unexplained.filter(|part| part["cause"] == "unexplained").collect();
    assert_eq!(unexplained, Vec::<Value>::new(), "{bridge:#}");
    // Nobody is asked again, and what was not known yet is still not known then.
    let before = books.json(&["lot", "list", "--symbol", "GEV", "--at", "2025-02-01"]).await;
    assert_eq!(before, Value::Array(Vec::new()));
}
