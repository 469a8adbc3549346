//! One bot: what it is, what it uses of its limits, its last strike, what happened to it.

use serde::Serialize;
use stockade_core::Slug;
use stockade_runtime::{BACKTRACE, CALLED_BY};
use stockade_store::query::{At, Bot, BotEvent};

use super::view::{history, params, symbols};
use crate::cli::context::Context;
use crate::cli::screen::{self, Screen, time};
use crate::failure::Failure;
use crate::link::{BotUse, HostReply, HostRequest, LimitUse};

/// Events that are looked through for the last strike.
pub(super) const EVENTS_SEARCHED: u32 = 500;
/// Events that are given with a bot.
const EVENTS_SHOWN: usize = 20;

/// A bot and what happened to it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    bot: Bot,
    /// What it uses, where a host runs.
    #[serde(rename = "use")]
    uses: Option<BotUse>,
    last_strike: Option<LastStrike>,
    events: Vec<BotEvent>,
}

/// The last call that ended badly.
#[derive(Debug, Serialize)]
struct LastStrike {
    at: At,
    generation: i64,
    cause: String,
    /// The bot's own functions, the innermost first.
    backtrace: Vec<String>,
}

/// The last strike among events, the latest last.
fn last_strike(events: &[BotEvent]) -> Option<LastStrike> {
    let struck = |event: &&BotEvent| matches!(event.kind.as_str(), "suspended" | "quarantined");
    let event = events.iter().rev().find(struck)?;
    // "strike 1 of 3: CAUSE"
    let told = event.message.split_once(": ").map_or(event.message.as_str(), |(_, cause)| cause);
    let (cause, frames) = told.split_once(BACKTRACE).unwrap_or((told, ""));
    let frames = frames.split(CALLED_BY).filter(|frame| !frame.is_empty());
    Some(LastStrike {
        at: event.at,
        generation: event.generation,
        cause: cause.to_owned(),
        backtrace: frames.map(str::to_owned).collect(),
    })
}

/// What the running host knows of a bot; a host that is not there or counts nothing is no failure.
async fn uses(context: &Context, bot: &Bot) -> Option<BotUse> {
    let request = HostRequest::Bots { bot: Slug::new(&bot.name).ok() };
    let reply = context.ask_host(request, "what a bot uses").await.ok()?;
    let HostReply::Bots { bots } = reply else {
        return None;
    };
    bots.into_iter().find(|found| found.bot == bot.name && found.account == bot.account)
}

/// Shows it.
pub(super) async fn show(
    context: &Context,
    bot: Bot,
    mut events: Vec<BotEvent>,
    json: bool,
) -> Result<(), Failure> {
    let uses = uses(context, &bot).await;
    let last_strike = last_strike(&events);
    events.drain(..events.len().saturating_sub(EVENTS_SHOWN));
    if json {
        return screen::json(&Shown { bot, uses, last_strike, events });
    }
    let state = match &bot.state_reason {
        Some(reason) => format!("{} ({reason})", bot.state),
        None => bot.state.clone(),
    };
    let rejected = bot.rejected.as_array().map_or(0, Vec::len);
    screen::pairs(&[
        ("bot", screen::owner(&bot.name, &bot.account)),
        ("account", bot.account.clone()),
        ("sleeve", bot.sleeve.clone()),
        ("plugin", format!("{} {}", bot.plugin, bot.version)),
        ("digest", bot.digest.clone()),
        ("parameters", params(&bot.params)),
        ("symbols", symbols(&bot.symbols)),
        ("state", state),
        ("generation", bot.generation.to_string()),
        ("strikes", bot.strikes.to_string()),
        ("suspended until", bot.suspended_until.map_or_else(|| "-".to_owned(), time)),
        ("deployed", time(bot.created_at)),
        ("open orders", bot.open_orders.to_string()),
        ("refusals", bot.refusals.to_string()),
        ("rejected versions", rejected.to_string()),
    ])?;
    if let Some(uses) = &uses {
        screen::line("")?;
        screen::pairs(&use_pairs(uses))?;
        screen::line("")?;
        limits(&uses.limits).print()?;
    }
    if let Some(strike) = &last_strike {
        screen::line("")?;
        screen::line(&format!("last strike, {}: {}", time(strike.at), strike.cause))?;
        strike.backtrace.iter().try_for_each(|frame| screen::line(&format!("  in {frame}")))?;
    }
    screen::line("")?;
    history(&events).print()
}

fn use_pairs(uses: &BotUse) -> [(&'static str, String); 8] {
    [
        ("calls", format!("{} with {} events", uses.calls, uses.events)),
        ("time", format!("{} ms in all", uses.busy_ms)),
        ("a call", format!("{} ms on average, {} ms at worst", uses.mean_ms, uses.worst_ms)),
        ("runs among the", format!("{} bots", uses.lane)),
        ("lag", format!("{} ms, {} ms at worst", uses.lag_ms, uses.lag_worst_ms)),
        ("events waiting", format!("{}, {} made room for newer ones", uses.queue, uses.dropped)),
        ("intents", format!("{}, {} refused", uses.intents, uses.refused)),
        ("strikes, reloads", format!("{}, {} since the host began", uses.strikes, uses.reloads)),
    ]
}

fn limits(limits: &[LimitUse]) -> Screen {
    let mut screen =
        Screen::new(&["LIMIT", ">ALLOWED", ">LAST", ">PEAK"], "it has not been started yet");
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
    for limit in limits {
        screen.row([
            format!("limits.{}", limit.limit),
            limit.allowed.to_string(),
            number(limit.used),
            number(limit.peak),
        ]);
    }
    screen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, message: &str) -> BotEvent {
        let (bot, kind, message) = ("b".to_owned(), kind.to_owned(), message.to_owned());
        BotEvent { bot, at: At(7), generation: 2, kind, message }
    }

    #[test]
    fn the_last_strike_is_told_with_the_functions_it_was_in() {
        let trapped = "strike 1 of 3: the bot trapped: unreachable | in a::b < a::c (x4)";
        let events = [event("started", "gets events"), event("suspended", trapped)];
        let strike = last_strike(&events).expect("there is one");
        assert_eq!(strike.cause, "the bot trapped: unreachable");
        assert_eq!(strike.backtrace, ["a::b", "a::c (x4)"]);
        let plain = [event("quarantined", "strike 3 of 3: restore refused: no")];
        let strike = last_strike(&plain).expect("there is one");
        assert_eq!((strike.cause.as_str(), strike.backtrace.len()), ("restore refused: no", 0));
        assert!(last_strike(&events[..1]).is_none());
    }
}
