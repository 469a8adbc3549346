//! A CSV file whose header is known: columns by name, and refusals that name column and value.

use super::error::{FileError, Problem};
use super::line::Lines;

/// What a kind of file may have as columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The header as documented, for messages.
    pub(crate) header: &'static str,
    /// Columns in the order in which a reader asks for them: the name, and whether it must be there.
    pub(crate) columns: &'static [(&'static str, bool)],
    /// Whether other columns are allowed.
    pub(crate) open: bool,
}

/// Rows of a file with a known header.
pub(crate) struct Table {
    lines: Lines,
    layout: &'static Layout,
    /// For each column of the layout its place in the file.
    places: Vec<Option<usize>>,
    width: usize,
}

impl Table {
    /// Reads the header.
    pub(crate) fn start(mut lines: Lines, layout: &'static Layout) -> Result<Self, FileError> {
        if !lines.next()? {
            return Err(FileError::Empty {
                file: lines.file().to_owned(),
                expected: layout.header,
            });
        }
        let width = lines.len();
        let mut places = vec![None; layout.columns.len()];
        for at in 0..width {
            let name = String::from_utf8_lossy(lines.field(at)).to_ascii_lowercase();
            let fault = |fault| FileError::Header {
                file: lines.file().to_owned(),
                fault,
                column: shortened(name.as_bytes()),
                expected: layout.header,
            };
            match layout.columns.iter().position(|(column, _)| *column == name) {
                Some(column) if places[column].is_some() => return Err(fault("repeated column")),
                Some(column) => places[column] = Some(at),
                None if layout.open => {}
                None => return Err(fault("unknown column")),
            }
        }
        for ((column, needed), place) in layout.columns.iter().zip(&places) {
            if *needed && place.is_none() {
                return Err(FileError::Header {
                    file: lines.file().to_owned(),
                    fault: "missing column",
                    column: (*column).to_owned(),
                    expected: layout.header,
                });
            }
        }
        Ok(Self { lines, layout, places, width })
    }

    /// Goes to the next row; `false` at the end.
    pub(crate) fn next(&mut self) -> Result<bool, FileError> {
        if !self.lines.next()? {
            return Ok(false);
        }
        if self.lines.len() != self.width {
            return Err(FileError::Fields {
                file: self.file().to_owned(),
                line: self.line(),
                found: self.lines.len(),
                expected: self.width,
            });
        }
        Ok(true)
    }

    pub(crate) fn file(&self) -> &str {
        self.lines.file()
    }

    pub(crate) fn line(&self) -> u64 {
        self.lines.number()
    }

    /// Whether the file has this column of the layout.
    pub(crate) fn has(&self, column: usize) -> bool {
        self.places[column].is_some()
    }

    /// The text of a column; empty where the file does not have it.
    pub(crate) fn text(&self, column: usize) -> &[u8] {
        match self.places[column] {
            Some(place) => self.lines.field(place),
            None => b"",
        }
    }

    /// A column's value, or the refusal that names it.
    pub(crate) fn read<T>(
        &self,
        column: usize,
        reader: fn(&[u8]) -> Result<T, Problem>,
    ) -> Result<T, FileError> {
        reader(self.text(column)).map_err(|problem| self.refuse(column, problem))
    }

    /// A refusal of this column's value.
    #[cold]
    pub(crate) fn refuse(&self, column: usize, problem: Problem) -> FileError {
        FileError::Value {
            file: self.file().to_owned(),
            line: self.line(),
            column: self.layout.columns[column].0,
            value: shortened(self.text(column)),
            problem,
        }
    }
}

/// At most 80 characters of what was found.
fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(80).collect()
}
