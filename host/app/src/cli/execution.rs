//! `stockade execution list`: fills at the broker.

use clap::Subcommand;
use stockade_store::query::{Execution, execution_page};

use super::context::Context;
use super::list::{OrderListArgs, query_failed};
use super::screen::{self, Screen, money, price, quantity, time};
use crate::failure::Failure;

/// Fills at the broker, each booked once
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ExecutionCommand {
    /// Executions, the latest last
    #[command(after_help = "Example:\n  stockade execution list --sleeve mine --limit 20")]
    List(OrderListArgs),
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: ExecutionCommand) -> Result<(), Failure> {
    let ExecutionCommand::List(list) = command;
    let pool = context.pool().await?;
    let page =
        execution_page(&pool, &list.filter(context, &pool).await?).await.map_err(query_failed)?;
    list.list.print(&page, table)
}

fn table(executions: &[Execution]) -> Screen {
    let headings = [
        "TIME",
        "SLEEVE",
        "SYMBOL",
        "SIDE",
        ">QTY",
        ">PRICE",
        ">FEE",
        ">ORDER",
        "SOURCE",
        "EXECUTION",
    ];
    let mut screen = Screen::new(&headings, "no executions");
    for execution in executions {
        screen.row([
            time(execution.at),
            screen::owner(&execution.sleeve, &execution.account),
            execution.symbol.clone(),
            execution.side.clone(),
            quantity(execution.qty),
            price(execution.price),
            money(execution.fee),
            execution.order_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            execution.source.clone(),
            execution.execution_id.clone(),
        ]);
    }
    screen
}
