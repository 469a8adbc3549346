//! The symbols that files name, each with its place in the order of first mention.

use std::collections::HashMap;

use stockade_core::{Symbol, limits};

use super::error::{FileError, Problem};
use super::source::Source;
use super::table::Table;

/// Most files, and most symbols, of one call: the core's own bound on instruments.
pub(crate) const SYMBOLS_MAX: usize = limits::INSTRUMENTS_MAX;

/// Symbols in the order of first mention.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) symbols: Vec<Symbol>,
    places: HashMap<String, u16>,
    last: usize,
}

impl Names {
    /// The place of a symbol, new or known.
    pub(crate) fn place(&mut self, file: &str, symbol: Symbol) -> Result<u16, FileError> {
        if let Some(place) = self.places.get(symbol.as_str()) {
            return Ok(*place);
        }
        let place = u16::try_from(self.symbols.len()).ok();
        let place = place.filter(|place| usize::from(*place) < SYMBOLS_MAX);
        let place = place.ok_or_else(|| FileError::TooMany {
            file: file.to_owned(),
            what: "symbols",
            allowed: SYMBOLS_MAX,
        })?;
        self.places.insert(symbol.as_str().to_owned(), place);
        self.symbols.push(symbol);
        Ok(place)
    }

    /// The place of the symbol in a row's own column.
    pub(crate) fn place_in(&mut self, table: &Table, column: usize) -> Result<u16, FileError> {
        let text = table.text(column);
        // Files of several symbols usually name them in turn, or one for long.
        for at in [self.last + 1, self.last, 0] {
            let known = self.symbols.get(at).map(|symbol| symbol.as_str().as_bytes());
            if known == Some(text) {
                self.last = at;
                return Ok(u16::try_from(at).expect("symbols are bounded"));
            }
        }
        let symbol = std::str::from_utf8(text).ok().and_then(|text| Symbol::new(text).ok());
        let symbol = symbol.ok_or_else(|| table.refuse(column, Problem::NotASymbol))?;
        let place = self.place(table.file(), symbol)?;
        self.last = usize::from(place);
        Ok(place)
    }

    /// The symbol of all rows of a file without a symbol column; `None` where it has one.
    pub(crate) fn place_of_file(
        &mut self,
        table: &Table,
        column: usize,
        source: &Source,
    ) -> Result<Option<u16>, FileError> {
        match (&source.symbol, table.has(column)) {
            (_, false) => self.place(table.file(), source.own_symbol()?).map(Some),
            (None, true) => Ok(None),
            (Some(symbol), true) => {
                Err(FileError::SymbolTwice { file: source.name(), symbol: symbol.to_string() })
            }
        }
    }

    pub(crate) fn name(&self, place: u16) -> String {
        self.symbols[usize::from(place)].to_string()
    }
}

/// The place of a file among the sources, if there are not too many.
pub(crate) fn file_place(place: usize, source: &Source) -> Result<u16, FileError> {
    let narrow = u16::try_from(place).ok().filter(|_| place < SYMBOLS_MAX);
    narrow.ok_or_else(|| FileError::TooMany {
        file: source.name(),
        what: "files",
        allowed: SYMBOLS_MAX,
    })
}
