//! `stockade report`: what a tax adviser asks for.
//!
//! `bridge` explains why the sleeves' lots, the account's own lots and the broker's average price
//! differ; `wash-sales` lists losses that a purchase within 30 days undoes. Both only read.

mod difference;
mod runs;

use std::collections::BTreeMap;

use clap::Subcommand;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::Serialize;
use stockade_core::ledger::LotSide;
use stockade_core::ledger::tax::{Bridge, Figures, Part, bridge};
use stockade_core::ledger::wash::{WINDOW_DAYS, WashSale, wash_sales};
use stockade_core::{SleeveId, Symbol, Timestamp};
use stockade_store::query::{
    At, Filter, Number, account_list, is_shadow, tax_history, wash_history,
};

use super::argument;
use super::context::{Context, failed};
use super::screen::{self, Screen, money, price, quantity, time};
use crate::failure::Failure;

/// The calendar that the rule's days are counted by.
const CALENDAR: &str = "America/New_York";

/// Why figures differ, and what a tax adviser asks for
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReportCommand {
    /// From the sleeves' lots to the account's own lots and the broker's average price
    #[command(
        after_help = "Costs and profits are of prices alone; fees are the same on all sides. The account's own lots are closed oldest first, whoever traded.\n\nExample:\n  stockade report bridge --symbol AAPL"
    )]
    Bridge(BridgeArgs),
    /// Losses that a purchase of the same symbol within 30 days undoes, across sleeves
    #[command(
        after_help = "Section 1091 of the Internal Revenue Code, as IRS Publication 550 tells it: 30 days before to 30 days after, days of New York; the same symbol counts as substantially identical. Coins are no securities and left out unless asked for. Other accounts of the same person are not seen.\n\nExample:\n  stockade report wash-sales --from 2026-01-01 --to 2027-01-01 --json"
    )]
    WashSales(WashArgs),
    /// Why two runs over the same bars differ, order by order
    #[command(after_help = difference::HELP)]
    Difference(difference::DifferenceArgs),
}

/// What a bridge is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BridgeArgs {
    /// Of this symbol alone
    #[arg(long, value_name = "X", value_parser = argument::symbol)]
    symbol: Option<Symbol>,
    /// One JSON document instead of tables, with the account's own open lots
    #[arg(long)]
    json: bool,
}

/// What wash sales are asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WashArgs {
    /// Losses from this time on: a date or RFC 3339
    #[arg(long, value_name = "D", value_parser = argument::time)]
    from: Option<Timestamp>,
    /// Losses before this time
    #[arg(long, value_name = "D", value_parser = argument::time)]
    to: Option<Timestamp>,
    /// Of this symbol alone
    #[arg(long, value_name = "X", value_parser = argument::symbol)]
    symbol: Option<Symbol>,
    /// Coins too
    #[arg(long)]
    coins: bool,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: ReportCommand) -> Result<(), Failure> {
    match command {
        ReportCommand::Bridge(args) => show_bridge(context, args).await,
        ReportCommand::WashSales(args) => show_wash_sales(context, args).await,
        ReportCommand::Difference(args) => difference::show(context, args).await,
    }
}

/// The account that is reported: the one that was named, or the only one there is.
async fn account(context: &Context) -> Result<String, Failure> {
    let filter = Filter { account: context.account(), ..Filter::default() };
    let known = account_list(&context.pool().await?, &filter).await.map_err(failed)?;
    let named = context.account().is_some();
    let meant = |label: &String| named || !is_shadow(label);
    let labels = known.into_iter().map(|account| account.account);
    let labels: Vec<String> = labels.filter(meant).collect();
    match labels.as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let name = context.account().unwrap_or_else(|| "books".to_owned());
            Err(Failure::NotFound { what: "account", name })
        }
        several => Err(Failure::Usage(format!(
            "there are several accounts ({}): name one (--account)",
            several.join(", ")
        ))),
    }
}

type Names = BTreeMap<SleeveId, String>;

fn name(names: &Names, sleeve: SleeveId) -> String {
    names.get(&sleeve).cloned().unwrap_or_else(|| sleeve.to_string())
}

// ---------------------------------------------------------------------------------------------
// The bridge

/// A position and its profit, as JSON.
#[derive(Debug, Serialize)]
struct Side {
    qty: Number,
    cost: Number,
    realised: Number,
}

