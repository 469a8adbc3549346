//! `stockade refusal list`: intents that were refused, with the rule that did it.

use clap::Subcommand;
use stockade_store::query::{Refusal, refusal_page};

use super::context::Context;
use super::list::{OrderListArgs, query_failed};
use super::screen::{Screen, time};
use crate::failure::Failure;

/// Intents that were refused
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RefusalCommand {
    /// Refusals, the latest last
    #[command(after_help = "Example:\n  stockade refusal list --sleeve mine --code capital")]
    List {
        #[command(flatten)]
        list: OrderListArgs,
        /// With this reason code
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
    },
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: RefusalCommand) -> Result<(), Failure> {
    let RefusalCommand::List { list, code } = command;
    let pool = context.pool().await?;
    let page = refusal_page(&pool, &list.filter(context, &pool).await?, code.as_deref()).await;
    list.list.print(&page.map_err(query_failed)?, table)
}

fn table(refusals: &[Refusal]) -> Screen {
    let headings = ["TIME", "SLEEVE", "SYMBOL", "SIDE", "CODE", "WHY"];
    let mut screen = Screen::new(&headings, "no refusals");
    for refusal in refusals {
        let said = |name: &str| refusal.intent[name].as_str().unwrap_or("-").to_owned();
        screen.row([
            time(refusal.at),
            refusal.sleeve.clone(),
            said("symbol"),
            said("side"),
            refusal.code.clone(),
            refusal.message.clone(),
        ]);
    }
    screen
}
