//! Finds an order by one of its ids: a table of handles by hash, with the orders themselves as keys.
//!
//! Every order is asked for by both of its ids, and none ever goes: a tree of texts would be most of
//! what taking an order costs. The table has no order of its own and can't be gone through.

/// Places of a table that holds anything.
const PLACES_MIN: usize = 16;

/// Handles of orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    /// A power of two in number, at most half of them taken: the hash of what is there, and its handle.
    places: Vec<Option<(u32, u32)>>,
    taken: usize,
}

/// Of a text.
pub(crate) fn hash_of_text(text: &str) -> u32 {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    folded(hash)
}

/// Of an id, whose halves are mixed already.
pub(crate) fn hash_of_bits(bits: u128) -> u32 {
    folded(u64::try_from((bits ^ (bits >> 64)) & u128::from(u64::MAX)).unwrap_or_default())
}

fn folded(hash: u64) -> u32 {
    u32::try_from((hash ^ (hash >> 32)) & u64::from(u32::MAX)).unwrap_or_default()
}

impl Lookup {
    /// The handle with this hash for which `is` holds.
    pub(crate) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        while let Some((other, handle)) = self.places[at] {
            if other == hash && is(handle) {
                return Some(handle);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a handle that [`Lookup::find`] does not find.
    pub(crate) fn add(&mut self, hash: u32, handle: u32) {
        if (self.taken + 1) * 2 > self.places.len() {
            let places = (self.places.len() * 2).max(PLACES_MIN);
            let old = std::mem::replace(&mut self.places, vec![None; places]);
            old.into_iter().flatten().for_each(|(hash, handle)| self.put(hash, handle));
        }
        self.put(hash, handle);
        self.taken += 1;
    }

    fn put(&mut self, hash: u32, handle: u32) {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at].is_some() {
            at = (at + 1) & mask;
        }
        self.places[at] = Some((hash, handle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_found_by_hash_and_key() {
        let texts: Vec<String> =
            (0..5_000).map(|n| format!("sk-era-main-bot-{n}-{:02}", n % 97)).collect();
        for hash in [hash_of_text, |_: &str| 7, |text: &str| hash_of_text(text) & 3] {
            let texts = if hash("a") == hash("b") { &texts[..200] } else { &texts[..] };
            let mut lookup = Lookup::default();
            let find = |lookup: &Lookup, text: &str| {
                lookup.find(hash(text), |handle| texts[handle as usize] == text)
            };
            for (handle, text) in (0_u32..).zip(texts) {
                assert_eq!(find(&lookup, text), None);
                lookup.add(hash(text), handle);
            }
            for (handle, text) in (0_u32..).zip(texts) {
                assert_eq!(find(&lookup, text), Some(handle));
            }
            assert_eq!(find(&lookup, "another"), None);
        }
        assert_ne!(hash_of_bits(1), hash_of_bits(2));
        assert_ne!(hash_of_bits(1), hash_of_bits(1 << 64 | 1 << 96));
    }
}
