//! `stockade sleeve`: virtual portfolios.

use clap::Subcommand;
use stockade_core::desk::Command;
use stockade_core::ledger::LotMethod;
use stockade_core::{Money, Slug};
use stockade_store::query::{Filter, Sleeve, sleeve_list, sleeve_show};

use super::argument;
use super::context::{Context, failed, not_found};
use super::reply;
use super::screen::{self, Screen, money, percent, quantity, text_or_dash};
use crate::failure::Failure;

/// Virtual portfolios inside one account
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SleeveCommand {
    /// Make a sleeve for trading by hand, with capital from the house
    #[command(after_help = "Example:\n  stockade sleeve create mine --capital 10000")]
    Create {
        /// Its name
        #[arg(value_parser = argument::slug)]
        name: Slug,
        /// Its capital
        #[arg(long, value_name = "AMOUNT", value_parser = argument::amount)]
        capital: Money,
        /// Which lot a sale closes first
        #[arg(long, value_name = "METHOD", default_value = "fifo", value_parser = lots)]
        lots: LotMethod,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a sleeve's settings
    #[command(after_help = "Example:\n  stockade sleeve set mine --lots fifo")]
    Set {
        /// Which
        #[arg(value_parser = argument::slug)]
        name: Slug,
        /// Which lot a sale closes first
        #[arg(long, value_name = "METHOD", value_parser = lots)]
        lots: LotMethod,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// All sleeves with cash, positions and profit
    #[command(after_help = "Example:\n  stockade sleeve list --json")]
    List {
        /// Retired ones too
        #[arg(long)]
        all: bool,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// One sleeve
    #[command(after_help = "Example:\n  stockade sleeve show mine")]
    Show {
        /// Which
        #[arg(value_parser = argument::slug)]
        name: Slug,
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
}

fn lots(text: &str) -> Result<LotMethod, String> {
    LotMethod::parse(text).ok_or_else(|| {
        let allowed = LotMethod::ALL.map(LotMethod::as_str).join(", ");
        format!("\"{text}\" is no lot method; one of {allowed} is wanted")
    })
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: SleeveCommand) -> Result<(), Failure> {
    match command {
        SleeveCommand::Create { name, capital, lots, json } => {
            reply::of(context, Command::SleeveCreate { name, capital, lots }, json).await
        }
        SleeveCommand::Set { name, lots, json } => {
            reply::of(context, Command::SleeveSet { name, lots }, json).await
        }
        SleeveCommand::List { all, json } => {
            let pool = context.pool().await?;
            let filter =
                Filter { account: context.account(), at: context.at(), ..Filter::default() };
            let sleeves = sleeve_list(&pool, &filter, all).await.map_err(failed)?;
            if json { screen::json(&sleeves) } else { table(&sleeves).print() }
        }
        SleeveCommand::Show { name, json } => {
            let pool = context.pool().await?;
            let at = context.at();
            let found = sleeve_show(&pool, context.account().as_deref(), name.as_str(), at).await;
            let sleeve = found.map_err(failed)?.ok_or_else(|| not_found("sleeve", &name))?;
            if json { screen::json(&sleeve) } else { show(&sleeve) }
        }
    }
}

/// The table of sleeves, as the tour shows it too.
pub(crate) fn table(sleeves: &[Sleeve]) -> Screen {
    let headings = [
        "SLEEVE",
        "BOT",
        ">CAPITAL",
        ">CASH",
        ">RESERVED",
        ">VALUE",
        ">EQUITY",
        ">REALISED",
        ">UNREALISED",
        ">RETURN %",
        "STATE",
    ];
    let mut screen =
        Screen::new(&headings, "no sleeves yet: stockade sleeve create, or bot deploy");
    for sleeve in sleeves {
        screen.row([
            screen::owner(&sleeve.name, &sleeve.account),
            text_or_dash(sleeve.bot.as_deref()),
            money(sleeve.net_capital),
            money(sleeve.cash),
            money(sleeve.reserved),
            money(sleeve.market_value),
            money(sleeve.equity),
            money(sleeve.realised),
            money(sleeve.unrealised),
            percent(sleeve.return_pct),
            state(sleeve),
        ]);
    }
    screen
}

/// Its state, with what it should not be.
fn state(sleeve: &Sleeve) -> String {
    let odd = sleeve.oddities().join(", ");
    let state = text_or_dash(sleeve.state.as_deref());
    if odd.is_empty() { state } else { format!("{state}: {odd}") }
}

fn show(sleeve: &Sleeve) -> Result<(), Failure> {
    let positions: Vec<String> = sleeve
        .positions
        .iter()
        .map(|holding| format!("{} {}", quantity(holding.qty), holding.symbol))
        .collect();
    let positions = if positions.is_empty() { "none".to_owned() } else { positions.join(", ") };
    let state = match &sleeve.state_reason {
        Some(reason) => format!("{} ({reason})", state(sleeve)),
        None => state(sleeve),
    };
    screen::pairs(&[
        ("sleeve", screen::owner(&sleeve.name, &sleeve.account)),
        ("account", sleeve.account.clone()),
        ("bot", text_or_dash(sleeve.bot.as_deref())),
        ("state", state),
        ("initial capital", money(sleeve.initial_capital)),
        ("added", money(sleeve.added)),
        ("withdrawn", money(sleeve.withdrawn)),
        ("cash", money(sleeve.cash)),
        ("reserved", money(sleeve.reserved)),
        ("buying power", money(sleeve.buying_power)),
        ("positions", positions),
        ("market value", money(sleeve.market_value)),
        ("equity", money(sleeve.equity)),
        ("exposure", money(sleeve.exposure)),
        ("realised", money(sleeve.realised)),
        ("unrealised", money(sleeve.unrealised)),
        ("fees", money(sleeve.fees)),
        ("return %", percent(sleeve.return_pct)),
        ("lots", sleeve.lots.clone()),
    ])
}
