//! `stockade action`: what happened beside trades (dividends, splits, fees, cash), and what a person
//! has to say about it; and `stockade import actions`.

use std::path::Path;

use clap::{Args, Subcommand};
use rust_decimal::Decimal;
use serde::Serialize;
use stockade_core::broker::{Activity as Reported, ActivityKind};
use stockade_core::desk::{ActionBooking, Command, Reply, file_activity_id};
use stockade_core::{Price, Symbol, Timestamp};
use stockade_store::query::{Activity, activity_page};
use stockade_venue::files::{ActionKind, ReportKind, ReportRow, read_reports};

use super::argument;
use super::context::Context;
use super::list::{ListArgs, query_failed};
use super::reply;
use super::screen::{self, Screen, money, text_or_dash, time};
use crate::failure::Failure;

/// Actions of one command: well below the longest line of the link.
const CHUNK: usize = 1_000;

/// Dividends, splits, fees and other things that are no trades
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ActionCommand {
    /// What was reported, and what became of it
    #[command(after_help = "Example:\n  stockade action list --state flagged")]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Of this state
        #[arg(long, value_name = "STATE", value_parser = ["pending", "booked", "flagged", "ignored"])]
        state: Option<String>,
    },
    /// Say what a flagged action is, so that it is booked
    #[command(
        after_help = "What each kind needs: split --ratio; symbol-change --symbol; spin-off --symbol --ratio --cost-share; \
merger --cash, or --symbol --ratio; dividend --cash where its amount is not known; cash (of the house) and ignore nothing. \
Shares of a spin-off go to who held when its day began, whatever was traded since.\n\n\
Example:\n  stockade action book 20260716093012123::spin --as spin-off --symbol CHILD --ratio 0.5 --cost-share 20"
    )]
    Book(BookArgs),
}

/// What an action is.
#[derive(Debug, Clone, Args)]
pub(crate) struct BookArgs {
    /// Its id, as `action list` shows it
    id: String,
    /// What it is
    #[arg(long = "as", value_name = "KIND",
        value_parser = ["split", "dividend", "symbol-change", "spin-off", "merger", "cash", "ignore"])]
    kind: String,
    /// The symbol that is received, or that takes the old one's place
    #[arg(long, value_name = "X", value_parser = argument::symbol)]
    symbol: Option<Symbol>,
    /// New shares for each share held
    #[arg(long, value_name = "R", value_parser = argument::decimal)]
    ratio: Option<Decimal>,
    /// Share of the cost that goes with a spin-off, in percent
    #[arg(long, value_name = "PCT", value_parser = argument::decimal)]
    cost_share: Option<Decimal>,
    /// Dollars for each share, of a merger or a dividend
    #[arg(long, value_name = "P", value_parser = argument::price)]
    cash: Option<Price>,
    /// The reply as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: ActionCommand) -> Result<(), Failure> {
    match command {
        ActionCommand::List { list, state } => {
            let pool = context.pool().await?;
            let page =
                activity_page(&pool, &list.filter(context, &pool).await?, state.as_deref()).await;
            list.print(&page.map_err(query_failed)?, table)
        }
        ActionCommand::Book(args) => {
            let booking = booking(&args)?;
            let command = Command::ActionBook { activity: args.id, booking };
            reply::of(context, command, args.json).await
        }
    }
}

fn booking(args: &BookArgs) -> Result<ActionBooking, Failure> {
    let needs = |what: &str| Failure::Usage(format!("--as {} needs {what}", args.kind));
    let symbol = || args.symbol.clone().ok_or_else(|| needs("--symbol"));
    let ratio = || {
        let ratio = args.ratio.filter(|ratio| *ratio > Decimal::ZERO);
        ratio.ok_or_else(|| needs("--ratio, new shares for one old share, above 0"))
    };
    Ok(match args.kind.as_str() {
        "split" => ActionBooking::Split { ratio: ratio()? },
        "symbol-change" => ActionBooking::SymbolChange { to: symbol()? },
        "spin-off" => ActionBooking::SpinOff {
            symbol: symbol()?,
            ratio: ratio()?,
            cost_share_pct: args.cost_share.ok_or_else(|| needs("--cost-share, in percent"))?,
        },
        "merger" => match (args.cash, &args.symbol) {
            (Some(cash_per_share), None) => ActionBooking::Merger { cash_per_share, shares: None },
            (None, Some(to)) => ActionBooking::Merger {
                cash_per_share: Price::ZERO,
                shares: Some((to.clone(), ratio()?)),
            },
            _ => return Err(needs("either --cash, or --symbol and --ratio")),
        },
        "dividend" => ActionBooking::Dividend { per_share: args.cash },
        "cash" => ActionBooking::Cash,
        _ => ActionBooking::Ignore,
    })
}

