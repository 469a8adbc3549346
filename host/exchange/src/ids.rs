//! Ids that look like the broker's UUIDs and follow from the seed and a counter alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::rng::mix;

/// Where the dashes of a UUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];
/// Where its bytes stand.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const HEX: [u8; 16] = *b"0123456789abcdef";

/// A UUID (version 4 in shape). Text and JSON: `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`, lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// The 128 bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl Id {
    /// Its text. By hand: an order's messages hold several, and formatting showed in the profile of a
    /// backtest.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut text = [b'-'; 36];
        let places = PLACES.into_iter().zip(self.0.to_be_bytes());
        for (place, byte) in places {
            text[place] = HEX[usize::from(byte >> 4)];
            text[place + 1] = HEX[usize::from(byte & 0xF)];
        }
        std::str::from_utf8(&text).unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("id {found:?} is no UUID, allowed is the form 8-4-4-4-12 of hexadecimal digits")]
pub struct IdError {
    found: String,
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // The limit keeps an endless text out of the error.
        let error = || IdError { found: text.chars().take(64).collect() };
        let bytes = text.as_bytes();
        if bytes.len() != 36 || DASHES.iter().any(|&at| bytes[at] != b'-') {
            return Err(error());
        }
        let mut bits = 0_u128;
        for (at, byte) in bytes.iter().enumerate() {
            if DASHES.contains(&at) {
                continue;
            }
            let digit = char::from(*byte).to_digit(16).ok_or_else(error)?;
            bits = (bits << 4) | u128::from(digit);
        }
        Ok(Self(bits))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Makes ids: the n-th of a seed is always the same, and two of a seed are never equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ids {
    seed: u64,
    count: u64,
}

impl Ids {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// The next id.
    pub(crate) const fn next(&mut self) -> Id {
        self.count += 1;
        of(self.seed, self.count)
    }
}

/// An id for the pair; the same for the same pair, and different for two numbers below 2^60 of one seed.
const fn of(seed: u64, number: u64) -> Id {
    // `mix` is one to one, so that 60 bits of its lower half lose four; the number itself, hidden by the
    // seed, fills the other half up to 60 bits. Together they can't repeat.
    let high = mix(seed ^ mix(number));
    let low = (number ^ mix(seed.wrapping_add(1))) & 0x3FFF_FFFF_FFFF_FFFF;
    let high = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
    Id(((high as u128) << 64) | (low | 0x8000_0000_0000_0000) as u128)
}

/// An id that a name alone decides, for assets: the same in every exchange.
pub(crate) fn of_name(name: &str) -> Id {
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    of(hash, mix(hash))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_have_the_shape_of_uuids_and_do_not_repeat() {
        let mut ids = Ids::new(42);
        let mut again = Ids::new(42);
        let mut other = Ids::new(43);
        let mut seen = BTreeSet::new();
        for _ in 0..20_000 {
            let id = ids.next();
            assert_eq!(id, again.next());
            assert!(seen.insert(id));
            assert_ne!(id, other.next());
            let text = id.to_string();
            assert_eq!(text.len(), 36);
            assert_eq!(text, format!("{id}"));
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in [
            "",
            "x",
            "00000000-0000-4000-8000-00000000000g",
            "00000000-0000-4000-8000-0000000000000",
            "ä",
        ] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
        assert_eq!(of_name("SPY"), of_name("SPY"));
        assert_ne!(of_name("SPY"), of_name("IWM"));
    }
}
