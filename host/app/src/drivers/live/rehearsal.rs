//! A dry run: the new version gets the events that the running one got lately, and what it asks for
//! is compared with what the running one asked for.
//!
//! Each call sees the sleeve and the prices as they were. So where the two versions differ, the new
//! one goes on with the old one's positions: the difference of each call is its own.

use std::collections::VecDeque;
use std::sync::Arc;

use stockade_core::Timestamp;
use stockade_core::desk::BotRequest;
use stockade_core::order::{Intent, OrderType, Size};
use stockade_runtime::{Bot, BotConfig, Plugin, Snapshot};
use stockade_store::query::At;
use tokio::sync::oneshot;

use super::hand_over::{BotEvent, hand_over};
use super::sight::Sight;
use crate::link;

/// Calls that a recording holds at least, where there were so many: hours of a bot on bars. One may
/// hold four times as many; a call is a few hundred bytes.
const CALLS_KEPT: usize = 128;
/// Differences that are told.
const DIFFERENCES_MAX: usize = 100;

/// One call as it was.
pub(crate) struct RecordedCall {
    /// The events that it handled.
    events: Vec<BotEvent>,
    sight: Sight,
    asked: Vec<BotRequest>,
}

/// Calls from a state on.
#[derive(Clone)]
struct Span {
    state: Snapshot,
    calls: Vec<Arc<RecordedCall>>,
    /// Calls came after it that were not kept.
    broken: bool,
}

/// The last calls of a bot.
#[derive(Default, Clone)]
pub(crate) struct Recording(VecDeque<Span>);

impl Recording {
    /// From a state on: nothing before it counts.
    pub(crate) fn from(state: Snapshot) -> Self {
        Self([Span { state, calls: Vec::new(), broken: false }].into())
    }

    /// The state after the last call that was taken.
    pub(crate) fn state(&mut self, state: &Snapshot) {
        let full = |span: &Span| span.calls.len() >= CALLS_KEPT;
        if self.0.back().is_none_or(full) {
            self.0.push_back(Span { state: state.clone(), calls: Vec::new(), broken: false });
        }
        if self.0.len() > 2 {
            self.0.pop_front();
        }
    }

    /// A call.
    pub(crate) fn call(&mut self, events: &[BotEvent], sight: &Sight, asked: &[BotRequest]) {
        let Some(span) = self.0.back_mut() else {
            return;
        };
        if span.calls.len() >= 2 * CALLS_KEPT {
            span.broken = true;
            return;
        }
        let (events, asked) = (events.to_vec(), asked.to_vec());
        span.calls.push(Arc::new(RecordedCall { events, sight: sight.clone(), asked }));
    }
}

/// A new version to be tried on a recording.
pub(crate) struct Rehearsal {
    pub(crate) plugin: Plugin,
    pub(crate) config: BotConfig,
    pub(crate) recording: Recording,
    /// What is known already.
    pub(crate) report: link::ReloadReport,
    pub(crate) answer: oneshot::Sender<link::Answer>,
}

impl Rehearsal {
    /// Plays it and answers.
    pub(crate) fn play(self) {
        let Self { plugin, config, recording, mut report, answer } = self;
        let reply = match rehearse(&plugin, &config, &recording) {
            Ok(rehearsed) => {
                report.rehearsal = Some(rehearsed);
                link::Answer::Host(link::HostReply::Reloaded(report))
            }
            Err(message) => link::Answer::Failed { message },
        };
        // A person who has gone away needs no answer.
        let _ = answer.send(reply);
    }
}

fn rehearse(
    plugin: &Plugin,
    config: &BotConfig,
    recording: &Recording,
) -> Result<link::Rehearsed, String> {
    let made = || Bot::start(plugin, config.clone()).map_err(|error| error.to_string());
    let mut bot = made()?;
    let mut rehearsed = link::Rehearsed::default();
    let mut continues = false;
    for span in &recording.0 {
        if !continues {
            bot = made()?;
            bot.restore(&span.state).map_err(|strike| strike.told())?;
        }
        continues = !span.broken;
        for recorded in &span.calls {
            play(&mut bot, recorded, &mut rehearsed)?;
        }
    }
    Ok(rehearsed)
}

/// Gives a bot the events of a call; what it asks for at each time is put beside what was asked.
fn play(
    bot: &mut Bot,
    recorded: &RecordedCall,
    rehearsed: &mut link::Rehearsed,
) -> Result<(), String> {
    let last = recorded.events.last().and_then(BotEvent::at).unwrap_or(Timestamp(0));
    let mut asked: Vec<(Timestamp, Vec<String>)> = Vec::new();
    let mut rest = recorded.events.as_slice();
    while !rest.is_empty() {
        let done = hand_over(bot, rest, &recorded.sight, false, &mut Vec::new());
        let at = rest.first().and_then(BotEvent::at).unwrap_or(last);
        let done =
            done.map_err(|ended| format!("it would be struck at {}: {}", At(at.0), ended.cause))?;
        let handled = done.handled.clamp(1, rest.len());
        let at = rest[handled - 1].at().unwrap_or(last);
        if !done.requests.is_empty() {
            asked.push((at, done.requests.iter().map(spoken).collect()));
        }
        rest = &rest[handled..];
    }
    rehearsed.calls += 1;
    rehearsed.events += recorded.events.iter().map(BotEvent::count).sum::<usize>();
    let before: Vec<String> = recorded.asked.iter().map(spoken).collect();
    rehearsed.intents_before += before.len();
    rehearsed.intents_after += asked.iter().map(|(_, requests)| requests.len()).sum::<usize>();
    let before = if before.is_empty() { Vec::new() } else { vec![(last, before)] };
    if asked != before {
        rehearsed.differences += 1;
        if rehearsed.different.len() < DIFFERENCES_MAX {
            rehearsed.different.push(link::Difference {
                at: At(last.0),
                before: before.into_iter().flat_map(|(_, requests)| requests).collect(),
                after: asked
                    .into_iter()
                    .flat_map(|(at, requests)| {
                        let late = at != last;
                        requests.into_iter().map(move |request| match late {
                            true => format!("{request} (at {})", At(at.0)),
                            false => request,
                        })
                    })
                    .collect(),
            });
        }
    }
    Ok(())
}

/// A request in words, without the numbers that differ between two instances.
fn spoken(request: &BotRequest) -> String {
    match request {
        BotRequest::Submit { intent, .. } => order(intent),
        BotRequest::Refused { intent, refusal, .. } => {
            format!("{} (refused: {})", order(intent), refusal.code())
        }
        BotRequest::Cancel { intent_id } => format!("cancel {}", intent_id.0),
        BotRequest::Replace { intent_id, .. } => format!("replace {}", intent_id.0),
    }
}

fn order(intent: &Intent) -> String {
    let side = intent.side.as_str();
    let size = match intent.size {
        Size::Qty(qty) => qty.to_string(),
        Size::Notional(amount) => format!("${amount} of"),
    };
    let price = match intent.order_type {
        OrderType::Market => String::new(),
        OrderType::Limit { limit_price } => format!(" limit {limit_price}"),
        OrderType::Stop { stop_price } => format!(" stop {stop_price}"),
        OrderType::StopLimit { stop_price, limit_price } => {
            format!(" stop {stop_price} limit {limit_price}")
        }
    };
    format!("{side} {size} {}{price}", intent.symbol)
}
