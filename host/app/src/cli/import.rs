//! `stockade import fills`: history from a file.
//!
//! Guarantees: the whole file is read and checked before the first row is booked; the same file
//! twice books nothing twice. A file without execution ids gets ids made of account, sleeve,
//! content and, where rows are equal, their count; an id of the file that is booked already must
//! mean the same fill.

mod file;
mod order;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use stockade_core::desk::{Command, ImportKind, ImportedFill, Reply};
use stockade_core::limits::OPENING_FILLS_MAX;
use stockade_core::order::Side;
use stockade_core::{Money, Price, Qty, Slug, Symbol, Timestamp};
use stockade_store::query::sleeve_show;
use stockade_venue::files::{FileError, FillRow, FillSide, Source, interval_ns, read_bars};

use super::argument;
use super::context::{Context, failed};
use super::screen;
use crate::drivers::stored::Timeframe;
use crate::drivers::{books, stored};
use crate::failure::Failure;
use file::{Checked, FillsFile, execution_id};

/// Fills of one command: one commit each, and well below the longest line of the link.
const CHUNK: usize = 1_000;
/// Fills of one call of the desk, and all that is held of a file at once.
const GROUP: usize = 100 * CHUNK;

/// Bring in history from a file
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ImportCommand {
    /// Book the fills of a CSV file to a sleeve
    #[command(
        after_help = "The file's header: time,symbol,side,qty,price,fee[,execution_id]; side is buy, sell or split.\n\nExample:\n  stockade import fills history.csv --sleeve mine --opening"
    )]
    Fills {
        /// The file, plain or gzipped
        file: PathBuf,
        /// Whose fills
        #[arg(long, value_name = "S", value_parser = argument::slug)]
        sleeve: Slug,
        /// History from before stockade: left out of the comparison with the broker
        #[arg(long)]
        opening: bool,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Book the splits, dividends and other actions of a CSV file to whoever held the shares
    #[command(
        after_help = "The file's header: timestamp,symbol,kind,value and more columns, which are left out. Kinds: \
split (value: new shares for one old share), dividend (dollars a share, before a split of the same day), symbol-change (with a column new_symbol), spin-off and merger \
(no value: they are flagged, and `action book` has their terms). The timestamp is the ex-date's first moment. The same line twice is booked once; `action list` shows what became of each.\n\n\
Example:\n  stockade import actions corporate_actions.csv --symbol AAPL"
    )]
    Actions {
        /// The file, plain or gzipped
        file: PathBuf,
        /// Only actions of this symbol
        #[arg(long, value_name = "X", value_parser = argument::symbol)]
        symbol: Option<Symbol>,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep the bars of a symbol in the data folder, for `backtest --stored`
    #[command(
        after_help = "The file's header: timestamp,[symbol,]open,high,low,close,volume. The same bar twice is kept once; one with other \
prices at a time that is there already is refused.\n\nExample:\n  stockade import bars AAPL_1m.csv.gz --symbol AAPL --timeframe 1m"
    )]
    Bars {
        /// The file, plain or gzipped
        file: PathBuf,
        /// Of this symbol
        #[arg(long, value_name = "X", value_parser = argument::symbol)]
        symbol: Symbol,
        /// Length of the bars: 1m, 15m, 1h, 1d
        #[arg(long, value_name = "LENGTH")]
        timeframe: Timeframe,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// What an import came to.
#[derive(Debug, Default, Serialize)]
struct Imported {
    rows: usize,
    booked: u64,
    known: u64,
    /// Splits of symbols that the sleeve does not hold.
    ignored: u64,
    /// What the sleeve should not be, and is by these facts.
    warnings: Vec<String>,
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: ImportCommand) -> Result<(), Failure> {
    let (file, sleeve, opening, json) = match command {
        ImportCommand::Fills { file, sleeve, opening, json } => (file, sleeve, opening, json),
        ImportCommand::Actions { file, symbol, json } => {
            return super::action::import(context, &file, symbol.as_ref(), json).await;
        }
        ImportCommand::Bars { file, symbol, timeframe, json } => {
            return bars(context, &file, &symbol, &timeframe, json);
        }
    };
    let account = context.account_for_change().await?;
    let file = FillsFile::open(&file)?;
    let pool = match context.pool().await {
        Ok(pool) => Some(pool),
        Err(Failure::NoBooks { .. } | Failure::NotFound { .. }) => None,
        Err(failure) => return Err(failure),
    };
    let bar = progress("checking {human_pos} rows {elapsed}", None);
    let checked = file::check(&file, (&account, &sleeve), pool.as_ref(), &bar).await?;
    bar.finish_and_clear();
    let whole = opening && account != books::BOOKS;
    if whole && checked.rows > OPENING_FILLS_MAX {
        return Err(Failure::Usage(format!(
            "{} holds {} rows, at most {OPENING_FILLS_MAX} are booked at once on an account with a broker: give each \
             symbol a file of its own",
            file.path.display(),
            checked.rows
        )));
    }
    let import =
        Import { context, file: &file, account: &account, sleeve: &sleeve, opening, whole };
    let mut imported = import.book(&checked).await?;
    let rows = u64::try_from(imported.rows).unwrap_or(u64::MAX);
    imported.ignored = rows.saturating_sub(imported.booked + imported.known);
    let pool = context.pool().await?;
    let found = sleeve_show(&pool, Some(&account), sleeve.as_str(), None).await.map_err(failed)?;
    imported.warnings = found.map(|found| found.oddities()).unwrap_or_default();
    for warning in &imported.warnings {
        screen::note(&format!("warning: sleeve \"{sleeve}\": {warning}"));
    }
    if json {
        return screen::json(&imported);
    }
    let ignored = match imported.ignored {
        0 => String::new(),
        splits => format!(", {splits} splits of symbols that it does not hold"),
    };
    screen::line(&format!(
        "{} rows: {} booked to sleeve \"{sleeve}\", {} known already{ignored}",
        imported.rows, imported.booked, imported.known
    ))
}

/// Keeps the bars of a file.
fn bars(
    context: &Context,
    file: &Path,
    symbol: &Symbol,
    timeframe: &Timeframe,
    json: bool,
) -> Result<(), Failure> {
    let usage = |error: stockade_venue::files::FileError| Failure::Usage(error.to_string());
    let unnamed = Source { path: file.to_owned(), symbol: None };
    let named = Source { path: file.to_owned(), symbol: Some(symbol.clone()) };
    // A file that names symbols itself takes none from outside.
    let bars = match read_bars(&[named]) {
        Err(FileError::SymbolTwice { .. }) => read_bars(&[unnamed]).map_err(usage)?,
        read => read.map_err(usage)?,
    };
    if let Some(found) = interval_ns(&bars).filter(|found| *found != timeframe.length) {
        return Err(Failure::Usage(format!(
            "{} holds bars that are {} s apart, --timeframe {timeframe} says {} s",
            file.display(),
            found / 1_000_000_000,
            timeframe.length / 1_000_000_000
        )));
    }
    let stored = stored::add(&context.settings.data, symbol, timeframe, &bars)
        .map_err(|error| Failure::Usage(format!("{}: {error:#}", file.display())))?;
    if json {
        return screen::json(&stored);
    }
    screen::line(&format!(
        "{} bars of {symbol}: {} kept, {} known already",
        stored.rows, stored.booked, stored.known
    ))
}

/// The second reading.
struct Import<'a> {
    context: &'a Context,
    file: &'a FillsFile,
    account: &'a str,
    sleeve: &'a Slug,
    opening: bool,
    /// History on an account with a broker is booked whole or not at all.
    whole: bool,
}

