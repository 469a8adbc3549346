//! The bucket that bounds how many intents a bot asks for over time.
//!
//! Its time is the market's, as the events tell it, so that a replay at any pace and a backtest
//! refuse the same intents as a live run. It holds as many intents as it gets in a second.

use stockade_core::Timestamp;

/// Drops of one intent.
const DROPS: u64 = 1_000_000_000;

/// A bucket; full at first.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Drops that were taken and have not come back.
    taken: u64,
    at: Option<Timestamp>,
    /// Intents since it was last full.
    in_a_row: u64,
}

impl Bucket {
    /// Takes one intent out of a bucket that gets `allowed` a second.
    ///
    /// # Errors
    /// Where it is empty: intents since it was last full, this one included.
    pub(crate) fn take(&mut self, at: Timestamp, allowed: u32) -> Result<(), u64> {
        let allowed = u64::from(allowed);
        let since = self.at.map_or(0, |last| u64::try_from(at.since(last)).unwrap_or(0));
        self.at = self.at.max(Some(at));
        self.taken = self.taken.saturating_sub(since.saturating_mul(allowed));
        if self.taken == 0 {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.taken.saturating_add(DROPS) > allowed.saturating_mul(DROPS) {
            return Err(self.in_a_row);
        }
        self.taken += DROPS;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: i64) -> Timestamp {
        Timestamp(n * 1_000_000)
    }

    #[test]
    fn it_holds_a_second_and_fills_up_with_the_markets_time() {
        let mut bucket = Bucket::default();
        for _ in 0..4 {
            assert_eq!(bucket.take(ms(0), 4), Ok(()));
        }
        assert_eq!(bucket.take(ms(0), 4), Err(5));
        assert_eq!(bucket.take(ms(249), 4), Err(6));
        assert_eq!(bucket.take(ms(250), 4), Ok(()));
        assert_eq!(bucket.take(ms(250), 4), Err(8));
        // A time that went back gives nothing.
        assert_eq!(bucket.take(ms(100), 4), Err(9));
        assert_eq!(bucket.take(ms(5_000), 4), Ok(()));
        assert_eq!(bucket.take(ms(5_000), 4), Ok(()));
    }
}
