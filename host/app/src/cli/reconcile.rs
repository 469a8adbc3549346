//! `stockade reconcile`: books and broker side by side.

use stockade_store::query::is_shadow;

use super::context::Context;
use super::screen::{self, Screen, money, quantity, time};
use crate::failure::Failure;
use crate::link::{Comparison, HostReply, HostRequest};

/// Compare the books with the broker now
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade reconcile --account paper --json")]
pub(crate) struct ReconcileArgs {
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: ReconcileArgs) -> Result<(), Failure> {
    let reply = context.ask_host(HostRequest::Reconcile, "comparing with the broker").await?;
    let HostReply::Compared(comparison) = reply else {
        return Err(Failure::Failed(anyhow::anyhow!(
            "the host answered something else (another version?)"
        )));
    };
    if args.json { screen::json(&comparison) } else { show(&comparison) }
}

/// For people; the tour shows it too.
pub(crate) fn show(comparison: &Comparison) -> Result<(), Failure> {
    let verdict = if comparison.balanced { "balanced" } else { "not balanced" };
    screen::line(&format!(
        "account {}{} at {}: {verdict}\n",
        comparison.account,
        if is_shadow(&comparison.account) { ", at its simulated broker," } else { "" },
        time(comparison.at)
    ))?;
    let mut sides = Screen::new(&["", ">SLEEVES", ">SUSPENSE", ">BROKER", ">DIFFERENCE"], "");
    let cash = &comparison.cash;
    sides.row([
        "cash".to_owned(),
        money(cash.ours),
        String::new(),
        money(cash.broker),
        money(cash.difference),
    ]);
    for symbol in &comparison.symbols {
        sides.row([
            symbol.symbol.clone(),
            quantity(symbol.sleeves),
            quantity(symbol.suspense),
            quantity(symbol.broker),
            quantity(symbol.difference),
        ]);
    }
    sides.print()?;
    if comparison.breaks.is_empty() {
        return Ok(());
    }
    screen::line("")?;
    let mut breaks =
        Screen::new(&[">BREAK", "CLASS", "SEVERITY", "SYMBOL", "STATE", ">AGE S", "ACTION"], "");
    for found in &comparison.breaks {
        breaks.row([
            found.id.to_string(),
            format!("{} {}", found.class, found.class_name).trim_end().to_owned(),
            found.severity.clone(),
            found.symbol.clone().unwrap_or_default(),
            found.state.clone(),
            found.age_seconds.to_string(),
            found.action.clone(),
        ]);
    }
    breaks.print()
}