impl Import<'_> {
    async fn book(&self, checked: &Checked) -> Result<Imported, Failure> {
        self.file.must_be_the_same()?;
        let mut imported =
            Imported { rows: checked.rows, known: checked.known_count, ..Imported::default() };
        let bar = progress("booking {bar:40} {human_pos}/{human_len} {eta}", Some(checked.rows));
        let mut fills = Vec::new();
        let mut lines = Vec::new();
        for (place, row) in self.file.rows()?.enumerate() {
            let row = row?;
            if checked.is_known(place) {
                continue;
            }
            lines.push(row.line);
            fills.push(filled(row, self.account, self.sleeve));
            // Each call without a host takes the lease once.
            if fills.len() == GROUP {
                self.group(&mut fills, &mut lines, &mut imported).await?;
                bar.set_position(u64::try_from(place + 1).unwrap_or(u64::MAX));
            }
        }
        self.group(&mut fills, &mut lines, &mut imported).await?;
        bar.finish_and_clear();
        self.file.must_be_the_same()?;
        Ok(imported)
    }

    async fn group(
        &self,
        fills: &mut Vec<ImportedFill>,
        lines: &mut Vec<u64>,
        imported: &mut Imported,
    ) -> Result<(), Failure> {
        if fills.is_empty() {
            return Ok(());
        }
        let size = if self.whole { OPENING_FILLS_MAX } else { CHUNK };
        let commands: Vec<Command> = fills
            .chunks(size)
            .map(|chunk| Command::ImportFills {
                sleeve: self.sleeve.clone(),
                opening: self.opening,
                fills: chunk.to_vec(),
            })
            .collect();
        let done = self.context.change(commands).await;
        for reply in done.map_err(|failure| placed(failure, &self.file.path, fills, lines))? {
            let Reply::Done { booked, known, .. } = reply else {
                continue;
            };
            imported.booked += booked.unwrap_or(0);
            imported.known += known.unwrap_or(0);
        }
        fills.clear();
        lines.clear();
        Ok(())
    }
}

