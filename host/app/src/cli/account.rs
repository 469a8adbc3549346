//! `stockade account`: brokerage accounts.

use clap::Subcommand;
use stockade_store::query::{Account, Filter, account_list};

use super::context::{Context, failed};
use super::screen::{self, Screen, money, text_or_dash, time};
use crate::failure::Failure;
use crate::link::{AccountHealth, HostReply, HostRequest};

/// Brokerage accounts
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AccountCommand {
    /// Accounts as the books have them
    #[command(after_help = "Example:\n  stockade account list --json")]
    List {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Connections, latency, cash and buying power, from the running host
    #[command(after_help = "Example:\n  stockade account health")]
    Health {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: AccountCommand) -> Result<(), Failure> {
    match command {
        AccountCommand::List { json } => {
            let pool = context.pool().await?;
            let filter =
                Filter { account: context.account(), at: context.at(), ..Filter::default() };
            let accounts = account_list(&pool, &filter).await.map_err(failed)?;
            if json { screen::json(&accounts) } else { list(&accounts).print() }
        }
        AccountCommand::Health { json } => {
            let reply = context.ask_host(HostRequest::Health, "the health of connections").await?;
            let HostReply::Health { accounts } = reply else {
                let text = "the host answered something else (another version?)";
                return Err(Failure::Failed(anyhow::anyhow!(text)));
            };
            if json { screen::json(&accounts) } else { health(&accounts).print() }
        }
    }
}

fn list(accounts: &[Account]) -> Screen {
    let headings = [
        "ACCOUNT",
        "STATE",
        ">CASH",
        ">VALUE",
        ">EQUITY",
        ">ALLOCATED",
        ">SLEEVES",
        ">OPEN ORDERS",
        ">BREAKS",
        "MARKET TIME",
        "HELD BY",
    ];
    let mut screen = Screen::new(&headings, "no account yet");
    for account in accounts {
        screen.row([
            account.account.clone(),
            account.state.clone(),
            money(account.cash),
            money(account.market_value),
            money(account.equity),
            money(account.allocated),
            account.sleeves.to_string(),
            account.open_orders.to_string(),
            account.open_breaks.to_string(),
            time(account.market_time),
            text_or_dash(account.holder.as_deref()),
        ]);
    }
    screen
}

fn health(accounts: &[AccountHealth]) -> Screen {
    let headings =
        ["ACCOUNT", "READY", "ORDERS", "DATA", ">LATENCY MS", ">CASH", ">BUYING POWER", "LIMITED"];
    let mut screen = Screen::new(&headings, "the host holds no account");
    let up = |up: bool| if up { "up" } else { "down" }.to_owned();
    let amount = |value: Option<_>| value.map_or_else(|| "-".to_owned(), money);
    for account in accounts {
        screen.row([
            account.account.clone(),
            if account.ready { "yes" } else { "no" }.to_owned(),
            up(account.account_stream),
            up(account.data_stream),
            account.latency_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string()),
            amount(account.cash),
            amount(account.buying_power),
            text_or_dash(account.limited.as_deref()),
        ]);
    }
    screen
}
