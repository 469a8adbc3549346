//! What happens to the account beside its orders: splits and dividends of a run, and regulators' fees
//! at the end of a day. The exchange books each, and the desk learns of it as a live host does: from a
//! snapshot, which it compares with its books.

use anyhow::Result;
use rust_decimal::Decimal;
use stockade_core::broker::Answer;
use stockade_core::desk::Event;
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, Money, Timestamp};
use stockade_exchange as model;
use stockade_runtime::{ActionEvent, ActionKind as Happened};
use stockade_venue::files::{ActionKind, ActionRow};

use super::{Lockstep, Market, Sink};
use crate::drivers::model as translate;

/// Fills of so long before a snapshot are in it once more, as a live host reads them.
const FILLS_AGAIN_NS: i64 = 300 * 1_000_000_000;

impl<S: Sink> Lockstep<S> {
    /// The corporate actions before a time stamp.
    pub(super) fn happen(&mut self, group: usize, market: &Market) -> Result<()> {
        let mut events = Vec::new();
        for action in market.actions_at(group) {
            let (symbol, at) = (action.symbol.as_str(), model::Nanos(action.at));
            match action.kind {
                ActionKind::Split => self.exchange.split(symbol, action.value, at)?,
                ActionKind::Dividend => self.exchange.dividend(symbol, action.value, at)?,
            }
            events.extend(self.desk.find(&action.symbol).map(|id| event_of(action, id)));
        }
        if events.is_empty() {
            return Ok(());
        }
        // Orders that a split ended.
        self.settle()?;
        self.tell()?;
        // Bots hear of it once it is booked.
        for bot in &mut self.bots {
            events.iter().for_each(|event| bot.happened(event));
        }
        Ok(())
    }

    /// Fees that a day's end brought.
    pub(super) fn learn_fees(&mut self) -> Result<()> {
        match self.told {
            Some(told) if self.exchange.activities_from(told).iter().any(is_news) => self.tell(),
            _ => Ok(()),
        }
    }

    /// Lets the last day end, so that its fees are charged.
    pub(super) fn end_day(&mut self) -> Result<()> {
        if self.told.is_none() || !self.exchange.config().regulatory_fees {
            return Ok(());
        }
        let midnight = translate::nanos(self.now.market).new_york_date().plus(1).at_new_york(0, 0);
        self.now.market = self.now.market.max(Timestamp(midnight.0));
        self.exchange.advance(midnight);
        self.settle()?;
        self.learn_fees()
    }

    /// Tells the desk of activities that it has not heard of.
    fn tell(&mut self) -> Result<()> {
        let Some(told) = self.told else { return Ok(()) };
        let all = self.exchange.activities_from(told);
        self.told = Some(told + all.len());
        let news: Vec<_> = all.iter().filter(|one| is_news(one)).map(translate::activity).collect();
        if news.is_empty() {
            return Ok(());
        }
        let at = self.now.market;
        let since = Timestamp(at.0.saturating_sub(FILLS_AGAIN_NS));
        let mut value = translate::snapshot(&self.exchange, since, at);
        value.activities = news;
        self.put(Event::Snapshot { answer: Answer::Done { value } })
    }
}

fn event_of(action: &ActionRow, instrument: InstrumentId) -> ActionEvent {
    let split = action.kind == ActionKind::Split;
    let of = |kind: ActionKind, value: Decimal| {
        if action.kind == kind { action.value } else { value }
    };
    ActionEvent {
        at: Timestamp(action.at),
        instrument,
        kind: if split { Happened::Split } else { Happened::Dividend },
        ratio_new: of(ActionKind::Split, Decimal::ONE),
        ratio_old: Decimal::ONE,
        amount: Money::new(of(ActionKind::Dividend, Decimal::ZERO)),
        symbol: None,
    }
}

/// Fills, and the fees that come with them, are told of by themselves.
fn is_news(activity: &model::Activity) -> bool {
    match activity.kind {
        model::ActivityKind::Dividend | model::ActivityKind::Split => true,
        model::ActivityKind::Fee => !activity.sub_type.is_empty(),
        _ => false,
    }
}
