//! Many small bots in one process, each with a sleeve of its own: what memory and fan-out are
//! measured on. Runs in a child process, so that what was measured before leaves nothing behind.

use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use stockade_core::desk::{Command, Desk, Effects, Event, Input, Settings, observe, step};
use stockade_core::instrument::Instrument;
use stockade_core::limits;
use stockade_core::market::Bar;
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_core::sleeve::SleeveView;
use stockade_core::{InstrumentId, Money, Now, Price, Qty, Slug, Symbol, Timestamp};
use stockade_runtime::{Bot, BotConfig, BotInstrument, Call, Events, Limits, Plugin};

use super::SEED;
use super::place::{BOT, Place};
use crate::failure::Failure;

const MINUTE_NS: i64 = 60 * 1_000_000_000;

/// Accounts, as many as so many sleeves need, and their bots.
pub(super) struct Herd {
    accounts: Vec<(Desk, Vec<Member>)>,
    /// From the component's bytes to the last bot ready, its compilation included.
    pub(super) load: Duration,
}

/// A bot and its sleeve as it last was.
struct Member {
    bot: Bot,
    view: SleeveView,
}

impl Herd {
    pub(super) fn load(place: &Place, count: usize) -> Result<Self, Failure> {
        let mut left = count;
        let mut desks = Vec::new();
        while left > 0 || desks.is_empty() {
            let members = left.min(limits::SLEEVES_MAX);
            desks.push(desk(members).map_err(Failure::Failed)?);
            left -= members;
        }
        let began = Instant::now();
        let plugin = place.plugin()?;
        let mut accounts = Vec::new();
        for desk in desks {
            let members = members(&desk, &plugin)?;
            accounts.push((desk, members));
        }
        Ok(Self { accounts, load: began.elapsed() })
    }

    /// Hands one bar to every account and each of its bots, as live ones; gives what that took.
    pub(super) fn bar(&mut self, number: usize) -> Result<Duration, Failure> {
        let bar = bar(number);
        let now = Now { market: bar.at.plus(MINUTE_NS), machine: bar.at };
        let began = Instant::now();
        for (desk, members) in &mut self.accounts {
            observe(desk, now, &[bar]);
            for Member { bot, view } in members {
                let events = Events::bars(std::slice::from_ref(&bar));
                let call = Call { events, warm_up: false, view, prices: &*desk, now: now.market };
                let outcome = bot.call(&call).map_err(|strike| Failure::Failed(strike.into()))?;
                if outcome.handled != 1 {
                    return Err(Failure::Failed(anyhow::anyhow!("a bot handled no bar")));
                }
            }
        }
        Ok(began.elapsed())
    }
}

fn members(desk: &Desk, plugin: &Plugin) -> Result<Vec<Member>, Failure> {
    let instrument = instrument(desk);
    let mut members = Vec::new();
    for row in desk.bots() {
        let config = BotConfig {
            params: Vec::new(),
            seed: SEED,
            instruments: vec![instrument.clone()],
            limits: Limits::of(plugin.tier()),
            history: None,
        };
        let bot = Bot::start(plugin, config).map_err(|error| Failure::Usage(error.to_string()))?;
        let view =
            desk.view(row.sleeve).context("a sleeve of the desk").map_err(Failure::Failed)?;
        members.push(Member { bot, view });
    }
    Ok(members)
}

/// The only instrument there is.
pub(super) fn instrument(desk: &Desk) -> BotInstrument {
    let known = &desk.instruments()[0];
    BotInstrument { id: InstrumentId(0), symbol: known.symbol.clone(), class: known.class }
}

fn put(desk: &mut Desk, event: Event) {
    step(desk, Input { now: Now::default(), event }, &mut Effects::default());
}

/// A desk with so many bots.
pub(super) fn desk(count: usize) -> Result<Desk> {
    let label = Slug::new("bench")?;
    let rows =
        Rows::new_account(label, "bench".to_owned(), false, Controls::default(), Now::default());
    let mut desk = Desk::restore(rows, Settings::reference())?;
    put(&mut desk, Event::Started { epoch: 1, take_over: false });
    let instruments = vec![Instrument::equity(Symbol::new("BENCH")?)];
    put(&mut desk, Event::Instruments { instruments });
    for number in 0..count {
        let command = Command::BotDeploy {
            name: Slug::new(&format!("bot-{number}"))?,
            sleeve: None,
            capital: Money::new(Decimal::from(10_000)),
            plugin: BOT.to_owned(),
            digest: "bench".to_owned(),
            version: "1".to_owned(),
            params: Vec::new(),
            symbols: vec![Symbol::new("BENCH")?],
            seed: SEED,
        };
        put(&mut desk, Event::Command { command });
    }
    let made = desk.bots().count();
    ensure!(made == count, "{made} of {count} bots have a sleeve");
    Ok(desk)
}

/// A market that falls: once it has its closes, a bot asks at each bar what it holds, and for nothing.
pub(super) fn bar(number: usize) -> Bar {
    let cents = 20_000_i64.saturating_sub(i64::try_from(number).unwrap_or(0)).max(1);
    let price = Price::new(Decimal::new(cents, 2));
    Bar {
        instrument: InstrumentId(0),
        at: Timestamp(i64::try_from(number).unwrap_or(0) * MINUTE_NS),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Qty::new(Decimal::TEN),
    }
}

/// What a child process of this program reports that measures `name`.
pub(super) fn of_child<T: DeserializeOwned>(place: &Place, name: &str) -> Result<T, Failure> {
    let program = std::env::current_exe()?;
    let mut child = Process::new(program);
    child.arg("bench").arg(name).arg("--json").arg("--plugins").arg(place.plugins()?);
    child.arg("--data").arg(place.folder("herd")?);
    let output = child.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let report = (|| -> Result<T> {
        if !output.status.success() {
            bail!("the process of {name} ended with {}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("its report is not understood")
    })();
    Ok(report?)
}

/// Resident memory of this process, in KiB.
pub(super) fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("memory is read from /proc, which is missing")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("/proc/self/status has no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
