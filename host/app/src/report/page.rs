//! The page: sections in reading order, each left out where it has nothing to show.

use rust_decimal::Decimal;
use stockade_stats::picture::{
    Line, MARKS_MAX, Mark, Picture, Point, Shape, Unit, draw, escape, monthly_heat_map, underwater,
};
use stockade_stats::{MonthReturn, value};

use super::data::{
    Curve, DrawnPicture, Fact, PricePicture, ReconciliationPart, ReportData, SleeveRow, TextTable,
    Trade, TradeSide,
};

const STYLE: &str = include_str!("style.css");
/// Colours of lines; more curves start again with the first.
const COLOURS: usize = 8;

/// The whole page as HTML.
#[must_use]
pub(crate) fn render(data: &ReportData) -> String {
    let body: String = [
        facts(&data.facts),
        section("Sleeves", &sleeves(&data.sleeves)),
        section("Equity", &equity(&data.equity)),
        section("Drawdown", &drawdown(&data.equity)),
        section("Monthly returns", &months(&data.months)),
        data.pictures.iter().map(drawn).collect(),
        data.tables.iter().map(text_table).collect(),
        section("Trades", &data.prices.iter().map(price).collect::<String>()),
        section("Figures", &figures(data)),
        section("Reconciliation", &data.reconciliation.iter().map(account).collect::<String>()),
        section("Contained bots", &contained(data)),
        section("Reloads", &reloads(data)),
        section("Crashes", &crashes(data)),
        section("What to type next", &next(&data.next)),
    ]
    .concat();
    page(&data.title, &data.subtitle, &body)
}

/// A page around sections, which are markup already; both texts are escaped here.
pub(super) fn page(title: &str, subtitle: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p>{}</p>\n{body}</main>\n</body>\n</html>\n",
        escape(subtitle)
    )
}

pub(super) fn section(heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{heading}</h2>\n{content}</section>\n")
}

pub(super) fn card(content: &str) -> String {
    format!("<div class=\"card\">\n{content}</div>\n")
}

fn facts(facts: &[Fact]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let tile = |fact: &Fact| {
        let (name, value) = (escape(&fact.name), escape(&fact.value));
        format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")
    };
    let tiles: String = facts.iter().map(tile).collect();
    format!("<dl class=\"facts\">\n{tiles}</dl>\n")
}

