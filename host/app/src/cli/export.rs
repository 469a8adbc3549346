//! `stockade export`: whole tables as CSV, JSON lines or Parquet.
//!
//! Guarantees: all rows of one moment; a table of any size takes no more memory than a page (Parquet:
//! a row group); no digit is lost; the file is complete or it is not there.

mod parquet;
mod text;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use stockade_store::query::{Column, PgPool, TableReader, TextRow};

use super::context::Context;
use super::list::query_failed;
use super::screen;
use crate::failure::Failure;
use crate::whole::WholeFile;

/// Rows that are read at once.
const PAGE: u32 = 5_000;

/// Write a whole table to a file
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  stockade export execution --format parquet --out executions.parquet"
)]
pub(crate) struct ExportArgs {
    /// Which table; journal and roundtrip are entry and round_trip (a name that is none gives them
    /// all)
    table: String,
    /// How: json is one object a line
    #[arg(long, value_enum)]
    format: Format,
    /// Where; - is stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated, with a header; what is missing is an empty field
    Csv,
    /// One JSON object a line
    #[value(alias = "jsonl")]
    Json,
    /// Apache Parquet: decimals as decimal128, times in nanoseconds UTC
    Parquet,
}

/// Takes rows in a format.
trait Sink {
    fn rows(&mut self, rows: &[TextRow]) -> Result<()>;
    /// The end of the table.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: ExportArgs) -> Result<(), Failure> {
    let pool = context.pool().await?;
    if args.out == Path::new("-") {
        // Stdout's own lock can't cross threads, as the writer of columns may.
        let mut out = BufWriter::new(std::io::stdout());
        let rows = write(&pool, &args.table, args.format, context.at(), &mut out).await?;
        screen::note(&format!("{rows} rows"));
        return Ok(());
    }
    let mut out = WholeFile::create(&args.out)?;
    let rows = write(&pool, &args.table, args.format, context.at(), &mut out).await?;
    out.finish()?;
    screen::note(&format!("{rows} rows of {} in {}", args.table, args.out.display()));
    Ok(())
}

/// The table that a word means: its own name, or that of the list that shows it.
fn table_of(word: &str) -> &str {
    match word {
        "journal" => "entry",
        "roundtrip" => "round_trip",
        name => name,
    }
}

/// Writes a table; gives the number of its rows.
async fn write<W: Write + Send>(
    pool: &PgPool,
    table: &str,
    format: Format,
    at: Option<i64>,
    out: &mut W,
) -> Result<u64, Failure> {
    let mut reader = TableReader::open(pool, table_of(table), at).await.map_err(query_failed)?;
    let columns: Vec<Column> = reader.columns().to_vec();
    let mut sink: Box<dyn Sink + Send> = match format {
        Format::Csv => Box::new(text::Csv::new(&columns, &mut *out)?),
        Format::Json => Box::new(text::JsonLines::new(columns, &mut *out)),
        Format::Parquet => Box::new(parquet::Parquet::new(&columns, &mut *out)?),
    };
    let bar = ProgressBar::new_spinner().with_message(table.to_owned());
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} rows, {per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut count = 0;
    loop {
        let rows = reader.page(PAGE).await.map_err(query_failed)?;
        if rows.is_empty() {
            break;
        }
        sink.rows(&rows)?;
        count += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        bar.set_position(count);
    }
    sink.finish()?;
    bar.finish_and_clear();
    out.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests;
