//! Scene: the file of a running bot is replaced; its next version goes on where the old one was.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use stockade_store::query::{BotEvent, Number};

use super::document::Reload;
use super::plan::{RELOADED, RELOADED_BOT};
use super::tour::Tour;

/// How long the folder's watcher, the compiler and the exchange of versions may take.
const RELOADED_MAX: Duration = Duration::from_secs(60);

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>) -> Result<()> {
    let (plugin, next) = RELOADED;
    tour.voice.scene("a new version of a running bot is dropped into the plugins folder")?;
    tour.look().await?;
    let before = tour.books.bot(RELOADED_BOT)?.clone();
    let held = held(tour);
    tour.stage.put_bot(next, plugin)?;
    tour.voice.say(&format!("copied {next}.wasm over {plugin}.wasm"))?;
    let event = tour
        .until("the running bot is reloaded", RELOADED_MAX, async |_, books| {
            let reloaded = |event: &&BotEvent| {
                event.bot == RELOADED_BOT
                    && event.kind == "reloaded"
                    && event.generation > before.generation
            };
            Ok(books.bot_events.iter().find(reloaded).cloned())
        })
        .await?;
    // The event and the bot's row are committed together, and were read one after the other.
    tour.look().await?;
    let after = tour.books.bot(RELOADED_BOT)?.clone();
    ensure!(after.digest != before.digest, "{RELOADED_BOT} still runs {}", before.digest);
    ensure!(after.state == "running", "{RELOADED_BOT} is {} after its reload", after.state);
    let pause_ms = pause_ms(&event.message)
        .with_context(|| format!("the reload's event names no pause: {}", event.message))?;
    tour.voice.say(&format!(
        "{RELOADED_BOT} runs version {} instead of {}\n  from {}\n  to   {}\n  pause {pause_ms} ms; it held {held} before and holds {} now",
        after.version,
        before.version,
        before.digest,
        after.digest,
        self::held(tour)
    ))?;
    tour.reloads.push(Reload {
        bot: RELOADED_BOT.to_owned(),
        from: before.digest,
        to: after.digest,
        pause_ms,
    });
    Ok(())
}

fn held(tour: &Tour<'_>) -> String {
    let sleeve = tour.books.sleeves.iter().find(|sleeve| sleeve.name == RELOADED_BOT);
    sleeve.map_or_else(|| "-".to_owned(), super::table::positions)
}

/// The pause that the event's row names, in milliseconds.
fn pause_ms(message: &str) -> Option<Number> {
    let micros: i64 = message.rsplit_once("pause ")?.1.strip_suffix(" us")?.parse().ok()?;
    Some(Number(Decimal::new(micros, 3)))
}

#[cfg(test)]
mod tests {
    use super::pause_ms;

    #[test]
    fn the_pause_is_read_from_the_row() {
        let message = "0123456789ab to ba9876543210 (version 0.2.0), pause 1530 us";
        assert_eq!(pause_ms(message).map(|pause| pause.to_string()).as_deref(), Some("1.53"));
        assert_eq!(pause_ms("no such thing"), None);
    }
}