impl From<Figures> for Side {
    fn from(of: Figures) -> Self {
        Self {
            qty: Number(of.qty.get()),
            cost: Number(of.cost.get()),
            realised: Number(of.realised.get()),
        }
    }
}

#[derive(Debug, Serialize)]
struct Step {
    cause: &'static str,
    #[serde(flatten)]
    change: Side,
}

impl From<&Part> for Step {
    fn from(part: &Part) -> Self {
        Self { cause: part.cause.as_str(), change: part.change.into() }
    }
}

#[derive(Debug, Serialize)]
struct BrokerSide {
    qty: Number,
    average_entry: Option<Number>,
    cost: Number,
    /// `reported`: the broker's last report; `reckoned`: by its method, from the executions.
    source: &'static str,
    reported_at: Option<At>,
}

#[derive(Debug, Serialize)]
struct OwnLot {
    side: &'static str,
    opened_at: At,
    remaining: Number,
    entry_price: Number,
    cost_left: Number,
    fee_left: Number,
    sleeve: String,
    execution_id: String,
}

#[derive(Debug, Serialize)]
struct SymbolBridge {
    symbol: String,
    sleeves: Side,
    to_account: Vec<Step>,
    account: Side,
    to_broker: Vec<Step>,
    broker: BrokerSide,
    /// Whether every part has a cause.
    explained: bool,
    account_lots: Vec<OwnLot>,
}

#[derive(Debug, Serialize)]
struct BridgeReport {
    account: String,
    symbols: Vec<SymbolBridge>,
}

fn of_symbol(bridge: &Bridge, names: &Names) -> SymbolBridge {
    let explained = bridge.is_explained();
    let average = bridge.broker.cost.get().checked_div(bridge.broker.qty.get());
    let reckoned = average.map(|unit| stockade_core::decimal::round_half_even(unit, 12));
    let average = bridge.report.map_or(reckoned, |report| Some(report.average.get()));
    let lots = bridge.lots.iter().map(|lot| OwnLot {
        side: side(lot.side),
        opened_at: At(lot.opened_at.0),
        remaining: Number(lot.remaining.get()),
        entry_price: Number(lot.entry_price.get()),
        cost_left: Number(lot.cost_left.get()),
        fee_left: Number(lot.fee_left.get()),
        sleeve: name(names, lot.sleeve),
        execution_id: lot.execution_id.to_string(),
    });
    SymbolBridge {
        symbol: bridge.symbol.to_string(),
        sleeves: bridge.sleeves.into(),
        to_account: bridge.to_account.iter().map(Step::from).collect(),
        account: bridge.account.into(),
        to_broker: bridge.to_broker.iter().map(Step::from).collect(),
        broker: BrokerSide {
            qty: Number(bridge.broker.qty.get()),
            average_entry: average.map(Number).filter(|_| !bridge.broker.qty.is_zero()),
            cost: Number(bridge.broker.cost.get()),
            source: if bridge.report.is_some() { "reported" } else { "reckoned" },
            reported_at: bridge.report.map(|report| At(report.at.0)),
        },
        explained,
        account_lots: lots.collect(),
    }
}

async fn show_bridge(context: &Context, args: BridgeArgs) -> Result<(), Failure> {
    let account = account(context).await?;
    let history =
        tax_history(&context.pool().await?, &account, context.at()).await.map_err(failed)?;
    let mut bridges = bridge(&history.happenings, &history.booked);
    bridges.retain(|bridge| args.symbol.as_ref().is_none_or(|symbol| *symbol == bridge.symbol));
    let symbols: Vec<SymbolBridge> =
        bridges.iter().map(|bridge| of_symbol(bridge, &history.sleeves)).collect();
    if args.json {
        return screen::json(&BridgeReport { account, symbols });
    }
    if symbols.is_empty() {
        return screen::line("no executions and no positions");
    }
    let headings = ["SYMBOL", "", ">QTY", ">COST", ">REALISED"];
    let mut table = Screen::new(&headings, "");
    for symbol in &symbols {
        rows(&mut table, symbol);
    }
    table.print()?;
    if symbols.iter().any(|symbol| symbol.broker.source == "reckoned") {
        screen::note(
            "\"by the broker's method\" is reckoned from the executions, since no recorded report of the broker is as new as they are \
             (adding averages by quantity, reducing keeps the price, crossing zero starts anew)",
        );
    }
    if symbols.iter().any(|symbol| !symbol.explained) {
        screen::note("a part is unexplained: stockade reconcile and stockade break list say more");
    }
    Ok(())
}