/// A refused row with its place in the file.
fn placed(failure: Failure, file: &Path, fills: &[ImportedFill], lines: &[u64]) -> Failure {
    let Failure::Refused { code, message } = failure else {
        return failure;
    };
    let named = |fill: &ImportedFill| message.contains(&format!("fill {} of", fill.execution_id));
    let line = fills.iter().position(named).and_then(|index| lines.get(index));
    let message = match line {
        Some(line) => format!("{} line {line}: {message}", file.display()),
        None => message,
    };
    Failure::Refused { code, message }
}

/// A bar on stderr; nothing where stderr is no terminal.
fn progress(template: &str, rows: Option<usize>) -> ProgressBar {
    let bar = match rows {
        Some(rows) => ProgressBar::new(u64::try_from(rows).unwrap_or(u64::MAX)),
        None => ProgressBar::new_spinner(),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn filled(row: FillRow, account: &str, sleeve: &Slug) -> ImportedFill {
    let execution_id = execution_id(&row, account, sleeve);
    let trade = |side| ImportKind::Trade {
        side,
        qty: Qty::new(row.qty),
        price: Price::new(row.price),
        fee: Money::new(row.fee),
    };
    let kind = match row.side {
        FillSide::Buy => trade(Side::Buy),
        FillSide::Sell => trade(Side::Sell),
        FillSide::Split => ImportKind::Split { ratio: row.qty },
    };
    ImportedFill { execution_id, at: Timestamp(row.at), symbol: row.symbol, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str, sleeve: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fills.csv");
        std::fs::write(&path, text).unwrap();
        let sleeve = Slug::new(sleeve).unwrap();
        let file = FillsFile::open(&path).unwrap();
        let id = |row: Result<FillRow, Failure>| execution_id(&row.unwrap(), "books", &sleeve);
        file.rows().unwrap().map(id).collect()
    }

    #[test]
    fn ids_are_the_same_for_the_same_file_and_differ_for_equal_rows() {
        let text = "time,symbol,side,qty,price,fee\n\
                    2026-01-02T15:00:00Z,AAPL,buy,10,150,1\n\
                    2026-01-02T15:00:00Z,AAPL,buy,10,150,1\n\
                    2026-01-03T15:00:00Z,AAPL,split,4,,\n";
        let spelled = text.replace("150", "150.00");
        let first = ids(text, "mine");
        assert_eq!(first, ids(&spelled, "mine"));
        assert_ne!(first[0], first[1]);
        assert!(first.iter().all(|id| id.starts_with("import:") && id.len() == 71), "{first:?}");
        assert_ne!(first, ids(text, "other"));
    }

    #[test]
    fn ids_of_the_file_are_kept() {
        let text = "time,symbol,side,qty,price,fee,execution_id\n2026-01-02T15:00:00Z,AAPL,buy,10,150,1,abc\n";
        assert_eq!(ids(text, "mine"), ["abc"]);
    }

    #[tokio::test]
    async fn a_wrong_row_is_a_wrong_usage_that_names_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fills.csv");
        let digits = "9".repeat(40);
        std::fs::write(
            &path,
            format!("time,symbol,side,qty,price,fee\n2026-01-02T15:00:00Z,AAPL,buy,{digits},1,0\n"),
        )
        .unwrap();
        let (file, sleeve) = (FillsFile::open(&path).unwrap(), Slug::new("mine").unwrap());
        let bar = ProgressBar::hidden();
        let failure = file::check(&file, ("books", &sleeve), None, &bar).await.err().unwrap();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("line 2, column qty"), "{failure}");
    }
}
