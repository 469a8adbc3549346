//! The request budgets of an account: so many requests in each minute of the machine's clock.
//!
//! Trading and market data have a budget each, as at Alpaca. The number is announced in every
//! answer, and scaled by the speed of the replay: a week that passes in an hour needs more
//! requests in the hour.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue};

const WINDOW: Duration = Duration::from_mins(1);

/// One budget.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u32,
    used: u32,
    window_start: Option<Instant>,
}

/// What the headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests in a window.
    pub(crate) limit: u32,
    /// Requests left in this window.
    pub(crate) remaining: u32,
    /// When the next window starts, in epoch seconds.
    pub(crate) reset: u64,
    /// Whether this request was within the budget.
    pub(crate) allowed: bool,
}

impl Budget {
    /// A budget of `limit` requests a minute.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, used: 0, window_start: None }
    }

    /// Counts one request at the given moment of the machine.
    pub(crate) fn take(&mut self, now: Instant, wall: SystemTime) -> Standing {
        let start = match self.window_start {
            Some(start) if now.saturating_duration_since(start) < WINDOW => start,
            _ => {
                self.used = 0;
                self.window_start = Some(now);
                now
            }
        };
        let allowed = self.used < self.limit;
        if allowed {
            self.used += 1;
        }
        let left = WINDOW.saturating_sub(now.saturating_duration_since(start));
        let reset = (wall + left).duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() + 1);
        Standing { limit: self.limit, remaining: self.limit - self.used, reset, allowed }
    }
}

impl Standing {
    /// Writes the three headers.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_and_the_next_one_is_full_again() {
        let mut budget = Budget::new(2);
        let now = Instant::now();
        let wall = UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(budget.take(now, wall).remaining, 1);
        assert!(budget.take(now, wall).allowed);
        let third = budget.take(now + Duration::from_secs(59), wall + Duration::from_secs(59));
        assert_eq!(third, Standing { limit: 2, remaining: 0, reset: 1061, allowed: false });
        assert!(budget.take(now + WINDOW, wall + WINDOW).allowed);
    }
}
