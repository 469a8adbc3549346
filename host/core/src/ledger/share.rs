//! Sharing a whole over several: the parts add up to it exactly.

use rust_decimal::Decimal;

use crate::decimal::mul_exact;

/// Shares `whole` by `weights`, each part at `places` decimal places: largest remainder, ties to
/// the earlier (FIGURES.md, Lots). The parts' sum is `whole`, whatever its sign. Weights must not be
/// negative; where all are zero, the first takes all. `whole` must have at most `places` places.
///
/// ```
/// use rust_decimal::Decimal;
/// let cents = stockade_core::ledger::share(Decimal::new(100, 2), &[Decimal::ONE; 3], 2);
/// assert_eq!(cents, [Decimal::new(34, 2), Decimal::new(33, 2), Decimal::new(33, 2)]);
/// ```
#[must_use]
pub fn share(whole: Decimal, weights: &[Decimal], places: u32) -> Vec<Decimal> {
    let total: Decimal = weights.iter().sum();
    if weights.is_empty() || whole.is_zero() {
        return vec![Decimal::ZERO; weights.len()];
    }
    if total.is_zero() {
        let mut parts = vec![Decimal::ZERO; weights.len()];
        parts[0] = whole;
        return parts;
    }
    let size = whole.abs();
    let unit = Decimal::new(1, places);
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (at, weight) in weights.iter().enumerate() {
        let exact = match mul_exact(size, *weight) {
            Ok(product) => product / total,
            Err(_) => size / total * *weight,
        };
        let part = exact.trunc_with_scale(places);
        remainders.push((exact - part, at));
        parts.push(part);
    }
    let mut left = size - parts.iter().sum::<Decimal>();
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, at) in remainders.iter().cycle() {
        if left < unit {
            break;
        }
        parts[*at] += unit;
        left -= unit;
    }
    // A whole finer than `places`, or a quotient rounded up: the first takes the rest.
    if !left.is_zero() {
        parts[remainders[0].1] += left;
    }
    if whole.is_sign_negative() {
        parts.iter_mut().for_each(|part| *part = -*part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_add_up(
            whole in -1_000_000_000i64..1_000_000_000,
            weights in proptest::collection::vec(0i64..1_000_000, 1..20),
        ) {
            let whole = Decimal::new(whole, 2);
            let weights: Vec<Decimal> = weights.into_iter().map(|w| Decimal::new(w, 3)).collect();
            let parts = share(whole, &weights, 2);
            prop_assert_eq!(parts.iter().sum::<Decimal>(), whole);
            let total: Decimal = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                if !total.is_zero() {
                    // No part is further than a cent from its exact share.
                    prop_assert!((*part - whole * *weight / total).abs() < Decimal::new(1, 2));
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_earlier() {
        let ones = [Decimal::ONE; 3];
        let parts = share(Decimal::new(-2, 2), &ones, 2);
        assert_eq!(parts, [Decimal::new(-1, 2), Decimal::new(-1, 2), Decimal::ZERO]);
        assert_eq!(share(Decimal::ONE, &[Decimal::ZERO; 2], 2), [Decimal::ONE, Decimal::ZERO]);
    }
}
