//! A statement laid out once: sections of tables, in reading order, for every way of writing it.
//!
//! Amounts keep every digit that is not zero, and two decimals at least: what is added up on paper
//! is what the books hold.

use rust_decimal::Decimal;
use stockade_store::query::StatementBasis;

use super::build::TIED_PLACES;
use super::model::{
    Amount, BrokerSide, Category, Ends, Held, PositionLine, Source, Statement, Tie, TradeLine,
};
use crate::cli::screen;

/// A statement as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    /// The heading.
    pub(crate) title: String,
    /// One line below it.
    pub(crate) subtitle: String,
    /// The sections.
    pub(crate) sections: Vec<Section>,
}

/// A section: a heading, remarks, one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: String,
    /// Whether it begins on a page of its own.
    pub(crate) new_page: bool,
    /// Remarks below the heading.
    pub(crate) notes: Vec<String>,
    /// Headings of columns; one that starts with `>` is of numbers.
    pub(crate) columns: Vec<&'static str>,
    /// The rows.
    pub(crate) rows: Vec<Line>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// One text a column.
    pub(crate) cells: Vec<String>,
    /// Whether it is the sum of those above.
    pub(crate) total: bool,
}

impl Section {
    fn new(title: &str, columns: &[&'static str]) -> Self {
        Self {
            title: title.to_owned(),
            new_page: false,
            notes: Vec::new(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Line { cells: cells.to_vec(), total: false });
    }

    fn total<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Line { cells: cells.to_vec(), total: true });
    }
}

/// An amount: all its digits, two decimals at least, thousands apart.
pub(super) fn exact(value: Decimal) -> String {
    let value = value.normalize();
    screen::grouped(&if value.scale() < 2 { format!("{value:.2}") } else { value.to_string() })
}

fn amount_or_open(value: Option<Decimal>) -> String {
    value.map_or_else(|| "?".to_owned(), exact)
}

fn qty(value: Decimal) -> String {
    screen::grouped(&value.normalize().to_string())
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// Lays a statement out.
pub(crate) fn lay_out(statement: &Statement) -> Document {
    let of = match &statement.sleeve {
        Some(sleeve) => format!("sleeve {sleeve}"),
        None => format!("account {}", statement.account),
    };
    let mut sections = vec![summary(statement), cash(statement), profit(statement)];
    sections.extend(positions(statement));
    sections.extend(trades(statement));
    sections.extend(trips(statement));
    sections.extend(Category::ALL.into_iter().filter_map(|category| activity(statement, category)));
    sections.push(tie(statement));
    sections.extend(broker(&statement.tie));
    Document { title: format!("Statement of {of}"), subtitle: subtitle(statement), sections }
}

fn subtitle(statement: &Statement) -> String {
    let days = match statement.basis {
        StatementBasis::Trade => "by the day of the trade",
        StatementBasis::Booking => "by the day of booking",
    };
    let as_of = statement
        .as_of
        .map_or_else(String::new, |at| format!(", as the books were at {}", screen::time(at)));
    format!(
        "Account {}, from {} to before {}, {days}{as_of}; times are UTC",
        statement.account,
        screen::time(statement.from),
        screen::time(statement.to)
    )
}

fn ends(section: &mut Section, name: &str, ends: Ends, total: bool) {
    let cells = [text(name), exact(ends.opening), exact(ends.change()), exact(ends.closing)];
    if total { section.total(cells) } else { section.row(cells) }
}

fn summary(statement: &Statement) -> Section {
    let mut section = Section::new("Balances", &["", ">Opening", ">Change", ">Closing"]);
    ends(&mut section, "Cash", statement.cash, false);
    ends(&mut section, "Positions at cost", statement.cost, false);
    ends(&mut section, "Unrealised (market less cost)", statement.unrealised(), false);
    ends(&mut section, "Equity", statement.equity(), true);
    ends(&mut section, "Capital paid in, net", statement.capital, false);
    for (sleeve, source) in &statement.valued {
        section.notes.push(format!("{sleeve}: {}", valued(source)));
    }
    section.notes.extend(late(statement));
    section
}

/// What a reader must know who has a statement of the same period from before.
fn late(statement: &Statement) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(late) = statement.booked_later {
        notes.push(format!(
            "{} of the entries were booked after the end of the period, the last at {} (imported or learnt of late): \
             an earlier statement of the same period did not have them",
            late.entries,
            screen::time(late.last)
        ));
    }
    let below = |amount: Decimal| amount.is_sign_negative() && !amount.is_zero();
    if statement.sleeve.is_some()
        && (below(statement.cash.opening) || below(statement.cash.closing))
    {
        notes.push(text(
            "Cash is below zero where trades lie before the day on which their capital was allocated",
        ));
    }
    notes
}

