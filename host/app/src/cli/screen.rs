//! What goes to stdout: one JSON document, or a table for people.
//!
//! Guarantees: a closed pipe ends the command quietly; width is a terminal's own and nobody
//! else's; amounts on a screen have two decimals, percentages one. JSON is never rounded here.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use rust_decimal::Decimal;
use serde::Serialize;
use stockade_core::decimal::round_half_even;
use stockade_store::query::{At, Number, Percent, is_shadow};

use crate::failure::Failure;

/// Rows of a list that a screen shows where no limit was given.
pub(crate) const ROWS_SHOWN: u32 = 200;
/// Width of a terminal that doesn't tell.
const WIDTH: u16 = 100;

/// Writes text and a line's end to stdout.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(shown(text).as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Writes one JSON document to stdout.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(anyhow::Error::new(error)))?;
    line(&text)
}

/// A sleeve's or bot's name, which says where it belongs to a shadow: nothing of that is real.
pub(crate) fn owner(name: &str, account: &str) -> String {
    if is_shadow(account) { format!("{name} (shadow)") } else { name.to_owned() }
}

/// Writes a remark to stderr.
pub(crate) fn note(text: &str) {
    // Nobody may be reading; a remark is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{}", shown(text));
}

/// Control characters as escapes, but for the ends of lines and tabs: what a file or a bot says must
/// not give orders to a terminal.
fn shown(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if harmful(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// A table for people. A heading that starts with `>` is of a column of numbers.
pub(crate) struct Screen {
    table: Table,
    empty: &'static str,
}

impl Screen {
    /// A table with these headings; `empty` is said instead when there is no row.
    pub(crate) fn new(headings: &[&str], empty: &'static str) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(headings.iter().map(|heading| heading.trim_start_matches('>')));
        for (index, heading) in headings.iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                if heading.starts_with('>') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
                column.set_padding((0, 2));
            }
        }
        if std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            if table.width().is_none() {
                table.set_width(WIDTH);
            }
        } else {
            table.force_no_tty();
        }
        Self { table, empty }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.table.add_row(cells);
    }

    /// Adds a row of as many cells as there are headings.
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.table.add_row(cells);
    }

    /// Writes it.
    pub(crate) fn print(&self) -> Result<(), Failure> {
        if self.table.row_count() == 0 {
            return line(self.empty);
        }
        line(&self.text())
    }

    /// As text, without blanks at the ends of lines.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> =
            self.table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// Names and values, one per line.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> Result<(), Failure> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}").trim_end().to_owned())
        .collect();
    line(&lines.join("\n"))
}

/// An amount: two decimals, thousands apart.
pub(crate) fn money(value: Number) -> String {
    grouped(&format!("{:.2}", round_half_even(value.0, 2)))
}

/// A price: two decimals, more where it is below one.
pub(crate) fn price(value: Number) -> String {
    if value.0.abs() >= Decimal::ONE || value.0.is_zero() {
        return money(value);
    }
    round_half_even(value.0, 8).normalize().to_string()
}

/// A price that may be missing.
pub(crate) fn price_or_dash(value: Option<Number>) -> String {
    value.map_or_else(dash, price)
}

/// A percentage: one decimal.
pub(crate) fn percent(value: Option<Percent>) -> String {
    value.map_or_else(dash, |value| format!("{:.1}", round_half_even(value.0, 1)))
}

/// A quantity, whole.
pub(crate) fn quantity(value: Number) -> String {
    grouped(&value.to_string())
}

/// A time to the second, UTC.
pub(crate) fn time(value: At) -> String {
    let text = value.to_string();
    text.get(..19).map_or_else(|| text.clone(), |to_second| to_second.replace('T', " "))
}

/// A text that may be missing.
pub(crate) fn text_or_dash(value: Option<&str>) -> String {
    value.map_or_else(dash, str::to_owned)
}

fn dash() -> String {
    "-".to_owned()
}

/// Thousands apart with commas, before the point.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::with_capacity(number.len() + number.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number(text.parse().unwrap())
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(money(number("50333.333333333333")), "50,333.33");
        assert_eq!(money(number("-1234567.5")), "-1,234,567.50");
        assert_eq!(money(number("0")), "0.00");
        assert_eq!(money(number("999.995")), "1,000.00");
        assert_eq!(price(number("0.00001234")), "0.00001234");
        assert_eq!(quantity(number("15.500")), "15.5");
        assert_eq!(percent(Some(Percent("66.6666".parse().unwrap()))), "66.7");
        assert_eq!(percent(None), "-");
        assert_eq!(time(At(1_500_000_000)), "1970-01-01 00:00:01");
    }

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        assert_eq!(shown("a\tb\nc"), "a\tb\nc");
        assert_eq!(shown("\"\u{1b}[31mred\u{7}\" \u{9b}"), "\"\\u{1b}[31mred\\u{7}\" \\u{9b}");
    }

    #[test]
    fn tables_are_right_aligned_where_they_count() {
        let mut screen = Screen::new(&["SLEEVE", ">CASH"], "nothing");
        screen.row(["a".to_owned(), "8,500.00".to_owned()]);
        screen.row(["longer".to_owned(), "5.00".to_owned()]);
        assert_eq!(screen.text(), "SLEEVE      CASH\na       8,500.00\nlonger      5.00");
    }
}
