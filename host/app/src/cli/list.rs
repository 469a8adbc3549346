//! The flags that narrow a list and page through it, the same for every noun.

use serde::Serialize;
use stockade_core::{Slug, Symbol, Timestamp};
use stockade_store::query::{Cursor, Filter, Page, PgPool, QueryError, sleeve_is_known};

use super::argument;
use super::context::{Context, failed, not_found};
use super::screen::{self, ROWS_SHOWN, Screen};
use crate::failure::Failure;

/// What a person got wrong is wrong usage; everything else failed.
pub(crate) fn query_failed(error: QueryError) -> Failure {
    match error {
        QueryError::Cursor { .. }
        | QueryError::UnknownTable { .. }
        | QueryError::NoPast { .. }
        | QueryError::TooMany { .. } => Failure::Usage(error.to_string()),
        QueryError::Database { .. } => failed(error),
    }
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ListArgs {
    /// Of this sleeve
    #[arg(long, value_name = "S", value_parser = argument::slug)]
    pub(crate) sleeve: Option<Slug>,
    /// Of this symbol
    #[arg(long, value_name = "X", value_parser = argument::symbol)]
    pub(crate) symbol: Option<Symbol>,
    /// From this time on: a date or RFC 3339
    #[arg(long, value_name = "T", value_parser = argument::time)]
    pub(crate) from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "T", value_parser = argument::time)]
    pub(crate) to: Option<Timestamp>,
    /// At most so many, the latest (default: 200 in a table, all in JSON)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// The page behind the one that gave this cursor: what is older (positions: what follows)
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<Cursor>,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// With --json and --limit: {rows, next} instead of a bare array; next is for --after
    #[arg(long, requires = "json", requires = "limit")]
    pub(crate) page: bool,
}

/// The order behind a row.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct OriginArgs {
    /// Of orders with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Of orders with this reason; of a round trip, its exit reason
    #[arg(long, value_name = "REASON", visible_alias = "exit-reason")]
    reason: Option<String>,
    /// Of orders that this version of a plugin sent
    #[arg(long, value_name = "VERSION")]
    plugin_version: Option<String>,
}

/// What a list of orders, or of what came of them, is narrowed to.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct OrderListArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Of this side
    #[arg(long, value_name = "SIDE", value_parser = ["buy", "sell"])]
    side: Option<String>,
    #[command(flatten)]
    origin: OriginArgs,
}

/// What a list of lots, or of what is made of them, is narrowed to.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct LotListArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Of this side
    #[arg(long, value_name = "SIDE", value_parser = ["long", "short"])]
    side: Option<String>,
    #[command(flatten)]
    origin: OriginArgs,
}

/// A page as one JSON document.
#[derive(Serialize)]
struct PageJson<'a, T> {
    rows: &'a [T],
    next: Option<String>,
}

impl ListArgs {
    /// As a query takes it. A sleeve that was named is there: a slip of the pen is no empty list.
    pub(crate) async fn filter(&self, context: &Context, pool: &PgPool) -> Result<Filter, Failure> {
        if let Some(sleeve) = &self.sleeve {
            let account = context.account();
            let known = sleeve_is_known(pool, account.as_deref(), sleeve.as_str()).await;
            if !known.map_err(query_failed)? {
                return Err(not_found("sleeve", sleeve));
            }
        }
        Ok(Filter {
            account: context.account(),
            sleeve: self.sleeve.as_ref().map(ToString::to_string),
            symbol: self.symbol.as_ref().map(ToString::to_string),
            from: self.from.map(|time| time.0),
            to: self.to.map(|time| time.0),
            limit: self.limit.or((!self.json).then_some(ROWS_SHOWN)),
            after: self.after.clone(),
            at: context.at(),
            ..Filter::default()
        })
    }

    /// Writes a page; where another follows, how to get it stands below, on stderr.
    pub(crate) fn print<T: Serialize>(
        &self,
        page: &Page<T>,
        table: fn(&[T]) -> Screen,
    ) -> Result<(), Failure> {
        let next = page.next.as_ref().map(ToString::to_string);
        if self.page {
            return screen::json(&PageJson { rows: &page.rows, next });
        }
        if self.json {
            screen::json(&page.rows)?;
        } else {
            table(&page.rows).print()?;
        }
        if let Some(next) = next {
            let rows = page.rows.len();
            screen::note(&format!("{rows} rows; the next page: --after {next}"));
        }
        Ok(())
    }
}

impl OrderListArgs {
    /// As a query takes it.
    pub(crate) async fn filter(&self, context: &Context, pool: &PgPool) -> Result<Filter, Failure> {
        let filter = self.origin.narrowed(self.list.filter(context, pool).await?);
        Ok(Filter { side: self.side.clone(), ..filter })
    }
}

impl LotListArgs {
    /// As a query takes it.
    pub(crate) async fn filter(&self, context: &Context, pool: &PgPool) -> Result<Filter, Failure> {
        let filter = self.origin.narrowed(self.list.filter(context, pool).await?);
        Ok(Filter { side: self.side.clone(), ..filter })
    }
}

impl OriginArgs {
    fn narrowed(&self, filter: Filter) -> Filter {
        Filter {
            tag: self.tag.clone(),
            reason: self.reason.clone(),
            plugin_version: self.plugin_version.clone(),
            ..filter
        }
    }
}
