//! What the database itself refuses, tried with the real psql through `stockade db psql`, as the
//! application's role and as the owner (I1, I4, I16; P14): the books hold without the program.

use tempfile::TempDir;

use crate::program::{Finished, Surroundings};

const FILLS: &str = "\
time,symbol,side,qty,price,fee,execution_id
2026-01-05T15:00:00Z,AAPL,buy,10,150,1,f1
2026-01-06T15:00:00Z,AAPL,sell,4,151,1,f2
";

/// Tables whose rows are only ever added.
const HISTORY: [&str; 15] = [
    "bot_event",
    "change",
    "correction",
    "entry",
    "equity",
    "execution",
    "figure",
    "input",
    "lot_change",
    "order_change",
    "posting",
    "price",
    "refusal",
    "round_trip",
    "round_trip_void",
];

struct Books {
    around: Surroundings,
    _folder: TempDir,
}

impl Books {
    /// Two executions in the private database of a data folder.
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data").display().to_string();
        let around = Surroundings::default().with("STOCKADE_DATA", data);
        let fills = folder.path().join("fills.csv");
        std::fs::write(&fills, FILLS).unwrap();
        around.run(&["sleeve", "create", "mine", "--capital", "10000"]).await.ok();
        let fills = fills.display().to_string();
        around.run(&["import", "fills", &fills, "--sleeve", "mine"]).await.ok();
        Self { around, _folder: folder }
    }

    /// One script, stopped at its first error; the whole is one transaction.
    async fn psql(&self, more: &[&str], script: &str) -> Finished {
        let command = ["--", "-XAt", "-v", "ON_ERROR_STOP=1", "-c", script];
        self.around.run(&[&["db", "psql"], more, &command[..]].concat()).await
    }

    /// Each script in a transaction of its own, whatever became of the one before; the errors.
    async fn each(&self, more: &[&str], scripts: &[String]) -> String {
        let scripts = scripts.iter().flat_map(|script| ["-c", script]);
        let command: Vec<&str> = ["--", "-XAt"].into_iter().chain(scripts).collect();
        self.around.run(&[&["db", "psql"], more, &command].concat()).await.stderr
    }

    /// The application's role is refused with these words, and nothing of it stays.
    async fn refused(&self, script: &str, words: &[&str]) {
        let before = self.all().await;
        self.psql(&[], script).await.ended(1).says(words);
        assert_eq!(self.all().await, before, "{script}");
    }

    /// A print of every table of the books.
    async fn all(&self) -> String {
        let tables = HISTORY.iter().chain(["order", "lot", "sleeve", "position", "account"].iter());
        let parts = tables
            .map(|name| format!("SELECT '{name}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM stockade.{name} t"));
        let sql = parts.collect::<Vec<_>>().join(" UNION ALL ");
        self.psql(&[], &sql).await.ok().stdout
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_the_books_must_never_hold() {
    let books = Books::new().await;
    let role = "SELECT session_user || ' ' || current_user";
    assert_eq!(books.psql(&[], role).await.ok().stdout.trim(), "stockade_app stockade_app");
    let back = "SET ROLE stockade";
    books.psql(&[], back).await.ended(1).says(&["permission denied to set role \"stockade\""]);
    unbalanced(&books).await;
    twice(&books).await;
    below_zero(&books).await;
    without_a_sleeve(&books).await;
    let checked = books.around.run(&["db", "check", "--json"]).await.ok().json();
    assert_eq!(checked["ok"], true, "{checked:#}");
}

fn entry(id: u32, kind: &str, execution: &str, legs: u32) -> String {
    format!(
        "INSERT INTO stockade.entry (account, id, epoch, at_ns, kind, memo, execution_id, legs, effective_ns, link) \
         VALUES ('books', {id}, 1, 0, '{kind}', 'by hand', {execution}, {legs}, 0, decode(repeat('00', 32), 'hex'));"
    )
}

fn legs(entry: u32, amounts: &[&str]) -> String {
    let rows: Vec<String> = (amounts.iter().enumerate())
        .map(|(leg, amount)| format!("('books', {entry}, {leg}, 10, 'cash', NULL, {amount}, 0)"))
        .collect();
    format!(
        "INSERT INTO stockade.posting (account, entry, leg, sleeve, ledger, symbol, amount, qty) VALUES {};",
        rows.join(", ")
    )
}

/// An entry whose legs don't sum to zero, or aren't all there; a leg for an entry that is closed.
async fn unbalanced(books: &Books) {
    let script = entry(900, "adjustment", "NULL", 2) + &legs(900, &["5", "-4.999999999"]);
    let words = ["entry 900 of account books has 2 of 2 legs", "sums to 0.000000001"];
    books.refused(&script, &words).await;
    let script = entry(900, "adjustment", "NULL", 3) + &legs(900, &["5", "-5"]);
    books.refused(&script, &["entry 900 of account books has 2 of 3 legs"]).await;
    let alone = entry(900, "adjustment", "NULL", 2);
    books.refused(&alone, &["entry 900 of account books has 0 of 2 legs"]).await;
    let count = "(SELECT max(leg) + 1 FROM stockade.posting WHERE account = 'books' AND entry = 1)";
    let script = legs(1, &["7"]).replace("1, 0, 10", &format!("1, {count}, 10"));
    books.refused(&script, &["belongs to no leg of entry 1 of account books"]).await;
    books.refused(&legs(901, &["7", "-7"]), &["belongs to no leg of entry 901"]).await;
    let script = entry(900, "adjustment", "NULL", 2) + &legs(900, &["'NaN'", "'NaN'"]);
    books.refused(&script, &["posting_numbers"]).await;
}

/// An execution that is booked already: its row, and an entry for it.
async fn twice(books: &Books) {
    let columns = "account, execution_id, epoch, sleeve, order_id, broker_order_id, symbol, side, qty, price, fee, \
                   cumulative_qty, at_ns, entry, source, fee_qty";
    let again = format!(
        "INSERT INTO stockade.execution ({columns}) SELECT {columns} FROM stockade.execution LIMIT 1"
    );
    books.refused(&again, &["execution_once", "already exists"]).await;
    let of = "(SELECT execution_id FROM stockade.execution LIMIT 1)";
    let script = entry(900, "execution", of, 2) + &legs(900, &["5", "-5"]);
    books.refused(&script, &["entry_execution", "already exists"]).await;
    let free = "(SELECT max(entry) + 500 FROM stockade.execution)";
    let stray = again.replace("SELECT account, execution_id,", "SELECT account, 'another',");
    let stray = stray.replace(
        "at_ns, entry, source, fee_qty FROM",
        &format!("at_ns, {free}, source, fee_qty FROM"),
    );
    books.refused(&stray, &["execution_in_entry", "execution another of account books"]).await;
    // An entry books one execution: the next id can't hide behind it.
    let beside = again.replace("SELECT account, execution_id,", "SELECT account, 'another',");
    books.refused(&beside, &["execution_in_entry", "execution another of account books"]).await;
}

/// A lot with less than nothing, and with more than it ever was.
async fn below_zero(books: &Books) {
    let less = "UPDATE stockade.lot SET remaining = -1, cost_left = 0, fee_left = 0";
    books.refused(less, &["lot_remaining"]).await;
    books.refused("UPDATE stockade.lot SET remaining = qty + 1", &["lot_remaining"]).await;
    books.refused("UPDATE stockade.lot SET cost_left = -0.01", &["lot_cost_left_check"]).await;
    // Not a number is above every number.
    let odd = "UPDATE stockade.lot SET qty = 'NaN', remaining = 'NaN'";
    books.refused(odd, &["lot_numbers"]).await;
    books.refused("UPDATE stockade.lot SET id = id + 100", &["key_stays"]).await;
    let closed = "UPDATE stockade.lot SET remaining = 0";
    books.refused(closed, &["lot_nothing_left"]).await;
}

/// An order, and its change of hands, to a sleeve that nobody has.
async fn without_a_sleeve(books: &Books) {
    let order = |sleeve: &str| {
        format!(
            "INSERT INTO stockade.order (account, id, sleeve, intent_id, client_order_id, symbol, side, qty, type, \
             sent_type, time_in_force, extended_hours, status, worst_price, reserved, filled_qty, filled_value, \
             broker_filled_qty, epoch, attempt, cancel_requested, cancel_attempts, overfilled, lookups, accepted_ns, \
             claimed_ns, updated_ns) VALUES ('books', 900, {sleeve}, 1, 'c1', 'AAPL', 'buy', 1, 'market', 'market', \
             'day', false, 'accepted', 1, 0, 0, 0, 0, 0, 0, false, 0, false, 0, 0, 0, 0);"
        )
    };
    books.refused(&order("777"), &["order_sleeve", "(books, 777) is not present"]).await;
    books.refused(&order("NULL"), &["null value in column \"sleeve\""]).await;
    for other in ["777", "1"] {
        let moved = order("10") + &format!("UPDATE stockade.order SET sleeve = {other};");
        books.refused(&moved, &["key_stays", "can not become another"]).await;
    }
    let renamed = "UPDATE stockade.sleeve SET id = 77 WHERE id = 10";
    books.refused(renamed, &["key_stays"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_changed_by_nobody() {
    let books = Books::new().await;
    let known = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_trigger g \
                 JOIN pg_class c ON c.oid = g.tgrelid WHERE tgname = 'append_only'";
    let guarded = books.psql(&[], known).await.ok().stdout;
    assert_eq!(guarded.trim(), HISTORY.join(" "), "a table of history that no test knows");
    let scripts: Vec<String> = HISTORY
        .iter()
        .flat_map(|table| {
            [
                format!("UPDATE stockade.{table} SET account = 'other'"),
                format!("DELETE FROM stockade.{table}"),
                format!("TRUNCATE stockade.{table} CASCADE"),
            ]
        })
        .collect();
    let before = books.all().await;
    let denied = books.each(&[], &scripts).await;
    let refused = books.each(&["--owner"], &scripts).await;
    assert_eq!(books.all().await, before);
    for table in HISTORY {
        let found = denied.matches(&format!("permission denied for table {table}\n")).count();
        assert_eq!(found, 3, "{table}:\n{denied}");
        for done in ["UPDATE", "DELETE", "TRUNCATE"] {
            let words =
                format!("{done} on stockade.{table} is refused: its rows are only ever added");
            assert!(refused.contains(&words), "{words}:\n{refused}");
        }
    }
    for script in ["DROP TABLE stockade.posting", "ALTER TABLE stockade.entry DISABLE TRIGGER ALL"]
    {
        books.psql(&[], script).await.ended(1).says(&["must be owner of table"]);
    }
}