fn valued(source: &Source) -> String {
    match source {
        Source::Mark(at) => format!("valued at marks of {}", screen::time(*at)),
        Source::Execution(at) => format!(
            "a symbol without a mark of that time is valued at its last execution ({})",
            screen::time(*at)
        ),
        Source::Cost => text("a symbol whose price is not known is valued at cost"),
    }
}

fn moves(section: &mut Section, ends: Ends, moves: &[Amount]) {
    section.row([text("Opening balance"), exact(ends.opening)]);
    for line in moves {
        section.row([line.name.clone(), exact(line.amount)]);
    }
    section.total([text("Closing balance"), exact(ends.closing)]);
}

fn cash(statement: &Statement) -> Section {
    let mut section = Section::new("Cash", &["", ">Amount"]);
    moves(&mut section, statement.cash, &statement.cash_moves);
    section
}

fn profit(statement: &Statement) -> Section {
    let mut section = Section::new("Profit", &["", ">Amount"]);
    for line in &statement.income {
        section.row([line.name.clone(), exact(line.amount)]);
    }
    section.row([text("Change of unrealised"), exact(statement.unrealised().change())]);
    section.total([text("Profit: equity less capital"), exact(statement.profit())]);
    section
}

fn held_cells(held: Option<&Held>) -> [String; 2] {
    match held {
        Some(held) => [qty(held.qty), exact(held.cost)],
        None => [text("0"), exact(Decimal::ZERO)],
    }
}

fn positions(statement: &Statement) -> Option<Section> {
    if statement.positions.is_empty() {
        return None;
    }
    let columns = [
        "Sleeve",
        "Symbol",
        ">Qty before",
        ">Cost before",
        ">Qty",
        ">Cost",
        ">Price",
        "Seen",
        ">Value",
        ">Unrealised",
    ];
    let mut section = Section::new("Positions", &columns);
    for line in &statement.positions {
        section.row(position(line));
    }
    let value = statement.market_value.closing;
    section.total([
        text("All"),
        String::new(),
        String::new(),
        exact(statement.cost.opening),
        String::new(),
        exact(statement.cost.closing),
        String::new(),
        String::new(),
        exact(value),
        exact(value - statement.cost.closing),
    ]);
    Some(section)
}

fn position(line: &PositionLine) -> [String; 10] {
    let [before, cost_before] = held_cells(line.opening.as_ref());
    let [after, cost] = held_cells(line.closing.as_ref());
    let (price, seen, value, unrealised) = match &line.closing {
        None => (String::new(), String::new(), exact(Decimal::ZERO), exact(Decimal::ZERO)),
        Some(held) => (
            held.price.map_or_else(|| text("?"), exact),
            match held.source {
                Source::Mark(at) | Source::Execution(at) => screen::time(at),
                Source::Cost => text("at cost"),
            },
            amount_or_open(held.value),
            amount_or_open(held.value.map(|value| value - held.cost)),
        ),
    };
    [
        line.sleeve.clone(),
        line.symbol.clone(),
        before,
        cost_before,
        after,
        cost,
        price,
        seen,
        value,
        unrealised,
    ]
}

fn trades(statement: &Statement) -> Option<Section> {
    if statement.trades.is_empty() {
        return None;
    }
    let columns = [
        "Time",
        "Sleeve",
        "Side",
        ">Qty",
        "Symbol",
        ">Price",
        ">Gross",
        ">Fees",
        ">Net cash",
        ">Realised",
        "Reason",
    ];
    let mut section = Section::new("Trades confirmed", &columns);
    for trade in &statement.trades {
        section.row([
            screen::time(trade.at),
            trade.sleeve.clone(),
            trade.side.clone(),
            qty(trade.qty),
            trade.symbol.clone(),
            exact(trade.price),
            exact(trade.gross),
            exact(trade.fees),
            exact(trade.net),
            exact(trade.realised),
            trade.reason.clone().unwrap_or_default(),
        ]);
    }
    let sum =
        |of: fn(&TradeLine) -> Decimal| exact(statement.trades.iter().map(of).sum::<Decimal>());
    section.total([
        counted(statement.trades.len(), "trade"),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        sum(|trade| trade.gross),
        sum(|trade| trade.fees),
        sum(|trade| trade.net),
        sum(|trade| trade.realised),
        String::new(),
    ]);
    Some(section)
}

