//! `stockade order`: trading by hand, and what became of orders.

use clap::{Args, Subcommand, ValueEnum};
use std::sync::Arc;
use stockade_core::desk::Command;
use stockade_core::limits::TAG_LEN_MAX;
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::{Money, OrderId, Price, Qty, Slug, Symbol};
use stockade_store::query::{Order, OrderFilter, order_list, order_show};

use super::argument;
use super::context::{Context, failed};
use super::list::ListArgs;
use super::reply;
use super::screen::{self, Screen, money, price_or_dash, quantity, text_or_dash, time};
use crate::failure::Failure;

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
        list: ListArgs,
        /// Only those that are not final
        #[arg(long)]
        open: bool,
        /// Only those of this status
        #[arg(long, value_name = "STATUS", conflicts_with = "open")]
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
    #[command(after_help = "Example:\n  stockade order replace 17 --limit 149.50")]
    Replace {
        /// Its number
        id: u64,
        /// The new quantity, in all
        #[arg(long, value_name = "Q", value_parser = argument::quantity)]
        qty: Option<Qty>,
        /// The new limit price
        #[arg(long, value_name = "P", value_parser = argument::price, required_unless_present = "qty")]
        limit: Option<Price>,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// An order as a person gives it.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("size").required(true).args(["qty", "notional"]))]
pub(crate) struct SubmitArgs {
    /// Whose
    #[arg(long, value_name = "S", value_parser = argument::slug)]
    sleeve: Slug,
    /// What
    #[arg(long, value_name = "X", value_parser = argument::symbol)]
    symbol: Symbol,
    /// Buy or sell
    #[arg(long, value_enum)]
    side: SideArg,
    /// How many shares or coins
    #[arg(long, value_name = "Q", value_parser = argument::quantity, allow_negative_numbers = true)]
    qty: Option<Qty>,
    /// For how much money; market orders only
    #[arg(long, value_name = "N", value_parser = argument::amount, allow_negative_numbers = true)]
    notional: Option<Money>,
    /// What type (default: by the prices given)
    #[arg(long = "type", value_name = "T", value_enum)]
    order_type: Option<TypeArg>,
    /// The worst price
    #[arg(long, value_name = "P", value_parser = argument::price, allow_negative_numbers = true)]
    limit: Option<Price>,
    /// The trigger
    #[arg(long, value_name = "P", value_parser = argument::price, allow_negative_numbers = true)]
    stop: Option<Price>,
    /// How long it lives
    #[arg(long, value_name = "T", value_enum, default_value_t = TifArg::Day)]
    tif: TifArg,
    /// Let it trade outside the regular session
    #[arg(long)]
    extended_hours: bool,
    /// Why; becomes the exit reason of what it closes
    #[arg(long, value_name = "TEXT", value_parser = label)]
    reason: Option<String>,
    /// A label of one's own
    #[arg(long, value_name = "TEXT", value_parser = label)]
    tag: Option<String>,
    /// The reply as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SideArg {
    Buy,
    Sell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum TypeArg {
    Market,
    Limit,
    Stop,
    #[value(alias = "stop-limit")]
    StopLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TifArg {
    Day,
    Gtc,
    Ioc,
    Fok,
    Opg,
    Cls,
}

fn label(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > TAG_LEN_MAX {
        return Err(format!("{length} characters, at most {TAG_LEN_MAX} are allowed"));
    }
    Ok(text.to_owned())
}

impl SubmitArgs {
    fn intent(&self) -> Result<Intent, Failure> {
        Ok(Intent {
            symbol: self.symbol.clone(),
            side: match self.side {
                SideArg::Buy => Side::Buy,
                SideArg::Sell => Side::Sell,
            },
            size: self.size()?,
            order_type: self.typed()?,
            time_in_force: match self.tif {
                TifArg::Day => TimeInForce::Day,
                TifArg::Gtc => TimeInForce::Gtc,
                TifArg::Ioc => TimeInForce::Ioc,
                TifArg::Fok => TimeInForce::Fok,
                TifArg::Opg => TimeInForce::Opg,
                TifArg::Cls => TimeInForce::Cls,
            },
            extended_hours: self.extended_hours,
            reason: self.reason.as_deref().map(Arc::from),
            tag: self.tag.as_deref().map(Arc::from),
        })
    }

    fn size(&self) -> Result<Size, Failure> {
        match (self.qty, self.notional) {
            (Some(qty), None) => Ok(Size::Qty(qty)),
            (None, Some(notional)) if notional.is_positive() => Ok(Size::Notional(notional)),
            _ => Err(Failure::Usage("an order needs --qty or --notional, above zero".to_owned())),
        }
    }

    /// The type that was named, or the one that the prices make.
    fn typed(&self) -> Result<OrderType, Failure> {
        let wrong = |text: &str| Err(Failure::Usage(text.to_owned()));
        let named = self.order_type;
        match (self.limit, self.stop) {
            (None, None) if matches!(named, None | Some(TypeArg::Market)) => Ok(OrderType::Market),
            (Some(limit_price), None) if matches!(named, None | Some(TypeArg::Limit)) => {
                Ok(OrderType::Limit { limit_price })
            }
            (None, Some(stop_price)) if matches!(named, None | Some(TypeArg::Stop)) => {
                Ok(OrderType::Stop { stop_price })
            }
            (Some(limit_price), Some(stop_price))
                if matches!(named, None | Some(TypeArg::StopLimit)) =>
            {
                Ok(OrderType::StopLimit { stop_price, limit_price })
            }
            _ => match named {
                Some(TypeArg::Market) => wrong("a market order takes neither --limit nor --stop"),
                Some(TypeArg::Limit) => wrong("a limit order takes --limit and no --stop"),
                Some(TypeArg::Stop) => wrong("a stop order takes --stop and no --limit"),
                Some(TypeArg::StopLimit) | None => {
                    wrong("a stop_limit order takes both --stop and --limit")
                }
            },
        }
    }
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
            let found = order_list(&pool, &list.filter(context), &narrower).await;
            let orders = found.map_err(failed)?;
            list.note_cut(orders.len());
            if list.json { screen::json(&orders) } else { table(&orders).print() }
        }
        OrderCommand::Show { id, json } => {
            let pool = context.pool().await?;
            let found = order_show(&pool, context.account().as_deref(), &id).await;
            let order = found.map_err(failed)?.ok_or(Failure::NotFound { what: "order", name: id })?;
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
            order.sleeve.clone(),
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
        ("filled", format!("{} at {}", quantity(order.filled_qty), price_or_dash(order.filled_avg_price))),
        ("accepted", time(order.accepted_at)),
        ("changed", time(order.updated_at)),
        ("client order id", order.client_order_id.clone()),
        ("broker order id", text_or_dash(order.broker_order_id.as_deref())),
        ("reason", text_or_dash(order.reason.as_deref())),
        ("tag", text_or_dash(order.tag.as_deref())),
        ("ended because", text_or_dash(order.end_reason.as_deref())),
    ])
}
