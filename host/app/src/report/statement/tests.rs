#![allow(clippy::unwrap_used, reason = "a test may")]

use rust_decimal::Decimal;
use stockade_store::query::{
    At, LedgerBalance, Number, StatementBasis, StatementEntry, StatementLeg, StatementPrice,
    StatementRows, StatementScope, StatementSleeve, StatementTrade,
};

use super::build::StatementError;
use super::model::{BrokerSide, Statement};
use super::{Picture, build, csv, html, lay_out, pdf, text};

const DAY: i64 = 86_400_000_000_000;
const FROM: i64 = 20_000 * DAY;
const TO: i64 = 20_031 * DAY;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn number(text: &str) -> Number {
    Number(decimal(text))
}

fn leg(sleeve: &str, ledger: &str, amount: &str) -> StatementLeg {
    let (ledger, symbol) = ledger.split_once(' ').map_or((ledger, None), |(l, s)| (l, Some(s)));
    StatementLeg {
        sleeve: sleeve.to_owned(),
        ledger: ledger.to_owned(),
        symbol: symbol.map(str::to_owned),
        amount: number(amount),
    }
}

fn entry(id: i64, kind: &str, memo: &str, legs: Vec<StatementLeg>) -> StatementEntry {
    let at = At(FROM + id * DAY);
    StatementEntry {
        id,
        at,
        booked_at: at,
        kind: kind.to_owned(),
        memo: memo.to_owned(),
        legs,
        trade: None,
    }
}

fn trade(id: i64, side: &str, qty: &str, price: &str, legs: Vec<StatementLeg>) -> StatementEntry {
    let trade = StatementTrade {
        execution_id: format!("e{id}"),
        sleeve: "a".to_owned(),
        at: At(FROM + id * DAY),
        symbol: "X".to_owned(),
        side: side.to_owned(),
        qty: number(qty),
        price: number(price),
        reason: (side == "sell").then(|| "target".to_owned()),
    };
    StatementEntry { trade: Some(trade), ..entry(id, "execution", "a trade", legs) }
}

/// Sleeve a has 1,000 before the month; in it: 500 more, 10 X at 20.05 and a fee, 4 of them sold
/// at 25, a dividend, a fee a day later, and something that no statement of today knows.
fn entries() -> Vec<StatementEntry> {
    vec![
        entry(
            2,
            "allocation",
            "capital added to a",
            vec![
                leg("house", "cash", "-500"),
                leg("house", "capital", "500"),
                leg("a", "cash", "500"),
                leg("a", "capital", "-500"),
            ],
        ),
        trade(
            3,
            "buy",
            "10",
            "20.05",
            vec![
                leg("a", "cash", "-201.51"),
                leg("a", "position X", "200.5"),
                leg("a", "fees", "1.01"),
            ],
        ),
        trade(
            4,
            "sell",
            "4",
            "25",
            vec![
                leg("a", "cash", "99.123456789"),
                leg("a", "position X", "-80.2"),
                leg("a", "realised", "-19.8"),
                leg("a", "fees", "0.876543211"),
            ],
        ),
        entry(
            5,
            "dividend",
            "X pays 0.31 a share",
            vec![leg("a", "cash", "1.86"), leg("a", "dividends", "-1.86")],
        ),
        entry(
            6,
            "fee",
            "TAF of a day before",
            vec![leg("a", "cash", "-0.02"), leg("a", "fees", "0.02")],
        ),
        entry(
            7,
            "astonishment",
            "a kind of tomorrow",
            vec![leg("a", "cash", "3"), leg("a", "wonders", "-3")],
        ),
    ]
}

