//! `stockade risk`: controls and trading states.

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;
use stockade_core::Slug;
use stockade_core::desk::{Command, Scope};
use stockade_store::query::{Filter, account_list, sleeve_list};

use super::argument::{self, assignment};
use super::context::{Context, failed};
use super::reply;
use super::screen::{self, Screen, text_or_dash};
use crate::failure::Failure;

/// Controls and trading states
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RiskCommand {
    /// The controls and the trading state of each scope
    #[command(after_help = "Example:\n  stockade risk show --json")]
    Show {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Change controls, all or none of them; "none" switches one off
    #[command(
        after_help = "Example:\n  stockade risk set dip max_order_notional=5000 order_rate=30"
    )]
    Set {
        /// The account ("account") or a sleeve's name
        #[arg(value_parser = scope)]
        scope: Scope,
        /// What to set
        #[arg(value_name = "CONTROL=VALUE", required = true, value_parser = assignment)]
        controls: Vec<(String, String)>,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop new orders; with --reducing, only those that add risk
    #[command(after_help = "Example:\n  stockade risk halt account --why \"looks wrong\"")]
    Halt {
        /// The account ("account") or a sleeve's name
        #[arg(value_parser = scope)]
        scope: Scope,
        /// Let orders pass that make a position smaller
        #[arg(long)]
        reducing: bool,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "by hand")]
        why: String,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Let orders pass again
    #[command(after_help = "Example:\n  stockade risk resume dip")]
    Resume {
        /// The account ("account") or a sleeve's name
        #[arg(value_parser = scope)]
        scope: Scope,
        /// The reply as JSON
        #[arg(long)]
        json: bool,
    },
}

fn scope(text: &str) -> Result<Scope, argument::ArgumentError> {
    if text == "account" {
        return Ok(Scope::Account);
    }
    argument::slug(text).map(|name: Slug| Scope::Sleeve { name })
}

/// A scope as it stands.
#[derive(Debug, Serialize)]
struct Standing {
    scope: &'static str,
    name: String,
    account: String,
    state: String,
    reason: Option<String>,
    controls: Value,
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: RiskCommand) -> Result<(), Failure> {
    match command {
        RiskCommand::Show { json } => show(context, json).await,
        RiskCommand::Set { scope, controls, json } => {
            let command = Command::RiskSet { scope, settings: controls };
            reply::of(context, command, json).await
        }
        RiskCommand::Halt { scope, reducing, why, json } => {
            reply::of(context, Command::Halt { scope, reducing, why }, json).await
        }
        RiskCommand::Resume { scope, json } => {
            reply::of(context, Command::Resume { scope }, json).await
        }
    }
}

async fn show(context: &Context, json: bool) -> Result<(), Failure> {
    let pool = context.pool().await?;
    let filter = Filter { account: context.account(), at: context.at(), ..Filter::default() };
    let accounts = account_list(&pool, &filter).await.map_err(failed)?;
    let sleeves = sleeve_list(&pool, &filter, false).await.map_err(failed)?;
    let mut standings: Vec<Standing> = accounts
        .into_iter()
        .map(|account| Standing {
            scope: "account",
            name: account.account.clone(),
            account: account.account,
            state: account.state,
            reason: account.state_reason,
            controls: account.controls,
        })
        .collect();
    let tradable =
        sleeves.into_iter().filter(|sleeve| matches!(sleeve.kind.as_str(), "bot" | "hand"));
    standings.extend(tradable.map(|sleeve| Standing {
        scope: "sleeve",
        name: sleeve.name,
        account: sleeve.account,
        state: sleeve.state.unwrap_or_else(|| "unknown".to_owned()),
        reason: sleeve.state_reason,
        controls: sleeve.controls,
    }));
    if json {
        return screen::json(&standings);
    }
    let mut screen =
        Screen::new(&["SCOPE", "NAME", "STATE", "REASON", "CONTROLS"], "no account yet");
    for standing in &standings {
        screen.row([
            standing.scope.to_owned(),
            standing.name.clone(),
            standing.state.clone(),
            text_or_dash(standing.reason.as_deref()),
            set_controls(&standing.controls),
        ]);
    }
    screen.print()
}

/// The controls that can refuse, on one line.
fn set_controls(controls: &Value) -> String {
    let Value::Object(all) = controls else {
        return String::new();
    };
    let spoken = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            items.join(",")
        }
        other => other.to_string(),
    };
    let set: Vec<String> = all
        .iter()
        .filter(|(_, value)| !matches!(value, Value::Null | Value::Bool(false)))
        .map(|(name, value)| format!("{name}={}", spoken(value)))
        .collect();
    set.join(" ")
}
