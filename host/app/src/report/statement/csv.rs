//! A statement as CSV: one line a fact, under one header, amounts with all their digits.

use anyhow::Result;
use rust_decimal::Decimal;
use stockade_store::query::At;

use super::model::{Ends, Statement};

const HEADER: [&str; 15] = [
    "section", "item", "time", "entry", "kind", "sleeve", "symbol", "side", "qty", "price",
    "gross", "fees", "amount", "cost", "note",
];

/// A line: the columns that it has, by name.
#[derive(Default)]
struct Line<'a> {
    section: &'a str,
    item: &'a str,
    time: Option<At>,
    entry: Option<i64>,
    kind: &'a str,
    sleeve: &'a str,
    symbol: &'a str,
    side: &'a str,
    qty: Option<Decimal>,
    price: Option<Decimal>,
    gross: Option<Decimal>,
    fees: Option<Decimal>,
    amount: Option<Decimal>,
    cost: Option<Decimal>,
    note: &'a str,
}

/// Writes it.
///
/// # Errors
/// Never: the writer is memory.
pub(crate) fn csv(statement: &Statement) -> Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    let mut lines = Vec::new();
    balances(statement, &mut lines);
    positions(statement, &mut lines);
    activity(statement, &mut lines);
    tie(statement, &mut lines);
    for line in lines {
        writer.write_record(line.fields())?;
    }
    Ok(writer.into_inner()?)
}

fn balances<'a>(statement: &'a Statement, lines: &mut Vec<Line<'a>>) {
    let ends = [
        ("cash", statement.cash),
        ("positions_at_cost", statement.cost),
        ("market_value", statement.market_value),
        ("equity", statement.equity()),
        ("capital", statement.capital),
    ];
    for (item, Ends { opening, closing }) in ends {
        for (section, amount) in [("opening", opening), ("closing", closing)] {
            lines.push(Line { section, item, amount: Some(amount), ..Line::default() });
        }
    }
    let parts = [
        ("cash", &statement.cash_moves),
        ("positions_at_cost", &statement.cost_moves),
        ("income", &statement.income),
    ];
    for (section, moves) in parts {
        lines.extend(moves.iter().map(|line| Line {
            section,
            item: &line.name,
            amount: Some(line.amount),
            ..Line::default()
        }));
    }
    let amount = Some(statement.profit());
    lines.push(Line { section: "income", item: "profit", amount, ..Line::default() });
}

fn positions<'a>(statement: &'a Statement, lines: &mut Vec<Line<'a>>) {
    for line in &statement.positions {
        for (item, held) in [("opening", &line.opening), ("closing", &line.closing)] {
            let Some(held) = held else { continue };
            lines.push(Line {
                section: "position",
                item,
                sleeve: &line.sleeve,
                symbol: &line.symbol,
                qty: Some(held.qty),
                price: held.price,
                amount: held.value,
                cost: Some(held.cost),
                ..Line::default()
            });
        }
    }
}

fn activity<'a>(statement: &'a Statement, lines: &mut Vec<Line<'a>>) {
    lines.extend(statement.trades.iter().map(|trade| Line {
        section: "trade",
        item: &trade.execution_id,
        time: Some(trade.at),
        entry: Some(trade.entry),
        kind: "execution",
        sleeve: &trade.sleeve,
        symbol: &trade.symbol,
        side: &trade.side,
        qty: Some(trade.qty),
        price: Some(trade.price),
        gross: Some(trade.gross),
        fees: Some(trade.fees),
        amount: Some(trade.net),
        note: trade.reason.as_deref().unwrap_or_default(),
        ..Line::default()
    }));
    lines.extend(statement.trips.iter().map(|trip| Line {
        section: "round_trip",
        time: Some(trip.exit_time),
        sleeve: &trip.sleeve,
        symbol: &trip.symbol,
        side: &trip.side,
        qty: Some(trip.qty),
        price: Some(trip.exit_price),
        gross: Some(trip.gross),
        fees: Some(trip.fees),
        amount: Some(trip.net),
        note: trip.exit_reason.as_deref().unwrap_or_default(),
        ..Line::default()
    }));
    lines.extend(statement.activity.iter().map(|line| Line {
        section: "activity",
        item: line.category.title(),
        time: Some(line.at),
        entry: Some(line.entry),
        kind: &line.kind,
        sleeve: &line.sleeve,
        amount: Some(line.cash),
        cost: Some(line.cost),
        note: &line.memo,
        ..Line::default()
    }));
}

fn tie<'a>(statement: &'a Statement, lines: &mut Vec<Line<'a>>) {
    let of = |item, sleeve, amount| Line {
        section: "tie",
        item,
        sleeve,
        amount: Some(amount),
        ..Line::default()
    };
    for line in &statement.tie.sleeves {
        lines.push(of("cash", &line.sleeve, line.cash));
        lines.push(of("market_value", &line.sleeve, line.market_value));
    }
    lines.push(of("account_cash", "", statement.tie.account_cash));
    lines.extend(statement.tie.account_value.map(|value| of("account_market_value", "", value)));
}

impl Line<'_> {
    fn fields(&self) -> [String; HEADER.len()] {
        let number =
            |value: Option<Decimal>| value.map(|v| v.normalize().to_string()).unwrap_or_default();
        let text = |text: &str| text.to_owned();
        [
            text(self.section),
            text(self.item),
            self.time.map(|time| time.to_string()).unwrap_or_default(),
            self.entry.map(|entry| entry.to_string()).unwrap_or_default(),
            text(self.kind),
            text(self.sleeve),
            text(self.symbol),
            text(self.side),
            number(self.qty),
            number(self.price),
            number(self.gross),
            number(self.fees),
            number(self.amount),
            number(self.cost),
            text(self.note),
        ]
    }
}