fn balances(entries: &[StatementEntry]) -> Vec<LedgerBalance> {
    let mut balances = vec![
        ("a", "cash", "1000"),
        ("a", "capital", "-1000"),
        ("house", "cash", "9000"),
        ("house", "capital", "-9000"),
    ]
    .into_iter()
    .map(|(sleeve, ledger, amount)| LedgerBalance {
        sleeve: sleeve.to_owned(),
        ledger: ledger.to_owned(),
        symbol: None,
        opening: number(amount),
        closing: number(amount),
        opening_qty: number("0"),
        closing_qty: number("0"),
    })
    .collect::<Vec<_>>();
    for leg in entries.iter().flat_map(|entry| &entry.legs) {
        let same = |b: &&mut LedgerBalance| {
            b.sleeve == leg.sleeve && b.ledger == leg.ledger && b.symbol == leg.symbol
        };
        match balances.iter_mut().find(same) {
            Some(balance) => balance.closing.0 += leg.amount.0,
            None => balances.push(LedgerBalance {
                sleeve: leg.sleeve.clone(),
                ledger: leg.ledger.clone(),
                symbol: leg.symbol.clone(),
                opening: number("0"),
                closing: leg.amount,
                opening_qty: number("0"),
                closing_qty: number(if leg.symbol.is_some() { "6" } else { "0" }),
            }),
        }
    }
    balances
}

fn scope(sleeve: Option<&str>) -> StatementScope {
    let sleeve = sleeve.map(str::to_owned);
    StatementScope {
        account: "paper".to_owned(),
        sleeve,
        from: FROM,
        to: TO,
        basis: StatementBasis::Trade,
        at: None,
    }
}

fn rows(sleeve: Option<&str>) -> StatementRows {
    let all = entries();
    let balances = balances(&all);
    let cash = |sleeve: &str| -> Number {
        let found = balances.iter().find(|b| b.sleeve == sleeve && b.ledger == "cash");
        found.unwrap().closing
    };
    let row = |name: &str, kind: &str| StatementSleeve {
        name: name.to_owned(),
        kind: kind.to_owned(),
        cash: cash(name),
    };
    let sleeves = vec![row("a", "bot"), row("house", "house")];
    let account_cash = Number(cash("a").0 + cash("house").0);
    let mut entries = all;
    for entry in &mut entries {
        entry.legs.retain(|leg| sleeve.is_none_or(|wanted| wanted == leg.sleeve));
    }
    StatementRows {
        market_time: At(TO - 1),
        sleeves,
        account_cash,
        account_cost: number("120.3"),
        balances,
        entries,
        closing_marks: vec![StatementPrice {
            symbol: "X".to_owned(),
            price: number("24"),
            at: At(TO - 5),
            of_file: false,
        }],
        ..StatementRows::default()
    }
}

fn statement(sleeve: Option<&str>) -> Statement {
    build(&scope(sleeve), &rows(sleeve), BrokerSide::Not("there is none".to_owned())).unwrap()
}

#[test]
fn opening_and_activity_are_the_closing() {
    let made = statement(Some("a"));
    let amounts = |lines: &[super::model::Amount]| -> Vec<(String, String)> {
        lines.iter().map(|l| (l.name.clone(), l.amount.normalize().to_string())).collect()
    };
    let pair = |name: &str, amount: &str| (name.to_owned(), amount.to_owned());
    assert_eq!(made.cash.opening, decimal("1000"));
    assert_eq!(made.cash.closing, decimal("1402.453456789"));
    assert_eq!(
        amounts(&made.cash_moves),
        [
            pair("Deposits and allocations", "500"),
            pair("Trades", "-102.386543211"),
            pair("Dividends", "1.86"),
            pair("Fees booked apart", "-0.02"),
            pair("Other", "3"),
        ]
    );
    assert_eq!(
        amounts(&made.income),
        [
            pair("Realised, of prices", "19.8"),
            pair("Fees", "-1.906543211"),
            pair("Dividends", "1.86"),
            pair("wonders", "3"),
        ]
    );
    // Six at 24 cost 120.3.
    assert_eq!(made.unrealised().closing, decimal("23.7"));
    assert_eq!(made.profit(), decimal("46.453456789"));
    assert_eq!(made.equity().change(), made.profit() + decimal("500"));
    assert_eq!(made.trades[1].net, decimal("99.123456789"));
    assert_eq!(made.positions[0].closing.as_ref().unwrap().qty, decimal("6"));
}

