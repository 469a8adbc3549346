//! The desk: one account's whole state, and the one function that changes it.
//!
//! [`step`] takes an input and gives effects: rows to commit, then actions to perform. It reads no
//! clock and does no IO; the same inputs give the same effects, in every driver. Tables are the
//! state: [`Desk::restore`] is the only way to make a desk.

mod actions;
mod activities;
mod bots;
mod breaks;
mod budget;
mod capital;
mod clock;
mod coins;
mod command;
mod corrections;
mod deploy;
mod effect;
mod event;
mod fills;
mod income;
mod inquiry;
mod intents;
mod memory;
mod opening;
mod order_table;
mod orders;
mod past;
mod positions;
mod print_map;
mod reconcile;
mod replay;
mod restore;
mod state;
mod worth;

pub use actions::file_activity_id;
pub use breaks::{class_name, is_accepted};
pub use effect::{Action, Effects, OrderUpdate};
pub use event::{
    ActionBooking, BotReport, BotRequest, Command, Event, GoodRun, ImportKind, ImportedFill, Input,
    IntentBatch, Notice, Reply, Scope,
};
pub use inquiry::{
    BooksAnswer, ChangeCause, HoldingEvent, HoldingHistory, HoldingRows, Question, Traded,
};
pub use past::Past;
pub use reconcile::{Reconciliation, SymbolComparison};
pub use restore::RestoreError;
pub use state::{Desk, Settings};

use crate::broker::Answer;
use crate::bug::{self, Bug};
use crate::id::{InputIndex, OrderId};
use crate::limits;
use crate::market::Bar;
use crate::order::OrderStatus;
use crate::risk::Refusal;
use crate::row::{ExecutionSource, InputRow, Row};
use crate::time::Now;

/// Takes one input. `out` is added to, never read.
///
/// An amount that the books can't hold exactly is booked nowhere: the input leaves no rows, and the
/// only action says why this host must not go on ([`Action::Refuse`]).
///
/// # Panics
/// Where an invariant of the books is broken: the driver must not commit, and must not go on.
pub fn step(desk: &mut Desk, input: Input, out: &mut Effects) {
    let (rows_before, actions_before) = (out.rows.len(), out.actions.len());
    desk.advance(input.now);
    if desk.unbookable.is_none() {
        desk.apply(&input.event, out);
    }
    if let Some(why) = desk.unbookable.clone() {
        out.rows.truncate(rows_before);
        out.actions.truncate(actions_before);
        desk.give_up(&input.event, why, out);
        return;
    }
    let owed = std::mem::take(&mut desk.owed);
    owed.into_iter().for_each(|id| desk.touched.sleeves.insert(id));
    desk.settle_worth();
    desk.hold_to_allocations(out);
    if !desk.recalled.is_empty() && !matches!(input.event, Event::Books { .. }) {
        desk.recalled.clear();
    }
    let recorded = desk.settings.record_inputs && is_recorded(&input.event);
    // The record writes the account's row itself, with the input's number in it.
    let account = recorded && std::mem::take(&mut desk.touched.account);
    if !recorded && desk.touched.is_dated() {
        desk.touched.account = true;
    }
    desk.flush(out);
    if recorded && (account || out.rows.len() > rows_before) {
        desk.record(input.event, out);
    }
}

/// Takes the bars of one time stamp: what [`step`] makes of a `Market` event, for a driver that has
/// no event to give away. Prices have no effects.
pub fn observe(desk: &mut Desk, now: Now, bars: &[Bar]) {
    debug_assert!(desk.touched.is_empty(), "step writes down what it touched");
    if desk.unbookable.is_some() {
        return;
    }
    desk.advance(now);
    desk.on_bars(bars);
}

/// Market data, budgets and samples are not money inputs: what a decision used of them is stored
/// with the decision.
const fn is_recorded(event: &Event) -> bool {
    !matches!(event, Event::Market { .. } | Event::Budget { .. } | Event::Sample { .. })
}

impl Desk {
    /// Something of the input could not be booked: what it changed here is worth nothing, and what
    /// is committed stands.
    fn give_up(&mut self, event: &Event, why: String, out: &mut Effects) {
        self.refused = true;
        if matches!(event, Event::Command { .. }) {
            out.reply = Some(Reply::Refused {
                refusal: Refusal::NotAllowed {
                    what: "account".to_owned(),
                    name: self.account.label.to_string(),
                    why: why.clone(),
                },
            });
        }
        out.actions.push(Action::Refuse { why });
    }

