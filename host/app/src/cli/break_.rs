//! `stockade break`: differences that reconciliation found.

use clap::Subcommand;
use stockade_core::desk::Command;
use stockade_core::id::BreakId;
use stockade_store::query::{Break, break_page, break_show};

use super::argument;
use super::context::{Context, failed};
use super::list::{ListArgs, query_failed};
use super::reply;
use super::screen::{self, Screen, quantity, text_or_dash, time};
use crate::failure::Failure;

/// Differences that reconciliation found
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BreakCommand {
    /// Open breaks
    #[command(after_help = "Example:\n  stockade break list --all --json")]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Resolved ones too
        #[arg(long)]
        all: bool,
    },
    /// One break with its evidence
    #[command(after_help = "Example:\n  stockade break show 3")]
    Show {
        /// Its number
        id: u32,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Settle a break, with the reason
    #[command(
        after_help = "Example:\n  stockade break resolve 3 --as accept --why \"manual trade\""
    )]
    Resolve {
        /// Its number
        id: u32,
        /// What to do about it
        #[arg(long = "as", value_name = "ACTION", value_enum)]
        action: Settling,
        /// Why
        #[arg(long, value_name = "TEXT", value_parser = argument::reason)]
        why: String,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// How a person settles a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Settling {
    /// Leave the difference as it is; it freezes nothing, and a break comes back when it changes
    Accept,
    /// Book the difference into suspense, so that books and broker agree
    Adjust,
}

impl Settling {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Adjust => "adjust",
        }
    }
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: BreakCommand) -> Result<(), Failure> {
    match command {
        BreakCommand::List { list, all } => {
            let pool = context.pool().await?;
            let page = break_page(&pool, &list.filter(context, &pool).await?, all)
                .await
                .map_err(query_failed)?;
            list.print(&page, table)
        }
        BreakCommand::Show { id, json } => {
            let pool = context.pool().await?;
            let found =
                break_show(&pool, context.account().as_deref(), i64::from(id), context.at()).await;
            let name = id.to_string();
            let found = found.map_err(failed)?.ok_or(Failure::NotFound { what: "break", name })?;
            if json { screen::json(&found) } else { show(&found) }
        }
        BreakCommand::Resolve { id, action, why, json } => {
            let (break_id, action) = (BreakId(u64::from(id)), action.as_str().to_owned());
            reply::of(context, Command::BreakResolve { break_id, action, why }, json).await
        }
    }
}

fn table(breaks: &[Break]) -> Screen {
    let headings = [
        ">ID", "FOUND", "CLASS", "SEVERITY", "SYMBOL", "STATE", ">AGE S", ">OURS", ">BROKER",
        "ACTION",
    ];
    let mut screen = Screen::new(&headings, "no breaks");
    for found in breaks {
        screen.row([
            found.id.to_string(),
            time(found.opened_at),
            class(found),
            found.severity.clone(),
            text_or_dash(found.symbol.as_deref()),
            found.state.clone(),
            found.age_seconds.to_string(),
            quantity(found.ours),
            quantity(found.broker),
            found.action.clone(),
        ]);
    }
    screen
}

fn class(found: &Break) -> String {
    format!("{} {}", found.class, found.class_name).trim_end().to_owned()
}

fn show(found: &Break) -> Result<(), Failure> {
    screen::pairs(&[
        ("break", found.id.to_string()),
        ("account", found.account.clone()),
        ("class", class(found)),
        ("severity", found.severity.clone()),
        ("symbol", text_or_dash(found.symbol.as_deref())),
        ("state", found.state.clone()),
        ("found", time(found.opened_at)),
        ("resolved", found.resolved_at.map_or_else(|| "-".to_owned(), time)),
        ("age", format!("{} s", found.age_seconds)),
        ("ours", quantity(found.ours)),
        ("broker", quantity(found.broker)),
        ("evidence", found.evidence.clone()),
        ("action", found.action.clone()),
    ])
}
