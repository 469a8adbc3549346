//! `stockade order`: trading by hand, and what became of orders.

mod submit;

use clap::Subcommand;
use stockade_core::desk::Command;
use stockade_core::order::OrderStatus;
use stockade_core::{OrderId, Price, Qty};
use stockade_store::query::{Order, OrderFilter, order_page, order_show};

use super::argument;
use super::context::{Context, failed};
use super::list::{OrderListArgs, query_failed};
use super::reply;
use super::screen::{self, Screen, money, price_or_dash, quantity, text_or_dash, time};
use crate::failure::Failure;
use submit::SubmitArgs;

/// Trade by hand, and see what became of orders
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OrderCommand {
    /// Submit an order for a sleeve
    #[command(
        after_help = "Example:\n  stockade order submit --sleeve mine --symbol AAPL --side buy --qty 10 --type limit --limit 150"
    )]
    Submit(Box<SubmitArgs>),
    /// Orders, the latest last
    #[command(after_help = "Example:\n  stockade order list --sleeve mine --open")]
    List {
        #[command(flatten)]
        list: OrderListArgs,
        /// Only those that are not final
        #[arg(long)]
        open: bool,
        /// Only those of this status
        #[arg(long, value_name = "STATUS", conflicts_with = "open",
            value_parser = OrderStatus::ALL.map(OrderStatus::as_str))]
        status: Option<String>,
    },
    /// One order, by its number, its client order id or the broker's
    #[command(after_help = "Example:\n  stockade order show 17 --json")]
    Show {
        /// Which
        id: String,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Ask for an order's cancellation
    #[command(after_help = "Example:\n  stockade order cancel 17")]
    Cancel {
        /// Its number
        id: u64,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Cancel an order and put a changed one in its place
    #[command(
        group = clap::ArgGroup::new("change").required(true).multiple(true).args(["qty", "limit"]),
        after_help = "Example:\n  stockade order replace 17 --limit 149.50"
    )]
    Replace {
        /// Its number
        id: u64,
        /// The new quantity, in all
        #[arg(long, value_name = "Q", value_parser = argument::quantity)]
        qty: Option<Qty>,
        /// The new limit price
        #[arg(long, value_name = "P", value_parser = argument::price)]
        limit: Option<Price>,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: OrderCommand) -> Result<(), Failure> {
    match command {
        OrderCommand::Submit(args) => {
            let intent = args.intent()?;
            let sleeve = args.sleeve.clone();
            reply::of(context, Command::OrderSubmit { sleeve, intent }, args.json).await
        }
        OrderCommand::Cancel { id, json } => {
            reply::of(context, Command::OrderCancel { order: OrderId(id) }, json).await
        }
        OrderCommand::Replace { id, qty, limit, json } => {
            let order = OrderId(id);
            reply::of(context, Command::OrderReplace { order, qty, limit_price: limit }, json).await
        }
        OrderCommand::List { list, open, status } => {
            let pool = context.pool().await?;
            let narrower = OrderFilter { open, status };
            let page = order_page(&pool, &list.filter(context, &pool).await?, &narrower).await;
            list.list.print(&page.map_err(query_failed)?, table)
        }
        OrderCommand::Show { id, json } => {
            let pool = context.pool().await?;
            let found = order_show(&pool, context.account().as_deref(), &id, context.at()).await;
            let order =
                found.map_err(failed)?.ok_or(Failure::NotFound { what: "order", name: id })?;
            if json { screen::json(&order) } else { show(&order) }
        }
    }
}

fn table(orders: &[Order]) -> Screen {
    let headings = [
        ">ID", "TIME", "SLEEVE", "SYMBOL", "SIDE", ">SIZE", "TYPE", ">LIMIT", ">STOP", ">FILLED",
        ">AVERAGE", "STATUS",
    ];
    let mut screen = Screen::new(&headings, "no orders");
    for order in orders {
        screen.row([
            order.id.to_string(),
            time(order.accepted_at),
            screen::owner(&order.sleeve, &order.account),
            order.symbol.clone(),
            order.side.clone(),
            size(order),
            order.order_type.clone(),
            price_or_dash(order.limit_price),
            price_or_dash(order.stop_price),
            quantity(order.filled_qty),
            price_or_dash(order.filled_avg_price),
            order.status.clone(),
        ]);
    }
    screen
}

fn size(order: &Order) -> String {
    match (order.qty, order.notional) {
        (Some(qty), _) => quantity(qty),
        (None, Some(notional)) => format!("$ {}", money(notional)),
        (None, None) => "-".to_owned(),
    }
}

fn show(order: &Order) -> Result<(), Failure> {
    screen::pairs(&[
        ("order", order.id.to_string()),
        ("account", order.account.clone()),
        ("sleeve", order.sleeve.clone()),
        ("status", order.status.clone()),
        ("what", format!("{} {} {}", order.side, size(order), order.symbol)),
        ("type", format!("{} ({})", order.order_type, order.time_in_force)),
        ("limit", price_or_dash(order.limit_price)),
        ("stop", price_or_dash(order.stop_price)),
        ("sent as", format!("{} {}", order.sent_type, price_or_dash(order.sent_limit_price))),
        ("decided at", price_or_dash(order.decision_price)),
        ("reserved", money(order.reserved)),
        (
            "filled",
            format!("{} at {}", quantity(order.filled_qty), price_or_dash(order.filled_avg_price)),
        ),
        ("accepted", time(order.accepted_at)),
        ("changed", time(order.updated_at)),
        ("client order id", order.client_order_id.clone()),
        ("broker order id", text_or_dash(order.broker_order_id.as_deref())),
        ("reason", text_or_dash(order.reason.as_deref())),
        ("tag", text_or_dash(order.tag.as_deref())),
        ("ended because", text_or_dash(order.end_reason.as_deref())),
    ])
}
