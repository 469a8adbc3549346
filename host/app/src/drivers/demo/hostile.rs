//! Scene: a bot overspends and is refused, then loops for ever, is suspended strike by strike and
//! ends in quarantine; the others go on.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::deploy::deploy;
use super::plan::{BOTS, HOSTILE_BOT};
use super::tour::{Books, Tour};

/// How long its misdeeds may take: bars of refusals, then three strikes with their back-off.
const CONTAINED_MAX: Duration = Duration::from_secs(40);

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>) -> Result<()> {
    tour.voice
        .scene("a hostile bot asks for a billion shares, then never comes back from a call")?;
    for bot in BOTS.iter().filter(|bot| bot.name == HOSTILE_BOT) {
        deploy(tour, bot).await?;
    }
    let limit = CONTAINED_MAX.max(Duration::from_secs(tour.plan.market_seconds));
    tour.until("the hostile bot is in quarantine", limit, async |_, books| {
        Ok((books.bot(HOSTILE_BOT)?.state == "quarantined").then_some(()))
    })
    .await?;
    tour.look().await?;
    let books = &tour.books;
    let bot = books.bot(HOSTILE_BOT)?;
    let strikes = strikes(books);
    let bought =
        books.executions.iter().filter(|execution| execution.sleeve == HOSTILE_BOT).count();
    tour.voice.say(&format!(
        "{HOSTILE_BOT} is in quarantine after {strikes} strikes: {} of its intents were refused, {bought} of its orders were filled",
        bot.refusals
    ))?;
    ensure!(bot.refusals > 0, "no intent of {HOSTILE_BOT} was refused");
    ensure!(bought == 0, "{HOSTILE_BOT} bought something");
    ensure!(strikes > 1, "{HOSTILE_BOT} went to quarantine without a suspension");
    for other in BOTS.iter().filter(|bot| bot.name != HOSTILE_BOT) {
        let state = &books.bot(other.name)?.state;
        ensure!(state == "running", "{} is {state} although another bot misbehaved", other.name);
    }
    Ok(tour.voice.say("the other bots run on")?)
}

/// Strikes that the database tells of.
fn strikes(books: &Books) -> usize {
    let strike = |kind: &str| matches!(kind, "suspended" | "quarantined");
    books.bot_events.iter().filter(|event| event.bot == HOSTILE_BOT && strike(&event.kind)).count()
}
