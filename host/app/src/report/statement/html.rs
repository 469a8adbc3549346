//! A statement as one HTML file that needs nothing else, with pictures between its tables.

use stockade_stats::picture::escape;

use super::document::{Document, Section};
use crate::report::page::{card, page, section};

/// A picture with its heading; the drawing is an `<svg>` of `stockade_stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The heading.
    pub(crate) title: String,
    /// The drawing.
    pub(crate) svg: String,
}

/// Paper wants no cards, and a heading on each page of a table.
const PRINT: &str = "tr.total td{font-weight:600;border-top:1px solid var(--soft)}\
    @media print{.card{border:0;padding:0}h2{break-after:avoid}tr{break-inside:avoid}\
    .apart{break-before:page}thead{display:table-header-group}}";

/// Sections that stand before the pictures.
pub(super) const BEFORE_PICTURES: usize = 3;

/// Writes it.
pub(crate) fn html(document: &Document, pictures: &[Picture]) -> String {
    let mut body = format!("<style>{PRINT}</style>\n");
    for (place, part) in document.sections.iter().enumerate() {
        if place == BEFORE_PICTURES {
            body.extend(pictures.iter().map(drawn));
        }
        body.push_str(&written(part));
    }
    page(&document.title, &document.subtitle, &body)
}

fn drawn(picture: &Picture) -> String {
    section(&escape(&picture.title), &card(&picture.svg))
}

fn written(part: &Section) -> String {
    let notes: String =
        part.notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect();
    let table = if part.rows.is_empty() { String::new() } else { card(&table(part)) };
    let html = section(&escape(&part.title), &format!("{notes}{table}"));
    if part.new_page { format!("<div class=\"apart\">{html}</div>\n") } else { html }
}

fn table(part: &Section) -> String {
    let numbers: Vec<bool> = part.columns.iter().map(|name| name.starts_with('>')).collect();
    let cell = |tag: &str, text: &str, number: bool| {
        let class = if number { " class=\"n\"" } else { "" };
        format!("<{tag}{class}>{}</{tag}>", escape(text))
    };
    let heads = part.columns.iter().zip(&numbers);
    let head: String =
        heads.map(|(name, number)| cell("th", name.trim_start_matches('>'), *number)).collect();
    let mut html = format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
    for row in &part.rows {
        let cells = row.cells.iter().zip(&numbers);
        let cells: String = cells.map(|(text, number)| cell("td", text, *number)).collect();
        let class = if row.total { " class=\"total\"" } else { "" };
        html.push_str(&format!("<tr{class}>{cells}</tr>\n"));
    }
    html.push_str("</tbody>\n</table>\n");
    html
}
