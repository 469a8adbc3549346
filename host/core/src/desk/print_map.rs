//! A table by print: what is asked for with every order and every execution, and only grows.
//!
//! Prints are spread evenly already (see [`super::restore::broker_print`]), so that a print's place
//! is its own lowest digits, and a look-up is one step where a tree takes several. It has no order
//! and can't be gone through: nothing can depend on where things stand.

/// Places of a table that holds anything.
const PLACES_MIN: usize = 16;

/// Values by their prints.
#[derive(Debug, Clone)]
pub(super) struct PrintMap<V> {
    /// A power of two in number, at most three in four of them taken; a print stands at its own place
    /// or behind it, with no free place between.
    prints: Vec<u128>,
    /// What stands at the same place.
    values: Vec<V>,
    taken: usize,
}

/// Prints alone.
pub(super) type PrintSet = PrintMap<()>;

/// A free place. A print of this number, which none of 2^128 is likely to be, counts as the next.
const FREE: u128 = 0;

impl<V> Default for PrintMap<V> {
    fn default() -> Self {
        Self { prints: Vec::new(), values: Vec::new(), taken: 0 }
    }
}

impl<V: Copy + Default> PrintMap<V> {
    /// The value of a print.
    pub(super) fn get(&self, print: u128) -> Option<V> {
        if self.prints.is_empty() {
            return None;
        }
        let place = self.place_of(print);
        (self.prints[place] != FREE).then(|| self.values[place])
    }

    /// Whether a print is there.
    pub(super) fn contains(&self, print: u128) -> bool {
        self.get(print).is_some()
    }

    /// Adds a print, or gives it another value.
    pub(super) fn insert(&mut self, print: u128, value: V) {
        if (self.taken + 1) * 4 > self.prints.len() * 3 {
            self.grow();
        }
        let place = self.place_of(print);
        self.taken += usize::from(self.prints[place] == FREE);
        (self.prints[place], self.values[place]) = (print.max(1), value);
    }

    /// Takes a print out.
    pub(super) fn remove(&mut self, print: u128) {
        if self.get(print).is_none() {
            return;
        }
        let mut free = self.place_of(print);
        self.prints[free] = FREE;
        self.taken -= 1;
        // Those behind it move up, so that no free place stands between one and its own.
        let mut at = self.next(free);
        while self.prints[at] != FREE {
            let steps = |to: usize| to.wrapping_sub(self.own(self.prints[at])) & self.mask();
            if steps(free) < steps(at) {
                self.prints.swap(free, at);
                self.values.swap(free, at);
                free = at;
            }
            at = self.next(at);
        }
    }

    /// Where a print stands, or would. There must be places.
    fn place_of(&self, print: u128) -> usize {
        let print = print.max(1);
        let mut at = self.own(print);
        while self.prints[at] != FREE && self.prints[at] != print {
            at = self.next(at);
        }
        at
    }

    fn own(&self, print: u128) -> usize {
        let mixed = (print ^ (print >> 64)) & u128::from(u32::MAX);
        usize::try_from(mixed).unwrap_or(0) & self.mask()
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    fn mask(&self) -> usize {
        self.prints.len() - 1
    }

    fn grow(&mut self) {
        let places = (self.prints.len() * 2).max(PLACES_MIN);
        let prints = std::mem::replace(&mut self.prints, vec![FREE; places]);
        let values = std::mem::replace(&mut self.values, vec![V::default(); places]);
        for (print, value) in prints.into_iter().zip(values).filter(|(print, _)| *print != FREE) {
            let place = self.place_of(print);
            (self.prints[place], self.values[place]) = (print, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0_u8..40, any::<bool>(), any::<u32>()), 0..400)) {
            // Few different prints, and many that want the same place.
            let print = |n: u8| u128::from(n % 5) | (u128::from(n) << 100);
            let (mut map, mut model) = (PrintMap::default(), BTreeMap::new());
            for (n, adds, value) in steps {
                if adds {
                    map.insert(print(n), value);
                    model.insert(print(n), value);
                } else {
                    map.remove(print(n));
                    model.remove(&print(n));
                }
                for n in 0..40 {
                    prop_assert_eq!(map.get(print(n)), model.get(&print(n)).copied());
                }
                prop_assert_eq!(map.taken, model.len());
            }
        }
    }
}
