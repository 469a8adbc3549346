//! `stockade demo`: the tour, about a minute of the real thing.
//!
//! A private PostgreSQL, the paper exchange and the host, each a process of its own, in a fresh
//! folder. Scenes follow each other: bots are deployed, one misbehaves and is contained, one is
//! replaced while it runs, the host is killed and comes back, and at the end the books are compared
//! with the broker to the cent.
//!
//! Guarantees: every line that tells what happened is read from the database or asked of the
//! broker; what did not happen, or does not balance, ends the tour with exit code 1; nothing of the
//! user's is read or changed; nothing is left running, however the tour ends.

mod broker;
mod child;
mod crash;
mod deploy;
mod document;
mod ending;
mod hostile;
mod page;
mod place;
mod plan;
mod reload;
mod stage;
mod table;
mod tour;
mod voice;

use anyhow::bail;

use crate::cli::demo::DemoArgs;
use crate::config::Settings;
use crate::drivers::exchange::Signals;
use crate::failure::Failure;
use plan::Plan;
use stage::Stage;
use tour::Tour;
use voice::Voice;

/// Runs the tour.
pub(crate) async fn run(settings: &Settings, args: &DemoArgs) -> Result<(), Failure> {
    let plan = Plan::of(args.seconds, args.seed);
    let voice = Voice::new(args.json);
    let mut stage = Stage::new(settings, args)?;
    let signals = Signals::listen()?;
    let outcome = tokio::select! {
        outcome = play(&mut stage, plan, &voice) => outcome,
        () = signals.wait() => Err(anyhow::anyhow!("interrupted")),
    };
    voice.end();
    let logs = stage.out.display().to_string();
    // Whatever happened: nothing is left running.
    let closed = stage.close().await;
    let outcome = outcome.and_then(|ended| {
        closed?;
        Ok(ended)
    });
    let ended = match outcome {
        Ok(ended) => ended,
        Err(error) => {
            return Err(Failure::from(
                error.context(format!("the tour ended early (logs and data: {logs})")),
            ));
        }
    };
    ended.say(&voice, args.json)?;
    ended.verdict()
}

/// All scenes in their order.
async fn play(stage: &mut Stage, plan: Plan, voice: &Voice) -> anyhow::Result<ending::Ended> {
    let began = std::time::Instant::now();
    let plan = stage.open(plan, voice).await?;
    let mut tour = Tour::new(stage, &plan, voice, began);
    deploy::play(&mut tour).await?;
    hostile::play(&mut tour).await?;
    tour.until_market(plan.reload_at()).await?;
    reload::play(&mut tour).await?;
    tour.until_market(plan.crash_at()).await?;
    crash::play(&mut tour).await?;
    tour.until_market(plan.minutes).await?;
    let ended = ending::play(&mut tour).await?;
    if ended.document.executions == 0 {
        bail!("nothing was traded");
    }
    Ok(ended)
}
