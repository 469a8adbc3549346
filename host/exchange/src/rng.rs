//! A small seeded generator (xoshiro256**, seeded through splitmix64): the only source of chance here.
//!
//! The same seed gives the same numbers on every machine. It is no source of secrets.

use serde::{Deserialize, Serialize};

/// State of the generator. Two clones give the same numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator for `seed`; every seed is fine, zero too.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let mut next = || {
            x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
            mix(x)
        };
        Self { state: [next(), next(), next(), next()] }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound`; 0 where `bound` is 0. Its bias is below 2^-32 for bounds below 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(u64::MAX)
    }

    /// A number from `low` to `high`, both included; `low` where the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let span = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.below(span))
    }

    /// True in `permille` of a thousand cases. Draws nothing where the answer is certain.
    pub fn permille(&mut self, permille: u32) -> bool {
        match permille {
            0 => false,
            1000.. => true,
            _ => self.below(1000) < u64::from(permille),
        }
    }
}

/// splitmix64's finaliser: spreads neighbouring numbers over all 64 bits, one to one.
pub(crate) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_published_generator() {
        // splitmix64's first output for seed 0, from its reference implementation.
        assert_eq!(mix(0x9E37_79B9_7F4A_7C15), 0xE220_A839_7B1D_CDAF);
        // xoshiro256**'s first output is s1 * 5 rotated by 7, times 9.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        assert_eq!([rng.next_u64(), rng.next_u64(), rng.next_u64()], [11520, 0, 1_509_978_240]);
    }

    #[test]
    fn stays_in_its_ranges() {
        let mut rng = Rng::new(7);
        let mut hits = 0;
        for _ in 0..10_000 {
            assert!(rng.below(3) < 3);
            assert!((-5..=5).contains(&rng.between(-5, 5)));
            hits += u32::from(rng.permille(100));
        }
        assert!((800..1200).contains(&hits), "{hits} of 10000 at 100 permille");
        assert_eq!((rng.below(0), rng.between(4, 4), rng.between(9, 1)), (0, 4, 9));
        assert!(!rng.permille(0));
        assert!(rng.permille(1000));
        rng.between(i64::MIN, i64::MAX);
    }
}
