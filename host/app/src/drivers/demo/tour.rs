//! The tour under way: looks at the database several times a second, tells what is new in it, and
//! waits for what a scene needs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stockade_core::Timestamp;
use stockade_store::query::{
    At, Bot, BotEvent, Execution, Filter, Order, OrderFilter, Position, Refusal, Sleeve,
    bot_events, bot_list, execution_list, order_list, position_list, refusal_list, sleeve_list,
};

use super::plan::Plan;
use super::stage::Stage;
use super::table;
use super::voice::Voice;

/// Between two looks.
const BEAT: Duration = Duration::from_millis(100);
/// Between two tables where nothing can be redrawn.
const TABLE_EVERY: Duration = Duration::from_secs(10);
/// Fills told one by one where nothing can be redrawn; the rest is counted in the table.
const FILLS_TOLD: usize = 24;
/// Refusals told one by one of each sleeve.
const REFUSALS_TOLD: usize = 3;

/// What the database says now.
#[derive(Default)]
pub(super) struct Books {
    pub(super) sleeves: Vec<Sleeve>,
    pub(super) bots: Vec<Bot>,
    pub(super) orders: Vec<Order>,
    pub(super) executions: Vec<Execution>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) bot_events: Vec<BotEvent>,
    pub(super) positions: Vec<Position>,
}

impl Books {
    async fn read(stage: &Stage) -> Result<Self> {
        let (pool, all) = (stage.store()?.reads(), Filter::default());
        Ok(Self {
            sleeves: sleeve_list(pool, &all, false).await?,
            bots: bot_list(pool, &all, false).await?,
            orders: order_list(pool, &all, &OrderFilter::default()).await?,
            executions: execution_list(pool, &all).await?,
            refusals: refusal_list(pool, &all).await?,
            bot_events: bot_events(pool, &all).await?,
            positions: position_list(pool, &all).await?,
        })
    }

    pub(super) fn bot(&self, name: &str) -> Result<&Bot> {
        self.bots
            .iter()
            .find(|bot| bot.name == name)
            .with_context(|| format!("there is no bot {name}"))
    }

    /// Executions of an order.
    pub(super) fn executions_of(&self, order: i64) -> impl Iterator<Item = &Execution> {
        self.executions.iter().filter(move |execution| execution.order_id == Some(order))
    }
}

/// The tour under way.
pub(super) struct Tour<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) plan: &'a Plan,
    pub(super) voice: &'a Voice,
    pub(super) began: Instant,
    /// As last read.
    pub(super) books: Books,
    pub(super) reloads: Vec<super::document::Reload>,
    pub(super) crash: Option<super::document::Crash>,
    told: BTreeSet<String>,
    fills_told: usize,
    events_told: usize,
    refusals_seen: usize,
    refusals_told: BTreeMap<String, usize>,
    shares_told: bool,
    table_at: Instant,
}

impl<'a> Tour<'a> {
    pub(super) fn new(
        stage: &'a mut Stage,
        plan: &'a Plan,
        voice: &'a Voice,
        began: Instant,
    ) -> Self {
        Self {
            stage,
            plan,
            voice,
            began,
            books: Books::default(),
            reloads: Vec::new(),
            crash: None,
            told: BTreeSet::new(),
            fills_told: 0,
            events_told: 0,
            refusals_seen: 0,
            refusals_told: BTreeMap::new(),
            shares_told: false,
            table_at: began,
        }
    }

    /// Looks once, and tells what is new.
    pub(super) async fn look(&mut self) -> Result<()> {
        self.stage.check()?;
        self.books = Books::read(self.stage).await?;
        self.tell_fills()?;
        self.tell_refusals()?;
        self.tell_bot_events()?;
        self.tell_shares()?;
        self.tell_table()
    }

    fn tell_fills(&mut self) -> Result<()> {
        for execution in &self.books.executions {
            if !self.told.insert(execution.execution_id.clone()) {
                continue;
            }
            self.fills_told += 1;
            if self.voice.is_live() || self.fills_told <= FILLS_TOLD {
                self.voice.say(&table::fill(execution))?;
            }
            if !self.voice.is_live() && self.fills_told == FILLS_TOLD {
                self.voice.say("(further fills are counted in the table)")?;
            }
        }
        Ok(())
    }

    fn tell_refusals(&mut self) -> Result<()> {
        for refusal in self.books.refusals.iter().skip(self.refusals_seen) {
            let told = self.refusals_told.entry(refusal.sleeve.clone()).or_default();
            *told += 1;
            if *told <= REFUSALS_TOLD {
                self.voice.say(&format!(
                    "{}  {:<8} refused ({}): {}",
                    table::clock(refusal.at),
                    refusal.sleeve,
                    refusal.code,
                    refusal.message
                ))?;
            }
        }
        self.refusals_seen = self.books.refusals.len();
        Ok(())
    }

    fn tell_bot_events(&mut self) -> Result<()> {
        for event in self.books.bot_events.iter().skip(self.events_told) {
            let (at, bot) = (table::clock(event.at), &event.bot);
            self.voice.say(&format!("{at}  {bot:<8} {}: {}", event.kind, event.message))?;
        }
        self.events_told = self.books.bot_events.len();
        Ok(())
    }

    /// Once: how two sleeves share one position of the account.
    fn tell_shares(&mut self) -> Result<()> {
        if self.shares_told {
            return Ok(());
        }
        let shared =
            |symbol: &str| self.books.positions.iter().filter(|p| p.symbol == symbol).count() > 1;
        let both: Vec<&Position> =
            self.books.positions.iter().filter(|p| shared(&p.symbol)).collect();
        let Some(first) = both.first() else {
            return Ok(());
        };
        let owners: Vec<String> = both
            .iter()
            .filter(|p| p.symbol == first.symbol)
            .map(|position| table::share(position))
            .collect();
        self.voice.say(&format!(
            "one position, two owners: {} of {}",
            owners.join(", "),
            first.symbol
        ))?;
        self.shares_told = true;
        Ok(())
    }

    fn tell_table(&mut self) -> Result<()> {
        let due = self.table_at.elapsed() >= TABLE_EVERY;
        if !self.voice.is_live() && !due {
            return Ok(());
        }
        let table =
            table::sleeves(&self.books.sleeves, &self.books.orders, &self.books.executions).text();
        if self.voice.is_live() {
            self.voice.show(&format!("\n{table}"));
        } else {
            self.voice.say(&format!("\n{table}\n"))?;
        }
        self.table_at = Instant::now();
        Ok(())
    }

    /// Goes on looking until `found` gives something; an error where that takes too long.
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut found: impl AsyncFnMut(&Stage, &Books) -> Result<Option<T>>,
    ) -> Result<T> {
        let began = Instant::now();
        loop {
            self.look().await?;
            if let Some(found) = found(self.stage, &self.books).await? {
                return Ok(found);
            }
            if began.elapsed() > limit {
                bail!("{what}: this did not happen within {} s", limit.as_secs());
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    /// Goes on looking until the market has come to this minute.
    pub(super) async fn until_market(&mut self, minute: u64) -> Result<()> {
        let until = Plan::market_after(minute);
        let limit = Duration::from_secs(self.plan.market_seconds + 30);
        let what = format!("the market comes to {}", table::clock(At(until.0)));
        self.until(&what, limit, async |stage, _| {
            let at: Timestamp = stage.broker()?.market_time().await?;
            Ok((at >= until).then_some(()))
        })
        .await
    }
}