#[test]
fn an_account_is_all_its_sleeves() {
    let made = statement(None);
    // What moves between sleeves moves nothing of the account.
    assert_eq!(made.cash.change(), decimal("-97.546543211"));
    assert_eq!(made.capital.change(), Decimal::ZERO);
    assert_eq!(
        made.tie.sleeves.iter().map(|line| line.cash).sum::<Decimal>(),
        made.tie.account_cash
    );
    assert_eq!(made.tie.account_value, Some(decimal("144")));
}

#[test]
fn what_does_not_add_up_is_an_error_with_its_amounts() {
    let mut lost = rows(Some("a"));
    lost.entries.retain(|entry| entry.kind != "fee");
    let error = build(&scope(Some("a")), &lost, BrokerSide::Not(String::new())).unwrap_err();
    assert_eq!(
        error,
        StatementError::OffBalance {
            what: "cash of a".to_owned(),
            opening: decimal("1000"),
            activity: decimal("402.473456789"),
            closing: decimal("1402.453456789"),
            difference: decimal("0.02"),
        }
    );
    assert!(error.to_string().contains("a difference of 0.02"), "{error}");
    let mut torn = rows(None);
    torn.account_cash = number("1");
    let error = build(&scope(None), &torn, BrokerSide::Not(String::new())).unwrap_err();
    assert!(matches!(error, StatementError::Untied { what: "cash", .. }), "{error}");
    let mut stale = rows(None);
    stale.market_time = At(TO - DAY);
    stale.sleeves[0].cash.0 += Decimal::ONE;
    let error = build(&scope(None), &stale, BrokerSide::Not(String::new())).unwrap_err();
    assert!(error.to_string().contains("as the sleeves' rows say"), "{error}");
}

#[test]
fn a_price_that_is_not_known_is_said() {
    let mut rows = rows(Some("a"));
    rows.closing_marks.clear();
    let none = || BrokerSide::Not(String::new());
    let made = build(&scope(Some("a")), &rows, none()).unwrap();
    assert_eq!(made.market_value.closing, decimal("120.3"));
    assert!(text(&lay_out(&made)).contains("valued at cost"));
    let execution = |of_file| StatementPrice {
        symbol: "X".to_owned(),
        price: number("25"),
        at: At(TO - DAY),
        of_file,
    };
    rows.closing_prices = vec![execution(false)];
    let made = build(&scope(Some("a")), &rows, none()).unwrap();
    assert_eq!(made.market_value.closing, decimal("150"));
    assert!(text(&lay_out(&made)).contains("valued at its last execution"));
    // A mark follows the market: an execution of ours after it says nothing new, one of a file does.
    let mark = |price: &str| StatementPrice {
        price: number(price),
        at: At(TO - 2 * DAY),
        ..execution(false)
    };
    rows.closing_marks = vec![mark("24.5")];
    let made = build(&scope(Some("a")), &rows, none()).unwrap();
    assert_eq!(made.market_value.closing, decimal("147"));
    rows.closing_prices = vec![execution(true)];
    let made = build(&scope(Some("a")), &rows, none()).unwrap();
    assert_eq!(made.market_value.closing, decimal("150"));
}

