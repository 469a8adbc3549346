//! `stockade import fills`: history from a file.
//!
//! Guarantees: the whole file is read and checked before the first row is booked; the same file
//! twice books nothing twice. A file without execution ids gets ids made of account, sleeve,
//! content and, where rows are equal, their count; an id of the file that is booked already must
//! mean the same fill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sha2::{Digest, Sha256};
use stockade_core::desk::{Command, ImportKind, ImportedFill, Reply};
use stockade_core::limits::OPENING_FILLS_MAX;
use stockade_core::order::Side;
use stockade_core::{Money, Price, Qty, Slug, Symbol, Timestamp};
use stockade_store::query::{At, KnownFill, Number, known_fills, sleeve_show};
use stockade_venue::files::{FillReader, FillRow, FillSide};

use super::argument;
use super::context::{Context, failed};
use super::screen;
use crate::drivers::books;
use crate::failure::Failure;

/// Fills of one command: one commit each, and well below the longest line of the link.
const CHUNK: usize = 1_000;

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
split (value: new shares for one old share), dividend (dollars a share, before a split of the same day). The \
timestamp is the ex-date's first moment. The same line twice is booked once; `action list` shows what became of each.\n\n\
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
    };
    let account = context.account_for_change().await?;
    let Rows { fills, lines, given } = read(&file, &account, &sleeve)?;
    check_known(context, &file, &account, &sleeve, &given).await?;
    let mut imported = Imported { rows: fills.len(), ..Imported::default() };
    let whole = opening && account != books::BOOKS;
    if whole && fills.len() > OPENING_FILLS_MAX {
        return Err(Failure::Usage(format!(
            "{} holds {} rows, at most {OPENING_FILLS_MAX} are booked at once on an account with a broker: give each \
             symbol a file of its own",
            file.display(),
            fills.len()
        )));
    }
    let bar = progress(fills.len());
    // History on an account with a broker is booked whole or not at all.
    let size = if whole { OPENING_FILLS_MAX } else { CHUNK };
    let commands: Vec<Command> = fills
        .chunks(size)
        .map(|chunk| Command::ImportFills {
            sleeve: sleeve.clone(),
            opening,
            fills: chunk.to_vec(),
        })
        .collect();
    // Some at a time: each call without a host takes the lease once.
    for (index, group) in commands.chunks(100).enumerate() {
        let done = context.change(group.to_vec()).await;
        for reply in done.map_err(|failure| placed(failure, &file, &fills, &lines))? {
            let Reply::Done { booked, known, .. } = reply else {
                continue;
            };
            imported.booked += booked.unwrap_or(0);
            imported.known += known.unwrap_or(0);
        }
        bar.set_position(
            u64::try_from((index + 1) * 100 * CHUNK)
                .unwrap_or(u64::MAX)
                .min(bar.length().unwrap_or(0)),
        );
    }
    bar.finish_and_clear();
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

/// A fill that the file gives an execution id.
struct Given {
    line: u64,
    fill: KnownFill,
}

fn spoken(fill: &KnownFill) -> String {
    let of = format!("{} {} {}", fill.side, fill.qty, fill.symbol);
    if fill.side == FillSide::Split.as_str() {
        return format!("{of} at {}", fill.at);
    }
    format!("{of} for {}, fee {}, at {}", fill.price, fill.fee, fill.at)
}

fn same(a: &KnownFill, b: &KnownFill) -> bool {
    let numbers = |fill: &KnownFill| (fill.qty.0, fill.price.0, fill.fee.0, fill.at.0);
    (&a.symbol, &a.side) == (&b.symbol, &b.side) && numbers(a) == numbers(b)
}