    fn apply(&mut self, event: &Event, out: &mut Effects) {
        match event {
            Event::Market { market } => self.on_market(market),
            Event::Started { epoch, take_over } => self.on_started(*epoch, *take_over, out),
            Event::Instruments { instruments } => {
                for instrument in instruments {
                    let known = self.instruments.iter().any(|i| i == instrument);
                    if !known && self.instruments.len() < limits::INSTRUMENTS_MAX {
                        self.add_instrument(instrument.clone());
                        out.rows.push(Row::Instrument(instrument.clone()));
                    }
                }
            }
            Event::Sessions { sessions } => self.learn_sessions(sessions),
            Event::AccountStream { up } => self.on_account_stream(*up, out),
            Event::TradeUpdate { update } => {
                if let Some(fill) = &update.fill {
                    self.on_fill(fill, ExecutionSource::Stream, out);
                }
                if let Some(correction) = &update.correction {
                    self.on_correction(correction, out);
                }
                self.on_report(&update.order, out);
            }
            Event::Submitted { order, attempt, answer } => {
                self.on_submitted(*order, *attempt, answer, out)
            }
            Event::CancelAnswered { order, answer } => self.on_cancel_answered(*order, answer, out),
            Event::LookedUp { order, answer } => self.on_looked_up(*order, answer, out),
            Event::Snapshot { answer: Answer::Done { value } } => self.on_snapshot(value, out),
            Event::Snapshot { .. } => self.on_snapshot_failed(),
            Event::Budget { report } => {
                self.budget.report(self.now.machine, report);
                self.claim_waiting(out);
            }
            Event::Intents { batch } => self.on_intents(batch, out),
            Event::Bot { sleeve, report } => self.on_bot(*sleeve, report, out),
            Event::Books { answer } => match answer {
                BooksAnswer::Held { activity, held } => self.on_held(activity, held, out),
                BooksAnswer::Traded { activity, traded } => self.on_traded(activity, traded, out),
                BooksAnswer::Holdings { activity, histories } => {
                    self.on_holdings(activity, histories, out)
                }
                BooksAnswer::Booked { keys } => self.on_booked(keys),
                BooksAnswer::Holding { execution_id, history } => {
                    self.on_holding(execution_id, history.as_deref(), out)
                }
            },
            Event::Command { command } => self.on_command(command, out),
            Event::Timer => self.on_timer(out),
            Event::Sample { session_close } => self.on_sample(*session_close, out),
        }
    }

    /// The lease is held: whatever an earlier process was sending is unknown now.
    fn on_started(&mut self, epoch: u64, take_over: bool, out: &mut Effects) {
        self.epoch = epoch;
        self.take_over = take_over;
        self.started = true;
        let sending: Vec<OrderId> = self
            .open_orders()
            .filter(|o| o.status == OrderStatus::Sending && !bug::is(Bug::SendingForgotten))
            .map(|o| o.id)
            .collect();
        for id in sending {
            self.become_unknown(id, out);
        }
        self.touched.account = true;
        if self.account.has_broker {
            self.request_snapshot(out);
        } else {
            self.start_bots(out);
        }
        self.ask_again(out);
    }

    fn on_account_stream(&mut self, up: bool, out: &mut Effects) {
        self.stream_up = up;
        self.reconciliation.ready = false;
        if up {
            // What happened while nobody listened is read before any new order; a snapshot that is
            // on its way may have begun before.
            self.reconciliation.too_early = self.reconciliation.asked_at.is_some();
            self.request_snapshot(out);
        }
    }

    /// Records the input with what it caused.
    fn record(&mut self, event: Event, out: &mut Effects) {
        let index = InputIndex(self.account.input_index.0 + 1);
        self.account.input_index = index;
        self.account.now = self.now;
        let kind = event.kind();
        let event = without_state(event);
        out.rows.push(Row::Account(Box::new(self.account.clone())));
        out.rows.push(Row::Input(InputRow { index, now: self.now, kind, body: Box::new(event) }));
    }
}

/// A bot's state has its own row; it is not kept a second time with the input that brought it.
fn without_state(mut event: Event) -> Event {
    match &mut event {
        Event::Intents { batch } => batch.snapshot = None,
        Event::Bot { report: BotReport::Saved { bytes, .. }, .. } => *bytes = Default::default(),
        _ => {}
    }
    event
}

impl Event {
    /// The event's kind, as the input table names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Instruments { .. } => "instruments",
            Self::Sessions { .. } => "sessions",
            Self::Market { .. } => "market",
            Self::AccountStream { .. } => "account_stream",
            Self::TradeUpdate { .. } => "trade_update",
            Self::Submitted { .. } => "submitted",
            Self::CancelAnswered { .. } => "cancel_answered",
            Self::LookedUp { .. } => "looked_up",
            Self::Snapshot { .. } => "snapshot",
            Self::Budget { .. } => "budget",
            Self::Intents { .. } => "intents",
            Self::Bot { .. } => "bot",
            Self::Books { .. } => "books",
            Self::Command { .. } => "command",
            Self::Timer => "timer",
            Self::Sample { .. } => "sample",
        }
    }
}

#[cfg(test)]
mod tests;
