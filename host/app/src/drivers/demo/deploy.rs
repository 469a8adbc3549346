//! Scene: capital is allotted and the bots are deployed, with the commands that a person types.

use std::time::Duration;

use anyhow::Result;

use super::plan::{self, BotPlan};
use super::tour::Tour;

/// How long a bot may take until it gets events.
const RUNNING_MAX: Duration = Duration::from_secs(60);

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>) -> Result<()> {
    tour.voice
        .scene("one account, several owners: each gets its own capital and not a cent more")?;
    typed(tour, &["sleeve", "create", plan::HAND, "--capital", plan::HAND_CAPITAL]).await?;
    let behaved: Vec<&BotPlan> =
        plan::BOTS.iter().filter(|bot| bot.name != plan::HOSTILE_BOT).collect();
    for bot in &behaved {
        deploy(tour, bot).await?;
    }
    tour.until("every bot gets events", RUNNING_MAX, async |_, books| {
        let started = |bot: &&BotPlan| {
            books.bot_events.iter().any(|e| e.bot == bot.name && e.kind == "started")
        };
        Ok(behaved.iter().all(started).then_some(()))
    })
    .await
}

/// Deploys a bot.
pub(super) async fn deploy(tour: &Tour<'_>, bot: &BotPlan) -> Result<()> {
    typed(tour, &words(bot)).await
}

fn words(bot: &BotPlan) -> Vec<&'static str> {
    let mut words = vec!["bot", "deploy", bot.name, "--plugin", bot.plugin];
    words.extend(["--capital", bot.capital, "--symbols", bot.symbols]);
    for param in bot.params {
        words.extend(["--param", param]);
    }
    words
}

async fn typed(tour: &Tour<'_>, words: &[&str]) -> Result<()> {
    tour.voice.say(&format!("$ stockade {}", words.join(" ")))?;
    let said = tour.stage.type_in(words).await?;
    Ok(tour.voice.say(&said)?)
}
