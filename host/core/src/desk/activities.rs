//! What happens to the account beside trades: each is kept from the moment it is learnt of, and
//! booked once, in the order of its days.
//!
//! Many need the past (who held on the ex-date, who traded on the day of a fee), so they wait for an
//! answer from the books. One waits at a time: a dividend after a split must see the split booked.
//! What can't be booked without a person is flagged, never guessed.

use rust_decimal::Decimal;
use std::sync::Arc;

use super::command::{Outcome, not_allowed, not_found};
use super::effect::{Action, Effects};
use super::event::{ActionBooking, Reply};
use super::inquiry::{HoldingHistory, Question, Traded};
use super::restore::settled;
use super::state::Desk;
use crate::broker::{Activity, ActivityKind};
use crate::decimal::Qty;
use crate::id::{EntryId, SleeveId};
use crate::limits;
use crate::row::{ActivityRow, ActivityState, Row};

/// What came of trying to book an activity.
pub(super) enum Booked {
    /// By this entry; `None` where nothing had to move.
    Done(Option<EntryId>, String),
    /// A person must say.
    Flagged(String),
}

/// A day of the exchange, in nanoseconds: a fee belongs to the trades of one.
const DAY_NS: i64 = 24 * 3600 * limits::NANOS_PER_SECOND;

impl Desk {
    /// Takes an activity that is not known yet. Gives whether it was new.
    pub(super) fn learn(&mut self, activity: &Activity, out: &mut Effects) -> bool {
        let known = self.activities.contains_key(&activity.id)
            || self.executions.contains(settled(&activity.id));
        let corrected = activity.kind == ActivityKind::Correction
            && activity.takes_back.as_ref().is_some_and(|id| self.executions.contains(settled(id)));
        let before_opening = self.account.opened_at.is_some_and(|opened| activity.at < opened);
        if known || corrected || before_opening {
            return false;
        }
        let row = ActivityRow {
            activity: activity.clone(),
            state: ActivityState::Pending,
            note: "learnt of".to_owned(),
            entry: None,
            at: self.now.market,
        };
        out.rows.push(Row::Activity(Box::new(row.clone())));
        self.activities.insert(activity.id.clone(), row);
        self.book_activities(out);
        true
    }

    /// Asks again for everything that waits: after a start, and whenever fills may have come.
    pub(super) fn ask_again(&mut self, out: &mut Effects) {
        self.asked = None;
        self.unanswered.clear();
        self.book_activities(out);
    }

    /// Books what can be booked, in the order of the days, up to the first that needs an answer.
    fn book_activities(&mut self, out: &mut Effects) {
        while self.asked.is_none() {
            let waits = |row: &&ActivityRow| {
                row.state == ActivityState::Pending && !self.unanswered.contains(&row.activity.id)
            };
            let next = self
                .activities
                .values()
                .filter(waits)
                .min_by(|a, b| {
                    let key =
                        |row: &ActivityRow| (row.activity.effective_at, rank(row.activity.kind));
                    key(a).cmp(&key(b)).then_with(|| a.activity.id.cmp(&b.activity.id))
                })
                .map(|row| row.activity.clone());
            let Some(activity) = next else { return };
            match self.question_of(&activity) {
                Some(question) => {
                    self.asked = Some(activity.id);
                    out.actions.push(Action::ReadBooks { question });
                }
                None => {
                    let booked = self.book_at_once(&activity, out);
                    self.settle(&activity.id, booked, out);
                }
            }
        }
    }

    /// What must be known of the past before it can be booked.
    fn question_of(&self, activity: &Activity) -> Option<Question> {
        let id = activity.id.clone();
        if activity.kind != ActivityKind::Correction && activity.takes_back.is_some() {
            return None;
        }
        match (activity.kind, &activity.symbol) {
            (ActivityKind::Correction, _) => {
                let execution_id = activity.takes_back.clone()?;
                Some(Question::Holding { execution_id })
            }
            (ActivityKind::Dividend, Some(symbol)) => {
                let before = activity.effective_at;
                Some(Question::Held { activity: id, symbol: symbol.clone(), before })
            }
            (ActivityKind::Fee | ActivityKind::CryptoFee, symbol) => Some(Question::Traded {
                activity: id,
                symbol: symbol.clone(),
                from: activity.effective_at,
                until: activity.effective_at.plus(DAY_NS),
            }),
            // Whoever traded since then did so in new shares, or without what was spun off.
            (ActivityKind::Split | ActivityKind::SpinOff, Some(symbol))
                if activity.kind == ActivityKind::Split || activity.cost_share_pct.is_some() =>
            {
                let since = activity.effective_at;
                Some(Question::Holdings { activity: id, symbol: symbol.clone(), since })
            }
            _ => None,
        }
    }

