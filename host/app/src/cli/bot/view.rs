//! Bots on a screen.

use serde_json::Value;
use stockade_store::query::{Bot, BotEvent};

use crate::cli::screen::{self, Screen, text_or_dash, time};
use crate::failure::Failure;
use crate::link::Rehearsed;

/// A table of bots.
pub(crate) fn table(bots: &[Bot]) -> Screen {
    let headings = [
        "BOT",
        "PLUGIN",
        "VERSION",
        "STATE",
        ">GENERATION",
        ">STRIKES",
        ">OPEN",
        ">REFUSED",
        "SYMBOLS",
        "PARAMETERS",
    ];
    let mut screen = Screen::new(&headings, "no bots yet: stockade bot deploy");
    for bot in bots {
        screen.row([
            screen::owner(&bot.name, &bot.account),
            bot.plugin.clone(),
            bot.version.clone(),
            bot.state.clone(),
            bot.generation.to_string(),
            bot.strikes.to_string(),
            bot.open_orders.to_string(),
            bot.refusals.to_string(),
            symbols(&bot.symbols),
            params(&bot.params),
        ]);
    }
    screen
}

/// What happened to a bot.
pub(crate) fn history(events: &[BotEvent]) -> Screen {
    let mut screen =
        Screen::new(&["TIME", ">GENERATION", "WHAT", "MESSAGE"], "nothing happened yet");
    for event in events {
        screen.row([
            time(event.at),
            event.generation.to_string(),
            event.kind.clone(),
            event.message.clone(),
        ]);
    }
    screen
}

/// Parameters on one line.
pub(crate) fn params(params: &Value) -> String {
    let Value::Object(params) = params else {
        return String::new();
    };
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{name}={}", text_or_dash(value.as_str())))
        .collect();
    pairs.join(" ")
}

/// Symbols on one line.
pub(crate) fn symbols(symbols: &Value) -> String {
    let Value::Array(symbols) = symbols else {
        return String::new();
    };
    let symbols: Vec<&str> = symbols.iter().filter_map(Value::as_str).collect();
    symbols.join(",")
}

/// What a dry run found.
pub(crate) fn rehearsed(found: &Rehearsed, bot: &str, from: &str, to: &str) -> Result<(), Failure> {
    screen::line(&format!(
        "bot \"{bot}\" could be reloaded, {from} to {to}: over its last {} events in {} calls the running version asked \
         for {}, the new one asks for {}",
        found.events, found.calls, found.intents_before, found.intents_after
    ))?;
    if found.differences == 0 {
        return screen::line("no call asks for anything else");
    }
    screen::line(&format!("{} calls ask for something else:", found.differences))?;
    let mut screen = Screen::new(&["TIME", "RUNNING", "NEW"], "");
    let joined = |requests: &[String]| match requests {
        [] => "-".to_owned(),
        some => some.join("; "),
    };
    for difference in &found.different {
        let (before, after) = (joined(&difference.before), joined(&difference.after));
        screen.row([time(difference.at), before, after]);
    }
    screen.print()
}
