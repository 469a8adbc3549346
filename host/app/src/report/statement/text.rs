//! A statement as plain text, for a screen or a file.

use super::document::Document;
use crate::cli::screen::Screen;

/// Writes it.
pub(crate) fn text(document: &Document) -> String {
    let mut text = format!("{}\n{}\n", document.title, document.subtitle);
    for section in &document.sections {
        text.push_str(&format!("\n{}\n", section.title.to_uppercase()));
        for note in &section.notes {
            text.push_str(&format!("{note}\n"));
        }
        if section.rows.is_empty() {
            continue;
        }
        let mut table = Screen::new(&section.columns, "");
        for row in &section.rows {
            table.cells(row.cells.clone());
        }
        text.push_str(&table.text());
        text.push('\n');
    }
    text
}