fn rows(table: &mut Screen, of: &SymbolBridge) {
    let mut row = |symbol: &str, what: String, side: &Side| {
        let cells = [money(side.cost), money(side.realised)];
        let [cost, realised] = cells;
        table.row([symbol.to_owned(), what, quantity(side.qty), cost, realised]);
    };
    row(&of.symbol, "sleeves, as booked".to_owned(), &of.sleeves);
    for step in &of.to_account {
        row("", format!("  {}", step.cause), &step.change);
    }
    row("", "account, oldest first".to_owned(), &of.account);
    for step in &of.to_broker {
        row("", format!("  {}", step.cause), &step.change);
    }
    let average =
        of.broker.average_entry.map_or_else(String::new, |unit| format!(" {}", price(unit)));
    let what = match of.broker.reported_at {
        Some(at) => format!("broker, average{average}, {}", time(at)),
        None => format!("by the broker's method, average{average}"),
    };
    let (qty, cost) = (quantity(of.broker.qty), money(of.broker.cost));
    table.row([String::new(), what, qty, cost, String::new()]);
}

// ---------------------------------------------------------------------------------------------
// Wash sales

#[derive(Debug, Serialize)]
struct Replaced {
    sleeve: String,
    execution_id: String,
    at: At,
    qty: Number,
    disallowed: Number,
}

#[derive(Debug, Serialize)]
struct Wash {
    round_trip: u64,
    sleeve: String,
    symbol: String,
    side: &'static str,
    qty: Number,
    exit_time: At,
    loss: Number,
    replaced_qty: Number,
    disallowed: Number,
    allowed: Number,
    replaced_by: Vec<Replaced>,
}

/// What disallowed losses add to the cost of a purchase that stands in for what was sold.
#[derive(Debug, Serialize)]
struct BasisAdded {
    sleeve: String,
    symbol: String,
    execution_id: String,
    at: At,
    /// Shares of it that replace others.
    qty: Number,
    added: Number,
}

#[derive(Debug, Serialize)]
struct WashReport {
    account: String,
    window_days: i32,
    sales: Vec<Wash>,
    loss: Number,
    disallowed: Number,
    basis: Vec<BasisAdded>,
}

const fn side(side: LotSide) -> &'static str {
    match side {
        LotSide::Long => "long",
        LotSide::Short => "short",
    }
}

fn wash(sale: &WashSale, names: &Names) -> Wash {
    let replaced_by = sale.replaced_by.iter().map(|replacement| Replaced {
        sleeve: name(names, replacement.sleeve),
        execution_id: replacement.execution_id.to_string(),
        at: At(replacement.at.0),
        qty: Number(replacement.qty.get()),
        disallowed: Number(replacement.disallowed.get()),
    });
    Wash {
        round_trip: sale.closed.round_trip.0,
        sleeve: name(names, sale.closed.sleeve),
        symbol: sale.closed.symbol.to_string(),
        side: side(sale.closed.side),
        qty: Number(sale.closed.qty.get()),
        exit_time: At(sale.closed.at.0),
        loss: Number(sale.loss.get()),
        replaced_qty: Number(sale.qty.get()),
        disallowed: Number(sale.disallowed.get()),
        allowed: Number((sale.loss - sale.disallowed).get()),
        replaced_by: replaced_by.collect(),
    }
}

/// Purchase by purchase, in the order in which they were made.
fn basis(sales: &[&WashSale], names: &Names) -> Vec<BasisAdded> {
    let mut added: BTreeMap<(Timestamp, &str), BasisAdded> = BTreeMap::new();
    for sale in sales {
        for by in &sale.replaced_by {
            let of = added.entry((by.at, &*by.execution_id)).or_insert_with(|| BasisAdded {
                sleeve: name(names, by.sleeve),
                symbol: sale.closed.symbol.to_string(),
                execution_id: by.execution_id.to_string(),
                at: At(by.at.0),
                qty: Number(Decimal::ZERO),
                added: Number(Decimal::ZERO),
            });
            of.qty.0 += by.qty.get();
            of.added.0 += by.disallowed.get();
        }
    }
    added.into_values().collect()
}

