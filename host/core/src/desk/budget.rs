//! The request budget of one account (FACTS section 1: 200 a minute, told in headers).
//!
//! A token bucket over machine time. Its burst and its rate together stay under nine tenths of the
//! broker's limit in any minute; new orders leave a fifth of the burst for cancels and lookups. It
//! starts empty, because what an earlier process spent is not known.

use crate::broker::BudgetReport;
use crate::limits::NANOS_PER_SECOND;
use crate::time::Timestamp;

/// Requests a minute until the broker says otherwise.
const LIMIT_DEFAULT: i64 = 200;
/// Parts of a token: the bucket refills by less than one token between two inputs.
const TOKEN: i64 = 1_000_000;

/// What a request is for, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestClass {
    /// A cancel: may always go.
    Cancel,
    /// A comparison or lookup: may always go, its number is bounded by its own timers.
    Reconcile,
    /// A new order: waits.
    New,
}

/// The bucket.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limit: i64,
    tokens: i64,
    refilled_at: Option<Timestamp>,
    reported: bool,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { limit: LIMIT_DEFAULT, tokens: 0, refilled_at: None, reported: false }
    }

    /// A budget that never makes an order wait: for drivers without a broker's limit.
    pub(crate) const fn unlimited() -> Self {
        Self {
            limit: i64::MAX / TOKEN / 4,
            tokens: i64::MAX / 4,
            refilled_at: None,
            reported: true,
        }
    }

    /// Takes what the broker's headers say.
    pub(crate) fn report(&mut self, now: Timestamp, report: &BudgetReport) {
        self.limit = i64::from(report.limit.max(1));
        self.refill(now);
        let left = i64::from(report.remaining) * TOKEN * 9 / 10;
        if !self.reported {
            // The first word of the broker on what is really left.
            self.reported = true;
            self.tokens = left.min(self.burst());
        }
        self.tokens = self.tokens.min(left).min(self.burst());
    }

    /// Whether a request of this class may go now; spends it.
    pub(crate) fn spend(&mut self, now: Timestamp, class: RequestClass) -> bool {
        self.refill(now);
        let keep = match class {
            RequestClass::New => self.burst() / 5,
            RequestClass::Cancel | RequestClass::Reconcile => i64::MIN / 2,
        };
        if self.tokens - TOKEN < keep {
            return false;
        }
        // A debt is paid back before the next new order, and bounded so that it can be.
        self.tokens = (self.tokens - TOKEN).max(-self.burst());
        true
    }

    const fn burst(&self) -> i64 {
        self.limit * TOKEN * 3 / 10
    }

    fn refill(&mut self, now: Timestamp) {
        let last = self.refilled_at.unwrap_or(now);
        self.refilled_at = Some(now.max(last));
        let nanos = now.since(last).clamp(0, 120 * NANOS_PER_SECOND);
        // Six tenths of the limit a minute: limit / 100 tokens a second.
        let gained = i128::from(self.limit) * i128::from(TOKEN) * i128::from(nanos)
            / (100 * i128::from(NANOS_PER_SECOND));
        let gained = i64::try_from(gained).unwrap_or(i64::MAX / 4);
        self.tokens = self.tokens.saturating_add(gained).min(self.burst());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_minute_stays_under_the_limit() {
        let mut budget = Budget::new();
        let mut sent = Vec::new();
        for tick in 0..4_000i64 {
            let now = Timestamp(tick * NANOS_PER_SECOND / 20);
            while budget.spend(now, RequestClass::New) {
                sent.push(now);
            }
        }
        for first in &sent {
            let minute = 60 * NANOS_PER_SECOND;
            let count = sent.iter().filter(|at| (0..minute).contains(&at.since(*first))).count();
            assert!(count <= 180, "{count} requests in one minute");
        }
        assert!(sent.len() > 300);
    }

    #[test]
    fn new_orders_leave_room_for_cancels() {
        let mut budget = Budget::new();
        let now = Timestamp(0);
        budget.report(now, &BudgetReport { limit: 200, remaining: 200, resets_in: 0 });
        while budget.spend(now, RequestClass::New) {}
        assert!((0..12).all(|_| budget.spend(now, RequestClass::Cancel)));
    }
}
