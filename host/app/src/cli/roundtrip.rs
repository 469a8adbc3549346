//! `stockade roundtrip list`: realised profit, trade by trade.

use clap::Subcommand;
use stockade_store::query::{RoundTrip, round_trip_page};

use super::context::Context;
use super::list::{LotListArgs, query_failed};
use super::screen::{self, Screen, money, percent, price, quantity, text_or_dash, time};
use crate::failure::Failure;

/// Realised profit, trade by trade
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RoundTripCommand {
    /// Round trips, the latest exit last
    #[command(
        after_help = "Example:\n  stockade roundtrip list --sleeve mine --from 2026-02-01 --reason target"
    )]
    List(LotListArgs),
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: RoundTripCommand) -> Result<(), Failure> {
    let RoundTripCommand::List(list) = command;
    let pool = context.pool().await?;
    let page =
        round_trip_page(&pool, &list.filter(context, &pool).await?).await.map_err(query_failed)?;
    list.list.print(&page, table)
}

fn table(trips: &[RoundTrip]) -> Screen {
    let headings = [
        "EXIT", "SLEEVE", "SYMBOL", "SIDE", ">QTY", ">ENTRY", ">EXIT AT", ">GROSS", ">FEES",
        ">NET", ">NET %", "REASON",
    ];
    let mut screen = Screen::new(&headings, "no round trips");
    for trip in trips {
        let fees = stockade_store::query::Number(trip.opening_fee.0 + trip.closing_fee.0);
        screen.row([
            time(trip.exit_time),
            screen::owner(&trip.sleeve, &trip.account),
            trip.symbol.clone(),
            trip.side.clone(),
            quantity(trip.qty),
            price(trip.entry_price),
            price(trip.exit_price),
            money(trip.gross),
            money(fees),
            money(trip.net),
            percent(trip.net_pct),
            text_or_dash(trip.exit_reason.as_deref()),
        ]);
    }
    screen
}