async fn show_wash_sales(context: &Context, args: WashArgs) -> Result<(), Failure> {
    let account = account(context).await?;
    let zone = TimeZone::get(CALENDAR).map_err(|error| Failure::Failed(error.into()))?;
    let pool = context.pool().await?;
    let history =
        wash_history(&pool, &account, context.at(), |at| day(at, &zone)).await.map_err(failed)?;
    let (names, coins) = (history.sleeves, history.coins);
    let found = wash_sales(history.purchases, history.closings, &history.splits);
    let wanted = |sale: &&WashSale| {
        let closed = &sale.closed;
        (args.coins || !coins.contains(&closed.symbol))
            && args.symbol.as_ref().is_none_or(|symbol| *symbol == closed.symbol)
            && args.from.is_none_or(|from| closed.at >= from)
            && args.to.is_none_or(|to| closed.at < to)
    };
    let wanted: Vec<&WashSale> = found.iter().filter(wanted).collect();
    let sum = |of: fn(&WashSale) -> stockade_core::Money| {
        Number(wanted.iter().map(|sale| of(sale)).sum::<stockade_core::Money>().get())
    };
    let report = WashReport {
        account,
        window_days: WINDOW_DAYS,
        loss: sum(|sale| sale.loss),
        disallowed: sum(|sale| sale.disallowed),
        basis: basis(&wanted, &names),
        sales: wanted.iter().map(|sale| wash(sale, &names)).collect(),
    };
    if args.json { screen::json(&report) } else { wash_table(&report) }
}

fn wash_table(report: &WashReport) -> Result<(), Failure> {
    let headings = [
        "EXIT",
        "SLEEVE",
        "SYMBOL",
        "SIDE",
        ">QTY",
        ">LOSS",
        ">DISALLOWED",
        "REPLACED",
        ">QTY",
        "BY SLEEVE",
    ];
    let mut table = Screen::new(&headings, "no wash sales");
    for sale in &report.sales {
        for (place, by) in sale.replaced_by.iter().enumerate() {
            let first = |text: String| if place == 0 { text } else { String::new() };
            table.row([
                first(time(sale.exit_time)),
                first(sale.sleeve.clone()),
                first(sale.symbol.clone()),
                first(sale.side.to_owned()),
                first(quantity(sale.qty)),
                first(money(sale.loss)),
                money(by.disallowed),
                time(by.at),
                quantity(by.qty),
                by.sleeve.clone(),
            ]);
        }
    }
    table.print()?;
    if report.sales.is_empty() {
        return Ok(());
    }
    screen::line(&format!(
        "\ndisallowed {} of losses of {}; added to the cost of the purchases that replace them:\n",
        money(report.disallowed),
        money(report.loss)
    ))?;
    let headings = ["BOUGHT", "SLEEVE", "SYMBOL", ">QTY", ">ADDED TO COST", "EXECUTION"];
    let mut table = Screen::new(&headings, "");
    for purchase in &report.basis {
        table.row([
            time(purchase.at),
            purchase.sleeve.clone(),
            purchase.symbol.clone(),
            quantity(purchase.qty),
            money(purchase.added),
            purchase.execution_id.clone(),
        ]);
    }
    table.print()
}

/// The calendar day of a time, in days since 1970-01-01.
fn day(at: Timestamp, zone: &TimeZone) -> i32 {
    // Every i64 of nanoseconds lies inside jiff's range.
    let instant = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    let date = zone.to_datetime(instant).date();
    let epoch = Date::constant(1970, 1, 1);
    date.since(epoch).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_new_yorks() {
        let zone = TimeZone::get(CALENDAR).unwrap();
        let of = |text: &str| day(argument::time(text).unwrap(), &zone);
        assert_eq!(of("1970-01-02T05:00:00Z"), 1);
        assert_eq!(of("1970-01-02T04:59:59Z"), 0);
        assert_eq!(of("1969-12-31T12:00:00Z"), -1);
        assert_eq!(of("2026-03-09T03:59:59Z") + 1, of("2026-03-09T04:00:00Z"), "summer time");
        assert_eq!(of("2026-03-31T12:00:00Z") - of("2026-03-01T12:00:00Z"), 30);
    }
}
