//! The arithmetic of `sma-cross`, written for this program: what a component is measured against.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use stockade_core::desk::BotRequest;
use stockade_core::market::Bar;
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::{InstrumentId, IntentId, Qty};
use stockade_runtime::{Call, Events, Outcome, Strike};

use crate::drivers::lockstep::Guest;

/// Decimal places that closes are brought to: those that a price may have.
const PLACES: u32 = 9;

/// The last closes, and their sum.
#[derive(Debug, Clone)]
struct Window {
    closes: Vec<i64>,
    next: usize,
    len: usize,
    sum: i128,
}

impl Window {
    fn new(size: usize) -> Self {
        Self { closes: vec![0; size], next: 0, len: 0, sum: 0 }
    }

    fn push(&mut self, close: i64) {
        let old = std::mem::replace(&mut self.closes[self.next], close);
        self.sum += i128::from(close) - i128::from(old);
        self.next = if self.next + 1 == self.closes.len() { 0 } else { self.next + 1 };
        self.len = (self.len + 1).min(self.closes.len());
    }

    fn is_full(&self) -> bool {
        self.len == self.closes.len()
    }

    /// Compares the means of two windows, exactly.
    fn compare(&self, other: &Self) -> Ordering {
        let count = |window: &Self| i128::try_from(window.len).unwrap_or(i128::MAX);
        (self.sum * count(other)).cmp(&(other.sum * count(self)))
    }
}

/// The strategy.
#[derive(Debug)]
pub(super) struct Native {
    fast: usize,
    slow: usize,
    qty: Qty,
    series: BTreeMap<InstrumentId, (Window, Window)>,
}

impl Native {
    pub(super) fn new(fast: usize, slow: usize, qty: Decimal) -> Self {
        Self { fast, slow, qty: Qty::new(qty), series: BTreeMap::new() }
    }

    /// Takes a close; says what the means say.
    pub(super) fn push(&mut self, bar: &Bar) -> Option<Ordering> {
        let close = bar.close.get();
        let scaled = close.mantissa() * 10_i128.pow(PLACES.saturating_sub(close.scale()));
        let scaled = i64::try_from(scaled).ok()?;
        let (fast, slow) = (self.fast, self.slow);
        let (fast, slow) = self
            .series
            .entry(bar.instrument)
            .or_insert_with(|| (Window::new(fast), Window::new(slow)));
        fast.push(scaled);
        slow.push(scaled);
        slow.is_full().then(|| fast.compare(slow))
    }

    fn decide(
        &self,
        bar: &Bar,
        means: Ordering,
        call: &Call<'_>,
        intent_id: IntentId,
    ) -> Option<BotRequest> {
        let view = call.view;
        if view.orders.iter().any(|order| order.instrument == bar.instrument) {
            return None;
        }
        let held = view.position(bar.instrument).map_or(Qty::ZERO, |position| position.qty);
        let (side, qty, reason) = match means {
            Ordering::Greater if held.is_zero() => (Side::Buy, self.qty, "cross up"),
            Ordering::Less if held.is_positive() => (Side::Sell, held, "cross down"),
            _ => return None,
        };
        let intent = Intent {
            symbol: call.prices.instrument(bar.instrument)?.symbol.clone(),
            side,
            size: Size::Qty(qty),
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
            extended_hours: false,
            reason: Some(reason.into()),
            tag: None,
            lot: None,
        };
        Some(BotRequest::Submit { intent_id, intent })
    }
}

impl Guest for Native {
    fn call(&mut self, call: &Call<'_>) -> Result<Outcome, Strike> {
        let mut outcome = Outcome::default();
        let Events::Bars(bars) = call.events else {
            outcome.handled = u32::try_from(call.events.len()).unwrap_or(u32::MAX);
            return Ok(outcome);
        };
        let mut next = call.view.next_intent;
        for (place, bar) in bars.iter().enumerate() {
            if !outcome.requests.is_empty() && bars[place - 1].at != bar.at {
                break;
            }
            outcome.handled += 1;
            let Some(means) = self.push(bar) else {
                continue;
            };
            if !call.warm_up
                && let Some(request) = self.decide(bar, means, call, next)
            {
                outcome.requests.push(request);
                next = IntentId(next.0 + 1);
            }
        }
        Ok(outcome)
    }

    fn hears(&self) -> bool {
        false
    }

    fn save(&mut self) -> Result<Vec<u8>, Strike> {
        // It is never restored: a benchmark has no second run.
        Ok(Vec::new())
    }
}