fn trips(statement: &Statement) -> Option<Section> {
    if statement.trips.is_empty() {
        return None;
    }
    let columns = [
        "Opened", "Closed", "Sleeve", "Side", ">Qty", "Symbol", ">Entry", ">Exit", ">Gross",
        ">Fees", ">Net", "Reason",
    ];
    let mut section = Section::new("Round trips closed", &columns);
    for trip in &statement.trips {
        section.row([
            screen::time(trip.entry_time),
            screen::time(trip.exit_time),
            trip.sleeve.clone(),
            trip.side.clone(),
            qty(trip.qty),
            trip.symbol.clone(),
            exact(trip.entry_price),
            exact(trip.exit_price),
            exact(trip.gross),
            exact(trip.fees),
            exact(trip.net),
            trip.exit_reason.clone().unwrap_or_default(),
        ]);
    }
    let mut cells: [String; 12] = Default::default();
    cells[0] = counted(statement.trips.len(), "round trip");
    cells[8] = exact(statement.trips.iter().map(|trip| trip.gross).sum());
    cells[9] = exact(statement.trips.iter().map(|trip| trip.fees).sum());
    cells[10] = exact(statement.trips.iter().map(|trip| trip.net).sum());
    section.total(cells);
    section.notes.push(text("Net of the opening fee's share as well, whenever that was paid."));
    Some(section)
}

fn activity(statement: &Statement, category: Category) -> Option<Section> {
    let lines: Vec<_> =
        statement.activity.iter().filter(|line| line.category == category).collect();
    if lines.is_empty() {
        return None;
    }
    // Executions are confirmed above: what is left of that kind has no execution of its own.
    let title = match category {
        Category::Trades => "Trades without an execution",
        other => other.title(),
    };
    let columns = ["Time", ">Entry", "Kind", "Sleeve", "What", ">Cash", ">Positions at cost"];
    let mut section = Section::new(title, &columns);
    for line in &lines {
        section.row([
            screen::time(line.at),
            line.entry.to_string(),
            line.kind.clone(),
            line.sleeve.clone(),
            line.memo.clone(),
            exact(line.cash),
            exact(line.cost),
        ]);
    }
    section.total([
        text("All"),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        exact(lines.iter().map(|line| line.cash).sum()),
        exact(lines.iter().map(|line| line.cost).sum()),
    ]);
    Some(section)
}

/// The page that ties all sleeves to the account.
fn tie(statement: &Statement) -> Section {
    let tie = &statement.tie;
    let columns = ["Sleeve", "Kind", ">Cash", ">Positions at cost", ">At market", ">Equity"];
    let mut section = Section::new("All sleeves and the account", &columns);
    section.new_page = true;
    for line in &tie.sleeves {
        section.row([
            line.sleeve.clone(),
            line.kind.clone(),
            exact(line.cash),
            exact(line.cost),
            exact(line.market_value),
            exact(line.cash + line.market_value),
        ]);
    }
    let value: Decimal = tie.sleeves.iter().map(|line| line.market_value).sum();
    let cash: Decimal = tie.sleeves.iter().map(|line| line.cash).sum();
    let cost: Decimal = tie.sleeves.iter().map(|line| line.cost).sum();
    section.total([
        text("All sleeves"),
        String::new(),
        exact(cash),
        exact(cost),
        exact(value),
        exact(cash + value),
    ]);
    let whole = tie.account_value;
    section.row([
        format!("Account {}", statement.account),
        text("whole"),
        exact(tie.account_cash),
        exact(tie.account_cost),
        amount_or_open(whole),
        amount_or_open(whole.map(|whole| whole + tie.account_cash)),
    ]);
    let difference = whole.map(|whole| (value - whole).round_dp(TIED_PLACES));
    section.total([
        text("Difference"),
        String::new(),
        exact(cash - tie.account_cash),
        exact(cost - tie.account_cost),
        amount_or_open(difference),
        amount_or_open(difference.map(|difference| difference + cash - tie.account_cash)),
    ]);
    section.notes.push(format!(
        "At the end of the period, before {}. The account is added up entry by entry and symbol by symbol, without its sleeves.",
        screen::time(statement.to)
    ));
    section
}

fn broker(tie: &Tie) -> Vec<Section> {
    let mut section =
        Section::new("The account and the broker", &["", ">Books", ">Broker", ">Difference"]);
    match &tie.broker {
        BrokerSide::Compared { at, lines } => {
            section.notes.push(format!("Compared at {}.", screen::time(*at)));
            for line in lines {
                let write = if line.item == "cash" { exact } else { qty };
                section.row([
                    line.item.clone(),
                    write(line.ours),
                    write(line.broker),
                    write(line.ours - line.broker),
                ]);
            }
        }
        BrokerSide::Not(why) => section.notes.push(format!("Not compared: {why}.")),
    }
    section.notes.push(match tie.open_breaks {
        0 => text("No break is open."),
        1 => text("One break is open (stockade break list)."),
        more => format!("{more} breaks are open (stockade break list)."),
    });
    vec![section]
}
