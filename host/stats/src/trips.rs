//! Figures of round trips, in money.

use crate::moments::{Figure, count, finite, mean};

const NO_TRIP: &str = "not enough data: no round trip";
const NONE_DECIDED: &str = "not enough data: every round trip broke even";
const NO_LOSS: &str = "no round trip lost";

/// The net profits of round trips.
#[derive(Clone, Copy)]
pub(crate) struct Trips<'a> {
    pub(crate) net: &'a [f64],
}

impl Trips<'_> {
    /// Round trips with a net profit, of all.
    pub(crate) fn win_rate(&self) -> Figure {
        self.some()?;
        finite(self.wins() / count(self.net))
    }

    /// Round trips with a net profit, of those that did not break even.
    pub(crate) fn win_rate_decided(&self) -> Figure {
        self.some()?;
        let decided = self.net.iter().filter(|net| **net != 0.0).count();
        if decided == 0 {
            return Err(NONE_DECIDED);
        }
        finite(self.wins() / decided as f64)
    }

    pub(crate) fn profit_factor(&self) -> Figure {
        self.some()?;
        let won: f64 = self.net.iter().filter(|net| **net > 0.0).sum();
        let lost: f64 = self.net.iter().filter(|net| **net < 0.0).sum();
        if lost == 0.0 {
            return Err(NO_LOSS);
        }
        finite(won / lost.abs())
    }

    pub(crate) fn expectancy(&self) -> Figure {
        self.some()?;
        finite(mean(self.net))
    }

    /// The expectancy in units of the mean loss.
    pub(crate) fn expectancy_in_losses(&self) -> Figure {
        let expectancy = self.expectancy()?;
        let losses: Vec<f64> = self.net.iter().copied().filter(|net| *net < 0.0).collect();
        if losses.is_empty() {
            return Err(NO_LOSS);
        }
        finite(expectancy / mean(&losses).abs())
    }

    fn some(&self) -> Result<(), &'static str> {
        if self.net.is_empty() {
            return Err(NO_TRIP);
        }
        Ok(())
    }

    fn wins(&self) -> f64 {
        self.net.iter().filter(|net| **net > 0.0).count() as f64
    }
}
