//! `stockade statement`: what a sleeve or an account had, did and has, on paper.

mod pictures;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use jiff::civil::Date;
use stockade_core::{Slug, Timestamp};
use stockade_store::query::{
    PgPool, StatementBasis, StatementRows, StatementScope, sleeve_show, statement_rows,
};

use super::argument;
use super::context::{Context, failed, not_found};
use super::list::query_failed;
use super::screen;
use crate::failure::Failure;
use crate::link::{Comparison, HostReply, HostRequest};
use crate::report::statement::{
    BrokerLine, BrokerSide, Statement, build, csv, html, lay_out, pdf, text,
};
use crate::whole::WholeFile;

const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// Opening and closing balances of a period, and everything between them
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  stockade statement mine --from 2026-01-01 --to 2026-01-31\n  stockade statement --from 2026-01-01 --to 2026-03-31 --format pdf --out quarter.pdf\n  stockade statement mine --from 2026-01-01 --to 2026-01-31 --at 2026-02-01"
)]
pub(crate) struct StatementArgs {
    /// Of which sleeve (default: the whole account)
    #[arg(value_parser = argument::slug)]
    sleeve: Option<Slug>,
    /// From this time on: a date (its midnight in UTC) or RFC 3339
    #[arg(long, value_name = "D", value_parser = argument::time)]
    from: Timestamp,
    /// To the end of this day (in UTC), or before this RFC 3339 time
    #[arg(long, value_name = "D", value_parser = end)]
    to: Timestamp,
    /// What puts an entry into the period: the day of the trade (a correction's day is that of its
    /// booking), or the day of booking
    #[arg(long, value_enum, default_value = "trade")]
    by: Basis,
    /// How it is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Into this file (default: stdout)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The statement's numbers as one JSON document
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Which day of an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Basis {
    /// When it happened
    Trade,
    /// When it was booked
    Booking,
}

/// How a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a screen
    Text,
    /// One page with pictures that needs nothing else
    Html,
    /// A4
    Pdf,
    /// One line a fact
    Csv,
}

/// A date means all of its day.
fn end(text: &str) -> Result<Timestamp, argument::ArgumentError> {
    let time = argument::time(text)?;
    let whole_day = text.parse::<Date>().is_ok() && !text.contains(['T', 't', ' ']);
    Ok(if whole_day { Timestamp(time.0.saturating_add(NANOS_PER_DAY)) } else { time })
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: StatementArgs) -> Result<(), Failure> {
    if args.from >= args.to {
        return Err(Failure::Usage("the period is empty: --from is not before --to".to_owned()));
    }
    if args.format == Format::Pdf && args.out.is_none() && std::io::stdout().is_terminal() {
        let why = "a PDF is no text for a terminal: name a file (--out FILE)";
        return Err(Failure::Usage(why.to_owned()));
    }
    let pool = context.pool().await?;
    let scope = scope(context, &pool, &args).await?;
    let rows = statement_rows(&pool, &scope).await.map_err(query_failed)?;
    let broker = broker(context, &rows, &scope).await;
    let statement = build(&scope, &rows, broker).map_err(failed)?;
    if args.json {
        return screen::json(&statement);
    }
    let bytes = written(&pool, &statement, args.format).await?;
    let Some(name) = args.out else {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes)?;
        return Ok(out.flush()?);
    };
    let mut out = WholeFile::create(&name)?;
    out.write_all(&bytes)?;
    out.finish()?;
    screen::note(&format!("{} bytes in {}", bytes.len(), name.display()));
    Ok(())
}

async fn scope(
    context: &Context,
    pool: &PgPool,
    args: &StatementArgs,
) -> Result<StatementScope, Failure> {
    let (account, sleeve) = match &args.sleeve {
        None => (context.account_for_change().await?, None),
        Some(name) => {
            let found =
                sleeve_show(pool, context.account().as_deref(), name.as_str(), context.at()).await;
            let sleeve = found.map_err(failed)?.ok_or_else(|| not_found("sleeve", name))?;
            (sleeve.account, Some(sleeve.name))
        }
    };
    let known = stockade_store::query::Filter {
        account: Some(account.clone()),
        ..stockade_store::query::Filter::default()
    };
    let accounts = stockade_store::query::account_list(pool, &known).await.map_err(failed)?;
    if accounts.is_empty() {
        return Err(Failure::NotFound { what: "account", name: account });
    }
    let basis = match args.by {
        Basis::Trade => StatementBasis::Trade,
        Basis::Booking => StatementBasis::Booking,
    };
    let (from, to, at) = (args.from.0, args.to.0, context.at());
    Ok(StatementScope { account, sleeve, from, to, basis, at })
}

async fn written(pool: &PgPool, statement: &Statement, format: Format) -> Result<Vec<u8>, Failure> {
    let document = lay_out(statement);
    Ok(match format {
        Format::Text => text(&document).into_bytes(),
        Format::Csv => csv(statement)?,
        Format::Pdf | Format::Html => {
            let pictures = pictures::of(pool, statement).await.map_err(query_failed)?;
            match format {
                Format::Pdf => pdf(&document, &pictures),
                _ => html(&document, &pictures).into_bytes(),
            }
        }
    })
}

/// What the broker says, where the period ends now and a host can ask.
async fn broker(context: &Context, rows: &StatementRows, scope: &StatementScope) -> BrokerSide {
    if !rows.has_broker {
        return BrokerSide::Not("the account has no broker".to_owned());
    }
    if scope.at.is_some() {
        return BrokerSide::Not("the broker is asked for the present alone, not --at".to_owned());
    }
    if scope.to <= rows.market_time.0 {
        return BrokerSide::Not("the period ended before the books' last input".to_owned());
    }
    match context.ask_host(HostRequest::Reconcile, "comparing with the broker").await {
        Ok(HostReply::Compared(comparison)) => compared(&comparison),
        Ok(_) => BrokerSide::Not("the host answered something else".to_owned()),
        Err(failure) => BrokerSide::Not(failure.to_string()),
    }
}

fn compared(comparison: &Comparison) -> BrokerSide {
    let cash = BrokerLine {
        item: "cash".to_owned(),
        ours: comparison.cash.ours.0,
        broker: comparison.cash.broker.0,
    };
    let symbols = comparison.symbols.iter().map(|symbol| BrokerLine {
        item: symbol.symbol.clone(),
        ours: symbol.sleeves.0 + symbol.suspense.0,
        broker: symbol.broker.0,
    });
    BrokerSide::Compared {
        at: comparison.at,
        lines: std::iter::once(cash).chain(symbols).collect(),
    }
}
