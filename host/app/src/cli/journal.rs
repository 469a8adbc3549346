//! `stockade journal list`: the double-entry journal.

use clap::Subcommand;
use stockade_store::query::{Entry, Number, journal_page};

use super::context::Context;
use super::list::{OrderListArgs, query_failed};
use super::screen::{Screen, money, quantity, time};
use crate::failure::Failure;

/// The double-entry journal
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum JournalCommand {
    /// Entries with their legs, the latest last
    #[command(
        after_help = "A debit is what the sleeve gets (cash, shares at cost), a fee or a loss; a credit is what it gives, its capital,\n\
income or a gain. The two sides of an entry are equal. JSON has one amount a leg, a credit below zero.\n\nExample:\n  stockade journal list --sleeve mine --limit 10"
    )]
    List(OrderListArgs),
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: JournalCommand) -> Result<(), Failure> {
    let JournalCommand::List(list) = command;
    let pool = context.pool().await?;
    let page =
        journal_page(&pool, &list.filter(context, &pool).await?).await.map_err(query_failed)?;
    list.list.print(&page, table)
}

/// One line per leg; an entry's own words stand on its first.
fn table(entries: &[Entry]) -> Screen {
    let headings =
        [">ENTRY", "TIME", "KIND", "SLEEVE", "LEDGER", ">SHARES", ">DEBIT", ">CREDIT", "MEMO"];
    let mut screen = Screen::new(&headings, "no entries");
    for entry in entries {
        for (place, leg) in entry.postings.iter().enumerate() {
            let first = |text: String| if place == 0 { text } else { String::new() };
            let ledger = match &leg.symbol {
                Some(symbol) => format!("{} {symbol}", leg.ledger),
                None => leg.ledger.clone(),
            };
            screen.row([
                first(entry.id.to_string()),
                first(time(entry.at)),
                first(entry.kind.clone()),
                leg.sleeve.clone(),
                ledger,
                leg.qty.map_or_else(String::new, quantity),
                side(leg.amount),
                side(Number(-leg.amount.0)),
                first(entry.memo.clone()),
            ]);
        }
    }
    screen
}

/// An amount on the side where it stands.
fn side(amount: Number) -> String {
    if amount.0.is_sign_negative() { String::new() } else { money(amount) }
}
