//! `stockade capital`: money between the house and the sleeves.

use clap::Subcommand;
use serde::Serialize;
use stockade_core::desk::Command;
use stockade_core::{Money, Slug};
use stockade_store::query::{Account, Filter, Number, account_list, sleeve_list};

use super::argument;
use super::context::{Context, failed};
use super::reply;
use super::screen::{self, Screen, money};
use crate::failure::Failure;

/// Move capital between the house and the sleeves
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CapitalCommand {
    /// Make a sleeve's net capital this amount
    #[command(after_help = "Example:\n  stockade capital allocate dip 15000")]
    Allocate(Change),
    /// Give a sleeve more
    #[command(after_help = "Example:\n  stockade capital add dip 5000")]
    Add(Flow),
    /// Take cash back from a sleeve
    #[command(after_help = "Example:\n  stockade capital withdraw dip 2500")]
    Withdraw(Flow),
    /// Move cash from one sleeve to another
    #[command(after_help = "Example:\n  stockade capital move dip trend 1000")]
    Move {
        /// From this sleeve
        #[arg(value_parser = argument::slug)]
        from: Slug,
        /// To this sleeve
        #[arg(value_parser = argument::slug)]
        to: Slug,
        /// How much
        #[arg(value_parser = argument::positive_amount)]
        amount: Money,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// What is allocated and what is free
    #[command(after_help = "Example:\n  stockade capital show --json")]
    Show {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// A sleeve and an amount that flows.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Flow {
    /// Which sleeve
    #[arg(value_parser = argument::slug)]
    name: Slug,
    /// How much
    #[arg(value_parser = argument::positive_amount)]
    amount: Money,
    /// The reply as JSON
    #[arg(long)]
    json: bool,
}

/// A sleeve and the amount that it shall have.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Change {
    /// Which sleeve
    #[arg(value_parser = argument::slug)]
    name: Slug,
    /// How much
    #[arg(value_parser = argument::amount)]
    amount: Money,
    /// The reply as JSON
    #[arg(long)]
    json: bool,
}

/// Capital of an account.
#[derive(Debug, Serialize)]
struct Allocation {
    account: String,
    equity: Number,
    allocated: Number,
    unallocated_cash: Number,
    allocation_factor: Number,
    sleeves: Vec<Allocated>,
}

/// Capital of a sleeve.
#[derive(Debug, Serialize)]
struct Allocated {
    sleeve: String,
    initial_capital: Number,
    added: Number,
    withdrawn: Number,
    net_capital: Number,
    free_cash: Number,
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: CapitalCommand) -> Result<(), Failure> {
    let (command, json) = match command {
        CapitalCommand::Allocate(Change { name, amount, json }) => {
            (Command::CapitalAllocate { name, amount }, json)
        }
        CapitalCommand::Add(Flow { name, amount, json }) => {
            (Command::CapitalAdd { name, amount }, json)
        }
        CapitalCommand::Withdraw(Flow { name, amount, json }) => {
            (Command::CapitalWithdraw { name, amount }, json)
        }
        CapitalCommand::Move { from, to, amount, json } => {
            (Command::CapitalMove { from, to, amount }, json)
        }
        CapitalCommand::Show { json } => return show(context, json).await,
    };
    reply::of(context, command, json).await
}

async fn show(context: &Context, json: bool) -> Result<(), Failure> {
    let pool = context.pool().await?;
    let filter = Filter { account: context.account(), at: context.at(), ..Filter::default() };
    let accounts = account_list(&pool, &filter).await.map_err(failed)?;
    let mut found = Vec::with_capacity(accounts.len());
    for account in accounts {
        let of_account = Filter { account: Some(account.account.clone()), ..filter.clone() };
        let sleeves = sleeve_list(&pool, &of_account, false).await.map_err(failed)?;
        // An account that was not there yet.
        if context.at().is_some() && sleeves.is_empty() {
            continue;
        }
        found.push(allocation(account, &sleeves));
    }
    if json {
        return screen::json(&found);
    }
    let headings = ["ACCOUNT", "SLEEVE", ">INITIAL", ">ADDED", ">WITHDRAWN", ">NET", ">FREE CASH"];
    let mut screen = Screen::new(&headings, "no account yet");
    for account in &found {
        for sleeve in &account.sleeves {
            screen.row([
                account.account.clone(),
                sleeve.sleeve.clone(),
                money(sleeve.initial_capital),
                money(sleeve.added),
                money(sleeve.withdrawn),
                money(sleeve.net_capital),
                money(sleeve.free_cash),
            ]);
        }
    }
    screen.print()
}

fn allocation(account: Account, sleeves: &[stockade_store::query::Sleeve]) -> Allocation {
    let house = sleeves.iter().find(|sleeve| sleeve.kind == "house");
    Allocation {
        account: account.account,
        equity: account.equity,
        allocated: account.allocated,
        unallocated_cash: house.map(|house| house.cash).unwrap_or_default(),
        allocation_factor: account.allocation_factor,
        sleeves: sleeves
            .iter()
            .map(|sleeve| Allocated {
                sleeve: sleeve.name.clone(),
                initial_capital: sleeve.initial_capital,
                added: sleeve.added,
                withdrawn: sleeve.withdrawn,
                net_capital: Number(sleeve.initial_capital.0 + sleeve.added.0 - sleeve.withdrawn.0),
                free_cash: sleeve.buying_power,
            })
            .collect(),
    }
}
