//! `stockade export`: whole tables as CSV or JSON.
//!
//! Guarantees: a table of any size takes no more memory than a page; the file is complete or it is
//! not there: it is written beside its name and renamed at the end.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use indicatif::ProgressBar;
use stockade_store::query::{TABLES, table_columns, table_page};

use super::context::{Context, failed};
use super::screen;
use crate::failure::Failure;
use crate::whole::WholeFile;

const PAGE: u32 = 5_000;

/// Write a whole table to a file
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade export execution --format csv --out executions.csv")]
pub(crate) struct ExportArgs {
    /// Which table
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TABLES))]
    table: String,
    /// How
    #[arg(long, value_enum)]
    format: Format,
    /// Where; - is stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: ExportArgs) -> Result<(), Failure> {
    if args.out == Path::new("-") {
        let stdout = std::io::stdout();
        let rows = write(context, &args, &mut BufWriter::new(stdout.lock())).await?;
        screen::note(&format!("{rows} rows"));
        return Ok(());
    }
    let mut out = WholeFile::create(&args.out)?;
    let rows = write(context, &args, &mut out).await?;
    out.finish()?;
    screen::note(&format!("{rows} rows of {} in {}", args.table, args.out.display()));
    Ok(())
}

async fn write<W: Write>(
    context: &Context,
    args: &ExportArgs,
    out: &mut W,
) -> Result<u64, Failure> {
    let pool = context.pool().await?;
    let columns = table_columns(&pool, &args.table).await.map_err(failed)?;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let bar = ProgressBar::new_spinner();
    let mut rows = 0;
    let mut after: Option<Vec<String>> = None;
    begin(args.format, &names, out)?;
    loop {
        let page = table_page(&pool, &args.table, &columns, after.as_deref(), PAGE)
            .await
            .map_err(failed)?;
        for row in &page.rows {
            match args.format {
                Format::Csv => csv_row(row, out)?,
                Format::Json => {
                    out.write_all(if rows == 0 { b"\n" } else { b",\n" })?;
                    let values = row
                        .iter()
                        .zip(&columns)
                        .map(|(value, column)| column.json(value.as_deref()));
                    let object: serde_json::Map<_, _> =
                        names.iter().map(|name| (*name).to_owned()).zip(values).collect();
                    serde_json::to_writer(&mut *out, &object).map_err(std::io::Error::from)?;
                }
            }
            rows += 1;
        }
        bar.set_message(format!("{rows} rows"));
        bar.tick();
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if args.format == Format::Json {
        out.write_all(b"\n]\n")?;
    }
    bar.finish_and_clear();
    out.flush()?;
    Ok(rows)
}

fn begin<W: Write>(format: Format, names: &[&str], out: &mut W) -> Result<(), Failure> {
    match format {
        Format::Csv => {
            let header: Vec<Option<String>> =
                names.iter().map(|name| Some((*name).to_owned())).collect();
            csv_row(&header, out)
        }
        Format::Json => Ok(out.write_all(b"[")?),
    }
}

/// A row; what is missing is an empty field.
fn csv_row<W: Write>(row: &[Option<String>], out: &mut W) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fields = row.iter().map(|value| value.as_deref().unwrap_or_default());
    writer.write_record(fields).map_err(failed)?;
    let bytes = writer.into_inner().map_err(|error| failed(anyhow::anyhow!(error.to_string())))?;
    Ok(out.write_all(&bytes)?)
}
