//! Statements and exports from the command line: what a person keeps, adds up to what the books hold.

use rust_decimal::Decimal;
use tempfile::TempDir;

use crate::program::Surroundings;

const FILLS: &str = "\
time,symbol,side,qty,price,fee,execution_id
2026-01-05T15:00:00Z,AAPL,buy,10,150.05,1.01,f1
2026-01-06T15:00:00Z,AAPL,split,4,0,0,f2
2026-01-07T15:00:00Z,AAPL,sell,16,40.25,0.333333333,f3
2026-01-08T15:00:00Z,MSFT,buy,1.5,400,0,f4
";

async fn books(folder: &TempDir) -> Surroundings {
    let data = folder.path().join("data").display().to_string();
    let around = Surroundings::default().with("STOCKADE_DATA", data);
    let fills = folder.path().join("fills.csv");
    std::fs::write(&fills, FILLS).unwrap();
    let fills = fills.display().to_string();
    around.run(&["sleeve", "create", "mine", "--capital", "10000"]).await.ok();
    around.run(&["import", "fills", &fills, "--sleeve", "mine"]).await.ok();
    around
}

fn decimal(text: &serde_json::Value) -> Decimal {
    text.as_str().expect("a decimal is a text").parse().expect("a decimal")
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_say_what_the_books_hold() {
    let folder = TempDir::new().unwrap();
    let around = books(&folder).await;
    // From the first trade on; the capital was allocated today, which is later.
    let period = ["--from", "2026-01-01", "--to", "2100-01-01"];
    let asked = |more: &[&'static str]| -> Vec<&'static str> {
        [&["statement", "mine"], period.as_slice(), more].concat()
    };
    let made = around.run(&asked(&["--json"])).await.ok().json();
    let show = around.run(&["sleeve", "show", "mine", "--json"]).await.ok().json();
    assert_eq!(decimal(&made["cash"]["closing"]), decimal(&show["cash"]));
    assert_eq!(decimal(&made["market_value"]["closing"]), decimal(&show["market_value"]));
    assert_eq!(made["trades"].as_array().unwrap().len(), 3);
    assert_eq!(made["positions"][0]["closing"]["qty"], "24");
    assert_eq!(made["activity"][0]["kind"], "split");
    let text = around.run(&asked(&[])).await.ok().stdout;
    // 10,000 less 1,501.51, plus 643.666666667, less 600.
    for fact in ["Statement of sleeve mine", "8,542.156666667", "CORPORATE ACTIONS", "1.343333333"]
    {
        assert!(text.contains(fact), "{fact} is not in\n{text}");
    }
    let whole = around.run(&[&["statement"], period.as_slice()].concat()).await.ok().stdout;
    assert!(whole.contains("Statement of account books") && whole.contains("house"), "{whole}");
    for format in ["html", "pdf", "csv"] {
        let out = folder.path().join(format!("mine.{format}")).display().to_string();
        let asked = [asked(&["--format"]), vec![format, "--out", &out]].concat();
        around.run(&asked).await.ok();
        let bytes = std::fs::read(&out).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains("8542.156666667") || format != "csv");
        assert!(bytes.starts_with(b"%PDF-") || format != "pdf");
        assert!(String::from_utf8_lossy(&bytes).contains("<svg") || format != "html");
    }
    let nobody = [&["statement", "nobody"], period.as_slice()].concat();
    around.run(&nobody).await.ended(4).says(&["nobody"]);
    let empty = ["statement", "mine", "--from", "2026-02-02", "--to", "2026-02-01"];
    around.run(&empty).await.ended(2).says(&["--from is not before --to"]);
}

/// What was imported today belongs to the days of its trades, and the books tie at each day's end.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_goes_by_the_day_of_the_trade() {
    let folder = TempDir::new().unwrap();
    let around = books(&folder).await;
    let days = ["--from", "2026-01-05", "--to", "2026-01-06"];
    let asked =
        |more: &[&'static str]| [&["statement", "mine", "--json"], &days[..], more].concat();
    let made = around.run(&asked(&[])).await.ok().json();
    assert_eq!(made["trades"].as_array().unwrap().len(), 1);
    assert_eq!(made["trades"][0]["execution_id"], "f1");
    assert_eq!((&made["basis"], &made["booked_later"]["entries"]), (&"trade".into(), &2.into()));
    let held = &made["positions"][0]["closing"];
    assert_eq!(held["qty"], "40", "after the split of the last day");
    // The only price is of before it, 150.05 for what is four shares now.
    assert_eq!((&held["price"], &held["value"]), (&"37.5125".into(), &"1500.5".into()));
    let ends = |of: &str| (decimal(&made[of]["opening"]), decimal(&made[of]["closing"]));
    let paid: Decimal = "-1501.51".parse().unwrap();
    assert_eq!(ends("cash"), (Decimal::ZERO, paid), "the capital was allocated later");
    assert_eq!(decimal(&made["tie"]["account_cash"]), paid);
    let text = around.run(&[&["statement", "mine"], &days[..]].concat()).await.ok().stdout;
    for fact in
        ["by the day of the trade", "2 of the entries were booked after", "Cash is below zero"]
    {
        assert!(text.contains(fact), "{fact} is not in\n{text}");
    }
    // The next day opens with what this one closed with.
    let next = ["statement", "mine", "--json", "--from", "2026-01-07", "--to", "2026-01-07"];
    let next = around.run(&next).await.ok().json();
    assert_eq!(decimal(&next["cash"]["opening"]), paid);
    assert_eq!(next["trips"].as_array().unwrap().len(), 1);
    // By booking nothing happened then; as it was then, nothing was known.
    let booked = around.run(&asked(&["--by", "booking"])).await.ok().json();
    assert_eq!(
        (booked["trades"].as_array().unwrap().len(), decimal(&booked["cash"]["closing"])),
        (0, Decimal::ZERO)
    );
    let then =
        ["statement", "--json", "--from", "2026-01-05", "--to", "2026-01-06", "--at", "2026-01-10"];
    let then = around.run(&then).await.ok().json();
    assert_eq!(
        (then["trades"].as_array().unwrap().len(), &then["as_of"]),
        (0, &"2026-01-10T23:59:59.999999999Z".into())
    );
}

/// Every reading command answers as of a moment, or says why it can't.
#[tokio::test(flavor = "multi_thread")]
async fn any_reading_command_takes_a_moment() {
    let folder = TempDir::new().unwrap();
    let around = books(&folder).await;
    around.run(&["risk", "halt", "mine", "--why", "looks wrong"]).await.ok();
    let (then, now) = ("2026-01-20T00:00:00Z", "2100-01-01T00:00:00Z");
    let lists: &[&[&str]] = &[
        &["sleeve", "list"],
        &["position", "list"],
        &["lot", "list"],
        &["roundtrip", "list"],
        &["execution", "list"],
        &["order", "list"],
        &["journal", "list"],
        &["refusal", "list"],
        &["action", "list"],
        &["break", "list", "--all"],
        &["bot", "list", "--all"],
        &["account", "list"],
        &["risk", "show"],
        &["capital", "show"],
        &["report", "bridge"],
        &["report", "wash-sales"],
    ];
    for list in lists {
        let ask = |at: &'static str| [list, ["--json", "--at", at].as_slice()].concat();
        let of_now = around.run(&[list, ["--json"].as_slice()].concat()).await.ok().json();
        assert_eq!(around.run(&ask(now)).await.ok().json(), of_now, "{list:?}");
        // Before the books began there was nothing, and no account to ask for.
        let before = around.run(&ask(then)).await;
        if before.code == Some(0) {
            let found = before.json();
            let empty = found.as_array().is_none_or(Vec::is_empty);
            assert!(empty || list[0] == "account" || list[0] == "capital", "{list:?}: {found}");
        }
    }
    let out = folder.path().join("lot.csv").display().to_string();
    let export = |table: &'static str, at| {
        ["export", table, "--format", "csv", "--out", out.as_str(), "--at", at].map(str::to_owned)
    };
    for (at, lines) in [(then, 1), (now, 3)] {
        let asked = export("lot", at);
        around.run(&asked.each_ref().map(String::as_str)).await.ok();
        assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), lines, "{at}");
    }
    let asked = export("lease", now);
    around.run(&asked.each_ref().map(String::as_str)).await.ended(2).says(&["keeps no past"]);
    for (asked, why) in [
        (&["reconcile", "--at", now][..], "the broker can be asked for the present alone"),
        (&["db", "check", "--at", now], "hold all of the past"),
        (&["capital", "add", "mine", "1", "--at", now], "changes something"),
        (&["account", "health", "--at", now], "connections now"),
    ] {
        around.run(asked).await.ended(2).says(&["--at has no meaning here", why]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_and_tables_are_exported() {
    let folder = TempDir::new().unwrap();
    let around = books(&folder).await;
    let page = ["execution", "list", "--json", "--page", "--limit", "2"];
    let first = around.run(&page).await.ok().json();
    assert_eq!(first["rows"][1]["execution_id"], "f4");
    let next = first["next"].as_str().expect("a next page").to_owned();
    let second = around.run(&[&page[..], &["--after", &next]].concat()).await.ok().json();
    assert_eq!(
        (second["rows"][0]["execution_id"].as_str(), &second["next"]),
        (Some("f1"), &serde_json::Value::Null)
    );
    let cut = around.run(&["execution", "list", "--limit", "1"]).await.ok();
    assert!(cut.stderr.contains("--after execution/"), "{}", cut.stderr);
    around.run(&["lot", "list", "--after", &next]).await.ended(2).says(&["lot/", "--after"]);
    let out = folder.path().join("posting.json").display().to_string();
    around.run(&["export", "posting", "--format", "json", "--out", &out]).await.ok();
    let text = std::fs::read_to_string(&out).unwrap();
    let sum: Decimal = text
        .lines()
        .map(|line| decimal(&serde_json::from_str::<serde_json::Value>(line).unwrap()["amount"]))
        .sum();
    assert!(sum.is_zero() && text.lines().count() > 10, "{sum}");
    let out = folder.path().join("lot.parquet").display().to_string();
    around.run(&["export", "lot", "--format", "parquet", "--out", &out]).await.ok();
    assert!(std::fs::read(&out).unwrap().ends_with(b"PAR1"));
    let wrong = ["export", "lots", "--format", "csv", "--out", &out];
    around.run(&wrong).await.ended(2).says(&["nearest is \"lot\""]);
    assert!(std::fs::read(&out).unwrap().ends_with(b"PAR1"), "the file that was there stays");
}
