//! The arguments of `stockade order submit`, and the intent that they make.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use stockade_core::limits::TAG_LEN_MAX;
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::{Money, Price, Qty, Slug, Symbol};

use crate::cli::argument;
use crate::failure::Failure;

/// An order as a person gives it.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("size").required(true).args(["qty", "notional"]))]
pub(crate) struct SubmitArgs {
    /// Whose
    #[arg(long, value_name = "S", value_parser = argument::slug)]
    pub(crate) sleeve: Slug,
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

    /// The open lot that it closes first (see `lot list`); the rest goes by the sleeve's method
    #[arg(long, value_name = "ID")]
    lot: Option<u64>,
    /// The reply as JSON
    #[arg(long)]
    pub(crate) json: bool,
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
    /// What the desk is asked for.
    pub(crate) fn intent(&self) -> Result<Intent, Failure> {
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
            lot: self.lot.map(stockade_core::id::LotId),
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