/// A cell of a table: its text, and how it is set.
enum Cell<'a> {
    Text(&'a str),
    Number(&'a str),
    /// A number that is good above zero and bad below.
    Signed(&'a str),
}

impl Cell<'_> {
    fn html(&self) -> String {
        match self {
            Cell::Text(text) => format!("<td>{}</td>", escape(text)),
            Cell::Number(text) => format!("<td class=\"n\">{}</td>", escape(text)),
            Cell::Signed(text) => {
                let tone = match text.trim_start().strip_prefix(['-', '\u{2212}']) {
                    Some(_) => " bad",
                    None if text.bytes().any(|b| (b'1'..=b'9').contains(&b)) => " good",
                    None => "",
                };
                format!("<td class=\"n{tone}\">{}</td>", escape(text))
            }
        }
    }
}

/// A table; a heading that starts with `>` stands over numbers.
fn table(headings: &[&str], rows: &[Vec<Cell<'_>>]) -> String {
    let head: String = headings.iter().map(|heading| head_of(heading)).collect();
    let body: String = rows
        .iter()
        .map(|row| {
            let cells: String = row.iter().map(Cell::html).collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n")
}

fn sleeves(rows: &[SleeveRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let headings = [
        "Sleeve",
        "Bot",
        ">Capital",
        ">Cash",
        ">Market value",
        ">Equity",
        ">Realised",
        ">Unrealised",
        ">Fees",
        ">Return %",
        "Positions",
        "State",
    ];
    let rows: Vec<Vec<Cell<'_>>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::Text(&row.name),
                Cell::Text(&row.bot),
                Cell::Number(&row.initial_capital),
                Cell::Number(&row.cash),
                Cell::Number(&row.market_value),
                Cell::Number(&row.equity),
                Cell::Signed(&row.realised),
                Cell::Signed(&row.unrealised),
                Cell::Number(&row.fees),
                Cell::Signed(&row.return_pct),
                Cell::Text(&row.positions),
                Cell::Text(&row.state),
            ]
        })
        .collect();
    card(&table(&headings, &rows))
}

fn equity(curves: &[Curve]) -> String {
    pictured("Equity per sleeve", curves, Unit::Plain, |points| points)
}

fn drawdown(curves: &[Curve]) -> String {
    pictured("Fall below the highest equity so far", curves, Unit::Percent, |points| {
        underwater(&points)
    })
}

fn pictured(
    title: &str,
    curves: &[Curve],
    unit: Unit,
    shown: fn(Vec<Point>) -> Vec<Point>,
) -> String {
    let lines = curves
        .iter()
        .map(|curve| Line { name: curve.name.clone(), points: shown(points(&curve.points)) });
    let picture = Picture {
        title: title.to_owned(),
        height: if unit == Unit::Plain { 320 } else { 200 },
        unit,
        lines: lines.collect(),
        marks: Vec::new(),
        filled: unit == Unit::Percent && curves.len() == 1,
    };
    match draw(&picture) {
        Some(svg) => card(&format!("{}{svg}", legend(curves))),
        None => String::new(),
    }
}

fn months(months: &[MonthReturn]) -> String {
    monthly_heat_map("Return of each month", months).map_or_else(String::new, |svg| card(&svg))
}

fn drawn(picture: &DrawnPicture) -> String {
    let note = match picture.note.as_str() {
        "" => String::new(),
        note => format!("<p>{}</p>\n", escape(note)),
    };
    section(&escape(&picture.heading), &card(&format!("{note}{}", picture.svg)))
}

fn text_table(data: &TextTable) -> String {
    if data.rows.is_empty() {
        return String::new();
    }
    let headings: Vec<&str> = data.headings.iter().map(String::as_str).collect();
    let cell = |(text, heading): (&'_ String, &&str)| match heading.strip_prefix('>') {
        Some(_) => format!("<td class=\"n\">{}</td>", escape(text)),
        None => format!("<td>{}</td>", escape(text)),
    };
    let head: String = headings.iter().map(|heading| head_of(heading)).collect();
    let rows: String = data
        .rows
        .iter()
        .map(|row| {
            let cells: String = row.iter().zip(&headings).map(cell).collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    let table =
        format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n");
    section(&escape(&data.heading), &card(&table))
}

fn head_of(heading: &str) -> String {
    match heading.strip_prefix('>') {
        Some(heading) => format!("<th class=\"n\">{}</th>", escape(heading)),
        None => format!("<th>{}</th>", escape(heading)),
    }
}

fn legend(curves: &[Curve]) -> String {
    let item = |(index, curve): (usize, &Curve)| {
        let (colour, name) = (index % COLOURS, escape(&curve.name));
        format!("<li><i class=\"s{colour}\"></i>{name}</li>")
    };
    let items: String = curves.iter().enumerate().map(item).collect();
    format!("<ul class=\"legend\">{items}</ul>\n")
}

/// Points of a picture; a decimal that is no float is left out there, and there alone.
fn points(curve: &[(i64, Decimal)]) -> Vec<Point> {
    let point = |(at, decimal): &(i64, Decimal)| {
        let value = value(decimal)?;
        Some(Point { at: *at, value })
    };
    curve.iter().filter_map(point).collect()
}

fn price(picture: &PricePicture) -> String {
    let symbol = escape(&picture.symbol);
    let svg = draw(&Picture {
        title: format!("Price of {} and the trades on it", picture.symbol),
        height: 260,
        unit: Unit::Plain,
        lines: vec![Line { name: picture.symbol.clone(), points: points(&picture.points) }],
        marks: picture.trades.iter().filter_map(mark).collect(),
        filled: false,
    });
    let Some(svg) = svg else { return String::new() };
    let bought = picture.trades.iter().filter(|trade| trade.side == TradeSide::Buy).count();
    let sold = picture.trades.len() - bought;
    let thinned = if picture.trades.len() > MARKS_MAX { "; not every one is drawn" } else { "" };
    card(&format!(
        "<h3>{symbol}</h3>\n<p>{bought} bought (triangle up), {sold} sold (triangle down){thinned}</p>\n{svg}"
    ))
}

fn mark(trade: &Trade) -> Option<Mark> {
    let (shape, verb) = match trade.side {
        TradeSide::Buy => (Shape::Buy, "bought"),
        TradeSide::Sell => (Shape::Sell, "sold"),
    };
    let (qty, price) = (trade.qty.normalize(), trade.price.normalize());
    Some(Mark {
        at: trade.at,
        value: value(trade.price)?,
        shape,
        title: format!("{}: {verb} {qty} at {price}, {}", trade.sleeve, time_text(trade.at)),
    })
}

fn time_text(at: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(at)) {
        Ok(at) => at.to_string(),
        Err(_) => at.to_string(),
    }
}

fn figures(data: &ReportData) -> String {
    let Some(longest) = data.figures.iter().max_by_key(|column| column.figures.len()) else {
        return String::new();
    };
    let mut headings = vec![String::from("Figure")];
    headings.extend(data.figures.iter().map(|column| format!(">{}", column.sleeve)));
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let row = |named: &Fact| -> Vec<String> {
        let of_sleeve = data.figures.iter().map(|column| {
            let found = column.figures.iter().find(|figure| figure.name == named.name);
            found.map_or_else(String::new, |figure| figure.value.clone())
        });
        std::iter::once(named.name.clone()).chain(of_sleeve).collect()
    };
    let texts: Vec<Vec<String>> = longest.figures.iter().map(row).collect();
    let rows: Vec<Vec<Cell<'_>>> = texts
        .iter()
        .map(|row| {
            let numbers = row.iter().skip(1).map(|text| Cell::Number(text));
            row.iter().take(1).map(|text| Cell::Text(text)).chain(numbers).collect()
        })
        .collect();
    card(&table(&headings, &rows))
}

fn account(part: &ReconciliationPart) -> String {
    let rows: Vec<Vec<Cell<'_>>> = part
        .rows
        .iter()
        .map(|row| {
            vec![
                Cell::Text(&row.item),
                Cell::Number(&row.sleeves),
                Cell::Number(&row.suspense),
                Cell::Number(&row.broker),
                Cell::Number(&row.difference),
            ]
        })
        .collect();
    let verdict = if part.balanced {
        "<span class=\"good\">balanced</span>"
    } else {
        "<span class=\"bad\">not balanced</span>"
    };
    let headings = ["", ">Sleeves", ">Suspense", ">Broker", ">Difference"];
    card(&format!(
        "<h3>{} {verdict}</h3>\n<p>compared at {}</p>\n{}",
        escape(&part.account),
        escape(&part.at),
        table(&headings, &rows)
    ))
}

fn contained(data: &ReportData) -> String {
    let rows: Vec<Vec<Cell<'_>>> = data
        .contained
        .iter()
        .map(|row| vec![Cell::Text(&row.bot), Cell::Text(&row.cause), Cell::Text(&row.state)])
        .collect();
    listed(&["Bot", "Cause", "State"], &rows)
}

fn reloads(data: &ReportData) -> String {
    let rows: Vec<Vec<Cell<'_>>> = data
        .reloads
        .iter()
        .map(|row| {
            vec![
                Cell::Text(&row.bot),
                Cell::Text(&row.from),
                Cell::Text(&row.to),
                Cell::Number(&row.pause_ms),
            ]
        })
        .collect();
    listed(&["Bot", "From", "To", ">Pause (ms)"], &rows)
}

fn crashes(data: &ReportData) -> String {
    let rows: Vec<Vec<Cell<'_>>> = data
        .crashes
        .iter()
        .map(|row| vec![Cell::Text(&row.killed_at), Cell::Number(&row.recovered_ms)])
        .collect();
    listed(&["Host killed at", ">Recovered after (ms)"], &rows)
}

fn listed(headings: &[&str], rows: &[Vec<Cell<'_>>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    card(&table(headings, rows))
}

fn next(commands: &[Fact]) -> String {
    if commands.is_empty() {
        return String::new();
    }
    let line = |fact: &Fact| {
        let (command, what) = (escape(&fact.name), escape(&fact.value));
        format!("<tr><td><code>{command}</code></td><td>{what}</td></tr>\n")
    };
    let lines: String = commands.iter().map(line).collect();
    card(&format!("<table>\n<tbody>\n{lines}</tbody>\n</table>\n"))
}
