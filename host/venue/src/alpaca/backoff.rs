//! Waiting times between attempts to connect: doubling, bounded, with seeded jitter.

use std::time::Duration;

/// The waits of one stream. The same seed gives the same waits.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
    state: u64,
}

impl Backoff {
    pub(crate) const fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max, next: min, state: seed }
    }

    /// Starts over at the shortest wait: the last connection held.
    pub(crate) const fn reset(&mut self) {
        self.next = self.min;
    }

    /// Goes to the longest wait at once: a wrong key is not cured by trying again.
    pub(crate) const fn exhaust(&mut self) {
        self.next = self.max;
    }

    /// The next wait: between half and the whole of a step that doubles, so that hosts that lost
    /// the broker together don't come back together.
    pub(crate) fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.max);
        let half = step / 2;
        let spread = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(self.random() % spread)
    }

    /// splitmix64.
    const fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_bound_within_their_jitter_and_repeat_by_seed() {
        let (min, max) = (Duration::from_millis(200), Duration::from_secs(30));
        let mut backoff = Backoff::new(min, max, 7);
        let mut same = Backoff::new(min, max, 7);
        let mut other = Backoff::new(min, max, 8);
        let mut step = min;
        let mut differs = false;
        for _ in 0..20 {
            let wait = backoff.wait();
            assert!(wait >= step / 2 && wait <= step, "{wait:?} of {step:?}");
            assert_eq!(wait, same.wait());
            differs |= wait != other.wait();
            step = (step * 2).min(max);
        }
        assert!(differs);
        backoff.reset();
        assert!(backoff.wait() <= min);
        backoff.exhaust();
        assert!(backoff.wait() >= max / 2);
    }
}
