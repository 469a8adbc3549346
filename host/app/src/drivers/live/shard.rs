//! Threads that own the bots' instances. The host sends work and gets replies; it never waits.
//!
//! Quick and slow lanes: an instance lives on one thread at a time, and moves between two calls. What
//! takes long, making an instance and letting it catch up, is done on a thread of its own: the
//! instance then comes to the host with the reply and is handed to its lane. Threads of the slow
//! lane and the one that makes instances have a lower priority where the system allows it, so that
//! neither keeps a processor from an event of a quick bot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Instant;

use stockade_core::SleeveId;
use stockade_runtime::{Bot, BotConfig, LogLine, Plugin, Snapshot};
use tokio::sync::mpsc;

use super::Incoming;
use super::cost::Lane;
use super::hand_over::{BotEvent, Done, Ended, Start, call, make};
use super::rehearsal::Rehearsal;
use super::sight::Sight;

/// Niceness of the slow lane: far below everything that trades.
const SLOW_NICE: i32 = 19;
/// Niceness of the thread that makes instances: below all running bots, above the slow ones.
const STARTING_NICE: i32 = 10;

/// Work for a thread.
pub(crate) enum Work {
    Start(SleeveId, u64, Box<Start>),
    /// Makes an instance beside the running one, or for a bot that does not run, with its state.
    Shadow(SleeveId, Plugin, Box<BotConfig>, Option<Snapshot>),
    /// A dry run.
    Rehearse(Box<Rehearsal>),
    /// An instance that lives here from now on.
    Adopt(SleeveId, u64, Box<Bot>),
    /// The instance is to live elsewhere.
    Leave(SleeveId, u64),
    /// Events of one kind.
    Call(SleeveId, u64, Vec<BotEvent>, Sight),
    Save(SleeveId, u64),
    /// Puts an instance of another version in the place of the running one, with its state.
    Swap(SleeveId, u64, Box<Bot>),
    /// The running instance counts as this generation from now on.
    Renumber(SleeveId, u64),
    Stop(SleeveId),
}

/// How work ended.
pub(crate) enum ShardReply {
    Started(SleeveId, u64, Result<Box<Bot>, String>),
    Shadowed(SleeveId, Arc<str>, Result<Box<Bot>, String>),
    Left(SleeveId, u64, Box<Bot>),
    /// Events as they were sent, how many time stamps or events of them are done, what was asked.
    Called {
        sleeve: SleeveId,
        generation: u64,
        events: Vec<BotEvent>,
        outcome: Result<Done, Ended>,
        log: Vec<LogLine>,
    },
    Saved(SleeveId, u64, Result<Snapshot, String>),
    Reloaded {
        sleeve: SleeveId,
        generation: u64,
        /// The old instance's last state, and how long nobody took events.
        outcome: Result<(Snapshot, i64), String>,
    },
}

impl ShardReply {
    /// When the handler returned, of a call that asked for something.
    pub(crate) fn asked(&self) -> Option<Instant> {
        match self {
            Self::Called { outcome: Ok(done), .. } if !done.requests.is_empty() => {
                Some(done.returned)
            }
            _ => None,
        }
    }

    /// Whether an instance runs from now on.
    pub(crate) const fn is_start(&self) -> bool {
        matches!(self, Self::Started(_, _, Ok(_)))
    }
}

/// The threads.
pub(crate) struct Shards {
    quick: Vec<std_mpsc::Sender<Work>>,
    slow: Vec<std_mpsc::Sender<Work>>,
    starting: std_mpsc::Sender<Work>,
}

impl Shards {
    /// Starts so many threads for the quick lane, half as many for the slow one, and one that makes
    /// instances; replies go to the host.
    pub(crate) fn new(count: usize, replies: &mpsc::Sender<Incoming>) -> std::io::Result<Self> {
        let lane = |name: &str, count: usize, nice| {
            (0..count).map(|index| thread(format!("{name}-{index}"), nice, replies)).collect()
        };
        let quick: std::io::Result<Vec<_>> = lane("bots", count.max(1), 0);
        let slow: std::io::Result<Vec<_>> = lane("slow-bots", count.div_ceil(2).max(1), SLOW_NICE);
        let starting = thread("starting-bots".to_owned(), STARTING_NICE, replies)?;
        Ok(Self { quick: quick?, slow: slow?, starting })
    }

    /// Hands work to the thread of a bot in this lane.
    pub(crate) fn send(&self, lane: Lane, sleeve: SleeveId, work: Work) {
        let threads = match lane {
            Lane::Quick => &self.quick,
            Lane::Slow => &self.slow,
        };
        let count = u64::try_from(threads.len()).unwrap_or(1);
        let index = usize::try_from(sleeve.0 % count).unwrap_or(0);
        hand(&threads[index], work);
    }

    /// Hands over work that takes long.
    pub(crate) fn send_long(&self, work: Work) {
        hand(&self.starting, work);
    }
}

fn hand(thread: &std_mpsc::Sender<Work>, work: Work) {
    // A thread ends only with a panic, which ends the process.
    thread.send(work).expect("the bots' threads run as long as the host");
}

