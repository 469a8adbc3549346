//! Random fills from a seed: what a book can meet in its life, the odd cases more often than life has them.

use rust_decimal::Decimal;

/// Numbers from a seed, the same on every machine (splitmix64).
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).expect("low is not above high");
        low + i64::try_from(self.next() % span).expect("a remainder of an i64")
    }

    /// True `per_mille` times of a thousand.
    pub(crate) fn chance(&mut self, per_mille: i64) -> bool {
        self.within(1, 1000) <= per_mille
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = i64::try_from(choices.len()).expect("few choices") - 1;
        choices[usize::try_from(self.within(0, last)).expect("an index")]
    }
}

/// What kind of thing is traded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Whole shares at cents.
    Shares,
    /// Shares in fractions of up to nine decimals, prices of four.
    Fractions,
    /// Coins: both of nine decimals.
    Coins,
    /// Very many at very little.
    Pennies,
    /// All the digits that there are: both of nine decimals, a hundred million dollars a fill.
    Giants,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Shares, Self::Fractions, Self::Coins, Self::Pennies, Self::Giants];

    pub(crate) fn qty(self, numbers: &mut Numbers) -> Decimal {
        match self {
            Self::Shares => Decimal::from(numbers.within(1, 200)),
            Self::Fractions => {
                let scale = numbers.within(0, 9);
                let scale = u32::try_from(scale).expect("0 to 9");
                Decimal::new(numbers.within(1, 50 * 10_i64.pow(scale)), scale)
            }
            Self::Coins => Decimal::new(numbers.within(1, 5_000_000_000), 9),
            Self::Pennies => Decimal::from(numbers.within(1, 1_000_000)),
            Self::Giants => Decimal::new(numbers.within(1, 999_999_999_999), 9),
        }
    }

    pub(crate) fn price(self, numbers: &mut Numbers) -> Decimal {
        match self {
            // Few different ones: equal prices meet often.
            Self::Shares => Decimal::new(numbers.within(95, 105) * 100, 2),
            Self::Fractions => Decimal::new(numbers.within(1, 9_000_000), 4),
            Self::Coins => Decimal::new(numbers.within(1, 70_000_000_000_000), 9),
            Self::Pennies => Decimal::new(numbers.within(0, 500), 4),
            Self::Giants => Decimal::new(numbers.within(1, 99_999_999_999_999), 9),
        }
    }

    pub(crate) fn fee(self, numbers: &mut Numbers) -> Decimal {
        match numbers.within(0, 3) {
            0 => Decimal::ZERO,
            1 => Decimal::new(numbers.within(1, 999), 2),
            // A rebate.
            2 if numbers.chance(100) => Decimal::new(-numbers.within(1, 99), 4),
            _ => Decimal::new(numbers.within(1, 9_999_999_999), 9),
        }
    }
}

/// What happens next to a book that holds `position`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// A fill of this quantity, below zero a sale.
    Fill(Decimal),
    /// New units for an old one.
    Split(Decimal),
}

/// Builds up, takes away, closes in full, flips; `first` is what the next lot to be closed holds.
pub(crate) fn next(
    numbers: &mut Numbers,
    kind: Kind,
    position: Decimal,
    some_lot: Option<Decimal>,
) -> Happening {
    let sign = if position.is_sign_negative() { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    let qty = kind.qty(numbers);
    if position.is_zero() {
        return Happening::Fill(if numbers.chance(500) { qty } else { -qty });
    }
    match numbers.within(1, 100) {
        1..=2 => Happening::Split(numbers.one_of(&RATIOS)),
        3..=10 => Happening::Fill(-position),
        11..=15 => Happening::Fill(-position - sign * qty),
        16..=28 => Happening::Fill(-sign * some_lot.unwrap_or(qty).abs()),
        29..=58 => Happening::Fill(-sign * qty.min(position.abs())),
        _ => Happening::Fill(sign * qty),
    }
}

/// Splits and reverse splits; one that would need a tenth decimal is passed over.
const RATIOS: [Decimal; 9] = [
    Decimal::TWO,
    Decimal::from_parts(3, 0, 0, false, 0),
    Decimal::from_parts(4, 0, 0, false, 0),
    Decimal::from_parts(7, 0, 0, false, 0),
    Decimal::from_parts(15, 0, 0, false, 1),
    Decimal::from_parts(5, 0, 0, false, 1),
    Decimal::from_parts(25, 0, 0, false, 2),
    Decimal::from_parts(1, 0, 0, false, 1),
    Decimal::from_parts(125, 0, 0, false, 3),
];
