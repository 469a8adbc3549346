//! `stockade lot list`: open lots.

use clap::Subcommand;
use stockade_store::query::{Lot, lot_page};

use super::context::Context;
use super::list::{LotListArgs, query_failed};
use super::screen::{self, Screen, money, price, quantity, time};
use crate::failure::Failure;

/// Shares by the execution that bought them
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LotCommand {
    /// Open lots, oldest first
    #[command(after_help = "Example:\n  stockade lot list --sleeve mine --symbol AAPL")]
    List {
        #[command(flatten)]
        list: LotListArgs,
        /// Closed ones too
        #[arg(long)]
        all: bool,
    },
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: LotCommand) -> Result<(), Failure> {
    let LotCommand::List { list, all } = command;
    let pool = context.pool().await?;
    let page =
        lot_page(&pool, &list.filter(context, &pool).await?, all).await.map_err(query_failed)?;
    list.list.print(&page, table)
}

fn table(lots: &[Lot]) -> Screen {
    let headings = [
        "OPENED",
        "SLEEVE",
        "SYMBOL",
        "SIDE",
        ">QTY",
        ">REMAINING",
        ">PRICE",
        ">COST LEFT",
        ">FEE LEFT",
    ];
    let mut screen = Screen::new(&headings, "no lots");
    for lot in lots {
        screen.row([
            time(lot.opened_at),
            screen::owner(&lot.sleeve, &lot.account),
            lot.symbol.clone(),
            lot.side.clone(),
            quantity(lot.qty),
            quantity(lot.remaining),
            price(lot.entry_price),
            money(lot.cost_left),
            money(lot.fee_left),
        ]);
    }
    screen
}