    pub(super) fn on_held(&mut self, id: &Arc<str>, held: &[(SleeveId, Qty)], out: &mut Effects) {
        let Some(activity) = self.waiting_for(id) else { return };
        let booked = self.book_dividend(&activity, held, out);
        self.settle(id, booked, out);
        self.book_activities(out);
    }

    pub(super) fn on_traded(&mut self, id: &Arc<str>, traded: &[Traded], out: &mut Effects) {
        let Some(activity) = self.waiting_for(id) else { return };
        let booked = match activity.kind {
            ActivityKind::CryptoFee => self.book_coin_fee(&activity, traded, out),
            _ => self.book_fee(&activity, traded, out),
        };
        self.settle(id, booked, out);
        self.book_activities(out);
    }

    pub(super) fn on_holdings(
        &mut self,
        id: &Arc<str>,
        histories: &[HoldingHistory],
        out: &mut Effects,
    ) {
        let Some(activity) = self.waiting_for(id) else { return };
        let booked = match activity.kind {
            ActivityKind::SpinOff => self.book_spin_off(&activity, histories, out),
            _ => self.book_split(&activity, histories, out),
        };
        if let Some(booked) = booked {
            self.settle(id, booked, out);
        }
        self.book_activities(out);
    }

    pub(super) fn on_holding(
        &mut self,
        execution_id: &Arc<str>,
        history: Option<&HoldingHistory>,
        out: &mut Effects,
    ) {
        let id = super::corrections::correction_id(execution_id);
        let Some(activity) = self.waiting_for(&id) else { return };
        match history {
            // The execution itself may come later: it is looked for again with the next snapshot.
            None => drop(self.unanswered.insert(id)),
            Some(history) => match self.correct(&activity, execution_id, history, out) {
                Ok(Some(entry)) => {
                    self.settle(&id, Booked::Done(Some(entry), "rebooked".to_owned()), out);
                }
                // The desk has gone on since: it asks again, of the books as they are now.
                Ok(None) => {}
                Err(why) => self.settle(&id, Booked::Flagged(why), out),
            },
        }
        self.book_activities(out);
    }

    /// The activity whose answer this is; an answer that nobody waits for is of an earlier life.
    fn waiting_for(&mut self, id: &Arc<str>) -> Option<Activity> {
        if self.asked.as_ref() != Some(id) {
            return None;
        }
        self.asked = None;
        self.activities.get(id).map(|row| row.activity.clone())
    }

    fn book_at_once(&mut self, activity: &Activity, out: &mut Effects) -> Booked {
        if let Some(earlier) = &activity.takes_back {
            return Booked::Flagged(format!("the broker takes activity {earlier} back"));
        }
        match activity.kind {
            ActivityKind::Cash => self.book_cash(activity, out),
            ActivityKind::Interest => self.book_interest(activity, out),
            ActivityKind::CashInLieu => self.book_cash_in_lieu(activity, out),
            ActivityKind::Shares => self.book_shares(activity, out),
            ActivityKind::SymbolChange => self.book_symbol_change(activity, out),
            ActivityKind::Split | ActivityKind::Dividend => {
                Booked::Flagged("it names no symbol".to_owned())
            }
            ActivityKind::SpinOff | ActivityKind::Merger | ActivityKind::Other => Booked::Flagged(
                "a person must say how it is booked: stockade action book".to_owned(),
            ),
            ActivityKind::Fee | ActivityKind::CryptoFee | ActivityKind::Correction => {
                Booked::Flagged("it names nothing that it could be booked to".to_owned())
            }
        }
    }

    /// Ends an activity, or leaves it to a person.
    fn settle(&mut self, id: &Arc<str>, booked: Booked, out: &mut Effects) {
        let Some(mut row) = self.activities.remove(id) else { return };
        match booked {
            Booked::Done(entry, note) => {
                row.state =
                    if entry.is_some() { ActivityState::Booked } else { ActivityState::Ignored };
                (row.entry, row.note) = (entry, note);
                self.executions.insert(settled(id), ());
            }
            Booked::Flagged(why) => {
                let Activity { kind, code, description, .. } = &row.activity;
                let what = if code.is_empty() { format!("{kind:?}") } else { code.clone() };
                let message = format!("activity {id} ({what} {description}): {why}");
                Self::alert(out, "serious", message);
                (row.state, row.note) = (ActivityState::Flagged, why);
                self.activities.insert(id.clone(), row.clone());
            }
        }
        out.rows.push(Row::Activity(Box::new(row)));
    }

