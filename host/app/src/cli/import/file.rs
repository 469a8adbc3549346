//! A file of fills, read twice: once to check all of it, once to book it.
//!
//! Guarantees: a file of any length takes a few bytes a row of memory; nothing is booked of a file
//! with a wrong row, or with an id that means another fill elsewhere in the file or in the books; a
//! file that changes between the two readings is refused.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use stockade_core::Slug;
use stockade_store::query::{At, KnownFill, Number, PgPool, booked_until, known_fills};
use stockade_venue::files::{FileError, FillReader, FillRow, FillSide};

use super::order::Order;
use crate::cli::context::failed;
use crate::failure::Failure;

/// Rows that the books are asked for at once.
const ASKED: usize = 10_000;

/// A file that can be read again.
pub(super) struct FillsFile {
    pub(super) path: PathBuf,
    /// Of what is no regular file, such as a pipe: it gives its bytes once.
    bytes: Option<Arc<[u8]>>,
    seen: Option<(u64, Option<SystemTime>)>,
}

/// What the first reading found.
pub(super) struct Checked {
    /// Rows of the file.
    pub(super) rows: usize,
    /// Whether each is booked already; empty where none is.
    known: Vec<bool>,
    /// Those that are.
    pub(super) known_count: u64,
}

impl Checked {
    /// Whether a row, by its place from 0, is booked already.
    pub(super) fn is_known(&self, place: usize) -> bool {
        self.known.get(place).copied().unwrap_or(false)
    }

    fn note(&mut self, place: usize) {
        if self.known.len() <= place {
            self.known.resize(place + 1, false);
        }
        self.known[place] = true;
        self.known_count += 1;
    }
}

fn wrong(error: FileError) -> Failure {
    Failure::Usage(Failure::from(anyhow::Error::new(error)).to_string())
}

impl FillsFile {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut file = Self { path: path.to_owned(), bytes: None, seen: None };
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => file.seen = Some((found.len(), found.modified().ok())),
            Ok(found) if !found.is_dir() => {
                let mut bytes = Vec::new();
                std::fs::File::open(path)?.read_to_end(&mut bytes)?;
                file.bytes = Some(bytes.into());
            }
            // The reader says what is wrong with it.
            _ => {}
        }
        Ok(file)
    }

    /// Its rows from the first on.
    pub(super) fn rows(&self) -> Result<impl Iterator<Item = Result<FillRow, Failure>>, Failure> {
        let reader = match &self.bytes {
            Some(bytes) => {
                FillReader::of(&self.path.display().to_string(), Cursor::new(bytes.clone()))
            }
            None => FillReader::open(&self.path),
        };
        Ok(reader.map_err(wrong)?.map(|row| row.map_err(wrong)))
    }

    /// An error where somebody has written to it since it was opened.
    pub(super) fn must_be_the_same(&self) -> Result<(), Failure> {
        let Some(seen) = self.seen else { return Ok(()) };
        let found = std::fs::metadata(&self.path)?;
        if (found.len(), found.modified().ok()) == seen {
            return Ok(());
        }
        Err(Failure::Failed(anyhow::anyhow!(
            "{} was changed while it was read: import it again, what is booked already is known",
            self.path.display()
        )))
    }
}

/// The first reading: every row, and every id against the file and the books.
pub(super) async fn check(
    file: &FillsFile,
    (account, sleeve): (&str, &Slug),
    pool: Option<&PgPool>,
    bar: &ProgressBar,
) -> Result<Checked, Failure> {
    let mut checked = Checked { rows: 0, known: Vec::new(), known_count: 0 };
    let mut ids = Ids::default();
    let mut order = match pool {
        Some(pool) => {
            Order::of(booked_until(pool, account, sleeve.as_str()).await.map_err(failed)?)
        }
        None => Order::default(),
    };
    let mut asked = Vec::with_capacity(ASKED);
    for row in file.rows()? {
        let row = row?;
        if row.execution_id.is_some() {
            ids.check(file, &row)?;
        }
        asked.push((checked.rows, Asked::of(row, account, sleeve)));
        checked.rows += 1;
        if asked.len() == ASKED {
            ask(file, pool, account, &mut asked, &mut checked, &mut order).await?;
            bar.set_position(u64::try_from(checked.rows).unwrap_or(u64::MAX));
        }
    }
    ask(file, pool, account, &mut asked, &mut checked, &mut order).await?;
    Ok(checked)
}

