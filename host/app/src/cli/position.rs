//! `stockade position`: what sleeves hold.

use clap::Subcommand;
use stockade_core::desk::Command;
use stockade_core::{Money, Qty, Slug, Symbol, Timestamp};
use stockade_store::query::{Position, position_page};

use super::argument;
use super::context::Context;
use super::list::{LotListArgs, query_failed};
use super::reply;
use super::screen::{self, Screen, money, percent, price, price_or_dash, quantity};
use crate::failure::Failure;

/// What sleeves hold
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PositionCommand {
    /// Give shares that nobody owns yet to a sleeve, with their cost and date
    #[command(
        after_help = "Example:\n  stockade position assign AAPL 10 --to mine --cost 1500 --opened 2026-02-11"
    )]
    Assign {
        /// Of what
        #[arg(value_parser = argument::symbol)]
        symbol: Symbol,
        /// How many
        #[arg(value_parser = argument::quantity)]
        qty: Qty,
        /// To this sleeve
        #[arg(long, value_name = "SLEEVE", value_parser = argument::slug)]
        to: Slug,
        /// What they cost in all
        #[arg(long, value_name = "C", value_parser = argument::amount)]
        cost: Money,
        /// When they were bought
        #[arg(long, value_name = "D", value_parser = argument::time)]
        opened: Timestamp,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Move shares with their lots from one sleeve to another
    #[command(after_help = "Example:\n  stockade position move dip trend AAPL 5")]
    Move {
        /// From this sleeve
        #[arg(value_parser = argument::slug)]
        from: Slug,
        /// To this sleeve
        #[arg(value_parser = argument::slug)]
        to: Slug,
        /// Of what
        #[arg(value_parser = argument::symbol)]
        symbol: Symbol,
        /// How many
        #[arg(value_parser = argument::quantity)]
        qty: Qty,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Positions, with each sleeve's share of the account's
    #[command(after_help = "Example:\n  stockade position list --symbol AAPL --json")]
    List(LotListArgs),
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: PositionCommand) -> Result<(), Failure> {
    match command {
        PositionCommand::Assign { symbol, qty, to, cost, opened, json } => {
            let command = Command::PositionAssign { symbol, qty, to, cost, opened };
            reply::of(context, command, json).await
        }
        PositionCommand::Move { from, to, symbol, qty, json } => {
            reply::of(context, Command::PositionMove { from, to, symbol, qty }, json).await
        }
        PositionCommand::List(list) => {
            let pool = context.pool().await?;
            let page = position_page(&pool, &list.filter(context, &pool).await?)
                .await
                .map_err(query_failed)?;
            list.list.print(&page, table)
        }
    }
}

fn table(positions: &[Position]) -> Screen {
    let headings =
        ["SLEEVE", "SYMBOL", ">QTY", ">AVERAGE", ">MARK", ">VALUE", ">UNREALISED", ">SHARE %"];
    let mut screen = Screen::new(&headings, "no positions");
    for position in positions {
        screen.row([
            screen::owner(&position.sleeve, &position.account),
            position.symbol.clone(),
            quantity(position.qty),
            price(position.average_entry),
            price_or_dash(position.mark),
            money(position.market_value),
            money(position.unrealised),
            percent(position.share_of_account_pct),
        ]);
    }
    screen
}
