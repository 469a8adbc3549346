//! Which file, and for which symbol: `FILE` or `FILE:SYMBOL`.

use std::path::{Path, PathBuf};

use stockade_core::Symbol;
use stockade_core::id::NameError;

use super::error::FileError;
use super::line::Lines;

/// A file of market data as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// The symbol, where it was given with `FILE:SYMBOL`.
    pub symbol: Option<Symbol>,
}

/// What a file's header says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Bars of trades.
    Bars,
    /// Bars of quotes.
    Quotes,
    /// Quotes, tick by tick.
    QuoteTicks,
    /// Trades, tick by tick.
    Trades,
}

impl Source {
    /// Reads `FILE` or `FILE:SYMBOL`. A file whose whole name has a colon is taken as it is.
    pub fn parse(argument: &str) -> Result<Self, NameError> {
        let whole = Self { path: PathBuf::from(argument), symbol: None };
        let Some((path, symbol)) = argument.rsplit_once(':') else {
            return Ok(whole);
        };
        // A crypto pair may be written with its slash; otherwise a slash belongs to a path.
        let slashed = symbol.contains(['/', '\\']) && !Path::new(path).is_file();
        if path.is_empty() || symbol.is_empty() || slashed || whole.path.exists() {
            return Ok(whole);
        }
        Ok(Self { path: PathBuf::from(path), symbol: Some(Symbol::new(symbol)?) })
    }

    /// The file's name for messages.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The symbol for a file without a symbol column: the given one, or the file's name up to
    /// the first `_` or `.`.
    pub(crate) fn own_symbol(&self) -> Result<Symbol, FileError> {
        if let Some(symbol) = &self.symbol {
            return Ok(symbol.clone());
        }
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let start = name.split(['_', '.']).next().unwrap_or_default();
        Symbol::new(start).map_err(|source| FileError::Symbol { file: self.name(), source })
    }

    /// What the file's header says that it holds.
    pub fn kind(&self) -> Result<FileKind, FileError> {
        kind_of(&self.path)
    }
}

fn kind_of(path: &Path) -> Result<FileKind, FileError> {
    let mut lines = Lines::open(path)?;
    if !lines.next()? {
        return Err(FileError::Empty {
            file: lines.file().to_owned(),
            expected: super::bars::LAYOUT.header,
        });
    }
    let has = |name: &[u8]| (0..lines.len()).any(|at| lines.field(at).eq_ignore_ascii_case(name));
    Ok(match () {
        () if has(b"bid_close") => FileKind::Quotes,
        () if has(b"bid_price") => FileKind::QuoteTicks,
        () if has(b"price") && !has(b"close") => FileKind::Trades,
        () => FileKind::Bars,
    })
}