/// A row as the books would show it.
struct Asked {
    row: FillRow,
    fill: KnownFill,
}

impl Asked {
    fn of(row: FillRow, account: &str, sleeve: &Slug) -> Self {
        let fill = KnownFill {
            execution_id: execution_id(&row, account, sleeve),
            sleeve: sleeve.to_string(),
            symbol: row.symbol.to_string(),
            side: row.side.as_str().to_owned(),
            qty: Number(row.qty),
            price: Number(row.price),
            fee: Number(row.fee),
            at: At(row.at),
        };
        Self { row, fill }
    }
}

/// An id that is booked already must mean the same fill of the same sleeve: what differs would be
/// lost silently.
async fn ask(
    file: &FillsFile,
    pool: Option<&PgPool>,
    account: &str,
    asked: &mut Vec<(usize, Asked)>,
    checked: &mut Checked,
    order: &mut Order,
) -> Result<(), Failure> {
    let rows = std::mem::take(asked);
    let ids: Vec<String> = rows.iter().map(|(_, row)| row.fill.execution_id.clone()).collect();
    let known = match pool {
        Some(pool) => known_fills(pool, account, &ids).await.map_err(failed)?,
        None => Vec::new(),
    };
    let known: HashMap<&str, &KnownFill> =
        known.iter().map(|fill| (fill.execution_id.as_str(), fill)).collect();
    for (place, row) in &rows {
        let found = known.get(row.fill.execution_id.as_str());
        let in_order = order.take(&row.row, found.is_some());
        in_order.map_err(|why| {
            Failure::Usage(format!("{} line {}: {why}", file.path.display(), row.row.line))
        })?;
        let Some(known) = found else { continue };
        // An id that the file gives must mean the same fill.
        let given = row.row.execution_id.is_some();
        if given && !(known.sleeve == row.fill.sleeve && same(known, &row.fill)) {
            return Err(Failure::Usage(format!(
                "{} line {}: execution_id \"{}\" is {} for sleeve \"{}\", but {} is booked under it to sleeve \"{}\"",
                file.path.display(),
                row.row.line,
                known.execution_id,
                spoken(&row.fill),
                row.fill.sleeve,
                spoken(known),
                known.sleeve
            )));
        }
        checked.note(*place);
    }
    Ok(())
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

/// The file's ids with what they mean, as hashes: whether two rows contradict each other is read in
/// the file once their hashes do.
#[derive(Default)]
struct Ids {
    hashes: RandomState,
    seen: HashMap<u64, (u64, u64)>,
}

impl Ids {
    fn check(&mut self, file: &FillsFile, row: &FillRow) -> Result<(), Failure> {
        let meaning = (&row.symbol, row.side, row.qty, row.price, row.fee, row.at);
        let (id, meaning) =
            (self.hashes.hash_one(&row.execution_id), self.hashes.hash_one(meaning));
        let (line, first) = *self.seen.entry(id).or_insert((row.line, meaning));
        if first == meaning {
            return Ok(());
        }
        for earlier in file.rows()? {
            let earlier = earlier?;
            if earlier.line < line {
                continue;
            }
            if earlier.execution_id != row.execution_id {
                return Ok(());
            }
            let none = Slug::new("none").map_err(failed)?;
            let spoken = |row: &FillRow| spoken(&Asked::of(row.clone(), "", &none).fill);
            return Err(Failure::Usage(format!(
                "{} line {}: execution_id \"{}\" is {}, but {} in line {}",
                file.path.display(),
                row.line,
                row.execution_id.as_deref().unwrap_or_default(),
                spoken(row),
                spoken(&earlier),
                earlier.line
            )));
        }
        Ok(())
    }
}

/// The broker's id, or one made of what makes the row this row.
pub(super) fn execution_id(row: &FillRow, account: &str, sleeve: &Slug) -> String {
    if let Some(id) = &row.execution_id {
        return id.clone();
    }
    let digest = Sha256::digest(format!("{account}|{sleeve}|{}", row.key()).as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("import:{hex}")
}
