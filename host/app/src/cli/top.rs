//! `stockade top`: what every bot of the running host is doing.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use stockade_store::query::Number;

use super::context::Context;
use super::screen::{self, Screen};
use crate::failure::Failure;
use crate::link::{BotUse, HostReply, HostRequest};

/// Bots of a running host: calls, time, memory, lag, refusals, strikes
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  stockade top\n  stockade top --json")]
pub(crate) struct TopArgs {
    /// Seconds between two looks
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Looks before it ends; a terminal is refreshed until it is interrupted, anything else gets one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    looks: Option<u64>,
    /// One look as one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: TopArgs) -> Result<(), Failure> {
    if args.json {
        return screen::json(&look(context).await?);
    }
    let terminal = std::io::stdout().is_terminal();
    let mut left = args.looks.unwrap_or(if terminal { u64::MAX } else { 1 });
    let mut before: Option<(Instant, Vec<BotUse>)> = None;
    loop {
        let (at, bots) = (Instant::now(), look(context).await?);
        if terminal {
            clear()?;
        }
        table(&bots, before.as_ref().map(|(then, bots)| (at - *then, bots.as_slice()))).print()?;
        left -= 1;
        if left == 0 {
            return Ok(());
        }
        before = Some((at, bots));
        tokio::time::sleep(Duration::from_secs(args.interval)).await;
    }
}

async fn look(context: &Context) -> Result<Vec<BotUse>, Failure> {
    match context.ask_host(HostRequest::Bots { bot: None }, "what bots are doing").await? {
        HostReply::Bots { bots } => Ok(bots),
        _ => {
            let text = "the host answered something else (another version?)";
            Err(Failure::Failed(anyhow::anyhow!(text)))
        }
    }
}

/// Empties the terminal.
fn clear() -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(b"\x1b[H\x1b[2J")?;
    Ok(out.flush()?)
}

/// The busiest first; with an earlier look also what share of a processor each took since.
fn table(bots: &[BotUse], before: Option<(Duration, &[BotUse])>) -> Screen {
    let headings = [
        "BOT",
        "STATE",
        "LANE",
        ">GENERATION",
        ">CPU %",
        ">CALLS",
        ">MEAN MS",
        ">WORST MS",
        ">MEMORY KIB",
        ">LAG MS",
        ">QUEUE",
        ">INTENTS",
        ">REFUSED",
        ">STRIKES",
        ">RELOADS",
    ];
    let mut screen = Screen::new(&headings, "no bots yet: stockade bot deploy");
    let share = |bot: &BotUse| -> Option<Decimal> {
        let (since, before) = before?;
        let earlier = before.iter().find(|other| other.bot == bot.bot)?;
        let millis = Decimal::from(since.as_millis().max(1));
        let busy = bot.busy_ms.0 - earlier.busy_ms.0;
        Some(stockade_core::decimal::round_half_even(busy * Decimal::ONE_HUNDRED / millis, 1))
    };
    let mut sorted: Vec<&BotUse> = bots.iter().collect();
    sorted.sort_by_key(|bot| std::cmp::Reverse((share(bot), bot.busy_ms.0)));
    for bot in sorted {
        screen.row([
            bot.bot.clone(),
            bot.state.clone(),
            bot.lane.clone(),
            bot.generation.to_string(),
            share(bot).map_or_else(|| "-".to_owned(), |share| share.to_string()),
            bot.calls.to_string(),
            bot.mean_ms.to_string(),
            bot.worst_ms.to_string(),
            (bot.memory_bytes >> 10).to_string(),
            bot.lag_ms.to_string(),
            screen::quantity(Number(bot.queue.into())),
            bot.intents.to_string(),
            bot.refused.to_string(),
            bot.strikes.to_string(),
            bot.reloads.to_string(),
        ]);
    }
    screen
}