fn thread(
    name: String,
    nice: i32,
    replies: &mpsc::Sender<Incoming>,
) -> std::io::Result<std_mpsc::Sender<Work>> {
    let (sender, work) = std_mpsc::channel();
    let replies = replies.clone();
    let run = move || {
        if nice != 0 {
            // Where the system does not allow it, the threads only compete more.
            let _ = rustix::process::setpriority_process(None, nice);
        }
        run(&work, &replies);
    };
    std::thread::Builder::new().name(name).spawn(run)?;
    Ok(sender)
}

fn run(work: &std_mpsc::Receiver<Work>, replies: &mpsc::Sender<Incoming>) {
    let mut bots: BTreeMap<SleeveId, (u64, Bot)> = BTreeMap::new();
    while let Ok(item) = work.recv() {
        let Some(reply) = perform(item, &mut bots) else {
            continue;
        };
        let message = Incoming::Bot(super::bots::BotMessage::Shard(reply));
        if replies.blocking_send(message).is_err() {
            return;
        }
    }
}

fn perform(work: Work, bots: &mut BTreeMap<SleeveId, (u64, Bot)>) -> Option<ShardReply> {
    match work {
        Work::Start(sleeve, generation, start) => {
            Some(ShardReply::Started(sleeve, generation, make(*start).map(Box::new)))
        }
        Work::Shadow(sleeve, plugin, config, state) => {
            let made = shadow(&plugin, *config, state.as_ref());
            Some(ShardReply::Shadowed(sleeve, plugin.digest().clone(), made.map(Box::new)))
        }
        Work::Rehearse(rehearsal) => {
            rehearsal.play();
            None
        }
        Work::Adopt(sleeve, generation, bot) => {
            bots.insert(sleeve, (generation, *bot));
            None
        }
        Work::Leave(sleeve, generation) => {
            let (_, bot) = bots.remove(&sleeve).filter(|(present, _)| *present == generation)?;
            Some(ShardReply::Left(sleeve, generation, Box::new(bot)))
        }
        Work::Call(sleeve, generation, events, sight) => {
            called(bots, sleeve, generation, events, &sight)
        }
        Work::Save(sleeve, generation) => Some(saved(bots, sleeve, generation)),
        Work::Swap(sleeve, generation, shadow) => {
            let (present, old) = bots.remove(&sleeve)?;
            let (kept, outcome) = swap(old, *shadow);
            let generation_now = if outcome.is_ok() { generation } else { present };
            if kept.is_alive() {
                bots.insert(sleeve, (generation_now, kept));
            }
            Some(ShardReply::Reloaded { sleeve, generation, outcome })
        }
        Work::Renumber(sleeve, generation) => {
            if let Some((present, _)) = bots.get_mut(&sleeve) {
                *present = generation;
            }
            None
        }
        Work::Stop(sleeve) => {
            bots.remove(&sleeve);
            None
        }
    }
}

fn shadow(plugin: &Plugin, config: BotConfig, state: Option<&Snapshot>) -> Result<Bot, String> {
    let mut bot = Bot::start(plugin, config).map_err(|error| error.to_string())?;
    if let Some(state) = state {
        bot.restore(state).map_err(|strike| strike.told())?;
    }
    Ok(bot)
}

fn called(
    bots: &mut BTreeMap<SleeveId, (u64, Bot)>,
    sleeve: SleeveId,
    generation: u64,
    events: Vec<BotEvent>,
    sight: &Sight,
) -> Option<ShardReply> {
    let Some((present, bot)) = bots.get_mut(&sleeve) else {
        // It died outside of a call, such as in the save before a reload that failed.
        let ended = Ended::in_call("its instance has ended".to_owned());
        let (outcome, log) = (Err(ended), Vec::new());
        return Some(ShardReply::Called { sleeve, generation, events, outcome, log });
    };
    if *present != generation {
        return None;
    }
    let mut log = bot.take_start_logs();
    let outcome = call(bot, &events, sight, false, &mut log);
    if outcome.is_err() {
        bots.remove(&sleeve);
    }
    Some(ShardReply::Called { sleeve, generation, events, outcome, log })
}

fn saved(
    bots: &mut BTreeMap<SleeveId, (u64, Bot)>,
    sleeve: SleeveId,
    generation: u64,
) -> ShardReply {
    let Some((present, bot)) = bots.get_mut(&sleeve) else {
        let ended = Err("its instance has ended".to_owned());
        return ShardReply::Saved(sleeve, generation, ended);
    };
    let outcome = bot.save().map_err(|strike| strike.told());
    if outcome.is_err() {
        let present = *present;
        bots.remove(&sleeve);
        return ShardReply::Saved(sleeve, present, outcome);
    }
    ShardReply::Saved(sleeve, generation, outcome)
}

/// Puts the new version in the old one's place; the old one goes on where anything of it fails.
fn swap(old: Bot, shadow: Bot) -> (Bot, Result<(Snapshot, i64), String>) {
    let began = Instant::now();
    match stockade_runtime::swap(old, shadow) {
        Ok(reloaded) => {
            let pause = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
            (reloaded.bot, Ok((reloaded.snapshot, pause)))
        }
        Err(kept) => (kept.bot, Err(kept.cause.to_string())),
    }
}