    /// Activities from a file.
    pub(super) fn import_activities(
        &mut self,
        activities: &[Activity],
        out: &mut Effects,
    ) -> Outcome {
        if self.account.has_broker {
            let why = "its broker reports what happens to it: a file would book it twice";
            return Err(not_allowed("account", &self.account.label, why));
        }
        let (mut booked, mut known) = (0u64, 0u64);
        for activity in activities {
            if self.learn(activity, out) {
                booked += 1;
            } else {
                known += 1;
            }
        }
        let message = format!("{booked} learnt of, {known} known already");
        let (booked, known) = (Some(booked), Some(known));
        Ok(Reply::Done { message, order: None, sleeve: None, booked, known })
    }

    /// A person says what a flagged activity is.
    pub(super) fn book_by_hand(
        &mut self,
        id: &str,
        booking: &ActionBooking,
        out: &mut Effects,
    ) -> Outcome {
        let row = self.activities.get(id).ok_or_else(|| not_found("open activity", &id))?;
        if row.state != ActivityState::Flagged {
            return Err(not_allowed("activity", &id, "it is being booked"));
        }
        let mut activity = row.activity.clone();
        let key = activity.id.clone();
        let booked = match booking {
            ActionBooking::Ignore => Booked::Done(None, "left out by hand".to_owned()),
            ActionBooking::Cash => self.book_cash(&activity, out),
            ActionBooking::Split { ratio } => {
                (activity.kind, activity.ratio) = (ActivityKind::Split, Some(*ratio));
                return Ok(self.wait_again(activity, "its ratio was given by hand", out));
            }
            ActionBooking::Dividend { per_share } => {
                activity.kind = ActivityKind::Dividend;
                activity.per_share = per_share.or(activity.per_share);
                return Ok(self.wait_again(activity, "a dividend, as was said by hand", out));
            }
            ActionBooking::SymbolChange { to } => {
                activity.new_symbol = Some(to.clone());
                self.book_symbol_change(&activity, out)
            }
            ActionBooking::SpinOff { symbol, ratio, cost_share_pct } => {
                let percent = Decimal::ZERO..=Decimal::ONE_HUNDRED;
                if *ratio <= Decimal::ZERO || !percent.contains(cost_share_pct) {
                    let why =
                        "a ratio above 0 and a share of the cost from 0 to 100 percent are wanted";
                    return Err(not_allowed("activity", &id, why));
                }
                activity.kind = ActivityKind::SpinOff;
                (activity.new_symbol, activity.ratio) = (Some(symbol.clone()), Some(*ratio));
                activity.cost_share_pct = Some(*cost_share_pct);
                return Ok(self.wait_again(activity, "its terms were given by hand", out));
            }
            ActionBooking::Merger { cash_per_share, shares } => {
                self.book_merger(&activity, *cash_per_share, shares.as_ref(), out)
            }
        };
        if let Booked::Flagged(why) = booked {
            return Err(not_allowed("activity", &id, &why));
        }
        self.settle(&key, booked, out);
        self.book_activities(out);
        Ok(super::command::done(format!("activity {id} is at its end")))
    }
}

impl Desk {
    /// A flagged activity of which a person said enough: it waits for the books again.
    fn wait_again(&mut self, activity: Activity, note: &str, out: &mut Effects) -> Reply {
        let id = activity.id.clone();
        if let Some(row) = self.activities.get_mut(&id) {
            (row.activity, row.state) = (activity, ActivityState::Pending);
            note.clone_into(&mut row.note);
            out.rows.push(Row::Activity(Box::new(row.clone())));
        }
        self.book_activities(out);
        super::command::done(format!("activity {id} is being booked: action list"))
    }
}

/// On one day shares change before cash is shared out by them.
const fn rank(kind: ActivityKind) -> u8 {
    match kind {
        ActivityKind::Correction => 0,
        ActivityKind::Split | ActivityKind::SymbolChange => 1,
        _ => 2,
    }
}