fn table(actions: &[Activity]) -> Screen {
    let headings =
        ["DAY", "KIND", "SYMBOL", ">REPORTED", ">BOOKED", "STATE", ">ENTRY", "NOTE", "ID"];
    let mut screen = Screen::new(&headings, "no actions");
    for action in actions {
        screen.row([
            time(action.effective),
            action.kind.clone(),
            text_or_dash(action.symbol.as_deref()),
            money(action.net_amount),
            action.booked.map_or_else(|| "-".to_owned(), money),
            action.state.clone(),
            action.entry.map_or_else(|| "-".to_owned(), |entry| entry.to_string()),
            action.note.clone(),
            action.id.clone(),
        ]);
    }
    screen
}

/// What an import came to.
#[derive(Debug, Default, Serialize)]
struct Imported {
    rows: usize,
    new: u64,
    known: u64,
}

/// `stockade import actions`: the whole file is read and checked before the first is booked.
pub(crate) async fn import(
    context: &Context,
    file: &Path,
    symbol: Option<&Symbol>,
    json: bool,
) -> Result<(), Failure> {
    let rows = read_reports(file)
        .map_err(|error| Failure::Usage(Failure::from(anyhow::Error::new(error)).to_string()))?;
    let mut activities: Vec<Reported> = rows
        .iter()
        .filter(|row| symbol.is_none_or(|symbol| *symbol == row.symbol))
        .map(reported)
        .collect();
    activities.sort_by_key(|activity| activity.effective_at);
    let mut imported = Imported { rows: activities.len(), ..Imported::default() };
    let commands = activities
        .chunks(CHUNK)
        .map(|chunk| Command::ImportActions { activities: chunk.to_vec() })
        .collect();
    for answer in context.change(commands).await? {
        match answer {
            Reply::Done { booked, known, .. } => {
                imported.new += booked.unwrap_or(0);
                imported.known += known.unwrap_or(0);
            }
            Reply::Refused { refusal } => return Err(Failure::refused(&refusal)),
        }
    }
    if json {
        return screen::json(&imported);
    }
    let Imported { rows, new, known } = imported;
    screen::line(&format!(
        "{rows} actions: {new} new, {known} known already; action list shows what became of them"
    ))
}

/// A value without its last zeros, so that the same line has the same id.
fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

fn reported(row: &ReportRow) -> Reported {
    let at = Timestamp(row.at);
    let day = at.0.to_string();
    let (kind, what) = match &row.kind {
        ReportKind::Action(ActionKind::Split, ratio) => (ActivityKind::Split, plain(*ratio)),
        ReportKind::Action(ActionKind::Dividend, rate) => (ActivityKind::Dividend, plain(*rate)),
        ReportKind::SymbolChange(to) => {
            (ActivityKind::SymbolChange, to.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        ReportKind::SpinOff => (ActivityKind::SpinOff, String::new()),
        ReportKind::Merger => (ActivityKind::Merger, String::new()),
    };
    let parts = [row.symbol.as_str(), row.kind.as_str(), &day, &what];
    let mut activity = Reported::new(file_activity_id(&parts), kind, at, Timestamp(i64::MAX));
    activity.symbol = Some(row.symbol.clone());
    activity.description = format!("{} of {what}", row.kind.as_str());
    match &row.kind {
        ReportKind::Action(ActionKind::Split, ratio) => activity.ratio = Some(ratio.normalize()),
        ReportKind::Action(ActionKind::Dividend, rate) => {
            activity.per_share = Some(Price::new(rate.normalize()));
        }
        ReportKind::SymbolChange(to) => activity.new_symbol.clone_from(to),
        ReportKind::SpinOff | ReportKind::Merger => {}
    }
    activity
}
