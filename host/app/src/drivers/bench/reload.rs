//! The pause of a reload: from the return of the old version's last handler to the return of the
//! new version's first, on the host's own threads for bots, with a state of a mebibyte that is saved,
//! handed over and restored in between. Against the same with a state of a few bytes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use stockade_core::desk::Desk;
use stockade_core::{SleeveId, Timestamp};
use stockade_runtime::{BotConfig, Limits, Plugin};

use super::SEED;
use super::figure::{Figure, millis, percentile};
use super::herd;
use super::place::Place;
use crate::drivers::live::bench::{BotEvent, Lane, ShardReply, Shards, Sight, Start, Work};
use crate::failure::Failure;

/// The component, whose state is as long as it is told.
const BOT: &str = "misbehave";
/// Reloads that count.
const RELOADS: usize = 1_000;
/// Reloads before.
const WARM: usize = 20;
/// Bytes of a large state: as much as is allowed by default.
const LARGE: usize = 1 << 20;
/// Bytes of a small one.
const SMALL: usize = 64;
/// What a reply may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let plugin = place.plugin_of(BOT)?;
    let mut large = pauses(&plugin, LARGE).await?;
    let mut small = pauses(&plugin, SMALL).await?;
    let n = u64::try_from(large.len()).unwrap_or(u64::MAX);
    let against = "the same with a state of 64 bytes; from the old version's last event to the new one's first, 1 MiB of state";
    let of = |name, percent, unit, large: &mut [Duration], small: &mut [Duration]| {
        let baseline = millis(percentile(small, percent));
        Figure::new(name, (millis(percentile(large, percent)), unit), (against, baseline), n)
    };
    Ok(vec![
        of("reload", 99, "ms p99", &mut large, &mut small),
        of("reload-p50", 50, "ms p50", &mut large, &mut small),
    ])
}

/// A bot on the threads of a host.
struct Driven {
    shards: Shards,
    replies: tokio::sync::mpsc::Receiver<crate::drivers::live::Incoming>,
    plugin: Plugin,
    desk: Desk,
    sleeve: SleeveId,
    generation: u64,
    state_bytes: usize,
    at: Timestamp,
}

async fn pauses(plugin: &Plugin, state_bytes: usize) -> Result<Vec<Duration>> {
    let (sender, replies) = tokio::sync::mpsc::channel(16);
    let desk = herd::desk(1)?;
    let sleeve = desk.bots().next().context("the desk has a bot")?.sleeve;
    let mut driven = Driven {
        shards: Shards::new(1, &sender)?,
        replies,
        plugin: plugin.clone(),
        desk,
        sleeve,
        generation: 1,
        state_bytes,
        at: Timestamp(0),
    };
    driven.start().await?;
    let mut pauses = Vec::with_capacity(RELOADS + WARM);
    for _ in 0..RELOADS + WARM {
        driven.event().await?;
        let shadow = driven.shadow().await?;
        let last = driven.event().await?;
        driven.swap(shadow).await?;
        pauses.push(driven.event().await?.saturating_duration_since(last));
    }
    Ok(pauses.split_off(WARM))
}

impl Driven {
    fn config(&self) -> BotConfig {
        let params = [("cause", "ballast".to_owned()), ("rounds", self.state_bytes.to_string())];
        // A byte of state takes some instructions to write and to read.
        let limits = Limits::of(self.plugin.tier());
        BotConfig {
            params: params.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            seed: SEED,
            instruments: vec![herd::instrument(&self.desk)],
            limits,
            history: None,
        }
    }

    async fn reply(&mut self) -> Result<ShardReply> {
        let reply = tokio::time::timeout(PATIENCE, self.replies.recv());
        let reply = reply.await.context("a thread of the bots does not answer")?;
        let reply = reply.and_then(crate::drivers::live::Incoming::into_instance);
        reply.context("the threads of the bots have ended")
    }

    fn sight(&self) -> Result<Sight> {
        Sight::of(&self.desk, self.sleeve, self.at).context("a sleeve of the desk")
    }

    async fn start(&mut self) -> Result<()> {
        let (plugin, config) = (self.plugin.clone(), self.config());
        let start = Start { plugin, config, state: None, since: Vec::new(), sight: self.sight()? };
        self.shards.send_long(Work::Start(self.sleeve, self.generation, Box::new(start)));
        let ShardReply::Started(_, _, bot) = self.reply().await? else {
            bail!("a start is answered otherwise");
        };
        let bot = bot.map_err(|cause| anyhow!(cause))?;
        let adopt = Work::Adopt(self.sleeve, self.generation, bot);
        self.shards.send(Lane::Quick, self.sleeve, adopt);
        Ok(())
    }

    /// Hands over a bar; when its handler returned.
    async fn event(&mut self) -> Result<Instant> {
        let mut bar = herd::bar(0);
        self.at = self.at.plus(60_000_000_000);
        bar.at = self.at;
        let events = vec![BotEvent::Bars(vec![bar])];
        let call = Work::Call(self.sleeve, self.generation, events, self.sight()?);
        self.shards.send(Lane::Quick, self.sleeve, call);
        let ShardReply::Called { outcome, .. } = self.reply().await? else {
            bail!("a call is answered otherwise");
        };
        let done = outcome.map_err(|ended| anyhow!(ended.cause))?;
        ensure!(done.handled == 1, "an event was not handled");
        Ok(done.returned)
    }

    async fn shadow(&mut self) -> Result<Box<stockade_runtime::Bot>> {
        let config = Box::new(self.config());
        self.shards.send_long(Work::Shadow(self.sleeve, self.plugin.clone(), config, None));
        let ShardReply::Shadowed(_, _, shadow) = self.reply().await? else {
            bail!("a shadow is answered otherwise");
        };
        shadow.map_err(|cause| anyhow!(cause))
    }

    async fn swap(&mut self, shadow: Box<stockade_runtime::Bot>) -> Result<()> {
        self.generation += 1;
        let swap = Work::Swap(self.sleeve, self.generation, shadow);
        self.shards.send(Lane::Quick, self.sleeve, swap);
        let ShardReply::Reloaded { outcome, .. } = self.reply().await? else {
            bail!("a swap is answered otherwise");
        };
        let (state, _) = outcome.map_err(|cause| anyhow!(cause))?;
        let found = state.state.len();
        ensure!(found >= self.state_bytes, "the state has {found} bytes");
        Ok(())
    }
}