/// An id that is booked already, or was given before in the file, must mean the same fill of the
/// same sleeve: what differs would be lost silently.
async fn check_known(
    context: &Context,
    file: &Path,
    account: &str,
    sleeve: &Slug,
    given: &[Given],
) -> Result<(), Failure> {
    let mut first: BTreeMap<&str, &Given> = BTreeMap::new();
    for row in given {
        let id = row.fill.execution_id.as_str();
        let earlier = *first.entry(id).or_insert(row);
        if !same(&earlier.fill, &row.fill) {
            return Err(Failure::Usage(format!(
                "{} line {}: execution_id \"{id}\" is {}, but {} in line {}",
                file.display(),
                row.line,
                spoken(&row.fill),
                spoken(&earlier.fill),
                earlier.line
            )));
        }
    }
    let ids: Vec<String> = first.keys().map(|id| (*id).to_owned()).collect();
    let pool = match context.pool().await {
        Ok(pool) if !ids.is_empty() => pool,
        Ok(_) | Err(Failure::NoBooks { .. } | Failure::NotFound { .. }) => return Ok(()),
        Err(failure) => return Err(failure),
    };
    for known in known_fills(&pool, account, &ids).await.map_err(failed)? {
        let Some(row) = first.get(known.execution_id.as_str()) else {
            continue;
        };
        if known.sleeve == sleeve.as_str() && same(&known, &row.fill) {
            continue;
        }
        return Err(Failure::Usage(format!(
            "{} line {}: execution_id \"{}\" is {} for sleeve \"{sleeve}\", but {} is booked under it to sleeve \"{}\"",
            file.display(),
            row.line,
            known.execution_id,
            spoken(&row.fill),
            spoken(&known),
            known.sleeve
        )));
    }
    Ok(())
}

/// A bar on stderr; nothing where stderr is no terminal.
fn progress(rows: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("booking {bar:40} {human_pos}/{human_len} {eta}");
    let bar = ProgressBar::new(u64::try_from(rows).unwrap_or(u64::MAX));
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

/// A file's rows.
#[derive(Default)]
struct Rows {
    fills: Vec<ImportedFill>,
    /// The line of each.
    lines: Vec<u64>,
    /// Those with an execution id of the file.
    given: Vec<Given>,
}

/// Reads and checks the whole file.
fn read(file: &Path, account: &str, sleeve: &Slug) -> Result<Rows, Failure> {
    let wrong = |error: stockade_venue::files::FileError| {
        let failure = Failure::from(anyhow::Error::new(error));
        Failure::Usage(failure.to_string())
    };
    let mut rows = Rows::default();
    for row in FillReader::open(file).map_err(wrong)? {
        let row = row.map_err(wrong)?;
        rows.lines.push(row.line);
        if let Some(id) = &row.execution_id {
            let fill = KnownFill {
                execution_id: id.clone(),
                sleeve: sleeve.to_string(),
                symbol: row.symbol.to_string(),
                side: row.side.as_str().to_owned(),
                qty: Number(row.qty),
                price: Number(row.price),
                fee: Number(row.fee),
                at: At(row.at),
            };
            rows.given.push(Given { line: row.line, fill });
        }
        rows.fills.push(imported(row, account, sleeve));
    }
    Ok(rows)
}

fn imported(row: FillRow, account: &str, sleeve: &Slug) -> ImportedFill {
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

/// The broker's id, or one made of what makes the row this row.
fn execution_id(row: &FillRow, account: &str, sleeve: &Slug) -> String {
    if let Some(id) = &row.execution_id {
        return id.clone();
    }
    let digest = Sha256::digest(format!("{account}|{sleeve}|{}", row.key()).as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("import:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str, sleeve: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fills.csv");
        std::fs::write(&path, text).unwrap();
        let rows = read(&path, "books", &Slug::new(sleeve).unwrap()).unwrap();
        rows.fills.into_iter().map(|fill| fill.execution_id).collect()
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

    #[test]
    fn a_wrong_row_is_a_wrong_usage_that_names_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fills.csv");
        let digits = "9".repeat(40);
        std::fs::write(
            &path,
            format!("time,symbol,side,qty,price,fee\n2026-01-02T15:00:00Z,AAPL,buy,{digits},1,0\n"),
        )
        .unwrap();
        let failure = read(&path, "books", &Slug::new("mine").unwrap()).err().unwrap();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("line 2, column qty"), "{failure}");
    }
}