/// Values have many digits where prices follow a split; sleeve by sleeve and symbol by symbol they
/// come to the same.
#[test]
fn sleeves_tie_to_the_account_at_market() {
    let mut rows = rows(None);
    let mut held = rows.balances.iter().find(|b| b.ledger == "position").unwrap().clone();
    rows.closing_marks[0].price = number("5.742187512345");
    for balance in rows.balances.iter_mut().filter(|b| b.ledger == "position") {
        balance.closing_qty = number("1.249382716");
    }
    for (sleeve, kind) in [("b", "hand"), ("c", "hand")] {
        held.sleeve = sleeve.to_owned();
        held.closing = number("0");
        held.closing_qty = number("1.249382717");
        rows.balances.push(held.clone());
        let (name, kind) = (sleeve.to_owned(), kind.to_owned());
        rows.sleeves.push(StatementSleeve { name, kind, cash: number("0") });
    }
    let made = build(&scope(None), &rows, BrokerSide::Not(String::new())).unwrap();
    let sum: Decimal = made.tie.sleeves.iter().map(|line| line.market_value).sum();
    assert_eq!(Some(sum), made.tie.account_value);
    let plain = text(&lay_out(&made));
    let difference = plain.lines().find(|line| line.starts_with("Difference")).unwrap();
    let cells: Vec<&str> = difference.split_whitespace().skip(1).collect();
    assert_eq!(cells, ["0.00"; 4], "{plain}");
}

#[test]
fn every_way_of_writing_holds_every_fact() {
    let made = statement(Some("a"));
    let document = lay_out(&made);
    let picture = Picture { title: "Equity".to_owned(), svg: "<svg></svg>".to_owned() };
    let page = html(&document, &[picture]);
    let plain = text(&document);
    let paper = String::from_utf8_lossy(&pdf(&document, &[])).into_owned();
    for fact in [
        "Statement of sleeve a",
        "1,402.453456789",
        "-102.386543211",
        "a kind of tomorrow",
        "wonders",
        "X pays 0.31 a share",
        "target",
        "All sleeves",
        "there is none",
    ] {
        let on_paper = paper.contains(&format!("({fact}")) || paper.contains(fact);
        assert!(page.contains(fact) && plain.contains(fact) && on_paper, "{fact}\n{plain}");
    }
    assert!(page.contains("<svg></svg>") && page.ends_with("</html>\n"));
    for foreign in ["http://", "https://", "<script", "<link", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let table = csv(&made).unwrap();
    let mut reader = ::csv::Reader::from_reader(table.as_slice());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let sum = |section: &str| -> Decimal {
        let of_section = rows.iter().filter(|row| &row[0] == section);
        of_section.map(|row| decimal(&row[12])).sum()
    };
    // Cash again, from the lines alone: what traded and what else happened.
    assert_eq!(decimal("1000") + sum("trade") + sum("activity"), made.cash.closing);
}

#[test]
fn text_from_outside_stays_text() {
    let mut rows = rows(Some("a"));
    rows.entries[3].memo = "<script>alert(1)</script> (\\) \u{1f600}".to_owned();
    let made = build(&scope(Some("a")), &rows, BrokerSide::Not(String::new())).unwrap();
    let page = html(&lay_out(&made), &[]);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    let paper = pdf(&lay_out(&made), &[]);
    let paper = String::from_utf8_lossy(&paper);
    assert!(paper.starts_with("%PDF-") && paper.trim_end().ends_with("%%EOF"));
    assert!(!paper.contains('\u{1f600}'));
}

#[test]
fn a_long_table_has_its_headings_on_every_page() {
    let mut document = lay_out(&statement(Some("a")));
    let place = document.sections.iter().position(|s| s.title == "Trades confirmed").unwrap();
    let row = document.sections[place].rows[0].clone();
    document.sections[place].rows = vec![row; 300];
    let paper = pdf(&document, &[]);
    let paper = String::from_utf8_lossy(&paper);
    let pages = paper.matches("/Type /Page\n").count();
    assert!(pages > 4, "{pages}");
    for page in 1..=pages {
        assert!(paper.contains(&format!("(page {page} of {pages})")), "{page} of {pages}");
    }
    let headings = paper.matches("(Net cash)").count();
    assert!((pages - 2..=pages).contains(&headings), "{headings} headings on {pages} pages");
    assert_eq!(pdf(&document, &[]), pdf(&document, &[]), "the same bytes");
}
