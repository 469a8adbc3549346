//! Drawdowns: how far below its highest point a series was, from when to when.

use serde::{Deserialize, Serialize};

/// A fall below a peak and the way back. Places count the equities, the starting one is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    /// Equity at the trough / equity at the peak - 1: negative.
    pub depth: f64,
    /// The place of the peak.
    pub start: usize,
    /// The place of the lowest equity.
    pub trough: usize,
    /// The first place at or above the peak again; `None` where the series ends below it.
    pub recovery: Option<usize>,
    /// Periods from the peak to the recovery, or to the end of the series.
    pub length: usize,
}

/// A return to the peak is one although the chained returns miss it by their rounding.
pub(crate) const NOISE: f64 = 1e-12;

/// Every drawdown of a series of returns, in time order. The start counts as a peak.
#[must_use]
pub fn drawdowns(returns: &[f64]) -> Vec<Drawdown> {
    let mut found = Vec::new();
    let mut open: Option<Drawdown> = None;
    let (mut wealth, mut peak, mut peak_at) = (1.0_f64, 1.0_f64, 0_usize);
    for (place, r) in returns.iter().enumerate().map(|(i, r)| (i + 1, r)) {
        wealth *= 1.0 + r;
        if wealth >= peak * (1.0 - NOISE) {
            if let Some(drawdown) = open.take() {
                found.push(Drawdown {
                    recovery: Some(place),
                    length: place - drawdown.start,
                    ..drawdown
                });
            }
            (peak, peak_at) = (peak.max(wealth), place);
            continue;
        }
        let depth = wealth / peak - 1.0;
        let current = open.get_or_insert(Drawdown {
            depth,
            start: peak_at,
            trough: place,
            recovery: None,
            length: 0,
        });
        if depth < current.depth {
            (current.depth, current.trough) = (depth, place);
        }
    }
    if let Some(drawdown) = open {
        found.push(Drawdown { length: returns.len() - drawdown.start, ..drawdown });
    }
    found
}

/// The deepest drawdown (the earliest of equals); `None` where the series never fell.
#[must_use]
pub fn maximum_drawdown(returns: &[f64]) -> Option<Drawdown> {
    drawdowns(returns).into_iter().filter(|drawdown| drawdown.depth.is_finite()).reduce(
        |deepest, next| {
            if next.depth < deepest.depth { next } else { deepest }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::{Drawdown, drawdowns, maximum_drawdown};

    #[test]
    fn a_fall_is_dated_from_its_peak_to_its_recovery() {
        // 1, 1.1, 0.99, 0.88, 1.1, 1.2, 1.14
        let equity = [1.0, 1.1, 0.99, 0.88, 1.1, 1.2, 1.14];
        let returns: Vec<f64> = equity.windows(2).map(|p| p[1] / p[0] - 1.0).collect();
        let all = drawdowns(&returns);
        assert_eq!(all.len(), 2);
        let Drawdown { start, trough, recovery, length, depth } = all[0];
        assert_eq!((start, trough, recovery, length), (1, 3, Some(4), 3));
        assert!((depth - (0.88 / 1.1 - 1.0)).abs() < 1e-12);
        assert_eq!((all[1].start, all[1].recovery, all[1].length), (5, None, 1));
        assert_eq!(maximum_drawdown(&returns), Some(all[0]));
    }

    #[test]
    fn the_starting_equity_is_a_peak() {
        let deepest = maximum_drawdown(&[-0.5, 0.1]).expect("a loss on the first day");
        assert_eq!((deepest.start, deepest.trough), (0, 1));
        assert_eq!(maximum_drawdown(&[0.0, 0.1]), None);
        assert_eq!(maximum_drawdown(&[]), None);
    }
}
